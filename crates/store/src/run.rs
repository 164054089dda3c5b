//! Runs: what one actor wrote without a long pause, in the order in which it came to this device.
//!
//! Invariants:
//! - The runs of an actor are its changes, each once, in order: a property test holds that.
//! - The newest are read first, and reading ends when there are as many as were asked for. A list of one page or of one member
//!   has an index of its own.
//! - When a run came is said by this device's clock and by its order of arrival. A change says no time.
//!
//! Deliberately absent: what the changes did.

use commonplace_model::{Actor, CommonsId, DeviceId, DocId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    bundle::{by_seq, each},
    clock::actor_no,
    error::{Result, StoreError},
    reader::{No, Reader, blob, doc_id, doc_of, int, uint},
};

/// A run ends when its actor pauses for so long, in milliseconds.
const PAUSE: u64 = 5 * 60_000;
/// A run goes on for no longer than this, in milliseconds.
const LONGEST: u64 = 30 * 60_000;
/// Changes that a run has at most, and bytes, but for those of its last change.
const MOST: u64 = 1_000;
const MOST_BYTES: u64 = 256 * 1024;

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its place in the order of arrival, on this device only.
    pub no: u64,
    /// The document.
    pub doc: DocId,
    /// Who wrote it.
    pub actor: Actor,
    /// The actor's device; nothing while nobody vouches for it here.
    pub device: Option<DeviceId>,
    /// Number of its first change among its actor's.
    pub first: u64,
    /// Number of its last change.
    pub last: u64,
    /// When its first change came to this device, in milliseconds since 1970 by this device's clock.
    pub began_at: u64,
    /// When its last change came.
    pub at: u64,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunQuery {
    /// Only those of these devices.
    pub devices: Option<Vec<DeviceId>>,
    /// Only those of this document.
    pub doc: Option<DocId>,
    /// Only those whose last change came at this time or later.
    pub since: Option<u64>,
    /// Only those before this place in the order of arrival.
    pub before: Option<u64>,
    /// So many at most.
    pub limit: usize,
}

/// Which runs, of those before a place (`?3`) in a commons (`?1`): those of a document or device (`?2`), or all.
const OF_DOC: &str = "r.doc = (SELECT no FROM doc WHERE commons = ?1 AND id = ?2)";
const OF_DEVICE: &str = "r.device = (SELECT no FROM device WHERE id = ?2) AND r.commons = ?1";
/// Of those of a document, which has the number that its actors' begin with: that with the change `?2` of the actor `?1`.
const OF_CHANGE: &str = "r.doc = ?1 >> 32 AND r.actor = ?1 AND ?2 BETWEEN r.first AND r.last";
const OF_ALL: &str = "r.commons = ?1 AND ?2 IS NULL";

/// The last ones first: each step along an index is a row that is asked for.
fn last_first(which: &str) -> String {
    format!(
        "SELECT r.no, d.id, a.id, v.id, r.first, r.last, r.began_at, r.at FROM run r JOIN doc d ON d.no = r.doc \
         JOIN actor a ON a.no = r.actor LEFT JOIN device v ON v.no = r.device \
         WHERE {which} AND r.no < ?3 ORDER BY r.no DESC"
    )
}

fn read(row: &Row<'_>) -> Result<Run> {
    let device = row.get_ref(3)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
    Ok(Run {
        no: uint(row.get(0)?),
        doc: doc_id(blob(row, 1)?)?,
        actor: Actor::from_slice(blob(row, 2)?)?,
        device: device.map(DeviceId::from_slice).transpose()?,
        first: uint(row.get(4)?),
        last: uint(row.get(5)?),
        began_at: uint(row.get(6)?),
        at: uint(row.get(7)?),
    })
}

