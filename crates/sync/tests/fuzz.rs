//! Whatever frames come, a session goes on or ends, without a panic, and never answers without end. `make fuzz` has this run
//! for longer.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bolero::check;
use commonplace_model::{Actor, CommonsId, DeviceId, DocId, PageId, RecordId};
use commonplace_sync::{Effect, Input, Replica, Role, Segment, Session, VERSION};
use commonplace_trust::Attestation;

/// A replica of a few pages.
struct Shelf;

impl Replica for Shelf {
    fn record_ids(&self) -> Vec<RecordId> {
        (1..4).map(|n| RecordId::new([n; 32])).collect()
    }

    fn records(&self, ids: &[RecordId]) -> Vec<Vec<u8>> {
        ids.iter().map(|id| id.as_bytes().to_vec()).collect()
    }

    fn digests(&self) -> Vec<(DocId, [u8; 32])> {
        (1..4).map(|n| (DocId::Page(PageId::new([n; 16])), [n; 32])).collect()
    }

    fn frontier(&self, _: &DocId) -> Vec<Attestation> {
        Vec::new()
    }

    fn numbered(&self, _: &DocId, _: &Actor, _: u64) -> Option<Vec<u8>> {
        None
    }

    fn changes_after(&self, _: &DocId, have: &[(Actor, u64)], _: usize) -> Segment {
        let changes = if have.is_empty() { vec![vec![7; 40]] } else { Vec::new() };
        Segment { changes, ..Segment::default() }
    }

    fn waiting_order(&self, docs: &mut [DocId]) {
        docs.sort_unstable();
    }
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
            for effect in session.handle(input, 0, &Shelf) {
                match effect {
                    Effect::Send(frame) => sent += frame.len(),
                    Effect::Arrived(arrivals) => {
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
