//! Histories in pieces: whatever the other side has, the pieces bring the rest, vouched for.

use std::collections::{HashMap, HashSet};

use commonplace_model::{Actor, ChangeHash, DeviceId, DocId};
use commonplace_store::Projection;
use commonplace_trust::{Arrival, Fork, Gate, Standing, Verdict};
use proptest::prelude::*;

use crate::{
    documents::conversation,
    writing::{Writer, batch, page_id, profile, unpacked},
};

struct Everybody;

impl Standing for Everybody {
    fn may_write(&self, _: &DeviceId, _: &DocId) -> Verdict {
        Verdict::Allowed
    }

    fn is_cut(&self, _: &DocId, _: &ChangeHash) -> bool {
        false
    }

    fn forked(&self, _: &DocId, _: &Actor) -> Option<Fork> {
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn pieces_bring_the_rest(
        turns in prop::collection::vec((0_usize..3, any::<bool>()), 0..24),
        known in 0_usize..26,
        max_bytes in 1_usize..2_000,
        thin in any::<bool>(),
    ) {
        let (_one, mut from, commons) = profile();
        let (_other, mut to, _) = profile();
        let doc = DocId::Page(page_id(1));
        let said = conversation(commons, &turns);
        let known = known.min(said.len());
        for part in said.chunks(if thin { 1 } else { 5 }) {
            from.write(batch(commons, doc, part, Projection::Later, true)).expect("stores");
        }
        to.write(batch(commons, doc, &said[..known], Projection::Later, false)).expect("stores");
        let mut have: HashMap<Actor, u64> =
            to.frontier(commons, doc).expect("reads").iter().map(|a| (a.actor(commons, doc), a.seq)).collect();
        let mut waiting: Vec<Vec<u8>> = Vec::new();
        let mut sent = 0;
        loop {
            let all: Vec<_> = have.iter().map(|(actor, seq)| (*actor, *seq)).collect();
            let piece = from.changes_after(commons, doc, &all, max_bytes).expect("reads");
            let (changes, came) = unpacked(doc, &piece);
            prop_assert_eq!(changes.is_empty(), sent + known == said.len());
            sent += changes.len();
            have.extend(piece.upto.iter().copied());
            let more = piece.more;
            waiting.extend(changes);
            let arrival = Arrival { doc, attestations: piece.attestations, changes: std::mem::take(&mut waiting) };
            let passed = {
                let history = to.history(commons, doc).expect("reads");
                let passed = Gate { commons, history: &history, standing: &Everybody }.pass(arrival);
                history.sound().expect("all was read");
                passed
            };
            prop_assert_eq!(&passed.refused, &vec![]);
            waiting = passed.waiting;
            let mut next = batch(commons, doc, &[], Projection::Later, false);
            next.docs[0].changes = passed.changes;
            next.docs[0].attestations = passed.attestations;
            to.write_as_it_came(next, &came).expect("stores");
            if !more {
                break;
            }
        }
        prop_assert_eq!(sent, said.len() - known, "nothing is sent twice");
        prop_assert!(waiting.is_empty());
        prop_assert_eq!(from.digest(commons, doc).expect("reads"), to.digest(commons, doc).expect("reads"));
    }
}

#[test]
fn a_large_history_is_cut_where_it_is_vouched_for() {
    let (_dir, mut store, commons) = profile();
    let mut writers: Vec<_> = (1..=4).map(|n| Writer::new(n, commons, page_id(1))).collect();
    let doc = writers[0].doc();
    let mut bytes = 0;
    let mut made = vec![writers[0].begin("Large", "")];
    for turn in 0..400_usize {
        let noise: String = blake3::hash(&turn.to_le_bytes()).to_hex().repeat(40).chars().collect();
        made.push(writers[turn % 4].insert(&noise));
    }
    for part in made.chunks(3) {
        store.write(batch(commons, doc, part, Projection::Later, true)).expect("stores");
    }
    let (mut have, mut pieces, mut seen): (HashMap<Actor, u64>, usize, HashSet<ChangeHash>) = Default::default();
    loop {
        let all: Vec<_> = have.iter().map(|(actor, seq)| (*actor, *seq)).collect();
        let piece = store.changes_after(commons, doc, &all, 200_000).expect("reads");
        pieces += 1;
        let size: usize = piece.changes.iter().map(Vec::len).sum();
        assert!(size < 1_000_000, "{size}");
        bytes += size;
        let vouched: HashMap<Actor, u64> = piece.attestations.iter().map(|a| (a.actor(commons, doc), a.seq)).collect();
        let mut uncovered = 0;
        for raw in &piece.changes {
            let change = commonplace_trust::VerifiedChange::from_store(raw.clone()).expect("a change");
            assert!(seen.insert(change.hash()), "sent twice");
            if vouched.get(&change.actor()).is_none_or(|seq| *seq < change.seq()) {
                uncovered += raw.len();
            }
        }
        assert!(uncovered < 512 * 1024, "{uncovered}");
        have.extend(piece.upto);
        if !piece.more {
            assert_eq!(uncovered, 0);
            break;
        }
    }
    assert_eq!(seen.len(), made.len());
    assert_eq!(bytes, made.iter().map(|(change, _)| change.bytes().len()).sum::<usize>());
    assert!(pieces > 2, "{pieces} of {bytes}");
}
