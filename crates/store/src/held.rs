//! Which other devices have said that they keep what this device wrote. Nothing else counts as evidence.

use commonplace_model::{Actor, CommonsId, DeviceId, DocId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    error::{Result, StoreError},
    reader::{No, Reader, all_within, blob, commons_no, int, uint},
    store::Store,
};

/// A device that said what it keeps of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The device.
    pub device: DeviceId,
    /// When it last said so, in milliseconds since 1970 by this device's clock.
    pub at: u64,
    /// Whether it keeps the newest change that this device made, and with it all before.
    pub latest: bool,
}

impl Reader {
    /// Whether this device wrote in a document.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn wrote(&self, commons: CommonsId, doc: DocId) -> Result<bool, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(false);
        };
        let mut find = self.db.prepare_cached("SELECT wrote IS NOT NULL FROM doc WHERE no = ?1")?;
        Ok(find.query_row([doc], |row| row.get(0))?)
    }

    /// The devices that said what they keep of a document that this device wrote in.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn holders(&self, commons: CommonsId, doc: DocId) -> Result<Vec<Holder>, StoreError> {
        let Some(doc) = self.doc_no(commons, doc)? else {
            return Ok(Vec::new());
        };
        let mut find = self.db.prepare_cached(
            "SELECT v.id, h.at, h.change >= d.wrote FROM held h JOIN doc d ON d.no = h.doc JOIN device v ON v.no = h.device \
             WHERE h.doc = ?1 ORDER BY h.at DESC, h.device",
        )?;
        let mut rows = find.query([doc])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let device = DeviceId::from_slice(blob(row, 0)?)?;
            all.push(Holder { device, at: uint(row.get(1)?), latest: row.get(2)? });
        }
        Ok(all)
    }

    /// In how many documents the newest change of this device is kept by no other one, as far as they said. Costs one row.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn only_here(&self, commons: CommonsId) -> Result<u64, StoreError> {
        let mut find = self.db.prepare_cached("SELECT only_here FROM commons WHERE id = ?1 AND leaving = 0")?;
        Ok(find.query_row([commons.as_bytes()], |row| row.get(0)).optional()?.map_or(0, uint))
    }

    /// Documents in which this device wrote something that another one has not said it keeps, with their digests now.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn unheld(&self, commons: CommonsId, device: DeviceId) -> Result<Vec<(DocId, [u8; 32])>, StoreError> {
        let mut find = self.db.prepare_cached(
            "SELECT d.id, d.digest FROM doc d JOIN commons c ON c.no = d.commons \
             WHERE c.id = ?1 AND c.leaving = 0 AND d.wrote IS NOT NULL AND d.digest IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM held h JOIN device v ON v.no = h.device WHERE h.doc = d.no AND v.id = ?2 AND h.change >= d.wrote)",
        )?;
        let mut rows = find.query(params![commons.as_bytes(), device.as_bytes()])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push((crate::reader::doc_id(blob(row, 0)?)?, row.get(1)?));
        }
        Ok(all)
    }

    /// The newest change of this device in a document: its actor and number.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn newest_written(&self, commons: CommonsId, doc: DocId) -> Result<Option<(Actor, u64)>, StoreError> {
        match self.doc_no(commons, doc)? {
            Some(doc) => Ok(newest_written(&self.db, doc)?.map(|(_, actor, seq)| (actor, seq))),
            None => Ok(None),
        }
    }
}

/// How far a device has documents: the newest number of each actor.
pub type Holds = (DeviceId, Vec<(DocId, Vec<(Actor, u64)>)>);

impl Store {
    /// Notes that devices keep, of these documents, each actor's changes up to the given number. Documents that this device never
    /// wrote in are passed over. Does not wait for the disk: a device that is forgotten to have said so says so again.
    ///
    /// # Errors
    /// When the commons is not here, or it cannot be stored.
    pub fn set_held(&mut self, commons: CommonsId, held: &[Holds], at: u64) -> Result<(), StoreError> {
        let all = held.iter().flat_map(|(device, docs)| docs.iter().map(move |(doc, upto)| (*device, *doc, upto)));
        self.note_held(commons, at, all, |db, doc, upto| {
            Ok(newest_written(db, doc)?
                .map(|(change, actor, seq)| (change, upto.iter().any(|(a, s)| *a == actor && *s >= seq))))
        })
    }

    /// Notes that a device has these documents at frontiers of these digests. One that is no longer the document's says
    /// nothing about its newest change. Nor does this wait for the disk.
    ///
    /// # Errors
    /// When the commons is not here, or it cannot be stored.
    pub fn set_held_whole(
        &mut self,
        commons: CommonsId,
        device: DeviceId,
        docs: &[(DocId, [u8; 32])],
        at: u64,
    ) -> Result<(), StoreError> {
        self.note_held(commons, at, docs.iter().map(|(doc, digest)| (device, *doc, *digest)), |db, doc, digest| {
            let mut find = db.prepare_cached("SELECT wrote, digest FROM doc WHERE no = ?1 AND wrote IS NOT NULL")?;
            let found: Option<(i64, Option<[u8; 32]>)> =
                find.query_row([doc], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            Ok(found.map(|(wrote, now)| (uint(wrote), now == Some(digest))))
        })
    }

    fn note_held<T>(
        &mut self,
        commons: CommonsId,
        at: u64,
        all: impl Iterator<Item = (DeviceId, DocId, T)>,
        holds: impl Fn(&Connection, No, T) -> Result<Option<(u64, bool)>>,
    ) -> Result<()> {
        self.unsynced(|store| {
            let tx = store.begin()?;
            let commons = commons_no(&tx, commons)?.ok_or(StoreError::NoCommons)?;
            let mut find = tx.prepare_cached("SELECT no FROM doc WHERE commons = ?1 AND id = ?2")?;
            let mut put = tx.prepare_cached(
                "INSERT INTO held (doc, device, change, at) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (doc, device) DO UPDATE SET change = max(change, excluded.change), at = excluded.at",
            )?;
            let mut elsewhere = tx.prepare_cached("UPDATE doc SET only_here = 0 WHERE no = ?1 AND only_here = 1")?;
            for (device, doc, said) in all {
                let Some(doc) = find.query_row(params![commons, doc.to_bytes()], |row| row.get(0)).optional()? else {
                    continue;
                };
                if let Some((newest, latest)) = holds(&tx, doc, said)? {
                    let device = crate::peer::device_no(&tx, device)?;
                    put.execute(params![doc, device, if latest { int(newest) } else { 0 }, int(at)])?;
                    if latest {
                        elsewhere.execute([doc])?;
                    }
                }
            }
            drop((find, put, elsewhere));
            Ok(tx.commit()?)
        })
    }
}

/// The newest change made on this device: its number, actor, and number among its actor's.
fn newest_written(db: &Connection, doc: No) -> Result<Option<(u64, Actor, u64)>> {
    let (first, _) = all_within(doc);
    let mut find = db.prepare_cached(
        "SELECT d.wrote, a.id, c.seq FROM doc d JOIN change c ON c.no = ?2 + d.wrote JOIN actor a ON a.no = c.actor \
         WHERE d.no = ?1",
    )?;
    let mut rows = find.query([doc, first])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some((uint(row.get(0)?), Actor::from_slice(blob(row, 1)?)?, uint(row.get(2)?))))
}
