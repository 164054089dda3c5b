//! Deciding: the charter, proposals and votes; what may be acknowledged is, without asking anybody.
//!
//! The roll decides; here words of people become acts, and what the roll knows becomes words.
//!
//! Invariant: whenever records came, what is due is acknowledged by this device, and nothing twice: an acknowledgement is a
//! record itself, and what is acknowledged is due no longer.

mod acts;
mod again;
mod answers;
mod explained;
mod own;
mod words;

use explained::Known;
use words::Names;

pub(crate) use again::fell;

use std::collections::BTreeMap;

use commonplace_governance::{
    Act, Body, Charter, Decision, Introduction, Model, Policy, Proposal, Roll, RollError, body::member_of,
};
use commonplace_model::{CommonsId, DeviceId, MemberId, RecordId, shown};
use commonplace_trust::{DeviceKey, VerifiedRecord};

use crate::{
    commons::{Commons, ID_BEGINNING},
    core::Core,
    error::{Error, ErrorCode, Result},
    profile,
    view::{
        Admission, Answer, CharterView, Deciding, DecisionRow, DecisionView, Event, Named, Outcome, Proposed,
        Resolution,
    },
};

/// Once in which a person came into a commons.
pub(crate) struct Coming {
    /// The record that made the device theirs.
    standing: RecordId,
    member: MemberId,
    device: DeviceId,
    person: Introduction,
}

impl Coming {
    /// Whom a record takes in, if it is such a one.
    pub(crate) fn by(record: &VerifiedRecord) -> Option<Self> {
        let (device, person) = match Body::decode(&record.draft().body)? {
            Body::Genesis(genesis) => (record.draft().author, genesis.founder),
            Body::Admission(admission) => (admission.request.device, admission.request.person),
            Body::Proposal(proposal) => match proposal.act {
                Act::Admit(request) => (request.device, request.person),
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { standing: record.id(), member: member_of(record.commons(), device), device, person })
    }
}

/// What the roll refused, in words.
pub(crate) fn refused(error: &RollError) -> Error {
    match error {
        RollError::NotAMember => Error::new(
            ErrorCode::NotAMember,
            "This device belongs to no member of that commons any more, so nothing was said in it. What is on this device \
             stays here. To take part again, ask a member for a ticket.",
        ),
        RollError::NoRight => Error::new(
            ErrorCode::NotAllowed,
            "The charter does not let you do that by your own word. Nothing was changed: propose it to those who decide.",
        ),
        RollError::Policy => Error::new(
            ErrorCode::NotAllowed,
            "The charter has people come in another way. Nothing was changed: the charter says how they come.",
        ),
        RollError::Spent => Error::bad(format!("{} Nothing was changed.", answers::Refusal::Spent.words())),
        RollError::Unfit => Error::bad(
            "As things stand here, that cannot be said: something it builds on has changed. Nothing was changed: look at \
             the decisions and the charter, and try again.",
        ),
        RollError::Record(_) => Error::new(
            ErrorCode::TooLarge,
            "That is more than one record can hold. Nothing was changed: say it in fewer words.",
        ),
        RollError::NoGenesis => Error::internal(error),
    }
}

impl Core {
    /// Signs records, keeps them and sends them on.
    pub(crate) fn write_records(
        &mut self,
        id: CommonsId,
        write: impl FnOnce(&mut Roll, &DeviceKey) -> Result<Vec<VerifiedRecord>, RollError>,
    ) -> Result<Vec<RecordId>> {
        let mut roll = self.held_commons(id)?.roll.clone();
        let records = write(&mut roll, &self.key).map_err(|error| refused(&error))?;
        let ids = records.iter().map(VerifiedRecord::id).collect();
        let new = self.add_records(id, records)?;
        self.pass_on_records(id, &new, None);
        Ok(ids)
    }

    /// Signs a record that says this, keeps it and sends it on.
    pub(crate) fn write_record(&mut self, id: CommonsId, body: &Body) -> Result<()> {
        self.write_records(id, |roll, key| Ok(vec![roll.write(body, key)?])).map(drop)
    }

