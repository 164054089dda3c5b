//! Folders with files in them that cannot be pages.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use commonplace_model::Page;
use commonplace_node::view::ImportReport;
use commonplace_tests::{
    cli::{Device, Place},
    story,
};

#[test]
fn what_cannot_be_a_page_is_left_out_and_named() -> Result<()> {
    let device = Device::named(Place::Loopback, "Maren")?;
    let commons = story::found(&device, "The Kettle")?;
    let folder = device.beside("mixed");
    fs::create_dir_all(folder.join("deep"))?;
    fs::write(folder.join("good.md"), "good\n")?;
    fs::write(folder.join("deep/good.md"), "also good\n")?;
    fs::write(folder.join("largest.md"), "x".repeat(Page::MAX_BODY_BYTES))?;
    // Each of these is to be left out, with its own reason.
    fs::write(folder.join("latin-1.md"), b"na\xefve fa\xe7ade\n")?;
    fs::write(folder.join("too large.md"), "x".repeat(Page::MAX_BODY_BYTES + 1))?;
    symlink(&folder, folder.join("deep/loop"))?;
    symlink("loop.md", folder.join("loop.md"))?;
    symlink("nowhere", folder.join("dangling.md"))?;
    symlink("good.md", folder.join("link.md"))?;
    fs::write(folder.join(OsStr::from_bytes(b"name \xff.md")), "its name is no text\n")?;
    fs::write(folder.join("picture.png"), b"\x89PNG")?;
    let pipe = Command::new("mkfifo").arg(folder.join("pipe.md")).status()?;
    ensure!(pipe.success(), "no pipe could be made");
    // A folder may be named as a file is.
    fs::create_dir(folder.join("folder.md"))?;

    let shown = folder.to_str().context("a folder's name")?;
    let report: ImportReport = device.json(["import", &commons, shown])?;
    ensure!((report.made, report.changed, report.same) == (3, 0, 0), "{report:?}");
    let reason = |name: &str| report.skipped.iter().find(|s| s.path == name).map(|s| s.reason.as_str());
    for (name, word) in [
        ("latin-1.md", "UTF-8"),
        ("too large.md", "5 MB"),
        ("deep/loop", "link"),
        ("loop.md", "link"),
        ("dangling.md", "link"),
        ("link.md", "link"),
        ("picture.png", "Markdown"),
        ("pipe.md", "file"),
    ] {
        ensure!(reason(name).is_some_and(|why| why.contains(word)), "{name}: {:?}", reason(name));
    }
    let unnamed = report.skipped.iter().any(|s| s.path.starts_with("name ") && s.reason.contains("UTF-8"));
    ensure!(unnamed, "the file whose name is no text is not named: {:?}", report.skipped);
    ensure!(report.skipped.len() == 9, "{:?}", report.skipped);

    let out = story::exported(&device, &commons)?;
    let names: Vec<_> = out.iter().filter_map(|(path, _)| path.to_str()).collect();
    ensure!(names == ["deep/good.md", "good.md", "largest.md"], "{names:?}");
    Ok(())
}

#[test]
fn a_folder_that_is_none_is_refused() -> Result<()> {
    let device = Device::named(Place::Loopback, "Maren")?;
    let commons = story::found(&device, "The Kettle")?;
    story::page(&device, &commons, "Rules", "rules\n")?;
    let file = device.beside("file");
    fs::write(&file, "no folder")?;
    for place in [device.beside("nothing here"), file] {
        let reason = device.refused([OsStr::new("import"), OsStr::new(&commons), place.as_os_str()])?;
        ensure!(reason.contains(place.to_str().context("a name")?), "{reason}");
    }
    ensure!(story::exported(&device, &commons)?.len() == 1, "something came or went");
    Ok(())
}

#[test]
fn a_page_beyond_its_limit_is_refused_and_stays() -> Result<()> {
    let device = Device::named(Place::Loopback, "Maren")?;
    let commons = story::found(&device, "The Kettle")?;
    let most = "x".repeat(Page::MAX_BODY_BYTES);
    story::page(&device, &commons, "Large", &most)?;
    let appended = device.feed(["page", "append", &commons, "Large"], b"y");
    let words = appended.err().context("a page beyond its limit")?.to_string();
    ensure!(words.contains("5 MB"), "{words}");
    let out = story::exported(&device, &commons)?;
    ensure!(story::text_of(&out, "Large.md") == most, "the page is not as it was");
    Ok(())
}
