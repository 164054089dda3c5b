//! A session: the state of one pair of devices about one commons, and the one door through which everything comes.

mod documents;
mod frontier;
mod inbound;
mod naming;
mod outbound;
mod reason;
mod roll;

use std::collections::{BTreeMap, BTreeSet};

use commonplace_model::{Actor, CommonsId, DeviceId, DocId};
use commonplace_trust::{Arrival, Attestation, bundle::Bundle};

pub use self::reason::Reason;
use self::{
    documents::Comparison,
    inbound::{Inbound, Receipt},
    naming::Naming,
    outbound::{Delivery, Outbound},
    roll::Roll,
};
use crate::{
    frame::{Body, Entry, Frame, Hello, List, Parcel, Part, Summary},
    replica::Replica,
};

/// A time in milliseconds, on any clock that does not run backwards.
pub type Millis = u64;

/// Documents that a session deals with.
const MAX_DOCS: usize = 200_000;
/// Records that a session deals with.
const MAX_RECORDS: usize = 200_000;
/// Bytes that are made ahead of what the stream takes.
const AHEAD: usize = 64 * 1024;
/// Bytes of changes in a frame, about, before they are compressed.
const FRAME_CHANGES: usize = 256 * 1024;
/// Bytes pushed live and not yet taken by the stream; beyond it the other side is told and asks when it can.
const MAX_LIVE: usize = 1024 * 1024;
/// How long the other side may say nothing while we wait for it.
const SILENCE: Millis = 60_000;

/// Which side of the stream this one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It opened the stream.
    Dialled,
    /// The other one did.
    Answered,
}

/// What happens to a session.
#[derive(Debug, Clone)]
pub enum Input {
    /// The stream is there. First, and once, for both roles.
    Start,
    /// A frame came.
    Frame(Vec<u8>),
    /// Everything given by [`Effect::Send`] so far has left.
    Writable,
    /// These changes are durable here now; they were made here or came from a third device.
    LocalChange(Arrival),
    /// These records are in the roll here now; they were made here or came from a third device.
    LocalRecords(Vec<Vec<u8>>),
    /// What one [`Effect::Arrived`] gave is judged and durable, in the order in which they were given.
    Stored {
        /// For each document, which of its attestations count and are durable now.
        docs: Vec<(DocId, Vec<(Actor, u64)>)>,
    },
    /// What one [`Effect::ArrivedRecords`] gave is judged and durable.
    RecordsStored,
    /// Our user has this document open: the other side is to send it first.
    Priority(DocId),
    /// What a device writes comes on another way, and is to be pushed here no more; or again.
    Mute {
        /// The device.
        author: DeviceId,
        /// Whether it is muted from now on.
        mute: bool,
    },
    /// The time asked for by [`Effect::WakeAt`] has come.
    Tick,
}

/// What a session wants done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send this frame.
    Send(Vec<u8>),
    /// Give these to the gate and the store, then say [`Input::Stored`].
    Arrived {
        /// What came. A document may stand in it more than once.
        arrivals: Vec<Arrival>,
        /// The bundles in which some of the changes came, for a store that keeps them so.
        bundles: Vec<(DocId, Bundle)>,
    },
    /// Check these records and add them to the roll before anything that arrives later is judged, then say
    /// [`Input::RecordsStored`].
    ArrivedRecords(Vec<Vec<u8>>),
    /// The other device holds these changes, and all earlier ones of their actors, durably.
    Acknowledged {
        /// Per document, the number of each actor's change.
        docs: Vec<(DocId, Vec<(Actor, u64)>)>,
    },
    /// The other device has these documents at frontiers of these digests, durably.
    Holds {
        /// The documents, as they are here, too.
        docs: Vec<(DocId, [u8; 32])>,
    },
    /// How far catching up is, in documents.
    Progress {
        /// Documents that came.
        received: u64,
        /// Documents that will have come.
        expected: u64,
        /// Documents that have been sent.
        sent: u64,
        /// Documents that will have been sent.
        to_send: u64,
    },
    /// What was durable on either side when the session began is now durable on both. Said once.
    CaughtUp {
        /// Documents of which the other device has not acknowledged everything, because its gate refused it.
        apart: Vec<DocId>,
    },
    /// The other side speaks a newer version of the protocol: only an update of this program helps. [`Effect::Close`] follows.
    PeerTooNew {
        /// Its version.
        version: u8,
    },
    /// The session is over; nothing that it is given from now on has an effect.
    Close(Reason),
    /// Say [`Input::Tick`] at this time; it replaces any earlier one.
    WakeAt(Millis),
}