    /// Acknowledges what this device can without asking its person.
    pub(crate) fn acknowledge(&mut self, id: CommonsId) -> Result<()> {
        let Some(held) = self.commons.get(&id) else { return Ok(()) };
        if held.roll.due(&self.device()).is_empty() {
            return Ok(());
        }
        self.write_records(id, |roll, key| {
            let mut seals = Vec::new();
            for proposal in roll.due(&key.id()) {
                // One may have become out of date by the one before it.
                match roll.seal(proposal, key) {
                    Ok(seal) => seals.push(seal),
                    Err(error) => tracing::debug!(%error, %proposal, "not acknowledged"),
                }
            }
            Ok(seals)
        })
        .map(drop)
    }

    /// Acknowledges what is due after what is being done now: then others have what it builds on.
    pub(crate) fn acknowledge_soon(&self, id: CommonsId) {
        let _ = self.mailbox.urgent(move |core| {
            if let Err(error) = core.acknowledge(id) {
                core.trouble(&error);
            }
        });
    }

    /// The model in force, apart from its numbers.
    pub(crate) fn deciding(roll: &Roll) -> Deciding {
        words::deciding(roll.footing().model)
    }

    /// A member, also a former one, by name.
    pub(crate) fn named(&self, commons: &Commons, id: MemberId) -> Named {
        let of_roll = commons.roll.member(&id).map(|member| &member.person);
        let person = of_roll.or_else(|| commons.came.iter().rfind(|c| c.member == id).map(|c| &c.person));
        let said = self.store.profile_of(commons.roll.commons(), id).ok().flatten();
        let (name, ink) = said
            .or_else(|| person.map(|person| (person.name.clone(), person.ink)))
            .unwrap_or_else(|| (format!("somebody ({})", id.short()), 0));
        Named { member: id.to_string(), name: shown(&name), ink: profile::ink(ink), you: id == commons.me }
    }

    fn all_named<'a>(&self, commons: &Commons, ids: impl IntoIterator<Item = &'a MemberId>) -> Vec<Named> {
        let mut all: Vec<_> = ids.into_iter().map(|id| self.named(commons, *id)).collect();
        all.sort_by(|a, b| (!a.you, a.name.to_lowercase(), &a.member).cmp(&(!b.you, b.name.to_lowercase(), &b.member)));
        all
    }

    pub(crate) fn charter(&mut self, commons: &str) -> Result<CharterView> {
        let id = self.find_commons(commons)?;
        let held = self.held_commons(id)?;
        let (charter, footing): (&Charter, _) = (held.roll.charter(), held.roll.footing());
        let here = |member: &&MemberId| held.roll.member(member).is_some();
        let waiting = held.roll.members().map(|member| &member.id).filter(|id| !footing.electors.contains(id));
        Ok(CharterView {
            commons: id.to_string(),
            name: held.name(),
            purpose: charter.purpose.clone(),
            licence: shown(&charter.licence),
            text: charter.text.clone(),
            deciding: words::deciding(footing.model),
            needed: match footing.model {
                Model::Stewards { needed } => Some(needed.into()),
                _ => None,
            },
            quorum: match footing.model {
                Model::Consent { quorum } => Some(quorum.into()),
                _ => None,
            },
            meaning: words::meaning(footing.model, footing.electorate().len()),
            admission: words::admission(footing.policy),
            admission_meaning: words::admission_meaning(footing.policy).to_owned(),
            stewards: self.all_named(held, held.roll.stewards()),
            electors: self.all_named(held, footing.electors.iter().filter(here)),
            waiting: self.all_named(held, waiting),
            stuck: stuck(&held.roll),
        })
    }

