//! Writing documents: changes, attestations and what they project, in one transaction.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use commonplace_model::{Actor, ChangeHash, CommonsId, DocId};
use commonplace_trust::{Attestation, VerifiedAttestation, VerifiedChange};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    document::{frontier_of, key_of},
    error::{Result, StoreError},
    peer::device_no,
    projection::{self, Projection},
    reader::{Memory, No, all_within, blob, commons_no, int, own, uint, within},
    run::{self, Piece},
    store::Store,
};

/// A superseded attestation is kept when at least so many bytes of the document's changes lie between it and the one kept
/// before it. By the document's bytes, and not by those of the actor's own changes: so a piece of a history can end within
/// about so many bytes of any place, however many wrote at once.
const CUT_BYTES: u64 = 64 * 1024;

/// What is written at once: several documents of one commons, for the price of one flush to the disk.
#[derive(Debug)]
pub struct Batch {
    /// The commons.
    pub commons: CommonsId,
    /// What is written in which document.
    pub docs: Vec<DocBatch>,
}

/// What is written in one document.
#[derive(Debug)]
pub struct DocBatch {
    /// The document.
    pub doc: DocId,
    /// Changes, each after those it builds on. Those that are stored already are passed over.
    pub changes: Vec<VerifiedChange>,
    /// Attestations of these changes or earlier ones. All that there are may be given; the store keeps the newest of each
    /// actor, and of the others those that are needed as places to cut.
    pub attestations: Vec<VerifiedAttestation>,
    /// What the changes project.
    pub projection: Projection,
    /// Whether they were made on this device.
    pub local: bool,
    /// When, in milliseconds since 1970 by this device's clock.
    pub at: u64,
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// Changes that were not stored before.
    pub changes: usize,
    /// Documents whose frontier changed, with the digest of the new one.
    pub digests: Vec<(DocId, [u8; 32])>,
}

impl Store {
    /// Stores changes with their attestations and what they project, all or nothing.
    ///
    /// # Errors
    /// When the commons is not here, a change does not follow its actor's newest one (the gate lets no such through), or the
    /// disk does not take it. Nothing of the batch is stored then, and all that was stored before is safe.
    pub fn write(&mut self, batch: Batch) -> Result<Written, StoreError> {
        let memory = self.memory.clone();
        let tx = self.begin()?;
        let commons = commons_no(&tx, batch.commons)?.ok_or(StoreError::NoCommons)?;
        let mut written = Written::default();
        for doc in batch.docs {
            let id = doc.doc;
            let (changes, digest) = put_doc(&tx, &memory, commons, doc)?;
            written.changes += changes;
            written.digests.extend(digest.map(|digest| (id, digest)));
        }
        tx.commit()?;
        memory.dictionaries.learn(&mut self.reader.db);
        Ok(written)
    }
}

/// Writes in a document: how many changes were new, and its digest if that changed.
pub(crate) fn put_doc(
    tx: &Connection,
    memory: &Memory,
    commons: No,
    doc: DocBatch,
) -> Result<(usize, Option<[u8; 32]>)> {
    let mut pen = Pen::take(tx, memory, commons, doc.doc, doc.local)?;
    let mut new = 0;
    for change in &doc.changes {
        new += usize::from(pen.put_change(change)?);
    }
    pen.put_attestations(doc.attestations)?;
    let digest = pen.finish(commons, doc.at)?;
    projection::put(tx, memory, pen.doc.no, doc.doc, commons, doc.projection)?;
    Ok((new, digest))
}

/// The number of a document, which gets one if nothing was known of it.
pub(crate) fn doc_no(db: &Connection, commons: No, doc: DocId) -> Result<No> {
    let id = doc.to_bytes();
    let mut find = db.prepare_cached("SELECT no FROM doc WHERE commons = ?1 AND id = ?2")?;
    if let Some(no) = find.query_row(params![commons, id], |row| row.get(0)).optional()? {
        return Ok(no);
    }
    db.prepare_cached("INSERT INTO doc (commons, id) VALUES (?1, ?2)")?.execute(params![commons, id])?;
    Ok(db.last_insert_rowid())
}

