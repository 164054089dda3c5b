//! Whether a record is valid: by itself and its ancestors alone.
//!
//! Valid is what is well formed, within bounds, rightly signed, written under a standing that it names, and allowed by the
//! records that it builds on. That never changes, whatever else arrives. Whether a valid record also *counts* is another
//! question, which the whole set answers ([`crate::state`]).
//!
//! Deliberately absent: endings. Whether somebody's removal stands may depend on records that are not ancestors of theirs,
//! so their later records stay valid and count for nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use commonplace_model::{CommonsId, DeviceId, MemberId, RecordId};
use commonplace_trust::{Draft, VerifiedRecord, VerifiedTwins};

use crate::{
    ballot,
    body::{
        Act, Admission, Because, Body, Cut, DeviceCertificate, DeviceRevocation, Proposal, Removal, TwinsProved, Vote,
        member_of,
    },
    dag::{Admitted, At, Dag, Ending, Entry, Kind, Motion, Past, Right, Whom},
    decide::{Said, rule_of},
    footing::Footing,
    own,
};

/// What a record turned out to be.
pub(crate) enum Judged {
    /// Valid.
    Valid(Box<Entry>),
    /// It builds on a record that is not known.
    Missing(RecordId),
    /// Not valid, and never will be.
    Invalid,
}

/// Why a record gives no entry of its kind.
enum Unfit {
    /// It says what nothing can make right.
    Invalid,
    /// It leans on something that this version does not understand, so it cannot be understood either.
    Unknown,
}

/// What judges a record.
pub(crate) struct Judge<'a> {
    pub(crate) dag: &'a Dag,
    pub(crate) commons: CommonsId,
    pub(crate) first: &'a Arc<Footing>,
}

/// Who writes a record.
struct Author {
    device: DeviceId,
    member: MemberId,
}

