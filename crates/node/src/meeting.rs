//! Meetings: one sync session with one device about one commons, its stream, and what it brings and sends.
//!
//! With whom to meet is chosen (`choice`). Of two who both want to, the device with the lower id opens the stream; the other one
//! does when nothing came for a while, for the lower one may not know yet that it is a member, or may not want to. Whoever is not
//! known proves membership by the records of the roll first. Whoever does what no honest device does is left alone for a while.

mod arrivals;
mod choice;
mod offence;
mod room;
mod stream;
mod waiting;

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use commonplace_model::{CommonsId, DeviceId, DocId, PageId};
use commonplace_net::Stream;
use commonplace_sync::{Effect, Input, Neighbours, Role, Routes, Session, offer};
use commonplace_trust::{Arrival, Refusal, VerifiedRecord};

pub(crate) use self::stream::Offer;
use self::{
    choice::elapsed,
    offence::{Offence, Offences},
    stream::{Outbox, With, carry, open_stream},
    waiting::Waiting,
};
use crate::{
    core::Core,
    disk,
    error::Result,
    joining::{on_core, prove},
    profile,
    replica::StoredReplica,
    view::{Event, Job},
};

/// How long the device with the higher id waits for the other one to open.
const COURTESY: Duration = Duration::from_millis(800);
/// How long an offer may wait for its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two words on how far a meeting is.
const PROGRESS: Duration = Duration::from_millis(50);

/// A meeting.
struct Meeting {
    device: DeviceId,
    commons: CommonsId,
    /// Whether this device opened it.
    ours: bool,
    /// Whether the other one did, and said that it reaches few others.
    few: bool,
    session: Session,
    out: Outbox,
    waiting: Waiting,
    wake: Option<Instant>,
    /// How far it was when that was last told, and when.
    told: Option<((u64, u64), Instant)>,
    /// Documents with changes of ours that this device had not acknowledged when the meeting began, with their digests then:
    /// once all is equal, it holds them.
    unheld: Vec<(DocId, [u8; 32])>,
}

/// All meetings.
#[derive(Default)]
pub(crate) struct Meetings {
    all: BTreeMap<u64, Meeting>,
    opening: HashMap<(DeviceId, CommonsId), Instant>,
    offences: Offences,
    /// With whom to meet, and when that is looked at again.
    choices: HashMap<CommonsId, Neighbours>,
    reviews: HashMap<CommonsId, Instant>,
    /// In which meeting what each device writes comes here.
    routes: HashMap<CommonsId, Routes>,
    last: u64,
}

impl Meetings {
    /// Meetings about a commons with devices of which something holds.
    pub(crate) fn about(&self, commons: CommonsId, holds: impl Fn(&DeviceId) -> bool) -> Vec<(u64, DeviceId)> {
        let about = self.all.iter().filter(|(_, m)| m.commons == commons && holds(&m.device));
        about.map(|(id, meeting)| (*id, meeting.device)).collect()
    }

    fn with(&self, device: DeviceId, commons: CommonsId) -> Option<u64> {
        self.all.iter().find(|(_, m)| m.device == device && m.commons == commons).map(|(id, _)| *id)
    }
}

impl Core {
    /// Sees to it that there is a meeting with a connected device about a commons.
    fn meet(&mut self, device: DeviceId, commons: CommonsId) {
        let meetings = &mut self.network.meetings;
        if meetings.with(device, commons).is_some() || meetings.opening.contains_key(&(device, commons)) {
            return;
        }
        let wait = if self.key.id() < device { Duration::ZERO } else { COURTESY };
        self.open_at(device, commons, Instant::now() + wait);
    }

    /// Opens a stream for a meeting then, or as soon as the device is no longer left alone.
    fn open_at(&mut self, device: DeviceId, commons: CommonsId, at: Instant) {
        let meetings = &mut self.network.meetings;
        let at = meetings.offences.left_alone_until(&device).map_or(at, |until| until.max(at));
        if self.shared(&device).contains(&commons) {
            self.network.meetings.opening.insert((device, commons), at);
            self.wake_at(at);
        } else {
            self.network.meetings.opening.remove(&(device, commons));
        }
    }

