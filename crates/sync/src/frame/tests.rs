use commonplace_model::{ChangeHash, CommonsId, DeviceId, DocKind, MemberId, Nonce, Page, PageId, Splice};
use commonplace_trust::{DeviceKey, Signature, VerifiedChange, actor_of, bundle, gate};
use proptest::{collection::vec, prelude::*};

use super::*;

fn doc() -> impl Strategy<Value = DocId> {
    prop_oneof![
        any::<[u8; 16]>().prop_map(|id| DocId::Page(PageId::new(id))),
        any::<[u8; 32]>().prop_map(|id| DocId::Ledger(MemberId::new(id))),
    ]
}

fn actor() -> impl Strategy<Value = Actor> {
    any::<[u8; 16]>().prop_map(Actor::new)
}

fn entry() -> impl Strategy<Value = Entry> {
    let tip = (actor(), any::<u64>(), any::<[u8; 8]>()).prop_map(|(actor, seq, mark)| Tip { actor, seq, mark });
    (doc(), vec(tip, 0..4)).prop_map(|(doc, tips)| Entry { doc, tips })
}

fn parcel() -> impl Strategy<Value = Parcel> {
    vec(any::<u8>(), MIN_PARCEL..400).prop_map(Parcel)
}

fn part() -> impl Strategy<Value = Part> {
    let said = (any::<[u8; 32]>(), any::<[u8; 16]>(), any::<u64>(), any::<[u8; 32]>(), any::<u8>()).prop_map(
        |(device, nonce, seq, hash, byte)| Attestation {
            device: DeviceId::new(device),
            nonce: Nonce::new(nonce),
            seq,
            hash: ChangeHash::new(hash),
            signature: Signature::new([byte; 64]),
        },
    );
    (doc(), vec(said, 1..3), vec(parcel(), 0..4), any::<bool>()).prop_map(|(doc, attestations, changes, more)| Part {
        doc,
        attestations,
        bundles: Vec::new(),
        changes,
        more,
    })
}

fn frame() -> impl Strategy<Value = Frame> {
    let summary = (any::<u64>(), any::<[u8; 32]>()).prop_map(|(count, digest)| Summary { count, digest });
    let hello = (any::<[u8; 16]>(), summary.clone(), summary);
    let list =
        prop_oneof![Just(List::Every), Just(List::Lacking), Just(List::Differing), Just(List::Ask), Just(List::Answer)];
    prop_oneof![
        hello.prop_map(|(salt, roll, docs)| Frame::Hello(Hello { salt, roll, docs })),
        (vec(any::<[u8; 32]>().prop_map(RecordId::new), 0..9), any::<bool>())
            .prop_map(|(ids, last)| Frame::RecordIds { ids, last }),
        (vec(parcel(), 0..5), any::<bool>()).prop_map(|(records, last)| Frame::Records { records, last }),
        vec(any::<u8>(), 0..99).prop_map(|bytes| Frame::Reconcile(Bytes(bytes))),
        (vec(any::<[u8; 32]>(), 0..9), any::<bool>()).prop_map(|(ids, last)| Frame::Wanted { ids, last }),
        (list, vec(entry(), 0..5), any::<bool>()).prop_map(|(list, entries, last)| Frame::Frontiers {
            list,
            entries,
            last
        }),
        any::<u64>().prop_map(|documents| Frame::Expect { documents }),
        (any::<bool>(), vec(part(), 0..4))
            .prop_map(|(live, parts)| Frame::Changes { live, body: Body::pack(&parts).expect("few") }),
        Just(Frame::Done),
        Just(Frame::Kept),
        vec((doc(), vec((actor(), any::<u64>()), 0..4)), 0..4).prop_map(|docs| Frame::Ack { docs }),
        doc().prop_map(Frame::Priority),
    ]
}

