//! Reading documents: their history as the gate asks for it, their changes, compact forms, frontiers and digests.

use std::{borrow::Cow, cell::RefCell};

use commonplace_model::{Actor, ChangeHash, CommonsId, DeviceId, DocId, Nonce};
use commonplace_trust::{Attestation, Clock, History, Known, Sketch, VerifiedChange};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    bundle::{Found, by_hash, by_seq, each, hash_of, reaching, sketch},
    clock::actor_no,
    error::{Result, StoreError},
    reader::{Memory, No, Reader, all_within, blob, doc_id, int, uint},
    segment::attested,
    store::Store,
    write::signature,
};

/// Number of a change in its document on this device, from 1, in order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeNo(u64);

/// What of a document its compact form lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lacking {
    /// Changes.
    pub changes: u64,
    /// Operations that one after the other counted up to in them. Building a document anew costs by these.
    pub operations: u64,
    /// Operations that one after the other were counted in all of it. Applying a change to it costs by these.
    pub of: u64,
}

/// What is known of a document, for the gate.
///
/// The gate's questions have no room for an error, so one is kept: after the gate has answered, and before anything is
/// done with the answer, ask [`DocHistory::sound`].
#[derive(Debug)]
pub struct DocHistory<'a> {
    db: &'a Connection,
    memory: &'a Memory,
    /// Nothing when nothing is known of the document.
    doc: Option<No>,
    failed: RefCell<Option<StoreError>>,
}

impl DocHistory<'_> {
    /// Whether all questions so far were answered from what is stored.
    ///
    /// # Errors
    /// When one could not be, and was answered with "not known".
    pub fn sound(&self) -> Result<(), StoreError> {
        self.failed.borrow_mut().take().map_or(Ok(()), Err)
    }

    fn ask<T>(&self, question: impl FnOnce(No) -> Result<Option<T>>) -> Option<T> {
        question(self.doc?).unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            None
        })
    }
}

impl History for DocHistory<'_> {
    fn change(&self, hash: &ChangeHash) -> Option<Known> {
        self.ask(|doc| {
            let found = by_hash(self.db, self.memory, doc, hash)?;
            Ok(found.map(|Found { id, seq, max_op, .. }| Known { actor: id, seq, max_op }))
        })
    }

    fn tip(&self, actor: &Actor) -> Option<(u64, ChangeHash)> {
        self.ask(|doc| {
            let (first, last) = all_within(doc);
            let mut find = self.db.prepare_cached(
                "SELECT a.seq, c.hash FROM actor a JOIN change c ON c.no = ?2 + a.tip \
                 WHERE a.id = ?1 AND a.no BETWEEN ?2 AND ?3",
            )?;
            let mut rows = find.query(params![actor.as_bytes(), first, last])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            Ok(Some((uint(row.get(0)?), ChangeHash::from_slice(blob(row, 1)?)?)))
        })
    }

    fn clock(&self, hash: &ChangeHash) -> Option<Clock> {
        let find = |doc| by_hash(self.db, self.memory, doc, hash);
        self.ask(|doc| self.memory.clocks.of(self.db, doc, hash, || find(doc)))
    }

    fn reaching(&self, actor: &Actor, counter: u64) -> Option<Cow<'_, [u8]>> {
        let found = self.ask(|doc| match actor_no(self.db, doc, actor)? {
            Some(actor) => reaching(self.db, self.memory, actor, counter),
            None => Ok(None),
        });
        found.map(|change| Cow::Owned(change.bytes))
    }

    fn sketch(&self, actor: &Actor, counter: u64) -> Option<Sketch> {
        self.ask(|doc| match actor_no(self.db, doc, actor)? {
            Some(no) => sketch(self.db, self.memory, (no, actor), counter),
            None => Ok(None),
        })
    }

    fn numbered(&self, actor: &Actor, seq: u64) -> Option<Cow<'_, [u8]>> {
        let found = self.ask(|doc| match actor_no(self.db, doc, actor)? {
            Some(actor) => by_seq(self.db, self.memory, actor, seq),
            None => Ok(None),
        });
        found.map(|change| Cow::Owned(change.bytes))
    }

    fn vouched(&self, actor: &Actor) -> Vec<Attestation> {
        let kept = self.ask(|doc| match actor_no(self.db, doc, actor)? {
            Some(actor) => Ok(Some(attested(self.db, doc, actor, 0)?)),
            None => Ok(None),
        });
        kept.unwrap_or_default().into_values().collect()
    }
}

