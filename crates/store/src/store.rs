//! The writer of a profile.

use std::{
    fs::{self, File},
    ops::Deref,
    path::{Path, PathBuf},
    time::Duration,
};

use commonplace_model::CommonsId;
use commonplace_trust::VerifiedRecord;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::{
    bundle,
    error::{Result, StoreError},
    log::Log,
    open,
    reader::{Memory, No, Reader, all_within, commons_no},
};

/// Bytes of the log below which it is left as it is.
const WORTH_SHRINKING: u64 = 1 << 20;
/// Pages of the database that are given back in one step, and in no smaller ones: a few milliseconds.
const ROOM_STEP: i64 = 16;
/// Of this many pages one may be free.
const ROOM_KEPT: i64 = 64;
/// Documents removed in one step when a commons is left.
const LEAVE_STEP: u32 = 64;

/// A profile, opened for writing: there is one at a time. It reads, too (see [`Reader`]).
#[derive(Debug)]
pub struct Store {
    pub(crate) reader: Reader,
    dir: PathBuf,
    /// Held as long as the profile is open; after the database, so that this is closed first.
    _lock: File,
}

impl Deref for Store {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Store {
    /// Opens the profile in a folder, which is made if there is none.
    ///
    /// # Errors
    /// When another program has it open, a newer version wrote it, or it cannot be written or read.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_begun(dir, false)
    }

    /// As [`Store::open`]. With `begun` it is known that the profile was used before: a database that is not there, or has
    /// nothing in it, is then lost and not new.
    ///
    /// # Errors
    /// As [`Store::open`], and when the database of a profile that was used is gone.
    pub fn open_begun(dir: &Path, begun: bool) -> Result<Self, StoreError> {
        open::make_dir(dir)?;
        let lock = open::lock(dir)?;
        open::make_file(dir, begun)?;
        let reader = Reader { db: open::writer(dir)?, memory: Memory::default() };
        reader.memory.dictionaries.take_up(&reader.db);
        Ok(Self { reader, dir: dir.to_owned(), _lock: lock })
    }

