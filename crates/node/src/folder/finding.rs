//! Finding and reading the Markdown files of a folder, and telling what is left out.
//!
//! Folders wait in a list, so how deep they lie costs nothing: what bounds it is how long the path of a page's folder may be.
//! Whatever is left out is told of: what cannot be read first, for that is missed; then what is no Markdown; then what is
//! hidden, a folder as a whole. So many are named and the rest counted. Links are not followed, so there are no loops.

use std::{
    collections::VecDeque,
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use commonplace_model::{Folder, Page};

use crate::{
    error::{Error, ErrorCode, Result},
    filenames::is_kept,
    view::{ImportReport, Skipped},
};

/// What is left out and named; more is counted only.
const MAX_NAMED: usize = 1_000;

/// A Markdown file that was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    path: PathBuf,
    pub(super) shown: String,
    pub(super) folder: Folder,
    /// Its name without the ending: the title of its page, if not with its id.
    pub(super) stem: String,
}

/// How much somebody may miss what was left out; the most missed is told first.
#[derive(Debug, Clone, Copy)]
pub(super) enum Missed {
    /// It may be a page, and cannot be taken in.
    Surely,
    /// It is something else than Markdown.
    Perhaps,
    /// Programs keep it for themselves.
    Hardly,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(super) found: VecDeque<Found>,
    /// What was left out and is named, by how much it is missed.
    named: [Vec<Skipped>; 3],
    left_out: u64,
}

impl Files {
    pub(super) fn skip(&mut self, missed: Missed, path: &str, reason: impl Into<String>) {
        self.left_out += 1;
        let named = &mut self.named[missed as usize];
        if named.len() == MAX_NAMED {
            return;
        }
        // What a name holds is not to move the cursor of a terminal.
        named.push(Skipped { path: commonplace_model::shown(path), reason: reason.into() });
    }

    /// Puts all that was left out into the report.
    pub(super) fn tell(self, report: &mut ImportReport) {
        report.skipped_total = self.left_out;
        report.skipped = self.named.into_iter().flatten().take(MAX_NAMED).collect();
    }
}

/// A folder that is still to be gone through.
struct Waiting {
    path: PathBuf,
    inside: Folder,
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
    let mut waiting = go_through(listing, &Folder::default(), &mut files);
    while let Some(Waiting { path, inside }) = waiting.pop() {
        match fs::read_dir(path) {
            Ok(listing) => waiting.append(&mut go_through(listing, &inside, &mut files)),
            Err(error) => files.skip(Missed::Surely, inside.as_str(), format!("cannot be read ({error})")),
        }
    }
    Ok(files)
}

/// Looks at what a folder holds, and gives the folders in it, the last one first.
fn go_through(listing: fs::ReadDir, inside: &Folder, files: &mut Files) -> Vec<Waiting> {
    let (mut entries, mut folders) = (Vec::new(), Vec::new());
    for entry in listing {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                let shown = within(inside, "…");
                files.skip(Missed::Surely, &shown, format!("cannot be read ({error})"));
            }
        }
    }
    entries.sort_by_cached_key(|entry| (is_second(&entry.file_name()), entry.file_name()));
    for entry in entries {
        let name = entry.file_name();
        let shown = within(inside, &name.to_string_lossy());
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => {
                files.skip(Missed::Surely, &shown, format!("cannot be looked at ({error})"));
                continue;
            }
        };
        let Some(name) = name.to_str() else {
            files.skip(Missed::Surely, &shown, "a name that is not UTF-8");
            continue;
        };
        let markdown = stem_of(name).filter(|_| !kind.is_dir());
        if is_kept(name, markdown.is_some()) {
            files.skip(Missed::Hardly, &shown, "hidden, so taken for something of a program’s own");
        } else if kind.is_symlink() {
            files.skip(Missed::Surely, &shown, "a link, and links are not followed");
        } else if kind.is_dir() {
            match folder_called(&shown) {
                Ok(inside) => folders.push(Waiting { path: entry.path(), inside }),
                Err(reason) => files.skip(Missed::Surely, &shown, reason),
            }
        } else if !kind.is_file() {
            files.skip(Missed::Surely, &shown, "no ordinary file");
        } else if let Some(stem) = markdown {
            let (folder, stem) = (inside.clone(), stem.to_owned());
            files.found.push_back(Found { path: entry.path(), shown, folder, stem });
        } else {
            files.skip(Missed::Perhaps, &shown, "not Markdown (.md, .markdown)");
        }
    }
    folders.reverse();
    folders
}

