//! A profile of its own, and the program run on it.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_commonplace");

/// A profile in a folder that goes when it does.
pub(crate) struct Profile(tempfile::TempDir);

impl Profile {
    pub(crate) fn fresh() -> Self {
        Self(tempfile::Builder::new().prefix("cp").tempdir().unwrap())
    }

    /// One whose person has given a name.
    pub(crate) fn named(name: &str) -> Self {
        let profile = Self::fresh();
        profile.done(&["init", "--name", name, "--device-name", &format!("{name}’s desk")]);
        profile
    }

    pub(crate) fn dir(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn home(&self) -> std::path::PathBuf {
        self.0.path().join("profile")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(args).env("COMMONPLACE_HOME", self.home()).env("COMMONPLACE_BIND", "loopback");
        command.current_dir(self.dir());
        command
    }

    pub(crate) fn run_with(&self, args: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut to = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A program that does not read its input to the end is not waited for.
        let writing = std::thread::spawn(move || drop(to.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writing.join().unwrap();
        output
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, b"")
    }

    /// Runs a command that has to be done, and gives what it said.
    pub(crate) fn done(&self, args: &[&str]) -> String {
        self.done_with(args, b"")
    }

    pub(crate) fn done_with(&self, args: &[&str], input: &[u8]) -> String {
        let output = self.run_with(args, input);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same with `--json`: exactly one line, one value.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.json_with(args, b"")
    }

    pub(crate) fn json_with(&self, args: &[&str], input: &[u8]) -> Value {
        let said = self.done_with(&[&["--json"], args].concat(), input);
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("{args:?}: {e}: {said}"))
    }

    /// Runs a command that has to be refused: nothing on standard output, the reason on standard error.
    pub(crate) fn refused(&self, args: &[&str], input: &[u8]) -> Value {
        let output = self.run_with(&[&["--json"], args].concat(), input);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        let json: Value = serde_json::from_slice(&output.stderr).unwrap();
        let words = self.run_with(args, input);
        assert_eq!(words.status.code(), Some(1), "{args:?}");
        assert_eq!(String::from_utf8(words.stderr).unwrap().trim_end(), json["message"].as_str().unwrap(), "{args:?}");
        json
    }

    /// As [`Profile::refused`], for what can be tried only once: what it says before goes to standard output.
    pub(crate) fn refused_once(&self, args: &[&str]) -> Value {
        let output = self.run(&[&["--json"], args].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        serde_json::from_slice(&output.stderr).unwrap()
    }

    /// Starts a peer and waits until it listens.
    pub(crate) fn peer(&self) -> Peer {
        self.peer_beside(Value::Null)
    }

    /// As [`Profile::peer`], where this has the profile open already.
    pub(crate) fn peer_beside(&self, host: impl Into<Value>) -> Peer {
        let host = host.into();
        let mut peer = Peer::of(self.command(&["--json", "peer"]).stdout(Stdio::piped()).spawn().unwrap());
        let first = peer.next();
        assert_eq!(first["type"], "listening");
        assert_eq!(first["host"], host, "{first}");
        peer
    }
}

/// A peer at work; it is ended with the test, however that goes.
pub(crate) struct Peer {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Peer {
    /// One that was started with `--json` and its output at hand.
    pub(crate) fn of(mut child: Child) -> Self {
        Self { lines: BufReader::new(child.stdout.take().unwrap()), child }
    }

    /// The next event it tells of.
    pub(crate) fn next(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).unwrap() > 0, "the peer ended");
        serde_json::from_str(&line).unwrap()
    }

    /// Asks it to end, as a service manager does, and gives its exit code.
    pub(crate) fn end(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
