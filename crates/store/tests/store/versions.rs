//! Databases that earlier versions wrote.

use commonplace_model::DocId;
use commonplace_store::{Projection, Store};
use commonplace_trust::History;

use crate::{
    documents::conversation,
    runs::{all, store_at},
    writing::{Made, Writer, batch, device, page_id, profile},
};

/// Takes a database of today back to version 6. Nothing in it may be in a bundle.
pub(crate) const TO_VERSION_6: &str =
    "DROP TABLE bundled; DROP TABLE bundle; DROP INDEX doc_loose; ALTER TABLE doc DROP COLUMN loose;";

#[test]
fn a_database_of_version_1_gets_the_clocks_that_its_changes_have() {
    let (dir, mut store, commons) = profile();
    let turns: Vec<_> = (0..120).map(|n| (n * 7 % 3, n % 4 != 1)).collect();
    let (said, doc) = (conversation(commons, &turns), DocId::Page(page_id(1)));
    store.write(batch(commons, doc, &said, Projection::Later, true)).expect("stores");
    let clocks = |store: &Store| -> Vec<_> {
        let history = store.history(commons, doc).expect("reads");
        let of = |made: &Made| {
            let clock = history.clock(&made.0.hash()).expect("has a clock");
            (clock.newest(&made.0.actor()), clock.since(), clock.others())
        };
        let clocks = said.iter().map(of).collect();
        history.sound().expect("every question was answered");
        clocks
    };
    let wanted = clocks(&store);
    assert!(wanted.iter().any(|(_, _, others)| others.len() == 2), "somebody heard of both others");
    drop(store);
    // From the disk, and not from what was kept in memory.
    let store = Store::open(dir.path()).expect("opens");
    assert_eq!(clocks(&store), wanted);
    drop(store);

    let db = rusqlite::Connection::open(dir.path().join("profile.db")).expect("opens");
    let later = ["built_seq", "built", "built_signature", "run"]
        .map(|column| format!("ALTER TABLE actor DROP COLUMN {column}"));
    db.execute_batch(&format!(
        "{TO_VERSION_6} DROP TABLE dictionary; DROP TABLE dictionary_again; DROP TABLE clock; DROP TABLE run; DROP TABLE flag; \
         DROP TABLE flagger; {}; PRAGMA user_version = 1",
        later.join(";")
    ))
    .expect("is of version 1 again");
    drop(db);
    let store = Store::open(dir.path()).expect("opens, and works them out");
    assert_eq!(clocks(&store), wanted);
}

#[test]
fn a_database_of_version_3_gets_the_runs_of_its_changes() {
    let (dir, mut store, commons) = profile();
    let (mut ada, mut ben) = (Writer::new(1, commons, page_id(1)), Writer::new(2, commons, page_id(2)));
    let mut made = vec![ada.begin("A", "a")];
    made.extend((0..1_200).map(|_| ada.insert("x")));
    // So few at once that each has a row, as all had then.
    made.chunks(400).for_each(|some| store_at(&mut store, commons, ada.doc(), some, 7));
    store_at(&mut store, commons, ben.doc(), &[ben.begin("B", "b")], 5);
    drop(store);
    let db = rusqlite::Connection::open(dir.path().join("profile.db")).expect("opens");
    db.execute_batch(&format!(
        "{TO_VERSION_6} DROP TABLE dictionary; DROP TABLE dictionary_again; DROP TABLE run; DROP TABLE flag; DROP TABLE flagger; \
         ALTER TABLE actor DROP COLUMN run; PRAGMA user_version = 3",
    ))
    .expect("is of version 3 again");
    drop(db);
    let mut store = Store::open(dir.path()).expect("opens");
    let told = |store: &Store| {
        all(store, commons).iter().map(|r| (r.doc, r.first, r.last, r.at, r.device)).collect::<Vec<_>>()
    };
    let (one, two) = (Some(device(1)), Some(device(2)));
    assert_eq!(
        told(&store),
        vec![(ada.doc(), 1_001, 1_201, 7, one), (ada.doc(), 1, 1_000, 7, one), (ben.doc(), 1, 1, 5, two)]
    );
    store_at(&mut store, commons, ada.doc(), &[ada.insert("y")], 8);
    assert_eq!(told(&store)[0], (ada.doc(), 1_001, 1_202, 8, one), "and they go on");
    assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
}

#[test]
fn a_long_history_of_version_6_is_bundled() {
    let (dir, mut store, commons) = profile();
    let mut writer = Writer::new(1, commons, page_id(1));
    let mut made = vec![writer.begin("A", "a")];
    made.extend((0..1_500).map(|_| writer.insert("x")));
    made.chunks(400).for_each(|some| store_at(&mut store, commons, writer.doc(), some, 7));
    drop(store);
    let db = rusqlite::Connection::open(dir.path().join("profile.db")).expect("opens");
    db.execute_batch(&[TO_VERSION_6, "PRAGMA user_version = 6"].concat()).expect("is of version 6 again");
    let mut store = Store::open(dir.path()).expect("opens");
    while store.bundle_some().expect("bundles") {}
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    // All but the newest, and those after the last place where everything is vouched for, which are too few for another one.
    let bundled = count("SELECT sum(last - first + 1) FROM bundle");
    assert!((1_500 - 256 - 512..=1_500 - 256).contains(&bundled), "{bundled}");
    let end = "(SELECT max(last) FROM bundle) - (doc.no << 32)";
    assert_eq!(count(&format!("SELECT count(*) FROM cut, doc WHERE cut.change = {end}")), 1);
    assert!(count("SELECT count(*) FROM change") < 1_500 - bundled + 20);
    let stored = store.changes(commons, writer.doc(), None).expect("reads");
    assert!(stored.iter().map(commonplace_trust::VerifiedChange::hash).eq(made.iter().map(|(c, _)| c.hash())));
    assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
}