struct DocRow {
    no: No,
    changes: u64,
    bytes: u64,
}

struct ActorRow {
    no: No,
    local: bool,
    seq: u64,
    tip: u64,
    writer: Option<No>,
    /// Whether it was not known until now which device it is, though it wrote before.
    named: bool,
    /// The number of its newest run.
    run: Option<No>,
    attested: Option<Attested>,
    /// Of those there were, the newest one of a change that somebody else built on.
    built: Option<Attested>,
    /// Whether it is as stored.
    clean: bool,
}

#[derive(Clone)]
struct Attested {
    seq: u64,
    change: u64,
    signature: [u8; 64],
}

impl Attested {
    /// One from the columns seq, change and signature, beginning at this one.
    fn read(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<Self>> {
        let seq: Option<i64> = row.get(column)?;
        let read =
            |seq| Ok(Self { seq: uint(seq), change: uint(row.get(column + 1)?), signature: row.get(column + 2)? });
        seq.map(read).transpose()
    }
}

impl ActorRow {
    /// Keeps the newest attestation if somebody built on its change.
    fn note_built(&mut self, id: Actor, built_on: &BTreeSet<(Actor, u64)>) {
        if let Some(newest) = self.attested.clone() {
            self.note_built_by(&newest, id, built_on);
        }
    }

    fn note_built_by(&mut self, said: &Attested, id: Actor, built_on: &BTreeSet<(Actor, u64)>) {
        let is_newer = self.built.as_ref().is_none_or(|built| built.seq < said.seq);
        if is_newer && built_on.contains(&(id, said.change)) {
            (self.built, self.clean) = (Some(said.clone()), false);
        }
    }
}

/// Writes in one document.
struct Pen<'a> {
    db: &'a Connection,
    memory: &'a Memory,
    local: bool,
    doc: DocRow,
    actors: BTreeMap<Actor, ActorRow>,
    /// Changes, by actor and number in the document, that changes of other actors in this batch build on.
    built_on: BTreeSet<(Actor, u64)>,
    /// Number of the newest change in this batch.
    newest: Option<u64>,
    attested: bool,
    /// What is new, as runs.
    pieces: Vec<Piece>,
}

impl<'a> Pen<'a> {
    fn take(db: &'a Connection, memory: &'a Memory, commons: No, doc: DocId, local: bool) -> Result<Self> {
        let no = doc_no(db, commons, doc)?;
        let mut find = db.prepare_cached("SELECT changes, bytes FROM doc WHERE no = ?1")?;
        let doc =
            find.query_row([no], |row| Ok(DocRow { no, changes: uint(row.get(0)?), bytes: uint(row.get(1)?) }))?;
        Ok(Self {
            db,
            memory,
            local,
            doc,
            actors: BTreeMap::new(),
            built_on: BTreeSet::new(),
            newest: None,
            attested: false,
            pieces: Vec::new(),
        })
    }

    /// Loads an actor's row, if there is one.
    fn load_actor(&mut self, id: Actor) -> Result<Option<&mut ActorRow>> {
        match self.actors.entry(id) {
            Entry::Occupied(entry) => Ok(Some(entry.into_mut())),
            Entry::Vacant(entry) => {
                let (first, last) = all_within(self.doc.no);
                let mut find = self.db.prepare_cached(
                    "SELECT no, local, seq, tip, writer, attested_seq, attested, signature, built_seq, built, built_signature, run \
                     FROM actor WHERE id = ?1 AND no BETWEEN ?2 AND ?3",
                )?;
                let found = find
                    .query_row(params![id.as_bytes(), first, last], |row| {
                        Ok(ActorRow {
                            no: row.get(0)?,
                            local: row.get(1)?,
                            seq: uint(row.get(2)?),
                            tip: uint(row.get(3)?),
                            writer: row.get(4)?,
                            attested: Attested::read(row, 5)?,
                            built: Attested::read(row, 8)?,
                            named: false,
                            run: row.get(11)?,
                            clean: true,
                        })
                    })
                    .optional()?;
                Ok(found.map(|row| entry.insert(row)))
            }
        }
    }

