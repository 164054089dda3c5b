//! Networks of our own: a bridge in a namespace, and a namespace with a cable to it for each device.
//!
//! Nothing of it touches the machine's own interfaces, and no packet can leave it. A watchdog takes it down when the suite
//! lets go of it, be it in a `Drop` or because it was killed.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result, ensure};

use crate::skipped::skipped;

/// Set in the process that has namespaces of its own.
const INSIDE: &str = "COMMONPLACE_INSIDE_NAMESPACES";

/// Ends with its standard input, which the suite holds open: then it ends what still runs in the namespaces, and removes them.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
cat >/dev/null
for name; do
    for pid in $(ip netns pids "$name" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null; done
    ip netns del "$name" 2>/dev/null
done
exit 0
"#;

/// What a slow cable keeps at most for a device that cannot take it yet, in words of `tc`.
const QUEUE: &str = "40kb";
/// The same in bytes.
pub const QUEUE_BYTES: u64 = 40 * 1024;

/// Bytes that crossed a device's cable since it was laid, with all that any layer added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossed {
    /// To the device.
    pub to: u64,
    /// From the device.
    pub from: u64,
}

/// How the devices of a network are addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// As a router does that leads nowhere: private addresses and a default route.
    RouteToNowhere,
    /// Private addresses and no default route: a router that is down, or a switch and nothing else.
    NoDefaultRoute,
    /// One cable, no router: addresses that the devices gave themselves, IPv4 alone, no default route.
    LinkLocal,
}

impl Addressing {
    fn address(self, host: u8) -> String {
        match self {
            Self::RouteToNowhere | Self::NoDefaultRoute => format!("10.77.0.{host}/24"),
            Self::LinkLocal => format!("169.254.77.{host}/16"),
        }
    }
}

/// A network that is gone when this is dropped.
#[derive(Debug)]
pub struct Lan {
    bridge: String,
    addressing: Addressing,
    hosts: Vec<Host>,
    watchdog: Child,
}

/// A device's place in a network.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its namespace.
    pub namespace: String,
    /// The bridge's end of its cable.
    port: String,
}

