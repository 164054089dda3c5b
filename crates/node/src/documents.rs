//! Documents in memory: loaded when needed, changed, signed, stored, and dropped when long unused.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::{Duration, Instant},
};

use commonplace_model::{
    ChangeHash, CommonsId, DocId, DocKind, Document, Ledger, LocalChange, Nonce, Page, PageChange, PageEdit, PageId,
};
use commonplace_store::{Batch, DocBatch, Lacking, PageProjection, Projection, Reader};
use commonplace_trust::{Arrival, VerifiedChange, actor_of, chunk, gate};

use crate::{
    compacting::{is_large, is_worthwhile, not_compacted},
    core::Core,
    error::{Error, ErrorCode, Result},
    gathering::Gathered,
    profile,
    view::Event,
};

/// Documents kept loaded besides those that are open.
const KEPT: usize = 64;
/// A document is indexed when nobody wrote in it for so long.
const QUIET: Duration = Duration::from_millis(1_000);
/// What members say in so long is told together.
const SAYING: Duration = Duration::from_millis(100);

/// A document in memory.
pub(crate) enum Loaded {
    /// A page.
    Page(Box<Page>),
    /// A ledger.
    Ledger(Box<Ledger>),
}

impl Loaded {
    fn document_mut(&mut self) -> &mut Document {
        match self {
            Self::Page(page) => page.document_mut(),
            Self::Ledger(ledger) => ledger.document_mut(),
        }
    }

    pub(crate) fn document(&self) -> &Document {
        match self {
            Self::Page(page) => page.document(),
            Self::Ledger(ledger) => ledger.document(),
        }
    }

    pub(crate) fn new(document: Document) -> Self {
        match document.kind() {
            DocKind::Page => Self::Page(Box::new(Page::from_document(document).unwrap_or_default())),
            DocKind::Ledger => Self::Ledger(Box::new(Ledger::from_document(document).unwrap_or_default())),
        }
    }
}

/// How a page is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// As somebody types: listed when the page is quiet, and on the disk soon.
    Typed,
    /// Listed when it is quiet, and on the disk at once.
    Quick,
    /// Listed and on the disk at once.
    Whole,
}

/// The documents in memory.
#[derive(Default)]
pub(crate) struct Documents {
    loaded: HashMap<(CommonsId, DocId), (u64, Loaded)>,
    uses: u64,
    /// In which this device writes under an actor of this start, and the next start will write under another one.
    anew: HashSet<(CommonsId, DocId)>,
    /// What waits to be applied to pages that windows have open.
    pub(crate) gathered: HashMap<(CommonsId, DocId), Gathered>,
}

impl Documents {
    fn take(&mut self, key: (CommonsId, DocId)) -> Option<Loaded> {
        self.loaded.remove(&key).map(|(_, loaded)| loaded)
    }

    fn put(&mut self, key: (CommonsId, DocId), loaded: Loaded) {
        self.uses += 1;
        self.loaded.insert(key, (self.uses, loaded));
    }

    fn shrink(&mut self, is_open: impl Fn(&(CommonsId, DocId)) -> bool) {
        if self.loaded.len() <= 2 * KEPT {
            return;
        }
        let mut idle: Vec<_> =
            self.loaded.iter().filter(|(key, _)| !is_open(key)).map(|(key, (used, _))| (*used, *key)).collect();
        idle.sort_unstable();
        for (_, key) in idle.iter().take(self.loaded.len().saturating_sub(KEPT)) {
            self.loaded.remove(key);
        }
    }

    /// Whether a document is in memory.
    pub(crate) fn is_loaded(&self, commons: CommonsId, doc: DocId) -> bool {
        self.loaded.contains_key(&(commons, doc))
    }

    /// Drops what belongs to a document; it is loaded again from its stored changes.
    pub(crate) fn forget(&mut self, key: (CommonsId, DocId)) {
        self.loaded.remove(&key);
    }
}

