//! What counts now: a pure function of the whole set of valid records.
//!
//! 1. **The chain of decisions.** It begins with the genesis. After each decision stands at most one of the proposals that
//!    follow it: a sealed one if there is one (of several, which takes ballots spent twice, the one with the lowest id), else,
//!    where acts count at once, the one that has most ballots and of those the one with the lowest id. A sealed proposal on a sealed chain is therefore never displaced.
//! 2. **Where a record lies on the chain.** It knew the decisions among its ancestors, and those that have it among theirs
//!    knew it. What lies between is concurrent. Whatever needs a right by the charter (to admit, to remove, to act in an open
//!    commons) needs it after the last decision it knew *and after each that is concurrent with it*. So nobody can act by a
//!    rule that was given up, by leaving the decision out of a record's past; and who acts honestly while the rule is being
//!    changed elsewhere has to act again.
//! 3. **Endings in force** (removals, revocations): judged by their own past, so that two that end one another both are in
//!    force. A proof that a device wrote in two ways is always in force.
//! 4. **What counts.** A record counts if the record that gives it standing does, and it is not cut off by an ending.
//!
//! Only step 1 looks at 3 and 4, and only where something counts before it is sealed; then they are worked out for the
//! chain so far.
//!
//! Invariant: nothing here depends on numbers of entries, which follow arrival.

mod outcome;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commonplace_model::RecordId;

use crate::{
    ballot::{self, Poll, is_cut_off, knew_its_end},
    body::{Act, Model, Policy},
    dag::{At, Dag, Kind, Motion, Right, Step, Whom},
    decide::rule_of,
    footing::Footing,
};

pub(crate) use outcome::Outcome;

/// Which records count, given a chain of decisions.
#[derive(Debug, Clone)]
pub(crate) struct Fold {
    /// The decisions that stand, each following the one before it, with who decides what after each.
    pub(crate) chain: Vec<(At, Arc<Footing>)>,
    /// Their places in the chain.
    places: BTreeMap<At, usize>,
    /// The last decision that each record knew.
    knew: Vec<usize>,
    /// The first decision that knew each record; beyond the chain if none did.
    known: Vec<usize>,
    /// Admissions of those whom a decision took in.
    taken_in: BTreeSet<At>,
    /// Endings in force.
    pub(crate) in_force: BTreeSet<At>,
    /// Whether each record counts.
    pub(crate) counts: Vec<bool>,
    /// Whether it gives its device standing, apart from endings.
    pub(crate) gives: Vec<bool>,
}

impl Fold {
    /// Decisions that stand for now at most, before some of them are sealed. Each costs a fold of its own, and anybody can add
    /// one in an open commons; those beyond wait.
    const MAX_FOR_NOW: usize = 64;

    /// Folds everything.
    pub(crate) fn new(dag: &Dag, first: &Arc<Footing>) -> Self {
        let mut chain = vec![(0, Arc::clone(first))];
        loop {
            let (last, footing) = &chain[chain.len() - 1];
            match next(dag, *last, footing, &chain) {
                Some((at, footing)) => chain.push((at, footing)),
                None => return Self::on(dag, chain),
            }
        }
    }

    /// Works out what counts on this chain.
    fn on(dag: &Dag, chain: Vec<(At, Arc<Footing>)>) -> Self {
        let places = chain.iter().enumerate().map(|(place, (at, _))| (*at, place)).collect();
        let newcomers = chain.iter().filter_map(|(at, _)| dag.motion(*at)).flat_map(|m| &m.proposal.newcomers);
        let mut fold = Self {
            taken_in: newcomers.filter_map(|id| dag.find(id)).collect(),
            places,
            knew: Vec::with_capacity(dag.len()),
            known: vec![usize::MAX; dag.len()],
            in_force: BTreeSet::new(),
            counts: Vec::with_capacity(dag.len()),
            gives: Vec::with_capacity(dag.len()),
            chain,
        };
        fold.note_known(dag);
        for at in 0..dag.len() {
            fold.note_knew(dag, at);
        }
        for at in &dag.endings {
            if fold.is_in_force(dag, *at) {
                fold.in_force.insert(*at);
            }
        }
        for at in 0..dag.len() {
            fold.judge(dag, at);
        }
        fold
    }

    fn note_known(&mut self, dag: &Dag) {
        for (place, (decision, _)) in self.chain.iter().enumerate() {
            let mut open = vec![*decision];
            // What an earlier decision knew was noted with all that it builds on.
            while let Some(at) = open.pop() {
                if self.known[at] == usize::MAX {
                    self.known[at] = place;
                    open.extend(&dag.get(at).links);
                }
            }
        }
    }

    fn note_knew(&mut self, dag: &Dag, at: At) {
        let before = dag.get(at).links.iter().map(|link| self.knew[*link]).max().unwrap_or(0);
        self.knew.push(self.places.get(&at).copied().unwrap_or(before));
    }