impl Lan {
    /// A network with so many devices.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn new(addressing: Addressing, devices: u8) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("cp{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let bridge = format!("{name}-lan");
        let hosts: Vec<Host> =
            (1..=devices).map(|n| Host { namespace: format!("{name}-{n}"), port: format!("port{n}") }).collect();
        // Before the first of them exists, so that none is ever left behind.
        let all: Vec<&String> = [&bridge].into_iter().chain(hosts.iter().map(|host| &host.namespace)).collect();
        let watchdog = watchdog(&all)?;
        let lan = Self { bridge, addressing, hosts, watchdog };
        lan.build()?;
        Ok(lan)
    }

    fn build(&self) -> Result<()> {
        ip(&["netns", "add", &self.bridge])?;
        let bridge = |args: &[&str]| inside(&self.bridge, args);
        bridge(&["link", "set", "lo", "up"])?;
        bridge(&["link", "add", "lan", "type", "bridge"])?;
        bridge(&["link", "set", "lan", "up"])?;
        for (host, number) in self.hosts.iter().zip(1..) {
            ip(&["netns", "add", &host.namespace])?;
            let cable = ["link", "add", &host.port, "type", "veth", "peer", "name", "eth0", "netns", &host.namespace];
            bridge(&cable)?;
            bridge(&["link", "set", &host.port, "master", "lan"])?;
            bridge(&["link", "set", &host.port, "up"])?;
            let device = |args: &[&str]| inside(&host.namespace, args);
            device(&["link", "set", "lo", "up"])?;
            if self.addressing == Addressing::LinkLocal {
                device(&["link", "set", "eth0", "addrgenmode", "none"])?;
            }
            device(&["link", "set", "eth0", "up"])?;
            device(&["address", "add", &self.addressing.address(number), "dev", "eth0"])?;
            if self.addressing == Addressing::RouteToNowhere {
                device(&["route", "add", "default", "via", "10.77.0.254"])?;
            }
        }
        Ok(())
    }

    /// A device's place.
    pub fn host(&self, at: usize) -> &Host {
        &self.hosts[at]
    }

    /// Pulls a device's plug.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn cut(&self, at: usize) -> Result<()> {
        inside(&self.bridge, &["link", "set", &self.hosts[at].port, "down"])
    }

    /// Puts a device's plug in again.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn mend(&self, at: usize) -> Result<()> {
        inside(&self.bridge, &["link", "set", &self.hosts[at].port, "up"])
    }

    /// Switches a device's own interface off, or on again.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn switch(&self, at: usize, on: bool) -> Result<()> {
        inside(&self.hosts[at].namespace, &["link", "set", "eth0", if on { "up" } else { "down" }])
    }

    /// Gives a device another address in place of its own.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn readdress(&self, at: usize, host: u8) -> Result<()> {
        let namespace = &self.hosts[at].namespace;
        inside(namespace, &["-4", "address", "flush", "dev", "eth0"])?;
        inside(namespace, &["address", "add", &self.addressing.address(host), "dev", "eth0"])
    }

    /// What crossed a device's cable so far.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn crossed(&self, at: usize) -> Result<Crossed> {
        let mut ask = Command::new("ip");
        ask.args(["-n", &self.hosts[at].namespace, "-j", "-s", "link", "show", "dev", "eth0"]);
        let done = ask.output()?;
        ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let said: serde_json::Value = serde_json::from_slice(&done.stdout)?;
        let bytes = |way: &str| said[0]["stats64"][way]["bytes"].as_u64().context("bytes that crossed a cable");
        Ok(Crossed { to: bytes("rx")?, from: bytes("tx")? })
    }

    /// Makes a device's cable slow, in kilobits a second; false where the system has no means for it.
    pub fn slow(&self, at: usize, kilobits: u32) -> bool {
        let rate = format!("{kilobits}kbit");
        let limit = [
            "qdisc",
            "add",
            "dev",
            &self.hosts[at].port,
            "root",
            "tbf",
            "rate",
            &rate,
            "burst",
            "16kb",
            "limit",
            QUEUE,
        ];
        Command::new("tc").args(["-n", &self.bridge]).args(limit).output().is_ok_and(|done| done.status.success())
    }

    /// Makes a device's cable as fast as it was.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn unslow(&self, at: usize) -> Result<()> {
        let undo = ["qdisc", "del", "dev", &self.hosts[at].port, "root"];
        run(Command::new("tc").args(["-n", &self.bridge]).args(undo))
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        // The watchdog's input ends, and it does the rest.
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// Takes these namespaces down, with all that runs in them, when its input ends.
pub(crate) fn watchdog(namespaces: &[&String]) -> Result<Child> {
    let mut command = Command::new("sh");
    command.args(["-c", WATCHDOG, "watchdog"]).args(namespaces).stdin(Stdio::piped()).process_group(0);
    command.spawn().context("the watchdog")
}

pub(crate) fn inside(namespace: &str, args: &[&str]) -> Result<()> {
    run(Command::new("ip").args(["-n", namespace]).args(args))
}

pub(crate) fn ip(args: &[&str]) -> Result<()> {
    run(Command::new("ip").args(args))
}

pub(crate) fn run(command: &mut Command) -> Result<()> {
    let done = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// Runs a test that makes networks: directly where this user may, else in a user namespace of its own, else not at all.
///
/// `name` is the test's own, by which the program that holds it is started again.
///
/// # Errors
/// When the test fails, or where nothing may be skipped and this would be.
pub fn with_networks(name: &str, test: impl FnOnce() -> Result<()>) -> Result<()> {
    let direct = Lan::new(Addressing::NoDefaultRoute, 1);
    match direct {
        Ok(probe) => {
            drop(probe);
            test()
        }
        Err(why) if std::env::var_os(INSIDE).is_some() => {
            skipped(name, &format!("this machine lets nobody make network namespaces: {why:#}"))
        }
        Err(why) => in_user_namespace(name, &why),
    }
}

/// Starts this very test again as the root of a user namespace with networks and mounts of its own.
fn in_user_namespace(name: &str, why: &anyhow::Error) -> Result<()> {
    let enter = ["-Urnm", "--fork", "--kill-child"];
    let may = Command::new("unshare").args(enter).arg("true").output();
    if !may.is_ok_and(|done| done.status.success()) {
        return skipped(name, &format!("neither as this user ({why:#}) nor by `unshare -Urnm` can namespaces be made"));
    }
    // `ip netns` keeps its names in /run.
    let script = r#"mount -t tmpfs tmpfs /run && exec "$@""#;
    let status = Command::new("unshare")
        .args(enter)
        .args(["sh", "-c", script, "sh"])
        .arg(std::env::current_exe()?)
        .args([name, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .status()?;
    ensure!(status.success(), "in a user namespace: {status}");
    Ok(())
}
