//! Pages as lists show them, and their text.

use commonplace_model::{CommonsId, DocId, PageId};
use rusqlite::{OptionalExtension, Row, ToSql, named_params, params};

use crate::{
    error::{Result, StoreError},
    projection::stored_text,
    reader::{No, Reader, blob, commons_no, doc_id, uint},
    words,
};

/// Rows that [`Reader::find_pages`] gives at most.
const FOUND: u32 = 20;
/// Characters of an id that are enough to look for one by.
const ID_BEGINNING: usize = 4;

/// A page as a line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRow {
    /// The page.
    pub id: PageId,
    /// Its title.
    pub title: String,
    /// The folder it is in, `""` at the top.
    pub folder: String,
    /// When it last changed, in milliseconds since 1970 by this device's clock.
    pub changed_at: u64,
    /// Whether it is deleted.
    pub deleted: bool,
}

/// Which pages to list, and which stretch of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// Only pages that somebody tagged so.
    pub tag: Option<String>,
    /// Only pages in this folder and below it; `""` is every page.
    pub folder: Option<String>,
    /// Only pages with this in their title or folder, whatever its case and accents.
    pub filter: Option<String>,
    /// The last changed ones first, instead of by title.
    pub lately: bool,
    /// Deleted pages, instead of those that are not.
    pub deleted: bool,
    /// Rows to leave out at the start.
    pub offset: u32,
    /// Rows to give at most.
    pub limit: u32,
}

impl Default for PageQuery {
    fn default() -> Self {
        Self { tag: None, folder: None, filter: None, lately: false, deleted: false, offset: 0, limit: 200 }
    }
}

/// The columns that [`read_row`] reads.
pub(crate) const ROW: &str = "d.id, p.title, f.name, p.changed_at, p.deleted";
/// What they are read from, for a page `p`.
pub(crate) const ROW_JOINS: &str = "JOIN doc d ON d.no = p.doc JOIN folder f ON f.no = p.folder";

/// A line of a list, from [`ROW`].
pub(crate) fn read_row(row: &Row<'_>) -> Result<PageRow> {
    let DocId::Page(id) = doc_id(blob(row, 0)?)? else {
        return Err(StoreError::Damaged("the row of a page that is none".to_owned()));
    };
    Ok(PageRow { id, title: row.get(1)?, folder: row.get(2)?, changed_at: uint(row.get(3)?), deleted: row.get(4)? })
}

/// Which pages a name is looked for among.
#[derive(Debug, Clone, Copy)]
enum Which {
    All,
    Deleted,
}

impl Which {
    /// The least that the column `deleted` holds of them.
    fn least(self) -> u8 {
        match self {
            Self::All => 0,
            Self::Deleted => 1,
        }
    }
}

