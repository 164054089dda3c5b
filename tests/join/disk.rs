//! Disks that are full or cannot be written, made of mounts that only one process sees.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use commonplace_tests::{
    cli::{Device, Place, files, program},
    corpus,
    skipped::skipped,
    story,
};

/// What a step of a script left behind.
struct Step {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs a shell script with mounts of its own; nothing where this system does not let us.
///
/// In it, `$program`, `$home` and `$out` are set, and `step NAME ARGS…` runs the program and keeps what it said.
fn with_mounts(device: &Device, script: &str, values: &[(&str, &str)]) -> Result<Option<()>> {
    let root = nix::unistd::geteuid().is_root();
    let enter = if root { "-m" } else { "-rm" };
    let may = |mount: &str| {
        let tried = Command::new("unshare").args([enter, "sh", "-c", mount]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    if !may("mount -t tmpfs tmpfs /mnt") {
        return Ok(None);
    }
    let out = device.beside("out");
    fs::create_dir_all(&out)?;
    let prelude = r#"set -u
step() { name=$1; shift; "$program" --home "$home" "$@" >"$out/$name.stdout" 2>"$out/$name.stderr"; echo $? >"$out/$name.code"; }
"#;
    let done = Command::new("unshare")
        .args([enter, "sh", "-c", &format!("{prelude}{script}")])
        .env("program", program()?)
        .env("home", device.home())
        .env("out", &out)
        .env("COMMONPLACE_BIND", "loopback")
        .envs(values.iter().copied())
        .stdin(Stdio::null())
        .output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(Some(()))
}

fn step(device: &Device, name: &str) -> Result<Step> {
    let read = |what: &str| fs::read_to_string(device.beside("out").join(format!("{name}.{what}")));
    let code = read("code").with_context(|| format!("the step {name} was not reached"))?;
    Ok(Step { code: code.trim().parse()?, stdout: read("stdout")?, stderr: read("stderr")? })
}

fn why() -> Result<()> {
    skipped("join::disk", "this system lets nobody make mounts of their own (unshare -m)")
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a name")
}

#[test]
fn a_full_disk_is_told_and_what_was_stored_stays() -> Result<()> {
    let device = Device::named(Place::Loopback, "Maren")?;
    let commons = story::found(&device, "The Kettle")?;
    story::page(&device, &commons, "Rules", "Who empties it, fills it.\n")?;
    // As much text as cannot fit.
    let folder = device.beside("large");
    fs::create_dir_all(&folder)?;
    for page in 0..40_u32 {
        let line = |n: u32| format!("{:x} ", (n + page).wrapping_mul(2_654_435_761));
        fs::write(folder.join(format!("large {page}.md")), (0..20_000).map(line).collect::<String>())?;
    }
    let script = r#"
cp -a "$home" "$home.kept"
mount -t tmpfs -o size=3m tmpfs "$home"
cp -a "$home.kept/." "$home"
step full --json import "$commons" "$large"
step list --json page list "$commons"
step show --json page show "$commons" Rules
dd if=/dev/zero of="$home/fill" bs=1k 2>/dev/null
step brim page append "$commons" Rules more
rm "$home/fill" && rm -r "$home.kept"
step after page show "$commons" Rules
umount "$home" 2>/dev/null || true
"#;
    if with_mounts(&device, script, &[("commons", &commons), ("large", text(&folder)?)])?.is_none() {
        return why();
    }
    let full = step(&device, "full")?;
    ensure!(full.code == 1, "{}: {}{}", full.code, full.stdout, full.stderr);
    ensure!(full.stderr.contains("full") && full.stderr.contains("safe"), "{}", full.stderr);
    for name in ["list", "show"] {
        let after = step(&device, name)?;
        ensure!(after.code == 0, "{name} on a full disk: {}", after.stderr);
    }
    ensure!(step(&device, "show")?.stdout.contains("Who empties it, fills it."), "the page is not as it was");
    // Not a byte is left, not even for opening the profile.
    let brim = step(&device, "brim")?;
    ensure!(brim.code == 1 && brim.stderr.contains("full") && brim.stderr.contains("safe"), "{}", brim.stderr);
    ensure!(step(&device, "after")?.stdout == "Who empties it, fills it.\n", "the page is not as it was");
    Ok(())
}

#[test]
fn a_profile_begun_on_a_full_disk_is_made_when_there_is_room() -> Result<()> {
    let device = Device::new(Place::Loopback)?;
    fs::create_dir(device.home())?;
    // Each time a little further, to wherever that is.
    let script = r#"
for size in 4 8 16 24 32 40 48 64 80 96 112 128 144 160 176 192 208 256 320; do
    mount -t tmpfs -o size="$size"k tmpfs "$home"
    step "full-$size" init --name Maren
    mount -o remount,size=20m "$home"
    step "room-$size" init --name Maren
    umount "$home"
done
"#;
    if with_mounts(&device, script, &[])?.is_none() {
        return why();
    }
    let mut refused = 0;
    for size in [4, 8, 16, 24, 32, 40, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 256, 320] {
        let full = step(&device, &format!("full-{size}"))?;
        ensure!(full.code == 0 || full.stderr.contains("The disk is full."), "{size} KB: {}", full.stderr);
        refused += i32::from(full.code != 0);
        let room = step(&device, &format!("room-{size}"))?;
        ensure!(room.code == 0, "with room, after a disk of {size} KB: {}", room.stderr);
    }
    ensure!(refused > 3, "the disks were not full");
    Ok(())
}

#[test]
fn a_profile_that_cannot_be_written_is_told_and_left_alone() -> Result<()> {
    let device = Device::named(Place::Loopback, "Maren")?;
    let commons = story::found(&device, "The Kettle")?;
    story::page(&device, &commons, "Rules", "Who empties it, fills it.\n")?;
    let before = files(device.home())?;
    let script = r#"
mount --bind "$home" "$home"
mount -o remount,bind,ro "$home"
step new page new "$commons" Other
step peer peer --for 1
"#;
    if with_mounts(&device, script, &[("commons", &commons)])?.is_none() {
        return why();
    }
    for name in ["new", "peer"] {
        let done = step(&device, name)?;
        ensure!(done.code == 1, "{name}: {} {}", done.code, done.stderr);
        ensure!(
            done.stderr.contains("cannot be written") || done.stderr.contains("read-only"),
            "{name}: {}",
            done.stderr
        );
    }
    ensure!(files(device.home())? == before, "written all the same");
    ensure!(story::exported(&device, &commons)?.len() == 1, "the page is not there");
    Ok(())
}

#[test]
fn an_export_onto_a_full_disk_is_told() -> Result<()> {
    let device = Device::named(Place::Loopback, "Maren")?;
    let commons = story::found(&device, "The Kettle")?;
    let folder = device.beside("pages");
    corpus::write(&folder, 200)?;
    story::import(&device, &commons, &folder)?;
    let target = device.beside("target");
    fs::create_dir(&target)?;
    let script = r#"
mount -t tmpfs -o size=64k tmpfs "$target"
step export export "$commons" "$target"
cp -a "$target/." "$out/partly"
"#;
    if with_mounts(&device, script, &[("commons", &commons), ("target", text(&target)?)])?.is_none() {
        return why();
    }
    let export = step(&device, "export")?;
    ensure!(export.code == 1, "{}: {}{}", export.code, export.stdout, export.stderr);
    ensure!(export.stderr.contains("could not be written"), "{}", export.stderr);
    // What could be written is whole.
    let wanted = files(&folder)?;
    let there = files(&device.beside("out").join("partly"))?;
    ensure!(!there.is_empty() && there.iter().all(|file| wanted.contains(file)), "a part of a file was left behind");
    ensure!(story::exported(&device, &commons)? == files(&folder)?, "the commons is not as it was");
    Ok(())
}
