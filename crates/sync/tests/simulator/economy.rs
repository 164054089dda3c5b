//! What a meeting costs: round trips, bytes, and nothing twice.

use commonplace_model::{DocId, Folder, LocalChange, PageId, Splice};
use commonplace_sync::Millis;

use crate::{
    device::Open,
    world::{Pace, World},
};

/// A frame takes this long, so a round trip takes twice as long; all else takes no time.
const LATENCY: Millis = 50;
const ROUND_TRIP: Millis = 2 * LATENCY;

/// Frames take this long, and all else no time.
pub(crate) fn instant(latency: Millis) -> Pace {
    Pace { latency: latency..=latency, write: 0..=0, leave: 0..=0 }
}

pub(crate) fn page(n: u32) -> DocId {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    DocId::Page(PageId::new(id))
}

fn begin(open: &mut Open, body: &str) -> Option<LocalChange> {
    let Open::Page(page) = open else { return None };
    page.begin(&"Title".parse().unwrap(), &Folder::default(), body).unwrap()
}

pub(crate) fn append(open: &mut Open, words: &str) -> Option<LocalChange> {
    let Open::Page(page) = open else { return None };
    let at = page.body_len();
    page.edit(&[Splice { at, delete: 0, insert: words.to_owned() }]).unwrap()
}

/// Stores a change on a device while nobody is there.
fn keep(world: &mut World, device: usize, doc: DocId, make: impl FnOnce(&mut Open) -> Option<LocalChange>) {
    let (change, said) = world.devices[device].edit(doc, make).unwrap();
    world.devices[device].store(doc, &change, &said);
    world.promised.push((doc, change.hash()));
}

/// A commons of so many pages on the first device.
pub(crate) fn commons(world: &mut World, pages: u32) {
    for n in 0..pages {
        keep(world, 0, page(n), |open| begin(open, "Words."));
        world.devices[0].open.clear();
    }
    let record = world.devices[0].record(b"a record".to_vec());
    world.devices[0].records.insert(record.id(), record.bytes().to_vec());
}

/// The second device gets all that the first one has, by no network.
fn copy(world: &mut World) {
    world.devices[1].shelves = world.devices[0].shelves.clone();
    world.devices[1].records = world.devices[0].records.clone();
}

/// Lets them meet; says how long it took until both had all.
fn meet(world: &mut World) -> u64 {
    world.connect((0, 1));
    while world.counts.frames == 0 {
        assert!(world.step());
    }
    let start = world.now;
    while !world.all_caught_up() {
        assert!(world.step(), "they never catch up");
    }
    let took = world.now - start;
    world.settle();
    took
}

fn hold_the_same(world: &World) {
    assert_eq!(world.devices[0].tips(), world.devices[1].tips());
    assert_eq!(world.devices[0].records, world.devices[1].records);
    for (doc, hash) in &world.promised {
        assert!(world.devices.iter().all(|device| device.holds(doc, hash)));
    }
}

#[test]
fn meeting_again_with_nothing_new_costs_a_round_trip() {
    for pages in [0, 1, 40] {
        let mut world = World::new(1, 2, instant(LATENCY));
        commons(&mut world, pages);
        copy(&mut world);
        let took = meet(&mut world);
        assert!(took <= ROUND_TRIP, "{pages} pages: {took} ms");
        assert!(world.counts.bytes < 1_000, "{pages} pages: {} bytes", world.counts.bytes);
        assert_eq!((world.counts.changes, world.counts.caught_up), (0, 2));
    }
}

#[test]
fn one_change_in_ten_thousand_pages_costs_little() {
    let mut world = World::new(2, 2, instant(LATENCY));
    commons(&mut world, 10_000);
    copy(&mut world);
    for device in [0, 1] {
        for seed in 0..4 {
            let mut again = World::new(seed, 2, instant(LATENCY));
            for n in [0, 1] {
                again.devices[n].shelves = world.devices[n].shelves.clone();
                again.devices[n].records = world.devices[n].records.clone();
            }
            keep(&mut again, device, page(4_711), |open| append(open, " And more."));
            again.connect((0, 1));
            while again.counts.frames == 0 {
                assert!(again.step());
            }
            let start = again.now;
            while again.counts.changes == 0 {
                assert!(again.step(), "the change never comes");
            }
            let took = again.now - start;
            assert!(took <= 4 * ROUND_TRIP, "device {device}, seed {seed}: {took} ms");
            again.settle();
            assert!(again.counts.bytes <= 8 * 1024, "device {device}, seed {seed}: {} bytes", again.counts.bytes);
            assert_eq!((again.counts.changes, again.counts.repeated, again.counts.caught_up), (1, 0, 2));
            hold_the_same(&again);
        }
    }
}

