//! Whatever frames come, a session goes on or ends, without a panic, and never answers without end. `make fuzz` has this run
//! for longer.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use bolero::check;
use commonplace_model::{Actor, CommonsId, DeviceId, DocId, PageId, RecordId};
use commonplace_sync::{Effect, Input, Replica, Role, Segment, Session, VERSION};
use commonplace_trust::{Arrival, Attestation};

/// A replica of a few pages and records, from these numbers on.
struct Shelf(u8);

impl Replica for Shelf {
    fn record_ids(&self) -> Vec<RecordId> {
        (self.0..self.0 + 3).map(|n| RecordId::new([n; 32])).collect()
    }

    fn records(&self, ids: &[RecordId]) -> Vec<Vec<u8>> {
        ids.iter().map(|id| id.as_bytes().to_vec()).collect()
    }

    fn digests(&self) -> Vec<(DocId, [u8; 32])> {
        (self.0..self.0 + 3).map(|n| (DocId::Page(PageId::new([n; 16])), [n; 32])).collect()
    }

    fn frontier(&self, doc: &DocId) -> Vec<Attestation> {
        let has = self.digests().iter().any(|(has, _)| has == doc);
        if has { vec![said(7)] } else { Vec::new() }
    }

    fn numbered(&self, _: &DocId, _: &Actor, _: u64) -> Option<Vec<u8>> {
        None
    }

    fn changes_after(&self, _: &DocId, have: &[(Actor, u64)], _: usize) -> Segment {
        if have.is_empty() {
            return Segment { changes: vec![vec![7; 40]], attestations: vec![said(7)], ..Segment::default() };
        }
        Segment::default()
    }

    fn waiting_order(&self, docs: &mut [DocId]) {
        docs.sort_unstable();
    }
}

/// An attestation of a change with this number.
fn said(seq: u64) -> Attestation {
    let (device, nonce) = (DeviceId::new([9; 32]), commonplace_model::Nonce::new([1; 16]));
    let hash = commonplace_model::ChangeHash::new([8; 32]);
    Attestation { device, nonce, seq, hash, signature: commonplace_trust::Signature::new([7; 64]) }
}

/// All frames that a session says to another one in a meeting of two replicas that differ, both ways.
fn real_frames() -> Vec<Vec<u8>> {
    let id = |n| DeviceId::new([n; 32]);
    let commons = CommonsId::new([1; 32]);
    let mut sides = [
        (Session::new(Role::Dialled, commons, id(3), id(2), 4), Shelf(1)),
        (Session::new(Role::Answered, commons, id(2), id(3), 5), Shelf(2)),
    ];
    let page = DocId::Page(PageId::new([2; 16]));
    let mut inputs: VecDeque<(usize, Input)> = [(0, Input::Start), (1, Input::Start)].into();
    let mut frames = Vec::new();
    let mut later = vec![
        Input::LocalChange(Arrival { doc: page, attestations: vec![said(8)], changes: vec![vec![6; 40]] }),
        Input::LocalRecords(vec![vec![5; 40]]),
        Input::Priority(page),
    ];
    while let Some((side, input)) = inputs.pop_front() {
        let (session, replica) = &mut sides[side];
        for effect in session.handle(input, 0, replica) {
            match effect {
                Effect::Send(frame) => {
                    frames.push(frame.clone());
                    inputs.push_back((1 - side, Input::Frame(frame)));
                    inputs.push_back((side, Input::Writable));
                }
                Effect::Arrived { arrivals, .. } => {
                    let tips = |a: &Arrival| a.attestations.iter().map(|s| (s.actor(commons, a.doc), s.seq)).collect();
                    let docs = arrivals.iter().map(|a| (a.doc, tips(a))).collect();
                    inputs.push_back((side, Input::Stored { docs }));
                }
                Effect::ArrivedRecords(_) => inputs.push_back((side, Input::RecordsStored)),
                Effect::Close(reason) => panic!("they understand each other: {reason}"),
                _ => {}
            }
        }
        if inputs.is_empty() {
            inputs.extend(later.pop().map(|input| (0, input)));
        }
    }
    frames
}

