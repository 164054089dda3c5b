//! Documents: what is written is read again, once, in order; digests; compact forms; what waits to be indexed.

use commonplace_model::{Actor, ChangeHash, DocId, DocKind, Document, MemberId, Nonce};
use commonplace_store::{Projection, Store, StoreError};
use commonplace_trust::{History, Known, VerifiedChange, gate};
use proptest::prelude::*;

use crate::writing::{Made, Writer, batch, device, page, page_id, profile};

fn hashes(changes: &[VerifiedChange]) -> Vec<ChangeHash> {
    changes.iter().map(VerifiedChange::hash).collect()
}

fn text_of(changes: Vec<VerifiedChange>) -> String {
    let mut document = Document::new(DocKind::Page);
    gate::apply(&mut document, changes).expect("applies");
    commonplace_model::Page::from_document(document).expect("a page").body()
}

#[test]
fn changes_come_back_as_they_were_and_come_once() {
    let (dir, mut store, commons) = profile();
    let mut writer = Writer::new(1, commons, page_id(1));
    let long = "a long text that is worth compressing, ".repeat(100);
    let made = vec![writer.begin("Kettle", "boil "), writer.insert(&long), writer.insert("!")];
    let doc = writer.doc();
    let written = store.write(batch(commons, doc, &made, Projection::Later, true)).expect("stores");
    assert_eq!(written.changes, 3);
    assert_eq!(store.digest(commons, doc).expect("reads"), Some(written.digests[0].1));
    let again = store.write(batch(commons, doc, &made, Projection::Later, true)).expect("stores");
    assert_eq!((again.changes, again.digests.len()), (0, 0));
    drop(store);

    let mut store = Store::open(dir.path()).expect("opens");
    let stored = store.changes(commons, doc, None).expect("reads");
    assert_eq!(hashes(&stored), made.iter().map(|(change, _)| change.hash()).collect::<Vec<_>>());
    assert_eq!(text_of(stored), format!("boil {long}!"));
    assert_eq!(store.frontier(commons, doc).expect("reads"), vec![*made[2].1.get()]);
    assert_eq!(store.changes(commons, DocId::Page(page_id(9)), None).expect("reads").len(), 0);
    store.remove_commons(commons).expect("leaves");
    assert_eq!(store.changes(commons, doc, None).expect("reads").len(), 0);
}

#[test]
fn the_gate_is_told_what_is_known() {
    let (_dir, mut store, commons) = profile();
    let mut writer = Writer::new(1, commons, page_id(1));
    let made = vec![writer.begin("Kettle", "boil"), writer.insert("!")];
    let elsewhere = DocId::Page(page_id(2));
    {
        let history = store.history(commons, writer.doc()).expect("reads");
        assert_eq!((history.change(&made[0].0.hash()), history.tip(&made[0].0.actor())), (None, None));
    }
    store.write(batch(commons, writer.doc(), &made, Projection::Later, true)).expect("stores");
    let history = store.history(commons, writer.doc()).expect("reads");
    for (change, _) in &made {
        let known = Known { actor: change.actor(), seq: change.seq(), max_op: change.max_op() };
        assert_eq!(history.change(&change.hash()), Some(known));
    }
    assert_eq!(history.tip(&made[0].0.actor()), Some((2, made[1].0.hash())));
    assert_eq!(history.tip(&Actor::new([1; 16])), None);
    assert_eq!(store.history(commons, elsewhere).expect("reads").change(&made[0].0.hash()), None);
    history.sound().expect("all was read");
}

