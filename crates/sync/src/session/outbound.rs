//! What goes: the documents of which the other side lacks something, in the order in which it would wait for them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use commonplace_model::{Actor, CommonsId, DocId};
use commonplace_trust::chunk;

use super::{FRAME_CHANGES, Reason};
use crate::{
    frame::{Body, Frame, MAX_PARTS, Packed, Parcel, Part},
    replica::{Replica, Segment},
    session::frontier::ATTESTATION,
};

/// Documents that are open on the other side and remembered for it.
const MAX_URGENT: usize = 64;
/// The least room in a frame that is worth asking the replica for.
const LEAST: usize = 4 * 1024;
/// Bytes of changes in the first frame, about; each has twice as many as the one before, up to [`FRAME_CHANGES`]. Nothing of
/// a frame is durable before all of it came: where connections never last for a large one, small ones still bring something. It is
/// one bundle at least.
const FIRST: usize = 16 * 1024;

/// A change in a bundle takes this part of its bytes of the room in a frame: the receiver neither inflates nor packs it.
const BUNDLED_SHARE: usize = 2;

/// How far what we catch the other side up with is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Delivery {
    /// What it lacks is not known.
    #[default]
    Before,
    /// It is being sent.
    Going,
    /// It has been sent.
    Sent,
    /// It is durable there.
    Kept,
}

/// What goes.
pub(super) struct Outbound {
    pub(super) delivery: Delivery,
    order: VecDeque<DocId>,
    /// What the other side has of each, by its own word or because we sent it.
    have: BTreeMap<DocId, BTreeMap<Actor, u64>>,
    /// Open on the other side, the newest last.
    urgent: Vec<DocId>,
    sent: u64,
    to_send: u64,
    /// Bytes of changes that the next frame has room for.
    room: usize,
    /// What is to go next, where it was too much for one frame.
    split: VecDeque<Vec<Part>>,
    /// What catching up has sent and the other side has not acknowledged.
    in_doubt: BTreeMap<DocId, BTreeMap<Actor, u64>>,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            delivery: Delivery::default(),
            order: VecDeque::new(),
            have: BTreeMap::new(),
            urgent: Vec::new(),
            sent: 0,
            to_send: 0,
            room: FIRST,
            split: VecDeque::new(),
            in_doubt: BTreeMap::new(),
        }
    }
}

impl Outbound {
    pub(super) fn has(&self, doc: &DocId) -> bool {
        self.have.contains_key(doc)
    }

    /// The other side has this much of a document and lacks the rest.
    pub(super) fn enqueue(&mut self, doc: DocId, theirs: BTreeMap<Actor, u64>) {
        if self.has(&doc) {
            return;
        }
        self.have.insert(doc, theirs);
        if self.urgent.contains(&doc) { self.order.push_front(doc) } else { self.order.push_back(doc) }
    }

    /// The other side's user has this document open.
    pub(super) fn hurry(&mut self, doc: DocId) {
        self.urgent.retain(|other| *other != doc);
        if self.urgent.len() == MAX_URGENT {
            self.urgent.remove(0);
        }
        self.urgent.push(doc);
        if self.has(&doc) {
            self.order.retain(|other| *other != doc);
            self.order.push_front(doc);
        }
    }

    /// Puts all documents into the order in which they are waited for.
    pub(super) fn arrange(&mut self, replica: &dyn Replica) {
        let order = self.order.make_contiguous();
        replica.waiting_order(order);
        let urgent: BTreeSet<_> = self.urgent.iter().copied().collect();
        order.sort_by_key(|doc| !urgent.contains(doc));
    }

    /// Everything that the other side lacks is queued; says how many documents that is.
    pub(super) fn begin(&mut self) -> u64 {
        self.to_send = self.order.len() as u64;
        self.delivery = if self.order.is_empty() { Delivery::Kept } else { Delivery::Going };
        self.to_send
    }

    pub(super) fn kept(&mut self) -> Result<(), Reason> {
        if self.delivery != Delivery::Sent {
            return Err(Reason::Unexpected("a receipt for what was not sent"));
        }
        self.delivery = Delivery::Kept;
        Ok(())
    }

    pub(super) fn acknowledged(&mut self, docs: &[(DocId, Vec<(Actor, u64)>)]) {
        for (doc, tips) in docs {
            let Some(doubt) = self.in_doubt.get_mut(doc) else { continue };
            for (actor, seq) in tips {
                if doubt.get(actor).is_some_and(|sent| sent <= seq) {
                    doubt.remove(actor);
                }
            }
            if doubt.is_empty() {
                self.in_doubt.remove(doc);
            }
        }
    }

    /// Documents of which the other side has not acknowledged all that catching up sent.
    pub(super) fn apart(&mut self) -> Vec<DocId> {
        std::mem::take(&mut self.in_doubt).into_keys().collect()
    }

