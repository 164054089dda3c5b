//! Which file a page is in, when pages are a folder of Markdown.
//!
//! A file bears the name of its page, if that page alone is called so and such a file can be; else the page's id too, as in
//! `Tea (k3jdabcd).md`. So which page a file is of never depends on which pages came first or came since, and devices that hold
//! the same pages write the same files. No two pages are in one file, and no file lies where a folder is. What programs keep for
//! themselves is neither written nor taken in: a folder that begins with a dot, and a file that begins with `._`, begins with `_`
//! instead of the dot. A page may be called `.`, and its file is `..md`.
//!
//! Left out: disks that do not tell upper from lower case.

use std::collections::{BTreeMap, HashMap, HashSet};

use commonplace_model::{CommonsId, DocId, Folder, PageId, Title};
use commonplace_store::PageQuery;

use crate::{core::Core, documents::project, error::Result};

/// Pages listed at once.
const STEP: u32 = 512;
/// Bytes that the name of a file can have on every common disk, without `.md`.
const MAX_STEM: usize = 252;

/// The names of a page.
#[derive(Debug)]
struct Named {
    /// Folder and title.
    own: String,
    /// The same, so that no program takes a part of it for its own.
    shown: String,
}

/// The files of all pages of a commons.
#[derive(Debug, Default)]
pub(crate) struct FileNames {
    pages: BTreeMap<PageId, Named>,
    called: HashMap<String, Vec<PageId>>,
    /// Pages whose file cannot bear their name, by the one that it bears instead.
    shown_as: HashMap<String, Vec<PageId>>,
    /// Folders that are named as files are.
    folders: HashSet<String>,
}

/// The file of a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PageFile {
    /// Its place in the folder.
    pub(crate) path: String,
    /// The place it would have by its page's name alone, and why it has another one.
    pub(crate) renamed: Option<(String, String)>,
}

impl FileNames {
    /// Adds a page, once.
    pub(crate) fn add(&mut self, page: PageId, folder: &str, title: &str) {
        if self.pages.contains_key(&page) {
            return;
        }
        // Whatever a document says, a path made of lenient names stays inside the folder.
        let (folder, title) = (Folder::lenient(folder), Title::lenient(title));
        let own = folder.name_of(&title);
        let mut shown = String::with_capacity(own.len());
        for part in folder.as_str().split('/').filter(|part| !part.is_empty()) {
            shown.push_str(&shown_folder(part));
            if shown.ends_with(".md") {
                self.folders.insert(shown.clone());
            }
            shown.push('/');
        }
        shown.push_str(&if is_kept(title.as_str(), true) { unhidden(title.as_str()) } else { title.to_string() });
        if shown != own {
            self.shown_as.entry(shown.clone()).or_default().push(page);
        }
        self.called.entry(own.clone()).or_default().push(page);
        self.pages.insert(page, Named { own, shown });
    }

    /// The files of all pages, in the order of their paths.
    pub(crate) fn files(&self) -> Vec<(PageFile, PageId)> {
        let mut files: Vec<_> = self.pages.iter().map(|(page, named)| (self.file_of(*page, named), *page)).collect();
        files.sort_unstable_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        files
    }

    /// The name of a page's file, without its ending.
    pub(crate) fn stem_of(&self, page: PageId) -> Option<String> {
        let file = self.file_of(page, self.pages.get(&page)?);
        Some(file.path.strip_suffix(".md").unwrap_or(&file.path).to_owned())
    }

    fn file_of(&self, page: PageId, named: &Named) -> PageFile {
        let Named { own, shown } = named;
        let wanted = format!("{own}.md");
        let reason = if own != shown {
            "such a file or folder cannot be: it would be taken for a program’s own, or for another page"
        } else if self.called.get(own).is_some_and(|all| all.len() > 1) {
            "several pages are called so, so the file bears the page’s id as well"
        } else if self.folders.contains(&wanted) {
            "a folder is called so, so the file bears the page’s id as well"
        } else if !self.bearing(own).is_empty() {
            "another page’s file is called so, so this one bears the page’s id as well"
        } else {
            return PageFile { path: wanted, renamed: None };
        };
        let mut stem = format!("{shown} ({})", page.short());
        if self.bearing(&stem).len() > 1 {
            stem = format!("{shown} ({page})");
        }
        let (folder, last) = parted(&stem);
        if last.len() > MAX_STEM {
            stem = if folder.is_empty() { page.to_string() } else { format!("{folder}/{page}") };
        }
        let path = format!("{stem}.md");
        let reason = format!("{reason}: {path}");
        PageFile { path, renamed: Some((wanted, reason)) }
    }

