//! What all tasks of the network share.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use commonplace_model::DeviceId;
use iroh::Endpoint;
use iroh_gossip::Gossip;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};

use crate::{
    NetEvent, book::AddressBook, discovery::Request, door::Door, error::Code, link::Link, sightings::Sightings,
    table::Table,
};

/// The protocol of streams.
pub(crate) const PROTOCOL: &[u8] = b"commonplace/1";

/// Within this time something must arrive on a connection whose device was seen elsewhere.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// Shared by all tasks; it does not keep the network open.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) me: DeviceId,
    pub(crate) endpoint: Endpoint,
    pub(crate) gossip: Gossip,
    pub(crate) door: Arc<Door>,
    pub(crate) book: AddressBook,
    pub(crate) table: Arc<Table>,
    pub(crate) sightings: Sightings,
    pub(crate) events: mpsc::Sender<NetEvent>,
    /// What discovery is to do; nobody listens when it is off.
    pub(crate) discovery: mpsc::Sender<Request>,
    /// True from the moment of closing.
    pub(crate) closing: watch::Receiver<bool>,
}

impl Shared {
    /// Waits for `work` unless the network is closed first.
    pub(crate) async fn while_open<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.closed() => None,
            done = work => Some(done),
        }
    }

    /// Waits until the network is being closed.
    pub(crate) async fn closed(&self) {
        let mut closing = self.closing.clone();
        // The sender may be gone too: then it is closed as well.
        let _ = closing.wait_for(|closing| *closing).await;
    }

    /// A device is said to be at these addresses, one of which is new. Where a connection to it uses another one, it may be
    /// one that the device lost when it was restarted, which would hang until its time is up.
    pub(crate) fn said_to_be_at(self: &Arc<Self>, device: DeviceId, now: &[SocketAddr]) {
        for link in self.table.of(&device) {
            if link.remote_addresses().iter().any(|address| now.contains(address)) {
                continue;
            }
            let shared = Arc::clone(self);
            tokio::spawn(async move { shared.while_open(shared.look_for_life(&link)).await });
        }
    }

    /// Closes a connection on which nothing comes back. An announcement alone closes none: anybody could make one.
    async fn look_for_life(&self, link: &Arc<Link>) {
        let since = Instant::now();
        // The last signs of life of one that ended just now may still be on their way at the first look.
        for _ in 0..2 {
            let before = link.received();
            // An empty datagram is acknowledged, and means nothing.
            if link.connection.send_datagram(bytes::Bytes::new()).is_err() {
                return;
            }
            sleep(SIGN_OF_LIFE).await;
            if link.received() == before {
                link.close(Code::Silent);
                return self.door.end_gossip(&link.device, since, Code::Silent);
            }
        }
    }
}
