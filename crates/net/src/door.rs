//! Who is let in, asked when a connection is made and before one is dialled.
//!
//! Gossip dials and accepts on its own; this is where it is kept among members.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use commonplace_model::DeviceId;
use iroh::{
    EndpointAddr,
    endpoint::{AfterHandshakeOutcome, BeforeConnectOutcome, Connection, EndpointHooks, WeakConnectionHandle},
};
use iroh_gossip::ALPN as GOSSIP;
use tokio::time::Instant;

use crate::{Policy, Welcome, error::Code};

/// Gossip connections per device. Two are usual when both sides dial at once.
const MAX_GOSSIP_CONNECTIONS: usize = 4;

/// Streams of gossip on a connection, one per topic.
const GOSSIP_STREAMS: u32 = 256;

/// Asks the policy, and knows the gossip connections, which nothing else holds.
pub(crate) struct Door {
    policy: Policy,
    gossip: Mutex<HashMap<DeviceId, Vec<(Instant, WeakConnectionHandle)>>>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}

impl Door {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { policy, gossip: Mutex::default() }
    }

    pub(crate) fn welcome(&self, device: &DeviceId) -> Welcome {
        (self.policy)(device)
    }

    pub(crate) fn is_member(&self, device: &DeviceId) -> bool {
        self.welcome(device) == Welcome::Member
    }

    /// Ends the gossip with a device that began before `moment`.
    pub(crate) fn end_gossip(&self, device: &DeviceId, moment: Instant, code: Code) {
        let all = self.gossip.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.get(device).into_iter().flatten().filter(|(since, _)| *since < moment);
        for connection in before.filter_map(|(_, weak)| weak.upgrade()) {
            connection.close(code.number(), b"");
        }
    }

    /// Ends gossip with those that are no longer members.
    pub(crate) fn recheck(&self) {
        let all: Vec<_> = self.gossip.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        for device in all.iter().filter(|device| !self.is_member(device)) {
            self.end_gossip(device, Instant::now(), Code::Refused);
        }
    }

    fn note_gossip(&self, device: DeviceId, connection: &Connection) {
        let mut all = self.gossip.lock().unwrap_or_else(PoisonError::into_inner);
        for held in all.values_mut() {
            held.retain(|(_, weak)| weak.upgrade().is_some_and(|c| c.close_reason().is_none()));
        }
        all.retain(|_, held| !held.is_empty());
        let oldest = keep_newest(all.entry(device).or_default(), (Instant::now(), connection.weak_handle()));
        if let Some(oldest) = oldest.and_then(|(_, weak)| weak.upgrade()) {
            oldest.close(Code::Replaced.number(), b"");
        }
    }

    /// Whether a connection of this protocol may be had with this device.
    fn admits(&self, device: &DeviceId, protocol: &[u8]) -> bool {
        match self.welcome(device) {
            Welcome::Member => true,
            Welcome::Stranger => protocol != GOSSIP,
            Welcome::Refused => false,
        }
    }
}

/// The hook over a shared door.
#[derive(Debug)]
pub(crate) struct Doorkeeper(pub(crate) std::sync::Arc<Door>);

impl EndpointHooks for Doorkeeper {
    async fn before_connect<'a>(&'a self, remote: &'a EndpointAddr, protocol: &'a [u8]) -> BeforeConnectOutcome {
        if self.0.admits(&DeviceId::new(*remote.id.as_bytes()), protocol) {
            BeforeConnectOutcome::Accept
        } else {
            BeforeConnectOutcome::Reject
        }
    }

    async fn after_handshake<'a>(&'a self, connection: &'a Connection) -> AfterHandshakeOutcome {
        let device = DeviceId::new(*connection.remote_id().as_bytes());
        if !self.0.admits(&device, connection.alpn()) {
            return AfterHandshakeOutcome::Reject { error_code: Code::Refused.number(), reason: Vec::new() };
        }
        if connection.alpn() == GOSSIP {
            connection.set_max_concurrent_uni_streams(GOSSIP_STREAMS.into());
            self.0.note_gossip(device, connection);
        }
        AfterHandshakeOutcome::Accept
    }
}

/// Adds a connection to those of a device; gives the oldest if that is one too many.
fn keep_newest<T>(held: &mut Vec<T>, new: T) -> Option<T> {
    held.push(new);
    (held.len() > MAX_GOSSIP_CONNECTIONS).then(|| held.remove(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_connections_of_gossip_the_newest_are_kept() {
        let mut held = Vec::new();
        let replaced: Vec<u32> = (0..10_000).filter_map(|n| keep_newest(&mut held, n)).collect();
        assert_eq!(replaced, (0..9_996).collect::<Vec<_>>());
        assert_eq!(held, vec![9_996, 9_997, 9_998, 9_999]);
    }
}
