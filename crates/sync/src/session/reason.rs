//! Why sessions end.

use crate::frame::{FrameError, VERSION};

/// Why a session ends itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A frame is none.
    #[error("the other device sent what is no frame")]
    Malformed,
    /// A frame, or what it holds, is too large.
    #[error("the other device sent a frame that is too large")]
    TooLarge,
    /// A frame came that has no place here.
    #[error("the other device sent {0} out of order")]
    Unexpected(&'static str),
    /// More documents, records or rounds than a session deals with.
    #[error("the other device sent too many {0}")]
    TooMuch(&'static str),
    /// The other side speaks a newer protocol.
    #[error("the other device runs a newer Commonplace (protocol {0})")]
    PeerTooNew(u8),
    /// The other side speaks an older protocol.
    #[error("the other device runs an older Commonplace (protocol {0}) and has to be updated")]
    PeerTooOld(u8),
    /// It said nothing for too long.
    #[error("the other device does not answer")]
    Silent,
    /// What is here does not fit into a frame.
    #[error("a document of this device does not fit into a frame")]
    OursTooLarge,
}

impl From<FrameError> for Reason {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::TooLarge => Self::TooLarge,
            FrameError::Malformed => Self::Malformed,
            FrameError::Version(version) if version > VERSION => Self::PeerTooNew(version),
            FrameError::Version(version) => Self::PeerTooOld(version),
        }
    }
}
