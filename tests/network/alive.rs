//! Who is gone is noticed, who is back is connected again, and a change of network is survived. How long it took is printed, and is
//! no part of what is tested.

use std::time::Instant;

use anyhow::{Result, ensure};
use commonplace_node::view::Status;
use commonplace_tests::{
    cli::Device,
    namespaces::{Addressing, Lan, with_networks},
    patience::until,
    story,
};
use nix::sys::signal::Signal;

use crate::found::device;

/// Waits until a device is connected to so many others, and prints how long that took.
fn connected(what: &str, device: &Device, others: usize) -> Result<()> {
    let since = Instant::now();
    until(what, story::CONVERGE, || {
        let status: Status = device.json(["status"])?;
        Ok((status.connected.len() == others).then_some(()))
    })?;
    say(&format!("{what}: {:.1} s", since.elapsed().as_secs_f64()));
    Ok(())
}

#[expect(clippy::print_stderr, reason = "figures for whoever reads the log")]
fn say(line: &str) {
    eprintln!("{line}");
}

fn heard(devices: [&Device; 2], commons: &str, word: &str) -> Result<()> {
    story::page(devices[0], commons, word, word)?;
    story::converge(&devices, commons, story::CONVERGE, |files| story::text_of(files, &format!("{word}.md")) == word)
}

/// Two devices of one commons.
fn two(lan: &Lan) -> Result<([Device; 2], [commonplace_tests::cli::Peer; 2], String)> {
    let devices = [device(lan, 0)?, device(lan, 1)?];
    let peers = [devices[0].peer()?, devices[1].peer()?];
    let commons = story::found(&devices[0], "The Kettle")?;
    let ticket = story::ticket(&devices[0], &commons, 1)?;
    ensure!(story::join(&devices[1], &ticket)? == commons, "joined another commons");
    heard([&devices[0], &devices[1]], &commons, "at first")?;
    Ok((devices, peers, commons))
}

#[test]
fn who_is_killed_is_missed_and_connected_again_when_back() -> Result<()> {
    with_networks("alive::who_is_killed_is_missed_and_connected_again_when_back", || {
        let lan = Lan::new(Addressing::NoDefaultRoute, 2)?;
        let ([first, second], [one, other], commons) = two(&lan)?;
        other.kill()?;
        connected("a killed device to be missed", &first, 0)?;
        let other = second.peer()?;
        connected("a device that is back to be connected", &first, 1)?;
        heard([&second, &first], &commons, "back")?;

        // Back before it is missed: the connection that it lost must not stand in the way.
        other.kill()?;
        let other = second.peer()?;
        let since = Instant::now();
        heard([&second, &first], &commons, "back at once")?;
        say(&format!("a page of a device that was back at once: {:.1} s", since.elapsed().as_secs_f64()));
        one.stop()?;
        other.stop()
    })
}

#[test]
fn who_slept_goes_on_when_awake() -> Result<()> {
    with_networks("alive::who_slept_goes_on_when_awake", || {
        let lan = Lan::new(Addressing::NoDefaultRoute, 2)?;
        let ([first, second], [one, other], commons) = two(&lan)?;
        other.signal(Signal::SIGSTOP)?;
        connected("a sleeping device to be missed", &first, 0)?;
        story::page(&first, &commons, "meanwhile", "meanwhile")?;
        other.signal(Signal::SIGCONT)?;
        connected("a device that is awake to be connected", &first, 1)?;
        heard([&second, &first], &commons, "awake")?;
        heard([&first, &second], &commons, "good morning")?;
        let there = story::exported(&second, &commons)?;
        ensure!(story::text_of(&there, "meanwhile.md") == "meanwhile", "what was written meanwhile did not come");
        one.stop()?;
        other.stop()
    })
}

#[test]
fn an_interface_goes_down_and_comes_up_with_another_address() -> Result<()> {
    with_networks("alive::an_interface_goes_down_and_comes_up_with_another_address", || {
        let lan = Lan::new(Addressing::NoDefaultRoute, 2)?;
        let ([first, second], [one, other], commons) = two(&lan)?;
        lan.switch(1, false)?;
        connected("a device without an interface to be missed", &first, 0)?;
        connected("the others to be missed by it", &second, 0)?;
        heard([&second, &second], &commons, "alone")?;
        lan.switch(1, true)?;
        connected("a device with its interface again to be connected", &first, 1)?;
        heard([&first, &second], &commons, "up again")?;

        lan.switch(1, false)?;
        connected("a device without an interface to be missed again", &first, 0)?;
        lan.readdress(1, 103)?;
        lan.switch(1, true)?;
        connected("a device at another address to be connected", &first, 1)?;
        heard([&second, &first], &commons, "elsewhere")?;
        one.stop()?;
        other.stop()
    })
}

#[test]
fn stale_addresses_do_not_keep_a_device_from_being_reached() -> Result<()> {
    with_networks("alive::stale_addresses_do_not_keep_a_device_from_being_reached", || {
        let lan = Lan::new(Addressing::NoDefaultRoute, 2)?;
        let ([first, second], [one, other], commons) = two(&lan)?;
        // It has been at many places, of which the first one knows, and answers at none of them.
        for host in 110..116 {
            lan.readdress(1, host)?;
            heard([&first, &second], &commons, &format!("at {host}"))?;
        }
        other.stop()?;
        connected("a device that went to be missed", &first, 0)?;
        lan.readdress(1, 120)?;
        let other = second.peer()?;
        connected("a device at a new place, after many, to be connected", &first, 1)?;
        heard([&second, &first], &commons, "at last")?;
        one.stop()?;
        other.stop()
    })
}
