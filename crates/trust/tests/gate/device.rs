//! Devices of members, each with a replica of one document and the history that the gate asks about.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use commonplace_model::{
    Actor, ChangeHash, CommonsId, DeviceId, DocId, DocKind, Document, Ledger, LocalChange, MemberId, Nonce, Page,
    PageId, Splice,
};
use commonplace_trust::{
    Arrival, Attestation, Clock, DeviceKey, Fork, Gate, History, Known, Passed, Standing, Verdict, VerifiedChange,
    actor_of, gate,
};

use crate::forge::Dice;

pub(crate) const COMMONS: CommonsId = CommonsId::new([1; 32]);
pub(crate) const NONCE: Nonce = Nonce::new([2; 16]);
pub(crate) const PAGE: DocId = DocId::Page(PageId::new([3; 16]));
pub(crate) const LEDGER: DocId = DocId::Ledger(MemberId::new([4; 32]));

/// The history of a document, in memory.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    known: HashMap<ChangeHash, (Known, Clock)>,
    tips: HashMap<Actor, (u64, ChangeHash)>,
    bytes: BTreeMap<(Actor, u64), Vec<u8>>,
    /// Attestations that are kept.
    pub(crate) vouched: HashMap<Actor, Vec<Attestation>>,
}

impl Seen {
    pub(crate) fn take(&mut self, changes: &[VerifiedChange]) {
        for change in changes {
            let clock = change.clock(|hash| self.clock(hash)).expect("each comes after those it builds on");
            self.known.insert(change.hash(), (change.known(), clock));
            self.tips.insert(change.actor(), (change.seq(), change.hash()));
            self.bytes.insert((change.actor(), change.max_op()), change.bytes().to_vec());
        }
    }
}

impl History for Seen {
    fn change(&self, hash: &ChangeHash) -> Option<Known> {
        self.known.get(hash).map(|(known, _)| *known)
    }

    fn tip(&self, actor: &Actor) -> Option<(u64, ChangeHash)> {
        self.tips.get(actor).copied()
    }

    fn clock(&self, hash: &ChangeHash) -> Option<Clock> {
        self.known.get(hash).map(|(_, clock)| clock.clone())
    }

    fn reaching(&self, actor: &Actor, counter: u64) -> Option<Cow<'_, [u8]>> {
        let found = self.bytes.range((*actor, counter)..=(*actor, u64::MAX)).next();
        found.map(|(_, bytes)| Cow::Borrowed(&bytes[..]))
    }

    fn numbered(&self, actor: &Actor, seq: u64) -> Option<Cow<'_, [u8]>> {
        let mut own = self.bytes.range((*actor, 0)..=(*actor, u64::MAX)).map(|(_, bytes)| bytes);
        own.nth(usize::try_from(seq).ok()?.checked_sub(1)?).map(|bytes| Cow::Borrowed(&bytes[..]))
    }

    fn vouched(&self, actor: &Actor) -> Vec<Attestation> {
        self.vouched.get(actor).cloned().unwrap_or_default()
    }
}

/// Devices that may write in every page, and in no ledger but [`LEDGER`].
pub(crate) struct Members(pub(crate) Vec<DeviceId>);

impl Standing for Members {
    fn may_write(&self, device: &DeviceId, doc: &DocId) -> Verdict {
        match doc {
            DocId::Page(_) | &LEDGER if self.0.contains(device) => Verdict::Allowed,
            DocId::Ledger(_) if self.0.contains(device) => Verdict::Forbidden,
            _ => Verdict::Unknown,
        }
    }

    fn is_cut(&self, _: &DocId, _: &ChangeHash) -> bool {
        false
    }

    fn forked(&self, _: &DocId, _: &Actor) -> Option<Fork> {
        None
    }
}

/// Everybody may write everywhere.
pub(crate) struct Everybody;

impl Standing for Everybody {
    fn may_write(&self, _: &DeviceId, _: &DocId) -> Verdict {
        Verdict::Allowed
    }

    fn is_cut(&self, _: &DocId, _: &ChangeHash) -> bool {
        false
    }

    fn forked(&self, _: &DocId, _: &Actor) -> Option<Fork> {
        None
    }
}

pub(crate) fn key(n: u8) -> DeviceKey {
    DeviceKey::from_seed(&[n; 32])
}

pub(crate) fn actor(n: u8, doc: DocId) -> Actor {
    actor_of(COMMONS, doc, key(n).id(), NONCE)
}

