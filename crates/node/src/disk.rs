//! What is written and not on the disk yet.
//!
//! A disk takes a millisecond to say that it has something, one that turns thirty. What is typed in a window, and what others
//! type, is written to the log of the profile, sent on and shown meanwhile, while a thread waits for the disk: whatever came in
//! the meantime is waited for together.
//!
//! Invariants:
//! - To be on the disk is said of nothing, to a window or to another device, before it is. A session that finds out what either
//!   side has is shown only what is there.
//! - What a power cut takes back here, others may have: it comes back from them. Nobody ever sees two changes of one number, for
//!   after a power cut this device writes under other actors; where it would go on under an old one, the disk is waited for.

use std::{
    cell::Cell,
    collections::BTreeSet,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use commonplace_model::{CommonsId, PageId};
use commonplace_store::{Log, Store, StoreError};
use commonplace_sync::Input;

use crate::{
    core::{Core, Mailbox},
    error::{Error, Result},
};

/// How long to wait before asking a disk again that did not take something.
pub(crate) const RETRY: Duration = Duration::from_secs(2);

/// What is typed within so long is waited for together: letters come faster than most disks answer.
const TYPED: Duration = Duration::from_millis(20);
/// The same for what others typed. They have it, and its acknowledgement is in no hurry.
const ARRIVED: Duration = Duration::from_millis(150);
/// As many times something may have come that waits for a slow disk; more waits for it as it comes.
const MOST: usize = 256;

/// What is to be said once it is on the disk.
#[derive(Debug, Default)]
struct Unsaid {
    /// Pages in which something was typed.
    pages: BTreeSet<(CommonsId, PageId)>,
    /// Meetings, and what they brought.
    stored: Vec<(u64, Input)>,
}

impl Unsaid {
    fn is_empty(&self) -> bool {
        self.pages.is_empty() && self.stored.is_empty()
    }

    fn append(&mut self, mut later: Self) {
        self.pages.append(&mut later.pages);
        self.stored.append(&mut later.stored);
    }
}

/// The thread that waits for the disk, and what waits with it.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    thread: Option<Waiter>,
    /// Waits for the disk now.
    asked: Unsaid,
    /// Came since.
    unasked: Unsaid,
    /// When that is waited for.
    due: Option<Instant>,
    /// Number of the last question; an answer to an earlier one says nothing any more.
    question: u64,
    retry: Option<Instant>,
    /// Whether all was brought there just now.
    synced: Cell<bool>,
    /// Whether it did not take something. What it says it has counts for nothing until the log is brought into the database.
    failed: Cell<bool>,
    /// Whether it did not take something just now, for a session that wanted to tell of it.
    refused: Cell<bool>,
}

#[derive(Debug)]
struct Waiter {
    log: Arc<Log>,
    questions: mpsc::Sender<u64>,
    thread: JoinHandle<()>,
    /// The way to the thread, while nobody hears it.
    #[cfg(test)]
    silent: Option<(mpsc::Sender<u64>, mpsc::Receiver<u64>)>,
}

impl Disk {
    /// Starts the thread. Without one, the engine's waits for all that it writes.
    pub(crate) fn start(store: &Store, mailbox: Mailbox) -> Self {
        let start = || {
            let log = Arc::new(store.log().map_err(Error::internal)?);
            let (questions, asked) = mpsc::channel();
            let its = Arc::clone(&log);
            let wait = move || {
                while let Ok(question) = asked.recv() {
                    let synced = its.sync();
                    if mailbox.urgent(move |core| core.disk_answers(question, synced)).is_err() {
                        return;
                    }
                }
            };
            let thread = std::thread::Builder::new().name("disk".to_owned()).spawn(wait).map_err(Error::internal)?;
            Ok::<_, Error>(Waiter {
                log,
                questions,
                thread,
                #[cfg(test)]
                silent: None,
            })
        };
        let thread =
            start().map_err(|error| tracing::error!(%error, "the engine’s own thread waits for the disk")).ok();
        Self { thread, ..Self::default() }
    }

