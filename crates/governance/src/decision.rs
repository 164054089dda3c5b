//! Decisions, explained: who could decide, who said what, what was needed, what sealed it, and why it stands or not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commonplace_model::{MemberId, RecordId};

use crate::{
    body::{Model, Proposal},
    dag::{At, Dag, Motion},
    decide::{Needed, Said, Tally, rule_of},
    footing::Footing,
    state::{Fold, everything, poll_now},
};

/// What an elector said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// Everything they said to this proposal.
    pub said: BTreeSet<Said>,
    /// Not when they spent their ballot of the round twice.
    pub counts: bool,
}

/// Whether a proposal stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It stands for good: it is sealed, and so is every decision that it follows.
    ForGood,
    /// It stands, and it or a decision that it follows is not sealed: what is not known here yet may still displace it.
    ForNow,
    /// It does not stand, for these reasons.
    Not(Vec<Reason>),
}

/// Why a proposal does not stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// So many electors still have to say yes, and so many to spend their ballot on it.
    Lacks(Needed),
    /// These object.
    Objection(BTreeSet<MemberId>),
    /// It has what it needs and counts once it is sealed: somebody who knows all of that has to write a seal. Where acts count
    /// at once, so many stand unsealed that no more can before some of them are sealed.
    Unsealed,
    /// Another proposal that follows the same decision stands.
    Rival {
        /// Which.
        other: RecordId,
        /// Electors who provably spent their ballot on more than one thing in this round.
        doubles: BTreeSet<MemberId>,
    },
    /// So many ballots of its round are spent that nothing in it can be decided any more; the next round is open.
    Exhausted,
    /// The decision that it follows does not stand.
    Unfounded(RecordId),
    /// Its author's standing had ended.
    Author,
    /// A decision made elsewhere ended the time in which such acts count by themselves.
    TimeOver,
}

/// A proposal and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its record.
    pub id: RecordId,
    /// What is proposed.
    pub proposal: Proposal,
    /// Who proposed it.
    pub by: MemberId,
    /// By which rule it is decided.
    pub model: Model,
    /// Who can take part. Nobody in an act of an open commons that needs nobody.
    pub electorate: BTreeSet<MemberId>,
    /// What they said.
    pub voices: BTreeMap<MemberId, Voice>,
    /// Those whose word on this does not count, because their standing ended before or beside it.
    pub unheard: BTreeSet<MemberId>,
    /// The voices that count, counted.
    pub tally: Tally,
    /// What it takes.
    pub needed: Needed,
    /// The record that sealed it: it builds on all voices that are needed.
    pub sealed_by: Option<RecordId>,
    /// Whether it stands.
    pub standing: Standing,
}

/// Explains a proposal.
pub(crate) fn explain(dag: &Dag, fold: &Fold, first: &Arc<Footing>, at: At) -> Option<Decision> {
    let (entry, motion) = (dag.get(at), dag.motion(at)?);
    let footing = dag.footing(motion.after, first)?;
    let is_step = motion.footing.is_some();
    let poll = poll_now(dag, fold, at, footing);
    let voice =
        |(member, said, counts): (&MemberId, &BTreeSet<Said>, bool)| (*member, Voice { said: said.clone(), counts });
    let heard: BTreeMap<MemberId, Voice> = poll.said_to(at).map(voice).collect();
    let said = everything(dag, dag.step(at), footing);
    let is_unheard = |member: &MemberId, all: &BTreeSet<Said>| {
        !dag.sealed.contains_key(&at) && heard.get(member).is_none_or(|voice| !all.is_subset(&voice.said))
    };
    let unheard =
        said.said_to(at).filter(|(member, all, _)| is_unheard(member, all)).map(|(member, ..)| *member).collect();
    let electorate = if is_step { footing.electorate().clone() } else { BTreeSet::new() };
    let rule = rule_of(footing.model);
    Some(Decision {
        id: entry.id,
        proposal: motion.proposal.clone(),
        by: entry.member,
        model: footing.model,
        voices: heard,
        unheard,
        tally: poll.tally(at, electorate.len()),
        needed: if is_step { rule.needed(electorate.len()) } else { Needed { yes: 0, ballots: 0 } },
        electorate,
        sealed_by: dag.sealed.get(&at).map(|seal| dag.get(*seal).id),
        standing: if is_step { of_step(dag, fold, at, motion, footing) } else { of_free_act(fold, at, motion) },
    })
}

fn of_free_act(fold: &Fold, at: At, motion: &Motion) -> Standing {
    let mut reasons = Vec::new();
    if fold.place(motion.after).is_none() {
        reasons.push(Reason::Unfounded(motion.proposal.after));
    } else if !fold.is_in_open_time(at, motion) {
        reasons.push(Reason::TimeOver);
    }
    // A removal counts by its own past, so that two who remove one another are both removed.
    if !fold.counts[at] && !fold.in_force.contains(&at) {
        reasons.push(Reason::Author);
    }
    if reasons.is_empty() { Standing::ForNow } else { Standing::Not(reasons) }
}

fn of_step(dag: &Dag, fold: &Fold, at: At, motion: &Motion, footing: &Footing) -> Standing {
    let is_sealed = |at: &At| dag.sealed.contains_key(at);
    if let Some(place) = fold.place(at) {
        let all_sealed = fold.chain[1..=place].iter().all(|(decision, _)| is_sealed(decision));
        return if all_sealed { Standing::ForGood } else { Standing::ForNow };
    }
    let Some(parent) = fold.place(motion.after) else {
        return Standing::Not(vec![Reason::Unfounded(motion.proposal.after)]);
    };
    let mut reasons = Vec::new();
    let electors = footing.electorate().len();
    let rule = rule_of(footing.model);
    let poll = fold.poll(dag, dag.step(at), footing);
    if let Some((other, _)) = fold.chain.get(parent + 1) {
        // Whatever became of them since: the two records prove it.
        let doubles = everything(dag, dag.step(at), footing).doubles().copied().collect();
        reasons.push(Reason::Rival { other: dag.get(*other).id, doubles });
    }
    let (tally, needed) = (poll.tally(at, electors), rule.needed(electors));
    let objectors: BTreeSet<MemberId> = poll.objectors(at).copied().collect();
    if !objectors.is_empty() && !is_sealed(&at) {
        reasons.push(Reason::Objection(objectors));
    }
    let weighed = rule.weigh(&tally);
    if !weighed.ripe {
        let lacks =
            Needed { yes: needed.yes.saturating_sub(tally.yes), ballots: needed.ballots.saturating_sub(tally.ballots) };
        reasons.push(Reason::Lacks(lacks));
    } else if !is_sealed(&at) && reasons.is_empty() {
        let author_out = rule.at_once() && footing.model == Model::Open && !fold.counts[at];
        reasons.push(if author_out { Reason::Author } else { Reason::Unsealed });
    }
    if poll.is_exhausted(&*rule, electors) {
        reasons.push(Reason::Exhausted);
    }
    Standing::Not(reasons)
}
