//! Taking out what falls because a device wrote in two ways, and storing what takes its place, at once.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_model::{ChangeHash, DocId, Nonce};
use commonplace_store::{Projection, Store};
use commonplace_trust::{VerifiedAttestation, VerifiedChange, VerifiedTwins};
use proptest::prelude::*;

use crate::{
    documents::conversation,
    writing::{Made, Writer, batch, key, page_id, profile},
};

/// The third device wrote in two ways.
const LIAR: u8 = 3;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_falls_is_as_if_it_had_never_come_and_what_is_written_anew_is_there(
        turns in prop::collection::vec((0_usize..3, any::<bool>()), 0..30),
        pieces in any::<bool>(),
    ) {
        let (dir, mut store, commons) = profile();
        let (_other, mut never, _) = profile();
        let doc = DocId::Page(page_id(1));
        let said = conversation(commons, &turns);
        for one in said.chunks(if pieces { 1 } else { 100 }) {
            store.write(batch(commons, doc, one, Projection::Later, false)).expect("stores");
        }
        let nonce = said.first().map_or(Nonce::new([0; 16]), |(_, by)| by.get().nonce);
        let twins = [1, 2].map(|n| {
            *VerifiedAttestation::sign(&key(LIAR), commons, doc, nonce, 1, ChangeHash::new([n; 32])).get()
        });
        let proof = VerifiedTwins::of_words(commons, doc, twins).expect("a proof");
        let forks = BTreeMap::from([(proof.actor(), proof.fork().expect("of the first number"))]);

        let fallen = store.fallen(commons, doc, &forks).expect("reads");
        let mut out: BTreeSet<ChangeHash> = BTreeSet::new();
        for (change, _) in &said {
            if change.actor() == proof.actor() || change.deps().any(|dep| out.contains(&dep)) {
                out.insert(change.hash());
            }
        }
        let found: BTreeSet<ChangeHash> =
            fallen.changes.iter().filter(|(_, falls)| *falls).map(|(change, _)| change.hash()).collect();
        prop_assert_eq!(&found, &out);
        prop_assert_eq!(fallen.any(), !out.is_empty());
        let stands: Vec<Made> = said.iter().filter(|(change, _)| !out.contains(&change.hash())).cloned().collect();

        // Somebody whose changes fell writes anew, and everybody vouches for what is left of theirs.
        let mut writer = Writer::new(7, commons, page_id(1));
        writer.hear(&stands);
        let anew = writer.insert("written anew");
        let mut then = batch(commons, doc, std::slice::from_ref(&anew), Projection::Later, true).docs.remove(0);
        then.attestations.extend(stands.iter().map(|(_, by)| *by));
        store.let_fall(commons, &out, then).expect("takes out");
        let mut all = stands;
        all.push(anew);
        never.write(batch(commons, doc, &all, Projection::Later, false)).expect("stores");

        drop(store);
        let store = Store::open(dir.path()).expect("opens again");
        let hashes = |store: &Store| -> BTreeSet<ChangeHash> {
            store.changes(commons, doc, None).expect("reads").iter().map(VerifiedChange::hash).collect()
        };
        prop_assert_eq!(hashes(&store), hashes(&never));
        prop_assert_eq!(store.digest(commons, doc).expect("reads"), never.digest(commons, doc).expect("reads"));
        prop_assert!(!store.fallen(commons, doc, &forks).expect("reads").any(), "once is enough");
        prop_assert!(store.is_unindexed(commons, doc).expect("reads"));
        prop_assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
    }
}

#[test]
fn a_page_that_falls_whole_is_gone() {
    let (_dir, mut store, commons) = profile();
    let doc = DocId::Page(page_id(1));
    let mut writer = Writer::new(LIAR, commons, page_id(1));
    let made = [writer.begin("Toasters", ""), writer.insert("all of it")];
    store.write(batch(commons, doc, &made, Projection::Later, false)).expect("stores");
    assert!(store.is_unindexed(commons, doc).expect("reads"));
    let out = made.iter().map(|(change, _)| change.hash()).collect();
    let then = batch(commons, doc, &[], Projection::Later, true).docs.remove(0);
    store.let_fall(commons, &out, then).expect("takes out");
    assert!(!store.is_unindexed(commons, doc).expect("reads"), "it waits to be listed");
    assert_eq!(store.digest(commons, doc).expect("reads"), None);
}
