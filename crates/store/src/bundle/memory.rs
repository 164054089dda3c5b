//! Bundles in memory: those that were unpacked, what the gate wants of others, and the hashes of what is in them.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use commonplace_model::{Actor, ChangeHash};
use commonplace_trust::bundle::{self, Sketches, Unbundled};
use rusqlite::{Connection, OptionalExtension};
use zstd::bulk::Decompressor;

use super::{Found, Stored, making::MOST};
use crate::{
    clock::actor_no,
    document::key_of,
    error::{Result, StoreError},
    reader::{No, all_within, blob, doc_of, own, uint, within},
};

/// Bytes of a damaged bundle that are made of it at most.
const MOST_PACKED: usize = 4 << 20;
/// Bytes of unpacked bundles that are kept, and of what was read of others for the gate; and entries of lists of hashes.
const KEPT_BYTES: usize = 8 << 20;
const KEPT_HASHES: usize = 1 << 20;

/// A bundle that was unpacked.
#[derive(Debug)]
pub(super) struct Opened {
    first: No,
    changes: Vec<Unbundled>,
    actors: HashMap<Actor, No>,
    /// Bytes of the document's changes up to and with each.
    weights: Vec<u64>,
    bytes: usize,
}

impl Opened {
    pub(super) fn stored(&self, at: usize) -> Result<Stored> {
        let Found { no, actor, seq, max_op, .. } = self.found(at)?;
        let change = &self.changes[at];
        Ok(Stored {
            no,
            actor,
            seq,
            max_op,
            weight: self.weights.get(at).copied().unwrap_or_default(),
            hash: change.hash,
            bytes: change.bytes.clone(),
        })
    }

    /// How many changes it has.
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// The change with this number.
    pub(super) fn numbered(&self, no: No) -> Result<Stored> {
        self.stored(usize::try_from(no - self.first).unwrap_or(usize::MAX))
    }

    pub(super) fn found(&self, at: usize) -> Result<Found> {
        let damaged = || StoreError::Damaged("a bundle lacks a change".to_owned());
        let header = &self.changes.get(at).ok_or_else(damaged)?.header;
        let (id, actor) = (header.actor, *self.actors.get(&header.actor).ok_or_else(damaged)?);
        Ok(Found { no: self.first + at as No, actor, id, seq: header.seq, max_op: header.max_op() })
    }

    /// The first change of an actor of which this is true.
    pub(super) fn find(&self, actor: No, is_it: impl Fn(&Unbundled) -> bool) -> Result<Option<Stored>> {
        let Some((id, _)) = self.actors.iter().find(|(_, no)| **no == actor) else { return Ok(None) };
        let found = self.changes.iter().position(|change| change.header.actor == *id && is_it(change));
        found.map(|at| self.stored(at)).transpose()
    }
}

/// The hashes of all changes of a document that are in bundles: how each begins, and its number.
#[derive(Debug, Clone, Default)]
struct Hashes {
    of: BTreeSet<No>,
    sorted: Vec<(i64, u32)>,
}

/// Bundles in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bundles(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    opened: Lately<Opened>,
    sketches: Lately<Sketches>,
    hashes: HashMap<No, Arc<Hashes>>,
    hash_count: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            opened: Lately::new(KEPT_BYTES),
            sketches: Lately::new(KEPT_BYTES),
            hashes: HashMap::new(),
            hash_count: 0,
        }
    }
}

/// What was asked for last, by the number of a bundle, which no other one gets once it is stored.
#[derive(Debug)]
struct Lately<T> {
    kept: HashMap<No, (Arc<T>, usize, u64)>,
    size: usize,
    most: usize,
    asked: u64,
}

impl<T> Lately<T> {
    fn new(most: usize) -> Self {
        Self { kept: HashMap::new(), size: 0, most, asked: 0 }
    }

