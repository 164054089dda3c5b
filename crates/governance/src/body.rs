//! What records of the roll say, in which encoding, and within which bounds.
//!
//! Invariants:
//! - Numbers of kinds never change; new kinds are added at the end.
//! - Lists have one order and a largest length, texts a largest length: a body beyond them is not fair and its record not
//!   valid, on every device alike.
//!
//! Deliberately absent: what a record does. That is the fold's.

mod because;
pub mod cut;
pub mod device;
pub mod proposal;
pub mod twins;

use commonplace_model::{CommonsId, DeviceId, MemberId};
use commonplace_trust::{DeviceKey, Domain, Signature};
use serde::{Deserialize, Serialize};

pub use because::Because;
pub use cut::{Cut, Removal};
pub use device::{DeviceCertificate, DeviceRevocation};
pub use proposal::{Act, Choice, Model, Policy, Proposal, Seal, Vote};
pub use twins::TwinsProved;

/// How a person introduces themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    /// What people call them.
    pub name: String,
    /// Number of their ink, 0 to 11.
    pub ink: u8,
    /// What their device is called.
    pub device_name: String,
}

impl Introduction {
    /// Bytes that a name may have.
    pub const MAX_BYTES: usize = 120;

    /// Whether its names are within bounds.
    pub fn is_fair(&self) -> bool {
        !self.name.trim().is_empty()
            && Self::is_fair_name(&self.name)
            && Self::is_fair_name(&self.device_name)
            && self.ink < 12
    }

    pub(crate) fn is_fair_name(text: &str) -> bool {
        text.len() <= Self::MAX_BYTES && !text.chars().any(char::is_control)
    }
}

/// The first record of a commons; its id is the id of the commons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// Name of the commons.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// SPDX expression of its licence.
    pub licence: String,
    /// Number of its way of deciding, see [`Model::founded`]; 0 is "open".
    pub deciding: u8,
    /// Who founds it; the author's device is their first.
    pub founder: Introduction,
    /// Random, so that two commons of one name are two.
    pub nonce: [u8; 16],
}

impl Genesis {
    /// Bytes that a name may have.
    pub const MAX_NAME: usize = 200;
    /// Bytes that a purpose may have.
    pub const MAX_PURPOSE: usize = 4_000;
    /// Bytes that a licence expression may have.
    pub const MAX_LICENCE: usize = 120;

    pub(crate) fn is_fair_name(name: &str) -> bool {
        !name.trim().is_empty() && name.len() <= Self::MAX_NAME
    }

    fn is_fair(&self) -> bool {
        Self::is_fair_name(&self.name)
            && self.purpose.len() <= Self::MAX_PURPOSE
            && self.licence.len() <= Self::MAX_LICENCE
            && self.founder.is_fair()
    }
}

/// Whoever holds the secret of this key may ask to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Public half of the ticket's secret.
    pub key: DeviceId,
    /// How many it lets in. An admission that builds on as many others is not valid; members who admit at once, each without
    /// knowing of the other, let in more, and all of them are in: each could have made another ticket.
    pub uses: u32,
    /// When it ends, milliseconds since 1970 by the inviter's clock. Judged by those who admit.
    pub expires_at: u64,
}

/// A person with a ticket asks to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The commons.
    pub commons: CommonsId,
    /// The key of the invitation.
    pub invite: DeviceId,
    /// The device that asks.
    pub device: DeviceId,
    /// Who asks.
    pub person: Introduction,
    /// By the device.
    pub by_device: Signature,
    /// With the ticket's secret.
    pub by_invite: Signature,
}

impl JoinRequest {
    /// Asks with a ticket's key.
    pub fn sign(commons: CommonsId, invite: &DeviceKey, device: &DeviceKey, person: Introduction) -> Self {
        let message = Self::message(commons, invite.id(), device.id(), &person);
        Self {
            commons,
            invite: invite.id(),
            device: device.id(),
            person,
            by_device: device.sign(Domain::JoinRequest, &message),
            by_invite: invite.sign(Domain::Invite, &message),
        }
    }

    fn message(commons: CommonsId, invite: DeviceId, device: DeviceId, person: &Introduction) -> Vec<u8> {
        postcard::to_allocvec(&(commons, invite, device, person)).expect("plain data always encodes")
    }

    /// Whether both signatures are right and the names within bounds.
    pub fn verify(&self) -> bool {
        let message = Self::message(self.commons, self.invite, self.device, &self.person);
        self.person.is_fair()
            && self.by_device.verify(&self.device, Domain::JoinRequest, &message)
            && self.by_invite.verify(&self.invite, Domain::Invite, &message)
    }
}

/// A member lets a person in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// What they asked.
    pub request: JoinRequest,
}

/// No further people come by this invitation: an admission that builds on this is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationClosed {
    /// The key of the invitation.
    pub key: DeviceId,
}

/// An elector vouches for the person at a device, who asks to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vouch {
    /// The device that asks.
    pub device: DeviceId,
}

/// What a record says. New kinds are added at the end; their numbers never change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// The commons begins.
    Genesis(Genesis),
    /// Somebody is invited.
    Invitation(Invitation),
    /// Somebody is let in.
    Admission(Admission),
    /// An invitation ends.
    InvitationClosed(InvitationClosed),
    /// A member has one more device.
    DeviceCertificate(DeviceCertificate),
    /// A device is its member's no longer.
    DeviceRevocation(DeviceRevocation),
    /// An elector vouches for somebody.
    Vouch(Vouch),
    /// A member is removed, or leaves.
    Removal(Removal),
    /// Something is to be decided.
    Proposal(Box<Proposal>),
    /// An elector answers.
    Vote(Vote),
    /// An elector acknowledges.
    Seal(Seal),
    /// A member says why they did something by their own word.
    Because(Because),
    /// A device provably wrote in two ways.
    Twins(Box<TwinsProved>),
}

impl Body {
    /// Its bytes in a record.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("plain data always encodes")
    }

    /// What the bytes say, or nothing when this version does not know it.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    /// Whether what it says is within bounds and its own signatures are right.
    pub(crate) fn is_fair(&self) -> bool {
        match self {
            Self::Genesis(genesis) => genesis.is_fair(),
            Self::Invitation(invitation) => invitation.uses > 0,
            Self::Admission(admission) => admission.request.verify(),
            Self::DeviceCertificate(certificate) => certificate.is_fair(),
            Self::DeviceRevocation(revocation) => revocation.cut.is_fair(),
            Self::Removal(removal) => removal.cut.is_fair(),
            Self::Proposal(proposal) => proposal.is_fair(),
            Self::Twins(twins) => twins.is_fair(),
            // What is not sound of the last is ignored.
            Self::InvitationClosed(_) | Self::Vouch(_) | Self::Vote(_) | Self::Seal(_) | Self::Because(_) => true,
        }
    }
}

/// The member whose first device this is.
pub fn member_of(commons: CommonsId, device: DeviceId) -> MemberId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"commonplace/member/1\0");
    hasher.update(commons.as_bytes());
    hasher.update(device.as_bytes());
    MemberId::new(*hasher.finalize().as_bytes())
}
