//! Dictionaries: what the changes of a profile have in common, kept once, so that a small change takes little more than what is
//! new in it.
//!
//! A dictionary is made of the changes with which documents begin. A frame of Zstandard names the dictionary that it is read
//! with, so each stored change says itself which it needs, if any.
//!
//! Invariants:
//! - A dictionary is stored before anything that is packed with it, and neither changes nor goes.
//! - It is kept in two tables. What was packed with it is lost with it, so where one table or the copy in it is damaged the
//!   other is read, and the copy is written anew when the profile is opened.
//! - No fault in them keeps a profile from being opened or written: changes are then packed without one.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
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
    packed::{compressed, is_packed},
    reader::blob,
};

/// Changes that a dictionary is made of.
const SAMPLES: u32 = 512;
/// Bytes of a change that is one of them, at most: larger ones have enough in themselves.
const SAMPLE_BYTES: u32 = 4_096;
/// Documents in which they are looked for when a profile without one is opened, whatever the number of all.
const LOOKED_AT: u32 = 2 * SAMPLES;
/// Bytes of a dictionary.
const SIZE: usize = 16 * 1024;
/// Below this many bytes nothing is gained with one.
const WORTHWHILE: usize = 64;
/// Packing with a dictionary costs little more at a level at which it saves a twentieth more.
const LEVEL: i32 = 6;
/// Bytes of a change at most, far beyond what the gate lets in: damaged bytes can claim any size.
const MOST: usize = 1 << 24;
/// The tables that each have all of them.
const COPIES: [&str; 2] = ["dictionary", "dictionary_again"];

/// The dictionaries of a profile, as far as they were needed, and what the next one is to be made of.
#[derive(Clone, Default)]
pub(crate) struct Dictionaries(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// By dictionary, and for frames without one.
    unpackers: HashMap<Option<NonZeroU32>, Decompressor<'static>>,
    /// With the dictionary that is written with.
    packer: Option<Compressor<'static>>,
    samples: Vec<u8>,
    sizes: Vec<usize>,
}

impl Inner {
    fn is_enough(&self) -> bool {
        self.sizes.len() >= SAMPLES as usize
    }

    fn sample(&mut self, change: &[u8]) {
        if (WORTHWHILE..=SAMPLE_BYTES as usize).contains(&change.len()) && !self.is_enough() {
            self.samples.extend_from_slice(change);
            self.sizes.push(change.len());
        }
    }
}

impl fmt::Debug for Dictionaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionaries").field("unpackers", &self.inner().unpackers.keys()).finish_non_exhaustive()
    }
}

