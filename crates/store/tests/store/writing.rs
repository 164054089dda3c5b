//! People who write, for the tests: real documents, real keys, real signatures.

use std::collections::BTreeMap;

use commonplace_model::{
    Actor, CommonsId, DeviceId, DocId, Ledger, LocalChange, Nonce, Page, PageId, Splice, Statement,
};
use commonplace_store::{Batch, Bundled, DocBatch, PageProjection, Projection, Segment, Store};
use commonplace_trust::{
    DeviceKey, Draft, VerifiedAttestation, VerifiedChange, VerifiedRecord, actor_of,
    bundle::{self, Bundle, Most},
    gate,
};
use tempfile::TempDir;

pub(crate) type Made = (VerifiedChange, VerifiedAttestation);

/// A new profile with one commons in it.
pub(crate) fn profile() -> (TempDir, Store, CommonsId) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(dir.path()).expect("opens");
    if let Some(bundling) = crate::BUNDLING {
        store.set_bundling(bundling);
    }
    let records = founding(1);
    let commons = records[0].commons();
    store.add_commons(commons, &records).expect("stores");
    (dir, store, commons)
}

/// A roll of three records.
pub(crate) fn founding(n: u8) -> Vec<VerifiedRecord> {
    let key = key(n);
    let draft = |commons, body: &str| Draft {
        commons,
        author: key.id(),
        authority: None,
        parents: vec![],
        body: body.as_bytes().to_vec(),
    };
    let first = VerifiedRecord::sign(draft(None, "founding"), &key).expect("signs");
    let more =
        ["second", "third"].map(|body| VerifiedRecord::sign(draft(Some(first.commons()), body), &key).expect("signs"));
    [vec![first], more.to_vec()].concat()
}

pub(crate) fn key(n: u8) -> DeviceKey {
    DeviceKey::from_seed(&[n; 32])
}

pub(crate) fn device(n: u8) -> DeviceId {
    key(n).id()
}

pub(crate) fn page_id(n: u32) -> PageId {
    let mut bytes = *blake3::hash(&n.to_le_bytes()).as_bytes();
    bytes[16..].fill(0);
    PageId::from_slice(&bytes[..16]).expect("16 bytes")
}

/// Somebody's copy of a page.
pub(crate) struct Writer {
    key: DeviceKey,
    nonce: Nonce,
    commons: CommonsId,
    pub(crate) id: PageId,
    pub(crate) page: Page,
}

impl Writer {
    pub(crate) fn new(n: u8, commons: CommonsId, id: PageId) -> Self {
        Self::under(n, NONCE, commons, id)
    }

    /// In a start of the app that has this nonce.
    pub(crate) fn under(n: u8, nonce: Nonce, commons: CommonsId, id: PageId) -> Self {
        let key = key(n);
        let mut page = Page::default();
        page.document_mut().set_actor(actor_of(commons, DocId::Page(id), key.id(), nonce));
        Self { key, nonce, commons, id, page }
    }

    pub(crate) fn doc(&self) -> DocId {
        DocId::Page(self.id)
    }

    fn sign(&self, made: LocalChange) -> Made {
        VerifiedChange::local(made, &self.key, self.commons, self.doc(), self.nonce).expect("within bounds")
    }

    pub(crate) fn begin(&mut self, title: &str, text: &str) -> Made {
        let title = title.parse().expect("a title");
        let made = self.page.begin(&title, &"".parse().expect("a folder"), text).expect("begins").expect("a change");
        self.sign(made)
    }

    pub(crate) fn insert(&mut self, text: &str) -> Made {
        let splice = Splice { at: self.page.body_len(), delete: 0, insert: text.to_owned() };
        let made = self.page.edit(&[splice]).expect("fits").expect("a change");
        self.sign(made)
    }

    pub(crate) fn hear(&mut self, changes: &[Made]) {
        let changes = changes.iter().map(|(change, _)| change.clone()).collect();
        gate::apply(self.page.document_mut(), changes).expect("applies");
    }
}

const NONCE: Nonce = Nonce::new([9; 16]);

