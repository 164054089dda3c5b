//! Two devices of one person speaking at the door: pairing, and sharing commons that are new.

use std::time::Duration;

use commonplace_governance::DeviceTicket;
use commonplace_model::{CommonsId, DeviceId, line};
use commonplace_net::{FrameReceiver, FrameSender, Net, StreamKind};
use tokio::sync::{oneshot, watch};

use super::{
    LIFE,
    code::{Nonce, Pair},
};
use crate::{
    core::Mailbox,
    error::{Error, ErrorCode, Result},
    joining::{
        AGAIN, come, needs_network, on_core,
        words::{Belonging, DoorFrame, Refused, next, send, send_records, unreachable},
    },
    view::{Event, Paired, PairingView},
};

/// What became of a device that waited.
pub(crate) enum Verdict {
    /// Its code is right; the answer goes to whoever said so.
    Yes(oneshot::Sender<Result<Paired>>),
    /// No.
    No(Refused),
    /// It is another code; the answer goes to whoever said so.
    Differs(oneshot::Sender<Result<Paired>>),
}

/// How long a device that was refused may take to hear of it, before this one may close.
const HEARING: Duration = Duration::from_secs(2);

/// Why a device was not paired, in words.
pub(crate) fn refused(refused: Refused) -> Error {
    let (code, words) = match refused {
        Refused::Expired => (
            ErrorCode::TicketExpired,
            "The ticket’s time is over. Nothing was changed: make a new one on the other device.",
        ),
        Refused::UsedUp => (
            ErrorCode::TicketUsedUp,
            "The ticket was used already, and each is good once. Nothing was changed: make a new one on the other device.",
        ),
        Refused::Declined => (
            ErrorCode::Declined,
            "The other device did not approve of the code. Nothing was changed here. If the codes differed, something stood \
             between the two.",
        ),
        Refused::Unknown => (
            ErrorCode::Declined,
            "The other device does not know this ticket, or made another since. Nothing was changed: make a new one there.",
        ),
        _ => (
            ErrorCode::Unreachable,
            "The other device could not do it just now. Nothing was changed: make a new ticket there.",
        ),
    };
    Error::new(code, words)
}

fn odd() -> Error {
    unreachable(&"it answered something else than was asked")
}

/// A device that uses a ticket, outside the engine's thread.
pub(crate) struct Asking {
    pub(super) me: DeviceId,
    pub(super) ticket: DeviceTicket,
    pub(super) device_name: String,
    pub(super) nonce: Nonce,
    pub(super) net: watch::Receiver<Option<Net>>,
    pub(super) wait: Duration,
}

impl Asking {
    /// Shows the code, waits for the other device's person, and takes in what they are in. Until they approved, `stop` ends
    /// it; from then on the other device counts this one as theirs, and what it gives is taken.
    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<()>, mailbox: &Mailbox) -> Result<Paired> {
        let with = self.ticket.device;
        let (mut to, mut from, belonging) = tokio::select! {
            approved = self.approved(mailbox) => approved?,
            Ok(()) = &mut stop => return Err(super::withdrawn()),
        };
        drop(stop);
        let own_name = self.device_name.clone();
        let (name, device_name) = (line::shown(&belonging.name), line::shown(&belonging.device_name));
        let commons = be_taken_in(with, belonging, Some(own_name), &mut to, &mut from, mailbox).await?;
        on_core(mailbox, move |core| {
            core.note_paired(with)?;
            Ok(Paired { device: with.to_string(), device_name, name, commons: core.commons_names(commons) })
        })
        .await?
    }

    /// Shows the code until the other device's person approves of it; gives what they are in.
    async fn approved(&mut self, mailbox: &Mailbox) -> Result<(FrameSender, FrameReceiver, Belonging)> {
        let with = self.ticket.device;
        let (mut to, mut from) = self.reach().await?;
        let pair = Pair { new: self.me, old: with, secret: self.ticket.secret };
        let commitment = pair.commitment(&self.nonce);
        let proof = pair.proof(&commitment);
        send(&mut to, &DoorFrame::Pair { proof: *proof.as_bytes(), commitment: *commitment.as_bytes() }).await?;
        let theirs = match next(&mut from).await? {
            DoorFrame::PairNonce(nonce) => nonce,
            DoorFrame::No(why) => return Err(refused(why)),
            _ => return Err(odd()),
        };
        let device_name = self.device_name.clone();
        send(&mut to, &DoorFrame::PairReveal { nonce: self.nonce, device_name }).await?;
        let code = pair.code(&self.nonce, &theirs);
        let view = PairingView { device: with.to_string(), device_name: String::new(), code, approves: false };
        on_core(mailbox, move |core| core.asking_shown(view)).await?;
        let said = match tokio::time::timeout(LIFE, when_said(&mut from)).await {
            Ok(said) => said?,
            Err(_) => return Err(refused(Refused::Expired)),
        };
        match said {
            DoorFrame::Belong(belonging) => Ok((to, from, belonging)),
            DoorFrame::No(why) => Err(refused(why)),
            _ => Err(odd()),
        }
    }

    /// A stream to the device that made the ticket, as soon as it is reached.
    async fn reach(&mut self) -> Result<(FrameSender, FrameReceiver)> {
        let until = tokio::time::Instant::now() + self.wait;
        let opened = tokio::time::timeout_at(until, self.net.wait_for(Option::is_some)).await;
        let net = opened.ok().and_then(Result::ok).and_then(|net| net.clone()).ok_or_else(needs_network)?;
        net.add_addresses(self.ticket.device, &self.ticket.addresses);
        net.add_relays(self.ticket.device, &self.ticket.relays);
        let device = self.ticket.device;
        let open = async || -> Result<_> {
            let connection = net.connect(device).await.map_err(|e| unreachable(&e))?;
            Ok(connection.open(StreamKind::Join).await.map_err(|e| unreachable(&e))?.split())
        };
        loop {
            match tokio::time::timeout_at(until, open()).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(_)) if tokio::time::Instant::now() + AGAIN < until => tokio::time::sleep(AGAIN).await,
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(unreachable(&"it did not answer in time")),
            }
        }
    }
}

