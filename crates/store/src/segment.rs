//! A document's history in pieces, for devices that lack some of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use commonplace_model::{Actor, CommonsId, DocId};
use commonplace_trust::Attestation;
use rusqlite::{Connection, params};

use crate::{
    bundle::{Place, Stored, each, packed, places},
    document::attestation,
    error::{Result, StoreError},
    reader::{No, Reader, all_within, blob, int, own, uint},
};

/// Bytes beyond the asked ones in which an end is looked for where everything is vouched for.
const OVERRUN: usize = 768 * 1024;

/// Bytes of bundles in a piece at most: a frame has room for a megabyte. A larger bundle goes change by change.
const BUNDLES: usize = 512 * 1024;

/// A piece of a document's history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Segment {
    /// Changes that are kept in bundles, as they are: nothing of them is on the other side, and there are no others in the piece.
    pub bundles: Vec<Bundled>,
    /// Changes, raw, each after those it builds on.
    pub changes: Vec<Vec<u8>>,
    /// Attestations of these changes. Those of the last changes may be missing; the next piece then brings them.
    pub attestations: Vec<Attestation>,
    /// Newest number of each actor in this piece: what the other device has of them when it has taken the piece.
    pub upto: Vec<(Actor, u64)>,
    /// Whether there is more after it.
    pub more: bool,
}

/// Changes in a bundle ([`commonplace_trust::bundle`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// The bundle.
    pub bytes: Vec<u8>,
    /// The newest number of each actor in it.
    pub upto: Vec<(Actor, u64)>,
    /// Bytes of its changes, about.
    pub size: usize,
}

/// An actor of whom something is missing on the other side.
struct Lacking {
    id: Actor,
    /// The newest number that there is.
    newest: u64,
    /// The newest number that the other side has.
    have: u64,
    /// Numbers that are attested here, beyond that, and their attestations.
    attested: BTreeMap<u64, Attestation>,
}

struct Taken {
    actor: No,
    seq: u64,
    bytes: Vec<u8>,
}

impl Reader {
    /// The changes that a device lacks which has each actor's up to the given number, in order, from the first one on: at
    /// least one if there is any, and about `max_bytes` in all. It ends where an attestation covers everything in it, if
    /// there is such a place not too far off. Where the first missing change begins a bundle that can go as it is, the piece is that
    /// bundle and those behind it, and nothing else; one bundle may be larger than `max_bytes`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn changes_after(
        &self,
        commons: CommonsId,
        doc: DocId,
        have: &[(Actor, u64)],
        max_bytes: usize,
    ) -> Result<Segment, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(Segment::default());
        };
        let _moment = self.moment()?;
        let (lacking, first) = self.lacking(doc, have)?;
        let Some(first) = first else {
            return Ok(Segment::default());
        };
        let places = places(&self.db, doc, first)?;
        let mut newest: BTreeMap<No, u64> = BTreeMap::new();
        let bundles = self.take_whole(first, &places, &lacking, max_bytes, &mut newest)?;
        let (taken, more) = if bundles.is_empty() {
            self.take(doc, first, &lacking, &places, max_bytes)?
        } else {
            let lacks_more = |(actor, writer): (&No, &Lacking)| newest.get(actor).is_none_or(|n| *n < writer.newest);
            (Vec::new(), lacking.iter().any(lacks_more))
        };
        newest.extend(taken.iter().map(|change| (change.actor, change.seq)));
        let (mut attestations, mut upto) = (Vec::new(), Vec::new());
        for (actor, seq) in newest {
            if let Some(lacking) = lacking.get(&actor) {
                attestations.extend(lacking.attested.range(..=seq).map(|(_, attestation)| *attestation));
                upto.push((lacking.id, seq));
            }
        }
        let changes = taken.into_iter().map(|change| change.bytes).collect();
        Ok(Segment { bundles, changes, attestations, upto, more })
    }

    /// The actors of whom something is missing, and the first change that is.
    fn lacking(&self, doc: No, have: &[(Actor, u64)]) -> Result<(HashMap<No, Lacking>, Option<u64>)> {
        let have: HashMap<Actor, u64> = have.iter().copied().collect();
        let (first, last) = all_within(doc);
        let mut find = self.db.prepare_cached("SELECT no, id, seq FROM actor WHERE no BETWEEN ?1 AND ?2")?;
        let mut rows = find.query([first, last])?;
        let (mut all, mut earliest) = (HashMap::new(), None::<u64>);
        while let Some(row) = rows.next()? {
            let (no, id): (No, _) = (row.get(0)?, Actor::from_slice(blob(row, 1)?)?);
            let have = have.get(&id).copied().unwrap_or(0);
            let newest = uint(row.get(2)?);
            if newest <= have {
                continue;
            }
            let missing = not_after(&self.db, no, have + 1)?;
            earliest = [earliest, missing].into_iter().flatten().min();
            all.insert(no, Lacking { id, newest, have, attested: attested(&self.db, doc, no, have)? });
        }
        Ok((all, earliest))
    }

    /// The bundles that begin with a change and can go as they are: all that is in them is missing, and vouched for at the end.
    fn take_whole(
        &self,
        first: u64,
        places: &BTreeMap<u64, Place>,
        lacking: &HashMap<No, Lacking>,
        max_bytes: usize,
        newest: &mut BTreeMap<No, u64>,
    ) -> Result<Vec<Bundled>> {
        let (mut next, mut bytes, mut packed_bytes, mut all) = (first, 0, 0, Vec::new());
        while bytes < max_bytes
            && let Some(place) = places.get(&next).filter(|place| is_whole(place, lacking))
        {
            let packed = packed(&self.db, place.bundle)?;
            packed_bytes += packed.len();
            if packed_bytes > BUNDLES {
                // One that is larger than that goes change by change.
                break;
            }
            let upto = place.actors.iter().filter_map(|(actor, _, last)| Some((lacking.get(actor)?.id, *last)));
            let bundle = Bundled { bytes: packed, upto: upto.collect(), size: place.size };
            newest.extend(place.actors.iter().map(|(actor, _, last)| (*actor, *last)));
            (next, bytes) = (place.last + 1, bytes + place.size);
            all.push(bundle);
        }
        Ok(all)
    }

    /// The changes of a piece, and whether there are more after it.
    fn take(
        &self,
        doc: No,
        first: u64,
        lacking: &HashMap<No, Lacking>,
        places: &BTreeMap<u64, Place>,
        max_bytes: usize,
    ) -> Result<(Vec<Taken>, bool)> {
        let (mut taken, mut more) = (Vec::<Taken>::new(), false);
        // Actors whose newest change in the piece nothing in it vouches for; where the piece could end; bytes so far.
        let (mut open, mut end, mut bytes) = (HashSet::new(), 0_usize, 0_usize);
        each(&self.db, &self.memory, doc, first, |Stored { no, actor, seq, bytes: change, .. }| {
            if !taken.is_empty()
                && end == taken.len()
                && places.get(&own(no)).is_some_and(|place| is_whole(place, lacking))
            {
                // What comes now can go as it is, in the next piece.
                more = true;
                return Ok(false);
            }
            let Some(writer) = lacking.get(&actor).filter(|writer| seq > writer.have) else {
                return Ok(true);
            };
            if !taken.is_empty() && bytes >= max_bytes && (end > 0 || bytes >= max_bytes.saturating_add(OVERRUN)) {
                // Room is used up, and there is a good end, or there will be none soon.
                taken.truncate(if end > 0 { end } else { taken.len() });
                more = true;
                return Ok(false);
            }
            bytes += change.len();
            taken.push(Taken { actor, seq, bytes: change });
            if writer.attested.contains_key(&seq) {
                open.remove(&actor)
            } else {
                open.insert(actor)
            };
            if open.is_empty() && (bytes <= max_bytes || end == 0) {
                end = taken.len();
            }
            Ok(true)
        })?;
        Ok((taken, more))
    }
}

