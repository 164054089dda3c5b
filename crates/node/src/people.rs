//! Members, where they are, and when they were last seen.

use std::collections::BTreeMap;

use commonplace_model::{MemberId, shown};

use crate::{
    core::Core,
    error::Result,
    profile,
    reach::path_of,
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
            let (mut devices, mut reached) = (Vec::new(), Vec::new());
            for device in &member.devices {
                let peer = self.store.peer(*device)?;
                last_seen = last_seen.max(peer.as_ref().and_then(|p| p.last_seen));
                let device_name = shown(commons.roll.device_name(device).unwrap_or(&member.person.device_name));
                if let Some(connection) = self.network.connected.get(device) {
                    reached.push(path_of(connection, device_name.clone()));
                }
                devices.push(device_name);
            }
            let muted = commons.muted.contains(&member.id);
            let presence = member.devices.iter().find_map(|device| commons.presences.of(device)).filter(|_| !muted);
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
                name: shown(&name),
                ink: profile::ink(ink),
                you,
                here: you || !muted && member.devices.iter().any(|device| here.contains(device)),
                page,
                writing: presence.is_some_and(|p| p.writing),
                last_seen: last_seen.filter(|_| !muted),
                devices,
                reached: if muted { Vec::new() } else { reached },
                caught: caught.remove(&member.id).unwrap_or_default(),
                tagged: tagged.get(&member.id).copied().unwrap_or(0),
                muted,
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
                reached: Vec::new(),
                caught,
                tagged: tagged.get(&member).copied().unwrap_or(0),
                muted: false,
            });
        }
        people.sort_by(|a, b| {
            let key = |p: &Person| (!p.you, !p.here, p.name.to_lowercase());
            key(a).cmp(&key(b))
        });
        Ok(people)
    }
}
