//! An internet of our own: devices that no packet leads to from one another, or only by way of routers that hide them, and a
//! place that all of them reach, where a relay can run.
//!
//! Nothing of it touches the machine's own interfaces; it is gone when it is dropped, or when the suite is killed.

use std::{
    fs,
    process::{Child, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result, ensure};

use crate::namespaces::{inside, ip, run, watchdog};

/// Where the relay is, and with it all that the devices know of the internet.
pub const MIDDLE: &str = "203.0.113.1";

/// How devices are joined to the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// Each by a cable of its own, and the middle passes nothing on from one to the other.
    Apart,
    /// Each behind a router that hides it behind an address of its own, as those at home do; from router to router the way is open.
    Hidden,
    /// As with [`Joined::Hidden`], and the routers take in nothing but what comes from the middle.
    Guarded,
}

/// An internet that is gone when this is dropped.
#[derive(Debug)]
pub struct Internet {
    middle: String,
    routers: Vec<String>,
    devices: Vec<String>,
    watchdog: Child,
}

impl Internet {
    /// An internet with so many devices.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn new(joined: Joined, devices: u8) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("cpi{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let routers = if joined == Joined::Apart { 0 } else { devices };
        let routers: Vec<String> = (1..=routers).map(|n| format!("{name}-r{n}")).collect();
        let middle = format!("{name}-mid");
        let devices: Vec<String> = (1..=devices).map(|n| format!("{name}-{n}")).collect();
        let all: Vec<&String> = [&middle].into_iter().chain(&routers).chain(&devices).collect();
        let internet = Self {
            watchdog: watchdog(&all)?,
            middle: middle.clone(),
            routers: routers.clone(),
            devices: devices.clone(),
        };
        for namespace in all {
            ip(&["netns", "add", namespace])?;
            inside(namespace, &["link", "set", "lo", "up"])?;
            set(namespace, "net.ipv4.ip_forward", false)?;
            // Only what is meant to travel does, so that it can be counted.
            set(namespace, "net.ipv6.conf.all.disable_ipv6", true)?;
            set(namespace, "net.ipv6.conf.default.disable_ipv6", true)?;
        }
        internet.build(joined)?;
        Ok(internet)
    }

    fn build(&self, joined: Joined) -> Result<()> {
        let middle = |args: &[&str]| inside(&self.middle, args);
        middle(&["link", "add", "net", "type", "bridge"])?;
        middle(&["link", "set", "net", "up"])?;
        middle(&["address", "add", &format!("{MIDDLE}/24"), "dev", "net"])?;
        for (device, number) in self.devices.iter().zip(1_u8..) {
            let port = format!("port{number}");
            let Some(router) = self.routers.get(usize::from(number) - 1) else {
                cable(&self.middle, &port, device, "eth0")?;
                join(&self.middle, &port, &format!("10.78.{number}.1/24"))?;
                at_home(device, &format!("10.78.{number}"))?;
                continue;
            };
            cable(&self.middle, &port, router, "wan")?;
            middle(&["link", "set", &port, "master", "net"])?;
            middle(&["link", "set", &port, "up"])?;
            join(router, "wan", &format!("203.0.113.{}/24", 10 + number))?;
            cable(router, "lan", device, "eth0")?;
            join(router, "lan", &format!("10.79.{number}.1/24"))?;
            set(router, "net.ipv4.ip_forward", true)?;
            let guard = match joined {
                Joined::Guarded => GUARD,
                Joined::Apart | Joined::Hidden => "",
            };
            rules(router, &format!("{HIDE}{guard}"))?;
            at_home(device, &format!("10.79.{number}"))?;
        }
        Ok(())
    }

    /// The namespace that all reach.
    pub fn middle(&self) -> &str {
        &self.middle
    }

    /// A device's namespace.
    pub fn device(&self, at: usize) -> &str {
        &self.devices[at]
    }

    /// How many packets a device's router has sent out into the internet.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn left(&self, at: usize) -> Result<u64> {
        let router = &self.routers[at];
        let read = ["netns", "exec", router, "cat", "/sys/class/net/wan/statistics/tx_packets"];
        let output = Command::new("ip").args(read).output()?;
        let text = String::from_utf8(output.stdout)?;
        text.trim().parse().with_context(|| format!("the packets that left: {text}"))
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        // The watchdog's input ends, and it does the rest.
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// What goes out bears the router's address, and what nobody asked for is not taken in.
const HIDE: &str = "table ip hide {
    chain out { type nat hook postrouting priority 100; oifname wan masquerade; }
    chain in { type filter hook input priority 0; iifname wan ct state new drop; }
}
";

/// What comes in comes from the middle, and what goes out goes there.
const GUARD: &str = "table ip guard {
    chain forward { type filter hook forward priority 0; ip saddr != 203.0.113.1 ip daddr != 203.0.113.1 drop; }
}
";

fn rules(namespace: &str, rules: &str) -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), rules)?;
    run(Command::new("ip").args(["netns", "exec", namespace, "nft", "-f"]).arg(file.path()))
}

fn cable(from: &str, port: &str, to: &str, far_port: &str) -> Result<()> {
    inside(from, &["link", "add", port, "type", "veth", "peer", "name", far_port, "netns", to])
}

fn join(namespace: &str, port: &str, address: &str) -> Result<()> {
    inside(namespace, &["link", "set", port, "up"])?;
    inside(namespace, &["address", "add", address, "dev", port])
}

/// Gives a device its address and a router.
fn at_home(device: &str, network: &str) -> Result<()> {
    join(device, "eth0", &format!("{network}.2/24"))?;
    inside(device, &["route", "add", "default", "via", &format!("{network}.1")])
}

fn set(namespace: &str, what: &str, on: bool) -> Result<()> {
    let place = format!("/proc/sys/{}", what.replace('.', "/"));
    let write = format!("echo {} > {place}", u8::from(on));
    let done = Command::new("ip").args(["netns", "exec", namespace, "sh", "-c", &write]).output()?;
    // A system without IPv6 has nothing to switch off.
    ensure!(done.status.success() || what.starts_with("net.ipv6"), "{what}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
