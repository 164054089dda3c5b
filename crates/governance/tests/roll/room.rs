//! Room: how many records of a member the roll takes in from those whose they are.

use commonplace_governance::{Body, Invitation, Model, Room};
use commonplace_model::RecordId;
use commonplace_trust::VerifiedRecord;

use crate::peers::{Peer, commons, key};

const NONE: Room = Room { records: 0, bytes: 0 };
const ANY: u64 = u64::MAX;

/// So many records of somebody's, each on the one before.
fn says(peer: &mut Peer, many: u8) -> Vec<VerifiedRecord> {
    let before = peer.records.len();
    for n in 0..many {
        peer.say(&Body::Invitation(Invitation { key: key(200 - n).id(), uses: 1, expires_at: 0 }));
    }
    peer.records[before..].to_vec()
}

fn ids(records: &[VerifiedRecord]) -> Vec<RecordId> {
    records.iter().map(VerifiedRecord::id).collect()
}

/// What comes in of these, brought by this device, and how many do not.
fn brings(to: &Peer, by: u8, records: &[VerifiedRecord], room: Room) -> (Vec<RecordId>, usize) {
    let roomy = to.roll.with_room(&key(by).id(), records.to_vec(), room, |_| false);
    (ids(&roomy.records), roomy.left_out)
}

#[test]
fn as_many_records_as_there_is_room_for_and_not_one_more() {
    let [a, mut b, _]: [Peer; 3] = commons(Model::Majority);
    let all = says(&mut b, 6);
    let room = |records, bytes| Room { records, bytes };
    assert_eq!(brings(&a, 2, &all, room(6, ANY)), (ids(&all), 0));
    assert_eq!(brings(&a, 2, &all, room(5, ANY)), (ids(&all[..5]), 1));
    let bytes = all.iter().map(|record| record.bytes().len() as u64).sum();
    assert_eq!(brings(&a, 2, &all, room(9, bytes)), (ids(&all), 0));
    assert_eq!(brings(&a, 2, &all, room(9, bytes - 1)), (ids(&all[..5]), 1));
    // In whatever order they come, the first ones are let in.
    let back: Vec<_> = all.iter().rev().cloned().collect();
    assert_eq!(brings(&a, 2, &back, room(4, ANY)), (ids(&all[..4]), 2));
    // What is there takes room, and coming again it takes none.
    let mut later = a.clone();
    later.take(&all[..4]);
    assert_eq!(brings(&later, 2, &all, room(5, ANY)), (ids(&all[4..5]), 1));
    assert_eq!(brings(&later, 2, &all[..4], NONE), (Vec::new(), 0));
    let spent: u64 = all[..4].iter().map(|record| record.bytes().len() as u64).sum();
    assert_eq!(brings(&later, 2, &all, room(9, spent)), (Vec::new(), 2));
}

#[test]
fn what_is_spared_is_let_in_where_nothing_is_missing() {
    let [a, mut b, _]: [Peer; 3] = commons(Model::Majority);
    let all = says(&mut b, 6);
    let spares = |records: &[VerifiedRecord], mut spare: usize| {
        let more = |member: &_| {
            assert_eq!(*member, b.me());
            let any = spare > 0;
            spare = spare.saturating_sub(1);
            any
        };
        let roomy = a.roll.with_room(&key(2).id(), records.to_vec(), Room { records: 1, bytes: ANY }, more);
        (ids(&roomy.records), roomy.left_out)
    };
    assert_eq!(spares(&all, 2), (ids(&all[..3]), 3));
    // Of these only the first has room, and waits for one that is not there; so does whatever is spared.
    assert_eq!(spares(&all[1..], 2), (ids(&all[1..4]), 2));
    assert_eq!(spares(&[all[0].clone(), all[3].clone(), all[5].clone()], 9), (ids(&all[..1]), 2));
}

#[test]
fn what_another_brings_or_built_on_has_room() {
    let [a, mut b, mut c]: [Peer; 3] = commons(Model::Majority);
    let all = says(&mut b, 6);
    assert_eq!(brings(&a, 3, &all, NONE), (ids(&all), 0));
    c.take(&all[..3]);
    let words = says(&mut c, 1);
    let both = [all.clone(), words.clone()].concat();
    assert_eq!(brings(&a, 2, &both, NONE), ([ids(&all[..3]), ids(&words)].concat(), 3));
}

#[test]
fn who_is_nobody_yet_brings_themselves_and_of_others_what_there_is_room_for() {
    let [a, mut b, _]: [Peer; 3] = commons(Model::Majority);
    let before = b.records.len();
    let mut newcomer = b.admit(40);
    let admission = b.records[before..].to_vec();
    let words = says(&mut newcomer, 3);
    let all = [admission.clone(), words.clone()].concat();
    assert_eq!(brings(&a, 40, &all, Room { records: 1, bytes: ANY }), (ids(&all), 0));
    let flood = says(&mut b, 5);
    assert_eq!(brings(&a, 40, &flood, Room { records: 2, bytes: ANY }), (ids(&flood[..2]), 3));
    assert_eq!(brings(&a, 90, &flood, NONE), (Vec::new(), 5));
}
