//! Making bundles, and making rows of them again.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, hash_map::Entry},
    ops::Range,
};

use commonplace_model::{ChangeHash, DocKind};
use commonplace_trust::bundle::{self, Bundle, Most, Unbundled};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Stored, each_row, memory::bundles, put_row};
use crate::{
    error::{Result, StoreError},
    reader::{Memory, No, all_within, blob, doc_id, doc_of, int, own, uint, within},
    store::Store,
};

/// Bytes of the changes in a bundle at most, and half of those of a bundle before it is compressed: a letter of a paste has two there.
const MANY_BYTES: usize = 512 * 1024;
/// What a damaged bundle can claim to be, at most.
pub(super) const MOST: Most = Most { changes: 1 << 16, bytes: 4 * MANY_BYTES };
/// Rows that go in one step.
const STEP: u64 = 256;
const LEVEL: i32 = 6;

/// When changes are put into bundles.
#[derive(Debug, Clone, Copy)]
pub struct Bundling {
    /// Changes of a document that come at once from which on they are written as bundles; and that a bundle has at least.
    pub few: usize,
    /// Changes of a bundle at most. Unpacking so many takes a few milliseconds.
    pub many: usize,
    /// The newest changes of a document, which stay as they are unless they come as many at once: those that come next build on
    /// them.
    pub newest: u64,
    /// Changes of a document outside bundles from which on some are put into one in a quiet moment.
    pub loose: u64,
}

impl Default for Bundling {
    fn default() -> Self {
        // The last one is that of an index.
        Self { few: 512, many: 2_048, newest: 256, loose: 1_024 }
    }
}

/// Numbers of changes, each with its actor.
type Vouched = HashSet<(No, u64)>;

/// Writes changes that follow each other into bundles: each that came is kept, and between them as many are made as are filled.
/// Gives the ranges of `changes` that are in none and want rows. `vouched`: changes that an attestation is kept of.
pub(crate) fn put(
    db: &Connection,
    bundling: Bundling,
    kind: DocKind,
    changes: &[Stored],
    came: &[&Bundle],
    vouched: &Vouched,
) -> Result<Vec<Range<usize>>> {
    let (mut next, mut rows) = (0, Vec::new());
    for (place, bundle) in whole(bundling, changes, came) {
        let rest = put_run(db, bundling, kind, &changes[next..place], vouched)?;
        rows.push(place - rest..place);
        let now = &changes[place..place + bundle.changes.len()];
        next = place + now.len();
        if let Some(bytes) = compressed(&bundle.bytes) {
            put_bytes(db, now, false, &bytes)?;
        } else {
            rows.push(place..next);
        }
    }
    let rest = put_run(db, bundling, kind, &changes[next..], vouched)?;
    rows.push(changes.len() - rest..changes.len());
    Ok(rows)
}

/// The same of some that came in no bundle; how many of the last ones want rows.
fn put_run(db: &Connection, bundling: Bundling, kind: DocKind, changes: &[Stored], vouched: &Vouched) -> Result<usize> {
    let mut rest = changes;
    while rest.len() >= bundling.few.max(1) {
        let (now, later) = rest.split_at(fitting(bundling, rest, vouched));
        // Large ones: there is nothing to be gained.
        if now.len() < bundling.few.max(1) || !put_one(db, kind, now, false)? {
            break;
        }
        rest = later;
    }
    Ok(rest.len())
}

/// Which of these bundles are among changes without a gap, and are as those are that are made here; in the order of their places.
fn whole<'a>(bundling: Bundling, changes: &[Stored], came: &[&'a Bundle]) -> Vec<(usize, &'a Bundle)> {
    let by_first: HashMap<ChangeHash, &Bundle> = came.iter().filter_map(|b| Some((*b.changes.first()?, *b))).collect();
    if by_first.is_empty() {
        return Vec::new();
    }
    let (mut next, mut all) = (0, Vec::new());
    while let Some(change) = changes.get(next) {
        let found = by_first.get(&change.hash).filter(|bundle| {
            let same = |(change, hash): (&Stored, &ChangeHash)| change.hash == *hash;
            let Some(now) = changes.get(next..next + bundle.changes.len()) else { return false };
            let bytes: usize = now.iter().map(|change| change.bytes.len()).sum();
            // Not larger than what is in it, nor than what may be read back.
            (bundling.few..=bundling.many).contains(&now.len())
                && (bundle.bytes.len()..MANY_BYTES).contains(&bytes)
                && now.iter().zip(&bundle.changes).all(same)
        });
        if let Some(bundle) = found {
            all.push((next, *bundle));
        }
        next += found.map_or(1, |bundle| bundle.changes.len());
    }
    all
}

