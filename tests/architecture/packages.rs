//! What is installed beside the programs, held to them: the unit and the container of an always-on device.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};
use cargo_metadata::TargetKind;
use commonplace_node::view::Status;
use commonplace_tests::cli::program;
use serde_json::Value;

use crate::{page::root, workspace};

const UNIT: &str = "src-tauri/bundle/commonplace-peer.service";
const CONTAINER: &str = "src-tauri/bundle/Containerfile";
const PROGRAM: &str = "/usr/bin/commonplace";
/// What a peer does without.
const HARDENED: [&str; 12] = [
    "NoNewPrivileges=yes",
    "PrivateUsers=yes",
    "PrivateTmp=yes",
    "ProtectSystem=strict",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "UMask=0077",
];
/// Libraries that the container's system has.
const LIBRARIES: [&str; 5] = ["linux-vdso", "libc.so", "libm.so", "libgcc_s.so", "ld-linux"];

fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| path.to_owned())
}

/// The values of a setting or an instruction, in order.
fn values<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(name)).map(|value| value.trim_start_matches(['=', ' '])).collect()
}

fn one<'a>(text: &'a str, name: &str) -> Result<&'a str> {
    match values(text, name)[..] {
        [value] => Ok(value),
        ref other => anyhow::bail!("{name} stands there {} times", other.len()),
    }
}

/// What the program says about these words of a command line.
fn understood(words: &[&str]) -> Result<()> {
    let done = Command::new(program()?).args(words).arg("--help").output()?;
    ensure!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

#[test]
fn the_unit_starts_what_is_there_and_lets_it_write_its_profile() -> Result<()> {
    let unit = read(UNIT)?;
    let words: Vec<_> = one(&unit, "ExecStart")?.split(' ').collect();
    ensure!(words[0] == PROGRAM, "another program: {words:?}");
    ensure!(words[1] == "peer", "another command: {words:?}");
    understood(&words[1..])?;
    let lines: BTreeSet<_> = unit.lines().collect();
    let lacking: Vec<_> = HARDENED.into_iter().filter(|setting| !lines.contains(setting)).collect();
    ensure!(lacking.is_empty(), "not in the unit: {lacking:?}");

    let home = tempfile::TempDir::with_prefix("commonplace-unit-")?;
    let mut ask = Command::new(program()?);
    ask.args(["--json", "--loopback", "status"]).env("HOME", home.path());
    let done = ask.env_remove("XDG_DATA_HOME").env_remove("COMMONPLACE_HOME").output()?;
    let status: Status = serde_json::from_slice(&done.stdout)?;
    for setting in ["ReadWritePaths", "ConditionPathExists"] {
        let place = one(&unit, setting)?.replace("%h", home.path().to_str().context("a name")?);
        ensure!(place == status.home, "{setting}: {place}, and the profile is in {}", status.home);
    }
    Ok(())
}

#[test]
fn systemd_understands_the_unit() -> Result<()> {
    let folder = tempfile::TempDir::with_prefix("commonplace-unit-")?;
    let verify = |name: &str, text: &str| -> Result<Option<Output>> {
        let file = folder.path().join(name);
        fs::write(&file, text)?;
        let mut verify = Command::new("systemd-analyze");
        verify.args(["verify", "--user", "--man=no"]).arg(&file).env("XDG_RUNTIME_DIR", folder.path());
        match verify.output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            done => Ok(Some(done?)),
        }
    };
    // It looks for the program too.
    let unit = read(UNIT)?.replace(PROGRAM, program()?.to_str().context("a name")?);
    let Some(done) = verify("commonplace-peer.service", &unit)? else {
        // Where there is no systemd, its words are held to what is written above.
        return Ok(());
    };
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    ensure!(done.status.success() && said.is_empty(), "{said}");
    let odd = verify("odd.service", &unit.replace("NoNewPrivileges", "NoNewPrivilege"))?.context("it was there")?;
    ensure!(String::from_utf8_lossy(&odd.stderr).contains("NoNewPrivilege"), "it overlooks what it does not know");
    Ok(())
}

#[test]
fn packages_install_what_is_there() -> Result<()> {
    let packages: Value = serde_json::from_str(&read("tauri.conf.json")?)?;
    for kind in ["deb", "rpm"] {
        let files = packages["bundle"]["linux"][kind]["files"].as_object().context("files of a package")?;
        let unit = files.get("/usr/lib/systemd/user/commonplace-peer.service").and_then(Value::as_str);
        ensure!(unit == Some(UNIT), "{kind} installs the unit from {unit:?}");
        ensure!(files.contains_key(PROGRAM), "{kind} does not install the program that the unit starts");
        // What is built on the way to a package is not there before.
        let sources = files.values().filter_map(Value::as_str).filter(|source| !source.starts_with("target/"));
        let gone: Vec<_> = sources.filter(|source| !root().join(source).is_file()).collect();
        ensure!(gone.is_empty(), "{kind} installs what is not there: {gone:?}");
    }
    Ok(())
}

#[test]
fn the_container_builds_what_is_there_and_starts_it_as_nobody_special() -> Result<()> {
    let container = read(CONTAINER)?;
    for copied in values(&container, "COPY").into_iter().filter(|copied| !copied.starts_with("--from")) {
        let sources: Vec<_> = copied.split(' ').collect();
        let sources = &sources[..sources.len() - 1];
        ensure!(sources.iter().all(|source| root().join(source).exists()), "copies what is not there: {copied}");
    }
    let workspace = workspace()?;
    let built = workspace.packages.iter().find(|package| package.name.as_str() == "commonplace-cli");
    let targets = &built.context("the command line")?.targets;
    let is_it = |kind: &TargetKind| *kind == TargetKind::Bin;
    ensure!(targets.iter().any(|target| target.name == "commonplace" && target.kind.iter().any(is_it)), "no program");
    let run = values(&container, "RUN");
    ensure!(run.contains(&"cargo build --release --locked -p commonplace-cli --bin commonplace"), "{run:?}");
    // Every member of the workspace has its manifest there.
    for package in &workspace.packages {
        let place = package.manifest_path.as_std_path().strip_prefix(root())?.to_owned();
        let first = place.iter().next().and_then(|first| first.to_str()).context("a place")?;
        let copied = values(&container, "COPY").iter().any(|line| line.split(' ').any(|word| word == first));
        ensure!(copied, "{} is not copied", place.display());
    }

    let words: Vec<String> = serde_json::from_str(one(&container, "ENTRYPOINT")?)?;
    ensure!(words == [PROGRAM], "starts {words:?}");
    let words: Vec<String> = serde_json::from_str(one(&container, "CMD")?)?;
    understood(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
    ensure!(!["root", "0"].contains(&one(&container, "USER")?), "it runs as root");
    let home = one(&container, "ENV")?;
    ensure!(home == format!("COMMONPLACE_HOME={}", one(&container, "VOLUME")?), "what is kept is not the profile");
    Ok(())
}

#[test]
fn the_command_line_needs_no_library_of_a_desktop() -> Result<()> {
    let done = Command::new("ldd").arg(program()?).output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let needed = String::from_utf8(done.stdout)?;
    let name =
        |line: &str| Path::new(line.split_whitespace().next().unwrap_or_default()).file_name().map(ToOwned::to_owned);
    for library in needed.lines().filter_map(name) {
        let library = library.to_string_lossy();
        ensure!(LIBRARIES.iter().any(|known| library.starts_with(known)), "the container has no {library}");
    }
    Ok(())
}
