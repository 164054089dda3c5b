//! The world of a simulation: a virtual clock, links that come and go, and disks that take their time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    ops::RangeInclusive,
};

use commonplace_model::{Actor, ChangeHash, CommonsId, DeviceId, DocId};
use commonplace_sync::{Effect, Input, Millis, Role, Routes, Session, writers};
use commonplace_trust::{Arrival, Refusal, VerifiedAttestation, VerifiedChange, VerifiedRecord};
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::device::Device;

/// How long things take.
pub(crate) struct Pace {
    /// A frame on its way.
    pub(crate) latency: RangeInclusive<Millis>,
    /// A write, until it is durable.
    pub(crate) write: RangeInclusive<Millis>,
    /// A frame leaving its device.
    pub(crate) leave: RangeInclusive<Millis>,
}

/// One device's end of a connection.
struct End {
    session: Session,
    /// Changes that wait for others before they can be judged.
    waiting: BTreeMap<DocId, Vec<Vec<u8>>>,
    leaving: usize,
    next_arrival: Millis,
    next_leave: Millis,
    /// What was durable when it started.
    before: Option<Vec<(DocId, Actor, u64)>>,
    closed: bool,
}

/// What a session has not pushed it names within so long.
const SOON: Millis = 7_000;

struct Link {
    connection: u64,
    ends: Option<[End; 2]>,
    cut: bool,
}

/// An end of a connection of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    link: (usize, usize),
    connection: u64,
    side: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Start(Spot),
    Deliver(Spot, Vec<u8>),
    Left(Spot),
    Wake(Spot),
    Written(usize, u32),
    Connect((usize, usize)),
    Revive(usize),
}

/// A write that is not durable yet.
enum Write {
    Change(DocId, Box<(VerifiedChange, VerifiedAttestation)>),
    Record(Box<VerifiedRecord>),
    Arrivals(Spot, Vec<Arrival>),
    Records(Spot, Vec<Vec<u8>>),
}

/// What was counted.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) bytes: usize,
    pub(crate) frames: usize,
    /// Changes that came though they were here.
    pub(crate) repeated: usize,
    pub(crate) changes: usize,
    pub(crate) caught_up: usize,
    pub(crate) progress: Vec<(u64, u64)>,
    /// Documents in the order in which they first came.
    pub(crate) came: Vec<DocId>,
    pub(crate) largest: usize,
    /// What gates refused, and why.
    pub(crate) refused: Vec<(DocId, Refusal)>,
}

pub(crate) struct World {
    pub(crate) rng: ChaCha8Rng,
    pub(crate) now: Millis,
    pub(crate) devices: Vec<Device>,
    pub(crate) counts: Counts,
    /// Changes that their author, who is not hostile, was told are durable.
    pub(crate) promised: Vec<(DocId, ChangeHash)>,
    /// Devices that do what no honest one does. What they send may be refused.
    pub(crate) hostile: BTreeSet<usize>,
    /// Documents in which they said different things under one number, so that others may stay apart in them.
    pub(crate) lies: BTreeSet<DocId>,
    /// Pairs that never meet.
    pub(crate) strangers: BTreeSet<(usize, usize)>,
    pace: Pace,
    events: BinaryHeap<Reverse<(Millis, u64, Event)>>,
    order: u64,
    links: BTreeMap<(usize, usize), Link>,
    routes: Vec<Routes>,
    writes: Vec<VecDeque<Write>>,
    lives: Vec<u32>,
    connections: u64,
}

impl World {
    pub(crate) fn new(seed: u64, devices: u16, pace: Pace) -> Self {
        Self::of(CommonsId::new([9; 32]), seed, devices, pace)
    }