    fn open_meeting(&mut self, device: DeviceId, commons: CommonsId) {
        let Some(connection) = self.network.connected.get(&device).cloned() else { return };
        let Some(held) = self.commons.get(&commons) else { return };
        let Ok(nonce) = profile::random::<16>() else { return };
        let few = self.is_left_out(&device, commons);
        let said = Offer { nonce, offer: offer::offer(&commons, &self.device(), &device, &nonce), few };
        let records: Vec<_> = held.records.values().cloned().collect();
        let mailbox = self.mailbox.clone();
        self.runtime.spawn(async move {
            let mut opened = open_stream(&connection, &said).await;
            if opened.is_err()
                && let Ok(records) = prove(&connection, said.offer, nonce, records).await
            {
                // They say what we lack: perhaps that we are no member any more.
                let still = on_core(&mailbox, move |core| core.told_at_door(device, commons, records)).await;
                if still.is_ok_and(|still| still) {
                    opened = open_stream(&connection, &said).await;
                }
            }
            match opened {
                Ok((to, from)) => {
                    carry(mailbox, With { device, commons, role: Role::Dialled, few: false }, to, from).await;
                }
                Err(error) => {
                    tracing::debug!(%error, "no meeting");
                    let _ = mailbox.urgent(move |core| core.meeting_failed(device, commons));
                }
            }
        });
    }

    fn meeting_failed(&mut self, device: DeviceId, commons: CommonsId) {
        self.network.meetings.opening.remove(&(device, commons));
        if self.network.connected.contains_key(&device) && self.network.meetings.with(device, commons).is_none() {
            self.network.meetings.parted(device, commons);
            self.review_meetings(commons);
        }
    }

    /// Another device opened a stream for a meeting.
    pub(crate) fn meeting_offered(&mut self, stream: Stream) {
        let mailbox = self.mailbox.clone();
        self.runtime.spawn(async move {
            let device = stream.device();
            let (mut to, mut from) = stream.split();
            let Ok(Ok(Some(bytes))) = tokio::time::timeout(PATIENCE, from.next()).await else { return };
            let Some(said) = Offer::read(&bytes) else { return };
            let few = said.few;
            let found = on_core(&mailbox, move |core| core.offered(device, &said)).await.ok().flatten();
            let answered = to.send(&[u8::from(found.is_some())]).await.is_ok();
            if let Some(commons) = found.filter(|_| answered) {
                carry(mailbox, With { device, commons, role: Role::Answered, few }, to, from).await;
            }
        });
    }

    /// The commons that an offer is about, if its device is a member's and is not left alone.
    fn offered(&mut self, device: DeviceId, said: &Offer) -> Option<CommonsId> {
        let now = Instant::now();
        if self.network.meetings.offences.left_alone_until(&device).is_some_and(|until| until > now) {
            return None;
        }
        let commons = self
            .commons
            .iter()
            .filter(|(id, held)| held.roll.member_of(&device).is_some() && self.is_in(**id))
            .map(|(id, _)| *id)
            .find(|id| offer::matches(&said.offer, id, &device, &self.device(), &said.nonce))?;
        if !self.network.meetings.offences.may_open(device, commons, now) {
            self.offended(device, Offence::TooOften);
            return None;
        }
        Some(commons)
    }

