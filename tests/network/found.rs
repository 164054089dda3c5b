//! Three devices find each other and become one commons.

use anyhow::{Result, ensure};
use commonplace_tests::{
    cli::{Device, Peer, Place},
    corpus,
    namespaces::{Addressing, Lan, with_networks},
    story,
};

/// Three people with a device each, all running.
pub(crate) struct Three {
    pub(crate) devices: [Device; 3],
    pub(crate) peers: [Peer; 3],
}

/// Names of the three.
pub(crate) const NAMES: [&str; 3] = ["Maren", "Tomás", "悠"];

/// A device in its place, with a name.
pub(crate) fn device(lan: &Lan, at: usize) -> Result<Device> {
    Device::named(Place::Namespace(lan.host(at).namespace.clone()), NAMES[at])
}

/// Three devices that see each other.
pub(crate) fn three(lan: &Lan) -> Result<Three> {
    let devices = [device(lan, 0)?, device(lan, 1)?, device(lan, 2)?];
    let peers = [devices[0].peer()?, devices[1].peer()?, devices[2].peer()?];
    for (at, device) in devices.iter().enumerate() {
        let others: Vec<&str> = NAMES.into_iter().enumerate().filter(|(n, _)| *n != at).map(|(_, name)| name).collect();
        story::sees(device, &others)?;
    }
    Ok(Three { devices, peers })
}

/// Three devices of one commons with these pages.
pub(crate) fn one_commons(lan: &Lan, pages: usize) -> Result<(Three, String)> {
    let three = three(lan)?;
    let [first, second, third] = &three.devices;
    let commons = story::found(first, "The Kettle")?;
    let folder = first.beside("pages");
    corpus::write(&folder, pages)?;
    story::import(first, &commons, &folder)?;
    let ticket = story::ticket(first, &commons, 2)?;
    for device in [second, third] {
        ensure!(story::join(device, &ticket)? == commons, "joined another commons");
    }
    let wanted = commonplace_tests::cli::files(&folder)?;
    story::converge(&[first, second, third], &commons, story::CONVERGE, |files| files == wanted)?;
    for device in &three.devices {
        let there = story::commons(device, &commons)?;
        ensure!(there.members == 3, "{} members", there.members);
    }
    Ok((three, commons))
}

fn found_and_equal(addressing: Addressing) -> Result<()> {
    let lan = Lan::new(addressing, 3)?;
    let (three, commons) = one_commons(&lan, 40)?;
    // Each writes, and all have all of it.
    for (device, name) in three.devices.iter().zip(NAMES) {
        story::page(device, &commons, &format!("from {name}"), &format!("{name} was here\n"))?;
    }
    let devices: Vec<&Device> = three.devices.iter().collect();
    story::converge(&devices, &commons, story::CONVERGE, |files| {
        NAMES.iter().all(|name| files.iter().any(|(path, _)| path.to_str() == Some(&format!("from {name}.md"))))
    })?;
    for peer in three.peers {
        peer.stop()?;
    }
    Ok(())
}

#[test]
fn found_with_a_route_to_nowhere() -> Result<()> {
    with_networks("found::found_with_a_route_to_nowhere", || found_and_equal(Addressing::RouteToNowhere))
}

#[test]
fn found_without_a_default_route() -> Result<()> {
    with_networks("found::found_without_a_default_route", || found_and_equal(Addressing::NoDefaultRoute))
}

#[test]
fn found_with_link_local_addresses_alone() -> Result<()> {
    with_networks("found::found_with_link_local_addresses_alone", || found_and_equal(Addressing::LinkLocal))
}
