//! Changes of a document that are being written and have no rows yet.

use std::collections::HashMap;

use commonplace_model::{Actor, ChangeHash};

use crate::{
    bundle::{Found, Stored},
    reader::No,
};

/// Changes that have no rows yet.
#[derive(Default)]
pub(super) struct Fresh {
    pub(super) changes: Vec<Stored>,
    actors: Vec<Actor>,
    by_hash: HashMap<ChangeHash, usize>,
    /// Of each actor the number of its first change here, and the places of all.
    by_seq: HashMap<No, (u64, Vec<usize>)>,
}

impl Fresh {
    pub(super) fn add(&mut self, change: Stored, actor: Actor) {
        let at = self.changes.len();
        self.by_hash.insert(change.hash, at);
        self.by_seq.entry(change.actor).or_insert((change.seq, Vec::new())).1.push(at);
        self.changes.push(change);
        self.actors.push(actor);
    }

    pub(super) fn by_hash(&self, hash: &ChangeHash) -> Option<Found> {
        let at = *self.by_hash.get(hash)?;
        let (Stored { no, actor, seq, max_op, .. }, id) = (self.changes.get(at)?, *self.actors.get(at)?);
        Some(Found { no: *no, actor: *actor, id, seq: *seq, max_op: *max_op })
    }

    pub(super) fn by_seq(&self, actor: No, seq: u64) -> Option<&Stored> {
        let (first, places) = self.by_seq.get(&actor)?;
        let at = usize::try_from(seq.checked_sub(*first)?).ok()?;
        self.changes.get(*places.get(at)?)
    }
}
