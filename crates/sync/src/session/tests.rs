//! What a session does about another side that does not do as it should.

use commonplace_model::{Nonce, Page, PageId, Splice};
use commonplace_trust::{Arrival, Attestation, DeviceKey, VerifiedChange, actor_of};
use proptest::{collection::vec, prelude::*};

use super::*;
use super::{frontier::MAX_TIPS, inbound::MAX_STORING};
use crate::{
    frame::{Bytes, MAX_ATTESTATIONS, MAX_ENTRIES, MAX_PARTS, VERSION},
    replica::Segment,
};

/// A replica of some documents of which nothing but the digest is ever asked, or which has none.
struct Shelf(u16);

impl Replica for Shelf {
    fn record_ids(&self) -> Vec<commonplace_model::RecordId> {
        vec![commonplace_model::RecordId::new([1; 32])]
    }

    fn records(&self, ids: &[commonplace_model::RecordId]) -> Vec<Vec<u8>> {
        ids.iter().map(|id| id.as_bytes().to_vec()).collect()
    }

    fn digests(&self) -> Vec<(DocId, [u8; 32])> {
        (0..self.0).map(|n| (page(n), [5; 32])).collect()
    }

    fn frontier(&self, _: &DocId) -> Vec<Attestation> {
        Vec::new()
    }

    fn numbered(&self, _: &DocId, _: &Actor, _: u64) -> Option<Vec<u8>> {
        None
    }

    fn changes_after(&self, _: &DocId, _: &[(Actor, u64)], _: usize) -> Segment {
        Segment::default()
    }

    fn waiting_order(&self, docs: &mut [DocId]) {
        docs.sort_unstable();
    }
}

fn page(n: u16) -> DocId {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&n.to_le_bytes());
    DocId::Page(PageId::new(id))
}

fn session(role: Role) -> Session {
    Session::new(role, CommonsId::new([1; 32]), DeviceId::new([2; 32]), DeviceId::new([3; 32]), 4)
}

fn started(role: Role, replica: &Shelf) -> Session {
    let mut session = session(role);
    session.handle(Input::Start, 0, replica);
    session
}

/// A session that found nothing to catch up on.
fn greeted(replica: &Shelf) -> Session {
    let mut session = started(Role::Answered, replica);
    let mut other = self::session(Role::Dialled).handle(Input::Start, 0, replica);
    let Effect::Send(frame) = other.remove(0) else { panic!("no hello") };
    session.handle(Input::Frame(frame), 1, replica);
    session
}

fn hello(docs: u64) -> Frame {
    let summary = |count| Summary { count, digest: [8; 32] };
    Frame::Hello(Hello { salt: [6; 16], roll: summary(3), docs: summary(docs) })
}

fn give(session: &mut Session, frame: &Frame, replica: &Shelf) -> Vec<Effect> {
    session.handle(Input::Frame(frame.encode().expect("small")), 1, replica)
}

fn ending(effects: &[Effect]) -> Option<Reason> {
    match effects.last() {
        Some(Effect::Close(reason)) => Some(*reason),
        _ => None,
    }
}

#[test]
fn a_newer_protocol_is_named_on_both_sides_and_ends_the_session() {
    let mut ours = started(Role::Dialled, &Shelf(0));
    let effects = ours.handle(Input::Frame(vec![VERSION + 1, 0, 1, 2]), 1, &Shelf(0));
    assert_eq!(effects, [Effect::PeerTooNew { version: VERSION + 1 }, Effect::Close(Reason::PeerTooNew(VERSION + 1))]);
    // Nothing that comes later has an effect: there is no loop.
    assert_eq!(ours.handle(Input::Frame(vec![VERSION + 1]), 2, &Shelf(0)), []);
    assert_eq!(ours.handle(Input::Start, 2, &Shelf(0)), []);
    assert_eq!(ours.handle(Input::Tick, 9_000_000, &Shelf(0)), []);
    // Our own hello, sent before, tells the other side what we speak; an older one is named just as well.
    let mut newer = started(Role::Answered, &Shelf(0));
    let effects = newer.handle(Input::Frame(vec![VERSION - 1, 0]), 1, &Shelf(0));
    assert_eq!(effects, [Effect::Close(Reason::PeerTooOld(VERSION - 1))]);
}

