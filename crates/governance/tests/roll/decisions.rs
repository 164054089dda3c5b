//! Decisions: late waves, an absent founder, other commons, explanations.

use commonplace_governance::decide::Said;
use commonplace_governance::decision::Standing;
use commonplace_governance::{Act, Added, Body, Choice, Cut, Model, Reason, Roll, Vote};
use commonplace_model::PageId;

use crate::peers::{Peer, commons, genesis, key, licence, meet, request};

#[test]
fn a_late_wave_of_invitations_cannot_tip_a_running_vote() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let proposal = a.propose(licence("CC0-1.0"));
    c.hear(&a);
    c.yes(proposal);
    // One member lets in many and has them all vote, for the proposal and for one of their own.
    let mut wave: Vec<Peer> = (10..30).map(|n| c.admit(n)).collect();
    let last = wave.len() - 1;
    for newcomer in &mut wave {
        newcomer.hear(&c);
        assert!(newcomer.roll.vote(proposal, Choice::Yes, &newcomer.key).is_err(), "they are no electors yet");
    }
    let own = wave[last].propose(licence("WTFPL"));
    c.hear(&wave[last]);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(!a.stands(proposal) && !a.stands(own));
    let decision = a.roll.decision(&own).expect("a proposal");
    assert_eq!(decision.electorate.len(), 3, "rivals have one electorate");
    // The decision that is sealed next takes in those whom its author knew, for everybody to see before they vote.
    b.vote(proposal, Choice::No);
    a.hear(&b);
    a.yes(proposal);
    assert_eq!(a.standing(proposal), Standing::ForGood);
    assert_eq!(a.roll.footing().electors.len(), 3);
    let roster = a.propose(Act::Roster);
    assert_eq!(a.roll.decision(&roster).expect("a proposal").proposal.newcomers.len(), 20);
    a.yes(roster);
    b.hear(&a);
    b.yes(roster);
    assert_eq!(b.roll.footing().electors.len(), 23);
}

#[test]
fn the_founder_is_gone_and_the_others_go_on() {
    for model in [Model::Open, Model::Majority, Model::Consent { quorum: 50 }, Model::Stewards { needed: 2 }] {
        let [founder, mut b, mut c, mut d] = commons(model);
        let gone = founder.me();
        let act = Act::Remove { member: gone, cut: Cut::default() };
        let removal = b.propose(act);
        for peer in [&mut c, &mut d] {
            peer.hear(&b);
        }
        match model {
            Model::Open => {}
            Model::Consent { .. } => {
                b.yes(removal);
                c.hear(&b);
                c.yes(removal);
                for peer in [&mut b, &mut d] {
                    peer.hear(&c);
                    peer.seal(removal);
                }
                c.hear(&b);
                c.hear(&d);
                c.seal(removal);
            }
            Model::Majority | Model::Stewards { .. } => {
                b.yes(removal);
                c.hear(&b);
                c.yes(removal);
                d.hear(&c);
                d.yes(removal);
            }
        }
        meet(&mut [&mut b, &mut c, &mut d]);
        assert!(b.stands(removal) && !b.has_member(gone), "{model}");
        let next = b.propose(licence("CC0-1.0"));
        assert!(b.roll.counts(&next));
    }
}

#[test]
fn without_their_only_steward_members_write_on_and_decide_nothing() {
    let mut founder = Peer::found(1);
    let mut other = founder.admit(2);
    let proposal = other.propose(licence("CC0-1.0"));
    assert!(other.roll.vote(proposal, Choice::Yes, &other.key).is_err());
    let decision = other.roll.decision(&proposal).expect("a proposal");
    assert_eq!(decision.electorate, [founder.me()].into());
    assert!(matches!(other.why_not(proposal)[..], [Reason::Lacks(needed)] if needed.yes == 1));
}

