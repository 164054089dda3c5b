//! Why: the reason of what a member did by their own word.

use commonplace_model::RecordId;
use serde::{Deserialize, Serialize};

/// Why the author's member removed somebody, or left.
///
/// This kind came later than the others. A version that does not know it keeps any such record whose parents are there, so
/// this one does too: what makes no sense is ignored, and never invalid, and what it is about has to be among its parents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// The record that is explained, one of the parents.
    pub record: RecordId,
    /// Why, in their words.
    pub reason: String,
}

impl Because {
    /// Bytes that a reason may have.
    pub const MAX_REASON: usize = super::Proposal::MAX_REASON;

    /// Whether it says something, and within bounds.
    pub(crate) fn is_sound(&self) -> bool {
        !self.reason.trim().is_empty() && self.reason.len() <= Self::MAX_REASON
    }
}
