//! A strict, bounded reader of Automerge's change chunks, run before Automerge sees a byte.
//!
//! The binary format is public (<https://automerge.org/automerge-binary-format-spec/>). What is read here is narrower:
//! one uncompressed change, in the one encoding that Automerge's own writer would give it, with the columns that a change
//! of our documents can have, without time, message or anything behind the columns. Numbers have their shortest form,
//! dependencies and actors stand in order and once, columns are read to their ends ([`column`]). What passes can
//! therefore be written in no other way, which is what Automerge relies on when it builds a change's hash again from a
//! saved document.
//!
//! The cost is that of the bytes and of at most [`MAX_OPS`] operations: their number is established before they are
//! read, and nothing is expanded. A change of 69 bytes can claim five million.
//!
//! Deliberately absent: what the operations mean (`vocabulary`), and whether what they refer to exists (`ancestry`).

use commonplace_model::{Actor, ChangeBounds, ChangeHash};
use sha2::{Digest, Sha256};

mod column;
mod compose;
mod number;
mod row;

use column::Booleans;
pub(crate) use column::Runs;
pub(crate) use compose::{Composer, Head};
pub(crate) use number::{Bytes, write_signed, write_unsigned};
pub(crate) use row::{Key, LocalId, Row, Rows, Scalar};

/// Bytes that one change may have.
pub const MAX_CHANGE_BYTES: usize = 512 * 1024;
/// Operations that one change may have, and predecessors that they may have in all. A body of 5 MB is written as many
/// changes.
pub const MAX_OPS: u64 = 100_000;
/// Changes that one change may directly build on.
pub const MAX_DEPS: u64 = 256;
/// Actors that one change may name besides its own.
pub const MAX_OTHER_ACTORS: u64 = 1_024;
/// What an edit made here keeps each of its changes within, below what the gate lets through: beside these bytes it names what it
/// builds on and some numbers, beside these actors the one that began all documents of its kind, and changes of a part of what
/// is let through are soon sent and stored.
pub const OWN: ChangeBounds = ChangeBounds { operations: 50_000, bytes: MAX_CHANGE_BYTES - 12 * 1024, actors: 1_023 };
const _: () = assert!(OWN.operations as u64 <= MAX_OPS && OWN.actors as u64 + 1 == MAX_OTHER_ACTORS);
const _: () = assert!((MAX_CHANGE_BYTES - OWN.bytes) as u64 >= 48 * MAX_DEPS);
/// The last operation counter that a change may reach; Automerge counts in 32 bits.
pub const MAX_OP_COUNTER: u64 = 1 << 31;

/// Why bytes are no acceptable change chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Beyond [`MAX_CHANGE_BYTES`].
    #[error("the change is larger than {MAX_CHANGE_BYTES} bytes")]
    TooLarge,
    /// It is no uncompressed chunk of one change, or ends before it should, or later, or its checksum is wrong.
    #[error("not one uncompressed change")]
    Malformed,
    /// A number is not in its shortest form, or too large.
    #[error("a number in the change is not in its canonical form")]
    Number,
    /// Something could have been written in a shorter or in the proper order.
    #[error("the change is not in its canonical form")]
    Canonical,
    /// It has a time, a message, further bytes, or columns that no change of our documents has.
    #[error("the change has parts that no change here has")]
    Foreign,
    /// It claims more operations than [`MAX_OPS`], none, or counts them beyond [`MAX_OP_COUNTER`].
    #[error("the change claims more than {MAX_OPS} operations, or none")]
    TooManyOps,
    /// It names too many dependencies or actors.
    #[error("the change names too many others")]
    TooManyNames,
}

/// What a change says of itself, its operations left unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Changes that it directly builds on, in order.
    pub deps: Vec<ChangeHash>,
    /// Who made it.
    pub actor: Actor,
    /// Its number among its actor's changes, from 1.
    pub seq: u64,
    /// Counter of its first operation.
    pub start_op: u64,
    /// How many operations it has.
    pub ops: u64,
}

impl Header {
    /// The counter of its last operation.
    pub fn max_op(&self) -> u64 {
        // Both are at least 1: a frame is read only if they are.
        self.start_op + self.ops - 1
    }
}

/// Reads the frame of a change.
///
/// # Errors
/// When the bytes are not one uncompressed change chunk within the bounds of this module. The operations, but for their
/// number, and the checksum are not looked at.
pub fn read(bytes: &[u8]) -> Result<Header, ChunkError> {
    Frame::read(bytes).map(|frame| frame.header)
}

/// The hash of a change whose frame was read, if its checksum is right.
///
/// # Errors
/// When the checksum is wrong, or the bytes are too few for one.
pub fn hash(bytes: &[u8]) -> Result<ChangeHash, ChunkError> {
    let (head, hashed) = bytes.split_at_checked(8).ok_or(ChunkError::Malformed)?;
    // Of its kind, length and contents; the checksum is how it begins.
    let hash = ChangeHash::new(Sha256::digest(hashed).into());
    if head.ends_with(&hash.as_bytes()[..4]) { Ok(hash) } else { Err(ChunkError::Malformed) }
}

/// Gives a change, which has everything but its checksum, that too; and its hash.
pub(crate) fn seal(bytes: &mut [u8]) -> Result<ChangeHash, ChunkError> {
    let (head, hashed) = bytes.split_at_mut_checked(8).ok_or(ChunkError::Malformed)?;
    let hash = ChangeHash::new(Sha256::digest(hashed).into());
    head[4..].copy_from_slice(&hash.as_bytes()[..4]);
    Ok(hash)
}