impl Core {
    /// Runs `work` over a loaded document with all that came for it, which is loaded first if need be. When `work` fails the
    /// document is dropped, so that nothing unstored stays in memory.
    pub(crate) fn with_document<T>(
        &mut self,
        commons: CommonsId,
        doc: DocId,
        work: impl FnOnce(&mut Self, &mut Loaded) -> Result<T>,
    ) -> Result<T> {
        self.catch_up(commons, doc)?;
        self.with_shown(commons, doc, work)
    }

    /// As [`Core::with_document`], and with the document as windows show it: what waits to be applied is not in it.
    pub(crate) fn with_shown<T>(
        &mut self,
        commons: CommonsId,
        doc: DocId,
        work: impl FnOnce(&mut Self, &mut Loaded) -> Result<T>,
    ) -> Result<T> {
        let key = (commons, doc);
        let mut loaded = match self.documents.take(key) {
            Some(loaded) => loaded,
            None => self.load(commons, doc)?,
        };
        let done = work(self, &mut loaded);
        if done.is_ok() {
            self.documents.put(key, loaded);
            let editors = &self.editors;
            self.documents.shrink(|(commons, doc)| editors.is_open(*commons, *doc));
        }
        done
    }

    /// A document from what is stored of it.
    fn load(&mut self, commons: CommonsId, doc: DocId) -> Result<Loaded> {
        let gathered = self.documents.gathered.get(&(commons, doc)).map(Gathered::hashes).unwrap_or_default();
        let Built { mut document, lacking } = build(&self.store, commons, doc, &gathered)?;
        document.set_actor(actor_of(commons, doc, self.device(), self.nonce_in(commons, doc)?));
        if is_worthwhile(lacking) && gathered.is_empty() {
            self.compact(commons, doc, &document)?;
        }
        Ok(Loaded::new(document))
    }

    /// Keeps a compact form of a page just made, if it is a large one.
    pub(crate) fn compact_new(&mut self, commons: CommonsId, id: PageId, page: &Page) {
        let doc = DocId::Page(id);
        if is_large(page.body_len())
            && let Err(error) = self.compact(commons, doc, page.document())
        {
            not_compacted(doc, &error);
        }
    }

    /// Has what is written from now on be written under other actors.
    pub(crate) fn renew_nonce(&mut self) -> Result<()> {
        self.nonce = Nonce::new(profile::random()?);
        self.documents.anew.clear();
        let device = self.device();
        let loaded: Vec<_> = self.documents.loaded.keys().copied().collect();
        for (commons, doc) in loaded {
            let nonce = self.nonce_in(commons, doc)?;
            if let Some((_, loaded)) = self.documents.loaded.get_mut(&(commons, doc)) {
                loaded.document_mut().set_actor(actor_of(commons, doc, device, nonce));
            }
        }
        Ok(())
    }

    /// The nonce of the actor under which this device writes in a document: that of this start of the app. Where that would be
    /// one actor more than others take in from it, the one that it wrote under last.
    pub(crate) fn nonce_in(&self, commons: CommonsId, doc: DocId) -> Result<Nonce> {
        if self.documents.anew.contains(&(commons, doc)) {
            return Ok(self.nonce);
        }
        let (device, most) = (self.device(), self.bounds.actors);
        let is_known = self.store.actor(commons, actor_of(commons, doc, device, self.nonce))?.is_some();
        if is_known || self.store.actors_of(commons, doc, &device, most)? < most {
            return Ok(self.nonce);
        }
        Ok(self.store.newest_nonce(commons, doc, &device)?.unwrap_or(self.nonce))
    }

    /// Notes whether the next start of the app will write in a document under another actor than this one does.
    fn note_anew(&mut self, commons: CommonsId, doc: DocId, nonce: Nonce) {
        let most = self.bounds.actors;
        let has_room = || self.store.actors_of(commons, doc, &self.device(), most).is_ok_and(|actors| actors < most);
        if nonce == self.nonce && has_room() {
            self.documents.anew.insert((commons, doc));
        }
    }

