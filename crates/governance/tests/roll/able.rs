//! Whether anything can be decided by those who are left.

use commonplace_governance::decide::Electorate;
use commonplace_governance::{Able, Choice, Left, Model};

use crate::peers::{Peer, commons, licence, meet, request};

fn leaves(peer: &mut Peer, all: &mut Peer) {
    peer.hear(all);
    peer.remove(peer.me());
    all.hear(peer);
}

fn left(electorate: Electorate, electors: usize, here: usize, needed: usize) -> Left {
    Left { electorate, electors, here, needed }
}

#[test]
fn a_majority_can_decide_until_half_of_all_are_gone() {
    let [mut a, b, mut c, mut d, e] = commons(Model::Majority);
    assert_eq!(a.roll.able(), Able::ForGood);
    for peer in [&mut c, &mut d] {
        leaves(peer, &mut a);
        assert_eq!(a.roll.able(), Able::ForGood);
    }
    let mut without = a.clone();
    leaves(&mut e.clone(), &mut without);
    assert_eq!(without.roll.able(), Able::Nothing(left(Electorate::Members, 5, 2, 3)));
    // Somebody who left comes back by a ticket, and decides as before.
    let back = without.admit(5);
    assert_eq!(back.roll.able(), Able::ForGood);
    // Or the next decision leaves out those who went, while it still can be made.
    let mut others = [b, e];
    let roster = a.propose(licence("CC0-1.0"));
    a.yes(roster);
    for peer in &mut others {
        peer.hear(&a);
        peer.yes(roster);
        a.hear(peer);
    }
    assert_eq!(a.roll.footing().electors.len(), 3);
    leaves(&mut others[1], &mut a);
    assert_eq!(a.roll.able(), Able::ForGood);
    leaves(&mut others[0], &mut a);
    assert_eq!(a.roll.able(), Able::Nothing(left(Electorate::Members, 3, 1, 2)));
}

#[test]
fn fewer_stewards_than_it_takes_decide_nothing() {
    let [mut a, mut b, mut c, mut d] = commons(Model::Stewards { needed: 2 });
    leaves(&mut b, &mut a);
    assert_eq!(a.roll.able(), Able::ForGood, "three of four are more than half");
    leaves(&mut c, &mut a);
    assert_eq!(a.roll.able(), Able::ForNow(left(Electorate::Stewards, 4, 2, 3)));
    leaves(&mut d, &mut a);
    assert_eq!(a.roll.able(), Able::Nothing(left(Electorate::Stewards, 4, 1, 2)));
}

#[test]
fn the_last_of_those_of_whom_one_is_enough_decides_for_now() {
    let [mut a, mut b, mut c] = commons(Model::Stewards { needed: 1 });
    leaves(&mut b, &mut a);
    assert_eq!(a.roll.able(), Able::ForGood);
    leaves(&mut c, &mut a);
    assert_eq!(a.roll.able(), Able::ForNow(left(Electorate::Stewards, 3, 1, 2)));
    // It leaves out those who went, and still hangs on a decision that nobody can make final.
    let next = a.propose(licence("CC0-1.0"));
    a.yes(next);
    assert_eq!(a.roll.footing().stewards.len(), 1);
    assert!(matches!(a.roll.able(), Able::ForNow(_)), "{:?}", a.roll.able());
    let stewardless = a.admit(9);
    leaves(&mut a.clone(), &mut a);
    assert_eq!(a.roll.able(), Able::Nothing(left(Electorate::Stewards, 1, 0, 1)));
    assert!(a.has_member(stewardless.me()));
}

