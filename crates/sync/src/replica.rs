//! What a session reads of the replica it speaks for.

use commonplace_model::{Actor, ChangeHash, DocId, RecordId};
use commonplace_trust::{Attestation, chunk};

/// Synchronous reads of what is durable on this device, of one commons. A session must never be shown what a crash could
/// still take away.
pub trait Replica {
    /// Ids of all records of the roll.
    fn record_ids(&self) -> Vec<RecordId>;

    /// Signed bytes of those of these records that are here, each after those it builds on where possible.
    fn records(&self, ids: &[RecordId]) -> Vec<Vec<u8>>;

    /// A digest of the frontier of every document that has changes: equal exactly when the frontiers are.
    fn digests(&self) -> Vec<(DocId, [u8; 32])>;

    /// That of one document, if it has changes.
    fn digest(&self, doc: &DocId) -> Option<[u8; 32]> {
        self.digests().into_iter().find(|(other, _)| other == doc).map(|(_, digest)| digest)
    }

    /// The newest attestation of every actor of a document.
    fn frontier(&self, doc: &DocId) -> Vec<Attestation>;

    /// The change of an actor with this number, raw. Asked only where the other side has less of that actor, or another one.
    fn numbered(&self, doc: &DocId, actor: &Actor, seq: u64) -> Option<Vec<u8>>;

    /// The hash of the change of an actor with this number. Asked for each actor of which the other side has less, so it should
    /// be a look into an index.
    fn hash(&self, doc: &DocId, actor: &Actor, seq: u64) -> Option<ChangeHash> {
        chunk::hash(&self.numbered(doc, actor, seq)?).ok()
    }

    /// Changes of a document beyond those numbered up to `have` of each actor, each after those it builds on; about
    /// `max_bytes` with their attestations, and at least one, or one bundle, when there is any.
    fn changes_after(&self, doc: &DocId, have: &[(Actor, u64)], max_bytes: usize) -> Segment;

    /// Puts documents into the order in which their user would wait for them: last used first.
    fn waiting_order(&self, docs: &mut [DocId]);
}

/// A part of what another device lacks of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segment {
    /// Attestations of changes in it.
    pub attestations: Vec<Attestation>,
    /// Changes in bundles, which come before the others.
    pub bundles: Vec<Bundled>,
    /// The changes, raw.
    pub changes: Vec<Vec<u8>>,
    /// Whether there are more after it.
    pub more: bool,
}

/// Changes in a bundle ([`commonplace_trust::bundle`]), none of which the other device has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundled {
    /// The bundle.
    pub bytes: Vec<u8>,
    /// The newest number of each actor in it.
    pub upto: Vec<(Actor, u64)>,
    /// Bytes of the changes in it, about.
    pub size: usize,
}
