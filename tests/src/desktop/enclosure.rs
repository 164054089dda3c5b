//! Namespaces around a story, so that nothing of it touches the machine and nothing of it outlives the process.
//!
//! The process starts itself again as the first process of new namespaces (processes, mounts, network; and users, when it
//! is not root). The first process of a process namespace takes all others in it along when it ends. It ends when the
//! story does, when `unshare` is killed, or when its standard input closes, which happens when the outer process is gone, by
//! whatever death. In its own mount namespace `/tmp` is empty and in memory, so sockets, locks and profiles vanish likewise.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::skipped::skipped;

/// Set for the inner process.
const INNER: &str = "COMMONPLACE_ENCLOSED";
/// Where everything passing is kept.
const TMP: &str = "/tmp";
/// Exit code of an inner process that lost its outer one.
const ABANDONED: i32 = 130;

/// How the story went, as the outer process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was told to its end.
    Done,
    /// The machine lacks something without which it cannot be told at all.
    Skipped(String),
}

/// What the story needs besides namespaces.
const PROGRAMS: [&str; 6] = ["Xvfb", "WebKitWebDriver", "dbus-run-session", "ip", "nsenter", "unshare"];

/// Tells `story` inside an enclosure. `arguments` make this program tell the same story when it is started again.
///
/// # Errors
/// When the story fails.
pub fn enclose(arguments: &[&str], story: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Outcome> {
    if std::env::var_os(INNER).is_some() {
        prepare()?;
        return story().map(|()| Outcome::Done);
    }
    if let Err(reason) = possible() {
        return Ok(Outcome::Skipped(reason));
    }
    let mut inner = Command::new("unshare")
        .args(flags())
        .arg("--")
        .arg(std::env::current_exe().context("this program has no path")?)
        .args(arguments)
        .env(INNER, "1")
        .env("TMPDIR", TMP)
        .stdin(Stdio::piped())
        .spawn()
        .context("unshare could not be started")?;
    // Held open as long as this process lives, and not a moment longer.
    let leash = inner.stdin.take();
    let status = inner.wait()?;
    drop(leash);
    ensure!(status.success(), "the enclosed story failed ({status}); what it said stands above");
    Ok(Outcome::Done)
}

/// [`enclose`] for a test of this name in a program with the standard test harness. Where it cannot be told it says so
/// loudly, and fails with `CI` set.
///
/// # Errors
/// When the story fails, or cannot be told with `CI` set.
pub fn enclosed_test(name: &str, story: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let arguments = [name, "--exact", "--nocapture", "--test-threads=1", "--include-ignored"];
    match enclose(&arguments, story)? {
        Outcome::Done => Ok(()),
        Outcome::Skipped(reason) => skipped(&format!("windows, {name}"), &reason),
    }
}

fn flags() -> Vec<&'static str> {
    let mut flags =
        vec!["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"];
    if !nix::unistd::geteuid().is_root() {
        flags.extend(["--user", "--map-root-user"]);
    }
    flags
}

/// Whether this machine can do it; otherwise why not.
fn possible() -> Result<(), String> {
    let missing: Vec<_> = PROGRAMS.into_iter().filter(|program| !installed(program)).collect();
    if !missing.is_empty() {
        return Err(format!("not installed: {} (scripts/setup.sh build test gets them)", missing.join(", ")));
    }
    let mounting = "ip link set lo up && ip link add commons type bridge && mount -t tmpfs tmpfs /tmp";
    let tried = Command::new("unshare").args(flags()).args(["--", "sh", "-c", mounting]).stdin(Stdio::null()).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "this machine lets no namespaces be made: {}",
            String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")
        )),
        Err(error) => Err(format!("unshare could not be started: {error}")),
    }
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .any(|dir| dir.join(program).is_file())
}

/// Makes the inside habitable: the leash, loopback, an empty `/tmp`.
fn prepare() -> anyhow::Result<()> {
    std::thread::spawn(|| {
        let mut nothing = [0u8; 64];
        while matches!(std::io::stdin().read(&mut nothing), Ok(read) if read > 0) {}
        // The outer process is gone; with this one all others in the namespace end too.
        std::process::exit(ABANDONED);
    });
    run(&["ip", "link", "set", "lo", "up"])?;
    empty_tmp()
}

/// Puts a `/tmp` in memory over the machine's. What of this checkout lies in the machine's stays in sight.
fn empty_tmp() -> anyhow::Result<()> {
    let needed = [
        std::env::current_exe()?,
        std::env::current_dir()?,
        super::installation::desktop_binary()?,
        PathBuf::from(env!("CARGO_MANIFEST_DIR")),
    ];
    let kept: BTreeSet<PathBuf> = needed.iter().filter_map(|path| entry_of_tmp(path)).collect();
    // An open folder is still itself when another file system has come to lie over its path.
    let open: Vec<_> = kept.iter().map(|entry| File::open(Path::new(TMP).join(entry))).collect::<Result<_, _>>()?;
    run(&["mount", "-t", "tmpfs", "-o", "mode=1777,size=1g", "tmpfs", TMP])?;
    for (entry, folder) in kept.iter().zip(&open) {
        let place = Path::new(TMP).join(entry);
        std::fs::create_dir(&place)?;
        let itself = format!("/proc/{}/fd/{}", std::process::id(), folder.as_raw_fd());
        run(&["mount", "--no-canonicalize", "--rbind", &itself, &place.to_string_lossy()])?;
    }
    Ok(())
}

/// The entry of `/tmp` in which `path` lies, if it does.
fn entry_of_tmp(path: &Path) -> Option<PathBuf> {
    match path.strip_prefix(TMP).ok()?.components().next()? {
        Component::Normal(entry) => Some(PathBuf::from(entry)),
        _ => None,
    }
}

/// Runs a command that has to succeed.
pub(super) fn run(command: &[&str]) -> anyhow::Result<()> {
    let (program, arguments) = command.split_first().context("an empty command")?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{program} could not be started"))?;
    if !output.status.success() {
        bail!("{}: {}", command.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_tmp_is_found() {
        assert_eq!(entry_of_tmp(Path::new("/tmp/clone/target/debug/demo")), Some(PathBuf::from("clone")));
        assert_eq!(entry_of_tmp(Path::new("/home/maren/tmp/clone")), None);
        assert_eq!(entry_of_tmp(Path::new("/tmp")), None);
    }
}
