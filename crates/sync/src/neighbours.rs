//! With whom to have sessions, when a commons has more devices than one can have sessions with.
//!
//! Whoever meets everybody has as many sessions as there are devices, and sends each change that often. So beyond a few, each
//! device *chooses* [`Bounds::own`] of those it can reach and lets others choose it, and changes go on from neighbour to
//! neighbour. The choice is a rank: each of its slots has a secret random salt and takes the reachable device that comes first
//! by a hash of salt and device (rendezvous hashing). That makes it a uniformly random one of those that can be reached
//! *now*, whatever came and went before, and one that stays the same as long as they do: whoever comes is chosen by just as
//! many as chose the others, which joins what was apart when islands meet, without a timer.
//!
//! What such choices make together is the random graph of Fenner and Frieze (*On the connectivity of random m-orientable graphs
//! and digraphs*, 1982), which is connected nearly always from two choices on. A group that has no edge to the rest must
//! have chosen among itself alone, with all of the rest: for the three uniform choices of the default bounds that
//! is less likely than 10⁻¹¹ with 13 devices and ever less with more. Slots get new salts one by one on a slow timer, so that
//! nothing unlucky stays, and nobody is somebody's only neighbour for long.
//!
//! Invariants:
//! - Of its choices at least half, rounded up, are uniform; only the others may prefer devices (whoever watches the same page).
//! - With up to [`Bounds::all`] devices in reach all are chosen.
//! - After what a [`Review`] asks for there are at most [`Bounds::most`] sessions, and beside them up to [`MAX_FEW`] with devices that
//!   reach few others: around a device that all others know and that is all they know, a choice would leave out most. Own choices are
//!   never among those parted from, so whoever opens many sessions can take no more than the room that is there for being chosen.
//! - Nothing is parted from without need at once: sessions of former choices end at the next turn of the timer, or when
//!   their room is needed. Who comes and goes does not make others part.
//! - The same seed and the same calls give the same choices. A look costs `own` hashes of a few words for each device in reach.
//!
//! Deliberately absent: finding out who can be reached, and opening sessions.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_model::DeviceId;

use crate::session::Millis;

/// Sessions of a commons at most, apart from those with devices that reach few others.
const MAX_SESSIONS: usize = 16;
/// Sessions at most that devices opened which reach few others.
const MAX_FEW: usize = 256;
/// Between two turns of the timer, half of it more or less.
pub const TURN: Millis = 5 * 60_000;
/// How long a device that ended a session is not asked again, where there are others to choose from.
const FULL: Millis = TURN;
/// The same where everybody meets everybody.
const REST: Millis = 10_000;

/// How many sessions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Up to so many devices in reach are all met.
    pub all: usize,
    /// Of more, so many are chosen.
    pub own: usize,
    /// Sessions there are at most, with those of devices that chose this one, and without those of devices that reach few
    /// others. It is at least either of the others.
    pub most: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { all: 12, own: 6, most: MAX_SESSIONS }
    }
}

/// A device with which there is a session, or one is being opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The device.
    pub device: DeviceId,
    /// Whether this device opened it; otherwise the other one did.
    pub ours: bool,
    /// Whether the other one opened it and said that it reaches few others, see [`Neighbours::is_left_out`].
    pub few: bool,
    /// Whether either is still being caught up with, so that it is a pity to part now.
    pub busy: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Review {
    /// Open a session with these.
    pub meet: Vec<DeviceId>,
    /// End the session with these.
    pub part: Vec<DeviceId>,
    /// Look again at this time, if nothing happens before.
    pub again: Millis,
}

/// The choice of one device in one commons.
#[derive(Debug)]
pub struct Neighbours {
    bounds: Bounds,
    /// One for each slot. The first half of them is uniform.
    salts: Vec<u64>,
    random: u64,
    turns: usize,
    turn_at: Option<Millis>,
    /// Who ended a session, and when.
    full: BTreeMap<DeviceId, Millis>,
}

impl Neighbours {
    /// `seed` is random, and secret: who knows it knows how to be chosen.
    pub fn new(bounds: Bounds, seed: u64) -> Self {
        let most = bounds.most.max(bounds.all).max(bounds.own);
        let mut new = Self {
            bounds: Bounds { most, ..bounds },
            salts: Vec::new(),
            random: seed,
            turns: 0,
            turn_at: None,
            full: BTreeMap::new(),
        };
        new.salts = (0..bounds.own).map(|_| new.random()).collect();
        new
    }

    /// Whether to tell a device, when a session with it is opened, that this one reaches few others: where so many are in reach
    /// all are met, and that one ended a session, as if there were others.
    pub fn is_left_out(&self, device: &DeviceId, reachable: usize) -> bool {
        reachable <= self.bounds.all && self.full.contains_key(device)
    }