    /// Signs changes just made, stores them with what they project, and sends them on. Those that were `typed` may be sent before
    /// the disk has them.
    fn keep(
        &mut self,
        commons: CommonsId,
        doc: DocId,
        made: Vec<LocalChange>,
        projection: Projection,
        typed: Option<PageId>,
    ) -> Result<()> {
        if made.is_empty() {
            return Ok(());
        }
        let mut changes = Vec::with_capacity(made.len());
        let mut attestations = Vec::with_capacity(changes.capacity());
        let nonce = self.nonce_in(commons, doc)?;
        for local in made {
            let (change, attestation) = VerifiedChange::local(local, &self.key, commons, doc, nonce)
                .map_err(|e| Error::new(ErrorCode::TooLarge, format!("The edit could not be kept: {e}.")))?;
            changes.push(change);
            attestations.push(attestation);
        }
        // The store keeps some of them to cut long histories at; the newest is enough for those who are here. With it goes what
        // vouches for the work of others that these build on, so that whoever has them has that, whatever becomes of the others.
        let mut vouching: Vec<_> = attestations.last().map(|a| *a.get()).into_iter().collect();
        if let Some(first) = changes.first() {
            vouching.extend(
                self.store.vouchers(commons, doc, first.deps())?.into_iter().filter(|a| a.device != self.device()),
            );
        }
        let arrival =
            Arrival { doc, attestations: vouching, changes: changes.iter().map(|c| c.bytes().to_vec()).collect() };
        let later = matches!(projection, Projection::Later);
        let docs = vec![DocBatch { doc, changes, attestations, projection, local: true, at: profile::now() }];
        let batch = Batch { commons, docs };
        let is_anew = self.documents.anew.contains(&(commons, doc));
        let unsynced = typed.filter(|_| is_anew && self.disk.may_wait());
        match unsynced {
            Some(page) => {
                self.store.write_unsynced(batch, &[])?;
                self.typed_unsynced(commons, page);
            }
            None => {
                self.disk_must_take()?;
                self.store.write(batch)?;
            }
        }
        if later {
            self.warm_up(commons, doc);
        }
        self.pass_on(commons, &arrival, None);
        if unsynced.is_none() && typed.is_some() && !is_anew {
            self.note_anew(commons, doc, nonce);
        }
        Ok(())
    }

    /// Puts off indexing a document until it is quiet.
    pub(crate) fn warm_up(&mut self, commons: CommonsId, doc: DocId) {
        let until = Instant::now() + QUIET;
        self.warm.insert((commons, doc), until);
        self.wake_at(until);
    }

    /// Makes changes in a page and keeps them. Text is projected later when `quick`, at once otherwise.
    pub(crate) fn change_page(
        &mut self,
        commons: CommonsId,
        page: PageId,
        quick: bool,
        edit: impl FnOnce(&mut Page) -> Result<Vec<LocalChange>>,
    ) -> Result<()> {
        self.catch_up(commons, DocId::Page(page))?;
        let how = if quick { How::Quick } else { How::Whole };
        self.change_shown(commons, page, how, edit)
    }

    /// Makes the edits that were typed in windows, which are edits of the page as they show it.
    pub(crate) fn keep_typed(&mut self, commons: CommonsId, page: PageId, typed: &PageEdit) -> Result<()> {
        self.change_shown(commons, page, How::Typed, |page| whole(page, typed))
    }

