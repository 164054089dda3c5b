//! A local network of our own: places on one bridge, with no way out of it.
//!
//! Each place is a network namespace with a loopback and one cable, and no default route: two laptops on one switch.
//! A cable can be pulled and plugged in again.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::rc::Rc;

use anyhow::{Context, ensure};

use super::enclosure::run;
use super::processes::Group;

/// The bridge.
#[derive(Debug, Default)]
pub struct Lan {
    places: u8,
}

/// One end of a cable: a network namespace, and the process that holds it open.
#[derive(Debug)]
pub struct Place {
    holder: Group,
    /// The cable's end at the bridge.
    port: String,
}

impl Lan {
    /// Lays out the network. Only inside an enclosure, of which there is one to a process.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new() -> anyhow::Result<Self> {
        // Without snooping, which may hold multicast back until somebody has asked for it.
        run(&["ip", "link", "add", "commons", "type", "bridge", "mcast_snooping", "0"])?;
        run(&["ip", "link", "set", "commons", "up"])?;
        Ok(Self::default())
    }

    /// Another place, plugged in.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn place(&mut self) -> anyhow::Result<Rc<Place>> {
        self.places += 1;
        let number = self.places;
        let mut holder = Group::start(
            Command::new("unshare")
                .args(["--net", "--", "sh", "-c", "ip link set lo up && echo ready && exec cat"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped()),
        )?;
        let mut told = String::new();
        let output = holder.leader().stdout.take().context("no output")?;
        BufReader::new(output).read_line(&mut told)?;
        ensure!(told == "ready\n", "a network namespace could not be made");

        let place = Place { port: format!("port{number}"), holder };
        let owner = place.process().to_string();
        run(&["ip", "link", "add", &place.port, "type", "veth", "peer", "name", "cable", "netns", &owner])?;
        run(&["ip", "link", "set", &place.port, "master", "commons", "up"])?;
        place.inside(&["ip", "address", "add", &format!("10.77.0.{number}/24"), "dev", "cable"])?;
        place.inside(&["ip", "link", "set", "cable", "up"])?;
        Ok(Rc::new(place))
    }
}

impl Place {
    /// Pulls the cable.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn unplug(&self) -> anyhow::Result<()> {
        run(&["ip", "link", "set", &self.port, "down"])
    }

    /// Plugs the cable in again.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn plug_in(&self) -> anyhow::Result<()> {
        run(&["ip", "link", "set", &self.port, "up"])
    }

    /// A command that will run `program` here.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.namespace().display())).arg("--").arg(program);
        command
    }

    /// Moves the calling thread here, for good.
    pub(super) fn enter(file: &File) -> nix::Result<()> {
        nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET)
    }

    /// The file that stands for the namespace.
    pub(super) fn namespace(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.process()))
    }

    fn process(&self) -> u32 {
        self.holder.id()
    }

    fn inside(&self, command: &[&str]) -> anyhow::Result<()> {
        let namespace = format!("--net={}", self.namespace().display());
        let entered: Vec<&str> =
            ["nsenter", namespace.as_str(), "--"].into_iter().chain(command.iter().copied()).collect();
        run(&entered)
    }
}
