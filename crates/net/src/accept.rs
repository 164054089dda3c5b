//! Letting in: connections, and the streams on them.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use iroh::endpoint::{Incoming, PathEvent, RecvStream, SendStream};
use iroh_gossip::ALPN as GOSSIP;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::{
    Connection, DisconnectReason, NetError, NetEvent, Stream, StreamKind, Welcome,
    error::Code,
    link::Link,
    shared::{PROTOCOL, Shared},
    table::Admitted,
};

/// Handshakes under way.
const MAX_HANDSHAKES: usize = 64;
/// Handshakes under way from which on a newcomer must first show that its address is its own.
const CAREFUL: usize = 16;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long the first byte of a stream may take.
const FIRST_BYTE: Duration = Duration::from_secs(10);
/// How often to look whether a stranger's connection is of use; the second time that it is not, it is closed.
const LOOK: Duration = Duration::from_secs(30);
/// How long one of two connections is kept at least.
const SPARE: Duration = Duration::from_secs(3);

/// The handshakes that are under way.
#[derive(Debug)]
struct Handshakes(Arc<Semaphore>);

/// What to do with a newcomer.
#[derive(Debug)]
enum Knocked {
    /// Begin a handshake, which lasts as long as this.
    Begin(OwnedSemaphorePermit),
    /// Have it show that its address is its own.
    Show,
    /// Nothing.
    Ignore,
}

impl Default for Handshakes {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_HANDSHAKES)))
    }
}

impl Handshakes {
    /// Somebody wants one; `is_shown` says whether their address is known to be their own.
    fn knock(&self, is_shown: bool) -> Knocked {
        let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() else { return Knocked::Ignore };
        let is_busy = self.0.available_permits() < MAX_HANDSHAKES - CAREFUL;
        if is_busy && !is_shown { Knocked::Show } else { Knocked::Begin(permit) }
    }
}

/// Accepts connections until the endpoint closes.
pub(crate) async fn connections(shared: Arc<Shared>) {
    let handshakes = Handshakes::default();
    while let Some(incoming) = shared.endpoint.accept().await {
        let permit = match handshakes.knock(incoming.remote_addr_validated()) {
            Knocked::Begin(permit) => permit,
            Knocked::Show => {
                // It fails only for an address that is validated.
                let _ = incoming.retry();
                continue;
            }
            Knocked::Ignore => {
                incoming.ignore();
                continue;
            }
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            shared.while_open(handshake(&shared, incoming)).await;
            drop(permit);
        });
    }
}

async fn handshake(shared: &Arc<Shared>, incoming: Incoming) {
    let connection = match timeout(HANDSHAKE, incoming.into_future()).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%error, "a handshake failed"),
        Err(_) => return tracing::debug!("a handshake took too long"),
    };
    match connection.alpn() {
        // The door has let in members only.
        GOSSIP => {
            if let Err(error) = shared.gossip.handle_connection(connection).await {
                tracing::debug!(%error, "gossip has ended");
            }
        }
        PROTOCOL => {
            if let Err(error) = take_in(shared, connection) {
                tracing::debug!(%error, "a connection was not taken in");
            }
        }
        _ => connection.close(Code::Refused.number(), b""),
    }
}

/// Takes in a connection, whoever dialled, and serves it from now on.
pub(crate) fn take_in(shared: &Arc<Shared>, connection: iroh::endpoint::Connection) -> Result<Connection, NetError> {
    let device = commonplace_model::DeviceId::new(*connection.remote_id().as_bytes());
    let stranger = !shared.door.is_member(&device);
    let Admitted { link, session, to_retire } = shared.table.admit(Link::new(connection, stranger))?;
    tokio::spawn(serve(Arc::clone(shared), Arc::clone(&link)));
    if let Some(spare) = to_retire {
        let shared = Arc::clone(shared);
        tokio::spawn(async move { shared.while_open(retire(&shared, &spare)).await });
    }
    Ok(Connection::new(Arc::clone(&shared.table), link, session))
}