/// The changes of a piece, unpacked, and the bundles of them as they came.
pub(crate) fn unpacked(doc: DocId, piece: &Segment) -> (Vec<Vec<u8>>, Vec<(DocId, Bundle)>) {
    let (mut changes, mut came) = (Vec::new(), Vec::new());
    for Bundled { bytes, upto, size } in &piece.bundles {
        let most = Most { changes: 4_096, bytes: 4 << 20 };
        let unpacked = bundle::unpack(bytes, most).expect("a bundle");
        let all: usize = unpacked.iter().map(|change| change.bytes.len()).sum();
        // And perhaps the one after it.
        assert!((all..=all + 5_000).contains(size), "{size} of {all}");
        let mut newest: BTreeMap<Actor, u64> = BTreeMap::new();
        unpacked.iter().for_each(|change| _ = newest.insert(change.header.actor, change.header.seq));
        assert_eq!(upto.iter().copied().collect::<BTreeMap<_, _>>(), newest);
        let hashes = unpacked.iter().map(|change| change.hash).collect();
        came.push((doc, Bundle { changes: hashes, bytes: bytes.clone() }));
        changes.extend(unpacked.into_iter().map(|change| change.bytes));
    }
    changes.extend(piece.changes.iter().cloned());
    (changes, came)
}

pub(crate) fn batch(commons: CommonsId, doc: DocId, made: &[Made], projection: Projection, local: bool) -> Batch {
    let (changes, attestations) = made.iter().cloned().unzip();
    Batch { commons, docs: vec![DocBatch { doc, changes, attestations, projection, local, at: 1_000 }] }
}

pub(crate) fn page(title: &str, folder: &str, text: &str) -> Projection {
    Projection::Page(PageProjection {
        title: title.to_owned(),
        folder: folder.to_owned(),
        deleted: false,
        text: Some(text.to_owned()),
        changed_at: None,
    })
}

/// Puts a page into the lists without any changes.
pub(crate) fn list(store: &mut Store, commons: CommonsId, id: PageId, projection: Projection) {
    store.write(batch(commons, DocId::Page(id), &[], projection, false)).expect("stores");
}

/// A member's ledger.
pub(crate) struct Member {
    pub(crate) id: commonplace_model::MemberId,
    key: DeviceKey,
    commons: CommonsId,
    ledger: Ledger,
}

impl Member {
    pub(crate) fn new(n: u8, commons: CommonsId) -> Self {
        let (id, key) = (commonplace_model::MemberId::new([n; 32]), key(n));
        let mut ledger = Ledger::default();
        ledger.document_mut().set_actor(actor_of(commons, DocId::Ledger(id), key.id(), NONCE));
        Self { id, key, commons, ledger }
    }

    fn write(&mut self, store: &mut Store, say: &[Statement], unsay: &[Statement], whole: bool) {
        let unsaid: Vec<_> = unsay.iter().map(Statement::key).collect();
        let made = self.ledger.state(say, &unsaid).expect("says");
        let doc = DocId::Ledger(self.id);
        let made: Vec<_> = made
            .map(|made| VerifiedChange::local(made, &self.key, self.commons, doc, NONCE).expect("within bounds"))
            .into_iter()
            .collect();
        let projection = if whole {
            Projection::LedgerWhole { all: self.ledger.statements() }
        } else {
            Projection::Ledger { said: say.iter().map(|s| (s.key(), s.clone())).collect(), unsaid }
        };
        store.write(batch(self.commons, doc, &made, projection, false)).expect("stores");
    }

    /// Has another store take these changes in, and what the ledger then says as a whole.
    pub(crate) fn replay(&mut self, store: &mut Store, changes: Vec<VerifiedChange>) {
        let projection = Projection::LedgerWhole { all: self.ledger.statements() };
        let mut batch = batch(self.commons, DocId::Ledger(self.id), &[], projection, false);
        batch.docs[0].changes = changes;
        store.write(batch).expect("stores");
    }

    pub(crate) fn say(&mut self, store: &mut Store, say: &[Statement], unsay: &[Statement]) {
        self.write(store, say, unsay, false);
    }

    pub(crate) fn say_whole(&mut self, store: &mut Store, say: &[Statement], unsay: &[Statement]) {
        self.write(store, say, unsay, true);
    }
}