/// The name of a Markdown file without its ending, in whatever case.
fn stem_of(name: &str) -> Option<&str> {
    [".md", ".markdown"].iter().find_map(|ending| {
        let (stem, end) = name.split_at_checked(name.len().checked_sub(ending.len())?)?;
        end.eq_ignore_ascii_case(ending).then_some(stem)
    })
}

/// Whether a file is Markdown by another ending than an export writes: of two that are one page, the other is the page.
fn is_second(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| !name.ends_with(".md") && stem_of(name).is_some())
}

fn within(inside: &Folder, name: &str) -> String {
    if inside.as_str().is_empty() { name.to_owned() } else { format!("{inside}/{name}") }
}

/// The folder of the pages in a folder, or why there cannot be one.
fn folder_called(path: &str) -> Result<Folder, String> {
    if path.len() > Folder::MAX_BYTES {
        return Err(format!("too deep in other folders: their names may have {} bytes together", Folder::MAX_BYTES));
    }
    path.parse().map_err(|error| format!("no folder of pages can be called so: {error}"))
}

/// Reads a file's text, or says why it cannot be a page.
pub(super) fn read(found: &Found) -> Result<String, String> {
    let limit = Page::MAX_BODY_BYTES;
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(&found.path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|e| format!("cannot be read ({e})"))?;
    if bytes.len() > limit {
        return Err("larger than the 5 MB that a page can hold".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(dir: &Path) -> (Vec<String>, ImportReport) {
        let files = find_markdown(dir).expect("a folder");
        let found = files.found.iter().map(|found| found.shown.clone()).collect();
        let mut report = ImportReport { made: 0, changed: 0, same: 0, skipped: Vec::new(), skipped_total: 0 };
        files.tell(&mut report);
        (found, report)
    }

    #[test]
    fn folders_are_gone_into_as_deep_as_a_page_can_lie() {
        let dir = tempfile::tempdir().expect("a folder");
        // One byte and a slash each: the last one has a path of 1,023 bytes, and the one in it is too much.
        let deepest = ["d"; 512].join("/");
        fs::create_dir_all(dir.path().join(&deepest).join("e/f")).expect("folders");
        fs::write(dir.path().join(&deepest).join("in.md"), "in").expect("a file");
        fs::write(dir.path().join(&deepest).join("e/out.md"), "out").expect("a file");
        let (found, report) = told(dir.path());
        assert_eq!(found, [format!("{deepest}/in.md")]);
        let left_out: Vec<_> = report.skipped.iter().map(|s| s.path.clone()).collect();
        assert_eq!((left_out, report.skipped_total), (vec![format!("{deepest}/e")], 1));
        assert!(report.skipped[0].reason.contains("1024 bytes"), "{report:?}");
    }

    #[test]
    fn what_is_missed_most_is_named_first_and_the_rest_counted() {
        let dir = tempfile::tempdir().expect("a folder");
        for hidden in [".obsidian", ".trash"] {
            fs::create_dir(dir.path().join(hidden)).expect("a folder");
            fs::write(dir.path().join(hidden).join("Old.md"), "old").expect("a file");
        }
        fs::write(dir.path().join("._Tea.md"), "a shadow").expect("a file");
        fs::write(dir.path().join("Tea.md"), "tea").expect("a file");
        let (found, report) = told(dir.path());
        assert_eq!(found, ["Tea.md"]);
        let left_out: Vec<_> = report.skipped.iter().map(|s| s.path.as_str()).collect();
        assert_eq!((left_out, report.skipped_total), (vec!["._Tea.md", ".obsidian", ".trash"], 3));

        for n in 0..MAX_NAMED {
            fs::write(dir.path().join(format!("{n}.png")), "a picture").expect("a file");
        }
        std::os::unix::fs::symlink("Tea.md", dir.path().join("zzz.md")).expect("a link");
        let (_, report) = told(dir.path());
        assert_eq!(report.skipped.len(), MAX_NAMED);
        assert_eq!(report.skipped_total, MAX_NAMED as u64 + 4);
        assert_eq!(report.skipped[0].path, "zzz.md");
        assert!(report.skipped[1..].iter().all(|s| s.path.ends_with(".png")));
    }
}
