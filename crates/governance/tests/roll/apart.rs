//! Scenarios of a commons that fell apart: every side goes on, then they meet, in every order and with everything told twice,
//! and must come to the same end and explain it alike.

use std::collections::BTreeMap;

use commonplace_governance::{Able, Decision, OwnWord, Roll};
use commonplace_model::RecordId;
use commonplace_trust::VerifiedRecord;

use crate::peers::Peer;

mod models;
mod removals;
mod strangers;
mod votes;

/// Above so many things not all orders of them are tried, but so many of them.
const ALL_ORDERS_OF: usize = 5;
const SOME_ORDERS: usize = 150;

/// Orders of so many things: all of them when they are few, else some that differ from run to run by nothing.
fn orders(of: usize) -> Vec<Vec<usize>> {
    if of <= ALL_ORDERS_OF {
        return permutations(of);
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % below
    };
    let shuffled = |order: &mut Vec<usize>, next: &mut dyn FnMut(usize) -> usize| {
        for at in (1..order.len()).rev() {
            order.swap(at, next(at + 1));
        }
    };
    let forwards: Vec<usize> = (0..of).collect();
    let mut all = vec![forwards.clone(), forwards.iter().rev().copied().collect()];
    for _ in 0..SOME_ORDERS {
        let mut order = forwards.clone();
        shuffled(&mut order, &mut next);
        all.push(order);
    }
    all
}

fn permutations(of: usize) -> Vec<Vec<usize>> {
    let Some(last) = of.checked_sub(1) else { return vec![Vec::new()] };
    let shorter = permutations(last);
    let with_last = |order: &Vec<usize>| {
        let order = order.clone();
        (0..=order.len()).map(move |at| [&order[..at], &[last], &order[at..]].concat())
    };
    shorter.iter().flat_map(with_last).collect()
}

/// All that a roll tells beyond its state.
#[derive(Debug, PartialEq)]
struct Told {
    acts: Vec<RecordId>,
    decisions: Vec<Decision>,
    words: Vec<OwnWord>,
    able: Able,
}

fn told(roll: &Roll) -> Told {
    let acts = roll.acts();
    let decisions = acts.iter().filter_map(|id| roll.decision(id)).collect();
    let words = acts.iter().filter_map(|id| roll.own_word(id)).collect();
    Told { acts, decisions, words, able: roll.able() }
}

fn agree(roll: &Roll, usual: &Roll, usual_told: &Told, how: &str, order: &[usize]) {
    assert!(roll == usual, "{how} {order:?}: another state");
    assert_eq!(told(roll), *usual_told, "{how} {order:?}: another explanation");
}

/// Who knows what all of these know, at the first one's device. Whichever of them meets the others in whatever order, and in
/// whatever order single records come, each of them twice, the state and the explanations are the same.
pub(crate) fn together(peers: &[&Peer]) -> Peer {
    let all: BTreeMap<RecordId, VerifiedRecord> =
        peers.iter().flat_map(|peer| &peer.records).map(|record| (record.id(), record.clone())).collect();
    let commons = peers[0].roll.commons();
    let usual = Roll::fold(commons, all.values()).expect("folds");
    let usual_told = told(&usual);
    for order in orders(peers.len()) {
        let mut peer = peers[order[0]].clone();
        for other in order.iter().skip(1).chain(&order) {
            peer.hear(peers[*other]);
        }
        agree(&peer.roll, &usual, &usual_told, "meeting", &order);
    }
    let known_to_all = |id: &RecordId| peers.iter().all(|peer| peer.roll.has(id));
    let apart: Vec<&VerifiedRecord> = all.values().filter(|record| !known_to_all(&record.id())).collect();
    let before = Roll::fold(commons, all.values().filter(|record| known_to_all(&record.id()))).expect("folds");
    for order in orders(apart.len()) {
        let mut roll = before.clone();
        for (n, at) in order.iter().enumerate() {
            roll.add(apart[*at]);
            roll.add(apart[order[n / 2]]);
        }
        agree(&roll, &usual, &usual_told, "hearing", &order);
    }
    Peer { roll: usual, key: peers[0].key.clone(), records: all.into_values().collect() }
}

#[test]
fn orders_are_all_orders_of_few_and_some_of_many() {
    assert_eq!([0, 1, 3, 5].map(|of| orders(of).len()), [1, 1, 6, 120]);
    for of in [5, 9] {
        let mut all = orders(of);
        let count = all.len();
        assert!(all.iter().all(|order| {
            let mut order = order.clone();
            order.sort_unstable();
            order == (0..of).collect::<Vec<_>>()
        }));
        all.sort_unstable();
        all.dedup();
        assert!(all.len() + 2 >= count && count > 100, "{of}: {} of {count}", all.len());
    }
}
