//! What pages and ledgers share: an Automerge document that began with its kind's genesis change.

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{
    ActorId, Automerge, Change, LoadOptions, ObjId, ObjType, PatchLog, ROOT, ReadDoc, ScalarValue, TextEncoding,
    VerificationMode,
    transaction::{CommitOptions, Transactable, Transaction},
};

use crate::{
    id::{Actor, ChangeHash, DocId},
    page::EditError,
    portion::{ChangeBounds, Work},
};

/// Key of the text object of a page.
pub const BODY: &str = "body";
/// Key of the root under which a change that only joins others puts `true` or `false`. It means nothing.
pub const JOINED: &str = "joined";

/// What a document is for; each kind has its own genesis change and vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocKind {
    /// A page, version 1: `body` is its Markdown, scalars at the root are its properties.
    Page,
    /// A ledger, version 1: statements as bytes under their keys at the root.
    Ledger,
}

impl From<DocId> for DocKind {
    fn from(id: DocId) -> Self {
        match id {
            DocId::Page(_) => Self::Page,
            DocId::Ledger(_) => Self::Ledger,
        }
    }
}

impl DocKind {
    /// The actor of the genesis change of this kind, under which nothing else is ever written.
    pub const fn genesis_actor(self) -> Actor {
        match self {
            Self::Page => Actor::new(*b"commonplace/page"),
            Self::Ledger => Actor::new(*b"commonplace/ledg"),
        }
    }

    /// Hash of the genesis change of this kind and the only one accepted without an attestation.
    pub fn genesis(self) -> ChangeHash {
        match self {
            Self::Page => PAGE_GENESIS,
            Self::Ledger => LEDGER_GENESIS,
        }
    }

    /// The highest op counter that the genesis change uses. In a page's it makes the body, so that the body's id is this
    /// counter with [`DocKind::genesis_actor`].
    pub const fn genesis_max_op(self) -> u64 {
        2
    }
}

/// Known once and for all: a test rebuilds the genesis changes and compares.
const PAGE_GENESIS: ChangeHash = ChangeHash::new([
    108, 25, 80, 81, 128, 251, 57, 223, 147, 69, 192, 87, 203, 3, 179, 38, 194, 21, 193, 146, 177, 8, 236, 21, 36, 253,
    101, 36, 180, 111, 155, 135,
]);
const LEDGER_GENESIS: ChangeHash = ChangeHash::new([
    209, 53, 47, 150, 21, 228, 125, 251, 4, 252, 20, 126, 11, 130, 147, 148, 122, 17, 6, 240, 61, 216, 113, 133, 170,
    153, 76, 0, 153, 85, 72, 169,
]);

/// A saved document that does not load.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Automerge cannot read it.
    #[error("the saved document does not load")]
    Automerge(#[source] automerge::AutomergeError),
    /// It reads, and is no document of the kind that was asked for.
    #[error("the saved document is of another kind")]
    Kind,
    /// Automerge panicked over it.
    #[error("the saved document breaks its reader")]
    Panicked,
}

/// Changes that Automerge did not take.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It cannot read one of them.
    #[error("a change cannot be read")]
    Unreadable,
    /// It refused them.
    #[error("the changes do not apply")]
    Refused(#[source] automerge::AutomergeError),
    /// It panicked; the document in memory is no longer to be used.
    #[error("the changes break the document")]
    Panicked,
    /// Something they build on is missing.
    #[error("the changes build on others that are missing")]
    Incomplete,
}

/// A change just made on this device, not yet signed.
#[derive(Debug, Clone)]
pub struct LocalChange {
    /// The change as Automerge has it.
    pub change: Change,
}

/// An Automerge document of a known kind.
pub struct Document {
    kind: DocKind,
    pub(crate) doc: Automerge,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").field("kind", &self.kind).field("heads", &self.heads()).finish()
    }
}

