//! What is said at the door, and how much of it is listened to: who says it may be nobody yet.

use std::time::Duration;

use commonplace_governance::{Introduction, JoinRequest};
use commonplace_model::{CommonsId, MemberId};
use commonplace_net::{FrameReceiver, FrameSender};
use commonplace_trust::{Signature, VerifiedRecord};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result};

/// How long the other side of a door may take for its next word.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
/// Records in a roll that are taken in at the door, and their bytes: who brings them may be nobody yet.
const MAX_RECORDS: usize = 100_000;
const MAX_RECORD_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of records in one frame at the door.
const RECORDS_BYTES: usize = 40_000;

/// What is said at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DoorFrame {
    /// Let me in, I have a ticket.
    Ask(Box<JoinRequest>),
    /// I have none; this is who I am.
    Knock(Introduction),
    /// I am a member of a commons of yours, see the records. The offer is a keyed hash of the commons' id.
    Prove {
        /// The hash, see `commonplace_sync::offer`.
        offer: [u8; 32],
        /// Its nonce.
        nonce: [u8; 16],
        /// Records of the roll.
        records: Vec<Vec<u8>>,
        /// Whether more frames with records follow.
        more: bool,
    },
    /// Come in: records of the roll, more to follow or not.
    Come {
        /// Records.
        records: Vec<Vec<u8>>,
        /// Whether more frames with records follow.
        more: bool,
    },
    /// Come in with this ticket.
    Ticket(String),
    /// No.
    No(Refused),
    /// I am to be one more device of the person with you, who gave me your ticket.
    Pair {
        /// That the ticket is had, see `devices::code`.
        proof: [u8; 32],
        /// To the nonce that is said later.
        commitment: [u8; 32],
    },
    /// The nonce of the device that made the ticket.
    PairNonce([u8; 32]),
    /// The nonce that was committed to.
    PairReveal {
        /// It.
        nonce: [u8; 32],
        /// What the device is called; empty while it has no name.
        device_name: String,
    },
    /// We are one person's devices, and these are the commons that I am in.
    Belong(Belonging),
    /// I am willing to be their device there.
    Consent {
        /// What I am called.
        device_name: String,
        /// For each commons, see `DeviceCertificate::consent`.
        consents: Vec<(CommonsId, Signature)>,
    },
    /// The records that come next are of this commons.
    Of(CommonsId),
    /// That was all.
    Done,
}

/// Whose device one is, and in which commons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Belonging {
    /// Name of the person.
    pub(crate) name: String,
    /// Number of their ink.
    pub(crate) ink: u8,
    /// What the device is called that says this.
    pub(crate) device_name: String,
    /// The commons, each with the member that they are in it.
    pub(crate) commons: Vec<(CommonsId, MemberId)>,
}

impl Belonging {
    /// Commons that one device can tell another of at once; of further ones it tells when these are theirs.
    pub(crate) const MAX_COMMONS: usize = 256;

    /// Whether it tells of no more than it may.
    pub(crate) fn is_fair(&self) -> bool {
        self.commons.len() <= Self::MAX_COMMONS
    }
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refused {
    /// That ticket was never made here, or is for a commons that this device does not have.
    Unknown,
    /// Its time is over.
    Expired,
    /// It let in as many as it may.
    UsedUp,
    /// A person said no.
    Declined,
    /// Something failed here; asking again may help.
    Trouble,
    /// A member closed that ticket.
    Closed,
    /// An elector has to vouch for them first.
    NotVouched,
    /// It takes a decision to let them in.
    ByDecision,
}

impl Refused {
    pub(crate) fn error(self) -> Error {
        let (code, words) = match self {
            Self::Unknown => (
                ErrorCode::Declined,
                "The other device does not know this ticket. Nothing was changed: ask for a new one.",
            ),
            Self::Expired => {
                (ErrorCode::TicketExpired, "The ticket’s time is over. Nothing was changed: ask for a new one.")
            }
            Self::UsedUp => (
                ErrorCode::TicketUsedUp,
                "The ticket has let in as many as it may. Nothing was changed: ask for a new one.",
            ),
            Self::Closed => {
                (ErrorCode::TicketClosed, "A member closed this ticket. Nothing was changed: ask for a new one.")
            }
            Self::NotVouched => (
                ErrorCode::NotAllowed,
                "In this commons an elector has to vouch for you before you come in. They know now that you asked, and the \
                 ticket is still good: ask one of them to vouch for you, then use it again.",
            ),
            Self::ByDecision => (
                ErrorCode::NotAllowed,
                "In this commons it takes a decision to let somebody in. They know now that you asked, and the ticket is still \
                 good: use it again once it was decided.",
            ),
            Self::Declined => (ErrorCode::Declined, "They said no. Nothing was changed."),
            Self::Trouble => (
                ErrorCode::Unreachable,
                "The other device could not let anybody in just now. Nothing was changed and the ticket is still good: try again.",
            ),
        };
        Error::new(code, words)
    }
}

pub(crate) async fn send(to: &mut FrameSender, frame: &DoorFrame) -> Result<()> {
    let bytes = postcard::to_allocvec(frame).map_err(Error::internal)?;
    to.send(&bytes).await.map_err(|e| unreachable(&e))
}

pub(crate) async fn next(from: &mut FrameReceiver) -> Result<DoorFrame> {
    let bytes = tokio::time::timeout(PATIENCE, from.next())
        .await
        .map_err(|e| unreachable(&e))?
        .map_err(|e| unreachable(&e))?
        .ok_or_else(|| unreachable(&"it hung up"))?;
    postcard::from_bytes(&bytes).map_err(|_| unreachable(&"it said something that this version does not understand"))
}

/// Records in parts that fit into a frame each, with whether more follow. There is always one, if only an empty one.
pub(crate) fn in_parts(records: Vec<Vec<u8>>) -> Vec<(Vec<Vec<u8>>, bool)> {
    let mut parts = vec![(Vec::new(), false)];
    let mut bytes = 0;
    for record in records {
        if bytes > 0 && bytes + record.len() > RECORDS_BYTES {
            if let Some((_, more)) = parts.last_mut() {
                *more = true;
            }
            parts.push((Vec::new(), false));
            bytes = 0;
        }
        bytes += record.len();
        if let Some((part, _)) = parts.last_mut() {
            part.push(record);
        }
    }
    parts
}

/// Records gathered from frames at the door, within bounds.
#[derive(Default)]
pub(crate) struct Gathered {
    records: Vec<Vec<u8>>,
    bytes: usize,
}

impl Gathered {
    /// False when they are more than a roll has. A frame that brings none and announces more counts as one too, so that
    /// they come to an end.
    pub(crate) fn add(&mut self, records: Vec<Vec<u8>>) -> bool {
        self.bytes += records.iter().map(Vec::len).sum::<usize>() + 1;
        self.records.extend(records);
        self.records.len() <= MAX_RECORDS && self.bytes <= MAX_RECORD_BYTES
    }

