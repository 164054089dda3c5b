//! What changes have in common is kept once, and twice.

use std::{
    fs::OpenOptions,
    io::{Seek, SeekFrom, Write},
    path::Path,
};

use commonplace_model::{CommonsId, DocId};
use commonplace_store::{Batch, Projection, Reader, Store, StoreError};
use rusqlite::Connection;

use crate::{
    versions::TO_VERSION_6,
    writing::{Writer, batch, page_id, profile},
};

/// Pages that are written: more than a dictionary is made of.
const PAGES: u32 = 600;
/// Of these so many at once; the dictionary is made after the eighth time.
const TOGETHER: usize = 64;

fn text(n: u32) -> String {
    let mut text =
        format!("# command-{n}\n\n> What `command-{n}` does.\n> More information: <https://example.org/{n}>.\n");
    for word in ["file", "folder", "name", "pattern"] {
        text += &format!("\n- Show each {word} of number {n}:\n\n`command-{n} --{word} {{{{path/to/{word}}}}}`\n");
    }
    text
}

/// A page for each number; gives the bytes of their changes.
fn fill(store: &mut Store, commons: CommonsId, numbers: std::ops::Range<u32>) -> usize {
    let mut bytes = 0;
    let numbers: Vec<u32> = numbers.collect();
    for numbers in numbers.chunks(TOGETHER) {
        let mut together = Batch { commons, docs: Vec::new() };
        for n in numbers {
            let mut writer = Writer::new(1, commons, page_id(*n));
            let made = writer.begin(&format!("Page {n}"), &text(*n));
            bytes += made.0.bytes().len();
            together.docs.extend(batch(commons, writer.doc(), &[made], Projection::Later, true).docs);
        }
        store.write(together).expect("stores");
    }
    bytes
}

/// Pages whose change can be read.
fn readable(reader: &Reader, commons: CommonsId, numbers: std::ops::Range<u32>) -> u32 {
    let whole = |n: &u32| match reader.changes(commons, DocId::Page(page_id(*n)), None) {
        Ok(changes) => changes.len() == 1,
        Err(StoreError::Damaged(_)) => false,
        Err(other) => panic!("{other}"),
    };
    u32::try_from(numbers.filter(whole).count()).expect("few")
}

fn database(dir: &Path) -> Connection {
    Connection::open(dir.join("profile.db")).expect("opens")
}

fn number(dir: &Path, sql: &str) -> u32 {
    database(dir).query_row(sql, [], |row| row.get(0)).expect("a number")
}

fn damage(dir: &Path, table: &str) {
    database(dir).execute(&format!("UPDATE {table} SET bytes = zeroblob(length(bytes))"), []).expect("writes");
}

#[test]
fn many_small_changes_take_less_room_and_are_read_by_all() {
    let (dir, mut store, commons) = profile();
    let reader = store.reader().expect("opens");
    let bytes = fill(&mut store, commons, 0..PAGES);
    let count = |table: &str| number(dir.path(), &format!("SELECT count(*) FROM {table}"));
    assert_eq!((count("dictionary"), count("dictionary_again")), (1, 1));
    assert_eq!(readable(&reader, commons, 0..PAGES), PAGES);
    drop((store, reader));

    // Packed by the one that was made before.
    let mut store = Store::open(dir.path()).expect("opens");
    let more = fill(&mut store, commons, PAGES..2 * PAGES);
    assert_eq!((count("dictionary"), count("dictionary_again")), (1, 1));
    assert_eq!(readable(&store, commons, 0..2 * PAGES), 2 * PAGES);
    let stored =
        |from: &str| number(dir.path(), &format!("SELECT sum(length(bytes)) FROM change WHERE no >> 32 {from}"));
    let (first, later) = (stored("<= 512"), stored("> 600"));
    assert!(
        later * 512 * 2 < first * 600,
        "{first} bytes without and {later} with a dictionary, of {bytes} and {more}"
    );
    assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
}

/// Overwrites the page of the file at which a table begins.
fn tear(dir: &Path, table: &str) {
    let page = number(dir, &format!("SELECT rootpage FROM sqlite_schema WHERE name = '{table}'"));
    let mut file = OpenOptions::new().write(true).open(dir.join("profile.db")).expect("opens");
    file.seek(SeekFrom::Start(u64::from(page - 1) * 8_192)).expect("a page");
    file.write_all(&[0; 8_192]).expect("writes");
}

