//! Who decides what: the part of a charter that decisions are made by.
//!
//! Invariants:
//! - The footing after a decision follows from the decision and those before it on which it says it stands, so it is fixed by
//!   hash and the same for all rivals. Whoever came in without a decision naming them is not in it.
//! - There is always somebody who can decide.

use std::collections::BTreeSet;

use commonplace_model::MemberId;

use crate::{
    body::{Act, Model, Policy},
    decide::{Electorate, rule_of},
};

/// Who decides what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footing {
    /// How the commons decides.
    pub model: Model,
    /// How people come in.
    pub policy: Policy,
    /// Members with a duty; in the model of that name they decide.
    pub stewards: BTreeSet<MemberId>,
    /// Members whom a decision has taken in. They alone take part in decisions.
    pub electors: BTreeSet<MemberId>,
}

impl Footing {
    /// How a commons begins.
    pub(crate) fn first(model: Model, founder: MemberId) -> Self {
        let one = BTreeSet::from([founder]);
        Self { model, policy: Policy::default(), stewards: one.clone(), electors: one }
    }

    /// Who may take part in the next decision.
    pub fn electorate(&self) -> &BTreeSet<MemberId> {
        match rule_of(self.model).electorate() {
            Electorate::Members => &self.electors,
            Electorate::Stewards => &self.stewards,
        }
    }

    /// Whether a member may remove others by their own word.
    pub(crate) fn may_remove(&self, member: &MemberId) -> bool {
        match self.model {
            Model::Open => true,
            Model::Stewards { needed: 1 } => self.stewards.contains(member),
            Model::Stewards { .. } | Model::Consent { .. } | Model::Majority => false,
        }
    }

    /// Whether an act can be followed, so that of two made apart only one stands.
    pub(crate) fn is_step(&self, act: &Act) -> bool {
        match self.model {
            Model::Open => {
                matches!(act, Act::Model { .. } | Act::Policy(_) | Act::Roster | Act::Rebind { .. })
            }
            Model::Stewards { .. } | Model::Consent { .. } | Model::Majority => true,
        }
    }

    /// The footing after an act, and after these came and went; nothing when nobody could decide any more, or the act has
    /// no sense here.
    pub(crate) fn after(
        &self,
        act: &Act,
        came: impl IntoIterator<Item = MemberId>,
        went: impl IntoIterator<Item = MemberId>,
    ) -> Option<Self> {
        let mut next = self.clone();
        next.electors.extend(came);
        for member in went {
            next.drop_elector(&member);
        }
        match act {
            Act::Model { model, stewards } => {
                next.model = *model;
                if !stewards.is_empty() {
                    next.stewards = stewards.iter().copied().collect();
                }
            }
            Act::Policy(policy) => next.policy = *policy,
            Act::Grant(member) => {
                next.stewards.insert(*member);
            }
            Act::End(member) => {
                next.stewards.remove(member);
            }
            Act::Remove { member, .. } => next.drop_elector(member),
            Act::Charter { .. }
            | Act::Licence(_)
            | Act::Readmit { .. }
            | Act::Hide(_)
            | Act::Restore(_)
            | Act::FoundAnew { .. }
            | Act::Rebind { .. }
            | Act::Admit(_)
            | Act::Roster => {}
        }
        let sound = !next.electorate().is_empty()
            && !next.electors.is_empty()
            && next.stewards.len() <= Act::MAX_STEWARDS
            && next.stewards.is_subset(&next.electors);
        sound.then_some(next)
    }

    fn drop_elector(&mut self, member: &MemberId) {
        self.electors.remove(member);
        self.stewards.remove(member);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(n: u8) -> MemberId {
        MemberId::new([n; 32])
    }

    fn after(footing: &Footing, act: &Act) -> Option<Footing> {
        footing.after(act, [], [])
    }

    #[test]
    fn there_is_always_somebody_who_can_decide() {
        let first = Footing::first(Model::Stewards { needed: 1 }, member(1));
        assert_eq!(after(&first, &Act::End(member(1))), None);
        assert_eq!(after(&first, &Act::Remove { member: member(1), cut: crate::Cut::default() }), None);
        let two = first.after(&Act::Grant(member(2)), [member(2)], []).expect("grants");
        assert_eq!(after(&two, &Act::End(member(1))).expect("ends").stewards, BTreeSet::from([member(2)]));
    }

    #[test]
    fn a_steward_is_an_elector() {
        let first = Footing::first(Model::Majority, member(1));
        assert_eq!(after(&first, &Act::Grant(member(9))), None);
        let gone =
            first.after(&Act::Grant(member(2)), [member(2)], []).and_then(|f| f.after(&Act::Roster, [], [member(2)]));
        assert_eq!(gone, Some(first));
    }

    #[test]
    fn as_many_stewards_as_there_may_be_and_not_one_more() {
        let members: Vec<MemberId> = (0..=64).map(member).collect();
        let first = Footing::first(Model::Majority, member(0));
        let to = |n: usize| Act::Model { model: Model::Stewards { needed: 2 }, stewards: members[..n].to_vec() };
        assert!(first.after(&to(64), members.clone(), []).is_some());
        assert_eq!(first.after(&to(65), members.clone(), []), None);
    }
}
