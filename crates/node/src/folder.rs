//! Folders of Markdown taken in as pages.
//!
//! A file `guides/Kettles.md` is the page titled `Kettles` in the folder `guides`, and what an export wrote is the page that it
//! wrote (`filenames`). No file gets its text into another page: where several pages can be meant, or several files are of one
//! page, a file with another text is left out and told of. Files are found and read outside the engine's thread (`finding`), in
//! batches, so that keystrokes pass between them.

mod finding;

use std::collections::{HashMap, HashSet};

use commonplace_model::{CommonsId, DocId, Folder, Page, PageId, Title, splices_between};
use commonplace_store::{Batch, DocBatch, PageProjection, Projection};
use commonplace_trust::{Arrival, VerifiedAttestation, VerifiedChange, actor_of};

pub(crate) use finding::find_markdown;
use finding::{Files, Missed};

use crate::{
    core::Core,
    error::{Error, Result},
    filenames::{FileNames, Listing},
    pages::{begin_page, full_name},
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
    known: Known,
    report: ImportReport,
}

/// What an import knows of the pages, and of what it did.
#[derive(Default)]
struct Known {
    /// The pages that were there when it began.
    names: FileNames,
    /// Names of all files that were found, without their endings.
    found: HashSet<String>,
    /// Pages that a file was taken into, and that file.
    taken: HashMap<PageId, String>,
    /// Pages made, by name: their file, and the hash of its text.
    made: HashMap<String, (String, blake3::Hash)>,
}

impl Known {
    /// The name of the file that a page has now, if that was found and is another one than this.
    fn own_file_besides(&self, page: PageId, name: &str) -> Option<String> {
        self.names.stem_of(page).filter(|own| own != name && self.found.contains(own))
    }
}

/// A file that was read.
struct ReadFile {
    shown: String,
    folder: Folder,
    stem: String,
    text: String,
}

/// Files of an import that were read.
pub(crate) struct ImportBatch {
    commons: CommonsId,
    files: Vec<ReadFile>,
    known: Known,
    done: u64,
    total: u64,
}

/// What became of a batch.
#[derive(Default)]
pub(crate) struct ImportDone {
    made: u64,
    changed: u64,
    same: u64,
    /// Files left out, and why.
    skipped: Vec<(String, String)>,
    known: Known,
}

/// What becomes of a file.
enum Taken {
    New(Title),
    Changed,
    Same,
    Not(String),
}

impl Import {
    pub(crate) fn new(commons: CommonsId, listing: Listing, files: Files) -> Self {
        let total = files.found.len() as u64;
        let report = ImportReport { made: 0, changed: 0, same: 0, skipped: Vec::new(), skipped_total: 0 };
        let found = files.found.iter().map(|found| full_name(found.folder.as_str(), &found.stem)).collect();
        Self { commons, files, total, known: Known { names: listing.names, found, ..Known::default() }, report }
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
                        pages.push(ReadFile { shown: found.shown, folder: found.folder, stem: found.stem, text });
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
        let known = std::mem::take(&mut self.known);
        Ok(Some(ImportBatch { commons: self.commons, files: pages, known, done, total: self.total }))
    }

    pub(crate) fn note(&mut self, done: ImportDone) {
        self.report.made += done.made;
        self.report.changed += done.changed;
        self.report.same += done.same;
        self.known = done.known;
        for (file, reason) in done.skipped {
            self.files.skip(Missed::Surely, &file, reason);
        }
    }

    pub(crate) fn finish(self) -> (CommonsId, ImportReport) {
        let Self { commons, files, mut report, .. } = self;
        files.tell(&mut report);
        (commons, report)
    }
}

fn of_one_page(other: &str) -> Taken {
    Taken::Not(format!("{other} is of the same page, and was taken in"))
}

impl Core {
    pub(crate) fn import_begin(&mut self, commons: &str) -> Result<(CommonsId, Listing)> {
        let id = self.find_commons(commons)?;
        self.must_be_in(id)?;
        Ok((id, self.list_begin(id)?))
    }

    pub(crate) fn import_batch(&mut self, batch: ImportBatch) -> Result<ImportDone> {
        let commons = batch.commons;
        self.must_be_in(commons)?;
        let mut done = ImportDone { known: batch.known, ..ImportDone::default() };
        let mut new = Vec::new();
        for file in batch.files {
            match self.take_in(commons, &file, &mut done.known)? {
                Taken::New(title) => new.push((file.folder, title, file.text)),
                Taken::Changed => done.changed += 1,
                Taken::Same => done.same += 1,
                Taken::Not(reason) => done.skipped.push((file.shown, reason)),
            }
        }
        done.made = new.len() as u64;
        self.make_pages(commons, new)?;
        self.tell_progress(Job::Import, commons, batch.done, batch.total, false);
        Ok(done)
    }

    fn take_in(&mut self, commons: CommonsId, file: &ReadFile, known: &mut Known) -> Result<Taken> {
        let name = full_name(file.folder.as_str(), &file.stem);
        if let Some((other, hash)) = known.made.get(&name) {
            return Ok(if *hash == blake3::hash(file.text.as_bytes()) { Taken::Same } else { of_one_page(other) });
        }
        let mut pages = known.names.pages_of(&name);
        if pages.is_empty() {
            // It may have come since the pages were listed.
            let rows = self.store.find_pages(commons, &name)?.into_iter();
            pages.extend(rows.filter(|row| full_name(&row.folder, &row.title) == name).map(|row| row.id));
        }
        let mut texts = Vec::with_capacity(pages.len());
        for page in pages {
            self.flush_page(commons, page)?;
            self.index_now(commons, DocId::Page(page))?;
            if self.store.page(commons, page)?.is_some_and(|row| !row.deleted) {
                texts.push((page, self.store.page_text(commons, page)?.unwrap_or_default()));
            }
        }
        match texts.as_slice() {
            [] => Ok(match file.stem.parse() {
                Ok(title) => {
                    known.made.insert(name, (file.shown.clone(), blake3::hash(file.text.as_bytes())));
                    Taken::New(title)
                }
                Err(error) => Taken::Not(format!("no page can be called so: {error}")),
            }),
            several if several.iter().any(|(_, text)| *text == file.text) => {
                if let [(page, _)] = several
                    && known.own_file_besides(*page, &name).is_none()
                {
                    known.taken.entry(*page).or_insert_with(|| file.shown.clone());
                }
                Ok(Taken::Same)
            }
            [(page, old)] => {
                if let Some(other) = known.taken.get(page) {
                    return Ok(of_one_page(other));
                }
                // An export of an earlier day left a file of another name there.
                if let Some(own) = known.own_file_besides(*page, &name) {
                    return Ok(Taken::Not(format!("{own}.md is the file of that page now")));
                }
                self.edit_page(commons, *page, &splices_between(old, &file.text))?;
                known.taken.insert(*page, file.shown.clone());
                Ok(Taken::Changed)
            }
            _ => Ok(Taken::Not(
                "several pages are called so, and which of them is meant cannot be told: export them, and change the file \
                 that bears the page’s id"
                    .to_owned(),
            )),
        }
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
