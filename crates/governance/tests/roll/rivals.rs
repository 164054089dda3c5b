//! Rivals: decisions made apart, of which at most one stands.

use commonplace_governance::decision::Standing;
use commonplace_governance::{Act, Added, Body, Choice, Model, Reason};

use crate::peers::{commons, licence, meet};

#[test]
fn of_two_rival_proposals_at_most_one_stands() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let one = a.propose(licence("CC0-1.0"));
    let two = b.propose(licence("CC-BY-4.0"));
    meet(&mut [&mut a, &mut b, &mut c]);
    a.yes(one);
    c.yes(one);
    b.yes(two);
    meet(&mut [&mut a, &mut b, &mut c]);
    a.seal(one);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(b.standing(one), Standing::ForGood);
    assert!(
        b.why_not(two)
            .iter()
            .any(|r| matches!(r, Reason::Rival { other, doubles } if *other == one && doubles.is_empty()))
    );
    assert_eq!(b.roll.charter().licence, "CC0-1.0");
}

#[test]
fn votes_spread_over_rivals_open_the_next_round() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let one = a.propose(licence("CC0-1.0"));
    let two = b.propose(licence("CC-BY-4.0"));
    meet(&mut [&mut a, &mut b, &mut c]);
    a.yes(one);
    b.yes(two);
    c.vote(one, Choice::No);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(c.why_not(one).contains(&Reason::Exhausted));
    let three = c.propose(licence("CC0-1.0"));
    let decision = c.roll.decision(&three).expect("a proposal");
    assert_eq!((decision.proposal.round, decision.electorate.len()), (1, 3));
    c.yes(three);
    a.hear(&c);
    a.yes(three);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(b.standing(three), Standing::ForGood);
}

#[test]
fn a_round_cannot_be_skipped() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let one = a.propose(licence("CC0-1.0"));
    a.vote(one, Choice::No);
    let authority = a.roll.member_of(&a.key.id()).expect("a member").by;
    let mut proposal = a.roll.decision(&one).expect("a proposal").proposal;
    proposal.round = 1;
    let body = Body::Proposal(Box::new(proposal));
    let skipping = a.forge(vec![one], authority, &body);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(a.roll.add(&skipping), Added::Invalid);
}

#[test]
fn the_model_is_changed_on_both_sides() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let majority = Act::Model { model: Model::Majority, stewards: Vec::new() };
    let consent = Act::Model { model: Model::Consent { quorum: 50 }, stewards: Vec::new() };
    let left = a.propose(majority);
    let right = b.propose(consent);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(c.stands(left) != c.stands(right), "one of the two, the same one everywhere");
    // Sealed by more than half, the other one stands instead, for good.
    let other = if c.stands(left) { right } else { left };
    a.seal(other);
    b.hear(&a);
    b.seal(other);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(c.standing(other), Standing::ForGood);
    let model = c.roll.footing().model;
    assert_eq!(model, if other == left { Model::Majority } else { Model::Consent { quorum: 50 } });
}

#[test]
fn a_sealed_change_of_the_model_is_not_displaced_by_an_older_one_found_later() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let stale = c.clone();
    let change = a.propose(Act::Model { model: Model::Majority, stewards: Vec::new() });
    a.seal(change);
    b.hear(&a);
    b.seal(change);
    for n in 0..8 {
        // A hostile member tries ids until one is lower.
        let mut hostile = stale.clone();
        hostile.propose(Act::Model { model: Model::Stewards { needed: 1 }, stewards: vec![hostile.me()] });
        hostile.propose(licence(&format!("MIT-{n}")));
        b.hear(&hostile);
    }
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(b.standing(change), Standing::ForGood);
    assert_eq!(b.roll.footing().model, Model::Majority);
    assert_eq!(b.roll.charter().licence, "CC-BY-SA-4.0", "and no act of the open time counts that it did not know");
}

#[test]
fn an_equivocating_voter_is_named_and_void() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let one = a.propose(licence("CC0-1.0"));
    let two = b.propose(licence("CC-BY-4.0"));
    meet(&mut [&mut a, &mut b, &mut c]);
    let mut twice = c.clone();
    c.yes(one);
    twice.yes(two);
    a.hear(&c);
    a.hear(&twice);
    a.yes(one);
    let decision = a.roll.decision(&one).expect("a proposal");
    assert!(!decision.voices[&c.me()].counts && decision.tally.yes == 1);
    assert!(!a.stands(one), "a void vote does not make a majority");
    b.hear(&a);
    b.hear(&c);
    assert!(!b.stands(one) && !b.stands(two));
}

#[test]
fn what_is_sealed_survives_a_second_vote_found_later() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let one = a.propose(licence("CC0-1.0"));
    let two = b.propose(licence("CC-BY-4.0"));
    meet(&mut [&mut a, &mut b, &mut c]);
    let (mut apart, mut twice) = (b.clone(), c.clone());
    c.yes(one);
    a.hear(&c);
    a.yes(one);
    assert_eq!(a.standing(one), Standing::ForGood);
    twice.yes(two);
    meet(&mut [&mut a, &mut b, &mut c, &mut twice.clone()]);
    assert_eq!(b.standing(one), Standing::ForGood, "one void vote does not unseal it");
    // With a third member on the other side who knows nothing of this, both are sealed. Then one stands, the same everywhere,
    // and who made that possible is named.
    apart.hear(&twice);
    apart.yes(two);
    assert_eq!(apart.standing(two), Standing::ForGood);
    meet(&mut [&mut a, &mut apart, &mut c]);
    let (stands, falls) = if a.stands(one) { (one, two) } else { (two, one) };
    let rival = a.why_not(falls).into_iter().find_map(|reason| match reason {
        Reason::Rival { other, doubles } => Some((other, doubles)),
        _ => None,
    });
    assert_eq!(rival, Some((stands, [c.me()].into())));
}
