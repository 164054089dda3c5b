//! Frames: what two sessions say to each other.
//!
//! The first byte is the protocol's version, the rest is postcard. Every frame is bounded before it is read, what it holds
//! compressed is bounded before and while it is inflated, and no list in it takes more memory than a small multiple of
//! the bytes that it came in.

use std::{fmt, io::Read};

use commonplace_model::{Actor, DeviceId, DocId, RecordId};
use commonplace_trust::{
    Arrival, Attestation,
    bundle::{self, Bundle, BundleError, Most},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Version of the protocol, the first byte of every frame.
pub const VERSION: u8 = 3;
/// Bytes that a frame may have.
pub const MAX_FRAME: usize = 1 << 20;
/// Bytes that a frame's changes may have once inflated.
const MAX_INFLATED: usize = 8 << 20;
/// Window that inflating may keep, as a power of two.
const MAX_WINDOW_LOG: u32 = 23;
/// Below this many bytes compressing gains nothing.
const WORTH_PACKING: usize = 192;
/// Bytes that a change or record has at the least; shorter ones would cost more memory than they came in.
const MIN_PARCEL: usize = 16;
/// Bytes that a bundle has at the least, for the same reason.
const MIN_BUNDLE: usize = 24;
/// Documents that a frame may have changes, or acknowledgements, of: each costs the receiver a look into its store.
pub(crate) const MAX_PARTS: usize = 2_048;
/// Documents that a list of frontiers may have in one frame, for the same reason.
pub(crate) const MAX_ENTRIES: usize = 1_024;
/// Attestations that a frame may have: each costs the receiver the check of a signature. Those that vouch for the changes
/// of a full frame are about half as many.
pub(crate) const MAX_ATTESTATIONS: usize = 8_192;
/// Changes that a frame may have in bundles, and their bytes once unpacked: a change can take less than a byte there, and the gate
/// judges each.
const MAX_BUNDLED: Most = Most { changes: 16_384, bytes: 8 << 20 };
/// Records that a frame may have, for the same reason.
const MAX_RECORDS: usize = 4_096;

/// A frame that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameError {
    /// Beyond [`MAX_FRAME`], or beyond what may be inflated.
    TooLarge,
    /// Of another version of the protocol.
    Version(u8),
    /// Not a frame.
    Malformed,
}

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Frame {
    /// The first one from each side.
    Hello(Hello),
    /// All ids of the sender's roll, in several frames.
    RecordIds { ids: Vec<RecordId>, last: bool },
    /// Records, raw. `last`: these were the last ones that the receiver lacks by its own ids.
    Records { records: Vec<Parcel>, last: bool },
    /// A message of set reconciliation.
    Reconcile(Bytes),
    /// Ids in the reconciled set that the sender has not; the receiver is to list their documents.
    Wanted { ids: Vec<[u8; 32]>, last: bool },
    /// Frontiers of documents.
    Frontiers { list: List, entries: Vec<Entry>, last: bool },
    /// How many documents the sender is about to send changes of. None: [`Frame::Done`] and [`Frame::Kept`] go without saying.
    Expect { documents: u64 },
    /// Changes. `live`: not among those that [`Frame::Expect`] counted.
    Changes { live: bool, body: Body },
    /// What [`Frame::Expect`] counted has been sent.
    Done,
    /// Everything up to [`Frame::Done`] is durable, or was refused.
    Kept,
    /// These are durable now.
    Ack { docs: Vec<(DocId, Vec<(Actor, u64)>)> },
    /// The sender's user has this page open.
    Priority(DocId),
    /// What this device writes comes to the sender on another way: the receiver is to push nothing of it, and name what it has
    /// instead; or no longer so.
    Mute { author: DeviceId, mute: bool },
    /// Digests of the frontiers of documents in which something was not pushed. `ask`: the receiver is to say where its own are
    /// equal, for the sender wrote some of that.
    Named { docs: Vec<(DocId, [u8; 32])>, ask: bool },
}

