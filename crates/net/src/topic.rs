//! Gossip among the members who subscribed to the same topic.
//!
//! A message reaches most of them and may be lost: what must arrive is repaired elsewhere. Who delivered a message is
//! known, who wrote it is not: that is for a signature within to say.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use commonplace_model::DeviceId;
use futures_util::StreamExt;
use iroh::EndpointId;
use iroh_gossip::api::{Event, GossipReceiver, GossipSender};

use crate::{NetError, door::Door, shared::Shared};

/// Bytes of a message, at most.
pub const MAX_GOSSIP: usize = 16 * 1024;

/// Bytes that gossip adds to a message.
pub(crate) const OVERHEAD: usize = 1024;

/// Messages that came within so long are named together to the neighbours that get them from somebody else. Naming is most of the
/// traffic where many are idle; a message waits for it only where a neighbour has dropped out.
pub(crate) const NAMED_AFTER: Duration = Duration::from_millis(500);

/// What happens on a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicEvent {
    /// A message arrived.
    Received {
        /// Who passed it on, which need not be who wrote it.
        from_neighbour: DeviceId,
        /// The message.
        bytes: Bytes,
    },
    /// A device became a neighbour: messages go to it directly.
    NeighborUp(DeviceId),
    /// A device is a neighbour no more.
    NeighborDown(DeviceId),
    /// Messages were lost as they were not taken in time.
    Lagged,
}

/// A subscription. It ends when it and all its senders are dropped.
pub struct Topic {
    sender: TopicSender,
    receiver: GossipReceiver,
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").finish_non_exhaustive()
    }
}

/// Says things on a topic.
#[derive(Clone)]
pub struct TopicSender {
    sender: GossipSender,
    me: DeviceId,
    door: Arc<Door>,
}

impl fmt::Debug for TopicSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicSender").finish_non_exhaustive()
    }
}

impl TopicSender {
    /// Sends a message to all.
    ///
    /// # Errors
    /// When it is larger than [`MAX_GOSSIP`], or gossip has ended.
    pub async fn broadcast(&self, bytes: Bytes) -> Result<(), NetError> {
        if bytes.len() > MAX_GOSSIP {
            return Err(NetError::FrameTooLarge { size: bytes.len() as u64, max: MAX_GOSSIP });
        }
        self.sender.broadcast(bytes).await.map_err(|e| NetError::Gossip(e.into()))
    }

    /// Tells of devices that are on this topic, to be tried now. Those that are no members are left out.
    ///
    /// # Errors
    /// When gossip has ended.
    pub async fn join_peers(&self, devices: Vec<DeviceId>) -> Result<(), NetError> {
        let devices = endpoints(self.me, &self.door, &devices);
        if devices.is_empty() {
            return Ok(());
        }
        self.sender.join_peers(devices).await.map_err(|e| NetError::Gossip(e.into()))
    }
}

impl Topic {
    pub(crate) async fn subscribe(shared: &Shared, topic: [u8; 32], members: &[DeviceId]) -> Result<Self, NetError> {
        let first = endpoints(shared.me, &shared.door, members);
        let subscribed = shared.gossip.subscribe(topic.into(), first).await.map_err(|e| NetError::Gossip(e.into()))?;
        let (sender, receiver) = subscribed.split();
        Ok(Self { sender: TopicSender { sender, me: shared.me, door: Arc::clone(&shared.door) }, receiver })
    }

    /// Another handle to say things with.
    pub fn sender(&self) -> TopicSender {
        self.sender.clone()
    }

    /// As [`TopicSender::broadcast`].
    ///
    /// # Errors
    /// As there.
    pub async fn broadcast(&self, bytes: Bytes) -> Result<(), NetError> {
        self.sender.broadcast(bytes).await
    }

    /// As [`TopicSender::join_peers`].
    ///
    /// # Errors
    /// As there.
    pub async fn join_peers(&self, devices: Vec<DeviceId>) -> Result<(), NetError> {
        self.sender.join_peers(devices).await
    }

    /// What happens next; none when gossip has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<TopicEvent> {
        loop {
            let device = |id: EndpointId| DeviceId::new(*id.as_bytes());
            return Some(match self.receiver.next().await?.ok()? {
                Event::Received(message) => {
                    let from_neighbour = device(message.delivered_from);
                    // It may have been removed since it was let in.
                    if !self.sender.door.is_member(&from_neighbour) {
                        continue;
                    }
                    TopicEvent::Received { from_neighbour, bytes: message.content }
                }
                Event::NeighborUp(id) => TopicEvent::NeighborUp(device(id)),
                Event::NeighborDown(id) => TopicEvent::NeighborDown(device(id)),
                Event::Lagged => TopicEvent::Lagged,
            });
        }
    }
}

fn endpoints(me: DeviceId, door: &Door, devices: &[DeviceId]) -> Vec<EndpointId> {
    let others = devices.iter().filter(|device| **device != me && door.is_member(device));
    others.filter_map(|device| EndpointId::from_bytes(device.as_bytes()).ok()).collect()
}
