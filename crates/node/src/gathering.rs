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
//! - Nothing stored builds on what waits: who writes without windows has it applied first.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use commonplace_model::{Actor, ChangeHash, CommonsId, DocId, Page, PageId, splices_between};
use commonplace_trust::VerifiedChange;

use crate::{core::Core, error::Result};

/// An application that costs less is not worth a rest.
const CHEAP: Duration = Duration::from_millis(5);
/// The rest after an application is so often what it cost for each who writes besides the first, and no longer than this many
/// times: then a quarter of a processor goes into applying.
const MOST_RESTS: u32 = 3;
/// Nobody waits longer than this for an application to begin, whatever the last one cost.
const LONGEST_REST: Duration = Duration::from_millis(250);
/// Changes that wait at most, and their bytes; with as many they are applied, rest or not.
const MAX_GATHERED: usize = 1_000;
const MAX_GATHERED_BYTES: usize = 4 * 1024 * 1024;
/// How long to wait when what was typed here could not be stored, which goes first.
pub(crate) const RETRY: Duration = Duration::from_secs(2);

/// What waits to be applied to one document, and what the last time cost.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    waiting: Option<Waiting>,
    last: Option<Applied>,
}

#[derive(Debug)]
struct Waiting {
    changes: Vec<VerifiedChange>,
    bytes: usize,
    /// How many of them, the first ones, are stored.
    stored: usize,
    due: Instant,
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
        self.end + (self.cost * besides.min(MOST_RESTS)).min(LONGEST_REST)
    }
}

impl Gathered {
    /// Adds changes, and gives when all of it is to be applied.
    fn add(&mut self, changes: &[VerifiedChange], now: Instant) -> Instant {
        let none = || Waiting { changes: Vec::new(), bytes: 0, stored: 0, due: now };
        let waiting = self.waiting.get_or_insert_with(none);
        waiting.changes.extend_from_slice(changes);
        waiting.bytes += changes.iter().map(|change| change.bytes().len()).sum::<usize>();
        let has_room = waiting.changes.len() < MAX_GATHERED && waiting.bytes < MAX_GATHERED_BYTES;
        let rested = |last: &Applied| last.rested(waiting.changes.iter().map(VerifiedChange::actor)).max(now);
        waiting.due = self.last.as_ref().filter(|_| has_room).map_or(now, rested);
        waiting.due
    }

    /// Notes that all of it is stored.
    fn is_stored(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.stored = waiting.changes.len();
        }
    }

    /// Leaves of it what is stored.
    fn forget_unstored(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.changes.truncate(waiting.stored);
            waiting.bytes = waiting.changes.iter().map(|change| change.bytes().len()).sum();
        }
        self.waiting.take_if(|waiting| waiting.changes.is_empty());
    }

    /// What waits.
    pub(crate) fn hashes(&self) -> BTreeSet<ChangeHash> {
        self.waiting.iter().flat_map(|waiting| &waiting.changes).map(VerifiedChange::hash).collect()
    }

    /// As if the rest after an application went on for so long.
    #[cfg(test)]
    pub(crate) fn rests(&mut self, long: Duration) {
        self.last = Some(Applied { end: Instant::now() + long, cost: CHEAP, writers: BTreeSet::new() });
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

    /// Notes that what was gathered for these documents is stored.
    pub(crate) fn gathered_is_stored(&mut self, commons: CommonsId, docs: &[DocId]) {
        for doc in docs {
            if let Some(gathered) = self.documents.gathered.get_mut(&(commons, *doc)) {
                gathered.is_stored();
            }
        }
    }

    /// Applies what waits for a document. What is typed goes into it first: it was typed before this is seen.
    ///
    /// # Errors
    /// When what was typed cannot be stored; it all waits on then. Or when it cannot be applied: the document is then built
    /// again from what is stored.
    pub(crate) fn catch_up(&mut self, commons: CommonsId, doc: DocId) -> Result<()> {
        let (DocId::Page(page), key) = (doc, (commons, doc)) else { return Ok(()) };
        if self.documents.gathered.get(&key).is_none_or(|gathered| gathered.waiting.is_none()) {
            return Ok(());
        }
        self.flush_page(commons, page)?;
        // Built, where it must be, without what waits.
        let is_built = self.with_shown(commons, doc, |_, _| Ok(()));
        let waiting = self.documents.gathered.get_mut(&key).and_then(|gathered| gathered.waiting.take());
        let changes = waiting.map(|waiting| waiting.changes).unwrap_or_default();
        let writers = changes.iter().map(VerifiedChange::actor).collect();
        let start = Instant::now();
        let applied = is_built.and_then(|()| self.apply_verified(commons, doc, changes));
        let splices = applied.inspect_err(|_| self.forget_unstored(commons, &[doc]))?.splices;
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
        let due: Vec<_> = self.gathered_due().filter(|(at, _)| *at <= now).map(|(_, key)| key).collect();
        for (commons, doc) in due {
            if let Err(error) = self.catch_up(commons, doc) {
                // Told already where what was typed is not stored.
                tracing::warn!(%error, "what came for a page waits");
                let gathered = self.documents.gathered.get_mut(&(commons, doc));
                if let Some(waiting) = gathered.and_then(|gathered| gathered.waiting.as_mut()) {
                    waiting.due = now + RETRY;
                }
            }
        }
        if let Some(next) = self.gathered_due().map(|(at, _)| at).min() {
            self.wake_at(next);
        }
    }

    fn gathered_due(&self) -> impl Iterator<Item = (Instant, (CommonsId, DocId))> + '_ {
        let all = self.documents.gathered.iter();
        all.filter_map(|(key, gathered)| Some((gathered.waiting.as_ref()?.due, *key)))
    }

    /// Builds documents again from what is stored: what was applied to them in memory, or was to be, was not.
    pub(crate) fn forget_unstored(&mut self, commons: CommonsId, docs: &[DocId]) {
        for doc in docs {
            self.documents.forget((commons, *doc));
            if let Some(gathered) = self.documents.gathered.get_mut(&(commons, *doc)) {
                gathered.forget_unstored();
            }
            let DocId::Page(page) = *doc else { continue };
            // While something typed is not in the document, nothing else is that windows do not show.
            let open = self.editors.open.get(&(commons, page));
            if open.is_some_and(|open| open.log.typed().is_empty())
                && let Ok(body) = self.read_shown(commons, page, Page::body)
                && let Some(open) = self.editors.open.get(&(commons, page))
            {
                let splices = splices_between(&open.log.text(), &body);
                self.bring_into_log(commons, page, &splices);
            }
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
        assert_eq!((after(83, &[1, 2, 3], &[4]), after(2_000, &[1], &[2]), after(2_000, &[1], &[1])), (249, 250, 0));
    }
}
