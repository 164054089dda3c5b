//! Devices that cannot reach each other meet by a relay, and go straight where routers can be got through; and without a person's
//! word nothing leaves for any relay.

use std::fs;

use anyhow::{Result, ensure};
use commonplace_node::view::{DevicePath, Person, ReachKind, ReachView, Status};
use commonplace_tests::{
    cli::{Device, Place},
    internet::{Internet, Joined, MIDDLE},
    namespaces::with_networks,
    patience::until,
    relay::Relay,
    story,
};

use crate::found::NAMES;

/// Two devices that know of the relay and believe it.
fn two(internet: &Internet, relay: &Relay, trust: Option<&std::path::Path>) -> Result<[Device; 2]> {
    let device = |at: usize| -> Result<Device> {
        let mut device = Device::named(Place::Namespace(internet.device(at).to_owned()), NAMES[at])?;
        if let Some(trust) = trust {
            device = device.with_variable("SSL_CERT_FILE", trust);
        }
        let chosen: ReachView = device.json(["reach", "relay", relay.url()])?;
        ensure!(chosen.kind == ReachKind::Relay && chosen.relay.as_deref() == Some(relay.url()), "{chosen:?}");
        Ok(device)
    };
    Ok([device(0)?, device(1)?])
}

/// How the one other member's device is reached.
fn way(device: &Device, commons: &str) -> Result<Option<DevicePath>> {
    let people: Vec<Person> = device.json(["people", commons])?;
    Ok(people.into_iter().filter(|person| !person.you).flat_map(|person| person.reached).next())
}

/// They join by ticket and both write.
fn join_and_write(devices: &[Device; 2]) -> Result<String> {
    let [first, second] = devices;
    let commons = story::found(first, "The Kettle")?;
    story::page(first, &commons, "Rules", "Who empties it, fills it.\n")?;
    let ticket = story::ticket(first, &commons, 1)?;
    ensure!(story::join(second, &ticket)? == commons, "joined another commons");
    story::page(second, &commons, "Thanks", "It is full.\n")?;
    first.feed(["page", "append", &commons, "Thanks"], b"And hot.\n")?;
    equal(devices, &commons, &[("Rules", "Who empties it, fills it.\n"), ("Thanks", "It is full.\nAnd hot.\n")])?;
    Ok(commons)
}

fn equal(devices: &[Device; 2], commons: &str, pages: &[(&str, &str)]) -> Result<()> {
    let all: Vec<&Device> = devices.iter().collect();
    story::converge(&all, commons, story::CONVERGE, |files| {
        pages.iter().all(|(name, text)| story::text_of(files, &format!("{name}.md")) == *text)
    })
}

fn reached(devices: &[Device; 2], commons: &str, path: &str) -> Result<()> {
    for device in devices {
        let way = until(&format!("the way to be: {path}"), story::CONVERGE, || {
            Ok(way(device, commons)?.filter(|way| way.path == path && way.rtt_ms.is_some()))
        })?;
        let status: Status = device.json(["status"])?;
        ensure!(status.connected.iter().all(|connected| connected.path == path), "{:?}", status.connected);
        let words = device.ok(["people", commons])?;
        ensure!(words.contains(&format!("{}: {path}, ", way.device_name)), "not told to people: {words}");
    }
    Ok(())
}

#[test]
fn devices_apart_meet_by_a_relay() -> Result<()> {
    with_networks("relay::devices_apart_meet_by_a_relay", || {
        let internet = Internet::new(Joined::Apart, 2)?;
        let relay = Relay::plain(internet.middle(), MIDDLE)?;
        let devices = two(&internet, &relay, None)?;
        let peers = [devices[0].peer()?, devices[1].peer()?];
        let commons = join_and_write(&devices)?;
        reached(&devices, &commons, "relay")?;

        // One is off while the other writes, and they find each other again without a ticket, in whichever order they start.
        let [first, second] = peers;
        second.stop()?;
        story::page(&devices[0], &commons, "Meanwhile", "Descaled.\n")?;
        let second = devices[1].peer()?;
        equal(&devices, &commons, &[("Meanwhile", "Descaled.\n")])?;
        first.kill()?;
        story::page(&devices[1], &commons, "Later", "Again.\n")?;
        let first = devices[0].peer()?;
        equal(&devices, &commons, &[("Later", "Again.\n")])?;

        // The relay goes away and comes back.
        drop(relay);
        until("the loss of the relay to be noticed", story::CONVERGE, || {
            Ok(way(&devices[0], &commons)?.is_none().then_some(()))
        })?;
        story::page(&devices[0], &commons, "Alone", "Without a relay.\n")?;
        let _relay = Relay::plain(internet.middle(), MIDDLE)?;
        equal(&devices, &commons, &[("Alone", "Without a relay.\n")])?;
        first.stop()?;
        second.stop()
    })
}

