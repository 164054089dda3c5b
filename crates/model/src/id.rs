//! Ids, each a newtype over its bytes.
//!
//! Written as text they are base 32 (RFC 4648, lower case, no padding), which survives being read aloud, typed and put
//! into a URL or a QR picture.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use data_encoding::{BASE32_NOPAD, BASE32_NOPAD_NOCASE};
use serde::{Deserialize, Serialize};

/// Text that is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of {expected} bytes")]
pub struct ParseIdError {
    /// Bytes that such an id has.
    pub expected: usize,
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident($len:literal);)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Bytes in such an id.
            pub const LEN: usize = $len;

            /// The id with these bytes.
            pub const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// The id with these bytes, if there are as many as it needs.
            ///
            /// # Errors
            /// When there are more or fewer.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, ParseIdError> {
                bytes.try_into().map(Self).map_err(|_| ParseIdError { expected: $len })
            }

            /// The first characters of its text, enough for a person to tell a few apart.
            pub fn short(&self) -> String {
                self.to_string().chars().take(8).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let wrong = ParseIdError { expected: $len };
                let bytes = BASE32_NOPAD_NOCASE.decode(text.as_bytes()).map_err(|_| wrong)?;
                Self::from_slice(&bytes)
            }
        }
    )*};
}

ids! {
    /// A commons: the hash of its genesis record.
    #[derive(Hash)]
    CommonsId(32);
    /// A device: its Ed25519 public key, which is also its endpoint on the network.
    #[derive(Hash)]
    DeviceId(32);
    /// A member of one commons: derived from the commons and the first device.
    #[derive(Hash)]
    MemberId(32);
    /// A record of the roll: the hash of its signed bytes.
    #[derive(Hash)]
    RecordId(32);
    /// An Automerge change: SHA-256 of its chunk, as Automerge computes it.
    ChangeHash(32);
    /// A page: random bytes.
    #[derive(Hash)]
    PageId(16);
    /// An Automerge actor: derived from commons, document, device and nonce.
    #[derive(Hash)]
    Actor(16);
    /// What makes an actor new for each start of the app: random bytes.
    #[derive(Hash)]
    Nonce(16);
}

impl Hash for ChangeHash {
    /// By its first eight bytes, which are a hash already: two changes that share them cost their maker some 2^32 tries, and a map
    /// mixes them with a key of its own.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// A document of a commons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DocId {
    /// A page, in which any member writes.
    Page(PageId),
    /// The ledger of a member, in which only that member writes.
    Ledger(MemberId),
}

impl DocId {
    /// A byte for the kind, then the id's bytes; no two documents share them.
    pub fn to_bytes(self) -> Vec<u8> {
        let (kind, id): (u8, &[u8]) = match &self {
            Self::Page(page) => (1, page.as_bytes()),
            Self::Ledger(member) => (2, member.as_bytes()),
        };
        let mut bytes = Vec::with_capacity(1 + id.len());
        bytes.push(kind);
        bytes.extend_from_slice(id);
        bytes
    }

    /// The document with these bytes, as [`DocId::to_bytes`] gives them.
    ///
    /// # Errors
    /// When they name no kind that this version knows, or have another length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParseIdError> {
        match bytes.split_first() {
            Some((1, id)) => PageId::from_slice(id).map(Self::Page),
            Some((2, id)) => MemberId::from_slice(id).map(Self::Ledger),
            _ => Err(ParseIdError { expected: 1 + PageId::LEN }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_survives_its_text(bytes: [u8; 32]) {
            let id = CommonsId::new(bytes);
            prop_assert_eq!(id.to_string().parse::<CommonsId>(), Ok(id));
            prop_assert_eq!(id.to_string().to_uppercase().parse::<CommonsId>(), Ok(id));
        }

        #[test]
        fn a_document_id_survives_its_bytes(page: [u8; 16], member: [u8; 32]) {
            for id in [DocId::Page(PageId::new(page)), DocId::Ledger(MemberId::new(member))] {
                prop_assert_eq!(DocId::from_bytes(&id.to_bytes()), Ok(id));
            }
        }

        #[test]
        fn no_bytes_make_reading_an_id_panic(bytes: Vec<u8>, text: String) {
            let _ = DocId::from_bytes(&bytes);
            let _ = text.parse::<PageId>();
        }
    }
}
