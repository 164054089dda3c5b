//! Writing documents: changes, attestations and what they project, in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, btree_map::Entry};

use commonplace_model::{Actor, ChangeHash, CommonsId, DocId, DocKind};
use commonplace_trust::{Attestation, VerifiedAttestation, VerifiedChange, bundle::Bundle};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    bundle::{self, Found, Stored},
    document::frontier_of,
    error::{Result, StoreError},
    peer::device_no,
    projection::{self, Projection},
    reader::{Memory, No, all_within, blob, commons_no, int, own, uint, within},
    run::{self, Piece},
    store::Store,
};

mod actors;
mod fresh;

use actors::{ActorRow, Attested};
use fresh::Fresh;

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
        self.write_as_it_came(batch, &[])
    }

    /// As [`Store::write`], for changes of which some came in these bundles, out of which
    /// [`unpack`](commonplace_trust::bundle::unpack) got them: where all of one is stored, one after the other, its bytes are kept.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn write_as_it_came(&mut self, batch: Batch, bundles: &[(DocId, Bundle)]) -> Result<Written, StoreError> {
        let memory = self.memory.clone();
        let written = self.write_all(&memory, batch, bundles).inspect_err(|_| memory.bundles.forget())?;
        memory.dictionaries.learn(&mut self.reader.db);
        Ok(written)
    }

    /// As [`Store::write_as_it_came`], without waiting for the disk: what was written survives the end of the process, and that of
    /// the machine once [`Log::sync`](crate::Log::sync) or any other call that stores something has returned.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn write_unsynced(&mut self, batch: Batch, bundles: &[(DocId, Bundle)]) -> Result<Written, StoreError> {
        self.unsynced(|store| store.write_as_it_came(batch, bundles))
    }

    fn write_all(&mut self, memory: &Memory, batch: Batch, bundles: &[(DocId, Bundle)]) -> Result<Written> {
        let tx = self.begin()?;
        let commons = commons_no(&tx, batch.commons)?.ok_or(StoreError::NoCommons)?;
        let mut written = Written::default();
        let mut came: HashMap<DocId, Vec<&Bundle>> = HashMap::new();
        for (doc, bundle) in bundles {
            came.entry(*doc).or_default().push(bundle);
        }
        for doc in batch.docs {
            let id = doc.doc;
            let came = came.remove(&id).unwrap_or_default();
            let (changes, digest) = put_doc(&tx, memory, commons, doc, came)?;
            written.changes += changes;
            written.digests.extend(digest.map(|digest| (id, digest)));
        }
        tx.commit()?;
        Ok(written)
    }
}

/// Writes in a document: how many changes were new, and its digest if that changed.
pub(crate) fn put_doc(
    tx: &Connection,
    memory: &Memory,
    commons: No,
    doc: DocBatch,
    came: Vec<&Bundle>,
) -> Result<(usize, Option<[u8; 32]>)> {
    let mut pen = Pen::take(tx, memory, commons, &doc, came)?;
    let mut new = 0;
    for change in doc.changes {
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
    loose: u64,
}

/// Writes in one document.
struct Pen<'a> {
    db: &'a Connection,
    memory: &'a Memory,
    kind: DocKind,
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
    /// What is to be put into bundles, where so much comes at once that it is worth it.
    fresh: Option<Fresh>,
    /// Bundles in which some of it came.
    came: Vec<&'a Bundle>,
    /// Changes that other rows name by their numbers.
    named: BTreeSet<u64>,
}