    /// Whether something may be written without waiting for it.
    pub(crate) fn may_wait(&self) -> bool {
        self.unasked.stored.len() < MOST && self.thread.as_ref().is_some_and(|waiter| !waiter.thread.is_finished())
    }

    /// Whether all that was written is there.
    pub(crate) fn has_all(&self) -> bool {
        !self.failed.get() && self.asked.is_empty() && self.unasked.is_empty()
    }

    /// Waits until all that was written is there; false when it does not take it. What is to be said then is said when
    /// [`Core::heed_sync`] is called.
    pub(crate) fn sync(&self) -> bool {
        if self.synced.get() || self.has_all() {
            return true;
        }
        let has_it = || self.thread.as_ref().is_none_or(|waiter| waiter.log.sync().is_ok());
        if self.failed.get() || !has_it() {
            self.failed.set(true);
            self.refused.set(true);
            return false;
        }
        self.synced.set(true);
        true
    }

    /// Whether something that was typed in a page is not on the disk yet.
    pub(crate) fn lacks(&self, commons: CommonsId, page: PageId) -> bool {
        [&self.asked, &self.unasked].iter().any(|unsaid| unsaid.pages.contains(&(commons, page)))
    }

    /// Ends the thread, after what it waits for.
    pub(crate) fn end(&mut self) {
        // It ends when nobody can ask it any more.
        let thread = self.thread.take().map(|waiter| waiter.thread);
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that waits for the disk fell over");
        }
    }

    /// Has nobody hear what the disk is asked; or again.
    #[cfg(test)]
    pub(crate) fn is_silent(&mut self, silent: bool) {
        let (nowhere, never) = mpsc::channel();
        if let (true, Some(waiter)) = (silent, &mut self.thread) {
            let questions = std::mem::replace(&mut waiter.questions, nowhere);
            waiter.silent = Some((questions, never));
        } else if let Some(waiter) = &mut self.thread
            && let Some((questions, _)) = waiter.silent.take()
        {
            waiter.questions = questions;
        }
    }

    /// Whether something is waited for now.
    #[cfg(test)]
    pub(crate) fn is_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    /// The last question.
    #[cfg(test)]
    pub(crate) fn question(&self) -> u64 {
        self.question
    }
}

impl Core {
    /// Notes that what was typed in a page is written and not on the disk yet.
    pub(crate) fn typed_unsynced(&mut self, commons: CommonsId, page: PageId) {
        self.disk.unasked.pages.insert((commons, page));
        self.ask_disk_soon();
    }

    /// Notes that what a meeting brought is written and perhaps, with all before it, `on_disk`: then its session is told of it,
    /// after all that it brought before.
    pub(crate) fn stored(&mut self, meeting: u64, stored: Input, on_disk: bool) {
        self.disk.unasked.stored.push((meeting, stored));
        if on_disk && !self.disk.failed.get() {
            self.disk_has_all();
        } else {
            self.ask_disk_soon();
        }
    }

    /// Has the disk asked in a moment, together with what else is written until then.
    fn ask_disk_soon(&mut self) {
        if !self.disk.unasked.is_empty() && self.disk.asked.is_empty() && self.disk.retry.is_none() {
            let wait = if self.disk.unasked.pages.is_empty() { ARRIVED } else { TYPED };
            let due = Instant::now() + wait;
            let due = self.disk.due.map_or(due, |before| before.min(due));
            self.disk.due = Some(due);
            self.wake_at(due);
        }
    }

    fn ask_disk(&mut self) {
        self.disk.due = None;
        if !self.disk.asked.is_empty() || self.disk.unasked.is_empty() || self.disk.retry.is_some() {
            return;
        }
        self.disk.asked = std::mem::take(&mut self.disk.unasked);
        self.disk.question += 1;
        let question = self.disk.question;
        if self.disk.thread.as_ref().is_none_or(|waiter| waiter.questions.send(question).is_err()) {
            let _ = self.sync_now();
        }
    }

