//! How much is looked at to say what changes did: so much for a list, and of what is left of that a part for each entry, so that
//! a large one leaves enough for those after it. What does not fit is not looked at; the entry says how much that is.
//!
//! Pure. A few bytes can truly be a hundred thousand operations, so both are counted, before anything is read.

use commonplace_trust::chunk;

/// Bytes and operations that are looked at for a list.
const BYTES: usize = 8 << 20;
const OPERATIONS: u64 = 2_000_000;
/// Of what is left, an entry has this part.
const PART: u8 = 4;

/// What may still be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Looking {
    bytes: usize,
    operations: u64,
}

impl Looking {
    /// For a list.
    pub(super) fn list() -> Self {
        Self { bytes: BYTES, operations: OPERATIONS }
    }

    /// Looks at something for one entry, of what is left for the list.
    pub(super) fn entry<T>(&mut self, look: impl FnOnce(&mut Self) -> T) -> T {
        let part = Self { bytes: self.bytes / usize::from(PART), operations: self.operations / u64::from(PART) };
        let mut left = part;
        let done = look(&mut left);
        self.bytes -= part.bytes - left.bytes;
        self.operations -= part.operations - left.operations;
        done
    }

    /// Whether a change fits; if so it is counted as looked at.
    pub(super) fn takes(&mut self, change: &[u8]) -> bool {
        // One that cannot be read costs its bytes.
        let operations = chunk::read(change).map_or(0, |header| header.ops);
        if change.len() > self.bytes || operations > self.operations {
            return false;
        }
        self.bytes -= change.len();
        self.operations -= operations;
        true
    }

    /// Whether hardly anything fits any more.
    pub(super) fn is_spent(&self) -> bool {
        self.bytes < chunk::MAX_CHANGE_BYTES || self.operations < chunk::MAX_OPS
    }
}

#[cfg(test)]
mod tests {
    use commonplace_model::{Actor, Page, Splice};

    use super::*;

    fn change(characters: usize) -> Vec<u8> {
        let mut page = Page::default();
        page.document_mut().set_actor(Actor::new([1; 16]));
        let splice = Splice { at: 0, delete: 0, insert: "x".repeat(characters) };
        page.edit(&[splice]).expect("fits").expect("a change").change.raw_bytes().to_vec()
    }

    #[test]
    fn what_is_looked_at_is_bounded_and_large_entries_leave_room_for_small_ones() {
        let (large, small) = (change(90_000), change(20));
        let mut looking = Looking::list();
        let (mut operations, mut read) = (0, Vec::new());
        for _ in 0..500 {
            let count = looking.entry(|left| (0..1_000).take_while(|_| left.takes(&large)).count());
            operations += count * 90_000;
            read.push(count);
        }
        assert!(read[0] > 0 && read.last() == Some(&0), "{read:?}");
        assert!(operations as u64 <= OPERATIONS, "{operations}");
        for _ in 0..500 {
            assert!(looking.entry(|left| left.takes(&small)), "what is usual is still looked at");
        }
    }
}
