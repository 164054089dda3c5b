//! The handle on the engine: each of its functions is one command, carried out on the engine's own thread.

mod care;
mod deciding;
mod devices;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod gathering;
#[cfg(test)]
mod large;
#[cfg(test)]
mod twins;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::sync::{broadcast, oneshot};

use crate::{
    bounds::Bounds,
    core::{Core, Mailbox},
    doctor,
    error::{Error, ErrorCode, Result},
    filenames::Listing,
    folder,
    view::{
        CommonsView, Deciding, EditorOpened, EditorPushed, EditorUpdate, EditorUpdates, Event, ExportReport, Finding,
        Holding, ImportReport, Ink, Knock, Leaving, NearbyDevice, PageList, PageQuery, PageRow, PageView, Person,
        Profile, ReachKind, ReachView, SearchResult, Status, TagRow, TicketView,
    },
};

/// How to open the engine.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// The profile's folder; see [`crate::profile::home_dir`].
    pub home: PathBuf,
    /// Whether to listen for other devices and look for them.
    pub online: bool,
    /// Whether to keep to the loopback interface, and leave out looking for devices: for tests.
    pub loopback: bool,
}

/// Events that a listener may be behind before it misses some.
const EVENTS_KEPT: usize = 4_096;

/// How long to wait for the network to open before making a ticket.
const OPENING: Duration = Duration::from_secs(5);

/// The engine of one profile. Cheap to clone; all clones are one engine.
#[derive(Clone)]
pub struct Engine {
    mailbox: Mailbox,
    events: broadcast::Sender<Event>,
    home: Arc<PathBuf>,
    _last: Arc<LastHandle>,
}

/// Ends the engine when the last handle on it is dropped without [`Engine::close`].
struct LastHandle(Mailbox);

impl Drop for LastHandle {
    fn drop(&mut self) {
        let (done, _) = oneshot::channel();
        // Closed already: nothing is left to end.
        let _ = self.0.urgent(move |core| core.close(done));
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens a profile, making it if there is none.
    ///
    /// # Errors
    /// When another program uses the profile, a newer version wrote it, or it cannot be read or written; and when it is to listen
    /// for other devices and the computer's clock is before 1970.
    pub async fn open(options: OpenOptions) -> Result<Self> {
        Self::open_by(options, SystemTime::now).await
    }

    /// As [`Engine::open`], taking this for the computer's clock when it asks whether that can be right.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub async fn open_by(options: OpenOptions, clock: fn() -> SystemTime) -> Result<Self> {
        Self::start(options, clock, Bounds::default()).await
    }

    /// As [`Engine::open`], holding members' devices to these bounds.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub async fn open_within(options: OpenOptions, bounds: Bounds) -> Result<Self> {
        Self::start(options, SystemTime::now, bounds).await
    }

    async fn start(options: OpenOptions, clock: fn() -> SystemTime, bounds: Bounds) -> Result<Self> {
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let home = Arc::new(options.home.clone());
        let (mailbox, ready) = Core::start(options, clock, bounds, events.clone());
        ready.await.map_err(|_| Error::internal("the engine's thread ended at its start"))??;
        let last = Arc::new(LastHandle(mailbox.clone()));
        Ok(Self { mailbox, events, home, _last: last })
    }

    /// What happens, from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// The profile's folder.
    pub fn home(&self) -> &std::path::Path {
        &self.home
    }

    /// Makes everything durable, says goodbye to the other devices and lets go of the profile.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        let sent = self.mailbox.urgent(move |core| core.close(done));
        if sent.is_ok() {
            let _ = closed.await;
        }
        self.mailbox.ended().await;
    }

    /// Runs `job` on the engine's thread before any bulk work that waits there.
    async fn ask<T: Send + 'static>(&self, job: impl FnOnce(&mut Core) -> Result<T> + Send + 'static) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.mailbox.urgent(move |core| drop(answer.send(job(core)))).map_err(|()| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// Runs `job` on the engine's thread after what else waits there.
    async fn ask_in_turn<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Core) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.mailbox.bulk(move |core| drop(answer.send(job(core)))).await.map_err(|()| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// Waits until this device can say where it is reached, if it listens at all.
    async fn network_open(&self) -> Result<()> {
        if let Some(mut net) = self.ask(|core| Ok(core.network.when_open())).await? {
            // A ticket without addresses is better than none.
            let open = async { net.wait_for(Option::is_some).await.ok().and_then(|net| net.clone()) };
            if let Ok(Some(net)) = tokio::time::timeout(OPENING, open).await {
                net.relays_within(OPENING).await;
            }
        }
        Ok(())
    }

    /// Waits for an answer that `job` arranges to come later, at most so long.
    async fn ask_and_wait<T: Send + 'static>(
        &self,
        wait: Duration,
        too_late: impl FnOnce() -> Error,
        job: impl FnOnce(&mut Core, oneshot::Sender<Result<T>>) + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.mailbox.urgent(move |core| job(core, answer)).map_err(|()| closed())?;
        match tokio::time::timeout(wait, answered).await {
            Ok(answer) => answer.map_err(|_| closed())?,
            Err(_) => Err(too_late()),
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorCode::Internal, "Commonplace is closing; what was stored is safe. Start it again to go on.")
}