#[test]
fn actors_are_counted_by_their_devices() {
    let (_dir, mut store, commons) = profile();
    let nonce = |n| Nonce::new([n; 16]);
    let doc = DocId::Page(page_id(1));
    for (who, start) in [(1, 3), (1, 1), (2, 1), (1, 2)] {
        let mut writer = Writer::under(who, nonce(start), commons, page_id(1));
        let made = [writer.begin("Kettle", "boil"), writer.insert("!")];
        store.write(batch(commons, doc, &made, Projection::Later, true)).expect("stores");
    }
    let count = |who, most| store.actors_of(commons, doc, &device(who), most).expect("reads");
    assert_eq!((count(1, 9), count(2, 9), count(3, 9)), (3, 1, 0));
    assert_eq!((count(1, 3), count(1, 2), count(1, 0)), (3, 2, 0), "no further than asked");
    assert_eq!(store.actors_of(commons, DocId::Page(page_id(2)), &device(1), 9).expect("reads"), 0);
    let newest = |who| store.newest_nonce(commons, doc, &device(who)).expect("reads");
    assert_eq!((newest(1), newest(2), newest(3)), (Some(nonce(2)), Some(nonce(1)), None));
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    let (_dir, mut store, commons) = profile();
    let (mut good, mut bad) = (Writer::new(1, commons, page_id(1)), Writer::new(1, commons, page_id(2)));
    let first = vec![good.begin("Good", "")];
    let gap = vec![bad.begin("Bad", "text"), bad.insert("!")].split_off(1);
    let mut docs = batch(commons, good.doc(), &first, page("Good", "", ""), true);
    docs.docs.extend(batch(commons, bad.doc(), &gap, Projection::Later, true).docs);
    assert!(matches!(store.write(docs), Err(StoreError::Fault(_))));
    assert_eq!(store.digests(commons).expect("reads"), vec![]);
    assert_eq!(store.counts(commons).expect("reads"), commonplace_store::Counts::default());
    let wrong = batch(commons, DocId::Ledger(MemberId::new([1; 32])), &[], page("T", "", ""), true);
    assert!(matches!(store.write(wrong), Err(StoreError::Fault(_))));
}

#[test]
fn a_compact_form_is_kept_beside_the_changes() {
    let (_dir, mut store, commons) = profile();
    let mut writer = Writer::new(1, commons, page_id(1));
    let doc = writer.doc();
    assert!(store.compact(commons, doc, b"").is_err());
    let lacking = |store: &Store| {
        let lacking = store.since_snapshot(commons, doc).expect("reads");
        (lacking.changes, lacking.operations)
    };
    assert_eq!(lacking(&store), (0, 0));
    let made = vec![writer.begin("Kettle", "boil"), writer.insert("!")];
    store.write(batch(commons, doc, &made, Projection::Later, true)).expect("stores");
    // Two that every page begins with, the title, four letters and one.
    assert_eq!(lacking(&store), (2, 8));
    store.compact(commons, doc, &writer.page.document().save()).expect("stores");
    assert_eq!(lacking(&store), (0, 0));
    let more = vec![writer.insert("?")];
    store.write(batch(commons, doc, &more, Projection::Later, true)).expect("stores");
    assert_eq!(lacking(&store), (1, 1));
    let (bytes, upto) = store.snapshot(commons, doc).expect("reads").expect("is kept");
    let mut document = Document::load(DocKind::Page, &bytes).expect("loads");
    let rest = store.changes(commons, doc, Some(upto)).expect("reads");
    assert_eq!(rest.len(), 1);
    gate::apply(&mut document, rest).expect("applies");
    assert_eq!(document.heads(), writer.page.document().heads());
    assert_eq!(store.changes(commons, doc, None).expect("reads").len(), 3);
}

#[test]
fn what_waits_is_known_until_it_is_indexed_whole() {
    let (_dir, mut store, commons) = profile();
    let mut writer = Writer::new(1, commons, page_id(1));
    let doc = writer.doc();
    let made = vec![writer.begin("Kettle", "boil")];
    store.write(batch(commons, doc, &made, Projection::Later, false)).expect("stores");
    assert_eq!(store.unindexed(10).expect("reads"), vec![(commons, doc)]);
    assert!(store.is_unindexed(commons, doc).expect("reads"));
    assert_eq!(store.counts(commons).expect("reads").unindexed, 1);
    assert_eq!(store.page(commons, page_id(1)).expect("reads"), None);

    let renamed = commonplace_store::PageProjection { title: "Kettles".to_owned(), ..Default::default() };
    store.write(batch(commons, doc, &[], Projection::Page(renamed), false)).expect("stores");
    assert!(store.is_unindexed(commons, doc).expect("reads"), "its text is still to be indexed");
    store.write(batch(commons, doc, &[], page("Kettle", "", "boil"), false)).expect("stores");
    assert_eq!(store.unindexed(10).expect("reads"), vec![]);
    assert_eq!(store.counts(commons).expect("reads").unindexed, 0);
    let row = store.page(commons, page_id(1)).expect("reads").expect("is there");
    assert_eq!((row.title.as_str(), row.changed_at), ("Kettle", 1_000));

    store.rebuild(commons).expect("clears");
    assert_eq!(store.unindexed(10).expect("reads"), vec![(commons, doc)]);
    assert_eq!(store.page(commons, page_id(1)).expect("reads"), None);
    assert_eq!(store.page_text(commons, page_id(1)).expect("reads"), None);
    assert!(store.search(commons, "boil", 10).expect("finds").is_empty());
    assert_eq!(store.counts(commons).expect("reads").pages, 0);
    assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
}