    fn make_actor(&mut self, id: Actor) -> Result<()> {
        let (first, last) = all_within(self.doc.no);
        let newest: Option<No> = self
            .db
            .prepare_cached("SELECT max(no) FROM actor WHERE no BETWEEN ?1 AND ?2")?
            .query_row([first, last], |row| row.get(0))?;
        let no = within(self.doc.no, newest.map_or(0, own) + 1);
        self.db
            .prepare_cached("INSERT INTO actor (no, id, local, seq, tip) VALUES (?1, ?2, ?3, 0, 0)")?
            .execute(params![no, id.as_bytes(), self.local])?;
        let row = ActorRow {
            no,
            local: self.local,
            seq: 0,
            tip: 0,
            writer: None,
            named: false,
            run: None,
            attested: None,
            built: None,
            clean: true,
        };
        self.actors.insert(id, row);
        Ok(())
    }

    fn has(&self, hash: &ChangeHash) -> Result<bool> {
        let (first, last) = all_within(self.doc.no);
        let mut find = self.db.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM change WHERE key = ?1 AND no BETWEEN ?2 AND ?3 AND hash = ?4)",
        )?;
        Ok(find.query_row(params![key_of(hash), first, last, hash.as_bytes()], |row| row.get(0))?)
    }

    /// Puts a change after the others; whether it is new.
    fn put_change(&mut self, change: &VerifiedChange) -> Result<bool> {
        let hash = change.hash();
        if self.has(&hash)? {
            return Ok(false);
        }
        let (doc, number) = (self.doc.no, self.doc.changes + 1);
        if self.load_actor(change.actor())?.is_none() {
            self.make_actor(change.actor())?;
        }
        let local = self.local;
        let Some(actor) = self.load_actor(change.actor())? else {
            return Err(StoreError::Fault("an actor just made is not there".to_owned()));
        };
        if change.seq() != actor.seq + 1 {
            return Err(StoreError::Fault("a change that does not follow its actor's newest one".to_owned()));
        }
        (actor.seq, actor.tip, actor.clean) = (change.seq(), number, false);
        actor.local |= local;
        let actor = actor.no;
        let bytes = change.bytes();
        self.doc.bytes += bytes.len() as u64;
        run::add_to(&mut self.pieces, change.actor(), change.seq(), bytes.len() as u64, change.takes_back());
        self.db
            .prepare_cached(
                "INSERT INTO change (no, key, actor, seq, max_op, weight, hash, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                within(doc, number),
                key_of(&hash),
                actor,
                int(change.seq()),
                int(change.max_op()),
                int(self.doc.bytes),
                hash.as_bytes(),
                self.memory.dictionaries.pack(bytes, number == 1).as_deref().unwrap_or(bytes),
            ])?;
        self.memory.clocks.put(self.db, doc, within(doc, number), actor, change)?;
        self.note_built_on(actor, change)?;
        self.doc.changes = number;
        self.newest = Some(number);
        Ok(true)
    }

    /// Notes which changes of others a change builds on.
    fn note_built_on(&mut self, actor: No, change: &VerifiedChange) -> Result<()> {
        if change.seq() > 1 && change.deps().nth(1).is_none() {
            // On its actor's previous one and nothing else.
            return Ok(());
        }
        let (first, last) = all_within(self.doc.no);
        let mut find = self.db.prepare_cached(
            "SELECT a.no, a.id, c.no FROM change c JOIN actor a ON a.no = c.actor \
             WHERE c.key = ?1 AND c.no BETWEEN ?2 AND ?3 AND c.hash = ?4",
        )?;
        for dep in change.deps() {
            let mut rows = find.query(params![key_of(&dep), first, last, dep.as_bytes()])?;
            if let Some(row) = rows.next()?
                && row.get::<_, No>(0)? != actor
            {
                self.built_on.insert((Actor::from_slice(blob(row, 1)?)?, own(row.get(2)?)));
            }
        }
        Ok(())
    }

    fn put_attestations(&mut self, mut all: Vec<VerifiedAttestation>) -> Result<()> {
        // In the order in which they were made, so that each older one is looked at as one to be kept.
        all.sort_by_key(|attestation| attestation.get().seq);
        let built_on = std::mem::take(&mut self.built_on);
        for attestation in all {
            self.put_attestation(attestation.actor(), attestation.get(), &built_on)?;
        }
        for (id, _) in &built_on {
            if let Some(actor) = self.load_actor(*id)? {
                actor.note_built(*id, &built_on);
            }
        }
        Ok(())
    }

    fn put_attestation(&mut self, id: Actor, said: &Attestation, built_on: &BTreeSet<(Actor, u64)>) -> Result<()> {
        let (db, doc) = (self.db, self.doc.no);
        let Some(actor) = self.load_actor(id)? else {
            return Ok(());
        };
        let is_newest = actor.attested.as_ref().is_none_or(|newest| newest.seq < said.seq);
        if !is_newest && built_on.range((id, 0)..=(id, u64::MAX)).next().is_none() {
            return Ok(());
        }
        let mut find = db.prepare_cached("SELECT no, hash FROM change WHERE actor = ?1 AND seq = ?2")?;
        let found = find
            .query_row(params![actor.no, int(said.seq)], |row| Ok((row.get::<_, No>(0)?, row.get::<_, [u8; 32]>(1)?)))
            .optional()?;
        // One of a change that is not here says nothing about those that are.
        let Some((change, _)) = found.filter(|(_, hash)| hash == said.hash.as_bytes()) else {
            return Ok(());
        };
        let new = Attested { seq: said.seq, change: own(change), signature: *said.signature.as_bytes() };
        if actor.writer.is_none() {
            actor.writer = Some(writer_no(db, said)?);
            actor.named = actor.run.is_some();
        }
        if !is_newest {
            actor.note_built_by(&new, id, built_on);
            return Ok(());
        }
        if let Some(old) = &actor.attested {
            keep_as_cut(db, doc, actor.no, old)?;
        }
        actor.note_built(id, built_on);
        actor.attested = Some(new);
        actor.clean = false;
        self.attested = true;
        Ok(())
    }

    /// Puts what is new into the order of arrival.
    fn put_runs(&mut self, commons: No, at: u64) -> Result<()> {
        let db = self.db;
        let device = |writer: No| {
            let mut find = db.prepare_cached("SELECT device FROM writer WHERE no = ?1")?;
            Ok::<No, StoreError>(find.query_row([writer], |row| row.get(0))?)
        };
        for piece in std::mem::take(&mut self.pieces) {
            let Some(actor) = self.load_actor(piece.actor)? else { continue };
            let device = actor.writer.map(device).transpose()?;
            actor.run = Some(run::put(db, commons, actor.no, actor.run, device, &piece, at)?);
        }
        for actor in self.actors.values().filter(|actor| actor.named) {
            if let Some(writer) = actor.writer {
                run::name_device(db, actor.no, device(writer)?)?;
            }
        }
        Ok(())
    }

    /// Writes what was gathered; gives the document's digest if it changed.
    fn finish(&mut self, commons: No, at: u64) -> Result<Option<[u8; 32]>> {
        self.put_runs(commons, at)?;
        for actor in self.actors.values().filter(|actor| !actor.clean) {
            let (attested, built) = (actor.attested.as_ref(), actor.built.as_ref());
            self.db
                .prepare_cached(
                    "UPDATE actor SET local = ?2, seq = ?3, tip = ?4, writer = ?5, attested_seq = ?6, attested = ?7, \
                     signature = ?8, built_seq = ?9, built = ?10, built_signature = ?11, run = ?12 WHERE no = ?1",
                )?
                .execute(params![
                    actor.no,
                    actor.local,
                    int(actor.seq),
                    int(actor.tip),
                    actor.writer,
                    attested.map(|a| int(a.seq)),
                    attested.map(|a| int(a.change)),
                    attested.map(|a| &a.signature[..]),
                    built.map(|a| int(a.seq)),
                    built.map(|a| int(a.change)),
                    built.map(|a| &a.signature[..]),
                    actor.run,
                ])?;
        }
        if let Some(newest) = self.newest {
            self.db
                .prepare_cached(
                    "UPDATE doc SET changes = ?2, bytes = ?3, changed_at = ?4, wrote = coalesce(?5, wrote), \
                     only_here = max(only_here, ?6) WHERE no = ?1",
                )?
                .execute(params![
                    self.doc.no,
                    int(self.doc.changes),
                    int(self.doc.bytes),
                    int(at),
                    self.local.then_some(int(newest)),
                    self.local,
                ])?;
        }
        if !self.attested {
            return Ok(None);
        }
        keep_digest(self.db, self.doc.no).map(Some)
    }
}

