//! Dictionaries: what the changes of a profile have in common, kept once, so that a small change takes little more than what is
//! new in it.
//!
//! A dictionary is made of the first changes that are stored. A frame of Zstandard names the dictionary that it is read with, so
//! each stored change says itself which it needs, if any.
//!
//! Invariants:
//! - A dictionary is stored before anything that is packed with it, and neither changes nor goes.
//! - It is kept in two tables. What was packed with it is lost with it, so it is read from the other one where the first is
//!   damaged.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, params};
use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::{get_dict_id_from_dict, get_dict_id_from_frame},
};

use crate::{
    error::{Result, StoreError},
    packed::{MOST, compressed, is_packed},
    reader::blob,
};

/// Changes that a dictionary is made of.
const SAMPLES: usize = 512;
/// Bytes of a change that is one of them, at most: larger ones have enough in themselves.
const SAMPLE_BYTES: usize = 4_096;
/// Bytes of a dictionary.
const SIZE: usize = 16 * 1024;
/// Below this many bytes nothing is gained with one.
const WORTHWHILE_WITH: usize = 64;
/// Packing with a dictionary costs little more at a level at which it saves a twentieth more.
const LEVEL_WITH: i32 = 6;
/// The tables that each have all of them.
const COPIES: [&str; 2] = ["dictionary", "dictionary_again"];

/// The dictionaries of a profile, as far as they were needed, and what the next one is to be made of.
#[derive(Clone, Default)]
pub(crate) struct Dictionaries(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// Read frames of each dictionary that was met, and of none.
    reads: HashMap<Option<NonZeroU32>, Decompressor<'static>>,
    /// Packs with the dictionary that is written with.
    packs: Option<Compressor<'static>>,
    samples: Vec<u8>,
    sizes: Vec<usize>,
}

impl fmt::Debug for Dictionaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionaries").field("reads", &self.known().reads.keys()).finish_non_exhaustive()
    }
}

impl Dictionaries {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A change as it is stored, which [`Dictionaries::unpack`] reads.
    pub(crate) fn pack(&self, change: &[u8]) -> Option<Vec<u8>> {
        let mut known = self.known();
        match &mut known.packs {
            Some(packs) if change.len() >= WORTHWHILE_WITH => {
                packs.compress(change).ok().filter(|small| small.len() < change.len())
            }
            Some(_) => None,
            None => {
                if (WORTHWHILE_WITH..=SAMPLE_BYTES).contains(&change.len()) && known.sizes.len() < SAMPLES {
                    known.samples.extend_from_slice(change);
                    known.sizes.push(change.len());
                }
                compressed(change)
            }
        }
    }

    /// A stored change as it was.
    pub(crate) fn unpack(&self, db: &Connection, stored: &[u8]) -> Result<Vec<u8>> {
        if !is_packed(stored) {
            return Ok(stored.to_vec());
        }
        let (mut known, id) = (self.known(), get_dict_id_from_frame(stored));
        let reads = match known.reads.entry(id) {
            Entry::Occupied(reads) => reads.into_mut(),
            Entry::Vacant(place) => place.insert(reads(db, id)?),
        };
        let most = Decompressor::upper_bound(stored).unwrap_or(MOST).min(MOST);
        reads
            .decompress(stored, most)
            .map_err(|error| StoreError::Damaged(format!("a stored change cannot be read: {error}")))
    }

    /// Has changes be packed with a dictionary of the profile from now on, if it has one.
    pub(crate) fn take_up(&self, db: &Connection) -> Result<()> {
        // One of which both copies are damaged is passed over, and another one is made.
        for id in ids(db)? {
            if let Some(bytes) = stored(db, id)? {
                self.known().packs = Compressor::with_dictionary(LEVEL_WITH, &bytes).ok();
            }
        }
        Ok(())
    }

    /// Makes a dictionary when there is none and enough was written to make one of, and has changes be packed with it.
    pub(crate) fn learn(&self, db: &mut Connection) -> Result<()> {
        let (samples, sizes) = {
            let mut known = self.known();
            if known.packs.is_some() || known.sizes.len() < SAMPLES {
                return Ok(());
            }
            (std::mem::take(&mut known.samples), std::mem::take(&mut known.sizes))
        };
        let Ok(bytes) = zstd::dict::from_continuous(&samples, &sizes, SIZE) else { return Ok(()) };
        let Some(id) = get_dict_id_from_dict(&bytes) else { return Ok(()) };
        let tx = db.transaction()?;
        for table in COPIES {
            tx.execute(
                &format!("INSERT INTO {table} (id, digest, bytes) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING"),
                params![id.get(), blake3::hash(&bytes).as_slice(), bytes],
            )?;
        }
        tx.commit()?;
        self.known().packs = Compressor::with_dictionary(LEVEL_WITH, &bytes).ok();
        Ok(())
    }
}

/// What reads frames of one dictionary, or of none.
fn reads(db: &Connection, id: Option<NonZeroU32>) -> Result<Decompressor<'static>> {
    let lost = || StoreError::Damaged("what changes are packed with".to_owned());
    let bytes = id.map_or(Ok(Vec::new()), |id| stored(db, id)?.ok_or_else(lost))?;
    Decompressor::with_dictionary(&bytes).map_err(|_| lost())
}

/// A dictionary, from the first copy that is what was stored.
fn stored(db: &Connection, id: NonZeroU32) -> Result<Option<Vec<u8>>> {
    let mut failed = None;
    for table in COPIES {
        match copy(db, table, id) {
            Ok(Some(bytes)) => return Ok(Some(bytes)),
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(None), Err)
}

/// A copy of a dictionary; nothing when there is none, or it is not what was stored.
fn copy(db: &Connection, table: &str, id: NonZeroU32) -> Result<Option<Vec<u8>>> {
    let mut find = db.prepare_cached(&format!("SELECT digest, bytes FROM {table} WHERE id = ?1"))?;
    let mut rows = find.query([id.get()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (digest, bytes) = (blob(row, 0)?, blob(row, 1)?);
    Ok((blake3::hash(bytes).as_bytes() == digest).then(|| bytes.to_vec()))
}

fn ids(db: &Connection) -> Result<Vec<NonZeroU32>> {
    let mut find = db.prepare("SELECT id FROM dictionary UNION SELECT id FROM dictionary_again")?;
    let ids: Vec<u32> = find.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(ids.into_iter().filter_map(NonZeroU32::new).collect())
}

/// Says of which dictionaries a copy is damaged.
pub(crate) fn faults(db: &Connection) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for id in ids(db)? {
        let good = COPIES.iter().filter(|table| matches!(copy(db, table, id), Ok(Some(_)))).count();
        if good < COPIES.len() {
            faults.push(format!("of the {} copies of what changes are packed with, {good} can be read", COPIES.len()));
        }
    }
    Ok(faults)
}
