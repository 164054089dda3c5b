//! The network of this device: opened once, closed when its last handle is gone.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use commonplace_model::{DeviceId, Relay};
use iroh::{
    Endpoint, SecretKey, Watcher,
    address_lookup::MemoryLookup,
    endpoint::{PortmapperConfig, QuicTransportConfig, VarInt, presets},
};
use iroh_gossip::{ALPN as GOSSIP, Gossip, proto::PlumtreeConfig};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};

use crate::{
    Announcement, Bind, Connection, Discovery, NetConfig, NetError, NetEvent, Reach, Topic, Welcome, accept,
    announcement::Start,
    book::AddressBook,
    dial::Dials,
    discovery::Finder,
    door::{Door, Doorkeeper},
    error::Code,
    interfaces,
    link::MAX_STRANGER_STREAMS,
    reach::{self, Roots},
    report,
    shared::{PROTOCOL, Shared},
    sightings::Sightings,
    table::Table,
    topic,
};

/// Silence after which a device counts as gone, and how often something is said to prevent that.
const SILENCE: Duration = Duration::from_secs(6);
const SIGN: Duration = Duration::from_millis(1500);
/// Bytes that may arrive on a connection before somebody takes them.
const WINDOW: u32 = 8 * 1024 * 1024;
/// How long taking leave may take, per step. Those who are there are told within a round trip; a dial under way to one who is
/// not would have the endpoint wait for seconds.
const LEAVE: Duration = Duration::from_millis(400);
/// Requests to discovery that may wait.
const REQUESTS: usize = 16;

/// A handle to the network of this device. Cheap to clone; the network closes when [`Net::close`] is called or the last
/// handle is dropped.
#[derive(Clone)]
pub struct Net {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    dials: Dials,
    reach: Reach,
    announcement: watch::Sender<Option<Announcement>>,
    closing: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.closing.send_replace(true);
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").field("device", &self.inner.shared.me).finish_non_exhaustive()
    }
}

