//! Voices of electors, counted in one view of the roll.
//!
//! A view is either everything that is known here, or what one record builds on. In the second, nothing outside the record's
//! past can matter; that is what makes a seal final.
//!
//! Invariants:
//! - Who spent a ballot on two things in one round is void in all of that round: the two records prove it.
//! - A voice given after its member or device was ended, or beside that and outside what the ending covers, is void.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commonplace_model::MemberId;

use crate::{
    body::Choice,
    dag::{At, Dag, Ending, Entry, Kind, Past, Right, Step, Whom},
    decide::{Rule, Said, Spends, Tally, Weighed, rule_of},
    footing::Footing,
};

/// What an entry says to which proposal.
pub(crate) fn said(entry: &Entry) -> Option<(At, Said)> {
    match entry.kind {
        Kind::Vote { motion, choice } => Some((motion, Said::Voted(choice))),
        Kind::Seal { motion } => Some((motion, Said::Acknowledged)),
        _ => None,
    }
}

/// The voices of one round, in one view.
#[derive(Debug, Default)]
pub(crate) struct Poll {
    /// What each elector said to each proposal.
    said: BTreeMap<At, BTreeMap<MemberId, BTreeSet<Said>>>,
    /// What each elector's ballot is spent on; more than one thing if they are void.
    spent: BTreeMap<MemberId, BTreeSet<Option<At>>>,
    /// Objections that were withdrawn.
    withdrawn: BTreeSet<(At, MemberId)>,
}

impl Poll {
    /// Counts the voices of a round that `heard` lets through.
    pub(crate) fn of(dag: &Dag, step: Step, rule: &dyn Rule, heard: &dyn Fn(At) -> bool) -> Self {
        let mut poll = Self::default();
        let mut objections: BTreeMap<(At, MemberId), (Vec<At>, Vec<At>)> = BTreeMap::new();
        let voices = dag.voices.get(&step).into_iter().flatten().copied().filter(|at| heard(*at));
        for at in voices {
            let entry = dag.get(at);
            let Some((motion, said)) = said(entry) else { continue };
            poll.said.entry(motion).or_default().entry(entry.member).or_default().insert(said);
            let spent_on = match rule.spends(said) {
                Some(Spends::OnIt) => Some(Some(motion)),
                Some(Spends::OnNone) => Some(None),
                Some(Spends::Nothing) | None => None,
            };
            if let Some(on) = spent_on {
                poll.spent.entry(entry.member).or_default().insert(on);
            }
            match said {
                Said::Voted(Choice::Object) => objections.entry((motion, entry.member)).or_default().0.push(at),
                Said::Voted(Choice::Withdraw) => objections.entry((motion, entry.member)).or_default().1.push(at),
                _ => {}
            }
        }
        let is_withdrawn = |(objected, withdrew): &(Vec<At>, Vec<At>)| {
            objected.iter().all(|o| withdrew.iter().any(|w| dag.builds_on(*w, *o)))
        };
        poll.withdrawn = objections.into_iter().filter(|(_, o)| is_withdrawn(o)).map(|(key, _)| key).collect();
        poll
    }

    /// Whether an elector's ballot is spent.
    pub(crate) fn has_spent(&self, member: &MemberId) -> bool {
        self.spent.contains_key(member)
    }

    /// Whether an elector's ballot is spent on something else than this: a proposal, or none.
    pub(crate) fn has_spent_otherwise(&self, member: &MemberId, on: Option<At>) -> bool {
        self.spent.get(member).is_some_and(|all| all.iter().any(|spent| *spent != on))
    }

    /// Whether an elector said this to a proposal.
    pub(crate) fn has_said(&self, motion: At, member: &MemberId, said: Said) -> bool {
        self.said.get(&motion).and_then(|all| all.get(member)).is_some_and(|all| all.contains(&said))
    }

    /// Who spent a ballot on two things.
    pub(crate) fn doubles(&self) -> impl Iterator<Item = &MemberId> {
        self.spent.iter().filter(|(_, on)| on.len() > 1).map(|(member, _)| member)
    }

    fn is_void(&self, member: &MemberId) -> bool {
        self.spent.get(member).is_some_and(|on| on.len() > 1)
    }

    /// What electors said to a proposal, and whether it counts.
    pub(crate) fn said_to(&self, motion: At) -> impl Iterator<Item = (&MemberId, &BTreeSet<Said>, bool)> {
        let all = self.said.get(&motion).into_iter().flatten();
        all.map(|(member, said)| (member, said, !self.is_void(member)))
    }

    /// Electors whose objection to a proposal stands.
    pub(crate) fn objectors(&self, motion: At) -> impl Iterator<Item = &MemberId> {
        self.said_to(motion)
            .filter(|(_, said, counts)| *counts && said.contains(&Said::Voted(Choice::Object)))
            .map(|(member, _, _)| member)
            .filter(move |member| !self.withdrawn.contains(&(motion, **member)))
    }

    /// The voices on a proposal as a rule weighs them.
    pub(crate) fn tally(&self, motion: At, electors: usize) -> Tally {
        let said = |what| self.said_to(motion).filter(|(_, said, counts)| *counts && said.contains(&what)).count();
        let on_it = |on: &&BTreeSet<Option<At>>| on.len() == 1 && on.contains(&Some(motion));
        Tally {
            electors,
            yes: said(Said::Voted(Choice::Yes)),
            objections: self.objectors(motion).count(),
            ballots: self.spent.values().filter(on_it).count(),
        }
    }

