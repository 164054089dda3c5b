//! What follows when the standing of members and devices ends: documents hold only what counts, nobody listens to the device
//! any more, and what members say to each other they say under a new name.

use std::{collections::BTreeSet, time::Duration};

use commonplace_governance::{Able, Act, Cut, DeviceStanding, Model, Parting, Roll, decision::Standing};
use commonplace_model::{ChangeHash, CommonsId, DeviceId, DocId, MemberId, RecordId, shown};
use commonplace_trust::Fork;

use crate::{
    commons::Commons,
    core::Core,
    deciding::reason_of,
    error::{Error, ErrorCode, Result},
    view::{Event, HowOut, Leaving, Out},
};

/// How long the last records have to get to a device that is nobody's any more.
const GOODBYE: Duration = Duration::from_secs(2);

/// Setting with what was heeded last of a commons' endings.
fn heeded_key(id: CommonsId) -> String {
    format!("heeded/{id}")
}

impl Core {
    /// Whether this person is a member of a commons that this device holds, and not only was.
    pub(crate) fn is_in(&self, id: CommonsId) -> bool {
        self.commons.get(&id).is_some_and(|held| held.roll.member_of(&self.device()).is_some())
    }

    /// Refuses where this device's standing ended: nobody would take what is written.
    pub(crate) fn must_be_in(&self, id: CommonsId) -> Result<()> {
        if self.is_in(id) {
            return Ok(());
        }
        let held = self.held_commons(id)?;
        let (how, what) = self.how_out(held).unwrap_or((HowOut::Removed, "You are out of it".to_owned()));
        let back = match how {
            HowOut::Left | HowOut::Removed => "To come back, ask a member for a new ticket or for readmission.",
            HowOut::Caught => "Pair it anew with another device of yours, or ask a member for a ticket.",
            HowOut::Revoked => "To write in it with this device again, add it anew from another device of yours.",
        };
        Err(Error::new(
            ErrorCode::NotAMember,
            format!(
                "{what}, so this device is no member’s of “{}” any more, and nobody would take what is written here. What you \
                 hold of it stays yours to read and to export. {back}",
                held.name()
            ),
        ))
    }

    /// How this device came to be out of a commons, if it is.
    pub(crate) fn out(&self, held: &Commons) -> Option<Out> {
        self.how_out(held).map(|(how, what)| Out { how, said: format!("{what}.") })
    }

    /// How this device came to be out of a commons, and that in words to which a full stop is missing.
    fn how_out(&self, held: &Commons) -> Option<(HowOut, String)> {
        let roll = &held.roll;
        Some(match roll.parting(&self.device())? {
            Parting::Left => (HowOut::Left, "You left".to_owned()),
            Parting::RemovedBy(member, record) => {
                let why = roll.own_word(&record).map(|word| in_brackets(&word.reason)).unwrap_or_default();
                (HowOut::Removed, format!("{} removed you{why}", self.named(held, member).name))
            }
            Parting::Decided(decision) => {
                let decision = roll.decision(&decision)?;
                let why = in_brackets(&decision.proposal.reason);
                let what = match decision.model {
                    Model::Open => format!("{} removed you{why}", self.named(held, decision.by).name),
                    _ => format!("It was decided to remove you{why}"),
                };
                (HowOut::Removed, what)
            }
            Parting::RevokedBy(device) => {
                let name = roll.pairing(&device).map(|said| shown(&said.device_name)).unwrap_or_default();
                (HowOut::Revoked, format!("Your device “{name}” revoked this one"))
            }
            Parting::Caught => (HowOut::Caught, "This device wrote in two ways, and is out".to_owned()),
        })
    }

    /// What leaving a commons would bring about that nobody could undo.
    pub(crate) fn leaving(&self, commons: &str) -> Result<Leaving> {
        let id = self.find_commons(commons)?;
        self.must_be_in(id)?;
        let held = self.held_commons(id)?;
        let roll = &held.roll;
        let mut says = Vec::new();
        if roll.members().all(|member| member.id == held.me) {
            says.push(
                "You are its only member: with you gone nobody could write in it, let anybody in or take you back."
                    .to_owned(),
            );
        } else if !matches!(roll.able(), Able::Nothing(_))
            && matches!(roll.able_without(Some(&held.me)), Able::Nothing(_))
        {
            let (who, first) = match roll.footing().model {
                Model::Stewards { .. } => {
                    ("stewards", "Make another member a steward first, or propose another way of deciding.")
                }
                _ => ("electors", "Propose another way of deciding first."),
            };
            says.push(format!(
                "Too few {who} would be left to decide anything: its charter, and who decides, could never be changed again. {first}"
            ));
        }
        Ok(Leaving { says })
    }

