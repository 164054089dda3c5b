//! Processes that end with whoever holds them.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// A process and all that it started, ended when this is dropped.
#[derive(Debug)]
pub(super) struct Group {
    leader: Child,
}

impl Group {
    /// Starts `command` as the head of a group of its own.
    pub(super) fn start(command: &mut Command) -> std::io::Result<Self> {
        Ok(Self { leader: command.process_group(0).spawn()? })
    }

    /// Number of the process at its head.
    pub(super) fn id(&self) -> u32 {
        self.leader.id()
    }

    /// The head of the group.
    pub(super) fn leader(&mut self) -> &mut Child {
        &mut self.leader
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Both fail only when all of them have ended already, which is what is wanted.
        let _ = killpg(pid(self.leader.id()), Signal::SIGKILL);
        let _ = self.leader.wait();
    }
}

/// The running process of `binary` that has `argument` on its command line.
pub(super) fn find(binary: &Path, argument: &str) -> Option<Pid> {
    let name = binary.as_os_str().as_encoded_bytes();
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let mut words = line.split(|byte| *byte == 0);
        let is_it = words.next()? == name && words.any(|word| word == argument.as_bytes());
        is_it.then(|| pid(number))
    })
}

/// The processes that this one started and that are called so, cut to the 15 bytes that the system keeps of a name.
pub(super) fn children(of: Pid, name: &str) -> Vec<Pid> {
    let name = name.get(..15).unwrap_or(name);
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    let is_it = |entry: fs::DirEntry| {
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        (line("Name:") == Some(name) && line("PPid:") == Some(&of.to_string())).then(|| pid(number))
    };
    all.flatten().filter_map(is_it).collect()
}

/// Whether the process has ended. One that has ended and was not yet collected by its parent has.
pub(super) fn ended(process: Pid) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{process}/stat")) else { return true };
    // The state follows the name, which stands in parentheses and may contain anything.
    status.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z') || rest.starts_with('X'))
}

/// Sends a signal.
pub(super) fn signal(process: Pid, signal: Signal) -> nix::Result<()> {
    kill(process, signal)
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.cast_signed())
}
