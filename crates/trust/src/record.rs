//! Records of the roll as signed bytes, linked by hash to the records they build on.

use commonplace_model::{CommonsId, DeviceId, RecordId};
use serde::{Deserialize, Serialize};

use crate::key::{DeviceKey, Domain, Signature};

/// Version of the form of records.
const VERSION: u8 = 1;

/// What a record says, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The commons; nothing in its genesis, whose id it is.
    pub commons: Option<CommonsId>,
    /// The device that signs.
    pub author: DeviceId,
    /// The record that gives the author standing: the genesis, an admission, a certificate of its member, or a decision.
    /// Nothing in a genesis.
    pub authority: Option<RecordId>,
    /// Records that it builds on: those that nothing known to the author built on yet.
    pub parents: Vec<RecordId>,
    /// What it is about, in the encoding of `commonplace-governance`.
    pub body: Vec<u8>,
}

/// Bytes that are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Beyond [`VerifiedRecord::MAX_BYTES`] or [`VerifiedRecord::MAX_PARENTS`].
    #[error("the record is too large")]
    TooLarge,
    /// Of a version that this program does not know.
    #[error("the record is of a newer version ({0})")]
    Version(u8),
    /// Not a record at all.
    #[error("the bytes are no record")]
    Malformed,
    /// Its signature is not its author's.
    #[error("the record's signature does not verify")]
    Signature,
}

/// A record whose signature was checked, or made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRecord {
    id: RecordId,
    draft: Draft,
    bytes: Vec<u8>,
}

impl VerifiedRecord {
    /// Bytes that a record may have.
    pub const MAX_BYTES: usize = 16 * 1024;
    /// Parents that a record may have.
    pub const MAX_PARENTS: usize = 64;

    /// Signs a record.
    ///
    /// # Errors
    /// When it is too large, or the key is not its author's.
    pub fn sign(draft: Draft, key: &DeviceKey) -> Result<Self, RecordError> {
        if draft.author != key.id() {
            return Err(RecordError::Signature);
        }
        let mut bytes = vec![VERSION];
        bytes.extend(postcard::to_allocvec(&draft).map_err(|_| RecordError::Malformed)?);
        let signature = key.sign(Domain::Record, &bytes);
        let id = Self::id_of(&bytes);
        bytes.extend_from_slice(signature.as_bytes());
        if bytes.len() > Self::MAX_BYTES || draft.parents.len() > Self::MAX_PARENTS {
            return Err(RecordError::TooLarge);
        }
        Ok(Self { id, draft, bytes })
    }

    /// Checks bytes that came from elsewhere.
    ///
    /// # Errors
    /// When they are no record, too large, of another version, or not signed by their author.
    pub fn verify(bytes: Vec<u8>) -> Result<Self, RecordError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(RecordError::TooLarge);
        }
        let (payload, signature) = bytes.split_last_chunk::<64>().ok_or(RecordError::Malformed)?;
        let draft: Draft = match payload.split_first() {
            Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(|_| RecordError::Malformed)?,
            Some((&version, _)) => return Err(RecordError::Version(version)),
            None => return Err(RecordError::Malformed),
        };
        if draft.parents.len() > Self::MAX_PARENTS {
            return Err(RecordError::TooLarge);
        }
        if !Signature::new(*signature).verify(&draft.author, Domain::Record, payload) {
            return Err(RecordError::Signature);
        }
        let id = Self::id_of(payload);
        Ok(Self { id, draft, bytes })
    }

    fn id_of(payload: &[u8]) -> RecordId {
        let mut hasher = blake3::Hasher::new();
        hasher.update(Domain::Record.tag());
        hasher.update(payload);
        RecordId::new(*hasher.finalize().as_bytes())
    }

    /// Its id: the hash of what is signed.
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// What it says.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// Its signed bytes, as stored and sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The commons it belongs to.
    pub fn commons(&self) -> CommonsId {
        self.draft.commons.unwrap_or(CommonsId::new(*self.id.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record() -> VerifiedRecord {
        let key = DeviceKey::from_seed(&[1; 32]);
        let draft = Draft { commons: None, author: key.id(), authority: None, parents: vec![], body: b"body".to_vec() };
        VerifiedRecord::sign(draft, &key).expect("signs")
    }

    #[test]
    fn a_record_survives_its_bytes() {
        assert_eq!(VerifiedRecord::verify(record().bytes().to_vec()), Ok(record()));
    }

    #[test]
    fn a_record_is_as_large_as_it_may_be_and_not_larger() {
        let key = DeviceKey::from_seed(&[1; 32]);
        let draft = |body: usize, parents: usize| {
            let parent = |n: usize| RecordId::new(*blake3::hash(&n.to_le_bytes()).as_bytes());
            let parents = (0..parents).map(parent).collect();
            Draft { commons: None, author: key.id(), authority: None, parents, body: vec![7; body] }
        };
        // As a device signs that knows no bounds.
        let signed = |draft: &Draft| {
            let payload = postcard::to_extend(draft, vec![VERSION]).expect("plain data always encodes");
            let signature = key.sign(Domain::Record, &payload);
            [&payload[..], signature.as_bytes()].concat()
        };
        let spare = VerifiedRecord::MAX_BYTES - signed(&draft(10_000, 1)).len();
        let parents = VerifiedRecord::MAX_PARENTS;
        for (at, past) in
            [(draft(10_000 + spare, 1), draft(10_001 + spare, 1)), (draft(1, parents), draft(1, parents + 1))]
        {
            assert!(VerifiedRecord::sign(at.clone(), &key).is_ok());
            assert_eq!(VerifiedRecord::verify(signed(&at)).map(|record| record.draft), Ok(at));
            assert_eq!(VerifiedRecord::sign(past.clone(), &key), Err(RecordError::TooLarge));
            assert_eq!(VerifiedRecord::verify(signed(&past)), Err(RecordError::TooLarge));
        }
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_noticed(at in 0..record().bytes().len(), bit in 0..8) {
            let mut bytes = record().bytes().to_vec();
            bytes[at] ^= 1_u8 << bit;
            prop_assert!(VerifiedRecord::verify(bytes).is_err());
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            prop_assert!(VerifiedRecord::verify(bytes).is_err());
        }
    }
}