/// The columns that a change of our documents can have, by their specification in the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    ObjectActor = 1,
    ObjectCounter = 2,
    KeyActor = 17,
    KeyCounter = 19,
    KeyString = 21,
    Insert = 52,
    Action = 66,
    ValueMeta = 86,
    Value = 87,
    PredCount = 112,
    PredActor = 113,
    PredCounter = 115,
}

const COLUMNS: [Column; 12] = [
    Column::ObjectActor,
    Column::ObjectCounter,
    Column::KeyActor,
    Column::KeyCounter,
    Column::KeyString,
    Column::Insert,
    Column::Action,
    Column::ValueMeta,
    Column::Value,
    Column::PredCount,
    Column::PredActor,
    Column::PredCounter,
];

/// A change whose frame was read: its header, the actors it names, and its columns as bytes.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) header: Header,
    /// All actors that it names: its own first, then the others in order.
    pub(crate) actors: Vec<Actor>,
    /// Empty where the change does not have the column.
    columns: [&'a [u8]; COLUMNS.len()],
}

impl<'a> Frame<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, ChunkError> {
        if bytes.len() > MAX_CHANGE_BYTES {
            return Err(ChunkError::TooLarge);
        }
        let mut rest = Bytes::new(bytes);
        if rest.array::<4>()? != [0x85, 0x6f, 0x4a, 0x83] {
            return Err(ChunkError::Malformed);
        }
        let _checksum = rest.array::<4>()?;
        if rest.array::<1>()? != [1] || rest.length()? != rest.len() {
            return Err(ChunkError::Malformed);
        }
        let deps = ordered(&mut rest, MAX_DEPS, |rest| rest.array().map(ChangeHash::new))?;
        let actor = rest.actor()?;
        let seq = rest.unsigned()?;
        let start_op = rest.unsigned()?;
        // Each change has an operation, so there are no more changes than operations.
        if seq == 0 || seq > MAX_OP_COUNTER || start_op == 0 {
            return Err(ChunkError::Number);
        }
        let (time, message) = (rest.signed()?, rest.string()?);
        if time != 0 || !message.is_empty() {
            return Err(ChunkError::Foreign);
        }
        let mut actors = ordered(&mut rest, MAX_OTHER_ACTORS, Bytes::actor)?;
        if actors.contains(&actor) {
            return Err(ChunkError::Canonical);
        }
        actors.insert(0, actor);
        let columns = columns(&mut rest)?;
        let mut frame = Self { header: Header { deps, actor, seq, start_op, ops: 0 }, actors, columns };
        let ops = Booleans::new(frame.column(Column::Insert)).count(MAX_OPS)?;
        if ops == 0 || start_op.checked_add(ops).is_none_or(|end| end > MAX_OP_COUNTER) {
            return Err(ChunkError::TooManyOps);
        }
        frame.header.ops = ops;
        Ok(frame)
    }

    pub(crate) fn column(&self, column: Column) -> &'a [u8] {
        COLUMNS.iter().position(|c| *c == column).map_or(&[], |at| self.columns[at])
    }

    /// Whether one of its operations is under a key of the root.
    pub(crate) fn names_keys(&self) -> bool {
        !self.column(Column::KeyString).is_empty()
    }

    /// A run-length encoded column, if the change has it.
    pub(crate) fn runs<V: column::Value<'a>>(&self, column: Column) -> Option<Runs<'a, V>> {
        let data = self.column(column);
        (!data.is_empty()).then(|| Runs::new(data))
    }

    pub(crate) fn inserts(&self) -> Booleans<'a> {
        Booleans::new(self.column(Column::Insert))
    }
}

/// A list with its length before it, each entry greater than the one before it.
fn ordered<'a, T: Ord>(
    rest: &mut Bytes<'a>,
    most: u64,
    mut read: impl FnMut(&mut Bytes<'a>) -> Result<T, ChunkError>,
) -> Result<Vec<T>, ChunkError> {
    let count = rest.unsigned()?;
    if count > most {
        return Err(ChunkError::TooManyNames);
    }
    let mut list = Vec::new();
    for _ in 0..count {
        let next = read(rest)?;
        if list.last().is_some_and(|last| *last >= next) {
            return Err(ChunkError::Canonical);
        }
        list.push(next);
    }
    Ok(list)
}

fn columns<'a>(rest: &mut Bytes<'a>) -> Result<[&'a [u8]; COLUMNS.len()], ChunkError> {
    let count = rest.unsigned()?;
    let mut lengths = [0; COLUMNS.len()];
    let mut next = 0;
    for _ in 0..count {
        let (spec, len) = (rest.unsigned()?, rest.length()?);
        let at = COLUMNS.iter().position(|c| *c as u64 == spec).ok_or(ChunkError::Foreign)?;
        // In order, each once, none that is empty.
        if at < next || len == 0 {
            return Err(ChunkError::Canonical);
        }
        lengths[at] = len;
        next = at + 1;
    }
    let mut columns = [&[][..]; COLUMNS.len()];
    for (column, len) in columns.iter_mut().zip(lengths) {
        *column = rest.take(len)?;
    }
    if rest.is_empty() { Ok(columns) } else { Err(ChunkError::Foreign) }
}