/// How many of these changes one bundle takes: if possible it ends where everything in it is vouched for, so that it can be sent
/// as it is.
fn fitting(bundling: Bundling, changes: &[Stored], vouched: &Vouched) -> usize {
    let (mut bytes, mut end, mut fits) = (0, 0, 0);
    let mut open = HashSet::new();
    for change in changes.iter().take(bundling.many) {
        bytes += change.bytes.len();
        if bytes >= MANY_BYTES {
            break;
        }
        fits += 1;
        if vouched.contains(&(change.actor, change.seq)) {
            open.remove(&change.actor);
        } else {
            open.insert(change.actor);
        }
        if open.is_empty() && fits >= bundling.few {
            end = fits;
        }
    }
    if end > 0 { end } else { fits }
}

/// Numbers of an actor's changes of which attestations are kept as places to cut.
pub(crate) fn cuts(db: &Connection, actor: No) -> Result<Vec<u64>> {
    let mut find = db.prepare_cached("SELECT seq FROM cut WHERE actor = ?1")?;
    let rows = find.query_map([actor], |row| row.get::<_, i64>(0))?;
    rows.map(|seq| Ok(uint(seq?))).collect()
}

/// Numbers of all of an actor's changes of which attestations are kept.
fn vouched(db: &Connection, actor: No) -> Result<Vec<u64>> {
    let mut find = db.prepare_cached("SELECT attested_seq, built_seq FROM actor WHERE no = ?1")?;
    let newest: [Option<i64>; 2] = find.query_row([actor], |row| Ok([row.get(0)?, row.get(1)?]))?;
    Ok(cuts(db, actor)?.into_iter().chain(newest.into_iter().flatten().map(uint)).collect())
}

/// Writes a bundle; `have_rows`: its changes have rows already, which then have to go. False, and nothing is written, when they
/// would not come out of it as they went in.
fn put_one(db: &Connection, kind: DocKind, changes: &[Stored], have_rows: bool) -> Result<bool> {
    let Some(bytes) = packed(kind, changes) else {
        tracing::error!("changes are too much for a bundle, or did not come out as they went in; each keeps its row");
        return Ok(false);
    };
    put_bytes(db, changes, have_rows, &bytes)?;
    Ok(true)
}

/// Writes a bundle with these changes in it, which has these bytes.
fn put_bytes(db: &Connection, changes: &[Stored], have_rows: bool, bytes: &[u8]) -> Result<()> {
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return Ok(()) };
    db.prepare_cached("INSERT INTO bundle (first, last, weight, rows, bytes) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(
        params![first.no, last.no, int(first.weight.saturating_sub(first.bytes.len() as u64)), have_rows, bytes],
    )?;
    let bundle = db.last_insert_rowid();
    let mut actors: BTreeMap<No, (u64, u64, u64)> = BTreeMap::new();
    for change in changes {
        let (_, seq, op) = actors.entry(change.actor).or_insert((change.seq, change.seq, change.max_op));
        (*seq, *op) = (change.seq, change.max_op);
    }
    let mut put = db.prepare_cached(
        "INSERT INTO bundled (actor, first_seq, last_seq, last_op, bundle) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (actor, (first_seq, last_seq, last_op)) in actors {
        put.execute(params![actor, int(first_seq), int(last_seq), int(last_op), bundle])?;
    }
    Ok(())
}

