//! Attestations: a device vouches for a change and, through its chain of own changes, for all earlier ones of an actor.

use commonplace_model::{Actor, ChangeHash, CommonsId, DeviceId, DocId, Nonce};
use serde::{Deserialize, Serialize};

use crate::{
    key::{DeviceKey, Domain, Signature},
    twins::Fork,
};

/// The actor under which a device writes in a document: the first 16 bytes of a hash over all that makes it its own.
pub fn actor_of(commons: CommonsId, doc: DocId, device: DeviceId, nonce: Nonce) -> Actor {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"commonplace/actor/1\0");
    hasher.update(commons.as_bytes());
    hasher.update(&doc.to_bytes());
    hasher.update(device.as_bytes());
    hasher.update(nonce.as_bytes());
    let mut actor = [0; Actor::LEN];
    hasher.finalize_xof().fill(&mut actor);
    Actor::new(actor)
}

/// What a device says of its changes: "this one, and all of this actor before it, are mine". 64 bytes of signature per
/// actor and document, not per keystroke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// The device.
    pub device: DeviceId,
    /// What makes the actor new for each start of the app.
    pub nonce: Nonce,
    /// Number of the change among its actor's, from 1.
    pub seq: u64,
    /// The change.
    pub hash: ChangeHash,
    /// The device's signature.
    pub signature: Signature,
}

impl Attestation {
    /// The actor it speaks of, in this document.
    pub fn actor(&self, commons: CommonsId, doc: DocId) -> Actor {
        actor_of(commons, doc, self.device, self.nonce)
    }

    /// Whether it bears no signature: only a proof can stand for it ([`VerifiedAttestation::proven`]).
    pub fn is_unsigned(&self) -> bool {
        self.signature == Signature::NONE
    }

    fn message(commons: CommonsId, doc: DocId, actor: Actor, seq: u64, hash: ChangeHash) -> Vec<u8> {
        [&commons.as_bytes()[..], &doc.to_bytes(), actor.as_bytes(), &seq.to_le_bytes(), hash.as_bytes()].concat()
    }
}

/// An attestation whose signature was checked, or made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedAttestation {
    actor: Actor,
    attestation: Attestation,
}

impl VerifiedAttestation {
    /// Vouches for a change of one's own.
    pub fn sign(key: &DeviceKey, commons: CommonsId, doc: DocId, nonce: Nonce, seq: u64, hash: ChangeHash) -> Self {
        let device = key.id();
        let actor = actor_of(commons, doc, device, nonce);
        let signature = key.sign(Domain::Attestation, &Attestation::message(commons, doc, actor, seq, hash));
        Self { actor, attestation: Attestation { device, nonce, seq, hash, signature } }
    }

    /// Checks one that came from elsewhere. Nothing when its signature is not that device's for this document.
    pub fn verify(attestation: Attestation, commons: CommonsId, doc: DocId) -> Option<Self> {
        let Attestation { device, seq, hash, signature, .. } = attestation;
        let actor = attestation.actor(commons, doc);
        signature
            .verify(&device, Domain::Attestation, &Attestation::message(commons, doc, actor, seq, hash))
            .then_some(Self { actor, attestation })
    }

    /// The word of a device that provably wrote in two ways, on the last change that both share: the proof has its signatures,
    /// so this needs none.
    pub fn proven(device: DeviceId, nonce: Nonce, fork: &Fork, commons: CommonsId, doc: DocId) -> Option<Self> {
        let (seq, hash) = (fork.from().checked_sub(1)?, fork.last()?);
        let attestation = Attestation { device, nonce, seq, hash, signature: Signature::NONE };
        Some(Self { actor: attestation.actor(commons, doc), attestation })
    }

    /// The actor it speaks of.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// What it says.
    pub fn get(&self) -> &Attestation {
        &self.attestation
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use commonplace_model::PageId;

    #[test]
    fn an_attestation_counts_in_its_document_only() {
        let key = DeviceKey::from_seed(&[1; 32]);
        let (commons, doc) = (CommonsId::new([2; 32]), DocId::Page(PageId::new([3; 16])));
        let signed = VerifiedAttestation::sign(&key, commons, doc, Nonce::new([4; 16]), 5, ChangeHash::new([6; 32]));
        let said = *signed.get();
        assert_eq!(VerifiedAttestation::verify(said, commons, doc), Some(signed));
        let elsewhere = DocId::Page(PageId::new([9; 16]));
        assert_eq!(VerifiedAttestation::verify(said, commons, elsewhere), None);
        assert_eq!(VerifiedAttestation::verify(said, CommonsId::new([8; 32]), doc), None);
        for wrong in [
            Attestation { seq: 6, ..said },
            Attestation { hash: ChangeHash::new([7; 32]), ..said },
            Attestation { nonce: Nonce::new([5; 16]), ..said },
            Attestation { device: DeviceKey::from_seed(&[9; 32]).id(), ..said },
        ] {
            assert_eq!(VerifiedAttestation::verify(wrong, commons, doc), None);
        }
    }
}