    pub(crate) fn propose(&mut self, commons: &str, proposed: &Proposed, reason: &str) -> Result<Resolution> {
        let id = self.find_commons(commons)?;
        let mut reason = reason_of(reason)?;
        let act = match proposed {
            Proposed::Again { decision } => {
                let (act, before) = self.again(id, decision)?;
                if reason.is_empty() {
                    reason = before;
                }
                act
            }
            _ => self.act_of(id, proposed)?,
        };
        if let Act::Remove { member, .. } = act
            && self.may_remove(id)?
        {
            return self.remove(id, member, &reason);
        }
        let what = self.what(id, &act);
        let written = self.write_records(id, |roll, key| Ok(vec![roll.propose(act, reason, key)?]));
        let proposal = written.map_err(|error| match error.code {
            ErrorCode::BadArgument => Error::bad(format!(
                "“{what}” cannot be proposed as things stand: it would leave nobody who decides, or it is about somebody \
                 whom no decision can take in. Nothing was proposed."
            )),
            _ => error,
        })?;
        self.acknowledge(id)?;
        let proposal = *proposal.first().ok_or_else(|| Error::internal("a proposal without a record"))?;
        let decision = self.decision_view(id, proposal)?;
        let said = match decision.row.outcome {
            Outcome::ForGood => "This counts from now on, and for good: it takes another decision to change it.",
            Outcome::ForNow if decision.electorate.is_empty() => {
                "This counts from now on. Any member can undo it by another act."
            }
            Outcome::ForNow => {
                "This counts from now on. It is final once more than half of those who decide know of it."
            }
            Outcome::Open | Outcome::Fallen => "This is proposed, and counts once it has what it needs.",
        };
        let mut said = said.to_owned();
        if decision.row.outcome == Outcome::Open && !decision.beside.is_empty() {
            said = format!("{said} {}", decision.beside);
        }
        Ok(Resolution { said, decision: Some(decision) })
    }

    /// Whether the charter lets this person remove others by their own word.
    fn may_remove(&self, id: CommonsId) -> Result<bool> {
        let held = self.held_commons(id)?;
        let footing = held.roll.footing();
        Ok(match footing.model {
            Model::Open => true,
            Model::Stewards { needed: 1 } => footing.stewards.contains(&held.me),
            Model::Stewards { .. } | Model::Consent { .. } | Model::Majority => false,
        })
    }

    fn remove(&mut self, id: CommonsId, member: MemberId, reason: &str) -> Result<Resolution> {
        let name = self.named(self.held_commons(id)?, member).name;
        let word = self.remove_member(id, member, reason)?;
        self.acknowledge(id)?;
        let said = format!(
            "{name} is a member no longer. What they hold on their devices, they keep. They can come back with a new ticket, \
             or be taken back by a decision."
        );
        Ok(Resolution { said, decision: Some(self.decision_view(id, word)?) })
    }

    pub(crate) fn vote(&mut self, commons: Option<&str>, decision: &str, answer: Answer) -> Result<DecisionView> {
        let (id, proposal) = self.find_decision(commons, decision)?;
        let held = self.held_commons(id)?;
        if held.roll.own_word(&proposal).is_some() {
            return Err(Error::bad(
                "A member did this by their own word, so there is nothing to vote on. Nothing was changed.",
            ));
        }
        let all = all_decisions(&held.roll);
        let about = all.iter().find(|d| d.id == proposal).ok_or_else(|| Error::internal("a decision that is gone"))?;
        if let Some(refusal) = answers::refusal(&all, about, held.me, answer) {
            let names = Known { core: self, commons: held };
            let words = match answers::backs(&all, about, held.me) {
                Some(other) if refusal == answers::Refusal::Spent => format!(
                    "Your one ballot of this round is spent on {}, and cannot be taken back. Nothing was changed.",
                    names.decision(other)
                ),
                _ => format!("{} Nothing was changed.", refusal.words()),
            };
            return Err(Error::new(refusal.code(), words));
        }
        self.write_records(id, |roll, key| Ok(vec![roll.vote(proposal, answers::choice(answer), key)?]))?;
        self.acknowledge(id)?;
        self.decision_view(id, proposal)
    }