    /// Whether so many ballots are spent that no proposal of the round, known or not, can ever have what it needs.
    pub(crate) fn is_exhausted(&self, rule: &dyn Rule, electors: usize) -> bool {
        let needed = rule.needed(electors);
        let needed = if rule.at_once() { needed.yes } else { needed.ballots };
        let left = electors.saturating_sub(self.spent.len());
        let most = self.said.keys().map(|motion| self.tally(*motion, electors).ballots).max().unwrap_or(0);
        most + left < needed
    }
}

/// Whether an entry counts for nothing because the standing it is written under ended: after an ending that is in force, or
/// beside one and covered by none of those that reach it.
pub(crate) fn is_cut_off(dag: &Dag, at: At, in_force: &dyn Fn(At) -> bool) -> bool {
    let entry = dag.get(at);
    let by = [(Whom::Member(entry.member), entry.root), (Whom::Device(entry.author), entry.authority)];
    by.into_iter().any(|(whom, beginning)| {
        let endings = dag.endings_of.get(&whom).into_iter().flatten().copied();
        let mut reached = endings.filter(|e| *e != at && in_force(*e) && dag.reaches(*e, beginning)).peekable();
        if reached.peek().is_none() {
            return false;
        }
        let mut covered = false;
        for ending in reached {
            if dag.builds_on(at, ending) {
                return true;
            }
            covered |= dag.ending(ending).is_some_and(|e| e.covers(at));
        }
        !covered
    })
}

/// The voices of a round among what some record builds on.
pub(crate) fn poll_in(dag: &Dag, step: Step, footing: &Footing, past: &Past) -> Poll {
    let heard = |at: At| past.has(at) && !is_cut_off_in(dag, at, footing, &|ending| past.has(ending));
    Poll::of(dag, step, &*rule_of(footing.model), &heard)
}

/// Whether the author knew of their own end. Then it counts for nothing in the round that `footing` decides, whether or not
/// that end is in force: it may hang on the very decision that is asked about.
pub(crate) fn knew_its_end(dag: &Dag, at: At, footing: &Footing) -> bool {
    let past = OnceCell::new();
    is_cut_off_in(dag, at, footing, &|ending| past.get_or_init(|| dag.past(&[at])).has(ending))
}

/// Whether a record is cut off by an ending that is known. Only endings that need no decision are looked at: whom a decision
/// ended is no elector any more in the rounds after it.
fn is_cut_off_in(dag: &Dag, at: At, footing: &Footing, is_known: &dyn Fn(At) -> bool) -> bool {
    let in_force = |ending: At| {
        let entry = dag.get(ending);
        let by_right = match &entry.kind {
            Kind::Ending(Ending { right: Right::Own | Right::Proven, .. }) => true,
            Kind::Ending(Ending { right: Right::Rule(_), .. }) => footing.may_remove(&entry.member),
            Kind::Motion(motion) => motion.footing.is_none() && footing.may_remove(&entry.member),
            _ => false,
        };
        by_right && is_known(ending)
    };
    // Electors were taken in by decision, whatever became of who let them in; who was removed and came back was not.
    let mut at = at;
    while !is_cut_off(dag, at, &in_force) {
        let entry = dag.get(at);
        let by_certificate = matches!(dag.get(entry.authority).kind, Kind::Certificate { .. });
        if at == entry.authority || !by_certificate && !dag.endings_of.contains_key(&Whom::Member(entry.member)) {
            return false;
        }
        at = entry.authority;
    }
    true
}

/// How far a proposal is, seen from a record that builds on `past`.
pub(crate) fn weigh_in(dag: &Dag, motion: At, footing: &Footing, past: &Past) -> Weighed {
    let poll = poll_in(dag, dag.step(motion), footing, past);
    rule_of(footing.model).weigh(&poll.tally(motion, footing.electorate().len()))
}

/// Notes whether a voice that was just taken in seals its proposal. Of several that do, the first by rank is the seal, so
/// that all replicas name the same one.
pub(crate) fn note_seal(dag: &mut Dag, at: At, first: &Arc<Footing>) {
    let Some((motion, said)) = said(dag.get(at)) else { return };
    let step = dag.step(motion);
    let Some(footing) = dag.footing(step.0, first).cloned() else { return };
    let rule = rule_of(footing.model);
    let needed = rule.needed(footing.electorate().len()).ballots;
    let for_it = |at: &&At| self::said(dag.get(**at)).is_some_and(|(m, s)| m == motion && spends_on_it(&*rule, s));
    let enough = dag.voices.get(&step).into_iter().flatten().filter(for_it).take(needed).count() == needed;
    // Most voices come when there are too few in all; a record's past cannot hold more of them.
    if !enough || matches!(said, Said::Voted(choice) if choice != Choice::Yes) {
        return;
    }
    if dag.sealed.get(&motion).is_some_and(|seal| dag.get(*seal).rank() < dag.get(at).rank()) {
        return;
    }
    let past = dag.past(&[at]);
    // Who knows of their own end seals nothing by what they say after it.
    if !knew_its_end(dag, at, &footing) && weigh_in(dag, motion, &footing, &past).sealed {
        dag.sealed.insert(motion, at);
    }
}

fn spends_on_it(rule: &dyn Rule, said: Said) -> bool {
    rule.spends(said) == Some(Spends::OnIt)
}