#[test]
fn nothing_comes_before_the_greeting_or_twice() {
    for frame in [Frame::Done, Frame::Priority(page(1)), Frame::Expect { documents: 1 }, Frame::Ack { docs: vec![] }] {
        let mut session = started(Role::Answered, &Shelf(2));
        let effects = give(&mut session, &frame, &Shelf(2));
        assert_eq!(ending(&effects), Some(Reason::Unexpected("something before its greeting")));
    }
    let mut session = started(Role::Answered, &Shelf(2));
    assert_eq!(ending(&give(&mut session, &hello(2), &Shelf(2))), None);
    assert!(matches!(ending(&give(&mut session, &hello(2), &Shelf(2))), Some(Reason::Unexpected(_))));
}

#[test]
fn frames_out_of_order_end_the_session() {
    let body = || {
        Body::pack(&[Part { doc: page(1), attestations: vec![], bundles: vec![], changes: vec![], more: false }])
            .expect("few")
    };
    let odd = [
        Frame::Done,
        Frame::Kept,
        Frame::Changes { live: false, body: body() },
        Frame::Frontiers { list: List::Lacking, entries: vec![], last: true },
        Frame::Wanted { ids: vec![[9; 32]], last: true },
        Frame::Changes { live: true, body: Body::pack(&[]).expect("few") },
    ];
    for frame in odd {
        let mut session = started(Role::Dialled, &Shelf(20));
        assert_eq!(ending(&give(&mut session, &hello(20), &Shelf(20))), None);
        let effects = give(&mut session, &frame, &Shelf(20));
        assert!(ending(&effects).is_some(), "{frame:?}: {effects:?}");
    }
    // The side that has far fewer documents lists them; it is not asked for ids.
    let mut session = started(Role::Answered, &Shelf(1));
    assert_eq!(ending(&give(&mut session, &hello(20_000), &Shelf(1))), None);
    let effects = give(&mut session, &Frame::Reconcile(Bytes(vec![0x61])), &Shelf(1));
    assert!(matches!(ending(&effects), Some(Reason::Unexpected(_))));
}

#[test]
fn more_than_a_session_deals_with_is_refused() {
    let mut session = started(Role::Answered, &Shelf(0));
    assert_eq!(ending(&give(&mut session, &hello(u64::MAX), &Shelf(0))), Some(Reason::TooMuch("documents")));
    let mut session = started(Role::Answered, &Shelf(0));
    give(&mut session, &hello(5), &Shelf(0));
    let many = Frame::Expect { documents: MAX_DOCS as u64 + 1 };
    assert_eq!(ending(&give(&mut session, &many, &Shelf(0))), Some(Reason::TooMuch("documents")));
    // Reconciliation that never ends: always the same unequal fingerprint.
    let mut session = started(Role::Dialled, &Shelf(40));
    give(&mut session, &hello(40), &Shelf(40));
    let endless = [&[0x61, 0, 0, 1][..], &[7; 16]].concat();
    let ended =
        (0..1_000).find_map(|_| ending(&give(&mut session, &Frame::Reconcile(Bytes(endless.clone())), &Shelf(40))));
    assert_eq!(ended, Some(Reason::TooMuch("rounds of reconciliation")));
}

