//! Devices to test with: well-behaved ones, and raw ones that say whatever they like.

use std::{sync::Arc, time::Duration};

use commonplace_model::DeviceId;
use commonplace_net::{
    Bind, Connection, Discovery, FrameReceiver, FrameSender, Net, NetConfig, NetEvent, Reach, Stream, StreamKind,
    Welcome,
};
use iroh::{
    Endpoint, EndpointAddr, EndpointId, SecretKey, TransportAddr,
    endpoint::{self, presets},
};
use tokio::{sync::mpsc, time::timeout};

/// What never takes so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const PROTOCOL: &[u8] = b"commonplace/1";

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// A device with its network, and what happened on it.
pub(crate) struct Peer {
    pub(crate) net: Net,
    pub(crate) events: mpsc::Receiver<NetEvent>,
}

impl Peer {
    pub(crate) async fn open(seed: u8) -> Self {
        Self::with(seed, |_| Welcome::Member).await
    }

    pub(crate) async fn with(seed: u8, welcome: impl Fn(&DeviceId) -> Welcome + Send + Sync + 'static) -> Self {
        let (events, happening) = mpsc::channel(64);
        let config = NetConfig {
            secret: [seed; 32],
            bind: Bind::Loopback,
            discovery: Discovery::Off,
            announcement: None,
            reach: Reach::Lan,
            welcome: Arc::new(welcome),
        };
        Self { net: Net::open(config, events).await.unwrap(), events: happening }
    }

    pub(crate) fn knows(&self, other: &Self) {
        self.net.add_addresses(other.net.device(), &other.net.addresses());
    }

    pub(crate) async fn dial(&self, other: &Self) -> Connection {
        self.knows(other);
        self.net.connect(other.net.device()).await.unwrap()
    }

    pub(crate) async fn event(&mut self) -> NetEvent {
        soon("an event", self.events.recv()).await.unwrap()
    }

    /// The next stream that the other side opens; what else happens is passed over.
    pub(crate) async fn stream(&mut self) -> Stream {
        loop {
            if let NetEvent::Incoming { stream } = self.event().await {
                return stream;
            }
        }
    }

    /// Why the connection that is there ends.
    pub(crate) async fn disconnected(&mut self) -> commonplace_net::DisconnectReason {
        loop {
            if let NetEvent::Disconnected { reason, .. } = self.event().await {
                return reason;
            }
        }
    }
}

/// Sends a word over a new stream and gets it back.
pub(crate) async fn talk(from: &Connection, to: &mut Peer) {
    let (mut there, mut back) = from.open(StreamKind::Sync).await.unwrap().split();
    there.send(b"word").await.unwrap();
    let (mut answer, mut heard) = to.stream().await.split();
    let word = soon("a frame", heard.next()).await.unwrap().unwrap();
    answer.send(&word).await.unwrap();
    assert_eq!(soon("an answer", back.next()).await.unwrap().as_deref(), Some(&b"word"[..]));
}

/// Two devices with a stream between them.
pub(crate) async fn pair(kind: StreamKind) -> (Peer, Peer, (FrameSender, FrameReceiver), (FrameSender, FrameReceiver)) {
    let (here, mut there) = (Peer::open(1).await, Peer::open(2).await);
    let near = here.dial(&there).await.open(kind).await.unwrap().split();
    let far = there.stream().await.split();
    (here, there, near, far)
}

/// A device that speaks the protocol as it pleases.
pub(crate) async fn raw(seed: u8) -> Endpoint {
    let builder = Endpoint::builder(presets::Minimal).secret_key(SecretKey::from_bytes(&[seed; 32]));
    builder.clear_ip_transports().bind_addr("127.0.0.1:0").unwrap().bind().await.unwrap()
}

pub(crate) async fn raw_dial(from: &Endpoint, to: &Peer, protocol: &[u8]) -> endpoint::Connection {
    let id = EndpointId::from_bytes(to.net.device().as_bytes()).unwrap();
    let addresses = to.net.addresses().into_iter().map(TransportAddr::Ip);
    from.connect(EndpointAddr::from_parts(id, addresses), protocol).await.unwrap()
}

/// The code with which the other side closed a connection.
pub(crate) async fn close_code(connection: &endpoint::Connection) -> u64 {
    match soon("the end of a connection", connection.closed()).await {
        endpoint::ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        other => panic!("it was not closed by the other side: {other}"),
    }
}
