//! Folders with files in them that cannot be pages.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};
use commonplace_model::Page;
use commonplace_node::view::{ExportReport, ImportReport, PageRow, PageView};
use commonplace_tests::{
    cli::{Device, Place, files, program},
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
    fs::write(folder.join("deep/..md"), "about the command that is a dot\n")?;
    // Each of these is to be left out, with its own reason.
    fs::write(folder.join("latin-1.md"), b"na\xefve fa\xe7ade\n")?;
    fs::write(folder.join("too large.md"), "x".repeat(Page::MAX_BODY_BYTES + 1))?;
    symlink(&folder, folder.join("deep/loop"))?;
    symlink("loop.md", folder.join("loop.md"))?;
    symlink("nowhere", folder.join("dangling.md"))?;
    symlink("good.md", folder.join("link.md"))?;
    fs::write(folder.join(OsStr::from_bytes(b"name \xff.md")), "its name is no text\n")?;
    fs::write(folder.join("picture.png"), b"\x89PNG")?;
    // What programs keep for themselves: a folder is named as a whole.
    fs::create_dir_all(folder.join(".git/refs"))?;
    fs::write(folder.join(".git/notes.md"), "not looked at\n")?;
    fs::write(folder.join(".DS_Store"), b"\0\0\0\x01Bud1")?;
    fs::write(folder.join("._good.md"), b"\0\x05\x16\x07")?;
    fs::write(folder.join("bell\u{7}\u{1b}[2J.md"), "its name would clear a terminal\n")?;
    fs::write(folder.join(format!("{}.md", "long".repeat(61))), "too long a name\n")?;
    let pipe = Command::new("mkfifo").arg(folder.join("pipe.md")).status()?;
    ensure!(pipe.success(), "no pipe could be made");
    // A folder may be named as a file is.
    fs::create_dir(folder.join("folder.md"))?;

    let shown = folder.to_str().context("a folder's name")?;
    let report: ImportReport = device.json(["import", &commons, shown])?;
    ensure!((report.made, report.changed, report.same) == (4, 0, 0), "{report:?}");
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
        ("bell\u{fffd}\u{fffd}[2J.md", "control character"),
        (&format!("{}.md", "long".repeat(61)), "240 bytes"),
        (".git", "hidden"),
        (".DS_Store", "hidden"),
        ("._good.md", "hidden"),
    ] {
        ensure!(reason(name).is_some_and(|why| why.contains(word)), "{name}: {:?}", reason(name));
    }
    let unnamed = report.skipped.iter().any(|s| s.path.starts_with("name ") && s.reason.contains("UTF-8"));
    ensure!(unnamed, "the file whose name is no text is not named: {:?}", report.skipped);
    ensure!((report.skipped.len(), report.skipped_total) == (14, 14), "{:?}", report.skipped);
    let hidden: Vec<_> = report.skipped.iter().skip(11).map(|s| s.path.as_str()).collect();
    ensure!(hidden == [".DS_Store", "._good.md", ".git"], "not what is missed least: {hidden:?}");

    let out = story::exported(&device, &commons)?;
    let names: Vec<_> = out.iter().filter_map(|(path, _)| path.to_str()).collect();
    // A page may be called `.`: what came in so goes out so.
    ensure!(names == ["deep/..md", "deep/good.md", "good.md", "largest.md"], "{names:?}");
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
    // There is room for one byte more, and not for the end of the line that comes before it.
    let most = "x".repeat(Page::MAX_BODY_BYTES - 1);
    story::page(&device, &commons, "Large", &most)?;
    let appended = device.feed(["page", "append", &commons, "Large"], b"y");
    let words = appended.err().context("a page beyond its limit")?.to_string();
    ensure!(words.contains("5 MB"), "{words}");
    let out = story::exported(&device, &commons)?;
    ensure!(story::text_of(&out, "Large.md") == most, "the page is not as it was");
    Ok(())
}

