//! The engine's one thread: it owns all state, carries out what is asked in order, keystrokes first, and does background
//! work when nothing else waits.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use commonplace_model::{CommonsId, DeviceId, DocId, Nonce};
use commonplace_store::Store;
use commonplace_trust::{DeviceKey, VerifiedTwins};
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};

use crate::{
    bounds::Bounds,
    commons::Commons,
    disk::Disk,
    documents::Documents,
    editor::Editors,
    engine::OpenOptions,
    error::{Error, ErrorCode, Result},
    holding::Acknowledged,
    indexing::Indexer,
    network::Network,
    profile::{self, Owner},
    timekeeping::{self, Clock},
    view::Event,
};

type Job = Box<dyn FnOnce(&mut Core) + Send>;

/// Jobs of bulk work that may wait; whoever brings more waits itself.
const BULK_WAITING: usize = 64;
/// How long bulk work goes on while background work waits: a device that never stops sending must not keep what others wrote
/// out of the lists.
const BULK_AT_ONCE: Duration = Duration::from_millis(200);

/// The way to the engine's thread.
#[derive(Clone)]
pub(crate) struct Mailbox {
    urgent: mpsc::UnboundedSender<Job>,
    bulk: mpsc::Sender<Job>,
    ended: watch::Receiver<bool>,
}

impl Mailbox {
    /// Has `job` run before all bulk work. Hosts wait for the answer, which bounds how many there are.
    pub(crate) fn urgent(&self, job: impl FnOnce(&mut Core) + Send + 'static) -> Result<(), ()> {
        self.urgent.send(Box::new(job)).map_err(|_| ())
    }

    /// Has `job` run in turn; waits while too many do.
    pub(crate) async fn bulk(&self, job: impl FnOnce(&mut Core) + Send + 'static) -> Result<(), ()> {
        self.bulk.send(Box::new(job)).await.map_err(|_| ())
    }

    /// As [`Mailbox::bulk`], from a thread that is none of the runtime's.
    pub(crate) fn bulk_from_thread(&self, job: impl FnOnce(&mut Core) + Send + 'static) -> Result<(), ()> {
        self.bulk.blocking_send(Box::new(job)).map_err(|_| ())
    }

    /// Waits until the thread is gone and the profile free.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.clone();
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

/// All state of the engine.
pub(crate) struct Core {
    pub(crate) home: PathBuf,
    pub(crate) options: OpenOptions,
    pub(crate) clock: Clock,
    pub(crate) bounds: Bounds,
    pub(crate) key: DeviceKey,
    pub(crate) owner: Option<Owner>,
    /// Makes this start's actors new ones.
    pub(crate) nonce: Nonce,
    pub(crate) store: Store,
    pub(crate) commons: BTreeMap<CommonsId, Commons>,
    pub(crate) disk: Disk,
    pub(crate) documents: Documents,
    pub(crate) editors: Editors,
    pub(crate) acknowledged: Acknowledged,
    pub(crate) network: Network,
    /// Documents written in lately: they are indexed when they have been quiet for a moment.
    pub(crate) warm: HashMap<(CommonsId, DocId), Instant>,
    /// Commons in which members said something that is not told yet, and when it is to be.
    pub(crate) said: BTreeSet<CommonsId>,
    pub(crate) tell_said_at: Option<Instant>,
    /// Proofs that devices wrote in two ways, which are put into the roll together after what is being done now.
    pub(crate) found: Vec<(CommonsId, VerifiedTwins)>,
    /// How often a document was looked over for what counts of it.
    pub(crate) looks: Cell<u64>,
    /// Documents of which a compact form is to be made when nothing else is to be done.
    pub(crate) to_compact: BTreeSet<(CommonsId, DocId)>,
    /// Whether documents may wait to be indexed.
    pub(crate) index_waits: bool,
    /// Reads them; nothing where that thread could not be started.
    pub(crate) indexer: Option<Indexer>,
    /// Earliest moment at which [`Core::tick`] has something to do.
    pub(crate) next_tick: Option<Instant>,
    pub(crate) mailbox: Mailbox,
    pub(crate) runtime: tokio::runtime::Handle,
    events: broadcast::Sender<Event>,
    closing: Option<oneshot::Sender<()>>,
}

impl Core {
    /// Starts the thread; the receiver says when the profile is open, or why it is not.
    pub(crate) fn start(
        options: OpenOptions,
        clock: Clock,
        bounds: Bounds,
        events: broadcast::Sender<Event>,
    ) -> (Mailbox, oneshot::Receiver<Result<()>>) {
        let (urgent, urgent_jobs) = mpsc::unbounded_channel();
        let (bulk, bulk_jobs) = mpsc::channel(BULK_WAITING);
        let (end, ended) = watch::channel(false);
        let (ready, opened) = oneshot::channel();
        let mailbox = Mailbox { urgent, bulk, ended };
        let inside = mailbox.clone();
        let run = move || {
            // A runtime of its own: the engine outlives whatever its host does with its.
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let opened = runtime.map_err(Error::internal).and_then(|runtime| {
                Self::open(options, clock, bounds, events, inside, runtime.handle().clone()).map(|core| (runtime, core))
            });
            match opened {
                Ok((runtime, mut core)) => {
                    if ready.send(Ok(())).is_ok() {
                        runtime.block_on(core.run(urgent_jobs, bulk_jobs));
                    }
                    drop(core);
                    runtime.shutdown_timeout(Duration::from_secs(1));
                }
                Err(error) => drop(ready.send(Err(error))),
            }
            let _ = end.send(true);
        };
        if let Err(error) = std::thread::Builder::new().name("engine".to_owned()).spawn(run) {
            tracing::error!(%error, "no thread for the engine");
        }
        (mailbox, opened)
    }

