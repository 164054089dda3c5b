//! Putting documents that wait for it into lists and search.
//!
//! What a document says is worked out by a thread that has a connection of its own, so that nobody who types waits for it; what it
//! found is written by the engine's thread, some documents in one transaction. When nothing is to be listed, the thread makes compact
//! forms (`compacting`).
//!
//! Invariants:
//! - Written is what the thread found only where the document is still the one that it read. Otherwise it goes on waiting.
//! - Documents that are in memory are listed by the engine's thread itself: there is nothing to work out.
//! - One that cannot be read is listed as that, and keeps no other from being found.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use commonplace_model::{CommonsId, DocId};
use commonplace_store::{Batch, DocBatch, PageProjection, Projection, Reader, Store};

use crate::{
    compacting::{compacted, is_worthwhile, not_compacted},
    core::{Core, Mailbox},
    documents::{Built, Loaded, build},
    error::{Error, Result},
    profile,
};

/// Documents listed in one transaction.
const STEP: usize = 32;

type Key = (CommonsId, DocId);

/// What the thread is to do.
enum Ask {
    /// Work out what these say.
    List(Vec<Key>),
    /// Make a compact form of this one.
    Compact(Key),
}

/// A document as the thread found it.
struct Found {
    key: Key,
    /// Of what it read.
    digest: Option<[u8; 32]>,
    projection: Projection,
    compact: Option<Vec<u8>>,
}

/// The way to the thread that reads documents.
pub(crate) struct Indexer {
    asked: mpsc::Sender<Ask>,
    thread: JoinHandle<()>,
    over: Arc<AtomicBool>,
    /// Whether it is reading.
    busy: bool,
}

impl Indexer {
    /// Starts the thread. Without one, the engine's does its work.
    pub(crate) fn start(store: &Store, mailbox: Mailbox) -> Option<Self> {
        let start = || {
            let reader = store.reader().map_err(Error::internal)?;
            let (asked, asks) = mpsc::channel();
            let over = Arc::new(AtomicBool::new(false));
            let stop = Arc::clone(&over);
            let read = move || read_all(&reader, &asks, &mailbox, &stop);
            let thread = std::thread::Builder::new().name("indexer".to_owned()).spawn(read).map_err(Error::internal)?;
            Ok::<_, Error>(Self { asked, thread, over, busy: false })
        };
        start().map_err(|error| tracing::error!(%error, "documents are read by the engine’s own thread")).ok()
    }

    /// Whether the thread still runs. Should it ever fall over, the engine's does its work.
    fn is_there(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Ends the thread, after the document that it reads.
    pub(crate) fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        drop(self.asked);
        if self.thread.join().is_err() {
            tracing::error!("the thread that reads documents fell over");
        }
    }
}

fn read_all(reader: &Reader, asks: &mpsc::Receiver<Ask>, mailbox: &Mailbox, over: &AtomicBool) {
    while let Ok(ask) = asks.recv() {
        let told = match ask {
            Ask::List(keys) => {
                let going_on = keys.into_iter().take_while(|_| !over.load(Ordering::Relaxed));
                let found: Vec<Found> = going_on.map(|key| read(reader, key)).collect();
                if over.load(Ordering::Relaxed) {
                    return;
                }
                mailbox.bulk_from_thread(move |core| core.write_found(found))
            }
            Ask::Compact(key) => {
                let made = compact_form(reader, key).inspect_err(|error| not_compacted(key.1, error)).ok().flatten();
                mailbox.bulk_from_thread(move |core| core.write_compact(key, made))
            }
        };
        if told.is_err() {
            return;
        }
    }
}

/// A document as it is at one moment, and its digest then.
fn at_once(reader: &Reader, (commons, doc): Key) -> Result<(Option<[u8; 32]>, Built)> {
    let (digest, built) =
        reader.at_once(|reader| (reader.digest(commons, doc), build(reader, commons, doc, &BTreeSet::new())))?;
    Ok((digest?, built?))
}

/// A compact form.
struct Compacted {
    /// Of what was read.
    digest: Option<[u8; 32]>,
    bytes: Vec<u8>,
}

fn compact_form(reader: &Reader, key: Key) -> Result<Option<Compacted>> {
    let (digest, built) = at_once(reader, key)?;
    Ok(compacted(key.1, &built.document).map(|bytes| Compacted { digest, bytes }))
}

/// Reads a document as it is at one moment.
fn read(reader: &Reader, key: Key) -> Found {
    let (commons, doc) = key;
    let read = || -> Result<Found> {
        let (digest, Built { document, lacking }) = at_once(reader, key)?;
        let compact = if is_worthwhile(lacking) { compacted(doc, &document) } else { None };
        Ok(Found { key, digest, projection: Loaded::new(document).projection(), compact })
    };
    read().unwrap_or_else(|error| {
        let digest = reader.digest(commons, doc).ok().flatten();
        Found { key, digest, projection: unreadable(doc, error), compact: None }
    })
}

/// What is listed of a document that cannot be read: one must not keep the others from being found.
fn unreadable(doc: DocId, error: Error) -> Projection {
    tracing::error!(%error, ?doc, "a document cannot be read; its signed changes are kept");
    match doc {
        DocId::Page(_) => Projection::Page(PageProjection {
            title: "Page that cannot be read".to_owned(),
            folder: String::new(),
            deleted: false,
            text: Some(error.message),
            changed_at: None,
        }),
        DocId::Ledger(_) => Projection::LedgerWhole { all: Vec::new() },
    }
}

