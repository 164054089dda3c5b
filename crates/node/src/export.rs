//! All pages written as a folder of Markdown, byte for byte.
//!
//! Files are written outside the engine's thread, in batches, so that keystrokes pass between them. A file appears whole or
//! not at all, and nothing is written through a link: whatever the folder held before, what lies elsewhere is not touched.
//! Which file a page is in, `filenames` says. A file that holds something other than what an export wrote (`notes`) is kept,
//! unless it is asked to be replaced.

mod notes;

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
};

use commonplace_model::{CommonsId, DocId, Page, PageId};
use notes::Notes;

use crate::{
    core::Core,
    error::{Error, ErrorCode, Result},
    filenames::{Listing, PageFile},
    view::{ExportReport, Job, Skipped},
};

/// Pages read at once.
const BATCH_PAGES: usize = 64;
/// A file being written, until it is whole and gets its name. Its own name is hidden, so no import takes it in.
const UNFINISHED: &str = ".commonplace-unfinished";
/// Bytes of a file up to which it is looked into: more than a page has, also one that several wrote in apart.
const MAX_LOOKED_INTO: u64 = 50_000_000;
/// Files that were kept, and pages that could not be read, that are named; more are counted only.
const MAX_KEPT: usize = 1_000;

/// An export under way.
pub(crate) struct Export {
    commons: CommonsId,
    dir: PathBuf,
    /// Where the profile is, which keeps the notes.
    home: PathBuf,
    /// Whether to replace files that hold something other than what an export wrote.
    overwrite: bool,
    /// What earlier exports wrote there; read with the first batch.
    notes: Option<Notes>,
    /// Files still to be written, of these pages.
    left: VecDeque<(PageFile, PageId)>,
    total: u64,
    report: ExportReport,
}

/// Pages to be written.
pub(crate) struct ExportBatch(Vec<(PageFile, String)>);

impl Export {
    /// Gives it the pages to write.
    pub(crate) fn writes(&mut self, listing: Listing) {
        self.left = listing.names.files().into();
        self.total = self.left.len() as u64;
        for (path, reason) in listing.unread {
            self.leave_out(path, reason);
        }
    }

    fn leave_out(&mut self, path: String, reason: String) {
        self.report.unread_total += 1;
        if self.report.unread.len() < MAX_KEPT {
            self.report.unread.push(Skipped { path, reason });
        }
    }

    /// Writes pages. A file that has the same bytes already is left alone, and one that somebody else wrote is kept.
    pub(crate) fn write(mut self, batch: ExportBatch) -> Result<Self> {
        let mut notes = self.notes.take().unwrap_or_else(|| Notes::of(&self.home, &self.dir));
        for (PageFile { path: name, renamed }, text) in batch.0 {
            if let Some((path, reason)) = renamed {
                self.report.renamed.push(Skipped { path, reason });
            }
            match self.place(&name, &text, &mut notes)? {
                Placed::Written => self.report.written += 1,
                Placed::Same => self.report.same += 1,
                Placed::Kept => {
                    self.report.kept_total += 1;
                    if self.report.kept.len() < MAX_KEPT {
                        self.report.kept.push(name);
                    }
                }
            }
        }
        self.notes = Some(notes);
        Ok(self)
    }

    /// Ends it, when all pages were written.
    pub(crate) fn finish(mut self) -> Result<Self> {
        if let Some(notes) = self.notes.take() {
            let path = notes.path().to_owned();
            notes.finish().map_err(|error| self.failed(&path, &error))?;
        }
        Ok(self)
    }

    fn place(&self, name: &str, text: &str, notes: &mut Notes) -> Result<Placed> {
        let path = self.dir.join(name);
        let mut place = self.dir.clone();
        for part in name.split('/') {
            place.push(part);
            if fs::symlink_metadata(&place).is_ok_and(|there| there.is_symlink()) {
                let words = format!(
                    "{} is a link, and an export writes through none: what it leads to was not touched. Take the link away, or \
                     export into another folder. {}",
                    place.display(),
                    self.so_far()
                );
                return Err(Error::new(ErrorCode::Exists, words));
            }
        }
        let hash = blake3::hash(text.as_bytes());
        match there(&path, text.as_bytes()) {
            There::Same => {
                notes.found(name, hash);
                return Ok(Placed::Same);
            }
            There::Other(other) if !self.overwrite && !other.is_some_and(|other| notes.has(name, other)) => {
                return Ok(Placed::Kept);
            }
            There::Other(_) | There::Nothing => {}
        }
        notes.writes(name, hash).map_err(|error| self.failed(notes.path(), &error))?;
        write_whole(&path, text.as_bytes()).map_err(|error| {
            if path.is_dir() {
                let words = format!(
                    "{} is a folder already, so the page cannot be written there. Move it, or export into another one. {}",
                    path.display(),
                    self.so_far()
                );
                return Error::new(ErrorCode::Exists, words);
            }
            self.failed(&path, &error)
        })?;
        Ok(Placed::Written)
    }

    fn failed(&self, path: &Path, error: &io::Error) -> Error {
        let words = format!("{} could not be written ({error}). {}", path.display(), self.so_far());
        Error::new(io_code(error), words)
    }

