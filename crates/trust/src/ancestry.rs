//! Whether what a change refers to exists among its ancestors, and is of the right kind: the gate's step
//! "references".
//!
//! An operation's id is a counter and an actor. No two operations of a document share one: a change counts on from the
//! highest counter of its dependencies, its actor's previous change is among these, and there is one change of an actor
//! and number. So the counters of an actor's changes are ranges that follow each other, an id names at most one operation,
//! and the change that has it is found by one look into an index. Its [`Outline`] tells what the operation is, and the
//! change's [`Clock`] whether that one is an ancestor.
//!
//! The references of a change come sorted, so that each earlier change is asked for once, however many of its operations
//! are referred to. What was read is kept for the changes that follow, up to [`Ancestry::MAX_RUNS`]. Nothing depends on
//! the size of the document.

use std::collections::{BTreeMap, HashMap};

use commonplace_model::{Actor, ChangeHash, DocKind};

use crate::{
    chunk::{Frame, Header},
    clock::Clock,
    gate::Refusal,
    history::{History, Known},
    outline::{Outline, Sketch},
    vocabulary::{Reference, Script},
};

/// What is known of a document while an arrival is judged: its history, and of the arrival what was found valid.
pub(crate) struct Ancestry<'h, H: ?Sized> {
    history: &'h H,
    kind: DocKind,
    here: HashMap<ChangeHash, (Known, Clock)>,
    tips: HashMap<Actor, u64>,
    /// Outlines of the arrival's valid changes, with their numbers; of each actor in their order.
    fresh: HashMap<Actor, Vec<(u64, Outline)>>,
    /// The same of changes of the history that were asked for, by actor and last counter.
    read: BTreeMap<(Actor, u64), (u64, Outline)>,
    runs: usize,
}

/// What the direct dependencies of a change say.
pub(crate) struct Deps {
    pub(crate) known: Vec<Known>,
    clocks: Vec<Clock>,
}

impl<'h, H: History + ?Sized> Ancestry<'h, H> {
    /// Runs of outlines of the history that are kept: some MB at most.
    const MAX_RUNS: usize = 65_536;

    pub(crate) fn new(history: &'h H, kind: DocKind) -> Self {
        Self {
            history,
            kind,
            here: HashMap::new(),
            tips: HashMap::new(),
            fresh: HashMap::new(),
            read: BTreeMap::new(),
            runs: 0,
        }
    }

    /// The kind of the document.
    pub(crate) fn kind(&self) -> DocKind {
        self.kind
    }

    /// Whether a change that says this of itself was taken in before. One with a number beyond its actor's newest was not, and of
    /// such a one the history is not asked.
    pub(crate) fn has(&self, hash: &ChangeHash, header: &Header) -> bool {
        self.here.contains_key(hash) || self.tip(&header.actor) >= header.seq && self.history.change(hash).is_some()
    }

    /// The number of the newest change of an actor; 0 when there is none.
    pub(crate) fn tip(&self, actor: &Actor) -> u64 {
        self.tips.get(actor).copied().or_else(|| self.history.tip(actor).map(|(seq, _)| seq)).unwrap_or(0)
    }

    /// What is known of the changes that a change directly builds on, if it is known of all.
    pub(crate) fn deps(&self, hashes: &[ChangeHash]) -> Option<Deps> {
        let mut deps = Deps { known: Vec::with_capacity(hashes.len()), clocks: Vec::with_capacity(hashes.len()) };
        for hash in hashes {
            if *hash == self.kind.genesis() {
                // Seq 0 of an actor that nobody has: no change may follow it as its own previous one.
                let actor = self.kind.genesis_actor();
                deps.known.push(Known { actor, seq: 0, max_op: self.kind.genesis_max_op() });
            } else if let Some((known, clock)) = self.here.get(hash) {
                deps.known.push(*known);
                deps.clocks.push(clock.clone());
            } else {
                deps.known.push(self.history.change(hash)?);
                deps.clocks.push(self.history.clock(hash)?);
            }
        }
        Some(deps)
    }

    /// Whether all that a change refers to is there, given that it follows its dependencies.
    pub(crate) fn check(&mut self, frame: &Frame<'_>, script: &Script<'_>, deps: &Deps) -> Result<(), Refusal> {
        for references in script.references.chunk_by(|a, b| a.id.actor == b.id.actor) {
            let of = references.first().and_then(|r| frame.actors.get(r.id.actor)).ok_or(Refusal::Reference)?;
            let newest = deps.clocks.iter().map(|clock| clock.newest(of)).max().unwrap_or(0);
            self.settle(of, newest, references)?;
        }
        Ok(())
    }

    /// Takes in a change that was found valid.
    pub(crate) fn take(&mut self, hash: ChangeHash, frame: &Frame<'_>, outline: Outline, deps: &Deps) {
        let (Header { actor, seq, .. }, max_op) = (&frame.header, frame.header.max_op());
        let clock = Clock::after(*actor, *seq, &deps.clocks);
        self.here.insert(hash, (Known { actor: *actor, seq: *seq, max_op }, clock));
        self.tips.insert(*actor, *seq);
        self.fresh.entry(*actor).or_default().push((*seq, outline));
    }

