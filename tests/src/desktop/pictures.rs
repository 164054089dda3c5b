//! Pictures of windows, in a folder that says where it is.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// A folder of pictures of one story, and whether something went wrong in it.
#[derive(Debug)]
pub struct Album {
    folder: PathBuf,
    spoiled: Cell<bool>,
}

impl Album {
    /// An empty folder; what an earlier run left in it is removed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("no folder for pictures, {}", folder.display()))?;
        for entry in fs::read_dir(folder)?.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|kind| kind == "png" || kind == "log") {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { folder: folder.canonicalize()?, spoiled: Cell::new(false) })
    }

    /// An album of a test, in `target/pictures`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn of_test(name: &str) -> anyhow::Result<Self> {
        Self::new(&super::installation::workspace().join("target/pictures").join(name))
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps a picture; PNG.
    pub(super) fn keep(&self, name: &str, png: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(format!("{name}.png"));
        fs::write(&path, png)?;
        Ok(path)
    }

    /// Something went wrong: every window is to leave a picture when it goes.
    pub fn spoil(&self) {
        self.spoiled.set(true);
    }

    pub(super) fn spoiled(&self) -> bool {
        self.spoiled.get()
    }
}
