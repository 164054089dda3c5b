//! The clock of a change: how far into each actor's work its ancestors reach. With it "is this change an ancestor of that
//! one" costs one search among actors, and never a walk through the history.
//!
//! An actor's changes are a chain, so the ancestors of a change that some actor made are exactly its first so many. A
//! clock is that number for each actor. The clock of a new change is the greatest of those of its dependencies, actor by
//! actor, with the change itself added ([`Clock::after`]).
//!
//! # How it is kept
//!
//! Written out for every keystroke, clocks would outweigh the text. Three things hold them small:
//!
//! - Most changes build on nothing but their actor's previous one. Such a change *inherits*: its clock is that one's but for
//!   its own number, shares its memory, and is not stored at all ([`Clock::inherits`]).
//! - In memory too a clock that merges shares what most clocks have in common, and has its own only what is beyond that.
//! - A clock that took in somebody else's work is stored as its differences to a *base*, a clock that is stored whole
//!   ([`Packed`]). Any clock of the document can be the base, whoever made it: differences go both ways. The newest whole
//!   one is the best, and a new one is made when the differences outgrow it. So reading a clock costs two rows, not a chain.
//!
//! A device that types alone costs nothing. With twenty that type live in one page, each change takes in some keystrokes of
//! the others, and its clock is stored in about three bytes for each device that wrote something since the base: 54
//! bytes on average (a test holds that below 70), beside the 32 bytes that each of those dependencies costs in the change
//! itself. Actors who wrote long ago cost nothing until the next base. Clocks of the newest changes are what live typing
//! asks for: a store does well to keep those in memory.
//!
//! The genesis change is an ancestor of all, and in no clock. Actors are numbered by the store, densely in each document; the
//! numbers mean nothing elsewhere, and no clock is ever sent.

use std::sync::Arc;

use commonplace_model::Actor;

use crate::chunk::{Bytes, write_unsigned};

/// How far into each actor's work the ancestors of a change reach, the change itself included.
#[derive(Debug, Clone)]
pub struct Clock {
    actor: Actor,
    seq: u64,
    /// The actor's change that last took in anybody else's work, or 0.
    since: u64,
    /// The other actors, in order: as some clock before had them, and what is beyond that.
    base: Arc<[(Actor, u64)]>,
    beyond: Arc<[(Actor, u64)]>,
}

impl Clock {
    /// Actors that may differ from the base before there is a new one; or an eighth of the base.
    const APART: usize = 32;

    /// The clock of an actor's change with this number, which directly builds on changes with these clocks (and on the
    /// genesis, perhaps).
    pub fn after(actor: Actor, seq: u64, deps: &[Self]) -> Self {
        match deps {
            [] => Self::stored(actor, seq, 0, Vec::new()),
            [own] if own.actor == actor => Self { seq, ..own.clone() },
            [first, ..] => {
                let mut beyond = Vec::new();
                for clock in deps {
                    clock.add_to(&first.base, &mut beyond);
                }
                beyond.retain(|(a, _)| *a != actor);
                let (mut base, apart) = (first.base.clone(), Self::APART.max(first.base.len() / 8));
                if beyond.len() > apart {
                    base = greatest(base.iter().copied(), beyond.drain(..)).into();
                }
                Self { actor, seq, since: seq, base, beyond: beyond.into() }
            }
        }
    }

    /// The clock of an actor's change with this number, as it was kept: with the work of others that the actor's change
    /// `since` had taken in, which is the newest one up to this that does not inherit. When there is none, 0 and nothing.
    pub fn stored(actor: Actor, seq: u64, since: u64, mut others: Vec<(Actor, u64)>) -> Self {
        others.sort_unstable();
        Self { actor, seq, since, base: others.into(), beyond: Arc::default() }
    }

    /// Whether it took in nobody else's work, so that it need not be stored.
    pub fn inherits(&self) -> bool {
        self.since < self.seq
    }

    /// The number of its actor's change that last took in anybody else's work; 0 when none ever did.
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Entries that it refers to, those included that it shares with other clocks: what keeping it may cost.
    pub fn entries(&self) -> usize {
        self.base.len() + self.beyond.len()
    }

    /// How far it reaches into the work of the others, in the order of actors.
    pub fn others(&self) -> Vec<(Actor, u64)> {
        let mut others = greatest(self.base.iter().copied(), self.beyond.iter().copied());
        // A base may have been somebody else's.
        others.retain(|(actor, _)| *actor != self.actor);
        others
    }

