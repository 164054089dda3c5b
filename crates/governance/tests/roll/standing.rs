//! Whether what somebody did by their own word counts: as far as they themselves came in rightly, however they came.

use commonplace_governance::{
    Act, Added, Admission, Body, Choice, Cut, DeviceStanding, Invitation, Model, Policy, Proposal, Reason, Removal,
    Roll, RollError, Vote, Vouch, body::member_of, decision::Standing as Outcome,
};
use commonplace_model::{ChangeHash, DocId, Nonce, PageId, RecordId};
use commonplace_trust::{Draft, Standing as _, VerifiedAttestation, VerifiedRecord, VerifiedTwins};

use crate::{
    peers::{Peer, commons, genesis, key, licence, meet, request},
    policies::with_policy,
};

/// Leaves, as somebody who may not be a member does all the same.
fn leaves(peer: &mut Peer, authority: RecordId) -> RecordId {
    let me = member_of(peer.roll.commons(), peer.key.id());
    let leaving = Body::Removal(Removal {
        member: me,
        under: RecordId::new(*peer.roll.commons().as_bytes()),
        cut: Cut::default(),
    });
    let parents = vec![peer.records.last().expect("some").id()];
    let record = peer.forge(parents, authority, &leaving);
    peer.take(std::slice::from_ref(&record));
    record.id()
}

#[test]
fn who_came_by_a_decision_goes_by_their_own_word() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let admit = a.propose(Act::Admit(Box::new(request(a.roll.commons(), 9))));
    a.yes(admit);
    b.hear(&a);
    b.yes(admit);
    let mut newcomer = b.at(9);
    let id = newcomer.me();
    newcomer.remove(id);
    meet(&mut [&mut a, &mut b, &mut c, &mut newcomer]);
    assert!(!a.has_member(id) && a.stands(admit));
}

#[test]
fn who_came_by_an_act_of_an_open_commons_goes_by_their_own_word() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let admit = a.propose(Act::Admit(Box::new(request(a.roll.commons(), 9))));
    let mut newcomer = a.at(9);
    let (id, authority) = (newcomer.me(), newcomer.roll.member(&newcomer.me()).expect("a member").by);
    assert_eq!(authority, admit);
    newcomer.remove(id);
    meet(&mut [&mut a, &mut b, &mut c, &mut newcomer]);
    assert!(!b.has_member(id));
    assert_eq!(b.roll.standing_of(&key(9).id()), DeviceStanding::Ended(id));
}

#[test]
fn who_came_by_an_act_when_the_commons_was_open_no_longer_did_not_come() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let admit = c.propose(Act::Admit(Box::new(request(c.roll.commons(), 9))));
    let mut newcomer = c.at(9);
    let leaving = leaves(&mut newcomer, admit);
    assert!(newcomer.roll.counts(&leaving));
    // Elsewhere, not knowing of it, the others closed the commons for good.
    let closing = a.propose(Act::Model { model: Model::Majority, stewards: Vec::new() });
    a.seal(closing);
    b.hear(&a);
    b.seal(closing);
    meet(&mut [&mut a, &mut b, &mut c, &mut newcomer]);
    assert_eq!(a.standing(closing), Outcome::ForGood);
    assert_eq!(a.why_not(admit), vec![Reason::TimeOver]);
    assert!(!a.roll.counts(&leaving));
    assert_eq!(a.roll.own_word(&leaving).expect("a word").fell, Some(Reason::Author));
}

#[test]
fn who_was_taken_in_for_good_goes_by_their_own_word_whatever_became_of_who_let_them_in() {
    let [mut a, mut b, mut c] = commons(Model::Stewards { needed: 1 });
    let mut newcomer = b.admit(9);
    let decision = b.propose(licence("CC0-1.0"));
    b.yes(decision);
    c.hear(&b);
    c.yes(decision);
    assert_eq!(c.standing(decision), Outcome::ForGood);
    newcomer.hear(&c);
    let id = newcomer.me();
    // Elsewhere somebody removed who let them in, and knew nothing of that.
    let idb = b.me();
    a.remove(idb);
    meet(&mut [&mut a, &mut b, &mut c, &mut newcomer]);
    assert!(!a.has_member(idb) && a.has_member(id));
    newcomer.remove(id);
    meet(&mut [&mut a, &mut b, &mut c, &mut newcomer]);
    assert!(!a.has_member(id));
}

