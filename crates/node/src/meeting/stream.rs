//! The stream of a meeting: what is said first on it, and the task that carries frames between it and the engine.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use commonplace_model::{CommonsId, DeviceId};
use commonplace_net::{Connection, FrameReceiver, FrameSender, NetError, StreamKind};
use commonplace_sync::{Input, Role};
use serde::Serialize;
use tokio::sync::{Notify, Semaphore, mpsc};

use super::{Offence, PATIENCE};
use crate::{
    core::Mailbox,
    error::{Error, Result},
    joining::on_core,
};

/// Frames that came and wait for the engine, per meeting.
const FRAMES: usize = 8;
/// Bytes of frames that may wait for the other side to take them. What a session sends on its own account stays far below;
/// acknowledgements and answers have no other bound for one that asks and does not listen.
const MAX_LEAVING: usize = 16 * 1024 * 1024;

/// The first frame of a stream: which commons it is about, said so that only those who know it understand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Offer {
    pub(super) nonce: [u8; 16],
    pub(super) offer: [u8; 32],
    /// Whether who opens it reaches few others in the commons, and may hear of nothing without this meeting.
    pub(super) few: bool,
}

impl Offer {
    /// Reads one. The first version ended before the last part, and a later one may go on behind it.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let ((nonce, offer), rest) = postcard::take_from_bytes(bytes).ok()?;
        Some(Self { nonce, offer, few: rest.first() == Some(&1) })
    }
}

/// The way out of a meeting. When it is dropped, what waits is still sent.
pub(super) struct Outbox {
    frames: mpsc::UnboundedSender<Vec<u8>>,
    leaving: Arc<AtomicUsize>,
    stop: Arc<Notify>,
}

impl Outbox {
    /// Has a frame sent. False, and it is not, when the other side does not take what waits for it already.
    pub(super) fn send(&self, frame: Vec<u8>) -> bool {
        let leaving = self.leaving.fetch_add(frame.len(), Ordering::Relaxed) + frame.len();
        let fits = leaving <= MAX_LEAVING;
        if fits {
            // Without a stream there is nobody to send it to; the meeting is about to end.
            let _ = self.frames.send(frame);
        }
        fits
    }

    /// Ends the stream now, whatever waits.
    pub(super) fn stop(&self) {
        self.stop.notify_one();
    }
}

/// Opens a stream for a meeting. Fails when the other side does not want one.
pub(super) async fn open_stream(connection: &Connection, said: &Offer) -> Result<(FrameSender, FrameReceiver)> {
    let stream = connection.open(StreamKind::Sync).await.map_err(Error::internal)?;
    let (mut to, mut from) = stream.split();
    to.send(&postcard::to_allocvec(said).map_err(Error::internal)?).await.map_err(Error::internal)?;
    let answer = tokio::time::timeout(PATIENCE, from.next()).await.map_err(Error::internal)?;
    match answer.map_err(Error::internal)? {
        Some(bytes) if bytes[..] == [1] => Ok((to, from)),
        _ => Err(Error::internal("the other device does not know us as a member")),
    }
}

/// With whom a meeting is, and about what.
#[derive(Debug, Clone, Copy)]
pub(super) struct With {
    pub(super) device: DeviceId,
    pub(super) commons: CommonsId,
    /// This device's part in it.
    pub(super) role: Role,
    /// Whether the other one opened it and said that it reaches few others.
    pub(super) few: bool,
}

/// Carries frames between a stream and the engine until either ends.
pub(super) async fn carry(mailbox: Mailbox, with: With, mut to: FrameSender, mut from: FrameReceiver) {
    let (frames, mut waiting) = mpsc::unbounded_channel::<Vec<u8>>();
    let (leaving, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let out = Outbox { frames, leaving: Arc::clone(&leaving), stop: Arc::clone(&stop) };
    let begun = on_core(&mailbox, move |core| core.begin_meeting(with, out)).await;
    let Ok(Some(id)) = begun else { return };
    let (mail, permits) = (mailbox.clone(), Arc::new(Semaphore::new(FRAMES)));
    let sending = async {
        while let Some(frame) = waiting.recv().await {
            if to.send(&frame).await.is_err() {
                return;
            }
            leaving.fetch_sub(frame.len(), Ordering::Relaxed);
            if waiting.is_empty() && mail.bulk(move |core| core.drive(id, Input::Writable)).await.is_err() {
                return;
            }
        }
        let _ = to.finish().await;
    };
    let receiving = async {
        loop {
            let frame = match from.next().await {
                Ok(Some(frame)) => frame,
                Err(NetError::FrameTooLarge { .. }) => return Some(Offence::TooMuch),
                Ok(None) | Err(_) => return None,
            };
            let permit = Arc::clone(&permits).acquire_owned().await.ok()?;
            mailbox
                .bulk(move |core| {
                    core.drive(id, Input::Frame(frame.into()));
                    drop(permit);
                })
                .await
                .ok()?;
        }
    };
    let offence = tokio::select! {
        () = sending => None,
        offence = receiving => offence,
        () = stop.notified() => None,
    };
    let _ = mailbox.urgent(move |core| match offence {
        Some(offence) => core.break_off(id, offence),
        None => core.end_meeting(id),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_of_the_first_version_is_read_and_what_a_later_one_adds_is_passed_over() {
        for few in [false, true] {
            let said = Offer { nonce: [5; 16], offer: [6; 32], few };
            let mut bytes = postcard::to_allocvec(&said).expect("encodes");
            assert_eq!(Offer::read(&bytes), Some(said.clone()));
            assert_eq!(Offer::read(&bytes[..48]), Some(Offer { few: false, ..said.clone() }));
            bytes.push(7);
            assert_eq!(Offer::read(&bytes), Some(said));
            assert_eq!(Offer::read(&bytes[..47]), None);
        }
    }
}
