//! Rolls with decisions in them, between devices that meet, part and crash: all come to the same members, the same charter
//! and the same explanation of every decision, and what was final anywhere is final everywhere.

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};

use commonplace_governance::decision::Standing;
use commonplace_governance::{
    Act, Body, Choice, Cut, Decision, Genesis, Introduction, Invitation, JoinRequest, Model, Policy, Roll,
};
use commonplace_model::{MemberId, PageId, RecordId};
use commonplace_trust::{DeviceKey, VerifiedRecord};
use rand::RngExt;

use crate::{
    convergence::trouble,
    device::key,
    world::{Pace, World},
};

const DEVICES: u16 = 5;
/// How long there is trouble, in milliseconds of the simulation.
const TROUBLE: u64 = 4_000;
/// Seeds that each of the tests below runs.
const SEEDS: u64 = 40;
/// Keys of people who come without a device of their own in the simulation.
const GUESTS: u16 = 100;

/// What happened in some courses, so that nobody believes in courses in which nothing does.
#[derive(Default)]
struct Seen {
    for_good: usize,
    fallen: usize,
    removed: usize,
    came: usize,
    models: BTreeSet<Model>,
}

#[test]
fn rolls_become_equal_seeds_0() {
    run(0..SEEDS);
}

#[test]
fn rolls_become_equal_seeds_1000() {
    run(1_000..1_000 + SEEDS);
}

/// A seed that was never run before; it is printed.
#[expect(clippy::disallowed_methods, reason = "a seed that no run had before")]
#[expect(clippy::print_stdout, reason = "whoever needs it again is told it")]
pub(crate) fn fresh_seed() -> u64 {
    let seed = std::hash::RandomState::new().hash_one(0);
    println!("fresh seed {seed}");
    seed
}

#[test]
fn rolls_become_equal_with_a_fresh_seed() {
    let seed = fresh_seed();
    one(seed, &mut Seen::default());
}

fn one(seed: u64, seen: &mut Seen) {
    if catch_unwind(AssertUnwindSafe(|| course(seed, seen))).is_err() {
        panic!("seed {seed} fails; run it alone with COMMONPLACE_SEED={seed}");
    }
}

