//! Taking out what does not count after somebody's standing ended.

use std::collections::{BTreeSet, HashMap, HashSet};

use commonplace_model::{Actor, ChangeHash, CommonsId, DeviceId, DocId, DocKind, Document};
use commonplace_store::{Projection, Store};
use commonplace_trust::{Arrival, Fork, Gate, Standing, Verdict, gate};
use proptest::prelude::*;

use crate::{
    documents::conversation,
    writing::{Made, Writer, batch, device, page, page_id, profile, unpacked},
};

const GONE: u8 = 3;

/// The third device's standing ended.
struct Roll(BTreeSet<ChangeHash>);

impl Standing for Roll {
    fn may_write(&self, by: &DeviceId, _: &DocId) -> Verdict {
        if *by == device(GONE) { Verdict::Ended } else { Verdict::Allowed }
    }

    fn is_cut(&self, _: &DocId, hash: &ChangeHash) -> bool {
        self.0.contains(hash)
    }

    fn forked(&self, _: &DocId, _: &Actor) -> Option<Fork> {
        None
    }
}

fn store_one_by_one(store: &mut Store, commons: CommonsId, doc: DocId, made: &[Made]) {
    for one in made.chunks(1) {
        store.write(batch(commons, doc, one, Projection::Later, false)).expect("stores");
    }
}

fn is_gone(by: &DeviceId) -> bool {
    *by == device(GONE)
}

/// What counts, found by walking: what the others made, what the cut names, and all that these build on.
fn counting(said: &[Made], cut: &BTreeSet<ChangeHash>) -> Vec<Made> {
    let mut counts: HashSet<ChangeHash> = HashSet::new();
    let mut open: Vec<&Made> =
        said.iter().filter(|(c, by)| !is_gone(&by.get().device) || cut.contains(&c.hash())).collect();
    while let Some((change, _)) = open.pop() {
        if counts.insert(change.hash()) {
            open.extend(change.deps().filter_map(|dep| said.iter().find(|(c, _)| c.hash() == dep)));
        }
    }
    said.iter().filter(|(change, _)| counts.contains(&change.hash())).cloned().collect()
}

fn text_of(store: &Store, commons: CommonsId, doc: DocId) -> String {
    let mut document = Document::new(DocKind::Page);
    gate::apply(&mut document, store.changes(commons, doc, None).expect("reads")).expect("applies");
    commonplace_model::Page::from_document(document).expect("a page").body()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_cut_back_is_as_if_it_had_never_come(
        turns in prop::collection::vec((0_usize..3, any::<bool>()), 0..30),
        names_tips in any::<bool>(),
    ) {
        let (_one, mut store, commons) = profile();
        let (_other, mut never, _) = profile();
        let doc = DocId::Page(page_id(1));
        let said = conversation(commons, &turns);
        store_one_by_one(&mut store, commons, doc, &said);
        let tips = store.tips_of(commons, doc, &BTreeSet::from([device(GONE)])).expect("reads");
        prop_assert!(tips.iter().all(|(_, by)| is_gone(by)));
        let cut: BTreeSet<ChangeHash> = tips.into_iter().filter(|_| names_tips).map(|(tip, _)| tip).collect();
        let stays = counting(&said, &cut);
        let took_out = store.cut_back(commons, doc, is_gone, &cut).expect("cuts back");
        prop_assert_eq!(took_out, stays.len() < said.len());
        prop_assert!(!names_tips || !took_out, "a cut that names all tips takes nothing out");
        store_one_by_one(&mut never, commons, doc, &stays);
        prop_assert_eq!(store.digest(commons, doc).expect("reads"), never.digest(commons, doc).expect("reads"));
        prop_assert_eq!(text_of(&store, commons, doc), text_of(&never, commons, doc));
        prop_assert!(!store.cut_back(commons, doc, is_gone, &cut).expect("cuts back"), "once is enough");
        prop_assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());

        // Whoever had never heard of the third gets it all from here, and what was taken out does not come in again.
        let (_new, mut new, _) = profile();
        let roll = Roll(cut);
        let everything = Arrival {
            doc,
            attestations: said.iter().map(|(_, by)| *by.get()).collect(),
            changes: said.iter().map(|(change, _)| change.bytes().to_vec()).collect(),
        };
        let mut honest = Arrival { doc, attestations: vec![], changes: vec![] };
        let (mut have, mut more) = (HashMap::new(), true);
        while more {
            let all: Vec<_> = have.iter().map(|(actor, seq)| (*actor, *seq)).collect();
            let piece = store.changes_after(commons, doc, &all, usize::MAX).expect("reads");
            honest.changes.extend(unpacked(doc, &piece).0);
            honest.attestations.extend(piece.attestations);
            have.extend(piece.upto);
            more = piece.more;
        }
        for (to, arrival, left) in
            [(&mut new, honest.clone(), 0), (&mut store, everything.clone(), said.len() - stays.len())]
        {
            let passed = {
                let history = to.history(commons, doc).expect("reads");
                let passed = Gate { commons, history: &history, standing: &roll }.pass(arrival);
                history.sound().expect("all was read");
                passed
            };
            prop_assert_eq!(&passed.refused, &vec![]);
            prop_assert_eq!(passed.waiting.len(), left);
            let mut next = batch(commons, doc, &[], Projection::Later, false);
            next.docs[0].changes = passed.changes;
            next.docs[0].attestations = passed.attestations;
            to.write(next).expect("stores");
        }
        for other in [&store, &new] {
            prop_assert_eq!(other.digest(commons, doc).expect("reads"), never.digest(commons, doc).expect("reads"));
        }

        // And the others write on.
        let mut writer = Writer::new(7, commons, page_id(1));
        writer.hear(&stays);
        let more = writer.insert("and more");
        let arrival = Arrival { doc, attestations: vec![*more.1.get()], changes: vec![more.0.bytes().to_vec()] };
        let history = store.history(commons, doc).expect("reads");
        let passed = Gate { commons, history: &history, standing: &roll }.pass(arrival);
        prop_assert_eq!((passed.changes.len(), passed.refused), (1, vec![]));
    }
}

#[test]
fn a_page_of_which_nothing_counts_is_in_no_list() {
    let (_dir, mut store, commons) = profile();
    let mut writer = Writer::new(GONE, commons, page_id(5));
    let made = writer.begin("Spam", "buy this");
    store
        .write(batch(commons, writer.doc(), std::slice::from_ref(&made), page("Spam", "", "buy this"), false))
        .expect("stores");
    assert_eq!(store.written_by(commons, &BTreeSet::from([device(GONE)])).expect("reads"), vec![writer.doc()]);
    assert!(store.cut_back(commons, writer.doc(), is_gone, &BTreeSet::new()).expect("cuts back"));
    assert_eq!(store.counts(commons).expect("reads").pages, 0);
    assert_eq!(store.page(commons, page_id(5)).expect("reads"), None);
    assert!(store.search(commons, "buy", 10).expect("reads").is_empty());
    assert_eq!(store.digests(commons).expect("reads"), vec![]);
    assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
    // It can come again, when its writer is taken back.
    store.write(batch(commons, writer.doc(), &[made], page("Spam", "", "buy this"), false)).expect("stores");
    assert_eq!(store.counts(commons).expect("reads").pages, 1);
}
