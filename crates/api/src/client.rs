//! A client: reaches the host that has the profile open, or is that host when there is none.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex as Lock, MutexGuard, PoisonError},
    time::Duration,
};

use commonplace_node::{profile, view::Event};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Mutex, OnceCell, broadcast, oneshot},
    time::Instant,
};

use crate::{
    ApiError, Command, ErrorCode, Host, HostKind, Options,
    socket::{self, Hello, Lines, MAX_LINE, PROTOCOL, Reply, Request},
};

/// How long a host may take to say its first line.
const GREETING: Duration = Duration::from_secs(5);
/// How long to wait for a profile that another process is opening, closing, or using without the network.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at such a profile.
const AGAIN: Duration = Duration::from_millis(50);
/// Events that may wait for a listener before it misses some.
const EVENTS_KEPT: usize = 4_096;

/// A way to a profile's engine, in this process or another's.
pub struct Client {
    home: PathBuf,
    options: Options,
    way: Mutex<Arc<Way>>,
}

enum Way {
    Own(Host),
    Remote(Remote),
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Client {
    /// Reaches the host that has the profile open, or opens it.
    ///
    /// # Errors
    /// When the host that has it open does not answer or speaks another version; and as [`Host::open`].
    pub async fn connect_or_open(home: Option<PathBuf>, options: Options) -> Result<Self, ApiError> {
        let home = profile::home_dir(home)?;
        let way = open(&home, options).await?;
        Ok(Self { home, options, way: Mutex::new(Arc::new(way)) })
    }

    /// Whether the engine is in another process.
    pub async fn is_remote(&self) -> bool {
        matches!(*self.way().await, Way::Remote(_))
    }

    /// What kind of program has the profile open, when it is another process.
    pub async fn host(&self) -> Option<HostKind> {
        match &*self.way().await {
            Way::Own(_) => None,
            Way::Remote(remote) => Some(remote.hello.host),
        }
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// When the engine refuses, or its process ended before it answered.
    pub async fn call<C: Command>(&self, args: C) -> Result<C::Reply, ApiError> {
        let args = serde_json::to_value(args).map_err(ApiError::internal)?;
        let reply = self.call_by_name(C::NAME, args).await?;
        serde_json::from_value(reply).map_err(ApiError::internal)
    }

    /// Carries out a command by its name.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_by_name(&self, name: &str, args: Value) -> Result<Value, ApiError> {
        loop {
            let way = self.way().await;
            match &*way {
                Way::Own(host) => return host.call(name, args).await,
                Way::Remote(remote) => match remote.call(name, args.clone()).await {
                    Err(Lost::NotCarriedOut) => self.reopen(&way).await?,
                    Err(Lost::Unknown) => return Err(ended_midway()),
                    Ok(answer) => return answer,
                },
            }
        }
    }

    /// What happens, from now on, until the engine's process ends.
    ///
    /// # Errors
    /// When the engine's process has ended and the profile cannot be opened.
    pub async fn events(&self) -> Result<Events, ApiError> {
        loop {
            let way = self.way().await;
            match &*way {
                Way::Own(host) => return Ok(Events(host.events())),
                Way::Remote(remote) => match remote.listen().await {
                    Ok(events) => return Ok(Events(events)),
                    Err(_) => self.reopen(&way).await?,
                },
            }
        }
    }

    /// Closes the engine if it is in this process, else hangs up.
    pub async fn close(self) {
        match &*self.way().await {
            Way::Own(host) => host.close().await,
            Way::Remote(_) => {}
        }
    }

    async fn way(&self) -> Arc<Way> {
        Arc::clone(&*self.way.lock().await)
    }

    /// Finds another way after one has ended.
    async fn reopen(&self, ended: &Arc<Way>) -> Result<(), ApiError> {
        let mut way = self.way.lock().await;
        // Another call may have found one already.
        if Arc::ptr_eq(&way, ended) {
            *way = Arc::new(open(&self.home, self.options).await?);
        }
        Ok(())
    }
}

/// What happens, one after the other.
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Event>);