#[test]
fn a_record_of_one_commons_is_nothing_in_another() {
    let [a, ..]: [Peer; 2] = commons(Model::Open);
    let mut other = genesis(0);
    other.nonce = [8; 16];
    let (mut elsewhere, _) = Roll::found(other, &key(1)).expect("founds");
    let founded = elsewhere.clone();
    for record in &a.records {
        assert!(matches!(elsewhere.add(record), Added::Invalid));
    }
    assert!(elsewhere == founded);
    // A request to join, signed for the other one, admits nobody here.
    let stolen = request(a.roll.commons(), 9);
    assert!(elsewhere.admit_request(stolen.clone(), &key(1)).is_err());
    let act = Act::Admit(Box::new(stolen));
    assert!(elsewhere.propose(act, String::new(), &key(1)).is_err());
}

#[test]
fn a_decision_says_who_could_decide_who_did_and_what_sealed_it() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let page = PageId::new([4; 16]);
    let proposal = a.propose(Act::Hide(page));
    a.yes(proposal);
    let waits = a.roll.decision(&proposal).expect("a proposal");
    assert_eq!((waits.electorate.len(), waits.needed.yes, waits.tally.yes), (3, 2, 1));
    assert!(matches!(waits.standing, Standing::Not(ref why) if matches!(why[..], [Reason::Lacks(n)] if n.yes == 1)));
    b.hear(&a);
    b.vote(proposal, Choice::No);
    c.hear(&b);
    let vote = c.vote(proposal, Choice::Yes);
    let done = c.roll.decision(&proposal).expect("a proposal");
    assert_eq!(done.sealed_by, Some(vote), "the vote that knew enough others is the seal");
    assert_eq!(done.standing, Standing::ForGood);
    assert!(done.voices[&b.me()].said.contains(&Said::Voted(Choice::No)));
    assert_eq!((done.by, done.model), (a.me(), Model::Majority));
    assert!(c.roll.hidden().contains(&page));
    meet(&mut [&mut a, &mut b, &mut c]);
    let restore = b.propose(Act::Restore(page));
    b.yes(restore);
    c.hear(&b);
    c.yes(restore);
    assert!(c.roll.hidden().is_empty());
}

#[test]
fn votes_cast_apart_are_sealed_by_whoever_knows_enough() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let proposal = a.propose(licence("CC0-1.0"));
    meet(&mut [&mut a, &mut b, &mut c]);
    a.yes(proposal);
    b.yes(proposal);
    c.hear(&a);
    c.hear(&b);
    assert_eq!(c.why_not(proposal), vec![Reason::Unsealed]);
    assert_eq!(c.roll.due(&c.key.id()), vec![proposal]);
    c.seal(proposal);
    assert_eq!(c.standing(proposal), Standing::ForGood);
    assert!(c.roll.due(&c.key.id()).is_empty());
}

#[test]
fn a_seal_without_enough_votes_is_none() {
    let [mut a, _b, _c] = commons(Model::Majority);
    let proposal = a.propose(licence("CC0-1.0"));
    a.yes(proposal);
    assert!(a.roll.seal(proposal, &a.key).is_err());
    assert!(a.why_not(proposal).iter().any(|r| matches!(r, Reason::Lacks(_))));
}

#[test]
fn a_proposal_of_a_later_version_is_kept_and_so_is_what_answers_it() {
    let [mut a, mut b] = commons(Model::Majority);
    let authority = a.roll.member_of(&a.key.id()).expect("a member").by;
    let parents = vec![a.records.last().expect("some").id()];
    // A proposal (kind 8) with an act that does not exist yet.
    let body = [&[8][..], a.roll.commons().as_bytes(), &[0, 200, 1]].concat();
    let later = a.forge_bytes(parents, authority, body);
    assert_eq!(a.roll.add(&later), Added::Ignored);
    let vote = Body::Vote(Vote { proposal: later.id(), choice: Choice::Yes });
    let answer = a.forge(vec![later.id()], authority, &vote);
    assert_eq!(a.roll.add(&answer), Added::Ignored);
    b.take(&[answer, later]);
    assert!(b.roll == a.roll);
}
