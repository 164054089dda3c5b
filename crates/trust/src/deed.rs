//! What a change did, read from its bytes by the gate's own bounded reader: which characters it inserted where, which it
//! deleted, what it put under which key.
//!
//! Invariants:
//! - The cost is that of the change's bytes and operations; no document is built, and nothing is looked up.
//! - Bytes that are no change of ours are an error, never a panic, although only changes that passed the gate are stored.
//!
//! Deliberately absent: where in the text that was, and whether it is still so; see [`crate::past`].

use commonplace_model::{Actor, DocKind};

use crate::{
    chunk::{ChunkError, Frame, Key, LocalId, Row, Rows, Scalar},
    outline::{DELETE, PUT},
};

/// An operation's id, in the order in which Automerge decides between concurrent ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId {
    /// Its counter.
    pub counter: u64,
    /// Whose it is.
    pub actor: Actor,
}

/// A value that was put under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// Bytes: a statement, or a mark of this version's.
    Bytes(Vec<u8>),
    /// Something that this version has no use for.
    Other,
}

/// One thing that a change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A character came into the body, after an element or at the beginning. Its id is that of the operation.
    Insert {
        /// The element before it.
        after: Option<OpId>,
        /// The character.
        character: char,
    },
    /// An element of the body was deleted.
    Delete {
        /// Which.
        element: OpId,
    },
    /// Something was put under a key of the root, in the place of what these operations put.
    Put {
        /// The key.
        key: String,
        /// What.
        value: Value,
        /// What it took the place of, as far as its writer knew.
        over: Vec<OpId>,
    },
    /// What these operations put under a key was taken away.
    Take {
        /// The key.
        key: String,
        /// What was taken away.
        over: Vec<OpId>,
    },
}

/// What a change did, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// Who did it.
    pub actor: Actor,
    /// Its number among its actor's.
    pub seq: u64,
    /// Counter of its first act; each has the next one.
    pub start_op: u64,
    /// What was done.
    pub acts: Vec<Act>,
}

impl Deed {
    /// Reads a change of a document of this kind.
    ///
    /// # Errors
    /// When the bytes are no change that the gate would let through.
    pub fn read(bytes: &[u8], kind: DocKind) -> Result<Self, ChunkError> {
        let frame = Frame::read(bytes)?;
        let header = &frame.header;
        let mut rows = Rows::new(&frame)?;
        // A row has a byte in some column at least once in a run; the count was bounded with the frame.
        let mut acts = Vec::with_capacity(usize::try_from(header.ops).unwrap_or(0));
        for _ in 0..header.ops {
            acts.push(act(&frame, &rows.next()?, kind)?);
        }
        Ok(Self { actor: header.actor, seq: header.seq, start_op: header.start_op, acts })
    }

    /// Some of its acts, as if they were all.
    #[must_use]
    pub fn part(&self, acts: std::ops::Range<usize>) -> Self {
        let start_op = self.start_op.saturating_add(acts.start as u64);
        Self { start_op, acts: self.acts.get(acts).unwrap_or_default().to_vec(), ..*self }
    }

    /// The acts with their ids.
    pub fn with_ids(&self) -> impl Iterator<Item = (OpId, &Act)> {
        (self.start_op..).zip(&self.acts).map(|(counter, act)| (OpId { counter, actor: self.actor }, act))
    }

    /// What the operation with this counter did, if it is one of this change.
    pub fn at(&self, counter: u64) -> Option<&Act> {
        self.acts.get(usize::try_from(counter.checked_sub(self.start_op)?).ok()?)
    }
}

fn act(frame: &Frame<'_>, row: &Row<'_, '_>, kind: DocKind) -> Result<Act, ChunkError> {
    let name = |id: &LocalId| {
        let actor = frame.actors.get(id.actor).copied().ok_or(ChunkError::Malformed)?;
        Ok(OpId { counter: id.counter, actor })
    };
    let over = || row.preds.iter().map(name).collect::<Result<Vec<_>, ChunkError>>();
    match (row.object, row.key, row.insert, row.action) {
        (Some(_), Key::Head | Key::Element(_), true, PUT) if kind == DocKind::Page => {
            let after = if let Key::Element(id) = row.key { Some(name(&id)?) } else { None };
            let Scalar::Text(text) = row.value else { return Err(ChunkError::Foreign) };
            let character = text.chars().next().ok_or(ChunkError::Foreign)?;
            Ok(Act::Insert { after, character })
        }
        (Some(_), Key::Element(id), false, DELETE) if kind == DocKind::Page => Ok(Act::Delete { element: name(&id)? }),
        (None, Key::Name(key), false, PUT) => {
            Ok(Act::Put { key: key.to_owned(), value: value(row.value), over: over()? })
        }
        (None, Key::Name(key), false, DELETE) => Ok(Act::Take { key: key.to_owned(), over: over()? }),
        _ => Err(ChunkError::Foreign),
    }
}

fn value(scalar: Scalar<'_>) -> Value {
    match scalar {
        Scalar::Text(text) => Value::Text(text.to_owned()),
        Scalar::Bool(yes) => Value::Bool(yes),
        Scalar::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        _ => Value::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            let mut framed = vec![0x85, 0x6f, 0x4a, 0x83];
            framed.extend(&bytes);
            for kind in [DocKind::Page, DocKind::Ledger] {
                let _ = Deed::read(&bytes, kind);
                let _ = Deed::read(&framed, kind);
            }
        }
    }
}
