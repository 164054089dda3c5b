//! Clocks of changes as they lie in the database (see [`commonplace_trust::Clock`]), and those of the newest changes in memory.
//!
//! Invariant: a clock follows from its change and the ancestors of that. So one that is kept in memory stays right whatever
//! becomes of the transaction in which it was worked out, and all can be worked out again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use commonplace_model::{Actor, ChangeHash};
use commonplace_trust::{Clock, Packed, VerifiedChange};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    bundle::{Found, by_hash},
    error::{Result, StoreError},
    reader::{Memory, No, all_within, blob, doc_of, int, own, uint, within},
};

/// Clocks kept in memory: those of what is being typed live, and of what an arrival builds on.
const KEPT: usize = 2_048;
/// Entries that these refer to, counted as if they shared none: some tens of MB at the very most.
const KEPT_ENTRIES: usize = 1 << 20;
/// Actors up to which each is looked up by itself; for more all of the document are read at once.
const FEW: usize = 8;

/// Clocks in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clocks(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// By document and change.
    clocks: HashMap<(No, ChangeHash), Clock>,
    entries: usize,
}

impl Clocks {
    /// The clock of a change that is stored; `find` says which it is.
    pub(crate) fn of(
        &self,
        db: &Connection,
        doc: No,
        hash: &ChangeHash,
        find: impl FnOnce() -> Result<Option<Found>>,
    ) -> Result<Option<Clock>> {
        if let Some(clock) = self.0.lock().unwrap_or_else(PoisonError::into_inner).clocks.get(&(doc, *hash)) {
            return Ok(Some(clock.clone()));
        }
        let Some(found) = find()? else { return Ok(None) };
        let clock = stored(db, doc, found)?;
        self.keep(doc, *hash, clock.clone());
        Ok(Some(clock))
    }

    /// Works out the clock of a change from those of the changes that it builds on, which are stored, and stores it. `find` says
    /// which change has a hash.
    pub(crate) fn put(
        &self,
        db: &Connection,
        (no, actor): (No, No),
        change: &VerifiedChange,
        find: impl Fn(&ChangeHash) -> Result<Option<Found>>,
    ) -> Result<()> {
        let (mut failed, doc) = (None, doc_of(no));
        let clock = change.clock(|dep| {
            self.of(db, doc, dep, || find(dep)).unwrap_or_else(|error| {
                failed.get_or_insert(error);
                None
            })
        });
        if let Some(error) = failed {
            return Err(error);
        }
        let clock = clock.ok_or_else(|| StoreError::Fault("a change before one that it builds on".to_owned()))?;
        if !clock.inherits() {
            write(db, doc, no, actor, &clock)?;
        }
        self.keep(doc, change.hash(), clock);
        Ok(())
    }

    fn keep(&self, doc: No, hash: ChangeHash, clock: Clock) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.clocks.len() >= KEPT || kept.entries + clock.entries() > KEPT_ENTRIES {
            // Those that are needed again are read again.
            *kept = Kept::default();
        }
        kept.entries += clock.entries();
        kept.clocks.insert((doc, hash), clock);
    }
}

fn stored(db: &Connection, doc: No, Found { actor, id, seq, .. }: Found) -> Result<Clock> {
    let mut find = db.prepare_cached(
        "SELECT c.seq, c.bytes, b.bytes FROM clock c LEFT JOIN clock b ON b.no = c.base \
         WHERE c.actor = ?1 AND c.seq <= ?2 ORDER BY c.seq DESC LIMIT 1",
    )?;
    let mut rows = find.query([actor, int(seq)])?;
    let Some(row) = rows.next()? else {
        return Ok(Clock::stored(id, seq, 0, Vec::new()));
    };
    let base: Option<Vec<u8>> = row.get(2)?;
    let base = read(base.as_deref().unwrap_or_default(), &[])?;
    let others = read(blob(row, 1)?, &base)?;
    Ok(Clock::stored(id, seq, uint(row.get(0)?), named(db, doc, others)?))
}