    fn find(&mut self, bundle: No) -> Option<Arc<T>> {
        self.asked += 1;
        let (found, _, asked) = self.kept.get_mut(&bundle)?;
        *asked = self.asked;
        Some(Arc::clone(found))
    }

    fn keep(&mut self, bundle: No, new: &Arc<T>, size: usize) {
        self.asked += 1;
        self.size += size;
        if let Some((_, before, _)) = self.kept.insert(bundle, (Arc::clone(new), size, self.asked)) {
            self.size -= before;
        }
        while self.size > self.most
            && self.kept.len() > 1
            && let Some(oldest) = self.kept.iter().min_by_key(|(_, (_, _, asked))| *asked).map(|(no, _)| *no)
        {
            self.size -= self.kept.remove(&oldest).map_or(0, |(_, size, _)| size);
        }
    }
}

impl Bundles {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all. After a write that came to nothing: of bundles that it made some may be here, and others get their numbers.
    pub(crate) fn forget(&self) {
        *self.kept() = Kept::default();
    }

    pub(super) fn open(&self, db: &Connection, bundle: No) -> Result<Arc<Opened>> {
        if let Some(opened) = self.kept().opened.find(bundle) {
            return Ok(opened);
        }
        let opened = Arc::new(opened(db, bundle)?);
        self.kept().opened.keep(bundle, &opened, opened.bytes);
        Ok(opened)
    }

    pub(super) fn sketches(&self, db: &Connection, bundle: No) -> Result<Arc<Sketches>> {
        if let Some(sketches) = self.kept().sketches.find(bundle) {
            return Ok(sketches);
        }
        let sketches = Arc::new(Sketches::read(&packed(db, bundle)?, MOST).map_err(damaged)?);
        self.kept().sketches.keep(bundle, &sketches, sketches.size());
        Ok(sketches)
    }

    /// The place of a change among those of a document that are in bundles: its bundle, and where in it.
    pub(super) fn by_hash(&self, db: &Connection, doc: No, hash: &ChangeHash) -> Result<Option<(Arc<Opened>, usize)>> {
        let hashes = self.hashes(db, doc)?;
        let key = key_of(hash);
        let from = hashes.sorted.partition_point(|(other, _)| *other < key);
        for (_, number) in hashes.sorted.iter().skip(from).take_while(|(other, _)| *other == key) {
            let no = within(doc, u64::from(*number));
            let Some(opened) = self.with(db, no)? else { continue };
            let at = usize::try_from(no - opened.first).unwrap_or(usize::MAX);
            if opened.changes.get(at).is_some_and(|change| change.hash == *hash) {
                return Ok(Some((opened, at)));
            }
        }
        Ok(None)
    }

