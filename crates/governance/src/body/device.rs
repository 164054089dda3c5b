//! A member's devices: one more, one less.

use commonplace_model::{CommonsId, DeviceId, MemberId, RecordId};
use commonplace_trust::{DeviceKey, Domain, Signature};
use serde::{Deserialize, Serialize};

use super::{Introduction, cut::Cut};

/// One more device of the author's member. The record is signed by a device they have; the new one says yes in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCertificate {
    /// The new device.
    pub device: DeviceId,
    /// What it is called.
    pub device_name: String,
    /// By the new device.
    pub by_device: Signature,
}

impl DeviceCertificate {
    /// The certificate for a new device that said yes.
    pub fn new(device: DeviceId, device_name: String, by_device: Signature) -> Self {
        Self { device, device_name, by_device }
    }

    /// A new device's yes to being one of this member's.
    pub fn consent(commons: CommonsId, member: MemberId, device: &DeviceKey) -> Signature {
        device.sign(Domain::Device, &Self::message(commons, member, device.id()))
    }

    /// Whether a device said yes to being one of this member's.
    pub fn consented(commons: CommonsId, member: MemberId, device: DeviceId, by_device: &Signature) -> bool {
        by_device.verify(&device, Domain::Device, &Self::message(commons, member, device))
    }

    fn message(commons: CommonsId, member: MemberId, device: DeviceId) -> Vec<u8> {
        [&commons.as_bytes()[..], member.as_bytes(), device.as_bytes()].concat()
    }

    pub(crate) fn is_fair(&self) -> bool {
        Introduction::is_fair_name(&self.device_name)
    }
}

/// A device of the author's member is theirs no longer; said by another device of theirs.
///
/// Of what it wrote in the roll, that counts which this record builds on, directly or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRevocation {
    /// The record that made it a device of the member.
    pub standing: RecordId,
    /// What counts of its work.
    pub cut: Cut,
}
