//! Votes on both sides: rivals, waves of newcomers, ballots spent twice, and what comes too late.

use commonplace_governance::decision::Standing;
use commonplace_governance::{Act, Choice, Model, Reason};
use commonplace_model::RecordId;

use super::together;
use crate::peers::{Peer, commons, licence};

/// What is sealed of two, and what is not.
fn in_order(all: &Peer, one: RecordId, two: RecordId) -> (RecordId, RecordId) {
    assert!(all.stands(one) != all.stands(two), "one of two rivals stands");
    if all.stands(one) { (one, two) } else { (two, one) }
}

#[test]
fn of_two_rivals_of_one_parent_one_stands_in_every_model() {
    // By majority two sides cannot both decide: one of them has too few.
    let [mut a, mut b, mut c, mut d, mut e] = commons(Model::Majority);
    let (one, two) = (a.propose(licence("CC0-1.0")), d.propose(licence("CC-BY-4.0")));
    a.yes(one);
    b.hear(&a);
    b.yes(one);
    d.yes(two);
    e.hear(&d);
    e.yes(two);
    let all = together(&[&a, &b, &d, &e]);
    assert!(!all.stands(one) && !all.stands(two));
    assert!(matches!(all.why_not(one)[..], [Reason::Lacks(lacks)] if lacks.yes == 1));
    c.hear(&e);
    c.yes(two);
    let all = together(&[&a, &b, &c, &d, &e]);
    assert_eq!(all.standing(two), Standing::ForGood);
    assert_eq!(all.why_not(one)[0], Reason::Rival { other: two, doubles: [].into() });

    // Where acts count at once, both sides have decided, and more ballots win.
    let [mut a, mut b, mut c, mut d, mut e] = commons(Model::Stewards { needed: 1 });
    let (one, two) = (a.propose(licence("CC0-1.0")), d.propose(licence("CC-BY-4.0")));
    a.yes(one);
    d.yes(two);
    e.hear(&d);
    e.seal(two);
    let all = together(&[&a, &b, &c, &d, &e]);
    assert_eq!(all.standing(two), Standing::ForNow);
    assert_eq!(all.why_not(one), vec![Reason::Rival { other: two, doubles: [].into() }]);
    // Three of five on the other side had made theirs final meanwhile.
    for peer in [&mut b, &mut c] {
        peer.hear(&a);
        peer.seal(one);
        a.hear(peer);
    }
    a.hear(&c);
    let joined = together(&[&a, &b, &c, &d, &e]);
    let (stands, falls) = in_order(&joined, one, two);
    assert_eq!(joined.roll.charter().licence, if stands == one { "CC0-1.0" } else { "CC-BY-4.0" });
    let has = |id| joined.roll.decision(&id).expect("a proposal").tally.ballots;
    assert!(has(stands) > has(falls));

    // By consent, and in an open commons, likewise.
    for model in [Model::Consent { quorum: 1 }, Model::Open] {
        let [mut a, b, mut c] = commons(model);
        let change = |model| Act::Model { model, stewards: Vec::new() };
        let (one, two) = (a.propose(change(Model::Majority)), c.propose(change(Model::Consent { quorum: 99 })));
        for (peer, proposal) in [(&mut a, one), (&mut c, two)] {
            if model != Model::Open {
                peer.yes(proposal);
            }
            peer.seal(proposal);
        }
        let mut all = together(&[&a, &b, &c]);
        all.key = b.key.clone();
        all.seal(one);
        let end = together(&[&all, &a, &b, &c]);
        if model == Model::Open {
            assert!(end.stands(one) && !end.stands(two), "{model}");
        } else {
            // Nobody knew of two acknowledgements when they gave theirs: one more says so.
            assert_eq!(end.standing(one), Standing::ForGood, "{model}");
        }
        assert_eq!(end.why_not(two)[0], Reason::Rival { other: one, doubles: [].into() }, "{model}");
    }
}

#[test]
fn a_late_wave_of_invitations_on_one_side_tips_nothing() {
    for model in [Model::Majority, Model::Consent { quorum: 50 }] {
        let [mut a, mut b, mut c] = commons(model);
        let proposal = a.propose(licence("CC0-1.0"));
        b.hear(&a);
        c.hear(&a);
        a.yes(proposal);
        b.vote(proposal, Choice::No);
        // The third lets in many, who propose a rival that takes them in.
        let mut wave: Vec<Peer> = (10..16).map(|n| c.admit(n)).collect();
        let newest = wave.last_mut().expect("some");
        let rival = newest.propose(licence("WTFPL"));
        for newcomer in &mut wave {
            newcomer.hear(&c);
            assert!(newcomer.roll.vote(rival, Choice::Yes, &newcomer.key).is_err());
            assert!(newcomer.roll.seal(proposal, &newcomer.key).is_err());
        }
        c.hear(wave.last().expect("some"));
        let all = together(&[&a, &b, &c]);
        assert_eq!(all.roll.members().count(), 9);
        for id in [proposal, rival] {
            let decision = all.roll.decision(&id).expect("a proposal");
            assert_eq!((decision.electorate.len(), decision.tally.electors), (3, 3), "{model}");
            assert!(!all.stands(id), "{model}");
        }
        assert_eq!(all.roll.decision(&rival).expect("a proposal").proposal.newcomers.len(), 6);
        let lacks = all.why_not(proposal).into_iter().find_map(|why| match why {
            Reason::Lacks(lacks) => Some(lacks.yes),
            _ => None,
        });
        assert_eq!(lacks, Some(1), "{model}: as many as before they came");
    }
}

