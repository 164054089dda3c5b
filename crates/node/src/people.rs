//! Members, where they are, and when they were last seen.

use std::collections::BTreeMap;

use commonplace_model::MemberId;

use crate::{
    core::Core,
    error::Result,
    profile,
    view::{Named, Person},
};

impl Core {
    pub(crate) fn people(&mut self, commons: &str) -> Result<Vec<Person>> {
        let id = self.find_commons(commons)?;
        let here = self.here(id);
        let commons = self.held_commons(id)?;
        let mut caught: BTreeMap<MemberId, Vec<String>> = BTreeMap::new();
        for (device, found) in commons.roll.caught() {
            // One that its member paired again is theirs again.
            if commons.roll.member_of(device).is_none() {
                caught.entry(found.member).or_default().push(found.name.clone());
            }
        }
        let tagged = self.store.tagged(id)?;
        let mut people = Vec::new();
        for member in commons.roll.members() {
            let you = member.id == commons.me;
            let mut last_seen = None;
            let mut devices = Vec::new();
            for device in &member.devices {
                let peer = self.store.peer(*device)?;
                last_seen = last_seen.max(peer.as_ref().and_then(|p| p.last_seen));
                devices.push(commons.roll.device_name(device).unwrap_or(&member.person.device_name).to_owned());
            }
            let presence = member.devices.iter().find_map(|device| commons.presences.of(device));
            let page = match presence.and_then(|p| p.page) {
                Some(page) if !commons.roll.hidden().contains(&page) => {
                    self.store.page(id, page)?.map(crate::pages::row)
                }
                _ => None,
            };
            let profile = self.store.profile_of(id, member.id)?;
            let (name, ink) = profile.unwrap_or((member.person.name.clone(), member.person.ink));
            people.push(Person {
                member: member.id.to_string(),
                name,
                ink: profile::ink(ink),
                you,
                here: you || member.devices.iter().any(|device| here.contains(device)),
                page,
                writing: presence.is_some_and(|p| p.writing),
                last_seen,
                devices,
                caught: caught.remove(&member.id).unwrap_or_default(),
                tagged: tagged.get(&member.id).copied().unwrap_or(0),
            });
        }
        for (member, caught) in caught {
            // Who is removed is not listed; whose only device is out is.
            let Named { name, ink, you, .. } = self.named(commons, member);
            people.push(Person {
                member: member.to_string(),
                name,
                ink,
                you,
                here: false,
                page: None,
                writing: false,
                last_seen: None,
                devices: Vec::new(),
                caught,
                tagged: tagged.get(&member).copied().unwrap_or(0),
            });
        }
        people.sort_by(|a, b| {
            let key = |p: &Person| (!p.you, !p.here, p.name.to_lowercase());
            key(a).cmp(&key(b))
        });
        Ok(people)
    }
}