    fn change_shown(
        &mut self,
        commons: CommonsId,
        page: PageId,
        how: How,
        edit: impl FnOnce(&mut Page) -> Result<Vec<LocalChange>>,
    ) -> Result<()> {
        self.must_be_in(commons)?;
        let (doc, typed) = (DocId::Page(page), (how == How::Typed).then_some(page));
        self.with_shown(commons, doc, |core, loaded| {
            let Loaded::Page(page) = loaded else {
                return Err(Error::internal("a page's document is none"));
            };
            let actor = actor_of(commons, doc, core.device(), core.nonce_in(commons, doc)?);
            let most = usize::try_from(chunk::MAX_DEPS).unwrap_or(usize::MAX);
            let mut made = page.document_mut().join_heads(actor, most, &chunk::OWN).map_err(Error::internal)?;
            made.extend(edit(page)?);
            let projection = if how == How::Whole { Projection::Page(project(page)) } else { Projection::Later };
            core.keep(commons, doc, made, projection, typed)
        })?;
        // Nobody types in it, so there is time for this; and what was asked for is stored, whatever becomes of it.
        if !self.editors.is_open(commons, doc)
            && let Err(error) = self.compact_if_worthwhile(commons, doc)
        {
            not_compacted(doc, &error);
        }
        Ok(())
    }

    /// Makes an edit of any size that says nothing of itself.
    pub(crate) fn make_edit(&mut self, commons: CommonsId, page: PageId, quick: bool, edit: &PageEdit) -> Result<()> {
        self.change_page(commons, page, quick, |page| whole(page, edit))
    }

    /// Says and unsays things in this member's own ledger.
    pub(crate) fn change_ledger(
        &mut self,
        commons: CommonsId,
        doc: DocId,
        say: &[commonplace_model::Statement],
        unsay: &[commonplace_model::StatementKey],
    ) -> Result<()> {
        self.must_be_in(commons)?;
        self.with_document(commons, doc, |core, loaded| {
            let Loaded::Ledger(ledger) = loaded else {
                return Err(Error::internal("a ledger's document is none"));
            };
            let made = ledger.make(say, unsay, &chunk::OWN).map_err(Error::internal)?;
            let said = say.iter().map(|s| (s.key(), s.clone())).collect();
            let projection = Projection::Ledger { said, unsaid: unsay.to_vec() };
            core.keep(commons, doc, made, projection, None)
        })
    }

    /// Reads a page, loading it if need be.
    pub(crate) fn read_page<T>(
        &mut self,
        commons: CommonsId,
        page: PageId,
        read: impl FnOnce(&Page) -> T,
    ) -> Result<T> {
        self.catch_up(commons, DocId::Page(page))?;
        self.read_shown(commons, page, read)
    }

    /// Reads a page as windows show it, loading it if need be.
    pub(crate) fn read_shown<T>(
        &mut self,
        commons: CommonsId,
        page: PageId,
        read: impl FnOnce(&Page) -> T,
    ) -> Result<T> {
        self.with_shown(commons, DocId::Page(page), |_, loaded| match loaded {
            Loaded::Page(page) => Ok(read(page)),
            Loaded::Ledger(_) => Err(Error::internal("a page's document is none")),
        })
    }

    /// Applies changes that passed the gate to a document that is in memory, before they are stored. Gives what they did to
    /// a page.
    pub(crate) fn apply_verified(
        &mut self,
        commons: CommonsId,
        doc: DocId,
        changes: Vec<VerifiedChange>,
    ) -> Result<PageChange> {
        self.with_document(commons, doc, |_, loaded| {
            let patches = gate::apply(loaded.document_mut(), changes).map_err(|e| broken(&e))?;
            Ok(Page::read_patches(patches))
        })
    }

    /// Applies changes that passed the gate to a ledger, before they are stored. Gives what these changes alone say and take
    /// back, whatever else the ledger says; a ledger that waits to be indexed goes on waiting.
    pub(crate) fn apply_to_ledger(
        &mut self,
        commons: CommonsId,
        doc: DocId,
        changes: Vec<VerifiedChange>,
    ) -> Result<Projection> {
        if self.store.is_unindexed(commons, doc)? {
            self.documents.forget((commons, doc));
            return Ok(Projection::Later);
        }
        let patches = self.with_document(commons, doc, |_, loaded| {
            gate::apply(loaded.document_mut(), changes).map_err(|e| broken(&e))
        })?;
        let (mut said, mut unsaid) = (Vec::new(), Vec::new());
        // Of several with one key the last is what is so.
        for (key, statement) in Ledger::read_patches(&patches).into_iter().collect::<BTreeMap<_, _>>() {
            match statement {
                Some(statement) => said.push((key, statement)),
                None => unsaid.push(key),
            }
        }
        Ok(Projection::Ledger { said, unsaid })
    }

