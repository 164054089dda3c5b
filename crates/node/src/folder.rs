//! Folders of Markdown taken in as pages.
//!
//! A file `guides/Kettles.md` is the page titled `Kettles` in the folder `guides`. Files are found and read outside the
//! engine's thread (`finding`), in batches, so that keystrokes pass between them.

mod finding;

use commonplace_model::{CommonsId, DocId, Folder, Page, PageId, Title, splices_between};
use commonplace_store::{Batch, DocBatch, PageProjection, Projection};
use commonplace_trust::{Arrival, VerifiedAttestation, VerifiedChange, actor_of};

pub(crate) use finding::find_markdown;
use finding::{Files, Missed};

use crate::{
    core::Core,
    error::{Error, Result},
    pages::begin_page,
    profile,
    view::{Event, ImportReport, Job},
};

/// Files in one batch at most.
const BATCH_FILES: usize = 64;
/// Bytes after which a batch takes no further file.
const BATCH_BYTES: usize = 1_000_000;

/// An import under way.
pub(crate) struct Import {
    commons: CommonsId,
    files: Files,
    total: u64,
    report: ImportReport,
}

/// Files of an import that were read.
pub(crate) struct ImportBatch {
    commons: CommonsId,
    pages: Vec<(Folder, Title, String)>,
    done: u64,
    total: u64,
}

/// What became of a batch.
pub(crate) struct ImportDone {
    made: u64,
    changed: u64,
    same: u64,
}

impl Import {
    pub(crate) fn new(commons: CommonsId, files: Files) -> Self {
        let total = files.found.len() as u64;
        let report = ImportReport { made: 0, changed: 0, same: 0, skipped: Vec::new(), skipped_total: 0 };
        Self { commons, files, total, report }
    }

    /// The next files, read; nothing when all are.
    pub(crate) async fn next_batch(&mut self) -> Result<Option<ImportBatch>> {
        let mut files = std::mem::take(&mut self.files);
        let read_some = move || {
            let (mut pages, mut bytes) = (Vec::new(), 0);
            while pages.len() < BATCH_FILES && bytes < BATCH_BYTES {
                let Some(found) = files.found.pop_front() else { break };
                match finding::read(&found) {
                    Ok(text) => {
                        bytes += text.len();
                        pages.push((found.folder, found.title, text));
                    }
                    Err(reason) => files.skip(Missed::Surely, &found.shown, reason),
                }
            }
            (files, pages)
        };
        let (files, pages) = tokio::task::spawn_blocking(read_some).await.map_err(Error::internal)?;
        self.files = files;
        if pages.is_empty() {
            return Ok(None);
        }
        let done = self.total - self.files.found.len() as u64;
        Ok(Some(ImportBatch { commons: self.commons, pages, done, total: self.total }))
    }

    pub(crate) fn note(&mut self, done: &ImportDone) {
        self.report.made += done.made;
        self.report.changed += done.changed;
        self.report.same += done.same;
    }

    pub(crate) fn finish(self) -> (CommonsId, ImportReport) {
        let Self { commons, files, mut report, .. } = self;
        files.tell(&mut report);
        (commons, report)
    }
}

impl Core {
    pub(crate) fn import_begin(&mut self, commons: &str) -> Result<CommonsId> {
        let id = self.find_commons(commons)?;
        self.must_be_in(id)?;
        Ok(id)
    }

    pub(crate) fn import_batch(&mut self, batch: ImportBatch) -> Result<ImportDone> {
        let commons = batch.commons;
        self.must_be_in(commons)?;
        let mut done = ImportDone { made: 0, changed: 0, same: 0 };
        let mut new = Vec::new();
        for (folder, title, text) in batch.pages {
            let name = folder.name_of(&title);
            let there = self
                .store
                .find_pages(commons, &name)?
                .into_iter()
                .find(|row| !row.deleted && crate::pages::full_name(&row.folder, &row.title) == name);
            match there {
                None => new.push((folder, title, text)),
                Some(row) => {
                    self.flush_page(commons, row.id)?;
                    self.index_now(commons, DocId::Page(row.id))?;
                    let old = self.store.page_text(commons, row.id)?.unwrap_or_default();
                    if old == text {
                        done.same += 1;
                    } else {
                        self.edit_page(commons, row.id, &splices_between(&old, &text))?;
                        done.changed += 1;
                    }
                }
            }
        }
        done.made = new.len() as u64;
        self.make_pages(commons, new)?;
        self.tell_progress(Job::Import, commons, batch.done, batch.total, false);
        Ok(done)
    }

    /// Makes pages in one transaction.
    fn make_pages(&mut self, commons: CommonsId, pages: Vec<(Folder, Title, String)>) -> Result<()> {
        let (mut docs, mut arrivals, mut made_pages) = (Vec::new(), Vec::new(), Vec::new());
        for (folder, title, text) in pages {
            let id = PageId::new(profile::random()?);
            let doc = DocId::Page(id);
            let mut page = Page::default();
            page.document_mut().set_actor(actor_of(commons, doc, self.device(), self.nonce));
            let made = begin_page(&mut page, &title, &folder, &text)?;
            let (mut changes, mut attestations) = (Vec::new(), Vec::new());
            for local in made {
                let (change, attestation) =
                    VerifiedChange::local(local, &self.key, commons, doc, self.nonce).map_err(Error::internal)?;
                changes.push(change);
                attestations.push(attestation);
            }
            arrivals.push(Arrival {
                doc,
                attestations: attestations.last().map(|a: &VerifiedAttestation| *a.get()).into_iter().collect(),
                changes: changes.iter().map(|c| c.bytes().to_vec()).collect(),
            });
            let projection = Projection::Page(PageProjection {
                title: title.to_string(),
                folder: folder.to_string(),
                deleted: false,
                text: Some(text),
                changed_at: None,
            });
            docs.push(DocBatch { doc, changes, attestations, projection, local: true, at: profile::now() });
            made_pages.push((id, page));
        }
        self.store.write(Batch { commons, docs })?;
        for (id, page) in &made_pages {
            self.compact_new(commons, *id, page);
        }
        for arrival in &arrivals {
            self.pass_on(commons, arrival, None);
        }
        Ok(())
    }

    pub(crate) fn import_end(&mut self, (commons, report): &(CommonsId, ImportReport)) -> ImportReport {
        let total = report.made + report.changed + report.same;
        self.tell_progress(Job::Import, *commons, total, total, true);
        self.tell(Event::Pages { commons: commons.to_string(), rows: Vec::new() });
        self.tell_commons(*commons);
        report.clone()
    }

    pub(crate) fn tell_progress(&self, job: Job, commons: CommonsId, done: u64, total: u64, finished: bool) {
        let with = String::new();
        self.tell(Event::Progress { job, commons: commons.to_string(), done, total, finished, with });
    }
}
