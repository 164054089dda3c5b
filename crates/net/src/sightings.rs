//! Which devices are announced on the local network.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use commonplace_model::DeviceId;
use tokio::sync::Notify;

use crate::{Announcement, NetEvent};

/// Announced devices that are no members; more are ignored, as anybody can announce any number.
const MAX_STRANGERS: usize = 500;
/// Announced devices in all.
const MAX: usize = 4000;

/// A device as it is announced at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) announcement: Option<Announcement>,
    pub(crate) addresses: Vec<SocketAddr>,
}

#[derive(Debug, Default)]
struct State {
    seen: HashMap<DeviceId, Sighting>,
    told: BTreeSet<DeviceId>,
    /// Devices of which something is to be told.
    dirty: BTreeSet<DeviceId>,
}

/// The devices that are announced.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    state: Mutex<State>,
    pub(crate) to_tell: Notify,
}

impl Sightings {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A device is announced so. Says whether that was taken notice of.
    pub(crate) fn see(&self, device: DeviceId, member: bool, sighting: Sighting) -> bool {
        let mut state = self.state();
        let room = if member { MAX } else { MAX_STRANGERS };
        if !state.seen.contains_key(&device) && state.seen.len() >= room {
            return false;
        }
        if state.seen.get(&device) != Some(&sighting) {
            state.seen.insert(device, sighting);
            state.dirty.insert(device);
            drop(state);
            self.to_tell.notify_one();
        }
        true
    }

    /// A device is announced no more.
    pub(crate) fn lose(&self, device: DeviceId) {
        let mut state = self.state();
        if state.seen.remove(&device).is_none() {
            return;
        }
        if state.told.contains(&device) {
            state.dirty.insert(device);
        } else {
            state.dirty.remove(&device);
        }
        drop(state);
        self.to_tell.notify_one();
    }

    /// All that are announced.
    pub(crate) fn devices(&self) -> Vec<DeviceId> {
        self.state().seen.keys().copied().collect()
    }

    /// What is to be told next.
    pub(crate) fn tell(&self) -> Option<NetEvent> {
        let mut state = self.state();
        let device = state.dirty.pop_first()?;
        let Some(Sighting { announcement, addresses }) = state.seen.get(&device).cloned() else {
            state.told.remove(&device);
            return Some(NetEvent::Gone { device });
        };
        state.told.insert(device);
        Some(NetEvent::Seen { device, announcement, addresses })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(n: usize) -> DeviceId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        DeviceId::new(bytes)
    }

    fn at(port: u16) -> Sighting {
        Sighting { announcement: None, addresses: vec![([10, 0, 0, 1], port).into()] }
    }

    #[test]
    fn told_once_and_again_when_something_changed() {
        let seen = Sightings::default();
        assert!(seen.see(device(1), false, at(1)));
        assert!(matches!(seen.tell(), Some(NetEvent::Seen { .. })));
        seen.see(device(1), false, at(1));
        assert!(seen.tell().is_none());
        seen.see(device(1), false, at(2));
        assert!(matches!(seen.tell(), Some(NetEvent::Seen { .. })));
        seen.lose(device(1));
        assert!(matches!(seen.tell(), Some(NetEvent::Gone { .. })));
        assert!(seen.tell().is_none());
    }

    #[test]
    fn one_that_left_before_it_was_told_of_is_never_told_of() {
        let seen = Sightings::default();
        seen.see(device(1), false, at(1));
        seen.lose(device(1));
        assert!(seen.tell().is_none());
    }

    #[test]
    fn a_flood_of_strangers_leaves_room_for_members() {
        let seen = Sightings::default();
        let noticed = (0..10_000).filter(|n| seen.see(device(*n), false, at(1))).count();
        assert_eq!(noticed, MAX_STRANGERS);
        assert!(seen.see(device(20_000), true, at(1)));
    }
}
