//! What comes: what is expected, what waits to be stored, and which documents turn out to have gaps.

use std::collections::{BTreeMap, VecDeque};

use commonplace_model::{Actor, CommonsId, DocId};

use super::{MAX_DOCS, Millis, Reason};
use crate::frame::{Frame, MAX_PARTS, Part};

/// Frames of changes that may wait to be stored.
pub(super) const MAX_STORING: usize = 4_096;
/// What is pushed while somebody types is acknowledged together, for so long: a letter may come every few milliseconds.
const ACKNOWLEDGED_AFTER: Millis = 100;
/// How often a document is asked for again when what came did not count.
const REPAIRS: u8 = 3;
/// Documents asked for again at most; what else is missing comes with the next session.
const MAX_REPAIRED: usize = 10_000;

/// How far what the other side caught us up with is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Receipt {
    /// It has not said how much comes.
    #[default]
    Before,
    /// It is coming.
    Coming,
    /// It has been sent.
    Sent,
    /// It is durable, and the other side has been told so where that does not go without saying.
    Kept,
}

/// What a part of a frame promised.
struct Promise {
    doc: DocId,
    tips: Vec<(Actor, u64)>,
}

/// What comes.
#[derive(Default)]
pub(super) struct Inbound {
    pub(super) receipt: Receipt,
    expected: u64,
    received: u64,
    storing: VecDeque<Vec<Promise>>,
    repairs: BTreeMap<DocId, u8>,
    /// What is to be acknowledged, and when.
    durable: BTreeMap<DocId, BTreeMap<Actor, u64>>,
    due: Option<Millis>,
}

impl Inbound {
    pub(super) fn expect(&mut self, documents: u64) -> Result<(), Reason> {
        if self.receipt != Receipt::Before {
            return Err(Reason::Unexpected("a second announcement"));
        }
        if documents > MAX_DOCS as u64 {
            return Err(Reason::TooMuch("documents"));
        }
        self.expected = documents;
        self.receipt = if documents == 0 { Receipt::Kept } else { Receipt::Coming };
        Ok(())
    }

    pub(super) fn done(&mut self) -> Result<(), Reason> {
        if self.receipt != Receipt::Coming {
            return Err(Reason::Unexpected("the end of what was not announced"));
        }
        self.receipt = Receipt::Sent;
        self.received = self.expected;
        Ok(())
    }

    /// Whether everything that was announced is durable and the other side does not know it.
    pub(super) fn is_whole(&self) -> bool {
        self.receipt == Receipt::Sent && self.storing.is_empty()
    }

    pub(super) fn progress(&self) -> (u64, u64) {
        (self.received, self.expected)
    }

    pub(super) fn came(&mut self, live: bool, parts: &[Part], commons: CommonsId) -> Result<(), Reason> {
        if !live && self.receipt != Receipt::Coming {
            return Err(Reason::Unexpected("changes that were not announced"));
        }
        if self.storing.len() >= MAX_STORING {
            return Err(Reason::TooMuch("changes at once"));
        }
        // Where more follow, or there is nothing but an attestation, nothing is promised: the last part decides.
        let promises = parts
            .iter()
            .filter(|part| !part.more && !part.changes.is_empty())
            .map(|part| {
                let tips = part.attestations.iter().map(|said| (said.actor(commons, part.doc), said.seq)).collect();
                Promise { doc: part.doc, tips }
            })
            .collect();
        if !live {
            let whole = parts.iter().filter(|part| !part.more).count() as u64;
            self.received = self.expected.min(self.received + whole);
        }
        self.storing.push_back(promises);
        Ok(())
    }

    /// Has these acknowledged: now, or in a moment with what else is durable by then.
    pub(super) fn acknowledge(&mut self, docs: Vec<(DocId, Vec<(Actor, u64)>)>, now: Millis, later: bool) {
        for (doc, tips) in docs.into_iter().filter(|(_, tips)| !tips.is_empty()) {
            let durable = self.durable.entry(doc).or_default();
            for (actor, seq) in tips {
                let newest = durable.entry(actor).or_default();
                *newest = (*newest).max(seq);
            }
        }
        if !self.durable.is_empty() {
            let at = if later && self.durable.len() < MAX_PARTS { now.saturating_add(ACKNOWLEDGED_AFTER) } else { now };
            self.due = Some(self.due.map_or(at, |due| due.min(at)));
        }
    }

    /// When something is to be acknowledged.
    pub(super) fn due(&self) -> Option<Millis> {
        self.due
    }