/// Runs the program as a user whom the rights of files bind, as they do everybody but root.
fn bound_by_rights(device: &Device, args: &[&str]) -> Result<Output> {
    let mut command = if nix::unistd::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.arg("--bounding-set=-dac_override,-dac_read_search").arg(program()?);
        command
    } else {
        Command::new(program()?)
    };
    command.arg("--home").arg(device.home()).args(args).env("COMMONPLACE_BIND", "loopback");
    Ok(command.output()?)
}

#[test]
fn what_may_not_be_read_or_written_is_named() -> Result<()> {
    let device = Device::named(Place::Loopback, "Maren")?;
    let commons = story::found(&device, "The Kettle")?;
    let folder = device.beside("locked");
    fs::create_dir_all(folder.join("shut"))?;
    fs::write(folder.join("good.md"), "good\n")?;
    fs::write(folder.join("secret.md"), "nobody’s\n")?;
    fs::write(folder.join("shut/in.md"), "unseen\n")?;
    let rights = |place: &Path, mode| fs::set_permissions(place, fs::Permissions::from_mode(mode));
    rights(&folder.join("secret.md"), 0o000)?;
    rights(&folder.join("shut"), 0o000)?;
    let shown = folder.to_str().context("a folder's name")?;
    let done = bound_by_rights(&device, &["--json", "import", &commons, shown])?;
    ensure!(done.status.success(), "{done:?}");
    let report: ImportReport = serde_json::from_slice(&done.stdout)?;
    ensure!(report.made == 1, "{report:?}");
    let reason = |name: &str| report.skipped.iter().find(|s| s.path == name).map(|s| s.reason.as_str());
    for name in ["secret.md", "shut"] {
        ensure!(reason(name).is_some_and(|why| why.contains("cannot be read")), "{name}: {report:?}");
    }

    // A folder that cannot be read at all, and one that cannot be written into.
    rights(&folder, 0o000)?;
    let done = bound_by_rights(&device, &["import", &commons, shown])?;
    let words = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.code() == Some(1) && words.contains("may not read"), "{words}");
    rights(&folder, 0o500)?;
    let done = bound_by_rights(&device, &["export", &commons, &format!("{shown}/out")])?;
    let words = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.code() == Some(1) && words.contains("Nothing was written"), "{words}");
    rights(&folder, 0o700)?;
    rights(&folder.join("shut"), 0o700)?;
    ensure!(story::exported(&device, &commons)?.len() == 1, "something came or went");
    Ok(())
}

#[test]
fn an_export_writes_through_no_link() -> Result<()> {
    let device = Device::named(Place::Loopback, "Maren")?;
    let commons = story::found(&device, "The Kettle")?;
    story::page(&device, &commons, "guides/Tea", "tea\n")?;
    story::page(&device, &commons, "Rules", "rules\n")?;
    let precious = device.beside("precious");
    fs::create_dir(&precious)?;
    fs::write(precious.join("Rules.md"), "not to be touched\n")?;
    let (a_folder, a_file, dangling) = (device.beside("a"), device.beside("b"), device.beside("c"));
    for target in [&a_folder, &a_file, &dangling] {
        fs::create_dir(target)?;
    }
    symlink(&precious, a_folder.join("guides"))?;
    symlink(precious.join("Rules.md"), a_file.join("Rules.md"))?;
    symlink(precious.join("new.md"), dangling.join("Rules.md"))?;
    for target in [&a_folder, &a_file, &dangling] {
        let reason = device.refused([OsStr::new("export"), OsStr::new(&commons), target.as_os_str()])?;
        ensure!(reason.contains("is a link") && reason.contains("not touched"), "{reason}");
        let there = files(&precious)?;
        ensure!(there == [("Rules.md".into(), b"not to be touched\n".to_vec())], "written through a link: {there:?}");
    }
    // A link that was named by the person is where they want it.
    symlink(device.beside("elsewhere"), device.beside("named"))?;
    fs::create_dir(device.beside("elsewhere"))?;
    device.ok([OsStr::new("export"), OsStr::new(&commons), device.beside("named").as_os_str()])?;
    ensure!(files(&device.beside("elsewhere"))?.len() == 2, "not all is there");
    Ok(())
}

