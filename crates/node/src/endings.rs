//! What follows when the standing of members and devices ends: nobody listens to the device any more, and what members say to
//! each other they say under a new name. What documents hold then is in `heeding`.

use std::{collections::BTreeSet, time::Duration};

use commonplace_governance::{Able, Cut, DeviceStanding, Model, Parting, Roll};
use commonplace_model::{ChangeHash, CommonsId, DeviceId, DocId, MemberId, RecordId, shown};

use crate::{
    commons::Commons,
    core::Core,
    deciding::reason_of,
    error::{Error, ErrorCode, Result},
    view::{HowOut, Leaving, Out},
};

/// How long the last records have to get to a device that is nobody's any more.
const GOODBYE: Duration = Duration::from_secs(2);

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
            self.looks();
            tips.extend(self.store.tips_of(id, doc, devices)?.into_iter().map(|(tip, _)| (doc, tip)));
        }
        Ok(tips)
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