impl Reader {
    /// A stretch of a list of pages, and how many rows the whole list has.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn page_list(&self, commons: CommonsId, query: &PageQuery) -> Result<(u64, Vec<PageRow>), StoreError> {
        let Some(commons) = commons_no(&self.db, commons)? else {
            return Ok((0, Vec::new()));
        };
        let below = query.folder.as_ref().map(|folder| (format!("{folder}/"), format!("{folder}0")));
        let filter = query.filter.as_deref().map(words::folded);
        let mut given: Vec<(&str, &dyn ToSql)> = vec![(":commons", &commons), (":deleted", &query.deleted)];
        let mut which = "p.commons = :commons AND p.deleted = :deleted".to_owned();
        if let (Some(folder), Some((from, to))) = (query.folder.as_ref().filter(|f| !f.is_empty()), &below) {
            which.push_str(
                " AND p.folder IN (SELECT no FROM folder WHERE commons = :commons \
                 AND (name = :folder OR name >= :from AND name < :to))",
            );
            given.extend([(":folder", folder as &dyn ToSql), (":from", from), (":to", to)]);
        }
        if let Some(filter) = &filter {
            // The plus keeps this from being taken for a way to find rows: the order by name is worth more.
            which.push_str(
                " AND (instr(p.folded, :filter) > 0 OR +p.folder IN \
                 (SELECT no FROM folder WHERE commons = :commons AND instr(folded, :filter) > 0))",
            );
            given.push((":filter", filter));
        }
        if let Some(tag) = &query.tag {
            which.push_str(
                " AND p.doc IN (SELECT page FROM tagged WHERE tag = \
                 (SELECT no FROM tag WHERE commons = :commons AND word = :tag))",
            );
            given.push((":tag", tag));
        }
        let total = if given.len() == 2 && !query.deleted {
            self.db.prepare_cached("SELECT pages FROM commons WHERE no = ?1")?.query_row([commons], |row| row.get(0))?
        } else {
            self.db
                .prepare_cached(&format!("SELECT count(*) FROM page p WHERE {which}"))?
                .query_row(&given[..], |row| row.get(0))?
        };
        // The stretch is found in the index alone; only its rows are then read.
        let order = if query.lately { "p.changed_at DESC, p.doc DESC" } else { "p.folded, p.folder, p.doc" };
        let sql = format!(
            "SELECT {ROW} FROM (SELECT doc AS no FROM page p WHERE {which} ORDER BY {order} LIMIT :limit OFFSET :offset) s \
             JOIN page p ON p.doc = s.no {ROW_JOINS} ORDER BY {order}"
        );
        given.extend([(":limit", &query.limit as &dyn ToSql), (":offset", &query.offset)]);
        let mut find = self.db.prepare_cached(&sql)?;
        let mut rows = find.query(&given[..])?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            list.push(read_row(row)?);
        }
        Ok((uint(total), list))
    }

    /// A page as a line of a list.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn page(&self, commons: CommonsId, page: PageId) -> Result<Option<PageRow>, StoreError> {
        let Some(doc) = self.doc_no(commons, DocId::Page(page))? else {
            return Ok(None);
        };
        let mut find = self.db.prepare_cached(&format!("SELECT {ROW} FROM page p {ROW_JOINS} WHERE p.doc = ?1"))?;
        let mut rows = find.query([doc])?;
        rows.next()?.map(read_row).transpose()
    }

    /// The text of a page as it was last indexed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn page_text(&self, commons: CommonsId, page: PageId) -> Result<Option<String>, StoreError> {
        match self.doc_no(commons, DocId::Page(page))? {
            Some(doc) => stored_text(&self.db, &self.memory, doc),
            None => Ok(None),
        }
    }

    /// The pages that a person may mean: by whole id; else by `folder/title`; else by title; and, when none of these is a page
    /// that is not deleted, by the beginning of an id. Those that are not deleted come first, twenty at most.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn find_pages(&self, commons: CommonsId, reference: &str) -> Result<Vec<PageRow>, StoreError> {
        if let Ok(id) = reference.parse::<PageId>()
            && let Some(row) = self.page(commons, id)?
        {
            return Ok(vec![row]);
        }
        let Some(commons) = commons_no(&self.db, commons)? else {
            return Ok(Vec::new());
        };
        let live = |rows: &[PageRow]| rows.iter().any(|row| !row.deleted);
        let (folder, title) = reference.rsplit_once('/').unwrap_or(("", reference));
        let mut found = self.titled(commons, title, Some(folder), Which::All)?;
        if !live(&found) && !reference.contains('/') {
            let elsewhere = self.titled(commons, reference, None, Which::All)?;
            found.extend(elsewhere.into_iter().filter(|row| !row.folder.is_empty()));
        }
        if !live(&found) {
            let begun = self.begun(commons, reference, Which::All)?;
            let new: Vec<_> = begun.into_iter().filter(|row| found.iter().all(|f| f.id != row.id)).collect();
            found.extend(new);
        }
        found.sort_by_key(|row| row.deleted);
        found.truncate(FOUND as usize);
        Ok(found)
    }

    /// The deleted pages that a person may mean, whatever is called the same and not deleted: by whole id; else by
    /// `folder/title`; else by title; else by the beginning of an id. Twenty at most.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn find_deleted(&self, commons: CommonsId, reference: &str) -> Result<Vec<PageRow>, StoreError> {
        if let Ok(id) = reference.parse::<PageId>()
            && let Some(row) = self.page(commons, id)?.filter(|row| row.deleted)
        {
            return Ok(vec![row]);
        }
        let Some(commons) = commons_no(&self.db, commons)? else {
            return Ok(Vec::new());
        };
        let (folder, title) = reference.rsplit_once('/').unwrap_or(("", reference));
        let mut found = self.titled(commons, title, Some(folder), Which::Deleted)?;
        if found.is_empty() && !reference.contains('/') {
            found = self.titled(commons, reference, None, Which::Deleted)?;
        }
        if found.is_empty() {
            found = self.begun(commons, reference, Which::Deleted)?;
        }
        Ok(found)
    }

    /// Pages of this very title, in this very folder or in any.
    fn titled(&self, commons: No, title: &str, folder: Option<&str>, which: Which) -> Result<Vec<PageRow>> {
        let mut find = self.db.prepare_cached(&format!(
            "SELECT {ROW} FROM page p {ROW_JOINS} WHERE p.commons = :commons AND p.deleted IN (:least, 1) AND p.folded = :folded \
             AND p.title = :title AND (:folder IS NULL OR f.name = :folder) ORDER BY p.deleted, p.doc LIMIT :limit"
        ))?;
        let mut rows = find.query(named_params! {
            ":commons": commons, ":folded": words::folded(title), ":title": title, ":folder": folder, ":limit": FOUND,
            ":least": which.least(),
        })?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read_row(row)?);
        }
        Ok(all)
    }

    /// Pages whose id begins like that.
    fn begun(&self, commons: No, beginning: &str, which: Which) -> Result<Vec<PageRow>> {
        let Some((first, last)) = id_range(beginning) else {
            return Ok(Vec::new());
        };
        let mut find = self.db.prepare_cached(&format!(
            "SELECT {ROW} FROM doc d JOIN page p ON p.doc = d.no JOIN folder f ON f.no = p.folder \
             WHERE d.commons = ?1 AND d.id BETWEEN ?2 AND ?3 AND p.deleted >= ?5 ORDER BY p.deleted, d.id LIMIT ?4"
        ))?;
        let (first, last) = (DocId::Page(first).to_bytes(), DocId::Page(last).to_bytes());
        let mut rows = find.query(params![commons, first, last, FOUND, which.least()])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read_row(row)?);
        }
        Ok(all)
    }

    /// The folders of a commons that hold pages, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn folders(&self, commons: CommonsId) -> Result<Vec<String>, StoreError> {
        let mut find = self.db.prepare_cached(
            "SELECT f.name FROM folder f JOIN commons c ON c.no = f.commons WHERE c.id = ?1 AND c.leaving = 0 AND f.name <> '' \
             AND EXISTS (SELECT 1 FROM page p WHERE p.folder = f.no AND p.deleted = 0) ORDER BY f.name",
        )?;
        Ok(find.query_map([commons.as_bytes()], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// The name and ink that a member's ledger gives them, if it does.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn profile_of(
        &self,
        commons: CommonsId,
        member: commonplace_model::MemberId,
    ) -> Result<Option<(String, u8)>, StoreError> {
        let Some(member) = self.doc_no(commons, DocId::Ledger(member))? else {
            return Ok(None);
        };
        let mut find = self.db.prepare_cached("SELECT name, ink FROM profile WHERE member = ?1")?;
        Ok(find.query_row([member], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }
}

/// The first and last id that begin with this text.
fn id_range(beginning: &str) -> Option<(PageId, PageId)> {
    let whole = PageId::new([0; PageId::LEN]).to_string().len();
    let lower = beginning.to_ascii_lowercase();
    if lower.len() < ID_BEGINNING
        || lower.len() >= whole
        || !lower.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
    {
        return None;
    }
    // Five bits a character, filled up with none or all.
    let filled = |with: u8| {
        let mut bytes = [0; PageId::LEN];
        for bit in 0..PageId::LEN * 8 {
            let value = lower.as_bytes().get(bit / 5).map_or(with, |c| match c {
                b'a'..=b'z' => c - b'a',
                _ => c - b'2' + 26,
            });
            bytes[bit / 8] |= ((value >> (4 - bit % 5)) & 1) << (7 - bit % 8);
        }
        PageId::new(bytes)
    };
    Some((filled(0), filled(31)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_range_holds_the_ids_that_begin_so(id: [u8; 16], other: [u8; 16], len in 4_usize..26) {
            let (id, other) = (PageId::new(id), PageId::new(other));
            let beginning: String = id.to_string().chars().take(len).collect();
            let (first, last) = id_range(&beginning).expect("a beginning");
            prop_assert!((first..=last).contains(&id));
            prop_assert_eq!((first..=last).contains(&other), other.to_string().starts_with(&beginning));
        }
    }
}