impl<'a> Pen<'a> {
    fn take(
        db: &'a Connection,
        memory: &'a Memory,
        commons: No,
        batch: &DocBatch,
        came: Vec<&'a Bundle>,
    ) -> Result<Self> {
        let no = doc_no(db, commons, batch.doc)?;
        let mut find = db.prepare_cached("SELECT changes, bytes, loose FROM doc WHERE no = ?1")?;
        let doc = find.query_row([no], |row| {
            Ok(DocRow { no, changes: uint(row.get(0)?), bytes: uint(row.get(1)?), loose: uint(row.get(2)?) })
        })?;
        Ok(Self {
            db,
            memory,
            kind: batch.doc.into(),
            local: batch.local,
            doc,
            actors: BTreeMap::new(),
            built_on: BTreeSet::new(),
            newest: None,
            attested: false,
            pieces: Vec::new(),
            fresh: (batch.changes.len() >= memory.bundling.few).then(Fresh::default),
            came,
            named: BTreeSet::new(),
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

    /// The number and the hash of a change of an actor.
    fn hash_of(&self, actor: No, seq: u64) -> Result<Option<(No, ChangeHash)>> {
        match self.fresh.as_ref().and_then(|fresh| fresh.by_seq(actor, seq)) {
            Some(fresh) => Ok(Some((fresh.no, fresh.hash))),
            None => bundle::hash_of(self.db, self.memory, actor, seq),
        }
    }

    fn by_hash(&self, hash: &ChangeHash) -> Result<Option<Found>> {
        by_hash(self.db, self.memory, self.fresh.as_ref(), self.doc.no, hash)
    }

    /// Puts a change after the others; whether it is new.
    fn put_change(&mut self, change: VerifiedChange) -> Result<bool> {
        let (doc, number) = (self.doc.no, self.doc.changes + 1);
        if self.load_actor(change.actor())?.is_none() {
            self.make_actor(change.actor())?;
        }
        let local = self.local;
        let Some(actor) = self.load_actor(change.actor())? else {
            return Err(StoreError::Fault("an actor just made is not there".to_owned()));
        };
        let (no, newest) = (actor.no, actor.seq);
        if change.seq() != newest + 1 {
            // An actor's changes have no gaps: one with a number that there is, is that one.
            let known = if change.seq() <= newest { self.hash_of(no, change.seq())? } else { None };
            if known.is_some_and(|(_, hash)| hash == change.hash()) {
                return Ok(false);
            }
            return Err(StoreError::Fault("a change that does not follow its actor's newest one".to_owned()));
        }
        (actor.seq, actor.tip, actor.clean) = (change.seq(), number, false);
        actor.local |= local;
        let (len, id) = (change.bytes().len() as u64, change.actor());
        self.doc.bytes += len;
        run::add_to(&mut self.pieces, id, change.seq(), len, change.takes_back());
        let stored = Stored {
            no: within(doc, number),
            actor: no,
            seq: change.seq(),
            max_op: change.max_op(),
            weight: self.doc.bytes,
            hash: change.hash(),
            bytes: Vec::new(),
        };
        let find = |hash: &ChangeHash| by_hash(self.db, self.memory, self.fresh.as_ref(), doc, hash);
        self.memory.clocks.put(self.db, (stored.no, no), &change, find)?;
        self.note_built_on(no, &change)?;
        let stored = Stored { bytes: change.into_bytes(), ..stored };
        match &mut self.fresh {
            Some(fresh) if number > 1 => fresh.add(stored, id),
            _ => self.put_row(&stored)?,
        }
        self.doc.changes = number;
        self.newest = Some(number);
        Ok(true)
    }

    /// Writes a row for a change that is in no bundle.
    fn put_row(&mut self, change: &Stored) -> Result<()> {
        let packed = self.memory.dictionaries.pack(&change.bytes, own(change.no) == 1);
        self.doc.loose += 1;
        bundle::put_row(self.db, change, packed.as_deref().unwrap_or(&change.bytes))
    }

    /// Writes what is to be put into bundles, and rows for what of it other rows name and for what is left over.
    fn put_fresh(&mut self) -> Result<()> {
        let Some(fresh) = self.fresh.take() else { return Ok(()) };
        let mut vouched = HashSet::new();
        for actor in self.actors.values() {
            let said = [&actor.attested, &actor.built].into_iter().flatten().map(|said| said.seq);
            vouched.extend(bundle::cuts(self.db, actor.no)?.into_iter().chain(said).map(|seq| (actor.no, seq)));
        }
        let rows = bundle::put(self.db, self.memory.bundling, self.kind, &fresh.changes, &self.came, &vouched)?;
        for change in rows.iter().flat_map(|rows| &fresh.changes[rows.clone()]) {
            self.put_row(change)?;
        }
        let of_actor = |actor: &ActorRow| {
            let said = [&actor.attested, &actor.built].into_iter().flatten().map(|said| said.change);
            said.chain([actor.tip]).collect::<Vec<_>>()
        };
        let named = self.actors.values().flat_map(of_actor).chain(self.newest).chain(self.named.iter().copied());
        let first = fresh.changes.first().map_or(u64::MAX, |change| own(change.no));
        for number in named.collect::<BTreeSet<_>>() {
            let at = number.checked_sub(first).and_then(|at| usize::try_from(at).ok());
            if let Some((at, change)) = at.and_then(|at| Some((at, fresh.changes.get(at)?)))
                && !rows.iter().any(|rows| rows.contains(&at))
            {
                bundle::put_row(self.db, change, &[])?;
            }
        }
        Ok(())
    }

    /// Notes which changes of others a change builds on.
    fn note_built_on(&mut self, actor: No, change: &VerifiedChange) -> Result<()> {
        if change.seq() > 1 && change.deps().nth(1).is_none() {
            // On its actor's previous one and nothing else.
            return Ok(());
        }
        for dep in change.deps() {
            if let Some(Found { no, actor: other, id, .. }) = self.by_hash(&dep)?
                && other != actor
            {
                self.built_on.insert((id, own(no)));
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
        let db = self.db;
        let Some(actor) = self.load_actor(id)? else {
            return Ok(());
        };
        let is_newest = actor.attested.as_ref().is_none_or(|newest| newest.seq < said.seq);
        if !is_newest && built_on.range((id, 0)..=(id, u64::MAX)).next().is_none() {
            return Ok(());
        }
        let no = actor.no;
        // One of a change that is not here says nothing about those that are.
        let Some((change, _)) = self.hash_of(no, said.seq)?.filter(|(_, hash)| *hash == said.hash) else {
            return Ok(());
        };
        if self.fresh.as_ref().is_none_or(|fresh| fresh.by_seq(no, said.seq).is_none()) {
            bundle::pin(db, self.memory, change)?;
        }
        let Some(actor) = self.load_actor(id)? else { return Ok(()) };
        let new = Attested { seq: said.seq, change: own(change), signature: *said.signature.as_bytes() };
        if actor.writer.is_none() {
            actor.writer = Some(writer_no(db, said)?);
            actor.named = actor.run.is_some();
        }
        if !is_newest {
            actor.note_built_by(&new, id, built_on);
            return Ok(());
        }
        let old = actor.attested.clone();
        actor.note_built(id, built_on);
        actor.attested = Some(new);
        actor.clean = false;
        self.attested = true;
        old.map_or(Ok(()), |old| self.keep_as_cut(no, &old))
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

    /// Keeps an attestation that a newer one follows, if it is far enough from the one kept before it.
    fn keep_as_cut(&mut self, actor: No, old: &Attested) -> Result<()> {
        let db = self.db;
        let mut find = db.prepare_cached("SELECT change FROM cut WHERE actor = ?1 ORDER BY seq DESC LIMIT 1")?;
        let before: Option<i64> = find.query_row([actor], |row| row.get(0)).optional()?;
        let before = before.map(uint).map_or(Ok(0), |before| self.weight(before))?;
        if self.weight(old.change)?.saturating_sub(before) >= CUT_BYTES {
            db.prepare_cached("INSERT INTO cut (actor, seq, change, signature) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![actor, int(old.seq), int(old.change), old.signature])?;
            self.named.insert(old.change);
        }
        Ok(())
    }

    /// Bytes of the document's changes up to and with one that a row names.
    fn weight(&self, change: u64) -> Result<u64> {
        let no = within(self.doc.no, change);
        let at_once = self.fresh.as_ref().and_then(|fresh| {
            let first = fresh.changes.first()?.no;
            fresh.changes.get(usize::try_from(no.checked_sub(first)?).ok()?)
        });
        if let Some(change) = at_once {
            return Ok(change.weight);
        }
        let mut find = self.db.prepare_cached("SELECT weight FROM change WHERE no = ?1")?;
        Ok(find.query_row([no], |row| row.get(0)).optional()?.map_or(0, uint))
    }

    /// Writes what was gathered; gives the document's digest if it changed.
    fn finish(&mut self, commons: No, at: u64) -> Result<Option<[u8; 32]>> {
        self.put_runs(commons, at)?;
        self.put_fresh()?;
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
                     only_here = max(only_here, ?6), loose = ?7 WHERE no = ?1",
                )?
                .execute(params![
                    self.doc.no,
                    int(self.doc.changes),
                    int(self.doc.bytes),
                    int(at),
                    self.local.then_some(int(newest)),
                    self.local,
                    int(self.doc.loose),
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

/// A change of a document by its hash, among those that have no rows yet and all others.
fn by_hash(
    db: &Connection,
    memory: &Memory,
    fresh: Option<&Fresh>,
    doc: No,
    hash: &ChangeHash,
) -> Result<Option<Found>> {
    match fresh.and_then(|fresh| fresh.by_hash(hash)) {
        Some(found) => Ok(Some(found)),
        None => bundle::by_hash(db, memory, doc, hash),
    }
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
