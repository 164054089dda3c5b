//! The key of a device, and signatures with a domain.

use std::fmt;

use commonplace_model::DeviceId;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

/// What a signature is about; a signature made for one thing never counts for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// A record of the roll.
    Record,
    /// An attestation of changes.
    Attestation,
    /// A request to join, signed by the device that asks.
    JoinRequest,
    /// A word of presence.
    Presence,
    /// A request to join, signed with the secret of a ticket.
    Invite,
    /// A new device's word that it is to be a device of a member.
    Device,
}

impl Domain {
    /// The bytes that everything signed in this domain begins with.
    pub const fn tag(self) -> &'static [u8] {
        match self {
            Self::Record => b"commonplace/record/1\0",
            Self::Attestation => b"commonplace/attestation/1\0",
            Self::JoinRequest => b"commonplace/join-request/1\0",
            Self::Presence => b"commonplace/presence/2\0",
            Self::Invite => b"commonplace/invite/1\0",
            Self::Device => b"commonplace/device/1\0",
        }
    }
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// No signature: no key ever makes this one.
    pub const NONE: Self = Self([0; 64]);

    /// The signature with these bytes.
    pub const fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// Whether `signer` made it for `message` in `domain` (strict verification).
    pub fn verify(&self, signer: &DeviceId, domain: Domain, message: &[u8]) -> bool {
        VerifyingKey::from_bytes(signer.as_bytes()).is_ok_and(|key| {
            key.verify_strict(&tagged(domain, message), &ed25519_dalek::Signature::from_bytes(&self.0)).is_ok()
        })
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature")
    }
}

impl Serialize for Signature {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (low, high) = self.0.split_at(32);
        (<[u8; 32]>::try_from(low).unwrap_or_default(), <[u8; 32]>::try_from(high).unwrap_or_default())
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (low, high) = <([u8; 32], [u8; 32])>::deserialize(deserializer)?;
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&low);
        bytes[32..].copy_from_slice(&high);
        Ok(Self(bytes))
    }
}

fn tagged(domain: Domain, message: &[u8]) -> Vec<u8> {
    [domain.tag(), message].concat()
}

/// The secret key of a device (or of a ticket). Its public half is the device's id.
#[derive(Clone)]
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// The key that grows from these 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The bytes it grows from, for keeping it and for the endpoint.
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Its public half.
    pub fn id(&self) -> DeviceId {
        DeviceId::new(self.0.verifying_key().to_bytes())
    }

    /// Signs a message in a domain.
    pub fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        Signature(self.0.sign(&tagged(domain, message)).to_bytes())
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({})", self.id().short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_counts_for_its_signer_domain_and_message_only() {
        let (key, other) = (DeviceKey::from_seed(&[1; 32]), DeviceKey::from_seed(&[2; 32]));
        let signature = key.sign(Domain::Record, b"words");
        assert!(signature.verify(&key.id(), Domain::Record, b"words"));
        assert!(!signature.verify(&key.id(), Domain::Invite, b"words"));
        assert!(!signature.verify(&other.id(), Domain::Record, b"words"));
        assert!(!signature.verify(&key.id(), Domain::Record, b"other words"));
        // A key of small order would verify anything without strictness.
        assert!(!signature.verify(&DeviceId::new([0; 32]), Domain::Record, b"words"));
    }
}
