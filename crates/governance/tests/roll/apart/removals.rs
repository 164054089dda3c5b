//! Who is removed on one side while the other side goes on.

use commonplace_governance::decide::Said;
use commonplace_governance::decision::Standing;
use commonplace_governance::{Act, Choice, Cut, DeviceStanding, Model, Reason, RollError};
use commonplace_model::MemberId;

use super::together;
use crate::peers::{Peer, commons, key, licence, request};

fn removal(member: MemberId) -> Act {
    Act::Remove { member, cut: Cut::default() }
}

#[test]
fn two_stewards_remove_each_other_by_their_own_word() {
    let [mut a, mut b, mut c, d] = commons(Model::Stewards { needed: 1 });
    let (ida, idb) = (a.me(), b.me());
    a.remove(idb);
    b.remove(ida);
    // Not knowing of either, a third decides something.
    let meanwhile = c.propose(licence("CC0-1.0"));
    c.yes(meanwhile);
    let all = together(&[&a, &b, &c, &d]);
    assert!(!all.has_member(ida) && !all.has_member(idb) && all.roll.members().count() == 2);
    assert_eq!(all.roll.standing_of(&key(1).id()), DeviceStanding::Ended(ida));
    assert_eq!(all.standing(meanwhile), Standing::ForNow);
    let decision = all.roll.decision(&meanwhile).expect("a proposal");
    assert!(decision.electorate.contains(&ida), "who decided when it was proposed does not change: {decision:?}");
}

#[test]
fn two_stewards_remove_each_other_by_decisions() {
    let [mut a, mut b, mut c, mut d] = commons(Model::Stewards { needed: 2 });
    let (ida, idb) = (a.me(), b.me());
    let of_b = a.propose(removal(idb));
    a.yes(of_b);
    c.hear(&a);
    c.yes(of_b);
    let of_a = b.propose(removal(ida));
    b.yes(of_a);
    d.hear(&b);
    d.yes(of_a);
    assert!(!c.has_member(idb) && !d.has_member(ida), "each side has decided");
    let mut all = together(&[&a, &b, &c, &d]);
    // The two follow the same decision, so one of them stands, and one of the two is gone.
    let (stands, falls) = if all.stands(of_a) { (of_a, of_b) } else { (of_b, of_a) };
    assert_eq!(all.standing(stands), Standing::ForNow);
    assert_eq!(all.why_not(falls)[0], Reason::Rival { other: stands, doubles: [].into() });
    assert!(all.has_member(ida) != all.has_member(idb));
    // More than half of the stewards make it final.
    all.key = if stands == of_a { key(3) } else { key(4) };
    assert_eq!(all.roll.seal(stands, &all.key), Err(RollError::Spent), "their ballot is spent on the other");
    assert!(all.roll.due(&all.key.id()).is_empty());
    let decision = all.roll.decision(&stands).expect("a proposal");
    assert_eq!((decision.tally.yes, decision.tally.ballots, decision.needed.ballots), (2, 2, 3));
}

#[test]
fn who_is_removed_and_let_in_again_elsewhere_is_out_until_somebody_knows_both() {
    for model in [Model::Open, Model::Stewards { needed: 1 }] {
        let [mut a, mut b, c] = commons(model);
        let idc = c.me();
        a.remove(idc);
        let admission = b.roll.admit_request(request(b.roll.commons(), 3), &b.key).expect("admits");
        b.records.push(admission);
        let mut c_again = c.clone();
        c_again.hear(&b);
        c_again.say(&commonplace_governance::Body::Vouch(commonplace_governance::Vouch { device: key(9).id() }));
        let mut all = together(&[&a, &b, &c_again]);
        assert!(!all.has_member(idc), "{model}");
        assert_eq!(all.roll.standing_of(&key(3).id()), DeviceStanding::Ended(idc), "{model}");
        let back = all.admit(3);
        let all = together(&[&all, &back, &c]);
        assert!(all.has_member(idc), "{model}");
    }
}

#[test]
fn a_decision_to_remove_and_a_new_invitation_race() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let idc = c.me();
    let out = a.propose(removal(idc));
    a.yes(out);
    // Elsewhere the same person is let in by a fresh ticket, which changes nothing for a member, and votes.
    let admission = c.roll.admit_request(request(c.roll.commons(), 3), &c.key).expect("admits");
    c.records.push(admission);
    let other = c.propose(licence("CC0-1.0"));
    c.yes(other);
    b.hear(&a);
    b.yes(out);
    let all = together(&[&a, &b, &c]);
    assert_eq!(all.standing(out), Standing::ForGood);
    assert!(!all.has_member(idc));
    assert_eq!(all.roll.decision(&out).expect("a proposal").tally.yes, 2);
    assert_eq!(all.why_not(other)[0], Reason::Rival { other: out, doubles: [].into() });
}