impl Judge<'_> {
    /// Judges a record that is no genesis.
    pub(crate) fn judge(&self, record: &VerifiedRecord) -> Judged {
        let draft = record.draft();
        let (Some(commons), Some(authority)) = (draft.commons, draft.authority) else {
            return Judged::Invalid;
        };
        if commons != self.commons || draft.parents.is_empty() {
            return Judged::Invalid;
        }
        let body = Body::decode(&draft.body);
        let mut links = BTreeSet::new();
        for id in draft.parents.iter().copied().chain([authority]).chain(named(body.as_ref())) {
            let Some(at) = self.dag.find(&id) else { return Judged::Missing(id) };
            links.insert(at);
        }
        // Standing comes from one ancestor by name, so nobody else's records can give or take it.
        let standing = self.dag.find(&authority).map(|at| (at, self.dag.get(at)));
        let Some((authority, by)) = standing.filter(|(_, by)| by.gives().is_some_and(|(d, _)| d == draft.author))
        else {
            return Judged::Invalid;
        };
        let author = Author { device: draft.author, member: by.gives().map_or(by.member, |(_, member)| member) };
        let links: Vec<At> = links.into_iter().collect();
        let kind = match body {
            None => Ok(Kind::Ignored),
            Some(body) if !body.is_fair() => Err(Unfit::Invalid),
            Some(body) => self.kind(body, &author, &links),
        };
        let kind = match kind {
            Ok(kind) => kind,
            Err(Unfit::Unknown) => Kind::Ignored,
            Err(Unfit::Invalid) => return Judged::Invalid,
        };
        Judged::Valid(Box::new(Entry {
            id: record.id(),
            author: author.device,
            member: author.member,
            height: 1 + links.iter().map(|at| self.dag.get(*at).height).max().unwrap_or(0),
            authority,
            root: if matches!(by.kind, Kind::Certificate { .. }) { by.root } else { authority },
            links,
            size: record.bytes().len() as u64,
            kind,
        }))
    }

    fn kind(&self, body: Body, author: &Author, links: &[At]) -> Result<Kind, Unfit> {
        match body {
            Body::Genesis(_) => Err(Unfit::Invalid),
            Body::Invitation(invitation) => Ok(Kind::Invitation(invitation)),
            Body::InvitationClosed(closed) => Ok(Kind::Closed(closed.key)),
            Body::Vouch(vouch) => Ok(Kind::Vouch(vouch.device)),
            Body::Admission(admission) => self.admission(admission, links),
            Body::DeviceCertificate(certificate) => self.certificate(certificate, author),
            Body::DeviceRevocation(revocation) => self.revocation(revocation, author, links),
            Body::Removal(removal) => self.removal(removal, author, links),
            Body::Proposal(proposal) => self.motion(*proposal, links),
            Body::Vote(vote) => self.vote(vote, author),
            Body::Seal(seal) => self.seal(seal.proposal, author, links),
            Body::Because(because) => self.because(because, author, links),
            Body::Twins(twins) => self.twins(*twins, links),
        }
    }

    /// The entry that a record names; it is among the links.
    fn named(&self, id: &RecordId) -> Result<(At, &Entry), Unfit> {
        let at = self.dag.find(id).ok_or(Unfit::Invalid)?;
        let entry = self.dag.get(at);
        if matches!(entry.kind, Kind::Ignored) { Err(Unfit::Unknown) } else { Ok((at, entry)) }
    }

    fn admission(&self, admission: Admission, links: &[At]) -> Result<Kind, Unfit> {
        let request = admission.request;
        if request.commons != self.commons {
            return Err(Unfit::Invalid);
        }
        let (key, device) = (request.invite, request.device);
        let known = |of: &std::collections::BTreeMap<DeviceId, Vec<At>>| of.get(&key).cloned().unwrap_or_default();
        let (invitations, closed, others) =
            (known(&self.dag.invitations), known(&self.dag.closed), known(&self.dag.by_invite));
        let uses = |at: &At| match &self.dag.get(*at).kind {
            Kind::Invitation(invitation) => usize::try_from(invitation.uses).unwrap_or(usize::MAX),
            _ => 0,
        };
        let fewest = invitations.iter().map(uses).min().unwrap_or(usize::MAX);
        // The past is looked at only when something in it can be in the way.
        if !closed.is_empty() || others.len() >= fewest {
            let past = self.dag.past(links);
            let allowed = invitations.iter().filter(|at| past.has(**at)).map(uses).max().unwrap_or(usize::MAX);
            let came = |at: &At| match &self.dag.get(*at).kind {
                Kind::Admission(admitted) if past.has(*at) => Some(admitted.device).filter(|other| *other != device),
                _ => None,
            };
            let came: BTreeSet<DeviceId> = others.iter().filter_map(came).collect();
            if closed.iter().any(|at| past.has(*at)) || came.len() >= allowed {
                return Err(Unfit::Invalid);
            }
        }
        let member = member_of(self.commons, device);
        Ok(Kind::Admission(Admitted { device, member, invite: key, person: request.person }))
    }

    fn certificate(&self, said: DeviceCertificate, author: &Author) -> Result<Kind, Unfit> {
        let DeviceCertificate { device, device_name, by_device } = said;
        let consented = DeviceCertificate::consented(self.commons, author.member, device, &by_device);
        if device == author.device || !consented {
            return Err(Unfit::Invalid);
        }
        Ok(Kind::Certificate { device, device_name })
    }

    fn revocation(&self, said: DeviceRevocation, author: &Author, links: &[At]) -> Result<Kind, Unfit> {
        let (_, standing) = self.named(&said.standing)?;
        match standing.gives() {
            Some((device, member)) if member == author.member && device != author.device => {
                let past = self.dag.past(links);
                Ok(Kind::Ending(self.ending(Whom::Device(device), member, Right::Own, said.cut, &past)))
            }
            _ => Err(Unfit::Invalid),
        }
    }

    /// Valid by itself, whoever says it: the proof is the device's own word.
    fn twins(&self, said: TwinsProved, links: &[At]) -> Result<Kind, Unfit> {
        let (_, standing) = self.named(&said.standing)?;
        let (device, member) = standing.gives().ok_or(Unfit::Invalid)?;
        let proof = VerifiedTwins::verify(said.proof).map_err(|_| Unfit::Invalid)?;
        if proof.device() != device || proof.commons() != self.commons {
            return Err(Unfit::Invalid);
        }
        let past = self.dag.past(links);
        let ending = self.ending(Whom::Device(device), member, Right::Proven, said.cut, &past);
        Ok(Kind::Ending(Ending { twins: Some((proof.doc(), proof.actor(), proof.fork())), ..ending }))
    }

    fn removal(&self, said: Removal, author: &Author, links: &[At]) -> Result<Kind, Unfit> {
        let (under, entry) = self.named(&said.under)?;
        let decided = |motion: &Motion| match &motion.proposal.act {
            Act::Remove { member, .. } => *member == said.member,
            _ => false,
        };
        let right = if said.member == author.member {
            Right::Own
        } else if matches!(&entry.kind, Kind::Motion(motion) if decided(motion)) {
            Right::Decided(under)
        } else if self.dag.footing(under, self.first).is_some_and(|footing| footing.may_remove(&author.member)) {
            Right::Rule(under)
        } else {
            return Err(Unfit::Invalid);
        };
        let past = self.dag.past(links);
        Ok(Kind::Ending(self.ending(Whom::Member(said.member), said.member, right, said.cut, &past)))
    }

    fn ending(&self, whom: Whom, of: MemberId, right: Right, cut: Cut, past: &Past) -> Ending {
        let theirs = |at: &At| match whom {
            Whom::Member(_) => true,
            Whom::Device(device) => self.dag.get(*at).author == device,
        };
        let all = self.dag.by_member.get(&of).into_iter().flatten().copied();
        let covers = all.filter(|at| past.has(*at)).filter(theirs).collect();
        Ending { whom, right, cut, covers, twins: None }
    }

    fn motion(&self, proposal: Proposal, links: &[At]) -> Result<Kind, Unfit> {
        let (after, _) = self.named(&proposal.after)?;
        let footing = self.dag.footing(after, self.first).ok_or(Unfit::Invalid)?;
        let gives = self.standing_of(&proposal.act)?;
        let next = if footing.is_step(&proposal.act) {
            let decided_in = matches!(proposal.act, Act::Admit(_) | Act::Readmit { .. });
            let mut came: Vec<MemberId> = gives.filter(|_| decided_in).map(|(_, member)| member).into_iter().collect();
            for id in &proposal.newcomers {
                match &self.named(id)?.1.kind {
                    Kind::Admission(admitted) => came.push(admitted.member),
                    _ => return Err(Unfit::Invalid),
                }
            }
            let mut went = Vec::new();
            for id in &proposal.departed {
                match &self.named(id)?.1.kind {
                    Kind::Ending(Ending { whom: Whom::Member(member), .. }) => went.push(*member),
                    _ => return Err(Unfit::Invalid),
                }
            }
            Some(Arc::new(footing.after(&proposal.act, came, went).ok_or(Unfit::Invalid)?))
        } else if proposal.newcomers.is_empty() && proposal.departed.is_empty() && proposal.round == 0 {
            None
        } else {
            return Err(Unfit::Invalid);
        };
        let ends = match (&proposal.act, gives) {
            (Act::Remove { member, cut }, _) => Some((*member, cut.clone())),
            (Act::Rebind { cut, .. }, Some((_, member))) => Some((member, cut.clone())),
            _ => None,
        };
        let past = (proposal.round > 0 || ends.is_some()).then(|| self.dag.past(links));
        if let (Some(before), Some(past)) = (proposal.round.checked_sub(1), &past) {
            let poll = ballot::poll_in(self.dag, (after, before), footing, past);
            if !poll.is_exhausted(&*rule_of(footing.model), footing.electorate().len()) {
                return Err(Unfit::Invalid);
            }
        }
        let ends = ends
            .zip(past)
            .map(|((member, cut), past)| self.ending(Whom::Member(member), member, Right::Rule(after), cut, &past));
        Ok(Kind::Motion(Box::new(Motion { proposal, after, footing: next, gives, ends })))
    }

    /// The device to which an act gives standing.
    fn standing_of(&self, act: &Act) -> Result<Option<(DeviceId, MemberId)>, Unfit> {
        match act {
            Act::Admit(request) if request.commons == self.commons => {
                Ok(Some((request.device, member_of(self.commons, request.device))))
            }
            Act::Readmit { standing } => self.named(standing)?.1.gives().map(Some).ok_or(Unfit::Invalid),
            Act::Rebind { standing, device, by_device, .. } => {
                let (_, member) = self.named(standing)?.1.gives().ok_or(Unfit::Invalid)?;
                let consented = DeviceCertificate::consented(self.commons, member, *device, by_device);
                if consented { Ok(Some((*device, member))) } else { Err(Unfit::Invalid) }
            }
            Act::Admit(_) => Err(Unfit::Invalid),
            _ => Ok(None),
        }
    }

    fn vote(&self, vote: Vote, author: &Author) -> Result<Kind, Unfit> {
        let (motion, footing) = self.open_to(&vote.proposal, author)?;
        let can_be_said = rule_of(footing.model).spends(Said::Voted(vote.choice)).is_some();
        if can_be_said { Ok(Kind::Vote { motion, choice: vote.choice }) } else { Err(Unfit::Invalid) }
    }

    fn seal(&self, proposal: RecordId, author: &Author, links: &[At]) -> Result<Kind, Unfit> {
        let (motion, footing) = self.open_to(&proposal, author)?;
        let ripe = ballot::weigh_in(self.dag, motion, footing, &self.dag.past(links)).ripe;
        if ripe { Ok(Kind::Seal { motion }) } else { Err(Unfit::Invalid) }
    }

    fn because(&self, because: Because, author: &Author, links: &[At]) -> Result<Kind, Unfit> {
        // Older versions keep what makes no sense, so none of it is invalid.
        let of = self.dag.find(&because.record).filter(|at| links.contains(at)).ok_or(Unfit::Unknown)?;
        let sound = because.is_sound() && own::can_be_explained(self.dag, of, author.member);
        if sound { Ok(Kind::Because { of, reason: because.reason }) } else { Err(Unfit::Unknown) }
    }

    /// The proposal, and who decides about it, if this author is one of them.
    fn open_to(&self, proposal: &RecordId, author: &Author) -> Result<(At, &Footing), Unfit> {
        let (at, entry) = self.named(proposal)?;
        let Kind::Motion(motion) = &entry.kind else { return Err(Unfit::Invalid) };
        let footing = self.dag.footing(motion.after, self.first).ok_or(Unfit::Invalid)?;
        let elects = motion.footing.is_some() && footing.electorate().contains(&author.member);
        if elects { Ok((at, footing)) } else { Err(Unfit::Invalid) }
    }
}