impl Dictionaries {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A change as it is stored, where that is smaller; [`Dictionaries::unpack`] reads it. Of those that begin a document a
    /// dictionary may be made.
    pub(crate) fn pack(&self, change: &[u8], begins: bool) -> Option<Vec<u8>> {
        let mut inner = self.inner();
        match &mut inner.packer {
            Some(packer) if change.len() >= WORTHWHILE => {
                packer.compress(change).ok().filter(|small| small.len() < change.len())
            }
            Some(_) => None,
            None => {
                if begins {
                    inner.sample(change);
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
        let (mut inner, id) = (self.inner(), get_dict_id_from_frame(stored));
        let unpacker = match inner.unpackers.entry(id) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => place.insert(unpacker(db, id)?),
        };
        let most = Decompressor::upper_bound(stored).unwrap_or(MOST).min(MOST);
        unpacker
            .decompress(stored, most)
            .map_err(|error| StoreError::Damaged(format!("a stored change cannot be read: {error}")))
    }

    /// Has changes be packed with a dictionary of the profile from now on, if it has one, and mends its copies. If it has none,
    /// one is made of the changes that are there, as soon as there are enough.
    pub(crate) fn take_up(&self, db: &Connection) {
        for id in ids(db) {
            let copies = COPIES.map(|table| copy(db, table, id));
            let Some(good) = copies.iter().find_map(|copy| copy.as_ref().ok()?.as_ref()) else { continue };
            self.inner().packer = Compressor::with_dictionary(LEVEL, good).ok();
            for (table, copy) in COPIES.iter().zip(&copies) {
                if !matches!(copy, Ok(Some(_)))
                    && let Err(error) = put(db, table, id, good)
                {
                    tracing::warn!(%error, table, "what changes are packed with is kept once only");
                }
            }
        }
        if self.inner().packer.is_none()
            && let Err(error) = self.sample_stored(db)
        {
            tracing::warn!(%error, "changes that are here already are not looked at for what they have in common");
        }
    }

    fn sample_stored(&self, db: &Connection) -> Result<()> {
        let mut find = db.prepare(
            "SELECT c.bytes FROM (SELECT no FROM doc ORDER BY no DESC LIMIT ?1) d \
             JOIN change c ON c.no = (d.no << 32) + 1 WHERE length(c.bytes) <= ?2",
        )?;
        let mut rows = find.query(params![LOOKED_AT, SAMPLE_BYTES])?;
        while let Some(row) = rows.next()? {
            if let Ok(change) = self.unpack(db, blob(row, 0)?) {
                self.inner().sample(&change);
            }
        }
        Ok(())
    }

    /// Makes a dictionary when there is none and enough was written to make one of, and has changes be packed with it. What
    /// was written is stored, whatever becomes of this.
    pub(crate) fn learn(&self, db: &mut Connection) {
        let (samples, sizes) = {
            let mut inner = self.inner();
            if inner.packer.is_some() || !inner.is_enough() {
                return;
            }
            (std::mem::take(&mut inner.samples), std::mem::take(&mut inner.sizes))
        };
        let Ok(bytes) = zstd::dict::from_continuous(&samples, &sizes, SIZE) else { return };
        let Some(id) = get_dict_id_from_dict(&bytes) else { return };
        let stored = db.transaction().map_err(StoreError::from).and_then(|tx| {
            COPIES.iter().try_for_each(|table| put(&tx, table, id, &bytes))?;
            Ok(tx.commit()?)
        });
        match stored {
            Ok(()) => self.inner().packer = Compressor::with_dictionary(LEVEL, &bytes).ok(),
            Err(error) => tracing::warn!(%error, "what changes have in common could not be stored"),
        }
    }
}

/// What reads frames of one dictionary, or of none.
fn unpacker(db: &Connection, id: Option<NonZeroU32>) -> Result<Decompressor<'static>> {
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

fn put(db: &Connection, table: &str, id: NonZeroU32, bytes: &[u8]) -> Result<()> {
    db.execute(
        &format!("INSERT OR REPLACE INTO {table} (id, digest, bytes) VALUES (?1, ?2, ?3)"),
        params![id.get(), blake3::hash(bytes).as_slice(), bytes],
    )?;
    Ok(())
}

/// The dictionaries that either table names, as far as it can be read.
fn ids(db: &Connection) -> BTreeSet<NonZeroU32> {
    let of = |table: &str| -> Result<Vec<u32>> {
        let mut find = db.prepare(&format!("SELECT id FROM {table}"))?;
        Ok(find.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    };
    COPIES.iter().flat_map(|table| of(table).unwrap_or_default()).filter_map(NonZeroU32::new).collect()
}

/// Says of which dictionaries a copy is damaged.
pub(crate) fn faults(db: &Connection) -> Vec<String> {
    let good = |id: &NonZeroU32| COPIES.iter().filter(|table| matches!(copy(db, table, *id), Ok(Some(_)))).count();
    let damaged = ids(db).into_iter().map(|id| good(&id)).filter(|good| *good < COPIES.len());
    let said = |good| format!("of the {} copies of what changes are packed with, {good} can be read", COPIES.len());
    damaged.map(said).collect()
}
