//! Who wrote what, and what is let in: keys, signed records, attestations, the gate, and proofs that a device lied.
//!
//! Invariants:
//! - [`VerifiedRecord`], [`VerifiedAttestation`], [`VerifiedChange`] and [`VerifiedTwins`] can be made only by checking, or by signing here.
//! - No byte from another device reaches Automerge before [`gate::Gate::pass`] has let it through, and the answer
//!   depends on the bytes, their ancestors and the roll alone.
//! - Everything signed begins with a domain of its own ([`key::Domain`]); verification is strict.
//!
//! Deliberately absent: what records mean (that is `commonplace-governance`), the time of day, randomness, files, networks.

mod ancestry;
pub mod attestation;
pub mod bundle;
pub mod chunk;
pub mod clock;
pub mod deed;
pub mod gate;
pub mod history;
pub mod key;
mod outline;
pub mod past;
pub mod record;
pub mod reversal;
pub mod room;
pub mod summary;
pub mod twins;
mod vocabulary;

pub use attestation::{Attestation, VerifiedAttestation, actor_of};
pub use clock::{Clock, Packed};
pub use deed::{Act, Deed, OpId, Value};
pub use gate::{Arrival, Counting, Gate, Passed, Refusal, VerifiedChange};
pub use history::{History, Known, Standing, Verdict};
pub use key::{DeviceKey, Domain, Signature};
pub use outline::Sketch;
pub use past::{Past, PastError};
pub use record::{Draft, RecordError, VerifiedRecord};
pub use reversal::{Chosen, KeyBack, Mark, Reversal};
pub use room::Room;
pub use summary::Summary;
pub use twins::{Fork, TwinsError, VerifiedTwins};