#[test]
fn a_damaged_copy_of_it_loses_nothing_and_is_mended() {
    for table in ["dictionary", "dictionary_again"] {
        let (dir, mut store, commons) = profile();
        fill(&mut store, commons, 0..PAGES);
        damage(dir.path(), table);
        let faults = store.integrity().expect("checks");
        assert!(matches!(&faults[..], [fault] if fault.contains("of the 2 copies")), "{faults:?}");
        drop(store);
        let mut store = Store::open(dir.path()).expect("opens");
        fill(&mut store, commons, PAGES..PAGES + 9);
        assert_eq!(readable(&store, commons, 0..PAGES + 9), PAGES + 9);
        assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
        let equal = "SELECT count(*) FROM dictionary d JOIN dictionary_again a USING (id, digest, bytes)";
        assert_eq!(number(dir.path(), equal), 1);
    }
}

#[test]
fn a_torn_table_of_it_loses_nothing() {
    for table in ["dictionary", "dictionary_again"] {
        let (dir, mut store, commons) = profile();
        fill(&mut store, commons, 0..PAGES);
        drop(store);
        tear(dir.path(), table);
        let mut store = Store::open(dir.path()).expect("opens");
        fill(&mut store, commons, PAGES..2 * PAGES);
        assert_eq!(readable(&store, commons, 0..2 * PAGES), 2 * PAGES);
        assert!(!matches!(store.integrity(), Ok(faults) if faults.is_empty()));
    }
}

#[test]
fn what_is_written_is_written_though_it_cannot_be_stored() {
    let (dir, mut store, commons) = profile();
    let full = "CREATE TRIGGER full BEFORE INSERT ON dictionary_again BEGIN SELECT RAISE(ABORT, 'no room'); END";
    database(dir.path()).execute_batch(full).expect("a trigger");
    fill(&mut store, commons, 0..2 * PAGES);
    assert_eq!(readable(&store, commons, 0..2 * PAGES), 2 * PAGES);
    assert_eq!(number(dir.path(), "SELECT count(*) FROM dictionary"), 0);
    database(dir.path()).execute_batch("DROP TRIGGER full").expect("no trigger");
    drop(store);
    // What is there is looked at when the profile is opened.
    let mut store = Store::open(dir.path()).expect("opens");
    fill(&mut store, commons, 2 * PAGES..2 * PAGES + 1);
    assert_eq!(number(dir.path(), "SELECT count(*) FROM dictionary"), 1);
    assert_eq!(readable(&store, commons, 0..2 * PAGES + 1), 2 * PAGES + 1);
}

#[test]
fn a_database_of_version_5_gets_one_made_of_what_is_in_it() {
    let (dir, mut store, commons) = profile();
    fill(&mut store, commons, 0..PAGES - 100);
    drop(store);
    let before = "DROP TABLE dictionary; DROP TABLE dictionary_again; CREATE INDEX run_actor ON run (actor); \
                  PRAGMA user_version = 5";
    database(dir.path()).execute_batch(&[TO_VERSION_6, before].concat()).expect("is of version 5 again");
    let mut store = Store::open(dir.path()).expect("opens");
    assert_eq!(readable(&store, commons, 0..PAGES - 100), PAGES - 100);
    fill(&mut store, commons, PAGES - 100..PAGES);
    assert_eq!(number(dir.path(), "SELECT count(*) FROM dictionary"), 1);
    assert_eq!(readable(&store, commons, 0..PAGES), PAGES);
    assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
}

#[test]
fn where_both_copies_are_damaged_what_needs_neither_is_read_and_written() {
    let (dir, mut store, commons) = profile();
    fill(&mut store, commons, 0..PAGES);
    drop(store);
    damage(dir.path(), "dictionary");
    damage(dir.path(), "dictionary_again");
    let mut store = Store::open(dir.path()).expect("opens");
    assert_eq!(readable(&store, commons, 0..PAGES), 512, "those before the dictionary");
    assert_eq!(store.integrity().expect("checks").len(), 1);
    fill(&mut store, commons, PAGES..2 * PAGES);
    assert_eq!(readable(&store, commons, PAGES..2 * PAGES), PAGES);
    assert_eq!(number(dir.path(), "SELECT count(*) FROM dictionary"), 2, "another one is made");
}