/// The bytes of a bundle of these changes, if these are what comes out of it.
fn packed(kind: DocKind, changes: &[Stored]) -> Option<Vec<u8>> {
    let packed = bundle::pack(kind, changes.iter().map(|change| &change.bytes[..])).ok()?;
    let again = bundle::unpack(&packed, MOST).ok()?;
    let same = |(change, again): (&Stored, &Unbundled)| change.hash == again.hash && change.bytes == again.bytes;
    if packed.len() > 2 * MANY_BYTES || again.len() != changes.len() || !changes.iter().zip(&again).all(same) {
        return None;
    }
    compressed(&packed)
}

fn compressed(bundle: &[u8]) -> Option<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL).ok()?;
    compressor.include_checksum(true).ok()?;
    compressor.compress(bundle).ok()
}

/// The numbers of a document's changes, from one to another, that other rows name.
fn named(db: &Connection, doc: No, first: No, last: No) -> Result<BTreeSet<No>> {
    let (zero, end) = all_within(doc);
    let mut find = db.prepare_cached(
        "SELECT n FROM ( \
             SELECT tip AS n FROM actor WHERE no BETWEEN ?1 AND ?2 UNION ALL \
             SELECT attested FROM actor WHERE no BETWEEN ?1 AND ?2 UNION ALL \
             SELECT built FROM actor WHERE no BETWEEN ?1 AND ?2 UNION ALL \
             SELECT change FROM cut WHERE actor BETWEEN ?1 AND ?2 UNION ALL \
             SELECT wrote FROM doc WHERE no = ?3 UNION ALL \
             SELECT upto FROM snapshot WHERE doc = ?3) \
         WHERE n BETWEEN ?4 AND ?5",
    )?;
    let rows = find.query_map(params![zero, end, doc, int(own(first)), int(own(last))], |row| row.get::<_, i64>(0))?;
    rows.map(|number| Ok(within(doc, uint(number?)))).collect()
}

/// Gives all changes of a document rows again, so that some of them can go.
pub(crate) fn scatter(db: &Connection, memory: &Memory, doc: No) -> Result<()> {
    let mut changes = 0;
    for (bundle, first, last) in bundles(db, doc)? {
        let opened = memory.bundles.open(db, bundle)?;
        db.prepare_cached("DELETE FROM change WHERE no BETWEEN ?1 AND ?2")?.execute([first, last])?;
        for at in 0..opened.len() {
            let change = opened.stored(at)?;
            let packed = memory.dictionaries.pack(&change.bytes, false);
            put_row(db, &change, packed.as_deref().unwrap_or(&change.bytes))?;
        }
        changes += opened.len() as u64;
    }
    if changes > 0 {
        remove_all(db, doc)?;
        db.prepare_cached("UPDATE doc SET loose = loose + ?2 WHERE no = ?1")?.execute(params![doc, int(changes)])?;
    }
    Ok(())
}

/// Removes the bundles of a document.
pub(crate) fn remove_all(db: &Connection, doc: No) -> Result<()> {
    let (first, last) = all_within(doc);
    db.prepare_cached("DELETE FROM bundled WHERE actor BETWEEN ?1 AND ?2")?.execute([first, last])?;
    db.prepare_cached("DELETE FROM bundle WHERE first BETWEEN ?1 AND ?2")?.execute([first, last])?;
    Ok(())
}

impl Store {
    /// Says when changes are put into bundles from now on.
    pub fn set_bundling(&mut self, bundling: Bundling) {
        self.reader.memory.bundling = bundling;
    }

    /// Puts some of the older changes of a long history into a bundle, or lets the rows go of some that are in one; whether there
    /// is more to do. To be called in a quiet moment.
    ///
    /// # Errors
    /// When the database cannot be read or written; all is then as it was.
    pub fn bundle_some(&mut self) -> Result<bool, StoreError> {
        let memory = self.memory.clone();
        let tx = self.begin()?;
        let more = clear_rows(&tx)? || bundle_next(&tx, &memory)?;
        tx.commit()?;
        Ok(more)
    }
}

