//! Reading the profile: the connection, row numbers, settings, and the rolls.

use std::path::Path;

use commonplace_model::{CommonsId, DocId};
use commonplace_trust::VerifiedRecord;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::{
    bundle::{self, Bundles, Bundling},
    clock::Clocks,
    dictionary::{self, Dictionaries},
    error::{Result, StoreError},
    open,
};

/// Number of a row, in this database only.
pub(crate) type No = i64;

/// Bits of a change's or actor's number that are its own; those above are its document's.
const WITHIN: u32 = 32;

/// The number of a change or actor of a document.
pub(crate) fn within(doc: No, own: u64) -> No {
    (doc << WITHIN) | (int(own) & ((1 << WITHIN) - 1))
}

/// The document of a change or actor.
pub(crate) fn doc_of(no: No) -> No {
    no >> WITHIN
}

/// The numbers that changes or actors of a document have.
pub(crate) fn all_within(doc: No) -> (No, No) {
    (doc << WITHIN, (doc << WITHIN) | ((1 << WITHIN) - 1))
}

/// What of a change's or actor's number is its own.
pub(crate) fn own(no: No) -> u64 {
    uint(no & ((1 << WITHIN) - 1))
}

/// A count as the database has it.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count that the database has.
pub(crate) fn uint(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// Reads a profile. All that is asked of the store is asked here; a [`crate::Store`] is one too.
#[derive(Debug)]
pub struct Reader {
    pub(crate) db: Connection,
    pub(crate) memory: Memory,
}

/// What is kept in memory beside a connection. Cheap to clone; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) clocks: Clocks,
    pub(crate) dictionaries: Dictionaries,
    pub(crate) bundles: Bundles,
    pub(crate) bundling: Bundling,
}

/// How much there is in a commons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pages that are not deleted.
    pub pages: u64,
    /// Tags on any of them.
    pub tags: u64,
    /// Documents that wait to be indexed.
    pub unindexed: u64,
}

impl Reader {
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        Ok(Self { db: open::reader(dir)?, memory: Memory::default() })
    }

    /// The number of a commons.
    pub(crate) fn commons_no(&self, id: CommonsId) -> Result<No> {
        commons_no(&self.db, id)?.ok_or(StoreError::NoCommons)
    }

    /// The number of a document, if anything is known of it.
    pub(crate) fn doc_no(&self, commons: CommonsId, doc: DocId) -> Result<Option<No>> {
        let mut find = self.db.prepare_cached(
            "SELECT d.no FROM doc d JOIN commons c ON c.no = d.commons WHERE c.id = ?1 AND c.leaving = 0 AND d.id = ?2",
        )?;
        Ok(find.query_row(params![commons.as_bytes(), doc.to_bytes()], |row| row.get(0)).optional()?)
    }

    /// A setting of the profile.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut find = self.db.prepare_cached("SELECT value FROM setting WHERE name = ?1")?;
        Ok(find.query_row([key], |row| row.get(0)).optional()?)
    }

    /// The commons on this device, in the order in which they came.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn commons(&self) -> Result<Vec<CommonsId>, StoreError> {
        let mut find = self.db.prepare_cached("SELECT id FROM commons WHERE leaving = 0 ORDER BY no")?;
        let mut rows = find.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(CommonsId::from_slice(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?);
        }
        Ok(all)
    }

    /// The records of a commons' roll, in the order in which they came.
    ///
    /// # Errors
    /// When the database cannot be read, or a record in it is no longer what was stored.
    pub fn records(&self, commons: CommonsId) -> Result<Vec<VerifiedRecord>, StoreError> {
        let no = self.commons_no(commons)?;
        let mut find = self.db.prepare_cached("SELECT bytes FROM record WHERE commons = ?1 ORDER BY no")?;
        let mut rows = find.query([no])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let record = VerifiedRecord::verify(row.get(0)?);
            all.push(record.map_err(|e| StoreError::Damaged(format!("a record of a roll: {e}")))?);
        }
        Ok(all)
    }

    /// How much there is in a commons; costs one row.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn counts(&self, commons: CommonsId) -> Result<Counts, StoreError> {
        let mut find =
            self.db.prepare_cached("SELECT pages, tags, unindexed FROM commons WHERE id = ?1 AND leaving = 0")?;
        let counts = find.query_row([commons.as_bytes()], |row| {
            Ok(Counts { pages: uint(row.get(0)?), tags: uint(row.get(1)?), unindexed: uint(row.get(2)?) })
        });
        Ok(counts.optional()?.unwrap_or_default())
    }

    /// Reads several things as they are at one moment, whatever is written meanwhile.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn at_once<T>(&self, read: impl FnOnce(&Self) -> T) -> Result<T, StoreError> {
        let moment = self.db.unchecked_transaction()?;
        let found = read(self);
        moment.finish()?;
        Ok(found)
    }

    /// As long as this is held, what is read is as it was at one moment. Nothing where that is so already.
    pub(crate) fn moment(&self) -> Result<Option<Transaction<'_>>> {
        Ok(self.db.is_autocommit().then(|| self.db.unchecked_transaction()).transpose()?)
    }

    /// Looks through the whole database for faults; gives them in words, none if it is sound. Takes seconds.
    ///
    /// # Errors
    /// When it cannot be read at all.
    pub fn integrity(&self) -> Result<Vec<String>, StoreError> {
        let mut faults = Vec::new();
        let mut check = self.db.prepare("PRAGMA integrity_check")?;
        let mut rows = check.query([])?;
        while let Some(row) = rows.next()? {
            let fault: String = row.get(0)?;
            if fault != "ok" {
                faults.push(fault);
            }
        }
        let mut check = self.db.prepare("PRAGMA foreign_key_check")?;
        let mut rows = check.query([])?;
        while let Some(row) = rows.next()? {
            faults.push(format!("a row of {} refers to one that is gone", row.get::<_, String>(0)?));
        }
        faults.extend(dictionary::faults(&self.db));
        faults.extend(bundle::faults(&self.db)?);
        Ok(faults)
    }
}

/// The number of a commons that is not being left.
pub(crate) fn commons_no(db: &Connection, id: CommonsId) -> Result<Option<No>> {
    let mut find = db.prepare_cached("SELECT no FROM commons WHERE id = ?1 AND leaving = 0")?;
    Ok(find.query_row([id.as_bytes()], |row| row.get(0)).optional()?)
}

/// The document with these stored bytes.
pub(crate) fn doc_id(bytes: &[u8]) -> Result<DocId> {
    Ok(DocId::from_bytes(bytes)?)
}

/// Bytes of a column.
pub(crate) fn blob<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> Result<&'r [u8]> {
    Ok(row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?)
}