/// Lets somebody in whom the charter does not let in.
fn forced(by: &mut Peer, n: u8) -> (Peer, RecordId) {
    let authority = by.roll.member_of(&by.key.id()).expect("a member").by;
    let parents = vec![by.records.last().expect("some").id()];
    let admission = Body::Admission(Admission { request: request(by.roll.commons(), n) });
    let record = by.forge(parents, authority, &admission);
    by.take(std::slice::from_ref(&record));
    (by.at(n), record.id())
}

#[test]
fn who_did_not_come_rightly_does_nothing_by_their_own_word() {
    let [mut a, mut b, mut c] = with_policy(Policy::Vouched);
    let (mut newcomer, admission) = forced(&mut b, 9);
    let leaving = leaves(&mut newcomer, admission);
    meet(&mut [&mut a, &mut b, &mut c, &mut newcomer]);
    assert!(a.roll.has(&leaving) && !a.roll.counts(&leaving));
    assert_eq!(a.roll.standing_of(&key(9).id()), DeviceStanding::None);
}

#[test]
fn who_was_vouched_for_goes_by_their_own_word() {
    let [mut a, mut b, mut c] = with_policy(Policy::Vouched);
    a.say(&Body::Vouch(Vouch { device: key(9).id() }));
    b.hear(&a);
    let mut newcomer = b.admit(9);
    let id = newcomer.me();
    newcomer.remove(id);
    meet(&mut [&mut a, &mut b, &mut c, &mut newcomer]);
    assert!(!c.has_member(id));
}

#[test]
fn what_somebody_proposes_beside_their_removal_changes_nothing_in_an_open_commons() {
    // Whichever of the two has the lower id.
    for n in 0..6 {
        let [mut a, mut b, mut c] = commons(Model::Open);
        a.remove(c.me());
        let beside = c.propose(licence(&format!("CC-BY-{n}")));
        meet(&mut [&mut a, &mut b, &mut c]);
        assert_eq!(a.why_not(beside), vec![Reason::Author]);
        let next = b.propose(licence("CC0-1.0"));
        assert!(b.stands(next) && b.roll.charter().licence == "CC0-1.0");
    }
}

#[test]
fn a_step_that_somebody_proposes_beside_their_removal_does_not_stand_for_its_author_is_out() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    a.remove(c.me());
    let beside = c.propose(Act::Model { model: Model::Majority, stewards: Vec::new() });
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(a.why_not(beside), vec![Reason::Author]);
}

#[test]
fn an_act_that_nothing_follows_does_not_stand_in_the_way_of_a_step_beside_it() {
    // Whichever of the two has the lower id.
    for n in 0..6 {
        let [mut a, mut b, mut c] = commons(Model::Open);
        let step = a.propose(Act::Model { model: Model::Majority, stewards: Vec::new() });
        b.propose(Act::Hide(PageId::new([n; 16])));
        meet(&mut [&mut a, &mut b, &mut c]);
        assert!(c.stands(step));
    }
}

#[test]
fn nobody_writes_what_they_have_no_right_to() {
    let [_, mut b, c] = commons(Model::Majority);
    let removal = Body::Removal(Removal {
        member: c.me(),
        under: RecordId::new(*b.roll.commons().as_bytes()),
        cut: Cut::default(),
    });
    assert_eq!(b.roll.write(&removal, &b.key), Err(RollError::NoRight));
    let (one, other) = (b.propose(licence("CC0-1.0")), b.propose(licence("CC-BY-4.0")));
    b.yes(one);
    let again = Body::Vote(Vote { proposal: other, choice: Choice::Yes });
    assert_eq!(b.roll.write(&again, &b.key), Err(RollError::Spent));
}