impl Reader {
    /// What is known of a document, for the gate.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn history(&self, commons: CommonsId, doc: DocId) -> Result<DocHistory<'_>, StoreError> {
        Ok(DocHistory {
            db: &self.db,
            memory: &self.memory,
            doc: self.doc_no(commons, doc)?,
            failed: RefCell::new(None),
        })
    }

    /// The changes of a document after this one, or all, in order of arrival: each after those it builds on.
    ///
    /// # Errors
    /// When the database cannot be read, or a change is no longer what was stored.
    pub fn changes(
        &self,
        commons: CommonsId,
        doc: DocId,
        after: Option<ChangeNo>,
    ) -> Result<Vec<VerifiedChange>, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(Vec::new());
        };
        let _moment = self.moment()?;
        let mut changes = Vec::new();
        each(&self.db, &self.memory, doc, after.map_or(0, |no| no.0) + 1, |change| {
            changes.push(change.verified()?);
            Ok(true)
        })?;
        Ok(changes)
    }

    /// The compact form of a document, if one is kept, and the newest change in it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn snapshot(&self, commons: CommonsId, doc: DocId) -> Result<Option<(Vec<u8>, ChangeNo)>, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(None);
        };
        let mut find = self.db.prepare_cached("SELECT bytes, upto FROM snapshot WHERE doc = ?1")?;
        Ok(find.query_row([doc], |row| Ok((row.get(0)?, ChangeNo(uint(row.get(1)?))))).optional()?)
    }

    /// What of a document its compact form lacks; all, when there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn since_snapshot(&self, commons: CommonsId, doc: DocId) -> Result<Lacking, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(Lacking::default());
        };
        let (first, last) = all_within(doc);
        let mut find = self.db.prepare_cached(
            "SELECT max(d.changes - coalesce(s.upto, 0), 0), \
             coalesce((SELECT max_op FROM change WHERE no BETWEEN ?2 AND ?3 ORDER BY no DESC LIMIT 1), 0), \
             coalesce((SELECT max_op FROM change WHERE no = ?2 + s.upto), 0) \
             FROM doc d LEFT JOIN snapshot s ON s.doc = d.no WHERE d.no = ?1",
        )?;
        Ok(find.query_row([doc, first, last], |row| {
            let (newest, in_it) = (uint(row.get(1)?), uint(row.get(2)?));
            Ok(Lacking { changes: uint(row.get(0)?), operations: newest.saturating_sub(in_it), of: newest })
        })?)
    }

    /// Puts documents into the order in which somebody would wait for them: last changed first, those not here last.
    ///
    /// # Errors
    /// When the database cannot be read; the order is then as it was.
    pub fn order_by_use(&self, commons: CommonsId, docs: &mut [DocId]) -> Result<(), StoreError> {
        let mut find = self.db.prepare_cached(
            "SELECT d.changed_at FROM doc d JOIN commons c ON c.no = d.commons WHERE c.id = ?1 AND d.id = ?2",
        )?;
        let mut changed = std::collections::HashMap::with_capacity(docs.len());
        for doc in &*docs {
            let at: Option<i64> =
                find.query_row(params![commons.as_bytes(), doc.to_bytes()], |row| row.get(0)).optional()?;
            changed.insert(*doc, at);
        }
        docs.sort_by_key(|doc| std::cmp::Reverse(changed.get(doc).copied().flatten()));
        Ok(())
    }

    /// The newest attestation of each actor: the document's frontier.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn frontier(&self, commons: CommonsId, doc: DocId) -> Result<Vec<Attestation>, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(Vec::new());
        };
        Ok(frontier_of(&self.db, doc)?.into_iter().map(|(_, attestation)| attestation).collect())
    }

    /// Attestations of these very changes, as far as they are kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn vouchers(
        &self,
        commons: CommonsId,
        doc: DocId,
        changes: impl IntoIterator<Item = ChangeHash>,
    ) -> Result<Vec<Attestation>, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(Vec::new());
        };
        let (first, last) = all_within(doc);
        let mut find = self.db.prepare_cached(
            "SELECT d.id, w.nonce, c.seq, c.hash, CASE WHEN a.attested_seq = c.seq THEN a.signature ELSE a.built_signature END \
             FROM change c JOIN actor a ON a.no = c.actor JOIN writer w ON w.no = a.writer JOIN device d ON d.no = w.device \
             WHERE c.key = ?1 AND c.no BETWEEN ?2 AND ?3 AND c.hash = ?4 AND (a.attested_seq = c.seq OR a.built_seq = c.seq)",
        )?;
        let mut all = Vec::new();
        for hash in changes {
            let mut rows = find.query(params![key_of(&hash), first, last, hash.as_bytes()])?;
            while let Some(row) = rows.next()? {
                all.push(attestation(row, 0)?);
            }
        }
        Ok(all)
    }

    /// How many actors of a device a document has. Counts no further than `most`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn actors_of(
        &self,
        commons: CommonsId,
        doc: DocId,
        device: &DeviceId,
        most: usize,
    ) -> Result<usize, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(0);
        };
        let (first, last) = all_within(doc);
        let mut find = self.db.prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM actor a JOIN writer w ON w.no = a.writer \
             WHERE a.no BETWEEN ?1 AND ?2 AND w.device = (SELECT no FROM device WHERE id = ?3) LIMIT ?4)",
        )?;
        let count: i64 = find.query_row(params![first, last, device.as_bytes(), int(most as u64)], |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// The nonce of a device's newest actor in a document.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn newest_nonce(&self, commons: CommonsId, doc: DocId, device: &DeviceId) -> Result<Option<Nonce>, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(None);
        };
        let (first, last) = all_within(doc);
        let mut find = self.db.prepare_cached(
            "SELECT w.nonce FROM actor a JOIN writer w ON w.no = a.writer \
             WHERE a.no BETWEEN ?1 AND ?2 AND w.device = (SELECT no FROM device WHERE id = ?3) ORDER BY a.no DESC LIMIT 1",
        )?;
        let mut rows = find.query(params![first, last, device.as_bytes()])?;
        match rows.next()? {
            Some(row) => Ok(Some(Nonce::from_slice(blob(row, 0)?)?)),
            None => Ok(None),
        }
    }

    /// The hash of the change of an actor with this number, if it is here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn hash_of(
        &self,
        commons: CommonsId,
        doc: DocId,
        actor: &Actor,
        seq: u64,
    ) -> Result<Option<ChangeHash>, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(None);
        };
        let _moment = self.moment()?;
        let Some(actor) = actor_no(&self.db, doc, actor)? else {
            return Ok(None);
        };
        Ok(hash_of(&self.db, &self.memory, actor, seq)?.map(|(_, hash)| hash))
    }

    /// The digest of a document's frontier; nothing while it has none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn digest(&self, commons: CommonsId, doc: DocId) -> Result<Option<[u8; 32]>, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(None);
        };
        let mut find = self.db.prepare_cached("SELECT digest FROM doc WHERE no = ?1")?;
        Ok(find.query_row([doc], |row| row.get(0))?)
    }

    /// The documents of a commons that have changes, with the digests of their frontiers: equal digests, equal documents.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn digests(&self, commons: CommonsId) -> Result<Vec<(DocId, [u8; 32])>, StoreError> {
        let commons = self.commons_no(commons)?;
        let mut find = self
            .db
            .prepare_cached("SELECT id, digest FROM doc WHERE commons = ?1 AND digest IS NOT NULL ORDER BY no")?;
        let mut rows = find.query([commons])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push((doc_id(blob(row, 0)?)?, row.get(1)?));
        }
        Ok(all)
    }

    /// The first documents that wait to be indexed, of all commons.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn unindexed(&self, limit: usize) -> Result<Vec<(CommonsId, DocId)>, StoreError> {
        let mut find = self.db.prepare_cached(
            "SELECT c.id, d.id FROM doc d JOIN commons c ON c.no = d.commons WHERE d.waits = 1 AND c.leaving = 0 \
             ORDER BY d.no LIMIT ?1",
        )?;
        let mut rows = find.query([int(limit as u64)])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push((CommonsId::from_slice(blob(row, 0)?)?, doc_id(blob(row, 1)?)?));
        }
        Ok(all)
    }

    /// Whether a document waits to be indexed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn is_unindexed(&self, commons: CommonsId, doc: DocId) -> Result<bool, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(false);
        };
        let mut find = self.db.prepare_cached("SELECT waits FROM doc WHERE no = ?1")?;
        Ok(find.query_row([doc], |row| row.get(0))?)
    }
}

