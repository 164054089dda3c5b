//! The state of a commons in its own words: members, devices, charter, invitations, cuts.
//!
//! Everything here is in ids, so that two replicas can be compared by it.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_model::{Actor, ChangeHash, CommonsId, DeviceId, DocId, MemberId, PageId, RecordId};
use commonplace_trust::Fork;

use super::{Fold, ids};
use crate::{
    body::{Act, Introduction, Model, member_of},
    dag::{At, Dag, Entry, Kind, Whom},
    roll::{Caught, Charter, Epoch, Invited, Member},
};

/// A device in good standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) member: MemberId,
    /// The record that gives it standing, which what it writes names.
    pub(crate) by: RecordId,
    /// The record with which the membership began.
    pub(crate) root: RecordId,
    pub(crate) name: String,
}

/// The state of a commons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) charter: Charter,
    pub(crate) stewards: BTreeSet<MemberId>,
    pub(crate) hidden: BTreeSet<PageId>,
    pub(crate) anew: BTreeMap<PageId, PageId>,
    pub(crate) members: BTreeMap<MemberId, Member>,
    pub(crate) devices: BTreeMap<DeviceId, Standing>,
    /// Devices that had standing and have it no longer.
    pub(crate) ended: BTreeMap<DeviceId, MemberId>,
    /// How people introduced themselves, with the record that says so: of several, the one with the lowest id.
    people: BTreeMap<MemberId, (RecordId, Introduction)>,
    pub(crate) invitations: BTreeMap<DeviceId, Invited>,
    closed: BTreeSet<DeviceId>,
    pub(crate) came: BTreeMap<DeviceId, BTreeSet<DeviceId>>,
    pub(crate) cuts: BTreeMap<DocId, BTreeSet<ChangeHash>>,
    /// How much counts of actors under which devices provably wrote in two ways, where it is shown where these part.
    pub(crate) forks: BTreeMap<DocId, BTreeMap<Actor, Fork>>,
    /// Those devices.
    pub(crate) caught: BTreeMap<DeviceId, Caught>,
    pub(crate) epoch: Epoch,
    /// Records that count and that none that counts builds on.
    pub(crate) tips: BTreeSet<RecordId>,
}

impl Outcome {
    pub(crate) fn of(dag: &Dag, fold: &Fold, commons: CommonsId, charter: Charter) -> Self {
        let footing = &fold.chain[fold.chain.len() - 1].1;
        let mut outcome = Self {
            charter: Charter { deciding: footing.model.number(), ..charter },
            stewards: footing.stewards.clone(),
            hidden: BTreeSet::new(),
            anew: BTreeMap::new(),
            members: BTreeMap::new(),
            devices: BTreeMap::new(),
            ended: BTreeMap::new(),
            people: BTreeMap::new(),
            invitations: BTreeMap::new(),
            closed: BTreeSet::new(),
            came: BTreeMap::new(),
            cuts: BTreeMap::new(),
            forks: BTreeMap::new(),
            caught: BTreeMap::new(),
            epoch: Epoch::of(commons, &ids(dag, &fold.in_force)),
            tips: BTreeSet::new(),
        };
        outcome.carry_out(dag, fold);
        for ending in fold.in_force.iter().filter_map(|at| dag.ending(*at)) {
            for (doc, tips) in ending.cut.tips() {
                outcome.cuts.entry(*doc).or_default().extend(tips);
            }
        }
        outcome.note_twins(dag, fold);
        for (at, _) in dag.entries() {
            outcome.take(dag, fold, commons, at);
        }
        outcome
    }

