//! Changes that a meeting brought and that wait for others before they can be judged.
//!
//! They are judged again whenever more of their document comes, so both their bytes and how often that happens are bounded:
//! else one device could have another look through the same megabytes for each byte that it sends. What is dropped for that
//! comes again when the two compare their frontiers.

use std::collections::{HashMap, HashSet};

use commonplace_model::DocId;

/// Bytes of changes that wait in one meeting at most.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of changes that wait in all meetings.
const MAX_IN_ALL: usize = 256 * 1024 * 1024;
/// Documents noted at most of which something waits for a proof.
const MAX_UNPROVEN: usize = 10_000;
/// Bytes that are judged again in any case, and further ones for each byte that comes. A long document that comes in pieces
/// of which only the last is vouched for needs about half as many as it has pieces.
const AGAIN: u64 = 8 * 1024 * 1024;
const AGAIN_PER_BYTE: u64 = 32;
/// Bytes that a change counts as when it is judged again, at the least: a small one costs more than its bytes.
const LEAST: usize = 1024;

/// Changes that wait.
#[derive(Default)]
pub(super) struct Waiting {
    changes: HashMap<DocId, Vec<Vec<u8>>>,
    /// Documents of which something waits for a proof that the roll has not yet.
    unproven: HashSet<DocId>,
    bytes: usize,
    came: u64,
    again: u64,
}

fn bytes_of(changes: &[Vec<u8>]) -> usize {
    changes.iter().map(Vec::len).sum()
}

impl Waiting {
    /// What is to be judged now that these changes of a document came: those that wait for it, as far as they may be judged
    /// again, and these.
    pub(super) fn joined_by(&mut self, doc: DocId, mut came: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        self.came = self.came.saturating_add(bytes_of(&came) as u64);
        let Some(mut all) = self.changes.remove(&doc) else { return came };
        let bytes = bytes_of(&all);
        self.bytes -= bytes;
        let cost: usize = all.iter().map(|change| change.len().max(LEAST)).sum();
        let again = self.again.saturating_add(cost as u64);
        if again > AGAIN.saturating_add(self.came.saturating_mul(AGAIN_PER_BYTE)) {
            return came;
        }
        self.again = again;
        all.append(&mut came);
        all
    }

    /// Drops what waits in the fullest of all meetings, until all of it together is within bounds.
    pub(super) fn make_room<'a>(all: impl Iterator<Item = &'a mut Self>) {
        let mut all: Vec<_> = all.filter(|waiting| waiting.bytes > 0).collect();
        let mut bytes: usize = all.iter().map(|waiting| waiting.bytes).sum();
        while bytes > MAX_IN_ALL {
            let Some(fullest) = all.iter_mut().max_by_key(|waiting| waiting.bytes) else { return };
            bytes -= fullest.bytes;
            fullest.bytes = 0;
            fullest.changes.clear();
        }
    }

    /// Notes that something of a document waits for a proof: what stands for it then has to come again with the changes.
    pub(super) fn for_proof(&mut self, doc: DocId) {
        if self.unproven.len() < MAX_UNPROVEN {
            self.unproven.insert(doc);
        }
    }

    /// Whether something of a document waits for a proof.
    pub(super) fn waits_for_proof(&self, doc: &DocId) -> bool {
        self.unproven.contains(doc)
    }

    /// Keeps changes that cannot be judged yet, if there is room.
    pub(super) fn keep(&mut self, doc: DocId, changes: Vec<Vec<u8>>) {
        let bytes = bytes_of(&changes);
        if bytes > 0 && self.bytes + bytes <= MAX_BYTES {
            self.bytes += bytes;
            self.changes.insert(doc, changes);
        }
    }
}

#[cfg(test)]
mod tests {
    use commonplace_model::PageId;

    use super::*;

    const DOC: DocId = DocId::Page(PageId::new([1; 16]));

    #[test]
    fn no_more_waits_than_there_is_room_for() {
        let mut waiting = Waiting::default();
        for n in 0..100 {
            waiting.keep(DocId::Page(PageId::new([n; 16])), vec![vec![0; 1 << 20]]);
        }
        assert_eq!((waiting.bytes, waiting.changes.len()), (MAX_BYTES, 64));
        assert_eq!(waiting.joined_by(DocId::Page(PageId::new([3; 16])), vec![vec![1]]).len(), 2);
        assert_eq!(waiting.bytes, MAX_BYTES - (1 << 20));
    }

    #[test]
    fn of_all_meetings_the_fullest_makes_room() {
        let holding = |megabytes: usize| {
            let mut waiting = Waiting::default();
            waiting.keep(DOC, vec![vec![0; 1 << 20]; megabytes]);
            waiting
        };
        let held = |all: &[Waiting]| all.iter().map(|waiting| waiting.bytes >> 20).collect::<Vec<_>>();
        let mut all = [holding(63), holding(62), holding(64), holding(3), holding(64)];
        Waiting::make_room(all.iter_mut());
        assert_eq!(held(&all), [63, 62, 64, 3, 64], "just as much as there is room for");
        all[3].keep(DocId::Page(PageId::new([2; 16])), vec![vec![0]]);
        Waiting::make_room(all.iter_mut());
        assert_eq!(held(&all).iter().sum::<usize>(), 256 - 64);
        assert_eq!(held(&all)[..2], [63, 62], "those that hold little keep it");
        assert_eq!(all.iter().filter(|waiting| waiting.changes.is_empty()).count(), 1);
    }

    #[test]
    fn a_byte_at_a_time_does_not_have_megabytes_judged_again_for_ever() {
        let mut waiting = Waiting::default();
        let large = || vec![vec![0; 1 << 20]; 32];
        waiting.came = 32 << 20;
        let mut judged = 0_u64;
        for _ in 0..10_000 {
            waiting.keep(DOC, large());
            judged += bytes_of(&waiting.joined_by(DOC, vec![vec![1]])) as u64;
            if waiting.again + (32 << 20) > AGAIN + waiting.came * AGAIN_PER_BYTE {
                break;
            }
        }
        waiting.keep(DOC, large());
        assert_eq!(waiting.joined_by(DOC, vec![vec![1]]), [[1]], "judged again: {judged} bytes");
    }

    #[test]
    fn nor_do_very_many_small_changes() {
        let (mut waiting, mut judged) = (Waiting::default(), 0);
        for n in 0..10_000_u32 {
            let all = waiting.joined_by(DOC, vec![[&n.to_le_bytes()[..], &[0; 196]].concat()]);
            judged += all.len();
            waiting.keep(DOC, all);
        }
        assert!((20_000..100_000).contains(&judged), "{judged}");
    }

    #[test]
    fn a_long_document_in_pieces_is_judged_whole() {
        let mut waiting = Waiting::default();
        let mut all = Vec::new();
        // Ten megabytes in pieces of 256 KB, and nobody vouches for any of it before the end.
        for _ in 0..40 {
            all = waiting.joined_by(DOC, vec![vec![0; 256 * 1024]]);
            waiting.keep(DOC, all.clone());
        }
        assert_eq!(all.len(), 40);
    }
}
