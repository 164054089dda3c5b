//! What a large roll costs: 1,000 members, 10,000 records.
#![expect(clippy::disallowed_methods, reason = "this measures")]

use std::time::{Duration, Instant};

use commonplace_governance::{Act, Added, Body, Choice, Cut, Invitation, JoinRequest, Model, Roll};
use commonplace_trust::{DeviceKey, VerifiedRecord};

use crate::peers::{Peer, licence, person, ticket};

const MEMBERS: usize = 1_000;
const RECORDS: usize = 10_000;

fn member_key(n: usize) -> DeviceKey {
    if n == 0 {
        DeviceKey::from_seed(&[1; 32])
    } else {
        DeviceKey::from_seed(blake3::hash(&n.to_le_bytes()).as_bytes())
    }
}

/// A commons that took in everybody, decided five times by majority, and removed two.
fn large() -> Peer {
    let mut peer = Peer::found(0);
    let big = DeviceKey::from_seed(&[101; 32]);
    peer.say(&Body::Invitation(Invitation { key: big.id(), uses: 2_000, expires_at: 1 }));
    for n in 1..MEMBERS {
        peer.key = member_key(n / 2);
        let asked = JoinRequest::sign(peer.roll.commons(), &big, &member_key(n), person(2));
        let record = peer.roll.admit_request(asked, &peer.key).expect("admits");
        peer.records.push(record);
    }
    peer.key = member_key(0);
    while peer.roll.footing().electors.len() < MEMBERS {
        peer.propose(Act::Roster);
    }
    peer.propose(Act::Model { model: Model::Majority, stewards: Vec::new() });
    for n in 0..7 {
        peer.key = member_key(0);
        let whom = peer.roll.member_of(&member_key(MEMBERS - 1 - n).id()).expect("a member").id;
        let removal = Act::Remove { member: whom, cut: Cut::default() };
        let proposal = peer.propose(if n % 3 == 0 { removal } else { licence(&format!("L-{n}")) });
        for voter in 0..MEMBERS - 300 {
            peer.key = member_key(voter);
            peer.vote(proposal, Choice::Yes);
        }
        assert!(peer.stands(proposal));
    }
    peer.key = member_key(0);
    let mut n = 0_u32;
    while peer.records.len() < RECORDS {
        n += 1;
        let key = DeviceKey::from_seed(blake3::hash(&n.to_be_bytes()).as_bytes()).id();
        peer.say(&Body::Invitation(Invitation { key, uses: 1, expires_at: 1 }));
    }
    peer
}

fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = what();
    (done, start.elapsed())
}

#[test]
fn a_large_roll_folds_fast_and_one_more_record_costs_its_own_size() {
    let mut peer = large();
    let commons = peer.roll.commons();
    let (usual, in_order) = timed(|| Roll::fold(commons, &peer.records).expect("folds"));
    let mut backwards: Vec<VerifiedRecord> = peer.records.clone();
    backwards.reverse();
    let (again, reversed) = timed(|| Roll::fold(commons, &backwards).expect("folds"));
    assert!(again == usual && usual == peer.roll);
    let key = peer.key.clone();
    let said = |roll: &mut Roll, n: u8| {
        let body = Body::Invitation(Invitation { key: ticket().id(), uses: u32::from(n) + 1, expires_at: 1 });
        roll.write(&body, &key).expect("writes")
    };
    let mut copy = usual.clone();
    let more: Vec<VerifiedRecord> = (0..100).map(|n| said(&mut copy, n)).collect();
    let mut roll = usual.clone();
    let (added, each) = timed(|| more.iter().filter(|record| roll.add(record) == Added::Folded).count());
    assert_eq!(added, more.len());
    let (_, refold) = timed(|| {
        let whom = peer.roll.member_of(&member_key(5).id()).expect("a member").id;
        let leaver = member_key(5);
        peer.roll.remove(whom, Vec::new(), &leaver).expect("leaves")
    });
    println!(
        "{} records, {} members, {} bytes, of an admission {}: folded in {in_order:?}, backwards {reversed:?}; one more {:?}; \
         a removal {refold:?}",
        usual.record_ids().count(),
        usual.members().count(),
        peer.records.iter().map(|record| record.bytes().len()).sum::<usize>(),
        peer.records[2].bytes().len(),
        each / 100,
    );
    // Tests are not optimised and share their machine: the figures are printed to be read, and only what they are to one another
    // is asserted, by a wide margin.
    assert!(each / 100 < in_order / 50, "one more record costs far less than folding all");
}