#[test]
fn devices_behind_routers_meet_and_go_straight() -> Result<()> {
    with_networks("relay::devices_behind_routers_meet_and_go_straight", || {
        let internet = Internet::new(Joined::Hidden, 2)?;
        let trust = tempfile::NamedTempFile::new()?;
        let relay = Relay::sealed(internet.middle(), MIDDLE, trust.path())?;
        let devices = two(&internet, &relay, Some(trust.path()))?;
        let peers = [devices[0].peer()?, devices[1].peer()?];
        let commons = join_and_write(&devices)?;
        reached(&devices, &commons, "direct")?;
        // Now that they know a way of their own, they go on without the relay.
        drop(relay);
        story::page(&devices[0], &commons, "Straight", "Without a relay.\n")?;
        equal(&devices, &commons, &[("Straight", "Without a relay.\n")])?;
        peers.into_iter().try_for_each(commonplace_tests::cli::Peer::stop)
    })
}

#[test]
fn devices_behind_routers_that_let_nothing_through_meet_by_a_relay() -> Result<()> {
    with_networks("relay::devices_behind_routers_that_let_nothing_through_meet_by_a_relay", || {
        let internet = Internet::new(Joined::Guarded, 2)?;
        let trust = tempfile::NamedTempFile::new()?;
        let relay = Relay::sealed(internet.middle(), MIDDLE, trust.path())?;
        let devices = two(&internet, &relay, Some(trust.path()))?;
        let peers = [devices[0].peer()?, devices[1].peer()?];
        let commons = join_and_write(&devices)?;
        reached(&devices, &commons, "relay")?;
        peers.into_iter().try_for_each(commonplace_tests::cli::Peer::stop)
    })
}

#[test]
fn nothing_leaves_the_local_network_unless_somebody_chose_that() -> Result<()> {
    with_networks("relay::nothing_leaves_the_local_network_unless_somebody_chose_that", || {
        let internet = Internet::new(Joined::Hidden, 2)?;
        // Whoever asks for a name asks beyond the router.
        let names = tempfile::NamedTempFile::new()?;
        fs::write(names.path(), format!("nameserver {MIDDLE}\n"))?;
        let device = |at: usize| -> Result<Device> {
            let place = Place::Namespace(internet.device(at).to_owned());
            Ok(Device::named(place, NAMES[at])?.with_names_from(names.path()))
        };
        let (still, far) = (device(0)?, device(1)?);

        // A ticket of somebody who uses a relay, by its name.
        far.ok(["reach", "relay", "https://relay.example.org"])?;
        let there = story::found(&far, "The Kettle")?;
        let ticket = story::ticket(&far, &there, 1)?;

        let before = internet.left(0)?;
        let view: ReachView = still.json(["reach"])?;
        ensure!(view.kind == ReachKind::Lan && view.answers.is_none(), "at first it is {view:?}");
        let peer = still.peer()?;
        let commons = story::found(&still, "Home")?;
        story::page(&still, &commons, "Here", "Only here.\n")?;
        story::ticket(&still, &commons, 1)?;
        still.ok(["doctor"])?;
        // Of the ticket only the addresses are tried, which are on no network that this device or its router is on; the relay is not
        // asked for, nor its name.
        still.refused(["join", &ticket, "--wait", "5"])?;
        peer.stop()?;
        let left = internet.left(0)? - before;
        ensure!(left == 0, "{left} packets left");

        // Where somebody did choose a relay, the question for its name is seen to leave: there is something to count.
        let before = internet.left(1)?;
        let peer = far.peer()?;
        until("a question to leave", story::CONVERGE, || Ok((internet.left(1)? > before).then_some(())))?;
        peer.stop()
    })
}
