//! A member turns against the others, with two devices of one key: relays some things and withholds others, says different
//! things under one number, and sends what was written for one document or commons as if it were for another. The honest
//! devices end with the same documents, every honest edit in them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use commonplace_model::{CommonsId, DocId, Folder, PageId, Title};
use commonplace_trust::{Arrival, Refusal};
use rand::RngExt;

use crate::{
    convergence::{act, begin_page, edit_page, trouble},
    device::{Device, Open, key},
    rolls::fresh_seed,
    world::{Pace, World},
};

/// The honest ones come first.
const HONEST: usize = 3;
/// Two devices of one key, which never meet: a copied profile, or a liar who shows every side another face.
const LIARS: [usize; 2] = [HONEST, HONEST + 1];
const TROUBLE: u64 = 3_000;
const SEEDS: u64 = 60;

#[test]
fn the_honest_become_equal_beside_a_hostile_member() {
    #[expect(clippy::disallowed_methods, reason = "whoever runs a failing seed again names it")]
    let only: Option<u64> = std::env::var("COMMONPLACE_SEED").ok().and_then(|seed| seed.parse().ok());
    if let Some(seed) = only {
        one(seed);
        return;
    }
    let mut seen = Seen::default();
    for seed in 0..SEEDS {
        seen.add(&one(seed));
    }

    assert!(seen.forks > 20 && seen.replays > 20 && seen.honest > 1_000 && seen.relayed > 100, "{seen:?}");
}

#[test]
fn the_honest_become_equal_beside_a_hostile_member_with_a_fresh_seed() {
    one(fresh_seed());
}

/// What happened, so that nobody believes in a hostile member who does no harm.
#[derive(Debug, Default)]
struct Seen {
    /// Changes refused because another had their number.
    forks: usize,
    /// Changes refused that were for another document or commons.
    replays: usize,
    /// Honest edits that all honest devices have in the end.
    honest: usize,
    /// Changes of the hostile member that all honest devices have.
    relayed: usize,
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.forks += other.forks;
        self.replays += other.replays;
        self.honest += other.honest;
        self.relayed += other.relayed;
    }
}

fn one(seed: u64) -> Seen {
    match catch_unwind(AssertUnwindSafe(|| course(seed))) {
        Ok(seen) => seen,
        Err(_) => panic!("seed {seed} fails; run it alone with COMMONPLACE_SEED={seed}"),
    }
}

fn course(seed: u64) -> Seen {
    let devices = u16::try_from(HONEST + LIARS.len()).unwrap();
    let mut world = World::new(seed, devices, Pace { latency: 1..=90, write: 0..=40, leave: 0..=6 });
    world.hostile.extend(LIARS);
    world.strangers.insert((LIARS[0], LIARS[1]));
    world.devices[LIARS[1]].key = key(u16::try_from(LIARS[0]).unwrap());
    LIARS.iter().for_each(|liar| world.devices[*liar].doubled = true);
    // Where they lie in two ways the others may stay apart: in their own ledger, and in pages that they begin.
    let ledger = world.devices[LIARS[0]].ledger();
    world.lies.insert(ledger);
    world.connect_all();
    while world.now < TROUBLE {
        let pause = world.rng.random_range(0..60);
        world.run_until(world.now + pause);
        let device = world.rng.random_range(0..usize::from(devices));
        if world.rng.random_bool(0.06) {
            trouble(&mut world, device);
        } else if !world.devices[device].alive {
        } else if world.hostile.contains(&device) {
            harm(&mut world, device);
        } else {
            act(&mut world, device);
        }
    }
    world.mend();
    world.settle();
    check(&mut world)
}

fn some_page(world: &mut World, device: usize) -> Option<DocId> {
    let pages: Vec<DocId> = world.devices[device].shelves.keys().copied().collect();
    let pages: Vec<DocId> =
        pages.into_iter().filter(|doc| matches!(doc, DocId::Page(_)) && !world.lies.contains(doc)).collect();
    (!pages.is_empty()).then(|| pages[world.rng.random_range(0..pages.len())])
}

