//! Profiles that cannot be opened.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use commonplace_node::view::Status;
use commonplace_tests::{
    cli::{Device, Place},
    patience::until,
    story,
};
use nix::sys::signal::Signal;
use rusqlite::Connection;

const DATABASE: &str = "profile.db";
const TEXT: &str = "Who empties it, fills it.\n";

fn with_a_page() -> Result<(Device, String)> {
    let device = Device::named(Place::Loopback, "Maren")?;
    let commons = story::found(&device, "The Kettle")?;
    story::page(&device, &commons, "Rules", TEXT)?;
    Ok((device, commons))
}

fn still_there(device: &Device, commons: &str) -> Result<()> {
    ensure!(
        story::exported(device, commons)? == [(PathBuf::from("Rules.md"), TEXT.into())],
        "the page is not as it was"
    );
    Ok(())
}

#[test]
fn a_command_goes_through_whoever_has_the_profile() -> Result<()> {
    let (device, commons) = with_a_page()?;
    let peer = device.peer()?;
    still_there(&device, &commons)?;
    // A second peer watches, and takes over when the first ends.
    let second = device.peer()?;
    peer.stop()?;
    story::page(&device, &commons, "Later", "written through the second\n")?;
    // A command that comes before it may have had the profile for a moment itself.
    until("the second peer to take over", Duration::from_secs(30), || {
        let status: Status = device.json(["status"])?;
        Ok(status.online.then_some(()))
    })?;
    device.ok(["page", "delete", &commons, "Later"])?;
    second.stop()?;
    still_there(&device, &commons)
}

#[test]
fn a_profile_in_use_by_a_program_that_does_not_answer_is_refused() -> Result<()> {
    let (device, commons) = with_a_page()?;
    let peer = device.peer()?;
    peer.signal(Signal::SIGSTOP)?;
    let start = Instant::now();
    let refused = device.refused(["list"]);
    let took = start.elapsed();
    peer.signal(Signal::SIGCONT)?;
    let reason = refused?;
    ensure!(took < Duration::from_secs(60), "waited {took:?}");
    ensure!(reason.contains("answer") || reason.contains("already running"), "{reason}");
    still_there(&device, &commons)?;
    peer.stop()
}

#[test]
fn a_killed_holder_leaves_the_profile_usable() -> Result<()> {
    let (device, commons) = with_a_page()?;
    device.peer()?.kill()?;
    still_there(&device, &commons)
}

#[test]
fn a_profile_of_a_newer_version_is_refused_and_left_alone() -> Result<()> {
    let (device, commons) = with_a_page()?;
    let database = device.home().join(DATABASE);
    let open = || Connection::open(&database);
    let version: u32 = open()?.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    open()?.pragma_update(None, "user_version", 9_999)?;
    let before = fs::read(&database)?;
    for command in ["status", "list"] {
        let reason = device.refused([command])?;
        ensure!(reason.contains("newer version") && reason.contains("Nothing was changed"), "{reason}");
    }
    ensure!(fs::read(&database)? == before, "the database was written");
    open()?.pragma_update(None, "user_version", version)?;
    still_there(&device, &commons)
}

#[test]
fn a_damaged_database_is_refused_and_left_alone() -> Result<()> {
    let (device, commons) = with_a_page()?;
    let database = device.home().join(DATABASE);
    // What was not yet in the file itself would otherwise be lost by this test, not by the program.
    Connection::open(&database)?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let good = fs::read(&database)?;
    let garbage: Vec<u8> = (0..good.len()).map(|at| u8::try_from((at * 31 + 7) % 251).unwrap_or_default()).collect();
    fs::write(&database, &garbage)?;
    for command in ["status", "list"] {
        let reason = device.refused([command])?;
        ensure!(reason.contains("damaged"), "{reason}");
        ensure!(reason.contains("backup") || reason.contains("join again"), "what to do is not said: {reason}");
    }
    ensure!(fs::read(&database)? == garbage, "a damaged database was written");
    fs::write(&database, &good)?;
    still_there(&device, &commons)
}

#[test]
fn a_database_cut_short_loses_nothing_more() -> Result<()> {
    let (device, _) = with_a_page()?;
    let database = device.home().join(DATABASE);
    Connection::open(&database)?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let good = fs::read(&database)?;
    fs::write(&database, &good[..good.len() / 2])?;
    let reason = device.refused(["list"])?;
    ensure!(reason.contains("damaged"), "{reason}");
    ensure!(fs::read(&database)? == good[..good.len() / 2], "a damaged database was written");
    Ok(())
}

#[test]
fn where_one_page_cannot_be_taken_back_in_the_others_are_and_it_is_named() -> Result<()> {
    let (device, commons) = with_a_page()?;
    story::page(&device, &commons, "Tea", "Leaves.\n")?;
    for page in ["Rules", "Tea"] {
        device.ok(["page", "append", &commons, page, "Buy my kettles!"])?;
    }
    // The newest change of the first page is not what it was any more.
    let database = Connection::open(device.home().join(DATABASE))?;
    let newest = "SELECT max(c.no) FROM change c JOIN page p ON p.doc = c.no >> 32 WHERE p.title = 'Rules'";
    let broken = database.execute(&format!("UPDATE change SET bytes = x'8569' WHERE no = ({newest})"), [])?;
    ensure!(broken == 1, "{broken} changes were damaged");
    drop(database);
    let revert = ["revert", &commons, "--all-by", "Maren", "--since", "1h"];
    let done = device.run(revert)?;
    ensure!(done.status.code() == Some(1), "{:?}", done.status);
    ensure!(done.stdout.contains("Rules: not done."), "{}", done.stdout);
    ensure!(done.stdout.contains("Tea: ") && done.stdout.contains("taken out"), "{}", done.stdout);
    ensure!(!device.ok(["page", "show", &commons, "Tea"])?.contains("kettles"), "the other page is as it was");
    Ok(())
}