#[test]
fn a_voter_is_removed_on_one_side_while_their_vote_decides_on_the_other() {
    // As few as the charter asks for decided it: with the vote it falls.
    let [mut a, mut b, c] = commons(Model::Stewards { needed: 1 });
    let idb = b.me();
    let proposal = b.propose(licence("CC0-1.0"));
    b.yes(proposal);
    assert!(b.stands(proposal));
    a.remove(idb);
    let all = together(&[&a, &b, &c]);
    assert_eq!(all.roll.charter().licence, "CC-BY-SA-4.0");
    assert!(matches!(all.why_not(proposal)[..], [Reason::Lacks(needed)] if needed.yes == 1));
    let decision = all.roll.decision(&proposal).expect("a proposal");
    assert!(decision.voices.is_empty(), "the vote is beside the removal: {:?}", decision.voices);
    assert_eq!(decision.unheard, [idb].into(), "and that is told");

    // More than half knew of the vote and made it final: it stands, and their vote is shown.
    let [mut a, mut b, mut c] = commons(Model::Stewards { needed: 1 });
    let proposal = b.propose(licence("CC0-1.0"));
    b.yes(proposal);
    c.hear(&b);
    let seal = c.seal(proposal);
    a.remove(idb);
    let all = together(&[&a, &b, &c]);
    assert!(!all.has_member(idb));
    assert_eq!(all.standing(proposal), Standing::ForGood);
    let decision = all.roll.decision(&proposal).expect("a proposal");
    assert_eq!((decision.sealed_by, decision.tally.ballots), (Some(seal), 2));
    assert!(decision.unheard.is_empty());
    assert!(decision.voices[&idb].counts && decision.voices[&idb].said.contains(&Said::Voted(Choice::Yes)));
}

#[test]
fn a_voter_leaves_on_one_side_while_their_vote_decides_on_the_other() {
    let [mut a, mut b, c] = commons(Model::Majority);
    let idb = b.me();
    let proposal = a.propose(licence("CC0-1.0"));
    b.hear(&a);
    let mut elsewhere = b.clone();
    b.yes(proposal);
    let mut second = a.clone();
    second.hear(&b);
    second.yes(proposal);
    // At another device of theirs, which does not know of the vote, they leave. What decided is decided.
    elsewhere.remove(idb);
    let all = together(&[&second, &b, &elsewhere, &c]);
    assert!(!all.has_member(idb));
    assert_eq!(all.standing(proposal), Standing::ForGood);
    assert_eq!(all.roll.decision(&proposal).expect("a proposal").tally.yes, 2);
}

#[test]
fn the_founder_goes_while_the_others_are_apart() {
    for model in [Model::Open, Model::Majority, Model::Stewards { needed: 1 }, Model::Consent { quorum: 50 }] {
        let [mut a, mut b, mut c] = commons(model);
        let founder = a.me();
        a.remove(founder);
        let (left, right) = (b.propose(licence("CC0-1.0")), c.propose(licence("CC-BY-4.0")));
        if matches!(model, Model::Majority | Model::Stewards { .. }) {
            b.yes(left);
        }
        let mut all = together(&[&a, &b, &c]);
        assert!(!all.has_member(founder), "{model}");
        assert_eq!(all.roll.members().count(), 2, "{model}");
        // Those who are left go on: two of three electors, by whatever model.
        for n in [2, 3, 2, 3] {
            all.key = key(n);
            let said = all.roll.vote(left, Choice::Yes, &all.key).ok();
            all.records.extend(said);
            let seals: Vec<_> = all.roll.due(&all.key.id()).into_iter().filter(|due| *due == left).collect();
            for due in seals {
                all.seal(due);
            }
        }
        assert!(all.stands(left), "{model}: {:?}", all.standing(left));
        assert!(model == Model::Open || !all.stands(right), "{model}");
        let again = together(&[&all, &a, &b, &c]);
        assert!(again.stands(left), "{model}");
    }
}

#[test]
fn a_ring_of_three_apart_and_somebody_who_knows_two_of_them() {
    let [mut a, mut b, mut c, mut d] = commons(Model::Open);
    let ids = [&a, &b, &c].map(Peer::me);
    a.remove(ids[1]);
    b.remove(ids[2]);
    c.remove(ids[0]);
    d.hear(&a);
    d.hear(&b);
    let page = d.propose(Act::Hide(commonplace_model::PageId::new([1; 16])));
    let all = together(&[&a, &b, &c, &d]);
    assert_eq!(all.roll.members().count(), 1);
    assert_eq!(all.standing(page), Standing::ForNow);
    assert_eq!(all.roll.hidden().len(), 1);
}
