//! How somebody came to be out.

use commonplace_model::{DeviceId, MemberId, RecordId};

use super::{DeviceStanding, Roll};
use crate::{
    dag::{Kind, Right, Whom},
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
        let DeviceStanding::Ended(member) = self.standing_of(device) else { return None };
        let of = |whom| self.dag.endings_of.get(&whom).into_iter().flatten().copied();
        let all = of(Whom::Member(member)).chain(of(Whom::Device(*device)));
        let last = all.filter(|at| self.fold.in_force.contains(at)).max_by_key(|at| self.dag.get(*at).rank())?;
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
}