/// One call of [`Session::handle`].
struct Turn<'a> {
    now: Millis,
    replica: &'a dyn Replica,
    effects: Vec<Effect>,
}

impl Turn<'_> {
    fn send(&mut self, frame: &Frame) -> Result<usize, Reason> {
        let bytes = frame.encode().ok_or(Reason::OursTooLarge)?;
        let len = bytes.len();
        self.effects.push(Effect::Send(bytes));
        Ok(len)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not started.
    Fresh,
    /// Our hello is out.
    Greeting,
    /// Both hellos are: roll and documents are compared.
    Comparing,
    /// All that differs is known; changes flow.
    Live,
    /// Over.
    Closed,
}

/// A session.
pub struct Session {
    role: Role,
    commons: CommonsId,
    salt: [u8; 16],
    phase: Phase,
    roll: Roll,
    documents: Comparison,
    outbound: Outbound,
    inbound: Inbound,
    /// Documents that changed here while documents are compared.
    touched: BTreeSet<DocId>,
    /// Documents to ask about.
    to_ask: BTreeSet<DocId>,
    /// Documents asked about and not answered yet.
    asked: BTreeSet<DocId>,
    /// Documents that the other side asked about.
    to_answer: BTreeSet<DocId>,
    naming: Naming,
    /// Bytes that may still be made before the stream has taken what there is.
    room: usize,
    live_room: usize,
    /// When the other side was last heard, or we began to wait for it.
    heard: Millis,
    waits: bool,
    /// When a tick was asked for.
    wakes: Option<Millis>,
    caught_up: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("role", &self.role).field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl Session {
    /// A session about a commons that both devices are known to belong to. `seed` is new and random for each session.
    pub fn new(role: Role, commons: CommonsId, me: DeviceId, other: DeviceId, seed: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("commonplace/session-salt/1");
        hasher.update(&seed.to_le_bytes());
        hasher.update(me.as_bytes());
        hasher.update(other.as_bytes());
        let mut salt = [0; 16];
        hasher.finalize_xof().fill(&mut salt);
        Self {
            role,
            commons,
            salt,
            phase: Phase::Fresh,
            roll: Roll::default(),
            documents: Comparison::default(),
            outbound: Outbound::default(),
            inbound: Inbound::default(),
            touched: BTreeSet::new(),
            to_ask: BTreeSet::new(),
            asked: BTreeSet::new(),
            to_answer: BTreeSet::new(),
            naming: Naming::new(role, me),
            room: AHEAD,
            live_room: MAX_LIVE,
            heard: 0,
            waits: false,
            wakes: None,
            caught_up: false,
        }
    }

    /// Takes an input, and gives what is to be done about it. `now` never goes backwards.
    pub fn handle(&mut self, input: Input, now: Millis, replica: &impl Replica) -> Vec<Effect> {
        let mut turn = Turn { now, replica, effects: Vec::new() };
        let done = self.take(input, &mut turn).and_then(|()| self.go_on(&mut turn));
        if let Err(reason) = done {
            self.close(reason, &mut turn);
        }
        turn.effects
    }

    /// Whether everything durable on either side at the start is durable on both.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up
    }

    fn close(&mut self, reason: Reason, turn: &mut Turn<'_>) {
        self.phase = Phase::Closed;
        if let Reason::PeerTooNew(version) = reason {
            turn.effects.push(Effect::PeerTooNew { version });
        }
        turn.effects.push(Effect::Close(reason));
    }

    fn take(&mut self, input: Input, turn: &mut Turn<'_>) -> Result<(), Reason> {
        if self.phase == Phase::Closed || self.phase == Phase::Fresh && !matches!(input, Input::Start) {
            // Before the start everything durable is still to be listed.
            return Ok(());
        }
        match input {
            Input::Start => self.start(turn)?,
            Input::Frame(bytes) => {
                self.heard = turn.now;
                let frame = Frame::decode(&bytes)?;
                self.frame(frame, turn)?;
            }
            Input::Writable => {
                self.heard = turn.now;
                (self.room, self.live_room) = (AHEAD, MAX_LIVE);
            }
            Input::LocalChange(arrival) => self.local_change(arrival, turn)?,
            Input::LocalRecords(records) => roll::push(records, turn)?,
            Input::Stored { docs } => self.stored(docs, turn)?,
            Input::RecordsStored => self.roll.stored(),
            Input::Priority(doc) => {
                turn.send(&Frame::Priority(doc))?;
            }
            Input::Mute { author, mute } => {
                turn.send(&Frame::Mute { author, mute })?;
            }
            Input::Tick => {
                self.wakes = None;
                while let Some(frame) = self.inbound.next_ack(turn.now) {
                    turn.send(&frame)?;
                }
            }
        }
        Ok(())
    }

