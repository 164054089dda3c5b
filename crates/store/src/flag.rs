//! Flags: what members find should be looked at, and why.

use commonplace_model::{Actor, CommonsId, DocId, MemberId, PageId, Span, Statement, StatementKey};
use rusqlite::{Connection, params};

use crate::{
    error::{Result, StoreError},
    reader::{No, Reader, blob, commons_no, doc_id, int},
};

/// A flag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flag {
    /// The page.
    pub page: PageId,
    /// Who put it there.
    pub member: MemberId,
    /// Which changes of the page; nothing for the page itself.
    pub span: Option<Span>,
    /// Why, in the member's words.
    pub reason: String,
}

pub(crate) const OF_PAGE: &str = "SELECT p.id, m.id, f.span, f.reason FROM flag f \
    JOIN doc p ON p.no = f.page JOIN doc m ON m.no = f.member \
    WHERE f.commons = ?1 AND f.page = (SELECT no FROM doc WHERE commons = ?1 AND id = ?2) \
    ORDER BY f.page, f.member, f.span LIMIT ?3";
pub(crate) const OF_ALL: &str = "SELECT p.id, m.id, f.span, f.reason FROM flag f \
    JOIN doc p ON p.no = f.page JOIN doc m ON m.no = f.member \
    WHERE f.commons = ?1 AND ?2 IS NULL ORDER BY f.page, f.member, f.span LIMIT ?3";

impl Reader {
    /// The flags of a commons, or of one page: page by page, so many at most.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn flags(&self, commons: CommonsId, page: Option<PageId>, limit: usize) -> Result<Vec<Flag>, StoreError> {
        let commons = commons_no(&self.db, commons)?.ok_or(StoreError::NoCommons)?;
        let page = page.map(|page| DocId::Page(page).to_bytes());
        // One for each, so that a page's flags are looked up and not looked for.
        let mut find = self.db.prepare_cached(if page.is_some() { OF_PAGE } else { OF_ALL })?;
        let mut rows = find.query(params![commons, page, int(limit as u64)])?;
        let mut flags = Vec::new();
        while let Some(row) = rows.next()? {
            let (DocId::Page(page), DocId::Ledger(member)) = (doc_id(blob(row, 0)?)?, doc_id(blob(row, 1)?)?) else {
                return Err(StoreError::Damaged("a flag is not on a page, or nobody's".to_owned()));
            };
            flags.push(Flag { page, member, span: unpack(blob(row, 2)?)?, reason: row.get(3)? });
        }
        Ok(flags)
    }
}

/// A span as it is stored: actor, first and last; empty for none.
fn pack(span: Option<&Span>) -> Vec<u8> {
    span.map_or_else(Vec::new, |span| {
        [&span.actor.as_bytes()[..], &span.first.to_be_bytes(), &span.last.to_be_bytes()].concat()
    })
}

fn unpack(bytes: &[u8]) -> Result<Option<Span>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let damaged = || StoreError::Damaged("the changes that a flag is on".to_owned());
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 8).and_then(|b| <[u8; 8]>::try_from(b).ok()).ok_or_else(damaged)?;
        Ok::<_, StoreError>(u64::from_be_bytes(bytes))
    };
    let actor = Actor::from_slice(bytes.get(..Actor::LEN).ok_or_else(damaged)?)?;
    Ok(Some(Span { actor, first: number(Actor::LEN)?, last: number(Actor::LEN + 8)? }))
}

/// Puts a member's flag.
pub(crate) fn put(db: &Connection, commons: No, member: No, page: No, span: Option<&Span>, reason: &str) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO flag (commons, page, member, span, reason) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (commons, page, member, span) DO UPDATE SET reason = excluded.reason",
    )?
    .execute(params![commons, page, member, pack(span), reason])?;
    Ok(())
}

/// Takes a member's flag off: of those on its page the one that makes the key.
pub(crate) fn take(db: &Connection, member: No, page: (No, PageId), key: &StatementKey) -> Result<()> {
    for (span, packed) in of_member(db, member, page.0)? {
        if (Statement::Flag { page: page.1, span, reason: String::new() }).key() == *key {
            db.prepare_cached("DELETE FROM flag WHERE member = ?1 AND page = ?2 AND span = ?3")?
                .execute(params![member, page.0, packed])?;
        }
    }
    Ok(())
}

fn of_member(db: &Connection, member: No, page: No) -> Result<Vec<(Option<Span>, Vec<u8>)>> {
    let mut find = db.prepare_cached("SELECT span FROM flag WHERE member = ?1 AND page = ?2")?;
    let mut rows = find.query([member, page])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push((unpack(blob(row, 0)?)?, blob(row, 0)?.to_vec()));
    }
    Ok(all)
}

/// Takes all flags of a member off.
pub(crate) fn take_all(db: &Connection, member: No) -> Result<()> {
    db.prepare_cached("DELETE FROM flag WHERE member = ?1")?.execute([member])?;
    Ok(())
}
