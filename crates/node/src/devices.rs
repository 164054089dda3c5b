//! A person's own devices: which there are, pairing a new one, revoking one.
//!
//! Devices belong to a person in each commons by itself, by certificates of its roll. Two devices are paired once, with a code
//! that their person compares; from then on, whenever they meet, each makes the other its person's device in commons that are
//! new, with the other's consent. One that was revoked anywhere is given nothing more until it is paired again.

pub(crate) mod code;
pub(crate) mod pairing;

use std::collections::{BTreeSet, HashSet};

use commonplace_governance::{
    Body, DeviceCertificate, DeviceStanding, DeviceTicket, Introduction, Ticket, TicketError,
};
use commonplace_model::{CommonsId, DeviceId, shown};
use commonplace_trust::Signature;
use tokio::sync::oneshot;

use self::{
    code::{Nonce, Pair, is_code},
    pairing::{Asking, Verdict},
};
use crate::{
    commons::{ID_BEGINNING, one_line},
    core::Core,
    error::{Error, ErrorCode, Result},
    joining::{
        needs_network,
        words::{Belonging, DoorFrame, Refused},
    },
    profile,
    view::{CommonsName, DeviceTicketView, Event, OwnDevice, OwnDevices, Paired, PairingView, Revoked},
};

/// How long a ticket for a device is good.
pub(crate) const LIFE: std::time::Duration = std::time::Duration::from_secs(10 * 60);

/// Setting with the time at which a device was paired with this one.
fn paired_key(device: DeviceId) -> String {
    format!("paired/{device}")
}

/// Pairings under way.
#[derive(Default)]
pub(crate) struct Pairings {
    /// The ticket that was made here last.
    offered: Option<Offered>,
    /// What this device shows while it waits for another to approve it.
    shown: Option<PairingView>,
    /// Has this device stop waiting for that.
    asking: Option<oneshot::Sender<()>>,
    /// Devices of the same person with which commons are being shared just now.
    sharing: HashSet<DeviceId>,
}

/// A ticket for a device, and how far its use is.
struct Offered {
    secret: code::Secret,
    expires_at: u64,
    use_: Use,
}

/// How far the use of a ticket is. It goes forwards only: each ticket is one try to make two codes the same.
enum Use {
    /// Nobody has used it.
    Open,
    /// A device has it and is bound to its nonce.
    Asked { pair: Pair, commitment: blake3::Hash, nonce: Nonce },
    /// Both show the code.
    Shown { view: PairingView, device: DeviceId, verdict: oneshot::Sender<Verdict> },
    /// It was used.
    Spent,
}

impl Offered {
    fn refusal(&self) -> Option<Refused> {
        (self.expires_at <= profile::now()).then_some(Refused::Expired)
    }
}

fn nothing_waits() -> Error {
    Error::new(
        ErrorCode::NotFound,
        "No device waits here to be paired. Nothing was changed: make a ticket for a device here, and use it on the new one.",
    )
}

fn withdrawn() -> Error {
    Error::new(
        ErrorCode::Declined,
        "This device stopped waiting to be approved. Nothing was changed here: to try again, make a new ticket on the other one.",
    )
}

fn differs() -> Error {
    Error::new(
        ErrorCode::Declined,
        "That is not the code that this device shows, so something may stand between the two, or it was mistyped. No device was \
         added, and the ticket is used up: make a new one and compare again.",
    )
}

impl Core {
    /// This person's devices, in one commons or all.
    pub(crate) fn device_list(&mut self, commons: Option<&str>) -> Result<Vec<OwnDevices>> {
        let ids = match commons {
            Some(commons) => vec![self.find_commons(commons)?],
            None => self.commons.keys().copied().collect(),
        };
        let mut all: Vec<OwnDevices> = ids.into_iter().map(|id| self.own_devices(id)).collect::<Result<_>>()?;
        all.sort_by_key(|own| (own.commons.name.to_lowercase(), own.commons.id.clone()));
        Ok(all)
    }

    fn own_devices(&self, id: CommonsId) -> Result<OwnDevices> {
        let held = self.held_commons(id)?;
        let ended = held.roll.ended().filter(|d| held.roll.standing_of(d) == DeviceStanding::Ended(held.me));
        let good = held.roll.member(&held.me).map(|member| &member.devices).into_iter().flatten();
        let all: BTreeSet<DeviceId> = good.chain(ended).copied().collect();
        let mut devices: Vec<OwnDevice> = all.iter().map(|d| self.own_device(id, *d)).collect::<Result<_>>()?;
        devices.sort_by_key(|d| (!d.this, d.revoked, d.device_name.to_lowercase(), d.device.clone()));
        Ok(OwnDevices { commons: self.commons_name(id)?, devices })
    }

