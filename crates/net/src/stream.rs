//! Streams of frames between two devices.
//!
//! The first byte of a stream is its kind. Then come frames, each with its length before it as a big-endian `u32`. A
//! length over the cap of the kind ends the stream before anything is allocated; memory for a frame grows only as its
//! bytes arrive.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use commonplace_model::DeviceId;
use iroh::endpoint::{ReadError, RecvStream, SendStream, WriteError};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout, timeout_at},
};

use crate::{NetError, error::Code};

/// Bytes of a frame, at most.
pub const MAX_FRAME: usize = 1024 * 1024;
/// Bytes of a frame on a [`StreamKind::Join`] stream, which strangers may open.
pub const MAX_JOIN_FRAME: usize = 64 * 1024;

/// Bytes taken from the connection at once.
const CHUNK: usize = 64 * 1024;
/// How long a side may stand still in the middle of a frame.
const STALL: Duration = Duration::from_secs(30);
/// How long to wait for the other side to have everything.
const FINISH: Duration = Duration::from_secs(5);

/// What a stream is for: its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum StreamKind {
    /// Asking to be let in; the only one open to strangers.
    Join = 1,
    /// Two replicas of a commons meeting.
    Sync = 2,
}

impl StreamKind {
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Join),
            2 => Some(Self::Sync),
            _ => None,
        }
    }

    pub(crate) fn byte(self) -> u8 {
        self as u8
    }

    /// Bytes of a frame on such a stream, at most.
    pub const fn max_frame(self) -> usize {
        match self {
            Self::Join => MAX_JOIN_FRAME,
            Self::Sync => MAX_FRAME,
        }
    }
}

/// What both halves share: the place they take, and whether one of them found the stream to be broken.
#[derive(Debug)]
struct Place {
    _permit: OwnedSemaphorePermit,
    broken: AtomicBool,
}

impl Place {
    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn breaks(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }
}

/// A stream to another device, open in both directions.
#[derive(Debug)]
pub struct Stream {
    kind: StreamKind,
    device: DeviceId,
    send: FrameSender,
    recv: FrameReceiver,
}

impl Stream {
    pub(crate) fn new(
        kind: StreamKind,
        device: DeviceId,
        send: SendStream,
        recv: RecvStream,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let place = Arc::new(Place { _permit: permit, broken: AtomicBool::new(false) });
        let max = kind.max_frame();
        Self {
            kind,
            device,
            send: FrameSender { stream: send, max, place: Arc::clone(&place) },
            recv: FrameReceiver { stream: recv, max, place, head: [0; 4], head_len: 0, body: None },
        }
    }

    /// What it is for.
    pub fn kind(&self) -> StreamKind {
        self.kind
    }

    /// The device at the other end.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// Its two directions. Dropping the sender ends that direction after what was sent; dropping the receiver tells the
    /// other side to stop.
    pub fn split(self) -> (FrameSender, FrameReceiver) {
        (self.send, self.recv)
    }
}

/// The direction away from here.
#[derive(Debug)]
pub struct FrameSender {
    stream: SendStream,
    max: usize,
    place: Arc<Place>,
}

impl FrameSender {
    /// Sends a frame. Returns when it is on its way, which waits for a slow receiver.
    ///
    /// Not cancel-safe: when this is dropped before its end, the stream is broken and the next call says so.
    ///
    /// # Errors
    /// When the frame is too large (nothing is sent then), the other side took nothing for 30 seconds, or the stream
    /// or the connection has ended.
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), NetError> {
        if self.place.is_broken() {
            return Err(NetError::Reset);
        }
        let too_large = NetError::FrameTooLarge { size: frame.len() as u64, max: self.max };
        let Ok(length) = u32::try_from(frame.len()) else { return Err(too_large) };
        if frame.len() > self.max {
            return Err(too_large);
        }
        let torn = Torn { sender: self, whole: false };
        torn.write(length, frame).await
    }

    /// Ends this direction, and waits a while for the other side to have everything.
    ///
    /// # Errors
    /// When the other side did not get everything.
    pub async fn finish(&mut self) -> Result<(), NetError> {
        if self.place.is_broken() {
            return Err(NetError::Reset);
        }
        let stopped = self.stream.stopped();
        // Ended before or stopped by the other side: either way there is no more to send.
        let _ = self.stream.finish();
        match timeout(FINISH, stopped).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(NetError::Reset),
            Err(_) => Err(NetError::Stalled(FINISH)),
        }
    }
}

/// A frame being sent; breaks the stream when it is dropped in the middle.
struct Torn<'a> {
    sender: &'a mut FrameSender,
    whole: bool,
}

