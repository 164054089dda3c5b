//! What members say about pages.

use std::collections::HashMap;

use commonplace_model::{CommonsId, DocId, MemberId, PageId, Tag};
use rusqlite::params;

use crate::{
    error::{Result, StoreError},
    reader::{Reader, blob, doc_id, uint},
};

/// A tag in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRow {
    /// The tag.
    pub tag: Tag,
    /// On how many pages that are not deleted.
    pub pages: u64,
    /// By how many members.
    pub members: u64,
    /// Whether the asking member is one of them.
    pub mine: bool,
}

/// A tag as it was stored.
fn tag(word: &str) -> Result<Tag> {
    word.parse().map_err(|_| StoreError::Damaged("a stored tag is no tag".to_owned()))
}

impl Reader {
    /// The tags of a page, whoever says them, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn page_tags(&self, commons: CommonsId, page: PageId) -> Result<Vec<Tag>, StoreError> {
        let Some(page) = self.doc_no(commons, DocId::Page(page))? else {
            return Ok(Vec::new());
        };
        let mut find = self.db.prepare_cached(
            "SELECT DISTINCT t.word FROM tagged s JOIN tag t ON t.no = s.tag WHERE s.page = ?1 ORDER BY t.word",
        )?;
        let mut rows = find.query([page])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(tag(&row.get::<_, String>(0)?)?);
        }
        Ok(all)
    }

    /// The tags in use on pages that are not deleted, the most used ones first; `me` is the member who asks.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn tags(&self, commons: CommonsId, me: MemberId) -> Result<Vec<TagRow>, StoreError> {
        let me = self.doc_no(commons, DocId::Ledger(me))?;
        let mut find = self.db.prepare_cached(
            "SELECT t.word, t.pages, t.members, EXISTS (SELECT 1 FROM tagged s WHERE s.member = ?2 AND s.tag = t.no) \
             FROM tag t JOIN commons c ON c.no = t.commons WHERE c.id = ?1 AND c.leaving = 0 AND t.pages > 0 \
             ORDER BY t.pages DESC, t.word",
        )?;
        let mut rows = find.query(params![commons.as_bytes(), me])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(TagRow {
                tag: tag(&row.get::<_, String>(0)?)?,
                pages: uint(row.get(1)?),
                members: uint(row.get(2)?),
                mine: row.get(3)?,
            });
        }
        Ok(all)
    }

    /// How many pages each member tagged; members who tagged none are not in it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn tagged(&self, commons: CommonsId) -> Result<HashMap<MemberId, u64>, StoreError> {
        let mut find = self.db.prepare_cached(
            "SELECT d.id, count(DISTINCT s.page) FROM commons c JOIN doc d ON d.commons = c.no AND d.id >= x'02' AND d.id < x'03' \
             JOIN tagged s ON s.member = d.no WHERE c.id = ?1 AND c.leaving = 0 GROUP BY d.no",
        )?;
        let mut rows = find.query([commons.as_bytes()])?;
        let mut all = HashMap::new();
        while let Some(row) = rows.next()? {
            if let DocId::Ledger(member) = doc_id(blob(row, 0)?)? {
                all.insert(member, uint(row.get(1)?));
            }
        }
        Ok(all)
    }
}
