//! Devices that were met: where, by which relays, and when last.
//!
//! Relays stand in the same column as addresses, a line each: what cannot be read there is passed over.

use std::net::SocketAddr;

use commonplace_model::{DeviceId, Relay};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    error::{Result, StoreError},
    reader::{No, Reader, blob, int, uint},
    store::Store,
};

/// A device that was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The device.
    pub device: DeviceId,
    /// Addresses at which it was reached, the newest first.
    pub addresses: Vec<SocketAddr>,
    /// Relays by which it was reached or could be, the newest first.
    pub relays: Vec<Relay>,
    /// When it was last connected, in milliseconds since 1970 by this device's clock.
    pub last_seen: Option<u64>,
}

impl Reader {
    /// What is known of a device.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn peer(&self, device: DeviceId) -> Result<Option<Peer>, StoreError> {
        let mut find = self.db.prepare_cached(
            "SELECT d.id, p.addresses, p.last_seen FROM device d JOIN peer p ON p.device = d.no WHERE d.id = ?1",
        )?;
        let mut rows = find.query([device.as_bytes()])?;
        rows.next()?.map(read).transpose()
    }

    /// All devices that were met, the last ones first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn peers(&self) -> Result<Vec<Peer>, StoreError> {
        let mut find = self.db.prepare_cached(
            "SELECT d.id, p.addresses, p.last_seen FROM peer p JOIN device d ON d.no = p.device ORDER BY p.last_seen DESC, d.no",
        )?;
        let mut rows = find.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read(row)?);
        }
        Ok(all)
    }
}

fn read(row: &Row<'_>) -> Result<Peer> {
    let addresses: String = row.get(1)?;
    Ok(Peer {
        device: DeviceId::from_slice(blob(row, 0)?)?,
        addresses: addresses.lines().filter_map(|line| line.parse().ok()).collect(),
        relays: addresses.lines().filter_map(|line| line.parse().ok()).collect(),
        last_seen: row.get::<_, Option<i64>>(2)?.map(uint),
    })
}

impl Store {
    /// Keeps what is known of a device.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn set_peer(&mut self, peer: &Peer) -> Result<(), StoreError> {
        let relays = peer.relays.iter().map(ToString::to_string);
        let addresses: Vec<String> = peer.addresses.iter().map(ToString::to_string).chain(relays).collect();
        let tx = self.begin()?;
        let device = device_no(&tx, peer.device)?;
        tx.prepare_cached(
            "INSERT INTO peer (device, addresses, last_seen) VALUES (?1, ?2, ?3) \
             ON CONFLICT (device) DO UPDATE SET addresses = excluded.addresses, last_seen = excluded.last_seen",
        )?
        .execute(params![device, addresses.join("\n"), peer.last_seen.map(int)])?;
        Ok(tx.commit()?)
    }
}

/// The number of a device, which gets one if it has none.
pub(crate) fn device_no(db: &Connection, device: DeviceId) -> Result<No> {
    let mut find = db.prepare_cached("SELECT no FROM device WHERE id = ?1")?;
    if let Some(no) = find.query_row([device.as_bytes()], |row| row.get(0)).optional()? {
        return Ok(no);
    }
    db.prepare_cached("INSERT INTO device (id) VALUES (?1)")?.execute([device.as_bytes()])?;
    Ok(db.last_insert_rowid())
}