#[expect(clippy::print_stdout, reason = "what happened is there to be read")]
fn run(seeds: std::ops::Range<u64>) {
    #[expect(clippy::disallowed_methods, reason = "whoever runs a failing seed again names it")]
    let only: Option<u64> = std::env::var("COMMONPLACE_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut seen = Seen::default();
    if let Some(seed) = only {
        return one(seed, &mut seen);
    }
    for seed in seeds {
        one(seed, &mut seen);
    }
    println!(
        "{} final, {} fallen, {} removed, {} came; {:?}",
        seen.for_good, seen.fallen, seen.removed, seen.came, seen.models
    );
    assert!(seen.for_good > 50 && seen.fallen > 10 && seen.removed > 5 && seen.came > 10 && seen.models.len() > 3);
}

fn person(n: u16) -> Introduction {
    Introduction { name: format!("Member {n}"), ink: 3, device_name: format!("Laptop {n}") }
}

fn ticket() -> DeviceKey {
    key(60_000)
}

fn model(n: u64) -> Model {
    match n % 5 {
        0 => Model::Open,
        1 => Model::Stewards { needed: 1 },
        2 => Model::Stewards { needed: 2 },
        3 => Model::Consent { quorum: 50 },
        _ => Model::Majority,
    }
}

/// A commons whose members are the devices, all of them electors.
fn found(model: Model) -> (Roll, Vec<VerifiedRecord>) {
    let genesis = Genesis {
        name: "Seed Library".to_owned(),
        purpose: String::new(),
        licence: "CC-BY-SA-4.0".to_owned(),
        deciding: 0,
        founder: person(0),
        nonce: [7; 16],
    };
    let founder = key(0);
    let (mut roll, record) = Roll::found(genesis, &founder).unwrap();
    let mut records = vec![record];
    let invitation = Body::Invitation(Invitation { key: ticket().id(), uses: 500, expires_at: 1_000 });
    records.push(roll.write(&invitation, &founder).unwrap());
    for n in 1..DEVICES {
        let asked = JoinRequest::sign(roll.commons(), &ticket(), &key(n), person(n));
        records.push(roll.admit_request(asked, &founder).unwrap());
    }
    let stewards: Vec<MemberId> = roll.members().map(|member| member.id).collect();
    let stewards = if matches!(model, Model::Stewards { .. }) { stewards } else { Vec::new() };
    let act = if model == Model::Open { Act::Roster } else { Act::Model { model, stewards } };
    let first = roll.propose(act, String::new(), &founder).unwrap();
    records.push(roll.seal(first.id(), &founder).unwrap());
    records.push(first);
    (roll, records)
}

fn course(seed: u64, seen: &mut Seen) {
    let (roll, records) = found(model(seed));
    let pace = Pace { latency: 1..=90, write: 0..=40, leave: 0..=6 };
    let mut world = World::of(roll.commons(), seed, DEVICES, pace);
    for device in &mut world.devices {
        device.roll = Some(roll.clone());
        device.records = records.iter().map(|record| (record.id(), record.bytes().to_vec())).collect();
    }
    world.connect_all();
    let mut finals = BTreeSet::new();
    while world.now < TROUBLE {
        let pause = world.rng.random_range(0..60);
        world.run_until(world.now + pause);
        let device = world.rng.random_range(0..usize::from(DEVICES));
        if world.rng.random_bool(0.08) {
            finals.extend(final_ones(world.devices[device].roll.as_ref().unwrap()));
            trouble(&mut world, device);
        } else if world.devices[device].alive && !world.is_saying(device) {
            act(&mut world, device);
        }
    }
    world.mend();
    world.settle();
    acknowledge_all(&mut world);
    check(&world, &finals, seen);
}

fn explained(roll: &Roll) -> Vec<Decision> {
    roll.proposals().iter().filter_map(|id| roll.decision(id)).collect()
}

fn final_ones(roll: &Roll) -> Vec<RecordId> {
    explained(roll).into_iter().filter(|d| d.standing == Standing::ForGood).map(|d| d.id).collect()
}

/// What a member says in the roll, as an honest device lets them: on top of what is durable on it.
fn act(world: &mut World, device: usize) {
    let (what, pick): (u32, usize) = (world.rng.random_range(0..100), world.rng.random_range(0..1_000));
    let me = world.devices[device].key.clone();
    let mut roll = world.devices[device].roll.clone().unwrap();
    let members: Vec<MemberId> = roll.members().map(|member| member.id).collect();
    let Some(member) = members.get(pick % members.len().max(1)).copied() else { return };
    let proposals = roll.proposals();
    let newest = proposals.iter().rev().nth(pick % 3).copied();
    let guest = GUESTS + u16::try_from(pick % 5).unwrap();
    let propose = |roll: &mut Roll, act: Act| roll.propose(act, format!("because {pick}"), &me).ok();
    let said: Vec<VerifiedRecord> = match what {
        0..=1 => roll.remove(member, vec![Cut::default()], &me).unwrap_or_default(),
        2..=4 => propose(&mut roll, Act::Remove { member, cut: Cut::default() }).into_iter().collect(),
        5..=14 => propose(&mut roll, Act::Licence(format!("L-{pick}"))).into_iter().collect(),
        15..=18 => {
            let act = Act::Model { model: model(pick as u64), stewards: Vec::new() };
            propose(&mut roll, act).into_iter().collect()
        }
        19..=20 => {
            let policy = [Policy::Ticket, Policy::Vouched, Policy::Decision][pick % 3];
            propose(&mut roll, Act::Policy(policy)).into_iter().collect()
        }
        21..=24 => propose(&mut roll, Act::Hide(PageId::new([1; 16]))).into_iter().collect(),
        25..=26 => propose(&mut roll, Act::Roster).into_iter().collect(),
        27..=33 => {
            let asked = JoinRequest::sign(roll.commons(), &ticket(), &key(guest), person(guest));
            roll.admit_request(asked, &me).ok().into_iter().collect()
        }
        34..=69 => newest.and_then(|id| roll.vote(id, Choice::Yes, &me).ok()).into_iter().collect(),
        70..=75 => {
            let choice = [Choice::No, Choice::Object, Choice::Withdraw][pick % 3];
            newest.and_then(|id| roll.vote(id, choice, &me).ok()).into_iter().collect()
        }
        _ => due(&mut roll, &me),
    };
    for record in said {
        world.add_record(device, record);
    }
}

fn due(roll: &mut Roll, me: &DeviceKey) -> Vec<VerifiedRecord> {
    roll.due(&me.id()).into_iter().filter_map(|id| roll.seal(id, me).ok()).collect()
}

/// Every device acknowledges what it can, as it does by itself whenever records came, until nothing is due.
fn acknowledge_all(world: &mut World) {
    for _ in 0..100 {
        let mut any = false;
        for device in 0..usize::from(DEVICES) {
            let me = world.devices[device].key.clone();
            let mut roll = world.devices[device].roll.clone().unwrap();
            for seal in due(&mut roll, &me) {
                any = true;
                world.add_record(device, seal);
            }
        }
        world.settle();
        if !any {
            return;
        }
    }
    panic!("acknowledgements never end");
}

fn check(world: &World, finals: &BTreeSet<RecordId>, seen: &mut Seen) {
    assert!(world.all_caught_up(), "a session did not catch up");
    let first = &world.devices[0];
    let roll = first.roll.as_ref().unwrap();
    let explanations = explained(roll);
    for device in &world.devices {
        assert_eq!(device.records, first.records, "a device lacks records");
        let other = device.roll.as_ref().unwrap();
        assert!(other == roll, "the same records, and another state");
        assert_eq!(explained(other), explanations, "the same records, and another explanation");
        assert!(device.folded() == *other, "memory and disk differ");
    }
    // Nobody in this world spends a ballot twice, so what was final anywhere at any time is final.
    let now: BTreeSet<RecordId> = final_ones(roll).into_iter().collect();
    assert!(finals.is_subset(&now), "what was final is final no more: {:?}", finals - &now);
    seen.for_good += now.len();
    seen.fallen += explanations.iter().filter(|d| matches!(d.standing, Standing::Not(_))).count();
    seen.removed += (0..DEVICES).filter(|n| roll.member_of(&key(*n).id()).is_none()).count();
    seen.came += (0..5).filter(|n| roll.member_of(&key(GUESTS + n).id()).is_some()).count();
    seen.models.insert(roll.footing().model);
}