/// What three people wrote in one page, each hearing of the others now and then.
pub(crate) fn conversation(commons: commonplace_model::CommonsId, turns: &[(usize, bool)]) -> Vec<Made> {
    let mut writers: Vec<_> = (1..=3).map(|n| Writer::new(n, commons, page_id(1))).collect();
    let mut heard = [0; 3];
    let mut said: Vec<Made> = vec![writers[0].begin("Page", "first ")];
    for (n, (who, hears)) in turns.iter().enumerate() {
        if *hears {
            let news: Vec<Made> = said[heard[*who]..].to_vec();
            writers[*who].hear(&news);
            heard[*who] = said.len();
        }
        said.push(writers[*who].insert(&format!("{n} ")));
    }
    said
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_same_changes_give_the_same_digest_in_any_order(
        turns in prop::collection::vec((0_usize..3, any::<bool>()), 0..24),
        parts in prop::collection::vec(1_usize..5, 30),
    ) {
        let (_one, mut first, commons) = profile();
        let (_other, mut second, _) = profile();
        let said = conversation(commons, &turns);
        let doc = DocId::Page(page_id(1));
        first.write(batch(commons, doc, &said, Projection::Later, true)).expect("stores");
        // Elsewhere they come actor by actor as far as that can be, in pieces.
        let mut rest = said.clone();
        let mut parts = parts.into_iter().cycle();
        let mut arrived = std::collections::HashSet::new();
        let mut order = Vec::new();
        while !rest.is_empty() {
            let at = (0..rest.len()).rev().find(|at| {
                let mut probe = Document::new(DocKind::Page);
                let mut all: Vec<VerifiedChange> = order.iter().map(|m: &Made| m.0.clone()).collect();
                all.push(rest[*at].0.clone());
                gate::apply(&mut probe, all).is_ok()
            }).expect("one of them is next");
            let made = rest.remove(at);
            arrived.insert(made.0.hash());
            order.push(made);
        }
        let mut at = 0;
        while at < order.len() {
            let to = (at + parts.next().unwrap_or(1)).min(order.len());
            second.write(batch(commons, doc, &order[at..to], Projection::Later, false)).expect("stores");
            at = to;
        }
        prop_assert_eq!(first.digest(commons, doc).expect("reads"), second.digest(commons, doc).expect("reads"));
        prop_assert_eq!(first.digests(commons).expect("reads"), second.digests(commons).expect("reads"));
        let (one, other) = (first.changes(commons, doc, None).expect("reads"), second.changes(commons, doc, None).expect("reads"));
        prop_assert_eq!(text_of(one), text_of(other));
    }
}

#[test]
fn the_change_that_has_an_operation_is_found_by_its_counter() {
    let (_dir, mut store, commons) = profile();
    let turns: Vec<_> = (0..60).map(|n| (n % 3, n % 5 == 0)).collect();
    let (said, doc) = (conversation(commons, &turns), DocId::Page(page_id(1)));
    store.write(batch(commons, doc, &said, Projection::Later, true)).expect("stores");
    let history = store.history(commons, doc).expect("reads");
    for (change, _) in &said {
        let found = history.reaching(&change.actor(), change.max_op()).expect("is there");
        assert_eq!(&*found, change.bytes());
    }
    let newest = said.iter().map(|(change, _)| change.max_op()).max().expect("some");
    assert!(history.reaching(&said[0].0.actor(), newest + 1).is_none());
    history.sound().expect("every question was answered");
}