impl Net {
    /// Opens the network; what happens on it goes to `events`. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn open(config: NetConfig, events: mpsc::Sender<NetEvent>) -> Result<Self, NetError> {
        Self::open_at(config, 0, events).await
    }

    /// As [`Net::open`], listening at this port if it is free: then those who know where this device was find it again.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn open_at(config: NetConfig, port: u16, events: mpsc::Sender<NetEvent>) -> Result<Self, NetError> {
        let door = Arc::new(Door::new(Arc::clone(&config.welcome)));
        let lookup = MemoryLookup::new();
        let mut bound = Err(NetError::Closed);
        for (port, roots) in [(port, Roots::System), (0, Roots::System), (port, Roots::Usual), (0, Roots::Usual)] {
            bound = bind(&config, port, roots, Arc::clone(&door), lookup.clone()).await;
            if bound.is_ok() {
                break;
            }
        }
        let endpoint = bound?;
        let gossip = Gossip::builder()
            .max_message_size(topic::MAX_GOSSIP + topic::OVERHEAD)
            .broadcast_config(PlumtreeConfig { dispatch_timeout: topic::NAMED_AFTER, ..PlumtreeConfig::default() })
            .spawn(endpoint.clone());
        let me = DeviceId::new(*endpoint.id().as_bytes());

        let (announcement, to_announce) = watch::channel(config.announcement);
        let (discovery, requests) = mpsc::channel(REQUESTS);
        let (closing, is_closing) = watch::channel(false);
        let (end, ended) = watch::channel(false);
        let finder = (config.discovery == Discovery::Lan).then(|| {
            let sockets = endpoint.bound_sockets();
            let port = |wanted: fn(&SocketAddr) -> bool| sockets.iter().find(|s| wanted(s)).map(SocketAddr::port);
            let (port, port_v6) = (port(SocketAddr::is_ipv4), port(SocketAddr::is_ipv6));
            let port = port.or(port_v6).unwrap_or_default();
            Finder { announcement: to_announce, requests, start: Start::new(), port, port_v6 }
        });
        let shared = Arc::new(Shared {
            me,
            endpoint,
            gossip,
            door,
            book: AddressBook::new(lookup, config.reach.own()),
            table: Arc::new(Table::new(me)),
            sightings: Sightings::default(),
            events,
            discovery,
            closing: is_closing,
        });
        tokio::spawn(run(Arc::clone(&shared), finder, end));
        let inner = Inner { shared, dials: Dials::default(), reach: config.reach, announcement, closing, ended };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// This device.
    pub fn device(&self) -> DeviceId {
        self.inner.shared.me
    }

    /// The IPv4 port that this device listens at.
    pub fn port(&self) -> u16 {
        let sockets = self.inner.shared.endpoint.bound_sockets();
        sockets.iter().find(|s| s.is_ipv4()).or(sockets.first()).map_or(0, SocketAddr::port)
    }

    /// Where others may dial this device now, for tickets: addresses of the interfaces, loopback only when there is
    /// nothing else.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        interfaces::addresses(&self.inner.shared.endpoint.bound_sockets())
    }

    /// The relays by which others reach this device, for tickets: the one that the person chose, or of the public ones that at
    /// which it is at home now.
    pub fn relays(&self) -> Vec<Relay> {
        match &self.inner.reach {
            Reach::Lan => Vec::new(),
            Reach::Own(relay) => vec![relay.clone()],
            Reach::Public => self.inner.shared.endpoint.addr().relay_urls().filter_map(reach::relay).collect(),
        }
    }

    /// As [`Net::relays`], after waiting so long for a home at one of the public relays.
    pub async fn relays_within(&self, wait: Duration) -> Vec<Relay> {
        if self.inner.reach == Reach::Public && self.relays().is_empty() {
            // Without one, others reach this device where it is.
            let _ = timeout(wait, self.inner.shared.endpoint.online()).await;
        }
        self.relays()
    }

    /// Whether a relay answers this device now; none where it uses no relay.
    pub fn relay_answers(&self) -> Option<bool> {
        let status = || self.inner.shared.endpoint.home_relay_status().get();
        (self.inner.reach != Reach::Lan).then(|| status().iter().any(iroh::endpoint::RelayStatus::is_connected))
    }

    /// How far this device reaches.
    pub fn reach(&self) -> &Reach {
        &self.inner.reach
    }

    /// What others on the local network are told from now on; none: nothing, this device is invisible.
    pub fn set_announcement(&self, announcement: Option<Announcement>) {
        self.inner.announcement.send_if_modified(|current| {
            let changed = *current != announcement;
            *current = announcement;
            changed
        });
    }

    /// Adds addresses of a device, from a ticket or from before. They are tried together with those announced; the 16 newest
    /// are kept.
    pub fn add_addresses(&self, device: DeviceId, addresses: &[SocketAddr]) {
        if device != self.device() && self.inner.shared.book.give(device, addresses) {
            self.inner.shared.said_to_be_at(device, addresses);
        }
    }

    /// Adds relays by which a device may be reached, from a ticket or from before; the few newest are kept. Where no relay is to be
    /// used, none are.
    pub fn add_relays(&self, device: DeviceId, relays: &[Relay]) {
        if device != self.device() {
            self.inner.shared.book.give_relays(device, relays);
        }
    }

    /// The connection to a device: the one that is there, or a new one. Takes five seconds at most.
    ///
    /// The other side's refusal comes a moment later, as the end of the connection.
    ///
    /// # Errors
    /// When no address is known, none answers, the policy refuses the device, or the network is closed.
    pub async fn connect(&self, device: DeviceId) -> Result<Connection, NetError> {
        if device == self.device() {
            return Err(NetError::NoAddress);
        }
        self.inner.dials.connect(&self.inner.shared, device).await
    }

    /// Joins a topic of gossip. Those of `members` that can be reached become the first neighbours; tell of others
    /// with [`Topic::join_peers`] when they are connected.
    ///
    /// # Errors
    /// When the network is closed.
    pub async fn subscribe(&self, topic: [u8; 32], members: Vec<DeviceId>) -> Result<Topic, NetError> {
        Topic::subscribe(&self.inner.shared, topic, &members).await
    }

    /// Asks the policy again about everybody who is connected, and parts with those who are no longer welcome. To be
    /// called when somebody was removed.
    pub fn recheck(&self) {
        let shared = &self.inner.shared;
        for link in shared.table.all() {
            if shared.door.welcome(&link.device) == Welcome::Refused {
                link.close(Code::Refused);
            }
        }
        shared.door.recheck();
    }

    /// Closes the network, and takes leave of others as far as that is quick.
    pub async fn close(&self) {
        self.inner.closing.send_replace(true);
        let mut ended = self.inner.ended.clone();
        // The task is gone with its runtime: then there is nothing to wait for either.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

async fn bind(
    config: &NetConfig,
    port: u16,
    roots: Roots,
    door: Arc<Door>,
    lookup: MemoryLookup,
) -> Result<Endpoint, NetError> {
    let silence = SILENCE.try_into().map_err(|e: iroh::endpoint::VarIntBoundsExceeded| NetError::Bind(e.into()))?;
    let transport = QuicTransportConfig::builder()
        .max_idle_timeout(Some(silence))
        .keep_alive_interval(SIGN)
        .default_path_max_idle_timeout(SILENCE)
        .default_path_keep_alive_interval(SIGN)
        .receive_window(VarInt::from_u32(WINDOW))
        // What strangers get; more is granted when it is known who it is, and what is granted cannot be taken back.
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_STRANGER_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .build();
    let builder = Endpoint::builder(presets::Minimal)
        .clear_address_lookup()
        .address_lookup(lookup)
        .portmapper_config(PortmapperConfig::Disabled)
        .secret_key(SecretKey::from_bytes(&config.secret))
        .alpns(vec![PROTOCOL.to_vec(), GOSSIP.to_vec()])
        .transport_config(transport)
        .hooks(Doorkeeper(door));
    let builder = config.reach.apply(builder, roots);
    let builder = match config.bind {
        // 0.0.0.0, and [::] where there is IPv6.
        Bind::Everywhere if port == 0 => builder,
        Bind::Everywhere => builder.bind_addr((Ipv4Addr::UNSPECIFIED, port)).map_err(|e| NetError::Bind(e.into()))?,
        Bind::Loopback => builder
            .clear_ip_transports()
            .bind_addr((Ipv4Addr::LOCALHOST, port))
            .map_err(|e| NetError::Bind(e.into()))?,
    };
    builder.bind().await.map_err(|e| NetError::Bind(e.into()))
}

/// Runs the network until it is closed.
async fn run(shared: Arc<Shared>, finder: Option<Finder>, end: watch::Sender<bool>) {
    let mut tasks = JoinSet::new();
    tasks.spawn(accept::connections(Arc::clone(&shared)));
    tasks.spawn(report::run(Arc::clone(&shared)));
    let finding = finder.map(|finder| tokio::spawn(finder.run(Arc::clone(&shared))));

    shared.closed().await;
    // Each step is a courtesy to others; none is worth waiting long for.
    let _ = timeout(LEAVE, shared.gossip.shutdown()).await;
    shared.table.close();
    if let Some(finding) = finding {
        let _ = timeout(LEAVE, finding).await;
    }
    let _ = timeout(LEAVE, shared.endpoint.close()).await;
    tasks.shutdown().await;
    end.send_replace(true);
}