    /// Another connection, which only reads and may live on another thread.
    ///
    /// # Errors
    /// When the database cannot be opened again.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.dir)
    }

    /// The log of this profile, of which what [`Store::write_unsynced`] wrote is a part.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn log(&self) -> Result<Log, StoreError> {
        Log::open(&self.dir)
    }

    /// Has `write` commit without waiting for the disk. All else waits for it, and for what was committed before.
    pub(crate) fn unsynced<T>(&mut self, write: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.reader.db.pragma_update(None, "synchronous", "NORMAL")?;
        let written = write(self);
        // Not the error of what was written: that stands, and must not be written again.
        if let Err(error) = open::sync_commits(&self.reader.db) {
            tracing::error!(%error, "commits do not wait for the disk any more");
        }
        written
    }

    /// Begins a transaction. Dropped without a commit, it changed nothing.
    pub(crate) fn begin(&mut self) -> Result<Transaction<'_>> {
        Ok(self.reader.db.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// Keeps a setting.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn set_setting(&mut self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let mut put = self.reader.db.prepare_cached(
            "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?;
        put.execute(params![key, value])?;
        Ok(())
    }

    /// Drops a setting, if there is one.
    ///
    /// # Errors
    /// When that cannot be stored.
    pub fn remove_setting(&mut self, key: &str) -> Result<(), StoreError> {
        self.reader.db.prepare_cached("DELETE FROM setting WHERE name = ?1")?.execute([key])?;
        Ok(())
    }

    /// Takes in a commons with the records of its roll.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn add_commons(&mut self, id: CommonsId, records: &[VerifiedRecord]) -> Result<(), StoreError> {
        // One that was left a moment ago must be gone before it may come again.
        while self.is_leaving(id)? && self.tidy()? {}
        let tx = self.begin()?;
        tx.execute("INSERT INTO commons (id) VALUES (?1) ON CONFLICT (id) DO NOTHING", [id.as_bytes()])?;
        put_records(&tx, id, records)?;
        Ok(tx.commit()?)
    }

    /// Adds records to a commons' roll; those it has already are passed over.
    ///
    /// # Errors
    /// When the commons is not here, or the records cannot be stored.
    pub fn add_records(&mut self, id: CommonsId, records: &[VerifiedRecord]) -> Result<(), StoreError> {
        let tx = self.begin()?;
        put_records(&tx, id, records)?;
        Ok(tx.commit()?)
    }

    /// Leaves a commons: it is out of sight at once, and then removed step by step. A crash in between leaves the rest to
    /// [`Store::tidy`].
    ///
    /// # Errors
    /// When that cannot be stored.
    pub fn remove_commons(&mut self, id: CommonsId) -> Result<(), StoreError> {
        self.leave_commons(id)?;
        while self.tidy()? {}
        Ok(())
    }

    /// Puts a commons out of sight; [`Store::tidy`] then removes what belongs to it.
    ///
    /// # Errors
    /// When that cannot be stored.
    pub fn leave_commons(&mut self, id: CommonsId) -> Result<(), StoreError> {
        let tx = self.begin()?;
        // What is being left waits for nothing any more.
        tx.execute(
            "UPDATE doc SET waits = 0 WHERE waits = 1 AND commons = (SELECT no FROM commons WHERE id = ?1)",
            [id.as_bytes()],
        )?;
        tx.execute("UPDATE commons SET leaving = 1 WHERE id = ?1", [id.as_bytes()])?;
        Ok(tx.commit()?)
    }

    fn is_leaving(&self, id: CommonsId) -> Result<bool> {
        let mut find = self.db.prepare_cached("SELECT leaving FROM commons WHERE id = ?1")?;
        Ok(find.query_row([id.as_bytes()], |row| row.get(0)).optional()?.unwrap_or(false))
    }

    /// Removes some of what belongs to commons that were left; whether there is more.
    ///
    /// # Errors
    /// When that cannot be stored; the next call goes on from there.
    pub fn tidy(&mut self) -> Result<bool, StoreError> {
        let tx = self.begin()?;
        let leaving: Option<No> =
            tx.query_row("SELECT no FROM commons WHERE leaving = 1 LIMIT 1", [], |row| row.get(0)).optional()?;
        let Some(commons) = leaving else {
            return Ok(false);
        };
        // Statements first: they refer to documents on both sides.
        let statements = tx.execute(
            "DELETE FROM tagged WHERE (tag, page, member) IN (SELECT tag, page, member FROM tagged \
             WHERE tag IN (SELECT no FROM tag WHERE commons = ?1) LIMIT 4096)",
            [commons],
        )?;
        tx.execute("DELETE FROM flag WHERE commons = ?1", [commons])?;
        if statements == 0 {
            let docs: Vec<No> = {
                let mut find = tx.prepare_cached("SELECT no FROM doc WHERE commons = ?1 LIMIT ?2")?;
                find.query_map(params![commons, LEAVE_STEP], |row| row.get(0))?.collect::<Result<_, _>>()?
            };
            for doc in &docs {
                remove_doc(&tx, *doc)?;
            }
            if docs.is_empty() {
                for table in ["tag", "folder", "record"] {
                    tx.execute(&format!("DELETE FROM {table} WHERE commons = ?1"), [commons])?;
                }
                tx.execute("DELETE FROM commons WHERE no = ?1", [commons])?;
            }
        }
        tx.commit()?;
        Ok(true)
    }

    /// Has all projections of a commons made anew: they are cleared, and its documents wait to be indexed.
    ///
    /// # Errors
    /// When the commons is not here, or that cannot be stored.
    pub fn rebuild(&mut self, id: CommonsId) -> Result<(), StoreError> {
        let tx = self.begin()?;
        let commons = commons_no(&tx, id)?.ok_or(StoreError::NoCommons)?;
        let docs = "SELECT no FROM doc WHERE commons = ?1";
        tx.execute("DELETE FROM tagged WHERE tag IN (SELECT no FROM tag WHERE commons = ?1)", [commons])?;
        tx.execute("DELETE FROM flag WHERE commons = ?1", [commons])?;
        tx.execute(&format!("DELETE FROM profile WHERE member IN ({docs})"), [commons])?;
        tx.execute(&format!("DELETE FROM words WHERE rowid IN ({docs})"), [commons])?;
        tx.execute(&format!("DELETE FROM text WHERE doc IN ({docs})"), [commons])?;
        for table in ["page", "tag", "folder"] {
            tx.execute(&format!("DELETE FROM {table} WHERE commons = ?1"), [commons])?;
        }
        tx.execute("UPDATE doc SET waits = 1 WHERE commons = ?1 AND changes > 0", [commons])?;
        Ok(tx.commit()?)
    }

    /// Gives some of the room on the disk back that nothing is in any more; whether there is more of it. To be called in a quiet
    /// moment. A database that a version before this one made keeps its room, and fills it again.
    ///
    /// # Errors
    /// When that cannot be stored; nothing is lost then.
    pub fn give_room_back(&mut self) -> Result<bool, StoreError> {
        let db = &self.reader.db;
        let free = |db: &Connection| db.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0));
        // Some of it is filled again at the next moment.
        let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        let kept = pages / ROOM_KEPT;
        let before = free(db)?;
        if before < kept + ROOM_STEP {
            return Ok(false);
        }
        let mut step = db.prepare_cached(&format!("PRAGMA incremental_vacuum({ROOM_STEP})"))?;
        // It works as it is read.
        let mut rows = step.raw_query();
        while rows.next()?.is_some() {}
        let after = free(db)?;
        Ok(after < before && after >= kept + ROOM_STEP)
    }

    /// Brings the log into the database and gives its room on the disk back, if that is worth it and nobody reads from it just
    /// now. To be called in a quiet moment.
    ///
    /// # Errors
    /// When the disk does not take it; nothing is lost then.
    pub fn shrink_log(&mut self) -> Result<(), StoreError> {
        if open::log_size(&self.dir) < WORTH_SHRINKING {
            return Ok(());
        }
        let db = &self.reader.db;
        db.busy_timeout(Duration::ZERO)?;
        let done = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        db.busy_timeout(open::PATIENCE)?;
        Ok(done?)
    }

    /// Brings the log into the database: then all that was committed is on the disk, also where [`Log::sync`] failed.
    ///
    /// # Errors
    /// When the disk does not take it, or somebody reads what the log stands in for just now; nothing is lost then.
    pub fn bring_in_log(&mut self) -> Result<(), StoreError> {
        let done = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let (busy, all, brought) = self.reader.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], done)?;
        if busy != 0 || brought < all {
            return Err(StoreError::Fault(format!("{brought} of {all} parts of the log were brought in")));
        }
        Ok(())
    }

    /// Writes a whole copy of the database, as of now, to a new file. It appears under its name when it is complete.
    ///
    /// # Errors
    /// When the file is there already or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        if to.exists() {
            return Err(StoreError::Io(std::io::ErrorKind::AlreadyExists.into()));
        }
        let mut part = to.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        if part.exists() {
            fs::remove_file(&part)?;
        }
        let name = part.to_str().ok_or_else(|| StoreError::Fault("the file's name is no Unicode text".to_owned()))?;
        self.db.execute("VACUUM INTO ?1", [name])?;
        File::open(&part)?.sync_all()?;
        fs::rename(&part, to)?;
        Ok(())
    }
}

