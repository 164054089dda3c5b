//! Changes of a long history, many in one row. A change of one keystroke has a row of 250 bytes by itself, most of them hashes and
//! names; in a bundle it takes half a byte (see [`commonplace_trust::bundle`]).
//!
//! Invariants:
//! - A change is in a bundle or has a row with its bytes, and all that is asked of changes is asked here or of rows that are there
//!   in both cases: those that another row names by number.
//! - A bundle that is made here is unpacked before it is stored, and compared; one that came was unpacked, and the hashes of what was
//!   in it are compared with those of the changes. It goes only when its changes have rows again, in the same transaction.
//! - The first change of a document is in no bundle: a text may be stored on it.
//! - What is unpacked is kept in memory within bounds, so that a change that is asked for after its neighbour costs no unpacking.

use std::collections::{BTreeMap, HashMap};

use commonplace_model::{Actor, ChangeHash};
use commonplace_trust::{Sketch, VerifiedChange};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    document::key_of,
    error::{Result, StoreError},
    reader::{Memory, No, all_within, blob, int, own, uint, within},
};

mod making;
mod memory;

pub use making::Bundling;
pub(crate) use making::{cuts, put, remove_all, scatter};
use memory::bundles;
pub(crate) use memory::{Bundles, faults, packed};

/// A change, wherever it is.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) no: No,
    pub(crate) actor: No,
    pub(crate) seq: u64,
    pub(crate) max_op: u64,
    /// Bytes of the document's changes up to and with it.
    pub(crate) weight: u64,
    pub(crate) hash: ChangeHash,
    pub(crate) bytes: Vec<u8>,
}

impl Stored {
    /// The change, if it is what was stored.
    pub(crate) fn verified(self) -> Result<VerifiedChange> {
        VerifiedChange::from_store(self.bytes).map_err(|e| StoreError::Damaged(format!("a stored change: {e}")))
    }
}

/// A change of an actor, by its number.
pub(crate) fn by_seq(db: &Connection, memory: &Memory, actor: No, seq: u64) -> Result<Option<Stored>> {
    let mut find = db.prepare_cached(
        "SELECT no, actor, seq, max_op, weight, hash, bytes FROM change WHERE actor = ?1 AND seq = ?2",
    )?;
    let mut rows = find.query(params![actor, int(seq)])?;
    if let Some(row) = rows.next()?
        && !blob(row, 6)?.is_empty()
    {
        return read(db, memory, row).map(Some);
    }
    bundled(db, memory, actor, seq)
}

/// The number and the hash of a change of an actor, by its number among that actor's. Reads nothing else of it.
pub(crate) fn hash_of(db: &Connection, memory: &Memory, actor: No, seq: u64) -> Result<Option<(No, ChangeHash)>> {
    let mut find = db.prepare_cached("SELECT no, hash FROM change WHERE actor = ?1 AND seq = ?2")?;
    let mut rows = find.query(params![actor, int(seq)])?;
    if let Some(row) = rows.next()? {
        return Ok(Some((row.get(0)?, ChangeHash::from_slice(blob(row, 1)?)?)));
    }
    Ok(bundled(db, memory, actor, seq)?.map(|change| (change.no, change.hash)))
}

/// A change of an actor that is in a bundle.
fn bundled(db: &Connection, memory: &Memory, actor: No, seq: u64) -> Result<Option<Stored>> {
    let mut find = db.prepare_cached(
        "SELECT bundle FROM bundled WHERE actor = ?1 AND last_seq >= ?2 AND first_seq <= ?2 ORDER BY last_seq LIMIT 1",
    )?;
    let bundle: Option<No> = find.query_row(params![actor, int(seq)], |row| row.get(0)).optional()?;
    let Some(bundle) = bundle else { return Ok(None) };
    memory.bundles.open(db, bundle)?.find(actor, |change| change.header.seq == seq)
}

/// What a change is, without its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) no: No,
    pub(crate) actor: No,
    pub(crate) id: Actor,
    pub(crate) seq: u64,
    pub(crate) max_op: u64,
}

