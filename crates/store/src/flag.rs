//! Flags: what members find should be looked at, and why.
//!
//! Invariants:
//! - A list reads of each member the newest flags and no more, so that one who puts many neither makes it dear nor hides those
//!   of others. How many more there are of whom is kept (`flagger`), not counted.
//! - A member's flag is found by the key of its statement.
//!
//! Deliberately absent: how many members there are; that the roll bounds.

use commonplace_model::{Actor, CommonsId, DocId, MemberId, PageId, Span, Statement, StatementKey};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    error::{Result, StoreError},
    reader::{No, Reader, blob, commons_no, doc_id, int, uint},
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

/// The newest flags of each member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// Of each member the newest first.
    pub flags: Vec<Flag>,
    /// Who has more, and how many.
    pub more: Vec<(MemberId, u64)>,
    /// Rows read for it.
    pub read: usize,
}

/// Whose flags there are, on a page (0: anywhere), and how many.
pub(crate) const FLAGGERS: &str = "SELECT f.member, d.id, f.count FROM flagger f JOIN doc d ON d.no = f.member \
    WHERE f.commons = ?1 AND f.page = ?2 ORDER BY f.member";
/// A member's flags before a place in their order, the newest first: on a page, or anywhere.
pub(crate) const OF_MEMBER: &str = "SELECT f.no, p.id, m.id, f.span, f.reason FROM flag f \
    JOIN doc p ON p.no = f.page JOIN doc m ON m.no = f.member \
    WHERE f.member = ?1 AND ?2 IS NULL AND f.no < ?3 ORDER BY f.no DESC LIMIT ?4";
pub(crate) const OF_MEMBER_ON_PAGE: &str = "SELECT f.no, p.id, m.id, f.span, f.reason FROM flag f \
    JOIN doc p ON p.no = f.page JOIN doc m ON m.no = f.member \
    WHERE f.member = ?1 AND f.page = ?2 AND f.no < ?3 ORDER BY f.no DESC LIMIT ?4";
/// The flags on just these changes: one of each member at most.
pub(crate) const ON_CHANGES: &str = "SELECT f.no, p.id, m.id, f.span, f.reason FROM flag f \
    JOIN doc p ON p.no = f.page JOIN doc m ON m.no = f.member WHERE f.page = ?1 AND f.span = ?2 ORDER BY f.no";

fn read(row: &Row<'_>) -> Result<(u64, Flag)> {
    let (DocId::Page(page), DocId::Ledger(member)) = (doc_id(blob(row, 1)?)?, doc_id(blob(row, 2)?)?) else {
        return Err(StoreError::Damaged("a flag is not on a page, or nobody's".to_owned()));
    };
    Ok((uint(row.get(0)?), Flag { page, member, span: unpack(blob(row, 3)?)?, reason: row.get(4)? }))
}