#[test]
fn as_many_records_as_a_session_deals_with_and_not_one_more() {
    let greeted = |records: u64| {
        let mut session = started(Role::Answered, &Shelf(0));
        let summary = |count| Summary { count, digest: [8; 32] };
        let hello = Frame::Hello(Hello { salt: [6; 16], roll: summary(records), docs: summary(0) });
        let ended = ending(&give(&mut session, &hello, &Shelf(0)));
        (session, ended)
    };
    assert_eq!(greeted(MAX_RECORDS as u64 + 1).1, Some(Reason::TooMuch("records")));
    // Whatever it said of their number, no more ids are listened to.
    let (mut session, ended) = greeted(MAX_RECORDS as u64);
    assert_eq!(ended, None);
    let id = |n: usize| commonplace_model::RecordId::new(*blake3::hash(&n.to_le_bytes()).as_bytes());
    let mut told = |from: usize, count: usize| {
        let ids = Frame::RecordIds { ids: (from..from + count).map(id).collect(), last: false };
        ending(&give(&mut session, &ids, &Shelf(0)))
    };
    let step = MAX_RECORDS / 10;
    assert!((0..10).all(|part| told(part * step, step).is_none()));
    assert_eq!(told(0, step), None, "what was told is told again");
    assert_eq!(told(MAX_RECORDS, 1), Some(Reason::TooMuch("records")));
}

#[test]
fn so_many_frames_wait_to_be_stored_and_not_one_more() {
    let replica = Shelf(0);
    let mut session = started(Role::Answered, &replica);
    give(&mut session, &hello(0), &replica);
    let part = Part { doc: page(0), attestations: vec![said(1)], bundles: vec![], changes: vec![], more: false };
    let frame = Frame::Changes { live: true, body: Body::pack(&[part]).expect("small") };
    assert!((0..MAX_STORING).all(|_| ending(&give(&mut session, &frame, &replica)).is_none()));
    // One is stored, and there is room for one more.
    session.handle(Input::Stored { docs: vec![] }, 1, &replica);
    assert_eq!(ending(&give(&mut session, &frame, &replica)), None);
    assert_eq!(ending(&give(&mut session, &frame, &replica)), Some(Reason::TooMuch("changes at once")));
}

/// A replica with one document of very many actors.
struct Crowd(u16);

impl Replica for Crowd {
    fn record_ids(&self) -> Vec<commonplace_model::RecordId> {
        Vec::new()
    }

    fn records(&self, _: &[commonplace_model::RecordId]) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn digests(&self) -> Vec<(DocId, [u8; 32])> {
        vec![(page(0), [5; 32])]
    }

    fn frontier(&self, _: &DocId) -> Vec<Attestation> {
        (0..self.0).map(said).collect()
    }

    fn numbered(&self, _: &DocId, _: &Actor, _: u64) -> Option<Vec<u8>> {
        None
    }

    fn changes_after(&self, _: &DocId, _: &[(Actor, u64)], _: usize) -> Segment {
        Segment::default()
    }

    fn waiting_order(&self, _: &mut [DocId]) {}
}

#[test]
fn as_many_actors_are_told_as_fit_into_a_frame() {
    let most = u16::try_from(MAX_TIPS).expect("small");
    for actors in [most, most + 1] {
        let entries = vec![frontier::entry(CommonsId::new([1; 32]), page(0), &Crowd(actors))];
        assert_eq!(entries[0].tips.len(), MAX_TIPS);
        assert!(Frame::Frontiers { list: List::Ask, entries, last: true }.encode().is_some());
    }
}

#[test]
fn questions_beyond_count_end_the_session() {
    let mut session = started(Role::Dialled, &Shelf(0));
    give(&mut session, &hello(0), &Shelf(0));
    let mut asked: u32 = 0;
    let ended = (0..3_000).find_map(|_| {
        let entries = std::iter::repeat_with(|| {
            asked += 1;
            let mut id = [0; 16];
            id[..4].copy_from_slice(&asked.to_le_bytes());
            Entry { doc: DocId::Page(PageId::new(id)), tips: vec![] }
        });
        let entries = entries.take(MAX_ENTRIES).collect();
        ending(&give(&mut session, &Frame::Frontiers { list: List::Ask, entries, last: true }, &Shelf(0)))
    });
    assert_eq!(ended, Some(Reason::TooMuch("questions")));
}