/// A change of a document, by its hash.
pub(crate) fn by_hash(db: &Connection, memory: &Memory, doc: No, hash: &ChangeHash) -> Result<Option<Found>> {
    let (first, last) = all_within(doc);
    let mut find = db.prepare_cached(
        "SELECT c.no, c.actor, a.id, c.seq, c.max_op FROM change c JOIN actor a ON a.no = c.actor \
         WHERE c.key = ?1 AND c.no BETWEEN ?2 AND ?3 AND c.hash = ?4",
    )?;
    let mut rows = find.query(params![key_of(hash), first, last, hash.as_bytes()])?;
    if let Some(row) = rows.next()? {
        let id = Actor::from_slice(blob(row, 2)?)?;
        let (seq, max_op) = (uint(row.get(3)?), uint(row.get(4)?));
        return Ok(Some(Found { no: row.get(0)?, actor: row.get(1)?, id, seq, max_op }));
    }
    let Some((opened, at)) = memory.bundles.by_hash(db, doc, hash)? else { return Ok(None) };
    opened.found(at).map(Some)
}

/// Where the first change of an actor is that has operations up to some counter or beyond.
enum Reaching {
    /// It has a row, and this number among its actor's changes.
    Row(u64),
    /// It is in this bundle.
    Bundle(No),
}

fn reaching_at(db: &Connection, actor: No, counter: u64) -> Result<Reaching> {
    let mut find = db.prepare_cached(
        "SELECT first_seq, bundle FROM bundled WHERE actor = ?1 AND last_op >= ?2 ORDER BY last_op LIMIT 1",
    )?;
    let bundle: Option<(u64, No)> =
        find.query_row(params![actor, int(counter)], |row| Ok((uint(row.get(0)?), row.get(1)?))).optional()?;
    // Of the changes that are in no bundle, those that stand before it and after the one before it.
    let newest: i64 = db.prepare_cached("SELECT seq FROM actor WHERE no = ?1")?.query_row([actor], |row| row.get(0))?;
    let end = bundle.map_or(uint(newest) + 1, |(first_seq, _)| first_seq);
    let mut find = db.prepare_cached(
        "SELECT last_seq FROM bundled WHERE actor = ?1 AND last_seq < ?2 ORDER BY last_seq DESC LIMIT 1",
    )?;
    let before: Option<i64> = find.query_row(params![actor, int(end)], |row| row.get(0)).optional()?;
    let mut look = db.prepare_cached("SELECT max_op FROM change WHERE actor = ?1 AND seq = ?2")?;
    // Counters rise with the numbers of an actor's changes, which have no gaps: halving needs no index of its own.
    let (mut from, mut to) = (before.unwrap_or(0) + 1, int(end));
    while from < to {
        let middle = i64::midpoint(from, to);
        let max_op: i64 = look.query_row([actor, middle], |row| row.get(0))?;
        if uint(max_op) < counter { from = middle + 1 } else { to = middle }
    }
    Ok(match bundle {
        Some((first_seq, bundle)) if uint(from) == first_seq => Reaching::Bundle(bundle),
        _ => Reaching::Row(uint(from)),
    })
}

/// The first change of an actor that has operations up to this counter or beyond.
pub(crate) fn reaching(db: &Connection, memory: &Memory, actor: No, counter: u64) -> Result<Option<Stored>> {
    match reaching_at(db, actor, counter)? {
        Reaching::Row(seq) => by_seq(db, memory, actor, seq),
        Reaching::Bundle(bundle) => {
            memory.bundles.open(db, bundle)?.find(actor, |change| change.header.max_op() >= counter)
        }
    }
}

/// What it is to those that refer to it; `id` is the actor's.
pub(crate) fn sketch(
    db: &Connection,
    memory: &Memory,
    (actor, id): (No, &Actor),
    counter: u64,
) -> Result<Option<Sketch>> {
    match reaching_at(db, actor, counter)? {
        Reaching::Row(seq) => Ok(by_seq(db, memory, actor, seq)?.and_then(|change| Sketch::of(&change.bytes))),
        Reaching::Bundle(bundle) => Ok(memory.bundles.sketches(db, bundle)?.reaching(id, counter)),
    }
}

/// Where a bundle is in its document, and what is in it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) bundle: No,
    /// The number of its last change.
    pub(crate) last: u64,
    /// Bytes of the changes in it, and perhaps of the one after it.
    pub(crate) size: usize,
    /// Who wrote in it: the first and the last number of each.
    pub(crate) actors: Vec<(No, u64, u64)>,
}