    /// Takes in the newest entry, which changes neither the chain nor what is in force.
    pub(crate) fn extend(&mut self, dag: &Dag, at: At) {
        self.known.push(usize::MAX);
        self.note_knew(dag, at);
        self.judge(dag, at);
    }

    /// Whether something is so after each decision from this place on until one that knew the record.
    fn throughout(&self, at: At, from: usize, is_so: impl Fn(&Footing) -> bool) -> bool {
        let until = self.known[at].min(self.chain.len());
        self.chain.get(from..until).is_some_and(|between| between.iter().all(|(_, footing)| is_so(footing)))
    }

    /// The place of a decision that stands.
    pub(crate) fn place(&self, at: At) -> Option<usize> {
        self.places.get(&at).copied()
    }

    /// Whether an act of an open commons, which nothing follows, is within the time of that openness.
    pub(crate) fn is_in_open_time(&self, at: At, motion: &Motion) -> bool {
        motion.footing.is_none()
            && self.place(motion.after).is_some_and(|from| self.throughout(at, from, |f| f.model == Model::Open))
    }

    fn is_in_force(&self, dag: &Dag, at: At) -> bool {
        let entry = dag.get(at);
        match &entry.kind {
            Kind::Motion(motion) => {
                self.place(at).is_some() || self.is_in_open_time(at, motion) && self.stands_by_its_past(dag, at)
            }
            Kind::Ending(ending) => {
                let by_right = match ending.right {
                    Right::Own => true,
                    // Whoever put the proof in, and whatever became of them.
                    Right::Proven => return true,
                    Right::Rule(under) => self
                        .place(under)
                        .is_some_and(|from| self.throughout(at, from, |footing| footing.may_remove(&entry.member))),
                    Right::Decided(by) => self.in_force.contains(&by),
                };
                by_right && self.stands_by_its_past(dag, at)
            }
            _ => false,
        }
    }

    /// Whether a record counts as far as its own past goes. What is concurrent does not matter: of two who end one another,
    /// both do.
    pub(crate) fn stands_by_its_past(&self, dag: &Dag, of: At) -> bool {
        let past = OnceCell::new();
        let known = |e: At| self.in_force.contains(&e) && past.get_or_init(|| dag.past(&[of])).has(e);
        let mut at = of;
        loop {
            let entry = dag.get(at);
            if is_cut_off(dag, at, &known) {
                return false;
            }
            let authority = entry.authority;
            match &dag.get(authority).kind {
                Kind::Genesis(_) => return true,
                Kind::Motion(motion) if motion.footing.is_some() => return self.place(authority).is_some(),
                Kind::Motion(motion) if !self.is_in_open_time(authority, motion) => return false,
                Kind::Admission(_) if self.taken_in.contains(&authority) => return true,
                Kind::Admission(_) if !self.may_come(dag, authority, |at| !is_cut_off(dag, at, &known)) => {
                    return false;
                }
                _ => at = authority,
            }
        }
    }

    /// Whether the charter lets somebody be admitted like that.
    fn may_come(&self, dag: &Dag, at: At, counts: impl Fn(At) -> bool) -> bool {
        let Kind::Admission(admitted) = &dag.get(at).kind else { return false };
        let vouched = || {
            let vouches = dag.vouches.get(&admitted.device).into_iter().flatten().copied();
            let by_elector = |at: &At| self.chain[self.knew[*at]].1.electors.contains(&dag.get(*at).member);
            vouches.filter(by_elector).any(|vouch| dag.builds_on(at, vouch) && counts(vouch))
        };
        self.throughout(at, self.knew[at], |footing| match footing.policy {
            Policy::Ticket => true,
            Policy::Vouched => vouched(),
            Policy::Decision => false,
        })
    }

    fn judge(&mut self, dag: &Dag, at: At) {
        let entry = dag.get(at);
        let has_standing = at == 0 || self.gives[entry.authority];
        let counts = has_standing && !is_cut_off(dag, at, &|ending| self.in_force.contains(&ending));
        self.counts.push(counts);
        let gives = match &entry.kind {
            Kind::Genesis(_) => true,
            Kind::Certificate { .. } => counts,
            Kind::Admission(_) => {
                self.taken_in.contains(&at) || counts && self.may_come(dag, at, |vouch| self.counts[vouch])
            }
            Kind::Motion(motion) if motion.gives.is_some() => {
                self.place(at).is_some() || counts && self.is_in_open_time(at, motion)
            }
            _ => false,
        };
        self.gives.push(gives);
    }

    /// Whether the standing that a record gives has ended.
    pub(crate) fn has_ended(&self, dag: &Dag, at: At) -> bool {
        let entry = dag.get(at);
        let Some((device, member)) = entry.gives() else { return true };
        let root = if matches!(entry.kind, Kind::Certificate { .. }) { entry.root } else { at };
        [(Whom::Member(member), root), (Whom::Device(device), at)].into_iter().any(|(whom, beginning)| {
            let endings = dag.endings_of.get(&whom).into_iter().flatten();
            endings.filter(|e| self.in_force.contains(e)).any(|e| dag.reaches(*e, beginning))
        })
    }

