//! What a commons of many devices costs each of them, and how soon a change is everywhere, as their number grows.
//!
//! With the tests it runs at small sizes, with a fixed seed and one that was never run before. `make scale` names larger ones
//! in `COMMONPLACE_SCALE` and shows the table; `docs/scale.md` has its figures. Nothing here is timed: all times are the simulation's.

use std::panic::{AssertUnwindSafe, catch_unwind};

use commonplace_sync::{Millis, neighbours::Bounds};

use crate::{crowd::Crowd, rolls::fresh_seed};

/// Pages of the commons.
const PAGES: u8 = 20;
/// Changes that are followed one by one: of so many devices one each, and of one of them as many more.
const FOLLOWED: usize = 5;
const MINUTE: Millis = 60_000;

/// What was found of a size.
struct Row {
    peers: usize,
    /// Sessions of a device, on average, and the most that any had at any time.
    sessions: f64,
    most: usize,
    /// Of the first change that a device makes, and of its later ones.
    first: Spread,
    later: Spread,
    /// In an hour in which nobody writes, for each device: sessions opened and bytes sent.
    opened: f64,
    standing: f64,
    /// Changes made in a minute of trouble; until everybody had all of them after the last of those who had left was back; bytes sent for each device and change.
    trouble: usize,
    healed: Millis,
    troubled: f64,
}

/// How changes came to everybody.
#[derive(Default)]
struct Spread {
    /// Until so many percent have a change, and over how many others, the slowest of those followed.
    until: [Millis; 3],
    hops: [u32; 3],
    /// Of a change, for each device: bytes sent, and how often it came.
    bytes: f64,
    copies: f64,
}

impl Row {
    const HEAD: &str = "\
| peers | sessions: mean, most | first change: ms until 50 / 99 / 100 % | hops | bytes | copies | later ones: ms | hops | bytes | copies | \
an hour's rest: sessions opened, bytes | trouble: changes, ms until healed, bytes a change |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

    fn line(&self) -> String {
        let spread = |Spread { until: [a, b, c], hops: [d, e, f], bytes, copies }: &Spread| {
            format!("{a} / {b} / {c} | {d} / {e} / {f} | {bytes:.0} | {copies:.1}")
        };
        format!(
            "| {} | {:.1}, {} | {} | {} | {:.1}, {:.0} | {}, {}, {:.0} |",
            self.peers,
            self.sessions,
            self.most,
            spread(&self.first),
            spread(&self.later),
            self.opened,
            self.standing,
            self.trouble,
            self.healed,
            self.troubled,
        )
    }
}

/// One course of events at one size.
fn course(seed: u64, count: u16) -> Row {
    let mut crowd = Crowd::new(seed, count, PAGES, Bounds::default());
    let peers = crowd.len();
    let each = |total: usize| total as f64 / peers as f64;
    crowd.settle();
    let sessions = each(crowd.sessions().iter().sum());
    let mut most = crowd.counts.most;

    let writers: Vec<_> = (0..FOLLOWED).map(|n| n * peers / FOLLOWED).collect();
    let first = spread(&mut crowd, &writers);
    let later = spread(&mut crowd, &[0; FOLLOWED]);
    most = most.max(crowd.counts.most);

    crowd.count_anew();
    crowd.run_until(crowd.now + 60 * MINUTE);
    let (opened, standing) = (each(crowd.counts.begun), each(crowd.counts.bytes));
    most = most.max(crowd.counts.most);

    crowd.count_anew();
    let made = crowd.made.len();
    trouble(&mut crowd);
    crowd.gather();
    let begun = crowd.now;
    crowd.converge();
    let (trouble, healed) = (crowd.made.len() - made, crowd.now - begun);
    let troubled = each(crowd.counts.bytes / trouble);
    most = most.max(crowd.counts.most);
    Row { peers, sessions, most, first, later, opened, standing, trouble, healed, troubled }
}

/// One after the other makes a change.
fn spread(crowd: &mut Crowd, writers: &[usize]) -> Spread {
    let each = |crowd: &Crowd, total: usize| (total / writers.len()) as f64 / crowd.len() as f64;
    let mut spread = Spread::default();
    crowd.count_anew();
    for writer in writers {
        let (at, over) = follow(crowd, *writer);
        spread.until = std::array::from_fn(|n| at[n].max(spread.until[n]));
        spread.hops = std::array::from_fn(|n| over[n].max(spread.hops[n]));
    }
    // What was not pushed is named, too.
    crowd.run_until(crowd.now + 7_000);
    (spread.bytes, spread.copies) = (each(crowd, crowd.counts.bytes), each(crowd, crowd.counts.copies));
    spread
}

