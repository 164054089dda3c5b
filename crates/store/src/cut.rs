//! Taking out of documents what does not count, after the standing of devices ended.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_model::{ChangeHash, CommonsId, DeviceId, DocId};
use commonplace_trust::{Counting, VerifiedChange};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::{
    bundle::{by_hash, each, scatter},
    error::{Result, StoreError},
    reader::{Memory, No, Reader, all_within, blob, commons_no, doc_id, int, own},
    run,
    store::Store,
    write::keep_digest,
};

/// A change of a document, as far as it matters here.
pub(crate) struct Row {
    no: No,
    actor: No,
    pub(crate) change: VerifiedChange,
}

impl Reader {
    /// Documents of a commons in which any of these devices wrote.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn written_by(&self, commons: CommonsId, devices: &BTreeSet<DeviceId>) -> Result<Vec<DocId>, StoreError> {
        let commons = self.commons_no(commons)?;
        let mut find = self.db.prepare_cached(
            "SELECT DISTINCT d.id FROM device v JOIN writer w ON w.device = v.no JOIN actor a ON a.writer = w.no \
             JOIN doc d ON d.no = a.no >> 32 WHERE v.id = ?1 AND d.commons = ?2",
        )?;
        let mut docs = BTreeSet::new();
        for device in devices {
            let mut rows = find.query(params![device.as_bytes(), commons])?;
            while let Some(row) = rows.next()? {
                docs.insert(doc_id(blob(row, 0)?)?);
            }
        }
        Ok(docs.into_iter().collect())
    }

    /// Changes of a document that these devices made and nothing builds on yet, each with its device.
    ///
    /// # Errors
    /// When the database cannot be read, or a change is no longer what was stored.
    pub fn tips_of(
        &self,
        commons: CommonsId,
        doc: DocId,
        devices: &BTreeSet<DeviceId>,
    ) -> Result<Vec<(ChangeHash, DeviceId)>, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(Vec::new());
        };
        let _moment = self.moment()?;
        let writers = writers(&self.db, doc)?;
        let mut tips: BTreeMap<ChangeHash, No> = BTreeMap::new();
        for row in rows(&self.db, &self.memory, doc)? {
            for dep in row.change.deps() {
                tips.remove(&dep);
            }
            tips.insert(row.change.hash(), row.actor);
        }
        let by = |actor: &No| writers.get(actor).copied().filter(|device| devices.contains(device));
        Ok(tips.into_iter().filter_map(|(hash, actor)| Some((hash, by(&actor)?))).collect())
    }
}

impl Store {
    /// Takes out of a document the changes that do not count: those of devices whose standing `ended`, but for what others
    /// built on and for what the cut names, with all that these build on. True when any was taken out.
    ///
    /// What stays of an ended device's is vouched for by the attestation that was kept of the newest change that others built
    /// on. Where that is not the newest one that stays, nothing vouches for it here until another device brings what does.
    ///
    /// # Errors
    /// When the database cannot be read or written; nothing is then taken out.
    pub fn cut_back(
        &mut self,
        commons: CommonsId,
        doc: DocId,
        ended: impl Fn(&DeviceId) -> bool,
        cut: &BTreeSet<ChangeHash>,
    ) -> Result<bool, StoreError> {
        let memory = self.memory.clone();
        let tx = self.begin()?;
        let commons = commons_no(&tx, commons)?.ok_or(StoreError::NoCommons)?;
        let mut find = tx.prepare_cached("SELECT no FROM doc WHERE commons = ?1 AND id = ?2")?;
        let found: Option<No> = find.query_row(params![commons, doc.to_bytes()], |row| row.get(0)).optional()?;
        drop(find);
        let Some(doc) = found else { return Ok(false) };
        let writers = writers(&tx, doc)?;
        let mut counting = Counting::default();
        let mut out: Vec<Row> = Vec::new();
        for row in rows(&tx, &memory, doc)?.into_iter().rev() {
            let hash = row.change.hash();
            // Who an actor is that nothing vouches for is not known: it was let in for what builds on it.
            let good = writers.get(&row.actor).is_some_and(|device| !ended(device));
            if !counting.counts(good || cut.contains(&hash), hash, row.change.deps()) {
                out.push(row);
            }
        }
        if out.is_empty() {
            return Ok(false);
        }
        take_out(&tx, &memory, doc, &out)?;
        tx.commit()?;
        Ok(true)
    }
}

fn writers(db: &Connection, doc: No) -> Result<BTreeMap<No, DeviceId>> {
    let (first, last) = all_within(doc);
    let mut find = db.prepare_cached(
        "SELECT a.no, v.id FROM actor a JOIN writer w ON w.no = a.writer JOIN device v ON v.no = w.device \
         WHERE a.no BETWEEN ?1 AND ?2",
    )?;
    let mut rows = find.query([first, last])?;
    let mut all = BTreeMap::new();
    while let Some(row) = rows.next()? {
        all.insert(row.get(0)?, DeviceId::from_slice(blob(row, 1)?)?);
    }
    Ok(all)
}

