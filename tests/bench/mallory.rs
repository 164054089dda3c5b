//! Mallory: a member's device with a key and a network of its own, and no engine.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use commonplace_governance::{Introduction, JoinRequest, Ticket};
use commonplace_model::{Actor, CommonsId, DeviceId, DocId, RecordId};
use commonplace_net::{
    Bind, Connection, Discovery, FrameReceiver, FrameSender, Net, NetConfig, Reach, StreamKind, Welcome,
};
use commonplace_sync::{Effect, Input, Replica, Role, Segment, Session, VERSION, offer};
use commonplace_trust::{Arrival, Attestation, DeviceKey, VerifiedRecord};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// Nothing takes longer; this is when something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// What is said at the door, as the engine reads and writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Door {
    Ask(Box<JoinRequest>),
    Knock(Introduction),
    Prove { offer: [u8; 32], nonce: [u8; 16], records: Vec<Vec<u8>>, more: bool },
    Come { records: Vec<Vec<u8>>, more: bool },
    Ticket(String),
    No(u8),
}

impl Door {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap()
    }
}

pub(crate) fn introduction(name: &str) -> Introduction {
    Introduction { name: name.to_owned(), ink: 3, device_name: format!("{name}’s contraption") }
}

/// A frame of a session, by the number of its kind.
pub(crate) fn frame(kind: u8, content: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(content, vec![VERSION, kind]).unwrap()
}

/// A device without an engine.
pub(crate) struct Mallory {
    pub(crate) key: DeviceKey,
    pub(crate) net: Net,
    pub(crate) commons: CommonsId,
    pub(crate) host: DeviceId,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) records: Vec<Vec<u8>>,
}

impl Mallory {
    /// Comes in by a ticket, as one does.
    pub(crate) async fn join(ticket: &str) -> Self {
        Self::join_below(ticket, ticket).await
    }

    /// The same, with a lower id than the devices of both tickets, so that it is the one that opens streams to both.
    pub(crate) async fn join_below(ticket: &str, other: &str) -> Self {
        let other: Ticket = other.parse().unwrap();
        let mut mallory = Self::below(ticket, other.device).await;
        let ticket: Ticket = ticket.parse().unwrap();
        let request = JoinRequest::sign(ticket.commons, &ticket.key(), &mallory.key, introduction("Mallory"));
        let (mut to, mut from) = mallory.at_door().await;
        to.send(&Door::Ask(Box::new(request)).bytes()).await.unwrap();
        loop {
            match hear(&mut from).await {
                Some(Door::Come { records, more }) => {
                    mallory.records.extend(records);
                    if !more {
                        return mallory;
                    }
                }
                other => panic!("not let in: {other:?}"),
            }
        }
    }

    /// One that has a ticket and has not used it.
    pub(crate) async fn stranger(ticket: &str) -> Self {
        let host = ticket.parse::<Ticket>().unwrap().device;
        Self::below(ticket, host).await
    }

    /// Has to do with the device of this ticket from now on.
    pub(crate) fn turns_to(&mut self, ticket: &str) {
        let ticket: Ticket = ticket.parse().unwrap();
        self.net.add_addresses(ticket.device, &ticket.addresses);
        (self.host, self.addresses) = (ticket.device, ticket.addresses);
    }

    async fn below(ticket: &str, other: DeviceId) -> Self {
        static SEEDS: AtomicU32 = AtomicU32::new(0);
        let ticket: Ticket = ticket.parse().unwrap();
        // The device with the lower id is the one that opens streams, and this one wants to.
        let seed = |number: u32| blake3::derive_key("hostile device", &number.to_le_bytes());
        let mut seeds = std::iter::repeat_with(|| seed(SEEDS.fetch_add(1, Ordering::Relaxed)));
        let seed = seeds.find(|seed| DeviceKey::from_seed(seed).id() < ticket.device.min(other)).unwrap();
        let (events, mut happening) = mpsc::channel(64);
        let config = NetConfig {
            secret: seed,
            bind: Bind::Loopback,
            discovery: Discovery::Off,
            announcement: None,
            reach: Reach::Lan,
            welcome: Arc::new(|_: &DeviceId| Welcome::Member),
        };
        let net = Net::open(config, events).await.unwrap();
        net.add_addresses(ticket.device, &ticket.addresses);
        // Streams that the engine opens are dropped; it ends with the network.
        tokio::spawn(async move { while happening.recv().await.is_some() {} });
        Self {
            key: DeviceKey::from_seed(&seed),
            net,
            commons: ticket.commons,
            host: ticket.device,
            addresses: ticket.addresses,
            records: Vec::new(),
        }
    }

    pub(crate) async fn connection(&self) -> Connection {
        self.net.connect(self.host).await.unwrap()
    }

    pub(crate) async fn at_door(&self) -> (FrameSender, FrameReceiver) {
        self.connection().await.open(StreamKind::Join).await.unwrap().split()
    }