/// Somebody writes; when and over how many others have 50, 99 and 100 percent what they wrote?
fn follow(crowd: &mut Crowd, writer: usize) -> ([Millis; 3], [u32; 3]) {
    let before: Vec<_> = crowd.made.keys().copied().collect();
    crowd.writes(writer);
    crowd.run_until(crowd.now + 20);
    crowd.converge();
    let (_, (_, came)) = crowd.made.iter().find(|(hash, _)| !before.contains(hash)).unwrap();
    let (mut at, mut hops): (Vec<_>, Vec<_>) = came.iter().flatten().map(|came| (came.at, came.hops)).unzip();
    assert_eq!(at.len(), crowd.len());
    at.sort_unstable();
    hops.sort_unstable();
    let nth = |percent: usize| (at.len() * percent).div_ceil(100) - 1;
    ([50, 99, 100].map(|percent| at[nth(percent)] - at[0]), [50, 99, 100].map(|percent| hops[nth(percent)]))
}

/// A minute in which somebody writes every other second, in which of ten devices one leaves and returns and one session in ten dies,
/// and in the middle of which half of the devices see nothing of the other half for twenty seconds.
fn trouble(crowd: &mut Crowd) {
    let begun = crowd.now;
    let often = (MINUTE * 10 / crowd.len() as Millis).max(1);
    let (mut writes, mut leaves, mut dies) = (begun, begun, begun);
    let mut parted = false;
    while crowd.now < begun + MINUTE {
        if writes <= crowd.now {
            crowd.write_somewhere();
            writes += 2_000;
        }
        if leaves <= crowd.now {
            let away = rand::RngExt::random_range(&mut crowd.rng, 1_000..20_000);
            crowd.lose_a_peer(away);
            leaves += often;
        }
        if dies <= crowd.now {
            crowd.lose_a_session();
            dies += often / 6;
        }
        let apart = (20_000..40_000).contains(&(crowd.now - begun));
        if apart != parted {
            crowd.part(if apart { 2 } else { 1 });
            parted = apart;
        }
        crowd.run_until(crowd.now + (often / 6).clamp(1, 500));
    }
    crowd.part(1);
}

/// What is true of any size, and of how it grows.
fn check(rows: &[Row]) {
    let bounds = Bounds::default();
    for row in rows {
        let log = f64::from(u32::try_from(row.peers).unwrap()).log2();
        assert!(row.most <= bounds.most, "{} peers: {} sessions", row.peers, row.most);
        assert!(row.sessions <= 2.0 * bounds.own as f64 + 0.01, "{} peers: {} sessions", row.peers, row.sessions);
        let (first, later) = (&row.first, &row.later);
        assert!(f64::from(first.hops[2]) <= log + 1.0, "{} peers: {} hops", row.peers, first.hops[2]);
        assert!(f64::from(later.hops[2]) <= log + 3.0, "{} peers: {} hops later", row.peers, later.hops[2]);
        // A change comes at most once over each session, and later on once in all.
        assert!(first.copies <= row.sessions, "{} peers: {} copies of a change", row.peers, first.copies);
        assert!(later.copies <= 1.5, "{} peers: {} copies of a later change", row.peers, later.copies);
        assert!(row.opened <= 40.0, "{} peers: {} sessions opened in an hour of rest", row.peers, row.opened);
        assert!(row.trouble >= 20, "{} changes are no trouble", row.trouble);
    }
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return };
    // What a device pays does not grow with how many there are, once there are more than all meet.
    let grew = |of: fn(&Row) -> f64| (of(last) + 1.0) / (of(first) + 1.0);
    let log = (last.peers as f64).log2() / (first.peers as f64).log2();
    assert!(grew(|row| row.first.bytes) <= log, "bytes of a change grow: {}", grew(|row| row.first.bytes));
    assert!(grew(|row| row.later.bytes) <= log, "bytes of a later change grow: {}", grew(|row| row.later.bytes));
    assert!(grew(|row| row.troubled) <= 2.0 * log, "bytes in trouble grow: {}", grew(|row| row.troubled));
}

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn run(seed: u64, sizes: &[u16]) {
    println!("{}", Row::HEAD);
    let one = |count: &u16| {
        let row = catch_unwind(AssertUnwindSafe(|| course(seed, *count)));
        let row = row.unwrap_or_else(|_| panic!("seed {seed} fails with {count}"));
        println!("{}", row.line());
        row
    };
    check(&sizes.iter().map(one).collect::<Vec<_>>());
}

#[test]
fn many_in_one_commons() {
    #[expect(clippy::disallowed_methods, reason = "whoever wants the table names the sizes")]
    let sizes = std::env::var("COMMONPLACE_SCALE").ok();
    let sizes: Option<Vec<u16>> =
        sizes.map(|sizes| sizes.split(',').map(|size| size.parse().expect("sizes are numbers")).collect());
    run(1, &sizes.unwrap_or_else(|| vec![20, 120]));
}

#[test]
fn many_in_one_commons_with_a_fresh_seed() {
    run(fresh_seed(), &[20, 80]);
}