impl Core {
    /// Sees to it that some of the documents that wait are listed, without keeping anybody waiting for it.
    pub(crate) fn index_in_background(&mut self) -> Result<()> {
        let ready = self.ready_to_index()?;
        if self.indexer.as_ref().is_none_or(|indexer| !indexer.is_there()) {
            if ready.is_empty()
                && let Some((commons, doc)) = self.next_to_compact()
            {
                // Everybody waits for it here, so by the stricter rule.
                return self.compact_if_worthwhile(commons, doc);
            }
            return self.index(&ready);
        }
        let (here, elsewhere): (Vec<Key>, Vec<Key>) =
            ready.into_iter().partition(|(commons, doc)| self.documents.is_loaded(*commons, *doc));
        let ask = if elsewhere.is_empty() && here.is_empty() {
            self.next_to_compact().map(Ask::Compact)
        } else {
            Some(elsewhere).filter(|keys| !keys.is_empty()).map(Ask::List)
        };
        if let (Some(ask), Some(indexer)) = (ask, &mut self.indexer) {
            indexer.busy = indexer.asked.send(ask).is_ok();
        }
        self.index(&here)
    }

    /// Whether there is anything to do in the background at present.
    pub(crate) fn has_background(&self) -> bool {
        self.index_waits && self.indexer.as_ref().is_none_or(|indexer| !indexer.busy || !indexer.is_there())
    }

    /// The thread has done what it was asked.
    fn has_answered(&mut self) {
        if let Some(indexer) = self.indexer.as_mut() {
            indexer.busy = false;
        }
        self.index_waits = true;
    }

    fn write_compact(&mut self, key: Key, made: Option<Compacted>) {
        self.has_answered();
        if let Some(Compacted { digest, bytes }) = made
            && let Err(error) = self.keep_compact(key, digest, &bytes)
        {
            not_compacted(key.1, &error);
        }
    }

    fn write_found(&mut self, found: Vec<Found>) {
        self.has_answered();
        if let Err(error) = self.keep_found(found) {
            self.index_waits = false;
            self.trouble(&error);
        }
    }

    fn keep_found(&mut self, found: Vec<Found>) -> Result<()> {
        let mut projected = Vec::with_capacity(found.len());
        for Found { key: (commons, doc), digest, projection, compact } in found {
            // It may have been listed, left or changed meanwhile.
            if !self.store.is_unindexed(commons, doc)? || self.store.digest(commons, doc)? != digest {
                continue;
            }
            if let Some(bytes) = compact {
                self.store.compact(commons, doc, &bytes)?;
            }
            projected.push(((commons, doc), projection));
        }
        self.write_projections(projected)
    }

    /// Lists some of the documents that wait for it now.
    pub(crate) fn index_some(&mut self) -> Result<()> {
        let ready = self.ready_to_index()?;
        self.index(&ready)
    }

    fn ready_to_index(&mut self) -> Result<Vec<Key>> {
        let waiting = self.store.unindexed(STEP + self.warm.len())?;
        let ready: Vec<_> = waiting.into_iter().filter(|key| !self.warm.contains_key(key)).take(STEP).collect();
        self.index_waits = !ready.is_empty() || !self.to_compact.is_empty();
        if ready.is_empty() && self.warm.is_empty() {
            // A quiet moment.
            self.store.shrink_log()?;
            self.index_waits |= self.store.bundle_some()? || self.store.give_room_back()?;
        }
        Ok(ready)
    }

    /// Lists a document now if it waits for it.
    pub(crate) fn index_now(&mut self, commons: CommonsId, doc: DocId) -> Result<()> {
        if !self.store.is_unindexed(commons, doc)? {
            return Ok(());
        }
        self.warm.remove(&(commons, doc));
        self.index(&[(commons, doc)])
    }

    fn index(&mut self, keys: &[Key]) -> Result<()> {
        let mut projected = Vec::with_capacity(keys.len());
        for (commons, doc) in keys {
            if let Err(error) = self.catch_up(*commons, *doc) {
                tracing::warn!(%error, ?doc, "a page is listed later");
                self.warm_up(*commons, *doc);
                continue;
            }
            projected.push(((*commons, *doc), self.projection_of(*commons, *doc)));
        }
        self.write_projections(projected)
    }

    fn projection_of(&mut self, commons: CommonsId, doc: DocId) -> Projection {
        let was_loaded = self.documents.is_loaded(commons, doc);
        let projection = self.with_document(commons, doc, |_, loaded| Ok(loaded.projection()));
        if !was_loaded {
            self.documents.forget((commons, doc));
        }
        projection.unwrap_or_else(|error| unreadable(doc, error))
    }

    fn write_projections(&mut self, projected: Vec<(Key, Projection)>) -> Result<()> {
        let mut by_commons: HashMap<CommonsId, Vec<DocBatch>> = HashMap::new();
        for ((commons, doc), projection) in projected {
            let (changes, attestations, at) = (Vec::new(), Vec::new(), profile::now());
            let batch = DocBatch { doc, changes, attestations, projection, local: false, at };
            by_commons.entry(commons).or_default().push(batch);
        }
        for (commons, docs) in by_commons {
            let ids: Vec<DocId> = docs.iter().map(|d| d.doc).collect();
            self.store.write(Batch { commons, docs })?;
            self.listed(commons)?;
            self.tell_indexed(commons, &ids);
        }
        Ok(())
    }

    fn tell_indexed(&self, commons: CommonsId, docs: &[DocId]) {
        let rows: Vec<_> = docs
            .iter()
            .filter_map(|doc| match doc {
                DocId::Page(page) => self.store.page(commons, *page).ok().flatten(),
                DocId::Ledger(_) => None,
            })
            .map(crate::pages::row)
            .collect();
        if docs.iter().any(|doc| matches!(doc, DocId::Ledger(_))) {
            self.tell_said(commons);
        }
        if !rows.is_empty() {
            self.tell_pages(commons, rows);
        }
        self.tell_commons(commons);
    }
}
