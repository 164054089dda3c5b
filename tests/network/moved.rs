//! A device whose address changed is found again, and one that was off comes back elsewhere.

use anyhow::{Result, ensure};
use commonplace_tests::{
    cli::Device,
    namespaces::{Addressing, Lan, with_networks},
    story,
};

use crate::found::{Three, one_commons};

/// Writes here, and waits until all have it.
fn heard(from: &Device, all: &[&Device], commons: &str, word: &str) -> Result<()> {
    story::page(from, commons, word, word)?;
    story::converge(all, commons, story::CONVERGE, |files| story::text_of(files, &format!("{word}.md")) == word)
}

fn found_again(addressing: Addressing) -> Result<()> {
    let lan = Lan::new(addressing, 3)?;
    let (Three { devices, peers: [first, second, third] }, commons) = one_commons(&lan, 5)?;
    let all: Vec<&Device> = devices.iter().collect();

    // While it runs, as when another network is chosen.
    lan.readdress(1, 101)?;
    heard(&devices[1], &all, &commons, "moved while on")?;
    heard(&devices[0], &all, &commons, "answer")?;

    // While it is off, as when it is carried elsewhere; and the others only know where it was.
    second.stop()?;
    story::page(&devices[0], &commons, "meanwhile", "meanwhile")?;
    lan.readdress(1, 102)?;
    let second = devices[1].peer()?;
    heard(&devices[1], &all, &commons, "moved while off")?;
    let there = story::exported(&devices[1], &commons)?;
    ensure!(story::text_of(&there, "meanwhile.md") == "meanwhile", "what was written meanwhile did not come");
    for peer in [first, second, third] {
        peer.stop()?;
    }
    Ok(())
}

#[test]
fn a_device_with_another_address_is_found_again() -> Result<()> {
    with_networks("moved::a_device_with_another_address_is_found_again", || found_again(Addressing::NoDefaultRoute))
}

#[test]
fn a_device_with_another_link_local_address_is_found_again() -> Result<()> {
    with_networks("moved::a_device_with_another_link_local_address_is_found_again", || {
        found_again(Addressing::LinkLocal)
    })
}