    pub(crate) fn decisions(&mut self, commons: &str) -> Result<Vec<DecisionRow>> {
        let id = self.find_commons(commons)?;
        let held = self.held_commons(id)?;
        let all = all_decisions(&held.roll);
        let by_id: BTreeMap<_, _> = all.iter().map(|decision| (decision.id, decision)).collect();
        let row = |act: &RecordId| match by_id.get(act) {
            Some(decision) => Some(self.decision_row(held, &all, decision)),
            None => held.roll.own_word(act).map(|word| self.own_row(held, &word)),
        };
        Ok(held.roll.acts().iter().rev().filter_map(row).collect())
    }

    pub(crate) fn decision(&mut self, commons: Option<&str>, decision: &str) -> Result<DecisionView> {
        let (id, proposal) = self.find_decision(commons, decision)?;
        self.decision_view(id, proposal)
    }

    /// The proposal that a person means, by its id or the beginning of one.
    fn find_decision(&self, commons: Option<&str>, reference: &str) -> Result<(CommonsId, RecordId)> {
        let wanted = reference.trim().to_lowercase();
        let within = commons.map(|commons| self.find_commons(commons)).transpose()?;
        let places = self.commons.iter().filter(|(id, _)| within.is_none_or(|within| within == **id));
        let all = places.flat_map(|(id, held)| held.roll.acts().into_iter().map(|act| (*id, act)));
        let meant =
            |(_, id): &(CommonsId, RecordId)| wanted.len() >= ID_BEGINNING && id.to_string().starts_with(&wanted);
        let found: Vec<_> = all.filter(meant).collect();
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(Error::new(
                ErrorCode::NotFound,
                format!(
                    "There is no decision here whose id begins with “{}”. Nothing was changed: the list of decisions has \
                     their ids.",
                    reference.trim()
                ),
            )),
            _ => Err(Error::new(
                ErrorCode::Ambiguous,
                format!(
                    "Several decisions begin with “{}”. Nothing was changed: give more of the id.",
                    reference.trim()
                ),
            )),
        }
    }

    /// Tells that what was proposed, said or asked in a commons may have changed.
    pub(crate) fn tell_decisions(&self, id: CommonsId) {
        self.tell(Event::Decisions { commons: id.to_string() });
    }
}

/// A reason as somebody gave it.
pub(crate) fn reason_of(given: &str) -> Result<String> {
    let reason = given.trim();
    if reason.len() > Proposal::MAX_REASON {
        return Err(Error::bad("A reason can have at most 1,000 bytes. Nothing was changed."));
    }
    Ok(reason.to_owned())
}

/// Why nothing can be decided any more, or nothing for good, in words; nothing where all is well.
pub(crate) fn stuck(roll: &Roll) -> String {
    words::stuck(roll.able(), roll.footing().policy)
}

/// All decisions of a roll, each after those it builds on.
fn all_decisions(roll: &Roll) -> Vec<Decision> {
    roll.proposals().iter().filter_map(|id| roll.decision(id)).collect()
}

/// The number by which a commons is founded with a way of deciding.
pub(crate) fn number(deciding: Deciding) -> u8 {
    let model = match deciding {
        Deciding::Open => Model::Open,
        Deciding::Stewards => Model::Stewards { needed: 1 },
        Deciding::Consent => Model::Consent { quorum: 50 },
        Deciding::Majority => Model::Majority,
    };
    model.number()
}

/// The policy that an admission is.
fn policy(admission: Admission) -> Policy {
    match admission {
        Admission::Ticket => Policy::Ticket,
        Admission::Vouched => Policy::Vouched,
        Admission::Decision => Policy::Decision,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_roll_refuses_is_said_in_words() {
        let all = [RollError::NotAMember, RollError::NoRight, RollError::Policy, RollError::Spent, RollError::Unfit];
        for error in all {
            let words = refused(&error).message;
            assert!(words.contains("Nothing was changed") || words.contains("stays here"), "{words}");
        }
        assert_eq!(refused(&RollError::NotAMember).code, ErrorCode::NotAMember);
        assert_eq!(refused(&RollError::NoGenesis).code, ErrorCode::Internal);
    }
}
