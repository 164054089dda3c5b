//! Going out of a commons, and having gone.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How this device came to be no member's of a commons any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum HowOut {
    /// Its person left.
    Left,
    /// Its person was removed.
    Removed,
    /// Another device of its person's revoked it.
    Revoked,
    /// It provably wrote in two ways.
    Caught,
}

views! {
    /// How this device came to be no member's of a commons any more.
    pub struct Out {
        /// How.
        how: HowOut,
        /// The same in a sentence, with who did it.
        said: String,
    }

    /// What leaving a commons would bring about that nobody could undo.
    pub struct Leaving {
        /// It in sentences; none when others can go on.
        says: Vec<String>,
    }
}