    /// Has this person leave a commons. What they hold of it stays with them. What nobody could undo takes `anyway`.
    pub(crate) fn leave(&mut self, commons: &str, reason: &str, anyway: bool) -> Result<()> {
        let says = self.leaving(commons)?.says;
        if !says.is_empty() && !anyway {
            return Err(Error::new(ErrorCode::NotAllowed, format!("{} Nothing was changed.", says.join(" "))));
        }
        let id = self.find_commons(commons)?;
        let me = self.held_commons(id)?.me;
        self.remove_member(id, me, &reason_of(reason)?).map(drop)
    }

    /// Removes a member by this one's own word. All of their work that is known here stays.
    pub(crate) fn remove_member(&mut self, id: CommonsId, member: MemberId, reason: &str) -> Result<RecordId> {
        self.flush_all();
        let cuts = self.cut_of_member(id, member)?;
        let records = self.write_records(id, |roll, key| roll.remove_because(member, cuts, reason, key))?;
        let roll = &self.held_commons(id)?.roll;
        let listed = records.into_iter().find(|record| roll.own_word(record).is_some());
        listed.ok_or_else(|| Error::internal("a removal that is nobody's word"))
    }

    /// What counts of the work of a member who is about to be removed: all of it that is known here.
    pub(crate) fn cut_of_member(&self, id: CommonsId, member: MemberId) -> Result<Vec<Cut>> {
        let roll = &self.held_commons(id)?.roll;
        let devices = roll.member(&member).map(|m| m.devices.clone()).unwrap_or_default();
        self.cut_of(id, &devices)
    }

    /// What counts of the work of devices whose standing is about to end: all of it that is known here.
    pub(crate) fn cut_of(&self, id: CommonsId, devices: &BTreeSet<DeviceId>) -> Result<Vec<Cut>> {
        Ok(Cut::of(self.tips_by(id, devices)?))
    }

    /// Changes of these devices that nothing builds on.
    pub(crate) fn tips_by(&self, id: CommonsId, devices: &BTreeSet<DeviceId>) -> Result<Vec<(DocId, ChangeHash)>> {
        let mut tips = Vec::new();
        for doc in self.store.written_by(id, devices)? {
            tips.extend(self.store.tips_of(id, doc, devices)?.into_iter().map(|tip| (doc, tip)));
        }
        Ok(tips)
    }

    /// A decision to remove somebody names one cut. What of their work that leaves out is named by whoever proposed it, as soon
    /// as the decision stands.
    fn complete_cuts(&mut self, id: CommonsId) -> Result<()> {
        let held = self.held_commons(id)?;
        let standing = held.roll.proposals().into_iter().filter_map(|proposal| held.roll.decision(&proposal));
        let removed = standing.filter(|d| d.by == held.me && !matches!(d.standing, Standing::Not(_)));
        let removed: Vec<(RecordId, MemberId)> = removed
            .filter_map(|d| match d.proposal.act {
                Act::Remove { member, .. } => Some((d.id, member)),
                _ => None,
            })
            .collect();
        for (decision, member) in removed {
            let key = format!("cut/{id}/{decision}");
            if self.store.setting(&key)?.is_some() {
                continue;
            }
            self.store.set_setting(&key, &[1])?;
            let roll = &self.held_commons(id)?.roll;
            let theirs = |device: &&DeviceId| roll.standing_of(device) == DeviceStanding::Ended(member);
            let devices: BTreeSet<DeviceId> = roll.ended().filter(theirs).copied().collect();
            let mut cuts = self.cut_of(id, &devices)?;
            cuts.retain(|cut| !cut.is_empty());
            if !cuts.is_empty() {
                self.write_records(id, |roll, key| roll.remove(member, cuts, key))?;
            }
        }
        Ok(())
    }

