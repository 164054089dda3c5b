//! Reaching a device: at all its addresses at once, so that a stale one costs nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use commonplace_model::DeviceId;
use iroh::{EndpointAddr, EndpointId};
use tokio::{task::JoinHandle, time::timeout};

use crate::{
    Connection, NetError, Welcome,
    accept::take_in,
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
    pub(crate) async fn connect(&self, shared: &Arc<Shared>, device: DeviceId) -> Result<Connection, NetError> {
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

async fn reach(shared: &Arc<Shared>, device: DeviceId) -> Result<Connection, NetError> {
    let mut arrivals = shared.table.arrivals();
    let mut changes = shared.book.changes();
    loop {
        arrivals.mark_unchanged();
        changes.mark_unchanged();
        if let Some(connection) = shared.table.current(&device) {
            return Ok(connection);
        }
        if shared.door.welcome(&device) == Welcome::Refused {
            return Err(NetError::Refused);
        }
        let tried = shared.book.ways(&device);
        if tried.is_empty() {
            return Err(NetError::NoAddress);
        }
        let endpoint = EndpointId::from_bytes(device.as_bytes()).map_err(|e| NetError::Unreachable(Some(e.into())))?;
        let mut dial = Dial::begin(shared, EndpointAddr::from_parts(endpoint, tried.iter().cloned()));
        loop {
            tokio::select! {
                connected = &mut dial.task => return connected.unwrap_or(Err(NetError::Closed)),
                _ = arrivals.changed() => {
                    if let Some(connection) = shared.table.current(&device) {
                        // The other side may give its own up for ours.
                        dial.goes_on();
                        return Ok(connection);
                    }
                }
                _ = changes.changed() => {
                    if !shared.book.ways(&device).is_subset(&tried) {
                        // Given up before the next begins: the other side never has two of ours.
                        break;
                    }
                }
            }
        }
    }
}

/// A dial under way, which is given up when this is dropped.
struct Dial {
    task: JoinHandle<Result<Connection, NetError>>,
    given_up: bool,
}

impl Dial {
    fn begin(shared: &Arc<Shared>, to: EndpointAddr) -> Self {
        let shared = Arc::clone(shared);
        let task = tokio::spawn(async move {
            let connected = timeout(DIAL, shared.endpoint.connect(to, PROTOCOL));
            match shared.while_open(connected).await {
                Some(Ok(Ok(connection))) => take_in(&shared, connection),
                Some(Ok(Err(error))) => Err(NetError::Unreachable(Some(error.into()))),
                Some(Err(_)) => Err(NetError::Unreachable(None)),
                None => Err(NetError::Closed),
            }
        });
        Self { task, given_up: true }
    }

    fn goes_on(mut self) {
        self.given_up = false;
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        if self.given_up {
            self.task.abort();
        }
    }
}
