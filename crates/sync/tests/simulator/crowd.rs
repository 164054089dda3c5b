//! The world of very many devices: each meets those that the rule of neighbours gives it, over the real session and gate.
//!
//! Who can be reached is known to everybody some seconds after it changed; how is not simulated. What is counted are bytes of
//! frames, without what a transport adds.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    ops::RangeInclusive,
};

use commonplace_model::{ChangeHash, CommonsId, DeviceId, DocId, Folder, PageId, Splice};
use commonplace_sync::{
    Effect, Input, Millis, Neighbour, Neighbours, Role, Routes, Session, neighbours::Bounds, writers,
};
use commonplace_trust::{Arrival, VerifiedAttestation, VerifiedChange};
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::device::{Device, Open};

/// A frame on its way.
const LATENCY: RangeInclusive<Millis> = 5..=80;
/// A write, until it is durable.
const WRITE: RangeInclusive<Millis> = 1..=10;
/// Bytes that leave a device in a millisecond, in each session.
const SPEED: usize = 1_000;
/// Until it is noticed that a device or a session is gone, or that a device is there.
const NOTICED: RangeInclusive<Millis> = 100..=4_000;

/// One side of a session.
struct End {
    session: Session,
    /// Changes that wait for others before they can be judged.
    waiting: BTreeMap<DocId, Vec<Vec<u8>>>,
    leaving: usize,
    next_arrival: Millis,
    next_leave: Millis,
}

struct Meeting {
    /// Who opened it, and who answered.
    peers: [usize; 2],
    ends: [End; 2],
    /// Nothing arrives any more, and nobody has noticed.
    dead: bool,
}

/// A side of a meeting.
type Spot = (u64, usize);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Start(Spot),
    Deliver(Spot, Vec<u8>),
    Left(Spot),
    Wake(Spot),
    Written(usize, u32),
    Noticed(u64),
    Look(usize),
    Again(usize),
    Return(usize),
}

enum Write {
    Change(DocId, Box<(VerifiedChange, VerifiedAttestation)>),
    /// With the device that sent them.
    Arrivals(Spot, usize, Vec<Arrival>),
}

struct Peer {
    id: DeviceId,
    device: Device,
    neighbours: Neighbours,
    routes: Routes,
    alive: bool,
    island: usize,
    life: u32,
    /// With whom it has which meeting.
    met: BTreeMap<usize, u64>,
    writes: VecDeque<Write>,
    looks: bool,
    again: Millis,
}

/// When and over how many others a change came to somebody.
#[derive(Clone, Copy)]
pub(crate) struct Came {
    pub(crate) at: Millis,
    pub(crate) hops: u32,
}

/// What was counted since the last [`Crowd::count_anew`].
#[derive(Default)]
pub(crate) struct Counts {
    /// Bytes of frames sent.
    pub(crate) bytes: usize,
    /// Changes that came, also where they had come before.
    pub(crate) copies: usize,
    /// Sessions begun.
    pub(crate) begun: usize,
    /// The most sessions that any device had at once.
    pub(crate) most: usize,
}

pub(crate) struct Crowd {
    pub(crate) rng: ChaCha8Rng,
    pub(crate) now: Millis,
    pub(crate) counts: Counts,
    /// Changes that are durable somewhere, and where they have come since.
    pub(crate) made: BTreeMap<ChangeHash, (DocId, Vec<Option<Came>>)>,
    /// How many of them have not come to how many, added up.
    lacking: usize,
    peers: Vec<Peer>,
    numbers: BTreeMap<DeviceId, usize>,
    meetings: BTreeMap<u64, Meeting>,
    last: u64,
    events: BinaryHeap<Reverse<(Millis, u64, Event)>>,
    order: u64,
}

fn page(n: u8) -> DocId {
    DocId::Page(PageId::new([n; 16]))
}

