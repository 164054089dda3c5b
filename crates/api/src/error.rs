//! What a host is answered when something cannot be done.

use std::fmt;

pub use commonplace_node::ErrorCode;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// An error as it leaves the engine: a code to branch on, and plain words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ApiError {
    /// What went wrong, out of a closed set.
    pub code: ErrorCode,
    /// What happened, what is safe and what to do.
    pub message: String,
}

impl ApiError {
    /// An error with this code and these words.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadArgument, message)
    }

    pub(crate) fn internal(what: impl fmt::Display) -> Self {
        Self::new(
            ErrorCode::Internal,
            format!(
                "Something went wrong inside Commonplace: {what}. What was stored before is safe; please try again."
            ),
        )
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl From<commonplace_node::Error> for ApiError {
    fn from(error: commonplace_node::Error) -> Self {
        Self { code: error.code, message: error.message }
    }
}