#[test]
fn names_beyond_count_end_the_session() {
    let (mut session, mut named) = (greeted(&Shelf(3)), 0_u32);
    let mut names = |count: usize| {
        let next = std::iter::repeat_with(|| {
            named += 1;
            let mut id = [9; 16];
            id[..4].copy_from_slice(&named.to_le_bytes());
            (DocId::Page(PageId::new(id)), [6; 32])
        });
        ending(&give(&mut session, &Frame::Named { docs: next.take(count).collect(), ask: false }, &Shelf(3)))
    };
    // None of them is ever answered for.
    assert!((0..MAX_DOCS / MAX_ENTRIES).all(|_| names(MAX_ENTRIES).is_none()));
    assert_eq!(names(MAX_DOCS % MAX_ENTRIES), None);
    assert_eq!(names(1), Some(Reason::TooMuch("names")));
}

#[test]
fn what_is_to_be_named_waits_for_a_stream_that_takes_something() {
    let replica = Shelf(3);
    let (mut session, key) = (greeted(&replica), DeviceKey::from_seed(&[7; 32]));
    give(&mut session, &Frame::Mute { author: key.id(), mute: true }, &replica);
    let (commons, nonce) = (CommonsId::new([1; 32]), Nonce::new([2; 16]));
    let mut typed = Page::default();
    typed.document_mut().set_actor(actor_of(commons, page(1), key.id(), nonce));
    let letter = Splice { at: 0, delete: 0, insert: "k".to_owned() };
    let local = typed.edit(&[letter]).expect("fits").expect("a change");
    let (change, said) = VerifiedChange::local(local, &key, commons, page(1), nonce).expect("within bounds");
    let letter = Arrival { doc: page(1), attestations: vec![*said.get()], changes: vec![change.into_bytes()] };

    session.room = 0;
    assert_eq!(session.handle(Input::LocalChange(letter), 10, &replica), []);
    // However often it is looked at, nothing asks to be woken at once.
    for now in [10, 20_000, 20_001, 40_000] {
        assert_eq!(session.handle(Input::Tick, now, &replica), []);
    }
    let effects = session.handle(Input::Writable, 50_000, &replica);
    let named = Frame::Named { docs: vec![(page(1), [5; 32])], ask: false };
    assert_eq!(effects, [Effect::Send(named.encode().expect("small"))]);
    assert_eq!(session.handle(Input::Tick, 60_000, &replica), []);
}

/// An attestation that vouches for nothing; to know that costs the check of a signature.
fn said(nonce: u16) -> Attestation {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&nonce.to_le_bytes());
    let (device, hash) = (DeviceId::new([9; 32]), commonplace_model::ChangeHash::new([8; 32]));
    let signature = commonplace_trust::Signature::new([7; 64]);
    Attestation { device, nonce: Nonce::new(bytes), seq: 1, hash, signature }
}

#[test]
fn a_small_frame_that_asks_for_much_work_ends_the_session() {
    let part = |doc, attestations| Part { doc, attestations, bundles: vec![], changes: vec![], more: false };
    let body = |parts: &[Part]| Frame::Changes { live: true, body: Body::pack(parts).expect("packs well") };
    let many_parts: Vec<_> = (0..).take(MAX_PARTS + 1).map(|n| part(page(n), vec![said(n)])).collect();
    let many_said = [part(page(0), (0..).take(MAX_ATTESTATIONS + 1).map(said).collect())];
    let entries = (0..).take(MAX_ENTRIES + 1).map(|n| Entry { doc: page(n), tips: vec![] }).collect();
    let costly = [
        body(&many_parts),
        body(&many_said),
        Frame::Frontiers { list: List::Ask, entries, last: true },
        Frame::Ack { docs: (0..).take(MAX_PARTS + 1).map(|n| (page(n), vec![])).collect() },
        Frame::Records { records: vec![Parcel(vec![0; 16]); 4_097], last: false },
        Frame::Named { docs: (0..).take(MAX_ENTRIES + 1).map(|n| (page(n), [5; 32])).collect(), ask: true },
    ];
    for frame in costly {
        let mut session = started(Role::Answered, &Shelf(0));
        give(&mut session, &hello(0), &Shelf(0));
        assert_eq!(ending(&give(&mut session, &frame, &Shelf(0))), Some(Reason::TooLarge));
    }
    // What only takes up room is no frame either.
    let mut session = started(Role::Answered, &Shelf(0));
    give(&mut session, &hello(0), &Shelf(0));
    assert_eq!(ending(&give(&mut session, &body(&[part(page(0), vec![])]), &Shelf(0))), Some(Reason::Malformed));
}

