//! Who holds what this device wrote.

use commonplace_store::{Projection, Store};

use crate::writing::{Made, Writer, batch, device, page_id, profile};

fn write(store: &mut Store, commons: commonplace_model::CommonsId, writer: &Writer, made: Made, local: bool) {
    store.write(batch(commons, writer.doc(), &[made], Projection::Later, local)).expect("stores");
}

#[test]
fn a_change_is_only_here_until_somebody_says_they_keep_it() {
    let (_dir, mut store, commons) = profile();
    let mut writer = Writer::new(1, commons, page_id(1));
    let doc = writer.doc();
    let first = writer.begin("Kettle", "boil");
    let actor = first.0.actor();
    assert_eq!((store.wrote(commons, doc).expect("reads"), store.only_here(commons).expect("reads")), (false, 0));
    write(&mut store, commons, &writer, first, true);
    assert_eq!((store.wrote(commons, doc).expect("reads"), store.only_here(commons).expect("reads")), (true, 1));
    assert_eq!(store.newest_written(commons, doc).expect("reads"), Some((actor, 1)));
    assert_eq!(store.holders(commons, doc).expect("reads"), vec![]);

    let latest = |store: &Store| -> Vec<(u64, bool)> {
        store.holders(commons, doc).expect("reads").into_iter().map(|h| (h.at, h.latest)).collect()
    };
    store.set_held(commons, &[(device(2), vec![(doc, vec![(actor, 1)])])], 10).expect("stores");
    assert_eq!((latest(&store), store.only_here(commons).expect("reads")), (vec![(10, true)], 0));

    let second = writer.insert("!");
    write(&mut store, commons, &writer, second, true);
    assert_eq!((latest(&store), store.only_here(commons).expect("reads")), (vec![(10, false)], 1));
    // What is said of the change before says nothing of this one.
    store.set_held(commons, &[(device(3), vec![(doc, vec![(actor, 1)])])], 20).expect("stores");
    assert_eq!((latest(&store), store.only_here(commons).expect("reads")), (vec![(20, false), (10, false)], 1));
    store.set_held(commons, &[(device(3), vec![(doc, vec![(actor, 2)])])], 30).expect("stores");
    assert_eq!((latest(&store), store.only_here(commons).expect("reads")), (vec![(30, true), (10, false)], 0));
    // A word that was late takes nothing back.
    store.set_held(commons, &[(device(3), vec![(doc, vec![(actor, 1)])])], 40).expect("stores");
    assert_eq!((latest(&store), store.only_here(commons).expect("reads")), (vec![(40, true), (10, false)], 0));
}

#[test]
fn what_others_wrote_is_not_counted() {
    let (_dir, mut store, commons) = profile();
    let mut other = Writer::new(2, commons, page_id(1));
    let theirs = other.begin("Kettle", "");
    let actor = theirs.0.actor();
    write(&mut store, commons, &other, theirs, false);
    let doc = other.doc();
    store.set_held(commons, &[(device(2), vec![(doc, vec![(actor, 1)])])], 10).expect("stores");
    assert_eq!(store.only_here(commons).expect("reads"), 0);
    assert_eq!(store.holders(commons, doc).expect("reads"), vec![]);
    assert!(!store.wrote(commons, doc).expect("reads"));
}

#[test]
fn an_equal_digest_says_that_all_is_held() {
    let (_dir, mut store, commons) = profile();
    let mut writer = Writer::new(1, commons, page_id(1));
    let doc = writer.doc();
    let first = writer.begin("Kettle", "");
    write(&mut store, commons, &writer, first, true);
    let digest = store.digest(commons, doc).expect("reads").expect("has one");
    let second = writer.insert("boil");
    write(&mut store, commons, &writer, second, true);
    store.set_held_whole(commons, device(2), &[(doc, digest)], 10).expect("stores");
    assert_eq!(store.only_here(commons).expect("reads"), 1, "the digest is an older one");
    let digest = store.digest(commons, doc).expect("reads").expect("has one");
    store.set_held_whole(commons, device(2), &[(doc, digest)], 20).expect("stores");
    assert_eq!(store.only_here(commons).expect("reads"), 0);
    assert!(store.holders(commons, doc).expect("reads")[0].latest);
}
