//! One authenticated connection to a device.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use commonplace_model::{DeviceId, Relay};
use iroh::{
    TransportAddr,
    endpoint::{self, Side},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use crate::{
    DisconnectReason, NetError, Stream, StreamKind, error::Code, interfaces::is_local, reach, stream::write_error,
    table::Table,
};

/// Streams that a member may have open to us at once, and we to it.
pub(crate) const MAX_STREAMS: u32 = 32;
/// Streams that a stranger may have open to us at once.
pub(crate) const MAX_STRANGER_STREAMS: u32 = 4;
/// How long to wait for a place when too many streams are open.
const OPENING: Duration = Duration::from_secs(10);

/// How the packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// Within the local network, or this very device.
    Lan,
    /// Straight over the internet.
    Direct,
    /// Through a relay.
    Relay,
}

impl PathKind {
    /// For people.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Lan => "this network",
            Self::Direct => "direct",
            Self::Relay => "relay",
        }
    }
}

/// A connection with what is known of it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) device: DeviceId,
    pub(crate) connection: endpoint::Connection,
    /// Whether it was dialled from here.
    pub(crate) dialled: bool,
    pub(crate) since: Instant,
    /// Whether the device was a stranger when it came; counted, and given less.
    pub(crate) stranger: AtomicBool,
    pub(crate) incoming: Arc<Semaphore>,
    pub(crate) outgoing: Arc<Semaphore>,
    /// Why this side closed it.
    closed_for: OnceLock<Code>,
}

impl Link {
    pub(crate) fn new(connection: endpoint::Connection, stranger: bool) -> Self {
        let device = DeviceId::new(*connection.remote_id().as_bytes());
        if !stranger {
            connection.set_max_concurrent_bi_streams(MAX_STREAMS.into());
        }
        Self {
            device,
            dialled: connection.side() == Side::Client,
            since: Instant::now(),
            stranger: AtomicBool::new(stranger),
            incoming: Arc::new(Semaphore::new(MAX_STREAMS as usize)),
            outgoing: Arc::new(Semaphore::new(MAX_STREAMS as usize)),
            connection,
            closed_for: OnceLock::new(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    pub(crate) fn close(&self, code: Code) {
        // The first reason is the one that counts.
        let _ = self.closed_for.set(code);
        self.connection.close(code.number(), b"");
    }

    /// Waits until it has ended.
    pub(crate) async fn closed(&self) -> DisconnectReason {
        match DisconnectReason::from(&self.connection.closed().await) {
            DisconnectReason::ClosedHere => {
                self.closed_for.get().map_or(DisconnectReason::ClosedHere, |code| code.closed_here())
            }
            reason => reason,
        }
    }

    /// Whether no stream is open, as far as this side knows.
    pub(crate) fn is_unused(&self) -> bool {
        let all = MAX_STREAMS as usize;
        self.incoming.available_permits() == all && self.outgoing.available_permits() == all
    }

    /// The device has become a member: it gets what members get.
    pub(crate) fn promote(&self) {
        if self.stranger.swap(false, Ordering::Relaxed) {
            self.connection.set_max_concurrent_bi_streams(MAX_STREAMS.into());
        }
    }

    /// Datagrams that have arrived on it.
    pub(crate) fn received(&self) -> u64 {
        self.connection.stats().udp_rx.datagrams
    }

    pub(crate) fn remote_addresses(&self) -> Vec<SocketAddr> {
        let paths = self.connection.paths();
        let mut all: Vec<_> = paths.iter().collect();
        all.sort_by_key(|path| !path.is_selected());
        let ip = |address: &TransportAddr| match address {
            TransportAddr::Ip(address) => Some(SocketAddr::new(address.ip().to_canonical(), address.port())),
            _ => None,
        };
        all.iter().filter_map(|path| ip(path.remote_addr())).collect()
    }
}

/// A connection to one device. Cheap to clone; it lives until either side closes it or is gone.
///
/// When two devices dialled each other at once there are two connections between them for a moment. They count as one: this
/// uses the one that is left.
#[derive(Clone)]
pub struct Connection {
    table: Arc<Table>,
    link: Arc<Link>,
    session: u64,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("device", &self.link.device)
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

impl Connection {
    pub(crate) fn new(table: Arc<Table>, link: Arc<Link>, session: u64) -> Self {
        Self { table, link, session }
    }

    /// The link in use.
    fn link(&self) -> Arc<Link> {
        self.table.in_session(&self.link.device, self.session).unwrap_or_else(|| Arc::clone(&self.link))
    }

    /// The device at the other end, authenticated.
    pub fn device(&self) -> DeviceId {
        self.link.device
    }

    /// How long a packet takes there and back, as last estimated. None when the connection has ended.
    pub fn rtt(&self) -> Option<Duration> {
        let link = self.link();
        let paths = link.connection.paths();
        paths.iter().find(endpoint::Path::is_selected).or_else(|| paths.iter().next()).map(|path| path.rtt())
    }

    /// How the packets travel.
    pub fn path(&self) -> PathKind {
        let link = self.link();
        let paths = link.connection.paths();
        let path = paths.iter().find(endpoint::Path::is_selected).or_else(|| paths.iter().next());
        match path.as_ref().map(endpoint::Path::remote_addr) {
            Some(TransportAddr::Ip(address)) if is_local(&address.ip()) => PathKind::Lan,
            Some(TransportAddr::Relay(_)) => PathKind::Relay,
            _ => PathKind::Direct,
        }
    }

    /// Where the other side is reached, the address in use first.
    pub fn remote_addresses(&self) -> Vec<SocketAddr> {
        self.link().remote_addresses()
    }

    /// The relays by which the other side was reached. Empty where it dialled: then they are ours, and nothing is known of its own.
    pub fn remote_relays(&self) -> Vec<Relay> {
        let link = self.link();
        let paths = link.connection.paths();
        let relay = |address: &TransportAddr| match address {
            TransportAddr::Relay(url) => reach::relay(url),
            _ => None,
        };
        if link.dialled { paths.iter().filter_map(|path| relay(path.remote_addr())).collect() } else { Vec::new() }
    }

    /// Opens a stream; the other side is told of it as [`NetEvent::Incoming`](crate::NetEvent::Incoming).
    ///
    /// # Errors
    /// When too many are open, or the connection has ended.
    pub async fn open(&self, kind: StreamKind) -> Result<Stream, NetError> {
        let link = self.link();
        let open = async {
            let permit = Arc::clone(&link.outgoing).acquire_owned().await.map_err(|_| NetError::Busy)?;
            let (mut send, recv) = link.connection.open_bi().await.map_err(|e| NetError::from(&e))?;
            send.write_all(&[kind.byte()]).await.map_err(|e| write_error(&e))?;
            Ok(Stream::new(kind, link.device, send, recv, permit))
        };
        timeout(OPENING, open).await.unwrap_or(Err(NetError::Busy))
    }

    /// Waits until the connection has ended.
    pub async fn closed(&self) -> DisconnectReason {
        let mut link = self.link();
        loop {
            let reason = link.closed().await;
            match self.table.in_session(&link.device, self.session) {
                Some(other) => link = other,
                None => return reason,
            }
        }
    }

    /// Ends the connection and all its streams.
    pub fn close(&self) {
        // There are two at most.
        while let Some(link) = self.table.in_session(&self.link.device, self.session) {
            link.close(Code::Done);
        }
    }

    /// Whether two handles are of the same connection.
    pub fn is_same(&self, other: &Self) -> bool {
        self.link.device == other.link.device && self.session == other.session
    }
}
