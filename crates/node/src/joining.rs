//! Coming in: tickets made and used, requests answered, knocks at devices nearby.
//!
//! A knock is answered with a ticket, so there is one way into a commons and it is always the same.

pub(crate) mod words;

use std::{collections::HashMap, time::Duration};

use commonplace_governance::{
    Body, DeviceStanding, Introduction, Invitation, Invites, JoinRequest, Policy, Roll, Ticket,
};
use commonplace_model::{CommonsId, DeviceId, shown};
use commonplace_net::{FrameReceiver, Net, Stream, StreamKind};
use commonplace_trust::VerifiedRecord;
use tokio::sync::oneshot;

use self::words::{
    DoorFrame, Gathered, PATIENCE, Refused, in_parts, next, rest_of_proof, send, send_records, unreachable,
};
use crate::{
    commons::Arrival,
    core::{Core, Mailbox},
    devices::pairing,
    error::{Error, ErrorCode, Result},
    profile,
    view::{CommonsView, Event, Knock, KnockState, TicketView},
};

const HOURS: u32 = 72;
const MAX_HOURS: u32 = 24 * 366;
const MAX_USES: u32 = 10_000;
/// A ticket that answers a knock is used at once.
const KNOCK_HOURS: u32 = 1;
/// Between two tries to reach the inviter.
pub(crate) const AGAIN: Duration = Duration::from_millis(500);
/// Knocks that wait for an answer here; further ones are declined.
const MAX_KNOCKS: usize = 16;

/// Somebody who knocks here.
struct AtDoor {
    who: Introduction,
    at: u64,
    answer: oneshot::Sender<DoorFrame>,
}

/// Knocks, ours and others'.
#[derive(Default)]
pub(crate) struct Knocking {
    here: HashMap<DeviceId, AtDoor>,
    ours: HashMap<DeviceId, tokio::task::AbortHandle>,
    declined: HashMap<DeviceId, u64>,
}

impl Knocking {
    /// How a knock of ours stands.
    pub(crate) fn state(&self, device: &DeviceId) -> KnockState {
        if self.ours.contains_key(device) {
            KnockState::Waiting
        } else if self.declined.contains_key(device) {
            KnockState::Declined
        } else {
            KnockState::None
        }
    }
}

pub(crate) fn needs_network() -> Error {
    Error::new(
        ErrorCode::Unreachable,
        "The network is switched off here, so nobody can be reached. Nothing was changed.",
    )
}

impl Core {
    pub(crate) fn invite(&mut self, commons: &str, uses: Option<u32>, hours: Option<u32>) -> Result<TicketView> {
        let id = self.find_commons(commons)?;
        self.must_be_in(id)?;
        let (uses, hours) = (uses.unwrap_or(1), hours.unwrap_or(HOURS));
        if uses == 0 || uses > MAX_USES || hours == 0 || hours > MAX_HOURS {
            return Err(Error::bad("A ticket lets in 1 to 10,000 people, for an hour to a year."));
        }
        let person = self.introduction()?;
        let expires_at = profile::now() + u64::from(hours) * 3_600_000;
        let mut ticket = Ticket {
            commons: id,
            name: self.held_commons(id)?.name(),
            inviter: person.name,
            ink: person.ink,
            device: self.device(),
            addresses: self.network.addresses(),
            relays: self.own_relays(),
            secret: profile::random()?,
            expires_at,
            uses,
        };
        if ticket.addresses.is_empty() {
            // Made without a network: where this device was reached last is better than nothing.
            ticket.addresses = self.store.peer(self.device())?.map(|p| p.addresses).unwrap_or_default();
        }
        ticket.addresses.truncate(Ticket::MAX_ADDRESSES);
        ticket.relays.truncate(Ticket::MAX_RELAYS);
        let invitation = Body::Invitation(Invitation { key: ticket.key().id(), uses, expires_at });
        self.write_record(id, &invitation)?;
        Ok(self.ticket_view(&ticket))
    }

