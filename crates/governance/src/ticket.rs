//! Tickets: what one person hands another to let them into a commons, or a device of theirs to a new one.
//!
//! Their first byte is a version. One that names no relay is of the first, which every version of the program reads; one that does
//! is of the second: the same, with the relays behind it (decision 0047).

use std::{fmt, net::SocketAddr, str::FromStr};

use commonplace_model::{CommonsId, DeviceId, Relay};
use commonplace_trust::DeviceKey;
use data_encoding::{BASE32_NOPAD, BASE32_NOPAD_NOCASE};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What stands before a ticket.
const PREFIX: &str = "commonplace://join/";
/// What stands before a ticket for a device.
const DEVICE_PREFIX: &str = "commonplace://device/";
/// Version of tickets that name no relay, their first byte.
const VERSION: u8 = 1;
/// Version of tickets that name relays.
const WITH_RELAYS: u8 = 2;
/// Bytes of the check at the end.
const CHECK: usize = 4;

/// Text that is no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It does not look like one.
    #[error("this is not a ticket; a ticket begins with {PREFIX}")]
    NoTicket,
    /// It does not look like one for a device.
    #[error("this is not a ticket for a device; such a ticket begins with {DEVICE_PREFIX}")]
    NoDeviceTicket,
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
    /// Relays by which that device could be reached then.
    #[serde(skip)]
    pub relays: Vec<Relay>,
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
    /// Relays in it at most.
    pub const MAX_RELAYS: usize = 2;

    /// The key that its secret makes.
    pub fn key(&self) -> DeviceKey {
        DeviceKey::from_seed(&blake3::derive_key("commonplace/ticket/1", &self.secret))
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, PREFIX, self, &self.relays)
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let (ticket, relays): (Self, _) = read(text, PREFIX)?;
        if ticket.addresses.len() > Self::MAX_ADDRESSES {
            return Err(TicketError::Damaged);
        }
        Ok(Self { relays, ..ticket })
    }
}

/// What one of a person's devices hands to a new one, so that it becomes theirs too. It lets nobody in by itself: that takes
/// the code that both then show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceTicket {
    /// The device that made it.
    pub device: DeviceId,
    /// Where that device could be reached then.
    pub addresses: Vec<SocketAddr>,
    /// Relays by which that device could be reached then.
    #[serde(skip)]
    pub relays: Vec<Relay>,
    /// The secret; whoever has it may ask, once.
    pub secret: [u8; 16],
    /// When it ends, milliseconds since 1970.
    pub expires_at: u64,
}

impl fmt::Display for DeviceTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, DEVICE_PREFIX, self, &self.relays)
    }
}

impl FromStr for DeviceTicket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Self, TicketError> {
        let (ticket, relays): (Self, _) = read(text, DEVICE_PREFIX).map_err(|error| match error {
            TicketError::NoTicket => TicketError::NoDeviceTicket,
            other => other,
        })?;
        if ticket.addresses.len() > Ticket::MAX_ADDRESSES {
            return Err(TicketError::Damaged);
        }
        Ok(Self { relays, ..ticket })
    }
}

