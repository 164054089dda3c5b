//! What changes project, written in their transaction: rows of pages, text, words, and statements.

use commonplace_model::{DocId, PageId, Statement, StatementKey, Tag};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    error::{Result, StoreError},
    flag,
    packed::{pack_text, unpack_text},
    reader::{Memory, No, blob, int, within},
    words,
    write::doc_no,
};

/// What a write projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Projection {
    /// Nothing yet: the document waits to be indexed.
    Later,
    /// The page as it is with all its changes.
    Page(PageProjection),
    /// Statements said and taken back by these changes alone.
    Ledger {
        /// Those said.
        said: Vec<(StatementKey, Statement)>,
        /// Those taken back.
        unsaid: Vec<StatementKey>,
    },
    /// The ledger as it is with all its changes.
    LedgerWhole {
        /// All that it says.
        all: Vec<(StatementKey, Statement)>,
    },
}

/// A page as lists and the search know it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageProjection {
    /// Its title.
    pub title: String,
    /// The folder it is in, `""` at the top.
    pub folder: String,
    /// Whether it is deleted.
    pub deleted: bool,
    /// Its Markdown; nothing when it did not change.
    pub text: Option<String>,
    /// When it last changed; nothing for the time at which its newest change was stored.
    pub changed_at: Option<u64>,
}

/// Writes what a document projects.
pub(crate) fn put(
    db: &Connection,
    memory: &Memory,
    doc: No,
    id: DocId,
    commons: No,
    projection: Projection,
) -> Result<()> {
    match (projection, id) {
        (Projection::Later, _) => set_waits(db, doc, true),
        (Projection::Page(page), DocId::Page(_)) => put_page(db, memory, doc, commons, page),
        (Projection::Ledger { said, unsaid }, DocId::Ledger(_)) => {
            let ledger = Ledger { db, commons, member: doc };
            unsaid.iter().try_for_each(|key| ledger.unsay(key))?;
            said.into_iter().try_for_each(|(_, statement)| ledger.say(statement))
        }
        (Projection::LedgerWhole { all }, DocId::Ledger(_)) => {
            let ledger = Ledger { db, commons, member: doc };
            ledger.replace(all)?;
            set_waits(db, doc, false)
        }
        _ => Err(StoreError::Fault("a projection of another kind than its document".to_owned())),
    }
}

fn set_waits(db: &Connection, doc: No, waits: bool) -> Result<()> {
    db.prepare_cached("UPDATE doc SET waits = ?2 WHERE no = ?1 AND waits <> ?2")?.execute(params![doc, waits])?;
    Ok(())
}

fn put_page(db: &Connection, memory: &Memory, doc: No, commons: No, page: PageProjection) -> Result<()> {
    let folded_title = words::folded(&page.title);
    let folder = folder_no(db, commons, &page.folder)?;
    db.prepare_cached(
        "INSERT INTO page (doc, commons, folder, deleted, changed_at, title, folded) \
         SELECT ?1, ?2, ?3, ?4, coalesce(?5, changed_at), ?6, ?7 FROM doc WHERE no = ?1 \
         ON CONFLICT (doc) DO UPDATE SET folder = excluded.folder, deleted = excluded.deleted, \
         changed_at = excluded.changed_at, title = excluded.title, folded = excluded.folded",
    )?
    .execute(params![doc, commons, folder, page.deleted, page.changed_at.map(int), page.title, folded_title])?;
    let text = match page.text {
        Some(text) => {
            db.prepare_cached(
                "INSERT INTO text (doc, body) VALUES (?1, ?2) ON CONFLICT (doc) DO UPDATE SET body = excluded.body",
            )?
            .execute(params![doc, pack_text(&text, &first_change(db, memory, doc)?)])?;
            set_waits(db, doc, false)?;
            text
        }
        // The index knows a page only as a whole.
        None => stored_text(db, memory, doc)?.unwrap_or_default(),
    };
    db.prepare_cached("DELETE FROM words WHERE rowid = ?1")?.execute([doc])?;
    db.prepare_cached("INSERT INTO words (rowid, title, folder, body) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        doc,
        words::spaced(&page.title),
        words::spaced(&page.folder),
        words::spaced(&text)
    ])?;
    Ok(())
}

/// The text of a page, if one is stored.
pub(crate) fn stored_text(db: &Connection, memory: &Memory, doc: No) -> Result<Option<String>> {
    let mut find = db.prepare_cached("SELECT body FROM text WHERE doc = ?1")?;
    let mut rows = find.query([doc])?;
    rows.next()?.map(|row| unpack_text(blob(row, 0)?, || first_change(db, memory, doc))).transpose()
}

/// The first change of a document, empty when it has none. It never changes, so a text may be stored on it.
fn first_change(db: &Connection, memory: &Memory, doc: No) -> Result<Vec<u8>> {
    // It has a row, always (see bundle.rs).
    let mut find = db.prepare_cached("SELECT bytes FROM change WHERE no = ?1")?;
    let mut rows = find.query([within(doc, 1)])?;
    rows.next()?.map_or(Ok(Vec::new()), |row| memory.dictionaries.unpack(db, blob(row, 0)?))
}

fn folder_no(db: &Connection, commons: No, name: &str) -> Result<No> {
    let mut find = db.prepare_cached("SELECT no FROM folder WHERE commons = ?1 AND name = ?2")?;
    if let Some(no) = find.query_row(params![commons, name], |row| row.get(0)).optional()? {
        return Ok(no);
    }
    db.prepare_cached("INSERT INTO folder (commons, name, folded) VALUES (?1, ?2, ?3)")?.execute(params![
        commons,
        name,
        words::folded(name)
    ])?;
    Ok(db.last_insert_rowid())
}

