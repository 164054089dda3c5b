//! How two replicas become equal: a protocol core without IO, and its simulator.
//!
//! A [`Session`] stands for one pair of devices and one commons. [`Session::handle`] takes an [`Input`] and the time, and
//! gives [`Effect`]s; frames go over one ordered, reliable stream that has authenticated both devices. What it says to the
//! other side, in order:
//!
//! 1. **Hello**, from both at once: half of the salt, and count and digest of the roll and of the documents. Equal
//!    digests end the matter here, after one round trip.
//! 2. **Roll**: the ids of all records when the digests differ, then the records that the other lacks. No change of a
//!    document leaves before them, for they say who may write.
//! 3. **Documents**: which of them differ. When one side has far fewer, it lists all of its own with their frontiers and
//!    the other answers for those where it lacks something; a cold join is that with an empty list. Otherwise the sets of
//!    `BLAKE3_keyed(salt, document ‖ digest)` are reconciled by ranges (negentropy), and both list those that differ.
//! 4. **Changes** that the other lacks, one frame at a time as the stream takes them: the first of some 16 KiB, so that something
//!    is durable soon, the later ones of up to 256 KiB.
//! 5. **Live**: new changes and records as they are made; each is acknowledged once it is durable. Whoever finds a gap
//!    *asks*: it sends its frontier of that document, and is sent what it lacks. What comes to the other side on another way
//!    ([`routes`]) is not pushed; some seconds later it is *named* by the digest of its document, and whoever has another one asks.
//!
//! With which devices there are sessions when there are very many is chosen by [`neighbours`].
//!
//! Nothing that happens meanwhile is lost. What is durable when [`Input::Start`] is handled is in the lists. A document
//! that changes later, while documents are still compared, is noted, and asked about as soon as they are; one whose
//! changes are still to be sent is read when they are sent; any other change is pushed at once.
//!
//! Invariants:
//! - Whatever bytes come from the other side, the answer is effects, the last of them [`Effect::Close`] when they are not
//!   as they should be: never a panic, and never more memory than [`MAX_FRAME`] and the bounds in [`Reason::TooMuch`] allow.
//! - What arrives is handed on as bytes. It becomes a change or a record only by the gate and the checks of `commonplace-trust`.
//! - The same seed and the same inputs give the same effects.
//!
//! Deliberately absent: who may take part (node asks the roll before it makes a session), clocks, randomness, storage and
//! networks.

mod frame;
pub mod neighbours;
pub mod offer;
pub mod replica;
pub mod routes;
pub mod session;

pub use frame::{MAX_FRAME, VERSION};
pub use neighbours::{Neighbour, Neighbours};
pub use replica::{Bundled, Replica, Segment};
pub use routes::{Routes, writers};
pub use session::{Effect, Input, Millis, Reason, Role, Session};