/// What a session says of itself first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The sender's half of the salt.
    pub(crate) salt: [u8; 16],
    /// Its roll.
    pub(crate) roll: Summary,
    /// Its documents.
    pub(crate) docs: Summary,
}

/// How many there are, and a digest of them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) count: u64,
    pub(crate) digest: [u8; 32],
}

/// What a list of frontiers is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum List {
    /// All documents of the sender, which has far fewer.
    Every,
    /// The answer to that: those of which the sender lacks something.
    Lacking,
    /// Those whose digests differ, as reconciliation found. A document that only one side lists, the other has not.
    Differing,
    /// "Send me what I lack, and tell me what you have": answered for each.
    Ask,
    /// The answer to that.
    Answer,
}

/// The frontier of a document, without its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) doc: DocId,
    pub(crate) tips: Vec<Tip>,
}

/// The newest change of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tip {
    pub(crate) actor: Actor,
    pub(crate) seq: u64,
    /// The first bytes of its hash: two changes of one number are told apart by them.
    pub(crate) mark: [u8; 8],
}

/// The raw bytes of a change or record.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Parcel(pub(crate) Vec<u8>);

/// The bytes of a bundle.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Packed(pub(crate) Vec<u8>);

/// Bytes of any length.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

/// Changes of some documents, as they are or compressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Body {
    /// Postcard of a list of [`Part`]s.
    Plain(Bytes),
    /// The same, by zstd.
    Packed { inflated: u32, bytes: Bytes },
}

/// Changes of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) doc: DocId,
    pub(crate) attestations: Vec<Attestation>,
    /// Changes in bundles, which stand before the others. None are left once they are unpacked.
    pub(crate) bundles: Vec<Packed>,
    pub(crate) changes: Vec<Parcel>,
    /// Whether more of the same follow in a later frame.
    pub(crate) more: bool,
}

/// Bundles as they came, each with its document.
pub(crate) type Bundles = Vec<(DocId, Bundle)>;

impl Part {
    /// What the gate judges.
    pub(crate) fn into_arrival(self) -> Arrival {
        let changes = self.changes.into_iter().map(|parcel| parcel.0).collect();
        Arrival { doc: self.doc, attestations: self.attestations, changes }
    }

    /// Unpacks its bundles, as far as there is room for what is in them.
    fn unbundle(&mut self, room: &mut Most) -> Result<Bundles, FrameError> {
        let bundles = std::mem::take(&mut self.bundles);
        let (mut unpacked, mut came) = (Vec::new(), Vec::new());
        for Packed(bytes) in bundles {
            let changes = bundle::unpack(&bytes, *room).map_err(|why| match why {
                BundleError::TooMuch => FrameError::TooLarge,
                BundleError::Form | BundleError::Malformed => FrameError::Malformed,
            })?;
            if changes.is_empty() {
                return Err(FrameError::Malformed);
            }
            room.changes -= changes.len();
            room.bytes -= changes.iter().map(|change| change.bytes.len()).sum::<usize>();
            came.push((self.doc, Bundle { changes: changes.iter().map(|change| change.hash).collect(), bytes }));
            unpacked.extend(changes.into_iter().map(|change| Parcel(change.bytes)));
        }
        if !unpacked.is_empty() {
            unpacked.append(&mut self.changes);
            self.changes = unpacked;
        }
        Ok(came)
    }
}