#[test]
fn what_is_named_is_known_to_be_there_or_asked_about() {
    let replica = Shelf(3);
    let mut session = greeted(&replica);
    let sent = |effects: &[Effect]| -> Vec<Frame> {
        let frames = effects.iter().filter_map(|effect| match effect {
            Effect::Send(bytes) => Some(Frame::decode(bytes).expect("a frame")),
            _ => None,
        });
        frames.collect()
    };
    let equal = (page(1), [5; 32]);
    let effects = give(&mut session, &Frame::Named { docs: vec![equal], ask: false }, &replica);
    assert_eq!((effects.contains(&Effect::Holds { docs: vec![equal] }), sent(&effects)), (true, vec![]));
    let effects = give(&mut session, &Frame::Named { docs: vec![equal, (page(2), [6; 32])], ask: true }, &replica);
    assert!(effects.contains(&Effect::Holds { docs: vec![equal] }));
    let asked = Frame::Frontiers { list: List::Ask, entries: vec![Entry { doc: page(2), tips: vec![] }], last: true };
    assert_eq!(sent(&effects), [Frame::Named { docs: vec![equal], ask: false }, asked]);
    // It is asked about once.
    assert_eq!(sent(&give(&mut session, &Frame::Named { docs: vec![(page(2), [6; 32])], ask: true }, &replica)), []);
}

#[test]
fn a_silent_other_side_is_given_up() {
    let mut session = session(Role::Dialled);
    let effects = session.handle(Input::Start, 5, &Shelf(0));
    assert_eq!(effects.last(), Some(&Effect::WakeAt(5 + SILENCE)));
    assert_eq!(session.handle(Input::Tick, 4 + SILENCE, &Shelf(0)), [Effect::WakeAt(5 + SILENCE)]);
    assert_eq!(session.handle(Input::Tick, 5 + SILENCE, &Shelf(0)), [Effect::Close(Reason::Silent)]);
}

#[test]
fn whoever_has_nothing_to_wait_for_is_patient() {
    let (mut dialled, mut answered) = (session(Role::Dialled), session(Role::Answered));
    let first = dialled.handle(Input::Start, 0, &Shelf(3));
    answered.handle(Input::Start, 0, &Shelf(3));
    let Some(Effect::Send(frame)) = first.into_iter().next() else { panic!("no hello") };
    let effects = answered.handle(Input::Frame(frame), 1, &Shelf(3));
    assert!(effects.contains(&Effect::CaughtUp { apart: vec![] }), "{effects:?}");
    assert_eq!(answered.handle(Input::Tick, 100 * SILENCE, &Shelf(3)), []);
}

proptest! {
    #[test]
    fn no_frames_make_a_session_panic(
        frames in vec(vec(any::<u8>(), 0..200), 0..6),
        kinds in vec(0_u8..16, 6),
        documents in 0_u64..600,
        answered: bool,
    ) {
        let role = if answered { Role::Answered } else { Role::Dialled };
        let replica = Shelf(90);
        let mut session = started(role, &replica);
        let _ = give(&mut session, &hello(documents), &replica);
        for (mut frame, kind) in frames.into_iter().zip(kinds) {
            frame.splice(0..0, [VERSION, kind]);
            let effects = session.handle(Input::Frame(frame), 1, &replica);
            if ending(&effects).is_some() {
                prop_assert_eq!(session.handle(Input::Writable, 2, &replica), vec![]);
                break;
            }
        }
    }

    #[test]
    fn no_message_of_reconciliation_makes_a_session_panic(message: Vec<u8>, documents in 60_u64..100, answered: bool) {
        let role = if answered { Role::Answered } else { Role::Dialled };
        let replica = Shelf(90);
        let mut session = started(role, &replica);
        let _ = give(&mut session, &hello(documents), &replica);
        let message = [&[0x61][..], &message].concat();
        let _ = give(&mut session, &Frame::Reconcile(Bytes(message)), &replica);
    }
}
