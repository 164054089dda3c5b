//! The commons on this device, the person at it, and the engine at a glance.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use commonplace_governance::{Genesis, Introduction, Roll};
use commonplace_model::{CommonsId, DeviceId, DocId, MemberId, RecordId, line, shown};
use commonplace_trust::VerifiedRecord;

use crate::{
    core::Core,
    deciding::{self, Coming},
    endings::member_once,
    error::{Error, ErrorCode, Result},
    heeding::Heeded,
    licence::licence_of,
    presence::Presences,
    profile::{self, Owner},
    view::{CommonsView, Deciding, Event, Ink, Profile, Status},
};

const OWNER: &str = "owner";
/// The licence of a commons whose founder names none.
const LICENCE: &str = "CC-BY-SA-4.0";
/// Characters of an id that a person must give at least.
pub(crate) const ID_BEGINNING: usize = 4;

/// A commons on this device.
pub(crate) struct Commons {
    pub(crate) roll: Roll,
    /// This person in it.
    pub(crate) me: MemberId,
    pub(crate) presences: Presences,
    /// Signed bytes of the records, for those who lack some.
    pub(crate) records: HashMap<RecordId, Vec<u8>>,
    /// Who ever came into it, in the order in which that was heard of.
    pub(crate) came: Vec<Coming>,
    /// How far the first sync is.
    pub(crate) arrival: Arrival,
    /// Members whose presence this device does not show.
    pub(crate) muted: BTreeSet<MemberId>,
    /// What was seen to in its documents after devices' standing ended.
    pub(crate) heeded: Heeded,
    /// Devices that are out by proofs, and all of whose work that counts and is here was named.
    pub(crate) named_for: BTreeSet<DeviceId>,
    /// Decisions of this person to remove somebody whose cuts are being completed.
    pub(crate) completing: BTreeSet<RecordId>,
}

/// How far the first sync of a commons is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is under way, or was interrupted.
    Coming,
    /// All has come, and some of it is still to be put into the lists.
    Listing,
    /// It is over.
    Over,
}

impl Commons {
    /// What it is called, as it can be shown.
    pub(crate) fn name(&self) -> String {
        shown(&self.roll.charter().name)
    }
}

impl Core {
    pub(crate) fn load_owner(&mut self) -> Result<()> {
        if let Some(bytes) = self.store.setting(OWNER)? {
            self.owner = postcard::from_bytes(&bytes).ok();
        }
        Ok(())
    }

    pub(crate) fn load_commons(&mut self) -> Result<()> {
        for id in self.store.commons()? {
            let records = self.store.records(id)?;
            match Roll::fold(id, &records) {
                Ok(roll) => {
                    self.hold_commons(roll, &records, self.store.setting(&arriving_key(id))?.is_some());
                    // A profile opens whatever its members did; what could not be done is tried again at the next start.
                    if self.commons.contains_key(&id)
                        && let Err(error) = self.heed_endings(id)
                    {
                        tracing::error!(%error, commons = %id, "what ended devices wrote could not be taken out");
                    }
                }
                Err(error) => {
                    tracing::error!(%error, commons = %id, "the roll of a commons does not fold; it is left alone");
                }
            }
        }
        Ok(())
    }

    fn hold_commons(&mut self, roll: Roll, records: &[VerifiedRecord], arriving: bool) {
        let Some(me) = member_once(&roll, &self.device()) else {
            tracing::error!(commons = %roll.commons(), "this device was never a member's of a commons that it holds");
            return;
        };
        let came = records.iter().filter_map(Coming::by).collect();
        let records = records.iter().map(|r| (r.id(), r.bytes().to_vec())).collect();
        let arrival = if arriving { Arrival::Coming } else { Arrival::Over };
        let muted = self.load_muted(roll.commons());
        let commons = Commons {
            me,
            presences: Presences::default(),
            records,
            came,
            arrival,
            muted,
            roll,
            heeded: Heeded::default(),
            named_for: BTreeSet::new(),
            completing: BTreeSet::new(),
        };
        self.acknowledge_soon(commons.roll.commons());
        self.commons.insert(commons.roll.commons(), commons);
    }

