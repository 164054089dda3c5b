//! A device of the simulation: what is durable on it, and the documents that it has in memory.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use commonplace_governance::Roll;
use commonplace_model::{
    Actor, ChangeHash, CommonsId, DeviceId, DocId, DocKind, Document, Ledger, LocalChange, MemberId, Nonce, Page,
    RecordId,
};
use commonplace_sync::{Bundled, Replica, Segment};
use commonplace_trust::{
    Arrival, Attestation, Clock, DeviceKey, Draft, Fork, Gate, History, Known, Passed, Standing, Verdict,
    VerifiedAttestation, VerifiedChange, VerifiedRecord, actor_of, bundle, chunk, gate,
};

/// From so many changes of a page on all but the last go in bundles of two; the last bundle may have one.
const FEW: usize = 3;

/// Packs the changes of a segment of a page in bundles, but for the last one.
fn bundled(segment: &mut Segment) {
    let last = segment.changes.pop();
    for changes in std::mem::take(&mut segment.changes).chunks(2) {
        let bytes = bundle::pack(DocKind::Page, changes.iter().map(|change| &change[..])).unwrap();
        let headers: Vec<_> = changes.iter().map(|change| chunk::read(change).unwrap()).collect();
        let upto = headers.into_iter().map(|header| (header.actor, header.seq)).collect::<BTreeMap<_, _>>();
        let size = changes.iter().map(Vec::len).sum();
        segment.bundles.push(Bundled { bytes, upto: upto.into_iter().collect(), size });
    }
    segment.changes.extend(last);
}

/// Everybody may write everywhere: what the roll says of it is tested with the roll.
struct Everybody;

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

/// The durable changes of a document.
#[derive(Clone, Default)]
pub(crate) struct Shelf {
    changes: Vec<VerifiedChange>,
    known: HashMap<ChangeHash, (Known, Clock)>,
    bytes: BTreeMap<(Actor, u64), Vec<u8>>,
    tips: HashMap<Actor, (u64, ChangeHash)>,
    attestations: BTreeMap<Actor, Attestation>,
}

impl History for Shelf {
    fn change(&self, hash: &ChangeHash) -> Option<Known> {
        self.known.get(hash).map(|(known, _)| *known)
    }

    fn clock(&self, hash: &ChangeHash) -> Option<Clock> {
        self.known.get(hash).map(|(_, clock)| clock.clone())
    }

    fn reaching(&self, actor: &Actor, counter: u64) -> Option<Cow<'_, [u8]>> {
        let found = self.bytes.range((*actor, counter)..=(*actor, u64::MAX)).next();
        found.map(|(_, bytes)| Cow::Borrowed(&bytes[..]))
    }

    fn tip(&self, actor: &Actor) -> Option<(u64, ChangeHash)> {
        self.tips.get(actor).copied()
    }

    fn numbered(&self, actor: &Actor, seq: u64) -> Option<Cow<'_, [u8]>> {
        let mut own = self.bytes.range((*actor, 0)..=(*actor, u64::MAX)).map(|(_, bytes)| bytes);
        own.nth(usize::try_from(seq).ok()?.checked_sub(1)?).map(|bytes| Cow::Borrowed(&bytes[..]))
    }

    fn vouched(&self, actor: &Actor) -> Vec<Attestation> {
        self.attestations.get(actor).copied().into_iter().collect()
    }
}

impl Shelf {
    pub(crate) fn store(&mut self, changes: &[VerifiedChange], attestations: &[VerifiedAttestation]) {
        for change in changes {
            let clock = change.clock(|hash| self.clock(hash)).unwrap();
            self.known.insert(change.hash(), (change.known(), clock));
            self.bytes.insert((change.actor(), change.max_op()), change.bytes().to_vec());
            self.tips.insert(change.actor(), (change.seq(), change.hash()));
            self.changes.push(change.clone());
        }
        for said in attestations {
            let newest = self.attestations.entry(said.actor()).or_insert(*said.get());
            if newest.seq < said.get().seq {
                *newest = *said.get();
            }
        }
    }

    /// Any of its changes, with the attestation of it if it is the newest of its actor.
    pub(crate) fn newest(&self) -> Option<(Vec<u8>, Attestation)> {
        let change = self.changes.last()?;
        let said = self.attestations.get(&change.actor()).filter(|said| said.hash == change.hash())?;
        Some((change.bytes().to_vec(), *said))
    }

    fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for (actor, said) in &self.attestations {
            hasher.update(actor.as_bytes());
            hasher.update(&said.seq.to_le_bytes());
            hasher.update(said.hash.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

/// A document in memory.
pub(crate) enum Open {
    Page(Page),
    Ledger(Ledger),
}

impl Open {
    fn new(doc: DocId) -> Self {
        match doc {
            DocId::Page(_) => Self::Page(Page::default()),
            DocId::Ledger(_) => Self::Ledger(Ledger::default()),
        }
    }

    fn document_mut(&mut self) -> &mut Document {
        match self {
            Self::Page(page) => page.document_mut(),
            Self::Ledger(ledger) => ledger.document_mut(),
        }
    }

    /// Heads and everything that its reader sees.
    pub(crate) fn appearance(&self) -> (Vec<ChangeHash>, String) {
        match self {
            Self::Page(page) => {
                let text = format!("{}\n{}\n{}\n{}", page.title(), page.folder(), page.deleted(), page.body());
                (page.document().heads(), text)
            }
            Self::Ledger(ledger) => (ledger.document().heads(), format!("{:?}", ledger.statements())),
        }
    }
}

/// A device.
pub(crate) struct Device {
    pub(crate) key: DeviceKey,
    pub(crate) commons: CommonsId,
    pub(crate) alive: bool,
    life: u32,
    pub(crate) shelves: BTreeMap<DocId, Shelf>,
    pub(crate) records: BTreeMap<RecordId, Vec<u8>>,
    pub(crate) open: BTreeMap<DocId, Open>,
    /// The roll, where it matters what records say.
    pub(crate) roll: Option<Roll>,
    /// What it does as if it had it not: only a hostile one has any.
    pub(crate) withheld: BTreeSet<DocId>,
    /// Whether another device has its key, so that changes come under its own numbers.
    pub(crate) doubled: bool,
}

/// The key of the device of a number.
pub(crate) fn key(n: u16) -> DeviceKey {
    let mut seed = [7; 32];
    seed[..2].copy_from_slice(&n.to_le_bytes());
    DeviceKey::from_seed(&seed)
}

impl Device {
    pub(crate) fn new(n: u16, commons: CommonsId) -> Self {
        Self {
            key: key(n),
            commons,
            alive: true,
            life: 0,
            shelves: BTreeMap::new(),
            records: BTreeMap::new(),
            open: BTreeMap::new(),
            roll: None,
            withheld: BTreeSet::new(),
            doubled: false,
        }
    }

    /// Stores records that hold, and gives those that were not here before: where there is a roll, also those that had waited
    /// for these, and not those that wait.
    pub(crate) fn take_records(&mut self, records: Vec<VerifiedRecord>) -> Vec<VerifiedRecord> {
        let new = match &mut self.roll {
            Some(roll) => roll.add_all(records),
            None => records.into_iter().filter(|record| !self.records.contains_key(&record.id())).collect(),
        };
        self.records.extend(new.iter().map(|record| (record.id(), record.bytes().to_vec())));
        new
    }

    /// The ledger that it writes in.
    pub(crate) fn ledger(&self) -> DocId {
        DocId::Ledger(MemberId::new(*self.key.id().as_bytes()))
    }

    /// Loses everything that is not durable.
    pub(crate) fn crash(&mut self) {
        self.open.clear();
        self.life += 1;
        if self.roll.is_some() {
            self.roll = Some(self.folded());
        }
    }

    /// The roll as its durable records make it.
    pub(crate) fn folded(&self) -> Roll {
        let records: Vec<_> =
            self.records.values().map(|bytes| VerifiedRecord::verify(bytes.clone()).unwrap()).collect();
        Roll::fold(self.commons, &records).unwrap()
    }

    /// A document in memory, built again from what is durable if need be.
    pub(crate) fn open(&mut self, doc: DocId) -> &mut Open {
        let shelf = self.shelves.get(&doc);
        self.open.entry(doc).or_insert_with(|| {
            let mut open = Open::new(doc);
            let changes = shelf.map(|shelf| shelf.changes.clone()).unwrap_or_default();
            gate::apply(open.document_mut(), changes).unwrap();
            open
        })
    }

    /// Makes a change in memory, which is to be stored.
    pub(crate) fn edit(
        &mut self,
        doc: DocId,
        make: impl FnOnce(&mut Open) -> Option<LocalChange>,
    ) -> Option<(VerifiedChange, VerifiedAttestation)> {
        let mut nonce = [0; 16];
        nonce[..4].copy_from_slice(&self.life.to_le_bytes());
        let (nonce, commons, key) = (Nonce::new(nonce), self.commons, self.key.clone());
        let open = self.open(doc);
        open.document_mut().set_actor(actor_of(commons, doc, key.id(), nonce));
        let made = make(open)?;
        Some(VerifiedChange::local(made, &key, commons, doc, nonce).unwrap())
    }

    pub(crate) fn record(&self, body: Vec<u8>) -> VerifiedRecord {
        let commons = Some(self.commons);
        let draft = Draft { commons, author: self.key.id(), authority: None, parents: vec![], body };
        VerifiedRecord::sign(draft, &self.key).unwrap()
    }

    /// Judges what came, stores it and brings it into memory.
    pub(crate) fn take_in(&mut self, arrival: Arrival) -> Passed {
        let doc = arrival.doc;
        let shelf = self.shelves.entry(doc).or_default();
        let passed = Gate { commons: self.commons, history: &*shelf, standing: &Everybody }.pass(arrival);
        shelf.store(&passed.changes, &passed.attestations);
        if shelf.changes.is_empty() {
            self.shelves.remove(&doc);
        }
        if let Some(open) = self.open.get_mut(&doc)
            && let Err(error) = gate::apply(open.document_mut(), passed.changes.clone())
        {
            // It has in memory, and not stored yet, what has the number of what came: it goes by what is durable.
            assert!(self.doubled, "an honest device cannot apply what its gate passed: {error}");
            self.open.remove(&doc);
        }
        passed
    }

    pub(crate) fn store(&mut self, doc: DocId, change: &VerifiedChange, said: &VerifiedAttestation) {
        self.shelves.entry(doc).or_default().store(std::slice::from_ref(change), std::slice::from_ref(said));
    }

    pub(crate) fn holds(&self, doc: &DocId, hash: &ChangeHash) -> bool {
        self.shelves.get(doc).is_some_and(|shelf| shelf.known.contains_key(hash))
    }

    pub(crate) fn holds_up_to(&self, doc: &DocId, actor: &Actor, seq: u64) -> bool {
        self.shelves.get(doc).and_then(|shelf| shelf.tip(actor)).is_some_and(|(newest, _)| newest >= seq)
    }

    /// What it has of a document, as far as it shows it.
    fn shown(&self, doc: &DocId) -> Option<&Shelf> {
        self.shelves.get(doc).filter(|_| !self.withheld.contains(doc))
    }

    /// The newest attested change of every actor of every document.
    pub(crate) fn tips(&self) -> Vec<(DocId, Actor, u64)> {
        let all = self.shelves.iter();
        all.flat_map(|(doc, shelf)| shelf.attestations.iter().map(|(actor, said)| (*doc, *actor, said.seq))).collect()
    }
}

impl Replica for Device {
    fn record_ids(&self) -> Vec<RecordId> {
        self.records.keys().copied().collect()
    }

    fn records(&self, ids: &[RecordId]) -> Vec<Vec<u8>> {
        ids.iter().filter_map(|id| self.records.get(id).cloned()).collect()
    }

    fn digests(&self) -> Vec<(DocId, [u8; 32])> {
        let shown = self.shelves.iter().filter(|(doc, _)| !self.withheld.contains(doc));
        shown.map(|(doc, shelf)| (*doc, shelf.digest())).collect()
    }

    fn frontier(&self, doc: &DocId) -> Vec<Attestation> {
        self.shown(doc).map(|shelf| shelf.attestations.values().copied().collect()).unwrap_or_default()
    }

    fn numbered(&self, doc: &DocId, actor: &Actor, seq: u64) -> Option<Vec<u8>> {
        Some(self.shown(doc)?.numbered(actor, seq)?.into_owned())
    }

    fn changes_after(&self, doc: &DocId, have: &[(Actor, u64)], max_bytes: usize) -> Segment {
        let mut segment = Segment::default();
        let Some(shelf) = self.shown(doc) else { return segment };
        let have: HashMap<_, _> = have.iter().copied().collect();
        let mut bytes = 0;
        for change in &shelf.changes {
            if have.get(&change.actor()).is_some_and(|seq| *seq >= change.seq()) {
                continue;
            }
            if bytes >= max_bytes {
                segment.more = true;
                break;
            }
            bytes += change.bytes().len();
            segment.changes.push(change.bytes().to_vec());
            segment
                .attestations
                .extend(shelf.attestations.get(&change.actor()).filter(|said| said.hash == change.hash()));
        }
        if DocKind::from(*doc) == DocKind::Page && segment.changes.len() >= FEW {
            bundled(&mut segment);
        }
        segment
    }

    fn waiting_order(&self, docs: &mut [DocId]) {
        docs.sort_unstable_by_key(|doc| (DocKind::from(*doc) == DocKind::Ledger, *doc));
    }
}
