//! Whether anything can be decided any more.
//!
//! Those who decide are fixed by the last decision. When too many of them went before a further decision could leave them
//! out, no proposal gets what it needs, whatever the others do. Nothing gets a commons out of that by itself: neither time
//! nor a quorum of those who are left, or whoever is left alone on one side of a partition could decide for all.

use commonplace_model::MemberId;

use super::Roll;
use crate::{
    ballot::Poll,
    body::Choice,
    dag::At,
    decide::{Electorate, Rule, Said, Spends, rule_of},
    footing::Footing,
};

/// Whether anything can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Able {
    /// Decisions count, and can become final.
    ForGood,
    /// Decisions count, and none can become final, because so few are left.
    ForNow(Left),
    /// No proposal can get what it needs.
    Nothing(Left),
}

/// Who is left of those who decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Whether stewards decide, or all electors.
    pub electorate: Electorate,
    /// Those who decide, as the last decision left them.
    pub electors: usize,
    /// Those of them who are members still.
    pub here: usize,
    /// How many it takes.
    pub needed: usize,
}

/// How far a proposal of one round could get, if everybody who is here and still can were for it.
struct Reach {
    yes: usize,
    ballots: usize,
}

impl Roll {
    /// Whether anything can be decided any more by those who are left.
    pub fn able(&self) -> Able {
        self.able_without(None)
    }

    /// The same as if this member had left. Who leaves is counted among those who decide until the next decision leaves them
    /// out, so a few who leave can bring all to a stop.
    pub fn able_without(&self, gone: Option<&MemberId>) -> Able {
        let footing = self.footing();
        let rule = rule_of(footing.model);
        let electors = footing.electorate().len();
        let here = self.here(footing, gone).count();
        let left = |needed| Left { electorate: rule.electorate(), electors, here, needed };
        let needed = rule.needed(electors);
        let step = (self.last(), self.round());
        let poll = self.fold.poll(&self.dag, step, footing);
        let proposed = self.dag.motions.get(&step).into_iter().flatten().copied();
        let all: Vec<Reach> =
            proposed.map(Some).chain([None]).map(|about| self.reach(footing, &*rule, &poll, about, gone)).collect();
        let counts = |reach: &Reach| reach.yes >= needed.yes && (rule.at_once() || reach.ballots >= needed.ballots);
        // Where any member's act counts, nobody of the electors has to be there.
        if !all.iter().any(counts) || self.members().all(|member| Some(&member.id) == gone) {
            return Able::Nothing(left(if rule.at_once() { needed.yes } else { needed.yes.max(needed.ballots) }));
        }
        if all.iter().any(|reach| counts(reach) && reach.ballots >= needed.ballots) && self.can_all_be_sealed(gone) {
            Able::ForGood
        } else {
            Able::ForNow(left(needed.ballots))
        }
    }

    fn here<'a>(&'a self, footing: &'a Footing, gone: Option<&'a MemberId>) -> impl Iterator<Item = &'a MemberId> {
        footing.electorate().iter().filter(move |member| Some(*member) != gone && self.member(member).is_some())
    }

    /// How far a proposal could get, or a new one in that round.
    fn reach(
        &self,
        footing: &Footing,
        rule: &dyn Rule,
        poll: &Poll,
        about: Option<At>,
        gone: Option<&MemberId>,
    ) -> Reach {
        let tally = about.map(|at| poll.tally(at, footing.electorate().len())).unwrap_or_default();
        let free = self.here(footing, gone).filter(|member| !poll.has_spent(member)).count();
        // A yes that spends nothing can be said by whoever has not said it.
        let says_yes = Said::Voted(Choice::Yes);
        let has_said = |member: &&MemberId| about.is_some_and(|at| poll.has_said(at, member, says_yes));
        let yes = match rule.spends(says_yes) {
            Some(Spends::Nothing) => self.here(footing, gone).filter(|member| !has_said(member)).count(),
            _ => free,
        };
        Reach { yes: tally.yes + yes, ballots: tally.ballots + free }
    }

    /// Whether every decision that stands for now can still be made final: what follows one that cannot is never final.
    fn can_all_be_sealed(&self, gone: Option<&MemberId>) -> bool {
        self.fold.chain.windows(2).all(|pair| {
            let [(before, footing), (at, _)] = pair else { return true };
            if self.dag.sealed.contains_key(at) {
                return true;
            }
            let rule = rule_of(footing.model);
            let poll = self.fold.poll(&self.dag, (*before, self.dag.step(*at).1), footing);
            self.reach(footing, &*rule, &poll, Some(*at), gone).ballots
                >= rule.needed(footing.electorate().len()).ballots
        })
    }
}
