//! Somebody nearby knocks, and is let in, or is not.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use commonplace_api::{Client, Options};
use commonplace_node::view::{CommonsView, Knock, KnockState, NearbyDevice};
use commonplace_tests::{
    cli::Device,
    namespaces::{Addressing, Lan, with_networks},
    patience::until,
    story,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::found::{NAMES, device};

/// Asks the process that has a profile open, by its local socket, which leads into any namespace.
fn ask<T: DeserializeOwned>(home: &Path, command: &str, args: Value) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::connect_or_open(
            Some(home.to_owned()),
            Options { online: true, loopback: true, ..Options::default() },
        )
        .await?;
        ensure!(client.is_remote().await, "no process has the profile open");
        Ok(serde_json::from_value(client.call_by_name(command, args).await?)?)
    })
}

fn knock_at(guest: &Device, host_name: &str) -> Result<String> {
    let nearby = story::sees(guest, &[host_name])?;
    let host = nearby.into_iter().find(|device| device.name == host_name).context("seen before")?.device;
    ask::<()>(guest.home(), "knock", json!({ "device": host }))?;
    Ok(host)
}

fn who_knocks(host: &Device) -> Result<Vec<Knock>> {
    ask(host.home(), "knocks", json!({}))
}

/// Waits until exactly this person knocks, and gives their device.
fn heard(host: &Device, name: &str) -> Result<String> {
    until("the knock to be heard", story::CONVERGE, || {
        let knocks = who_knocks(host)?;
        ensure!(knocks.len() <= 1, "one knock is heard as {knocks:?}");
        Ok(knocks.into_iter().find(|knock| knock.name == name).map(|knock| knock.device))
    })
}

fn state(guest: &Device, host: &str) -> Result<KnockState> {
    let nearby: Vec<NearbyDevice> = ask(guest.home(), "nearby", json!({}))?;
    Ok(nearby.into_iter().find(|device| device.device == host).context("no longer nearby")?.knock)
}

#[test]
fn who_knocks_is_let_in_or_not() -> Result<()> {
    with_networks("knock::who_knocks_is_let_in_or_not", || {
        let lan = Lan::new(Addressing::NoDefaultRoute, 2)?;
        let (host, guest) = (device(&lan, 0)?, device(&lan, 1)?);
        let peers = [host.peer()?, guest.peer()?];
        let commons = story::found(&host, "The Kettle")?;
        story::page(&host, &commons, "Rules", "Who empties it, fills it.\n")?;
        let nothing = || -> Result<()> {
            let all: Vec<CommonsView> = guest.json(["list"])?;
            ensure!(all.is_empty(), "let in without a word: {all:?}");
            Ok(())
        };

        // Declined.
        let at = knock_at(&guest, NAMES[0])?;
        ensure!(state(&guest, &at)? == KnockState::Waiting, "a knock that does not wait");
        let from = heard(&host, NAMES[1])?;
        nothing()?;
        ask::<()>(host.home(), "knock_answer", json!({ "device": from, "commons": null }))?;
        until("the answer to be heard", story::CONVERGE, || {
            Ok((state(&guest, &at)? == KnockState::Declined).then_some(()))
        })?;
        ensure!(who_knocks(&host)?.is_empty(), "an answered knock still waits");
        nothing()?;

        // Taken back.
        knock_at(&guest, NAMES[0])?;
        heard(&host, NAMES[1])?;
        ask::<()>(guest.home(), "knock_withdraw", json!({ "device": at }))?;
        until("the knock to be gone", story::CONVERGE, || Ok(who_knocks(&host)?.is_empty().then_some(())))?;
        nothing()?;

        // Let in.
        knock_at(&guest, NAMES[0])?;
        let from = heard(&host, NAMES[1])?;
        ask::<()>(host.home(), "knock_answer", json!({ "device": from, "commons": commons }))?;
        let wanted = story::exported(&host, &commons)?;
        until("the door to open", story::CONVERGE, || {
            let all: Vec<CommonsView> = guest.json(["list"])?;
            Ok(all.iter().any(|there| there.id == commons).then_some(()))
        })?;
        story::converge(&[&host, &guest], &commons, story::CONVERGE, |files| files == wanted)?;
        peers.into_iter().try_for_each(commonplace_tests::cli::Peer::stop)
    })
}
