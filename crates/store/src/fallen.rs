//! Taking out of a document what falls because a device provably wrote in two ways: what it wrote from where the ways part, and
//! whatever was built on that, by whomever.
//!
//! Which changes fall follows from the changes and the proofs alone, so it is the same on every device. What their writers make
//! of it (they write it anew) is stored in the same transaction: after it either nothing has happened, or all of it.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_model::{Actor, ChangeHash, CommonsId, DeviceId, DocId, Nonce};
use commonplace_trust::{Fork, VerifiedChange, twins::falling};
use rusqlite::{OptionalExtension, params};

use crate::{
    cut::{rows, take_out},
    error::{Result, StoreError},
    reader::{Memory, No, Reader, all_within, blob, commons_no},
    store::Store,
    write::{DocBatch, put_doc},
};

/// A document in which a device wrote in two ways.
#[derive(Debug, Default)]
pub struct Fallen {
    /// All its changes, each after those it builds on, and whether it falls.
    pub changes: Vec<(VerifiedChange, bool)>,
    /// Who wrote in it, as far as attestations say so.
    pub writers: BTreeMap<Actor, (DeviceId, Nonce)>,
}

impl Fallen {
    /// Whether anything falls.
    pub fn any(&self) -> bool {
        self.changes.iter().any(|(_, falls)| *falls)
    }
}

impl Reader {
    /// What falls of a document and what stands, by how much counts of these actors.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn fallen(&self, commons: CommonsId, doc: DocId, forks: &BTreeMap<Actor, Fork>) -> Result<Fallen, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else { return Ok(Fallen::default()) };
        let _moment = self.moment()?;
        let changes: Vec<VerifiedChange> =
            rows(&self.db, &self.memory, doc)?.into_iter().map(|row| row.change).collect();
        let falling = falling(&changes, |actor| forks.get(actor).copied());
        let with_fate = |change: VerifiedChange| {
            let falls = falling.contains(&change.hash());
            (change, falls)
        };
        let changes = changes.into_iter().map(with_fate).collect();
        let (first, last) = all_within(doc);
        let mut find = self.db.prepare_cached(
            "SELECT a.id, v.id, w.nonce FROM actor a JOIN writer w ON w.no = a.writer JOIN device v ON v.no = w.device \
             WHERE a.no BETWEEN ?1 AND ?2",
        )?;
        let mut rows = find.query([first, last])?;
        let mut writers = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let writer = (DeviceId::from_slice(blob(row, 1)?)?, Nonce::from_slice(blob(row, 2)?)?);
            writers.insert(Actor::from_slice(blob(row, 0)?)?, writer);
        }
        Ok(Fallen { changes, writers })
    }
}

impl Store {
    /// Takes changes out of a document, with all that builds on them, and stores what takes their place, at once.
    ///
    /// # Errors
    /// When the database cannot be read or written; nothing has then happened.
    pub fn let_fall(
        &mut self,
        commons: CommonsId,
        out: &BTreeSet<ChangeHash>,
        then: DocBatch,
    ) -> Result<(), StoreError> {
        let memory = self.memory.clone();
        self.replace(&memory, commons, out, then).inspect_err(|_| memory.bundles.forget())
    }

    fn replace(
        &mut self,
        memory: &Memory,
        commons: CommonsId,
        out: &BTreeSet<ChangeHash>,
        then: DocBatch,
    ) -> Result<()> {
        let tx = self.begin()?;
        let commons = commons_no(&tx, commons)?.ok_or(StoreError::NoCommons)?;
        let mut find = tx.prepare_cached("SELECT no FROM doc WHERE commons = ?1 AND id = ?2")?;
        let doc: Option<No> = find.query_row(params![commons, then.doc.to_bytes()], |row| row.get(0)).optional()?;
        drop(find);
        let mut left = false;
        if let Some(doc) = doc {
            let falling: Vec<_> =
                rows(&tx, memory, doc)?.into_iter().rev().filter(|row| out.contains(&row.change.hash())).collect();
            left = take_out(&tx, memory, doc, &falling)?;
        }
        // A document of which all fell projects nothing: it is as if it had never come.
        if left || !then.changes.is_empty() {
            put_doc(&tx, memory, commons, then, Vec::new())?;
        }
        tx.commit()?;
        Ok(())
    }
}
