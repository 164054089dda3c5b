//! Room: how many actors of a device a document takes in from those whose device it is.

use std::collections::BTreeSet;

use commonplace_model::{ChangeHash, DeviceId, Folder, Nonce, Page};
use commonplace_trust::{
    Arrival, Attestation, Gate, Passed, VerifiedChange, actor_of,
    room::{MAX_ACTORS, Room},
};

use crate::device::{COMMONS, Device, Everybody, PAGE, Seen, key};

/// A beginning of somebody's, under an actor of its own, and what more they write under it.
fn begun(n: u8, nonce: u32, more: usize) -> (Vec<VerifiedChange>, Attestation) {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&nonce.to_le_bytes());
    let nonce = Nonce::new(bytes);
    let mut page = Page::default();
    page.document_mut().set_actor(actor_of(COMMONS, PAGE, key(n).id(), nonce));
    let first = page.begin(&"Kettles".parse().expect("a title"), &Folder::default(), "").expect("begins");
    let mut made = vec![first.expect("a change")];
    for _ in 0..more {
        let splice = commonplace_model::Splice { at: page.body_len(), delete: 0, insert: "x".to_owned() };
        made.push(page.edit(&[splice]).expect("fits").expect("a change"));
    }
    let sign = |local| VerifiedChange::local(local, &key(n), COMMONS, PAGE, nonce).expect("within bounds");
    let (changes, said): (Vec<_>, Vec<_>) = made.into_iter().map(sign).unzip();
    (changes, *said.last().expect("some").get())
}

fn arrival(all: &[(Vec<VerifiedChange>, Attestation)]) -> Arrival {
    let changes = all.iter().flat_map(|(changes, _)| changes).map(|change| change.bytes().to_vec()).collect();
    Arrival { doc: PAGE, attestations: all.iter().map(|(_, said)| *said).collect(), changes }
}

fn pass(seen: &Seen, all: &[(Vec<VerifiedChange>, Attestation)], room: Room<'_>) -> Passed {
    let passed = Gate { commons: COMMONS, history: seen, standing: &Everybody }.pass_within(arrival(all), room);
    assert_eq!(
        (&passed.refused, &passed.waiting),
        (&Vec::new(), &Vec::new()),
        "nothing is invalid, and nothing is kept"
    );
    passed
}

fn hashes(changes: &[VerifiedChange]) -> Vec<ChangeHash> {
    changes.iter().map(VerifiedChange::hash).collect()
}

fn only(device: u8, room: usize) -> impl Fn(&DeviceId) -> Option<usize> {
    move |asked| (*asked == key(device).id()).then_some(room)
}

#[test]
fn as_many_begin_as_there_is_room_for_and_not_one_more() {
    let all: Vec<_> = (0..5).map(|nonce| begun(1, nonce, 2)).collect();
    let at = pass(&Seen::default(), &all, &only(1, 5));
    assert_eq!((at.changes.len(), at.attestations.len(), at.beyond), (15, 5, BTreeSet::new()));
    let past = pass(&Seen::default(), &all, &only(1, 4));
    // With a beginning goes what was written on it.
    assert_eq!((past.changes.len(), past.attestations.len(), past.beyond), (12, 4, BTreeSet::from([key(1).id()])));
}

#[test]
fn what_is_known_is_written_on_without_room() {
    let all = [begun(1, 0, 3)];
    let mut seen = Seen::default();
    seen.take(&all[0].0[..1]);
    let passed = pass(&seen, &all, &only(1, 0));
    assert_eq!((passed.changes.len(), passed.beyond), (3, BTreeSet::new()));
}

#[test]
fn what_somebody_else_brings_or_wrote_has_no_bound() {
    let all: Vec<_> = (0..9).map(|nonce| begun(1, nonce, 0)).collect();
    let brought_by_another = pass(&Seen::default(), &all, &only(2, 0));
    assert_eq!((brought_by_another.changes.len(), brought_by_another.beyond), (9, BTreeSet::new()));
    let with_anothers = [&all[..3], &[begun(3, 0, 1)]].concat();
    let passed = pass(&Seen::default(), &with_anothers, &only(1, 0));
    assert_eq!(hashes(&passed.changes), hashes(&with_anothers[3].0));
}

#[test]
fn what_somebody_else_built_on_comes_with_what_they_wrote() {
    let (one, two, three) = (begun(1, 1, 2), begun(1, 2, 2), begun(1, 3, 0));
    // Somebody had the second and the beginning of the first from elsewhere when they wrote.
    let mut other = Device::new(2, PAGE);
    let had = [(one.0[..1].to_vec(), vouched(&one.0[0], 1)), two.clone()];
    other.take(pass(&Seen::default(), &had, &|_| None));
    let word = other.write("honest words");
    let all = [one.clone(), two.clone(), three, (vec![word.clone()], other.said[&word.actor()])];
    let passed = pass(&Seen::default(), &all, &only(1, 0));
    let expected = [hashes(&one.0), hashes(&two.0), vec![word.hash()]].concat();
    assert_eq!(hashes(&passed.changes).into_iter().collect::<BTreeSet<_>>(), expected.into_iter().collect());
    assert_eq!(passed.beyond, BTreeSet::from([key(1).id()]));
    // What was let in so takes no room from the others.
    let passed = pass(&Seen::default(), &all, &only(1, 1));
    assert_eq!((passed.changes.len(), passed.beyond.len()), (8, 0));
}

/// The word of a writer on the first change of one of their actors.
fn vouched(change: &VerifiedChange, nonce: u32) -> Attestation {
    let (again, said) = begun(1, nonce, 0);
    assert_eq!(again[0].hash(), change.hash());
    said
}

#[test]
fn a_device_has_room_for_4096() {
    assert_eq!(MAX_ACTORS, 4_096);
    let all: Vec<_> = (0..4_097).map(|nonce| begun(1, nonce, 0)).collect();
    let passed = pass(&Seen::default(), &all, &only(1, MAX_ACTORS));
    assert_eq!((passed.changes.len(), passed.beyond.len()), (MAX_ACTORS, 1));
}