    fn begin_meeting(&mut self, with: With, out: Outbox) -> Option<u64> {
        let With { device, commons, role, few } = with;
        self.network.meetings.opening.remove(&(device, commons));
        if let Some(old) = self.network.meetings.with(device, commons) {
            // Both opened at once: both keep the stream that the device with the lower id opened.
            let lower_opened = (role == Role::Dialled) == (self.device() < device);
            if !lower_opened {
                return None;
            }
            self.remove_meeting(old);
        }
        let seed = profile::random::<8>().map_or_else(|_| profile::now(), u64::from_le_bytes);
        let session = Session::new(role, commons, self.device(), device, seed);
        let unheld = self.store.unheld(commons, device).unwrap_or_default();
        self.network.meetings.last += 1;
        let id = self.network.meetings.last;
        let (ours, waiting) = (role == Role::Dialled, Waiting::default());
        let meeting = Meeting { device, commons, ours, few, session, out, waiting, wake: None, told: None, unheld };
        self.network.meetings.all.insert(id, meeting);
        self.drive(id, Input::Start);
        let open: Vec<_> = self.editors.open.keys().filter(|(c, _)| *c == commons).map(|(_, page)| *page).collect();
        for page in open {
            self.drive(id, Input::Priority(DocId::Page(page)));
        }
        if !ours {
            // There may be too many now.
            self.review_meetings(commons);
        }
        Some(id)
    }

    /// Begins all meetings about a commons anew after what is being done now: both sides find out again what the other has.
    pub(crate) fn meet_anew_soon(&self, commons: CommonsId) {
        let _ = self.mailbox.urgent(move |core| {
            let shared: Vec<DeviceId> = core.others(commons).copied().collect();
            for (id, device) in core.network.meetings.about(commons, |device| shared.contains(device)) {
                core.remove_meeting(id);
                core.network.meetings.opening.remove(&(device, commons));
                core.tell_sync(commons, device, 0, 0, true);
            }
            core.review_meetings(commons);
        });
    }

    /// Takes a meeting out; what came in it comes in others from now on.
    fn remove_meeting(&mut self, id: u64) -> Option<Meeting> {
        let meeting = self.network.meetings.all.remove(&id)?;
        let again = self.network.meetings.routes.get_mut(&meeting.commons).map(|routes| routes.ended(id));
        for (other, author) in again.into_iter().flatten() {
            // Afterwards: its session may be at work just now.
            let _ = self.mailbox.urgent(move |core| core.drive(other, Input::Mute { author, mute: false }));
        }
        Some(meeting)
    }

    /// Ends a meeting for which this device has no disk just now; another one follows.
    fn meet_later(&mut self, id: u64) {
        let Some(meeting) = self.remove_meeting(id) else { return };
        self.tell_sync(meeting.commons, meeting.device, 0, 0, true);
        if self.network.connected.contains_key(&meeting.device) {
            self.open_at(meeting.device, meeting.commons, Instant::now() + disk::RETRY);
        }
    }

    pub(crate) fn end_meeting(&mut self, id: u64) {
        let Some(meeting) = self.remove_meeting(id) else { return };
        self.tell_sync(meeting.commons, meeting.device, 0, 0, true);
        if self.network.connected.contains_key(&meeting.device) {
            self.meeting_failed(meeting.device, meeting.commons);
        }
    }

    /// Ends a meeting whose other side did what no honest device does.
    fn break_off(&mut self, id: u64, offence: Offence) {
        let Some(meeting) = self.network.meetings.all.get(&id) else { return };
        // What it was still to be sent is not waited for.
        meeting.out.stop();
        let device = meeting.device;
        self.offended(device, offence);
        self.end_meeting(id);
    }

    /// Leaves a device alone for a while, and says so the first time: whoever it belongs to may not know.
    fn offended(&mut self, device: DeviceId, offence: Offence) {
        tracing::warn!(device = %device.short(), %offence, "a device is left alone for a while");
        if self.network.meetings.offences.note(device, Instant::now()) {
            let (whose, ask) = self.whose(&device);
            self.tell(Event::Trouble {
                message: format!(
                    "{whose} {offence}, so it is left alone for a while. Everything here is safe and as it was, and other \
                     devices are met as before. If that happens again, it may be damaged or run another program{ask}."
                ),
            });
        }
    }