    /// The number of the newest change of this actor among the ancestors and the change itself; 0 when there is none.
    pub fn newest(&self, actor: &Actor) -> u64 {
        if *actor == self.actor {
            return self.seq;
        }
        // What is beyond the base is greater than what is in it.
        find(&self.beyond, actor).or_else(|| find(&self.base, actor)).unwrap_or(0)
    }

    /// Adds to what is beyond a base all that this clock has beyond it.
    fn add_to(&self, base: &Arc<[(Actor, u64)]>, beyond: &mut Vec<(Actor, u64)>) {
        raise(beyond, base, &self.beyond);
        if !Arc::ptr_eq(base, &self.base) {
            raise(beyond, base, &self.base);
        }
        raise(beyond, base, &[(self.actor, self.seq)]);
    }
}

/// Raises what is beyond a base by further numbers. All three are in order, and most of the numbers are there already, so
/// this is a walk along them.
fn raise(beyond: &mut Vec<(Actor, u64)>, base: &[(Actor, u64)], by: &[(Actor, u64)]) {
    let mut at = 0;
    let mut below = base.iter().peekable();
    for (actor, seq) in by {
        while beyond.get(at).is_some_and(|(a, _)| a < actor) {
            at += 1;
        }
        match beyond.get_mut(at) {
            Some((a, newest)) if a == actor => *newest = (*newest).max(*seq),
            _ => {
                // For a few a search is shorter than a walk.
                let known = if by.len() * 8 < base.len() {
                    find(base, actor)
                } else {
                    while below.next_if(|(a, _)| a < actor).is_some() {}
                    below.peek().filter(|(a, _)| a == actor).map(|(_, s)| *s)
                };
                if known.is_none_or(|known| known < *seq) {
                    beyond.insert(at, (*actor, *seq));
                }
            }
        }
    }
}

fn find(entries: &[(Actor, u64)], actor: &Actor) -> Option<u64> {
    entries.binary_search_by_key(actor, |(a, _)| *a).ok().map(|at| entries[at].1)
}

/// The greater number of each actor, of two lists in order.
fn greatest(left: impl Iterator<Item = (Actor, u64)>, right: impl Iterator<Item = (Actor, u64)>) -> Vec<(Actor, u64)> {
    let mut merged = Vec::with_capacity(left.size_hint().0);
    let mut left = left.peekable();
    for (actor, seq) in right {
        while let Some(before) = left.next_if(|(l, _)| *l < actor) {
            merged.push(before);
        }
        let same = left.next_if(|(l, _)| *l == actor).map_or(0, |(_, s)| s);
        merged.push((actor, seq.max(same)));
    }
    merged.extend(left);
    merged
}

/// The work of others in a clock, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Whether it stands by itself and can be a base. Otherwise it is to be read with the base that it was packed with.
    pub whole: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Differences of up to so many bytes never make a new base.
const SMALL: usize = 128;

impl Packed {
    /// Packs a clock's [`others`](Clock::others), numbered and in the order of numbers, as differences to a base, if there
    /// is one and it is worth it.
    pub fn new(others: &[(u32, u64)], base: Option<&[(u32, u64)]>) -> Self {
        let bytes = differences(others, &[]);
        if let Some(base) = base {
            let beyond = differences(others, base);
            if beyond.len() <= SMALL.max(bytes.len() / 8) && beyond.len() < bytes.len() {
                return Self { whole: false, bytes: beyond };
            }
        }
        Self { whole: true, bytes }
    }

    /// What was packed, given the same base again (for a whole one none: nothing). Nothing when the bytes are not those of
    /// [`Packed::new`].
    pub fn read(bytes: &[u8], base: &[(u32, u64)]) -> Option<Vec<(u32, u64)>> {
        let mut rest = Bytes::new(bytes);
        let mut others = Vec::with_capacity(base.len() + 1);
        let mut left = base.iter().copied().peekable();
        let mut next = 0_u64;
        while !rest.is_empty() {
            let number = next.checked_add(rest.unsigned().ok()?)?;
            let actor = u32::try_from(number).ok()?;
            next = number + 1;
            while let Some(before) = left.next_if(|(l, _)| *l < actor) {
                others.push(before);
            }
            let was = left.next_if(|(l, _)| *l == actor).map_or(0, |(_, s)| s);
            let zigzag = rest.unsigned().ok()?;
            let by = zigzag >> 1;
            let seq = if zigzag & 1 == 0 { was.checked_add(by) } else { was.checked_sub(by) }?;
            if seq > 0 {
                others.push((actor, seq));
            }
        }
        others.extend(left);
        Some(others)
    }
}