    pub(crate) fn tell_said(&self, commons: CommonsId) {
        self.tell(Event::Tags { commons: commons.to_string() });
        self.tell(Event::Flags { commons: commons.to_string() });
        self.tell(Event::People { commons: commons.to_string() });
    }

    /// Notes that members of a commons said or took back something: it is told in a moment, with what else they say until then.
    pub(crate) fn said(&mut self, commons: CommonsId) {
        if self.said.insert(commons) {
            self.tell_said_at = self.tell_said_at.or_else(|| Some(Instant::now() + SAYING));
            self.wake_in(SAYING);
        }
    }

    /// Tells what was said, once that is due.
    pub(crate) fn tick_said(&mut self, now: Instant) {
        match self.tell_said_at {
            Some(due) if due <= now => {
                self.tell_said_at = None;
                // What background work there is besides may go on.
                self.index_waits = true;
                for commons in std::mem::take(&mut self.said) {
                    self.tell_said(commons);
                    self.tell_commons(commons);
                }
            }
            Some(due) => self.wake_at(due),
            None => {}
        }
    }
}

/// A document built from what is stored of it.
pub(crate) struct Built {
    pub(crate) document: Document,
    /// What its compact form lacks.
    pub(crate) lacking: Lacking,
}

/// Builds a document from its compact form and the changes after it, or from its changes alone; without some of these, on which
/// none of the others builds.
pub(crate) fn build(stored: &Reader, commons: CommonsId, doc: DocId, without: &BTreeSet<ChangeHash>) -> Result<Built> {
    let kind = DocKind::from(doc);
    // A compact form may have in it what is left out.
    let compact = if without.is_empty() { stored.snapshot(commons, doc)? } else { None };
    let from_compact = compact.and_then(|(bytes, upto)| Document::load(kind, &bytes).ok().map(|d| (d, Some(upto))));
    // A compact form is a cache: one that does not load is passed over.
    let (mut document, after) = from_compact.unwrap_or_else(|| (Document::new(kind), None));
    let mut changes = stored.changes(commons, doc, after)?;
    let counted = |at: Option<&VerifiedChange>| at.map_or(0, VerifiedChange::max_op);
    let of = counted(changes.last());
    let operations = of.saturating_sub(counted(changes.first()));
    let lacking = Lacking { changes: changes.len() as u64, operations, of };
    changes.retain(|change| !without.contains(&change.hash()));
    if !changes.is_empty() {
        gate::apply(&mut document, changes).map_err(|e| broken(&e))?;
    }
    Ok(Built { document, lacking })
}

/// The changes that an edit of any size is, which says nothing of itself.
pub(crate) fn whole(page: &mut Page, edit: &PageEdit) -> Result<Vec<LocalChange>> {
    page.make(edit, &chunk::OWN, |_| Vec::new()).map_err(Error::internal)
}

impl Loaded {
    /// What it projects.
    pub(crate) fn projection(&self) -> Projection {
        match self {
            Self::Page(page) => Projection::Page(project(page)),
            Self::Ledger(ledger) => Projection::LedgerWhole { all: ledger.statements() },
        }
    }
}

/// What a page projects.
pub(crate) fn project(page: &Page) -> PageProjection {
    PageProjection {
        title: page.title().to_string(),
        folder: page.folder().to_string(),
        deleted: page.deleted(),
        text: Some(page.body()),
        changed_at: None,
    }
}

pub(crate) fn broken(error: &commonplace_model::ApplyError) -> Error {
    Error::internal(format!("a document cannot be built from its changes ({error})"))
}