#[test]
fn who_votes_one_way_here_and_the_other_way_there_is_void_and_named() {
    let [mut a, mut b, c] = commons(Model::Majority);
    let (one, two) = (a.propose(licence("CC0-1.0")), b.propose(licence("CC-BY-4.0")));
    a.hear(&b);
    b.hear(&a);
    let (mut here, mut there) = (c.clone(), c.clone());
    here.hear(&a);
    there.hear(&b);
    here.yes(one);
    there.yes(two);
    // The two sides are told different things, and neither has enough without the other.
    a.hear(&here);
    b.hear(&there);
    let all = together(&[&a, &b, &here, &there]);
    for id in [one, two] {
        let decision = all.roll.decision(&id).expect("a proposal");
        assert!(!decision.voices[&c.me()].counts, "void in all of the round");
        assert_eq!(decision.tally.yes, 0);
        assert!(!all.stands(id));
    }
    // Both sides decide with that vote, knowing of no other: one stands, and who made it possible is named.
    a.yes(one);
    b.yes(two);
    assert!(a.standing(one) == Standing::ForGood && b.standing(two) == Standing::ForGood);
    let all = together(&[&a, &b, &here, &there]);
    let (stands, falls) = in_order(&all, one, two);
    assert_eq!(stands, one.min(two), "the lowest id, whatever comes");
    assert_eq!(all.why_not(falls)[0], Reason::Rival { other: stands, doubles: [c.me()].into() });
    assert_eq!(all.roll.decision(&stands).expect("a proposal").tally.yes, 2, "as its seal saw it");
}

#[test]
fn a_yes_and_a_no_of_one_member_are_a_ballot_spent_twice() {
    let [mut a, mut b, c] = commons(Model::Majority);
    let proposal = a.propose(licence("CC0-1.0"));
    b.hear(&a);
    let (mut here, mut there) = (c.clone(), c.clone());
    here.hear(&a);
    there.hear(&a);
    here.yes(proposal);
    there.vote(proposal, Choice::No);
    b.yes(proposal);
    let mut all = together(&[&a, &b, &here, &there]);
    assert!(!all.stands(proposal));
    assert!(!all.roll.decision(&proposal).expect("a proposal").voices[&c.me()].counts);
    all.yes(proposal);
    let end = together(&[&all, &b, &here, &there]);
    assert_eq!(end.standing(proposal), Standing::ForGood, "the two honest ones are more than half");
}

#[test]
fn a_sealed_decision_and_a_late_rival() {
    for model in [Model::Majority, Model::Consent { quorum: 50 }, Model::Stewards { needed: 2 }, Model::Open] {
        let [mut a, mut b, c] = commons(model);
        let change = |quorum| Act::Model { model: Model::Consent { quorum }, stewards: Vec::new() };
        let decided = a.propose(change(60));
        if model != Model::Open {
            a.yes(decided);
        }
        b.hear(&a);
        if model != Model::Open {
            b.yes(decided);
        }
        if matches!(model, Model::Consent { .. } | Model::Open) {
            b.seal(decided);
            a.hear(&b);
            a.seal(decided);
        }
        // Whoever knows nothing of it tries until the id of theirs is the lower one.
        let mut tries: Vec<(RecordId, Peer)> = (1..40)
            .map(|quorum| {
                let mut late = c.clone();
                (late.propose(change(quorum)), late)
            })
            .collect();
        tries.sort_by_key(|(id, _)| *id);
        let (rival, mut late) = tries.swap_remove(0);
        assert!(rival < decided, "{model}: one of many is lower");
        if model == Model::Open {
            late.seal(rival);
        } else {
            late.yes(rival);
        }
        let all = together(&[&a, &b, &late]);
        assert_eq!(all.standing(decided), Standing::ForGood, "{model}");
        assert_eq!(all.roll.footing().model, Model::Consent { quorum: 60 }, "{model}");
        assert_eq!(all.why_not(rival)[0], Reason::Rival { other: decided, doubles: [].into() }, "{model}");
    }
}
