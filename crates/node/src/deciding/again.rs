//! What fell: telling those who proposed it, and proposing it again.

use commonplace_governance::{Act, Decision, OwnAct, OwnWord, Roll};
use commonplace_model::{CommonsId, MemberId, RecordId};

use super::{Outcome, all_decisions, words};
use crate::{
    core::Core,
    error::{Error, ErrorCode, Result},
    view::{Event, Proposed},
};

/// How something that a member proposed or did stands, as far as falling goes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Height {
    Fallen,
    Open,
    Stands,
}

fn height(roll: &Roll, act: &RecordId) -> Option<Height> {
    if let Some(word) = roll.own_word(act) {
        return Some(if word.fell.is_some() { Height::Fallen } else { Height::Stands });
    }
    Some(match words::outcome(&roll.decision(act)?.standing) {
        Outcome::Fallen => Height::Fallen,
        Outcome::Open => Height::Open,
        Outcome::ForNow | Outcome::ForGood => Height::Stands,
    })
}

/// What of a member's proposals and words fell from one state of a roll to the next: it stood or could be decided, and does not
/// or cannot any more.
pub(crate) fn fell(before: &Roll, now: &Roll, member: &MemberId) -> Vec<RecordId> {
    let acts = before.acts_of(member).into_iter();
    acts.filter(|act| height(now, act) < height(before, act)).collect()
}

/// Whether two acts do the same, whatever they know of somebody's work.
fn is_same(one: &Act, other: &Act) -> bool {
    match (one, other) {
        (Act::Remove { member: one, .. }, Act::Remove { member: other, .. }) => one == other,
        _ => one == other,
    }
}

/// Whether a decision fell, and nobody has proposed the same since.
pub(super) fn is_worth_it(all: &[Decision], decision: &Decision) -> bool {
    let fallen = |decision: &Decision| words::outcome(&decision.standing) == Outcome::Fallen;
    let instead = |other: &Decision| !fallen(other) && is_same(&other.proposal.act, &decision.proposal.act);
    fallen(decision) && !all.iter().any(instead)
}

/// Whether a removal by one's own word fell, and it would still be one.
pub(super) fn is_worth_a_proposal(roll: &Roll, word: &OwnWord) -> bool {
    matches!(word.act, OwnAct::Removed(member) if roll.member(&member).is_some()) && word.fell.is_some()
}

impl Core {
    /// What proposing something again means now, and the reason that was given for it.
    pub(super) fn again(&mut self, id: CommonsId, reference: &str) -> Result<(Act, String)> {
        let commons = id.to_string();
        let (_, act) = self.find_decision(Some(&commons), reference)?;
        let roll = &self.held_commons(id)?.roll;
        if let Some(word) = roll.own_word(&act) {
            return match word.act {
                OwnAct::Removed(member) if word.fell.is_some() => {
                    let proposed = Proposed::Remove { member: member.to_string() };
                    Ok((self.act_of(id, &proposed)?, word.reason))
                }
                _ => Err(stands()),
            };
        }
        let all = all_decisions(roll);
        let decision = all.iter().find(|d| d.id == act).ok_or_else(|| Error::internal("a decision that is gone"))?;
        match words::outcome(&decision.standing) {
            Outcome::ForGood | Outcome::ForNow => return Err(stands()),
            Outcome::Open => {
                return Err(Error::new(
                    ErrorCode::Exists,
                    "That is proposed and can still be decided: its electors answer it. Nothing was proposed.",
                ));
            }
            Outcome::Fallen => {}
        }
        if !is_worth_it(&all, decision) {
            return Err(Error::new(
                ErrorCode::Exists,
                "The same was proposed again already, and stands or can be decided. Nothing was proposed.",
            ));
        }
        let (act, reason) = (decision.proposal.act.clone(), decision.proposal.reason.clone());
        Ok((self.as_now(id, act)?, reason))
    }

    /// An act as it would be proposed now: refused where it is so already or cannot be, and with all that is known now.
    fn as_now(&mut self, id: CommonsId, act: Act) -> Result<Act> {
        let proposed = match &act {
            Act::Licence(licence) => Proposed::Licence { licence: licence.clone() },
            Act::Charter { name: Some(name), purpose: None, text: None } => Proposed::Name { name: name.clone() },
            Act::Charter { name: None, purpose: Some(purpose), text: None } => {
                Proposed::Purpose { purpose: purpose.clone() }
            }
            Act::Charter { name: None, purpose: None, text: Some(text) } => Proposed::Text { text: text.clone() },
            Act::Policy(policy) => Proposed::Admission { admission: words::admission(*policy) },
            Act::Grant(member) => Proposed::Grant { member: member.to_string() },
            Act::End(member) => Proposed::End { member: member.to_string() },
            Act::Remove { member, .. } => Proposed::Remove { member: member.to_string() },
            Act::Hide(page) => Proposed::Hide { page: page.to_string() },
            Act::Restore(page) => Proposed::Restore { page: page.to_string() },
            Act::FoundAnew { page, anew } => Proposed::Anew { page: page.to_string(), anew: anew.to_string() },
            Act::Roster => Proposed::Roster,
            Act::Admit(request) if self.held_commons(id)?.roll.member_of(&request.device).is_some() => {
                return Err(Error::new(ErrorCode::Exists, "They are in already. Nothing was proposed."));
            }
            // What these name does not change, and the roll refuses what makes no sense any more.
            Act::Model { .. } | Act::Charter { .. } | Act::Readmit { .. } | Act::Rebind { .. } | Act::Admit(_) => {
                return Ok(act);
            }
        };
        self.act_of(id, &proposed)
    }

    /// Tells this person what of theirs fell, and why.
    pub(crate) fn tell_fallen(&self, id: CommonsId, fell: &[RecordId]) -> Result<()> {
        for act in fell {
            let view = self.decision_view(id, *act)?;
            self.tell(Event::Fell { commons: id.to_string(), decision: view.row, why: view.why });
        }
        Ok(())
    }
}

fn stands() -> Error {
    Error::new(ErrorCode::Exists, "That stands: there is nothing to propose again. Nothing was proposed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_falls_is_lower_than_it_was() {
        assert!(Height::Fallen < Height::Open && Height::Open < Height::Stands);
        assert!(None < Some(Height::Fallen), "what is not known has not fallen from anything");
    }
}