    fn start(&mut self, turn: &mut Turn<'_>) -> Result<(), Reason> {
        if self.phase != Phase::Fresh {
            return Ok(());
        }
        self.phase = Phase::Greeting;
        self.heard = turn.now;
        let roll = self.roll.begin(turn.replica);
        let docs = self.documents.begin(turn.replica);
        turn.send(&Frame::Hello(Hello { salt: self.salt, roll, docs }))?;
        Ok(())
    }

    fn frame(&mut self, frame: Frame, turn: &mut Turn<'_>) -> Result<(), Reason> {
        match (self.phase, frame) {
            (Phase::Greeting, Frame::Hello(hello)) => self.hello(&hello, turn),
            (_, Frame::Hello(_)) => Err(Reason::Unexpected("a second greeting")),
            (Phase::Greeting, _) => Err(Reason::Unexpected("something before its greeting")),
            (_, Frame::RecordIds { ids, last }) => self.roll.told(ids, last),
            (_, Frame::Records { records, last }) => self.roll.arrived(records, last, turn),
            (_, Frame::Reconcile(message)) => self.documents.reconcile(&message.0, turn),
            (_, Frame::Wanted { ids, last }) => self.documents.wanted(&ids, last, turn),
            (_, Frame::Frontiers { list, entries, last }) => self.frontiers(list, &entries, last, turn),
            (_, Frame::Expect { documents }) => {
                self.inbound.expect(documents)?;
                self.progress(turn);
                Ok(())
            }
            (_, Frame::Changes { live, body }) => self.changes(live, body, turn),
            (_, Frame::Done) => self.inbound.done(),
            (_, Frame::Kept) => self.outbound.kept(),
            (_, Frame::Ack { docs }) => {
                self.outbound.acknowledged(&docs);
                turn.effects.push(Effect::Acknowledged { docs });
                Ok(())
            }
            (_, Frame::Priority(doc)) => {
                self.outbound.hurry(doc);
                Ok(())
            }
            (_, Frame::Mute { author, mute }) => {
                self.naming.heed(author, mute);
                Ok(())
            }
            (_, Frame::Named { docs, ask }) => self.named(docs, ask, turn),
        }
    }

    fn hello(&mut self, theirs: &Hello, turn: &mut Turn<'_>) -> Result<(), Reason> {
        let within = |summary: &Summary, most: usize| usize::try_from(summary.count).is_ok_and(|count| count <= most);
        if !within(&theirs.docs, MAX_DOCS) {
            return Err(Reason::TooMuch("documents"));
        }
        if !within(&theirs.roll, MAX_RECORDS) {
            return Err(Reason::TooMuch("records"));
        }
        self.phase = Phase::Comparing;
        self.roll.compare(&theirs.roll);
        // Both halves go in by role, so that neither side alone chooses what the ids of documents are.
        let mut hasher = blake3::Hasher::new_derive_key("commonplace/document-ids/1");
        let (dialled, answered) = match self.role {
            Role::Dialled => (&self.salt, &theirs.salt),
            Role::Answered => (&theirs.salt, &self.salt),
        };
        hasher.update(dialled);
        hasher.update(answered);
        let salt = *hasher.finalize().as_bytes();
        if self.documents.compare(self.role, &theirs.docs, &salt, turn)? {
            self.inbound.receipt = Receipt::Kept;
            self.outbound.delivery = Delivery::Kept;
        }
        Ok(())
    }