/// Writes what a member says.
struct Ledger<'a> {
    db: &'a Connection,
    commons: No,
    member: No,
}

impl Ledger<'_> {
    fn say(&self, statement: Statement) -> Result<()> {
        match statement {
            Statement::Tag { page, tag } => {
                let page = doc_no(self.db, self.commons, DocId::Page(page))?;
                let tag = self.tag_no(&tag)?;
                self.db
                    .prepare_cached(
                        "INSERT INTO tagged (tag, page, member) VALUES (?1, ?2, ?3) ON CONFLICT (tag, page, member) DO NOTHING",
                    )?
                    .execute([tag, page, self.member])?;
            }
            Statement::Flag { page, span, reason } => {
                let no = doc_no(self.db, self.commons, DocId::Page(page))?;
                flag::put(self.db, self.commons, self.member, (no, page), span, &reason)?;
            }
            Statement::Profile { name, ink } => {
                self.db
                    .prepare_cached(
                        "INSERT INTO profile (member, name, ink) VALUES (?1, ?2, ?3) \
                         ON CONFLICT (member) DO UPDATE SET name = excluded.name, ink = excluded.ink",
                    )?
                    .execute(params![self.member, name, ink])?;
            }
        }
        Ok(())
    }

    /// Takes a statement back. A tag is not stored under its key: the page is in the key, and of that page's tags by this
    /// member the one that makes the key is the one.
    fn unsay(&self, key: &StatementKey) -> Result<()> {
        let mut parts = key.as_str().split('/');
        match (parts.next(), parts.next().and_then(|id| id.parse::<PageId>().ok())) {
            (Some("tag"), Some(page)) => {
                let no = doc_no(self.db, self.commons, DocId::Page(page))?;
                let mut find = self.db.prepare_cached(
                    "SELECT t.no, t.word FROM tagged s JOIN tag t ON t.no = s.tag WHERE s.page = ?1 AND s.member = ?2",
                )?;
                let tags: Vec<(No, String)> = find
                    .query_map([no, self.member], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect::<Result<_, _>>()?;
                for (tag, word) in tags {
                    if word.parse::<Tag>().is_ok_and(|tag| Statement::Tag { page, tag }.key() == *key) {
                        self.untag(tag, no)?;
                    }
                }
            }
            (Some("flag"), Some(_)) => flag::take(self.db, self.member, key)?,
            (Some("profile"), _) => {
                self.db.prepare_cached("DELETE FROM profile WHERE member = ?1")?.execute([self.member])?;
            }
            _ => {}
        }
        Ok(())
    }

    fn untag(&self, tag: No, page: No) -> Result<()> {
        self.db.prepare_cached("DELETE FROM tagged WHERE tag = ?1 AND page = ?2 AND member = ?3")?.execute([
            tag,
            page,
            self.member,
        ])?;
        self.db
            .prepare_cached("DELETE FROM tag WHERE no = ?1 AND NOT EXISTS (SELECT 1 FROM tagged WHERE tag = ?1)")?
            .execute([tag])?;
        Ok(())
    }

    /// Makes what is stored what the whole ledger says, touching only what differs.
    fn replace(&self, all: Vec<(StatementKey, Statement)>) -> Result<()> {
        let mut find = self.db.prepare_cached(
            "SELECT s.tag, s.page, t.word, d.id FROM tagged s JOIN tag t ON t.no = s.tag JOIN doc d ON d.no = s.page \
             WHERE s.member = ?1",
        )?;
        let mut rows = find.query([self.member])?;
        let mut stored = std::collections::HashMap::new();
        while let Some(row) = rows.next()? {
            let (word, page): (String, Vec<u8>) = (row.get(2)?, row.get(3)?);
            stored.insert((page, word), (row.get::<_, No>(0)?, row.get::<_, No>(1)?));
        }
        drop(rows);
        let is_flag = |(_, statement): &&(StatementKey, Statement)| matches!(statement, Statement::Flag { .. });
        let flags = all.iter().filter(is_flag).map(|(key, _)| key.clone()).collect();
        flag::take_others(self.db, self.member, &flags)?;
        let mut named = false;
        for (_, statement) in all {
            let known = match &statement {
                Statement::Tag { page, tag } => {
                    stored.remove(&(DocId::Page(*page).to_bytes(), tag.as_str().to_owned())).is_some()
                }
                Statement::Flag { .. } => false,
                Statement::Profile { .. } => {
                    named = true;
                    false
                }
            };
            if !known {
                self.say(statement)?;
            }
        }
        for (tag, page) in stored.into_values() {
            self.untag(tag, page)?;
        }
        if !named {
            self.db.prepare_cached("DELETE FROM profile WHERE member = ?1")?.execute([self.member])?;
        }
        Ok(())
    }

    fn tag_no(&self, tag: &Tag) -> Result<No> {
        let mut find = self.db.prepare_cached("SELECT no FROM tag WHERE commons = ?1 AND word = ?2")?;
        if let Some(no) = find.query_row(params![self.commons, tag.as_str()], |row| row.get(0)).optional()? {
            return Ok(no);
        }
        self.db
            .prepare_cached("INSERT INTO tag (commons, word) VALUES (?1, ?2)")?
            .execute(params![self.commons, tag.as_str()])?;
        Ok(self.db.last_insert_rowid())
    }
}