/// Works out the digest of a document's frontier anew, and keeps it.
pub(crate) fn keep_digest(db: &Connection, doc: No) -> Result<[u8; 32]> {
    let digest = digest(frontier_of(db, doc)?.iter().map(|(actor, a)| (*actor, a.seq, a.hash)).collect());
    db.prepare_cached("UPDATE doc SET digest = ?2 WHERE no = ?1")?.execute(params![doc, digest])?;
    Ok(digest)
}

/// The digest of a frontier: equal on all devices that have the same changes, in whatever order those came.
fn digest(mut frontier: Vec<(Actor, u64, ChangeHash)>) -> [u8; 32] {
    frontier.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"commonplace/frontier/1\0");
    for (actor, seq, hash) in frontier {
        hasher.update(actor.as_bytes());
        hasher.update(&seq.to_le_bytes());
        hasher.update(hash.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// Keeps an attestation that a newer one follows, if it is far enough from the one kept before it.
fn keep_as_cut(db: &Connection, doc: No, actor: No, old: &Attested) -> Result<()> {
    let weight = |change: u64| -> Result<u64> {
        let mut find = db.prepare_cached("SELECT weight FROM change WHERE no = ?1")?;
        Ok(find.query_row([within(doc, change)], |row| row.get(0)).optional()?.map_or(0, uint))
    };
    let mut find = db.prepare_cached("SELECT change FROM cut WHERE actor = ?1 ORDER BY seq DESC LIMIT 1")?;
    let before: Option<i64> = find.query_row([actor], |row| row.get(0)).optional()?;
    let before = before.map(uint).map_or(Ok(0), weight)?;
    if weight(old.change)?.saturating_sub(before) >= CUT_BYTES {
        db.prepare_cached("INSERT INTO cut (actor, seq, change, signature) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![actor, int(old.seq), int(old.change), old.signature])?;
    }
    Ok(())
}

fn writer_no(db: &Connection, said: &Attestation) -> Result<No> {
    let device = device_no(db, said.device)?;
    let mut find = db.prepare_cached("SELECT no FROM writer WHERE device = ?1 AND nonce = ?2")?;
    let mut rows = find.query(params![device, said.nonce.as_bytes()])?;
    if let Some(row) = rows.next()? {
        return Ok(row.get(0)?);
    }
    db.prepare_cached("INSERT INTO writer (device, nonce) VALUES (?1, ?2)")?
        .execute(params![device, said.nonce.as_bytes()])?;
    Ok(db.last_insert_rowid())
}

/// A signature that was stored.
pub(crate) fn signature(row: &rusqlite::Row<'_>, column: usize) -> Result<commonplace_trust::Signature> {
    let bytes = blob(row, column)?.try_into();
    bytes
        .map(commonplace_trust::Signature::new)
        .map_err(|_| StoreError::Damaged("a stored signature is no signature".to_owned()))
}
