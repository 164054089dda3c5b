//! How many actors of a device a document takes in from those whose device it is.
//!
//! A device writes in a document under a new actor for each start of its app, and what every later change of the document
//! costs, in Automerge and in frontiers, grows with the number of actors. A change is not invalid for being the first of one
//! too many, for that would depend on what else came here. It is left out of what its own member's devices bring, and comes
//! with what somebody else wrote on it, or from somebody else who has it: those have judged it by their own room.
//!
//! Deliberately absent: counting what is there, which the caller does ([`Room`]).

use std::collections::{HashMap, HashSet};

use commonplace_model::{Actor, ChangeHash, DeviceId};

use crate::{
    attestation::VerifiedAttestation,
    gate::{Counting, Passed, VerifiedChange},
};

/// Actors of a device that a document takes in from the device's own member. Who starts the app each day needs eleven years.
pub const MAX_ACTORS: usize = 4_096;

/// How many more actors of a device may begin in the document; nothing where there is no bound to that, for what comes is not
/// brought by a device of the same member.
pub type Room<'a> = &'a dyn Fn(&DeviceId) -> Option<usize>;

/// Leaves out what begins without room and is not built upon by anybody else, and what builds on that. Notes of which devices.
pub(crate) fn leave_out(room: Room<'_>, attestations: &[VerifiedAttestation], passed: &mut Passed) {
    let mut own: HashMap<Actor, DeviceId> = HashMap::new();
    let mut left: HashMap<DeviceId, usize> = HashMap::new();
    for said in attestations {
        let device = said.get().device;
        if let Some(room) = room(&device) {
            own.insert(said.actor(), device);
            left.insert(device, room);
        }
    }
    if own.is_empty() {
        return;
    }
    let built_on = built_on(&own, passed);
    let mut out = HashSet::new();
    for change in std::mem::take(&mut passed.changes) {
        let mut begins = || match own.get(&change.actor()).filter(|_| change.seq() == 1) {
            Some(device) => left.get_mut(device).is_some_and(|left| {
                let any = *left > 0;
                *left = left.saturating_sub(1);
                any
            }),
            None => true,
        };
        if built_on.contains(&change.hash()) || !change.deps().any(|dep| out.contains(&dep)) && begins() {
            passed.changes.push(change);
        } else {
            out.insert(change.hash());
            passed.beyond.extend(own.get(&change.actor()));
        }
    }
}

/// What came of others, and all that it builds on.
fn built_on(own: &HashMap<Actor, DeviceId>, passed: &Passed) -> HashSet<ChangeHash> {
    let mut counting = Counting::default();
    // From the last one back: whatever builds on a change comes after it.
    let back = passed.changes.iter().rev();
    back.filter(|change| counting.counts(!own.contains_key(&change.actor()), change.hash(), change.deps()))
        .map(VerifiedChange::hash)
        .collect()
}
