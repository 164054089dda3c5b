//! Folders of Markdown: taken in as pages, and written back byte for byte.
//!
//! A file `guides/Kettles.md` is the page titled `Kettles` in the folder `guides`. Files are read and written outside the
//! engine's thread, in batches, so that keystrokes pass between them. Links are not followed, so there are no loops.

use std::{
    collections::{BTreeSet, VecDeque},
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use commonplace_model::{CommonsId, DocId, Folder, Page, PageId, Title, splices_between};
use commonplace_store::{Batch, DocBatch, PageProjection, Projection};
use commonplace_trust::{Arrival, VerifiedAttestation, VerifiedChange, actor_of};

use crate::{
    core::Core,
    error::{Error, ErrorCode, Result},
    pages::begin_page,
    profile,
    view::{Event, ExportReport, ImportReport, Job, Skipped},
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
}

impl Files {
    fn skip(&mut self, path: &str, reason: impl Into<String>) {
        if self.skipped.len() < MAX_SKIPPED {
            self.skipped.push(Skipped { path: path.to_owned(), reason: reason.into() });
        }
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
        if name.starts_with('.') {
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
        (self.commons, ImportReport { skipped: self.files.skipped, ..self.report })
    }
}

/// An export under way.
pub(crate) struct Export {
    commons: CommonsId,
    dir: PathBuf,
    /// Documents that waited to be indexed when it began, and still may.
    waiting: u64,
    offset: u32,
    total: u64,
    taken: BTreeSet<String>,
    report: ExportReport,
}

/// Pages to be written.
pub(crate) struct ExportBatch(Vec<(PageId, String, String, String)>);

impl Export {
    /// Writes pages. A file that has the same bytes already is left alone.
    pub(crate) fn write(mut self, batch: ExportBatch) -> Result<Self> {
        for (id, folder, title, text) in batch.0 {
            // Whatever a document says, a path made of lenient names stays inside the folder.
            let (folder, title) = (Folder::lenient(&folder), Title::lenient(&title));
            let wanted = format!("{}.md", folder.name_of(&title));
            let name = (1..)
                .map(|n| if n == 1 { wanted.clone() } else { format!("{} ({n}).md", folder.name_of(&title)) })
                .find(|name| !self.taken.contains(name))
                .unwrap_or_else(|| format!("{id}.md"));
            if name != wanted {
                let reason = format!("another page is called {wanted}, so this one is in {name}");
                self.report.renamed.push(Skipped { path: wanted, reason });
            }
            let path = self.dir.join(&name);
            let write = || -> io::Result<()> {
                if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
                    return Ok(());
                }
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent)?;
                }
                fs::write(&path, &text)
            };
            write().map_err(|e| {
                Error::new(
                    io_code(&e),
                    format!(
                        "{} could not be written ({e}). {} files were written before it; the commons is not touched.",
                        path.display(),
                        self.report.written
                    ),
                )
            })?;
            self.taken.insert(name);
            self.report.written += 1;
        }
        Ok(self)
    }
}

fn io_code(error: &io::Error) -> ErrorCode {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorCode::DiskFull,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorCode::ReadOnly,
        _ => ErrorCode::Internal,
    }
}

impl Core {
    pub(crate) fn import_begin(&mut self, commons: &str) -> Result<CommonsId> {
        self.find_commons(commons)
    }

    pub(crate) fn import_batch(&mut self, batch: ImportBatch) -> Result<ImportDone> {
        let commons = batch.commons;
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

    pub(crate) fn export_begin(&mut self, commons: &str, dir: PathBuf) -> Result<Export> {
        let commons = self.find_commons(commons)?;
        self.flush_all();
        // What was just typed belongs into the export too.
        self.warm.clear();
        self.index_waits = true;
        fs::create_dir_all(&dir).map_err(|e| {
            Error::new(io_code(&e), format!("The folder {} cannot be made ({e}). Nothing was written.", dir.display()))
        })?;
        let report = ExportReport { written: 0, renamed: Vec::new() };
        let waiting = self.store.counts(commons)?.unindexed;
        Ok(Export { commons, dir, waiting, offset: 0, total: 0, taken: BTreeSet::new(), report })
    }

    pub(crate) fn export_batch(&mut self, mut export: Export) -> Result<(Export, Option<ExportBatch>)> {
        if self.index_waits && export.waiting > 0 {
            // What arrives while it runs need not be in it, or a busy commons would never be exported.
            let before = self.store.counts(export.commons)?.unindexed;
            self.index_some()?;
            let done = before.saturating_sub(self.store.counts(export.commons)?.unindexed);
            export.waiting = export.waiting.saturating_sub(done.max(1));
            return Ok((export, Some(ExportBatch(Vec::new()))));
        }
        let stretch = commonplace_store::PageQuery {
            offset: export.offset,
            limit: u32::try_from(BATCH_FILES).unwrap_or(u32::MAX),
            ..Default::default()
        };
        let (total, rows) = self.store.page_list(export.commons, &stretch)?;
        if rows.is_empty() {
            return Ok((export, None));
        }
        export.offset += u32::try_from(rows.len()).unwrap_or(u32::MAX);
        export.total = total;
        let mut pages = Vec::with_capacity(rows.len());
        for row in rows {
            let text = self.store.page_text(export.commons, row.id)?.unwrap_or_default();
            pages.push((row.id, row.folder, row.title, text));
        }
        self.tell_progress(Job::Export, export.commons, u64::from(export.offset), total, false);
        Ok((export, Some(ExportBatch(pages))))
    }

    pub(crate) fn export_end(&mut self, export: Export) -> ExportReport {
        self.tell_progress(Job::Export, export.commons, export.total, export.total, true);
        export.report
    }
}
