//! Where devices may be dialled. All of it is hints: who answers there proves itself.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use commonplace_model::{DeviceId, Relay};
use iroh::{EndpointAddr, EndpointId, RelayUrl, TransportAddr, address_lookup::MemoryLookup};
use tokio::sync::watch;

use crate::{interfaces::is_dialable, reach};

/// Addresses kept per device and source.
pub(crate) const MAX_ADDRESSES: usize = 16;
/// Relays kept per device.
pub(crate) const MAX_RELAYS: usize = 4;
/// Devices whose addresses are kept; those beyond are not.
const MAX_DEVICES: usize = 4096;

#[derive(Debug, Default)]
struct Known {
    /// From tickets and from before, newest first.
    given: Vec<SocketAddr>,
    /// Announced at present.
    seen: Vec<SocketAddr>,
    /// Relays at which it is or was at home, newest first.
    relays: Vec<RelayUrl>,
}

impl Known {
    fn all(&self) -> impl Iterator<Item = TransportAddr> {
        let addresses = self.seen.iter().chain(&self.given).map(|address| TransportAddr::Ip(*address));
        addresses.chain(self.relays.iter().cloned().map(TransportAddr::Relay))
    }
}

/// The addresses of devices.
#[derive(Debug)]
pub(crate) struct AddressBook {
    known: Mutex<HashMap<DeviceId, Known>>,
    /// Relays of this device, at which others may be at home too; none: no relay is to be used.
    own_relays: Vec<RelayUrl>,
    /// What gossip looks up when it dials.
    lookup: MemoryLookup,
    changed: watch::Sender<u64>,
}

impl AddressBook {
    pub(crate) fn new(lookup: MemoryLookup, own_relays: Vec<RelayUrl>) -> Self {
        Self { known: Mutex::default(), own_relays, lookup, changed: watch::Sender::default() }
    }

    /// Adds relays by which a device may be reached.
    pub(crate) fn give_relays(&self, device: DeviceId, relays: &[Relay]) {
        if self.own_relays.is_empty() {
            return;
        }
        self.change(device, |known| {
            let before = std::mem::take(&mut known.relays);
            let all = relays.iter().filter_map(reach::url).chain(before.iter().cloned());
            for relay in all.take(2 * MAX_RELAYS) {
                if known.relays.len() < MAX_RELAYS && !known.relays.contains(&relay) {
                    known.relays.push(relay);
                }
            }
            known.relays.iter().any(|relay| !before.contains(relay))
        });
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

    /// All ways to a device: its addresses, its relays, and our own, at which it may be at home as well.
    pub(crate) fn ways(&self, device: &DeviceId) -> BTreeSet<TransportAddr> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let own = self.own_relays.iter().cloned().map(TransportAddr::Relay);
        known.get(device).into_iter().flat_map(Known::all).chain(own).collect()
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
        let ways: Vec<_> = known.all().collect();
        if ways.is_empty() {
            all.remove(&device);
            self.lookup.remove_endpoint_info(endpoint);
        } else {
            self.lookup.set_endpoint_info(EndpointAddr::from_parts(endpoint, ways));
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

    fn new_book() -> AddressBook {
        AddressBook::new(MemoryLookup::new(), Vec::new())
    }

    fn ways(ports: impl IntoIterator<Item = u16>) -> BTreeSet<TransportAddr> {
        ports.into_iter().map(|port| TransportAddr::Ip(at(port))).collect()
    }

    fn relay(n: usize) -> Relay {
        format!("https://relay{n}.example.org").parse().expect("an address")
    }

    fn by(relays: impl IntoIterator<Item = usize>) -> BTreeSet<TransportAddr> {
        relays.into_iter().filter_map(|n| reach::url(&relay(n))).map(TransportAddr::Relay).collect()
    }

    #[test]
    fn relays_stand_beside_addresses_and_the_newest_few_are_kept() {
        let own = reach::url(&relay(0)).into_iter().collect();
        let book = AddressBook::new(MemoryLookup::new(), own);
        assert_eq!(book.ways(&device()), by([0]), "one may be at home where we are");
        let mut changes = book.changes();
        book.give_relays(device(), &[relay(1)]);
        assert!(changes.has_changed().expect("held"), "whoever dials now hears of it");
        changes.mark_unchanged();
        book.give_relays(device(), &[relay(1), relay(1)]);
        assert!(!changes.has_changed().expect("held"), "nothing new");
        book.give(device(), &[at(7)]);
        assert_eq!(book.ways(&device()), &(&by([0, 1]) | &by([])) | &ways([7]));
        for n in 2..100 {
            book.give_relays(device(), &[relay(n)]);
        }
        assert_eq!(book.ways(&device()), &by([0, 96, 97, 98, 99]) | &ways([7]));
    }

    #[test]
    fn where_no_relay_is_to_be_used_none_is_known() {
        let book = new_book();
        book.give_relays(device(), &[relay(1)]);
        assert!(book.ways(&device()).is_empty());
    }

    #[test]
    fn given_addresses_stay_beside_those_that_come_and_go() {
        let book = new_book();
        assert!(book.give(device(), &[at(1)]));
        assert!(!book.give(device(), &[at(1)]), "nothing new");
        assert!(book.see(device(), &[at(2), at(0)]));
        assert_eq!(book.ways(&device()), ways([1, 2]));
        assert!(!book.see(device(), &[]));
        assert_eq!(book.ways(&device()), ways([1]));
    }

    #[test]
    fn the_newest_of_many_addresses_are_kept() {
        let book = new_book();
        for port in 1..=100 {
            book.give(device(), &[at(port)]);
        }
        assert_eq!(book.ways(&device()), ways(85..=100));
    }

    #[test]
    fn addresses_of_so_many_devices_are_kept_and_not_of_one_more() {
        let book = new_book();
        let device = |n: usize| {
            let mut seed = [5; 32];
            seed[..8].copy_from_slice(&n.to_le_bytes());
            DeviceId::new(*SecretKey::from_bytes(&seed).public().as_bytes())
        };
        assert!((0..MAX_DEVICES).all(|n| book.give(device(n), &[at(1)])));
        assert!(!book.give(device(MAX_DEVICES), &[at(1)]));
        assert!(book.ways(&device(MAX_DEVICES)).is_empty());
        assert!(book.see(device(0), &[at(2)]), "those that are known are known on");
        assert_eq!(book.known.lock().expect("whole").len(), MAX_DEVICES);
    }

    #[test]
    fn what_is_no_key_has_no_addresses() {
        let book = new_book();
        let nobody =
            (0..=u8::MAX).map(|n| DeviceId::new([n; 32])).find(|d| EndpointId::from_bytes(d.as_bytes()).is_err());
        let nobody = nobody.expect("half of all byte strings are no point of the curve");
        assert!(!book.give(nobody, &[at(1)]));
        assert!(book.ways(&nobody).is_empty());
    }
}
