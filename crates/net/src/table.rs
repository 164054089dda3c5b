//! Which devices are connected.
//!
//! A device has at most one connection dialled from here and one dialled from there. Both exist only when the two dialled
//! each other at once: then the one dialled by the device with the smaller id is used, and the other is ended, by the side that
//! dialled it, as soon as nothing is open on it. A second connection in the same direction, or a later one in the other,
//! shows that the other side has lost the first (it was restarted, say): it takes the first one's place.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use commonplace_model::DeviceId;
use tokio::sync::{Notify, watch};

use crate::{Connection, DisconnectReason, NetError, NetEvent, error::Code, link::Link};

/// Connections in all.
const MAX_CONNECTIONS: usize = 512;
/// Connections of strangers among them.
const MAX_STRANGERS: usize = 32;
/// Two connections that were made within this time of one another may be of two sides dialling at once.
const AT_ONCE: Duration = Duration::from_secs(6);

#[derive(Debug, Default)]
struct Held {
    /// The one in use first.
    links: Vec<Arc<Link>>,
    /// Counts the times that the other side was lost; told of as one connection each.
    session: u64,
    ended: Option<DisconnectReason>,
    /// The session that was told to be connected.
    told: Option<u64>,
    /// Whether its packets go another way since that was told of.
    rerouted: bool,
}

impl Held {
    fn open(&self) -> Option<Arc<Link>> {
        self.links.iter().find(|link| link.is_open()).cloned()
    }
}

#[derive(Debug, Default)]
struct State {
    devices: HashMap<DeviceId, Held>,
    /// Devices of which something is to be told.
    dirty: BTreeSet<DeviceId>,
    sessions: u64,
    closed: bool,
}

/// The connections.
#[derive(Debug)]
pub(crate) struct Table {
    me: DeviceId,
    state: Mutex<State>,
    pub(crate) to_tell: Notify,
    arrivals: watch::Sender<u64>,
}

/// A connection that was let in.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) link: Arc<Link>,
    pub(crate) session: u64,
    /// The one of the two that is to be ended when nothing is open on it, as we dialled it.
    pub(crate) to_retire: Option<Arc<Link>>,
}

