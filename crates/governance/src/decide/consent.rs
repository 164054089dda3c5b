//! Consent: enough electors say yes and nobody objects.
//!
//! An objection suspends, until it is withdrawn. It is too late once more than half of the electorate acknowledged, which
//! each of them can do only when all they know of is enough yes and no objection.

use super::{Electorate, Needed, Rule, Said, Spends, Tally, Weighed, more_than_half};
use crate::body::Choice;

/// The rule.
#[derive(Debug, Clone, Copy)]
pub struct Consent {
    /// How many of a hundred electors say yes.
    pub quorum: usize,
}

impl Rule for Consent {
    fn electorate(&self) -> Electorate {
        Electorate::Members
    }

    fn at_once(&self) -> bool {
        false
    }

    fn spends(&self, said: Said) -> Option<Spends> {
        match said {
            Said::Acknowledged => Some(Spends::OnIt),
            Said::Voted(Choice::No) => Some(Spends::OnNone),
            Said::Voted(Choice::Yes | Choice::Object | Choice::Withdraw) => Some(Spends::Nothing),
        }
    }

    fn needed(&self, electors: usize) -> Needed {
        let yes = (electors * self.quorum).div_ceil(100).max(1);
        Needed { yes, ballots: more_than_half(electors) }
    }

    fn weigh(&self, tally: &Tally) -> Weighed {
        let needed = self.needed(tally.electors);
        Weighed {
            ripe: tally.yes >= needed.yes && tally.objections == 0,
            // Whoever acknowledged saw a quorum and no objection. One that comes after more than half did is too late.
            sealed: tally.ballots >= needed.ballots,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weigh(yes: usize, objections: usize, ballots: usize) -> Weighed {
        Consent { quorum: 50 }.weigh(&Tally { electors: 5, yes, objections, ballots })
    }

    #[test]
    fn it_is_ripe_at_its_quorum_and_not_below() {
        assert!(!weigh(2, 0, 0).ripe);
        assert!(weigh(3, 0, 0).ripe);
        assert!(weigh(4, 0, 0).ripe);
    }

    #[test]
    fn one_objection_suspends() {
        assert!(!weigh(5, 1, 0).ripe);
        assert!(!weigh(4, 1, 2).sealed);
    }

    #[test]
    fn it_is_final_when_more_than_half_acknowledged_it() {
        assert!(!weigh(3, 0, 2).sealed);
        assert!(weigh(3, 0, 3).sealed);
        assert!(weigh(3, 1, 3).sealed, "an objection after that is too late");
    }

    #[test]
    fn a_quorum_is_rounded_up_and_never_nobody() {
        assert_eq!(Consent { quorum: 34 }.needed(3).yes, 2);
        assert_eq!(Consent { quorum: 1 }.needed(3).yes, 1);
        assert_eq!(Consent { quorum: 100 }.needed(3).yes, 3);
    }
}