#[test]
fn a_cold_join_needs_no_round_trip_per_document() {
    let mut world = World::new(3, 2, instant(LATENCY));
    commons(&mut world, 600);
    let took = meet(&mut world);
    // Hellos, records and changes, and the receipt for them.
    assert!(took <= 4 * ROUND_TRIP, "{took} ms");
    assert_eq!((world.counts.changes, world.counts.repeated), (600, 0));
    assert_eq!(world.counts.progress.iter().map(|(_, expected)| *expected).max(), Some(600));
    assert!(world.counts.progress.contains(&(600, 600)));
    hold_the_same(&world);
}

#[test]
fn a_join_that_breaks_off_goes_on_where_it_was() {
    let pace = || Pace { latency: 5..=30, write: 0..=2, leave: 5..=20 };
    for seed in 0..6 {
        let mut world = World::new(seed, 2, pace());
        commons(&mut world, 40);
        for n in 0..30 {
            // Words that do not compress, so that it takes several frames.
            let words: String =
                std::iter::repeat_with(|| rand::RngExt::random_range(&mut world.rng, 'a'..='z')).take(60_000).collect();
            keep(&mut world, 0, page(n), |open| append(open, &words));
        }
        world.connect((0, 1));
        let (mut breaks, mut seen) = (0, 0);
        while breaks < 4 {
            assert!(world.step(), "seed {seed}: it ended after {breaks} breaks");
            // Everything that came is durable before the connection ends, so none of it may come again.
            if world.counts.changes > seen && world.is_written() {
                seen = world.counts.changes;
                world.disconnect((0, 1));
                world.connect((0, 1));
                breaks += 1;
            }
            if world.all_caught_up() {
                break;
            }
        }
        world.settle();
        assert!(breaks > 1, "seed {seed}: it came in one piece");
        assert_eq!(world.counts.repeated, 0, "seed {seed}: changes that were durable came again");
        assert!(world.all_caught_up());
        hold_the_same(&world);
    }
}

#[test]
fn long_divergence_is_mended_both_ways() {
    let mut world = World::new(4, 2, instant(LATENCY));
    commons(&mut world, 900);
    copy(&mut world);
    for n in 0..300 {
        keep(&mut world, 0, page(n * 2), |open| append(open, " Zero."));
        keep(&mut world, 1, page(n * 3), |open| append(open, " One."));
        keep(&mut world, 1, page(10_000 + n), |open| begin(open, "New."));
    }
    meet(&mut world);
    assert_eq!((world.counts.changes, world.counts.repeated), (900, 0));
    hold_the_same(&world);
}

#[test]
fn the_page_that_is_open_comes_first() {
    let mut world = World::new(5, 2, instant(LATENCY));
    commons(&mut world, 200);
    world.connect((0, 1));
    while world.counts.frames < 1 {
        assert!(world.step());
    }
    world.prioritise(1, page(150));
    while world.counts.frames < 3 {
        assert!(world.step());
        world.prioritise(1, page(150));
    }
    world.settle();
    assert_eq!(world.counts.came.first(), Some(&page(150)));
    hold_the_same(&world);
}

#[test]
fn what_is_typed_while_they_compare_is_not_lost() {
    for pages in [0, 3, 700] {
        for after in 0..14 {
            let mut world = World::new(u64::from(pages + after), 2, instant(LATENCY));
            commons(&mut world, pages);
            if pages > 3 {
                copy(&mut world);
                keep(&mut world, 0, page(5), |open| append(open, " Zero."));
            }
            world.connect((0, 1));
            while world.counts.frames == 0 {
                assert!(world.step());
            }
            world.run_until(world.now + u64::from(after) * LATENCY / 2);
            for (device, n) in [(0, 1), (1, 9_001), (0, 9_002)] {
                let there = world.devices[device].shelves.contains_key(&page(n));
                let make = |open: &mut Open| if there { append(open, " Late.") } else { begin(open, "Late.") };
                let made = world.devices[device].edit(page(n), make).unwrap();
                world.change(device, page(n), made);
            }
            world.settle();
            assert!(world.all_caught_up());
            hold_the_same(&world);
        }
    }
}