    fn frontiers(&mut self, list: List, entries: &[Entry], last: bool, turn: &mut Turn<'_>) -> Result<(), Reason> {
        self.documents.takes(list)?;
        let held: Vec<_> = entries
            .iter()
            .filter(|entry| !entry.tips.is_empty())
            .map(|entry| (entry.doc, entry.tips.iter().map(|tip| (tip.actor, tip.seq)).collect()))
            .collect();
        if !held.is_empty() {
            turn.effects.push(Effect::Acknowledged { docs: held });
        }
        for entry in entries {
            let compared = frontier::compare(self.commons, entry, turn.replica);
            if compared.more_here {
                self.outbound.enqueue(entry.doc, compared.have);
            }
            for said in compared.forks {
                self.show_fork(entry.doc, said, turn)?;
            }
            match list {
                List::Ask => {
                    self.to_answer.insert(entry.doc);
                }
                List::Answer => {
                    self.asked.remove(&entry.doc);
                }
                List::Every | List::Lacking | List::Differing => self.documents.seen(entry.doc, compared.more_there)?,
            }
        }
        if self.to_answer.len() > MAX_DOCS {
            return Err(Reason::TooMuch("questions"));
        }
        if last && !matches!(list, List::Ask | List::Answer) {
            for doc in self.documents.told_all() {
                self.outbound.enqueue(doc, BTreeMap::new());
            }
        }
        Ok(())
    }

    /// The other side has another change of that number: with both ways anybody can prove it. Beyond what may be pushed the
    /// attestation alone has to do.
    fn show_fork(&mut self, doc: DocId, said: Attestation, turn: &mut Turn<'_>) -> Result<(), Reason> {
        let room = if self.live_room < frontier::FORK { 0 } else { frontier::FORK };
        let part = frontier::fork(self.commons, doc, said, room, turn.replica);
        // What is looked at counts, also where it is too large to be shown.
        self.live_room -= room;
        let body = Body::pack(&[part]).ok_or(Reason::OursTooLarge)?;
        turn.send(&Frame::Changes { live: true, body })?;
        Ok(())
    }

    fn changes(&mut self, live: bool, body: Body, turn: &mut Turn<'_>) -> Result<(), Reason> {
        let (parts, bundles) = body.unpack()?;
        self.inbound.came(live, &parts, self.commons)?;
        let arrivals = parts.into_iter().map(Part::into_arrival).collect();
        turn.effects.push(Effect::Arrived { arrivals, bundles });
        self.progress(turn);
        Ok(())
    }

    fn stored(&mut self, docs: Vec<(DocId, Vec<(Actor, u64)>)>, turn: &mut Turn<'_>) -> Result<(), Reason> {
        for doc in self.inbound.stored(&docs) {
            self.to_ask.insert(doc);
        }
        self.inbound.acknowledge(docs, turn.now, self.caught_up);
        while let Some(frame) = self.inbound.next_ack(turn.now) {
            turn.send(&frame)?;
        }
        Ok(())
    }

    fn local_change(&mut self, arrival: Arrival, turn: &mut Turn<'_>) -> Result<(), Reason> {
        let doc = arrival.doc;
        if self.phase != Phase::Live {
            self.touched.insert(doc);
            return Ok(());
        }
        if self.outbound.has(&doc) || self.to_ask.contains(&doc) || self.asked.contains(&doc) {
            // Its changes are read from the replica when they are sent.
            return Ok(());
        }
        if self.naming.withholds(&arrival, self.commons, turn.now) {
            return Ok(());
        }
        let bytes =
            arrival.changes.iter().map(Vec::len).sum::<usize>() + arrival.attestations.len() * frontier::ATTESTATION;
        if bytes > FRAME_CHANGES || bytes > self.live_room {
            self.to_ask.insert(doc);
            return Ok(());
        }
        self.live_room -= bytes;
        let changes = arrival.changes.into_iter().map(Parcel).collect();
        let part = Part { doc, attestations: arrival.attestations, bundles: Vec::new(), changes, more: false };
        let body = Body::pack(&[part]).ok_or(Reason::OursTooLarge)?;
        turn.send(&Frame::Changes { live: true, body })?;
        Ok(())
    }

    /// The other side has these documents at frontiers of these digests.
    fn named(&mut self, docs: Vec<(DocId, [u8; 32])>, ask: bool, turn: &mut Turn<'_>) -> Result<(), Reason> {
        let (equal, others): (Vec<_>, Vec<_>) =
            docs.into_iter().partition(|(doc, digest)| turn.replica.digest(doc) == Some(*digest));
        if !equal.is_empty() {
            self.naming.is_equal(&equal);
            if ask {
                turn.send(&Frame::Named { docs: equal.clone(), ask: false })?;
            }
            turn.effects.push(Effect::Holds { docs: equal });
        }
        // Asked about even where something of it is on its way to the other side: it is that side that may have more.
        self.to_ask.extend(others.into_iter().map(|(doc, _)| doc).filter(|doc| !self.asked.contains(doc)));
        if self.to_ask.len() + self.asked.len() > MAX_DOCS {
            return Err(Reason::TooMuch("names"));
        }
        Ok(())
    }