    fn ticket_view(&self, ticket: &Ticket) -> TicketView {
        TicketView {
            ticket: ticket.to_string(),
            commons: ticket.commons.to_string(),
            name: shown(&ticket.name),
            inviter: shown(&ticket.inviter),
            ink: profile::ink(ticket.ink),
            expires_at: ticket.expires_at,
            uses: ticket.uses,
            already_in: self.is_in(ticket.commons),
            expired: ticket.expires_at <= profile::now(),
            qr_svg: String::new(),
        }
    }

    pub(crate) fn ticket_read(&mut self, text: &str) -> Result<TicketView> {
        Ok(self.ticket_view(&parse(text)?))
    }

    /// Joins by ticket; the answer comes when somebody let us in, or nobody can.
    pub(crate) fn join(&mut self, text: &str, wait: Duration, answer: oneshot::Sender<Result<CommonsView>>) {
        match self.begin_join(text, wait, None) {
            Ok(Begun::Asks(join)) => self.spawn_join(*join, answer),
            Ok(Begun::GoesOn(commons)) => drop(answer.send(Ok(commons))),
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    fn spawn_join(&mut self, join: Join, answer: oneshot::Sender<Result<CommonsView>>) {
        let mailbox = self.mailbox.clone();
        self.runtime.spawn(async move {
            let joined = join.run().await;
            let _ = mailbox.urgent(move |core| {
                let done = joined.and_then(|(id, records)| core.joined(id, records));
                drop(answer.send(done));
            });
        });
    }

    fn begin_join(&mut self, text: &str, wait: Duration, from: Option<DeviceId>) -> Result<Begun> {
        let ticket = parse(text)?;
        if self.is_in(ticket.commons) {
            return self.go_on_joining(&ticket).map(Begun::GoesOn);
        }
        if ticket.expires_at <= profile::now() {
            return Err(Refused::Expired.error());
        }
        if from.is_some_and(|device| device != ticket.device) {
            return Err(Refused::Unknown.error());
        }
        let request = JoinRequest::sign(ticket.commons, &ticket.key(), &self.key, self.introduction()?);
        let net = self.network.when_open().ok_or_else(needs_network)?;
        Ok(Begun::Asks(Box::new(Join { ticket, request, net, wait })))
    }

    /// Goes on where a join was interrupted: one is in, and its pages are still to come.
    fn go_on_joining(&mut self, ticket: &Ticket) -> Result<CommonsView> {
        let held = self.held_commons(ticket.commons)?;
        if held.arrival == Arrival::Over {
            return Err(Error::new(
                ErrorCode::AlreadyIn,
                format!("You are in “{}” already; nothing was changed and the ticket is still good.", held.name()),
            ));
        }
        if self.network.when_open().is_none() {
            return Err(needs_network());
        }
        self.look_for(ticket.device, &ticket.addresses, &ticket.relays);
        self.commons_view(ticket.commons)
    }

    /// Takes in the commons whose records an admission came with.
    pub(crate) fn joined(&mut self, id: CommonsId, verified: Vec<VerifiedRecord>) -> Result<CommonsView> {
        let roll = Roll::fold(id, &verified).map_err(|_| Refused::Unknown.error())?;
        if roll.member_of(&self.device()).is_none() {
            return Err(Refused::Unknown.error());
        }
        if self.commons.contains_key(&id) {
            // Somebody comes back, or two answers came to one request.
            let new = self.add_records(id, verified)?;
            self.pass_on_records(id, &new, None);
            return self.commons_view(id);
        }
        let kept: Vec<_> = verified.into_iter().filter(|r| roll.has(&r.id())).collect();
        self.add_commons(roll, &kept, true)
    }

    /// Somebody came to the door.
    pub(crate) fn heard_at_door(&mut self, stream: Stream) {
        let mailbox = self.mailbox.clone();
        self.runtime.spawn(async move {
            if let Err(error) = at_door(stream, &mailbox).await {
                tracing::debug!(%error, "at the door");
            }
        });
    }

    /// Judges a request: lets its device in, or says why not.
    fn judge(&mut self, from: DeviceId, request: JoinRequest) -> Result<Vec<Vec<u8>>, Refused> {
        // Identities claimed in a payload are checked against the connection's authenticated key.
        if request.device != from || !request.verify() {
            return Err(Refused::Unknown);
        }
        let id = request.commons;
        let held = self.commons.get(&id).filter(|_| self.is_in(id)).ok_or(Refused::Unknown)?;
        if held.roll.member_of(&from).is_none() {
            match held.roll.invites(&request.invite, profile::now()) {
                None => return Err(Refused::Unknown),
                Some(Invites::Closed) => return Err(Refused::Closed),
                Some(Invites::Expired) => return Err(Refused::Expired),
                Some(Invites::UsedUp) => return Err(Refused::UsedUp),
                Some(Invites::Open(_)) => {}
            }
            let waits = match held.roll.footing().policy {
                Policy::Vouched if !held.roll.is_vouched_for(&from) => Some(Refused::NotVouched),
                Policy::Decision => Some(Refused::ByDecision),
                Policy::Ticket | Policy::Vouched => None,
            };
            let done = match waits {
                Some(_) => self.remember_asking(request),
                None => self.write_records(id, |roll, key| Ok(vec![roll.admit_request(request, key)?])).map(drop),
            };
            done.map_err(|error| {
                self.trouble(&error);
                Refused::Trouble
            })?;
            if let Some(refused) = waits {
                return Err(refused);
            }
        }
        let records = self.commons.get(&id).map(|held| held.records.values().cloned().collect());
        records.ok_or(Refused::Trouble)
    }

    /// The commons about which a device wants to prove membership, if it is one of ours: only who knows its id can name it.
    fn proof_is_about(&self, from: DeviceId, offer: &[u8; 32], nonce: &[u8; 16]) -> Option<CommonsId> {
        let me = self.device();
        self.commons.keys().find(|id| commonplace_sync::offer::matches(offer, id, &from, &me, nonce)).copied()
    }

    /// Judges records that are to prove membership; they count whoever brings them. The answer to a member is no records, to
    /// one who was it all of them, so that they learn how that ended, and to anybody else nothing.
    fn judge_proof(&mut self, from: DeviceId, id: CommonsId, records: Vec<VerifiedRecord>) -> Option<Vec<Vec<u8>>> {
        match self.take_records(from, id, records) {
            Ok(false) => {}
            Ok(true) => self.brought_too_many(from),
            Err(error) => self.trouble(&error),
        }
        let held = self.commons.get(&id)?;
        match held.roll.standing_of(&from) {
            DeviceStanding::Good(_) => Some(Vec::new()),
            DeviceStanding::Ended(_) => Some(held.records.values().cloned().collect()),
            DeviceStanding::None => None,
        }
    }

    /// Takes in what was answered to a proof of ours; whether both are members still.
    pub(crate) fn told_at_door(&mut self, by: DeviceId, id: CommonsId, records: Vec<VerifiedRecord>) -> bool {
        match self.take_records(by, id, records) {
            Ok(false) => {}
            Ok(true) => self.brought_too_many(by),
            Err(error) => self.trouble(&error),
        }
        self.shared(&by).contains(&id)
    }

    fn knock_heard(&mut self, device: DeviceId, who: Introduction, answer: oneshot::Sender<DoorFrame>) {
        if !who.is_fair() || self.network.knocking.here.len() >= MAX_KNOCKS || self.commons.is_empty() {
            let _ = answer.send(DoorFrame::No(Refused::Declined));
            return;
        }
        self.network.knocking.here.insert(device, AtDoor { who, at: profile::now(), answer });
        self.tell(Event::Knocks { knocks: self.knocks() });
    }

    fn knock_gone(&mut self, device: DeviceId) {
        // Not one that the same device has made since.
        let here = &mut self.network.knocking.here;
        if here.get(&device).is_some_and(|at_door| at_door.answer.is_closed()) {
            here.remove(&device);
            self.tell(Event::Knocks { knocks: self.knocks() });
        }
    }

    pub(crate) fn knocks(&self) -> Vec<Knock> {
        let mut knocks: Vec<_> = self
            .network
            .knocking
            .here
            .iter()
            .map(|(device, at_door)| Knock {
                device: device.to_string(),
                name: shown(&at_door.who.name),
                ink: profile::ink(at_door.who.ink),
                at: at_door.at,
            })
            .collect();
        knocks.sort_by_key(|knock| knock.at);
        knocks
    }

    /// Who knocks here, by the beginning of the device's id or by the name that they gave.
    fn find_knocking(&self, text: &str) -> Result<DeviceId> {
        let wanted = text.trim().to_lowercase();
        let is_meant = |id: &DeviceId, name: &str| {
            wanted.len() >= 4 && id.to_string().starts_with(&wanted) || shown(name).to_lowercase() == wanted
        };
        let here = self.network.knocking.here.iter();
        let found: Vec<_> = here.filter(|(id, at_door)| is_meant(id, &at_door.who.name)).map(|(id, _)| *id).collect();
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(Error::new(
                ErrorCode::NotFound,
                format!("Nobody called “{}”, and no such device, knocks here now. Nothing was sent.", text.trim()),
            )),
            _ => Err(Error::new(
                ErrorCode::Ambiguous,
                format!(
                    "Several who knock answer to “{}”. Nothing was sent: name one by the beginning of the device’s id.",
                    text.trim()
                ),
            )),
        }
    }

    pub(crate) fn knock_answer(&mut self, device: &str, commons: Option<&str>) -> Result<()> {
        let id = self.find_knocking(device)?;
        let frame = match commons {
            Some(commons) => {
                let ticket = self.invite(commons, Some(1), Some(KNOCK_HOURS))?.ticket;
                self.vouch_by_answering(commons, id)?;
                DoorFrame::Ticket(ticket)
            }
            None => DoorFrame::No(Refused::Declined),
        };
        if let Some(at_door) = self.network.knocking.here.remove(&id) {
            let _ = at_door.answer.send(frame);
        }
        self.tell(Event::Knocks { knocks: self.knocks() });
        Ok(())
    }

    pub(crate) fn knock(&mut self, device: &str) -> Result<()> {
        let who = self.introduction()?;
        let seen: Vec<DeviceId> = self.nearby().iter().filter_map(|d| d.device.parse().ok()).collect();
        let device = find_device(device, seen.iter())?;
        let net = self.network.net().cloned().ok_or_else(needs_network)?;
        self.network.knocking.declined.remove(&device);
        if self.network.knocking.ours.contains_key(&device) {
            return Ok(());
        }
        let mailbox = self.mailbox.clone();
        let task = self.runtime.spawn(async move {
            let answer = knock_at(&net, device, who).await;
            let _ = mailbox.urgent(move |core| core.knock_answered(device, answer));
        });
        self.network.knocking.ours.insert(device, task.abort_handle());
        self.tell(Event::Nearby { devices: self.nearby() });
        Ok(())
    }

    pub(crate) fn knock_withdraw(&mut self, device: &str) -> Result<()> {
        let device = find_device(device, self.network.knocking.ours.keys())?;
        if let Some(task) = self.network.knocking.ours.remove(&device) {
            task.abort();
        }
        self.tell(Event::Nearby { devices: self.nearby() });
        Ok(())
    }

    fn knock_answered(&mut self, device: DeviceId, answer: Result<String>) {
        if self.network.knocking.ours.remove(&device).is_none() {
            return;
        }
        match answer.and_then(|ticket| self.begin_join(&ticket, PATIENCE, Some(device))) {
            Ok(Begun::Asks(join)) => {
                let mailbox = self.mailbox.clone();
                self.runtime.spawn(async move {
                    let joined = join.run().await;
                    let _ = mailbox.urgent(move |core| {
                        let done = joined.and_then(|(id, records)| core.joined(id, records));
                        core.tell_knock_answered(device, done);
                    });
                });
            }
            Ok(Begun::GoesOn(commons)) => self.tell_knock_answered(device, Ok(commons)),
            Err(error) => self.tell_knock_answered(device, Err(error)),
        }
        self.tell(Event::Nearby { devices: self.nearby() });
    }

    fn tell_knock_answered(&mut self, device: DeviceId, done: Result<CommonsView>) {
        if let Err(error) = &done {
            if error.code == ErrorCode::Declined {
                self.network.knocking.declined.insert(device, profile::now());
            } else {
                self.trouble(error);
            }
        }
        self.tell(Event::KnockAnswered { device: device.to_string(), commons: done.ok() });
        self.tell(Event::Nearby { devices: self.nearby() });
    }
}

fn parse(text: &str) -> Result<Ticket> {
    text.parse().map_err(|e: commonplace_governance::TicketError| {
        let words = e.to_string();
        let words = words[..1].to_uppercase() + &words[1..];
        Error::new(ErrorCode::TicketMalformed, format!("{words}. Nothing was sent."))
    })
}

fn find_device<'a>(text: &str, among: impl Iterator<Item = &'a DeviceId>) -> Result<DeviceId> {
    let wanted = text.trim().to_lowercase();
    let found: Vec<_> = among.filter(|id| wanted.len() >= 4 && id.to_string().starts_with(&wanted)).copied().collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Error::new(ErrorCode::NotFound, "That device is not here now. Nothing was sent.")),
        _ => Err(Error::new(ErrorCode::Ambiguous, "Several devices begin like that; give more of the id.")),
    }
}

