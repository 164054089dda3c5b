//! Devices: a profile each, and the built `commonplace` program run on it.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

/// No command may take longer: a suite must end.
const LIMIT: Duration = Duration::from_secs(180);
/// A `peer` ends by itself after so long, should everything that ought to stop it be gone.
const PEER_FOR: Duration = Duration::from_secs(600);

/// The built program: beside the suite's own, in the same target folder.
///
/// # Errors
/// When it has not been built.
pub fn program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join("commonplace")).find(|path| path.is_file());
    beside.with_context(|| {
        format!("there is no `commonplace` beside {}: build it first (cargo build -p commonplace-cli)", own.display())
    })
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it said beside it.
    pub stderr: String,
}

/// Where a device's processes run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On this machine, and on its loopback interface only.
    Loopback,
    /// In a network namespace.
    Namespace(String),
}

/// A device: a profile in a folder of its own, and where its processes run.
#[derive(Debug)]
pub struct Device {
    home: PathBuf,
    place: Place,
    variables: Vec<(String, PathBuf)>,
    names_from: Option<PathBuf>,
    _dir: TempDir,
}

impl Device {
    /// A fresh device without a profile.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn new(place: Place) -> Result<Self> {
        let dir = TempDir::with_prefix("commonplace-")?;
        Ok(Self { home: dir.path().join("home"), place, variables: Vec::new(), names_from: None, _dir: dir })
    }

    /// A device whose person has a name.
    ///
    /// # Errors
    /// When that cannot be stored.
    pub fn named(place: Place, name: &str) -> Result<Self> {
        let device = Self::new(place)?;
        device.ok(["init", "--name", name])?;
        Ok(device)
    }

    /// The same device with its profile in another folder.
    #[must_use]
    pub fn at(mut self, home: PathBuf) -> Self {
        self.home = home;
        self
    }

    /// The same device, whose processes have one more variable.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &Path) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same device, whose processes find this in the place of `/etc/resolv.conf`; in a namespace only.
    #[must_use]
    pub fn with_names_from(mut self, file: &Path) -> Self {
        self.names_from = Some(file.to_owned());
        self
    }

    /// The profile's folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A place for files beside the profile.
    pub fn beside(&self, name: &str) -> PathBuf {
        self._dir.path().join(name)
    }

    fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<Command> {
        let program = program()?;
        let mut command = match &self.place {
            Place::Loopback => {
                let mut command = Command::new(program);
                command.env("COMMONPLACE_BIND", "loopback");
                command
            }
            Place::Namespace(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]);
                if let Some(file) = &self.names_from {
                    // `ip netns exec` gives each process mounts of its own.
                    let script = r#"mount --bind "$0" /etc/resolv.conf && exec "$@""#;
                    command.args(["sh", "-c", script]).arg(file);
                }
                command.arg(program);
                command
            }
        };
        command.arg("--home").arg(&self.home).args(args);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env_remove("COMMONPLACE_HOME").stdin(Stdio::null());
        Ok(command)
    }

    /// Carries a command out, whatever comes of it.
    ///
    /// # Errors
    /// When it cannot be started or takes far too long.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<Done> {
        finish(self.command(args)?, None)
    }

    /// Carries a command out with this on its standard input.
    ///
    /// # Errors
    /// When it fails.
    pub fn feed<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, input: &[u8]) -> Result<String> {
        let mut command = self.command(args)?;
        command.stdin(Stdio::piped());
        succeeded(finish(command, Some(input.to_vec()))?)
    }

    /// Carries a command out and gives what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub fn ok<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<String> {
        succeeded(self.run(args)?)
    }

    /// Carries a command out with `--json` and reads its answer.
    ///
    /// # Errors
    /// When it fails, or answers with something else.
    pub fn json<T: DeserializeOwned>(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<T> {
        let mut all = vec![OsStr::new("--json").to_owned()];
        all.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        let printed = self.ok(&all)?;
        serde_json::from_str(&printed).with_context(|| format!("the answer to {all:?}: {printed}"))
    }

    /// Carries out a command that is to be refused, and gives the reason.
    ///
    /// # Errors
    /// When it is not refused with exit code 1 and a reason.
    pub fn refused<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<String> {
        let done = self.run(args)?;
        ensure!(done.status.code() == Some(1), "to be refused with exit code 1: {done:?}");
        ensure!(!done.stderr.trim().is_empty(), "refused without a reason");
        ensure!(!done.stderr.contains("panicked"), "refused by falling over: {}", done.stderr);
        Ok(done.stderr)
    }

    /// Starts a command and does not wait for it. Dropping it stops it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<Peer> {
        let mut command = self.command(args)?;
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Peer { child: command.spawn()? })
    }

    /// Starts an always-on device on this profile, and returns when it answers.
    ///
    /// # Errors
    /// When it ends at once.
    pub fn peer(&self) -> Result<Peer> {
        self.peer_for(PEER_FOR)
    }

    /// The same, for as long as a story may take.
    ///
    /// # Errors
    /// When it ends at once.
    pub fn peer_for(&self, limit: Duration) -> Result<Peer> {
        let mut command = self.command(["peer", "--for", &limit.as_secs().to_string()])?;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        // Its first line says that it has the profile open. Before that no command may be run: it would take the profile.
        let (said, heard) = mpsc::channel();
        let streams: [Option<Box<dyn Read + Send>>; 2] =
            [child.stdout.take().map(|s| Box::new(s) as _), child.stderr.take().map(|s| Box::new(s) as _)];
        for stream in streams.into_iter().flatten() {
            let said = said.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    // Nobody listens after the first line; reading on keeps the pipe from filling up.
                    let _ = said.send(line);
                }
            });
        }
        drop(said);
        let peer = Peer { child };
        let first = heard.recv_timeout(LIMIT);
        ensure!(first.is_ok(), "the peer ended, or said nothing: {:?}", first.err());
        Ok(peer)
    }
}

