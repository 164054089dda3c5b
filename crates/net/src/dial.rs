//! Reaching a device: at all its addresses at once, so that a stale one costs nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use commonplace_model::DeviceId;
use iroh::{EndpointAddr, EndpointId, TransportAddr};
use tokio::time::timeout;

use crate::{
    NetError, Welcome,
    accept::take_in,
    link::Link,
    shared::{PROTOCOL, Shared},
};

/// How long reaching a device may take.
const DIAL: Duration = Duration::from_secs(5);

/// One dial per device at a time.
#[derive(Debug, Default)]
pub(crate) struct Dials {
    under_way: Mutex<HashMap<DeviceId, Arc<tokio::sync::Mutex<()>>>>,
}

impl Dials {
    /// The connection to a device: one that is there, or a new one.
    pub(crate) async fn connect(&self, shared: &Arc<Shared>, device: DeviceId) -> Result<Arc<Link>, NetError> {
        let turn = Arc::clone(self.under_way.lock().unwrap_or_else(PoisonError::into_inner).entry(device).or_default());
        let connected = timeout(DIAL, async {
            let _turn = turn.lock().await;
            shared.while_open(reach(shared, device)).await.unwrap_or(Err(NetError::Closed))
        });
        let connected = connected.await.unwrap_or(Err(NetError::Unreachable(None)));
        drop(turn);
        let mut all = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        // Only those that somebody waits for are kept.
        all.retain(|_, turn| Arc::strong_count(turn) > 1);
        connected
    }
}

async fn reach(shared: &Arc<Shared>, device: DeviceId) -> Result<Arc<Link>, NetError> {
    let mut arrivals = shared.table.arrivals();
    let mut changes = shared.book.changes();
    loop {
        arrivals.mark_unchanged();
        changes.mark_unchanged();
        if let Some(link) = shared.table.current(&device) {
            return Ok(link);
        }
        if shared.door.welcome(&device) == Welcome::Refused {
            return Err(NetError::Refused);
        }
        let tried = shared.book.addresses(&device);
        if tried.is_empty() {
            return Err(NetError::NoAddress);
        }
        let endpoint = EndpointId::from_bytes(device.as_bytes()).map_err(|e| NetError::Unreachable(Some(e.into())))?;
        let addresses = tried.iter().copied().map(TransportAddr::Ip);
        let dial = shared.endpoint.connect(EndpointAddr::from_parts(endpoint, addresses), PROTOCOL);
        tokio::pin!(dial);
        // Dropping the dial before the next begins: the other side never has two of ours.
        loop {
            tokio::select! {
                connection = &mut dial => {
                    let connection = connection.map_err(|e| NetError::Unreachable(Some(e.into())))?;
                    return take_in(shared, connection);
                }
                _ = arrivals.changed() => {
                    if let Some(link) = shared.table.current(&device) {
                        return Ok(link);
                    }
                }
                _ = changes.changed() => {
                    if !shared.book.addresses(&device).is_subset(&tried) {
                        break;
                    }
                }
            }
        }
    }
}
