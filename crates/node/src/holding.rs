//! Who holds my changes: which other devices have said that they keep what this device wrote. Nothing is claimed that no
//! acknowledgement supports.

use commonplace_model::{CommonsId, DocId, PageId};

use crate::{
    core::Core,
    error::Result,
    profile,
    view::{Event, Holder, Holding},
};

impl Core {
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