    /// Sees to it that documents hold only what counts, after the roll changed or when the profile was opened: it may have
    /// been closed, or have ended, in between.
    pub(crate) fn heed_endings(&mut self, id: CommonsId) -> Result<()> {
        let roll = &self.held_commons(id)?.roll;
        let ended: BTreeSet<DeviceId> = roll.ended().copied().collect();
        let mut hasher = blake3::Hasher::new();
        hasher.update(roll.epoch().as_bytes());
        for device in &ended {
            hasher.update(device.as_bytes());
        }
        for (doc, tips) in roll.cuts() {
            hasher.update(&doc.to_bytes());
            for tip in tips {
                hasher.update(tip.as_bytes());
            }
        }
        for (doc, forks) in roll.forks() {
            for (actor, fork) in forks {
                hasher.update(&doc.to_bytes());
                hasher.update(actor.as_bytes());
                hasher.update(&fork.from().to_le_bytes());
            }
        }
        let now = *hasher.finalize().as_bytes();
        // What somebody holds who is out themselves stays as it is.
        if self.store.setting(&heeded_key(id))?.as_deref() == Some(&now) || !self.is_in(id) {
            return Ok(());
        }
        let mut any = self.heed_twins(id)?;
        self.complete_cuts(id)?;
        for doc in self.store.written_by(id, &ended)? {
            any |= self.cut_back(id, doc, &ended)?;
        }
        self.store.set_setting(&heeded_key(id), &now)?;
        if any {
            self.index_waits = true;
            self.tell_pages(id, Vec::new());
            self.tell(Event::Tags { commons: id.to_string() });
            self.tell_commons(id);
        }
        Ok(())
    }

    fn cut_back(&mut self, id: CommonsId, doc: DocId, ended: &BTreeSet<DeviceId>) -> Result<bool> {
        if let DocId::Page(page) = doc {
            // What is being typed goes where it is seen to go: into the page as it is on the screen.
            self.flush_page(id, page)?;
        }
        let held = self.held_commons(id)?;
        let none = BTreeSet::new();
        let mut cut = held.roll.cuts().find(|(cut, _)| **cut == doc).map_or(none, |(_, tips)| tips.clone());
        // What both ways of a device share counts as what a cut names does.
        let forks = held.roll.forks().filter(|(forked, _)| **forked == doc).flat_map(|(_, forks)| forks.values());
        cut.extend(forks.filter_map(Fork::last));
        let took_out = self.store.cut_back(id, doc, |device| ended.contains(device), &cut)?;
        if took_out {
            self.forget_unstored(id, &[doc]);
        }
        Ok(took_out)
    }

    /// Parts from devices that are nobody's here any more, and from all when it is this one; a moment later, so that the records
    /// that say so get there.
    pub(crate) fn part_from_ended(&mut self, id: CommonsId) {
        let shared: Vec<DeviceId> = self.others(id).copied().collect();
        let over = self.network.meetings.about(id, |device| !shared.contains(device));
        if over.is_empty() {
            return;
        }
        let mailbox = self.mailbox.clone();
        self.runtime.spawn(async move {
            tokio::time::sleep(GOODBYE).await;
            let _ = mailbox.urgent(move |core| core.part(id, &over));
        });
    }

    /// Ends these meetings, also where somebody came back since: they did not hear what was said meanwhile, and meet anew.
    fn part(&mut self, id: CommonsId, over: &[(u64, DeviceId)]) {
        for (meeting, device) in over {
            self.end_meeting(*meeting);
            if !self.shared(device).contains(&id) {
                self.forget_presence(id, *device);
            }
            if self.shared(device).is_empty() {
                self.hang_up(*device);
            }
        }
    }
}

/// Whose member's device one is or was.
pub(crate) fn member_once(roll: &Roll, device: &DeviceId) -> Option<MemberId> {
    match roll.standing_of(device) {
        DeviceStanding::Good(member) | DeviceStanding::Ended(member) => Some(member),
        DeviceStanding::None => None,
    }
}

/// A reason as it stands behind what it is for.
fn in_brackets(reason: &str) -> String {
    let reason = shown(reason);
    if reason.is_empty() { String::new() } else { format!(" (“{reason}”)") }
}
