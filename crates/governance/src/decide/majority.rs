//! Majority: more than half of the whole electorate says yes.
//!
//! A vote is the elector's one ballot of the round and cannot be taken back. Leaving votes out can therefore delay a
//! decision and never forge one.

use super::{Electorate, Needed, Rule, Said, Spends, Tally, Weighed, more_than_half};
use crate::body::Choice;

/// The rule.
#[derive(Debug, Clone, Copy)]
pub struct Majority;

impl Rule for Majority {
    fn electorate(&self) -> Electorate {
        Electorate::Members
    }

    fn at_once(&self) -> bool {
        false
    }

    fn spends(&self, said: Said) -> Option<Spends> {
        match said {
            Said::Voted(Choice::Yes) => Some(Spends::OnIt),
            Said::Voted(Choice::No) => Some(Spends::OnNone),
            // It adds nothing to the votes but a record that builds on them.
            Said::Acknowledged => Some(Spends::Nothing),
            Said::Voted(Choice::Object | Choice::Withdraw) => None,
        }
    }

    fn needed(&self, electors: usize) -> Needed {
        let most = more_than_half(electors);
        Needed { yes: most, ballots: most }
    }

    fn weigh(&self, tally: &Tally) -> Weighed {
        let enough = tally.yes >= self.needed(tally.electors).yes;
        Weighed { ripe: enough, sealed: enough }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_more_than_half_of_all_electors() {
        let sealed = |electors, yes| Majority.weigh(&Tally { electors, yes, ..Tally::default() }).sealed;
        for (electors, threshold) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (100, 51)] {
            assert!(!sealed(electors, threshold - 1), "{electors}: one below");
            assert!(sealed(electors, threshold), "{electors}: at the threshold");
            assert!(sealed(electors, electors), "{electors}: all");
        }
    }

    #[test]
    fn yes_and_no_both_spend_the_ballot() {
        assert_eq!(Majority.spends(Said::Voted(Choice::Yes)), Some(Spends::OnIt));
        assert_eq!(Majority.spends(Said::Voted(Choice::No)), Some(Spends::OnNone));
        assert_eq!(Majority.spends(Said::Voted(Choice::Object)), None);
    }
}