    /// Says once per device that something it brought was not let in. It need not be its own fault: it may have it from others.
    fn tell_refused(&mut self, device: DeviceId, why: Refusal) {
        if self.network.meetings.offences.is_first_refusal(device) {
            let (whose, _) = self.whose(&device);
            self.tell(Event::Trouble {
                message: format!(
                    "{whose} brought changes that were not let in ({why}). They were left out, and everything here is safe and \
                     as it was."
                ),
            });
        }
    }

    /// A device in words at the beginning of a sentence, and whom one may ask about it.
    fn whose(&self, device: &DeviceId) -> (String, String) {
        match self.commons.values().find_map(|held| self.person_of(held, device)) {
            Some(person) => {
                (format!("“{}”, a device of {},", person.device_name, person.name), format!(": ask {}", person.name))
            }
            None => ("A device".to_owned(), String::new()),
        }
    }

    pub(crate) fn end_meetings_with(&mut self, device: DeviceId) {
        self.network.meetings.opening.retain(|(other, _), _| *other != device);
        let ended: Vec<_> =
            self.network.meetings.all.iter().filter(|(_, m)| m.device == device).map(|(id, _)| *id).collect();
        for id in ended {
            self.end_meeting(id);
        }
    }

    pub(crate) fn tick_meetings(&mut self, now: Instant) {
        let due: Vec<_> =
            self.network.meetings.opening.iter().filter(|(_, at)| **at <= now).map(|(key, _)| *key).collect();
        for (device, commons) in due {
            // Kept as opening far in the future, so that nothing opens a second one meanwhile.
            self.network.meetings.opening.insert((device, commons), now + 6 * PATIENCE);
            self.open_meeting(device, commons);
        }
        let woken: Vec<_> = self
            .network
            .meetings
            .all
            .iter()
            .filter(|(_, m)| m.wake.is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in woken {
            if let Some(meeting) = self.network.meetings.all.get_mut(&id) {
                meeting.wake = None;
            }
            self.drive(id, Input::Tick);
        }
        self.tick_reviews(now);
        let opening = self.network.meetings.opening.values().copied();
        let wakes = self.network.meetings.all.values().filter_map(|m| m.wake);
        if let Some(next) = opening.chain(wakes).min() {
            self.wake_at(next);
        }
    }

    /// Gives a session an input and carries out what it asks for, until it asks for nothing more.
    pub(crate) fn drive(&mut self, id: u64, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let Some(meeting) = self.network.meetings.all.get_mut(&id) else { return };
            let Some(held) = self.commons.get(&meeting.commons) else { return };
            let replica = StoredReplica { store: &self.store, disk: &self.disk, commons: meeting.commons, held };
            let effects = meeting.session.handle(input, elapsed(), &replica);
            if !self.heed_sync() {
                // It told of less than there is, and would take that for what the other side has, too.
                self.meet_later(id);
                return;
            }
            for effect in effects {
                match self.carry_out(id, effect) {
                    Ok(Some(next)) => inputs.push_back(next),
                    Ok(None) => {}
                    Err(error) => {
                        self.trouble(&error);
                        self.end_meeting(id);
                        return;
                    }
                }
            }
        }
    }

