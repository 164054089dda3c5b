//! Devices meeting: iroh connections, mDNS on every interface, gossip.
//!
//! This crate moves bytes between authenticated devices, and finds them. It does not know what a frame means, what a page
//! is, or which commons there are: whom to let in is asked of a policy ([`NetConfig::welcome`]).
//!
//! What holds:
//! - Out of the box nothing leaves the local network on its own account: no relay, no lookup service, no port mapping. Devices are
//!   dialled at addresses that were announced on the local network, given by hand, or kept from before. By relays they are
//!   reached only where a person chose that ([`Reach`]).
//! - No default route is needed. Sockets are bound to the unspecified address, and mDNS speaks on every interface.
//! - An address is a hint and an announcement proves nothing; the connection authenticates the device.
//! - Whatever a peer can make grow has a cap: frames (before anything is allocated), streams, connections, devices seen.
//! - A peer that is gone is noticed in less than ten seconds.

mod accept;
mod announcement;
mod book;
mod dial;
mod discovery;
mod door;
mod error;
mod interfaces;
mod link;
mod net;
mod reach;
mod report;
mod shared;
mod sightings;
mod stream;
mod table;
mod topic;

use std::{fmt, net::SocketAddr, sync::Arc};

use commonplace_model::DeviceId;

pub use announcement::{Announcement, MAX_NAME};
pub use error::{DisconnectReason, NetError};
pub use link::{Connection, PathKind};
pub use net::Net;
pub use reach::{Reach, can_use};
pub use stream::{FrameReceiver, FrameSender, MAX_FRAME, MAX_JOIN_FRAME, Stream, StreamKind};
pub use topic::{MAX_GOSSIP, Topic, TopicEvent, TopicSender};

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bind {
    /// On every interface, IPv4 and IPv6.
    #[default]
    Everywhere,
    /// On 127.0.0.1 only.
    Loopback,
}

/// How devices that were not given by hand are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Discovery {
    /// By mDNS on the local network.
    #[default]
    Lan,
    /// Not at all.
    Off,
}

/// How a device is to be received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Welcome {
    /// It may open any stream, and gossips with us.
    Member,
    /// It may only open [`StreamKind::Join`].
    Stranger,
    /// It may not even be connected.
    Refused,
}

/// Says how a device is to be received; asked for each connection and each stream, so it must answer at once.
pub type Policy = Arc<dyn Fn(&DeviceId) -> Welcome + Send + Sync>;

/// What [`Net::open`] needs to know.
#[derive(Clone)]
pub struct NetConfig {
    /// Seed of the device's Ed25519 key.
    pub secret: [u8; 32],
    /// Where to listen.
    pub bind: Bind,
    /// How others are found.
    pub discovery: Discovery,
    /// What others are told of this device on the local network; none: it is invisible, and still sees others.
    pub announcement: Option<Announcement>,
    /// How far this device reaches.
    pub reach: Reach,
    /// Who may come in.
    pub welcome: Policy,
}

impl fmt::Debug for NetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetConfig")
            .field("bind", &self.bind)
            .field("discovery", &self.discovery)
            .field("announcement", &self.announcement)
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

/// What happens on the network.
///
/// For each device [`NetEvent::Connected`] and [`NetEvent::Disconnected`] alternate, and so do [`NetEvent::Seen`] (which
/// comes again when something changed) and [`NetEvent::Gone`]. When the receiver is slow, what happened meanwhile is
/// reported as one change; streams wait.
#[derive(Debug)]
pub enum NetEvent {
    /// A device is announced on the local network. Anybody can announce anything. Of this device itself it is told only when
    /// somebody else announces it, as a copy of its key would.
    Seen {
        /// Which device it says it is.
        device: DeviceId,
        /// What it tells of itself.
        announcement: Option<Announcement>,
        /// Where it may be dialled; [`Net::connect`] knows them already.
        addresses: Vec<SocketAddr>,
    },
    /// A device is no longer announced.
    Gone {
        /// Which.
        device: DeviceId,
    },
    /// There is a connection to a device, whoever dialled.
    Connected {
        /// Which.
        device: DeviceId,
        /// The connection.
        connection: Connection,
    },
    /// The packets of a connection go another way than before; see [`Connection::path`].
    Rerouted {
        /// Which.
        device: DeviceId,
    },
    /// The connection to a device has ended, with all its streams.
    Disconnected {
        /// Which.
        device: DeviceId,
        /// Why.
        reason: DisconnectReason,
    },
    /// The other side opened a stream.
    Incoming {
        /// The stream.
        stream: Stream,
    },
}