    /// What an export that ends early has done.
    fn so_far(&self) -> String {
        format!(
            "{} files were written before it, and the commons is as it was. Run the export again to write the rest.",
            self.report.written
        )
    }
}

/// What became of a page's file.
enum Placed {
    Written,
    Same,
    Kept,
}

/// What is at a file's place before it is written.
enum There {
    /// Nothing that would be lost.
    Nothing,
    /// A file with these very bytes.
    Same,
    /// Something else, and of a file that could be a page's, its hash.
    Other(Option<blake3::Hash>),
}

fn there(path: &Path, bytes: &[u8]) -> There {
    match fs::symlink_metadata(path) {
        // A folder stays in any case; why nothing can be looked at comes out when it is written.
        Err(_) => There::Nothing,
        Ok(there) if there.is_dir() => There::Nothing,
        Ok(there) if there.is_file() && there.len() <= MAX_LOOKED_INTO => match fs::read(path) {
            Ok(there) if there == bytes => There::Same,
            Ok(there) => There::Other(Some(blake3::hash(&there))),
            Err(_) => There::Other(None),
        },
        Ok(_) => There::Other(None),
    }
}

/// Writes a file, which until then stays as it was.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(parent)?;
    let unfinished = parent.join(UNFINISHED);
    let write = || {
        // One that was left behind by an export that was killed.
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        io::Write::write_all(&mut fs::File::create_new(&unfinished)?, bytes)?;
        if let Ok(there) = fs::symlink_metadata(path) {
            fs::set_permissions(&unfinished, there.permissions())?;
        }
        fs::rename(&unfinished, path)
    };
    write().inspect_err(|_| {
        // The error is what counts; what is left of this is taken away by the next export.
        let _ = fs::remove_file(&unfinished);
    })
}

fn io_code(error: &io::Error) -> ErrorCode {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorCode::DiskFull,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorCode::ReadOnly,
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => ErrorCode::Exists,
        _ => ErrorCode::Internal,
    }
}

impl Core {
    pub(crate) fn export_begin(&mut self, commons: &str, dir: PathBuf, overwrite: bool) -> Result<(Export, Listing)> {
        let commons = self.find_commons(commons)?;
        fs::create_dir_all(&dir).map_err(|error| {
            let place = dir.display();
            let words = match io_code(&error) {
                ErrorCode::Exists => format!("There is something else than a folder at {place}, or on the way there."),
                ErrorCode::ReadOnly => format!("You may not make the folder {place}."),
                _ => format!("The folder {place} cannot be made ({error})."),
            };
            Error::new(io_code(&error), format!("{words} Nothing was written; name another folder."))
        })?;
        let report = ExportReport {
            written: 0,
            same: 0,
            renamed: Vec::new(),
            kept: Vec::new(),
            kept_total: 0,
            unread: Vec::new(),
            unread_total: 0,
        };
        let (home, left) = (self.home.clone(), VecDeque::new());
        let export = Export { commons, dir, home, overwrite, notes: None, left, total: 0, report };
        Ok((export, self.list_begin(commons)?))
    }

    pub(crate) fn export_batch(&mut self, mut export: Export) -> Result<(Export, Option<ExportBatch>)> {
        let batch: Vec<_> = export.left.drain(..export.left.len().min(BATCH_PAGES)).collect();
        if batch.is_empty() {
            return Ok((export, None));
        }
        let mut pages = Vec::with_capacity(batch.len());
        for (file, page) in batch {
            match self.text_of(export.commons, page) {
                Ok(text) => pages.push((file, text)),
                Err(error) => export.leave_out(file.path, error.message),
            }
        }
        let done = export.total - export.left.len() as u64;
        self.tell_progress(Job::Export, export.commons, done, export.total, false);
        Ok((export, Some(ExportBatch(pages))))
    }

    /// The text of a page: from the lists, or where those are damaged from its document.
    fn text_of(&mut self, commons: CommonsId, page: PageId) -> Result<String> {
        match self.store.page_text(commons, page) {
            Ok(Some(text)) => Ok(text),
            listed => {
                let doc = DocId::Page(page);
                let was_loaded = self.documents.is_loaded(commons, doc);
                let read = self.read_page(commons, page, Page::body);
                if !was_loaded {
                    self.documents.forget((commons, doc));
                }
                read.or_else(|error| listed.map_err(|_| error).map(Option::unwrap_or_default))
            }
        }
    }

    pub(crate) fn export_end(&mut self, export: Export) -> ExportReport {
        self.tell_progress(Job::Export, export.commons, export.total, export.total, true);
        export.report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_grew_beyond_its_limit_is_known_again() {
        let dir = tempfile::tempdir().expect("a folder");
        // Two who write apart can each fill it.
        let text = vec![b'x'; Page::MAX_BODY_BYTES + 1];
        let path = dir.path().join("Large.md");
        assert!(matches!(there(&path, &text), There::Nothing));
        write_whole(&path, &text).expect("is written");
        assert!(matches!(there(&path, &text), There::Same));
        let hash = blake3::hash(&text);
        assert!(matches!(there(&path, b"y"), There::Other(Some(other)) if other == hash));
    }
}