    pub(super) fn progress(&self) -> (u64, u64) {
        (self.sent.min(self.to_send), self.to_send)
    }

    /// The next changes, or that there are no more.
    pub(super) fn next_frame(&mut self, commons: CommonsId, replica: &dyn Replica) -> Result<Option<Frame>, Reason> {
        let next = self.split.pop_front();
        let mut parts = next.unwrap_or_else(|| self.next_parts(commons, replica));
        while !parts.is_empty() {
            let body = Body::pack(&parts);
            let frame = body.map(|body| Frame::Changes { live: self.delivery != Delivery::Going, body });
            if let Some(frame) = frame.filter(|frame| frame.encode().is_some()) {
                return Ok(Some(frame));
            }
            // What compresses badly: half of it now.
            let rest = halved(&mut parts).ok_or(Reason::OursTooLarge)?;
            self.split.push_front(rest);
        }
        if self.delivery == Delivery::Going {
            self.delivery = Delivery::Sent;
            return Ok(Some(Frame::Done));
        }
        Ok(None)
    }

    fn next_parts(&mut self, commons: CommonsId, replica: &dyn Replica) -> Vec<Part> {
        let (mut parts, mut room) = (Vec::new(), self.room);
        while room >= LEAST && parts.len() < MAX_PARTS {
            let Some(doc) = self.order.front().copied() else { break };
            let have: Vec<_> = self.have.get(&doc).into_iter().flatten().map(|(actor, seq)| (*actor, *seq)).collect();
            let segment = replica.changes_after(&doc, &have, room);
            let empty = segment.changes.is_empty() && segment.bundles.is_empty();
            let more = segment.more && !empty;
            room = room.saturating_sub(self.note(commons, doc, &segment));
            if !more {
                self.order.pop_front();
                self.have.remove(&doc);
                self.sent += 1;
            }
            if !empty {
                let bundles = segment.bundles.into_iter().map(|bundled| Packed(bundled.bytes)).collect();
                let changes = segment.changes.into_iter().map(Parcel).collect();
                parts.push(Part { doc, attestations: segment.attestations, bundles, changes, more });
            }
        }
        if !parts.is_empty() {
            self.room = FRAME_CHANGES.min(2 * self.room);
        }
        parts
    }

    /// Notes what a segment brings the other side; gives its bytes.
    fn note(&mut self, commons: CommonsId, doc: DocId, segment: &Segment) -> usize {
        let have = self.have.entry(doc).or_default();
        let mut bytes = segment.attestations.len() * ATTESTATION;
        for bundled in &segment.bundles {
            bytes += bundled.bytes.len().max(bundled.size / BUNDLED_SHARE);
            for (actor, seq) in &bundled.upto {
                let newest = have.entry(*actor).or_default();
                *newest = (*newest).max(*seq);
            }
        }
        for change in &segment.changes {
            bytes += change.len();
            if let Ok(header) = chunk::read(change) {
                let newest = have.entry(header.actor).or_default();
                *newest = (*newest).max(header.seq);
            }
        }
        if self.delivery == Delivery::Going && !segment.attestations.is_empty() {
            let doubt = self.in_doubt.entry(doc).or_default();
            for said in &segment.attestations {
                let newest = doubt.entry(said.actor(commons, doc)).or_default();
                *newest = (*newest).max(said.seq);
            }
        }
        bytes
    }
}

/// Takes the second half off what is too much for a frame, if there is more than one change or bundle. What vouches for the changes
/// of one part comes with the last of them.
fn halved(parts: &mut Vec<Part>) -> Option<Vec<Part>> {
    if parts.len() > 1 {
        return Some(parts.split_off(parts.len() / 2));
    }
    let part = parts.first_mut()?;
    let (bundles, changes) = (part.bundles.len(), part.changes.len());
    let (stay, go) = if bundles > 0 && changes > 0 { (bundles, 0) } else { (bundles / 2, changes / 2) };
    if bundles + changes < 2 {
        return None;
    }
    let rest = Part {
        doc: part.doc,
        attestations: std::mem::take(&mut part.attestations),
        bundles: part.bundles.split_off(stay),
        changes: part.changes.split_off(go),
        more: std::mem::replace(&mut part.more, true),
    };
    Some(vec![rest])
}

#[cfg(test)]
mod tests {
    use commonplace_model::{ChangeHash, DeviceId, Nonce, PageId};
    use commonplace_trust::{Attestation, Signature};

    use super::*;
    use crate::replica::Bundled;

