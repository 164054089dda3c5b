//! The profile itself: folder, lock, version, settings, peers, backup.

use std::fs;

use commonplace_store::{Peer, Store, StoreError};

use crate::writing::{device, list, page, page_id, profile};

#[test]
fn settings_survive_closing() {
    let dir = tempfile::tempdir().expect("a folder");
    let home = dir.path().join("new").join("home");
    let mut store = Store::open(&home).expect("opens");
    store.set_setting("name", b"one").expect("stores");
    store.set_setting("name", b"two").expect("stores");
    store.set_setting("other", b"").expect("stores");
    drop(store);
    let mut store = Store::open(&home).expect("opens again");
    assert_eq!(store.setting("name").expect("reads").as_deref(), Some(&b"two"[..]));
    store.remove_setting("name").expect("removes");
    assert_eq!(store.setting("name").expect("reads"), None);
    assert_eq!(store.setting("other").expect("reads"), Some(Vec::new()));
}

#[cfg(unix)]
#[test]
fn the_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a folder");
    let home = dir.path().join("home");
    drop(Store::open(&home).expect("opens"));
    assert_eq!(fs::metadata(&home).expect("there").permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_profile_is_open_once() {
    let (dir, store, _) = profile();
    let Err(StoreError::InUse { pid }) = Store::open(dir.path()) else { panic!("opened twice") };
    assert_eq!(pid, Some(std::process::id()));
    drop(store);
    Store::open(dir.path()).expect("free again");
}

#[test]
fn a_newer_profile_is_left_alone() {
    let (dir, store, commons) = profile();
    drop(store);
    let path = dir.path().join("profile.db");
    let db = rusqlite::Connection::open(&path).expect("opens");
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("reads");
    db.pragma_update(None, "user_version", 9_000).expect("writes");
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Newer { version: 9_000, .. })));
    db.pragma_update(None, "user_version", version).expect("writes");
    drop(db);
    assert_eq!(Store::open(dir.path()).expect("opens").commons().expect("reads"), vec![commons]);
}

#[test]
fn what_is_no_database_is_damaged_and_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("profile.db");
    let garbage = "this is no database ".repeat(1_000);
    fs::write(&path, &garbage).expect("writes");
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Damaged(_))));
    assert_eq!(fs::read_to_string(&path).expect("reads"), garbage);
}

#[test]
fn damage_inside_is_found() {
    let (dir, mut store, commons) = profile();
    for n in 0..200 {
        list(&mut store, commons, page_id(n), page(&format!("Page {n}"), "", "words in it"));
    }
    assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
    drop(store);
    let path = dir.path().join("profile.db");
    let mut bytes = fs::read(&path).expect("reads");
    let from = bytes.len() / 2;
    for byte in &mut bytes[from..] {
        *byte ^= 0x5a;
    }
    fs::write(&path, bytes).expect("writes");
    let found = Store::open(dir.path()).and_then(|store| store.integrity());
    assert!(!matches!(found, Ok(faults) if faults.is_empty()));
}

#[test]
fn a_reader_sees_what_was_written_and_writes_nothing() {
    let (dir, mut store, commons) = profile();
    let reader = store.reader().expect("opens");
    list(&mut store, commons, page_id(1), page("Kettle", "", "boil"));
    assert_eq!(reader.page(commons, page_id(1)).expect("reads").map(|row| row.title).as_deref(), Some("Kettle"));
    let elsewhere = std::thread::spawn(move || reader.page_text(commons, page_id(1)).expect("reads"));
    assert_eq!(elsewhere.join().expect("ends").as_deref(), Some("boil"));
    drop(dir);
}

#[test]
fn peers_are_kept() {
    let (_dir, mut store, _) = profile();
    let peer = Peer {
        device: device(7),
        addresses: vec!["[fe80::1]:4000".parse().expect("an address"), "10.0.0.7:4000".parse().expect("an address")],
        relays: vec!["https://relay.example.org".parse().expect("an address")],
        last_seen: None,
    };
    assert_eq!(store.peer(peer.device).expect("reads"), None);
    store.set_peer(&peer).expect("stores");
    assert_eq!(store.peer(peer.device).expect("reads"), Some(peer.clone()));
    let later = Peer { addresses: Vec::new(), last_seen: Some(5), ..peer };
    store.set_peer(&later).expect("stores");
    store
        .set_peer(&Peer { device: device(8), addresses: Vec::new(), relays: Vec::new(), last_seen: Some(6) })
        .expect("stores");
    let all: Vec<_> = store.peers().expect("reads").into_iter().map(|peer| (peer.device, peer.last_seen)).collect();
    assert_eq!(all, vec![(device(8), Some(6)), (device(7), Some(5))]);
}

#[test]
fn a_backup_is_a_profile() {
    let (_dir, mut store, commons) = profile();
    list(&mut store, commons, page_id(1), page("Kettle", "", "boil"));
    let other = tempfile::tempdir().expect("a folder");
    let copy = other.path().join("profile.db");
    store.backup(&copy).expect("copies");
    list(&mut store, commons, page_id(2), page("Later", "", ""));
    assert!(store.backup(&copy).is_err(), "an older backup is not overwritten");
    let copied = Store::open(other.path()).expect("opens");
    assert_eq!(copied.counts(commons).expect("reads").pages, 1);
    assert_eq!(copied.search(commons, "boil", 10).expect("finds").len(), 1);
    assert_eq!(copied.integrity().expect("checks"), Vec::<String>::new());
}

#[test]
fn a_long_log_gives_its_room_back_in_a_quiet_moment() {
    let (dir, mut store, commons) = profile();
    let size = || fs::metadata(dir.path().join("profile.db-wal")).map_or(0, |log| log.len());
    for n in 0..400_u32 {
        let text = blake3::hash(&n.to_le_bytes()).to_hex().repeat(80);
        list(&mut store, commons, page_id(n), page(&format!("Page {n}"), "", &text));
    }
    let grown = size();
    assert!(grown > 1 << 20, "{grown}");
    {
        let reader = store.reader().expect("opens");
        let busy = reader.at_once(|reader| {
            assert_eq!(reader.counts(commons).expect("reads").pages, 400);
            store.shrink_log()
        });
        // Whoever reads at that moment is not disturbed, and does not make it wait.
        let _ = busy.expect("reads on");
        assert_eq!(reader.counts(commons).expect("reads").pages, 400);
    }
    store.shrink_log().expect("shrinks");
    assert_eq!(size(), 0);
    assert_eq!(store.counts(commons).expect("reads").pages, 400);
}

#[test]
fn room_that_nothing_is_in_any_more_is_given_back_step_by_step() {
    let (dir, mut store, commons) = profile();
    for n in 0..40_u32 {
        let noise = |k: u32| blake3::hash(&(n * 1_000 + k).to_le_bytes()).to_hex().to_string();
        let text = (0..400).map(noise).collect::<Vec<_>>().join(" ");
        list(&mut store, commons, page_id(n), page(&format!("Page {n}"), "", &text));
    }
    while store.give_room_back().expect("gives back") {}
    store.remove_commons(commons).expect("removes");
    let again = |store: Store| {
        drop(store);
        let bytes = fs::metadata(dir.path().join("profile.db")).expect("a file").len();
        (Store::open(dir.path()).expect("opens"), bytes)
    };
    let (mut store, before) = again(store);
    let steps = (1..1_000).find(|_| !store.give_room_back().expect("gives back")).expect("an end");
    assert!(steps > 3, "{steps}");
    let (store, after) = again(store);
    assert!(after * 3 < before, "{before} before and {after} after");
    assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
}