    /// Whether all these operations of one actor are there, in its changes up to the newest that is an ancestor.
    fn settle(&mut self, actor: &Actor, newest: u64, mut references: &[Reference<'_>]) -> Result<(), Refusal> {
        while let Some(first) = references.first() {
            let (seq, outline) = self.reaching(actor, first.id.counter).ok_or(Refusal::Reference)?;
            if *seq > newest {
                return Err(Refusal::Reference);
            }
            let max_op = outline.max_op();
            let (inside, beyond) = references.split_at(references.partition_point(|r| r.id.counter <= max_op));
            for reference in inside {
                if !outline.at(reference.id.counter).is_some_and(|kind| reference.need.is_met_by(kind)) {
                    return Err(Refusal::Reference);
                }
            }
            references = beyond;
        }
        Ok(())
    }

    /// The first change of an actor that reaches up to a counter.
    fn reaching(&mut self, actor: &Actor, counter: u64) -> Option<&(u64, Outline)> {
        let spans = |(_, outline): &&(u64, Outline)| outline.at(counter).is_some();
        // Within one's own range a change is the only one, so where it is found first does not matter.
        let fresh = self.fresh.get(actor).and_then(|all| {
            let before = all.partition_point(|(_, outline)| outline.max_op() < counter);
            all.get(before).filter(spans)
        });
        if fresh.is_some() {
            return fresh;
        }
        let range = (*actor, counter)..=(*actor, u64::MAX);
        let first = |read: &BTreeMap<(Actor, u64), (u64, Outline)>| {
            read.range(range.clone()).next().filter(|(_, found)| spans(found)).map(|(key, _)| *key)
        };
        let found = match first(&self.read) {
            Some(found) => found,
            None => {
                let Sketch { actor: of, seq, outline } = self.history.sketch(actor, counter)?;
                if of != *actor || outline.at(counter).is_none() {
                    return None;
                }
                self.runs += outline.runs();
                if self.runs > Self::MAX_RUNS {
                    self.read.clear();
                    self.runs = outline.runs();
                }
                let key = (*actor, outline.max_op());
                self.read.insert(key, (seq, outline));
                key
            }
        };
        self.read.get(&found)
    }
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, cell::Cell};

    use super::*;
    use crate::{attestation::Attestation, outline::Kind};

    const ACTOR: Actor = Actor::new([1; 16]);
    /// Runs of each change, which has one operation in each.
    const EACH: u64 = 1_024;

    /// A history of which outlines are asked, and that counts how often.
    struct Counted {
        whose: Actor,
        asked: Cell<usize>,
    }

    impl History for Counted {
        fn change(&self, _: &ChangeHash) -> Option<Known> {
            None
        }

        fn tip(&self, _: &Actor) -> Option<(u64, ChangeHash)> {
            None
        }

        fn clock(&self, _: &ChangeHash) -> Option<Clock> {
            None
        }

        fn reaching(&self, _: &Actor, _: u64) -> Option<Cow<'_, [u8]>> {
            None
        }

        fn sketch(&self, _: &Actor, counter: u64) -> Option<Sketch> {
            self.asked.set(self.asked.get() + 1);
            let seq = (counter - 1) / EACH + 1;
            let mut outline = Outline::new((seq - 1) * EACH + 1);
            for n in 0..EACH {
                outline.push(if n % 2 == 0 { Kind::Insert } else { Kind::Delete }, 1);
            }
            Some(Sketch { actor: self.whose, seq, outline })
        }

        fn numbered(&self, _: &Actor, _: u64) -> Option<Cow<'_, [u8]>> {
            None
        }

        fn vouched(&self, _: &Actor) -> Vec<Attestation> {
            Vec::new()
        }
    }

    #[test]
    fn what_was_read_is_kept_up_to_a_bound() {
        let history = Counted { whose: ACTOR, asked: Cell::new(0) };
        let mut ancestry = Ancestry::new(&history, DocKind::Page);
        let most = Ancestry::<Counted>::MAX_RUNS as u64 / EACH;
        let mut read = |seq: u64| {
            let found = ancestry.reaching(&ACTOR, seq * EACH).map(|(seq, _)| *seq);
            assert_eq!(found, Some(seq));
            (ancestry.read.len() as u64, ancestry.runs as u64)
        };
        for _ in 0..2 {
            let kept: Vec<_> = (1..=most).map(&mut read).collect();
            assert_eq!(kept.last(), Some(&(most, most * EACH)));
        }
        assert_eq!(history.asked.get() as u64, most, "asked once for each");
        // One more, and it begins anew.
        assert_eq!([read(most + 1), read(most + 1), read(1)], [(1, EACH), (1, EACH), (2, 2 * EACH)]);
        assert_eq!(history.asked.get() as u64, most + 2);
    }

    #[test]
    fn anothers_operation_is_none() {
        let history = Counted { whose: Actor::new([2; 16]), asked: Cell::new(0) };
        assert!(Ancestry::new(&history, DocKind::Page).reaching(&ACTOR, 1).is_none());
    }
}
