//! What an export notes for the next one into the same folder: which bytes it wrote where.
//!
//! A file that still is as an export wrote it holds nobody's work and may be replaced; any other is kept. A file is noted before
//! it is written, so one that was killed midway knows its own files afterwards.
//!
//! The notes are in the profile, so that the folder holds pages and nothing else: a file for each folder, of lines, each the
//! BLAKE3 of a file and its path. Lines that are none of these count for nothing, and a path in them is compared with others,
//! never opened. Without them, everything that differs is kept.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
};

use super::write_whole;

/// Where the notes are, in the profile.
const NOTES: &str = "exports";
/// Their first line.
const HEAD: &str = "commonplace export 1";
/// Bytes that are read of it. One of a hundred thousand pages has about ten million.
const MAX_BYTES: u64 = 64_000_000;

/// The notes of a folder.
#[derive(Debug)]
pub(super) struct Notes {
    path: PathBuf,
    /// What exports before this one wrote; two at one path after one that was killed.
    before: BTreeMap<String, Vec<blake3::Hash>>,
    /// What this one wrote, or found written.
    now: BTreeMap<String, blake3::Hash>,
    /// Whether lines can be added to the file as it is.
    sound: bool,
    file: Option<fs::File>,
    /// What the file held, if it was one of notes.
    held: Option<blake3::Hash>,
}

impl Notes {
    /// Reads the notes of a folder, from a profile; where there are none that make sense, there is nothing in them.
    pub(super) fn of(home: &Path, dir: &Path) -> Self {
        // One folder, whatever it is called on the way there.
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let name = blake3::hash(dir.as_os_str().as_encoded_bytes()).to_hex();
        let path = home.join(NOTES).join(name.as_str());
        let mut notes =
            Self { path, before: BTreeMap::new(), now: BTreeMap::new(), sound: false, file: None, held: None };
        let Some(text) = read(&notes.path) else { return notes };
        let Some(lines) = text.strip_prefix(HEAD).and_then(|rest| rest.strip_prefix('\n')) else { return notes };
        for line in lines.split_terminator('\n') {
            // Digits in capitals would be read too. What is not as it is written here was not written here.
            let read = |digits: &str| blake3::Hash::from_hex(digits).ok().filter(|hash| *hash.to_hex() == *digits);
            let noted = line.split_once("  ").and_then(|(hash, path)| Some((read(hash)?, path)));
            if let Some((hash, path)) = noted {
                notes.before.entry(path.to_owned()).or_default().push(hash);
            }
        }
        notes.sound = text.ends_with('\n');
        notes.held = Some(blake3::hash(text.as_bytes()));
        notes
    }

    /// Whether an export wrote these bytes there, and may so replace them.
    pub(super) fn has(&self, path: &str, hash: blake3::Hash) -> bool {
        self.before.get(path).is_some_and(|hashes| hashes.contains(&hash))
    }

    /// Notes a file that holds already what was to be written.
    pub(super) fn found(&mut self, path: &str, hash: blake3::Hash) {
        self.now.insert(path.to_owned(), hash);
    }

    /// The notes' file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes a file that is about to be written.
    pub(super) fn writes(&mut self, path: &str, hash: blake3::Hash) -> io::Result<()> {
        self.now.insert(path.to_owned(), hash);
        if !self.may_be_kept() {
            return Ok(());
        }
        if !self.sound {
            write_whole(&self.path, self.text(|_| true).as_bytes())?;
            self.sound = true;
            return Ok(());
        }
        if self.file.is_none() {
            self.file = Some(fs::OpenOptions::new().append(true).create(true).open(&self.path)?);
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(line(path, &hash).as_bytes()))
    }

