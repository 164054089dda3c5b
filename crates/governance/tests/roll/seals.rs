//! What seals a decision, and whose voices have no part in it.

use commonplace_governance::decision::Standing;
use commonplace_governance::{
    Act, Added, Body, Choice, Cut, DeviceCertificate, DeviceRevocation, Model, Policy, Seal, Vote,
};
use commonplace_model::{MemberId, RecordId};

use crate::apart::together;
use crate::peers::{Peer, commons, key, licence, meet, request};

fn removal(member: MemberId) -> Act {
    Act::Remove { member, cut: Cut::default() }
}

/// Acknowledges as no honest device would any more.
fn seal_on(peer: &mut Peer, on: RecordId, authority: RecordId, proposal: RecordId) {
    let record = peer.forge(vec![on], authority, &Body::Seal(Seal { proposal }));
    assert_eq!(peer.roll.add(&record), Added::Folded);
    peer.records.push(record);
}

fn admission_of(peer: &Peer) -> RecordId {
    peer.roll.member(&peer.me()).expect("a member").by
}

#[test]
fn who_was_removed_in_an_open_commons_and_knows_it_seals_nothing() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let policy = b.propose(Act::Policy(Policy::Vouched));
    b.seal(policy);
    a.hear(&b);
    let out = a.propose(removal(c.me()));
    let authority = admission_of(&c);
    c.hear(&a);
    seal_on(&mut c, out, authority, policy);
    let all = together(&[&a, &b, &c]);
    assert_eq!(all.standing(policy), Standing::ForNow, "one of three who may");
    a.seal(policy);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(a.standing(policy), Standing::ForGood);
}

#[test]
fn what_is_only_proposed_takes_no_voice_away() {
    let [mut a, mut b, mut c] = commons(Model::Stewards { needed: 1 });
    a.propose(removal(c.me()));
    let other = b.propose(licence("CC0-1.0"));
    b.yes(other);
    c.hear(&a);
    c.hear(&b);
    c.seal(other);
    let all = together(&[&a, &b, &c]);
    assert_eq!(all.standing(other), Standing::ForGood);
}

#[test]
fn a_device_that_a_revoked_one_brought_in_seals_nothing() {
    let [mut a, mut b, c] = commons(Model::Majority);
    let certify = |peer: &mut Peer, n: u8| {
        let consent = DeviceCertificate::consent(peer.roll.commons(), peer.me(), &key(n));
        let said = DeviceCertificate::new(key(n).id(), format!("Phone {n}"), consent);
        (peer.say(&Body::DeviceCertificate(said)), peer.at(n))
    };
    let (lost, mut phone) = certify(&mut b, 21);
    let proposal = a.propose(licence("CC0-1.0"));
    a.yes(proposal);
    b.hear(&a);
    phone.hear(&b);
    // The phone was lost; its finder brings in one more, while the other device revokes it.
    let (brought, mut finder) = certify(&mut phone, 22);
    b.say(&Body::DeviceRevocation(DeviceRevocation { standing: lost, cut: Cut::default() }));
    finder.hear(&b);
    let vote = Body::Vote(Vote { proposal, choice: Choice::Yes });
    let record = finder.forge(vec![brought, b.records.last().expect("some").id()], brought, &vote);
    assert_eq!(finder.roll.add(&record), Added::Folded);
    finder.records.push(record);
    let all = together(&[&a, &b, &c, &finder]);
    assert!(!all.stands(proposal), "one of three said yes");
    // The member says so at a device that is theirs.
    b.yes(proposal);
    let all = together(&[&a, &b, &c, &finder]);
    assert_eq!(all.standing(proposal), Standing::ForGood);
}

#[test]
fn who_came_back_by_somebody_removed_seals_nothing() {
    let [mut a, mut b, mut c, mut d] = commons(Model::Stewards { needed: 1 });
    let proposal = b.propose(licence("CC0-1.0"));
    b.yes(proposal);
    a.hear(&b);
    a.seal(proposal);
    let (idc, idd) = (c.me(), d.me());
    a.remove(idc);
    d.hear(&a);
    let out_again = d.clone();
    let back = d.roll.admit_request(request(d.roll.commons(), 3), &d.key).expect("admits");
    d.records.push(back.clone());
    a.remove(idd);
    c.hear(&d);
    c.hear(&a);
    seal_on(&mut c, a.records.last().expect("some").id(), back.id(), proposal);
    let all = together(&[&a, &b, &c]);
    assert_eq!(all.standing(proposal), Standing::ForNow, "two of four who may");
    // Let in again by somebody who is still there, their voice is one.
    let mut a = all.at(1);
    let again = a.roll.admit_request(request(a.roll.commons(), 3), &a.key).expect("admits");
    a.records.push(again.clone());
    c.hear(&a);
    seal_on(&mut c, again.id(), again.id(), proposal);
    let all = together(&[&a, &b, &c, &out_again]);
    assert_eq!(all.standing(proposal), Standing::ForGood);
}

#[test]
fn who_says_no_joins_no_voices() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let proposal = a.propose(licence("CC0-1.0"));
    b.hear(&a);
    c.hear(&a);
    a.yes(proposal);
    b.yes(proposal);
    c.hear(&a);
    c.hear(&b);
    let no = c.vote(proposal, Choice::No);
    let mut all = together(&[&a, &b, &c]);
    assert!(!all.stands(proposal), "two of three said yes, and nobody who knew of both acknowledged it");
    all.key = key(1);
    let sealed = all.seal(proposal);
    assert_eq!(all.standing(proposal), Standing::ForGood);
    assert_eq!(all.roll.decision(&proposal).expect("a proposal").sealed_by, Some(sealed));
    assert_ne!(sealed, no);
}

#[test]
fn of_several_that_seal_the_first_by_rank_is_the_seal_everywhere() {
    // Ids are what they are, so it is tried until either came first.
    let mut first = [0, 0];
    for n in 0..24 {
        let [mut a, mut b, mut c] = commons(Model::Majority);
        let proposal = a.propose(licence(&format!("LicenseRef-{n}")));
        a.yes(proposal);
        b.hear(&a);
        c.hear(&a);
        let seals = [b.vote(proposal, Choice::Yes), c.vote(proposal, Choice::Yes)];
        let all = together(&[&a, &b, &c]);
        let expected = seals.into_iter().min().expect("two");
        assert_eq!(all.roll.decision(&proposal).expect("a proposal").sealed_by, Some(expected));
        first[usize::from(expected == seals[1])] += 1;
    }
    assert!(first[0] > 0 && first[1] > 0, "{first:?}");
}