    /// Takes in a commons that this device founded or was let into.
    pub(crate) fn add_commons(
        &mut self,
        roll: Roll,
        records: &[VerifiedRecord],
        arriving: bool,
    ) -> Result<CommonsView> {
        let id = roll.commons();
        self.store.add_commons(id, records)?;
        if arriving {
            self.store.set_setting(&arriving_key(id), &[1])?;
        }
        self.hold_commons(roll, records, arriving);
        self.commons_changed_members(id);
        let view = self.commons_view(id)?;
        self.tell(Event::Commons { commons: view.clone() });
        Ok(view)
    }

    /// Notes that a commons is still to come.
    fn arrives(&mut self, id: CommonsId) -> Result<()> {
        self.store.set_setting(&arriving_key(id), &[1])?;
        if let Some(commons) = self.commons.get_mut(&id) {
            commons.arrival = Arrival::Coming;
        }
        Ok(())
    }

    /// Notes that everything of a commons has come.
    pub(crate) fn arrived(&mut self, id: CommonsId) -> Result<()> {
        if let Some(commons) = self.commons.get_mut(&id).filter(|c| c.arrival == Arrival::Coming) {
            commons.arrival = Arrival::Listing;
            self.store.remove_setting(&arriving_key(id))?;
        }
        self.listed(id)
    }

    /// Notes that documents of a commons were put into the lists: when none waits any more, its first sync is over.
    pub(crate) fn listed(&mut self, id: CommonsId) -> Result<()> {
        let none_waits = self.store.counts(id)?.unindexed == 0;
        if let Some(commons) = self.commons.get_mut(&id).filter(|c| c.arrival == Arrival::Listing && none_waits) {
            commons.arrival = Arrival::Over;
            self.tell_commons(id);
        }
        Ok(())
    }

    /// Takes in records that were made here or came from others; gives those that were new.
    pub(crate) fn add_records(&mut self, id: CommonsId, records: Vec<VerifiedRecord>) -> Result<Vec<VerifiedRecord>> {
        let was_in = self.is_in(id);
        let held = self.held_commons(id)?;
        let mut roll = held.roll.clone();
        // Stored are those that are in the fold now, also those that had waited in memory until these came.
        let new = roll.add_all(records.into_iter().filter(|r| !held.records.contains_key(&r.id())));
        if new.is_empty() {
            if let Some(held) = self.commons.get_mut(&id) {
                // What came too early waits in it.
                held.roll = roll;
            }
            return Ok(new);
        }
        let shows_others = roll.hidden() != held.roll.hidden();
        let fell = deciding::fell(&held.roll, &roll, &held.me);
        let caught: BTreeMap<_, _> = held.roll.caught().map(|(device, caught)| (*device, caught.is_shown())).collect();
        self.store.add_records(id, &new)?;
        if let Some(held) = self.commons.get_mut(&id) {
            held.roll = roll;
            held.came.extend(new.iter().filter_map(Coming::by));
            held.records.extend(new.iter().map(|r| (r.id(), r.bytes().to_vec())));
        }
        if !was_in && self.is_in(id) {
            // Whoever comes back has missed what was written meanwhile, as one who is new has.
            self.arrives(id)?;
        }
        // The records count, whatever becomes of this; what could not be done is tried again at the next start.
        if let Err(error) = self.heed_endings(id) {
            self.trouble(&error);
        }
        self.tell_caught(id, &caught);
        self.commons_changed_members(id);
        self.tell(Event::People { commons: id.to_string() });
        self.tell_commons(id);
        self.tell_decisions(id);
        self.tell_fallen(id, &fell)?;
        if shows_others {
            self.tell(Event::Pages { commons: id.to_string(), rows: Vec::new() });
        }
        self.acknowledge_soon(id);
        Ok(new)
    }

