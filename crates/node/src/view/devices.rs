//! Views of a member's own devices.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

views! {
    /// A commons, by name.
    pub struct CommonsName {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    }

    /// One of this person's devices in a commons.
    pub struct OwnDevice {
        /// Its id.
        device: String,
        /// What it is called.
        device_name: String,
        /// Whether it is this one.
        this: bool,
        /// Whether it is connected now; always for this one.
        here: bool,
        /// When it was last connected to this one.
        last_seen: Option<u64>,
        /// Name of the other device that made it one of theirs; nothing for the first.
        by: Option<String>,
        /// When it was paired, if this device was one of the two.
        since: Option<u64>,
        /// Whether another device of theirs revoked it, or its standing ended otherwise: what it writes counts no more.
        revoked: bool,
    }

    /// This person's devices in one commons, this one first.
    pub struct OwnDevices {
        /// The commons.
        commons: CommonsName,
        /// The devices.
        devices: Vec<OwnDevice>,
    }

    /// A ticket to give to a new device of one's own.
    pub struct DeviceTicketView {
        /// The ticket itself, `commonplace://device/…`; one device may use it, once.
        ticket: String,
        /// When it ends, milliseconds since 1970.
        expires_at: u64,
        /// The ticket as a QR picture, SVG.
        qr_svg: String,
    }

    /// A device that is to become one of this person's; both show the code.
    pub struct PairingView {
        /// The other device.
        device: String,
        /// What it is called; empty while it has no name.
        device_name: String,
        /// Six digits in two groups.
        code: String,
        /// Whether it is this device that has to approve; otherwise the other one does.
        approves: bool,
    }

    /// What came of pairing two devices.
    pub struct Paired {
        /// The other device.
        device: String,
        /// What it is called.
        device_name: String,
        /// What the person is called whose devices they are.
        name: String,
        /// The commons that both are in now.
        commons: Vec<CommonsName>,
    }

    /// A device that is this person's no longer.
    pub struct Revoked {
        /// The device.
        device: String,
        /// What it was called.
        device_name: String,
        /// Where it was revoked.
        commons: Vec<CommonsName>,
    }
}
