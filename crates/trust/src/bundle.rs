//! Bundles: many changes of a document's history as one, in a small fraction of their bytes.
//!
//! A change of one keystroke has some 125 bytes, of which one or two say something new: most of the others are the hash of the
//! change before it, the names of actors, and how columns are laid out. A bundle keeps what is new, each kind of it together
//! with its like, so that it can be compressed well, and writes the changes again as they were, byte for byte.
//!
//! Invariants:
//! - What is unpacked is what was packed: each change is composed again while packing and compared, and one that comes out
//!   otherwise, or does anything but insert and delete characters, is kept as it is.
//! - Bytes that are no bundle are an error and never a panic, and unpacking takes no more than what it was told to.
//! - A bundle vouches for nothing. One from elsewhere holds changes that still have to pass the gate.
//!
//! Deliberately absent: compressing, and whatever a store wants to find changes by.

use commonplace_model::{Actor, ChangeHash};

use crate::{
    chunk::{ChunkError, Header},
    deed::{Act, OpId},
};

mod packing;
mod sketches;
mod unpacking;

pub use packing::pack;
pub use sketches::Sketches;
pub use unpacking::unpack;

/// The form that is written.
const FORM: u8 = 1;
/// What a change begins with; its checksum follows, which is how its hash begins.
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// What of a change is not kept: the magic number and the checksum.
const UNKEPT: usize = 8;

/// How a change differs from what is expected of the next one. What does not is not written.
mod flag {
    /// It is kept as it is.
    pub(super) const WHOLE: u8 = 1;
    /// By another actor than the one before it.
    pub(super) const ACTOR: u8 = 2;
    /// Its number does not follow the actor's last one here.
    pub(super) const SEQ: u8 = 4;
    /// It does not build on the one before it alone.
    pub(super) const DEPS: u8 = 8;
    /// Its operations are not counted on from what it builds on, as far as that is here.
    pub(super) const START: u8 = 16;
    /// It has more than one operation.
    pub(super) const MANY: u8 = 32;
}

/// What an operation is, and where.
mod stroke {
    /// Inserts, or deletes, at the place where the actor is.
    pub(super) const INSERT_HERE: u8 = 0;
    pub(super) const DELETE_HERE: u8 = 1;
    /// Deletes what follows the place.
    pub(super) const DELETE_NEXT: u8 = 2;
    /// Inserts at the beginning.
    pub(super) const INSERT_FIRST: u8 = 3;
    /// Inserts, or deletes, elsewhere: the difference of counters is written, and with the flag `OTHER` the actor.
    pub(super) const INSERT_AT: u8 = 4;
    pub(super) const DELETE_AT: u8 = 5;
    pub(super) const OTHER: u8 = 8;

    pub(super) fn inserts(kind: u8) -> bool {
        matches!(kind & !OTHER, INSERT_HERE | INSERT_FIRST | INSERT_AT)
    }
}

/// Why bytes are no bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It was written in a form that this version does not know.
    #[error("a bundle of another version")]
    Form,
    /// It has more changes, or more bytes in them, than may be unpacked.
    #[error("a bundle of too much")]
    TooMuch,
    /// It is none.
    #[error("not a bundle of changes")]
    Malformed,
}

impl From<ChunkError> for BundleError {
    fn from(_: ChunkError) -> Self {
        Self::Malformed
    }
}

/// A change from a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbundled {
    /// Its hash.
    pub hash: ChangeHash,
    /// What it says of itself.
    pub header: Header,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A bundle as it came, and what came out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The hashes of its changes, in their order.
    pub changes: Vec<ChangeHash>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// How much may be unpacked.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// Changes.
    pub changes: usize,
    /// Bytes in them.
    pub bytes: usize,
}

/// What is known of the changes so far, on both sides.
#[derive(Debug, Default)]
struct Known {
    /// Hash and last counter of each change.
    changes: Vec<(ChangeHash, u64)>,
    /// By actor, in the order in which they are named.
    writers: Vec<Writer>,
    /// Who made the newest change.
    last: Option<usize>,
}

/// An actor.
#[derive(Debug, Clone, Copy)]
struct Writer {
    actor: Actor,
    /// Number of its newest change here.
    seq: u64,
    /// The element after which it is expected to go on.
    at: Option<OpId>,
}

impl Writer {
    fn new(actor: Actor) -> Self {
        Self { actor, seq: 0, at: None }
    }

    /// Counter that differences are taken from.
    fn counter(&self) -> u64 {
        self.at.map_or(0, |at| at.counter)
    }

    fn whose(&self) -> Actor {
        self.at.map_or(self.actor, |at| at.actor)
    }

    /// Goes on to where it is after an operation.
    fn follow(&mut self, act: &Act, id: u64) {
        match act {
            Act::Insert { .. } => self.at = Some(OpId { counter: id, actor: self.actor }),
            // What was typed in one go has counters that follow each other, and is mostly deleted from its end.
            Act::Delete { element } => self.at = Some(OpId { counter: element.counter.saturating_sub(1), ..*element }),
            Act::Put { .. } | Act::Take { .. } => {}
        }
    }
}

impl Known {
    fn take(&mut self, hash: ChangeHash, header: &Header, writer: usize) {
        self.changes.push((hash, header.max_op()));
        self.last = Some(writer);
        if let Some(writer) = self.writers.get_mut(writer) {
            writer.seq = header.seq;
        }
    }
}