    #[test]
    fn so_many_open_documents_are_remembered_and_the_newest_of_them() {
        let page = |n: usize| DocId::Page(PageId::new([u8::try_from(n).unwrap_or(u8::MAX); 16]));
        let mut outbound = Outbound::default();
        (0..MAX_URGENT).for_each(|n| outbound.hurry(page(n)));
        assert_eq!((outbound.urgent.len(), outbound.urgent.first()), (MAX_URGENT, Some(&page(0))));
        (0..10).for_each(|_| outbound.hurry(page(MAX_URGENT)));
        assert_eq!((outbound.urgent.len(), outbound.urgent.first()), (MAX_URGENT, Some(&page(1))));
        assert_eq!(outbound.urgent.last(), Some(&page(MAX_URGENT)));
    }

    /// A replica with one document, of which it brings this for so many bytes.
    struct Brings(fn(usize) -> Segment);

    impl Replica for Brings {
        fn record_ids(&self) -> Vec<commonplace_model::RecordId> {
            Vec::new()
        }

        fn records(&self, _: &[commonplace_model::RecordId]) -> Vec<Vec<u8>> {
            Vec::new()
        }

        fn digests(&self) -> Vec<(DocId, [u8; 32])> {
            Vec::new()
        }

        fn frontier(&self, _: &DocId) -> Vec<Attestation> {
            Vec::new()
        }

        fn numbered(&self, _: &DocId, _: &Actor, _: u64) -> Option<Vec<u8>> {
            None
        }

        fn changes_after(&self, _: &DocId, _: &[(Actor, u64)], max_bytes: usize) -> Segment {
            (self.0)(max_bytes)
        }

        fn waiting_order(&self, _: &mut [DocId]) {}
    }

    /// There is always more.
    fn endless(max_bytes: usize) -> Segment {
        Segment { changes: vec![vec![7; 1024]; max_bytes / 1024], more: true, ..Segment::default() }
    }

    /// Bytes of no meaning.
    fn noise(n: u8, len: usize) -> Vec<u8> {
        (0..=len as u64 / 32)
            .flat_map(|block| *blake3::hash(&[&[n][..], &block.to_le_bytes()].concat()).as_bytes())
            .take(len)
            .collect()
    }

    /// It compresses to nothing less.
    fn incompressible(_: usize) -> Segment {
        let bundles = (0..3).map(|n| Bundled { bytes: noise(n, 400_000), upto: vec![], size: 1 }).collect();
        let changes = (3..6).map(|n| noise(n, 500_000)).collect();
        let said = Attestation {
            device: DeviceId::new([1; 32]),
            nonce: Nonce::new([2; 16]),
            seq: 1,
            hash: ChangeHash::new([3; 32]),
            signature: Signature::new([4; 64]),
        };
        Segment { attestations: vec![said], bundles, changes, more: false }
    }

    #[test]
    fn what_is_too_much_for_a_frame_goes_in_several() {
        let mut outbound = Outbound::default();
        outbound.enqueue(DocId::Page(PageId::new([1; 16])), BTreeMap::new());
        let (mut bundles, mut changes, mut frames, mut said) = (Vec::new(), Vec::new(), 0, 0);
        while let Some(frame) =
            outbound.next_frame(CommonsId::new([1; 32]), &Brings(incompressible)).expect("it can go")
        {
            assert!(frame.encode().is_some());
            let Frame::Changes { body: Body::Plain(bytes), .. } = frame else { panic!("changes as they are") };
            let (parts, rest): (Vec<Part>, _) = postcard::take_from_bytes(&bytes.0).expect("parts");
            assert!(rest.is_empty() && parts.len() == 1);
            frames += 1;
            for part in parts {
                assert!(changes.is_empty() || part.bundles.is_empty(), "bundles stand before the others");
                said += part.attestations.len();
                assert_eq!(part.more, said == 0, "what vouches for it comes with the last");
                bundles.extend(part.bundles.into_iter().map(|bundle| bundle.0));
                changes.extend(part.changes.into_iter().map(|change| change.0));
            }
        }
        assert_eq!((frames, said), (4, 1));
        assert!(bundles.into_iter().eq((0..3).map(|n| noise(n, 400_000))));
        assert!(changes.into_iter().eq((3..6).map(|n| noise(n, 500_000))));
    }

    #[test]
    fn the_first_frame_is_small_so_that_a_connection_that_does_not_last_brings_something() {
        let mut outbound = Outbound::default();
        outbound.enqueue(DocId::Page(PageId::new([1; 16])), BTreeMap::new());
        let mut next = || {
            let parts = outbound.next_parts(CommonsId::new([1; 32]), &Brings(endless));
            parts.iter().flat_map(|part| &part.changes).map(|change| change.0.len() / 1024).sum::<usize>()
        };
        let kilobytes: Vec<_> = (0..6).map(|_| next()).collect();
        assert_eq!(kilobytes, [16, 32, 64, 128, 256, 256]);
    }
}