    fn own_device(&self, id: CommonsId, device: DeviceId) -> Result<OwnDevice> {
        let roll = &self.held_commons(id)?.roll;
        let said = roll.pairing(&device);
        let this = device == self.device();
        let name = |device: &DeviceId| roll.pairing(device).map(|said| shown(&said.device_name)).unwrap_or_default();
        let since = self.store.setting(&paired_key(device))?.and_then(|bytes| bytes.try_into().ok());
        let revoked = matches!(roll.standing_of(&device), DeviceStanding::Ended(_));
        Ok(OwnDevice {
            device: device.to_string(),
            device_name: name(&device),
            this,
            here: this || !revoked && self.network.connected.contains_key(&device),
            last_seen: self.store.peer(device)?.filter(|_| !this).and_then(|peer| peer.last_seen),
            by: said.and_then(|said| said.by).map(|by| name(&by)),
            since: since.map(u64::from_le_bytes),
            revoked,
        })
    }

    fn commons_name(&self, id: CommonsId) -> Result<CommonsName> {
        Ok(CommonsName { id: id.to_string(), name: self.held_commons(id)?.name() })
    }

    fn commons_names(&self, ids: impl IntoIterator<Item = CommonsId>) -> Vec<CommonsName> {
        let mut names: Vec<_> = ids.into_iter().filter_map(|id| self.commons_name(id).ok()).collect();
        names.sort_by_key(|commons| (commons.name.to_lowercase(), commons.id.clone()));
        names
    }

    /// The commons of which this person is a member here.
    fn commons_in(&self) -> Vec<CommonsId> {
        self.commons.keys().copied().filter(|id| self.is_in(*id)).collect()
    }

