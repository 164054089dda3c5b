//! Open: any member's act counts at once, and another act undoes it.
//!
//! Nobody votes. Acts that change who decides, how, or who comes in, follow one another; of two made apart only one stands,
//! and it stands for good once more than half of the electors acknowledged it.

use super::{Electorate, Needed, Rule, Said, Spends, Tally, Weighed, more_than_half};
use crate::body::Choice;

/// The rule.
#[derive(Debug, Clone, Copy)]
pub struct Open;

impl Rule for Open {
    fn electorate(&self) -> Electorate {
        Electorate::Members
    }

    fn at_once(&self) -> bool {
        true
    }

    fn spends(&self, said: Said) -> Option<Spends> {
        match said {
            Said::Acknowledged => Some(Spends::OnIt),
            Said::Voted(Choice::No) => Some(Spends::OnNone),
            Said::Voted(Choice::Yes | Choice::Object | Choice::Withdraw) => None,
        }
    }

    fn needed(&self, electors: usize) -> Needed {
        Needed { yes: 0, ballots: more_than_half(electors) }
    }

    fn weigh(&self, tally: &Tally) -> Weighed {
        Weighed { ripe: true, sealed: tally.ballots >= self.needed(tally.electors).ballots }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_counts_at_once_and_is_final_when_more_than_half_acknowledged_it() {
        let weigh = |ballots| Open.weigh(&Tally { electors: 4, ballots, ..Tally::default() });
        assert_eq!(weigh(0), Weighed { ripe: true, sealed: false });
        assert!(!weigh(1).sealed);
        assert!(!weigh(2).sealed, "half is not more than half");
        assert!(weigh(3).sealed);
        assert!(weigh(4).sealed);
    }

    #[test]
    fn nobody_votes_yes() {
        assert_eq!(Open.spends(Said::Voted(Choice::Yes)), None);
        assert_eq!(Open.spends(Said::Acknowledged), Some(Spends::OnIt));
    }
}
