//! Room: how much of its own a member's devices may have this one keep, as [`crate::bounds`] has it.

use std::{collections::HashMap, time::Instant};

use commonplace_governance::Roomy;
use commonplace_model::{CommonsId, DeviceId};
use commonplace_trust::{Arrival, History, VerifiedRecord};

use super::offence::Offence;
use crate::{
    commons::Commons,
    core::Core,
    endings::member_once,
    error::{Error, Result},
    view::Event,
};

impl Core {
    /// How many actors may still begin, in the document of an arrival that this device brings, of the devices of its own member;
    /// none where nothing begins.
    pub(super) fn room(
        &self,
        held: &Commons,
        brought_by: DeviceId,
        arrival: &Arrival,
        history: &impl History,
    ) -> Result<HashMap<DeviceId, usize>> {
        let member = |device: &DeviceId| member_once(&held.roll, device);
        let (commons, doc, most) = (held.roll.commons(), arrival.doc, self.bounds.actors);
        let mut room = HashMap::new();
        if arrival.attestations.iter().all(|said| history.tip(&said.actor(commons, doc)).is_some()) {
            return Ok(room);
        }
        // All of them: what one device of a member built on another one's is nothing that anybody else built on.
        for said in &arrival.attestations {
            let device = said.device;
            if !room.contains_key(&device) && member(&device) == member(&brought_by) {
                let there = self.store.actors_of(commons, doc, &device, most)?;
                room.insert(device, most.saturating_sub(there));
            }
        }
        Ok(room)
    }

    /// Says once per device that it began to write in a page more often than any device needs.
    pub(super) fn tell_beyond(&mut self, device: DeviceId) {
        if self.network.meetings.offences.is_first_beyond(device) {
            tracing::warn!(device = %device.short(), most = self.bounds.actors, "a device has more actors in a document than there is room for");
            let (whose, ask) = self.whose(&device);
            self.tell(Event::Trouble {
                message: format!(
                    "{whose} began to write in one page under a new name more often than any device needs. What it begins there from now on \
                     is left out, but for what others built on. Everything here is safe and as it was. That device may be \
                     damaged or run another program{ask}."
                ),
            });
        }
    }

    /// Those records that a device brings for which there is room.
    pub(crate) fn with_room(&mut self, from: DeviceId, id: CommonsId, records: Vec<VerifiedRecord>) -> Result<Roomy> {
        let Some(held) = self.commons.get(&id) else {
            return Err(Error::internal("a commons that is gone brought something"));
        };
        let (now, offences) = (Instant::now(), &mut self.network.meetings.offences);
        if held.roll.member_of(&from).is_some_and(|member| member.id == held.me) {
            // This person's own devices are one.
            return Ok(Roomy { records, left_out: 0 });
        }
        Ok(held.roll.with_room(&from, records, self.bounds.records, |member| offences.spares(id, *member, now)))
    }

    /// A device brought more records of its own member's to the door than there is room for.
    pub(crate) fn brought_too_many(&mut self, device: DeviceId) {
        // Of others nothing is noted, for anybody can be one.
        if !self.shared(&device).is_empty() {
            self.offended(device, Offence::Records);
        }
    }
}
