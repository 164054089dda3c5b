//! The host's end of the local socket.
//!
//! Only whoever holds the profile's lock serves its socket, so one that lies there already was left by a dead process. The
//! socket is for its owner only: by its folder, by its mode, and by asking the system who is at the other end.

use std::{io, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use commonplace_node::{Engine, view::Event};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt,
    net::{UnixListener, UnixStream},
    sync::{broadcast, watch},
    task::{JoinHandle, JoinSet},
};

use crate::{
    ApiError, ErrorCode, Options, command,
    socket::{self, Hello, LineError, Lines, MAX_LINE, Reply, Request},
};

/// Connections at one time; further ones wait.
const MAX_CONNECTIONS: usize = 64;
/// Requests of one connection under way at one time; further ones wait.
const MAX_RUNNING: usize = 64;
/// How long requests under way may take when the host is closing.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// The socket, being served.
pub(crate) struct Server {
    place: PathBuf,
    closing: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Server {
    /// Serves the socket of the engine's profile, which this process has open.
    pub(crate) fn start(engine: Engine, options: Options) -> io::Result<Self> {
        let place = socket::place(engine.home());
        socket::remove(&place)?;
        let listener = UnixListener::bind(&place)?;
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o600))?;
        let (closing, closes) = watch::channel(false);
        let hello = Hello {
            commonplace: socket::PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            online: options.online,
            host: options.kind,
        };
        let serving = tokio::spawn(serve(listener, engine, hello, closes));
        Ok(Self { place, closing, serving })
    }

    /// Takes no further requests, and waits a little for those under way.
    pub(crate) async fn finish(&mut self) {
        // While this process still has the profile: later the place may be another host's.
        if let Err(error) = socket::remove(&self.place) {
            tracing::warn!(%error, "the socket could not be removed");
        }
        self.closing.send_replace(true);
        let _ = tokio::time::timeout(LAST_ANSWERS, &mut self.serving).await;
    }

    /// Hangs up, after the engine has closed and answered all that was left.
    pub(crate) async fn end(mut self) {
        if !self.serving.is_finished() && tokio::time::timeout(LAST_ANSWERS, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
    }
}

async fn serve(listener: UnixListener, engine: Engine, hello: Hello, mut closes: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = closes.changed() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) if socket::is_own(&stream) => {
                    let (engine, hello, closes) = (engine.clone(), hello.clone(), closes.clone());
                    connections.spawn(async move {
                        if let Err(error) = Connection::new(stream, engine, closes).run(&hello).await {
                            tracing::debug!(%error, "a connection of the local socket ended");
                        }
                    });
                }
                Ok(_) => tracing::warn!("somebody else's process was at the local socket; it was not let in"),
                Err(error) => {
                    // Most likely too many open files; that passes.
                    tracing::warn!(%error, "the local socket");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// One client.
struct Connection {
    lines: Lines<tokio::net::unix::OwnedReadHalf>,
    to: tokio::net::unix::OwnedWriteHalf,
    engine: Engine,
    closes: watch::Receiver<bool>,
    events: Option<broadcast::Receiver<Event>>,
}

impl Connection {
    fn new(stream: UnixStream, engine: Engine, closes: watch::Receiver<bool>) -> Self {
        let (from, to) = stream.into_split();
        Self { lines: Lines::new(from, MAX_LINE), to, engine, closes, events: None }
    }

    async fn run(mut self, hello: &Hello) -> io::Result<()> {
        self.to.write_all(&socket::line(hello).map_err(io::Error::other)?).await?;
        let engine = self.engine.clone();
        let mut running = FuturesUnordered::new();
        let (mut reads, mut closing) = (true, *self.closes.borrow());
        while (reads && !closing) || !running.is_empty() {
            tokio::select! {
                // Answers first: that also begins a request before the next one is read, so that their order is kept.
                biased;
                Some(reply) = running.next(), if !running.is_empty() => socket::write_reply(&mut self.to, &reply).await?,
                _ = self.closes.changed(), if !closing => closing = true,
                event = next_event(&mut self.events) => match event {
                    Some(event) => {
                        let line = Reply { event: Some(event), ..Reply::default() };
                        socket::write_reply(&mut self.to, &line).await?;
                    }
                    None => self.events = None,
                },
                line = self.lines.next(), if reads && !closing && running.len() < MAX_RUNNING => match line {
                    Ok(Some(line)) => match read_request(&line) {
                        Ok(Request { id, listen: true, .. }) => {
                            self.events.get_or_insert_with(|| engine.events());
                            socket::write_reply(&mut self.to, &Reply::answer(Some(id), Ok(Value::Null))).await?;
                        }
                        Ok(request) => running.push(answer(&engine, request)),
                        Err(reply) => socket::write_reply(&mut self.to, &reply).await?,
                    },
                    Ok(None) => reads = false,
                    Err(LineError::TooLong) => {
                        let error = ApiError::new(
                            ErrorCode::TooLarge,
                            format!("A request can have at most {MAX_LINE} bytes. Nothing was done."),
                        );
                        socket::write_reply(&mut self.to, &Reply::answer(None, Err(error))).await?;
                        reads = false;
                    }
                    Err(LineError::Broken(error)) => return Err(error),
                },
            }
        }
        if closing {
            socket::write_reply(&mut self.to, &Reply { closing: true, ..Reply::default() }).await?;
        }
        Ok(())
    }
}

pub(crate) fn read_request(line: &[u8]) -> Result<Request, Box<Reply>> {
    serde_json::from_slice(line).map_err(|error| {
        // Whose answer this is can only be said when at least the id can be read.
        let id = serde_json::from_slice::<Value>(line).ok().and_then(|line| line.get("id").and_then(Value::as_u64));
        Box::new(Reply::answer(id, Err(ApiError::bad(format!("That is no request: {error}. Nothing was done.")))))
    })
}

async fn answer(engine: &Engine, request: Request) -> Reply {
    let answer = match request.command {
        Some(name) => command::dispatch(engine, &name, request.args).await,
        None => Err(ApiError::bad("A request names a command, or listens. Nothing was done.")),
    };
    Reply::answer(Some(request.id), answer)
}

/// The next event, for those who listen; never anything for others.
async fn next_event(events: &mut Option<broadcast::Receiver<Event>>) -> Option<Event> {
    match events {
        None => std::future::pending().await,
        Some(events) => match events.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Event::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        },
    }
}
