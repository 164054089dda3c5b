//! A profile is copied to another device and started there too.

use std::{fs, path::Path, thread::sleep, time::Duration};

use anyhow::{Context, Result, ensure};
use commonplace_node::view::{Finding, Status};
use commonplace_tests::{
    cli::{Device, Place},
    namespaces::{Addressing, Lan, with_networks},
    patience::until,
    story,
};

use crate::found::{NAMES, device};

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        } else if kind.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).context("copying the profile")?;
        }
    }
    Ok(())
}

fn elsewhere(device: &Device) -> Result<bool> {
    Ok(device.json::<Status>(["status"])?.elsewhere)
}

/// Waits until a device says of itself that it runs elsewhere too, or that it does not.
fn says(device: &Device, wanted: bool) -> Result<()> {
    until("word of the copy", story::CONVERGE, || Ok((elsewhere(device)? == wanted).then_some(())))
}

/// For as long as what one says on the network could push aside what the other said, it stays known that both are there.
fn stays(device: &Device) -> Result<()> {
    for _ in 0..20 {
        ensure!(elsewhere(device)?, "the copy is forgotten while it runs");
        sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn network(device: &Device) -> Result<Finding> {
    // It is refused when something is not well.
    let findings: Vec<Finding> = serde_json::from_str(&device.run(["doctor", "--json"])?.stdout)?;
    findings.into_iter().find(|finding| finding.check == "network").context("the doctor looks at the network")
}

#[test]
fn a_copied_profile_is_noticed_by_both_and_neither_loses_a_word() -> Result<()> {
    with_networks("twice::a_copied_profile_is_noticed_by_both_and_neither_loses_a_word", || {
        let lan = Lan::new(Addressing::NoDefaultRoute, 3)?;
        let (one, other) = (device(&lan, 0)?, device(&lan, 2)?);
        // What is known of both on the network is old by the time the copy comes, and gives way to what the copy says.
        let (first, peer) = (one.peer()?, other.peer()?);
        story::sees(&one, &NAMES[2..])?;
        let commons = story::found(&one, "The Kettle")?;
        story::page(&one, &commons, "Rules", "Who empties it, fills it.\n")?;
        let ticket = story::ticket(&one, &commons, 1)?;

        let home = one.beside("copied");
        copy(one.home(), &home)?;
        let copied = Device::new(Place::Namespace(lan.host(1).namespace.clone()))?.at(home);

        ensure!(!elsewhere(&one)?, "it is alone and says that it is not");
        ensure!(network(&one)?.ok, "it is alone and not well");
        let second = copied.peer()?;
        says(&one, true)?;
        says(&copied, true)?;
        stays(&one)?;
        let found = network(&copied)?;
        ensure!(!found.ok && found.detail.contains("copy of this profile"), "the doctor says: {found:?}");

        // Both write; one of them leaves, and the other says so. Who joins gets what both wrote, one after the other.
        one.feed(["page", "append", &commons, "Rules"], b"Here.\n")?;
        copied.feed(["page", "append", &commons, "Rules"], b"There.\n")?;
        second.stop()?;
        says(&one, false)?;

        ensure!(story::join(&other, &ticket)? == commons, "joined another commons");
        first.stop()?;
        let second = copied.peer()?;
        let both = |files: &[(std::path::PathBuf, Vec<u8>)]| {
            let text = story::text_of(files, "Rules.md");
            text.contains("Here.\n") && text.contains("There.\n")
        };
        story::converge(&[&other, &copied], &commons, story::CONVERGE, both)?;
        second.stop()?;
        peer.stop()
    })
}
