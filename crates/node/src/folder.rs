//! Folders of Markdown taken in as pages.
//!
//! A file `guides/Kettles.md` is the page titled `Kettles` in the folder `guides`. Files are read outside the engine's thread,
//! in batches, so that keystrokes pass between them. Links are not followed, so there are no loops.

use std::{
    collections::VecDeque,
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use commonplace_model::{CommonsId, DocId, Folder, Page, PageId, Title, shown, splices_between};
use commonplace_store::{Batch, DocBatch, PageProjection, Projection};
use commonplace_trust::{Arrival, VerifiedAttestation, VerifiedChange, actor_of};

use crate::{
    core::Core,
    error::{Error, ErrorCode, Result},
    pages::begin_page,
    profile,
    view::{Event, ImportReport, Job, Skipped},
};

/// Files in one batch at most.
const BATCH_FILES: usize = 64;
/// Bytes after which a batch takes no further file.
const BATCH_BYTES: usize = 1_000_000;
/// Folders within folders that are gone into.
const MAX_DEPTH: usize = 32;
/// Files left out that are listed one by one.
const MAX_SKIPPED: usize = 1_000;

/// A Markdown file that was found.
#[derive(Debug, Clone)]
struct Found {
    path: PathBuf,
    shown: String,
    folder: Folder,
    title: Title,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(crate) struct Files {
    found: VecDeque<Found>,
    skipped: Vec<Skipped>,
    /// How many more were left out than are listed.
    unnamed: u64,
}

impl Files {
    fn skip(&mut self, path: &str, reason: impl Into<String>) {
        if self.skipped.len() == MAX_SKIPPED {
            self.unnamed += 1;
            return;
        }
        // What a name holds is not to move the cursor of a terminal.
        self.skipped.push(Skipped { path: shown(path), reason: reason.into() });
    }

    /// All that was left out.
    fn left_out(mut self) -> Vec<Skipped> {
        if self.unnamed > 0 {
            let reason = format!("{} more were left out and are not named here", self.unnamed);
            self.skipped.push(Skipped { path: "…".to_owned(), reason });
        }
        self.skipped
    }
}

/// Finds the Markdown files of a folder and of those in it.
pub(crate) fn find_markdown(dir: &Path) -> Result<Files> {
    let mut files = Files::default();
    let listing = fs::read_dir(dir).map_err(|error| {
        let place = dir.display();
        let words = match error.kind() {
            io::ErrorKind::NotFound => format!("There is no folder {place}."),
            io::ErrorKind::NotADirectory => format!("{place} is a file, not a folder."),
            io::ErrorKind::PermissionDenied => format!("You may not read the folder {place}."),
            _ => format!("The folder {place} cannot be read ({error})."),
        };
        Error::new(ErrorCode::NotFound, format!("{words} Nothing was taken in."))
    })?;
    go_into(listing, "", 0, &mut files);
    Ok(files)
}

fn go_into(listing: fs::ReadDir, inside: &str, depth: usize, files: &mut Files) {
    let mut entries: Vec<_> = listing.filter_map(io::Result::ok).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let shown = if inside.is_empty() {
            name.to_string_lossy().into_owned()
        } else {
            format!("{inside}/{}", name.to_string_lossy())
        };
        let Some(name) = name.to_str() else {
            files.skip(&shown, "its name is not UTF-8");
            continue;
        };
        // What programs keep for themselves is not looked at: `.git`, `._Tea.md` beside `Tea.md`. A page may be called `.`.
        let page = name.ends_with(".md") && !name.starts_with("._") && !entry.path().is_dir();
        if name.starts_with('.') && !page {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_symlink() => files.skip(&shown, "it is a link, and links are not followed"),
            Ok(kind) if kind.is_dir() && depth == MAX_DEPTH => files.skip(&shown, "it lies too deep in folders"),
            Ok(kind) if kind.is_dir() => match fs::read_dir(entry.path()) {
                Ok(listing) => go_into(listing, &shown, depth + 1, files),
                Err(error) => files.skip(&shown, format!("the folder cannot be read ({error})")),
            },
            Ok(kind) if kind.is_file() => match name.strip_suffix(".md").map(|stem| (inside.parse(), stem.parse())) {
                Some((Ok(folder), Ok(title))) => {
                    files.found.push_back(Found { path: entry.path(), shown, folder, title });
                }
                Some((Err(error), _) | (_, Err(error))) => {
                    files.skip(&shown, format!("its name cannot be a page's: {error}"));
                }
                None => files.skip(&shown, "it is not a Markdown file (.md)"),
            },
            Ok(_) => files.skip(&shown, "it is no ordinary file"),
            Err(error) => files.skip(&shown, format!("it cannot be looked at ({error})")),
        }
    }
}

/// Reads a file's text, or says why it cannot be a page.
fn read(found: &Found) -> Result<String, String> {
    let limit = Page::MAX_BODY_BYTES;
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(&found.path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|e| format!("it cannot be read ({e})"))?;
    if bytes.len() > limit {
        return Err("it is larger than the 5 MB that a page can hold".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

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
        Self { commons, files, total, report: ImportReport { made: 0, changed: 0, same: 0, skipped: Vec::new() } }
    }

    /// The next files, read; nothing when all are.
    pub(crate) async fn next_batch(&mut self) -> Result<Option<ImportBatch>> {
        let mut files = std::mem::take(&mut self.files);
        let read_some = move || {
            let (mut pages, mut bytes) = (Vec::new(), 0);
            while pages.len() < BATCH_FILES && bytes < BATCH_BYTES {
                let Some(found) = files.found.pop_front() else { break };
                match read(&found) {
                    Ok(text) => {
                        bytes += text.len();
                        pages.push((found.folder, found.title, text));
                    }
                    Err(reason) => files.skip(&found.shown, reason),
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
        (self.commons, ImportReport { skipped: self.files.left_out(), ..self.report })
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
        let (mut docs, mut arrivals) = (Vec::new(), Vec::new());
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
        }
        self.store.write(Batch { commons, docs })?;
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