fn write(db: &Connection, doc: No, no: No, actor: No, clock: &Clock) -> Result<()> {
    let others = numbered(db, doc, &clock.others())?;
    let (first, last) = all_within(doc);
    let mut find = db.prepare_cached(
        "SELECT no, bytes FROM clock WHERE no BETWEEN ?1 AND ?2 AND base IS NULL ORDER BY no DESC LIMIT 1",
    )?;
    let whole =
        find.query_row([first, last], |row| Ok((row.get::<_, No>(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?;
    let base = whole.as_ref().map(|(_, bytes)| read(bytes, &[])).transpose()?;
    let packed = Packed::new(&others, base.as_deref());
    let base = whole.filter(|_| !packed.whole).map(|(no, _)| no);
    db.prepare_cached("INSERT INTO clock (no, actor, seq, base, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![no, actor, int(clock.since()), base, packed.bytes])?;
    Ok(())
}

fn read(bytes: &[u8], base: &[(u32, u64)]) -> Result<Vec<(u32, u64)>> {
    Packed::read(bytes, base).ok_or_else(|| StoreError::Damaged("the clock of a change".to_owned()))
}

/// Actors by their numbers in a document.
fn named(db: &Connection, doc: No, others: Vec<(u32, u64)>) -> Result<Vec<(Actor, u64)>> {
    let unknown = || StoreError::Damaged("a clock with an unknown actor".to_owned());
    if others.len() > FEW {
        let all: HashMap<u32, Actor> = actors(db, doc)?.into_iter().collect();
        return others.into_iter().map(|(n, newest)| Ok((*all.get(&n).ok_or_else(unknown)?, newest))).collect();
    }
    let mut find = db.prepare_cached("SELECT id FROM actor WHERE no = ?1")?;
    let mut named = Vec::with_capacity(others.len());
    for (number, newest) in others {
        let id = find.query_row([within(doc, u64::from(number))], |row| row.get(0)).optional()?;
        named.push((Actor::new(id.ok_or_else(unknown)?), newest));
    }
    Ok(named)
}

/// The numbers of actors in a document, in the order of numbers.
fn numbered(db: &Connection, doc: No, others: &[(Actor, u64)]) -> Result<Vec<(u32, u64)>> {
    let unknown = || StoreError::Fault("a clock with an unknown actor".to_owned());
    let mut numbered: Vec<(u32, u64)> = if others.len() > FEW {
        let all: HashMap<Actor, u32> = actors(db, doc)?.into_iter().map(|(number, actor)| (actor, number)).collect();
        let number = |(actor, newest): &(Actor, u64)| Ok((*all.get(actor).ok_or_else(unknown)?, *newest));
        others.iter().map(number).collect::<Result<_>>()?
    } else {
        let number =
            |(actor, newest): &(Actor, u64)| Ok((number(actor_no(db, doc, actor)?.ok_or_else(unknown)?)?, *newest));
        others.iter().map(number).collect::<Result<_>>()?
    };
    numbered.sort_unstable();
    Ok(numbered)
}

/// All actors of a document with their numbers.
fn actors(db: &Connection, doc: No) -> Result<Vec<(u32, Actor)>> {
    let (first, last) = all_within(doc);
    let mut find = db.prepare_cached("SELECT no, id FROM actor WHERE no BETWEEN ?1 AND ?2")?;
    let mut rows = find.query([first, last])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push((number(row.get(0)?)?, Actor::from_slice(blob(row, 1)?)?));
    }
    Ok(all)
}

fn number(no: No) -> Result<u32> {
    u32::try_from(own(no)).map_err(|_| StoreError::Fault("too many actors in a document".to_owned()))
}

/// The number of an actor of a document.
pub(crate) fn actor_no(db: &Connection, doc: No, actor: &Actor) -> Result<Option<No>> {
    let (first, last) = all_within(doc);
    let mut find = db.prepare_cached("SELECT no FROM actor WHERE id = ?1 AND no BETWEEN ?2 AND ?3")?;
    Ok(find.query_row(params![actor.as_bytes(), first, last], |row| row.get(0)).optional()?)
}

/// Works out the clocks of all changes of a database that has none yet.
pub(crate) fn work_out_all(db: &Connection) -> Result<()> {
    let memory = Memory::default();
    let mut find = db.prepare("SELECT no, actor, bytes FROM change ORDER BY no")?;
    let mut rows = find.query([])?;
    while let Some(row) = rows.next()? {
        let (no, actor): (No, No) = (row.get(0)?, row.get(1)?);
        let change = VerifiedChange::from_store(memory.dictionaries.unpack(db, blob(row, 2)?)?);
        let change = change.map_err(|error| StoreError::Damaged(format!("a stored change: {error}")))?;
        memory.clocks.put(db, (no, actor), &change, |hash| by_hash(db, &memory, doc_of(no), hash))?;
    }
    Ok(())
}
