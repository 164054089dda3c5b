//! How somebody came to be out.

use commonplace_model::{DeviceId, MemberId, RecordId};

use super::{DeviceStanding, Roll};
use crate::{
    dag::{At, Kind, Right, Whom},
    own,
};

/// How the standing of a device ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// Its member left.
    Left,
    /// This member removed its member by their own word, which has this id.
    RemovedBy(MemberId, RecordId),
    /// It was decided to remove its member.
    Decided(RecordId),
    /// This other device of its member revoked it.
    RevokedBy(DeviceId),
    /// It provably wrote in two ways.
    Caught,
}

impl Roll {
    /// How the standing of a device ended; nothing for one in good standing, and for one that never had any. Of several
    /// endings that are in force, the last.
    pub fn parting(&self, device: &DeviceId) -> Option<Parting> {
        let last = self.endings(device).max_by_key(|at| self.dag.get(*at).rank())?;
        let entry = self.dag.get(last);
        match &entry.kind {
            Kind::Motion(_) => Some(Parting::Decided(entry.id)),
            Kind::Ending(ending) => Some(match (ending.right, ending.whom) {
                (Right::Decided(by), _) => Parting::Decided(self.dag.get(by).id),
                (Right::Proven, _) => Parting::Caught,
                (Right::Rule(_), _) => {
                    Parting::RemovedBy(entry.member, self.dag.get(own::first_of_its_cuts(&self.dag, last)).id)
                }
                (Right::Own, Whom::Member(_)) => Parting::Left,
                (Right::Own, Whom::Device(_)) => Parting::RevokedBy(entry.author),
            }),
            _ => None,
        }
    }

    /// Whether nothing but proofs that it wrote in two ways ended the standing of a device: nobody has said then what is to count
    /// of its other work, so all of it is.
    pub fn is_only_caught(&self, device: &DeviceId) -> bool {
        let by_proof = |at: At| self.dag.ending(at).is_some_and(|ending| ending.right == Right::Proven);
        let mut endings = self.endings(device).peekable();
        endings.peek().is_some() && endings.all(by_proof)
    }

    /// The records in force with proofs that a device wrote in two ways, if its standing ended.
    pub fn proofs(&self, device: &DeviceId) -> impl Iterator<Item = RecordId> {
        let by_proof = |at: &At| self.dag.ending(*at).is_some_and(|ending| ending.right == Right::Proven);
        self.endings(device).filter(by_proof).map(|at| self.dag.get(at).id)
    }

    /// The endings in force of a device's standing.
    fn endings(&self, device: &DeviceId) -> impl Iterator<Item = At> {
        let member = match self.standing_of(device) {
            DeviceStanding::Ended(member) => Some(member),
            DeviceStanding::Good(_) | DeviceStanding::None => None,
        };
        let of = |whom| self.dag.endings_of.get(&whom).into_iter().flatten().copied();
        let device = *device;
        let all = member.into_iter().flat_map(move |member| of(Whom::Member(member)).chain(of(Whom::Device(device))));
        all.filter(|at| self.fold.in_force.contains(at))
    }
}