    /// Takes in records that another device brought, passes on those that were new, and says so if this device is out by them.
    /// Gives whether some were left out, for which there is no room.
    pub(crate) fn take_records(&mut self, from: DeviceId, id: CommonsId, records: Vec<VerifiedRecord>) -> Result<bool> {
        let was_in = self.is_in(id);
        let roomy = self.with_room(from, id, records)?;
        let new = self.add_records(id, roomy.records)?;
        self.pass_on_records(id, &new, Some(from));
        if was_in && let Err(out) = self.must_be_in(id) {
            self.trouble(&out);
        }
        Ok(roomy.left_out > 0)
    }

    pub(crate) fn held_commons(&self, id: CommonsId) -> Result<&Commons> {
        self.commons.get(&id).ok_or_else(|| Error::new(ErrorCode::NotFound, "That commons is not on this device."))
    }

    /// The commons that a person means: by id, by the beginning of one, or by name.
    pub(crate) fn find_commons(&self, reference: &str) -> Result<CommonsId> {
        let wanted = reference.trim();
        let lower = wanted.to_lowercase();
        let found: Vec<CommonsId> = self
            .commons
            .iter()
            .filter(|(id, commons)| {
                commons.name().to_lowercase() == lower
                    || wanted.len() >= ID_BEGINNING && id.to_string().starts_with(&lower)
            })
            .map(|(id, _)| *id)
            .collect();
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(Error::new(
                ErrorCode::NotFound,
                format!("There is no commons called “{wanted}” on this device, and none whose id begins like that."),
            )),
            several => {
                // A whole id always means one, even if another commons bears it as a name.
                let exact = several.iter().find(|id| id.to_string() == lower).copied();
                exact.ok_or_else(|| {
                    let ids: Vec<_> = several.iter().map(CommonsId::short).collect();
                    Error::new(
                        ErrorCode::Ambiguous,
                        format!(
                            "Several commons answer to “{wanted}”: {}. Name one by the beginning of its id.",
                            ids.join(", ")
                        ),
                    )
                })
            }
        }
    }

    /// How a commons looks now.
    pub(crate) fn commons_view(&self, id: CommonsId) -> Result<CommonsView> {
        let commons = self.held_commons(id)?;
        let counts = self.store.counts(id)?;
        let charter = commons.roll.charter();
        Ok(CommonsView {
            id: id.to_string(),
            name: commons.name(),
            purpose: charter.purpose.clone(),
            licence: shown(&charter.licence),
            deciding: Self::deciding(&commons.roll),
            pages: counts.pages.saturating_sub(self.hidden_pages(id)?),
            tags: counts.tags,
            members: commons.roll.members().count() as u64,
            here: self.here(id).len() as u64,
            only_here: self.store.only_here(id)?,
            arriving: commons.arrival != Arrival::Over,
            left: !self.is_in(id),
            out: self.out(commons),
            stuck: if self.is_in(id) { deciding::stuck(&commons.roll) } else { String::new() },
        })
    }

    /// Tells how a commons looks now.
    pub(crate) fn tell_commons(&self, id: CommonsId) {
        if let Ok(commons) = self.commons_view(id) {
            self.tell(Event::Commons { commons });
        }
    }

    pub(crate) fn commons_list(&mut self) -> Result<Vec<CommonsView>> {
        let mut views: Vec<_> = self.commons.keys().map(|id| self.commons_view(*id)).collect::<Result<_>>()?;
        views.sort_by(|a, b| a.name.to_lowercase().cmp(&b.name.to_lowercase()).then_with(|| a.id.cmp(&b.id)));
        Ok(views)
    }

    pub(crate) fn commons_new(
        &mut self,
        name: &str,
        purpose: Option<String>,
        licence: Option<&str>,
        model: Deciding,
    ) -> Result<CommonsView> {
        let name = one_line("name of a commons", name, Genesis::MAX_NAME)?;
        let licence = licence_of(licence.unwrap_or(LICENCE))?;
        let purpose = purpose.unwrap_or_default().trim().to_owned();
        if purpose.len() > Genesis::MAX_PURPOSE {
            return Err(Error::bad("The purpose of a commons can have at most 4,000 bytes."));
        }
        let founder = self.introduction()?;
        let genesis =
            Genesis { name, purpose, licence, deciding: deciding::number(model), founder, nonce: profile::random()? };
        let (roll, record) = Roll::found(genesis, &self.key).map_err(Error::internal)?;
        self.add_commons(roll, &[record], false)
    }

    /// How this person introduces themselves.
    pub(crate) fn introduction(&self) -> Result<Introduction> {
        let owner = self.owner()?;
        Ok(Introduction { name: owner.name.clone(), ink: owner.ink, device_name: owner.device_name.clone() })
    }

    pub(crate) fn init(&mut self, name: &str, ink: Option<Ink>, device_name: Option<String>) -> Result<Profile> {
        let name = one_line("name", name, Introduction::MAX_BYTES)?;
        let device_name =
            device_name.map(|given| one_line("name of a device", &given, Introduction::MAX_BYTES)).transpose()?;
        let before = self.owner.take();
        let ink = ink.map(profile::ink_number).or(before.as_ref().map(|o| o.ink)).unwrap_or_else(|| {
            // A stable ink of one's own until one is chosen.
            self.device().as_bytes()[0] % 12
        });
        let device_name =
            device_name.or(before.map(|o| o.device_name)).unwrap_or_else(|| profile::default_device_name(&name));
        let owner = Owner { name, ink, device_name };
        let bytes = postcard::to_allocvec(&owner).map_err(Error::internal)?;
        self.owner = Some(owner);
        self.store.set_setting(OWNER, &bytes)?;
        self.announce();
        self.state_profile()?;
        self.profile()
    }

    /// Says in every ledger of this member's what they are called now.
    fn state_profile(&mut self) -> Result<()> {
        let person = self.introduction()?;
        let members = self.commons.values().filter_map(|c| {
            let came_with = &c.roll.member(&c.me)?.person;
            Some((c.roll.commons(), c.me, (came_with.name.clone(), came_with.ink)))
        });
        for (commons, me, came_with) in members.collect::<Vec<_>>() {
            // What another device of theirs said may not be read yet.
            self.index_now(commons, DocId::Ledger(me))?;
            if self.store.profile_of(commons, me)?.unwrap_or(came_with) == (person.name.clone(), person.ink) {
                continue;
            }
            let said = commonplace_model::Statement::Profile { name: person.name.clone(), ink: person.ink };
            self.change_ledger(commons, DocId::Ledger(me), &[said], &[])?;
            self.tell(Event::People { commons: commons.to_string() });
        }
        Ok(())
    }

    pub(crate) fn profile(&self) -> Result<Profile> {
        let owner = self.owner()?;
        Ok(Profile {
            name: owner.name.clone(),
            ink: profile::ink(owner.ink),
            device: self.device().to_string(),
            device_name: owner.device_name.clone(),
        })
    }

    pub(crate) fn status(&mut self) -> Result<Status> {
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            home: self.home.display().to_string(),
            profile: self.profile().ok(),
            commons: self.commons_list()?,
            online: self.network.is_open(),
            connected: self.connected_devices(),
            elsewhere: self.network.elsewhere,
        })
    }

    /// Name, ink and device name of a device's member, as that commons knows them and as they can be shown.
    pub(crate) fn person_of(&self, commons: &Commons, device: &DeviceId) -> Option<Introduction> {
        commons.roll.member_of(device).map(|member| {
            let Introduction { mut name, mut ink, device_name } = member.person.clone();
            if let Ok(Some(said)) = self.store.profile_of(commons.roll.commons(), member.id) {
                (name, ink) = said;
            }
            Introduction { name: shown(&name), ink, device_name: shown(&device_name) }
        })
    }
}

/// Setting that marks a commons whose first sync has not ended.
fn arriving_key(id: CommonsId) -> String {
    format!("arriving/{id}")
}

/// A line of text that a person gave, trimmed and checked.
pub(crate) fn one_line(what: &str, text: &str, max: usize) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::bad(format!("A {what} needs at least one character.")));
    }
    if text.len() > max {
        return Err(Error::bad(format!("A {what} can have at most {max} bytes; this one has {}.", text.len())));
    }
    line::check(text)
        .map_err(|error| Error::bad(format!("That would mislead as a {what}: {error}. Nothing was changed.")))?;
    Ok(text.to_owned())
}
