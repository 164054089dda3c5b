//! The records of a roll as a graph: each entry after all that it builds on.
//!
//! Invariants:
//! - An entry's number is above the numbers of all that it links to. Numbers follow arrival, so they never leave the crate
//!   and nothing that is compared between replicas may depend on them; where an order is needed, [`Entry::rank`] gives one
//!   that is the same everywhere.
//! - An entry holds what its record says and what follows from the record's ancestors, and nothing else.
//!
//! Deliberately absent: what counts. That is [`crate::state`].

use std::collections::BTreeMap;
use std::sync::Arc;

use commonplace_model::{Actor, DeviceId, DocId, MemberId, RecordId};
use commonplace_trust::Fork;

use crate::{
    body::{Choice, Cut, Introduction, Invitation, Proposal},
    footing::Footing,
};

/// Number of an entry.
pub(crate) type At = usize;

/// A record in the graph.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: RecordId,
    /// The device that signed it.
    pub(crate) author: DeviceId,
    /// The member whose device that is.
    pub(crate) member: MemberId,
    /// Everything that it builds on: parents, authority, and what it names.
    pub(crate) links: Vec<At>,
    /// One more than the greatest height among its links.
    pub(crate) height: u32,
    /// The record that makes its device a member's; itself for the genesis.
    pub(crate) authority: At,
    /// The record with which the membership began that it is written under.
    pub(crate) root: At,
    /// Bytes of its record.
    pub(crate) size: u64,
    pub(crate) kind: Kind,
}

impl Entry {
    /// An order in which every record comes after all that it builds on, the same on all replicas.
    pub(crate) fn rank(&self) -> (u32, RecordId) {
        (self.height, self.id)
    }

    /// The device to which it gives standing, and as whose.
    pub(crate) fn gives(&self) -> Option<(DeviceId, MemberId)> {
        match &self.kind {
            Kind::Genesis(_) => Some((self.author, self.member)),
            Kind::Admission(admitted) => Some((admitted.device, admitted.member)),
            Kind::Certificate { device, .. } => Some((*device, self.member)),
            Kind::Motion(motion) => motion.gives,
            _ => None,
        }
    }
}

/// What a record says, as far as the fold needs it.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Nothing that this version understands.
    Ignored,
    Genesis(Introduction),
    Invitation(Invitation),
    Closed(DeviceId),
    Admission(Admitted),
    Certificate {
        device: DeviceId,
        device_name: String,
    },
    Vouch(DeviceId),
    Ending(Ending),
    Motion(Box<Motion>),
    Vote {
        motion: At,
        choice: Choice,
    },
    Seal {
        motion: At,
    },
    Because {
        of: At,
        reason: String,
    },
}

/// Somebody who was let in.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) device: DeviceId,
    pub(crate) member: MemberId,
    pub(crate) invite: DeviceId,
    pub(crate) person: Introduction,
}

/// Whose standing ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whom {
    Member(MemberId),
    Device(DeviceId),
}

/// By what right it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// It is the author's own to end.
    Own,
    /// By the rule that the decision of this number left.
    Rule(At),
    /// It says again what the decision of this number says.
    Decided(At),
    /// Nobody's: the device proved it against itself.
    Proven,
}

/// The end of somebody's standing.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) whom: Whom,
    pub(crate) right: Right,
    pub(crate) cut: Cut,
    /// Their records that it builds on, directly or not, rising: those that count all the same.
    pub(crate) covers: Vec<At>,
    /// In which document, under which actor the device wrote in two ways, and how much of that counts if that is shown.
    pub(crate) twins: Option<(DocId, Actor, Option<Fork>)>,
}

impl Ending {
    pub(crate) fn covers(&self, at: At) -> bool {
        self.covers.binary_search(&at).is_ok()
    }
}

/// A proposal.
#[derive(Debug)]
pub(crate) struct Motion {
    pub(crate) proposal: Proposal,
    /// The decision it follows.
    pub(crate) after: At,
    /// Who decides what, if it stands. Nothing for an act of an open commons that changes nothing of that: many of those
    /// can stand side by side, and none can be followed.
    pub(crate) footing: Option<Arc<Footing>>,
    /// The device to which it gives standing.
    pub(crate) gives: Option<(DeviceId, MemberId)>,
    /// The standing it ends.
    pub(crate) ends: Option<Ending>,
}

/// The round of a decision: what its ballots are for.
pub(crate) type Step = (At, u16);

/// A set of entries that holds all that its entries build on.
#[derive(Debug, Clone)]
pub(crate) struct Past(Vec<u64>);