#[test]
fn the_roll_tells_who_and_what_is_in_it() {
    let [mut a, b, c] = commons(Model::Open);
    let (idb, idc) = (b.me(), c.me());
    let tells = |peer: &Peer| {
        let devices: Vec<_> = peer.roll.devices().copied().collect();
        let ended: Vec<_> = peer.roll.ended().copied().collect();
        (devices.len(), devices.contains(&key(3).id()), ended)
    };
    assert_eq!(tells(&a), (3, true, vec![]));
    assert_eq!(a.roll.invitations().count(), 1);
    let before = (a.roll.written_by(&a.me()), a.roll.written_by(&idb));
    assert_eq!(before.1, 0);
    let removal = a.remove(idc);
    assert_eq!(tells(&a), (2, false, vec![key(3).id()]));
    assert_eq!(a.roll.written_by(&a.me()), before.0 + 1);
    // Who came back has good standing again.
    a.admit(3);
    assert_eq!(tells(&a), (3, true, vec![]));
    // Of a member both proposals and what they did by their own word, and nothing else that they wrote.
    let proposal = a.propose(licence("CC0-1.0"));
    a.say(&Body::Invitation(Invitation { key: key(50).id(), uses: 1, expires_at: 1 }));
    let acts = a.roll.acts_of(&a.me());
    assert!(acts.contains(&removal) && acts.contains(&proposal), "{acts:?}");
    let all: Vec<_> = a.roll.acts().into_iter().filter(|act| acts.contains(act)).collect();
    assert_eq!(all, acts, "in the same order");
    assert!(a.roll.acts_of(&idb).is_empty());
    assert!(acts.len() < a.roll.written_by(&a.me()));
}

#[test]
fn rolls_with_other_records_are_others() {
    let [mut a, b, _]: [Peer; 3] = commons(Model::Open);
    assert!(a.roll == b.roll);
    // Of a kind that this version does not know: it changes nothing, and is there.
    let authority = a.roll.member(&a.me()).expect("a member").by;
    let unknown = a.forge_bytes(vec![a.records.last().expect("some").id()], authority, vec![200, 1, 2, 3]);
    assert_eq!(a.roll.add(&unknown), Added::Ignored);
    assert!(a.roll != b.roll);
    let mut c = b.clone();
    c.propose(licence("CC0-1.0"));
    assert!(c.roll != b.roll);
    assert!(Peer::found(1).roll != b.roll);
}

#[test]
fn what_somebody_wrote_and_the_decision_to_remove_them_knew_counts() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let invites =
        |peer: &mut Peer, n: u8| peer.say(&Body::Invitation(Invitation { key: key(n).id(), uses: 1, expires_at: 1 }));
    let known = invites(&mut c, 50);
    a.hear(&c);
    let beside = invites(&mut c, 51);
    let out = a.propose(Act::Remove { member: c.me(), cut: Cut::default() });
    a.yes(out);
    b.hear(&a);
    b.yes(out);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(a.roll.counts(&known) && !a.roll.counts(&beside));
    assert!(a.roll.invitation(&key(50).id()).is_some() && a.roll.invitation(&key(51).id()).is_none());
}

#[test]
fn a_cut_names_changes_of_its_documents_alone() {
    let [mut a, mut b, c] = commons(Model::Open);
    let (doc, hash) = (|n| DocId::Page(PageId::new([n; 16])), |n| ChangeHash::new([n; 32]));
    let idc = c.me();
    let records = a.roll.remove(idc, Cut::of([(doc(1), hash(1))]), &a.key).expect("removes");
    a.records.extend(records);
    b.hear(&a);
    assert!(b.roll.is_cut(&doc(1), &hash(1)));
    assert!(!b.roll.is_cut(&doc(1), &hash(2)) && !b.roll.is_cut(&doc(2), &hash(1)));
    // A fork of which nothing counts names nothing.
    let said = [1, 2].map(|twin| {
        *VerifiedAttestation::sign(&key(2), b.roll.commons(), doc(2), Nonce::new([4; 16]), 1, hash(twin)).get()
    });
    let proof = VerifiedTwins::of_words(b.roll.commons(), doc(2), said).expect("twins");
    a.roll.prove(&proof, vec![], &a.key).expect("is said");
    assert!(a.roll.forked(&doc(2), &proof.actor()).is_some());
    assert!([1, 2, 3].iter().all(|n| !a.roll.is_cut(&doc(2), &hash(*n))));
}

