//! How many records of a member the roll takes in from those whose records they are.
//!
//! A record is not invalid for being one too many, for that would depend on what else came here. It is left out of what its own
//! member's devices bring, and comes with what somebody else built on it, or from another member who has it: those have judged it
//! by their own room. What is left out so is not lost. It is brought again, and some of it is let in each time ([`Room`]).

use std::collections::{BTreeMap, BTreeSet};

use commonplace_model::{DeviceId, MemberId, RecordId};
use commonplace_trust::VerifiedRecord;

use super::{DeviceStanding, Roll};

/// Records by devices that are nobody's as far as is known, in what somebody brings who is nobody either: they may be members
/// whose admissions come with them.
const OF_NOBODY: usize = 4_096;

/// How much a member's own devices may bring of what they wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Records of the member, those that are there among them.
    pub records: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// What of records that came there is room for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Roomy {
    /// These, each after those of them that it builds on.
    pub records: Vec<VerifiedRecord>,
    /// How many were left out.
    pub left_out: usize,
}

/// What is left of a member's room.
#[derive(Debug, Clone, Copy)]
struct Rest {
    records: usize,
    bytes: u64,
}

impl Rest {
    fn takes(&mut self, bytes: u64) -> bool {
        let fits = self.records > 0 && self.bytes >= bytes;
        if fits {
            (self.records, self.bytes) = (self.records - 1, self.bytes - bytes);
        }
        fits
    }
}

impl Roll {
    /// Of records that a device brings, those for which there is room. `spare` says whether one more of a member is let in all the
    /// same; asked only of records that build on nothing that is missing.
    pub fn with_room(
        &self,
        brought_by: &DeviceId,
        records: Vec<VerifiedRecord>,
        room: Room,
        mut spare: impl FnMut(&MemberId) -> bool,
    ) -> Roomy {
        let bringer = self.member_ever(brought_by);
        // Whose record it is, as far as its room is bounded: nobody's are the bringer's.
        let account = |record: &VerifiedRecord| match (self.member_ever(&record.draft().author), bringer) {
            (Some(author), Some(bringer)) if author != bringer => None,
            (author, bringer) => Some(author.or(bringer)),
        };
        let records = in_order(records.into_iter().filter(|record| !self.has(&record.id())).collect());
        let built_on = built_on(&records, |record| account(record).is_none());
        let mut left: BTreeMap<Option<MemberId>, Rest> = BTreeMap::new();
        let (mut roomy, mut taken) = (Roomy::default(), BTreeSet::new());
        for record in records {
            let is_free = built_on.contains(&record.id());
            let fits = is_free
                || account(&record).is_none_or(|account| {
                    let left = left.entry(account).or_insert_with(|| self.left(account.as_ref(), room));
                    let whole =
                        |taken: &BTreeSet<RecordId>| links(&record).all(|id| taken.contains(&id) || self.has(&id));
                    left.takes(record.bytes().len() as u64)
                        || account.is_some_and(|member| whole(&taken) && spare(&member))
                });
            if fits {
                taken.insert(record.id());
                roomy.records.push(record);
            } else {
                roomy.left_out += 1;
            }
        }
        roomy
    }

    fn left(&self, member: Option<&MemberId>, room: Room) -> Rest {
        let Some(member) = member else { return Rest { records: OF_NOBODY, bytes: room.bytes } };
        let (records, bytes) = self.dag.written_by(member);
        Rest { records: room.records.saturating_sub(records), bytes: room.bytes.saturating_sub(bytes) }
    }

    /// The member whose device this is or was.
    fn member_ever(&self, device: &DeviceId) -> Option<MemberId> {
        match self.standing_of(device) {
            DeviceStanding::Good(member) | DeviceStanding::Ended(member) => Some(member),
            DeviceStanding::None => None,
        }
    }
}

/// The records that a record is written on and under.
fn links(record: &VerifiedRecord) -> impl Iterator<Item = RecordId> + '_ {
    record.draft().parents.iter().copied().chain(record.draft().authority)
}

/// The same with each after those that it builds on.
fn in_order(records: Vec<VerifiedRecord>) -> Vec<VerifiedRecord> {
    let numbers: BTreeMap<RecordId, usize> = records.iter().enumerate().map(|(at, r)| (r.id(), at)).collect();
    let linked: Vec<Vec<usize>> =
        records.iter().map(|record| links(record).filter_map(|id| numbers.get(&id).copied()).collect()).collect();
    let (mut begun, mut order) = (vec![false; records.len()], Vec::with_capacity(records.len()));
    for first in 0..records.len() {
        let mut open = vec![(first, 0)];
        while let Some((at, next)) = open.pop() {
            if next == 0 && std::mem::replace(&mut begun[at], true) {
                continue;
            }
            match linked[at].get(next) {
                Some(link) => {
                    open.push((at, next + 1));
                    open.extend((!begun[*link]).then_some((*link, 0)));
                }
                None => order.push(at),
            }
        }
    }
    let mut records: Vec<_> = records.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| records[at].take()).collect()
}

/// Those of which something holds, and all that they build on.
fn built_on(records: &[VerifiedRecord], holds: impl Fn(&VerifiedRecord) -> bool) -> BTreeSet<RecordId> {
    let mut all = BTreeSet::new();
    for record in records.iter().rev() {
        if all.contains(&record.id()) || holds(record) {
            all.insert(record.id());
            all.extend(links(record));
        }
    }
    all
}
