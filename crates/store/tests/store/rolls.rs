//! Commons and their rolls: coming, growing, and leaving.

use commonplace_model::DocId;
use commonplace_store::{Counts, PageQuery, Projection, StoreError};

use crate::writing::{Member, Writer, batch, device, founding, list, page, page_id, profile};

#[test]
fn records_stay_in_order_and_come_once() {
    let (_dir, mut store, commons) = profile();
    let records = founding(1);
    store.add_records(commons, &records).expect("stores");
    assert_eq!(store.records(commons).expect("reads"), records);
    let other = founding(2);
    assert!(matches!(store.add_records(other[0].commons(), &other), Err(StoreError::NoCommons)));
    assert!(store.add_records(commons, &other).is_err(), "a record of another commons");
    store.add_commons(other[0].commons(), &other[..1]).expect("stores");
    store.add_records(other[0].commons(), &other).expect("stores");
    assert_eq!(store.records(other[0].commons()).expect("reads"), other);
    assert_eq!(store.commons().expect("reads"), vec![commons, other[0].commons()]);
}

#[test]
fn leaving_takes_everything_along_and_nothing_else() {
    let (_dir, mut store, stays) = profile();
    let records = founding(2);
    let leaves = records[0].commons();
    store.add_commons(leaves, &records).expect("stores");
    for commons in [stays, leaves] {
        for n in 0..100 {
            let mut writer = Writer::new(1, commons, page_id(n));
            let made = vec![writer.begin("T", "kettle")];
            let doc = writer.doc();
            store.write(batch(commons, doc, &made, page("T", "f", "kettle"), true)).expect("stores");
            store.set_held(commons, &[(device(5), vec![(doc, vec![(made[0].0.actor(), 1)])])], 1).expect("stores");
        }
        let mut member = Member::new(3, commons);
        let tag = |n| commonplace_model::Statement::Tag { page: page_id(n), tag: "wet".parse().expect("a tag") };
        member.say(&mut store, &(0..50).map(tag).collect::<Vec<_>>(), &[]);
        let doc = DocId::Page(page_id(1));
        store.compact(commons, doc, b"compact").expect("stores");
        let mut more = Writer::new(2, commons, page_id(1));
        let made = vec![more.begin("T", "")];
        store.write(batch(commons, doc, &made, Projection::Later, false)).expect("stores");
    }
    let before = (store.counts(stays).expect("reads"), store.digests(stays).expect("reads"));
    store.remove_commons(leaves).expect("leaves");
    assert_eq!(store.commons().expect("reads"), vec![stays]);
    assert_eq!(store.digests(stays).expect("reads"), before.1);
    assert_eq!(store.counts(stays).expect("reads"), before.0);
    assert_eq!(before.0, Counts { pages: 100, tags: 1, unindexed: 1 });
    assert_eq!(store.search(stays, "kettle", 200).expect("finds").len(), 100);
    assert!(store.search(leaves, "kettle", 200).expect("finds").is_empty());
    assert!(matches!(store.records(leaves), Err(StoreError::NoCommons)));
    assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());

    store.add_commons(leaves, &records).expect("comes back");
    assert_eq!(store.records(leaves).expect("reads"), records);
    assert_eq!(store.digests(leaves).expect("reads"), vec![]);
    assert_eq!(store.counts(leaves).expect("reads"), Counts::default());
}

#[test]
fn a_commons_that_is_being_left_is_out_of_sight_at_once() {
    let (dir, mut store, commons) = profile();
    for n in 0..100 {
        list(&mut store, commons, page_id(n), page("T", "", "kettle"));
    }
    let mut writer = Writer::new(1, commons, page_id(1));
    let made = vec![writer.begin("T", "")];
    store.write(batch(commons, writer.doc(), &made, Projection::Later, true)).expect("stores");
    store.leave_commons(commons).expect("leaves");
    assert!(store.tidy().expect("removes some"));
    drop(store);
    // The app ended in between.
    let mut store = commonplace_store::Store::open(dir.path()).expect("opens");
    assert_eq!(store.commons().expect("reads"), vec![]);
    assert_eq!(store.unindexed(10).expect("reads"), vec![]);
    assert!(store.search(commons, "kettle", 10).expect("finds").is_empty());
    assert_eq!(store.page_list(commons, &PageQuery::default()).expect("reads").0, 0);
    store.add_commons(commons, &founding(1)).expect("comes back");
    assert_eq!(store.page_list(commons, &PageQuery::default()).expect("reads").0, 0);
    assert!(!store.tidy().expect("nothing is left to remove"));
}