/// Feeds a session frames, and does what it asks for as an engine would.
fn feed(role: Role, frames: &[Vec<u8>]) {
    let id = |n| DeviceId::new([n; 32]);
    let mut session = Session::new(role, CommonsId::new([1; 32]), id(2), id(3), 4);
    let mut sent = 0;
    let mut inputs = vec![Input::Start];
    for frame in frames {
        inputs.push(Input::Frame(frame.clone()));
        while let Some(input) = inputs.pop() {
            for effect in session.handle(input, 0, &Shelf(1)) {
                match effect {
                    Effect::Send(frame) => sent += frame.len(),
                    Effect::Arrived { arrivals, .. } => {
                        inputs.push(Input::Stored { docs: arrivals.iter().map(|a| (a.doc, Vec::new())).collect() });
                    }
                    Effect::ArrivedRecords(_) => inputs.push(Input::RecordsStored),
                    Effect::Close(_) => return,
                    _ => {}
                }
            }
        }
    }
    assert!(sent < 1 << 20, "{sent} bytes in answer to {} frames", frames.len());
}

#[expect(clippy::disallowed_methods, reason = "`make fuzz` says for how long, and it changes nothing else")]
fn time() -> Duration {
    let seconds = std::env::var("COMMONPLACE_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(20))
}

#[test]
fn any_frames_come() {
    let check = check!().with_test_time(time()).with_max_len(4_096).with_type::<(bool, Vec<(u8, Vec<u8>)>)>();
    check.for_each(|(dialled, frames)| {
        let role = if *dialled { Role::Dialled } else { Role::Answered };
        // The version is right and the kind nearly always one that there is.
        let frames: Vec<Vec<u8>> =
            frames.iter().map(|(kind, rest)| [&[VERSION, kind % 14][..], rest.as_slice()].concat()).collect();
        feed(role, &frames);
    });
}

#[test]
fn a_good_greeting_and_then_any_frames_come() {
    let check = check!().with_test_time(time()).with_max_len(4_096).with_type::<(bool, u64, u64, Vec<(u8, Vec<u8>)>)>();
    check.for_each(|(dialled, records, pages, frames)| {
        let role = if *dialled { Role::Dialled } else { Role::Answered };
        let summary = |count: &u64| (count % 1_000, [8_u8; 32]);
        let hello = postcard::to_extend(&([6_u8; 16], summary(records), summary(pages)), vec![VERSION, 0]);
        let mut all = vec![hello.expect("plain data always encodes")];
        all.extend(frames.iter().map(|(kind, rest)| [&[VERSION, kind % 14][..], rest.as_slice()].concat()));
        feed(role, &all);
    });
}

#[test]
fn real_frames_come_changed_anywhere() {
    let real = real_frames();
    let kinds: BTreeSet<u8> = real.iter().map(|frame| frame[1]).collect();
    assert!(kinds.len() >= 10, "nearly all kinds are said: {kinds:?}");
    // Each frame as it is or with some of its bytes overwritten.
    let check = check!().with_test_time(time()).with_type::<(bool, Vec<(u8, Option<(u16, Vec<u8>)>)>)>();
    check.for_each(|(dialled, frames)| {
        let role = if *dialled { Role::Dialled } else { Role::Answered };
        let altered = |(which, place): &(u8, Option<(u16, Vec<u8>)>)| {
            let mut frame = real[usize::from(*which) % real.len()].clone();
            if let Some((at, bytes)) = place {
                let at = usize::from(*at) % frame.len();
                for (old, new) in frame.iter_mut().skip(at).zip(bytes) {
                    *old = *new;
                }
            }
            frame
        };
        let greeting = std::iter::once(real[0].clone());
        feed(role, &greeting.chain(frames.iter().map(altered)).collect::<Vec<_>>());
    });
}
