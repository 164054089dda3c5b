//! Who holds my changes: which other devices have said that they keep what this device wrote. Nothing is claimed that no
//! acknowledgement supports. What many say at once of each letter is noted together.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use commonplace_model::{Actor, CommonsId, DeviceId, DocId, PageId};

use crate::{
    core::Core,
    error::Result,
    profile,
    view::{Event, Holder, Holding},
};

/// What devices say in so long is noted together.
const GATHER: Duration = Duration::from_millis(50);
/// Documents of which something may wait to be noted; with as many it is.
const MOST: usize = 4_096;

/// How far devices said that they have documents of a commons.
type Said = BTreeMap<DeviceId, BTreeMap<DocId, BTreeMap<Actor, u64>>>;

/// Acknowledgements that wait to be noted.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    said: BTreeMap<CommonsId, Said>,
    docs: usize,
    due: Option<Instant>,
}

impl Acknowledged {
    fn add(&mut self, commons: CommonsId, device: DeviceId, docs: Vec<(DocId, Vec<(Actor, u64)>)>) {
        let said = self.said.entry(commons).or_default().entry(device).or_default();
        self.docs += docs.len();
        for (doc, tips) in docs {
            let newest = said.entry(doc).or_default();
            for (actor, seq) in tips {
                let known = newest.entry(actor).or_default();
                *known = (*known).max(seq);
            }
        }
    }
}

impl Core {
    /// A device has these changes, and all earlier ones of their actors.
    pub(crate) fn acknowledged(&mut self, commons: CommonsId, device: DeviceId, docs: Vec<(DocId, Vec<(Actor, u64)>)>) {
        if docs.is_empty() {
            return;
        }
        self.acknowledged.add(commons, device, docs);
        let now = Instant::now();
        let due = if self.acknowledged.docs >= MOST { now } else { now + GATHER };
        let due = *self.acknowledged.due.insert(self.acknowledged.due.map_or(due, |before| before.min(due)));
        self.wake_at(due);
    }

    /// Notes what devices acknowledged, once that is due.
    pub(crate) fn tick_acknowledged(&mut self, now: Instant) {
        match self.acknowledged.due {
            Some(due) if due <= now => self.note_all_acknowledged(),
            Some(due) => self.wake_at(due),
            None => {}
        }
    }

    /// Notes what devices acknowledged so far.
    pub(crate) fn note_all_acknowledged(&mut self) {
        for (commons, said) in std::mem::take(&mut self.acknowledged).said {
            if self.commons.contains_key(&commons)
                && let Err(error) = self.note_acknowledged(commons, said)
            {
                self.trouble(&error);
            }
        }
    }

    fn note_acknowledged(&mut self, commons: CommonsId, said: Said) -> Result<()> {
        let named = said.values().flat_map(BTreeMap::keys).copied().collect();
        let flat = |docs: BTreeMap<DocId, BTreeMap<Actor, u64>>| {
            docs.into_iter().map(|(doc, upto)| (doc, upto.into_iter().collect())).collect()
        };
        let said: Vec<_> = said.into_iter().map(|(device, docs)| (device, flat(docs))).collect();
        self.who_holds_changes(commons, &named, |core| Ok(core.store.set_held(commons, &said, profile::now())?))
    }

    /// A device has these documents at frontiers of these digests.
    pub(crate) fn equal(&mut self, commons: CommonsId, device: DeviceId, docs: &[(DocId, [u8; 32])]) -> Result<()> {
        let named = docs.iter().map(|(doc, _)| *doc).collect();
        self.who_holds_changes(commons, &named, |core| {
            Ok(core.store.set_held_whole(commons, device, docs, profile::now())?)
        })
    }

    /// Notes who holds these documents, and tells windows and lists what that changed for them: what a device says again and
    /// again is not told again and again.
    fn who_holds_changes(
        &mut self,
        commons: CommonsId,
        docs: &BTreeSet<DocId>,
        note: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        if docs.is_empty() {
            return Ok(());
        }
        let open: Vec<_> = docs.iter().filter(|doc| self.editors.is_open(commons, **doc)).copied().collect();
        let who_holds = |core: &Self, doc: &DocId| -> Result<Vec<_>> {
            let holders = core.store.holders(commons, *doc)?;
            Ok(holders.into_iter().map(|h| (h.device, h.latest, h.at / 1_000)).collect())
        };
        let held: Vec<_> = open.iter().map(|doc| who_holds(self, doc)).collect::<Result<_>>()?;
        let only_here = self.store.only_here(commons)?;
        note(self)?;
        for (doc, before) in open.iter().zip(held) {
            if let DocId::Page(page) = doc
                && who_holds(self, doc)? != before
            {
                self.tell_held(commons, *page);
            }
        }
        if self.store.only_here(commons)? != only_here {
            self.tell_commons(commons);
        }
        Ok(())
    }

    pub(crate) fn page_holding(&mut self, commons: &str, page: &str) -> Result<Holding> {
        let (commons, page) = self.find(commons, page)?;
        self.holding(commons, page)
    }

    pub(crate) fn holding(&self, commons: CommonsId, page: PageId) -> Result<Holding> {
        let doc = DocId::Page(page);
        let held = self.held_commons(commons)?;
        let here = self.here(commons);
        let wrote = self.store.wrote(commons, doc)?;
        let said = self.store.holders(commons, doc)?;
        let mut holders: Vec<Holder> = held
            .roll
            .devices()
            .filter(|device| **device != self.device())
            .filter_map(|device| {
                let person = self.person_of(held, device)?;
                let says = said.iter().find(|h| h.device == *device);
                let here = here.contains(device);
                // A device that is away and never said anything tells the reader nothing.
                if !here && says.is_none() {
                    return None;
                }
                Some(Holder {
                    device: device.to_string(),
                    name: person.name,
                    ink: profile::ink(person.ink),
                    device_name: person.device_name,
                    at: says.map_or(0, |h| h.at),
                    holds: wrote && says.is_some_and(|h| h.latest),
                    here,
                })
            })
            .collect();
        holders.sort_by(|a, b| (!a.holds, !a.here, &a.name).cmp(&(!b.holds, !b.here, &b.name)));
        let typed = self.editors.open.get(&(commons, page)).is_some_and(|open| !open.log.typed().is_empty());
        Ok(Holding { holders, wrote, durable: !typed && !self.disk.lacks(commons, page) })
    }

    /// Tells the windows on a page who holds it now.
    pub(crate) fn tell_held(&self, commons: CommonsId, page: PageId) {
        let sessions = self.editors.sessions(commons, page);
        if sessions.is_empty() {
            return;
        }
        if let Ok(holding) = self.holding(commons, page) {
            for session in sessions {
                self.tell(Event::Held { session, holding: holding.clone() });
            }
        }
    }
}
