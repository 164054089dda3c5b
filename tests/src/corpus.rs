//! Pages to work with: a large set of real ones where it is at hand, else small ones of our own in four scripts.
//!
//! The large set is looked for in the folder that `COMMONPLACE_DATA` names, else in `../shared/data` beside the checkout.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;

/// Names the folder with the large set.
const FOLDER: &str = "COMMONPLACE_DATA";

/// The checkout's `tests` folder.
fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the large set, if it is at hand.
pub fn data(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(FOLDER).filter(|v| !v.is_empty()).map(PathBuf::from);
    let folder = named.unwrap_or_else(|| tests().join("../../shared/data"));
    Some(folder.join(name)).filter(|path| path.is_file())
}

/// A file of our own, committed beside the suites.
pub fn sample(name: &str) -> PathBuf {
    tests().join("samples").join(name)
}

/// Where pages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The large set.
    Corpus,
    /// Our own few, repeated under other names.
    Samples,
}

/// Writes `count` pages into a folder, spread over the whole set so that all scripts are there.
///
/// # Errors
/// When the set cannot be read, or is too small.
pub fn write(folder: &Path, count: usize) -> Result<Source> {
    let (pages, source) = match data("tldr-10k.tar.gz") {
        Some(archive) => (real(&archive)?, Source::Corpus),
        None => {
            writeln!(std::io::stderr(), "*** the large set of pages is not at hand: our own samples, repeated")?;
            (repeated(count)?, Source::Samples)
        }
    };
    ensure!(pages.len() >= count, "{} pages, {count} are wanted", pages.len());
    let all = pages.len();
    for (at, (place, text)) in pages.into_iter().enumerate() {
        // Evenly spread: the page is taken when the count of those due rises with it.
        if (at + 1) * count / all > at * count / all {
            let path = folder.join(place);
            fs::create_dir_all(path.parent().context("a file in no folder")?)?;
            fs::write(path, text)?;
        }
    }
    Ok(source)
}

/// How many pages the large set has; nothing when it is not at hand.
///
/// # Errors
/// When it cannot be read.
pub fn size() -> Result<Option<usize>> {
    data("tldr-10k.tar.gz").map(|archive| Ok(real(&archive)?.len())).transpose()
}

fn real(archive: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut pages = BTreeMap::new();
    let mut archive = tar::Archive::new(GzDecoder::new(fs::File::open(archive)?));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        // The first part is the archive's own folder; what is directly in it is not part of the set.
        let place: PathBuf = path.iter().skip(1).collect();
        if place.extension().is_some_and(|e| e == "md") && place.components().count() > 1 {
            let mut text = Vec::new();
            entry.read_to_end(&mut text)?;
            pages.insert(place, text);
        }
    }
    Ok(pages)
}

fn repeated(count: usize) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let samples = crate::cli::files(&sample("pages"))?;
    ensure!(!samples.is_empty(), "no samples");
    let page = |n: usize| {
        let (place, text) = &samples[n % samples.len()];
        let mut text = text.clone();
        text.extend_from_slice(format!("\n{n}\n").as_bytes());
        (PathBuf::from(format!("part {}", n / 100)).join(place).with_extension(format!("{n}.md")), text)
    };
    Ok((0..count).map(page).collect())
}