    /// Those whose signatures are right. Checked outside the engine's thread, for that takes a while where there are many.
    pub(crate) async fn verified(self) -> Result<Vec<VerifiedRecord>> {
        let verify = move || self.records.into_iter().filter_map(|bytes| VerifiedRecord::verify(bytes).ok()).collect();
        tokio::task::spawn_blocking(verify).await.map_err(Error::internal)
    }
}

pub(crate) async fn send_records(to: &mut FrameSender, records: Vec<Vec<u8>>) -> Result<()> {
    for (records, more) in in_parts(records) {
        send(to, &DoorFrame::Come { records, more }).await?;
    }
    Ok(())
}

pub(crate) fn unreachable(why: &dyn std::fmt::Display) -> Error {
    Error::new(
        ErrorCode::Unreachable,
        format!("The other device was not reached ({why}). Nothing was changed; try again when it is on and near."),
    )
}

/// All records of a proof of which the first part has come.
pub(crate) async fn rest_of_proof(from: &mut FrameReceiver, first: Vec<Vec<u8>>, mut more: bool) -> Result<Gathered> {
    let stopped = || unreachable(&"it stopped in the middle of its proof, or it had no end");
    let mut all = Gathered::default();
    if !all.add(first) {
        return Err(stopped());
    }
    while more {
        match next(from).await? {
            DoorFrame::Prove { records, more: again, .. } => {
                if !all.add(records) {
                    return Err(stopped());
                }
                more = again;
            }
            _ => return Err(stopped()),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_so_many_commons_one_is_told_and_not_of_one_more() {
        let of = |count: usize| Belonging {
            name: "Maren".to_owned(),
            ink: 1,
            device_name: "Phone".to_owned(),
            commons: vec![(CommonsId::new([1; 32]), MemberId::new([2; 32])); count],
        };
        assert!(of(256).is_fair() && !of(257).is_fair());
    }

    #[test]
    fn records_at_the_door_come_to_an_end() {
        let mut all = Gathered::default();
        assert!((0..63).all(|_| all.add(vec![vec![0; 1 << 20]])));
        assert!(!all.add(vec![vec![0; 1 << 20]]), "more bytes than a roll has");
        assert!(!Gathered::default().add(vec![Vec::new(); MAX_RECORDS + 1]), "more records than a roll has");
    }

    #[test]
    fn records_part_into_frames_that_say_whether_more_follow() {
        let records: Vec<Vec<u8>> = (0..200_u8).map(|n| vec![n; 999]).collect();
        let parts = in_parts(records.clone());
        assert!(parts.len() > 4);
        assert!(parts.iter().all(|(part, _)| part.iter().map(Vec::len).sum::<usize>() <= RECORDS_BYTES));
        let (more, last): (Vec<bool>, _) = (parts.iter().map(|(_, more)| *more).collect(), parts.len() - 1);
        assert!(more.iter().enumerate().all(|(n, more)| *more == (n < last)));
        assert_eq!(parts.into_iter().flat_map(|(part, _)| part).collect::<Vec<_>>(), records);
        assert_eq!(in_parts(Vec::new()), vec![(Vec::new(), false)]);
    }
}