/// A process of a device that runs, most often a `commonplace peer`. Dropping it stops it.
#[derive(Debug)]
pub struct Peer {
    child: Child,
}

impl Peer {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would.
    ///
    /// # Errors
    /// When it had ended before.
    pub fn kill(mut self) -> Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "the peer had ended by itself");
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end, as the system does when it shuts down.
    ///
    /// # Errors
    /// When it does not end, or not well.
    pub fn stop(mut self) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let status =
            crate::patience::until("the peer to stop", Duration::from_secs(20), || Ok(self.child.try_wait()?))?;
        ensure!(status.success(), "the peer ended with {status}");
        Ok(())
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?;
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn succeeded(done: Done) -> Result<String> {
    ensure!(done.status.success(), "{}\n{}{}", done.status, done.stdout, done.stderr);
    Ok(done.stdout)
}

/// Runs a command to its end, or kills it when that is far off.
fn finish(mut command: Command, input: Option<Vec<u8>>) -> Result<Done> {
    let shown = format!("{command:?}");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().with_context(|| shown.clone())?;
    if let (Some(input), Some(stdin)) = (input, child.stdin.take()) {
        thread::spawn(move || write_all(stdin, &input));
    }
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    let (ended, wait) = mpsc::channel();
    thread::spawn(move || ended.send(child.wait_with_output()));
    let Ok(output) = wait.recv_timeout(LIMIT) else {
        let _ = kill(pid, Signal::SIGKILL);
        bail!("took more than {} s: {shown}", LIMIT.as_secs());
    };
    let output = output?;
    Ok(Done {
        status: output.status,
        stdout: String::from_utf8(output.stdout).context("what it printed")?,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A command that does not read its input is free not to.
fn write_all(mut stdin: ChildStdin, input: &[u8]) {
    let _ = stdin.write_all(input);
}

/// All files of a folder and of those in it: their place and bytes.
///
/// # Errors
/// When one cannot be read.
pub fn files(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| next.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.strip_prefix(folder)?.to_owned(), fs::read(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}