impl Table {
    pub(crate) fn new(me: DeviceId) -> Self {
        Self { me, state: Mutex::default(), to_tell: Notify::new(), arrivals: watch::Sender::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection to use for a device.
    pub(crate) fn current(self: &Arc<Self>, device: &DeviceId) -> Option<Connection> {
        let state = self.state();
        let held = state.devices.get(device)?;
        Some(Connection::new(Arc::clone(self), held.open()?, held.session))
    }

    /// The link in use, if that session lasts.
    pub(crate) fn in_session(&self, device: &DeviceId, session: u64) -> Option<Arc<Link>> {
        self.state().devices.get(device).filter(|held| held.session == session)?.open()
    }

    /// Marks each arrival of a connection.
    pub(crate) fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }

    /// All connections, the doubled ones too.
    pub(crate) fn all(&self) -> Vec<Arc<Link>> {
        self.state().devices.values().flat_map(|held| held.links.iter().cloned()).collect()
    }

    /// All connections to a device.
    pub(crate) fn of(&self, device: &DeviceId) -> Vec<Arc<Link>> {
        self.state().devices.get(device).map(|held| held.links.clone()).unwrap_or_default()
    }

    /// Takes in a new connection, or says why not; it is then closed.
    pub(crate) fn admit(&self, link: Link) -> Result<Admitted, NetError> {
        let link = Arc::new(link);
        let mut state = self.state();
        let refused = if state.closed {
            Some((Code::Done, NetError::Closed))
        } else if state.is_full_for(&link) {
            Some((Code::Busy, NetError::Busy))
        } else {
            None
        };
        if let Some((code, error)) = refused {
            link.close(code);
            return Err(error);
        }
        let session = state.sessions + 1;
        let held = state.devices.entry(link.device).or_default();
        let doubled =
            held.links.iter().all(|old| old.dialled != link.dialled && old.since.elapsed() < AT_ONCE && old.is_open());
        if !doubled {
            for old in held.links.drain(..) {
                old.close(Code::Replaced);
            }
        }
        if held.links.is_empty() {
            held.ended = held.told.map(|_| DisconnectReason::Replaced);
            held.session = session;
        }
        held.links.push(Arc::clone(&link));
        let ours_is_used = self.me < link.device;
        held.links.sort_by_key(|link| link.dialled != ours_is_used);
        let to_retire = held.links.get(1).filter(|spare| spare.dialled).cloned();
        let in_session = held.session;
        state.sessions = session;
        state.dirty.insert(link.device);
        drop(state);
        self.to_tell.notify_one();
        self.arrivals.send_modify(|count| *count += 1);
        Ok(Admitted { link, session: in_session, to_retire })
    }

    /// Ends a connection if another is in use in its stead.
    pub(crate) fn retire(&self, spare: &Arc<Link>) {
        let state = self.state();
        let used = state.devices.get(&spare.device).and_then(Held::open);
        if used.is_some_and(|used| !Arc::ptr_eq(&used, spare)) {
            spare.close(Code::Unused);
        }
    }

    /// A connection has ended.
    pub(crate) fn remove(&self, link: &Arc<Link>, reason: DisconnectReason) {
        let mut state = self.state();
        let sessions = state.sessions;
        let Some(held) = state.devices.get_mut(&link.device) else { return };
        let before = held.links.len();
        held.links.retain(|held| !Arc::ptr_eq(held, link));
        if held.links.len() == before {
            return;
        }
        if reason != DisconnectReason::Unused {
            // Not one that was superfluous: what was open on it is lost, even if another is left.
            held.ended = held.told.map(|_| reason);
            held.session = sessions + 1;
        }
        if held.links.is_empty() {
            held.ended = Some(reason);
            if held.told.is_none() {
                state.devices.remove(&link.device);
                state.dirty.remove(&link.device);
                return;
            }
        }
        state.sessions = sessions + 1;
        state.dirty.insert(link.device);
        drop(state);
        self.to_tell.notify_one();
    }

    /// The packets of a connection go another way.
    pub(crate) fn reroute(&self, device: DeviceId) {
        let mut state = self.state();
        let Some(held) = state.devices.get_mut(&device) else { return };
        held.rerouted = true;
        state.dirty.insert(device);
        drop(state);
        self.to_tell.notify_one();
    }

    /// What is to be told next.
    pub(crate) fn tell(self: &Arc<Self>) -> Option<NetEvent> {
        let mut state = self.state();
        while let Some(device) = state.dirty.first().copied() {
            let Some(held) = state.devices.get_mut(&device) else {
                state.dirty.remove(&device);
                continue;
            };
            let now = held.links.first().map(|_| held.session);
            if held.told.is_some() && held.told != now {
                held.told = None;
                let reason = held.ended.take().unwrap_or(DisconnectReason::Broken);
                if held.links.is_empty() {
                    state.devices.remove(&device);
                    state.dirty.remove(&device);
                }
                return Some(NetEvent::Disconnected { device, reason });
            }
            let fresh = held.links.first().filter(|_| held.told.is_none()).cloned();
            held.told = now;
            let session = held.session;
            let rerouted = std::mem::take(&mut held.rerouted);
            state.dirty.remove(&device);
            if fresh.is_none() && rerouted && now.is_some() {
                return Some(NetEvent::Rerouted { device });
            }
            if let Some(link) = fresh {
                let connection = Connection::new(Arc::clone(self), link, session);
                return Some(NetEvent::Connected { device, connection });
            }
        }
        None
    }

    /// Closes all connections and takes in no more.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        for link in self.all() {
            link.close(Code::Done);
        }
    }
}

impl State {
    fn is_full_for(&self, link: &Link) -> bool {
        let all = || self.devices.values().flat_map(|held| &held.links);
        let strangers = || all().filter(|link| link.stranger.load(Ordering::Relaxed)).count();
        // One that takes the place of another, or doubles it for a moment, must not be refused for it.
        if self.devices.get(&link.device).is_some_and(|held| !held.links.is_empty()) {
            return false;
        }
        is_full(all().count(), if link.stranger.load(Ordering::Relaxed) { strangers() } else { 0 })
    }
}

/// Whether there is no room beside so many connections, and, for a stranger, so many of strangers among them.
fn is_full(all: usize, strangers: usize) -> bool {
    all >= MAX_CONNECTIONS || strangers >= MAX_STRANGERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_connected_and_not_one_more() {
        assert!(!is_full(511, 31) && is_full(512, 0) && is_full(32, 32));
    }
}
