//! Tickets that do not let anybody in.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use commonplace_node::view::CommonsView;
use commonplace_tests::{
    cli::{Device, Peer, Place},
    story,
};
use data_encoding::BASE32_NOPAD_NOCASE;

const PREFIX: &str = "commonplace://join/";

/// A commons with a running device, and somebody who is not in it.
fn two() -> Result<(Device, Peer, String, Device, Peer)> {
    let inside = Device::named(Place::Loopback, "Maren")?;
    let outside = Device::named(Place::Loopback, "Tomás")?;
    let commons = story::found(&inside, "The Kettle")?;
    story::page(&inside, &commons, "Rules", "Who empties it, fills it.\n")?;
    let (first, second) = (inside.peer()?, outside.peer()?);
    Ok((inside, first, commons, outside, second))
}

fn has_none(device: &Device) -> Result<()> {
    let all: Vec<CommonsView> = device.json(["list"])?;
    ensure!(all.is_empty(), "a refused ticket left {all:?} behind");
    Ok(())
}

#[test]
fn a_malformed_ticket_is_refused() -> Result<()> {
    let (inside, _first, commons, outside, _second) = two()?;
    let good = story::ticket(&inside, &commons, 1)?;
    let mut mistyped = good.clone();
    let last = mistyped.pop().context("a ticket")?;
    mistyped.push(if last == 'a' { 'b' } else { 'a' });
    let endless = format!("{PREFIX}{}", "a".repeat(100_000));
    let cases = ["", "hello", PREFIX, &good[..good.len() - 9], &mistyped, &endless, "commonplace://join/ü"];
    for case in cases {
        let reason = outside.refused(["join", case])?;
        ensure!(reason.contains("ticket"), "{} characters of ticket: {reason}", case.len());
    }
    has_none(&outside)?;
    // And none of that used the good one up.
    ensure!(story::join(&outside, &good)? == commons, "joined another commons");
    Ok(())
}

#[test]
fn an_expired_ticket_is_refused() -> Result<()> {
    let (inside, _first, commons, outside, _second) = two()?;
    let expired = long_ago(&story::ticket(&inside, &commons, 1)?)?;
    let reason = outside.refused(["join", &expired])?;
    ensure!(reason.contains("time") || reason.contains("expired") || reason.contains("over"), "{reason}");
    has_none(&outside)
}

/// The same ticket, but its time was over in 1972.
fn long_ago(ticket: &str) -> Result<String> {
    let coded = ticket.strip_prefix(PREFIX).context("a ticket")?.to_ascii_uppercase();
    let mut bytes = BASE32_NOPAD_NOCASE.decode(coded.as_bytes()).map_err(|error| anyhow!("{error}"))?;
    // At the end: the time in milliseconds, seven bits a byte, six bytes long for centuries; one byte of uses; four of check.
    let check = bytes.len() - 4;
    ensure!(blake3::hash(&bytes[..check]).as_bytes()[..4] == bytes[check..], "the check is not where it was");
    ensure!(bytes[check - 1] == 1, "the uses are not where they were");
    let year_1972 = 1_u64 << 36;
    for (at, byte) in bytes[check - 7..check - 1].iter_mut().enumerate() {
        let bits = u8::try_from((year_1972 >> (7 * at)) & 0x7f)?;
        *byte = if at < 5 { bits | 0x80 } else { bits };
    }
    let hash = blake3::hash(&bytes[..check]);
    bytes[check..].copy_from_slice(&hash.as_bytes()[..4]);
    Ok(format!("{PREFIX}{}", data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()))
}

#[test]
fn a_used_up_ticket_is_refused() -> Result<()> {
    let (inside, _first, commons, outside, _second) = two()?;
    let late = Device::named(Place::Loopback, "悠")?;
    let _third = late.peer()?;
    let ticket = story::ticket(&inside, &commons, 1)?;
    story::join(&outside, &ticket)?;
    let reason = late.refused(["join", &ticket, "--wait", "20"])?;
    ensure!(reason.contains("ticket"), "{reason}");
    ensure!(!reason.contains("not reached"), "an answer was there, and is not told: {reason}");
    has_none(&late)?;
    ensure!(story::commons(&inside, &commons)?.members == 2, "let in all the same");
    Ok(())
}

#[test]
fn who_is_in_already_is_told_so() -> Result<()> {
    let (inside, _first, commons, outside, _second) = two()?;
    let ticket = story::ticket(&inside, &commons, 5)?;
    story::join(&outside, &ticket)?;
    for device in [&outside, &inside] {
        let reason = device.refused(["join", &ticket])?;
        ensure!(reason.contains("already"), "{reason}");
    }
    ensure!(story::commons(&inside, &commons)?.members == 2, "counted twice");
    Ok(())
}

#[test]
fn an_unreachable_inviter_is_waited_for_only_so_long() -> Result<()> {
    let (inside, first, commons, outside, _second) = two()?;
    let ticket = story::ticket(&inside, &commons, 1)?;
    first.stop()?;
    let start = Instant::now();
    let reason = outside.refused(["join", &ticket, "--wait", "3"])?;
    ensure!(start.elapsed() < Duration::from_secs(20), "waited {:?}", start.elapsed());
    ensure!(reason.contains("not reached") || reason.contains("reach"), "{reason}");
    has_none(&outside)?;
    // The ticket is still good, as the words say.
    let _again = inside.peer()?;
    let fresh = story::ticket(&inside, &commons, 1)?;
    ensure!(story::join(&outside, &fresh)? == commons, "joined another commons");
    Ok(())
}