/// What is said after a person was asked, which may take a while.
async fn when_said(from: &mut FrameReceiver) -> Result<DoorFrame> {
    let bytes = from.next().await.map_err(|e| unreachable(&e))?.ok_or_else(|| unreachable(&"it hung up"))?;
    postcard::from_bytes(&bytes).map_err(|_| odd())
}

/// Serves a device that uses a ticket made here.
pub(crate) async fn answer(
    device: DeviceId,
    proof: blake3::Hash,
    commitment: blake3::Hash,
    to: &mut FrameSender,
    from: &mut FrameReceiver,
    mailbox: &Mailbox,
) -> Result<()> {
    let nonce = match on_core(mailbox, move |core| core.pairing_asked(device, proof, commitment)).await? {
        Ok(nonce) => nonce,
        Err(why) => return send(to, &DoorFrame::No(why)).await,
    };
    let verdict = match shown(device, nonce, to, from, mailbox).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(why)) => Verdict::No(why),
        Err(error) => {
            on_core(mailbox, move |core| core.pairing_gone(device)).await?;
            return Err(error);
        }
    };
    match verdict {
        Verdict::No(why) => {
            on_core(mailbox, move |core| core.pairing_gone(device)).await?;
            send(to, &DoorFrame::No(why)).await
        }
        Verdict::Differs(answer) => {
            let said = send(to, &DoorFrame::No(Refused::Declined)).await;
            let _ = tokio::time::timeout(HEARING, from.next()).await;
            on_core(mailbox, move |core| {
                core.tell(Event::Pairing { pairing: core.device_pairing() });
                drop(answer.send(Err(super::differs())));
            })
            .await?;
            said
        }
        Verdict::Yes(answer) => {
            on_core(mailbox, move |core| core.network.pairings.sharing.insert(device)).await?;
            let done = take_in(device, true, to, from, mailbox).await;
            on_core(mailbox, move |core| {
                let paired = done.map(|(device_name, commons)| Paired {
                    device: device.to_string(),
                    device_name,
                    name: core.introduction().map(|person| person.name).unwrap_or_default(),
                    commons: core.commons_names(commons),
                });
                core.network.pairings.sharing.remove(&device);
                core.share_with_own();
                if let Ok(paired) = &paired {
                    core.tell(Event::Paired { paired: paired.clone() });
                }
                core.tell(Event::Pairing { pairing: core.device_pairing() });
                drop(answer.send(paired));
            })
            .await
        }
    }
}

