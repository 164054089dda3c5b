//! Two engines on loopback in one process, and what they are asked to do.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use commonplace_node::{
    Engine, OpenOptions,
    view::{CommonsView, Event},
};
use tempfile::TempDir;
use tokio::{sync::broadcast, time::timeout};

/// Nothing may take longer.
const LIMIT: Duration = Duration::from_secs(600);

/// A profile, and its engine while it is open.
pub(crate) struct Side {
    pub(crate) home: TempDir,
    pub(crate) engine: Engine,
}

impl Side {
    pub(crate) async fn new(name: &str) -> Result<Self> {
        let home = TempDir::with_prefix("commonplace-bench-")?;
        let engine = open(&home).await?;
        engine.init(name.to_owned(), None, None).await?;
        Ok(Self { home, engine })
    }

    /// Closes the engine and opens the profile again; gives how long opening took.
    pub(crate) async fn reopen(&mut self) -> Result<Duration> {
        self.engine.close().await;
        let start = Instant::now();
        self.engine = open(&self.home).await?;
        Ok(start.elapsed())
    }

    /// The commons as it is now.
    pub(crate) async fn commons(&self, id: &str) -> Result<CommonsView> {
        let all = self.engine.commons_list().await?;
        all.into_iter().find(|commons| commons.id == id).context("the commons is not on this device")
    }

    /// Waits until the commons is as wanted.
    pub(crate) async fn until(&self, id: &str, wanted: impl Fn(&CommonsView) -> bool) -> Result<CommonsView> {
        let mut events = self.engine.events();
        loop {
            let now = self.commons(id).await?;
            if wanted(&now) {
                return Ok(now);
            }
            next(&mut events).await?;
        }
    }
}

/// Opens the profile in a folder, on loopback.
pub(crate) async fn open(home: &TempDir) -> Result<Engine> {
    Ok(Engine::open(OpenOptions { home: home.path().to_owned(), online: true, loopback: true }).await?)
}

/// The next event; missed ones are told as one.
pub(crate) async fn next(events: &mut broadcast::Receiver<Event>) -> Result<Event> {
    match timeout(LIMIT, events.recv()).await {
        Ok(Ok(event)) => Ok(event),
        Ok(Err(broadcast::error::RecvError::Lagged(_))) => Ok(Event::Missed),
        Ok(Err(closed)) => Err(closed.into()),
        Err(_) => bail!("nothing happened in {} s", LIMIT.as_secs()),
    }
}

/// The second joins a commons of the first.
pub(crate) async fn join(first: &Side, second: &Side, commons: &str) -> Result<()> {
    let ticket = first.engine.invite(commons.to_owned(), None, None).await?.ticket;
    second.engine.join(ticket, Some(60)).await?;
    Ok(())
}

/// Milliseconds, for the table.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