/// The commands, as `commonplace-api` declares them.
impl Engine {
    /// The engine at a glance.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn status(&self) -> Result<Status> {
        self.ask(Core::status).await
    }

    /// How far this device reaches.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn reach(&self) -> Result<ReachView> {
        self.ask(|core| core.reach()).await
    }

    /// Chooses how far this device reaches, from its next start on; `relay` is the address of a relay of one's own.
    ///
    /// # Errors
    /// When the address is none, or is missing or superfluous, or the choice cannot be stored.
    pub async fn reach_set(&self, kind: ReachKind, relay: Option<String>) -> Result<ReachView> {
        self.ask(move |core| core.set_reach(kind, relay.as_deref())).await
    }

    /// Gives the person at this device a name and an ink.
    ///
    /// # Errors
    /// When the name cannot be one, or cannot be stored.
    pub async fn init(&self, name: String, ink: Option<Ink>, device_name: Option<String>) -> Result<Profile> {
        self.ask(move |core| core.init(&name, ink, device_name)).await
    }

    /// Checks the profile and its surroundings; when `thorough`, also every byte that is stored, which takes seconds and
    /// delays nothing else.
    ///
    /// # Errors
    /// When the engine is closing, or the database cannot be opened once more.
    pub async fn doctor(&self, thorough: bool) -> Result<Vec<Finding>> {
        let mut findings = self.ask(|core| Ok(core.doctor())).await?;
        if thorough {
            let reader = self.ask(|core| Ok(core.store.reader()?)).await?;
            let home = self.home.clone();
            let look = move || {
                doctor::look_through(&reader, &home, &mut findings);
                findings
            };
            findings = tokio::task::spawn_blocking(look).await.map_err(Error::internal)?;
        }
        Ok(findings)
    }

    /// The commons on this device.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn commons_list(&self) -> Result<Vec<CommonsView>> {
        self.ask(Core::commons_list).await
    }

    /// Founds a commons.
    ///
    /// # Errors
    /// When nobody has given their name yet, a word is too long, or it cannot be stored.
    pub async fn commons_new(
        &self,
        name: String,
        purpose: Option<String>,
        licence: Option<String>,
        deciding: Option<Deciding>,
    ) -> Result<CommonsView> {
        self.ask(move |core| core.commons_new(&name, purpose, licence.as_deref(), deciding.unwrap_or_default())).await
    }

    /// What leaving a commons would bring about that nobody could undo.
    ///
    /// # Errors
    /// When there is no such commons, or this device is out of it.
    pub async fn leaving(&self, commons: String) -> Result<Leaving> {
        self.ask(move |core| core.leaving(&commons)).await
    }

    /// Has this person leave a commons, with a reason if they give one. It stays on this device to be read and exported.
    ///
    /// # Errors
    /// When there is no such commons, or it cannot be stored; unless `anyway`, also when [`Engine::leaving`] has something to
    /// say.
    pub async fn leave(&self, commons: String, reason: Option<String>, anyway: Option<bool>) -> Result<()> {
        self.ask(move |core| core.leave(&commons, &reason.unwrap_or_default(), anyway.unwrap_or(false))).await
    }

    /// Makes a ticket.
    ///
    /// # Errors
    /// When there is no such commons, or the ticket cannot be stored.
    pub async fn invite(&self, commons: String, uses: Option<u32>, hours: Option<u32>) -> Result<TicketView> {
        self.network_open().await?;
        self.ask(move |core| core.invite(&commons, uses, hours)).await
    }

    /// Reads a ticket without using it.
    ///
    /// # Errors
    /// When it is none.
    pub async fn ticket_read(&self, ticket: String) -> Result<TicketView> {
        self.ask(move |core| core.ticket_read(&ticket)).await
    }

    /// Joins by ticket.
    ///
    /// # Errors
    /// When the ticket is malformed, expired, used up or for a commons one is in, or nobody who could answer is reached.
    pub async fn join(&self, ticket: String, wait_seconds: Option<u32>) -> Result<CommonsView> {
        let wait = Duration::from_secs(u64::from(wait_seconds.unwrap_or(30).clamp(1, 3_600)));
        let too_late = || {
            Error::new(
                ErrorCode::Unreachable,
                "The device that made this ticket was not reached. Nothing was changed and the ticket is still good: try again \
                 when that device is on and on the same network.",
            )
        };
        self.ask_and_wait(wait, too_late, move |core, answer| core.join(&ticket, wait, answer)).await
    }

    /// Devices on the local network.
    ///
    /// # Errors
    /// When the engine is closing.
    pub async fn nearby(&self) -> Result<Vec<NearbyDevice>> {
        self.ask(|core| Ok(core.nearby())).await
    }

    /// Asks a device nearby to be let in.
    ///
    /// # Errors
    /// When nobody has given their name yet, or there is no such device.
    pub async fn knock(&self, device: String) -> Result<()> {
        self.ask(move |core| core.knock(&device)).await
    }

    /// Takes a knock back.
    ///
    /// # Errors
    /// When there is no such device.
    pub async fn knock_withdraw(&self, device: String) -> Result<()> {
        self.ask(move |core| core.knock_withdraw(&device)).await
    }

    /// Who knocks here.
    ///
    /// # Errors
    /// When the engine is closing.
    pub async fn knocks(&self) -> Result<Vec<Knock>> {
        self.ask(|core| Ok(core.knocks())).await
    }

    /// Answers a knock.
    ///
    /// # Errors
    /// When that device does not knock, or there is no such commons.
    pub async fn knock_answer(&self, device: String, commons: Option<String>) -> Result<()> {
        self.ask(move |core| core.knock_answer(&device, commons.as_deref())).await
    }

    /// A stretch of the list of pages.
    ///
    /// # Errors
    /// When there is no such commons.
    pub async fn page_list(&self, commons: String, query: PageQuery) -> Result<PageList> {
        self.ask(move |core| core.page_list(&commons, &query)).await
    }

    /// Makes a page.
    ///
    /// # Errors
    /// When its name cannot be one or is taken, its text is too large, or it cannot be stored.
    pub async fn page_new(&self, commons: String, name: String, body: Option<String>) -> Result<PageRow> {
        self.ask(move |core| core.page_new(&commons, &name, body.as_deref().unwrap_or_default())).await
    }

    /// A page with its text.
    ///
    /// # Errors
    /// When there is no such page, or several.
    pub async fn page_show(&self, commons: String, page: String) -> Result<PageView> {
        self.ask(move |core| core.page_show(&commons, &page)).await
    }

    /// Replaces a page's text, changing only what differs.
    ///
    /// # Errors
    /// When there is no such page, the text is too large, or it cannot be stored.
    pub async fn page_write(&self, commons: String, page: String, body: String) -> Result<PageRow> {
        self.ask(move |core| core.page_write(&commons, &page, &body)).await
    }

    /// Adds to the end of a page's text.
    ///
    /// # Errors
    /// As [`Engine::page_write`].
    pub async fn page_append(&self, commons: String, page: String, text: String) -> Result<PageRow> {
        self.ask(move |core| core.page_append(&commons, &page, &text)).await
    }

    /// Gives a page another name.
    ///
    /// # Errors
    /// When there is no such page, the name cannot be one or is taken, or it cannot be stored.
    pub async fn page_rename(&self, commons: String, page: String, name: String) -> Result<PageRow> {
        self.ask(move |core| core.page_rename(&commons, &page, &name)).await
    }

    /// Deletes a page, reversibly.
    ///
    /// # Errors
    /// When there is no such page, or it cannot be stored.
    pub async fn page_delete(&self, commons: String, page: String) -> Result<PageRow> {
        self.ask(move |core| core.page_delete(&commons, &page)).await
    }

    /// Brings a deleted page back.
    ///
    /// # Errors
    /// As [`Engine::page_delete`].
    pub async fn page_restore(&self, commons: String, page: String) -> Result<PageRow> {
        self.ask(move |core| core.page_restore(&commons, &page)).await
    }

    /// Who holds this device's changes of a page.
    ///
    /// # Errors
    /// When there is no such page.
    pub async fn page_holding(&self, commons: String, page: String) -> Result<Holding> {
        self.ask(move |core| core.page_holding(&commons, &page)).await
    }

    /// Opens a page for writing.
    ///
    /// # Errors
    /// When there is no such page.
    pub async fn editor_open(&self, commons: String, page: String) -> Result<EditorOpened> {
        self.ask(move |core| core.editor_open(&commons, &page)).await
    }

    /// Pushes a window's updates.
    ///
    /// # Errors
    /// When there is no such session, or the updates do not fit its text.
    pub async fn editor_push(&self, session: u32, version: u32, updates: Vec<EditorUpdate>) -> Result<EditorPushed> {
        self.ask(move |core| core.editor_push(session, version, updates)).await
    }

    /// The log from a version on.
    ///
    /// # Errors
    /// When there is no such session, or that version is no longer kept.
    pub async fn editor_pull(&self, session: u32, version: u32) -> Result<EditorUpdates> {
        self.ask(move |core| core.editor_pull(session, version)).await
    }

    /// Shows others where a window's caret is.
    ///
    /// # Errors
    /// When there is no such session.
    pub async fn editor_caret(&self, session: u32, anchor: Option<u32>, head: Option<u32>) -> Result<()> {
        self.ask(move |core| core.editor_caret(session, anchor.zip(head))).await
    }

    /// Closes a session; everything typed is durable when it returns.
    ///
    /// # Errors
    /// When what was typed cannot be stored.
    pub async fn editor_close(&self, session: u32) -> Result<()> {
        self.ask(move |core| core.editor_close(session)).await
    }

    /// Puts tags on a page, as this member.
    ///
    /// # Errors
    /// When there is no such page, a tag cannot be one, or it cannot be stored.
    pub async fn tag(&self, commons: String, page: String, tags: Vec<String>) -> Result<PageView> {
        self.ask(move |core| core.tag(&commons, &page, &tags, true)).await
    }

    /// Takes this member's tags off a page.
    ///
    /// # Errors
    /// As [`Engine::tag`].
    pub async fn untag(&self, commons: String, page: String, tags: Vec<String>) -> Result<PageView> {
        self.ask(move |core| core.tag(&commons, &page, &tags, false)).await
    }

    /// Tags in use.
    ///
    /// # Errors
    /// When there is no such commons.
    pub async fn tags(&self, commons: String) -> Result<Vec<TagRow>> {
        self.ask(move |core| core.tags(&commons)).await
    }

    /// Members.
    ///
    /// # Errors
    /// When there is no such commons.
    pub async fn people(&self, commons: String) -> Result<Vec<Person>> {
        self.ask(move |core| core.people(&commons)).await
    }

    /// The devices with which there is a meeting about a commons now, which need not be all that are here.
    ///
    /// # Errors
    ///
    /// When there is no such commons.
    pub async fn neighbours(&self, commons: String) -> Result<Vec<String>> {
        self.ask(move |core| {
            let id = core.find_commons(&commons)?;
            Ok(core.met(id).iter().map(ToString::to_string).collect())
        })
        .await
    }

    /// Searches titles, text, tags and people.
    ///
    /// # Errors
    /// When there is no such commons.
    pub async fn search(&self, commons: String, query: String, limit: Option<u32>) -> Result<SearchResult> {
        self.ask(move |core| core.search(&commons, &query, limit)).await
    }

    /// Takes in a folder of Markdown. Files already read stay taken in when it fails midway.
    ///
    /// # Errors
    /// When there is no such commons or folder, or pages cannot be stored.
    pub async fn import(&self, commons: String, dir: String) -> Result<ImportReport> {
        let (plan, listing) = self.ask(move |core| core.import_begin(&commons)).await?;
        let files = tokio::task::spawn_blocking(move || folder::find_markdown(std::path::Path::new(&dir)))
            .await
            .map_err(Error::internal)??;
        let mut import = folder::Import::new(plan, self.list(listing).await?, files);
        while let Some(batch) = import.next_batch().await? {
            let done = self.ask_in_turn(move |core| core.import_batch(batch)).await?;
            import.note(done);
        }
        let report = import.finish();
        self.ask(move |core| Ok(core.import_end(&report))).await
    }

    /// Writes all pages as a folder of Markdown. A file that is there and holds something other than what an export wrote is kept,
    /// unless it is to `overwrite`.
    ///
    /// # Errors
    /// When there is no such commons, or the folder cannot be written.
    pub async fn export(&self, commons: String, dir: String, overwrite: Option<bool>) -> Result<ExportReport> {
        let (dir, overwrite) = (PathBuf::from(dir), overwrite.unwrap_or(false));
        let (mut export, listing) = self.ask(move |core| core.export_begin(&commons, dir, overwrite)).await?;
        let listing = self.list(listing).await?;
        export.writes(listing);
        loop {
            let (next, batch) = self.ask_in_turn(move |core| core.export_batch(export)).await?;
            export = next;
            match batch {
                Some(batch) => {
                    export =
                        tokio::task::spawn_blocking(move || export.write(batch)).await.map_err(Error::internal)??;
                }
                None => {
                    export = tokio::task::spawn_blocking(move || export.finish()).await.map_err(Error::internal)??;
                    return self.ask(move |core| Ok(core.export_end(export))).await;
                }
            }
        }
    }

    /// Goes through all pages, so that keystrokes pass between.
    async fn list(&self, mut listing: Listing) -> Result<Listing> {
        loop {
            let (next, is_all) = self.ask_in_turn(move |core| core.list_some(listing)).await?;
            if is_all {
                return Ok(next);
            }
            listing = next;
        }
    }
}