/// The bundles of a document that have a change with this number or later ones, by the number of their first.
pub(crate) fn places(db: &Connection, doc: No, from: u64) -> Result<BTreeMap<u64, Place>> {
    let all: Vec<_> = bundles(db, doc)?.into_iter().filter(|(_, _, last)| own(*last) >= from).collect();
    if all.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (first, last) = all_within(doc);
    let mut find =
        db.prepare_cached("SELECT bundle, actor, first_seq, last_seq FROM bundled WHERE actor BETWEEN ?1 AND ?2")?;
    let mut rows = find.query([first, last])?;
    let mut actors: HashMap<No, Vec<(No, u64, u64)>> = HashMap::new();
    while let Some(row) = rows.next()? {
        actors.entry(row.get(0)?).or_default().push((row.get(1)?, uint(row.get(2)?), uint(row.get(3)?)));
    }
    let mut weight = db.prepare_cached(
        "SELECT coalesce((SELECT weight FROM bundle WHERE first = ?1 + 1), \
         (SELECT weight FROM change WHERE no = ?1 + 1), (SELECT bytes FROM doc WHERE no = ?2)) - weight \
         FROM bundle WHERE no = ?3",
    )?;
    all.into_iter()
        .map(|(bundle, first, last)| {
            let size: i64 = weight.query_row([last, doc, bundle], |row| row.get(0))?;
            let actors = actors.remove(&bundle).unwrap_or_default();
            let size = usize::try_from(size).map_err(|_| StoreError::Damaged("the weight of changes".to_owned()))?;
            Ok((own(first), Place { bundle, last: own(last), size, actors }))
        })
        .collect()
}

/// Gives the changes of a document from a number on, each after those it builds on, until there are no more or `take` has had
/// enough.
pub(crate) fn each(
    db: &Connection,
    memory: &Memory,
    doc: No,
    from: u64,
    mut take: impl FnMut(Stored) -> Result<bool>,
) -> Result<()> {
    let (mut next, (_, end)) = (within(doc, from), all_within(doc));
    for (bundle, first, last) in bundles(db, doc)? {
        if last < next {
            continue;
        }
        if !each_row(db, memory, next, first - 1, &mut take)? {
            return Ok(());
        }
        let opened = memory.bundles.open(db, bundle)?;
        for at in usize::try_from(next - first).unwrap_or(0)..opened.len() {
            if !take(opened.stored(at)?)? {
                return Ok(());
            }
        }
        next = last + 1;
    }
    each_row(db, memory, next, end, &mut take)?;
    Ok(())
}

/// The same of rows alone. False when `take` has had enough.
fn each_row(
    db: &Connection,
    memory: &Memory,
    first: No,
    last: No,
    take: &mut impl FnMut(Stored) -> Result<bool>,
) -> Result<bool> {
    if first > last {
        return Ok(true);
    }
    let mut find = db.prepare_cached(
        "SELECT no, actor, seq, max_op, weight, hash, bytes FROM change WHERE no BETWEEN ?1 AND ?2 ORDER BY no",
    )?;
    let mut rows = find.query([first, last])?;
    while let Some(row) = rows.next()? {
        if !take(read(db, memory, row)?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A change from the columns no, actor, seq, max_op, weight, hash and bytes.
fn read(db: &Connection, memory: &Memory, row: &Row<'_>) -> Result<Stored> {
    Ok(Stored {
        no: row.get(0)?,
        actor: row.get(1)?,
        seq: uint(row.get(2)?),
        max_op: uint(row.get(3)?),
        weight: uint(row.get(4)?),
        hash: ChangeHash::from_slice(blob(row, 5)?)?,
        bytes: memory.dictionaries.unpack(db, blob(row, 6)?)?,
    })
}

/// Writes a row for a change, with these bytes, which are empty where it is in a bundle.
pub(crate) fn put_row(db: &Connection, change: &Stored, bytes: &[u8]) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO change (no, key, actor, seq, max_op, weight, hash, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        change.no,
        key_of(&change.hash),
        change.actor,
        int(change.seq),
        int(change.max_op),
        int(change.weight),
        change.hash.as_bytes(),
        bytes,
    ])?;
    Ok(())
}

/// Gives a change a row, if it is in a bundle and has none, since another row is about to name its number.
pub(crate) fn pin(db: &Connection, memory: &Memory, no: No) -> Result<()> {
    let mut find = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM change WHERE no = ?1)")?;
    if find.query_row([no], |row| row.get(0))? {
        return Ok(());
    }
    let Some(opened) = memory.bundles.with(db, no)? else { return Ok(()) };
    put_row(db, &opened.numbered(no)?, &[])
}
