//! Proposals: what they would change, and how members answer them.

use std::fmt;

use commonplace_model::{DeviceId, MemberId, PageId, RecordId};
use commonplace_trust::Signature;
use serde::{Deserialize, Serialize};

use super::{Genesis, JoinRequest, cut::Cut};

/// How a commons decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Model {
    /// Any member's act counts at once, and another act undoes it.
    Open,
    /// So many of the stewards.
    Stewards {
        /// How many of them it takes.
        needed: u16,
    },
    /// Enough say yes and nobody objects.
    Consent {
        /// How many of a hundred electors have to say yes.
        quorum: u8,
    },
    /// More than half of all electors.
    Majority,
}

impl Model {
    /// Its number in a genesis and in a charter.
    pub const fn number(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Stewards { .. } => 1,
            Self::Consent { .. } => 2,
            Self::Majority => 3,
        }
    }

    /// The model that a commons is founded with by this number, if this version knows it: one steward is enough, half of
    /// the electors are a quorum.
    pub const fn founded(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Open),
            1 => Some(Self::Stewards { needed: 1 }),
            2 => Some(Self::Consent { quorum: 50 }),
            3 => Some(Self::Majority),
            _ => None,
        }
    }

    pub(crate) const fn is_fair(self) -> bool {
        match self {
            Self::Open | Self::Majority => true,
            Self::Stewards { needed } => needed >= 1 && needed as usize <= Act::MAX_STEWARDS,
            Self::Consent { quorum } => quorum >= 1 && quorum <= 100,
        }
    }
}

/// How people come in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Policy {
    /// Anyone with a ticket.
    #[default]
    Ticket,
    /// With a ticket, after an elector has vouched for them.
    Vouched,
    /// By decision.
    Decision,
}

/// What a decision does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// Changes what the charter says; what is absent stays.
    Charter {
        /// Name of the commons.
        name: Option<String>,
        /// What it is for.
        purpose: Option<String>,
        /// Anything else that its members agree on.
        text: Option<String>,
    },
    /// Changes the licence.
    Licence(String),
    /// Changes how the commons decides.
    Model {
        /// To this.
        model: Model,
        /// The stewards from then on; when empty, those that there are.
        stewards: Vec<MemberId>,
    },
    /// Changes how people come in.
    Policy(Policy),
    /// Makes an elector a steward.
    Grant(MemberId),
    /// Ends a stewardship.
    End(MemberId),
    /// Removes a member.
    Remove {
        /// Whom.
        member: MemberId,
        /// What counts of their work.
        cut: Cut,
    },
    /// Takes a removed member back, with one of the devices they had.
    Readmit {
        /// The record that had made it their device.
        standing: RecordId,
    },
    /// Hides a page.
    Hide(PageId),
    /// Shows a hidden page again.
    Restore(PageId),
    /// Goes on with another page in the place of one.
    FoundAnew {
        /// The page that is given up.
        page: PageId,
        /// The page in its place.
        anew: PageId,
    },
    /// Gives the name of a member who lost all devices to a new one. Their old devices are theirs no longer.
    Rebind {
        /// The record with which their membership began, or that made any device theirs.
        standing: RecordId,
        /// The new device.
        device: DeviceId,
        /// Its yes, as [`super::DeviceCertificate::consent`] signs it.
        by_device: Signature,
        /// What counts of the work of the old devices.
        cut: Cut,
    },
    /// Lets a person in.
    Admit(Box<JoinRequest>),
    /// Does nothing but take newcomers into the electorate.
    Roster,
}

impl Act {
    /// Stewards that a commons can have.
    pub const MAX_STEWARDS: usize = 64;
    /// Bytes that the text of a charter may have.
    pub const MAX_TEXT: usize = 8_000;

    pub(crate) fn is_fair(&self) -> bool {
        let within = |text: &Option<String>, max| text.as_ref().is_none_or(|text| text.len() <= max);
        match self {
            Self::Charter { name, purpose, text } => {
                let said = name.is_some() || purpose.is_some() || text.is_some();
                let named = name.as_ref().is_none_or(|name| Genesis::is_fair_name(name));
                said && named && within(purpose, Genesis::MAX_PURPOSE) && within(text, Self::MAX_TEXT)
            }
            Self::Licence(licence) => licence.len() <= Genesis::MAX_LICENCE,
            Self::Model { model, stewards } => {
                model.is_fair() && stewards.len() <= Self::MAX_STEWARDS && is_rising(stewards)
            }
            Self::Remove { cut, .. } | Self::Rebind { cut, .. } => cut.is_fair(),
            Self::Admit(request) => request.verify(),
            Self::FoundAnew { page, anew } => page != anew,
            Self::Policy(_)
            | Self::Grant(_)
            | Self::End(_)
            | Self::Readmit { .. }
            | Self::Hide(_)
            | Self::Restore(_)
            | Self::Roster => true,
        }
    }
}

/// Something to be decided.
///
/// What it follows fixes everything about how it is decided: the rule, and who may take part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The decision it follows: a proposal, or the genesis.
    pub after: RecordId,
    /// How many times before it was found that no proposal after that decision can be decided any more.
    pub round: u16,
    /// What it does.
    pub act: Act,
    /// Admissions of members who are electors from this decision on.
    pub newcomers: Vec<RecordId>,
    /// Removals of members who are electors no longer from this decision on: they left, or a steward removed them.
    pub departed: Vec<RecordId>,
    /// Why, in the words of who proposes.
    pub reason: String,
}

impl Proposal {
    /// Newcomers that one proposal may name.
    pub const MAX_NEWCOMERS: usize = 128;
    /// Removals that one proposal may name.
    pub const MAX_DEPARTED: usize = 128;
    /// Bytes that a reason may have.
    pub const MAX_REASON: usize = 1_000;

    pub(crate) fn is_fair(&self) -> bool {
        self.act.is_fair()
            && self.newcomers.len() <= Self::MAX_NEWCOMERS
            && self.departed.len() <= Self::MAX_DEPARTED
            && is_rising(&self.newcomers)
            && is_rising(&self.departed)
            && self.reason.len() <= Self::MAX_REASON
    }
}

/// What an elector says to a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Choice {
    /// Yes.
    Yes,
    /// None of the proposals of this round.
    No,
    /// Not like that. Only in consent; can be withdrawn.
    Object,
    /// The objection is withdrawn.
    Withdraw,
}

/// An elector answers a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// The proposal.
    pub proposal: RecordId,
    /// The answer.
    pub choice: Choice,
}

/// An elector acknowledges a proposal that has what it needs. Acknowledgements of enough electors, each knowing those
/// before, make it final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The proposal.
    pub proposal: RecordId,
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Stewards { needed } => write!(f, "stewards ({needed})"),
            Self::Consent { quorum } => write!(f, "consent ({quorum} %)"),
            Self::Majority => f.write_str("majority"),
        }
    }
}

fn is_rising<T: Ord>(list: &[T]) -> bool {
    list.windows(2).all(|pair| pair[0] < pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_one_number_and_one_name() {
        for (number, name) in (0..).zip(["open", "stewards (1)", "consent (50 %)", "majority"]) {
            let model = Model::founded(number).expect("known");
            assert_eq!((model.number(), model.to_string().as_str()), (number, name));
        }
        assert_eq!(Model::founded(4), None);
    }

    #[test]
    fn what_rises_names_nothing_twice() {
        assert!(is_rising::<u8>(&[]) && is_rising(&[1]) && is_rising(&[1, 2, 9]));
        assert!(!is_rising(&[1, 1]) && !is_rising(&[2, 1]) && !is_rising(&[1, 2, 2]));
    }
}
