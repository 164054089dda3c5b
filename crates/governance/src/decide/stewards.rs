//! Stewards: so many of them say yes, and it counts.
//!
//! It is final when more than half of the stewards spent their ballot on it, by a yes or by a seal. When fewer are enough for
//! a decision, two groups of stewards can decide differently while apart; until one of the two is sealed, which of them
//! stands may still change.

use super::{Electorate, Needed, Rule, Said, Spends, Tally, Weighed, more_than_half};
use crate::body::Choice;

/// The rule.
#[derive(Debug, Clone, Copy)]
pub struct Stewards {
    /// How many say yes; all of them when there are fewer.
    pub needed: usize,
}

impl Rule for Stewards {
    fn electorate(&self) -> Electorate {
        Electorate::Stewards
    }

    fn at_once(&self) -> bool {
        true
    }

    fn spends(&self, said: Said) -> Option<Spends> {
        match said {
            Said::Acknowledged | Said::Voted(Choice::Yes) => Some(Spends::OnIt),
            Said::Voted(Choice::No) => Some(Spends::OnNone),
            Said::Voted(Choice::Object | Choice::Withdraw) => None,
        }
    }

    fn needed(&self, electors: usize) -> Needed {
        let yes = self.needed.min(electors).max(1);
        Needed { yes, ballots: more_than_half(electors).max(yes) }
    }

    fn weigh(&self, tally: &Tally) -> Weighed {
        let needed = self.needed(tally.electors);
        let ripe = tally.yes >= needed.yes;
        Weighed { ripe, sealed: ripe && tally.ballots >= needed.ballots }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weigh(needed: usize, electors: usize, yes: usize, ballots: usize) -> Weighed {
        Stewards { needed }.weigh(&Tally { electors, yes, ballots, objections: 0 })
    }

    #[test]
    fn it_takes_as_many_stewards_as_the_charter_says() {
        assert!(!weigh(2, 3, 1, 1).ripe);
        assert_eq!(weigh(2, 3, 2, 2), Weighed { ripe: true, sealed: true });
        assert!(weigh(2, 3, 3, 3).sealed);
    }

    #[test]
    fn few_can_decide_and_only_more_than_half_can_seal() {
        assert_eq!(weigh(1, 3, 1, 1), Weighed { ripe: true, sealed: false });
        assert_eq!(weigh(1, 4, 1, 2), Weighed { ripe: true, sealed: false });
        assert_eq!(weigh(1, 4, 1, 3), Weighed { ripe: true, sealed: true });
    }

    #[test]
    fn the_last_steward_can_still_decide() {
        assert!(weigh(3, 1, 1, 1).sealed);
        assert!(!weigh(3, 0, 0, 0).ripe, "nobody cannot");
    }
}