proptest! {
    #[test]
    fn a_frame_survives_its_bytes(frame in frame()) {
        let bytes = frame.encode().expect("small");
        prop_assert_eq!(Frame::decode(&bytes), Ok(frame));
    }

    #[test]
    fn changes_survive_packing(parts in vec(part(), 1..6)) {
        prop_assert_eq!(Body::pack(&parts).expect("few").unpack(), Ok((parts, vec![])));
    }

    #[test]
    fn a_cut_frame_is_none(frame in frame(), part in 0.0..1.0) {
        let bytes = frame.encode().expect("small");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in it")]
        let cut = (bytes.len() as f64 * part) as usize;
        prop_assert_eq!(Frame::decode(&bytes[..cut]), Err(FrameError::Malformed));
    }

    #[test]
    fn no_bytes_make_reading_panic(mut bytes: Vec<u8>) {
        bytes.insert(0, VERSION);
        if let Ok(Frame::Changes { body, .. }) = Frame::decode(&bytes) {
            let _ = body.unpack();
        }
    }
}

#[test]
fn frames_that_are_too_large_are_not_read() {
    let mut bytes = vec![0; MAX_FRAME + 1];
    bytes[0] = VERSION;
    assert_eq!(Frame::decode(&bytes), Err(FrameError::TooLarge));
    assert_eq!(Frame::Reconcile(Bytes(vec![0; MAX_FRAME])).encode(), None);
}

#[test]
fn a_frame_at_its_bounds_is_read() {
    let room = MAX_FRAME - Frame::Reconcile(Bytes(vec![0; 1_000_000])).encode().expect("small").len();
    let largest = Frame::Reconcile(Bytes(vec![0; 1_000_000 + room]));
    let bytes = largest.encode().expect("just fits");
    assert_eq!((bytes.len(), Frame::decode(&bytes)), (MAX_FRAME, Ok(largest)));
    assert_eq!(Frame::Reconcile(Bytes(vec![0; 1_000_001 + room])).encode(), None);

    let read = |frame: Frame| Frame::decode(&frame.encode().expect("fits")).map(drop);
    let page =
        |n: u16| DocId::Page(PageId::new([&n.to_le_bytes()[..], &[0; 14]].concat().try_into().expect("16 bytes")));
    let many = |most: usize| (0..).map(page).take(most);
    let records = |count| read(Frame::Records { records: vec![Parcel(vec![0; MIN_PARCEL]); count], last: false });
    assert_eq!((records(MAX_RECORDS), records(MAX_RECORDS + 1)), (Ok(()), Err(FrameError::TooLarge)));
    let entries = |count| {
        let entries = many(count).map(|doc| Entry { doc, tips: vec![] }).collect();
        read(Frame::Frontiers { list: List::Ask, entries, last: true })
    };
    assert_eq!((entries(MAX_ENTRIES), entries(MAX_ENTRIES + 1)), (Ok(()), Err(FrameError::TooLarge)));
    let acks = |count| read(Frame::Ack { docs: many(count).map(|doc| (doc, vec![])).collect() });
    assert_eq!((acks(MAX_PARTS), acks(MAX_PARTS + 1)), (Ok(()), Err(FrameError::TooLarge)));
}