#[test]
fn a_page_and_a_folder_of_one_name_are_both_exported() -> Result<()> {
    let device = Device::named(Place::Loopback, "Maren")?;
    let commons = story::found(&device, "The Kettle")?;
    // The page `x` is the file `x.md`; so is the folder of the page `x.md/in`.
    for (name, text) in [("x", "a page\n"), ("x.md/in", "in it\n"), ("a.md/b.md/c", "deep\n"), ("a.md/b", "b\n")] {
        story::page(&device, &commons, name, text)?;
    }
    for (name, text) in
        [("Tea", "with a capital\n"), ("tea", "without\n"), ("caf\u{e9}", "one\n"), ("cafe\u{301}", "two\n")]
    {
        story::page(&device, &commons, name, text)?;
    }
    let target = device.beside("out");
    let shown = target.to_str().context("a name")?;
    let report: ExportReport = device.json(["export", &commons, shown])?;
    ensure!((report.written, report.renamed.len()) == (8, 2), "{report:?}");
    let mut texts: Vec<_> = files(&target)?.into_iter().map(|(_, text)| text).collect();
    texts.sort();
    let mut wanted: Vec<&[u8]> =
        vec![b"a page\n", b"in it\n", b"deep\n", b"b\n", b"with a capital\n", b"without\n", b"one\n", b"two\n"];
    wanted.sort_unstable();
    ensure!(texts == wanted, "{:?}", files(&target)?);
    // Where something else lies at a page's place, that is said and stays.
    fs::create_dir_all(device.beside("taken/tea.md/mine"))?;
    let taken = device.beside("taken");
    let reason = device.refused([OsStr::new("export"), OsStr::new(&commons), taken.as_os_str()])?;
    ensure!(reason.contains("is a folder already") && taken.join("tea.md/mine").is_dir(), "{reason}");
    fs::write(device.beside("file"), "mine\n")?;
    let file = device.beside("file");
    let reason = device.refused([OsStr::new("export"), OsStr::new(&commons), file.as_os_str()])?;
    ensure!(reason.contains("Nothing was written") && fs::read(&file)? == b"mine\n", "{reason}");
    Ok(())
}

/// Exports into a folder and gives what that did.
fn export(device: &Device, commons: &str, target: &Path, overwrite: bool) -> Result<ExportReport> {
    let mut args = vec!["export", commons, target.to_str().context("a name")?];
    args.extend(overwrite.then_some("--overwrite"));
    device.json(args)
}