/// What using a ticket leads to.
enum Begun {
    /// Its maker is asked to let us in.
    Asks(Box<Join>),
    /// We were let in before, and what was interrupted goes on.
    GoesOn(CommonsView),
}

/// A join under way, outside the engine's thread.
struct Join {
    ticket: Ticket,
    request: JoinRequest,
    net: tokio::sync::watch::Receiver<Option<Net>>,
    wait: Duration,
}

impl Join {
    async fn run(mut self) -> Result<(CommonsId, Vec<VerifiedRecord>)> {
        let until = tokio::time::Instant::now() + self.wait;
        let opened = tokio::time::timeout_at(until, self.net.wait_for(Option::is_some)).await;
        let net = opened.ok().and_then(Result::ok).and_then(|net| net.clone()).ok_or_else(needs_network)?;
        net.add_addresses(self.ticket.device, &self.ticket.addresses);
        net.add_relays(self.ticket.device, &self.ticket.relays);
        loop {
            match tokio::time::timeout_at(until, self.ask(&net)).await {
                Ok(Err(error))
                    if error.code == ErrorCode::Unreachable && tokio::time::Instant::now() + AGAIN < until =>
                {
                    tokio::time::sleep(AGAIN).await;
                }
                Ok(done) => return Ok((self.ticket.commons, done?.verified().await?)),
                Err(_) => return Err(unreachable(&"it did not answer in time")),
            }
        }
    }

