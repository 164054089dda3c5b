//! What others write in a page that windows have open, and when it is applied to the document in memory.
//!
//! Applying changes to a page with a long history costs tens of milliseconds, however few they are. What one person types there
//! is applied as it comes. Where several type at once, each letter would wait for all those before it, for longer and longer:
//! so what comes within a rest after an application is applied together with what else came meanwhile. It is judged, stored,
//! acknowledged and passed on all the same; only the document in memory and the windows on it follow a moment later.
//!
//! Invariants:
//! - A document in memory is what windows on it show, but for what was typed a moment ago: without what is gathered, also where
//!   it had to be built again. So what is typed finds its place, and applying tells the windows all that is new.
//! - When the work that gathered something is done, it is stored, or it is not gathered any more.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use commonplace_model::{Actor, ChangeHash, CommonsId, DocId, Page, PageId, splices_between};
use commonplace_trust::{History, VerifiedChange};

use crate::{core::Core, error::Result};

/// An application that costs less is not worth a rest.
const CHEAP: Duration = Duration::from_millis(5);
/// The rest after an application is so often what it cost for each who writes besides the first, and no longer than this many
/// times: then a quarter of a processor goes into applying.
const MOST_RESTS: u32 = 3;
/// How long to wait when what was typed here could not be stored, which goes first.
const RETRY: Duration = Duration::from_secs(2);

/// Changes that wait to be applied to one document.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    changes: Vec<VerifiedChange>,
    due: Option<Instant>,
    last: Option<Applied>,
}

/// The last application.
#[derive(Debug)]
struct Applied {
    end: Instant,
    cost: Duration,
    writers: BTreeSet<Actor>,
}

impl Applied {
    /// When its rest is over, with all who wrote what waits since.
    fn rested(&self, writers: impl Iterator<Item = Actor>) -> Instant {
        if self.cost < CHEAP {
            return self.end;
        }
        let mut all = self.writers.clone();
        all.extend(writers);
        let besides = u32::try_from(all.len().saturating_sub(1)).unwrap_or(MOST_RESTS);
        self.end + self.cost * besides.min(MOST_RESTS)
    }
}

impl Gathered {
    /// Adds changes, and gives when all of it is to be applied.
    fn add(&mut self, changes: &[VerifiedChange], now: Instant) -> Instant {
        self.changes.extend_from_slice(changes);
        let rested = self.last.as_ref().map(|last| last.rested(self.changes.iter().map(VerifiedChange::actor)));
        let due = rested.map_or(now, |rested| rested.max(now));
        self.due = Some(due);
        due
    }

    /// What waits.
    pub(crate) fn hashes(&self) -> BTreeSet<ChangeHash> {
        self.changes.iter().map(VerifiedChange::hash).collect()
    }

    /// As if the last application had cost so much.
    #[cfg(test)]
    pub(crate) fn last_cost(&mut self, cost: Duration) {
        self.last.iter_mut().for_each(|last| last.cost = cost);
    }

    fn take(&mut self) -> Vec<VerifiedChange> {
        self.due = None;
        std::mem::take(&mut self.changes)
    }
}

impl Core {
    /// Has changes that passed the gate applied to a page that windows have open, now or in a moment.
    ///
    /// # Errors
    /// When what was typed, which goes first, cannot be stored. None of these changes is gathered then.
    pub(crate) fn gather(&mut self, commons: CommonsId, page: PageId, changes: &[VerifiedChange]) -> Result<()> {
        let (doc, now) = (DocId::Page(page), Instant::now());
        let due = self.documents.gathered.entry((commons, doc)).or_default().add(changes, now);
        if due > now {
            self.wake_at(due);
            return Ok(());
        }
        self.catch_up(commons, doc).inspect_err(|_| self.forget_unstored(commons, &[doc]))
    }

