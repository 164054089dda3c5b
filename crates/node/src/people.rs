//! Members, where they are, and when they were last seen.

use commonplace_model::shown;

use crate::{core::Core, error::Result, profile, view::Person};

impl Core {
    pub(crate) fn people(&mut self, commons: &str) -> Result<Vec<Person>> {
        let id = self.find_commons(commons)?;
        let here = self.here(id);
        let commons = self.held_commons(id)?;
        let tagged = self.store.tagged(id)?;
        let mut people = Vec::new();
        for member in commons.roll.members() {
            let you = member.id == commons.me;
            let mut last_seen = None;
            let mut devices = Vec::new();
            for device in &member.devices {
                let peer = self.store.peer(*device)?;
                last_seen = last_seen.max(peer.as_ref().and_then(|p| p.last_seen));
                devices.push(shown(commons.roll.device_name(device).unwrap_or(&member.person.device_name)));
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
                tagged: tagged.get(&member.id).copied().unwrap_or(0),
                muted,
            });
        }
        people.sort_by(|a, b| {
            let key = |p: &Person| (!p.you, !p.here, p.name.to_lowercase());
            key(a).cmp(&key(b))
        });
        Ok(people)
    }
}
