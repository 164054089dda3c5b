//! How an always-on device is: a line for people and for the service manager, and figures for whoever watches over many.
//!
//! Invariants:
//! - What is told is what the engine answered last. When it does not answer, nothing is told, and a service manager that waits
//!   for a sign of life (`WatchdogSec=`) starts the device anew.
//! - The line names nobody, and figures name commons by the beginnings of their ids only, as a whole id lets one ask at the door:
//!   both may lie where others read them.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use commonplace_api::{ApiError, Client, ErrorCode, command::status, view::Status};
use iroh_metrics::{EncodeLabelSet, Family, Gauge, MetricsGroup, MetricsSource, Registry, service::MetricsServer};
use sd_notify::NotifyState;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, timeout};

use crate::{
    Failure,
    show::{Out, count, short},
};

/// How long the engine may take to answer before its last answer is told no longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the engine is asked at most.
const AT_SOONEST: Duration = Duration::from_secs(1);
/// How often the engine is asked.
const EVERY: Duration = Duration::from_secs(15);
/// How often the line is said again where it is the same.
const AT_LEAST_EVERY: Duration = Duration::from_secs(3_600);
/// How often it is said at most.
const AT_MOST_EVERY: Duration = Duration::from_secs(60);

/// Tells how the device is, for ever: to the service manager that started it, on the output, and at this address.
pub(crate) async fn watch(client: &Client, out: &Out, metrics: Option<SocketAddr>) -> Result<(), Failure> {
    let seen = Seen::default();
    let _served_while_it_lives = match metrics {
        Some(address) => Some(serve(address, seen.clone(), out).await?),
        None => None,
    };
    let every = sd_notify::watchdog_enabled().map_or(EVERY, |limit| EVERY.min(limit / 3)).max(AT_SOONEST);
    let mut asking = tokio::time::interval(every);
    asking.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said: Option<(String, Instant)> = None;
    loop {
        asking.tick().await;
        // Waited for to its end: a question that is given up half-way could leave half a line on the socket.
        let mut asked = pin!(client.call(status::Args {}));
        let answer = loop {
            match timeout(PATIENCE, &mut asked).await {
                Ok(answer) => break answer,
                Err(_) => seen.note(None),
            }
        };
        // Whoever had the profile open may just have ended; the next answer comes from here.
        let Ok(status) = answer else {
            seen.note(None);
            continue;
        };
        let line = line(&status);
        seen.note(Some(status));
        // Where no service manager listens, there is nobody to tell.
        let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&line), NotifyState::Watchdog]);
        let is_due = said
            .as_ref()
            .is_none_or(|(last, at)| at.elapsed() >= AT_LEAST_EVERY || *last != line && at.elapsed() >= AT_MOST_EVERY);
        if is_due {
            say(out, &line)?;
            said = Some((line, Instant::now()));
        }
    }
}

fn say(out: &Out, line: &str) -> Result<(), Failure> {
    if out.is_json() {
        out.event(&json!({ "type": "health", "words": line }))?;
    } else {
        out.line(line)?;
    }
    Ok(())
}

async fn serve(address: SocketAddr, seen: Seen, out: &Out) -> Result<MetricsServer, Failure> {
    let server = MetricsServer::spawn(address, seen).await.map_err(|error| {
        let words = format!("Figures cannot be given at {address}: {error}. Choose another address or port.");
        ApiError::new(ErrorCode::BadArgument, words)
    })?;
    let address = server.local_addr();
    if out.is_json() {
        out.event(&json!({ "type": "metrics", "address": address }))?;
    } else {
        out.line(&format!("Figures at http://{address}/metrics."))?;
    }
    Ok(server)
}

/// How a device is, in a line.
fn line(status: &Status) -> String {
    let pages = status.commons.iter().map(|commons| commons.pages).sum();
    let mut words = vec![
        count(status.commons.len() as u64, "commons", "commons"),
        count(pages, "page", "pages"),
        format!("{} here", count(status.connected.len() as u64, "other device", "other devices")),
    ];
    let arriving = status.commons.iter().filter(|commons| commons.arriving).count() as u64;
    if arriving > 0 {
        words.push(format!("{arriving} still arriving"));
    }
    let only_here = status.commons.iter().map(|commons| commons.only_here).sum();
    if only_here > 0 {
        words.push(format!("{} with edits held nowhere else", count(only_here, "document", "documents")));
    }
    let is = match (status.online, status.elsewhere) {
        (_, true) => "Not well, a copy of this profile runs elsewhere",
        (false, false) => "Not well, it does not listen yet",
        (true, false) => "Well",
    };
    format!("{is}: {}.", words.join(", "))
}

/// What the engine answered last, if it does answer.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Option<Status>>>);

impl Seen {
    fn note(&self, status: Option<Status>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

impl MetricsSource for Seen {
    fn encode_openmetrics(&self, writer: &mut impl std::fmt::Write) -> Result<(), iroh_metrics::Error> {
        let figures = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Figures::of);
        let mut registry = Registry::default();
        if let Some(figures) = figures {
            registry.register(Arc::new(figures));
        }
        registry.encode_openmetrics(writer)
    }
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct OfCommons {
    commons: String,
}

#[derive(Debug, MetricsGroup)]
#[metrics(default, name = "commonplace")]
struct Figures {
    /// Whether the device listens for others: 1 or 0.
    online: Gauge,
    /// Whether somebody else runs with a copy of this profile: 1 or 0.
    copied: Gauge,
    /// Other devices of members that are connected.
    connected_devices: Gauge,
    /// Other devices of the commons' members that are connected.
    here: Family<OfCommons, Gauge>,
    /// Members.
    members: Family<OfCommons, Gauge>,
    /// Pages that are not deleted.
    pages: Family<OfCommons, Gauge>,
    /// Documents with edits of this device that no other device has acknowledged.
    only_here: Family<OfCommons, Gauge>,
    /// Whether its first sync still brings pages in: 1 or 0.
    arriving: Family<OfCommons, Gauge>,
}

impl Figures {
    fn of(status: &Status) -> Self {
        let figures = Self::default();
        figures.online.set(status.online.into());
        figures.copied.set(status.elsewhere.into());
        figures.connected_devices.set(whole(status.connected.len() as u64));
        for commons in &status.commons {
            let of = OfCommons { commons: short(&commons.id).to_owned() };
            let each = [
                (&figures.here, commons.here),
                (&figures.members, commons.members),
                (&figures.pages, commons.pages),
                (&figures.only_here, commons.only_here),
                (&figures.arriving, commons.arriving.into()),
            ];
            for (family, value) in each {
                family.get_or_create(&of).set(whole(value));
            }
        }
        figures
    }
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
