//! Compact forms of documents: caches, so that a document in which much was written need not be built from all its changes.
//!
//! Invariants:
//! - One is kept only if it loads back with the same heads.
//! - When a window closes, the thread that reads documents makes it, so that nobody's keys wait. Where a document was built from
//!   much, or a command left such a one behind, which may be the last thing that the program does, the engine's thread makes it at
//!   once, by the stricter rule.

use commonplace_model::{CommonsId, DocId, Document};
use commonplace_store::Lacking;

use crate::{
    core::Core,
    error::{Error, Result},
};

/// Changes beyond the last compact form that make a new one worth its while.
const AFTER: u64 = 256;
/// Operations, of which a letter is one, that do so too: few changes can hold a large text.
const AFTER_OPERATIONS: u64 = 250_000;
/// Operations of a document to which Automerge applies even one change more slowly than one would wait for when opening it: it
/// looks through all of them.
const LONG: u64 = 50_000;

/// Whether a compact form is worth its while where somebody waits for it.
pub(crate) fn is_worthwhile(lacking: Lacking) -> bool {
    lacking.changes > AFTER || lacking.operations > AFTER_OPERATIONS
}

/// Whether it is where nobody does.
fn is_worthwhile_when_quiet(lacking: Lacking) -> bool {
    is_worthwhile(lacking) || (lacking.changes > 0 && lacking.of > LONG)
}

/// Whether a page of so many characters is a large one, of which a compact form is kept when it is made.
pub(crate) fn is_large(characters: u32) -> bool {
    u64::from(characters) > AFTER_OPERATIONS
}

/// The compact form of a document, if it loads back as it was.
pub(crate) fn compacted(doc: DocId, document: &Document) -> Option<Vec<u8>> {
    let bytes = document.save();
    let same = Document::load(document.kind(), &bytes).is_ok_and(|loaded| loaded.heads() == document.heads());
    if !same {
        tracing::error!(?doc, "a compact form did not load back as it was; the signed changes are kept alone");
    }
    same.then_some(bytes)
}

/// A compact form is a cache, so what it was to be made of is safe.
pub(crate) fn not_compacted(doc: DocId, error: &Error) {
    tracing::warn!(%error, ?doc, "no compact form could be kept");
}

impl Core {
    /// Keeps a compact form of a document now.
    pub(crate) fn compact(&mut self, commons: CommonsId, doc: DocId, document: &Document) -> Result<()> {
        if let Some(bytes) = compacted(doc, document) {
            self.store.compact(commons, doc, &bytes)?;
        }
        Ok(())
    }

    /// Keeps one of a document in which nobody types, when enough was written in it since the last one.
    pub(crate) fn compact_if_worthwhile(&mut self, commons: CommonsId, doc: DocId) -> Result<()> {
        if !is_worthwhile(self.store.since_snapshot(commons, doc)?) {
            return Ok(());
        }
        self.with_document(commons, doc, |core, loaded| core.compact(commons, doc, loaded.document()))
    }

    /// Has one made of a document that a window was closed on, when that is worth its while and nothing else is to be done.
    pub(crate) fn compact_when_quiet(&mut self, commons: CommonsId, doc: DocId) -> Result<()> {
        if is_worthwhile_when_quiet(self.store.since_snapshot(commons, doc)?) {
            self.to_compact.insert((commons, doc));
            self.index_waits = true;
        }
        Ok(())
    }

    /// A document of which one is to be made, if there is any that nobody has open.
    pub(crate) fn next_to_compact(&mut self) -> Option<(CommonsId, DocId)> {
        loop {
            let (commons, doc) = self.to_compact.pop_first()?;
            if !self.editors.is_open(commons, doc) {
                return Some((commons, doc));
            }
        }
    }

    /// Keeps one that was made of a document with this digest, if it is still as it was then. Otherwise somebody writes in it, and the
    /// next time that it is closed or listed is soon enough.
    pub(crate) fn keep_compact(
        &mut self,
        (commons, doc): (CommonsId, DocId),
        digest: Option<[u8; 32]>,
        bytes: &[u8],
    ) -> Result<()> {
        if self.store.digest(commons, doc)? == digest {
            self.store.compact(commons, doc, bytes)?;
        }
        Ok(())
    }
}