#[test]
fn a_database_that_is_gone_is_not_made_anew() -> Result<()> {
    let (device, commons) = with_a_page()?;
    let database = device.home().join(DATABASE);
    Connection::open(&database)?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let good = fs::read(&database)?;
    let refused = || -> Result<()> {
        for command in ["status", "list", "doctor"] {
            let reason = device.refused([command])?;
            ensure!(reason.contains("gone or empty") && reason.contains("backup"), "{reason}");
        }
        Ok(())
    };
    fs::write(&database, "")?;
    refused()?;
    ensure!(fs::read(&database)?.is_empty(), "a new profile was made over what is left of the old one");
    fs::remove_file(&database)?;
    refused()?;
    ensure!(!database.exists(), "a new profile was made over what is left of the old one");
    fs::write(&database, good)?;
    still_there(&device, &commons)
}

#[test]
fn a_key_that_is_gone_or_anothers_is_not_made_anew() -> Result<()> {
    let (device, commons) = with_a_page()?;
    let key = device.home().join("device.key");
    let good = fs::read(&key)?;
    let refused = |why: &str| -> Result<()> {
        for command in ["status", "list", "peer"] {
            let reason = device.refused([command])?;
            ensure!(reason.contains("key") && reason.contains(why) && reason.contains("backup"), "{reason}");
        }
        Ok(())
    };
    fs::remove_file(&key)?;
    refused("is gone")?;
    ensure!(!key.exists(), "a new key was made, and the pages are nobody's");
    // All of its bytes are there, and one of them is another.
    let mut other = good.clone();
    other[7] ^= 1;
    fs::write(&key, &other)?;
    refused("not the one of this profile")?;
    fs::write(&key, good)?;
    still_there(&device, &commons)
}

#[test]
fn a_log_that_is_damaged_takes_nothing_with_it_that_was_in_the_database() -> Result<()> {
    let (device, commons) = with_a_page()?;
    let log = device.home().join("profile.db-wal");
    let damages: [fn(&mut Vec<u8>); 3] = [|log| log.truncate(5_000), |log| log[40..].fill(0x5a), |log| log.fill(0xff)];
    for damage in damages {
        let peer = device.peer()?;
        device.ok(["page", "rename", &commons, "Rules", "Other"])?;
        device.ok(["page", "rename", &commons, "Other", "Rules"])?;
        peer.kill()?;
        let mut bytes = fs::read(&log)?;
        damage(&mut bytes);
        fs::write(&log, bytes)?;
        let pages = story::exported(&device, &commons)?;
        ensure!(pages.len() == 1 && pages[0].1 == TEXT.as_bytes(), "{pages:?}");
        // What is written from now on is kept.
        story::page(&device, &commons, "Later", "later\n")?;
        device.ok(["page", "delete", &commons, "Later"])?;
        device.ok(["doctor"])?;
        if !pages[0].0.ends_with("Rules.md") {
            device.ok(["page", "rename", &commons, "Other", "Rules"])?;
        }
    }
    still_there(&device, &commons)
}

#[test]
fn a_damaged_key_is_refused() -> Result<()> {
    let (device, commons) = with_a_page()?;
    let key = device.home().join("device.key");
    let good = fs::read(&key)?;
    fs::write(&key, "no key")?;
    let reason = device.refused(["list"])?;
    ensure!(reason.contains("key"), "{reason}");
    fs::write(&key, good)?;
    still_there(&device, &commons)
}

#[test]
fn nobody_else_can_read_a_profile_even_where_they_see_its_folder() -> Result<()> {
    let device = Device::new(Place::Loopback)?;
    fs::create_dir(device.home())?;
    fs::set_permissions(device.home(), fs::Permissions::from_mode(0o755))?;
    device.ok(["init", "--name", "Maren"])?;
    let peer = device.peer()?;
    for name in [DATABASE, "profile.db-wal", "device.key"] {
        let mode = fs::metadata(device.home().join(name))?.permissions().mode();
        ensure!(mode & 0o077 == 0, "{name} has the rights {mode:o}");
    }
    peer.stop()
}

#[test]
fn a_home_that_is_a_file_is_refused() -> Result<()> {
    let device = Device::new(Place::Loopback)?;
    let file = device.beside("file");
    fs::write(&file, "not a folder")?;
    let device = device.at(file.clone());
    let reason = device.refused(["init", "--name", "Maren"])?;
    ensure!(reason.contains("is not a folder") && reason.contains("Nothing was changed"), "{reason}");
    ensure!(fs::read(&file)? == b"not a folder", "the file was written");
    Ok(())
}
