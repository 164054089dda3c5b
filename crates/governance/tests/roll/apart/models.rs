//! The way of deciding itself is changed on both sides, and people act by what each side decided.

use commonplace_governance::decision::Standing;
use commonplace_governance::{Act, Choice, Model, Policy, Reason};
use commonplace_model::PageId;

use super::together;
use crate::peers::{Peer, commons, licence};

fn change(model: Model) -> Act {
    Act::Model { model, stewards: Vec::new() }
}

#[test]
fn the_model_is_changed_on_both_sides_and_each_side_decides_by_it() {
    let [mut a, mut b, c, d] = commons(Model::Open);
    let left = a.propose(change(Model::Majority));
    a.seal(left);
    let right = b.propose(change(Model::Consent { quorum: 25 }));
    b.seal(right);
    // Each side goes on by its own rule.
    let by_left = a.propose(licence("CC0-1.0"));
    a.yes(by_left);
    let by_right = b.propose(licence("CC-BY-4.0"));
    b.yes(by_right);
    let mut all = together(&[&a, &b, &c, &d]);
    let (stands, falls, follows) = if all.stands(left) { (left, right, by_right) } else { (right, left, by_left) };
    assert_eq!(all.standing(stands), Standing::ForNow);
    assert_eq!(all.why_not(falls), vec![Reason::Rival { other: stands, doubles: [].into() }]);
    assert_eq!(all.why_not(follows), vec![Reason::Unfounded(falls)]);
    // Two more electors acknowledge the one that had fallen: now it stands for good, with what followed it.
    for peer in [&c, &d] {
        all.key = peer.key.clone();
        all.seal(falls);
    }
    let end = together(&[&all, &a, &b, &c]);
    assert_eq!(end.standing(falls), Standing::ForGood);
    assert_eq!(end.why_not(stands), vec![Reason::Rival { other: falls, doubles: [].into() }]);
    assert!(matches!(end.why_not(follows)[0], Reason::Lacks(_)), "it waits for its voices again");
}

#[test]
fn acts_of_an_open_time_that_ended_elsewhere_say_so() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let page = PageId::new([4; 16]);
    let majority = a.propose(change(Model::Majority));
    a.seal(majority);
    c.hear(&a);
    c.seal(majority);
    let hide = b.propose(Act::Hide(page));
    assert!(b.stands(hide));
    let all = together(&[&a, &b, &c]);
    assert_eq!(all.standing(majority), Standing::ForGood);
    assert_eq!(all.why_not(hide), vec![Reason::TimeOver]);
    assert!(all.roll.hidden().is_empty());
}

#[test]
fn who_comes_in_on_the_side_that_knows_no_other_policy_is_not_in() {
    let [mut a, mut b, c] = commons(Model::Majority);
    let closed = a.propose(Act::Policy(Policy::Decision));
    a.yes(closed);
    let mut d = c.clone();
    d.hear(&a);
    d.yes(closed);
    assert_eq!(d.standing(closed), Standing::ForGood);
    let newcomer = b.admit(8);
    let id = newcomer.me();
    let all = together(&[&a, &b, &d, &newcomer]);
    assert!(!all.has_member(id), "{:?}", all.roll.members().count());
    assert_eq!(all.roll.footing().policy, Policy::Decision);
}

#[test]
fn a_chain_of_decisions_falls_with_its_first_and_all_of_it_says_why() {
    let [mut a, mut b, c] = commons(Model::Stewards { needed: 1 });
    let mut chain = Vec::new();
    for n in 0..4 {
        let next = a.propose(licence(&format!("A-{n}")));
        a.yes(next);
        chain.push(next);
    }
    let other = b.propose(licence("B"));
    b.yes(other);
    let mut sealed = c.clone();
    sealed.hear(&b);
    sealed.seal(other);
    let all = together(&[&a, &b, &sealed]);
    assert_eq!(all.roll.charter().licence, "B");
    assert_eq!(all.why_not(chain[0]), vec![Reason::Rival { other, doubles: [].into() }]);
    for pair in chain.windows(2) {
        assert_eq!(all.why_not(pair[1]), vec![Reason::Unfounded(pair[0])]);
    }
}

#[test]
fn an_objection_on_one_side_and_a_quorum_on_the_other() {
    let [mut a, mut b, c] = commons(Model::Consent { quorum: 60 });
    let proposal = a.propose(licence("CC0-1.0"));
    let hear = |peer: &Peer| {
        let mut heard = peer.clone();
        heard.hear(&a);
        heard
    };
    let mut objector = hear(&c);
    b.hear(&a);
    objector.vote(proposal, Choice::Object);
    a.yes(proposal);
    b.yes(proposal);
    let mut all = together(&[&a, &b, &objector]);
    assert_eq!(all.why_not(proposal)[0], Reason::Objection([c.me()].into()));
    assert_eq!(all.roll.decision(&proposal).expect("a proposal").tally.objections, 1);
    all.key = c.key.clone();
    all.vote(proposal, Choice::Withdraw);
    let end = together(&[&all, &a, &b]);
    assert_eq!(end.why_not(proposal), vec![Reason::Unsealed]);
}
