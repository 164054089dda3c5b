//! Where devices may be dialled. All of it is hints: who answers there proves itself.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use commonplace_model::DeviceId;
use iroh::{EndpointAddr, EndpointId, TransportAddr, address_lookup::MemoryLookup};
use tokio::sync::watch;

use crate::interfaces::is_dialable;

/// Addresses kept per device and source.
pub(crate) const MAX_ADDRESSES: usize = 16;
/// Devices whose addresses are kept; those beyond are not.
const MAX_DEVICES: usize = 4096;

#[derive(Debug, Default)]
struct Known {
    /// From tickets and from before, newest first.
    given: Vec<SocketAddr>,
    /// Announced at present.
    seen: Vec<SocketAddr>,
}

/// The addresses of devices.
#[derive(Debug)]
pub(crate) struct AddressBook {
    known: Mutex<HashMap<DeviceId, Known>>,
    /// What gossip looks up when it dials.
    lookup: MemoryLookup,
    changed: watch::Sender<u64>,
}

impl AddressBook {
    pub(crate) fn new(lookup: MemoryLookup) -> Self {
        Self { known: Mutex::default(), lookup, changed: watch::Sender::default() }
    }

    /// Adds addresses given by hand. Says whether any is new.
    pub(crate) fn give(&self, device: DeviceId, addresses: &[SocketAddr]) -> bool {
        self.change(device, |known| {
            let fresh: Vec<_> = clean(addresses).collect();
            let before = std::mem::take(&mut known.given);
            let older: Vec<_> = before.iter().copied().filter(|a| !fresh.contains(a)).collect();
            known.given = fresh.into_iter().chain(older).take(MAX_ADDRESSES).collect();
            known.given.iter().any(|a| !before.contains(a))
        })
    }

    /// Sets what is announced at present. Says whether any address is new.
    pub(crate) fn see(&self, device: DeviceId, addresses: &[SocketAddr]) -> bool {
        self.change(device, |known| {
            let before = std::mem::replace(&mut known.seen, clean(addresses).take(MAX_ADDRESSES).collect());
            known.seen.iter().any(|a| !before.contains(a))
        })
    }

    /// All addresses of a device.
    pub(crate) fn addresses(&self, device: &DeviceId) -> BTreeSet<SocketAddr> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(device).into_iter().flat_map(|k| k.seen.iter().chain(&k.given)).copied().collect()
    }

    /// Marks each change of any device's addresses.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn change(&self, device: DeviceId, change: impl FnOnce(&mut Known) -> bool) -> bool {
        let Ok(endpoint) = EndpointId::from_bytes(device.as_bytes()) else { return false };
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_DEVICES && !all.contains_key(&device) {
            return false;
        }
        let known = all.entry(device).or_default();
        let grown = change(known);
        let addresses: Vec<_> = known.seen.iter().chain(&known.given).map(|a| TransportAddr::Ip(*a)).collect();
        if addresses.is_empty() {
            all.remove(&device);
            self.lookup.remove_endpoint_info(endpoint);
        } else {
            self.lookup.set_endpoint_info(EndpointAddr::from_parts(endpoint, addresses));
        }
        drop(all);
        if grown {
            self.changed.send_modify(|count| *count += 1);
        }
        grown
    }
}

fn clean(addresses: &[SocketAddr]) -> impl Iterator<Item = SocketAddr> {
    let mut before = BTreeSet::new();
    addresses.iter().copied().filter(move |a| is_dialable(a) && before.insert(*a))
}

#[cfg(test)]
mod tests {
    use super::*;
    use iroh::SecretKey;

    fn device() -> DeviceId {
        DeviceId::new(*SecretKey::from_bytes(&[3; 32]).public().as_bytes())
    }

    fn at(port: u16) -> SocketAddr {
        ([10, 0, 0, 1], port).into()
    }

    #[test]
    fn given_addresses_stay_beside_those_that_come_and_go() {
        let book = AddressBook::new(MemoryLookup::new());
        assert!(book.give(device(), &[at(1)]));
        assert!(!book.give(device(), &[at(1)]), "nothing new");
        assert!(book.see(device(), &[at(2), at(0)]));
        assert_eq!(book.addresses(&device()), BTreeSet::from([at(1), at(2)]));
        assert!(!book.see(device(), &[]));
        assert_eq!(book.addresses(&device()), BTreeSet::from([at(1)]));
    }

    #[test]
    fn the_newest_of_many_addresses_are_kept() {
        let book = AddressBook::new(MemoryLookup::new());
        for port in 1..=100 {
            book.give(device(), &[at(port)]);
        }
        assert_eq!(book.addresses(&device()), (85..=100).map(at).collect());
    }

    #[test]
    fn addresses_of_so_many_devices_are_kept_and_not_of_one_more() {
        let book = AddressBook::new(MemoryLookup::new());
        let device = |n: usize| {
            let mut seed = [5; 32];
            seed[..8].copy_from_slice(&n.to_le_bytes());
            DeviceId::new(*SecretKey::from_bytes(&seed).public().as_bytes())
        };
        assert!((0..MAX_DEVICES).all(|n| book.give(device(n), &[at(1)])));
        assert!(!book.give(device(MAX_DEVICES), &[at(1)]));
        assert!(book.addresses(&device(MAX_DEVICES)).is_empty());
        assert!(book.see(device(0), &[at(2)]), "those that are known are known on");
        assert_eq!(book.known.lock().expect("whole").len(), MAX_DEVICES);
    }

    #[test]
    fn what_is_no_key_has_no_addresses() {
        let book = AddressBook::new(MemoryLookup::new());
        let nobody =
            (0..=u8::MAX).map(|n| DeviceId::new([n; 32])).find(|d| EndpointId::from_bytes(d.as_bytes()).is_err());
        let nobody = nobody.expect("half of all byte strings are no point of the curve");
        assert!(!book.give(nobody, &[at(1)]));
        assert!(book.addresses(&nobody).is_empty());
    }
}