    /// Reads each bundle of a document once, as long as there is room for what is in it.
    fn hashes(&self, db: &Connection, doc: No) -> Result<Arc<Hashes>> {
        let (first, last) = all_within(doc);
        let mut find = db.prepare_cached("SELECT no FROM bundle WHERE first BETWEEN ?1 AND ?2")?;
        let of: BTreeSet<No> = find.query_map([first, last], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let kept = self.kept().hashes.get(&doc).cloned().unwrap_or_default();
        if kept.of == of {
            return Ok(kept);
        }
        // More of them came, or they were made anew.
        let mut hashes = if kept.of.is_subset(&of) { Hashes::clone(&kept) } else { Hashes::default() };
        for bundle in of.difference(&std::mem::take(&mut hashes.of)) {
            // Not kept: there may be many more than there is room for.
            let kept = self.kept().opened.find(*bundle);
            let opened = kept.map_or_else(|| opened(db, *bundle).map(Arc::new), Ok)?;
            for (no, change) in (opened.first..).zip(&opened.changes) {
                hashes.sorted.push((key_of(&change.hash), u32::try_from(own(no)).unwrap_or(u32::MAX)));
            }
        }
        hashes.sorted.sort_unstable();
        hashes.of = of;
        let hashes = Arc::new(hashes);
        self.kept().keep_hashes(doc, &hashes);
        Ok(hashes)
    }

    /// The bundle that has the change with this number.
    pub(super) fn with(&self, db: &Connection, no: No) -> Result<Option<Arc<Opened>>> {
        let mut find =
            db.prepare_cached("SELECT no FROM bundle WHERE first <= ?1 AND last >= ?1 ORDER BY first DESC LIMIT 1")?;
        let bundle: Option<No> = find.query_row([no], |row| row.get(0)).optional()?;
        bundle.map(|bundle| self.open(db, bundle)).transpose()
    }
}

impl Kept {
    fn keep_hashes(&mut self, doc: No, hashes: &Arc<Hashes>) {
        if self.hash_count + hashes.sorted.len() > KEPT_HASHES {
            (self.hashes, self.hash_count) = (HashMap::new(), 0);
        }
        self.hash_count += hashes.sorted.len();
        if let Some(before) = self.hashes.insert(doc, Arc::clone(hashes)) {
            self.hash_count -= before.sorted.len();
        }
    }
}

/// The bundles of a document in order: number, first change, last change.
pub(super) fn bundles(db: &Connection, doc: No) -> Result<Vec<(No, No, No)>> {
    let (first, last) = all_within(doc);
    let mut find =
        db.prepare_cached("SELECT no, first, last FROM bundle WHERE first BETWEEN ?1 AND ?2 ORDER BY first")?;
    let rows = find.query_map([first, last], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn damaged(why: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("many changes of a document: {why}"))
}

/// The bytes of a bundle, as they were before they were compressed.
fn inflated(stored: &[u8]) -> Result<Vec<u8>> {
    let most = Decompressor::upper_bound(stored).unwrap_or(MOST_PACKED).min(MOST_PACKED);
    zstd::bulk::decompress(stored, most).map_err(damaged)
}

/// The bytes of a bundle.
pub(crate) fn packed(db: &Connection, bundle: No) -> Result<Vec<u8>> {
    let mut find = db.prepare_cached("SELECT bytes FROM bundle WHERE no = ?1")?;
    let mut rows = find.query([bundle])?;
    inflated(blob(rows.next()?.ok_or_else(|| damaged("they are gone"))?, 0)?)
}

/// Unpacks a bundle.
fn opened(db: &Connection, bundle: No) -> Result<Opened> {
    let mut find = db.prepare_cached("SELECT first, last, weight, bytes FROM bundle WHERE no = ?1")?;
    let mut rows = find.query([bundle])?;
    let row = rows.next()?.ok_or_else(|| damaged("they are gone"))?;
    let (first, last, mut weight): (No, No, u64) = (row.get(0)?, row.get(1)?, uint(row.get(2)?));
    let changes = bundle::unpack(&inflated(blob(row, 3)?)?, MOST).map_err(damaged)?;
    if changes.len() as No != last - first + 1 {
        return Err(damaged("they are not as many as there were"));
    }
    let mut actors: HashMap<Actor, No> = HashMap::new();
    let (mut weights, mut bytes) = (Vec::with_capacity(changes.len()), 0);
    for change in &changes {
        weight += change.bytes.len() as u64;
        weights.push(weight);
        bytes += change.bytes.len() + size_of::<Unbundled>();
        if let Entry::Vacant(place) = actors.entry(change.header.actor) {
            let no = actor_no(db, doc_of(first), place.key())?;
            place.insert(no.ok_or_else(|| damaged("nobody made one of them"))?);
        }
    }
    Ok(Opened { first, changes, actors, weights, bytes })
}

/// Says which bundles cannot be read.
pub(crate) fn faults(db: &Connection) -> Result<Vec<String>> {
    let mut find = db.prepare("SELECT no FROM bundle ORDER BY no")?;
    let all: Vec<No> = find.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(all.into_iter().filter_map(|bundle| opened(db, bundle).err()).map(|error| error.to_string()).collect())
}