    /// Applies what waits for a document. What is typed goes into it first: it was typed before this is seen.
    ///
    /// # Errors
    /// When what was typed cannot be stored; it all waits on then.
    pub(crate) fn catch_up(&mut self, commons: CommonsId, doc: DocId) -> Result<()> {
        let (DocId::Page(page), key) = (doc, (commons, doc)) else { return Ok(()) };
        if self.documents.gathered.get(&key).is_none_or(|gathered| gathered.changes.is_empty()) {
            return Ok(());
        }
        self.flush_page(commons, page)?;
        // Built, where it must be, without what waits.
        self.with_shown(commons, doc, |_, _| Ok(()))?;
        let changes = self.documents.gathered.get_mut(&key).map(Gathered::take).unwrap_or_default();
        let writers = changes.iter().map(VerifiedChange::actor).collect();
        let start = Instant::now();
        let splices = match self.apply_verified(commons, doc, changes) {
            Ok(change) => change.splices,
            Err(error) => {
                self.forget_unstored(commons, &[doc]);
                return Err(error);
            }
        };
        let end = Instant::now();
        if let Some(gathered) = self.documents.gathered.get_mut(&key) {
            gathered.last = Some(Applied { end, cost: end - start, writers });
        }
        self.bring_into_log(commons, page, &splices);
        if !splices.is_empty() {
            self.tell_carets(commons, page);
        }
        Ok(())
    }

    /// Applies what has waited long enough.
    pub(crate) fn tick_gathered(&mut self, now: Instant) {
        let all = &self.documents.gathered;
        let due: Vec<_> = all.iter().filter(|(_, g)| g.due.is_some_and(|at| at <= now)).map(|(key, _)| *key).collect();
        for (commons, doc) in due {
            if let Err(error) = self.catch_up(commons, doc) {
                // Told already where what was typed is not stored.
                tracing::warn!(%error, "what came for a page waits");
                if let Some(gathered) = self.documents.gathered.get_mut(&(commons, doc)) {
                    gathered.due = (!gathered.changes.is_empty()).then_some(now + RETRY);
                }
            }
        }
        if let Some(next) = self.documents.gathered.values().filter_map(|gathered| gathered.due).min() {
            self.wake_at(next);
        }
    }

    /// Builds documents again from what is stored: what was applied to them in memory, or was to be, was not.
    pub(crate) fn forget_unstored(&mut self, commons: CommonsId, docs: &[DocId]) {
        for doc in docs {
            self.documents.forget((commons, *doc));
            self.forget_gathered(commons, *doc);
            let DocId::Page(page) = *doc else { continue };
            // While something typed is not in the document, nothing else is that windows do not show.
            let is_behind =
                |core: &Self| core.editors.open.get(&(commons, page)).is_some_and(|o| o.log.typed().is_empty());
            if is_behind(self)
                && let Ok(body) = self.read_shown(commons, page, Page::body)
                && let Some(open) = self.editors.open.get(&(commons, page))
            {
                let splices = splices_between(&open.log.text(), &body);
                self.bring_into_log(commons, page, &splices);
            }
        }
    }

    /// Leaves of what waits for a document what is stored.
    fn forget_gathered(&mut self, commons: CommonsId, doc: DocId) {
        let Some(gathered) = self.documents.gathered.get_mut(&(commons, doc)) else { return };
        let stored = self.store.history(commons, doc).map(|history| {
            gathered.changes.retain(|change| history.change(&change.hash()).is_some());
            history.sound().is_ok()
        });
        if !stored.unwrap_or_default() {
            gathered.changes.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_alone_waits_for_nothing_and_more_wait_for_longer() {
        let end = Instant::now();
        let writer = |n: u8| Actor::new([n; 16]);
        let after = |cost: u64, before: &[u8], since: &[u8]| {
            let applied = Applied {
                end,
                cost: Duration::from_millis(cost),
                writers: before.iter().map(|n| writer(*n)).collect(),
            };
            (applied.rested(since.iter().map(|n| writer(*n))) - end).as_millis()
        };
        assert_eq!(after(30, &[1], &[1, 1]), 0);
        assert_eq!((after(30, &[1], &[2]), after(30, &[1, 2], &[2])), (30, 30));
        assert_eq!((after(30, &[1, 2], &[3]), after(30, &[1, 2, 3], &[3, 4])), (60, 90));
        assert_eq!(after(30, &[1, 2, 3, 4, 5], &[6]), 90);
        assert_eq!((after(4, &[1, 2, 3], &[4]), after(5, &[1, 2, 3], &[4])), (0, 15));
    }
}