impl Reader {
    /// Runs, the last ones first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn runs(&self, commons: CommonsId, query: &RunQuery) -> Result<Vec<Run>, StoreError> {
        let commons = self.commons_no(commons)?;
        let before = query.before.map_or(i64::MAX, int);
        let mut runs = Vec::new();
        match (&query.doc, &query.devices) {
            (Some(doc), _) => {
                let mut find = self.db.prepare_cached(&last_first(OF_DOC))?;
                gather(find.query(params![commons, doc.to_bytes(), before])?, query, &mut runs)?;
            }
            (None, Some(devices)) => {
                let mut find = self.db.prepare_cached(&last_first(OF_DEVICE))?;
                for device in devices {
                    let mut own = Vec::new();
                    gather(find.query(params![commons, device.as_bytes(), before])?, query, &mut own)?;
                    runs.extend(own);
                }
                runs.sort_by_key(|run| std::cmp::Reverse(run.no));
                runs.truncate(query.limit);
            }
            (None, None) => {
                let mut find = self.db.prepare_cached(&last_first(OF_ALL))?;
                gather(find.query(params![commons, None::<i64>, before])?, query, &mut runs)?;
            }
        }
        Ok(runs)
    }

    /// The document of an actor, its device where somebody vouches for it, and the number of its newest change.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn actor(
        &self,
        commons: CommonsId,
        actor: Actor,
    ) -> Result<Option<(DocId, Option<DeviceId>, u64)>, StoreError> {
        Ok(self.actors_between(commons, actor, actor)?.pop().map(|(_, doc, device, seq)| (doc, device, seq)))
    }

    /// Actors whose id lies between two, both included: two of them at most.
    ///
    /// # Errors
    /// When the database cannot be read.
    #[expect(clippy::type_complexity, reason = "what the function above gives, and whose it is")]
    pub fn actors_between(
        &self,
        commons: CommonsId,
        first: Actor,
        last: Actor,
    ) -> Result<Vec<(Actor, DocId, Option<DeviceId>, u64)>, StoreError> {
        let commons = self.commons_no(commons)?;
        let mut find = self.db.prepare_cached(
            "SELECT a.id, d.id, v.id, a.seq FROM actor a JOIN doc d ON d.no = a.no >> 32 \
             LEFT JOIN writer w ON w.no = a.writer LEFT JOIN device v ON v.no = w.device \
             WHERE a.id BETWEEN ?1 AND ?2 AND d.commons = ?3 LIMIT 2",
        )?;
        let mut rows = find.query(params![first.as_bytes(), last.as_bytes(), commons])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let device = row.get_ref(2)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
            let device = device.map(DeviceId::from_slice).transpose()?;
            found.push((Actor::from_slice(blob(row, 0)?)?, doc_id(blob(row, 1)?)?, device, uint(row.get(3)?)));
        }
        Ok(found)
    }

    /// Gives the bytes of an actor's changes from one number to another, one after the other, until there are no more or `take`
    /// has had enough.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn changes_of(
        &self,
        commons: CommonsId,
        doc: DocId,
        actor: Actor,
        (first, last): (u64, u64),
        mut take: impl FnMut(Vec<u8>) -> bool,
    ) -> Result<(), StoreError> {
        let _moment = self.moment()?;
        let Some(doc) = self.doc_no(commons, doc)? else { return Ok(()) };
        let Some(actor) = actor_no(&self.db, doc, &actor)? else { return Ok(()) };
        for seq in first.max(1)..=last {
            let Some(change) = by_seq(&self.db, &self.memory, actor, seq)? else { break };
            if !take(change.bytes) {
                break;
            }
        }
        Ok(())
    }

    /// The run that a change of an actor's is in.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn run_with(&self, commons: CommonsId, doc: DocId, actor: Actor, seq: u64) -> Result<Option<Run>, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else { return Ok(None) };
        let Some(actor) = actor_no(&self.db, doc, &actor)? else { return Ok(None) };
        let mut find = self.db.prepare_cached(&last_first(OF_CHANGE))?;
        let mut rows = find.query(params![actor, int(seq), i64::MAX])?;
        rows.next()?.map(read).transpose()
    }

    /// Gives the bytes of all changes of a document, one after the other, each after those it builds on.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn each_change(
        &self,
        commons: CommonsId,
        doc: DocId,
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), StoreError> {
        let _moment = self.moment()?;
        let Some(doc) = self.doc_no(commons, doc)? else { return Ok(()) };
        each(&self.db, &self.memory, doc, 1, |change| Ok(take(&change.bytes)))
    }
}

/// Runs passed over that came before the time asked for: where the clock was behind for a while, newer ones follow.
const OLDER: usize = 1_000;

/// Takes rows until there are as many as were asked for, or those that follow came before the time asked for.
fn gather(mut rows: rusqlite::Rows<'_>, query: &RunQuery, runs: &mut Vec<Run>) -> Result<()> {
    let mut older = 0;
    while runs.len() < query.limit
        && let Some(row) = rows.next()?
    {
        let run = read(row)?;
        if query.since.is_some_and(|since| run.at < since) {
            older += 1;
            if older > OLDER {
                break;
            }
            continue;
        }
        let wanted = |devices: &Vec<DeviceId>| run.device.is_some_and(|device| devices.contains(&device));
        if query.devices.as_ref().is_none_or(wanted) {
            runs.push(run);
        }
    }
    Ok(())
}

/// Consecutive changes of an actor, as they are written.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) actor: Actor,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) bytes: u64,
    /// Whether it is a change that takes others back: one by itself, so that it can be taken back by itself.
    pub(crate) apart: bool,
}