fn write(f: &mut fmt::Formatter<'_>, prefix: &str, ticket: &impl Serialize, relays: &[Relay]) -> fmt::Result {
    let mut bytes = vec![if relays.is_empty() { VERSION } else { WITH_RELAYS }];
    bytes.extend(postcard::to_allocvec(ticket).map_err(|_| fmt::Error)?);
    if !relays.is_empty() {
        bytes.extend(postcard::to_allocvec(relays).map_err(|_| fmt::Error)?);
    }
    let check = blake3::hash(&bytes);
    bytes.extend_from_slice(&check.as_bytes()[..CHECK]);
    write!(f, "{prefix}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

fn read<T: DeserializeOwned>(text: &str, prefix: &str) -> Result<(T, Vec<Relay>), TicketError> {
    // Mail and chat programs break long lines.
    let text: String = text.chars().filter(|c| !c.is_whitespace()).take(Ticket::MAX_CHARS + 1).collect();
    let at = text.to_ascii_lowercase().find(prefix).ok_or(TicketError::NoTicket)?;
    let is_whole = text.chars().count() <= Ticket::MAX_CHARS;
    let rest = text.get(at + prefix.len()..).filter(|_| is_whole).ok_or(TicketError::Damaged)?;
    let bytes = BASE32_NOPAD_NOCASE.decode(rest.as_bytes()).map_err(|_| TicketError::Damaged)?;
    let (payload, check) = bytes.split_last_chunk::<CHECK>().ok_or(TicketError::Damaged)?;
    if blake3::hash(payload).as_bytes()[..CHECK] != *check {
        return Err(TicketError::Damaged);
    }
    match payload.split_first() {
        Some((&VERSION, rest)) => {
            postcard::from_bytes(rest).map(|ticket| (ticket, Vec::new())).map_err(|_| TicketError::Damaged)
        }
        Some((&WITH_RELAYS, rest)) => {
            let (ticket, relays): (T, Vec<Relay>) = postcard::from_bytes(rest).map_err(|_| TicketError::Damaged)?;
            // One that names none is of the first version: there is one way only to write a ticket.
            let as_many = (1..=Ticket::MAX_RELAYS).contains(&relays.len());
            if as_many { Ok((ticket, relays)) } else { Err(TicketError::Damaged) }
        }
        Some(_) => Err(TicketError::Newer),
        None => Err(TicketError::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(name: usize, addresses: u16) -> Ticket {
        Ticket {
            commons: CommonsId::new([1; 32]),
            name: "n".repeat(name),
            inviter: "Ines".to_owned(),
            ink: 3,
            device: DeviceId::new([7; 32]),
            addresses: (1..=addresses).map(|port| ([127, 0, 0, 1], port).into()).collect(),
            relays: Vec::new(),
            secret: [9; 16],
            expires_at: 5,
            uses: 1,
        }
    }

    #[test]
    fn a_ticket_is_as_long_as_it_may_be_and_not_longer() {
        let most = u16::try_from(Ticket::MAX_ADDRESSES).expect("small");
        assert_eq!(ticket(9, most).to_string().parse(), Ok(ticket(9, most)));
        assert_eq!(ticket(9, most + 1).to_string().parse::<Ticket>(), Err(TicketError::Damaged));
        let chars = |ticket: &Ticket| ticket.to_string().len();
        let long = (1..2_000).map(|name| ticket(name, 1)).find(|ticket| chars(ticket) > Ticket::MAX_CHARS);
        let past = long.expect("a name can be as long as one likes");
        let at = ticket(past.name.len() - 1, 1);
        // Five bytes are eight characters.
        assert!(chars(&at) <= Ticket::MAX_CHARS && chars(&at) + 2 > Ticket::MAX_CHARS, "{}", chars(&at));
        assert_eq!(at.to_string().parse(), Ok(at));
        assert_eq!(past.to_string().parse::<Ticket>(), Err(TicketError::Damaged));
        assert_eq!(format!("{PREFIX}{}", "a".repeat(1 << 20)).parse::<Ticket>(), Err(TicketError::Damaged));
    }

    #[test]
    fn a_ticket_for_a_device_names_as_many_addresses_as_it_may_and_not_more() {
        let most = u16::try_from(Ticket::MAX_ADDRESSES).expect("small");
        let with = |addresses: u16| DeviceTicket {
            device: DeviceId::new([7; 32]),
            addresses: ticket(1, addresses).addresses,
            relays: Vec::new(),
            secret: [9; 16],
            expires_at: 5,
        };
        assert_eq!(with(most).to_string().parse(), Ok(with(most)));
        for more in 1..3 {
            assert_eq!(with(most + more).to_string().parse::<DeviceTicket>(), Err(TicketError::Damaged));
        }
    }

    /// A ticket as the program made it before it knew of relays.
    const FIRST: &str = "commonplace://join/ahrfdlvjkm5wuccvhnpvqf7j5u6d5j2zs4vuewnjn22gh5qakkuwib2lmv2hi3dfomces3tfomci6dmpk7ztywupk4qgc23qavznkqw6xikz2yavo5eyryx5lmt66mqab5a7omcwqau5ffeiw5frnrg57dmozc7tsy2qdqkkpsja";

    #[test]
    fn a_ticket_without_a_relay_is_written_and_read_as_ever() {
        let ticket: Ticket = FIRST.parse().expect("a ticket");
        assert_eq!((ticket.name.as_str(), ticket.inviter.as_str(), ticket.uses), ("Kettles", "Ines", 1));
        assert!(ticket.relays.is_empty());
        assert_eq!(ticket.to_string(), FIRST);
    }

    #[test]
    fn a_ticket_brings_relays_and_not_more_than_it_may() {
        let relay = |n: usize| format!("https://relay{n}.example.org").parse::<Relay>().expect("an address");
        let with = |relays: usize| Ticket { relays: (0..relays).map(relay).collect(), ..ticket(9, 2) };
        for relays in 0..=Ticket::MAX_RELAYS {
            assert_eq!(with(relays).to_string().parse(), Ok(with(relays)));
        }
        assert_eq!(with(Ticket::MAX_RELAYS + 1).to_string().parse::<Ticket>(), Err(TicketError::Damaged));
        let device = |relays: usize| DeviceTicket {
            device: DeviceId::new([7; 32]),
            addresses: Vec::new(),
            relays: (0..relays).map(relay).collect(),
            secret: [9; 16],
            expires_at: 5,
        };
        assert_eq!(device(2).to_string().parse(), Ok(device(2)));
        assert_eq!(device(3).to_string().parse::<DeviceTicket>(), Err(TicketError::Damaged));

        // The longest that there can be still fit, with all addresses of the longer kind.
        let long = format!("https://{}", "a".repeat(Relay::MAX_BYTES - 8)).parse::<Relay>().expect("an address");
        let mut full = ticket(200, 0);
        full.inviter = "i".repeat(200);
        full.addresses = vec!["[2001:db8:1111:2222:3333:4444:5555:6666]:65535".parse().expect("an address"); 8];
        full.relays = vec![long];
        assert_eq!(full.to_string().parse(), Ok(full));
    }

    #[test]
    fn a_ticket_with_something_else_for_a_relay_is_damaged() {
        let mut bytes = vec![WITH_RELAYS];
        bytes.extend(postcard::to_allocvec(&(ticket(9, 1), vec!["https://ada@relay.example.org"])).expect("written"));
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(&check.as_bytes()[..CHECK]);
        let text = format!("{PREFIX}{}", BASE32_NOPAD.encode(&bytes));
        assert_eq!(text.parse::<Ticket>(), Err(TicketError::Damaged));
    }

    #[test]
    fn a_ticket_for_a_device_is_read_as_written_and_is_no_ticket_for_a_commons() {
        let ticket = DeviceTicket {
            device: DeviceId::new([7; 32]),
            addresses: vec!["127.0.0.1:4000".parse().expect("an address")],
            relays: Vec::new(),
            secret: [9; 16],
            expires_at: 5,
        };
        let text = ticket.to_string();
        assert!(text.starts_with(DEVICE_PREFIX));
        assert_eq!(text.parse(), Ok(ticket.clone()));
        assert_eq!(format!(" {}\n{}", &text[..30], &text[30..]).parse(), Ok(ticket));
        assert_eq!(text.parse::<Ticket>(), Err(TicketError::NoTicket));
        assert_eq!(text[..text.len() - 2].parse::<DeviceTicket>(), Err(TicketError::Damaged));
        assert_eq!("hello".parse::<DeviceTicket>(), Err(TicketError::NoDeviceTicket));
    }
}