    /// The pages of which a file so called, without its ending, can be: one, if there is no doubt.
    pub(crate) fn pages_of(&self, stem: &str) -> Vec<PageId> {
        let bearing = self.bearing(stem);
        if bearing.is_empty() { self.called.get(stem).cloned().unwrap_or_default() } else { bearing }
    }

    /// The pages whose id this name bears, besides their own.
    fn bearing(&self, stem: &str) -> Vec<PageId> {
        let (folder, last) = parted(stem);
        let bare = last.parse::<PageId>().ok().filter(|id| id.to_string() == last);
        if let Some(id) = bare.filter(|id| self.pages.get(id).is_some_and(|named| parted(&named.shown).0 == folder)) {
            return vec![id];
        }
        let Some((base, mark)) = stem.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (")) else {
            return Vec::new();
        };
        let called = self.called.get(base).into_iter().flatten();
        let visible = called.filter(|id| self.pages.get(id).is_some_and(|named| named.shown == base));
        let all = visible.chain(self.shown_as.get(base).into_iter().flatten());
        all.filter(|id| id.short() == mark || id.to_string() == mark).copied().collect()
    }
}

/// Folder and last part of a path.
fn parted(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Whether programs keep something so called for themselves: `.git`, `._Tea.md` beside `Tea.md`.
pub(crate) fn is_kept(name: &str, markdown: bool) -> bool {
    name.starts_with('.') && (!markdown || name.starts_with("._"))
}

fn unhidden(part: &str) -> String {
    part.strip_prefix('.').map_or_else(|| part.to_owned(), |rest| format!("_{rest}"))
}

/// A folder that no program takes for its own, and not called as a file that bears an id.
fn shown_folder(part: &str) -> String {
    let part = unhidden(part);
    let stem = part.strip_suffix(").md").or_else(|| part.strip_suffix(".md").filter(|id| id.parse::<PageId>().is_ok()));
    stem.map_or_else(|| part.clone(), |stem| format!("{stem}_.md"))
}

/// The listing of a commons' pages, under way.
pub(crate) struct Listing {
    commons: CommonsId,
    /// Documents that waited to be indexed when it began, and still may.
    waiting: u64,
    offset: u32,
    /// What was found.
    pub(crate) names: FileNames,
    /// Pages that could not be read, and why.
    pub(crate) unread: Vec<(String, String)>,
}

impl Core {
    /// Begins to list all pages as they are, with what was just typed.
    pub(crate) fn list_begin(&mut self, commons: CommonsId) -> Result<Listing> {
        self.flush_all();
        self.warm.clear();
        self.index_waits = true;
        let waiting = self.store.counts(commons)?.unindexed;
        Ok(Listing { commons, waiting, offset: 0, names: FileNames::default(), unread: Vec::new() })
    }

    /// Lists some more; whether that was all.
    pub(crate) fn list_some(&mut self, mut listing: Listing) -> Result<(Listing, bool)> {
        let commons = listing.commons;
        if self.index_waits && listing.waiting > 0 {
            // What arrives while it runs need not be in it, or a busy commons would never be listed.
            let before = self.store.counts(commons)?.unindexed;
            if let Err(error) = self.index_some() {
                tracing::error!(%error, "not indexed; the pages are listed as they are");
                listing.waiting = 0;
                return Ok((listing, false));
            }
            let done = before.saturating_sub(self.store.counts(commons)?.unindexed);
            listing.waiting = listing.waiting.saturating_sub(done.max(1));
            return Ok((listing, false));
        }
        let stretch = PageQuery { offset: listing.offset, limit: STEP, ..PageQuery::default() };
        let (total, rows) = match self.store.page_list(commons, &stretch) {
            Ok(list) => list,
            Err(error) => {
                tracing::error!(%error, "the pages cannot be listed, so each is looked at by itself");
                self.list_one_by_one(&mut listing)?;
                return Ok((listing, true));
            }
        };
        listing.offset += u32::try_from(rows.len()).unwrap_or(u32::MAX);
        for row in &rows {
            listing.names.add(row.id, &row.folder, &row.title);
        }
        if rows.is_empty() && (listing.names.pages.len() as u64) < total {
            // A damaged list may lack some without a word.
            self.list_one_by_one(&mut listing)?;
        }
        Ok((listing, rows.is_empty()))
    }

    /// Lists what a damaged database still tells of: each page from its row, or from its document.
    fn list_one_by_one(&mut self, listing: &mut Listing) -> Result<()> {
        let commons = listing.commons;
        for (doc, _) in self.store.digests(commons)? {
            let DocId::Page(page) = doc else { continue };
            match self.store.page(commons, page) {
                Ok(Some(row)) if row.deleted => {}
                Ok(Some(row)) => listing.names.add(page, &row.folder, &row.title),
                _ => match self.read_page(commons, page, project) {
                    Ok(is) if is.deleted => {}
                    Ok(is) => listing.names.add(page, &is.folder, &is.title),
                    Err(error) => listing.unread.push((page.to_string(), error.message)),
                },
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> PageId {
        PageId::new([n; PageId::LEN])
    }

    fn names<'a>(pages: impl IntoIterator<Item = &'a (PageId, &'a str, &'a str)>) -> FileNames {
        let mut names = FileNames::default();
        for (id, folder, title) in pages {
            names.add(*id, folder, title);
        }
        names
    }

    fn paths(names: &FileNames) -> Vec<(String, PageId)> {
        names.files().into_iter().map(|(file, id)| (file.path, id)).collect()
    }

    #[test]
    fn pages_of_any_name_get_files_of_their_own_whatever_their_order() {
        let long = "x".repeat(Title::MAX_BYTES);
        let marked = format!("TU ({})", id(1).short());
        let whole = id(4).to_string();
        let forged = format!("TU ({}).md", id(2).short());
        // One whose id begins as that of another one of its name.
        let mut bytes = [3; PageId::LEN];
        bytes[PageId::LEN - 1] = 9;
        let alike = PageId::new(bytes);
        let mut pages = vec![
            (id(1), "", "TU"),
            (id(2), "", "TU"),
            (id(3), "", "TU"),
            (alike, "", "TU"),
            (id(4), "", "TU (2)"),
            (id(5), "", marked.as_str()),
            (id(6), "", whole.as_str()),
            (id(7), forged.as_str(), "in"),
            (id(8), "", "x"),
            (id(9), "x.md", "in"),
            (id(10), "a.md/b.md", "c"),
            (id(11), "a.md", "b"),
            (id(12), ".git", "x"),
            (id(13), "_git", "x"),
            (id(14), "", ".git"),
            (id(15), "", "._x"),
            (id(16), "", "."),
            (id(17), "", &long),
            (id(18), "", &long),
            (id(19), "", "\u{7}//"),
            (id(20), "..", "Untitled"),
        ];
        let first = names(&pages);
        let files = paths(&first);
        let different: HashSet<_> = files.iter().map(|(path, _)| path).collect();
        assert_eq!(different.len(), pages.len(), "{files:?}");
        for (path, id) in &files {
            let (folder, file) = parted(path);
            assert!(path.split('/').all(|part| part.len() <= 255), "{path}");
            assert!(!folder.split('/').any(|part| is_kept(part, false)) && !is_kept(file, true), "{path}");
            assert!(!files.iter().any(|(other, _)| other.starts_with(&format!("{path}/"))), "{path} is a folder too");
            let stem = path.strip_suffix(".md").expect("Markdown");
            assert_eq!(first.pages_of(stem), [*id], "{path} is taken back");
        }
        let by_id: HashMap<_, _> = files.iter().map(|(path, id)| (*id, path.as_str())).collect();
        assert_eq!(by_id[&id(1)], format!("TU ({}).md", id(1).short()));
        assert_eq!((by_id[&id(4)], by_id[&id(13)]), ("TU (2).md", "_git/x.md"));
        assert_eq!((by_id[&id(14)], by_id[&id(16)]), (".git.md", "..md"));
        assert_eq!((by_id[&id(9)], by_id[&id(11)].starts_with("a.md/b (")), ("x.md/in.md", true));
        pages.reverse();
        assert_eq!(paths(&names(&pages)), files);
        pages.rotate_left(7);
        assert_eq!(paths(&names(&pages)), files);
    }

    #[test]
    fn a_file_of_one_name_is_of_no_page_for_sure_once_there_are_two() {
        let one = names(&[(id(1), "a", "TU")]);
        assert_eq!(one.pages_of("a/TU"), [id(1)]);
        let two = names(&[(id(1), "a", "TU"), (id(2), "a", "TU")]);
        assert_eq!(two.pages_of("a/TU"), [id(1), id(2)]);
        // What bears an id is of that page, also when it is the only one left.
        assert_eq!(one.pages_of(&format!("a/TU ({})", id(1).short())), [id(1)]);
        assert!(one.pages_of(&format!("b/TU ({})", id(1).short())).is_empty());
        assert!(one.pages_of(&format!("a/TU ({})", id(2).short())).is_empty());
    }
}
