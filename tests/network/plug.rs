//! The plug is pulled while everybody writes, and put in again.

use anyhow::{Result, ensure};
use commonplace_tests::{
    cli::Device,
    namespaces::{Addressing, Lan, with_networks},
    patience::until,
    story,
};

use crate::found::{NAMES, Three, one_commons};

/// One page in which all write, and a page each.
fn write(device: &Device, commons: &str, name: &str, when: &str) -> Result<()> {
    device.feed(["page", "append", commons, "together"], format!("{name} {when}\n").as_bytes())?;
    story::page(device, commons, &format!("{name} {when}"), &format!("{name} alone, {when}\n"))
}

/// Whether everything that these wrote is there, and once.
fn has(files: &[(std::path::PathBuf, Vec<u8>)], names: &[&str], when: &str) -> bool {
    let together = story::text_of(files, "together.md");
    names.iter().all(|name| {
        together.matches(&format!("{name} {when}\n")).count() == 1
            && story::text_of(files, &format!("{name} {when}.md")) == format!("{name} alone, {when}\n")
    })
}

fn pulled_and_mended(addressing: Addressing) -> Result<()> {
    let lan = Lan::new(addressing, 3)?;
    let (Three { devices, peers }, commons) = one_commons(&lan, 10)?;
    story::page(&devices[0], &commons, "together", "")?;
    let all: Vec<&Device> = devices.iter().collect();
    story::converge(&all, &commons, story::CONVERGE, |files| files.len() == 11)?;

    lan.cut(0)?;
    until("the loss to be noticed on both sides", story::CONVERGE, || {
        let alone = story::commons(&devices[0], &commons)?.here == 0;
        Ok((alone && story::commons(&devices[1], &commons)?.here == 1).then_some(()))
    })?;
    for (device, name) in all.iter().zip(NAMES) {
        write(device, &commons, name, "apart")?;
    }
    // The two that are still joined go on together; the one that is alone has its own.
    story::converge(&all[1..], &commons, story::CONVERGE, |files| has(files, &NAMES[1..], "apart"))?;
    let alone = story::exported(&devices[0], &commons)?;
    ensure!(has(&alone, &NAMES[..1], "apart"), "what was written alone is not there");
    ensure!(!has(&alone, &NAMES[1..2], "apart"), "the plug was not pulled");
    ensure!(story::commons(&devices[0], &commons)?.only_here > 0, "nothing is said to be on this device alone");

    lan.mend(0)?;
    story::converge(&all, &commons, story::CONVERGE, |files| has(files, &NAMES, "apart"))?;
    for (device, name) in all.iter().zip(NAMES) {
        write(device, &commons, name, "again")?;
    }
    story::converge(&all, &commons, story::CONVERGE, |files| {
        has(files, &NAMES, "apart") && has(files, &NAMES, "again")
    })?;
    until("all to be acknowledged", story::CONVERGE, || {
        Ok((story::commons(&devices[0], &commons)?.only_here == 0).then_some(()))
    })?;
    for peer in peers {
        peer.stop()?;
    }
    Ok(())
}

#[test]
fn the_plug_is_pulled_without_a_default_route() -> Result<()> {
    with_networks("plug::the_plug_is_pulled_without_a_default_route", || pulled_and_mended(Addressing::NoDefaultRoute))
}

#[test]
fn the_plug_is_pulled_with_link_local_addresses_alone() -> Result<()> {
    with_networks("plug::the_plug_is_pulled_with_link_local_addresses_alone", || {
        pulled_and_mended(Addressing::LinkLocal)
    })
}
