//! Actors of a document that is being written, as their rows are to be.

use std::collections::BTreeSet;

use commonplace_model::Actor;

use crate::reader::{No, uint};

/// An actor of the document that is written in, as it is to be stored.
pub(super) struct ActorRow {
    pub(super) no: No,
    pub(super) local: bool,
    pub(super) seq: u64,
    pub(super) tip: u64,
    pub(super) writer: Option<No>,
    /// Whether it was not known until now which device it is, though it wrote before.
    pub(super) named: bool,
    /// The number of its newest run.
    pub(super) run: Option<No>,
    pub(super) attested: Option<Attested>,
    /// Of those there were, the newest one of a change that somebody else built on.
    pub(super) built: Option<Attested>,
    /// Whether it is as stored.
    pub(super) clean: bool,
}

/// An attestation of one of its changes.
#[derive(Clone)]
pub(super) struct Attested {
    pub(super) seq: u64,
    pub(super) change: u64,
    pub(super) signature: [u8; 64],
}

impl Attested {
    /// One from the columns seq, change and signature, beginning at this one.
    pub(super) fn read(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<Self>> {
        let seq: Option<i64> = row.get(column)?;
        let read =
            |seq| Ok(Self { seq: uint(seq), change: uint(row.get(column + 1)?), signature: row.get(column + 2)? });
        seq.map(read).transpose()
    }
}

impl ActorRow {
    /// Keeps the newest attestation if somebody built on its change.
    pub(super) fn note_built(&mut self, id: Actor, built_on: &BTreeSet<(Actor, u64)>) {
        if let Some(newest) = self.attested.clone() {
            self.note_built_by(&newest, id, built_on);
        }
    }

    pub(super) fn note_built_by(&mut self, said: &Attested, id: Actor, built_on: &BTreeSet<(Actor, u64)>) {
        let is_newer = self.built.as_ref().is_none_or(|built| built.seq < said.seq);
        if is_newer && built_on.contains(&(id, said.change)) {
            (self.built, self.clean) = (Some(said.clone()), false);
        }
    }
}