/// Vouches for a change that may be anything.
pub(crate) fn vouch(n: u8, doc: DocId, seq: u64, hash: ChangeHash) -> Attestation {
    *commonplace_trust::VerifiedAttestation::sign(&key(n), COMMONS, doc, NONCE, seq, hash).get()
}

pub(crate) fn pass(seen: &Seen, doc: DocId, changes: Vec<Vec<u8>>, attestations: Vec<Attestation>) -> Passed {
    let arrival = Arrival { doc, attestations, changes };
    Gate { commons: COMMONS, history: seen, standing: &Everybody }.pass(arrival)
}

/// A device with a replica of a page or ledger.
pub(crate) struct Device {
    pub(crate) n: u8,
    pub(crate) doc: DocId,
    pub(crate) page: Page,
    pub(crate) ledger: Ledger,
    pub(crate) seen: Seen,
    /// All changes that it has, in order of arrival, and the newest attestation of each actor.
    pub(crate) changes: Vec<VerifiedChange>,
    pub(crate) said: BTreeMap<Actor, Attestation>,
}

impl Device {
    pub(crate) fn new(n: u8, doc: DocId) -> Self {
        let (mut page, mut ledger) = (Page::default(), Ledger::default());
        page.document_mut().set_actor(actor(n, doc));
        ledger.document_mut().set_actor(actor(n, doc));
        Self { n, doc, page, ledger, seen: Seen::default(), changes: Vec::new(), said: BTreeMap::new() }
    }

    pub(crate) fn document(&mut self) -> &mut Document {
        match DocKind::from(self.doc) {
            DocKind::Page => self.page.document_mut(),
            DocKind::Ledger => self.ledger.document_mut(),
        }
    }

    /// Keeps a change just made here.
    pub(crate) fn keep(&mut self, local: LocalChange) -> VerifiedChange {
        let (change, said) =
            VerifiedChange::local(local, &key(self.n), COMMONS, self.doc, NONCE).expect("within bounds");
        self.seen.take(std::slice::from_ref(&change));
        self.changes.push(change.clone());
        self.said.insert(change.actor(), *said.get());
        change
    }

    /// Edits the body of its page.
    pub(crate) fn edit(&mut self, at: u32, delete: u32, insert: &str) -> VerifiedChange {
        let splice = Splice { at, delete, insert: insert.to_owned() };
        let local = self.page.edit(&[splice]).expect("fits").expect("changes");
        self.keep(local)
    }

    pub(crate) fn write(&mut self, text: &str) -> VerifiedChange {
        self.edit(self.page.body_len(), 0, text)
    }

    /// Takes in what passed.
    pub(crate) fn take(&mut self, passed: Passed) {
        self.seen.take(&passed.changes);
        self.changes.extend(passed.changes.iter().cloned());
        for said in passed.attestations {
            let newest = self.said.entry(said.actor()).or_insert(*said.get());
            if newest.seq < said.get().seq {
                *newest = *said.get();
            }
        }
        gate::apply(self.document(), passed.changes).expect("what passed applies");
    }

    /// Takes in whatever another device has and this one lacks.
    pub(crate) fn meet(&mut self, other: &Self) {
        let missing = other.changes.iter().filter(|c| self.seen.change(&c.hash()).is_none());
        let missing: Vec<_> = missing.map(|c| c.bytes().to_vec()).collect();
        let count = missing.len();
        let passed = pass(&self.seen, self.doc, missing, other.said.values().copied().collect());
        assert_eq!((passed.changes.len(), &passed.refused), (count, &Vec::new()), "what is honest passes");
        self.take(passed);
    }
}

pub(crate) fn bytes(changes: &[VerifiedChange]) -> Vec<Vec<u8>> {
    changes.iter().map(|c| c.bytes().to_vec()).collect()
}

/// Puts changes in some other order that has each after those it builds on.
pub(crate) fn shuffled(changes: &[VerifiedChange], dice: &mut Dice) -> Vec<VerifiedChange> {
    let mut left = changes.to_vec();
    let mut order: Vec<VerifiedChange> = Vec::new();
    while !left.is_empty() {
        let ready: Vec<usize> =
            (0..left.len()).filter(|i| left[*i].deps().all(|dep| left.iter().all(|c| c.hash() != dep))).collect();
        let chosen = *dice.pick(&ready).expect("there is always one");
        order.push(left.swap_remove(chosen));
    }
    order
}
