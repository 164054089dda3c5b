//! What the gate asks about a document's past and about the roll, for others to answer.

use std::borrow::Cow;

use commonplace_model::{Actor, ChangeHash, DeviceId, DocId};

use crate::{attestation::Attestation, clock::Clock, outline::Sketch, twins::Fork};

/// A change already taken in, as far as the gate needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its actor.
    pub actor: Actor,
    /// Its number among its actor's.
    pub seq: u64,
    /// The counter of its last operation.
    pub max_op: u64,
}

/// What is known of the document that changes arrive for: changes that passed the gate, each after those it builds on. The
/// genesis change need not be in it.
///
/// Each question must be answered by a look into an index, whatever the size of the document.
pub trait History {
    /// A change that was taken in.
    fn change(&self, hash: &ChangeHash) -> Option<Known>;
    /// Number and hash of the newest change of an actor that was taken in.
    fn tip(&self, actor: &Actor) -> Option<(u64, ChangeHash)>;
    /// The clock of a change that was taken in.
    fn clock(&self, hash: &ChangeHash) -> Option<Clock>;
    /// The bytes of the change of an actor that has the operation with this counter: its first one that reaches so far
    /// (the least `max_op` that is not less). It may have begun only later; the gate looks.
    fn reaching(&self, actor: &Actor, counter: u64) -> Option<Cow<'_, [u8]>>;
    /// What that change is to those that refer to it: all that the gate wants of it.
    fn sketch(&self, actor: &Actor, counter: u64) -> Option<Sketch> {
        Sketch::of(&self.reaching(actor, counter)?)
    }
    /// The bytes of the change of an actor with this number. Asked only when a device's word contradicts what is known.
    fn numbered(&self, actor: &Actor, seq: u64) -> Option<Cow<'_, [u8]>>;
    /// The attestations of an actor's changes that are kept. Asked as rarely.
    fn vouched(&self, actor: &Actor) -> Vec<Attestation>;
}

/// Whether a device may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its member may write in this document.
    Allowed,
    /// It might once, and its standing ended: of what it wrote that counts which others built on, or a cut names.
    Ended,
    /// It may not, whatever arrives later.
    Forbidden,
    /// No member of the roll as far as it is known here; its admission may still arrive.
    Unknown,
}

/// What the roll says of who may write.
pub trait Standing {
    /// Whether this device may write in this document.
    fn may_write(&self, device: &DeviceId, doc: &DocId) -> Verdict;

    /// Whether a cut in force names this change of this document: it counts then, with all that it builds on, although its
    /// device's standing ended.
    fn is_cut(&self, doc: &DocId, hash: &ChangeHash) -> bool;

    /// How much of an actor counts in this document, if its device provably wrote in two ways under it.
    fn forked(&self, doc: &DocId, actor: &Actor) -> Option<Fork>;
}
