//! Cuts: how much of somebody's work still counts after they were removed, or after one of their devices was.

use commonplace_model::{ChangeHash, DocId, MemberId, RecordId};
use serde::{Deserialize, Serialize};

/// For each document the newest changes of somebody's that still count although nobody built on them.
///
/// Only documents that have such changes are named: whatever others built on counts anyway, so in a large commons nearly
/// all documents are missing here. When there are more than fit, further removals of the same member name the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut(Vec<(DocId, Vec<ChangeHash>)>);

impl Cut {
    /// Changes that one cut may name, in all documents together.
    pub const MAX_TIPS: usize = 256;

    /// The cuts that name these changes: one, or as many as are needed for their number.
    pub fn of(tips: impl IntoIterator<Item = (DocId, ChangeHash)>) -> Vec<Self> {
        Self::of_at_most(Self::MAX_TIPS, tips)
    }

    /// The same, with at most so many changes in each.
    pub fn of_at_most(most: usize, tips: impl IntoIterator<Item = (DocId, ChangeHash)>) -> Vec<Self> {
        let mut all: Vec<_> = tips.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        let mut cuts = vec![Self::default()];
        for part in all.chunks(most.clamp(1, Self::MAX_TIPS)) {
            let mut cut = Self::default();
            for (doc, tip) in part {
                match cut.0.last_mut().filter(|(last, _)| last == doc) {
                    Some((_, tips)) => tips.push(*tip),
                    None => cut.0.push((*doc, vec![*tip])),
                }
            }
            cuts.push(cut);
        }
        if cuts.len() > 1 {
            cuts.remove(0);
        }
        cuts
    }

    /// Documents and the changes in them.
    pub fn tips(&self) -> impl Iterator<Item = (&DocId, &[ChangeHash])> {
        self.0.iter().map(|(doc, tips)| (doc, tips.as_slice()))
    }

    /// Whether it names nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Within bounds and in the one order that there is.
    pub(crate) fn is_fair(&self) -> bool {
        let rising = self.0.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let fair = |tips: &[ChangeHash]| !tips.is_empty() && tips.windows(2).all(|pair| pair[0] < pair[1]);
        rising
            && self.0.iter().all(|(_, tips)| fair(tips))
            && self.0.iter().map(|(_, tips)| tips.len()).sum::<usize>() <= Self::MAX_TIPS
    }
}

/// A member is removed, or leaves.
///
/// Of what they wrote in the roll, that counts which this record builds on, directly or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Who.
    pub member: MemberId,
    /// The decision by whose rule the author may remove: one after which any member or any steward may, or the very
    /// decision to remove this member, whose cut is then joined with this one. Whoever leaves names any.
    pub under: RecordId,
    /// What counts of their work.
    pub cut: Cut,
}

#[cfg(test)]
mod tests {
    use super::*;
    use commonplace_model::PageId;

    fn tips(n: usize) -> Vec<(DocId, ChangeHash)> {
        let hash = |n: usize| ChangeHash::new(*blake3::hash(&n.to_le_bytes()).as_bytes());
        (0..n).map(|n| (DocId::Page(PageId::new([u8::try_from(n % 7).unwrap_or(0); 16])), hash(n))).collect()
    }

    #[test]
    fn a_cut_holds_as_many_tips_as_it_may_and_not_one_more() {
        let at_cap = Cut::of(tips(Cut::MAX_TIPS));
        assert!(at_cap.len() == 1 && at_cap[0].is_fair());
        let over = Cut::of(tips(Cut::MAX_TIPS + 1));
        assert!(over.len() == 2 && over.iter().all(Cut::is_fair));
        let mut forced = at_cap[0].clone();
        forced.0.push((DocId::Page(PageId::new([200; 16])), vec![ChangeHash::new([1; 32])]));
        assert!(!forced.is_fair());
        assert_eq!(Cut::of([]), vec![Cut::default()]);
    }

    #[test]
    fn a_cut_has_one_order() {
        let page = |n| DocId::Page(PageId::new([n; 16]));
        let tip = |n| ChangeHash::new([n; 32]);
        assert!(Cut(vec![(page(1), vec![tip(1), tip(2)]), (page(2), vec![tip(1)])]).is_fair());
        assert!(!Cut(vec![(page(2), vec![tip(1)]), (page(1), vec![tip(1)])]).is_fair());
        assert!(!Cut(vec![(page(1), vec![tip(2), tip(1)])]).is_fair());
        assert!(!Cut(vec![(page(1), vec![])]).is_fair());
        // Nor is anything named twice.
        assert!(!Cut(vec![(page(1), vec![tip(1)]), (page(1), vec![tip(2)])]).is_fair());
        assert!(!Cut(vec![(page(1), vec![tip(1), tip(1)])]).is_fair());
    }
}
