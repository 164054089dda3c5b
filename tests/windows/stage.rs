//! Where the stories are told: devices on one network, Maren's and Tomás's with a window each, and Noor's without.

use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use commonplace_tests::desktop::enclosure::enclosed_test;
use commonplace_tests::desktop::lan::Lan;
use commonplace_tests::desktop::pictures::Album;
use commonplace_tests::desktop::{Installation, Window};
use tempfile::TempDir;

/// What the commons of these stories is called.
pub(crate) const COMMONS: &str = "Repair café";
/// The one who founds it.
pub(crate) const MAREN: &str = "Maren";
/// The one who joins it.
pub(crate) const TOMAS: &str = "Tomás";

/// The devices.
pub(crate) struct Stage {
    /// Maren's device.
    pub(crate) maren: Installation,
    /// Tomás's device.
    pub(crate) tomas: Installation,
    /// Noor's device, on which no window is opened.
    pub(crate) noor: Installation,
    /// A folder that goes when the story is over.
    pub(crate) folder: TempDir,
    _lan: Lan,
}

/// Tells a story on a stage of its own, as the test of this name.
pub(crate) fn tell(test: &str, story: impl FnOnce(&Stage) -> anyhow::Result<()>) -> anyhow::Result<()> {
    enclosed_test(test, || {
        let mut lan = Lan::new()?;
        let album = Rc::new(Album::of_test(&test.replace("::", "-"))?);
        let maren = Installation::new("maren", lan.place()?, Rc::clone(&album))?;
        let tomas = Installation::new("tomas", lan.place()?, Rc::clone(&album))?;
        let noor = Installation::new("noor", lan.place()?, Rc::clone(&album))?;
        let told = story(&Stage { maren, tomas, noor, folder: TempDir::new()?, _lan: lan });
        if told.is_err() {
            album.spoil();
        }
        told
    })
}

impl Stage {
    /// A folder of so many pages, of which `Kettles` is the first.
    pub(crate) fn pages(&self, count: usize) -> anyhow::Result<PathBuf> {
        let folder = self.folder.path().join("handbook");
        fs::create_dir_all(folder.join("Notes"))?;
        fs::write(folder.join("Kettles.md"), "# Kettles\n\nUnplug it first.\n")?;
        for number in 1..count {
            let text =
                format!("# Note {number}\n\nTry number {number} of the afternoon. It did not work, and here is why.\n");
            fs::write(folder.join(format!("Notes/Note {number:03}.md")), text)?;
        }
        Ok(folder)
    }

    /// Maren with a commons that has one page, `Kettles`, open in front of her; and Tomás, who joined it by ticket and
    /// has the same page open.
    pub(crate) fn together(&self) -> anyhow::Result<(Window, Window)> {
        let maren = self.maren.open()?;
        maren.introduce(MAREN)?;
        maren.found(COMMONS)?;
        maren.import(&self.pages(1)?)?;
        let ticket = maren.invite()?;

        let tomas = self.tomas.open()?;
        tomas.introduce(TOMAS)?;
        tomas.join(&ticket)?;
        tomas.arrive(COMMONS)?;

        maren.open_page("Kettles")?;
        tomas.open_page("Kettles")?;
        maren.wait_equal(&tomas)?;
        Ok((maren, tomas))
    }
}
