//! Removal: with a cut, both ways, racing with what the removed member and others do meanwhile.

use commonplace_governance::{
    Able, Act, Added, Body, Choice, Cut, DeviceStanding, Invitation, Model, Parting, Reason, Removal, Seal,
    body::member_of,
};
use commonplace_model::{ChangeHash, DocId, MemberId, PageId, RecordId};

use crate::peers::{Peer, commons, key, licence, meet, request};

fn one_steward_is_enough() -> Model {
    Model::Stewards { needed: 1 }
}

#[test]
fn two_stewards_who_remove_each_other_both_go() {
    let [mut a, mut b, mut c] = commons(one_steward_is_enough());
    let (ida, idb) = (a.me(), b.me());
    a.remove(idb);
    b.remove(ida);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(!c.has_member(ida) && !c.has_member(idb) && c.has_member(c.me()));
    assert_eq!(c.roll.standing_of(&key(1).id()), DeviceStanding::Ended(ida));
    // Who is left can go on, and leaves those who went out of the next decisions.
    let next = c.propose(licence("CC0-1.0"));
    c.yes(next);
    assert!(c.stands(next));
    assert_eq!(c.roll.footing().electorate().len(), 1);
}

#[test]
fn two_who_removed_each_other_stay_out_when_the_others_change_the_rule() {
    for model in [Model::Majority, Model::Consent { quorum: 100 }, Model::Stewards { needed: 1 }] {
        let [mut a, mut b, mut c] = commons(Model::Open);
        let (idb, idc) = (b.me(), c.me());
        b.remove(idc);
        c.remove(idb);
        meet(&mut [&mut a, &mut b, &mut c]);
        assert_eq!(a.roll.members().count(), 1);
        a.propose(Act::Model { model, stewards: Vec::new() });
        assert!(!a.has_member(idb) && !a.has_member(idc), "{model}");
        meet(&mut [&mut a, &mut b, &mut c]);
        assert!(!b.has_member(idb) && !c.has_member(idc), "{model}");
    }
}

#[test]
fn a_ring_of_removals_removes_all_in_it() {
    let [mut a, mut b, mut c, mut d] = commons(one_steward_is_enough());
    let (ida, idb, idc) = (a.me(), b.me(), c.me());
    a.remove(idb);
    b.remove(idc);
    c.remove(ida);
    meet(&mut [&mut a, &mut b, &mut c, &mut d]);
    assert_eq!(d.roll.members().count(), 1);
}

#[test]
fn remove_and_invite_again_race_and_the_removal_holds() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let idc = c.me();
    a.remove(idc);
    // Elsewhere, not knowing, somebody admits the same person again.
    let record = b.roll.admit_request(request(b.roll.commons(), 3), &b.key).expect("admits");
    b.records.push(record);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(!a.has_member(idc));
    // Rejoining takes an admission that knows of the removal.
    let back = a.admit(3);
    assert_eq!(back.me(), idc);
    b.hear(&a);
    assert!(b.has_member(idc));
    c.hear(&b);
    let said = c.propose(licence("CC0-1.0"));
    assert!(c.stands(said), "who came back is a member like any other");
}

#[test]
fn what_a_removed_member_signs_beside_the_removal_counts_only_if_it_covers_it() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let known = c.propose(licence("CC0-1.0"));
    let four = c.admit(4).me();
    a.hear(&c);
    let unknown = c.propose(Act::Hide(PageId::new([1; 16])));
    let five = c.admit(5).me();
    a.remove(c.me());
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(a.stands(known) && a.has_member(four));
    assert!(!a.has_member(five), "whom they let in beside the removal is let in by nobody");
    assert_eq!(a.why_not(unknown), vec![Reason::Author]);
    assert!(a.roll.hidden().is_empty());
}