#[test]
fn changes_at_their_bounds_are_unpacked() {
    let page =
        |n: u16| DocId::Page(PageId::new([&n.to_le_bytes()[..], &[0; 14]].concat().try_into().expect("16 bytes")));
    let part = |n, changes| Part { doc: page(n), attestations: vec![], bundles: vec![], changes, more: false };
    let unpacked = |parts: &[Part]| Body::pack(parts).expect("not too many").unpack().map(|(parts, _)| parts.len());
    let parts: Vec<_> = (0..).map(|n| part(n, vec![Parcel(vec![0; MIN_PARCEL])])).take(MAX_PARTS + 1).collect();
    assert_eq!((unpacked(&parts[1..]), unpacked(&parts)), (Ok(MAX_PARTS), Err(FrameError::TooLarge)));
    let said = Attestation {
        device: DeviceId::new([1; 32]),
        nonce: Nonce::new([2; 16]),
        seq: 1,
        hash: ChangeHash::new([3; 32]),
        signature: Signature::new([4; 64]),
    };
    let vouched = |count| unpacked(&[Part { attestations: vec![said; count], ..part(0, vec![]) }]);
    assert_eq!((vouched(MAX_ATTESTATIONS), vouched(MAX_ATTESTATIONS + 1)), (Ok(1), Err(FrameError::TooLarge)));
    // Zeros pack well, so it is what they inflate to that is bounded.
    let inflating = |bytes: usize| Body::pack(&[part(0, vec![Parcel(vec![0; bytes])])]);
    let head =
        postcard::to_allocvec(&[part(0, vec![Parcel(vec![0; 5_000_000])])][..]).expect("encodes").len() - 5_000_000;
    let at = inflating(MAX_INFLATED - head).expect("just fits");
    assert!(matches!(&at, Body::Packed { inflated, .. } if *inflated as usize == MAX_INFLATED));
    assert_eq!(at.unpack().map(|(parts, _)| parts.len()), Ok(1));
    assert_eq!(inflating(MAX_INFLATED - head + 1), None);
}

const PAGE: DocId = DocId::Page(PageId::new([2; 16]));

/// So many keystrokes of a device in a page, after these changes.
fn typed_after(before: &[VerifiedChange], device: u8, keys: usize) -> Vec<VerifiedChange> {
    let (commons, nonce, key) = (CommonsId::new([1; 32]), Nonce::new([3; 16]), DeviceKey::from_seed(&[device; 32]));
    let mut page = Page::default();
    gate::apply(page.document_mut(), before.to_vec()).expect("applies");
    page.document_mut().set_actor(actor_of(commons, PAGE, key.id(), nonce));
    let press = |_| {
        let splice = Splice { at: page.body_len(), delete: 0, insert: "k".to_owned() };
        let made = page.edit(&[splice]).expect("fits").expect("a change");
        VerifiedChange::local(made, &key, commons, PAGE, nonce).expect("within bounds").0
    };
    (0..keys).map(press).collect()
}

fn typed(keys: usize) -> Vec<VerifiedChange> {
    typed_after(&[], 1, keys)
}

fn bundle_of(changes: &[VerifiedChange]) -> Packed {
    Packed(bundle::pack(DocKind::Page, changes.iter().map(VerifiedChange::bytes)).expect("packs"))
}

fn raw(changes: &[VerifiedChange]) -> Vec<Parcel> {
    changes.iter().map(|change| Parcel(change.bytes().to_vec())).collect()
}

#[test]
fn what_is_in_bundles_stands_before_the_other_changes() {
    let made = typed(7);
    let doc = PAGE;
    let bundles = vec![bundle_of(&made[..3]), bundle_of(&made[3..5])];
    let part = Part { doc, attestations: vec![], bundles: bundles.clone(), changes: raw(&made[5..]), more: true };
    let (parts, came) = Body::pack(&[part]).expect("few").unpack().expect("unpacks");
    let whole = Part { doc, attestations: vec![], bundles: vec![], changes: raw(&made), more: true };
    assert_eq!(parts, [whole]);
    let hashes = |changes: &[VerifiedChange]| changes.iter().map(VerifiedChange::hash).collect::<Vec<_>>();
    let as_it_came = |(bundle, changes): (Packed, _)| (doc, Bundle { changes: hashes(changes), bytes: bundle.0 });
    let all: Vec<_> = bundles.into_iter().zip([&made[..3], &made[3..5]]).map(as_it_came).collect();
    assert_eq!(came, all);
}

