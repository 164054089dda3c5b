//! Opening a profile: its folder, its lock, its database and the versions of that.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::{
    clock,
    error::{Result, StoreError},
    flag,
};

/// The database's file in the profile's folder.
const DATABASE: &str = "profile.db";
/// The file whose lock says that the profile is in use.
const LOCK: &str = "profile.lock";
/// One step per version, the first one from nothing.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001.sql"),
    include_str!("../migrations/0002.sql"),
    include_str!("../migrations/0003.sql"),
    include_str!("../migrations/0004.sql"),
    include_str!("../migrations/0005.sql"),
    include_str!("../migrations/0006.sql"),
    include_str!("../migrations/0007.sql"),
];
/// The step after which clocks are worked out for the changes that are there.
const CLOCKS: u32 = 2;
/// The step after which flags are brought over that were there.
const FLAGS: u32 = 5;
/// How long one connection waits for another.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Statements kept prepared.
const STATEMENTS: usize = 128;

/// Where the log of a profile's database is.
pub(crate) fn log_path(dir: &Path) -> PathBuf {
    let mut path = database_path(dir).into_os_string();
    path.push("-wal");
    path.into()
}

/// Bytes of the database's log.
pub(crate) fn log_size(dir: &Path) -> u64 {
    fs::metadata(log_path(dir)).map_or(0, |log| log.len())
}

/// Has each commit wait until it is on the disk, with all before it.
pub(crate) fn sync_commits(db: &Connection) -> Result<()> {
    Ok(db.pragma_update(None, "synchronous", "FULL")?)
}

/// Where the database of a profile is.
pub(crate) fn database_path(dir: &Path) -> PathBuf {
    dir.join(DATABASE)
}

/// Makes the profile's folder, for its owner alone, if there is none.
pub(crate) fn make_dir(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => StoreError::NoFolder(dir.to_owned()),
        _ => error.into(),
    })
}

/// Makes the database's file, for its owner alone, if there is none: SQLite would let others read it where they may look into
/// the folder. Those beside it get its rights. With `begun`, one without anything in it is a fault.
pub(crate) fn make_file(dir: &Path, begun: bool) -> Result<()> {
    let path = database_path(dir);
    let is_empty = fs::metadata(&path).map_or_else(
        |error| if error.kind() == io::ErrorKind::NotFound { Ok(true) } else { Err(error) },
        |there| Ok(there.len() == 0),
    )?;
    if is_empty && begun {
        return Err(StoreError::Gone(path));
    }
    if is_empty {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path)?;
    }
    Ok(())
}

/// Takes the profile's lock, which the system gives back when the process ends, however it ends.
pub(crate) fn lock(dir: &Path) -> Result<File> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Where the lock keeps others from reading too, the holder stays unnamed.
            let _ = file.take(32).read_to_string(&mut holder);
            return Err(StoreError::InUse { pid: holder.trim().parse().ok() });
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())?;
    Ok(file)
}

/// The one connection that writes.
pub(crate) fn writer(dir: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(database_path(dir), flags)?;
    // Counts when the database is made: a change of up to about 8 KB then lies in one page.
    db.pragma_update(None, "page_size", 8_192)?;
    // So does this, and it would write into one that is there: room that nothing is in any more can be given back step by step.
    if db.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0))? == 0 {
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    let _mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    sync_commits(&db)?;
    // What a burst made of the log is given back.
    db.pragma_update(None, "journal_size_limit", 16 << 20)?;
    prepare(&db)?;
    migrate(&mut db)?;
    Ok(db)
}

/// A connection that only reads.
pub(crate) fn reader(dir: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(database_path(dir), flags)?;
    prepare(&db)?;
    Ok(db)
}

fn prepare(db: &Connection) -> Result<()> {
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // Or a statement with a range in it is prepared anew each time that the range is another one.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.busy_timeout(PATIENCE)?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    // 16 MiB. The file is not mapped into memory: a disk that fails would then end the process instead of giving an error.
    db.pragma_update(None, "cache_size", -16_384)?;
    Ok(())
}

fn migrate(db: &mut Connection) -> Result<()> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    let version: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > known {
        return Err(StoreError::Newer { version, known });
    }
    for (step, sql) in (1_u32..).zip(MIGRATIONS).filter(|(step, _)| *step > version) {
        let tx = db.transaction()?;
        tx.execute_batch(sql)?;
        if step == CLOCKS {
            clock::work_out_all(&tx)?;
        }
        if step == FLAGS {
            flag::bring_over(&tx)?;
        }
        tx.pragma_update(None, "user_version", step)?;
        tx.commit()?;
        tracing::info!(version = step, "the profile's database has a new version");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use commonplace_model::{CommonsId, DocId, MemberId, PageId};
    use rusqlite::params;

    use super::*;
    use crate::Store;

    #[test]
    fn flags_of_version_4_are_brought_over() {
        let dir = tempfile::tempdir().expect("a folder");
        {
            let db = Connection::open(database_path(dir.path())).expect("opens");
            MIGRATIONS[..4].iter().for_each(|sql| db.execute_batch(sql).expect("a version"));
            db.pragma_update(None, "user_version", 4).expect("writes");
            let (page, member) = (DocId::Page(PageId::new([3; 16])), DocId::Ledger(MemberId::new([4; 32])));
            db.execute("INSERT INTO commons (no, id) VALUES (1, ?1)", [[1_u8; 32]]).expect("a commons");
            for (no, doc) in [(1, page), (2, member)] {
                db.execute(
                    "INSERT INTO doc (no, commons, id, changed_at) VALUES (?1, 1, ?2, 0)",
                    params![no, doc.to_bytes()],
                )
                .expect("a document");
            }
            let span = [&[5_u8; 16][..], &1_u64.to_be_bytes(), &2_u64.to_be_bytes()].concat();
            for (span, reason) in [(Vec::new(), "why?"), (span, "")] {
                db.execute("INSERT INTO flag VALUES (1, 1, 2, ?1, ?2)", params![span, reason]).expect("a flag");
            }
        }
        let store = Store::open(dir.path()).expect("opens");
        let all = store.flags(CommonsId::new([1; 32]), None, 9).expect("reads");
        let told: Vec<_> = all.flags.iter().map(|f| (f.span.map(|s| (s.first, s.last)), f.reason.as_str())).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.contains(&(None, "why?")) && told.contains(&(Some((1, 2)), "")), "{told:?}");
        assert_eq!((all.more, store.integrity().expect("checks")), (Vec::new(), Vec::new()));
    }
}