#[test]
fn an_export_keeps_what_somebody_else_wrote() -> Result<()> {
    let device = Device::named(Place::Loopback, "Maren")?;
    let commons = story::found(&device, "The Kettle")?;
    for (name, text) in [("Rules", "rules\n"), ("guides/Tea", "tea\n"), ("guides/Milk", "milk\n")] {
        story::page(&device, &commons, name, text)?;
    }
    let target = device.beside("out");
    fs::create_dir(&target)?;
    fs::write(target.join("Rules.md"), "my own rules\n")?;
    let did = |report: &ExportReport| (report.written, report.same, report.kept.clone(), report.kept_total);
    let kept = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let first = export(&device, &commons, &target, false)?;
    ensure!(did(&first) == (2, 0, kept(&["Rules.md"]), 1), "{first:?}");
    ensure!(fs::read(target.join("Rules.md"))? == b"my own rules\n", "somebody’s file was overwritten");

    // Pages changed since then reach their files, if these are as the export wrote them.
    let changed = fs::metadata(target.join("guides/Milk.md"))?.modified()?;
    device.feed(["page", "write", &commons, "Tea"], b"green tea\n")?;
    let second = export(&device, &commons, &target, false)?;
    ensure!(did(&second) == (1, 1, kept(&["Rules.md"]), 1), "{second:?}");
    ensure!(fs::read(target.join("guides/Tea.md"))? == b"green tea\n", "the page did not reach its file");
    ensure!(fs::metadata(target.join("guides/Milk.md"))?.modified()? == changed, "an equal file was written again");
    device.feed(["page", "write", &commons, "Tea"], b"black tea\n")?;
    fs::write(target.join("guides/Tea.md"), "my tea\n")?;
    let third = export(&device, &commons, &target, false)?;
    ensure!(did(&third) == (0, 1, kept(&["Rules.md", "guides/Tea.md"]), 2), "{third:?}");

    // The folder holds pages and nothing else. Notes of no use make it careful, not bold.
    ensure!(files(&target)?.len() == 3, "something else than pages is in the folder");
    let notes: Vec<_> = fs::read_dir(device.home().join("exports"))?.collect::<Result<_, _>>()?;
    ensure!(notes.len() == 1, "notes of one folder: {notes:?}");
    fs::write(notes[0].path(), b"\xff\0 garbage\n../../../../etc/passwd\n")?;
    device.feed(["page", "write", &commons, "Milk"], b"oat milk\n")?;
    let fourth = export(&device, &commons, &target, false)?;
    ensure!(fourth.kept_total == 3 && fourth.written == 0, "{fourth:?}");
    let shown = target.to_str().context("a name")?;
    let other = story::found(&device, "Another")?;
    let taken: ImportReport = device.json(["import", &other, shown])?;
    ensure!((taken.made, taken.skipped_total) == (3, 0), "{taken:?}");

    // All is replaced when that is said, and known from then on.
    let fifth = export(&device, &commons, &target, true)?;
    ensure!(did(&fifth) == (3, 0, Vec::new(), 0), "{fifth:?}");
    let wanted = story::exported(&device, &commons)?;
    ensure!(files(&target)? == wanted, "not all was replaced");
    device.feed(["page", "write", &commons, "Rules"], b"new rules\n")?;
    let sixth = export(&device, &commons, &target, false)?;
    ensure!(did(&sixth) == (1, 2, Vec::new(), 0), "{sixth:?}");
    Ok(())
}

#[test]
fn a_file_of_an_earlier_export_is_not_taken_for_what_its_page_is_now() -> Result<()> {
    let device = Device::named(Place::Loopback, "Maren")?;
    let commons = story::found(&device, "The Kettle")?;
    let folder = device.beside("exported");
    let made = |text: &str| -> Result<String> {
        let row: PageRow = device.json(["page", "new", &commons, "Tea"])?;
        device.feed(["page", "write", &commons, &row.id], text.as_bytes())?;
        Ok(row.id)
    };
    let first = made("Boil.\n")?;
    device.ok(["page", "delete", &commons, &first])?;
    let second = made("Grind.\n")?;
    device.ok(["page", "restore", &commons, &first])?;
    export(&device, &commons, &folder, false)?;
    ensure!(
        !folder.join("Tea.md").exists() && files(&folder)?.len() == 2,
        "two pages of one name are in files with their ids"
    );
    device.ok(["page", "delete", &commons, &second])?;
    export(&device, &commons, &folder, false)?;
    fs::write(folder.join("Tea.md"), "Boil, and pour.\n")?;
    let report: ImportReport = device.json(["import", &commons, folder.to_str().context("a name")?])?;
    let shown: PageView = device.json(["page", "show", &commons, &first])?;
    ensure!(shown.body == "Boil, and pour.\n", "the page is {:?} now; {report:?}", shown.body);
    Ok(())
}

#[test]
fn an_empty_folder_is_named() -> Result<()> {
    let device = Device::named(Place::Loopback, "Maren")?;
    let commons = story::found(&device, "The Kettle")?;
    let folder = device.beside("empty");
    fs::create_dir(&folder)?;
    let done = device.run([OsStr::new("import"), OsStr::new(&commons), folder.as_os_str()])?;
    ensure!(done.status.success() && done.stderr.contains("no Markdown files"), "{done:?}");
    Ok(())
}
