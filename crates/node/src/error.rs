//! What the engine answers when it cannot do what was asked: a code for programs, plain words for people.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What went wrong, for callers that branch on it. A code is added only when one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// An argument cannot be what it is.
    BadArgument,
    /// There is no such thing.
    NotFound,
    /// Several things have that name.
    Ambiguous,
    /// There is such a thing already.
    Exists,
    /// Nobody has given this profile a name yet.
    NoProfile,
    /// The text is no ticket, or a part of one.
    TicketMalformed,
    /// The ticket's time is over.
    TicketExpired,
    /// The ticket has let in as many as it may.
    TicketUsedUp,
    /// A member closed the ticket.
    TicketClosed,
    /// This device is in that commons already.
    AlreadyIn,
    /// This device's standing in that commons ended.
    NotAMember,
    /// No device that could answer was reached.
    Unreachable,
    /// The other side said no.
    Declined,
    /// The charter does not let this person do that, or not yet.
    NotAllowed,
    /// It is larger than a page or a message may be.
    TooLarge,
    /// It is no UTF-8 text.
    NotText,
    /// Another program uses the profile.
    ProfileInUse,
    /// The profile was written by a newer version.
    ProfileNewer,
    /// The profile cannot be read as it is.
    ProfileDamaged,
    /// The profile or folder cannot be written.
    ReadOnly,
    /// The disk is full.
    DiskFull,
    /// It did not happen in the time given.
    TimedOut,
    /// A fault of the program itself.
    Internal,
}

/// An error with its code; its text says what happened, what is safe and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The code.
    pub code: ErrorCode,
    /// The words.
    pub message: String,
}

/// What the engine's functions give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with this code and these words.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Something asked for cannot be.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadArgument, message)
    }

    /// A fault of the program; the words carry what a developer needs.
    pub(crate) fn internal(what: impl fmt::Display) -> Self {
        Self::new(
            ErrorCode::Internal,
            format!(
                "Something went wrong inside Commonplace: {what}. What was stored before is safe; please try again."
            ),
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<commonplace_store::StoreError> for Error {
    fn from(error: commonplace_store::StoreError) -> Self {
        use commonplace_store::StoreError as Store;
        let code = match &error {
            Store::InUse { .. } => ErrorCode::ProfileInUse,
            Store::Newer { .. } => ErrorCode::ProfileNewer,
            Store::ReadOnly => ErrorCode::ReadOnly,
            Store::Full => ErrorCode::DiskFull,
            Store::Damaged(_) | Store::Gone(_) => ErrorCode::ProfileDamaged,
            Store::NoFolder(_) => ErrorCode::BadArgument,
            Store::NoCommons => ErrorCode::NotFound,
            Store::Io(_) | Store::Fault(_) => ErrorCode::Internal,
        };
        Self::new(code, error.to_string())
    }
}
