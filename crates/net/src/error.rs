//! What can go wrong between devices, and why a connection ends.

use std::{error::Error, fmt, time::Duration};

use iroh::endpoint::{ConnectionError, VarInt};

/// Why the network could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The network was closed on this side.
    #[error("the network is closed")]
    Closed,
    /// No socket could be opened.
    #[error("no socket could be opened")]
    Bind(#[source] Box<dyn Error + Send + Sync>),
    /// No address of the device is known.
    #[error("no address of the device is known")]
    NoAddress,
    /// The device did not answer at any known address.
    #[error("the device did not answer at any known address")]
    Unreachable(#[source] Option<Box<dyn Error + Send + Sync>>),
    /// The device, or the policy of this one, refuses the other.
    #[error("the device does not let us in")]
    Refused,
    /// Too much is open already, here or there.
    #[error("too many connections or streams are open")]
    Busy,
    /// The connection has ended.
    #[error("the connection has ended: {0}")]
    Disconnected(DisconnectReason),
    /// The other side has ended the stream, or ended it in the middle of a frame.
    #[error("the stream was ended")]
    Reset,
    /// A frame is larger than this kind of stream carries.
    #[error("a frame of {size} bytes is larger than the {max} that are allowed")]
    FrameTooLarge {
        /// Bytes of the frame.
        size: u64,
        /// Bytes allowed.
        max: usize,
    },
    /// The other side neither sent nor took anything for so long.
    #[error("nothing moved for {} seconds", .0.as_secs_f32())]
    Stalled(Duration),
    /// Gossip does not run.
    #[error("gossip has ended")]
    Gossip(#[source] Box<dyn Error + Send + Sync>),
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisconnectReason {
    /// This side closed it.
    ClosedHere,
    /// The other side closed it.
    ClosedThere,
    /// The other side was silent for too long.
    TimedOut,
    /// The other side connected anew, so it had lost this one.
    Replaced,
    /// One side does not let the other in.
    Refused,
    /// One side has too many connections.
    Busy,
    /// Nothing was open on it for a while, and no commons is shared.
    Unused,
    /// Something else broke it.
    Broken,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClosedHere => "closed by this device",
            Self::ClosedThere => "closed by the other device",
            Self::TimedOut => "the other device is silent",
            Self::Replaced => "the other device connected anew",
            Self::Refused => "one device does not let the other in",
            Self::Busy => "too many connections",
            Self::Unused => "unused",
            Self::Broken => "broken",
        })
    }
}

/// Codes that close a connection or a stream, told to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Code {
    Done = 0,
    Refused = 1,
    Busy = 2,
    Replaced = 3,
    Unused = 4,
    Silent = 5,
    UnknownKind = 6,
    TooLarge = 7,
    Abandoned = 8,
}

impl Code {
    pub(crate) fn number(self) -> VarInt {
        VarInt::from_u32(self as u32)
    }

    /// Why a connection is over that was closed here with this code.
    pub(crate) fn closed_here(self) -> DisconnectReason {
        Self::reason(self.number()).unwrap_or(DisconnectReason::ClosedHere)
    }

    /// Why a connection is over that was closed with this code.
    fn reason(number: VarInt) -> Option<DisconnectReason> {
        [
            (Self::Refused, DisconnectReason::Refused),
            (Self::Busy, DisconnectReason::Busy),
            (Self::Replaced, DisconnectReason::Replaced),
            (Self::Unused, DisconnectReason::Unused),
            (Self::Silent, DisconnectReason::TimedOut),
        ]
        .into_iter()
        .find(|(code, _)| code.number() == number)
        .map(|(_, reason)| reason)
    }
}

impl From<&ConnectionError> for DisconnectReason {
    fn from(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::LocallyClosed => Self::ClosedHere,
            ConnectionError::TimedOut => Self::TimedOut,
            ConnectionError::ApplicationClosed(close) => Code::reason(close.error_code).unwrap_or(Self::ClosedThere),
            ConnectionError::ConnectionClosed(_) | ConnectionError::Reset => Self::ClosedThere,
            _ => Self::Broken,
        }
    }
}

impl From<&ConnectionError> for NetError {
    fn from(error: &ConnectionError) -> Self {
        match DisconnectReason::from(error) {
            DisconnectReason::Refused => Self::Refused,
            DisconnectReason::Busy => Self::Busy,
            reason => Self::Disconnected(reason),
        }
    }
}