#[test]
fn consent_needs_its_quorum_and_more_than_half() {
    let [mut a, mut b, mut c, mut d, mut e] = commons(Model::Consent { quorum: 80 });
    leaves(&mut b, &mut a);
    assert_eq!(a.roll.able(), Able::ForGood);
    leaves(&mut c, &mut a);
    assert_eq!(a.roll.able(), Able::Nothing(left(Electorate::Members, 5, 3, 4)));
    let [mut low, ..]: [Peer; 5] = commons(Model::Consent { quorum: 20 });
    for peer in [&mut d, &mut e] {
        peer.roll = low.roll.clone();
        peer.records = low.records.clone();
        leaves(peer, &mut low);
        assert_eq!(low.roll.able(), Able::ForGood);
    }
    b.roll = low.roll.clone();
    b.records = low.records.clone();
    b.remove(b.me());
    assert_eq!(b.roll.able(), Able::Nothing(left(Electorate::Members, 5, 2, 3)), "more than half acknowledge");
}

#[test]
fn where_all_is_open_anybody_acts_and_too_few_make_nothing_final() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    leaves(&mut b, &mut a);
    assert_eq!(a.roll.able(), Able::ForGood);
    let mut newcomer = a.admit(9);
    leaves(&mut c, &mut a);
    leaves(&mut a.clone(), &mut a);
    newcomer.hear(&a);
    assert_eq!(newcomer.roll.able(), Able::ForNow(left(Electorate::Members, 3, 0, 2)));
    newcomer.remove(newcomer.me());
    assert!(matches!(newcomer.roll.able(), Able::Nothing(_)), "nobody is left");
}

#[test]
fn a_ballot_given_before_its_elector_went_still_decides() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let proposal = a.propose(licence("CC0-1.0"));
    b.hear(&a);
    b.yes(proposal);
    a.hear(&b);
    leaves(&mut b, &mut a);
    leaves(&mut c, &mut a);
    assert_eq!(a.roll.able(), Able::ForGood);
    a.yes(proposal);
    assert!(a.stands(proposal));
    assert_eq!(a.roll.able(), Able::Nothing(left(Electorate::Members, 3, 1, 2)));

    let [mut a, mut b, mut c] = commons(Model::Consent { quorum: 60 });
    let proposal = a.propose(licence("CC0-1.0"));
    meet(&mut [&mut a, &mut b, &mut c]);
    b.yes(proposal);
    a.hear(&b);
    a.yes(proposal);
    b.hear(&a);
    b.seal(proposal);
    a.hear(&b);
    leaves(&mut b, &mut a);
    leaves(&mut c, &mut a);
    assert_eq!(a.roll.able(), Able::ForGood, "yes of both, and one acknowledged");
    a.seal(proposal);
    assert!(a.stands(proposal));
}

#[test]
fn ballots_that_are_spread_while_one_is_gone_leave_nothing_to_decide() {
    let [mut a, mut b, mut c, mut d, mut e] = commons(Model::Majority);
    let (one, two) = (a.propose(licence("CC0-1.0")), c.propose(licence("CC-BY-4.0")));
    meet(&mut [&mut a, &mut b, &mut c, &mut d]);
    for (peer, on) in [(&mut a, one), (&mut b, one), (&mut c, two), (&mut d, two)] {
        peer.yes(on);
    }
    meet(&mut [&mut a, &mut b, &mut c, &mut d]);
    assert_eq!(a.roll.able(), Able::ForGood, "one is still to vote");
    e.hear(&a);
    leaves(&mut e, &mut a);
    assert_eq!(a.roll.able(), Able::Nothing(left(Electorate::Members, 5, 4, 3)));
    // Those who went can come back, and their ballot is still theirs.
    let asked = request(a.roll.commons(), 5);
    let record = a.roll.admit_request(asked, &a.key).expect("admits");
    a.records.push(record);
    e.hear(&a);
    e.vote(one, Choice::Yes);
    assert!(e.stands(one));
}

#[test]
fn who_said_no_to_one_proposal_can_still_say_yes_to_another_where_a_yes_spends_nothing() {
    let [mut a, _, mut c] = commons(Model::Consent { quorum: 100 });
    let refused = a.propose(licence("CC0-1.0"));
    c.hear(&a);
    c.vote(refused, Choice::No);
    a.hear(&c);
    // All three are needed, and two of them can still acknowledge.
    assert_eq!(a.roll.able(), Able::ForGood);
}
