//! Each model at work: what counts at once, what suspends, and changing the model by the model in force.

use commonplace_governance::decision::Standing;
use commonplace_governance::{Act, Choice, Model, Reason};
use commonplace_model::PageId;

use crate::peers::{commons, licence, meet};

#[test]
fn open_acts_count_at_once_beside_each_other_and_are_undone_by_another() {
    let [mut a, mut b] = commons(Model::Open);
    let (one, two) = (PageId::new([1; 16]), PageId::new([2; 16]));
    let hid = a.propose(Act::Hide(one));
    b.propose(Act::Hide(two));
    meet(&mut [&mut a, &mut b]);
    assert_eq!(a.roll.hidden().len(), 2, "both, though made apart");
    assert_eq!(a.standing(hid), Standing::ForNow);
    b.propose(Act::Restore(one));
    a.hear(&b);
    assert!(!a.roll.hidden().contains(&one));
    let to = Act::Charter { name: Some("Seeds".to_owned()), purpose: None, text: Some("Share.".to_owned()) };
    a.propose(to);
    a.propose(Act::FoundAnew { page: one, anew: two });
    assert_eq!((a.roll.charter().name.as_str(), a.roll.charter().text.as_str()), ("Seeds", "Share."));
    assert_eq!(a.roll.anew(&one), Some(two));
    let duty = Act::Grant(b.me());
    a.propose(duty);
    assert!(a.roll.stewards().any(|steward| *steward == b.me()));
}

#[test]
fn stewards_decide_and_others_cannot() {
    let [mut a, mut b, mut c] = commons(Model::Stewards { needed: 2 });
    let end = a.propose(Act::End(c.me()));
    a.yes(end);
    b.hear(&a);
    b.yes(end);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(c.standing(end), Standing::ForGood);
    let own = c.propose(licence("CC0-1.0"));
    assert!(c.roll.vote(own, Choice::Yes, &c.key).is_err());
    a.hear(&c);
    a.yes(own);
    assert!(!a.stands(own));
    b.hear(&a);
    b.yes(own);
    assert!(b.stands(own), "anybody may propose");
}

#[test]
fn what_few_stewards_decided_apart_is_settled_when_more_than_half_sealed_it() {
    let [mut a, mut b, mut c] = commons(Model::Stewards { needed: 1 });
    let one = a.propose(licence("CC0-1.0"));
    a.yes(one);
    assert_eq!(a.standing(one), Standing::ForNow);
    let two = b.propose(licence("CC-BY-4.0"));
    b.yes(two);
    meet(&mut [&mut a, &mut b, &mut c]);
    let (stands, falls) = if c.stands(one) { (one, two) } else { (two, one) };
    assert!(!c.stands(falls));
    assert_eq!(c.roll.due(&c.key.id()), vec![stands]);
    c.seal(falls);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(a.standing(falls), Standing::ForGood);
}

#[test]
fn consent_is_suspended_by_an_objection_and_goes_on_when_it_is_withdrawn() {
    let [mut a, mut b, mut c] = commons(Model::Consent { quorum: 60 });
    let proposal = a.propose(licence("CC0-1.0"));
    meet(&mut [&mut a, &mut b, &mut c]);
    a.yes(proposal);
    b.yes(proposal);
    c.vote(proposal, Choice::Object);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(a.why_not(proposal)[0], Reason::Objection([c.me()].into()));
    assert!(a.roll.seal(proposal, &a.key).is_err());
    c.vote(proposal, Choice::Withdraw);
    meet(&mut [&mut a, &mut b, &mut c]);
    a.seal(proposal);
    assert!(!a.stands(proposal), "one of three is not more than half");
    b.hear(&a);
    b.seal(proposal);
    assert_eq!(b.standing(proposal), Standing::ForGood);
    // An objection after that is too late.
    c.vote(proposal, Choice::Object);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(a.standing(proposal), Standing::ForGood);
}

#[test]
fn who_objects_again_after_withdrawing_objects() {
    let [mut a, mut b, mut c] = commons(Model::Consent { quorum: 60 });
    let proposal = a.propose(licence("CC0-1.0"));
    meet(&mut [&mut a, &mut b, &mut c]);
    a.yes(proposal);
    b.yes(proposal);
    for choice in [Choice::Object, Choice::Withdraw, Choice::Object] {
        c.vote(proposal, choice);
    }
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(a.why_not(proposal)[0], Reason::Objection([c.me()].into()));
    assert!(a.roll.seal(proposal, &a.key).is_err());
}

#[test]
fn acknowledgements_that_did_not_know_of_each_other_are_joined_by_one_more() {
    for model in [Model::Open, Model::Consent { quorum: 1 }, Model::Stewards { needed: 1 }] {
        let [mut a, mut b, mut c] = commons(model);
        let proposal = a.propose(Act::Policy(commonplace_governance::Policy::Vouched));
        if model != Model::Open {
            a.yes(proposal);
        }
        b.hear(&a);
        c.hear(&a);
        for peer in [&mut a, &mut b, &mut c] {
            let due = peer.roll.due(&peer.key.id());
            for proposal in due {
                peer.seal(proposal);
            }
        }
        meet(&mut [&mut a, &mut b, &mut c]);
        let again = b.roll.due(&b.key.id());
        for proposal in again {
            b.seal(proposal);
        }
        assert_eq!(b.standing(proposal), Standing::ForGood, "{model}");
        meet(&mut [&mut a, &mut b, &mut c]);
        for peer in [&a, &b, &c] {
            assert!(peer.roll.due(&peer.key.id()).is_empty(), "{model}: nothing is said again and again");
        }
    }
}

#[test]
fn consent_below_its_quorum_waits() {
    let [mut a, mut b, mut c] = commons(Model::Consent { quorum: 60 });
    let proposal = a.propose(licence("CC0-1.0"));
    a.yes(proposal);
    assert!(a.roll.seal(proposal, &a.key).is_err());
    assert!(a.roll.due(&a.key.id()).is_empty());
    b.hear(&a);
    b.yes(proposal);
    c.hear(&b);
    assert_eq!(c.roll.due(&c.key.id()), vec![proposal]);
}

#[test]
fn a_commons_changes_its_model_by_the_model_it_has() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let (ida, idc) = (a.me(), c.me());
    let mut stewards = vec![ida, idc];
    stewards.sort_unstable();
    let change = a.propose(Act::Model { model: Model::Stewards { needed: 1 }, stewards });
    a.yes(change);
    assert_eq!(a.roll.footing().model, Model::Majority);
    b.hear(&a);
    b.yes(change);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(c.roll.charter().deciding, 1);
    let back = c.propose(Act::Model { model: Model::Open, stewards: Vec::new() });
    c.yes(back);
    assert_eq!(c.roll.footing().model, Model::Open);
    a.hear(&c);
    a.seal(back);
    b.hear(&a);
    let act = b.propose(licence("CC0-1.0"));
    assert!(b.stands(act));
}

#[test]
fn an_act_that_leaves_nobody_to_decide_cannot_be_proposed() {
    let [mut a, b] = commons(Model::Stewards { needed: 1 });
    let end = a.propose(Act::End(b.me()));
    a.yes(end);
    assert!(a.roll.propose(Act::End(a.me()), String::new(), &a.key).is_err());
}