    async fn ask(&self, net: &Net) -> Result<Gathered> {
        let connection = net.connect(self.ticket.device).await.map_err(|e| unreachable(&e))?;
        let stream = connection.open(StreamKind::Join).await.map_err(|e| unreachable(&e))?;
        let (mut to, mut from) = stream.split();
        send(&mut to, &DoorFrame::Ask(Box::new(self.request.clone()))).await?;
        come(&mut from).await
    }
}

/// Knocks and waits as long as the other side lets us.
async fn knock_at(net: &Net, device: DeviceId, who: Introduction) -> Result<String> {
    let connection = net.connect(device).await.map_err(|e| unreachable(&e))?;
    let (mut to, mut from) = connection.open(StreamKind::Join).await.map_err(|e| unreachable(&e))?.split();
    send(&mut to, &DoorFrame::Knock(who)).await?;
    // A person answers: that may take a while.
    let bytes = from.next().await.map_err(|e| unreachable(&e))?.ok_or_else(|| unreachable(&"it hung up"))?;
    match postcard::from_bytes(&bytes) {
        Ok(DoorFrame::Ticket(ticket)) => Ok(ticket),
        Ok(DoorFrame::No(refused)) => Err(refused.error()),
        _ => Err(unreachable(&"it answered something else than was asked")),
    }
}