impl Store {
    /// Keeps a compact form of a document as it is stored now, with all its changes in it. The changes stay.
    ///
    /// # Errors
    /// When nothing is known of the document, or the form cannot be stored.
    pub fn compact(&mut self, commons: CommonsId, doc: DocId, snapshot: &[u8]) -> Result<(), StoreError> {
        let doc = self.doc_no(commons, doc)?.ok_or_else(|| StoreError::Fault("no such document".to_owned()))?;
        self.db
            .prepare_cached(
                "INSERT INTO snapshot (doc, upto, bytes) SELECT no, changes, ?2 FROM doc WHERE no = ?1 \
                 ON CONFLICT (doc) DO UPDATE SET upto = excluded.upto, bytes = excluded.bytes",
            )?
            .execute(params![doc, snapshot])?;
        Ok(())
    }
}

/// What changes are looked up by: the beginning of their hash.
pub(crate) fn key_of(hash: &ChangeHash) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    i64::from_le_bytes(first)
}

/// The newest attestation of each actor.
pub(crate) fn frontier_of(db: &Connection, doc: No) -> Result<Vec<(Actor, Attestation)>> {
    let (first, last) = all_within(doc);
    let mut find = db.prepare_cached(
        "SELECT a.id, d.id, w.nonce, a.attested_seq, c.hash, a.signature FROM actor a JOIN change c ON c.no = ?1 + a.attested \
         JOIN writer w ON w.no = a.writer JOIN device d ON d.no = w.device WHERE a.no BETWEEN ?1 AND ?2 ORDER BY a.no",
    )?;
    let mut rows = find.query([first, last])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push((Actor::from_slice(blob(row, 0)?)?, attestation(row, 1)?));
    }
    Ok(all)
}

/// An attestation from the columns device, nonce, seq, hash and signature, beginning at this one.
pub(crate) fn attestation(row: &Row<'_>, column: usize) -> Result<Attestation> {
    Ok(Attestation {
        device: DeviceId::from_slice(blob(row, column)?)?,
        nonce: Nonce::from_slice(blob(row, column + 1)?)?,
        seq: uint(row.get(column + 2)?),
        hash: ChangeHash::from_slice(blob(row, column + 3)?)?,
        signature: signature(row, column + 4)?,
    })
}