/// Whether nothing of what is in a bundle is on the other side, and all of it is vouched for by what is attested of its last
/// changes.
fn is_whole(place: &Place, lacking: &HashMap<No, Lacking>) -> bool {
    !place.actors.is_empty()
        && place.actors.iter().all(|(actor, first, last)| {
            lacking.get(actor).is_some_and(|writer| writer.have < *first && writer.attested.contains_key(last))
        })
}

/// A change of a document that does not come after an actor's change with this number, which is there.
fn not_after(db: &Connection, actor: No, seq: u64) -> Result<Option<u64>> {
    let mut find = db.prepare_cached(
        "SELECT coalesce((SELECT no FROM change WHERE actor = ?1 AND seq = ?2), \
         (SELECT b.first FROM bundled a JOIN bundle b ON b.no = a.bundle \
          WHERE a.actor = ?1 AND a.last_seq >= ?2 ORDER BY a.last_seq LIMIT 1))",
    )?;
    let found: Option<No> = find.query_row(params![actor, int(seq)], |row| row.get(0))?;
    Ok(found.map(own))
}

/// The attestations kept of an actor, beyond a number.
pub(crate) fn attested(db: &Connection, doc: No, actor: No, have: u64) -> Result<BTreeMap<u64, Attestation>> {
    let (first, _) = all_within(doc);
    let mut find = db.prepare_cached(
        "SELECT d.id, w.nonce, k.seq, c.hash, k.signature FROM ( \
             SELECT seq, change, signature FROM cut WHERE actor = ?1 AND seq > ?2 UNION ALL \
             SELECT attested_seq, attested, signature FROM actor WHERE no = ?1 AND attested_seq > ?2 UNION ALL \
             SELECT built_seq, built, built_signature FROM actor WHERE no = ?1 AND built_seq > ?2) k \
         JOIN change c ON c.no = ?3 + k.change JOIN actor a ON a.no = ?1 \
         JOIN writer w ON w.no = a.writer JOIN device d ON d.no = w.device",
    )?;
    let mut rows = find.query(params![actor, int(have), first])?;
    let mut all = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let attestation = attestation(row, 0)?;
        all.insert(attestation.seq, attestation);
    }
    Ok(all)
}