/// Proves to a device that does not know us yet that we are a member of a commons of its. Gives the records that it answers
/// with.
pub(crate) async fn prove(
    connection: &commonplace_net::Connection,
    offer: [u8; 32],
    nonce: [u8; 16],
    records: Vec<Vec<u8>>,
) -> Result<Vec<VerifiedRecord>> {
    let (mut to, mut from) = connection.open(StreamKind::Join).await.map_err(|e| unreachable(&e))?.split();
    for (records, more) in in_parts(records) {
        send(&mut to, &DoorFrame::Prove { offer, nonce, records, more }).await?;
    }
    come(&mut from).await?.verified().await
}

/// Records that are the answer to what was asked at a door.
pub(crate) async fn come(from: &mut FrameReceiver) -> Result<Gathered> {
    let mut all = Gathered::default();
    loop {
        match next(from).await? {
            DoorFrame::Come { records, more } => {
                if !all.add(records) {
                    return Err(Refused::Unknown.error());
                }
                if !more {
                    return Ok(all);
                }
            }
            DoorFrame::No(refused) => return Err(refused.error()),
            _ => return Err(unreachable(&"it answered something else than was asked")),
        }
    }
}

/// Serves one stream at the door.
async fn at_door(stream: Stream, mailbox: &Mailbox) -> Result<()> {
    let device = stream.device();
    let (mut to, mut from) = stream.split();
    match next(&mut from).await? {
        DoorFrame::Ask(request) => {
            let judged = on_core(mailbox, move |core| core.judge(device, *request)).await?;
            match judged {
                Ok(records) => send_records(&mut to, records).await?,
                Err(refused) => send(&mut to, &DoorFrame::No(refused)).await?,
            }
        }
        DoorFrame::Prove { offer, nonce, records, more } => {
            let answer = match on_core(mailbox, move |core| core.proof_is_about(device, &offer, &nonce)).await? {
                Some(id) => {
                    let records = rest_of_proof(&mut from, records, more).await?.verified().await?;
                    on_core(mailbox, move |core| core.judge_proof(device, id, records)).await?
                }
                // Whatever else it would say is not listened to.
                None => None,
            };
            match answer {
                Some(records) => send_records(&mut to, records).await?,
                None => send(&mut to, &DoorFrame::No(Refused::Unknown)).await?,
            }
        }
        DoorFrame::Knock(who) => {
            let (answer, answered) = oneshot::channel();
            on_core(mailbox, move |core| core.knock_heard(device, who, answer)).await?;
            tokio::select! {
                answer = answered => {
                    send(&mut to, &answer.unwrap_or(DoorFrame::No(Refused::Declined))).await?;
                }
                // They hung up, or said something that does not belong here.
                _ = from.next() => {
                    on_core(mailbox, move |core| core.knock_gone(device)).await?;
                }
            }
        }
        DoorFrame::Pair { proof, commitment } => {
            pairing::answer(device, proof.into(), commitment.into(), &mut to, &mut from, mailbox).await?;
        }
        DoorFrame::Belong(belonging) => pairing::belong(device, belonging, &mut to, &mut from, mailbox).await?,
        _ => send(&mut to, &DoorFrame::No(Refused::Unknown)).await?,
    }
    to.finish().await.map_err(|e| unreachable(&e))
}

/// Runs `job` on the engine's thread and waits for what it gives.
pub(crate) async fn on_core<T: Send + 'static>(
    mailbox: &Mailbox,
    job: impl FnOnce(&mut Core) -> T + Send + 'static,
) -> Result<T> {
    let (answer, answered) = oneshot::channel();
    mailbox
        .bulk(move |core| drop(answer.send(job(core))))
        .await
        .map_err(|()| Error::internal("the engine is closing"))?;
    answered.await.map_err(|_| Error::internal("the engine is closing"))
}
