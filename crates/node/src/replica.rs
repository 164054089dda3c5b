//! What a sync session reads: the state of one commons in the store, and of what there is only what is on the disk.

use std::borrow::Cow;

use commonplace_model::{Actor, ChangeHash, CommonsId, DocId, RecordId};
use commonplace_store::{Store, StoreError};
use commonplace_sync::{Bundled, Replica, Segment};
use commonplace_trust::{Attestation, History};

use crate::{commons::Commons, disk::Disk};

/// The stored state of a commons. A store that cannot be read answers as if it held nothing: the session then sends too
/// little, and the next one mends that.
pub(crate) struct StoredReplica<'a> {
    pub(crate) store: &'a Store,
    pub(crate) disk: &'a Disk,
    pub(crate) commons: CommonsId,
    pub(crate) held: &'a Commons,
}

impl StoredReplica<'_> {
    /// Whether all that the store has is on the disk, for which this waits: what a power cut could take back must not be named.
    fn is_on_disk(&self) -> bool {
        self.disk.sync()
    }

    fn or_nothing<T: Default>(&self, read: Result<T, StoreError>) -> T {
        read.unwrap_or_else(|error| {
            tracing::error!(%error, commons = %self.commons.short(), "the store cannot be read for a sync");
            T::default()
        })
    }
}

impl Replica for StoredReplica<'_> {
    fn record_ids(&self) -> Vec<RecordId> {
        self.held.records.keys().copied().collect()
    }

    fn records(&self, ids: &[RecordId]) -> Vec<Vec<u8>> {
        ids.iter().filter_map(|id| self.held.records.get(id).cloned()).collect()
    }

    fn digests(&self) -> Vec<(DocId, [u8; 32])> {
        if self.is_on_disk() { self.or_nothing(self.store.digests(self.commons)) } else { Vec::new() }
    }

    fn digest(&self, doc: &DocId) -> Option<[u8; 32]> {
        self.is_on_disk().then(|| self.or_nothing(self.store.digest(self.commons, *doc))).flatten()
    }

    fn frontier(&self, doc: &DocId) -> Vec<Attestation> {
        if self.is_on_disk() { self.or_nothing(self.store.frontier(self.commons, *doc)) } else { Vec::new() }
    }

    fn numbered(&self, doc: &DocId, actor: &Actor, seq: u64) -> Option<Vec<u8>> {
        let history = self.store.history(self.commons, *doc).ok()?;
        history.numbered(actor, seq).map(Cow::into_owned)
    }

    fn hash(&self, doc: &DocId, actor: &Actor, seq: u64) -> Option<ChangeHash> {
        self.or_nothing(self.store.hash_of(self.commons, *doc, actor, seq))
    }

    fn changes_after(&self, doc: &DocId, have: &[(Actor, u64)], max_bytes: usize) -> Segment {
        let part = self.or_nothing(self.store.changes_after(self.commons, *doc, have, max_bytes));
        let bundled = part.bundles.into_iter();
        let bundles = bundled.map(|b| Bundled { bytes: b.bytes, upto: b.upto, size: b.size }).collect();
        Segment { attestations: part.attestations, bundles, changes: part.changes, more: part.more }
    }

    fn waiting_order(&self, docs: &mut [DocId]) {
        self.or_nothing(self.store.order_by_use(self.commons, docs));
    }
}