    pub(crate) fn disk_answers(&mut self, question: u64, synced: Result<(), StoreError>) {
        match synced {
            Err(error) => {
                let _ = self.bring_in_log(&error);
            }
            // What failed before counts as done for the system, so that this says nothing.
            Ok(()) if question != self.disk.question || self.disk.asked.is_empty() || self.disk.failed.get() => {}
            Ok(()) => {
                let on_disk = std::mem::take(&mut self.disk.asked);
                self.say_on_disk(on_disk);
                self.ask_disk_soon();
            }
        }
    }

    /// Waits for the disk here.
    ///
    /// # Errors
    /// When it does not take what was written. That stays in the log, and is tried again.
    pub(crate) fn sync_now(&mut self) -> Result<()> {
        if self.disk.failed.get() {
            return self.bring_in_log(&"it did not take it before");
        }
        if self.disk.has_all() {
            return Ok(());
        }
        match self.disk.thread.as_ref().map(|waiter| waiter.log.sync()) {
            Some(Ok(())) => self.disk_has_all(),
            Some(Err(error)) => self.bring_in_log(&error)?,
            None => self.bring_in_log(&"nobody asks it")?,
        }
        Ok(())
    }

    /// Before something is written that is to be on the disk: what the disk did not take has to be there first, as the log is one.
    ///
    /// # Errors
    /// When it still does not take it.
    pub(crate) fn disk_must_take(&mut self) -> Result<()> {
        if self.disk.failed.get() { self.sync_now() } else { Ok(()) }
    }

    /// Brings what the disk did not take as it was there in another way.
    fn bring_in_log(&mut self, why: &dyn std::fmt::Display) -> Result<()> {
        tracing::warn!(%why, "the disk does not take what was written");
        self.disk.failed.set(true);
        let brought = self.store.bring_in_log().map_err(Error::from);
        match &brought {
            Ok(()) => {
                self.disk.failed.set(false);
                self.disk_has_all();
            }
            Err(error) => {
                let again = Instant::now() + RETRY;
                if self.disk.retry.replace(again).is_none() {
                    let message = format!(
                        "{} It is written, and safe while this device has power; it is tried again.",
                        error.message
                    );
                    self.trouble(&Error::new(error.code, message));
                }
                self.wake_at(again);
            }
        }
        brought
    }

    /// Notes what came of [`Disk::sync`] since the last call, if it was called; nothing was written since. False when the disk did not
    /// take what a session wanted to tell of.
    pub(crate) fn heed_sync(&mut self) -> bool {
        if self.disk.synced.take() {
            self.disk_has_all();
        }
        let refused = self.disk.refused.take();
        if refused {
            let _ = self.sync_now();
        }
        !refused
    }

    /// Notes that all that was written is on the disk.
    fn disk_has_all(&mut self) {
        (self.disk.retry, self.disk.due) = (None, None);
        // Whatever is asked now need not be answered.
        self.disk.question += 1;
        let mut all = std::mem::take(&mut self.disk.asked);
        all.append(std::mem::take(&mut self.disk.unasked));
        self.say_on_disk(all);
    }

    fn say_on_disk(&self, on_disk: Unsaid) {
        for (commons, page) in on_disk.pages {
            if !self.disk.lacks(commons, page) {
                self.tell_held(commons, page);
            }
        }
        for (meeting, stored) in on_disk.stored {
            // Afterwards: a session may be at work just now.
            let _ = self.mailbox.urgent(move |core| core.drive(meeting, stored));
        }
    }

    /// Asks the disk what is due, and tries again what it did not take.
    pub(crate) fn tick_disk(&mut self, now: Instant) {
        if self.disk.due.is_some_and(|at| at <= now) {
            self.ask_disk();
        }
        if self.disk.retry.is_some_and(|at| at <= now) {
            let _ = self.sync_now();
        }
        if let Some(next) = self.disk.due.into_iter().chain(self.disk.retry).min() {
            self.wake_at(next);
        }
    }
}
