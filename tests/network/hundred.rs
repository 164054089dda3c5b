//! A device is killed a hundred times during its first sync, and is not sent again what it has.
//!
//! # What may cross its cable
//!
//! A second device joins the same commons undisturbed and shows what that costs: `whole` bytes for all changes. It is then
//! started again with nothing changed, which shows what a start costs: `meeting` bytes, of greetings on the network, handshakes
//! and hellos. Of each of the hundred lives it is known how many bytes came to the device, and from its disk how many bytes of
//! changes were durable before and after. What comes in a life is
//!
//! - changes that become durable, each of them once in all lives: together `whole`;
//! - the start: `meeting`, and of each document that is still lacking what tells it (its id in the reconciliation, its
//!   frontier), where so few are lacking that sets are reconciled instead of listed;
//! - what is in flight when the life ends: [`QUEUE_BYTES`] that the cable holds, the frame that is not whole, and one that is and is not
//!   stored yet. The first frame is small and each is at most twice as large as the one before. So these two are at most three
//!   quarters of all that came after the start.
//!
//! Were anything sent that is durable, it would be none of these. That is looked at over all lives together, and at the last one, which
//! nobody ends, by itself: nothing in it is in flight, so there it is known to a few percent.

use std::{
    fs,
    io::{Write, stderr},
    thread::sleep,
    time::Duration,
};

use anyhow::{Result, ensure};
use commonplace_node::view::{CommonsView, Finding};
use commonplace_tests::{
    cli::{Device, files},
    draw::Draw,
    namespaces::{Addressing, Lan, QUEUE_BYTES, with_networks},
    patience::until,
    skipped::skipped,
    story,
};
use rusqlite::{Connection, OpenFlags};

use crate::found::{NAMES, device};

const LIVES: u32 = 100;
const PAGES: usize = 700;
const PAGE_BYTES: usize = 12 * 1024;
/// Slow enough for a life to end in the middle of a frame.
const KILOBITS: u32 = 2_500;
/// A life ends when so many bytes came, as powers of two: within the greetings, or after many frames.
const LIFE: (u32, u32) = (8, 19);
/// How long the first device gives, should nobody end it.
const GIVES: Duration = Duration::from_secs(1_200);
/// Of so many lives one ends before it did anything, within so many milliseconds.
const STILLBORN: (u64, u64) = (10, 300);
/// Documents fewer than this lacking, sets are reconciled.
const RECONCILED: u64 = 400;
/// What tells a document that is lacking: its id, sent and asked for, and its frontier.
const TOLD: u64 = 160;
/// What changes cost more when they come in other frames than to the undisturbed device, in hundredths.
const FRAMING: u64 = 8;

/// What is durable on a device that does not run: documents, and bytes of changes in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
struct Durable {
    documents: u64,
    bytes: u64,
}