#[test]
fn a_removed_members_later_records_alter_nothing() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let before = c.clone();
    let removal = a.remove(c.me());
    c.hear(&a);
    let settled = c.roll.clone();
    // Honest devices refuse to write; a hostile one does it all the same, on top of the removal and beside it.
    assert!(c.roll.write(&Body::Invitation(Invitation { key: key(9).id(), uses: 1, expires_at: 1 }), &c.key).is_err());
    let authority = before.roll.member_of(&c.key.id()).expect("a member then").by;
    let invitation = Body::Invitation(Invitation { key: key(9).id(), uses: 1, expires_at: 1 });
    let mut beside = before.clone();
    let again = Body::Removal(Removal {
        member: b.me(),
        under: RecordId::new(*settled.commons().as_bytes()),
        cut: Cut::default(),
    });
    let late = [
        c.forge(vec![removal], authority, &invitation),
        c.forge(vec![removal], authority, &again),
        beside.forge(vec![authority], authority, &invitation),
    ];
    for record in &late {
        assert_eq!(a.roll.add(record), Added::Folded);
        assert!(!a.roll.counts(&record.id()));
    }
    assert!(a.roll.members().eq(settled.members()));
    assert_eq!(a.roll.epoch(), settled.epoch());
    assert!(a.roll.invitation(&key(9).id()).is_none());
    // And nothing honest builds on them.
    let honest = a.propose(licence("CC0-1.0"));
    b.take(&a.records);
    assert!(b.roll.has(&honest), "it does not wait for what does not count");
}

#[test]
fn concurrent_removals_join_their_cuts() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let doc = |n| DocId::Page(PageId::new([n; 16]));
    let tip = |n| ChangeHash::new([n; 32]);
    let idc = c.me();
    let first = a.roll.remove(idc, Cut::of([(doc(1), tip(1)), (doc(2), tip(2))]), &a.key).expect("removes");
    let second = b.roll.remove(idc, Cut::of([(doc(2), tip(3))]), &b.key).expect("removes");
    a.records.extend(first);
    b.records.extend(second);
    let alone = a.roll.epoch();
    meet(&mut [&mut a, &mut b, &mut c]);
    let cuts: Vec<_> = a.roll.cuts().map(|(doc, tips)| (*doc, tips.len())).collect();
    assert_eq!(cuts, vec![(doc(1), 1), (doc(2), 2)]);
    assert_ne!(a.roll.epoch(), alone, "the epoch changes with each removal");
}

#[test]
fn who_leaves_is_gone_and_their_vote_before_it_still_counts() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let proposal = a.propose(licence("CC0-1.0"));
    c.hear(&a);
    c.yes(proposal);
    c.remove(c.me());
    assert!(c.roll.member_of(&c.key.id()).is_none());
    a.hear(&c);
    a.yes(proposal);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(a.stands(proposal));
    let next = a.propose(licence("CC-BY-4.0"));
    a.yes(next);
    b.hear(&a);
    b.yes(next);
    assert!(b.stands(next));
    assert_eq!(b.roll.footing().electors.len(), 2, "who left is no elector after the next decision");
}

#[test]
fn who_left_seals_nothing_afterwards() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let proposal = a.propose(licence("CC0-1.0"));
    meet(&mut [&mut a, &mut b, &mut c]);
    a.yes(proposal);
    b.yes(proposal);
    let authority = c.roll.member(&c.me()).expect("a member").by;
    let gone = c.remove(c.me());
    meet(&mut [&mut a, &mut b, &mut c]);
    let heads =
        [&a, &b].map(|peer| peer.records.iter().rev().find(|r| r.draft().author == peer.key.id()).expect("one").id());
    let seal = Body::Seal(Seal { proposal });
    let late = c.forge(vec![heads[0], heads[1], gone], authority, &seal);
    a.roll.add(&late);
    assert_eq!(a.why_not(proposal), vec![Reason::Unsealed]);
    a.seal(proposal);
    assert!(a.stands(proposal));
}