impl Frame {
    /// Its bytes; nothing when they would be too many.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![VERSION];
        bytes = postcard::to_extend(self, bytes).ok()?;
        (bytes.len() <= MAX_FRAME).then_some(bytes)
    }

    /// The frame with these bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        if bytes.len() > MAX_FRAME {
            return Err(FrameError::TooLarge);
        }
        match bytes.split_first() {
            Some((&VERSION, rest)) => whole::<Self>(rest)?.within_bounds(),
            Some((&version, _)) => Err(FrameError::Version(version)),
            None => Err(FrameError::Malformed),
        }
    }

    /// The frame, if it asks for no more work than the largest honest one.
    fn within_bounds(self) -> Result<Self, FrameError> {
        let (many, most) = match &self {
            Self::Records { records, .. } => (records.len(), MAX_RECORDS),
            Self::Frontiers { entries, .. } => (entries.len(), MAX_ENTRIES),
            Self::Ack { docs } => (docs.len(), MAX_PARTS),
            Self::Named { docs, .. } => (docs.len(), MAX_ENTRIES),
            _ => (0, 0),
        };
        if many > most { Err(FrameError::TooLarge) } else { Ok(self) }
    }
}

impl Body {
    /// Packs changes; nothing when they are too many.
    pub(crate) fn pack(parts: &[Part]) -> Option<Self> {
        let plain = postcard::to_allocvec(parts).ok()?;
        let inflated = u32::try_from(plain.len()).ok().filter(|_| plain.len() <= MAX_INFLATED)?;
        if plain.len() >= WORTH_PACKING
            && let Ok(bytes) = zstd::bulk::compress(&plain, 3)
            && bytes.len() < plain.len()
        {
            return Some(Self::Packed { inflated, bytes: Bytes(bytes) });
        }
        Some(Self::Plain(Bytes(plain)))
    }

    /// The changes again: at least one part, and none with nothing in it; and the bundles in which some of them came.
    pub(crate) fn unpack(self) -> Result<(Vec<Part>, Bundles), FrameError> {
        let mut parts = self.inflate()?;
        let attestations: usize = parts.iter().map(|part| part.attestations.len()).sum();
        if parts.len() > MAX_PARTS || attestations > MAX_ATTESTATIONS {
            return Err(FrameError::TooLarge);
        }
        let (mut bundles, mut room) = (Vec::new(), MAX_BUNDLED);
        for part in &mut parts {
            bundles.extend(part.unbundle(&mut room)?);
        }
        if parts.is_empty() || parts.iter().any(|part| part.attestations.is_empty() && part.changes.is_empty()) {
            return Err(FrameError::Malformed);
        }
        Ok((parts, bundles))
    }

    fn inflate(self) -> Result<Vec<Part>, FrameError> {
        match self {
            Self::Plain(bytes) => whole(&bytes.0),
            Self::Packed { inflated, bytes } => {
                let declared = inflated as usize;
                if declared > MAX_INFLATED {
                    return Err(FrameError::TooLarge);
                }
                let mut decoder = zstd::stream::read::Decoder::new(&bytes.0[..]).map_err(|_| FrameError::Malformed)?;
                decoder.window_log_max(MAX_WINDOW_LOG).map_err(|_| FrameError::Malformed)?;
                let mut plain = Vec::new();
                // One byte more than declared is enough to know a lie; memory grows only as bytes come out.
                let mut bounded = decoder.take(u64::from(inflated) + 1);
                bounded.read_to_end(&mut plain).map_err(|_| FrameError::Malformed)?;
                if plain.len() != declared {
                    return Err(FrameError::TooLarge);
                }
                whole(&plain)
            }
        }
    }
}

/// Reads a value that takes up all of the bytes.
fn whole<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, FrameError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(FrameError::Malformed),
    }
}

struct BytesVisitor(usize);

impl de::Visitor<'_> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at least {} bytes", self.0)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        if bytes.len() < self.0 { Err(E::invalid_length(bytes.len(), &self)) } else { Ok(bytes.to_vec()) }
    }
}

macro_rules! bytes {
    ($($name:ident at least $least:expr;)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_bytes(BytesVisitor($least)).map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({} bytes)", stringify!($name), self.0.len())
            }
        }
    )*};
}

bytes! {
    Parcel at least MIN_PARCEL;
    Packed at least MIN_BUNDLE;
    Bytes at least 0;
}

#[cfg(test)]
mod tests;