    /// Notes what was proved of devices that wrote in two ways.
    fn note_twins(&mut self, dag: &Dag, fold: &Fold) {
        let mut proved: BTreeMap<(DocId, Actor), BTreeSet<Fork>> = BTreeMap::new();
        for ending in fold.in_force.iter().filter_map(|at| dag.ending(*at)) {
            let (Whom::Device(device), Some((doc, actor, fork))) = (ending.whom, ending.twins) else { continue };
            proved.entry((doc, actor)).or_default().extend(fork);
            let caught = self.caught.entry(device).or_insert_with(|| Caught::new(dag, device));
            caught.docs.insert(doc);
            caught.shown.extend(fork.map(|_| doc));
        }
        for ((doc, actor), all) in proved {
            if let Some(fork) = Fork::joined(all) {
                self.forks.entry(doc).or_default().insert(actor, fork);
            }
        }
    }

    /// Carries out the acts that stand: decisions in their order, and after each the acts of its open time.
    fn carry_out(&mut self, dag: &Dag, fold: &Fold) {
        // Duties given in an open time that goes on; those of earlier decisions are in the footing.
        let closed = fold.chain.iter().rposition(|(_, footing)| footing.model != Model::Open);
        let open_since = closed.map_or(0, |place| place + 1);
        for (place, (decision, _)) in fold.chain.iter().enumerate() {
            if let Some(motion) = dag.motion(*decision) {
                self.act(&motion.proposal.act, false);
            }
            let acts = dag.motions.get(&(*decision, 0)).into_iter().flatten().copied();
            let motions = acts.filter(|at| fold.counts[*at]).filter_map(|at| Some((at, dag.motion(at)?)));
            let mut free: Vec<_> = motions.filter(|(at, motion)| fold.is_in_open_time(*at, motion)).collect();
            free.sort_by_key(|(at, _)| dag.get(*at).rank());
            for (_, motion) in free {
                self.act(&motion.proposal.act, place >= open_since);
            }
        }
    }

    fn act(&mut self, act: &Act, is_duty_now: bool) {
        match act {
            Act::Charter { name, purpose, text } => {
                let set = |field: &mut String, to: &Option<String>| {
                    if let Some(to) = to {
                        field.clone_from(to);
                    }
                };
                set(&mut self.charter.name, name);
                set(&mut self.charter.purpose, purpose);
                set(&mut self.charter.text, text);
            }
            Act::Licence(licence) => self.charter.licence.clone_from(licence),
            Act::Hide(page) => {
                self.hidden.insert(*page);
            }
            Act::Restore(page) => {
                self.hidden.remove(page);
            }
            Act::FoundAnew { page, anew } => {
                self.anew.insert(*page, *anew);
            }
            // Those of earlier decisions are in the footing.
            Act::Grant(member) if is_duty_now => {
                self.stewards.insert(*member);
            }
            Act::End(member) if is_duty_now => {
                self.stewards.remove(member);
            }
            Act::Grant(_)
            | Act::End(_)
            | Act::Model { .. }
            | Act::Policy(_)
            | Act::Remove { .. }
            | Act::Readmit { .. }
            | Act::Rebind { .. }
            | Act::Admit(_)
            | Act::Roster => {}
        }
    }

    /// Takes in one entry, after all that it builds on.
    pub(crate) fn take(&mut self, dag: &Dag, fold: &Fold, commons: CommonsId, at: At) {
        let entry = dag.get(at);
        // An ending in force is built on also when its author was ended beside it: who goes on knows of it.
        if fold.counts[at] || fold.in_force.contains(&at) {
            for link in &entry.links {
                self.tips.remove(&dag.get(*link).id);
            }
            self.tips.insert(entry.id);
        }
        if fold.counts[at] {
            self.invite(entry);
        }
        self.introduce(entry, commons);
        if fold.gives[at] {
            self.admit(dag, fold, at);
        }
    }

    fn invite(&mut self, entry: &Entry) {
        match &entry.kind {
            Kind::Invitation(invitation) => {
                let closed = self.closed.contains(&invitation.key);
                let said = Invited { invitation: invitation.clone(), by: entry.author, closed };
                let held = self.invitations.entry(invitation.key).or_insert_with(|| said.clone());
                // Whoever says a key first in the order of devices has said it; the answer must not depend on arrival.
                let order = |i: &Invited| (i.by, i.invitation.expires_at, i.invitation.uses);
                if order(&said) < order(held) {
                    *held = said;
                }
            }
            Kind::Closed(key) => {
                self.closed.insert(*key);
                if let Some(invited) = self.invitations.get_mut(key) {
                    invited.closed = true;
                }
            }
            _ => {}
        }
    }