impl Reader {
    /// Of each member the newest flags in a commons, or on one page: so many at most.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn flags(&self, commons: CommonsId, page: Option<PageId>, each: usize) -> Result<Flags, StoreError> {
        let no = commons_no(&self.db, commons)?.ok_or(StoreError::NoCommons)?;
        let page = match page {
            Some(page) => match self.doc_no(commons, DocId::Page(page))? {
                Some(page) => Some(page),
                None => return Ok(Flags::default()),
            },
            None => None,
        };
        let mut all = Flags::default();
        let mut find = self.db.prepare_cached(FLAGGERS)?;
        let mut rows = find.query([no, page.unwrap_or(0)])?;
        while let Some(row) = rows.next()? {
            let DocId::Ledger(member) = doc_id(blob(row, 1)?)? else { continue };
            let newest = self.of_member(row.get(0)?, page, u64::MAX, each)?;
            let more = uint(row.get(2)?).saturating_sub(newest.len() as u64);
            if more > 0 {
                all.more.push((member, more));
            }
            all.read += 1 + newest.len();
            all.flags.extend(newest.into_iter().map(|(_, flag)| flag));
        }
        Ok(all)
    }

    fn of_member(&self, member: No, page: Option<No>, before: u64, limit: usize) -> Result<Vec<(u64, Flag)>> {
        // One for each, so that the newest are looked up and not looked for.
        let mut find = self.db.prepare_cached(if page.is_some() { OF_MEMBER_ON_PAGE } else { OF_MEMBER })?;
        let mut rows = find.query(params![member, page, int(before), int(limit as u64)])?;
        let mut flags = Vec::new();
        while let Some(row) = rows.next()? {
            flags.push(read(row)?);
        }
        Ok(flags)
    }

    /// A member's flags in a commons, or on one page: those before a place in their order, the newest first, each with its place.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn flags_by(
        &self,
        commons: CommonsId,
        member: MemberId,
        page: Option<PageId>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Flag)>, StoreError> {
        let Some(member) = self.doc_no(commons, DocId::Ledger(member))? else { return Ok(Vec::new()) };
        let page = match page {
            Some(page) => match self.doc_no(commons, DocId::Page(page))? {
                Some(page) => Some(page),
                None => return Ok(Vec::new()),
            },
            None => None,
        };
        self.of_member(member, page, before.unwrap_or(u64::MAX), limit)
    }

    /// A member's flag, by the key of its statement.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn flag_of(
        &self,
        commons: CommonsId,
        member: MemberId,
        key: &StatementKey,
    ) -> Result<Option<Flag>, StoreError> {
        let Some(member) = self.doc_no(commons, DocId::Ledger(member))? else { return Ok(None) };
        let mut find = self.db.prepare_cached(
            "SELECT f.no, p.id, m.id, f.span, f.reason FROM flag f JOIN doc p ON p.no = f.page \
             JOIN doc m ON m.no = f.member WHERE f.member = ?1 AND f.key = ?2",
        )?;
        let mut rows = find.query(params![member, key.as_str()])?;
        rows.next()?.map(|row| read(row).map(|(_, flag)| flag)).transpose()
    }

    /// The flags on just these changes of a page, the oldest first: one of each member at most.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn flags_on(&self, commons: CommonsId, page: PageId, span: &Span) -> Result<Vec<Flag>, StoreError> {
        let Some(page) = self.doc_no(commons, DocId::Page(page))? else { return Ok(Vec::new()) };
        let mut find = self.db.prepare_cached(ON_CHANGES)?;
        let mut rows = find.query(params![page, pack(Some(span))])?;
        let mut flags = Vec::new();
        while let Some(row) = rows.next()? {
            flags.push(read(row)?.1);
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

/// Puts a member's flag, as the newest; one with another reason takes the place of the one before.
pub(crate) fn put(
    db: &Connection,
    commons: No,
    member: No,
    page: (No, PageId),
    span: Option<Span>,
    reason: &str,
) -> Result<()> {
    let packed = pack(span.as_ref());
    let key = Statement::Flag { page: page.1, span, reason: String::new() }.key();
    let before: Option<String> = db
        .prepare_cached("SELECT reason FROM flag WHERE member = ?1 AND key = ?2")?
        .query_row(params![member, key.as_str()], |row| row.get(0))
        .optional()?;
    match before {
        Some(before) if before == reason => return Ok(()),
        Some(_) => take(db, member, &key)?,
        None => {}
    }
    db.prepare_cached(
        "INSERT INTO flag (no, commons, page, member, key, span, reason) \
         VALUES ((SELECT coalesce(max(no), 0) + 1 FROM flag), ?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![commons, page.0, member, key.as_str(), packed, reason])?;
    Ok(())
}

/// Takes a member's flag off.
pub(crate) fn take(db: &Connection, member: No, key: &StatementKey) -> Result<()> {
    db.prepare_cached("DELETE FROM flag WHERE member = ?1 AND key = ?2")?.execute(params![member, key.as_str()])?;
    Ok(())
}

/// Takes those flags of a member off whose key is none of these.
pub(crate) fn take_others(db: &Connection, member: No, kept: &std::collections::HashSet<StatementKey>) -> Result<()> {
    let mut find = db.prepare_cached("SELECT key FROM flag WHERE member = ?1")?;
    let stored: Vec<String> = find.query_map([member], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for key in stored.iter().filter_map(|key| StatementKey::from_ledger(key)).filter(|key| !kept.contains(key)) {
        take(db, member, &key)?;
    }
    Ok(())
}

/// Brings the flags of the version before over, which had no keys.
pub(crate) fn bring_over(db: &Connection) -> Result<()> {
    {
        let mut find = db.prepare(
            "SELECT f.commons, f.page, p.id, f.member, f.span, f.reason FROM flag_before f JOIN doc p ON p.no = f.page",
        )?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            let DocId::Page(page) = doc_id(blob(row, 2)?)? else { continue };
            let (commons, no, member, reason): (No, No, No, String) =
                (row.get(0)?, row.get(1)?, row.get(3)?, row.get(5)?);
            put(db, commons, member, (no, page), unpack(blob(row, 4)?)?, &reason)?;
        }
    }
    db.execute("DROP TABLE flag_before", [])?;
    Ok(())
}
