//! What goes over the wire, counted by the loopback interface of a network of our own.

use std::{fs, process::Command};

use anyhow::Result;

/// Set in the process that has a network of its own.
const INSIDE: &str = "COMMONPLACE_BENCH_INSIDE";

/// Bytes and packets so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wire {
    pub(crate) bytes: f64,
    pub(crate) packets: f64,
}

/// Whether nothing but the bench uses this loopback interface.
pub(crate) fn is_own() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs this program again in a network of its own, if the system lets us; gives how it ended.
pub(crate) fn again_in_own_network() -> Result<Option<std::process::ExitStatus>> {
    for enter in ["-n", "-Urn"] {
        let may = Command::new("unshare").args([enter, "ip", "link", "set", "lo", "up"]).output();
        if may.is_ok_and(|done| done.status.success()) {
            let status = Command::new("unshare")
                .args([enter, "--kill-child", "--fork", "sh", "-c", r#"ip link set lo up && exec "$@""#, "sh"])
                .arg(std::env::current_exe()?)
                .args(std::env::args_os().skip(1))
                .env(INSIDE, "1")
                .status()?;
            return Ok(Some(status));
        }
    }
    Ok(None)
}

/// The counters now; nothing when they count others' traffic too.
pub(crate) fn now() -> Option<Wire> {
    if !is_own() {
        return None;
    }
    let text = fs::read_to_string("/proc/net/dev").ok()?;
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix("lo:"))?;
    let mut numbers = line.split_whitespace().map(str::parse::<f64>);
    Some(Wire { bytes: numbers.next()?.ok()?, packets: numbers.next()?.ok()? })
}

/// What went over the wire since then.
pub(crate) fn since(before: Option<Wire>) -> Option<Wire> {
    let (before, now) = before.zip(now())?;
    Some(Wire { bytes: now.bytes - before.bytes, packets: now.packets - before.packets })
}
