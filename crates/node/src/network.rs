//! Other devices: who is seen, who is connected, who is to be dialled, and the gossip of each commons.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use commonplace_governance::Epoch;
use commonplace_model::{CommonsId, DeviceId, Relay, shown};
use commonplace_net::{
    Announcement, Bind, Connection, Discovery, Net, NetConfig, NetEvent, StreamKind, TopicEvent, Welcome,
};
use commonplace_store::Peer;
use tokio::sync::{mpsc, watch};

use crate::{
    commons::Commons,
    core::Core,
    devices::Pairings,
    joining::Knocking,
    meeting::Meetings,
    profile,
    reach::{Ways, rtt_ms},
    view::{ConnectedDevice, Event, KnockState, NearbyDevice},
};

/// Events of the network that may wait for the engine.
const EVENTS: usize = 256;
/// Words of presence that may wait to be said.
const WORDS: usize = 64;
/// First wait before dialling again a device that did not answer, doubled up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Setting with the port listened at last.
const PORT: &str = "port";
/// Addresses kept of a device.
const MAX_ADDRESSES: usize = 16;
/// Relays kept of a device.
const MAX_RELAYS: usize = 4;
/// How long a home at one of the public relays may take to be found, to be kept for tickets.
const HOME: Duration = Duration::from_secs(60);

/// A device seen on the local network.
struct Seen {
    announcement: Option<Announcement>,
    at: u64,
}

/// What it means that this device is announced by somebody else too.
pub(crate) const ELSEWHERE: &str = "Somewhere else on this network a program runs as this very device: a copy of this profile, it seems. \
     The others reach only one of the two at a time. What is written in either is kept.";
/// And what to do about it.
pub(crate) const ELSEWHERE_ADVICE: &str = "Close one of the two. To have your commons there too, give it a profile of its own and add \
     that as a device of yours.";

/// How dialling a device goes.
struct Dial {
    failures: u32,
    next: Instant,
    under_way: bool,
}

enum TopicJob {
    Say(Vec<u8>),
    Meet(Vec<DeviceId>),
}

/// All that concerns other devices.
#[derive(Default)]
pub(crate) struct Network {
    net: Option<Net>,
    opened: Option<watch::Sender<Option<Net>>>,
    /// Devices of members of any commons here; shared with the network's own policy.
    members: Arc<RwLock<HashSet<DeviceId>>>,
    pub(crate) connected: HashMap<DeviceId, Connection>,
    /// Whether this device is announced by somebody else too, on the local network.
    pub(crate) elsewhere: bool,
    seen: HashMap<DeviceId, Seen>,
    dials: HashMap<DeviceId, Dial>,
    /// What members say to each other, under the name of which epoch.
    topics: HashMap<CommonsId, (Epoch, mpsc::Sender<TopicJob>)>,
    pub(crate) meetings: Meetings,
    pub(crate) ways: Ways,
    pub(crate) knocking: Knocking,
    pub(crate) pairings: Pairings,
}

impl Network {
    pub(crate) fn take(&mut self) -> Option<Net> {
        self.topics.clear();
        self.meetings = Meetings::default();
        self.net.take()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.net.is_some()
    }

    /// The network, as soon as it is open.
    pub(crate) fn when_open(&self) -> Option<watch::Receiver<Option<Net>>> {
        self.opened.as_ref().map(watch::Sender::subscribe)
    }

    pub(crate) fn net(&self) -> Option<&Net> {
        self.net.as_ref()
    }

    /// Where others may dial this device.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.net.as_ref().map(Net::addresses).unwrap_or_default()
    }
}