    /// Makes a ticket for a device; one that was made before is good no longer.
    pub(crate) fn device_add(&mut self) -> Result<DeviceTicketView> {
        self.owner()?;
        if self.commons_in().is_empty() {
            return Err(Error::new(
                ErrorCode::NotFound,
                "You are in no commons yet, and devices belong together by the commons they share. Nothing was changed: start one \
                 or join one first.",
            ));
        }
        if self.network.when_open().is_none() {
            return Err(needs_network());
        }
        let expires_at = profile::now() + u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX);
        let mut ticket = DeviceTicket {
            device: self.device(),
            addresses: self.network.addresses(),
            relays: self.own_relays(),
            secret: profile::random()?,
            expires_at,
        };
        ticket.addresses.truncate(Ticket::MAX_ADDRESSES);
        ticket.relays.truncate(Ticket::MAX_RELAYS);
        self.end_pairing(Refused::Expired);
        self.network.pairings.offered = Some(Offered { secret: ticket.secret, expires_at, use_: Use::Open });
        Ok(DeviceTicketView { ticket: ticket.to_string(), expires_at, qr_svg: String::new() })
    }

    /// Ends what the last ticket led to.
    fn end_pairing(&mut self, why: Refused) {
        let Some(offered) = &mut self.network.pairings.offered else { return };
        if let Use::Shown { verdict, .. } = std::mem::replace(&mut offered.use_, Use::Spent) {
            let _ = verdict.send(Verdict::No(why));
        }
        self.tell(Event::Pairing { pairing: self.device_pairing() });
    }

    /// The pairing that waits for its code, if there is one.
    pub(crate) fn device_pairing(&self) -> Option<PairingView> {
        let pairings = &self.network.pairings;
        match &pairings.offered {
            Some(Offered { use_: Use::Shown { view, .. }, .. }) => Some(view.clone()),
            _ => pairings.shown.clone(),
        }
    }

    /// Somebody has the ticket: gives our nonce. From here on the ticket is used, whatever becomes of it.
    fn pairing_asked(
        &mut self,
        device: DeviceId,
        proof: blake3::Hash,
        commitment: blake3::Hash,
    ) -> Result<Nonce, Refused> {
        let old = self.device();
        let offered = self.network.pairings.offered.as_mut().ok_or(Refused::Unknown)?;
        let pair = Pair { new: device, old, secret: offered.secret };
        if device == old || pair.proof(&commitment) != proof {
            return Err(Refused::Unknown);
        }
        if !matches!(offered.use_, Use::Open) {
            return Err(Refused::UsedUp);
        }
        if let Some(refused) = offered.refusal() {
            return Err(refused);
        }
        let nonce: Nonce = profile::random().map_err(|_| Refused::Trouble)?;
        offered.use_ = Use::Asked { pair, commitment, nonce };
        Ok(nonce)
    }

    /// The other side showed its nonce: both show the code from now on.
    fn pairing_revealed(
        &mut self,
        device: DeviceId,
        revealed: &Nonce,
        device_name: &str,
    ) -> Result<oneshot::Receiver<Verdict>, Refused> {
        let offered = self.network.pairings.offered.as_mut().ok_or(Refused::Unknown)?;
        let Use::Asked { pair, commitment, nonce } = &offered.use_ else { return Err(Refused::UsedUp) };
        if pair.new != device || pair.commitment(revealed) != *commitment {
            return Err(Refused::Unknown);
        }
        let (verdict, answered) = oneshot::channel();
        let view = PairingView {
            device: device.to_string(),
            device_name: one_line("name of a device", &shown(device_name), Introduction::MAX_BYTES).unwrap_or_default(),
            code: pair.code(revealed, nonce),
            approves: true,
        };
        offered.use_ = Use::Shown { view, device, verdict };
        self.tell(Event::Pairing { pairing: self.device_pairing() });
        Ok(answered)
    }

    /// The device went away, or its time is over.
    fn pairing_gone(&mut self, device: DeviceId) {
        let Some(offered) = &self.network.pairings.offered else { return };
        let theirs = match &offered.use_ {
            Use::Asked { pair, .. } => pair.new == device,
            Use::Shown { device: waits, .. } => *waits == device,
            Use::Open | Use::Spent => false,
        };
        if theirs {
            self.end_pairing(Refused::Expired);
        }
    }

    /// Compares the code that a person gave with the one shown here, and has the device taken in if it is that.
    pub(crate) fn device_approve(&mut self, given: &str, answer: oneshot::Sender<Result<Paired>>) {
        let is_it = match &self.network.pairings.offered {
            Some(Offered { use_: Use::Shown { view, .. }, .. }) => is_code(&view.code, given),
            _ => return drop(answer.send(Err(nothing_waits()))),
        };
        let Some(offered) = &mut self.network.pairings.offered else { return };
        if let Use::Shown { verdict, .. } = std::mem::replace(&mut offered.use_, Use::Spent) {
            // When it is gone, so is the answer, and whoever waits for it is told.
            let _ = verdict.send(if is_it { Verdict::Yes(answer) } else { Verdict::Differs(answer) });
        }
    }

    /// Says no to the device that waits; or, on the new one, waits no more.
    pub(crate) fn device_decline(&mut self) -> Result<()> {
        // One that is over by now, or approved, hears nothing any more.
        let stopped = self.network.pairings.asking.take().is_some_and(|asking| asking.send(()).is_ok());
        match &self.network.pairings.offered {
            Some(Offered { use_: Use::Spent, .. }) | None if stopped => Ok(()),
            Some(Offered { use_: Use::Spent, .. }) | None => Err(nothing_waits()),
            Some(_) => {
                self.end_pairing(Refused::Declined);
                Ok(())
            }
        }
    }

    /// Uses a ticket for a device: the answer comes when the other device approved of this one, or not.
    pub(crate) fn device_join(
        &mut self,
        text: &str,
        device_name: Option<&str>,
        wait: std::time::Duration,
        answer: oneshot::Sender<Result<Paired>>,
    ) {
        match self.begin_asking(text, device_name, wait) {
            Ok(asking) => {
                let mailbox = self.mailbox.clone();
                let (stop, stopped) = oneshot::channel();
                self.network.pairings.asking = Some(stop);
                self.runtime.spawn(async move {
                    let done = asking.run(stopped, &mailbox).await;
                    let _ = mailbox.urgent(move |core| {
                        core.asking_over(done.as_ref().ok());
                        drop(answer.send(done));
                    });
                });
            }
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    fn begin_asking(&mut self, text: &str, device_name: Option<&str>, wait: std::time::Duration) -> Result<Asking> {
        let ticket: DeviceTicket = text.parse().map_err(|error: TicketError| {
            let words = error.to_string();
            Error::new(
                ErrorCode::TicketMalformed,
                format!("{}. Nothing was sent.", words[..1].to_uppercase() + &words[1..]),
            )
        })?;
        if ticket.device == self.device() {
            return Err(Error::bad("This device made that ticket itself: use it on the other one. Nothing was sent."));
        }
        if ticket.expires_at <= profile::now() {
            return Err(pairing::refused(Refused::Expired));
        }
        let device_name = match device_name.filter(|name| !name.trim().is_empty()) {
            Some(name) => one_line("name of a device", name, Introduction::MAX_BYTES)?,
            None => self.owner.as_ref().map(|owner| owner.device_name.clone()).unwrap_or_default(),
        };
        let net = self.network.when_open().ok_or_else(needs_network)?;
        Ok(Asking { me: self.device(), ticket, device_name, nonce: profile::random()?, net, wait })
    }

    /// Shows the code here as well.
    fn asking_shown(&mut self, view: PairingView) {
        self.network.pairings.shown = Some(view);
        self.tell(Event::Pairing { pairing: self.device_pairing() });
    }

    fn asking_over(&mut self, paired: Option<&Paired>) {
        if let Some(paired) = paired {
            self.tell(Event::Paired { paired: paired.clone() });
        }
        if self.network.pairings.shown.take().is_some() {
            self.tell(Event::Pairing { pairing: self.device_pairing() });
        }
    }

    /// Whether a device is this person's in a commons that both are in, and was revoked in none.
    fn is_own(&self, device: &DeviceId) -> bool {
        let mut own = false;
        for id in self.commons_in() {
            let Some(held) = self.commons.get(&id) else { continue };
            match held.roll.standing_of(device) {
                DeviceStanding::Good(member) => own |= member == held.me,
                DeviceStanding::Ended(member) if member == held.me => return false,
                DeviceStanding::Ended(_) | DeviceStanding::None => {}
            }
        }
        own && *device != self.device()
    }

    /// Commons in which a device can become this person's. With `anew`, their person has just compared codes: also those in
    /// which it was revoked, or is theirs already and may have lost what it held.
    fn to_share(&self, device: &DeviceId, anew: bool) -> Vec<CommonsId> {
        let can = |id: &CommonsId| {
            self.commons.get(id).is_some_and(|held| match held.roll.standing_of(device) {
                DeviceStanding::None => true,
                DeviceStanding::Good(member) | DeviceStanding::Ended(member) => anew && member == held.me,
            })
        };
        if !anew && !self.is_own(device) {
            return Vec::new();
        }
        self.commons_in().into_iter().filter(can).take(Belonging::MAX_COMMONS).collect()
    }

    fn belonging(&self, device: &DeviceId, anew: bool) -> Result<Belonging> {
        let person = self.introduction()?;
        let shared = self.to_share(device, anew);
        let commons = shared.into_iter().filter_map(|id| Some((id, self.commons.get(&id)?.me))).collect();
        Ok(Belonging { name: person.name, ink: person.ink, device_name: person.device_name, commons })
    }

    /// Tells devices of this person that are here of commons in which they are not theirs yet.
    pub(crate) fn share_with_own(&mut self) {
        let Some(net) = self.network.net().cloned() else { return };
        let sharing = &self.network.pairings.sharing;
        let is_due = |device: &&DeviceId| !sharing.contains(*device) && !self.to_share(device, false).is_empty();
        let due: Vec<DeviceId> = self.network.connected.keys().filter(is_due).copied().collect();
        for device in due {
            self.network.pairings.sharing.insert(device);
            let (net, mailbox) = (net.clone(), self.mailbox.clone());
            self.runtime.spawn(async move {
                let shared = pairing::share(&net, device, &mailbox).await;
                let _ = mailbox.urgent(move |core| {
                    core.network.pairings.sharing.remove(&device);
                    match shared {
                        // What came in between was left out.
                        Ok(commons) if !commons.is_empty() => core.share_with_own(),
                        Ok(_) => {}
                        Err(error) => tracing::debug!(%error, %device, "commons were not shared with an own device"),
                    }
                });
            });
        }
    }

    /// Answers what commons another device is in: with consent to being their person's device in those in which this one is
    /// not. With `anew`, this device asked for it, and takes on the person's name if it has none or was never used.
    fn consent(&mut self, with: DeviceId, said: &Belonging, anew: Option<&str>) -> Result<DoorFrame, Refused> {
        let trouble = |core: &Self, error: &Error| {
            core.trouble(error);
            Refused::Trouble
        };
        if !said.is_fair() || anew.is_none() && !self.is_own(&with) {
            return Err(Refused::Unknown);
        }
        if let Some(device_name) = anew
            && (self.owner.is_none() || self.commons.is_empty())
        {
            let name = Some(device_name.to_owned()).filter(|name| !name.is_empty());
            self.init(&shown(&said.name), Some(profile::ink(said.ink)), name).map_err(|e| trouble(self, &e))?;
        }
        let device_name = self.introduction().map_err(|e| trouble(self, &e))?.device_name;
        let wanted = said.commons.iter().filter(|(id, member)| match self.commons.get(id) {
            Some(held) if self.is_in(*id) => anew.is_some() && held.me == *member,
            _ => true,
        });
        let consents = wanted.map(|(id, member)| (*id, DeviceCertificate::consent(*id, *member, &self.key))).collect();
        Ok(DoorFrame::Consent { device_name, consents })
    }

    /// Makes a device this person's where it consents; gives the rolls for it.
    fn certify(
        &mut self,
        device: DeviceId,
        device_name: &str,
        consents: Vec<(CommonsId, Signature)>,
        anew: bool,
    ) -> Result<Vec<(CommonsId, Vec<Vec<u8>>)>> {
        let device_name = one_line("name of a device", &shown(device_name), Introduction::MAX_BYTES)?;
        let shared = self.to_share(&device, anew);
        let mut rolls = Vec::new();
        for (id, by_device) in consents.into_iter().filter(|(id, _)| shared.contains(id)) {
            let held = self.held_commons(id)?;
            if held.roll.member_of(&device).is_none() {
                if !DeviceCertificate::consented(id, held.me, device, &by_device) {
                    continue;
                }
                let certificate = DeviceCertificate::new(device, device_name.clone(), by_device);
                self.write_record(id, &Body::DeviceCertificate(certificate))?;
            }
            rolls.push((id, self.held_commons(id)?.records.values().cloned().collect()));
        }
        if anew {
            self.note_paired(device)?;
        }
        Ok(rolls)
    }

    fn note_paired(&mut self, device: DeviceId) -> Result<()> {
        Ok(self.store.set_setting(&paired_key(device), &profile::now().to_le_bytes())?)
    }

    /// Revokes another device of this person's, in one commons or all. All of its work that is known here stays.
    pub(crate) fn device_revoke(&mut self, device: &str, commons: Option<&str>) -> Result<Revoked> {
        let among = match commons {
            Some(commons) => {
                let id = self.find_commons(commons)?;
                self.must_be_in(id)?;
                vec![id]
            }
            None => self.commons_in(),
        };
        let all: BTreeSet<DeviceId> = among.iter().flat_map(|id| self.own_in(*id)).collect();
        let device = self.find_own(device, &among, &all)?;
        if device == self.device() {
            return Err(Error::bad(if all.len() == 1 {
                "This is your only device there, so nothing could be written as you any more. Nothing was changed. To be a \
                 member no more, leave the commons."
            } else {
                "A device cannot revoke itself. Nothing was changed: revoke it on another of your devices."
            }));
        }
        self.flush_all();
        let device_name = among.iter().find_map(|id| self.name_in(*id, &device)).unwrap_or_default();
        let mut revoked = Vec::new();
        for id in among {
            if self.own_in(id).contains(&device) {
                let cuts = self.cut_of(id, &[device].into())?;
                self.write_records(id, |roll, key| roll.revoke(device, cuts, key))?;
                revoked.push(id);
            }
        }
        Ok(Revoked { device: device.to_string(), device_name, commons: self.commons_names(revoked) })
    }

    fn own_in(&self, id: CommonsId) -> BTreeSet<DeviceId> {
        let held = self.commons.get(&id);
        held.and_then(|held| held.roll.member(&held.me)).map(|member| member.devices.clone()).unwrap_or_default()
    }

    fn name_in(&self, id: CommonsId, device: &DeviceId) -> Option<String> {
        self.commons.get(&id)?.roll.device_name(device).map(str::to_owned)
    }

    /// The device of this person's that they mean: by id, by the beginning of one, or by name.
    fn find_own(&self, reference: &str, among: &[CommonsId], all: &BTreeSet<DeviceId>) -> Result<DeviceId> {
        let lower = reference.trim().to_lowercase();
        let is_named = |device: &DeviceId| {
            among.iter().any(|id| self.name_in(*id, device).is_some_and(|name| name.to_lowercase() == lower))
        };
        let is_it = |device: &&DeviceId| {
            is_named(device) || lower.len() >= ID_BEGINNING && device.to_string().starts_with(&lower)
        };
        let found: Vec<DeviceId> = all.iter().filter(is_it).copied().collect();
        let wanted = reference.trim();
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(Error::new(
                ErrorCode::NotFound,
                format!(
                    "You have no device called “{wanted}” there, and none whose id begins like that. Nothing was changed."
                ),
            )),
            several => {
                let ids: Vec<String> = several.iter().map(DeviceId::short).collect();
                Err(Error::new(
                    ErrorCode::Ambiguous,
                    format!(
                        "Several of your devices answer to “{wanted}”: {}. Nothing was changed: name one by the beginning of its id.",
                        ids.join(", ")
                    ),
                ))
            }
        }
    }
}