    /// The other device ended a session, or did not let it begin: it may have as many as it wants.
    pub fn parted(&mut self, device: DeviceId, now: Millis) {
        self.full.insert(device, now);
    }

    /// A device could not be reached and can be again. What it wanted before is forgotten.
    pub fn returned(&mut self, device: &DeviceId) {
        self.full.remove(device);
    }

    /// Whom to meet and whom to part from. To be called whenever any of this changes, and at [`Review::again`].
    ///
    /// `reachable` are the other devices of the commons that can be met now, each once, in any order; `preferred` those of
    /// them whose changes are waited for most; `met` all with whom there is a session or one is being opened.
    pub fn review(
        &mut self,
        reachable: &[DeviceId],
        preferred: &BTreeSet<DeviceId>,
        met: &[Neighbour],
        now: Millis,
    ) -> Review {
        let turned = self.turn(now);
        let (chosen, resting) = self.choose(reachable, preferred, now);
        let meet: Vec<_> = chosen.iter().filter(|device| met.iter().all(|n| n.device != **device)).copied().collect();
        let (kept, mut spare): (Vec<&Neighbour>, Vec<&Neighbour>) =
            met.iter().partition(|n| chosen.contains(&n.device));
        let mut part = Vec::new();
        if turned && reachable.len() > self.bounds.all {
            part.extend(spare.extract_if(.., |n: &mut &Neighbour| n.ours && !n.busy).map(|n| n.device));
        }
        let room = self.bounds.most.saturating_sub(kept.len() + meet.len());
        let (few, others): (Vec<&Neighbour>, Vec<&Neighbour>) = spare.into_iter().partition(|n| n.few);
        for (spare, room) in [(few, MAX_FEW), (others, room)] {
            // In the order in which they may stay: who chose this one and is being caught up, who chose it, whom it chose before.
            let mut ranked: Vec<_> = spare.into_iter().map(|n| ((n.ours, !n.busy, self.random()), n)).collect();
            ranked.sort_unstable_by_key(|(rank, _)| *rank);
            part.extend(ranked.iter().skip(room).map(|(_, n)| n.device));
        }
        let turn_at = self.turn_at.unwrap_or(now);
        Review { meet, part, again: resting.map_or(turn_at, |at| at.min(turn_at)) }
    }

    /// Whether a turn is due. Then the next slot gets a new salt.
    fn turn(&mut self, now: Millis) -> bool {
        let wait = TURN / 2 + self.random() % TURN;
        let due = self.turn_at.is_some_and(|at| at <= now);
        if self.turn_at.is_none() || due {
            self.turn_at = Some(now + wait);
        }
        if due && !self.salts.is_empty() {
            let slot = self.turns % self.salts.len();
            self.salts[slot] = self.random();
            self.turns += 1;
        }
        due
    }

    /// Those chosen, and when somebody who is to be chosen again has rested.
    fn choose(
        &mut self,
        reachable: &[DeviceId],
        preferred: &BTreeSet<DeviceId>,
        now: Millis,
    ) -> (BTreeSet<DeviceId>, Option<Millis>) {
        let everybody = reachable.len() <= self.bounds.all;
        self.full.retain(|_, at| at.saturating_add(FULL) > now);
        let rest = if everybody { REST } else { FULL };
        let resting = |device: &DeviceId| self.full.get(device).map(|at| at + rest).filter(|until| *until > now);
        let open: Vec<_> = reachable.iter().filter(|device| resting(device).is_none()).copied().collect();
        let rested = reachable.iter().filter_map(resting).min();
        if everybody {
            return (open.into_iter().collect(), rested);
        }
        let liked: Vec<_> = open.iter().filter(|device| preferred.contains(*device)).copied().collect();
        let uniform = self.salts.len().div_ceil(2);
        let mut chosen = BTreeSet::new();
        for (slot, salt) in self.salts.iter().enumerate() {
            let first_of = |devices: &[DeviceId]| {
                let free = devices.iter().filter(|device| !chosen.contains(*device));
                free.min_by_key(|device| (rank(*salt, device), **device)).copied()
            };
            let first = if slot < uniform { None } else { first_of(&liked) };
            chosen.extend(first.or_else(|| first_of(&open)));
        }
        (chosen, rested)
    }

    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.random)
    }
}

/// The place of a device for a slot. Without the salt nobody can make a key that comes first.
fn rank(salt: u64, device: &DeviceId) -> u64 {
    let words = device.as_bytes().chunks_exact(8);
    words.fold(salt, |rank, word| mixed(rank ^ word.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))))
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, 2014).
fn mixed(word: u64) -> u64 {
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

#[cfg(test)]
mod tests;