/// Adds a change to the pieces that are written, each of which can be a run.
pub(crate) fn add_to(pieces: &mut Vec<Piece>, actor: Actor, seq: u64, bytes: u64, apart: bool) {
    // Almost always the last one; of an actor who writes by turns with others it is a few before.
    match pieces.iter_mut().rev().find(|piece| piece.actor == actor) {
        Some(piece)
            if piece.last + 1 == seq
                && seq - piece.first < MOST
                && piece.bytes < MOST_BYTES
                && !apart
                && !piece.apart =>
        {
            (piece.last, piece.bytes) = (seq, piece.bytes + bytes);
        }
        _ => pieces.push(Piece { actor, first: seq, last: seq, bytes, apart }),
    }
}

/// Writes a piece, as a run or as more of its actor's newest one; gives the number that this has then.
pub(crate) fn put(
    db: &Connection,
    commons: No,
    actor: No,
    newest: Option<No>,
    device: Option<No>,
    piece: &Piece,
    at: u64,
) -> Result<No> {
    let top: No = db.prepare_cached("SELECT coalesce(max(no), 0) FROM run")?.query_row([], |row| row.get(0))?;
    if let Some(run) = newest
        && goes_on(db, run, piece, at)?
    {
        let no = if run == top { run } else { top + 1 };
        db.prepare_cached(
            "UPDATE run SET no = ?2, last = ?3, bytes = bytes + ?4, at = ?5, device = coalesce(device, ?6) WHERE no = ?1",
        )?
        .execute(params![run, no, int(piece.last), int(piece.bytes), int(at), device])?;
        return Ok(no);
    }
    db.prepare_cached(
        "INSERT INTO run (no, commons, doc, actor, device, first, last, bytes, began_at, at, apart) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)",
    )?
    .execute(params![
        top + 1,
        commons,
        doc_of(actor),
        actor,
        device,
        int(piece.first),
        int(piece.last),
        int(piece.bytes),
        int(at),
        piece.apart
    ])?;
    Ok(top + 1)
}

/// Whether a piece is more of a run.
fn goes_on(db: &Connection, run: No, piece: &Piece, at: u64) -> Result<bool> {
    if piece.apart {
        return Ok(false);
    }
    let mut find = db.prepare_cached("SELECT first, last, bytes, began_at, at FROM run WHERE no = ?1 AND apart = 0")?;
    let found = find
        .query_row([run], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?].map(uint)))
        .optional()?;
    Ok(found.is_some_and(|[first, last, bytes, began_at, last_at]| {
        last + 1 == piece.first
            && piece.last - first < MOST
            && bytes < MOST_BYTES
            && at.abs_diff(last_at) <= PAUSE
            && at.abs_diff(began_at) <= LONGEST
    }))
}

/// Notes the device of an actor's runs, where it was not known when they came.
pub(crate) fn name_device(db: &Connection, actor: No, device: No) -> Result<()> {
    db.prepare_cached("UPDATE run SET device = ?2 WHERE doc = ?1 >> 32 AND actor = ?1 AND device IS NULL")?
        .execute(params![actor, device])?;
    Ok(())
}

/// Has the runs of an actor end with its change of this number; 0 is before its first.
pub(crate) fn shorten(db: &Connection, actor: No, seq: u64) -> Result<()> {
    let of = params![actor, int(seq)];
    db.prepare_cached("DELETE FROM run WHERE doc = ?1 >> 32 AND actor = ?1 AND first > ?2")?.execute(of)?;
    db.prepare_cached("UPDATE run SET last = ?2 WHERE doc = ?1 >> 32 AND actor = ?1 AND last > ?2")?.execute(of)?;
    db.prepare_cached(
        "UPDATE actor SET run = (SELECT max(no) FROM run WHERE doc = ?1 >> 32 AND actor = ?1) WHERE no = ?1",
    )?
    .execute([actor])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::{Store, flag};

    #[test]
    fn no_list_looks_through_all_or_sorts() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path()).expect("opens");
        let lists = [OF_DOC, OF_DEVICE, OF_CHANGE, OF_ALL].map(last_first);
        let flags = [flag::FLAGGERS, flag::OF_MEMBER, flag::OF_MEMBER_ON_PAGE, flag::ON_CHANGES];
        for sql in lists.iter().map(String::as_str).chain(flags) {
            let mut plan = store.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
            for n in 1..=plan.parameter_count() {
                plan.raw_bind_parameter(n, 9).expect("a number");
            }
            let mut rows = plan.raw_query();
            let mut steps: Vec<String> = Vec::new();
            while let Some(row) = rows.next().expect("plans") {
                steps.push(row.get(3).expect("words"));
            }
            assert!(steps.iter().any(|step| step.starts_with("SEARCH")), "{steps:?}");
            assert!(
                !steps.iter().any(|step| step.contains("SCAN ") || step.contains("TEMP B-TREE")),
                "{sql} {steps:?}"
            );
        }
    }
}