fn put_records(tx: &Transaction<'_>, id: CommonsId, records: &[VerifiedRecord]) -> Result<()> {
    let commons = commons_no(tx, id)?.ok_or(StoreError::NoCommons)?;
    let mut put = tx.prepare_cached(
        "INSERT INTO record (commons, id, bytes) VALUES (?1, ?2, ?3) ON CONFLICT (commons, id) DO NOTHING",
    )?;
    for record in records {
        if record.commons() != id {
            return Err(StoreError::Fault("a record of another commons".to_owned()));
        }
        put.execute(params![commons, record.id().as_bytes(), record.bytes()])?;
    }
    Ok(())
}

/// Removes a document that no statement speaks of.
fn remove_doc(tx: &Transaction<'_>, doc: No) -> Result<()> {
    let (first, last) = all_within(doc);
    let numbers = params![first, last];
    bundle::remove_all(tx, doc)?;
    tx.prepare_cached("DELETE FROM change WHERE no BETWEEN ?1 AND ?2")?.execute(numbers)?;
    tx.prepare_cached("DELETE FROM clock WHERE no BETWEEN ?1 AND ?2")?.execute(numbers)?;
    tx.prepare_cached("DELETE FROM cut WHERE actor BETWEEN ?1 AND ?2")?.execute(numbers)?;
    tx.prepare_cached("DELETE FROM actor WHERE no BETWEEN ?1 AND ?2")?.execute(numbers)?;
    for sql in [
        "DELETE FROM snapshot WHERE doc = ?1",
        "DELETE FROM held WHERE doc = ?1",
        "DELETE FROM run WHERE doc = ?1",
        "DELETE FROM words WHERE rowid = ?1",
        "DELETE FROM text WHERE doc = ?1",
        "DELETE FROM page WHERE doc = ?1",
        "DELETE FROM profile WHERE member = ?1",
        "DELETE FROM doc WHERE no = ?1",
    ] {
        tx.prepare_cached(sql)?.execute([doc])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use commonplace_model::{DocId, PageId};
    use commonplace_trust::{DeviceKey, Draft};

    use super::*;
    use crate::{Batch, DocBatch, PageProjection, Projection};

    fn noise(n: u32) -> String {
        (0..400_u32).map(|k| blake3::hash(&(n * 1_000 + k).to_le_bytes()).to_hex().to_string()).collect()
    }

    fn two_pages(commons: CommonsId, n: u32) -> Batch {
        let doc = |n: u32| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&n.to_be_bytes());
            let page = PageProjection { title: format!("{n}"), text: Some(noise(n)), ..Default::default() };
            let (changes, attestations) = (Vec::new(), Vec::new());
            let projection = Projection::Page(page);
            DocBatch { doc: DocId::Page(PageId::new(id)), changes, attestations, projection, local: true, at: 1 }
        };
        Batch { commons, docs: vec![doc(2 * n), doc(2 * n + 1)] }
    }

    fn write(store: &mut Store, commons: CommonsId, n: u32) -> Result<()> {
        store.write(two_pages(commons, n)).map(drop)
    }

    fn store_of_a_commons(dir: &Path) -> (Store, CommonsId) {
        let mut store = Store::open(dir).expect("opens");
        let key = DeviceKey::from_seed(&[1; 32]);
        let draft = Draft { commons: None, author: key.id(), authority: None, parents: vec![], body: vec![] };
        let record = VerifiedRecord::sign(draft, &key).expect("signs");
        let commons = record.commons();
        store.add_commons(commons, &[record]).expect("stores");
        (store, commons)
    }

    #[test]
    fn only_what_need_not_wait_for_the_disk_does_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut store, commons) = store_of_a_commons(dir.path());
        let level =
            |store: &Store| -> i64 { store.db.query_row("PRAGMA synchronous", [], |row| row.get(0)).expect("a level") };
        let (normal, full) = (1, 2);
        assert_eq!(store.unsynced(|store| Ok(level(store))).expect("is told"), normal);
        assert_eq!(level(&store), full);
        store.write_unsynced(two_pages(commons, 0), &[]).expect("writes");
        assert_eq!(level(&store), full);
        let nowhere = CommonsId::new([9; 32]);
        assert!(matches!(store.write_unsynced(two_pages(nowhere, 0), &[]), Err(StoreError::NoCommons)));
        assert_eq!(level(&store), full);
        // It is there for whoever reads, and after the end of the process.
        assert_eq!(store.reader().expect("reads").counts(commons).expect("counts").pages, 2);
        store.log().expect("there is one").sync().expect("the disk has it");
    }

    #[test]
    fn the_log_is_brought_in_when_nobody_reads_what_it_stands_in_for() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut store, commons) = store_of_a_commons(dir.path());
        let reader = store.reader().expect("reads");
        reader
            .at_once(|reader| {
                assert_eq!(reader.counts(commons).expect("counts").pages, 0);
                store.write_unsynced(two_pages(commons, 0), &[]).expect("writes");
                assert!(store.bring_in_log().is_err());
            })
            .expect("reads");
        store.bring_in_log().expect("all of it");
    }

    #[test]
    fn a_full_disk_loses_nothing_and_is_over_when_there_is_room() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut store, commons) = store_of_a_commons(dir.path());

        let room = |store: &Store, pages: i64| {
            let set = store.db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get::<_, i64>(0));
            set.expect("sets");
        };
        room(&store, 200);
        let stored = (0..200).take_while(|n| match write(&mut store, commons, *n) {
            Ok(()) => true,
            Err(StoreError::Full) => false,
            Err(other) => panic!("{other}"),
        });
        let stored = u32::try_from(stored.count()).expect("few");
        assert!((1..200).contains(&stored), "{stored}");
        assert!(matches!(write(&mut store, commons, stored), Err(StoreError::Full)));
        assert_eq!(store.counts(commons).expect("reads").pages, u64::from(2 * stored));
        assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
        room(&store, 1_000_000);
        write(&mut store, commons, stored).expect("there is room again");
        drop(store);
        let store = Store::open(dir.path()).expect("opens");
        assert_eq!(store.counts(commons).expect("reads").pages, u64::from(2 * stored + 2));
        assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
    }
}