    /// What follows from where the session stands, whatever came.
    fn go_on(&mut self, turn: &mut Turn<'_>) -> Result<(), Reason> {
        if matches!(self.phase, Phase::Fresh | Phase::Closed) {
            return Ok(());
        }
        self.produce(turn)?;
        if self.phase == Phase::Comparing && self.roll.is_sent() && self.documents.is_done() {
            self.go_live(turn)?;
            self.produce(turn)?;
        }
        if self.inbound.is_whole() {
            self.inbound.receipt = Receipt::Kept;
            turn.send(&Frame::Kept)?;
        }
        let both_kept = self.inbound.receipt == Receipt::Kept && self.outbound.delivery == Delivery::Kept;
        if !self.caught_up && self.phase == Phase::Live && both_kept && self.roll.is_complete() {
            self.caught_up = true;
            turn.effects.push(Effect::CaughtUp { apart: self.outbound.apart() });
        }
        self.watch(turn)
    }

    fn go_live(&mut self, turn: &mut Turn<'_>) -> Result<(), Reason> {
        self.phase = Phase::Live;
        self.outbound.arrange(turn.replica);
        if self.outbound.delivery == Delivery::Before {
            let documents = self.outbound.begin();
            turn.send(&Frame::Expect { documents })?;
        }
        let touched = std::mem::take(&mut self.touched);
        self.to_ask.extend(touched.into_iter().filter(|doc| !self.outbound.has(doc)));
        Ok(())
    }

    /// Makes frames as long as the stream is to be given more.
    fn produce(&mut self, turn: &mut Turn<'_>) -> Result<(), Reason> {
        while self.room > 0 && self.phase != Phase::Greeting {
            let Some(frame) = self.next_frame(turn)? else { break };
            self.room = self.room.saturating_sub(turn.send(&frame)?);
        }
        Ok(())
    }

    fn next_frame(&mut self, turn: &mut Turn<'_>) -> Result<Option<Frame>, Reason> {
        if let Some(frame) = self.roll.next_frame(turn.replica) {
            return Ok(Some(frame));
        }
        if let Some(frame) = self.documents.next_frame(self.commons, turn.replica) {
            return Ok(Some(frame));
        }
        if !self.to_answer.is_empty() {
            let entries = frontier::entries(self.commons, &mut self.to_answer, turn.replica);
            return Ok(Some(Frame::Frontiers { list: List::Answer, entries, last: true }));
        }
        if self.phase != Phase::Live {
            return Ok(None);
        }
        if !self.to_ask.is_empty() {
            let entries = frontier::entries(self.commons, &mut self.to_ask, turn.replica);
            self.asked.extend(entries.iter().map(|entry| entry.doc));
            return Ok(Some(Frame::Frontiers { list: List::Ask, entries, last: true }));
        }
        if let Some(frame) = self.naming.next_frame(turn.now, turn.replica) {
            return Ok(Some(frame));
        }
        let next = self.outbound.next_frame(self.commons, turn.replica)?;
        if let Some(Frame::Changes { live: false, .. }) = &next {
            self.progress(turn);
        }
        Ok(next)
    }

    fn progress(&self, turn: &mut Turn<'_>) {
        let (received, expected) = self.inbound.progress();
        let (sent, to_send) = self.outbound.progress();
        turn.effects.push(Effect::Progress { received, expected, sent, to_send });
    }

    /// While we wait for the other side, it may not be silent for long. Asks for a tick when something is due.
    fn watch(&mut self, turn: &mut Turn<'_>) -> Result<(), Reason> {
        let waits = !self.caught_up || !self.asked.is_empty();
        if waits && !self.waits {
            self.heard = turn.now;
        }
        self.waits = waits;
        let silent_at = waits.then_some(self.heard.saturating_add(SILENCE));
        if silent_at.is_some_and(|at| turn.now >= at) {
            return Err(Reason::Silent);
        }
        // What is to be named goes when the stream takes something again.
        let naming_at = self.naming.due().filter(|_| self.room > 0 && self.phase == Phase::Live);
        if let Some(at) = silent_at.into_iter().chain(naming_at).chain(self.inbound.due()).min()
            && self.wakes.is_none_or(|wakes| at < wakes)
        {
            self.wakes = Some(at);
            turn.effects.push(Effect::WakeAt(at));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