/// Has both show the code and waits for what a person says of it.
async fn shown(
    device: DeviceId,
    nonce: Nonce,
    to: &mut FrameSender,
    from: &mut FrameReceiver,
    mailbox: &Mailbox,
) -> Result<Result<Verdict, Refused>> {
    send(to, &DoorFrame::PairNonce(nonce)).await?;
    let DoorFrame::PairReveal { nonce, device_name } = next(from).await? else {
        return Ok(Err(Refused::Unknown));
    };
    let revealed = on_core(mailbox, move |core| core.pairing_revealed(device, &nonce, &device_name)).await?;
    let answered = match revealed {
        Ok(answered) => answered,
        Err(why) => return Ok(Err(why)),
    };
    tokio::select! {
        verdict = answered => Ok(verdict.map_err(|_| Refused::Declined)),
        // They hung up, or said something that does not belong here.
        _ = from.next() => Err(unreachable(&"it hung up")),
        () = tokio::time::sleep(LIFE) => Ok(Err(Refused::Expired)),
    }
}

/// Makes another device this person's, as far as it consents, and gives it the rolls; gives its name and those commons.
async fn take_in(
    device: DeviceId,
    anew: bool,
    to: &mut FrameSender,
    from: &mut FrameReceiver,
    mailbox: &Mailbox,
) -> Result<(String, Vec<CommonsId>)> {
    let belonging = on_core(mailbox, move |core| core.belonging(&device, anew)).await??;
    send(to, &DoorFrame::Belong(belonging)).await?;
    let (device_name, consents) = match next(from).await? {
        DoorFrame::Consent { device_name, consents } => (device_name, consents),
        DoorFrame::No(why) => return Err(refused(why)),
        _ => return Err(odd()),
    };
    let name = device_name.clone();
    let rolls = on_core(mailbox, move |core| core.certify(device, &name, consents, anew)).await??;
    let commons = rolls.iter().map(|(id, _)| *id).collect();
    for (id, records) in rolls {
        send(to, &DoorFrame::Of(id)).await?;
        send_records(to, records).await?;
    }
    send(to, &DoorFrame::Done).await?;
    // This engine may close when it is said that all is done, so the other side has to have it; whether it says so changes
    // nothing any more.
    let _ = next(from).await;
    Ok((line::shown(&device_name), commons))
}

/// Consents to being another device's person's, and takes in the rolls that come; gives their commons.
async fn be_taken_in(
    with: DeviceId,
    belonging: Belonging,
    anew: Option<String>,
    to: &mut FrameSender,
    from: &mut FrameReceiver,
    mailbox: &Mailbox,
) -> Result<Vec<CommonsId>> {
    let consent = on_core(mailbox, move |core| core.consent(with, &belonging, anew.as_deref())).await?;
    let consent = match consent {
        Ok(consent) => consent,
        Err(why) => {
            send(to, &DoorFrame::No(why)).await?;
            return Err(refused(why));
        }
    };
    let DoorFrame::Consent { consents, .. } = &consent else { return Err(odd()) };
    let wanted: Vec<CommonsId> = consents.iter().map(|(id, _)| *id).collect();
    send(to, &consent).await?;
    let mut commons = Vec::new();
    loop {
        match next(from).await? {
            DoorFrame::Of(id) if wanted.contains(&id) && !commons.contains(&id) => {
                let records = come(from).await?.verified().await?;
                on_core(mailbox, move |core| core.joined(id, records)).await??;
                commons.push(id);
            }
            DoorFrame::Done => {
                let _ = send(to, &DoorFrame::Done).await;
                return Ok(commons);
            }
            DoorFrame::No(why) => return Err(refused(why)),
            _ => return Err(odd()),
        }
    }
}

/// Serves another device of the same person, which tells of its commons.
pub(crate) async fn belong(
    device: DeviceId,
    belonging: Belonging,
    to: &mut FrameSender,
    from: &mut FrameReceiver,
    mailbox: &Mailbox,
) -> Result<()> {
    be_taken_in(device, belonging, None, to, from, mailbox).await.map(drop)
}

/// Tells another device of the same person of commons in which it is not theirs yet.
/// Gives those in which it is now.
pub(super) async fn share(net: &Net, device: DeviceId, mailbox: &Mailbox) -> Result<Vec<CommonsId>> {
    let connection = net.connect(device).await.map_err(|e| unreachable(&e))?;
    let (mut to, mut from) = connection.open(StreamKind::Join).await.map_err(|e| unreachable(&e))?.split();
    let (_, commons) = take_in(device, false, &mut to, &mut from, mailbox).await?;
    to.finish().await.map_err(|e| unreachable(&e))?;
    Ok(commons)
}