#[test]
fn whose_late_word_does_not_count_is_told_until_the_proposal_is_sealed() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let proposal = a.propose(licence("CC0-1.0"));
    meet(&mut [&mut a, &mut b, &mut c]);
    let (idc, authority) = (c.me(), c.roll.member(&c.me()).expect("a member").by);
    let left = c.remove(idc);
    let late = Body::Vote(Vote { proposal, choice: Choice::Yes });
    let late = c.forge(vec![left], authority, &late);
    c.take(&[late]);
    a.hear(&c);
    let told = |peer: &Peer| {
        let decision = peer.roll.decision(&proposal).expect("a proposal");
        (decision.tally.yes, decision.unheard, decision.sealed_by.is_some())
    };
    assert_eq!(told(&a), (0, [idc].into(), false));
    a.yes(proposal);
    assert_eq!(told(&a), (1, [idc].into(), false));
    b.hear(&a);
    b.yes(proposal);
    assert_eq!(told(&b), (2, [].into(), true));
}

#[test]
fn two_who_remove_the_same_person_both_said_so() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let idc = c.me();
    let both = [a.remove(idc), b.remove(idc)];
    meet(&mut [&mut a, &mut b, &mut c]);
    let acts = c.roll.acts();
    assert!(both.iter().all(|removal| acts.contains(removal)), "{acts:?}");
    assert_eq!(both.map(|removal| c.roll.own_word(&removal).expect("a word").by), [a.me(), b.me()]);
}

#[test]
fn an_act_that_needs_nobody_changes_nothing_about_who_decides() {
    let [mut a, ..]: [Peer; 2] = commons(Model::Open);
    let (authority, after) = (a.roll.member(&a.me()).expect("a member").by, *a.roll.proposals().last().expect("one"));
    let newcomer = a.admit(9);
    let admission = newcomer.roll.member(&newcomer.me()).expect("a member").by;
    let mut gone = a.at(9);
    let departure = gone.remove(newcomer.me());
    a.hear(&gone);
    let act = |round: u16, newcomers: Vec<RecordId>, departed: Vec<RecordId>| {
        let act = Act::Hide(PageId::new([1; 16]));
        Body::Proposal(Box::new(Proposal { after, round, act, newcomers, departed, reason: String::new() }))
    };
    for (body, wanted) in [
        (act(0, vec![], vec![]), Added::Folded),
        (act(1, vec![], vec![]), Added::Invalid),
        (act(0, vec![admission], vec![]), Added::Invalid),
        (act(0, vec![], vec![departure]), Added::Invalid),
    ] {
        let record = a.forge(vec![departure], authority, &body);
        assert_eq!(a.roll.add(&record), wanted, "{body:?}");
    }
    assert!(Cut::default().is_empty());
    assert!(!Cut::of([(DocId::Page(PageId::new([1; 16])), ChangeHash::new([1; 32]))])[0].is_empty());
}

#[test]
fn what_builds_on_something_founds_nothing() {
    let founding = |parents: Vec<RecordId>| {
        let draft = Draft {
            commons: None,
            author: key(1).id(),
            authority: None,
            parents,
            body: Body::Genesis(genesis(1)).encode(),
        };
        let record = VerifiedRecord::sign(draft, &key(1)).expect("signs");
        Roll::fold(record.commons(), &[record]).map(|roll| roll.members().count())
    };
    assert_eq!(founding(vec![]), Ok(1));
    assert!(founding(vec![RecordId::new([5; 32])]).is_err());
}