impl Crowd {
    /// So many devices that have the same pages and have not met yet.
    pub(crate) fn new(seed: u64, count: u16, pages: u8, bounds: Bounds) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let commons = CommonsId::new([9; 32]);
        let mut first = Device::new(0, commons);
        for n in 0..pages {
            let made = first.edit(page(n), |open| match open {
                Open::Page(page) => page.begin(&"Title".parse().unwrap(), &Folder::default(), "Words.").unwrap(),
                Open::Ledger(_) => None,
            });
            let (change, said) = made.unwrap();
            first.store(page(n), &change, &said);
        }
        let peer = |n| {
            let mut device = Device::new(n, commons);
            device.shelves.clone_from(&first.shelves);
            Peer {
                id: device.key.id(),
                device,
                neighbours: Neighbours::new(bounds, rng.random()),
                routes: Routes::default(),
                alive: true,
                island: 0,
                life: 0,
                met: BTreeMap::new(),
                writes: VecDeque::new(),
                looks: false,
                again: 0,
            }
        };
        let peers: Vec<_> = (0..count).map(peer).collect();
        let numbers = peers.iter().enumerate().map(|(n, peer)| (peer.id, n)).collect();
        let mut crowd = Self {
            rng,
            now: 0,
            counts: Counts::default(),
            made: BTreeMap::new(),
            lacking: 0,
            peers,
            numbers,
            meetings: BTreeMap::new(),
            last: 0,
            events: BinaryHeap::new(),
            order: 0,
        };
        crowd.all_look();
        crowd
    }

    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn count_anew(&mut self) {
        self.counts = Counts::default();
    }

    fn at(&mut self, after: Millis, event: Event) {
        self.order += 1;
        self.events.push(Reverse((self.now + after, self.order, event)));
    }

    fn within(&mut self, range: RangeInclusive<Millis>) -> Millis {
        self.rng.random_range(range)
    }

    pub(crate) fn run_until(&mut self, until: Millis) {
        while self.events.peek().is_some_and(|Reverse((at, _, _))| *at <= until) {
            self.step();
        }
        self.now = until;
    }

    /// Lets time pass until everybody has every change that was durable anywhere.
    pub(crate) fn converge(&mut self) {
        let begun = self.now;
        while self.lacking > 0 {
            assert!(self.now < begun + 600_000, "ten minutes later somebody still lacks something");
            self.run_until(self.now + 1);
        }
    }

    /// Lets time pass until all who met are equal and nobody wants to meet somebody else.
    pub(crate) fn settle(&mut self) {
        let begun = self.now;
        while self.peers.iter().any(|peer| peer.looks || !peer.writes.is_empty())
            || !self.meetings.values().all(|meeting| meeting.ends.iter().all(|end| end.session.is_caught_up()))
        {
            assert!(self.now < begun + 600_000, "ten minutes later some still do not know whom to meet");
            self.run_until(self.now + 50);
        }
    }

    /// Lets time pass until everybody who was lost is back.
    pub(crate) fn gather(&mut self) {
        while self.peers.iter().any(|peer| !peer.alive) {
            self.run_until(self.now + 50);
        }
    }

    /// The sessions of each device.
    pub(crate) fn sessions(&self) -> Vec<usize> {
        self.peers.iter().map(|peer| peer.met.len()).collect()
    }

    fn step(&mut self) {
        let Some(Reverse((at, _, event))) = self.events.pop() else { return };
        self.now = at;
        match event {
            Event::Start(spot) => self.drive(spot, Input::Start),
            Event::Deliver(spot, frame) => {
                if self.meetings.get(&spot.0).is_some_and(|meeting| !meeting.dead) {
                    self.drive(spot, Input::Frame(frame));
                }
            }
            Event::Left((id, side)) => {
                let Some(meeting) = self.meetings.get_mut(&id) else { return };
                meeting.ends[side].leaving -= 1;
                if meeting.ends[side].leaving == 0 {
                    self.drive((id, side), Input::Writable);
                }
            }
            Event::Wake(spot) => self.drive(spot, Input::Tick),
            Event::Written(peer, life) if self.peers[peer].life == life => self.written(peer),
            Event::Written(..) => {}
            Event::Noticed(id) => self.forget(id),
            Event::Look(peer) => {
                self.peers[peer].looks = false;
                self.look(peer);
            }
            Event::Again(peer) if self.peers[peer].again <= self.now => self.look(peer),
            Event::Again(_) => {}
            Event::Return(peer) => {
                self.peers[peer].alive = true;
                let device = self.peers[peer].id;
                self.peers.iter_mut().for_each(|other| other.neighbours.returned(&device));
                self.all_look();
            }
        }
    }

    // --- Who meets whom ---

    fn look_in(&mut self, peer: usize, after: Millis) {
        if !std::mem::replace(&mut self.peers[peer].looks, true) {
            self.at(after, Event::Look(peer));
        }
    }

    /// Everybody notices who can be reached now, sooner or later.
    fn all_look(&mut self) {
        for peer in 0..self.peers.len() {
            let after = self.within(NOTICED);
            self.look_in(peer, after);
        }
    }

    fn look(&mut self, n: usize) {
        let peer = &self.peers[n];
        let me = peer.id;
        if !peer.alive {
            return;
        }
        let reachable: Vec<_> = (self.peers.iter().enumerate())
            .filter(|(other, them)| *other != n && them.alive && them.island == peer.island)
            .map(|(_, them)| them.id)
            .collect();
        let met: Vec<_> = (peer.met.iter())
            .map(|(other, id)| {
                let meeting = &self.meetings[id];
                let busy = !meeting.ends.iter().all(|end| end.session.is_caught_up());
                Neighbour { device: self.peers[*other].id, ours: meeting.peers[0] == n, few: false, busy }
            })
            .collect();
        let review = self.peers[n].neighbours.review(&reachable, &BTreeSet::new(), &met, self.now);
        for device in review.part {
            let other = self.numbers[&device];
            let id = self.peers[n].met[&other];
            self.peers[other].neighbours.parted(me, self.now);
            self.forget(id);
        }
        for device in review.meet {
            self.open(n, self.numbers[&device]);
        }
        self.again(n, review.again);
        self.counts.most = self.counts.most.max(self.peers[n].met.len());
    }

    fn again(&mut self, n: usize, at: Millis) {
        self.peers[n].again = at;
        self.at(at - self.now, Event::Again(n));
    }

    /// Begins a meeting. Both know of it at once, so that of two that open one at the same time one does.
    fn open(&mut self, one: usize, other: usize) {
        self.last += 1;
        let (id, peers) = (self.last, [one, other]);
        let ids = peers.map(|peer| self.peers[peer].id);
        let ends = [0, 1].map(|side: usize| End {
            session: Session::new(
                if side == 0 { Role::Dialled } else { Role::Answered },
                self.peers[one].device.commons,
                ids[side],
                ids[1 - side],
                self.rng.random(),
            ),
            waiting: BTreeMap::new(),
            leaving: 0,
            next_arrival: 0,
            next_leave: 0,
        });
        self.meetings.insert(id, Meeting { peers, ends, dead: false });
        self.counts.begun += 1;
        for (peer, with) in [(one, other), (other, one)] {
            if let Some(old) = self.peers[peer].met.insert(with, id) {
                // The other one was away and is back before that was noticed.
                self.meetings.remove(&old);
            }
        }
        let latency = self.within(LATENCY);
        self.meetings.get_mut(&id).unwrap().ends[1].next_arrival = self.now + latency;
        self.at(latency, Event::Start((id, 1)));
        self.drive((id, 0), Input::Start);
        self.again(other, self.now);
    }

    /// A meeting is over, and both know.
    fn forget(&mut self, id: u64) {
        let Some(meeting) = self.meetings.remove(&id) else { return };
        let [one, other] = meeting.peers;
        for (peer, with) in [(one, other), (other, one)] {
            if self.peers[peer].met.get(&with) == Some(&id) {
                self.peers[peer].met.remove(&with);
            }
            for (other, author) in self.peers[peer].routes.ended(id) {
                if let Some(meeting) = self.meetings.get(&other) {
                    let side = usize::from(meeting.peers[1] == peer);
                    self.drive((other, side), Input::Mute { author, mute: false });
                }
            }
            let after = self.within(LATENCY);
            self.look_in(peer, after);
        }
    }

    // --- What goes wrong ---

    fn dies(&mut self, id: u64) {
        if let Some(meeting) = self.meetings.get_mut(&id) {
            meeting.dead = true;
        }
        let after = self.within(NOTICED);
        self.at(after, Event::Noticed(id));
    }

    /// Some session stops carrying anything.
    pub(crate) fn lose_a_session(&mut self) {
        let nth = self.rng.random_range(0..self.meetings.len().max(1));
        let id = self.meetings.keys().nth(nth).copied();
        id.into_iter().for_each(|id| self.dies(id));
    }

    /// Some device stops, losing what is not durable, and comes back later.
    pub(crate) fn lose_a_peer(&mut self, away: Millis) {
        let n = self.rng.random_range(0..self.len());
        let peer = &mut self.peers[n];
        if !peer.alive {
            return;
        }
        (peer.alive, peer.life) = (false, peer.life + 1);
        peer.writes.clear();
        peer.device.crash();
        for id in std::mem::take(&mut peer.met).into_values() {
            self.dies(id);
        }
        self.all_look();
        self.at(away, Event::Return(n));
    }

    /// From now on only those can reach each other that have the same island.
    pub(crate) fn part(&mut self, islands: usize) {
        for peer in &mut self.peers {
            peer.island = self.rng.random_range(0..islands);
        }
        let across = |meeting: &Meeting| {
            let [one, other] = meeting.peers;
            self.peers[one].island != self.peers[other].island
        };
        let torn: Vec<_> = self.meetings.iter().filter(|(_, m)| across(m)).map(|(id, _)| *id).collect();
        torn.into_iter().for_each(|id| self.dies(id));
        self.all_look();
    }

    // --- What is written ---

    /// Somebody who is there writes some words in some page.
    pub(crate) fn write_somewhere(&mut self) {
        let n = self.rng.random_range(0..self.len());
        self.writes(n);
    }

    /// One of them writes some words in some page.
    pub(crate) fn writes(&mut self, n: usize) {
        let docs: Vec<_> = self.peers[n].device.shelves.keys().copied().collect();
        let doc = docs[self.rng.random_range(0..docs.len())];
        let device = &mut self.peers[n].device;
        let made = device.edit(doc, |open| {
            let Open::Page(page) = open else { return None };
            page.edit(&[Splice { at: page.body_len(), delete: 0, insert: " And more.".to_owned() }]).unwrap()
        });
        device.open.clear();
        if self.peers[n].alive {
            self.write(n, Write::Change(doc, Box::new(made.unwrap())));
        }
    }

    fn write(&mut self, peer: usize, write: Write) {
        self.peers[peer].writes.push_back(write);
        let (life, after) = (self.peers[peer].life, self.within(WRITE));
        self.at(after, Event::Written(peer, life));
    }

    fn written(&mut self, n: usize) {
        match self.peers[n].writes.pop_front() {
            Some(Write::Change(doc, made)) => {
                let (change, said) = *made;
                self.peers[n].device.store(doc, &change, &said);
                let mut came = vec![None; self.len()];
                came[n] = Some(Came { at: self.now, hops: 0 });
                self.lacking += came.len() - 1;
                self.made.insert(change.hash(), (doc, came));
                let changes = vec![change.bytes().to_vec()];
                self.pass_on(n, &Arrival { doc, attestations: vec![*said.get()], changes }, None);
            }
            Some(Write::Arrivals(spot, from, arrivals)) => self.arrived(n, spot, from, arrivals),
            None => panic!("a write without anything to write"),
        }
    }

    fn arrived(&mut self, n: usize, spot: Spot, from: usize, arrivals: Vec<Arrival>) {
        let (mut docs, mut relay) = (Vec::new(), Vec::new());
        for mut arrival in arrivals {
            let (doc, author) = (arrival.doc, arrival.author(self.peers[n].device.commons));
            self.counts.copies += arrival.changes.len();
            let end = self.meetings.get_mut(&spot.0).map(|meeting| &mut meeting.ends[spot.1]);
            if let Some(mut waiting) = end.and_then(|end| end.waiting.remove(&doc)) {
                waiting.append(&mut arrival.changes);
                arrival.changes = waiting;
            }
            let vouched = arrival.attestations.clone();
            let passed = self.peers[n].device.take_in(arrival);
            assert_eq!(passed.refused, vec![], "the gate refused what an honest device sent");
            for writer in writers(self.peers[n].device.commons, doc, &vouched, &passed.changes) {
                self.came(n, spot, writer, true);
            }
            if let Some(author) = author.filter(|_| passed.changes.is_empty() && passed.waiting.is_empty()) {
                self.came(n, spot, author, false);
            }
            for change in &passed.changes {
                let (_, came) = self.made.get_mut(&change.hash()).unwrap();
                let hops = came[from].map_or(0, |came| came.hops) + 1;
                came[n] = Some(Came { at: self.now, hops });
                self.lacking -= 1;
            }
            if let Some(meeting) = self.meetings.get_mut(&spot.0)
                && !passed.waiting.is_empty()
            {
                meeting.ends[spot.1].waiting.insert(doc, passed.waiting);
            }
            docs.push((doc, passed.attestations.iter().map(|said| (said.actor(), said.get().seq)).collect()));
            if !passed.changes.is_empty() {
                let attestations = passed.attestations.iter().map(|said| *said.get()).collect();
                let changes = passed.changes.iter().map(|change| change.bytes().to_vec()).collect();
                relay.push(Arrival { doc, attestations, changes });
            }
        }
        for arrival in relay {
            self.pass_on(n, &arrival, Some(spot.0));
        }
        self.drive(spot, Input::Stored { docs });
    }

    fn came(&mut self, n: usize, spot: Spot, author: DeviceId, new: bool) {
        let peer = &mut self.peers[n];
        let mute = if author == peer.id && !new {
            peer.routes.came_back(author, spot.0)
        } else {
            peer.routes.came(author, spot.0, new, self.now)
        };
        if let Some(mute) = mute {
            self.drive(spot, Input::Mute { author, mute });
        }
    }

    fn pass_on(&mut self, n: usize, arrival: &Arrival, from: Option<u64>) {
        let met: Vec<_> = self.peers[n].met.values().filter(|id| Some(**id) != from).copied().collect();
        for id in met {
            let side = usize::from(self.meetings[&id].peers[1] == n);
            self.drive((id, side), Input::LocalChange(arrival.clone()));
        }
    }

    // --- Sessions ---

    fn drive(&mut self, (id, side): Spot, input: Input) {
        let Some(meeting) = self.meetings.get_mut(&id) else { return };
        let (n, from) = (meeting.peers[side], meeting.peers[1 - side]);
        if !self.peers[n].alive {
            return;
        }
        let effects = meeting.ends[side].session.handle(input, self.now, &self.peers[n].device);
        for effect in effects {
            match effect {
                Effect::Send(frame) => self.send((id, side), frame),
                Effect::Arrived { arrivals, .. } => self.write(n, Write::Arrivals((id, side), from, arrivals)),
                Effect::ArrivedRecords(_) => panic!("there are no records"),
                Effect::CaughtUp { apart } => assert_eq!(apart, vec![], "the gate refused what an honest device sent"),
                Effect::Acknowledged { .. } | Effect::Holds { .. } | Effect::Progress { .. } => {}
                Effect::PeerTooNew { version } => panic!("too new: {version}"),
                Effect::Close(reason) => {
                    let dead = self.meetings.get(&id).is_none_or(|meeting| meeting.dead);
                    assert!(dead, "a session between honest devices ended: {reason}");
                    self.forget(id);
                }
                Effect::WakeAt(at) => self.at(at.saturating_sub(self.now), Event::Wake((id, side))),
            }
        }
    }

    fn send(&mut self, (id, side): Spot, frame: Vec<u8>) {
        self.counts.bytes += frame.len();
        let (now, latency) = (self.now, self.within(LATENCY));
        let Some(meeting) = self.meetings.get_mut(&id) else { return };
        let end = &mut meeting.ends[side];
        end.leaving += 1;
        end.next_leave = end.next_leave.max(now) + (frame.len() / SPEED) as Millis;
        let left = end.next_leave;
        let other = &mut meeting.ends[1 - side];
        // Frames of one stream come in the order in which they were sent.
        other.next_arrival = other.next_arrival.max(left + latency);
        let (arrival, dead) = (other.next_arrival, meeting.dead);
        self.at(left - now, Event::Left((id, side)));
        if !dead {
            self.at(arrival - now, Event::Deliver((id, 1 - side), frame));
        }
    }
}
