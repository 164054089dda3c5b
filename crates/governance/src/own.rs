//! What members did by their own word: they removed somebody, left, or let somebody in, and no decision was needed.
//!
//! Invariant: like all of the fold, a pure function of the set of records.
//!
//! Deliberately absent: acts of an open commons, which are proposals that need nobody ([`crate::decision`]), and what a person
//! does with their own devices.

use commonplace_model::{DeviceId, MemberId, RecordId};

use crate::{
    dag::{At, Dag, Ending, Kind, Right, Whom},
    decision::Reason,
    state::Fold,
};

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnAct {
    /// Removed a member.
    Removed(MemberId),
    /// Left.
    Left,
    /// Let somebody in who had a ticket.
    Admitted {
        /// The member that this device makes.
        member: MemberId,
        /// Their device.
        device: DeviceId,
    },
}

/// Something that a member did by their own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnWord {
    /// Its record; of several with which one removal names its cuts, the one with the lowest id.
    pub id: RecordId,
    /// Who did it.
    pub by: MemberId,
    /// What.
    pub act: OwnAct,
    /// Why, in their words; empty when they gave no reason.
    pub reason: String,
    /// Why it does not count, if it does not.
    pub fell: Option<Reason>,
}

/// Whether an entry is something done by one's own word.
pub(crate) fn is_one(dag: &Dag, at: At) -> bool {
    match &dag.get(at).kind {
        Kind::Admission(_) => true,
        Kind::Ending(ending) => is_own(ending) && first_of_its_cuts(dag, at) == at,
        _ => false,
    }
}

fn is_own(ending: &Ending) -> bool {
    matches!(ending.whom, Whom::Member(_)) && !matches!(ending.right, Right::Decided(_))
}

/// A removal with many cuts is several records, signed at once on top of the same ones.
pub(crate) fn first_of_its_cuts(dag: &Dag, at: At) -> At {
    cuts_of(dag, at).min_by_key(|cut| dag.get(*cut).id).unwrap_or(at)
}

fn cuts_of(dag: &Dag, at: At) -> impl Iterator<Item = At> {
    let entry = dag.get(at);
    let whom = dag.ending(at).map(|ending| ending.whom);
    let all = whom.and_then(|whom| dag.endings_of.get(&whom)).into_iter().flatten().copied();
    all.filter(move |other| {
        let other = dag.get(*other);
        let same_right = matches!(&other.kind, Kind::Ending(ending) if is_own(ending));
        same_right && other.author == entry.author && other.links == entry.links
    })
}

/// Whether this member can say why an entry is.
pub(crate) fn can_be_explained(dag: &Dag, at: At, by: MemberId) -> bool {
    let entry = dag.get(at);
    entry.member == by && matches!(&entry.kind, Kind::Ending(ending) if is_own(ending))
}

/// Explains something done by one's own word.
pub(crate) fn explain(dag: &Dag, fold: &Fold, at: At) -> Option<OwnWord> {
    if !is_one(dag, at) {
        return None;
    }
    let entry = dag.get(at);
    let act = match &entry.kind {
        Kind::Ending(Ending { right: Right::Own, .. }) => OwnAct::Left,
        Kind::Ending(Ending { whom: Whom::Member(member), .. }) => OwnAct::Removed(*member),
        Kind::Admission(admitted) => OwnAct::Admitted { member: admitted.member, device: admitted.device },
        _ => return None,
    };
    Some(OwnWord { id: entry.id, by: entry.member, act, reason: reason(dag, fold, at), fell: fell(dag, fold, at) })
}

/// The first reason that they gave while they were heard. Who left could be heard no more, and says why all the same.
fn reason(dag: &Dag, fold: &Fold, at: At) -> String {
    let left = matches!(&dag.get(at).kind, Kind::Ending(Ending { right: Right::Own, .. }));
    let said = cuts_of(dag, at).filter_map(|cut| dag.reasons.get(&cut)).flatten().copied();
    let heard = said.filter(|why| left || fold.stands_by_its_past(dag, *why));
    let first = heard.min_by_key(|why| dag.get(*why).rank());
    match first.map(|why| &dag.get(why).kind) {
        Some(Kind::Because { reason, .. }) => reason.clone(),
        _ => String::new(),
    }
}

fn fell(dag: &Dag, fold: &Fold, at: At) -> Option<Reason> {
    match &dag.get(at).kind {
        Kind::Ending(_) if fold.in_force.contains(&at) => None,
        Kind::Ending(Ending { right: Right::Rule(under), .. }) => Some(match fold.place(*under) {
            None => Reason::Unfounded(dag.get(*under).id),
            Some(_) if fold.stands_by_its_past(dag, at) => Reason::TimeOver,
            Some(_) => Reason::Author,
        }),
        Kind::Admission(_) if fold.gives[at] => None,
        Kind::Admission(_) if fold.counts[at] => Some(Reason::TimeOver),
        _ => Some(Reason::Author),
    }
}