/// Reads that from a copy, so that the device finds its files as its death left them.
fn durable(device: &Device) -> Result<Durable> {
    let copy = tempfile::TempDir::with_prefix("commonplace-durable-")?;
    for name in ["profile.db", "profile.db-wal"] {
        let from = device.home().join(name);
        if from.exists() {
            fs::copy(from, copy.path().join(name))?;
        }
    }
    let database = Connection::open_with_flags(copy.path().join("profile.db"), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let read = |what: &str| -> Result<u64> {
        let asked = format!("SELECT {what} FROM doc WHERE changes > 0");
        Ok(u64::try_from(database.query_row(&asked, [], |row| row.get::<_, i64>(0))?)?)
    };
    Ok(Durable { documents: read("count(*)")?, bytes: read("coalesce(sum(bytes), 0)")? })
}

/// A commons of random pages on the first device, and a ticket for two.
fn commons(giving: &Device, draw: &mut Draw) -> Result<(String, String)> {
    let folder = giving.beside("pages");
    fs::create_dir_all(&folder)?;
    for page in 0..PAGES {
        fs::write(folder.join(format!("page {page}.md")), draw.words(PAGE_BYTES))?;
    }
    let commons = story::found(giving, "The Kettle")?;
    ensure!(story::import(giving, &commons, &folder)? == PAGES as u64, "not all pages were taken in");
    let ticket = story::ticket(giving, &commons, 2)?;
    Ok((commons, ticket))
}

/// What it costs to join undisturbed, and to meet again with nothing changed.
struct Costs {
    all: Durable,
    whole: u64,
    meeting: u64,
}

fn undisturbed(lan: &Lan, at: usize, ticket: &str, all: usize) -> Result<Costs> {
    let joining = device(lan, at)?;
    let peer = joining.peer()?;
    story::sees(&joining, &NAMES[..1])?;
    let before = lan.crossed(at)?.to;
    let commons = story::join(&joining, ticket)?;
    until("all pages", Duration::from_secs(120), || {
        let there = story::commons(&joining, &commons)?;
        Ok((there.pages == all as u64 && !there.arriving).then_some(()))
    })?;
    let whole = lan.crossed(at)?.to - before;
    peer.stop()?;
    let all = durable(&joining)?;

    let before = lan.crossed(at)?.to;
    let peer = joining.peer()?;
    until("the two to meet again", story::CONVERGE, || {
        Ok((story::commons(&joining, &commons)?.here == 1).then_some(()))
    })?;
    // When this is over, so are the hellos: they are the first thing that is said.
    story::exported(&joining, &commons)?;
    let meeting = lan.crossed(at)?.to - before;
    peer.stop()?;
    Ok(Costs { all, whole, meeting })
}

impl Costs {
    /// What changes of so many bytes cost.
    fn of(&self, bytes: u64) -> u64 {
        (u128::from(self.whole) * u128::from(bytes) / u128::from(self.all.bytes)).try_into().unwrap_or(u64::MAX)
    }

    /// The same when they come in other frames than to the undisturbed device.
    fn framed(&self, bytes: u64) -> u64 {
        self.of(bytes) * (100 + FRAMING) / 100
    }

    /// What a start costs, with so much there.
    fn start(&self, there: Durable) -> u64 {
        let lacking = self.all.documents - there.documents.min(self.all.documents);
        self.meeting + if lacking <= RECONCILED { TOLD * lacking } else { 0 }
    }

    /// What of so much that came in a life may be none of what became durable.
    fn lost(&self, there: Durable, came: u64) -> u64 {
        let beside = self.start(there) + QUEUE_BYTES;
        came.min(beside) + came.saturating_sub(beside) * 3 / 4
    }
}

/// A life that ends when so many bytes came, and not more than these.
fn live_and_die(lan: &Lan, at: usize, device: &Device, draw: &mut Draw, most: u64) -> Result<()> {
    let before = lan.crossed(at)?.to;
    let peer = device.start(["peer"])?;
    if draw.below(STILLBORN.0) == 0 {
        // The moment is any moment.
        sleep(Duration::from_millis(draw.below(STILLBORN.1)));
    } else {
        let bytes = draw.magnitude(LIFE.0, LIFE.1).min(most);
        until("the bytes after which this life ends", story::CONVERGE, || {
            Ok((lan.crossed(at)?.to - before >= bytes).then_some(()))
        })?;
    }
    peer.kill()
}

#[test]
fn a_device_killed_a_hundred_times_while_joining_is_not_sent_again_what_it_has() -> Result<()> {
    with_networks("hundred::a_device_killed_a_hundred_times_while_joining_is_not_sent_again_what_it_has", || {
        let mut draw = Draw::begin("a hundred lives")?;
        let lan = Lan::new(Addressing::NoDefaultRoute, 3)?;
        let (giving, joining) = (device(&lan, 0)?, device(&lan, 1)?);
        let _giving = giving.peer_for(GIVES)?;
        let (commons, ticket) = commons(&giving, &mut draw)?;
        if !(lan.slow(1, KILOBITS) && lan.slow(2, KILOBITS)) {
            return skipped("hundred", "this system has no means to slow a cable down (tc, sch_tbf)");
        }
        let costs = undisturbed(&lan, 2, &ticket, PAGES)?;

        // It is let in, and dies for the first time.
        let peer = joining.peer()?;
        story::sees(&joining, &NAMES[..1])?;
        let waiting = joining.start(["join", &ticket, "--wait", "60"])?;
        until("the door to open", story::CONVERGE, || {
            let all: Vec<CommonsView> = joining.json(["list"])?;
            Ok(all.iter().any(|held| held.id == commons).then_some(()))
        })?;
        peer.kill()?;
        drop(waiting);

        let (mut there, mut began) = (durable(&joining)?, lan.crossed(1)?.to);
        let (at_first, mut may, mut fruitful) = (began, costs.framed(costs.all.bytes - there.bytes), 0);
        for life in 1..=LIVES {
            // However much of it lasts, it is not the last one.
            let most = costs.of(costs.all.bytes - there.bytes) / 4;
            live_and_die(&lan, 1, &joining, &mut draw, most)?;
            let (now, crossed) = (durable(&joining)?, lan.crossed(1)?.to);
            ensure!(
                now.bytes >= there.bytes && now.documents >= there.documents,
                "life {life}: {there:?} were durable, {now:?} are"
            );
            ensure!(now.bytes < costs.all.bytes, "all pages had come before life {life} ended");
            may += costs.lost(there, crossed - began);
            fruitful += u32::from(now.bytes > there.bytes);
            (there, began) = (now, crossed);
        }
        ensure!(fruitful >= LIVES / 10, "only {fruitful} lives brought anything");
        writeln!(
            stderr(),
            "{LIVES} lives, {fruitful} of which brought something: {there:?} of {:?} are there.",
            costs.all
        )?;
        last_life(&lan, &giving, &joining, &commons, &costs, there)?;
        let (came, may) = (lan.crossed(1)?.to - at_first, may + costs.start(there) + QUEUE_BYTES);
        writeln!(
            stderr(),
            "In all {came} bytes came, {may} may. Undisturbed it is {}, and a meeting {}.",
            costs.whole,
            costs.meeting
        )?;
        ensure!(came <= may, "in all lives {came} bytes came, where {may} had done");
        Ok(())
    })
}

/// The life that nobody ends: what is lacking comes, and nothing else.
fn last_life(lan: &Lan, giving: &Device, joining: &Device, commons: &str, costs: &Costs, there: Durable) -> Result<()> {
    let before = lan.crossed(1)?.to;
    let peer = joining.peer()?;
    until("all pages", Duration::from_secs(120), || {
        let held = story::commons(joining, commons)?;
        Ok((held.pages == PAGES as u64 && !held.arriving).then_some(()))
    })?;
    let came = lan.crossed(1)?.to - before;
    let lacking = costs.of(costs.all.bytes - there.bytes);
    let most = costs.framed(costs.all.bytes - there.bytes) + costs.start(there) + QUEUE_BYTES;
    writeln!(stderr(), "The last life: {came} bytes came, {lacking} were lacking, {most} may come.")?;
    ensure!(came <= most, "{came} bytes came in the last life, where {most} had done");

    let wanted = files(&giving.beside("pages"))?;
    story::converge(&[giving, joining], commons, Duration::from_secs(120), |files| files == wanted)?;
    let findings: Vec<Finding> = joining.json(["doctor"])?;
    ensure!(findings.iter().all(|finding| finding.ok), "the doctor says: {findings:?}");
    peer.stop()
}