#[test]
fn a_vote_and_a_removal_race() {
    // One steward votes while another removes them: the vote is beside the removal and counts for nothing.
    let [mut a, mut b, mut c] = commons(one_steward_is_enough());
    let proposal = a.propose(licence("CC0-1.0"));
    b.hear(&a);
    a.yes(proposal);
    b.remove(a.me());
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(!c.stands(proposal));
    // Had more than half of the stewards sealed it before anybody heard of the removal, it would stand for good.
    let [mut a, mut b, mut c] = commons(one_steward_is_enough());
    let proposal = a.propose(licence("CC0-1.0"));
    b.hear(&a);
    a.yes(proposal);
    c.hear(&a);
    c.seal(proposal);
    b.remove(a.me());
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(b.stands(proposal) && b.roll.charter().licence == "CC0-1.0");
}

#[test]
fn a_decision_to_remove_is_carried_out_with_the_cut_of_whoever_saw_more() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let idc = c.me();
    assert!(a.roll.remove(idc, Vec::new(), &a.key).is_err(), "nobody removes by their own word here");
    let removal = a.propose(Act::Remove { member: idc, cut: Cut::default() });
    a.yes(removal);
    b.hear(&a);
    // Meanwhile their work goes on, and is known to those who vote.
    let four = c.admit(4).me();
    b.hear(&c);
    b.yes(removal);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(!a.has_member(idc) && !a.has_member(four));
    let doc = DocId::Page(PageId::new([3; 16]));
    let records = b.roll.remove(idc, Cut::of([(doc, ChangeHash::new([9; 32]))]), &b.key).expect("joins its cut");
    b.records.extend(records);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(a.roll.cuts().count(), 1);
    assert!(!a.roll.footing().electors.contains(&idc));
    // Back by decision, with the device they had.
    let standing = a.roll.record_ids().copied().find(|id| {
        let admitted = a.records.iter().find(|r| r.id() == *id).map(|r| Body::decode(&r.draft().body));
        matches!(admitted, Some(Some(Body::Admission(admission))) if admission.request.device == key(3).id())
    });
    let back = a.propose(Act::Readmit { standing: standing.expect("their admission") });
    a.yes(back);
    b.hear(&a);
    b.vote(back, Choice::Yes);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(c.me(), idc);
    assert!(c.roll.footing().electors.contains(&idc));
    let said = c.propose(licence("CC0-1.0"));
    assert!(c.roll.counts(&said));
}

#[test]
fn who_was_a_member_when_all_could_remove_cannot_use_it_later() {
    let mut founder = Peer::found(0);
    let mut hostile = founder.admit(2);
    let victim = founder.admit(3).me();
    hostile.hear(&founder);
    let stale = hostile.clone();
    let change = founder.propose(Act::Model { model: Model::Majority, stewards: Vec::new() });
    founder.seal(change);
    // On top of what was known before the change, as if it had never been heard of.
    let mut backdated = stale;
    backdated.remove(victim);
    founder.hear(&backdated);
    assert!(founder.has_member(victim));
    assert_eq!(founder.roll.footing().model, Model::Majority);
}

#[test]
fn who_was_taken_back_by_somebody_removed_meanwhile_removes_nobody() {
    let [mut a, mut b, mut c, mut d] = commons(Model::Open);
    let (idb, idd) = (b.me(), d.me());
    a.remove(idd);
    c.hear(&a);
    let back = c.admit(4);
    assert_eq!(back.me(), idd);
    let authority = back.roll.member(&idd).expect("back").by;
    // Not knowing of that, another member removes who took them back: so they are not back.
    let removal_of_c = a.remove(c.me());
    meet(&mut [&mut a, &mut b, &mut c, &mut d]);
    assert!(!a.has_member(idd));
    let under = RecordId::new(*a.roll.commons().as_bytes());
    let removal = Body::Removal(Removal { member: idb, under, cut: Cut::default() });
    let late = d.forge(vec![removal_of_c, authority], authority, &removal);
    assert_eq!(a.roll.add(&late), Added::Folded);
    assert!(a.has_member(idb) && !a.roll.counts(&late.id()));
}

