//! Pages and ledgers as Automerge documents, with their ids, text and statements, behind the product's words.
//!
//! Invariants:
//! - Every document begins with the fixed genesis change of its kind ([`document::DocKind`]), so the ids of its
//!   objects are the same on every device.
//! - All positions and lengths in text are UTF-16 code units.
//! - Automerge reads a foreign change only through [`document::Document::apply_ungated`], which nothing but the gate of
//!   `commonplace-trust` may call; the workspace's clippy settings hold that.
//!
//! Deliberately absent: clocks, randomness, files and networks. Who made a change, and whether it may count, is a
//! matter of `commonplace-trust`.

pub mod anew;
pub mod document;
pub mod id;
pub mod ledger;
pub mod line;
pub mod name;
pub mod page;
pub mod portion;
pub mod relay;
pub mod statement;
pub mod text;

pub use anew::{Anew, Fate};
pub use document::{ApplyError, DocKind, Document, LoadError, LocalChange};
pub use id::{Actor, ChangeHash, CommonsId, DeviceId, DocId, MemberId, Nonce, PageId, ParseIdError, RecordId};
pub use ledger::Ledger;
pub use line::{LineError, shown};
pub use name::{Folder, NameError, Title};
pub use page::{Page, PageChange, PageEdit};
pub use portion::ChangeBounds;
pub use relay::{Relay, RelayError};
pub use statement::{Span, Statement, StatementKey, Tag, TagError};
pub use text::{Splice, splices_between};