    fn open(
        options: OpenOptions,
        clock: Clock,
        bounds: Bounds,
        events: broadcast::Sender<Event>,
        mailbox: Mailbox,
        runtime: tokio::runtime::Handle,
    ) -> Result<Self> {
        if options.online {
            timekeeping::must_be_after_1970(clock())?;
        }
        let (store, key) = profile::open(&options.home)?;
        let indexer = Indexer::start(&store, mailbox.clone());
        let disk = Disk::start(&store, mailbox.clone());
        let mut core = Self {
            home: options.home.clone(),
            clock,
            bounds,
            key,
            owner: None,
            nonce: Nonce::new(profile::random()?),
            store,
            commons: BTreeMap::new(),
            disk,
            documents: Documents::default(),
            editors: Editors::default(),
            acknowledged: Acknowledged::default(),
            network: Network::default(),
            warm: HashMap::new(),
            said: BTreeSet::new(),
            tell_said_at: None,
            found: Vec::new(),
            looks: Cell::new(0),
            to_compact: BTreeSet::new(),
            index_waits: true,
            indexer,
            next_tick: None,
            mailbox,
            runtime,
            events,
            closing: None,
            options,
        };
        core.load_owner()?;
        core.load_commons()?;
        core.go_online();
        Ok(core)
    }

    async fn run(&mut self, mut urgent: mpsc::UnboundedReceiver<Job>, mut bulk: mpsc::Receiver<Job>) {
        let never = Arc::new(Notify::new());
        let mut turn = Instant::now();
        while self.closing.is_none() {
            let (tick, background) = (self.next_tick, self.has_background());
            tokio::select! {
                biased;
                Some(job) = urgent.recv() => job(self),
                () = sleep_until(tick, &never) => self.tick(),
                Some(job) = bulk.recv(), if !background || turn.elapsed() < BULK_AT_ONCE => job(self),
                () = std::future::ready(()), if background => {
                    self.background();
                    turn = Instant::now();
                }
            }
        }
        self.flush_all();
        let _ = self.sync_now();
        self.note_all_acknowledged();
        // Nothing is put to the engine from here on, so whoever waits to do so is told.
        drop(bulk);
        if let Some(indexer) = self.indexer.take() {
            indexer.end();
        }
        self.note_who_was_here();
        self.disk.end();
        if let Some(net) = self.network.take() {
            net.close().await;
        }
        if let Some(done) = self.closing.take() {
            let _ = done.send(());
        }
    }

    /// Ends the thread after this job.
    pub(crate) fn close(&mut self, done: oneshot::Sender<()>) {
        self.closing = Some(done);
    }

    /// Tells whoever listens.
    pub(crate) fn tell(&self, event: Event) {
        // Without a listener there is nobody to tell.
        let _ = self.events.send(event);
    }

    /// Tells of a fault outside any call.
    pub(crate) fn trouble(&self, error: &Error) {
        tracing::warn!(%error, "trouble");
        self.tell(Event::Trouble { message: error.message.clone() });
    }

    /// Has [`Core::tick`] called no later than this.
    pub(crate) fn wake_at(&mut self, at: Instant) {
        self.next_tick = Some(self.next_tick.map_or(at, |before| before.min(at)));
    }

    /// Has [`Core::tick`] called within so long.
    pub(crate) fn wake_in(&mut self, wait: Duration) {
        self.wake_at(Instant::now() + wait);
    }

    fn tick(&mut self) {
        let now = Instant::now();
        self.next_tick = None;
        self.flush_due(now);
        self.tick_disk(now);
        self.tick_acknowledged(now);
        self.tick_gathered(now);
        self.tick_presence(now);
        self.tick_network(now);
        self.tick_said(now);
        let quiet = self.warm.values().min().copied();
        if let Some(quiet) = quiet {
            self.warm.retain(|_, until| *until > now);
            if quiet > now {
                self.wake_at(quiet);
            } else {
                self.index_waits = true;
            }
            if let Some(next) = self.warm.values().min().copied() {
                self.wake_at(next);
            }
        }
    }

    fn background(&mut self) {
        if let Err(error) = self.index_in_background() {
            // Tried again with the next write, not in a loop.
            self.index_waits = false;
            self.trouble(&error);
        }
    }

    /// Counts a document that is looked over for what counts of it.
    pub(crate) fn looks(&self) {
        self.looks.set(self.looks.get() + 1);
    }

    /// The person at this device.
    pub(crate) fn owner(&self) -> Result<&Owner> {
        self.owner.as_ref().ok_or_else(|| {
            Error::new(
                ErrorCode::NoProfile,
                "Nobody has given this device a name yet. Say first what people call you (commonplace init --name NAME).",
            )
        })
    }

    /// This device.
    pub(crate) fn device(&self) -> DeviceId {
        self.key.id()
    }
}

async fn sleep_until(at: Option<Instant>, never: &Notify) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => never.notified().await,
    }
}