/// Each actor whose number differs: how many actors are skipped, and by how much it differs, up or (odd) down.
fn differences(others: &[(u32, u64)], base: &[(u32, u64)]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut left, mut right) = (base.iter().copied().peekable(), others.iter().copied().peekable());
    let mut next = 0;
    loop {
        let actor = match (left.peek(), right.peek()) {
            (Some((l, _)), Some((r, _))) => *l.min(r),
            (Some((a, _)), None) | (None, Some((a, _))) => *a,
            (None, None) => return out,
        };
        let was = left.next_if(|(l, _)| *l == actor).map_or(0, |(_, s)| s);
        let is = right.next_if(|(r, _)| *r == actor).map_or(0, |(_, s)| s);
        if was != is {
            write_unsigned(u64::from(actor) - next, &mut out);
            write_unsigned((was.abs_diff(is) << 1) | u64::from(is < was), &mut out);
            next = u64::from(actor) + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn actor(n: u8) -> Actor {
        Actor::new([n; 16])
    }

    fn entries() -> impl Strategy<Value = Vec<(u32, u64)>> {
        proptest::collection::btree_map(0..400_u32, 1..100_000_u64, 0..60).prop_map(|m| m.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_clock_survives_its_packing(others in entries(), base in entries()) {
            for base in [None, Some(&base[..])] {
                let packed = Packed::new(&others, base);
                let read = Packed::read(&packed.bytes, if packed.whole { &[] } else { base.unwrap_or_default() });
                prop_assert_eq!(read, Some(others.clone()));
            }
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>, base in entries()) {
            let _ = Packed::read(&bytes, &base);
        }

        #[test]
        fn a_joined_clock_is_the_greatest_of_all(
            deps in proptest::collection::vec((0..9_u8, 1..50_u64, proptest::collection::btree_map(0..9_u8, 1..50_u64, 0..6)), 0..5),
        ) {
            let clocks: Vec<_> = deps
                .iter()
                .map(|(own, seq, others)| {
                    let others = others.iter().filter(|(a, _)| *a != own).map(|(a, s)| (actor(*a), *s)).collect();
                    Clock::stored(actor(*own), *seq, *seq, others)
                })
                .collect();
            let clock = Clock::after(actor(0), 50, &clocks);
            for n in 1..9 {
                prop_assert_eq!(clock.newest(&actor(n)), clocks.iter().map(|c| c.newest(&actor(n))).max().unwrap_or(0));
            }
            prop_assert_eq!(clock.newest(&actor(0)), 50);
            prop_assert!(clock.others().is_sorted());
        }
    }

    proptest! {
        #[test]
        fn clocks_of_a_whole_history_are_what_a_walk_would_find(
            steps in proptest::collection::vec((0..60_u8, proptest::collection::vec(any::<u16>(), 0..4)), 1..300),
        ) {
            // Each step is a change by some actor, on its own previous one and some others.
            let mut made: Vec<(Clock, BTreeMap<u8, u64>)> = Vec::new();
            let mut tips: BTreeMap<u8, (u64, usize)> = BTreeMap::new();
            for (n, others) in steps {
                let own = tips.get(&n).copied();
                let mut deps: Vec<usize> = own.iter().map(|(_, at)| *at).collect();
                deps.extend(others.iter().filter(|_| !made.is_empty()).map(|at| usize::from(*at) % made.len()));
                deps.sort_unstable();
                deps.dedup();
                let seq = own.map_or(0, |(seq, _)| seq) + 1;
                let mut walked = BTreeMap::from([(n, seq)]);
                for (actor, seq) in deps.iter().flat_map(|dep| &made[*dep].1) {
                    let newest: &mut u64 = walked.entry(*actor).or_default();
                    *newest = (*newest).max(*seq);
                }
                let clocks: Vec<Clock> = deps.iter().map(|dep| made[*dep].0.clone()).collect();
                let clock = Clock::after(actor(n), seq, &clocks);
                for n in 0..60 {
                    prop_assert_eq!(clock.newest(&actor(n)), walked.get(&n).copied().unwrap_or(0));
                }
                let others: Vec<_> = walked.iter().filter(|(a, _)| **a != n).map(|(a, s)| (actor(*a), *s)).collect();
                prop_assert_eq!(clock.others(), others);
                tips.insert(n, (seq, made.len()));
                made.push((clock, walked));
            }
        }
    }

    #[test]
    fn entries_are_shared_until_too_many_are_apart() {
        let of = |n: u16| Actor::new(std::array::from_fn(|at| if at < 2 { n.to_be_bytes()[at] } else { 0 }));
        // How many entries a clock refers to that raises so many of those of a first one.
        let raised = |all: u16, few: u16| {
            let base: Vec<_> = (1..=all).map(|n| (of(n), 5)).collect();
            let first = Clock::stored(of(1_000), 1, 1, base.clone());
            // Those that it does not raise are as they were, and cost nothing.
            let second: Vec<_> =
                base.iter().enumerate().map(|(n, (a, s))| (*a, s + u64::from(n < few.into()))).collect();
            let clock = Clock::after(of(1_000), 2, &[first, Clock::stored(of(2_000), 1, 1, second)]);
            assert_eq!((clock.since(), clock.inherits()), (2, false));
            assert_eq!((clock.newest(&of(1)), clock.newest(&of(all))), (if few > 0 { 6 } else { 5 }, 5));
            clock.entries()
        };
        // The device that was merged is one of those that are apart.
        assert_eq!((raised(100, 0), raised(100, 31), raised(100, 32)), (101, 132, 101));
        assert_eq!((raised(400, 31), raised(400, 49), raised(400, 50)), (432, 450, 401));
    }

    #[test]
    fn a_clock_says_when_it_last_took_in_others() {
        let first = Clock::after(actor(1), 1, &[]);
        assert_eq!((first.since(), first.entries()), (0, 0));
        let merged = Clock::after(actor(1), 7, &[first, Clock::after(actor(2), 1, &[])]);
        assert_eq!((merged.since(), merged.entries()), (7, 1));
        let later = Clock::after(actor(1), 8, std::slice::from_ref(&merged));
        assert_eq!((later.since(), later.inherits()), (7, true));
    }

    #[test]
    fn differences_go_up_and_down_and_in_and_out() {
        let base: Vec<(u32, u64)> = (0..60).map(|n| (2 * n, 1_000 + u64::from(n))).collect();
        let mut others = base.clone();
        others[10].1 += 300;
        others[20].1 -= 300;
        others.remove(30);
        others.insert(40, (83, 5));
        others.push((500, 7));
        others.sort_unstable();
        let packed = Packed::new(&others, Some(&base));
        assert!(!packed.whole && packed.bytes.len() < 20, "{packed:?}");
        assert_eq!(Packed::read(&packed.bytes, &base), Some(others));
        assert_eq!(Packed::new(&base, Some(&base)).bytes, Vec::new());
    }

    #[test]
    fn who_writes_alone_stores_nothing() {
        let first = Clock::after(actor(1), 1, &[]);
        let second = Clock::after(actor(1), 2, std::slice::from_ref(&first));
        assert!(first.inherits() && second.inherits());
        let other = Clock::after(actor(2), 1, std::slice::from_ref(&second));
        assert_eq!((other.newest(&actor(1)), other.newest(&actor(2)), other.newest(&actor(3))), (2, 1, 0));
        assert!(!Clock::after(actor(1), 3, &[second, other]).inherits());
    }

    #[test]
    fn twenty_devices_typing_live_cost_little() {
        // Forty sessions of earlier days, then twenty devices, each of which types when it has seen what most others
        // typed: now and then one is behind.
        let old: Vec<(Actor, u64)> = (100..140).map(|n| (actor(n), 5_000)).collect();
        let mut tips: BTreeMap<u8, Clock> =
            (0..20).map(|n| (n, Clock::stored(actor(n), 900, 900, old.clone()))).collect();
        let number = |a: &Actor| u32::from(a.as_bytes()[0]);
        let mut base: Option<Vec<(u32, u64)>> = None;
        let (mut bytes, mut bases, mut count) = (0, 0, 0);
        for round in 0..200_u64 {
            for n in 0..20_u8 {
                let seen: Vec<Clock> = (0..20)
                    .filter(|other| *other == n || (u64::from(*other) + round) % 5 != 0)
                    .map(|other| tips[&other].clone())
                    .collect();
                let clock = Clock::after(actor(n), tips[&n].newest(&actor(n)) + 1, &seen);
                let others: Vec<_> = clock.others().iter().map(|(a, s)| (number(a), *s)).collect();
                let packed = Packed::new(&others, base.as_deref());
                (bytes, count) = (bytes + packed.bytes.len(), count + 1);
                if packed.whole {
                    base = Some(others);
                    bases += 1;
                }
                tips.insert(n, clock);
            }
        }
        assert!(bytes / count < 70, "{} bytes for each change, {bases} bases", bytes / count);
    }
}