    fn carry_out(&mut self, id: u64, effect: Effect) -> Result<Option<Input>> {
        let Some(meeting) = self.network.meetings.all.get_mut(&id) else { return Ok(None) };
        let (commons, device) = (meeting.commons, meeting.device);
        match effect {
            Effect::Send(frame) => {
                if !meeting.out.send(frame) {
                    self.break_off(id, Offence::TakesNothing);
                }
            }
            Effect::Arrived { arrivals, bundles } => {
                if let Some(offence) = self.floods(id, &arrivals) {
                    self.break_off(id, offence);
                    return Ok(None);
                }
                self.arrivals(id, arrivals, &bundles)?;
                if self.network.meetings.offences.is_refused_too_often(&device) {
                    self.break_off(id, Offence::Refused);
                }
            }
            Effect::ArrivedRecords(records) => {
                let verified = records.into_iter().filter_map(|bytes| VerifiedRecord::verify(bytes).ok()).collect();
                if self.take_records(device, commons, verified)? {
                    self.break_off(id, Offence::Records);
                    return Ok(None);
                }
                return Ok(Some(Input::RecordsStored));
            }
            Effect::Acknowledged { docs } => self.acknowledged(commons, device, docs),
            Effect::Holds { docs } => self.equal(commons, device, &docs)?,
            Effect::Progress { received, expected, sent, to_send } => {
                let (done, total) = (received + sent, expected + to_send);
                let (now, finished) = (Instant::now(), done >= total);
                // Shown to a person, who sees no more than so many pictures in a second.
                let stale = |(at, when)| at != (done, total) && (finished || now.duration_since(when) >= PROGRESS);
                if meeting.told.is_none_or(stale) {
                    meeting.told = Some(((done, total), now));
                    self.tell_sync(commons, device, done, total, finished);
                }
            }
            Effect::CaughtUp { apart } => {
                let mut equal = std::mem::take(&mut meeting.unheld);
                equal.retain(|(doc, _)| !apart.contains(doc));
                self.equal(commons, device, &equal)?;
                self.arrived(commons)?;
                self.tell_sync(commons, device, 0, 0, true);
            }
            Effect::PeerTooNew { version } => {
                self.tell(Event::Trouble {
                    message: format!(
                        "A device near you runs a newer Commonplace (protocol {version}), so the two cannot sync. Everything \
                         here is safe: update this one."
                    ),
                });
            }
            Effect::Close(reason) => {
                tracing::debug!(%reason, "a meeting ends");
                match Offence::of(reason) {
                    Some(offence) => self.break_off(id, offence),
                    None => self.end_meeting(id),
                }
            }
            Effect::WakeAt(at) => {
                let wait = Duration::from_millis(at.saturating_sub(elapsed()));
                let at = Instant::now() + wait;
                meeting.wake = Some(at);
                self.wake_at(at);
            }
        }
        Ok(None)
    }

    /// Sends changes that are written here, though perhaps not on the disk yet, on to all others who are here.
    pub(crate) fn pass_on(&mut self, commons: CommonsId, arrival: &Arrival, from: Option<DeviceId>) {
        for id in self.meetings_of(commons, from) {
            // Who is a member no longer hears only that.
            let device = self.network.meetings.all.get(&id).map(|meeting| meeting.device);
            if device.is_some_and(|device| self.shared(&device).contains(&commons)) {
                self.drive(id, Input::LocalChange(arrival.clone()));
            }
        }
    }

    /// Sends records on to all others who are here.
    pub(crate) fn pass_on_records(&mut self, commons: CommonsId, records: &[VerifiedRecord], from: Option<DeviceId>) {
        if records.is_empty() {
            return;
        }
        let bytes: Vec<_> = records.iter().map(|r| r.bytes().to_vec()).collect();
        for id in self.meetings_of(commons, from) {
            self.drive(id, Input::LocalRecords(bytes.clone()));
        }
        self.part_from_ended(commons);
    }

    fn meetings_of(&self, commons: CommonsId, but: Option<DeviceId>) -> Vec<u64> {
        let all = self.network.meetings.all.iter();
        all.filter(|(_, m)| m.commons == commons && Some(m.device) != but).map(|(id, _)| *id).collect()
    }

    /// A window opened a page: what concerns it comes first.
    pub(crate) fn page_opened(&mut self, commons: CommonsId, page: PageId) {
        for id in self.meetings_of(commons, None) {
            self.drive(id, Input::Priority(DocId::Page(page)));
        }
        self.review_meetings(commons);
    }

    fn tell_sync(&self, commons: CommonsId, device: DeviceId, done: u64, total: u64, finished: bool) {
        let held = self.commons.get(&commons);
        let with = held.and_then(|held| self.person_of(held, &device)).map(|p| p.device_name).unwrap_or_default();
        self.tell(Event::Progress { job: Job::Sync, commons: commons.to_string(), done, total, finished, with });
    }
}
