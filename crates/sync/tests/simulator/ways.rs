//! On which way letters come, and that another one is found where it brings nothing any more.

use commonplace_model::ChangeHash;
use commonplace_sync::Millis;

use crate::{
    economy::{append, commons, instant, page},
    world::World,
};

/// How long a frame takes.
const LATENCY: Millis = 20;
/// Time between two letters.
const PACE: Millis = 100;

/// Two who type.
const WRITERS: [usize; 2] = [0, 1];
/// By whom their letters go on: at first, and once the first has lost those who type.
const FIRST: usize = 2;
const SECOND: usize = 3;
/// One who reads.
const READER: usize = 4;

/// Somebody types a letter.
fn types(world: &mut World, writer: usize) -> ChangeHash {
    let made = world.devices[writer].edit(page(0), |open| append(open, "k")).unwrap();
    let hash = made.0.hash();
    world.change(writer, page(0), made);
    let now = world.now;
    world.run_until(now + PACE);
    hash
}

#[test]
fn where_a_way_brings_nothing_any_more_another_one_does_though_several_type() {
    let mut world = World::new(6, 5, instant(LATENCY));
    commons(&mut world, 1);
    for way in [FIRST, SECOND] {
        for other in [WRITERS[0], WRITERS[1], READER] {
            world.connect((other.min(way), other.max(way)));
        }
        world.settle();
        for _ in 0..20 {
            for writer in WRITERS {
                types(&mut world, writer);
            }
        }
    }
    // The first one loses those who type, and keeps the one who reads.
    for writer in WRITERS {
        world.disconnect((writer, FIRST));
    }
    let letters: Vec<_> = (0..100).flat_map(|_| WRITERS.map(|writer| types(&mut world, writer))).collect();
    let holds = |world: &World, hash: &ChangeHash| world.devices[READER].holds(&page(0), hash);
    assert!(letters[..100].iter().all(|hash| holds(&world, hash)), "nobody asked for what was named");
    // And from then on letters come as they are typed.
    for _ in 0..10 {
        for hash in WRITERS.map(|writer| types(&mut world, writer)) {
            let now = world.now;
            world.run_until(now + 3 * LATENCY);
            assert!(holds(&world, &hash), "a letter waits to be named");
        }
    }
}
