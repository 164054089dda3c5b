//! A device is killed in the middle of its first sync, and goes on where it was.

use std::time::Duration;

use anyhow::{Result, ensure};
use commonplace_node::view::CommonsView;
use commonplace_tests::{
    cli::files,
    corpus,
    namespaces::{Addressing, Lan, with_networks},
    patience::until,
    skipped::skipped,
    story,
};

use crate::found::device;

const PAGES: usize = 500;
/// Slow enough for the first sync to be met in its middle.
const KILOBITS: u32 = 300;

#[test]
fn a_device_killed_while_joining_comes_back_and_completes() -> Result<()> {
    with_networks("killed::a_device_killed_while_joining_comes_back_and_completes", || {
        let lan = Lan::new(Addressing::NoDefaultRoute, 2)?;
        let (giving, joining) = (device(&lan, 0)?, device(&lan, 1)?);
        let folder = giving.beside("pages");
        corpus::write(&folder, PAGES)?;
        let _giving = giving.peer()?;
        let commons = story::found(&giving, "The Kettle")?;
        ensure!(story::import(&giving, &commons, &folder)? == PAGES as u64, "not all pages were taken in");
        let ticket = story::ticket(&giving, &commons, 1)?;

        let peer = joining.peer()?;
        story::sees(&joining, &[crate::found::NAMES[0]])?;
        if !lan.slow(1, KILOBITS) {
            return skipped("killed", "this system has no means to slow a cable down (tc, sch_tbf)");
        }
        // It waits for the pages, which it will not see.
        let waiting = joining.start(["join", &ticket, "--wait", "60"])?;
        let held = until("the first pages", story::CONVERGE, || {
            let all: Vec<CommonsView> = joining.json(["list"])?;
            Ok(all.iter().map(|commons| commons.pages).find(|pages| *pages > 0))
        })?;
        peer.kill()?;
        drop(waiting);
        ensure!(held < PAGES as u64, "all pages had come before the device was killed");

        // Off the network, what had come is there: durable and readable.
        lan.cut(1)?;
        let again = joining.peer()?;
        let kept = story::commons(&joining, &commons)?.pages;
        ensure!((held..PAGES as u64).contains(&kept), "{held} pages had come, {kept} are there");
        lan.mend(1)?;
        lan.unslow(1)?;
        let wanted = files(&folder)?;
        story::converge(&[&giving, &joining], &commons, Duration::from_secs(120), |files| files == wanted)?;
        ensure!(!story::commons(&joining, &commons)?.arriving, "a first sync that does not end");
        again.stop()
    })
}
