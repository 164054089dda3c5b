//! How people come in: by ticket, vouched for, by decision; tickets used up, closed, and used twice at once.

use commonplace_governance::{
    Act, Added, Admission, Body, Invitation, InvitationClosed, Invites, JoinRequest, Model, Policy, RollError, Vouch,
};

use crate::peers::{Peer, commons, key, meet, person, request, ticket};

/// Three who decide openly, in a commons that people come into like that.
pub(crate) fn with_policy(policy: Policy) -> [Peer; 3] {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let change = a.propose(Act::Policy(policy));
    a.seal(change);
    b.hear(&a);
    b.seal(change);
    meet(&mut [&mut a, &mut b, &mut c]);
    [a, b, c]
}

#[test]
fn anyone_with_a_ticket() {
    let [mut a, ..]: [Peer; 2] = commons(Model::Majority);
    let newcomer = a.admit(9);
    assert!(a.has_member(newcomer.me()));
    assert_eq!(a.roll.invites(&ticket().id(), 0), Some(Invites::Open(500 - 2)));
    assert_eq!(a.roll.invites(&ticket().id(), 1_000), Some(Invites::Expired));
}

#[test]
fn vouched_for_by_an_elector_first() {
    let [mut a, mut b, mut c] = with_policy(Policy::Vouched);
    assert_eq!(a.roll.admit_request(request(a.roll.commons(), 9), &a.key), Err(RollError::Policy));
    a.say(&Body::Vouch(Vouch { device: key(9).id() }));
    b.hear(&a);
    let mut newcomer = b.admit(9);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(c.has_member(newcomer.me()));
    // A newcomer cannot vouch for the next one before a decision took them in.
    newcomer.say(&Body::Vouch(Vouch { device: key(10).id() }));
    assert_eq!(newcomer.roll.admit_request(request(c.roll.commons(), 10), &newcomer.key), Err(RollError::Policy));
    let forced = Body::Admission(Admission { request: request(c.roll.commons(), 10) });
    let authority = newcomer.roll.member_of(&newcomer.key.id()).expect("a member").by;
    let parents = vec![newcomer.records.last().expect("some").id()];
    let record = newcomer.forge(parents, authority, &forced);
    c.hear(&newcomer);
    assert_eq!(c.roll.add(&record), Added::Folded);
    assert!(c.roll.member_of(&key(10).id()).is_none());
}

#[test]
fn a_vouch_that_comes_after_the_admission_is_too_late() {
    let [mut a, mut b, mut c] = with_policy(Policy::Vouched);
    let authority = b.roll.member_of(&b.key.id()).expect("a member").by;
    let parents = vec![b.records.last().expect("some").id()];
    let early = b.forge(parents, authority, &Body::Admission(Admission { request: request(b.roll.commons(), 9) }));
    b.take(&[early]);
    a.say(&Body::Vouch(Vouch { device: key(9).id() }));
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(c.roll.member_of(&key(9).id()).is_none());
    c.admit(9);
    assert!(c.roll.member_of(&key(9).id()).is_some());
}

#[test]
fn by_decision() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let change = a.propose(Act::Policy(Policy::Decision));
    a.yes(change);
    b.hear(&a);
    b.yes(change);
    // Not knowing of it, one member lets somebody in by ticket.
    let early = c.admit(8).me();
    assert!(c.has_member(early));
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(!c.has_member(early), "the decision did not know of them, so it takes one to let them in");
    let admit = a.propose(Act::Admit(Box::new(request(a.roll.commons(), 8))));
    a.yes(admit);
    b.hear(&a);
    b.yes(admit);
    let mut newcomer = b.at(8);
    assert_eq!(newcomer.me(), early);
    assert!(newcomer.roll.footing().electors.contains(&early), "a decision took them in, so they are an elector");
    newcomer.say(&Body::Invitation(Invitation { key: key(50).id(), uses: 1, expires_at: 1 }));
    meet(&mut [&mut a, &mut b, &mut c, &mut newcomer]);
    assert!(c.roll.invitation(&key(50).id()).is_some());
}

#[test]
fn a_single_use_ticket_used_twice_at_once_lets_both_in_and_nobody_after_them() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let single = key(120);
    a.say(&Body::Invitation(Invitation { key: single.id(), uses: 1, expires_at: 1_000 }));
    meet(&mut [&mut a, &mut b, &mut c]);
    let ask = |n: u8| JoinRequest::sign(a.roll.commons(), &single, &key(n), person(n));
    let (one, two, three) = (ask(10), ask(11), ask(12));
    let by_a = a.roll.admit_request(one.clone(), &a.key).expect("admits");
    let by_b = b.roll.admit_request(two, &b.key).expect("admits");
    a.records.push(by_a);
    b.records.push(by_b);
    assert_eq!(a.roll.invites(&single.id(), 0), Some(Invites::UsedUp));
    meet(&mut [&mut a, &mut b, &mut c]);
    assert_eq!(c.roll.came_by(&single.id()), 2);
    assert!(c.roll.member_of(&key(10).id()).is_some() && c.roll.member_of(&key(11).id()).is_some());
    assert_eq!(c.roll.admit_request(three, &c.key), Err(RollError::Unfit), "on top of both it is not valid");
    // The same person again is no further use.
    assert!(c.roll.admit_request(one, &c.key).is_err(), "over its number already");
}

#[test]
fn a_closed_invitation_lets_in_nobody_who_comes_after() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    a.say(&Body::InvitationClosed(InvitationClosed { key: ticket().id() }));
    assert_eq!(a.roll.invites(&ticket().id(), 0), Some(Invites::Closed));
    assert_eq!(a.roll.admit_request(request(a.roll.commons(), 9), &a.key), Err(RollError::Unfit));
    // Whoever was let in elsewhere at that time is in.
    let newcomer = c.admit(9).me();
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(a.has_member(newcomer));
}

#[test]
fn in_an_open_commons_by_decision_means_by_an_act_of_any_member() {
    let [mut a, mut b, mut c] = with_policy(Policy::Decision);
    b.propose(Act::Admit(Box::new(request(a.roll.commons(), 9))));
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(a.roll.member_of(&key(9).id()).is_some());
}