impl Torn<'_> {
    async fn write(mut self, length: u32, frame: &[u8]) -> Result<(), NetError> {
        let stream = &mut self.sender.stream;
        let head = length.to_be_bytes();
        for mut rest in [&head[..], frame] {
            while !rest.is_empty() {
                let some = rest.get(..CHUNK).unwrap_or(rest);
                let written = timeout(STALL, stream.write(some)).await.map_err(|_| NetError::Stalled(STALL))?;
                rest = rest.get(written.map_err(|e| write_error(&e))?..).unwrap_or_default();
            }
        }
        self.whole = true;
        Ok(())
    }
}

impl Drop for Torn<'_> {
    fn drop(&mut self) {
        if !self.whole {
            self.sender.place.breaks();
            // It may have ended already.
            let _ = self.sender.stream.reset(Code::Abandoned.number());
        }
    }
}

/// The direction towards here.
#[derive(Debug)]
pub struct FrameReceiver {
    stream: RecvStream,
    max: usize,
    place: Arc<Place>,
    head: [u8; 4],
    head_len: usize,
    /// The length of the frame that is arriving, and what there is of it.
    body: Option<(usize, Vec<u8>)>,
}

impl FrameReceiver {
    /// The next frame, none when the other side has ended. Waits as long as the connection lives for one to begin, and
    /// at most 30 seconds for more of one that has begun. Cancel-safe.
    ///
    /// # Errors
    /// When a frame is too large or stands still, or the stream or the connection has ended.
    pub async fn next(&mut self) -> Result<Option<Bytes>, NetError> {
        self.next_before(None).await
    }

    /// As [`FrameReceiver::next`], and it ends the stream when no frame begins within `idle`.
    ///
    /// # Errors
    /// As [`FrameReceiver::next`], and when `idle` has passed.
    pub async fn next_within(&mut self, idle: Duration) -> Result<Option<Bytes>, NetError> {
        self.next_before(Some(idle)).await
    }

    async fn next_before(&mut self, idle: Option<Duration>) -> Result<Option<Bytes>, NetError> {
        if self.place.is_broken() {
            return Err(NetError::Reset);
        }
        let result = self.read_frame(idle).await;
        if let Err(error) = &result {
            self.place.breaks();
            let code = if matches!(error, NetError::FrameTooLarge { .. }) { Code::TooLarge } else { Code::Abandoned };
            // It may have ended already.
            let _ = self.stream.stop(code.number());
        }
        result
    }

    async fn read_frame(&mut self, idle: Option<Duration>) -> Result<Option<Bytes>, NetError> {
        let begin_by = idle.map(|idle| (Instant::now() + idle, idle));
        loop {
            if let Some(frame) = self.take_whole() {
                return Ok(Some(frame));
            }
            let begun = self.head_len > 0;
            let wanted = match &self.body {
                Some((length, bytes)) => (length - bytes.len()).min(CHUNK),
                None => self.head.len() - self.head_len,
            };
            let read = self.stream.read_chunk(wanted);
            let chunk = match begin_by {
                _ if begun => timeout(STALL, read).await.map_err(|_| NetError::Stalled(STALL))?,
                Some((by, idle)) => timeout_at(by, read).await.map_err(|_| NetError::Stalled(idle))?,
                None => read.await,
            };
            match chunk.map_err(|e| read_error(&e))? {
                Some(chunk) => self.take(&chunk)?,
                None if begun => return Err(NetError::Reset),
                None => return Ok(None),
            }
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), NetError> {
        if let Some((_, bytes)) = &mut self.body {
            bytes.extend_from_slice(chunk);
            return Ok(());
        }
        for byte in chunk {
            if let Some(place) = self.head.get_mut(self.head_len) {
                *place = *byte;
                self.head_len += 1;
            }
        }
        if self.head_len == self.head.len() {
            let size = u32::from_be_bytes(self.head);
            match usize::try_from(size) {
                Ok(length) if length <= self.max => self.body = Some((length, Vec::new())),
                _ => return Err(NetError::FrameTooLarge { size: size.into(), max: self.max }),
            }
        }
        Ok(())
    }

    fn take_whole(&mut self) -> Option<Bytes> {
        let (_, bytes) = self.body.take_if(|(length, bytes)| bytes.len() == *length)?;
        self.head_len = 0;
        Some(bytes.into())
    }
}

pub(crate) fn read_error(error: &ReadError) -> NetError {
    match error {
        ReadError::Reset(code) => refusal(*code),
        ReadError::ConnectionLost(lost) => lost.into(),
        _ => NetError::Reset,
    }
}

pub(crate) fn write_error(error: &WriteError) -> NetError {
    match error {
        WriteError::Stopped(code) => refusal(*code),
        WriteError::ConnectionLost(lost) => lost.into(),
        _ => NetError::Reset,
    }
}

/// Why the other side ended a stream.
fn refusal(code: iroh::endpoint::VarInt) -> NetError {
    if code == Code::Refused.number() {
        NetError::Refused
    } else if code == Code::Busy.number() {
        NetError::Busy
    } else {
        NetError::Reset
    }
}