    pub(crate) fn of(commons: CommonsId, seed: u64, devices: u16, pace: Pace) -> Self {
        let count = usize::from(devices);
        let pairs = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b)));
        let links = pairs.map(|pair| (pair, Link { connection: 0, ends: None, cut: false })).collect();
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: 0,
            devices: (0..devices).map(|n| Device::new(n, commons)).collect(),
            counts: Counts::default(),
            promised: Vec::new(),
            hostile: BTreeSet::new(),
            lies: BTreeSet::new(),
            strangers: BTreeSet::new(),
            pace,
            events: BinaryHeap::new(),
            order: 0,
            links,
            routes: (0..count).map(|_| Routes::default()).collect(),
            writes: (0..count).map(|_| VecDeque::new()).collect(),
            lives: vec![0; count],
            connections: 0,
        }
    }

    pub(crate) fn pairs(&self) -> Vec<(usize, usize)> {
        self.links.keys().copied().collect()
    }

    fn at(&mut self, after: Millis, event: Event) {
        self.order += 1;
        self.events.push(Reverse((self.now + after, self.order, event)));
    }

    fn within(&mut self, range: &RangeInclusive<Millis>) -> Millis {
        self.rng.random_range(range.clone())
    }

    /// Lets time pass until an instant.
    pub(crate) fn run_until(&mut self, until: Millis) {
        while self.events.peek().is_some_and(|Reverse((at, _, _))| *at <= until) {
            self.step();
        }
        self.now = until;
    }

    /// Lets time pass until nothing is under way; alarms that sessions set for themselves count where they are soon.
    pub(crate) fn settle(&mut self) {
        for _ in 0..2_000_000 {
            let soon = self.now + SOON;
            if self.events.iter().all(|Reverse((at, _, event))| matches!(event, Event::Wake(_)) && *at > soon) {
                return;
            }
            self.step();
        }
        panic!("the devices never come to rest");
    }

    /// Lets one thing happen. False when there is nothing left.
    pub(crate) fn step(&mut self) -> bool {
        let Some(Reverse((at, _, event))) = self.events.pop() else { return false };
        self.now = at;
        match event {
            Event::Start(spot) => self.start(spot),
            Event::Deliver(spot, frame) => self.drive(spot, Input::Frame(frame)),
            Event::Left(spot) => {
                let Some(end) = self.end(spot) else { return true };
                end.leaving -= 1;
                if end.leaving == 0 {
                    self.drive(spot, Input::Writable);
                }
            }
            Event::Wake(spot) => self.drive(spot, Input::Tick),
            Event::Written(device, life) if self.lives[device] == life => self.written(device),
            Event::Written(..) => {}
            Event::Connect(pair) => self.connect_now(pair),
            Event::Revive(device) => {
                self.devices[device].alive = true;
                self.connect_all();
            }
        }
        true
    }

    pub(crate) fn connect_all(&mut self) {
        for pair in self.pairs() {
            self.connect(pair);
        }
    }

    pub(crate) fn connect(&mut self, pair: (usize, usize)) {
        let after = self.rng.random_range(0..50);
        self.at(after, Event::Connect(pair));
    }

    fn connect_now(&mut self, pair: (usize, usize)) {
        let (a, b) = pair;
        let link = self.links.get_mut(&pair).unwrap();
        if link.ends.is_some()
            || link.cut
            || self.strangers.contains(&pair)
            || !self.devices[a].alive
            || !self.devices[b].alive
        {
            return;
        }
        self.connections += 1;
        link.connection = self.connections;
        let dialler = usize::from(self.rng.random_bool(0.5));
        let seeds: [u64; 2] = [self.rng.random(), self.rng.random()];
        let ids = [self.devices[a].key.id(), self.devices[b].key.id()];
        link.ends = Some([0, 1].map(|side: usize| End {
            session: Session::new(
                if side == dialler { Role::Dialled } else { Role::Answered },
                self.devices[a].commons,
                ids[side],
                ids[1 - side],
                seeds[side],
            ),
            waiting: BTreeMap::new(),
            leaving: 0,
            next_arrival: 0,
            next_leave: 0,
            before: None,
            closed: false,
        }));
        let spot = |side| Spot { link: pair, connection: self.connections, side };
        let (dials, answers) = (spot(dialler), spot(1 - dialler));
        let latency = self.within(&self.pace.latency.clone());
        // The answering side knows of the stream when its first frame comes, or a little before.
        let arrival = self.now + latency;
        self.end(answers).unwrap().next_arrival = arrival;
        self.at(latency, Event::Start(answers));
        self.start(dials);
    }

    fn start(&mut self, spot: Spot) {
        let tips = self.devices[self.device_of(spot)].tips();
        if let Some(end) = self.end(spot) {
            end.before = Some(tips);
            self.drive(spot, Input::Start);
        }
    }

    /// Ends a connection; what was on its way is gone.
    pub(crate) fn disconnect(&mut self, pair: (usize, usize)) {
        let link = self.links.get_mut(&pair).unwrap();
        link.ends = None;
        let ended = link.connection;
        for device in [pair.0, pair.1] {
            let again = self.routes[device].ended(ended);
            for (connection, author) in again {
                let spots = self.spots_of(device, None);
                for spot in spots.into_iter().filter(|spot| spot.connection == connection) {
                    self.drive(spot, Input::Mute { author, mute: false });
                }
            }
        }
    }

    pub(crate) fn disconnect_and_return(&mut self, pair: (usize, usize)) {
        self.disconnect(pair);
        self.connect(pair);
    }

    pub(crate) fn cut(&mut self, pair: (usize, usize)) {
        self.disconnect(pair);
        self.links.get_mut(&pair).unwrap().cut = true;
    }

    pub(crate) fn mend(&mut self) {
        for link in self.links.values_mut() {
            link.cut = false;
        }
        self.connect_all();
    }

    /// A device stops, losing what is not durable, and comes back later.
    pub(crate) fn crash(&mut self, device: usize, away: Millis) {
        for pair in self.pairs() {
            if pair.0 == device || pair.1 == device {
                self.disconnect(pair);
            }
        }
        self.writes[device].clear();
        self.lives[device] += 1;
        self.devices[device].alive = false;
        self.devices[device].crash();
        self.at(away, Event::Revive(device));
    }

    pub(crate) fn all_caught_up(&self) -> bool {
        let honest = self.links.iter().filter(|(pair, _)| self.is_honest(**pair));
        honest
            .map(|(_, link)| &link.ends)
            .all(|ends| ends.iter().flatten().all(|end| end.session.is_caught_up()) && ends.is_some())
    }

    /// Whether neither of two is hostile.
    fn is_honest(&self, (a, b): (usize, usize)) -> bool {
        !self.hostile.contains(&a) && !self.hostile.contains(&b)
    }

    /// Whether a device's own records wait to become durable.
    pub(crate) fn is_saying(&self, device: usize) -> bool {
        self.writes[device].iter().any(|write| matches!(write, Write::Record(_)))
    }

    /// A hostile device sends this to everybody.
    pub(crate) fn pushes(&mut self, device: usize, arrival: &Arrival) {
        self.pass_on(device, arrival, None);
    }

    /// Whether every write so far is durable.
    pub(crate) fn is_written(&self) -> bool {
        self.writes.iter().all(VecDeque::is_empty)
    }

    fn device_of(&self, spot: Spot) -> usize {
        [spot.link.0, spot.link.1][spot.side]
    }

    fn end(&mut self, spot: Spot) -> Option<&mut End> {
        let link = self.links.get_mut(&spot.link)?;
        if link.connection != spot.connection {
            return None;
        }
        link.ends.as_mut().map(|ends| &mut ends[spot.side]).filter(|end| !end.closed)
    }

    fn spots_of(&self, device: usize, but: Option<Spot>) -> Vec<Spot> {
        let up = self.links.iter().filter(|(_, link)| link.ends.is_some());
        up.flat_map(|(pair, link)| [0, 1].map(|side| Spot { link: *pair, connection: link.connection, side }))
            .filter(|spot| self.device_of(*spot) == device && Some(*spot) != but)
            .collect()
    }

    /// Its user has this document open.
    pub(crate) fn prioritise(&mut self, device: usize, doc: DocId) {
        for spot in self.spots_of(device, None) {
            self.drive(spot, Input::Priority(doc));
        }
    }

    fn drive(&mut self, spot: Spot, input: Input) {
        let (now, device) = (self.now, self.device_of(spot));
        if self.end(spot).is_none() {
            return;
        }
        let replica = &self.devices[device];
        let end = &mut self.links.get_mut(&spot.link).unwrap().ends.as_mut().unwrap()[spot.side];
        let effects = end.session.handle(input, now, replica);
        for effect in effects {
            self.carry_out(spot, effect);
        }
    }

    fn carry_out(&mut self, spot: Spot, effect: Effect) {
        let (device, other) = (self.device_of(spot), Spot { side: 1 - spot.side, ..spot });
        match effect {
            Effect::Send(frame) => self.send(spot, other, frame),
            Effect::Arrived { arrivals, .. } => self.write(device, Write::Arrivals(spot, arrivals)),
            Effect::ArrivedRecords(records) => self.write(device, Write::Records(spot, records)),
            Effect::Acknowledged { docs } => {
                let holder = &self.devices[self.device_of(other)];
                for (doc, tips) in docs {
                    for (actor, seq) in tips {
                        assert!(
                            holder.holds_up_to(&doc, &actor, seq),
                            "acknowledged, and not there: {doc:?} {actor:?} {seq}"
                        );
                    }
                }
            }
            Effect::Holds { docs } => {
                let holder = &self.devices[self.device_of(other)];
                for (doc, actor, seq) in self.devices[device].tips() {
                    let named = docs.iter().any(|(named, _)| *named == doc);
                    assert!(
                        !named || holder.holds_up_to(&doc, &actor, seq),
                        "named, and not there: {doc:?} {actor:?} {seq}"
                    );
                }
            }
            Effect::Progress { received, expected, sent, to_send } => {
                assert!(received <= expected && sent <= to_send);
                self.counts.progress.push((received, expected));
            }
            Effect::CaughtUp { .. } if !self.is_honest(spot.link) => {}
            Effect::CaughtUp { apart } => {
                let lied_about = |doc: &DocId| self.lies.contains(doc);
                assert!(apart.iter().all(lied_about), "the gate refused what an honest device sent: {apart:?}");
                self.counts.caught_up += 1;
                self.check_caught_up(spot);
            }
            Effect::PeerTooNew { version } => panic!("too new: {version}"),
            Effect::Close(_) if !self.is_honest(spot.link) => self.disconnect(spot.link),
            Effect::Close(reason) => panic!("a session between honest devices ended: {reason}"),
            Effect::WakeAt(at) => {
                let after = at.saturating_sub(self.now);
                self.at(after, Event::Wake(spot));
            }
        }
    }

    fn send(&mut self, spot: Spot, other: Spot, frame: Vec<u8>) {
        assert!(frame.len() <= commonplace_sync::MAX_FRAME);
        self.counts.bytes += frame.len();
        self.counts.frames += 1;
        self.counts.largest = self.counts.largest.max(frame.len());
        let (leave, latency) = (self.within(&self.pace.leave.clone()), self.within(&self.pace.latency.clone()));
        let now = self.now;
        let Some(end) = self.end(spot) else { return };
        end.leaving += 1;
        end.next_leave = end.next_leave.max(now) + leave;
        let left = end.next_leave;
        self.at(left - now, Event::Left(spot));
        let Some(end) = self.end(other) else { return };
        // Frames of one stream come in the order in which they were sent.
        end.next_arrival = end.next_arrival.max(left + latency);
        let arrival = end.next_arrival;
        self.at(arrival - now, Event::Deliver(other, frame));
    }

    /// Catching up means: each holds durably what the other one did when it started.
    fn check_caught_up(&mut self, spot: Spot) {
        for side in [0, 1] {
            let holder = self.device_of(Spot { side, ..spot });
            let Some(ends) = &self.links[&spot.link].ends else { return };
            let before = ends[1 - side].before.clone().unwrap();
            for (doc, actor, seq) in before.into_iter().filter(|(doc, ..)| !self.lies.contains(doc)) {
                assert!(
                    self.devices[holder].holds_up_to(&doc, &actor, seq),
                    "caught up without {doc:?} {actor:?} {seq}"
                );
            }
        }
    }

    fn write(&mut self, device: usize, write: Write) {
        self.writes[device].push_back(write);
        let life = self.lives[device];
        let after = self.within(&self.pace.write.clone());
        self.at(after, Event::Written(device, life));
    }

    /// A device's user changes a document.
    pub(crate) fn change(&mut self, device: usize, doc: DocId, made: (VerifiedChange, VerifiedAttestation)) {
        self.write(device, Write::Change(doc, Box::new(made)));
    }

    pub(crate) fn add_record(&mut self, device: usize, record: VerifiedRecord) {
        self.write(device, Write::Record(Box::new(record)));
    }

    /// The oldest write of a device is durable.
    fn written(&mut self, device: usize) {
        match self.writes[device].pop_front() {
            Some(Write::Change(doc, made)) => {
                let (change, said) = *made;
                if self.devices[device].doubled && self.devices[device].holds_up_to(&doc, &change.actor(), change.seq())
                {
                    // Its double was faster: both cannot be stored.
                    self.devices[device].open.remove(&doc);
                    return;
                }
                self.devices[device].store(doc, &change, &said);
                if !self.hostile.contains(&device) {
                    self.promised.push((doc, change.hash()));
                }
                let changes = vec![change.bytes().to_vec()];
                self.pass_on(device, &Arrival { doc, attestations: vec![*said.get()], changes }, None);
            }
            Some(Write::Record(record)) => {
                self.devices[device].take_records(vec![(*record).clone()]);
                for spot in self.spots_of(device, None) {
                    self.drive(spot, Input::LocalRecords(vec![record.bytes().to_vec()]));
                }
            }
            Some(Write::Arrivals(spot, arrivals)) => self.arrivals(device, spot, arrivals),
            Some(Write::Records(spot, records)) => {
                let verified = records.into_iter().map(|bytes| VerifiedRecord::verify(bytes).unwrap()).collect();
                let new = self.devices[device].take_records(verified);
                let bytes: Vec<_> = new.iter().map(|record| record.bytes().to_vec()).collect();
                for other in self.spots_of(device, Some(spot)).into_iter().filter(|_| !bytes.is_empty()) {
                    self.drive(other, Input::LocalRecords(bytes.clone()));
                }
                self.drive(spot, Input::RecordsStored);
            }
            None => panic!("a write without anything to write"),
        }
    }

    fn arrivals(&mut self, device: usize, spot: Spot, arrivals: Vec<Arrival>) {
        let (mut docs, mut relay) = (Vec::new(), Vec::new());
        for mut arrival in arrivals {
            let (doc, author) = (arrival.doc, arrival.author(self.devices[device].commons));
            self.counts.came.push(doc);
            self.counts.changes += arrival.changes.len();
            if let Some(end) = self.end(spot)
                && let Some(mut waiting) = end.waiting.remove(&doc)
            {
                waiting.append(&mut arrival.changes);
                arrival.changes = waiting;
            }
            let brought = arrival.changes.len();
            let vouched = arrival.attestations.clone();
            let passed = self.devices[device].take_in(arrival);
            if self.is_honest(spot.link) && !self.lies.contains(&doc) {
                assert_eq!(passed.refused, vec![], "the gate refused what an honest device sent");
            }
            self.counts.refused.extend(passed.refused.iter().map(|why| (doc, *why)));
            for writer in writers(self.devices[device].commons, doc, &vouched, &passed.changes) {
                self.came(device, spot, writer, true);
            }
            let known = passed.changes.is_empty() && passed.refused.is_empty() && passed.waiting.is_empty();
            if let Some(author) = author.filter(|_| known) {
                self.came(device, spot, author, false);
            }
            self.counts.repeated += brought - passed.changes.len() - passed.waiting.len();
            if !passed.waiting.is_empty()
                && let Some(end) = self.end(spot)
            {
                end.waiting.insert(doc, passed.waiting);
            }
            docs.push((doc, passed.attestations.iter().map(|said| (said.actor(), said.get().seq)).collect()));
            if !passed.changes.is_empty() {
                let attestations = passed.attestations.iter().map(|said| *said.get()).collect();
                let changes = passed.changes.iter().map(|change| change.bytes().to_vec()).collect();
                relay.push(Arrival { doc, attestations, changes });
            }
        }
        for arrival in relay {
            self.pass_on(device, &arrival, Some(spot));
        }
        self.drive(spot, Input::Stored { docs });
    }

    fn came(&mut self, device: usize, spot: Spot, author: DeviceId, new: bool) {
        let own = self.devices[device].key.id();
        let mute = if author == own && !new {
            self.routes[device].came_back(own, spot.connection)
        } else {
            self.routes[device].came(author, spot.connection, new, self.now)
        };
        if let Some(mute) = mute {
            self.drive(spot, Input::Mute { author, mute });
        }
    }

    fn pass_on(&mut self, device: usize, arrival: &Arrival, from: Option<Spot>) {
        for spot in self.spots_of(device, from) {
            self.drive(spot, Input::LocalChange(arrival.clone()));
        }
    }
}