/// Ends a connection that another has made superfluous, as soon as nothing is open on it.
async fn retire(shared: &Shared, spare: &Arc<Link>) {
    loop {
        tokio::select! {
            () = sleep(SPARE) => {}
            _ = spare.connection.closed() => return,
        }
        if spare.is_unused() {
            return shared.table.retire(spare);
        }
    }
}

/// Takes streams from a connection until it ends. It ends when the endpoint closes, too.
async fn serve(shared: Arc<Shared>, link: Arc<Link>) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look.reset();
    let mut unused_before = false;
    let mut paths = link.connection.path_events();
    loop {
        tokio::select! {
            // The permit comes after the stream, so that one that nobody uses takes no place.
            stream = link.connection.accept_bi() => {
                let Ok((send, recv)) = stream else { break };
                let permit = Arc::clone(&link.incoming).acquire_owned();
                let Some(Ok(permit)) = shared.while_open(permit).await else { break };
                let (shared, link) = (Arc::clone(&shared), Arc::clone(&link));
                tokio::spawn(async move { shared.while_open(begin(&shared, &link, send, recv, permit)).await });
            }
            Some(change) = paths.next() => {
                if matches!(change, PathEvent::Selected { .. } | PathEvent::Lagged { .. }) {
                    shared.table.reroute(link.device);
                }
            }
            _ = look.tick() => {
                let unused = link.is_unused() && !shared.door.is_member(&link.device);
                if unused && unused_before {
                    link.close(Code::Unused);
                }
                unused_before = unused;
            }
        }
    }
    let reason = link.closed().await;
    tracing::debug!(device = %link.device.short(), %reason, "a connection has ended");
    shared.table.remove(&link, reason);
    if reason == DisconnectReason::TimedOut {
        // It may be gone from the network as well.
        let _ = shared.discovery.try_send(crate::discovery::Request::Verify(link.device));
    }
}

/// Learns what a stream is for, and hands it on if its device may open such a one.
async fn begin(shared: &Shared, link: &Link, mut send: SendStream, mut recv: RecvStream, permit: OwnedSemaphorePermit) {
    let mut first = [0];
    let kind = match timeout(FIRST_BYTE, recv.read_exact(&mut first)).await {
        Ok(Ok(())) => StreamKind::from_byte(first[0]).ok_or(Code::UnknownKind),
        _ => Err(Code::Abandoned),
    };
    let allowed = kind.and_then(|kind| match shared.door.welcome(&link.device) {
        Welcome::Member => {
            link.promote();
            Ok(kind)
        }
        Welcome::Stranger if kind == StreamKind::Join => Ok(kind),
        Welcome::Stranger | Welcome::Refused => Err(Code::Refused),
    });
    match allowed {
        Ok(kind) => {
            let stream = Stream::new(kind, link.device, send, recv, permit);
            // Nobody listens any more: the stream ends.
            let _ = shared.events.send(NetEvent::Incoming { stream }).await;
        }
        Err(code) => {
            // Both may have ended already.
            let _ = (send.reset(code.number()), recv.stop(code.number()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_handshakes_are_under_way_and_not_one_more() {
        let handshakes = Handshakes::default();
        let mut under_way = Vec::new();
        while let Knocked::Begin(permit) = handshakes.knock(false) {
            under_way.push(permit);
        }
        assert_eq!(under_way.len(), CAREFUL, "further ones show first that their address is their own");
        while let Knocked::Begin(permit) = handshakes.knock(true) {
            under_way.push(permit);
        }
        assert_eq!(under_way.len(), MAX_HANDSHAKES);
        // A flood of newcomers changes nothing, and one that ends makes room for one.
        assert!((0..10_000).all(|n| matches!(handshakes.knock(n % 2 == 0), Knocked::Ignore)));
        under_way.pop();
        assert!(matches!(handshakes.knock(false), Knocked::Show));
        let again = handshakes.knock(true);
        assert!(matches!(again, Knocked::Begin(_)) && matches!(handshakes.knock(true), Knocked::Ignore));
    }
}
