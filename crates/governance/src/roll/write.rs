//! Saying something in the roll: records signed on top of all that counts.
//!
//! Invariant: nothing is signed here that would count for nothing as things are known.

use commonplace_model::{DeviceId, MemberId, RecordId};
use commonplace_trust::{DeviceKey, Draft, VerifiedRecord, VerifiedTwins};

use super::{Added, Roll, RollError};
use crate::{
    ballot::{self, Poll},
    body::{
        Act, Admission, Body, Choice, Cut, DeviceRevocation, JoinRequest, Policy, Proposal, Removal, Seal, TwinsProved,
        Vote,
    },
    dag::{At, Kind, Whom},
    decide::{Said, Spends, rule_of},
    footing::Footing,
};

impl Roll {
    /// Signs a record that says this, on top of all that counts, and folds it.
    ///
    /// # Errors
    /// When the device is no member's, the charter does not allow it, or the record is too large.
    pub fn write(&mut self, body: &Body, key: &DeviceKey) -> Result<VerifiedRecord, RollError> {
        let record = self.sign(body, key)?;
        self.fold_own(&record)?;
        Ok(record)
    }

    fn sign(&self, body: &Body, key: &DeviceKey) -> Result<VerifiedRecord, RollError> {
        let standing = self.outcome.devices.get(&key.id()).ok_or(RollError::NotAMember)?;
        self.check(body, standing.member)?;
        let draft = Draft {
            commons: Some(self.commons),
            author: key.id(),
            authority: Some(standing.by),
            // What does not count is not built on, or it would be covered by whatever ends its author next.
            parents: self.outcome.tips.iter().take(VerifiedRecord::MAX_PARENTS).copied().collect(),
            body: body.encode(),
        };
        Ok(VerifiedRecord::sign(draft, key)?)
    }

    fn fold_own(&mut self, record: &VerifiedRecord) -> Result<(), RollError> {
        match self.add(record) {
            Added::Folded | Added::Known => Ok(()),
            Added::Ignored | Added::Waiting | Added::Invalid => Err(RollError::Unfit),
        }
    }