    /// Voices of a round that count now.
    pub(crate) fn poll(&self, dag: &Dag, step: Step, footing: &Footing) -> Poll {
        let is_cut_off = |at: At| is_cut_off(dag, at, &|ending| self.in_force.contains(&ending));
        let heard = |at: At| !is_cut_off(at) && !knew_its_end(dag, at, footing);
        Poll::of(dag, step, &*rule_of(footing.model), &heard)
    }

    /// Whether taking in this entry can change the chain or what is in force, so that all has to be folded again.
    pub(crate) fn is_touched_by(&self, dag: &Dag, at: At, newly_sealed: bool) -> bool {
        let counts_at_once =
            |decision: At| self.place(decision).is_some_and(|place| rule_of(self.chain[place].1.model).at_once());
        match &dag.get(at).kind {
            Kind::Ending(_) => true,
            Kind::Motion(motion) => counts_at_once(motion.after),
            Kind::Vote { motion, .. } | Kind::Seal { motion } => newly_sealed || counts_at_once(dag.step(*motion).0),
            _ => false,
        }
    }
}

/// The proposal that stands after a decision, with its footing.
fn next(dag: &Dag, last: At, footing: &Footing, chain: &[(At, Arc<Footing>)]) -> Option<(At, Arc<Footing>)> {
    for round in 0..=u16::MAX {
        let motions = dag.motions.get(&(last, round))?;
        let steps: Vec<At> = motions.iter().copied().filter(|at| can_be_followed(dag, *at)).collect();
        let sealed: Vec<At> = steps.iter().copied().filter(|at| dag.sealed.contains_key(at)).collect();
        let for_now = chain.iter().skip(1).filter(|(at, _)| !dag.sealed.contains_key(at)).count();
        let best = match sealed.as_slice() {
            // More than one only if somebody spent a ballot twice. Then the id decides, which no further records can change.
            [_, ..] => sealed.iter().copied().min_by_key(|at| dag.get(*at).id),
            [] if steps.is_empty() || !rule_of(footing.model).at_once() || for_now >= Fold::MAX_FOR_NOW => None,
            [] => at_once(dag, steps, (last, round), footing, &Fold::on(dag, chain.to_vec())),
        };
        if let Some(next) = best.and_then(|at| Some((at, dag.motion(at)?.footing.clone()?))) {
            return Some(next);
        }
    }
    None
}

fn can_be_followed(dag: &Dag, at: At) -> bool {
    dag.motion(at).is_some_and(|motion| motion.footing.is_some())
}

/// The proposal that counts before any is sealed.
fn at_once(dag: &Dag, steps: Vec<At>, step: Step, footing: &Footing, fold: &Fold) -> Option<At> {
    let poll = fold.poll(dag, step, footing);
    let (rule, electors) = (rule_of(footing.model), footing.electorate().len());
    let stands = |at: &At| {
        let by_its_author = footing.model != Model::Open || fold.counts[*at] && !knew_its_end(dag, *at, footing);
        // Nobody speaks in the name of another before it is final that they may.
        let speaks_for_another = dag.motion(*at).is_some_and(|m| matches!(m.proposal.act, Act::Rebind { .. }));
        by_its_author && !speaks_for_another && rule.weigh(&poll.tally(*at, electors)).ripe
    };
    first_of(dag, steps.into_iter().filter(stands).collect(), &poll, electors)
}

/// All voices of a round, those of members whose standing ended among them.
pub(crate) fn everything(dag: &Dag, step: Step, footing: &Footing) -> Poll {
    Poll::of(dag, step, &*rule_of(footing.model), &|_| true)
}

/// Of rivals that could all stand for now, the one with most ballots that are not void, and of those the one with the lowest id.
fn first_of(dag: &Dag, rivals: Vec<At>, poll: &Poll, electors: usize) -> Option<At> {
    let rank = |at: &At| (std::cmp::Reverse(poll.tally(*at, electors).ballots), dag.get(*at).id);
    rivals.into_iter().min_by_key(rank)
}

/// How an unsealed or sealed proposal's voices are counted now, for those who explain it.
pub(crate) fn poll_now(dag: &Dag, fold: &Fold, motion: At, footing: &Footing) -> Poll {
    match dag.sealed.get(&motion) {
        // What sealed it is what the seal builds on.
        Some(seal) => ballot::poll_in(dag, dag.step(motion), footing, &dag.past(&[*seal])),
        None => fold.poll(dag, dag.step(motion), footing),
    }
}

/// Ids of entries, rising.
pub(crate) fn ids<'a>(dag: &Dag, of: impl IntoIterator<Item = &'a At>) -> BTreeSet<RecordId> {
    of.into_iter().map(|at| dag.get(*at).id).collect()
}