#[test]
fn who_is_removed_after_one_of_two_rivals_cannot_turn_to_the_other_afterwards() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let ida = a.me();
    let one = b.propose(Act::Model { model: Model::Open, stewards: vec![b.me()] });
    let two = c.propose(Act::Model { model: Model::Open, stewards: vec![c.me()] });
    meet(&mut [&mut a, &mut b, &mut c]);
    let (stands, falls) = if a.stands(one) { (one, two) } else { (two, one) };
    // The removal goes by the decision that stands for now.
    let removal = b.remove(ida);
    a.hear(&b);
    let authority = RecordId::new(*a.roll.commons().as_bytes());
    let late = a.forge(vec![removal], authority, &Body::Seal(Seal { proposal: falls }));
    b.roll.add(&late);
    assert!(b.stands(stands) && !b.has_member(ida));
}

#[test]
fn how_somebody_came_to_be_out_is_known() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let (idb, idc) = (b.me(), c.me());
    assert_eq!(a.roll.parting(&key(3).id()), None);
    let decided = a.propose(Act::Remove { member: idc, cut: Cut::default() });
    a.yes(decided);
    b.hear(&a);
    b.yes(decided);
    meet(&mut [&mut a, &mut b, &mut c]);
    for peer in [&a, &c] {
        assert_eq!(peer.roll.parting(&key(3).id()), Some(Parting::Decided(decided)));
    }
    b.remove(idb);
    a.hear(&b);
    assert_eq!(a.roll.parting(&key(2).id()), Some(Parting::Left));
    assert_eq!(a.roll.parting(&key(1).id()), None);

    let [mut a, mut b] = commons(Model::Open);
    let idb = b.me();
    a.remove(idb);
    b.hear(&a);
    let Some(Parting::RemovedBy(by, word)) = b.roll.parting(&key(2).id()) else { panic!("removed by a word") };
    assert_eq!(by, a.me());
    assert_eq!(b.roll.own_word(&word).map(|word| word.by), Some(a.me()));
    // Who came back and left is out because they left.
    let mut back = a.admit(2);
    assert_eq!(back.roll.parting(&key(2).id()), None);
    back.remove(idb);
    a.hear(&back);
    assert_eq!(a.roll.parting(&key(2).id()), Some(Parting::Left));
}

#[test]
fn whether_those_who_stay_can_decide_is_known_before_somebody_goes() {
    let now = |peer: &Peer| !matches!(peer.roll.able(), Able::Nothing(_));
    let without_can = |peer: &Peer, gone: &MemberId| !matches!(peer.roll.able_without(Some(gone)), Able::Nothing(_));
    let can = |peer: &Peer, without: usize| {
        let member = [1, 2, 3].map(|n: u8| member_of(peer.roll.commons(), key(n).id()))[without - 1];
        without_can(peer, &member)
    };
    let [a, _b] = commons(Model::Majority);
    assert!(now(&a) && !can(&a, 1) && !can(&a, 2), "two of two are more than half");
    let [mut a, b, c] = commons(Model::Majority);
    assert!(can(&a, 2));
    a.remove(a.me());
    assert!(now(&a) && !without_can(&a, &b.me()) && !without_can(&a, &c.me()));
    let [a, _b, _c] = commons(Model::Consent { quorum: 80 });
    assert!(!can(&a, 1), "three of three are needed");
    let [a, _b] = commons(Model::Open);
    assert!(can(&a, 1) && can(&a, 2));
    let [a, _b] = commons(one_steward_is_enough());
    assert!(can(&a, 1), "the other steward stays");
    let mut founder = Peer::found(1);
    founder.admit(2);
    assert!(now(&founder) && !can(&founder, 1) && can(&founder, 2), "its only steward");
    // What is told is what is: with the steward gone, nothing can even be proposed.
    let mut second = founder.at(2);
    founder.remove(founder.me());
    second.hear(&founder);
    assert!(second.roll.propose(licence("CC0-1.0"), String::new(), &second.key).is_err());
}