    /// What is to be acknowledged now, as much as goes into a frame.
    pub(super) fn next_ack(&mut self, now: Millis) -> Option<Frame> {
        self.due.take_if(|due| *due <= now)?;
        let next = std::iter::from_fn(|| self.durable.pop_first()).take(MAX_PARTS);
        let docs = next.map(|(doc, durable)| (doc, durable.into_iter().collect())).collect();
        if !self.durable.is_empty() {
            self.due = Some(now);
        }
        Some(Frame::Ack { docs })
    }

    /// What the oldest frame brought is judged and durable. Gives the documents that have gaps.
    pub(super) fn stored(&mut self, docs: &[(DocId, Vec<(Actor, u64)>)]) -> Vec<DocId> {
        let Some(promises) = self.storing.pop_front() else { return Vec::new() };
        let mut durable: BTreeMap<(DocId, Actor), u64> = BTreeMap::new();
        for (doc, tips) in docs {
            for (actor, seq) in tips {
                let newest = durable.entry((*doc, *actor)).or_default();
                *newest = (*newest).max(*seq);
            }
        }
        let mut gaps = Vec::new();
        for Promise { doc, tips } in promises {
            let kept = tips.iter().all(|(actor, seq)| durable.get(&(doc, *actor)).is_some_and(|newest| newest >= seq));
            if kept {
                self.repairs.remove(&doc);
            } else if self.repairs.len() < MAX_REPAIRED || self.repairs.contains_key(&doc) {
                let times = self.repairs.entry(doc).or_default();
                if *times < REPAIRS {
                    *times += 1;
                    gaps.push(doc);
                }
            }
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use commonplace_model::{ChangeHash, DeviceId, Nonce, PageId};
    use commonplace_trust::{Attestation, Signature};

    use super::*;
    use crate::frame::Parcel;

    fn promise(n: usize) -> Part {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_le_bytes());
        let (device, nonce, hash) = (DeviceId::new([9; 32]), Nonce::new([1; 16]), ChangeHash::new([8; 32]));
        let attestations = vec![Attestation { device, nonce, seq: 1, hash, signature: Signature::new([7; 64]) }];
        Part {
            doc: DocId::Page(PageId::new(id)),
            attestations,
            bundles: Vec::new(),
            changes: vec![Parcel(vec![0; 16])],
            more: false,
        }
    }

    #[test]
    fn what_is_pushed_is_acknowledged_together() {
        let (actor, other) = (Actor::new([1; 16]), Actor::new([2; 16]));
        let doc = promise(1).doc;
        let mut inbound = Inbound::default();
        let ack = |tips: &[(Actor, u64)]| Some(Frame::Ack { docs: vec![(doc, tips.to_vec())] });
        inbound.acknowledge(vec![(doc, vec![(actor, 1)])], 0, false);
        assert_eq!((inbound.next_ack(0), inbound.due()), (ack(&[(actor, 1)]), None));
        inbound.acknowledge(vec![(doc, vec![(actor, 2)])], 0, true);
        inbound.acknowledge(vec![(doc, vec![(actor, 4), (other, 1)])], 20, true);
        inbound.acknowledge(vec![(doc, vec![(actor, 3)]), (promise(2).doc, vec![])], 30, true);
        assert_eq!((inbound.next_ack(ACKNOWLEDGED_AFTER - 1), inbound.due()), (None, Some(ACKNOWLEDGED_AFTER)));
        assert_eq!(inbound.next_ack(ACKNOWLEDGED_AFTER), ack(&[(actor, 4), (other, 1)]));
        assert_eq!((inbound.next_ack(9_000), inbound.due()), (None, None));
        // And at once, when it is as much as goes into a frame.
        for n in 0..MAX_PARTS {
            assert_eq!(inbound.next_ack(0), None);
            inbound.acknowledge(vec![(promise(n).doc, vec![(actor, 1)])], 0, true);
        }
        assert!(matches!(inbound.next_ack(0), Some(Frame::Ack { docs }) if docs.len() == MAX_PARTS));
    }

    #[test]
    fn what_does_not_count_is_asked_for_again_so_often_and_for_so_many_documents() {
        let mut inbound = Inbound::default();
        let mut gaps = |parts: &[Part]| {
            inbound.came(true, parts, CommonsId::new([1; 32])).expect("there is room");
            inbound.stored(&[]).len()
        };
        let asked: Vec<_> = (0..9).map(|_| gaps(&[promise(0)])).collect();
        assert_eq!(asked, [1, 1, 1, 0, 0, 0, 0, 0, 0]);
        let many: Vec<_> = (1..=MAX_REPAIRED).map(promise).collect();
        assert_eq!(gaps(&many), MAX_REPAIRED - 1, "the first one is among them");
        assert_eq!(gaps(&many), MAX_REPAIRED - 1, "nor does another take the place of one that is asked for");
    }
}