fn harm(world: &mut World, device: usize) {
    let page = some_page(world, device);
    match (world.rng.random_range(0..100), page) {
        // In pages of all, one of the two writes like anybody.
        (0..=29, Some(page)) if device == LIARS[0] => edit_page(world, device, page),
        (0..=34, _) => lie(world, device),
        (35..=44, _) if device == LIARS[0] => begin_page(world, device),
        (35..=54, Some(page)) => {
            world.devices[device].withheld.insert(page);
        }
        (55..=59, _) => world.devices[device].withheld.clear(),
        (60..=84, Some(page)) => to_another_document(world, device, page),
        _ => from_another_commons(world, device),
    }
}

/// Each of the two says something else under the same numbers, in a page that only they began.
fn lie(world: &mut World, device: usize) {
    let page = DocId::Page(PageId::new([200; 16]));
    world.lies.insert(page);
    if world.devices[device].shelves.contains_key(&page) {
        return edit_page(world, device, page);
    }
    let title: Title = format!("As {device} tells it").parse().unwrap();
    let made = world.devices[device].edit(page, |open| match open {
        Open::Page(page) => page.begin(&title, &Folder::default(), "It was like this.\n").unwrap(),
        Open::Ledger(_) => None,
    });
    made.into_iter().for_each(|made| world.change(device, page, made));
}

/// What somebody wrote in one page, as if it were for another.
fn to_another_document(world: &mut World, device: usize, page: DocId) {
    let Some((change, said)) = world.devices[device].shelves[&page].newest() else { return };
    let other = some_page(world, device).filter(|other| *other != page);
    let doc = other.unwrap_or(DocId::Page(PageId::new([201; 16])));
    world.pushes(device, &Arrival { doc, attestations: vec![said], changes: vec![change] });
}

/// What they wrote in a commons that only they know, as if it were for this one.
fn from_another_commons(world: &mut World, device: usize) {
    let mut elsewhere = Device::new(0, CommonsId::new([10; 32]));
    elsewhere.key = world.devices[device].key.clone();
    let page = some_page(world, device).unwrap_or(DocId::Page(PageId::new([202; 16])));
    let made = elsewhere.edit(page, |open| match open {
        Open::Page(page) => page.begin(&"Elsewhere".parse().unwrap(), &Folder::default(), "Not of here.\n").unwrap(),
        Open::Ledger(_) => None,
    });
    let (change, said) = made.unwrap();
    let arrival = Arrival { doc: page, attestations: vec![*said.get()], changes: vec![change.bytes().to_vec()] };
    world.pushes(device, &arrival);
}

fn check(world: &mut World) -> Seen {
    assert!(world.all_caught_up(), "a session between honest devices did not catch up");
    let agreed = |world: &World, doc: &DocId| !world.lies.contains(doc);
    for (doc, hash) in &world.promised {
        for device in &world.devices[..HONEST] {
            assert!(device.holds(doc, hash) || !agreed(world, doc), "an honest change is lost: {doc:?}");
        }
    }
    let shelves = |world: &World, device: usize| -> Vec<DocId> {
        world.devices[device].shelves.keys().filter(|doc| agreed(world, doc)).copied().collect()
    };
    let docs = shelves(world, 0);
    let appearances: Vec<Vec<_>> = (0..HONEST)
        .map(|device| {
            assert_eq!(shelves(world, device), docs, "device {device} has other documents");
            docs.iter()
                .map(|doc| {
                    let live = world.devices[device].open(*doc).appearance();
                    world.devices[device].open.remove(doc);
                    assert_eq!(live, world.devices[device].open(*doc).appearance(), "memory and disk differ");
                    live
                })
                .collect()
        })
        .collect();
    assert!(appearances.iter().all(|shown| *shown == appearances[0]), "honest devices show different things");
    let shown: String = appearances[0].iter().map(|(_, text)| text.as_str()).collect();
    assert!(!shown.contains("Not of here."), "what was written elsewhere is here");
    let counted = |of: &dyn Fn(&Refusal) -> bool| world.counts.refused.iter().filter(|(_, why)| of(why)).count();
    let liar = world.devices[LIARS[0]].tips();
    let by_all = |(doc, actor, seq): &&_| world.devices[..HONEST].iter().all(|d| d.holds_up_to(doc, actor, *seq));
    Seen {
        forks: counted(&|why| *why == Refusal::Equivocation),
        replays: counted(&|why| *why != Refusal::Equivocation),
        honest: world.promised.iter().filter(|(doc, _)| agreed(world, doc)).count(),
        relayed: liar.iter().filter(by_all).count(),
    }
}