    /// The first frame of a meeting: a good offer.
    pub(crate) fn offer(&self, nonce: u8) -> Vec<u8> {
        let nonce = [nonce; 16];
        let offered = offer::offer(&self.commons, &self.key.id(), &self.host, &nonce);
        postcard::to_allocvec(&(nonce, offered, false)).unwrap()
    }

    /// Opens a stream with a good offer; nothing when the engine does not want to meet.
    pub(crate) async fn offers(&self) -> Option<(FrameSender, FrameReceiver)> {
        let (mut to, mut from) = self.connection().await.open(StreamKind::Sync).await.unwrap().split();
        to.send(&self.offer(7)).await.unwrap();
        let answer = soon("an answer to an offer", from.next()).await.unwrap();
        (answer.as_deref() == Some(&[1][..])).then_some((to, from))
    }

    /// Meets the engine as an honest device with no pages does, up to where both are equal.
    pub(crate) async fn meets(&self) -> Talk {
        let (to, from) = self.offers().await.expect("the engine knows its members");
        let session = Session::new(Role::Dialled, self.commons, self.key.id(), self.host, 5);
        let replica = Nothing(self.records.clone());
        let mut talk = Talk { to, from, session, replica, commons: self.commons, brought: Vec::new() };
        let mut equal = talk.hands(Input::Start).await;
        while !equal {
            let frame = soon("a frame", talk.from.next()).await.unwrap().expect("the engine goes on");
            equal = talk.hands(Input::Frame(frame.into())).await;
        }
        talk
    }
}

pub(crate) async fn hear(from: &mut FrameReceiver) -> Option<Door> {
    let bytes = soon("a word at the door", from.next()).await.ok().flatten()?;
    Some(postcard::from_bytes(&bytes).unwrap())
}

/// Whether the other side ends a stream; what it had said before is passed over.
pub(crate) async fn ended(from: &mut FrameReceiver) {
    let end = async { while let Ok(Some(_)) = from.next().await {} };
    soon("the end of a stream", end).await;
}

/// A meeting that began well.
pub(crate) struct Talk {
    pub(crate) to: FrameSender,
    pub(crate) from: FrameReceiver,
    session: Session,
    replica: Nothing,
    commons: CommonsId,
    /// What the engine has sent.
    pub(crate) brought: Vec<Arrival>,
}

impl Talk {
    /// Gives the session an input and does what it asks for; true when both sides have become equal by it.
    pub(crate) async fn hands(&mut self, input: Input) -> bool {
        let (frames, equal) = self.says(input);
        for frame in frames {
            self.to.send(&frame).await.unwrap();
        }
        equal
    }

    /// Gives the session an input and what that leads to: the frames that it wants sent, and whether both sides have become
    /// equal by it.
    pub(crate) fn says(&mut self, input: Input) -> (Vec<Vec<u8>>, bool) {
        let (mut inputs, mut frames, mut equal) = (VecDeque::from([input]), Vec::new(), false);
        while let Some(input) = inputs.pop_front() {
            for effect in self.session.handle(input, 0, &self.replica) {
                match effect {
                    Effect::Send(frame) => {
                        frames.push(frame);
                        inputs.push_back(Input::Writable);
                    }
                    Effect::Arrived { arrivals, .. } => {
                        let tips = |a: &Arrival| {
                            a.attestations.iter().map(|said| (said.actor(self.commons, a.doc), said.seq)).collect()
                        };
                        inputs.push_back(Input::Stored { docs: arrivals.iter().map(|a| (a.doc, tips(a))).collect() });
                        self.brought.extend(arrivals);
                    }
                    Effect::ArrivedRecords(_) => inputs.push_back(Input::RecordsStored),
                    Effect::CaughtUp { .. } => equal = true,
                    Effect::Close(reason) => panic!("the engine is at fault: {reason}"),
                    _ => {}
                }
            }
        }
        (frames, equal)
    }
}

/// A replica that has the roll and no pages.
struct Nothing(Vec<Vec<u8>>);

impl Replica for Nothing {
    fn record_ids(&self) -> Vec<RecordId> {
        self.0.iter().map(|bytes| VerifiedRecord::verify(bytes.clone()).unwrap().id()).collect()
    }

    fn records(&self, _: &[RecordId]) -> Vec<Vec<u8>> {
        Vec::new()
    }

    fn digests(&self) -> Vec<(DocId, [u8; 32])> {
        Vec::new()
    }

    fn frontier(&self, _: &DocId) -> Vec<Attestation> {
        Vec::new()
    }

    fn numbered(&self, _: &DocId, _: &Actor, _: u64) -> Option<Vec<u8>> {
        None
    }

    fn changes_after(&self, _: &DocId, _: &[(Actor, u64)], _: usize) -> Segment {
        Segment::default()
    }

    fn waiting_order(&self, _: &mut [DocId]) {}
}
