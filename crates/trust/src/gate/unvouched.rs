//! Which valid changes of an arrival nothing vouches for that can be kept.
//!
//! An attestation is kept with the very change that it is about, and vouches for all of the actor's before it. So when a change
//! goes, attestations of it go, and with them changes of lower numbers, and what builds on any of these, and so on.
//!
//! Invariants:
//! - What is found does not depend on the order in which things are looked at.
//! - Each change, attestation and dependency is looked at once.
//!
//! Deliberately absent: what becomes of what is found.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use commonplace_model::{Actor, ChangeHash};

/// The changes of one actor, and its attestations of some of them.
#[derive(Default)]
struct Chain {
    changes: BTreeMap<u64, ChangeHash>,
    /// Numbers of changes here that an attestation is about.
    vouched: BTreeSet<u64>,
}

/// A search.
pub(super) struct Unvouched {
    words: HashSet<(Actor, u64, ChangeHash)>,
    chains: HashMap<Actor, Chain>,
    places: HashMap<ChangeHash, (Actor, u64)>,
    /// What directly builds on a change.
    above: HashMap<ChangeHash, Vec<ChangeHash>>,
    steps: usize,
}

impl Unvouched {
    /// A search among changes that are vouched for by these words: of which actor, on which number and change.
    pub(super) fn new(words: impl Iterator<Item = (Actor, u64, ChangeHash)>) -> Self {
        Self { words: words.collect(), chains: HashMap::new(), places: HashMap::new(), above: HashMap::new(), steps: 0 }
    }

    /// Adds a change.
    pub(super) fn add(&mut self, hash: ChangeHash, actor: Actor, seq: u64, deps: impl Iterator<Item = ChangeHash>) {
        let chain = self.chains.entry(actor).or_default();
        chain.changes.insert(seq, hash);
        if self.words.contains(&(actor, seq, hash)) {
            chain.vouched.insert(seq);
        }
        self.places.insert(hash, (actor, seq));
        for dep in deps {
            self.steps += 1;
            self.above.entry(dep).or_default().push(hash);
        }
        self.steps += 1;
    }

    /// Those for which no attestation can be kept.
    pub(super) fn out(&mut self) -> HashSet<ChangeHash> {
        let mut open: Vec<ChangeHash> = Vec::new();
        for chain in self.chains.values_mut() {
            open.extend(chain.beyond());
        }
        let mut out = HashSet::new();
        while let Some(hash) = open.pop() {
            self.steps += 1;
            if !out.insert(hash) {
                continue;
            }
            let above = self.above.remove(&hash).unwrap_or_default();
            self.steps += above.len();
            open.extend(above);
            let Some((actor, seq)) = self.places.get(&hash) else { continue };
            if let Some(chain) = self.chains.get_mut(actor)
                && chain.vouched.remove(seq)
            {
                open.extend(chain.beyond());
            }
        }
        out
    }
}

impl Chain {
    /// Takes out the changes beyond the newest one that an attestation is about.
    fn beyond(&mut self) -> impl Iterator<Item = ChangeHash> + use<> {
        let first = self.vouched.last().map_or(0, |newest| newest + 1);
        self.changes.split_off(&first).into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(n: usize) -> Actor {
        Actor::new([u8::try_from(n).expect("few"); 16])
    }

    /// The change of an actor with this number.
    fn hash(n: usize, seq: u64) -> ChangeHash {
        let mut hash = [u8::try_from(n).expect("few"); 32];
        hash[..8].copy_from_slice(&seq.to_le_bytes());
        ChangeHash::new(hash)
    }

    /// Two who wrote in turn and vouched for every second change of theirs. What vouches for a change builds on one of the
    /// other's that is vouched for by what builds on the next one, and so on up to the last, for which nothing does.
    fn in_turn(turns: u64) -> Unvouched {
        let numbers = (1..=turns).map(|turn| 2 * turn);
        let words = numbers.flat_map(|seq| (0..2).map(move |n| (actor(n), seq, hash(n, seq))));
        let mut search = Unvouched::new(words);
        let mut add = |n, seq, on: Option<ChangeHash>| {
            let before = (seq > 1).then(|| hash(n, seq - 1));
            search.add(hash(n, seq), actor(n), seq, before.into_iter().chain(on));
        };
        for seq in (2..=2 * turns).step_by(2) {
            add(0, seq - 1, None);
            if seq > 2 {
                add(1, seq - 2, Some(hash(0, seq - 1)));
            }
            add(1, seq - 1, None);
            add(0, seq, Some(hash(1, seq - 1)));
        }
        search
    }

    #[test]
    fn what_is_vouched_for_stays_and_what_is_not_goes_with_what_builds_on_it() {
        // The third of the first one is beyond what it vouches for, and the second one built on it.
        let words = [(actor(0), 2, hash(0, 2)), (actor(1), 2, hash(1, 2)), (actor(1), 1, hash(1, 1))];
        let mut search = Unvouched::new(words.into_iter());
        search.add(hash(0, 1), actor(0), 1, std::iter::empty());
        search.add(hash(0, 2), actor(0), 2, std::iter::once(hash(0, 1)));
        search.add(hash(0, 3), actor(0), 3, std::iter::once(hash(0, 2)));
        search.add(hash(1, 1), actor(1), 1, std::iter::once(hash(0, 1)));
        search.add(hash(1, 2), actor(1), 2, [hash(1, 1), hash(0, 3)].into_iter());
        assert_eq!(search.out(), HashSet::from([hash(0, 3), hash(1, 2)]));
        // Five changes with five dependencies; the two that go, one of them twice, and what builds on the first.
        assert_eq!(search.steps, 5 + 5 + 3 + 1);
    }

    #[test]
    fn the_word_of_another_or_on_another_number_vouches_for_nothing() {
        let words = [(actor(1), 1, hash(0, 1)), (actor(0), 9, hash(0, 1))];
        let mut search = Unvouched::new(words.into_iter());
        search.add(hash(0, 1), actor(0), 1, std::iter::empty());
        assert_eq!(search.out(), HashSet::from([hash(0, 1)]));
    }

    #[test]
    fn it_takes_as_many_steps_as_there_are_changes_and_dependencies() {
        let steps = |turns| {
            let mut search = in_turn(turns);
            let out = search.out().len();
            (out, search.steps)
        };
        let ((few, less), (many, more)) = (steps(25), steps(2_500));
        assert_eq!((few, many), (99, 9_999), "each takes the next one with it");
        assert!(less <= 8 * few && more <= 8 * many, "{less} and {more}");
    }
}