    /// Notes how a person introduced themselves. They signed it, so it holds whether or not the record that has it counts.
    fn introduce(&mut self, entry: &Entry, commons: CommonsId) {
        let Some((device, person)) = introduction(entry) else { return };
        let member = member_of(commons, device);
        let said = (entry.id, person.clone());
        let held = self.people.entry(member).or_insert_with(|| said.clone());
        if said.0 < held.0 {
            *held = said;
        }
        if let Some(shown) = self.members.get_mut(&member) {
            shown.person.clone_from(&held.1);
        }
    }

    fn admit(&mut self, dag: &Dag, fold: &Fold, at: At) {
        let entry = dag.get(at);
        let Some((device, member)) = entry.gives() else { return };
        if let Kind::Admission(admitted) = &entry.kind {
            self.came.entry(admitted.invite).or_default().insert(device);
        }
        if fold.has_ended(dag, at) {
            let held = self.ended.entry(device).or_insert(member);
            *held = member.min(*held);
            return;
        }
        let (name, root) = match &entry.kind {
            Kind::Certificate { device_name, .. } => (device_name.clone(), dag.get(entry.root).id),
            _ => (introduction(entry).map(|(_, person)| person.device_name.clone()).unwrap_or_default(), entry.id),
        };
        let standing = Standing { member, by: entry.id, root, name };
        match self.devices.get(&device) {
            Some(held) if (held.member, held.by) <= (standing.member, standing.by) => return,
            Some(held) if held.member != member => {
                let former = held.member;
                if let Some(shown) = self.members.get_mut(&former) {
                    shown.devices.remove(&device);
                    if shown.devices.is_empty() {
                        self.members.remove(&former);
                    }
                }
            }
            _ => {}
        }
        self.devices.insert(device, standing);
        self.show(member, device);
    }

    /// Shows a member with one device more.
    fn show(&mut self, id: MemberId, device: DeviceId) {
        let Some((_, person)) = self.people.get(&id) else { return };
        let mut devices = self.members.remove(&id).map(|shown| shown.devices).unwrap_or_default();
        devices.insert(device);
        let roots = devices.iter().filter_map(|device| self.devices.get(device)).map(|standing| standing.root);
        if let Some(by) = roots.min() {
            self.members.insert(id, Member { id, person: person.clone(), devices, by });
        }
    }
}

impl Caught {
    /// A device, as the record says that made it a member's; of several, the one with the lowest id.
    fn new(dag: &Dag, device: DeviceId) -> Self {
        let gives =
            dag.entries().map(|(_, entry)| entry).filter(|entry| entry.gives().is_some_and(|(d, _)| d == device));
        let first = gives.min_by_key(|entry| entry.id);
        let name = first.and_then(|entry| match &entry.kind {
            Kind::Certificate { device_name, .. } => Some(device_name),
            _ => introduction(entry).map(|(_, person)| &person.device_name),
        });
        let member = first.and_then(Entry::gives).map_or(MemberId::new([0; 32]), |(_, member)| member);
        Self { member, name: name.cloned().unwrap_or_default(), docs: BTreeSet::new(), shown: BTreeSet::new() }
    }
}

/// How a person introduces themselves in an entry, and with which device.
fn introduction(entry: &Entry) -> Option<(DeviceId, &Introduction)> {
    match &entry.kind {
        Kind::Genesis(person) => Some((entry.author, person)),
        Kind::Admission(admitted) => Some((admitted.device, &admitted.person)),
        Kind::Motion(motion) => match &motion.proposal.act {
            Act::Admit(request) => Some((request.device, &request.person)),
            _ => None,
        },
        _ => None,
    }
}
