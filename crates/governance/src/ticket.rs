//! Tickets: what one person hands another to let them into a commons.

use std::{fmt, net::SocketAddr, str::FromStr};

use commonplace_model::{CommonsId, DeviceId};
use commonplace_trust::DeviceKey;
use data_encoding::{BASE32_NOPAD, BASE32_NOPAD_NOCASE};
use serde::{Deserialize, Serialize};

/// What stands before a ticket.
const PREFIX: &str = "commonplace://join/";
/// Version of tickets, their first byte.
const VERSION: u8 = 1;
/// Bytes of the check at the end.
const CHECK: usize = 4;

/// Text that is no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It does not look like one.
    #[error("this is not a ticket; a ticket begins with {PREFIX}")]
    NoTicket,
    /// A part of it is missing or mistyped.
    #[error("the ticket is cut short or mistyped; ask for it again")]
    Damaged,
    /// It was made by a newer program.
    #[error("the ticket was made by a newer version of Commonplace; update this one")]
    Newer,
}

/// A ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The commons it leads into.
    pub commons: CommonsId,
    /// Name of the commons.
    pub name: String,
    /// Name of who made it.
    pub inviter: String,
    /// Number of their ink.
    pub ink: u8,
    /// The device that made it.
    pub device: DeviceId,
    /// Where that device could be reached then.
    pub addresses: Vec<SocketAddr>,
    /// The secret; whoever has it may ask to be let in.
    pub secret: [u8; 16],
    /// When it ends, milliseconds since 1970.
    pub expires_at: u64,
    /// How many it lets in.
    pub uses: u32,
}

impl Ticket {
    /// Characters that a ticket may have.
    pub const MAX_CHARS: usize = 2_048;
    /// Addresses in it at most.
    pub const MAX_ADDRESSES: usize = 8;

    /// The key that its secret makes.
    pub fn key(&self) -> DeviceKey {
        DeviceKey::from_seed(&blake3::derive_key("commonplace/ticket/1", &self.secret))
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        bytes.extend(postcard::to_allocvec(self).map_err(|_| fmt::Error)?);
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(&check.as_bytes()[..CHECK]);
        write!(f, "{PREFIX}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        // Mail and chat programs break long lines.
        let text: String = text.chars().filter(|c| !c.is_whitespace()).take(Self::MAX_CHARS + 1).collect();
        let at = text.to_ascii_lowercase().find(PREFIX).ok_or(TicketError::NoTicket)?;
        let rest = text.get(at + PREFIX.len()..).filter(|r| r.len() <= Self::MAX_CHARS).ok_or(TicketError::Damaged)?;
        let bytes = BASE32_NOPAD_NOCASE.decode(rest.as_bytes()).map_err(|_| TicketError::Damaged)?;
        let (payload, check) = bytes.split_last_chunk::<CHECK>().ok_or(TicketError::Damaged)?;
        if blake3::hash(payload).as_bytes()[..CHECK] != *check {
            return Err(TicketError::Damaged);
        }
        let ticket: Self = match payload.split_first() {
            Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(|_| TicketError::Damaged)?,
            Some(_) => return Err(TicketError::Newer),
            None => return Err(TicketError::Damaged),
        };
        if ticket.addresses.len() > Self::MAX_ADDRESSES {
            return Err(TicketError::Damaged);
        }
        Ok(ticket)
    }
}