/// Lets some rows go whose changes are in a bundle. False when there are none.
fn clear_rows(db: &Connection) -> Result<bool> {
    let mut find = db.prepare_cached("SELECT no, first, last FROM bundle WHERE rows = 1 LIMIT 1")?;
    let found = find.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let Some((bundle, first, last)): Option<(No, No, No)> = found else { return Ok(false) };
    let mut find = db.prepare_cached(
        "SELECT no FROM change WHERE no BETWEEN ?1 AND ?2 AND length(bytes) > 0 ORDER BY no LIMIT ?3",
    )?;
    let going: Vec<No> =
        find.query_map(params![first, last, int(STEP)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let (from, to) = (going.first().copied().unwrap_or(first), going.last().copied().unwrap_or(first));
    let named = named(db, doc_of(first), from, to)?;
    let mut empty = db.prepare_cached("UPDATE change SET bytes = x'' WHERE no = ?1")?;
    let mut delete = db.prepare_cached("DELETE FROM change WHERE no = ?1")?;
    for no in &going {
        if named.contains(no) { &mut empty } else { &mut delete }.execute([no])?;
    }
    if (going.len() as u64) < STEP {
        db.prepare_cached("UPDATE bundle SET rows = 0 WHERE no = ?1")?.execute([bundle])?;
    }
    Ok(true)
}

/// Makes a bundle of changes that have rows. False when there are none that are worth it.
fn bundle_next(db: &Connection, memory: &Memory) -> Result<bool> {
    let bundling = memory.bundling;
    let mut find =
        db.prepare_cached(&format!("SELECT no, id, changes FROM doc WHERE loose >= {} LIMIT 1", bundling.loose))?;
    let mut rows = find.query([])?;
    let Some(row) = rows.next()? else { return Ok(false) };
    let (doc, kind, changes): (No, DocKind, u64) = (row.get(0)?, doc_id(blob(row, 1)?)?.into(), uint(row.get(2)?));
    drop(rows);
    let end = within(doc, changes.saturating_sub(bundling.newest));
    let mut next = within(doc, 2);
    let gaps: Vec<(No, No)> = {
        let mut gaps = Vec::new();
        for (_, first, last) in bundles(db, doc)? {
            gaps.push((next, (first - 1).min(end)));
            next = last + 1;
        }
        gaps.push((next, end));
        gaps
    };
    for (first, last) in gaps {
        let some = match following(db, memory, first, last) {
            Ok(Some(some)) => some,
            Ok(None) => continue,
            Err(StoreError::Damaged(fault)) => {
                tracing::warn!(fault, "a history stays as it is, since it cannot be read");
                break;
            }
            Err(error) => return Err(error),
        };
        if put_one(db, kind, &some, true)? {
            db.prepare_cached("UPDATE doc SET loose = max(loose - ?2, 0) WHERE no = ?1")?
                .execute(params![doc, int(some.len() as u64)])?;
            return Ok(true);
        }
    }
    // Nothing in it is worth it; it is looked at again when as many came.
    db.prepare_cached("UPDATE doc SET loose = 0 WHERE no = ?1")?.execute([doc])?;
    Ok(true)
}

/// The first changes between two numbers that follow each other without a gap, if they are enough for a bundle.
fn following(db: &Connection, memory: &Memory, first: No, last: No) -> Result<Option<Vec<Stored>>> {
    let Bundling { few, many, .. } = memory.bundling;
    let (mut some, mut bytes) = (Vec::<Stored>::new(), 0);
    each_row(db, memory, first, last, &mut |change: Stored| {
        if some.last().is_some_and(|before| before.no + 1 != change.no) {
            if some.len() >= few {
                return Ok(false);
            }
            (some, bytes) = (Vec::new(), 0);
        }
        if bytes + change.bytes.len() >= MANY_BYTES {
            if some.len() >= few {
                return Ok(false);
            }
            // Large ones: there is nothing to be gained.
            (some, bytes) = (Vec::new(), 0);
        }
        bytes += change.bytes.len();
        some.push(change);
        Ok(some.len() < many)
    })?;
    if some.len() < few {
        return Ok(None);
    }
    let mut known: HashMap<No, Vec<u64>> = HashMap::new();
    for change in &some {
        if let Entry::Vacant(place) = known.entry(change.actor) {
            place.insert(vouched(db, change.actor)?);
        }
    }
    let known = known.into_iter().flat_map(|(actor, all)| all.into_iter().map(move |seq| (actor, seq))).collect();
    some.truncate(fitting(memory.bundling, &some, &known));
    Ok((some.len() >= few).then_some(some))
}
