//! Import, invite, join, export: byte for byte.

use std::time::Duration;

use anyhow::{Result, ensure};
use commonplace_node::view::{ImportReport, SearchResult};
use commonplace_tests::{
    cli::{Device, Place, files},
    corpus, story,
};

const PAGES: usize = 500;

#[test]
fn a_folder_arrives_whole_on_another_device() -> Result<()> {
    let giving = Device::named(Place::Loopback, "Maren")?;
    let joining = Device::named(Place::Loopback, "Tomás")?;
    let folder = giving.beside("pages");
    corpus::write(&folder, PAGES)?;
    let wanted = files(&folder)?;
    let commons = story::found(&giving, "The Kettle")?;
    ensure!(story::import(&giving, &commons, &folder)? == PAGES as u64, "not all pages were taken in");
    ensure!(story::exported(&giving, &commons)? == wanted, "what comes out is not what went in");

    // The same folder again is no work and no change.
    let again: ImportReport = giving.json(["import", &commons, folder.to_str().unwrap_or_default()])?;
    ensure!((again.made, again.changed, again.same) == (0, 0, PAGES as u64), "taken in twice: {again:?}");

    let (here, there) = (giving.peer()?, joining.peer()?);
    ensure!(story::join(&joining, &story::ticket(&giving, &commons, 1)?)? == commons, "joined another commons");
    story::converge(&[&giving, &joining], &commons, Duration::from_secs(120), |files| files == wanted)?;

    // What arrived is not only kept but usable: listed, searched, and written in; and the edit goes back.
    let held = story::commons(&joining, &commons)?;
    ensure!((held.pages, held.members) == (PAGES as u64, 2), "{held:?}");
    story::page(&joining, &commons, "notes/Zinnober", "ein Wort: Quitte\n")?;
    story::converge(&[&giving, &joining], &commons, story::CONVERGE, |files| {
        files.len() == PAGES + 1 && story::text_of(files, "notes/Zinnober.md") == "ein Wort: Quitte\n"
    })?;
    let found: SearchResult = giving.json(["search", &commons, "Quitte"])?;
    ensure!(found.hits.first().is_some_and(|hit| hit.row.title == "Zinnober"), "not found: {found:?}");
    here.stop()?;
    there.stop()?;

    // Both have it all without the other, from disk.
    for device in [&giving, &joining] {
        ensure!(story::exported(device, &commons)?.len() == PAGES + 1, "not all is on disk");
    }
    Ok(())
}