impl Events {
    /// The next event; nothing when the engine has closed. [`Event::Missed`] stands for those that came too fast.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Event::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Finds the host of a profile, or becomes it.
async fn open(home: &Path, options: Options) -> Result<Way, ApiError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let refused = match Remote::reach(home).await? {
            Some(remote) if remote.hello.online || !options.online => return Ok(Way::Remote(remote)),
            // A short command without the network has it; it will be over soon.
            Some(_) => ApiError::new(
                ErrorCode::ProfileInUse,
                "Another command is using this profile without the network. Nothing was done: try again when it has ended.",
            ),
            None => match Host::open(Some(home.to_owned()), options).await {
                // Between the lock and the socket, of a host that begins or ends.
                Err(error) if error.code == ErrorCode::ProfileInUse => error,
                opened => return opened.map(Way::Own),
            },
        };
        if Instant::now() >= until {
            return Err(refused);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// The host closed and said that it had not begun it.
    NotCarriedOut,
    /// The host is gone without a word.
    Unknown,
}

/// A host in another process.
struct Remote {
    hello: Hello,
    to: Mutex<OwnedWriteHalf>,
    shared: Arc<Lock<Shared>>,
    listening: OnceCell<()>,
    reading: tokio::task::AbortHandle,
}

struct Shared {
    last: u64,
    waiting: HashMap<u64, oneshot::Sender<Result<Value, ApiError>>>,
    /// Nothing after the connection ended.
    events: Option<broadcast::Sender<Event>>,
    ended: Option<Lost>,
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Remote {
    /// Reaches the host of a profile; nothing when there is none.
    async fn reach(home: &Path) -> Result<Option<Self>, ApiError> {
        let stream = match UnixStream::connect(socket::place(home)).await {
            Ok(stream) => stream,
            // Where no profile can be, whoever tries to open it says why.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound
                        | io::ErrorKind::ConnectionRefused
                        // It ended while we were waiting to be let in.
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => {
                return Err(ApiError::new(
                    ErrorCode::ProfileInUse,
                    format!(
                        "The Commonplace that has this profile open cannot be reached ({error}). Nothing was done."
                    ),
                ));
            }
        };
        if !socket::is_own(&stream) {
            return Err(ApiError::new(
                ErrorCode::ProfileInUse,
                "This profile’s socket belongs to another user of this computer. Nothing was done or sent.",
            ));
        }
        let (from, to) = stream.into_split();
        let mut lines = Lines::new(from, MAX_LINE);
        let hello = match tokio::time::timeout(GREETING, lines.next()).await {
            Ok(Ok(Some(line))) => read_hello(&line)?,
            // It ended just now.
            Ok(_) => return Ok(None),
            Err(_) => {
                return Err(ApiError::new(
                    ErrorCode::ProfileInUse,
                    "The Commonplace that has this profile open does not answer. Nothing was done: close it and try again.",
                ));
            }
        };
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let shared = Shared { last: 0, waiting: HashMap::new(), events: Some(events), ended: None };
        let shared = Arc::new(Lock::new(shared));
        let reading = tokio::spawn(read(lines, Arc::clone(&shared))).abort_handle();
        Ok(Some(Self { hello, to: Mutex::new(to), shared, listening: OnceCell::new(), reading }))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call(&self, name: &str, args: Value) -> Result<Result<Value, ApiError>, Lost> {
        self.ask(|id| Request { id, command: Some(name.to_owned()), args, listen: false }).await
    }

    async fn listen(&self) -> Result<broadcast::Receiver<Event>, Lost> {
        // Subscribed before the host is asked, so that nothing is missed in between.
        let events = self.shared().events.as_ref().map(broadcast::Sender::subscribe).ok_or(Lost::NotCarriedOut)?;
        let ask = || async {
            let asked = self.ask(|id| Request { id, command: None, args: Value::Null, listen: true }).await;
            asked.map(drop)
        };
        self.listening.get_or_try_init(ask).await?;
        Ok(events)
    }

    async fn ask(&self, request: impl FnOnce(u64) -> Request) -> Result<Result<Value, ApiError>, Lost> {
        let (answer, answered) = oneshot::channel();
        let id = {
            let mut shared = self.shared();
            if shared.ended.is_some() {
                // Asked after the end, it cannot have been carried out, however the end came.
                return Err(Lost::NotCarriedOut);
            }
            shared.last += 1;
            let id = shared.last;
            shared.waiting.insert(id, answer);
            id
        };
        match socket::line(&request(id)) {
            Ok(line) => {
                if let Err(error) = self.to.lock().await.write_all(&line).await {
                    // The host may have said why before it hung up: that is read to the end first.
                    tracing::debug!(%error, "a request could not be written whole");
                }
            }
            Err(error) => {
                self.shared().waiting.remove(&id);
                return Ok(Err(error));
            }
        }
        answered.await.map_err(|_| self.shared().ended.unwrap_or(Lost::Unknown))
    }
}

pub(crate) fn read_hello(line: &[u8]) -> Result<Hello, ApiError> {
    let hello: Option<Hello> = serde_json::from_slice(line).ok();
    match hello {
        Some(hello) if hello.commonplace == PROTOCOL => Ok(hello),
        other => {
            let version = other.map_or_else(|| "unknown".to_owned(), |hello| hello.version.chars().take(40).collect());
            Err(ApiError::new(
                ErrorCode::ProfileInUse,
                format!(
                    "The Commonplace that has this profile open is of another version ({version}; this one is {}), and the two \
                     cannot talk to each other. Nothing was done: close it, or use the same version for both.",
                    env!("CARGO_PKG_VERSION")
                ),
            ))
        }
    }
}

/// Reads the host's lines until it hangs up.
async fn read(mut lines: Lines<OwnedReadHalf>, shared: Arc<Lock<Shared>>) {
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    let mut lost = Lost::Unknown;
    while let Ok(Some(line)) = lines.next().await {
        let reply: Reply = match serde_json::from_slice(&line) {
            Ok(reply) => reply,
            Err(error) => {
                // Something that only a newer host says; what was asked is answered in words that are known.
                tracing::debug!(%error, "a line that is not understood");
                continue;
            }
        };
        if reply.closing {
            lost = Lost::NotCarriedOut;
            break;
        }
        let mut shared = lock();
        if let Some(event) = reply.event {
            if let Some(events) = &shared.events {
                let _ = events.send(event);
            }
        } else if let Some(waits) = reply.id.and_then(|id| shared.waiting.remove(&id)) {
            let answer = reply.error.map_or_else(|| Ok(reply.ok.unwrap_or_default()), Err);
            let _ = waits.send(answer);
        }
    }
    let mut shared = lock();
    shared.ended = Some(lost);
    shared.events = None;
    shared.waiting.clear();
}

fn ended_midway() -> ApiError {
    ApiError::new(
        ErrorCode::Internal,
        "The Commonplace that has this profile open ended before it answered. What it stored is safe: look whether this was \
         done, and try again if not.",
    )
}