/// All changes of a document in order.
pub(crate) fn rows(db: &Connection, memory: &Memory, doc: No) -> Result<Vec<Row>> {
    let mut all = Vec::new();
    each(db, memory, doc, 1, |stored| {
        let (no, actor) = (stored.no, stored.actor);
        all.push(Row { no, actor, change: stored.verified()? });
        Ok(true)
    })?;
    Ok(all)
}

/// Takes changes out of a document, the last ones first. Whether any is left.
pub(crate) fn take_out(tx: &Transaction<'_>, memory: &Memory, doc: No, out: &[Row]) -> Result<bool> {
    scatter(tx, memory, doc)?;
    let mut first_out: BTreeMap<No, u64> = BTreeMap::new();
    for row in out {
        tx.prepare_cached("DELETE FROM change WHERE no = ?1")?.execute([row.no])?;
        first_out.insert(row.actor, row.change.seq());
    }
    for (actor, seq) in first_out {
        shorten(tx, actor, seq - 1)?;
    }
    let (first, last) = all_within(doc);
    let left: bool = tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM change WHERE no BETWEEN ?1 AND ?2)")?
        .query_row([first, last], |row| row.get(0))?;
    tx.prepare_cached("DELETE FROM snapshot WHERE doc = ?1")?.execute([doc])?;
    if !left {
        for sql in [
            "DELETE FROM tagged WHERE member = ?1",
            "DELETE FROM flag WHERE member = ?1",
            "DELETE FROM profile WHERE member = ?1",
            "DELETE FROM words WHERE rowid = ?1",
            "DELETE FROM text WHERE doc = ?1",
            "DELETE FROM page WHERE doc = ?1",
            "UPDATE doc SET waits = 0, digest = NULL WHERE no = ?1",
        ] {
            tx.prepare_cached(sql)?.execute([doc])?;
        }
        return Ok(false);
    }
    // A clock may have been stored as what differs from one that is out now.
    tx.prepare_cached("DELETE FROM clock WHERE no BETWEEN ?1 AND ?2")?.execute([first, last])?;
    for row in rows(tx, memory, doc)? {
        memory.clocks.put(tx, (row.no, row.actor), &row.change, |hash| by_hash(tx, memory, doc, hash))?;
    }
    keep_digest(tx, doc)?;
    tx.prepare_cached("UPDATE doc SET waits = 1 WHERE no = ?1")?.execute([doc])?;
    Ok(true)
}

/// Has an actor end with its change of this number; 0 is before its first.
fn shorten(tx: &Transaction<'_>, actor: No, seq: u64) -> Result<()> {
    tx.prepare_cached("DELETE FROM cut WHERE actor = ?1 AND seq > ?2")?.execute(params![actor, int(seq)])?;
    run::shorten(tx, actor, seq)?;
    if seq == 0 {
        tx.prepare_cached("DELETE FROM actor WHERE no = ?1")?.execute([actor])?;
        return Ok(());
    }
    let tip: No = tx
        .prepare_cached("SELECT no FROM change WHERE actor = ?1 AND seq = ?2")?
        .query_row(params![actor, int(seq)], |row| row.get(0))?;
    // What vouches for the new end: the attestation of what others built on, or one that was kept as a place to cut.
    tx.prepare_cached(
        "UPDATE actor SET seq = ?2, tip = ?3, \
         built_seq = CASE WHEN built_seq <= ?2 THEN built_seq END, \
         built = CASE WHEN built_seq <= ?2 THEN built END, \
         built_signature = CASE WHEN built_seq <= ?2 THEN built_signature END, \
         attested_seq = CASE WHEN attested_seq <= ?2 THEN attested_seq WHEN built_seq <= ?2 THEN built_seq END, \
         attested = CASE WHEN attested_seq <= ?2 THEN attested WHEN built_seq <= ?2 THEN built END, \
         signature = CASE WHEN attested_seq <= ?2 THEN signature WHEN built_seq <= ?2 THEN built_signature END \
         WHERE no = ?1",
    )?
    .execute(params![actor, int(seq), int(own(tip))])?;
    tx.prepare_cached(
        "UPDATE actor SET attested_seq = c.seq, attested = c.change, signature = c.signature \
         FROM (SELECT seq, change, signature FROM cut WHERE actor = ?1 ORDER BY seq DESC LIMIT 1) c \
         WHERE no = ?1 AND (attested_seq IS NULL OR attested_seq < c.seq)",
    )?
    .execute([actor])?;
    Ok(())
}