#[test]
fn a_frame_has_so_many_changes_in_bundles_and_not_one_more() {
    let part = |n: u8, bundles| {
        let doc = DocId::Page(PageId::new([n; 16]));
        Part { doc, attestations: vec![], bundles, changes: vec![], more: false }
    };
    let unpacked = |parts: &[Part]| Body::pack(parts).expect("few").unpack().map(|(parts, _)| parts.len());
    let made = typed(MAX_BUNDLED.changes / 4 + 1);
    let (quarter, more) = (bundle_of(&made[..made.len() - 1]), bundle_of(&made));
    // Of all documents together.
    let three = || part(1, vec![quarter.clone(), quarter.clone(), quarter.clone()]);
    assert_eq!(unpacked(&[three(), part(2, vec![quarter.clone()])]), Ok(2));
    assert_eq!(unpacked(&[three(), part(2, vec![more])]), Err(FrameError::TooLarge));
    // And so many bytes: what joins many at once names them all.
    let many: Vec<_> = (1..=200).flat_map(|device| typed_after(&[], device, 1)).collect();
    let joins: Vec<_> = (201..=210).flat_map(|device| typed_after(&many, device, 1)).collect();
    let bytes: usize = joins.iter().map(|join| join.bytes().len()).sum();
    let bundles = vec![bundle_of(&joins); MAX_BUNDLED.bytes / bytes + 1];
    assert!(bundles.len() * joins.len() < MAX_BUNDLED.changes);
    assert_eq!(unpacked(&[part(1, bundles[1..].to_vec())]), Ok(1));
    assert_eq!(unpacked(&[part(1, bundles)]), Err(FrameError::TooLarge));
}

#[test]
fn a_frame_with_what_is_no_bundle_is_none() {
    let good = bundle_of(&typed(3));
    let none = bundle_of(&[]).0;
    for bytes in [vec![], none, vec![9; 40], good.0[..good.0.len() - 1].to_vec(), [&good.0[..], &[0]].concat()] {
        let bundles = vec![good.clone(), Packed(bytes)];
        let part = Part { doc: PAGE, attestations: vec![], bundles, changes: vec![], more: false };
        assert_eq!(Body::pack(&[part]).expect("few").unpack(), Err(FrameError::Malformed));
    }
}

#[test]
fn another_version_is_told_from_nonsense() {
    assert_eq!(Frame::decode(&[VERSION + 1, 0, 0]), Err(FrameError::Version(VERSION + 1)));
    assert_eq!(Frame::decode(&[]), Err(FrameError::Malformed));
    assert_eq!(Frame::decode(&[VERSION, 99]), Err(FrameError::Malformed));
}

#[test]
fn what_inflates_beyond_its_word_or_the_bound_is_refused() {
    let zeros = zstd::bulk::compress(&vec![0; 64 << 20], 3).expect("compresses");
    let bomb = |inflated| Body::Packed { inflated, bytes: Bytes(zeros.clone()) }.unpack();
    assert_eq!(bomb(64 << 20), Err(FrameError::TooLarge));
    assert_eq!(bomb(1 << 20), Err(FrameError::TooLarge));
    assert_eq!(Body::pack(&[]).expect("nothing").unpack(), Err(FrameError::Malformed));
    let short = Body::Packed { inflated: 5, bytes: Bytes(zstd::bulk::compress(&[0], 3).expect("compresses")) };
    assert_eq!(short.unpack(), Err(FrameError::TooLarge));
    let garbage = Body::Packed { inflated: 5, bytes: Bytes(vec![7; 30]) };
    assert_eq!(garbage.unpack(), Err(FrameError::Malformed));
}

#[test]
fn claimed_counts_reserve_nothing() {
    // A list that claims 2^60 entries, and one of a million changes without a byte each.
    let claim = [VERSION, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert_eq!(Frame::decode(&claim), Err(FrameError::Malformed));
    let mut many = vec![VERSION, 2, 0xc0, 0x84, 0x3d];
    many.resize(MAX_FRAME, 0);
    assert_eq!(Frame::decode(&many), Err(FrameError::Malformed));
}