/// Records that a body names, besides those that its record builds on.
fn named(body: Option<&Body>) -> Vec<RecordId> {
    match body {
        Some(Body::DeviceRevocation(revocation)) => vec![revocation.standing],
        Some(Body::Removal(removal)) => vec![removal.under],
        Some(Body::Twins(twins)) => vec![twins.standing],
        Some(Body::Vote(vote)) => vec![vote.proposal],
        Some(Body::Seal(seal)) => vec![seal.proposal],
        Some(Body::Proposal(proposal)) => {
            let mut ids = vec![proposal.after];
            ids.extend(proposal.newcomers.iter().chain(&proposal.departed));
            if let Act::Readmit { standing } | Act::Rebind { standing, .. } = &proposal.act {
                ids.push(*standing);
            }
            ids
        }
        Some(
            Body::Genesis(_)
            | Body::Invitation(_)
            | Body::Admission(_)
            | Body::InvitationClosed(_)
            | Body::DeviceCertificate(_)
            | Body::Vouch(_)
            | Body::Because(_),
        )
        | None => Vec::new(),
    }
}

/// The genesis that a record is, and what it founds.
pub(crate) fn genesis(record: &VerifiedRecord) -> Option<(crate::Genesis, crate::Model)> {
    let Draft { commons: None, authority: None, parents, body, .. } = record.draft() else { return None };
    match Body::decode(body).filter(Body::is_fair) {
        Some(Body::Genesis(genesis)) if parents.is_empty() => {
            let model = crate::Model::founded(genesis.deciding)?;
            Some((genesis, model))
        }
        _ => None,
    }
}