impl Core {
    /// Opens the network, in the background: nothing waits for it.
    pub(crate) fn go_online(&mut self) {
        if !self.options.online {
            return;
        }
        let (opened, _) = watch::channel(None);
        self.network.opened = Some(opened);
        self.refresh_members();
        let members = Arc::clone(&self.network.members);
        let welcome = move |device: &DeviceId| match members.read() {
            Ok(members) if members.contains(device) => Welcome::Member,
            _ => Welcome::Stranger,
        };
        let config = NetConfig {
            secret: self.key.seed(),
            bind: if self.options.loopback { Bind::Loopback } else { Bind::Everywhere },
            discovery: if self.options.loopback { Discovery::Off } else { Discovery::Lan },
            announcement: self.announcement(),
            reach: self.chosen_reach(),
            welcome: Arc::new(welcome),
        };
        // At the same port as last time, others find this device again though nothing announces it to them.
        let port = self
            .store
            .setting(PORT)
            .ok()
            .flatten()
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u16::from_le_bytes);
        let (events, mut incoming) = mpsc::channel(EVENTS);
        let mailbox = self.mailbox.clone();
        self.runtime.spawn(async move {
            match Net::open_at(config, port, events).await {
                Ok(net) => {
                    let _ = mailbox.urgent(move |core| core.net_opened(net));
                }
                Err(error) => {
                    let message = format!(
                        "Other devices cannot be reached: {error}. Everything here works on; what you write is kept and sent \
                         when they can be."
                    );
                    let _ = mailbox.urgent(move |core| core.tell(Event::Trouble { message }));
                }
            }
            while let Some(event) = incoming.recv().await {
                if mailbox.bulk(move |core| core.net_event(event)).await.is_err() {
                    return;
                }
            }
        });
    }

    fn net_opened(&mut self, net: Net) {
        if let Err(error) = self.store.set_setting(PORT, &net.port().to_le_bytes()) {
            tracing::warn!(%error, "the port could not be kept");
        }
        self.keep_own(net.addresses(), net.relays());
        let (mailbox, opened) = (self.mailbox.clone(), net.clone());
        self.runtime.spawn(async move {
            let relays = opened.relays_within(HOME).await;
            let _ = mailbox.urgent(move |core| core.keep_own(opened.addresses(), relays));
        });
        for peer in self.store.peers().unwrap_or_default() {
            if peer.device != self.device() {
                net.add_addresses(peer.device, &peer.addresses);
                net.add_relays(peer.device, &peer.relays);
            }
        }
        self.network.net = Some(net.clone());
        if let Some(opened) = &self.network.opened {
            opened.send_replace(Some(net));
        }
        let ids: Vec<_> = self.commons.keys().copied().collect();
        for id in ids {
            self.commons_changed_members(id);
        }
        self.tell(Event::Nearby { devices: self.nearby() });
    }

    /// Keeps where this device is itself, for tickets that are made while the network is off.
    fn keep_own(&mut self, addresses: Vec<SocketAddr>, relays: Vec<Relay>) {
        let own = Peer { device: self.device(), addresses, relays, last_seen: None };
        if let Err(error) = self.store.set_peer(&own) {
            tracing::warn!(%error, "this device's own addresses could not be kept");
        }
    }

    fn announcement(&self) -> Option<Announcement> {
        self.owner.as_ref().map(|owner| Announcement {
            name: owner.name.clone(),
            ink: owner.ink,
            device_name: owner.device_name.clone(),
        })
    }

    /// Announces this device under its person's name from now on.
    pub(crate) fn announce(&self) {
        if let Some(net) = &self.network.net {
            net.set_announcement(self.announcement());
        }
    }

    fn refresh_members(&self) {
        let ours = self.commons.iter().filter(|(id, _)| self.is_in(**id));
        let all = ours.flat_map(|(_, held)| held.roll.devices().copied()).collect();
        if let Ok(mut members) = self.network.members.write() {
            *members = all;
        }
    }

    /// Sees to connections, meetings and gossip after the members of a commons changed, or the commons is new.
    pub(crate) fn commons_changed_members(&mut self, id: CommonsId) {
        self.refresh_members();
        let Some(net) = &self.network.net else { return };
        net.recheck();
        if let Ok(members) = self.network.members.read() {
            self.network.dials.retain(|device, _| members.contains(device));
        }
        self.join_topic(id);
        let others: Vec<DeviceId> = self.others(id).copied().collect();
        for device in others {
            if let Some(connection) = self.network.connected.get(&device) {
                let connection = connection.clone();
                self.keep_reached(device, &connection);
            } else {
                self.dial(device);
            }
        }
        self.review_meetings(id);
        self.share_with_own();
    }

    /// Devices of other members, and of this one elsewhere.
    pub(crate) fn others(&self, id: CommonsId) -> impl Iterator<Item = &DeviceId> {
        let me = self.device();
        let held = self.commons.get(&id).filter(|_| self.is_in(id));
        held.into_iter().flat_map(|c| c.roll.devices()).filter(move |device| **device != me)
    }

    /// Devices of a commons that are connected now.
    pub(crate) fn here(&self, id: CommonsId) -> BTreeSet<DeviceId> {
        self.others(id).filter(|device| self.network.connected.contains_key(*device)).copied().collect()
    }

    /// The commons in which both this device and another one are members'.
    pub(crate) fn shared(&self, device: &DeviceId) -> Vec<CommonsId> {
        let both = |(id, c): &(&CommonsId, &Commons)| c.roll.member_of(device).is_some() && self.is_in(**id);
        self.commons.iter().filter(both).map(|(id, _)| *id).collect()
    }

    /// Ends the connection with a device, and does not look for it any more.
    pub(crate) fn hang_up(&mut self, device: DeviceId) {
        self.network.dials.remove(&device);
        if let Some(connection) = self.network.connected.get(&device) {
            connection.close();
        }
    }

    fn net_event(&mut self, event: NetEvent) {
        match event {
            NetEvent::Seen { device, .. } if device == self.device() => self.seen_elsewhere(),
            NetEvent::Gone { device } if device == self.device() => self.network.elsewhere = false,
            NetEvent::Seen { device, announcement, addresses } => self.seen(device, announcement, &addresses),
            NetEvent::Gone { device } => {
                self.network.seen.remove(&device);
                self.tell(Event::Nearby { devices: self.nearby() });
            }
            NetEvent::Connected { device, connection } => self.connected(device, connection),
            NetEvent::Rerouted { device } => self.rerouted(device),
            NetEvent::Disconnected { device, .. } => self.disconnected(device),
            NetEvent::Incoming { stream } => match stream.kind() {
                StreamKind::Join => self.heard_at_door(stream),
                StreamKind::Sync => self.meeting_offered(stream),
            },
        }
    }

    fn seen(&mut self, device: DeviceId, announcement: Option<Announcement>, addresses: &[SocketAddr]) {
        self.network.seen.insert(device, Seen { announcement, at: profile::now() });
        self.remember(device, addresses, &[]);
        self.tell(Event::Nearby { devices: self.nearby() });
        if !self.shared(&device).is_empty() {
            // It is there now, whatever dialling it said before.
            if let Some(dial) = self.network.dials.get_mut(&device) {
                dial.next = Instant::now();
                dial.failures = 0;
            }
            self.dial(device);
        }
    }

    /// Somebody else on the local network announces this device: with a copy of its profile, or to worry us. Both go on; what
    /// both write comes together, as each start of the program writes as an actor of its own.
    fn seen_elsewhere(&mut self) {
        if !std::mem::replace(&mut self.network.elsewhere, true) {
            self.tell(Event::Trouble { message: format!("{ELSEWHERE} {ELSEWHERE_ADVICE}") });
        }
    }

    /// Looks for a member's device at these addresses and relays, besides those that are known: now, or as soon as the network is
    /// open.
    pub(crate) fn look_for(&mut self, device: DeviceId, addresses: &[SocketAddr], relays: &[Relay]) {
        self.remember(device, addresses, relays);
        if let Some(net) = &self.network.net {
            net.add_addresses(device, addresses);
            net.add_relays(device, relays);
        }
        if !self.shared(&device).is_empty() {
            self.dial(device);
        }
    }

    /// Keeps how a device that is connected is reached.
    pub(crate) fn keep_reached(&mut self, device: DeviceId, connection: &Connection) {
        let (addresses, relays) = (connection.remote_addresses(), connection.remote_relays());
        self.remember(device, &addresses, &relays);
        if let Some(net) = &self.network.net {
            net.add_relays(device, &relays);
        }
    }

    /// Keeps where a member's device was last reached or seen.
    fn remember(&mut self, device: DeviceId, addresses: &[SocketAddr], relays: &[Relay]) {
        if self.shared(&device).is_empty() || addresses.is_empty() && relays.is_empty() {
            return;
        }
        let before = self.store.peer(device).ok().flatten();
        let (last_seen, known, known_relays) = before.map(|p| (p.last_seen, p.addresses, p.relays)).unwrap_or_default();
        let addresses = newest_first(addresses, known, MAX_ADDRESSES);
        let peer = Peer { device, addresses, relays: newest_first(relays, known_relays, MAX_RELAYS), last_seen };
        if let Err(error) = self.store.set_peer(&peer) {
            tracing::warn!(%error, "an address could not be kept");
        }
    }

    fn note_last_seen(&mut self, device: DeviceId) {
        let known = self.store.peer(device).ok().flatten();
        let (addresses, relays) = known.map(|p| (p.addresses, p.relays)).unwrap_or_default();
        let peer = Peer { device, addresses, relays, last_seen: Some(profile::now()) };
        if let Err(error) = self.store.set_peer(&peer) {
            tracing::warn!(%error, "when a device was last seen could not be kept");
        }
    }

    /// At the end: all who are here now were last here now.
    pub(crate) fn note_who_was_here(&mut self) {
        let here: Vec<_> =
            self.network.connected.keys().filter(|device| !self.shared(device).is_empty()).copied().collect();
        for device in here {
            self.note_last_seen(device);
        }
    }

    fn connected(&mut self, device: DeviceId, connection: Connection) {
        self.keep_reached(device, &connection);
        self.network.connected.insert(device, connection);
        self.network.meetings.returned(&device);
        self.network.dials.remove(&device);
        self.wake_in(Duration::ZERO);
        let shared = self.shared(&device);
        if !shared.is_empty() {
            self.note_last_seen(device);
        }
        for id in shared {
            self.review_meetings(id);
            if let Some((_, topic)) = self.network.topics.get(&id) {
                let _ = topic.try_send(TopicJob::Meet(vec![device]));
            }
            self.show_presence_anew(id);
            self.tell(Event::People { commons: id.to_string() });
            self.tell_commons(id);
        }
        self.share_with_own();
        self.tell(Event::Nearby { devices: self.nearby() });
    }

    fn disconnected(&mut self, device: DeviceId) {
        if self.network.connected.remove(&device).is_none() {
            return;
        }
        self.end_meetings_with(device);
        let shared = self.shared(&device);
        if !shared.is_empty() {
            self.note_last_seen(device);
            self.dial(device);
        }
        for id in shared {
            self.forget_presence(id, device);
            self.review_meetings(id);
            self.tell(Event::People { commons: id.to_string() });
            self.tell_commons(id);
        }
        self.tell(Event::Nearby { devices: self.nearby() });
    }

    /// Dials a device unless that is under way or was tried a moment ago.
    pub(crate) fn dial(&mut self, device: DeviceId) {
        let Some(net) = self.network.net.clone() else { return };
        if self.network.connected.contains_key(&device) {
            return;
        }
        let now = Instant::now();
        let dial = self.network.dials.entry(device).or_insert(Dial { failures: 0, next: now, under_way: false });
        if dial.under_way {
            return;
        }
        if dial.next > now {
            let next = dial.next;
            self.wake_at(next);
            return;
        }
        dial.under_way = true;
        let mailbox = self.mailbox.clone();
        self.runtime.spawn(async move {
            let reached = net.connect(device).await.is_ok();
            let _ = mailbox.urgent(move |core| core.dialled(device, reached));
        });
    }

    fn dialled(&mut self, device: DeviceId, reached: bool) {
        let Some(dial) = self.network.dials.get_mut(&device) else { return };
        dial.under_way = false;
        dial.failures = if reached { 0 } else { dial.failures + 1 };
        let wait = FIRST_WAIT.saturating_mul(1 << dial.failures.min(5)).min(LONGEST_WAIT);
        dial.next = Instant::now() + wait;
        self.wake_in(wait);
    }

    /// Dials whom it is time to dial, and looks after meetings.
    pub(crate) fn tick_network(&mut self, now: Instant) {
        let due: Vec<_> = self
            .network
            .dials
            .iter()
            .filter(|(_, d)| !d.under_way && d.next <= now)
            .map(|(device, _)| *device)
            .collect();
        for device in due {
            self.dial(device);
        }
        let waiting = self.network.dials.values().filter(|d| !d.under_way).map(|d| d.next).min();
        if let Some(next) = waiting {
            self.wake_at(next);
        }
        self.tick_ways(now);
        self.tick_meetings(now);
    }

    fn join_topic(&mut self, id: CommonsId) {
        let Some(net) = self.network.net.clone() else { return };
        let epoch = self.commons.get(&id).filter(|_| self.is_in(id)).map(|held| held.roll.epoch());
        let Some(epoch) = epoch else {
            self.network.topics.remove(&id);
            return;
        };
        let here: Vec<_> = self.here(id).into_iter().collect();
        if let Some((_, topic)) = self.network.topics.get(&id).filter(|(of, _)| *of == epoch) {
            let _ = topic.try_send(TopicJob::Meet(here));
            return;
        }
        let (jobs, mut to_do) = mpsc::channel(WORDS);
        // The topic of an epoch that is over is left when its jobs are dropped.
        self.network.topics.insert(id, (epoch, jobs));
        let mailbox = self.mailbox.clone();
        let topic = blake3::derive_key("commonplace/topic/1", epoch.as_bytes());
        self.runtime.spawn(async move {
            let mut topic = match net.subscribe(topic, here).await {
                Ok(topic) => topic,
                Err(error) => {
                    tracing::warn!(%error, "no gossip");
                    return;
                }
            };
            loop {
                tokio::select! {
                    job = to_do.recv() => match job {
                        Some(TopicJob::Say(bytes)) => {
                            if let Err(error) = topic.broadcast(bytes.into()).await {
                                tracing::debug!(%error, "a word of presence was not said");
                            }
                        }
                        Some(TopicJob::Meet(devices)) => {
                            let _ = topic.join_peers(devices).await;
                        }
                        None => return,
                    },
                    event = topic.next() => match event {
                        Some(TopicEvent::Received { bytes, .. }) => {
                            if let Some(word) = crate::presence::decode(id, &bytes)
                                && mailbox.bulk(move |core| core.hear(id, word)).await.is_err()
                            {
                                return;
                            }
                        }
                        Some(TopicEvent::NeighborUp(_)) => {
                            if mailbox.bulk(move |core| core.show_presence_anew(id)).await.is_err() {
                                return;
                            }
                        }
                        Some(_) => {}
                        None => return,
                    },
                }
            }
        });
    }

    pub(crate) fn has_topic(&self, id: CommonsId) -> bool {
        self.network.topics.contains_key(&id)
    }

    /// Says something to all devices of a commons that are here. Gives whether it is on its way: it is not where too much waits.
    pub(crate) fn say(&self, id: CommonsId, bytes: Vec<u8>) -> bool {
        self.network.topics.get(&id).is_some_and(|(_, topic)| topic.try_send(TopicJob::Say(bytes)).is_ok())
    }

    pub(crate) fn nearby(&self) -> Vec<NearbyDevice> {
        let mut devices: Vec<_> = self
            .network
            .seen
            .iter()
            .filter(|(device, _)| **device != self.device())
            .map(|(device, seen)| {
                let shared: Vec<&Commons> = self.shared(device).iter().filter_map(|id| self.commons.get(id)).collect();
                let said = seen.announcement.clone().unwrap_or_default();
                NearbyDevice {
                    device: device.to_string(),
                    name: shown(&said.name),
                    ink: profile::ink(said.ink),
                    device_name: shown(&said.device_name),
                    seen_at: seen.at,
                    shared: shared.iter().map(|c| c.name()).collect(),
                    knock: self.network.knocking.state(device),
                }
            })
            // Without a name there is nobody to knock at.
            .filter(|device| !device.name.is_empty() || device.knock != KnockState::None)
            .collect();
        devices.sort_by(|a, b| (&a.name, &a.device).cmp(&(&b.name, &b.device)));
        devices
    }

    /// Devices of members that are connected now.
    pub(crate) fn connected_devices(&self) -> Vec<ConnectedDevice> {
        let mut devices: Vec<_> = self
            .network
            .connected
            .iter()
            .filter_map(|(device, connection)| {
                let shared = self.shared(device);
                let person = self.person_of(self.commons.get(shared.first()?)?, device)?;
                Some(ConnectedDevice {
                    device: device.to_string(),
                    name: person.name,
                    ink: profile::ink(person.ink),
                    device_name: person.device_name,
                    path: connection.path().in_words().to_owned(),
                    rtt_ms: rtt_ms(connection),
                    commons: shared.iter().map(ToString::to_string).collect(),
                })
            })
            .collect();
        devices.sort_by(|a, b| (&a.name, &a.device).cmp(&(&b.name, &b.device)));
        devices
    }
}

/// These, then the others that were known, up to so many.
fn newest_first<T: Clone + PartialEq>(new: &[T], known: Vec<T>, most: usize) -> Vec<T> {
    let mut all = new.to_vec();
    all.extend(known.into_iter().filter(|one| !new.contains(one)));
    all.truncate(most);
    all
}