    fn check(&self, body: &Body, author: MemberId) -> Result<(), RollError> {
        match body {
            Body::Admission(admission) => match self.footing().policy {
                Policy::Ticket => Ok(()),
                Policy::Vouched if self.is_vouched_for(&admission.request.device) => Ok(()),
                Policy::Vouched | Policy::Decision => Err(RollError::Policy),
            },
            Body::Removal(removal) => {
                let decided = self.dag.find(&removal.under).is_some_and(|at| self.fold.in_force.contains(&at));
                if removal.member == author || decided || self.footing().may_remove(&author) {
                    Ok(())
                } else {
                    Err(RollError::NoRight)
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether an elector vouched for the person at a device.
    pub fn is_vouched_for(&self, device: &DeviceId) -> bool {
        let vouches = self.dag.vouches.get(device).into_iter().flatten();
        vouches
            .filter(|at| self.fold.counts[**at])
            .any(|at| self.footing().electors.contains(&self.dag.get(*at).member))
    }

    /// The admission that answers a request, if it is one that this device may answer.
    ///
    /// # Errors
    /// As [`Roll::write`]; [`RollError::Policy`] when somebody has to vouch first, or it takes a decision, see
    /// [`Act::Admit`].
    pub fn admit_request(&mut self, request: JoinRequest, key: &DeviceKey) -> Result<VerifiedRecord, RollError> {
        self.write(&Body::Admission(Admission { request }), key)
    }

    /// Removes a member, or leaves: one record for each cut, at least one. When it was decided to remove them, the cuts are
    /// joined with the decision's.
    ///
    /// # Errors
    /// As [`Roll::write`]; [`RollError::NoRight`] when that takes a decision, see [`Act::Remove`].
    pub fn remove(
        &mut self,
        member: MemberId,
        cuts: Vec<Cut>,
        key: &DeviceKey,
    ) -> Result<Vec<VerifiedRecord>, RollError> {
        let decided = self.fold.in_force.iter().find(|at| {
            let act = self.dag.motion(**at).map(|motion| &motion.proposal.act);
            matches!(act, Some(Act::Remove { member: whom, .. }) if *whom == member)
        });
        let under = self.dag.get(decided.copied().unwrap_or(self.last())).id;
        let cuts = if cuts.is_empty() { vec![Cut::default()] } else { cuts };
        // All are signed before any is folded: who leaves can say nothing after the first.
        let sign = |cut| self.sign(&Body::Removal(Removal { member, under, cut }), key);
        let records: Vec<VerifiedRecord> = cuts.into_iter().map(sign).collect::<Result<_, _>>()?;
        for record in &records {
            self.fold_own(record)?;
        }
        Ok(records)
    }

    /// Revokes another device of the same member: one record for each cut, at least one.
    ///
    /// # Errors
    /// As [`Roll::write`]; [`RollError::Unfit`] when that is no other device of this member in good standing.
    pub fn revoke(
        &mut self,
        device: DeviceId,
        cuts: Vec<Cut>,
        key: &DeviceKey,
    ) -> Result<Vec<VerifiedRecord>, RollError> {
        let standing = self.outcome.devices.get(&device).ok_or(RollError::Unfit)?.by;
        let cuts = if cuts.is_empty() { vec![Cut::default()] } else { cuts };
        let sign = |cut| self.sign(&Body::DeviceRevocation(DeviceRevocation { standing, cut }), key);
        let records: Vec<VerifiedRecord> = cuts.into_iter().map(sign).collect::<Result<_, _>>()?;
        for record in &records {
            self.fold_own(record)?;
        }
        Ok(records)
    }

    /// Puts in the proof that a device wrote in two ways: one record for each cut, at least one.
    ///
    /// # Errors
    /// As [`Roll::write`]; [`RollError::Unfit`] when that device never was a member's here.
    pub fn prove(
        &mut self,
        proof: &VerifiedTwins,
        cuts: Vec<Cut>,
        key: &DeviceKey,
    ) -> Result<Vec<VerifiedRecord>, RollError> {
        let device = proof.device();
        let gives = |entry: &crate::dag::Entry| entry.gives().is_some_and(|(given, _)| given == device);
        let standing = self.dag.entries().map(|(_, entry)| entry).filter(|entry| gives(entry)).map(|entry| entry.id);
        let standing = standing.min().ok_or(RollError::Unfit)?;
        let cuts = if cuts.is_empty() { vec![Cut::default()] } else { cuts };
        let body = |cut| Body::Twins(Box::new(TwinsProved { standing, proof: proof.bytes().to_vec(), cut }));
        let records: Vec<VerifiedRecord> =
            cuts.into_iter().map(|cut| self.sign(&body(cut), key)).collect::<Result<_, _>>()?;
        for record in &records {
            self.fold_own(record)?;
        }
        Ok(records)
    }

    /// Proposes something, after the last decision, in the round that is open. Members whom no decision has taken in yet are
    /// taken in by this one, and those who went are left out.
    ///
    /// # Errors
    /// As [`Roll::write`].
    pub fn propose(&mut self, act: Act, reason: String, key: &DeviceKey) -> Result<VerifiedRecord, RollError> {
        let footing = self.footing();
        let is_step = footing.is_step(&act);
        let proposal = Proposal {
            after: self.dag.get(self.last()).id,
            round: if is_step { self.round() } else { 0 },
            newcomers: if is_step { self.newcomers(footing) } else { Vec::new() },
            departed: if is_step { self.departed(footing) } else { Vec::new() },
            act,
            reason,
        };
        self.write(&Body::Proposal(Box::new(proposal)), key)
    }

    /// Answers a proposal.
    ///
    /// # Errors
    /// As [`Roll::write`]; [`RollError::Unfit`] when this member is no elector, or the model knows no such answer.
    pub fn vote(&mut self, proposal: RecordId, choice: Choice, key: &DeviceKey) -> Result<VerifiedRecord, RollError> {
        self.write(&Body::Vote(Vote { proposal, choice }), key)
    }

    /// Acknowledges a proposal.
    ///
    /// # Errors
    /// As [`Roll::vote`], and when the proposal does not have what it needs.
    pub fn seal(&mut self, proposal: RecordId, key: &DeviceKey) -> Result<VerifiedRecord, RollError> {
        self.write(&Body::Seal(Seal { proposal }), key)
    }

    /// Proposals that this device can acknowledge without asking its person: those that have what they need, are not sealed,
    /// and have no rival that does, in rounds in which the person's ballot is not spent. Also one that they are for already,
    /// when all that is known here would seal it: electors who acknowledged at once, none knowing of the others, have sealed
    /// nothing until one of them says it again.
    pub fn due(&self, device: &DeviceId) -> Vec<RecordId> {
        let Some(standing) = self.outcome.devices.get(device) else { return Vec::new() };
        let mut due = Vec::new();
        for (place, (decision, footing)) in self.fold.chain.iter().enumerate() {
            if footing.electorate().contains(&standing.member) {
                let next = self.fold.chain.get(place + 1).map(|(at, _)| *at);
                let round = next.map_or_else(|| self.round(), |at| self.dag.step(at).1);
                due.extend(self.due_in((*decision, round), next, footing, standing.member));
            }
        }
        due
    }

    /// The proposal of a round to acknowledge: the one that stands, or the only one that could.
    fn due_in(&self, step: (At, u16), stands: Option<At>, footing: &Footing, me: MemberId) -> Option<RecordId> {
        let rule = rule_of(footing.model);
        let poll = self.fold.poll(&self.dag, step, footing);
        let can_be_sealed = |at: &At| {
            self.dag.motion(*at).is_some_and(|motion| motion.footing.is_some())
                && !self.dag.sealed.contains_key(at)
                && stands.is_none_or(|stands| stands == *at)
                && rule.weigh(&poll.tally(*at, footing.electorate().len())).ripe
        };
        let ripe: Vec<At> = self.dag.motions.get(&step)?.iter().copied().filter(can_be_sealed).collect();
        // To choose between several is the person's own.
        let [one] = ripe.as_slice() else { return None };
        let spends = rule.spends(Said::Acknowledged) == Some(Spends::OnIt);
        let done = spends && poll.has_spent(&me) || poll.has_said(*one, &me, Said::Acknowledged);
        (!done || self.would_seal(*one, &poll, footing, me)).then(|| self.dag.get(*one).id)
    }

    /// Whether a member who is for a proposal already would seal it by acknowledging it once more.
    fn would_seal(&self, proposal: At, poll: &Poll, footing: &Footing, me: MemberId) -> bool {
        let rule = rule_of(footing.model);
        let said = |what| rule.spends(what) == Some(Spends::OnIt) && poll.has_said(proposal, &me, what);
        let is_for_it = said(Said::Acknowledged) || said(Said::Voted(Choice::Yes));
        if !is_for_it || !rule.weigh(&poll.tally(proposal, footing.electorate().len())).sealed {
            return false;
        }
        // As a record signed now would see it: else it would be said again and again.
        let tips = self.outcome.tips.iter().take(VerifiedRecord::MAX_PARENTS).filter_map(|id| self.dag.find(id));
        let past = self.dag.past(&tips.collect::<Vec<_>>());
        ballot::weigh_in(&self.dag, proposal, footing, &past).sealed
    }

    /// The last decision that stands.
    fn last(&self) -> At {
        self.fold.chain.last().map_or(0, |(at, _)| *at)
    }

    /// The round in which something can be decided after the last decision.
    fn round(&self) -> u16 {
        let footing = self.footing();
        let (rule, electors) = (rule_of(footing.model), footing.electorate().len());
        let is_over = |round| self.fold.poll(&self.dag, (self.last(), round), footing).is_exhausted(&*rule, electors);
        (0..u16::MAX).find(|round| !is_over(*round)).unwrap_or(u16::MAX)
    }

    fn newcomers(&self, footing: &Footing) -> Vec<RecordId> {
        let new = self.outcome.members.values().filter(|member| !footing.electors.contains(&member.id));
        let is_admission =
            |id: &RecordId| self.dag.find(id).is_some_and(|at| matches!(self.dag.get(at).kind, Kind::Admission(_)));
        let admissions = new.map(|member| member.by).filter(is_admission);
        let mut ids: Vec<RecordId> = admissions.take(Proposal::MAX_NEWCOMERS).collect();
        ids.sort_unstable();
        ids
    }

    fn departed(&self, footing: &Footing) -> Vec<RecordId> {
        let gone = footing.electors.iter().filter(|member| !self.outcome.members.contains_key(member));
        let endings = gone.filter_map(|member| {
            let all = self.dag.endings_of.get(&Whom::Member(*member)).into_iter().flatten();
            let is_removal = |at: &&At| matches!(self.dag.get(**at).kind, Kind::Ending(_));
            let in_force = all.filter(is_removal).filter(|at| self.fold.in_force.contains(at));
            in_force.map(|at| self.dag.get(*at).id).min()
        });
        let mut ids: Vec<RecordId> = endings.take(Proposal::MAX_DEPARTED).collect();
        ids.sort_unstable();
        ids
    }
}
