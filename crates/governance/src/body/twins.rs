//! A device of a member provably wrote in two ways.

use commonplace_model::RecordId;
use commonplace_trust::VerifiedTwins;
use serde::{Deserialize, Serialize};

use super::cut::Cut;

/// The proof that a device made two different changes of one number, put in by any member. It needs nobody's right and no
/// decision: the device proved it against itself.
///
/// From then on the device is its member's no longer, as if it were revoked; its member and their other devices stay. Of what it
/// wrote in the roll, that counts which this record builds on. When more of its work stays than one record can name, further
/// ones with the same proof name the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwinsProved {
    /// A record that made the device a member's.
    pub standing: RecordId,
    /// The proof, see [`VerifiedTwins`].
    pub proof: Vec<u8>,
    /// What counts of the device's work besides what others built on. Nothing counts of what the proof is about, whatever is
    /// named here.
    pub cut: Cut,
}

impl TwinsProved {
    /// Changes that the cuts of such a record name at most, so that it has room for the proof.
    pub const MAX_TIPS: usize = Cut::MAX_TIPS / 2;

    pub(crate) fn is_fair(&self) -> bool {
        let named: usize = self.cut.tips().map(|(_, tips)| tips.len()).sum();
        self.proof.len() <= VerifiedTwins::MAX_BYTES && self.cut.is_fair() && named <= Self::MAX_TIPS
    }
}

#[cfg(test)]
mod tests {
    use commonplace_model::{ChangeHash, DocId, PageId};

    use super::*;

    #[test]
    fn a_proof_and_a_cut_have_as_much_room_as_they_may_and_not_more() {
        let tips = |n: usize| {
            let tip = |n: usize| {
                (DocId::Page(PageId::new([1; 16])), ChangeHash::new(*blake3::hash(&n.to_le_bytes()).as_bytes()))
            };
            Cut::of((0..n).map(tip)).remove(0)
        };
        let is_fair = |proof: usize, named: usize| {
            TwinsProved { standing: RecordId::new([1; 32]), proof: vec![0; proof], cut: tips(named) }.is_fair()
        };
        assert!(is_fair(VerifiedTwins::MAX_BYTES, TwinsProved::MAX_TIPS));
        assert!(!is_fair(VerifiedTwins::MAX_BYTES + 1, 1));
        assert!(!is_fair(1, TwinsProved::MAX_TIPS + 1));
        assert_eq!(TwinsProved::MAX_TIPS, 128, "all versions agree on what is valid");
    }
}
