//! Tells of connections and sightings, in order, at the pace of the one who listens.

use std::sync::Arc;

use crate::shared::Shared;

/// Tells until nobody listens.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        while let Some(event) = shared.table.tell().or_else(|| shared.sightings.tell()) {
            if shared.events.send(event).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = shared.table.to_tell.notified() => {}
            () = shared.sightings.to_tell.notified() => {}
        }
    }
}
