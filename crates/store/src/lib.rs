//! One profile on disk: signed changes, the roll, projections and the full-text index, in SQLite.
//!
//! Invariants:
//! - What a call has acknowledged survives the end of the process and of the machine, however these end (WAL,
//!   `synchronous=FULL`); where its description says so, that of the machine only after [`Log::sync`].
//! - Canonical are signed changes, attestations and records. Everything else is a projection or a cache: it changes in the
//!   transaction of the changes it comes from, or is marked as waiting, and [`Store::rebuild`] has it made anew.
//! - One [`Store`] per profile holds its lock and writes; any number of [`Reader`]s read beside it.
//! - Only this crate names the database.
//!
//! Deliberately absent: the time of day (times come as milliseconds from the caller), threads and async; its calls block. What
//! a change means is not known here either: who writes changes hands over what they project.

mod bundle;
mod clock;
mod cut;
mod dictionary;
mod document;
mod error;
mod fallen;
mod flag;
mod held;
mod log;
mod open;
mod packed;
mod page;
mod peer;
mod plain;
mod projection;
mod reader;
mod run;
mod search;
mod segment;
mod store;
mod tag;
mod words;
mod write;

pub use bundle::Bundling;
pub use document::{ChangeNo, DocHistory, Lacking};
pub use error::StoreError;
pub use fallen::Fallen;
pub use flag::{Flag, Flags};
pub use held::{Holder, Holds};
pub use log::Log;
pub use page::{PageQuery, PageRow};
pub use peer::Peer;
pub use projection::{PageProjection, Projection};
pub use reader::{Counts, Reader};
pub use run::{Run, RunQuery};
pub use search::Hit;
pub use segment::{Bundled, Segment};
pub use store::Store;
pub use tag::TagRow;
pub use write::{Batch, DocBatch, Written};