impl Past {
    pub(crate) fn has(&self, at: At) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Adds an entry all of whose links are in the set.
    pub(crate) fn insert(&mut self, at: At) -> bool {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        let (word, bit) = (&mut self.0[at / 64], 1 << (at % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

/// The graph.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dag {
    entries: Vec<Arc<Entry>>,
    numbers: BTreeMap<RecordId, At>,
    /// Admissions by the key of their invitation.
    pub(crate) by_invite: BTreeMap<DeviceId, Vec<At>>,
    /// Ends of invitations by their key.
    pub(crate) closed: BTreeMap<DeviceId, Vec<At>>,
    /// Invitations by their key.
    pub(crate) invitations: BTreeMap<DeviceId, Vec<At>>,
    /// Vouchers by the device they are for.
    pub(crate) vouches: BTreeMap<DeviceId, Vec<At>>,
    /// Everything that ends a standing, rising.
    pub(crate) endings: Vec<At>,
    /// Those by whom they are about.
    pub(crate) endings_of: BTreeMap<Whom, Vec<At>>,
    /// Records of those whose standing may end, by member.
    pub(crate) by_member: BTreeMap<MemberId, Vec<At>>,
    /// Bytes of a member's records.
    sizes: BTreeMap<MemberId, u64>,
    /// Proposals by the round they are in.
    pub(crate) motions: BTreeMap<Step, Vec<At>>,
    /// Reasons by what they are about.
    pub(crate) reasons: BTreeMap<At, Vec<At>>,
    /// Votes and seals by the round they are in.
    pub(crate) voices: BTreeMap<Step, Vec<At>>,
    /// The seal of each proposal that has one: of the records that saw enough, the first by rank.
    pub(crate) sealed: BTreeMap<At, At>,
}

impl Dag {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, at: At) -> &Entry {
        &self.entries[at]
    }

    pub(crate) fn find(&self, id: &RecordId) -> Option<At> {
        self.numbers.get(id).copied()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (At, &Entry)> {
        self.entries.iter().map(AsRef::as_ref).enumerate()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &RecordId> {
        self.numbers.keys()
    }

    pub(crate) fn motion(&self, at: At) -> Option<&Motion> {
        match &self.get(at).kind {
            Kind::Motion(motion) => Some(motion),
            _ => None,
        }
    }

    /// How many records a member wrote, and their bytes.
    pub(crate) fn written_by(&self, member: &MemberId) -> (usize, u64) {
        (self.by_member.get(member).map_or(0, Vec::len), self.sizes.get(member).copied().unwrap_or(0))
    }

    /// The end of a standing that an entry is, be it by itself or if it is decided.
    pub(crate) fn ending(&self, at: At) -> Option<&Ending> {
        match &self.get(at).kind {
            Kind::Ending(ending) => Some(ending),
            Kind::Motion(motion) => motion.ends.as_ref(),
            _ => None,
        }
    }

    /// Who decides what after a decision: the genesis, or a proposal that can be followed.
    pub(crate) fn footing<'a>(&'a self, at: At, first: &'a Arc<Footing>) -> Option<&'a Arc<Footing>> {
        match &self.get(at).kind {
            Kind::Genesis(_) => Some(first),
            Kind::Motion(motion) => motion.footing.as_ref(),
            _ => None,
        }
    }

    /// Takes in an entry that was found valid.
    pub(crate) fn push(&mut self, entry: Entry) -> At {
        let at = self.entries.len();
        self.numbers.insert(entry.id, at);
        self.by_member.entry(entry.member).or_default().push(at);
        *self.sizes.entry(entry.member).or_default() += entry.size;
        match &entry.kind {
            Kind::Invitation(invitation) => self.invitations.entry(invitation.key).or_default().push(at),
            Kind::Closed(key) => self.closed.entry(*key).or_default().push(at),
            Kind::Admission(admitted) => self.by_invite.entry(admitted.invite).or_default().push(at),
            Kind::Vouch(device) => self.vouches.entry(*device).or_default().push(at),
            Kind::Ending(ending) => self.note_ending(at, ending.whom),
            Kind::Motion(motion) => {
                self.motions.entry((motion.after, motion.proposal.round)).or_default().push(at);
                if let Some(ending) = &motion.ends {
                    self.note_ending(at, ending.whom);
                }
            }
            Kind::Vote { motion, .. } | Kind::Seal { motion } => {
                let step = self.step(*motion);
                self.voices.entry(step).or_default().push(at);
            }
            Kind::Because { of, .. } => self.reasons.entry(*of).or_default().push(at),
            Kind::Ignored | Kind::Genesis(_) | Kind::Certificate { .. } => {}
        }
        self.entries.push(Arc::new(entry));
        at
    }

    fn note_ending(&mut self, at: At, whom: Whom) {
        self.endings.push(at);
        self.endings_of.entry(whom).or_default().push(at);
    }

    /// The round that a proposal is in.
    pub(crate) fn step(&self, motion: At) -> Step {
        self.motion(motion).map_or((0, 0), |m| (m.after, m.proposal.round))
    }

    /// Everything that these build on, directly or not, themselves included.
    pub(crate) fn past(&self, of: &[At]) -> Past {
        let mut past = Past(vec![0; of.iter().max().map_or(0, |at| at / 64 + 1)]);
        let mut open: Vec<At> = of.iter().copied().filter(|at| past.insert(*at)).collect();
        while let Some(at) = open.pop() {
            for link in &self.entries[at].links {
                if past.insert(*link) {
                    open.push(*link);
                }
            }
        }
        past
    }

    /// Whether `late` builds on `early`, directly or not. Looks at what lies between the two only.
    pub(crate) fn builds_on(&self, late: At, early: At) -> bool {
        if late <= early {
            return false;
        }
        let mut seen = Past(Vec::new());
        let mut open = vec![late];
        while let Some(at) = open.pop() {
            for link in self.entries[at].links.iter().copied().filter(|link| *link >= early) {
                if link == early {
                    return true;
                }
                if seen.insert(link) {
                    open.push(link);
                }
            }
        }
        false
    }

    /// Whether an ending reaches the standing that began with `beginning`: all that does not build on it. The record that
    /// ends one standing and begins another does not end the other.
    pub(crate) fn reaches(&self, ending: At, beginning: At) -> bool {
        ending != beginning && !self.builds_on(beginning, ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_past_has_what_was_put_in_and_nothing_else() {
        let all = [128, 0, 63, 64, 700];
        let mut past = Past(Vec::new());
        for at in all {
            assert!(past.insert(at) && !past.insert(at));
        }
        assert!((0..1_000).all(|at| past.has(at) == all.contains(&at)));
        assert_eq!(past.0.len(), 11, "a bit for each entry up to the last");
    }
}