    /// Leaves one line for each path.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.file = None;
        // What was exported once and is a page no more may be one again.
        let text = self.text(|path| !self.now.contains_key(path));
        if self.now.is_empty() || self.held == Some(blake3::hash(text.as_bytes())) || !self.may_be_kept() {
            return Ok(());
        }
        write_whole(&self.path, text.as_bytes())
    }

    /// Whether the notes' place is free for them; where something else lies there is no noting.
    fn may_be_kept(&self) -> bool {
        match fs::symlink_metadata(&self.path) {
            Ok(there) => there.is_file(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// All that was written by this export, and of what was written before it that at these paths.
    fn text(&self, too: impl Fn(&str) -> bool) -> String {
        let mut text = format!("{HEAD}\n");
        let before = self.before.iter().filter(|(path, _)| too(path));
        let before = before.flat_map(|(path, hashes)| hashes.iter().map(move |hash| (path, hash)));
        let mut all: Vec<_> = before.chain(&self.now).collect();
        all.sort_by_key(|(path, _)| *path);
        for (path, hash) in all {
            text.push_str(&line(path, hash));
        }
        text
    }
}

fn line(path: &str, hash: &blake3::Hash) -> String {
    let mut line = String::with_capacity(path.len() + 67);
    // Writing into a string does not fail.
    let _ = writeln!(line, "{}  {path}", hash.to_hex());
    line
}

/// The text of an ordinary file that is not too large.
fn read(path: &Path) -> Option<String> {
    // Looked at before it is opened: a pipe would keep us waiting.
    fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(MAX_BYTES + 1).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok().filter(|text| text.len() as u64 <= MAX_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    fn two_folders() -> (tempfile::TempDir, tempfile::TempDir) {
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"))
    }

    #[test]
    fn each_folder_has_notes_of_its_own_by_whatever_way_it_is_reached() {
        let (home, dir) = two_folders();
        let (home, dir) = (home.path(), dir.path());
        fs::create_dir(dir.join("a")).expect("a folder");
        let path = |dir: &Path| Notes::of(home, dir).path().to_owned();
        assert_eq!(path(&dir.join("a")), path(&dir.join("a/../a")));
        assert_ne!(path(&dir.join("a")), path(dir));
    }

    #[test]
    fn what_one_export_wrote_the_next_one_knows() {
        let (home, dir) = two_folders();
        let (home, dir) = (home.path(), dir.path());
        let (old, new) = (blake3::hash(b"old"), blake3::hash(b"new"));
        let mut first = Notes::of(home, dir);
        first.writes("a/Tea.md", old).expect("notes it");
        first.writes("Cup.md", old).expect("notes it");
        // Killed here: the files are known all the same.
        drop(first);
        let mut second = Notes::of(home, dir);
        assert!(second.has("a/Tea.md", old) && second.has("Cup.md", old) && !second.has("a/Tea.md", new));
        second.writes("a/Tea.md", new).expect("notes it");
        drop(second);
        let mut third = Notes::of(home, dir);
        assert!(third.has("a/Tea.md", old) && third.has("a/Tea.md", new), "either may be there");
        third.found("a/Tea.md", new);
        third.finish().expect("is written");
        let last = Notes::of(home, dir);
        assert!(!last.has("a/Tea.md", old) && last.has("a/Tea.md", new) && last.has("Cup.md", old));
        let text = fs::read_to_string(last.path()).expect("is there");
        assert_eq!(text, format!("{HEAD}\n{}  Cup.md\n{}  a/Tea.md\n", old.to_hex(), new.to_hex()));
    }

    #[test]
    fn notes_are_changed_anywhere() {
        let (home, dir) = two_folders();
        let (home, dir) = (home.path(), dir.path());
        let hash = blake3::hash(b"tea");
        let mut notes = Notes::of(home, dir);
        notes.writes("a/Tea.md", hash).expect("notes it");
        notes.writes("Cup.md", hash).expect("notes it");
        let path = notes.path().to_owned();
        notes.finish().expect("is written");
        let real = [fs::read(&path).expect("is there"), format!("{HEAD}\n").into_bytes()];
        bolero::check!().with_test_time(fuzz::time()).with_type::<fuzz::Place>().for_each(|place| {
            let bytes = fuzz::altered(&real, place);
            fs::write(&path, &bytes).expect("a file");
            let notes = Notes::of(home, dir);
            let is_said = String::from_utf8_lossy(&bytes).contains(&line("Cup.md", &hash));
            assert!(is_said || !notes.has("Cup.md", hash), "nothing is noted that does not stand there");
        });
    }

    #[test]
    fn notes_that_make_no_sense_count_for_nothing() {
        let hash = blake3::hash(b"tea");
        let good = format!("{}  Tea.md", hash.to_hex());
        let capitals = format!("{}  Tea.md", hash.to_hex().to_uppercase());
        for garbage in [
            b"\xff\xfe\0".to_vec(),
            good.clone().into_bytes(),
            format!("{HEAD}\n{capitals}\n").into_bytes(),
            format!("{HEAD}\n{good}\r\n").into_bytes(),
            format!("another export 9\n{good}\n").into_bytes(),
            format!("{HEAD}\n\n{}\n  Tea.md\n{{\"Tea.md\": 3}}\n{}\n", &good[1..], good.replace("  ", " "))
                .into_bytes(),
        ] {
            let (home, dir) = two_folders();
            let (home, dir) = (home.path(), dir.path());
            let path = Notes::of(home, dir).path().to_owned();
            fs::create_dir_all(home.join(NOTES)).expect("a folder");
            fs::write(path, &garbage).expect("a file");
            let mut notes = Notes::of(home, dir);
            assert!(!notes.has("Tea.md", hash), "{}", String::from_utf8_lossy(&garbage));
            notes.writes("Tea.md", hash).expect("notes it");
            notes.finish().expect("is written");
            assert!(Notes::of(home, dir).has("Tea.md", hash));
        }
        // What lies at their place and is no file of notes stays.
        let (home, dir) = two_folders();
        let (home, dir) = (home.path(), dir.path());
        fs::create_dir_all(home.join(NOTES)).expect("a folder");
        let elsewhere = home.join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, Notes::of(home, dir).path()).expect("a link");
        let mut notes = Notes::of(home, dir);
        notes.writes("Tea.md", hash).expect("goes on without");
        notes.finish().expect("goes on without");
        assert!(!elsewhere.exists());
    }
}
