//! Views of how far a device reaches, and of the way to others.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How far a device reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum ReachKind {
    /// The local network only.
    #[default]
    Lan,
    /// Also by the relays that the makers of iroh run for all.
    Public,
    /// Also by a relay of one's own.
    Relay,
}

views! {
    /// How far this device reaches.
    pub struct ReachView {
        /// What the person chose.
        kind: ReachKind,
        /// The relay's address, where it is one of one's own.
        relay: Option<String>,
        /// Whether what runs now was started with another choice: this one counts from the next start on.
        at_next_start: bool,
        /// Whether a relay answers now; nothing where none is used.
        answers: Option<bool>,
    }

    /// The way to a device that is connected now.
    pub struct DevicePath {
        /// What the device is called.
        device_name: String,
        /// How it is reached, in words: "this network", "direct" or "relay".
        path: String,
        /// Round-trip time in milliseconds, when known.
        rtt_ms: Option<f64>,
    }
}