impl Document {
    /// A document that has only its genesis change.
    pub fn new(kind: DocKind) -> Self {
        let mut doc = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit);
        doc.set_actor(ActorId::from(&kind.genesis_actor().as_bytes()[..]));
        let mut tx = doc.transaction();
        let made = match kind {
            DocKind::Page => {
                tx.put(ROOT, "commonplace", "page/1").and_then(|()| tx.put_object(ROOT, BODY, ObjType::Text).map(drop))
            }
            DocKind::Ledger => tx.put(ROOT, "commonplace", "ledger/1").and_then(|()| tx.put(ROOT, "version", 1_i64)),
        };
        made.expect("fixed writes into an empty document succeed");
        tx.commit_with(CommitOptions::default().with_time(0));
        // Whoever edits sets an actor of their own first; no second change may ever bear the genesis actor.
        doc.set_actor(ActorId::from(&[0_u8; 1][..]));
        Self { kind, doc }
    }

    /// The document saved as these bytes by [`Document::save`].
    ///
    /// # Errors
    /// When they do not load or are of another kind.
    pub fn load(kind: DocKind, bytes: &[u8]) -> Result<Self, LoadError> {
        let options =
            || LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit).verification_mode(VerificationMode::Check);
        let doc = catch_unwind(AssertUnwindSafe(|| Automerge::load_with_options(bytes, options())))
            .map_err(|_| LoadError::Panicked)?
            .map_err(LoadError::Automerge)?;
        let genesis = automerge::ChangeHash(*kind.genesis().as_bytes());
        if doc.get_change_meta_by_hash(&genesis).is_none() {
            return Err(LoadError::Kind);
        }
        Ok(Self { kind, doc })
    }

    /// The whole document in Automerge's compact form: a cache, never sent to anybody.
    pub fn save(&self) -> Vec<u8> {
        self.doc.save()
    }

    /// What it is for.
    pub fn kind(&self) -> DocKind {
        self.kind
    }

    /// Hashes of the changes that nothing builds on yet, sorted.
    pub fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self.doc.get_heads().into_iter().map(|h| ChangeHash::new(h.0)).collect();
        heads.sort_unstable();
        heads
    }

    /// Sets the actor under which the next local changes are made.
    pub fn set_actor(&mut self, actor: Actor) {
        self.doc.set_actor(ActorId::from(&actor.as_bytes()[..]));
    }

    /// Makes one change by `edit` and gives it, or nothing when `edit` changed nothing.
    ///
    /// # Errors
    /// When an edit is not possible; the document is then as before.
    pub(crate) fn change<E>(
        &mut self,
        edit: impl FnOnce(&mut Transaction<'_>) -> Result<(), E>,
    ) -> Result<Option<LocalChange>, E> {
        let mut tx = self.doc.transaction();
        if let Err(error) = edit(&mut tx) {
            tx.rollback();
            return Err(error);
        }
        // A time would be no evidence of anything, and would tell others when its writer was awake.
        let (made, _) = tx.commit_with(CommitOptions::default().with_time(0));
        Ok(made.and_then(|_| self.doc.get_last_local_change()).map(|change| LocalChange { change }))
    }

    /// Makes changes that each join as many heads as one change may build on, until there are at most `most`, so that the
    /// next change can build on all that there is. None in any page that only honest devices wrote in. Each puts
    /// something under [`JOINED`], for a change does something, and costs a walk through the history.
    ///
    /// # Errors
    /// When Automerge cannot go back to some of the heads; the document is then to be dropped.
    pub fn join_heads(
        &mut self,
        actor: Actor,
        most: usize,
        bounds: &ChangeBounds,
    ) -> Result<Vec<LocalChange>, EditError> {
        let mut made = Vec::new();
        loop {
            let mut heads = self.doc.get_heads();
            if heads.len() < most {
                return Ok(made);
            }
            // A change builds on its actor's previous one as well, whether that is a head or not.
            let own = self.doc.get_last_local_change().map(|change| change.hash());
            let besides = usize::from(own.is_some_and(|own| !heads.contains(&own)));
            if heads.len() + besides <= most {
                return Ok(made);
            }
            heads.truncate(most.saturating_sub(1).max(2));
            heads.extend(own);
            let mut joined = Self { kind: self.kind, doc: self.doc.fork_at(&heads)? };
            joined.set_actor(actor);
            // Putting what is there already would do nothing.
            let other = !joined.flag(JOINED);
            let puts = vec![(JOINED.to_owned(), Some(ScalarValue::Boolean(other)))];
            let locals = joined.make(&Work { puts, ..Work::default() }, bounds, &mut |_| Vec::new())?;
            if locals.is_empty() {
                return Ok(made);
            }
            self.doc.apply_changes(locals.iter().map(|local| local.change.clone()))?;
            made.extend(locals);
        }
    }

    /// Applies changes and gives the patches that they make. Only the gate may call this.
    ///
    /// # Errors
    /// When Automerge refuses them, panics over them, or lacks one that they build on. After a panic the document must be
    /// dropped and built again from its stored changes.
    pub fn apply_ungated(&mut self, changes: Vec<Change>) -> Result<Vec<automerge::Patch>, ApplyError> {
        let last: Vec<_> = changes.iter().map(Change::hash).collect();
        let doc = &mut self.doc;
        catch_unwind(AssertUnwindSafe(|| {
            let mut log = PatchLog::active();
            doc.apply_changes_log_patches(changes, &mut log)?;
            Ok(doc.make_patches(&mut log))
        }))
        .map_err(|_| ApplyError::Panicked)?
        .map_err(ApplyError::Refused)
        .and_then(|patches| {
            let all_in = last.iter().all(|hash| self.doc.get_change_meta_by_hash(hash).is_some());
            if all_in { Ok(patches) } else { Err(ApplyError::Incomplete) }
        })
    }

    /// The string under a key of the root, if there is one.
    pub(crate) fn string(&self, key: &str) -> Option<String> {
        let (value, _) = self.doc.get(ROOT, key).ok()??;
        value.as_str().map(str::to_owned)
    }

    /// Whether `true` is under a key of the root.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.doc.get(ROOT, key).ok().flatten().is_some_and(|(value, _)| value.as_bool() == Some(true))
    }

    /// The body object of a page.
    pub(crate) fn body_id(&self) -> ObjId {
        match self.doc.get(ROOT, BODY) {
            Ok(Some((_, id))) => id,
            // The gate lets nobody overwrite it, so this is a document that is no page: its root has no text.
            _ => ROOT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genesis_changes_are_the_same_bytes_everywhere() {
        for kind in [DocKind::Page, DocKind::Ledger] {
            let doc = Document::new(kind);
            assert_eq!(doc.heads(), vec![kind.genesis()], "{kind:?}: {:?}", doc.heads()[0].as_bytes());
            let change = &doc.doc.get_changes(&[])[0];
            assert_eq!(change.max_op(), kind.genesis_max_op());
            assert_eq!(change.actor_id().to_bytes(), kind.genesis_actor().as_bytes());
            assert_eq!(change.timestamp(), 0);
        }
    }

    #[test]
    fn the_body_of_a_page_is_what_its_genesis_makes_last() {
        let kind = DocKind::Page;
        let ObjId::Id(counter, actor, _) = Document::new(kind).body_id() else { panic!("the body is an object") };
        assert_eq!((counter, actor.to_bytes()), (kind.genesis_max_op(), &kind.genesis_actor().as_bytes()[..]));
    }

    #[test]
    fn a_document_of_another_kind_does_not_load() {
        let page = Document::new(DocKind::Page).save();
        assert!(matches!(Document::load(DocKind::Ledger, &page), Err(LoadError::Kind)));
        assert!(matches!(Document::load(DocKind::Page, b"nothing"), Err(LoadError::Automerge(_))));
    }
}
