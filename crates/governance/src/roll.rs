//! The fold: from records to members, charter and invitations.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_model::{CommonsId, DeviceId, DocId, MemberId, RecordId};
use commonplace_trust::{DeviceKey, Draft, RecordError, Standing, Verdict, VerifiedRecord};

use crate::body::{Admission, Body, Genesis, Introduction, Invitation, JoinRequest, member_of};

/// What a commons is, as its decisions left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charter {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// SPDX expression of its licence.
    pub licence: String,
    /// Number of its way of deciding; 0 is "open".
    pub deciding: u8,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Their id.
    pub id: MemberId,
    /// How they introduced themselves when they came.
    pub person: Introduction,
    /// Their devices.
    pub devices: BTreeSet<DeviceId>,
    /// The record that made them a member; of several, the one with the lowest id.
    pub by: RecordId,
}

/// An invitation and who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// The device that made it.
    pub by: DeviceId,
}

/// What became of a record that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is in the fold, and perhaps others that waited for it.
    Folded,
    /// It is known already.
    Known,
    /// It is kept, for it is of a kind that this version does not know.
    Ignored,
    /// It waits for records that it builds on.
    Waiting,
    /// It is not valid and never will be.
    Invalid,
}

/// A roll that cannot be, or cannot do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RollError {
    /// The first record is no genesis of this commons.
    #[error("the records do not begin with the commons' genesis")]
    NoGenesis,
    /// This device is no member's.
    #[error("this device is not a member's")]
    NotAMember,
    /// A record could not be signed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Standpoint {
    /// Valid, and gives standing to a device, if it does.
    Valid(Option<DeviceId>),
    /// Of an unknown kind: kept and ignored.
    Ignored,
}

/// The state of a commons' roll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roll {
    commons: CommonsId,
    charter: Charter,
    records: BTreeMap<RecordId, Standpoint>,
    heads: BTreeSet<RecordId>,
    members: BTreeMap<MemberId, Member>,
    devices: BTreeMap<DeviceId, MemberId>,
    invitations: BTreeMap<DeviceId, Invited>,
    came: BTreeMap<DeviceId, BTreeSet<DeviceId>>,
    waiting: BTreeMap<RecordId, VerifiedRecord>,
}

impl Roll {
    /// Records kept waiting for others at most; further ones are dropped and come again with the next sync.
    pub const MAX_WAITING: usize = 1_024;

    /// Founds a commons.
    ///
    /// # Errors
    /// When the genesis is too large to be a record.
    pub fn found(genesis: Genesis, key: &DeviceKey) -> Result<(Self, VerifiedRecord), RollError> {
        let draft = Draft {
            commons: None,
            author: key.id(),
            authority: None,
            parents: Vec::new(),
            body: Body::Genesis(genesis).encode(),
        };
        let record = VerifiedRecord::sign(draft, key)?;
        Ok((Self::begin(&record)?, record))
    }

    /// The roll that has only this genesis.
    ///
    /// # Errors
    /// When the record is no genesis.
    pub fn begin(record: &VerifiedRecord) -> Result<Self, RollError> {
        let draft = record.draft();
        let body = Body::decode(&draft.body).filter(Body::is_fair);
        let Some(Body::Genesis(genesis)) = body else {
            return Err(RollError::NoGenesis);
        };
        if draft.commons.is_some() || draft.authority.is_some() || !draft.parents.is_empty() {
            return Err(RollError::NoGenesis);
        }
        let commons = record.commons();
        let mut roll = Self {
            commons,
            charter: Charter {
                name: genesis.name,
                purpose: genesis.purpose,
                licence: genesis.licence,
                deciding: genesis.deciding,
            },
            records: BTreeMap::from([(record.id(), Standpoint::Valid(Some(draft.author)))]),
            heads: BTreeSet::from([record.id()]),
            members: BTreeMap::new(),
            devices: BTreeMap::new(),
            invitations: BTreeMap::new(),
            came: BTreeMap::new(),
            waiting: BTreeMap::new(),
        };
        roll.admit(draft.author, genesis.founder, record.id());
        Ok(roll)
    }

    /// Folds records that came in any order, the genesis among them.
    ///
    /// # Errors
    /// When the genesis of this commons is not among them.
    pub fn fold<'a>(
        commons: CommonsId,
        records: impl IntoIterator<Item = &'a VerifiedRecord> + Clone,
    ) -> Result<Self, RollError> {
        let is_genesis = |record: &&VerifiedRecord| *record.id().as_bytes() == *commons.as_bytes();
        let genesis = records.clone().into_iter().find(is_genesis).ok_or(RollError::NoGenesis)?;
        let mut roll = Self::begin(genesis)?;
        for record in records {
            roll.add(record);
        }
        Ok(roll)
    }

    /// Adds a record.
    pub fn add(&mut self, record: &VerifiedRecord) -> Added {
        let added = self.add_one(record);
        if matches!(added, Added::Folded | Added::Ignored) {
            self.add_waiting();
        }
        added
    }

    fn add_waiting(&mut self) {
        loop {
            let ready: Vec<VerifiedRecord> =
                self.waiting.values().filter(|r| self.missing(r).next().is_none()).cloned().collect();
            if ready.is_empty() {
                return;
            }
            for record in ready {
                self.waiting.remove(&record.id());
                self.add_one(&record);
            }
        }
    }

    fn missing<'a>(&'a self, record: &'a VerifiedRecord) -> impl Iterator<Item = &'a RecordId> + 'a {
        let draft = record.draft();
        draft.parents.iter().chain(&draft.authority).filter(|id| !self.records.contains_key(*id))
    }

    fn add_one(&mut self, record: &VerifiedRecord) -> Added {
        let (id, draft) = (record.id(), record.draft());
        if self.records.contains_key(&id) {
            return Added::Known;
        }
        let (Some(commons), Some(authority)) = (draft.commons, draft.authority) else {
            return Added::Invalid;
        };
        if commons != self.commons || draft.parents.is_empty() {
            return Added::Invalid;
        }
        if self.missing(record).next().is_some() {
            if self.waiting.len() < Self::MAX_WAITING {
                self.waiting.insert(id, record.clone());
            }
            return Added::Waiting;
        }
        // Standing comes from one ancestor by name, so nobody else's records can give or take it.
        if self.records.get(&authority) != Some(&Standpoint::Valid(Some(draft.author))) {
            return Added::Invalid;
        }
        let standpoint = match Body::decode(&draft.body) {
            None => Standpoint::Ignored,
            Some(body) if !body.is_fair() => return Added::Invalid,
            Some(body) => match self.take(id, draft.author, body) {
                Some(standpoint) => standpoint,
                None => return Added::Invalid,
            },
        };
        for parent in &draft.parents {
            self.heads.remove(parent);
        }
        self.heads.insert(id);
        let ignored = standpoint == Standpoint::Ignored;
        self.records.insert(id, standpoint);
        if ignored { Added::Ignored } else { Added::Folded }
    }

    fn take(&mut self, id: RecordId, author: DeviceId, body: Body) -> Option<Standpoint> {
        match body {
            Body::Genesis(_) => None,
            Body::Invitation(invitation) => {
                // Whoever says a key first in the order of ids has said it; the answer must not depend on arrival.
                let invited = Invited { invitation, by: author };
                let entry = self.invitations.entry(invited.invitation.key).or_insert_with(|| invited.clone());
                if (invited.by, invited.invitation.expires_at, invited.invitation.uses)
                    < (entry.by, entry.invitation.expires_at, entry.invitation.uses)
                {
                    *entry = invited;
                }
                Some(Standpoint::Valid(None))
            }
            Body::Admission(Admission { request }) => {
                if request.commons != self.commons {
                    return None;
                }
                self.came.entry(request.invite).or_default().insert(request.device);
                let device = request.device;
                self.admit(device, request.person, id);
                Some(Standpoint::Valid(Some(device)))
            }
        }
    }

    fn admit(&mut self, device: DeviceId, person: Introduction, by: RecordId) {
        let id = member_of(self.commons, device);
        let member = self.members.entry(id).or_insert_with(|| Member {
            id,
            person: person.clone(),
            devices: BTreeSet::new(),
            by,
        });
        member.devices.insert(device);
        if by < member.by {
            member.by = by;
            member.person = person;
        }
        self.devices.insert(device, id);
    }

    /// The commons.
    pub fn commons(&self) -> CommonsId {
        self.commons
    }

    /// Its charter.
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// Its members.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// A member.
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.members.get(id)
    }

    /// The member whose device this is.
    pub fn member_of(&self, device: &DeviceId) -> Option<&Member> {
        self.devices.get(device).and_then(|id| self.members.get(id))
    }

    /// All members' devices.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceId> {
        self.devices.keys()
    }

    /// The invitation of a key.
    pub fn invitation(&self, key: &DeviceId) -> Option<&Invited> {
        self.invitations.get(key)
    }

    /// How many devices came by an invitation.
    pub fn came_by(&self, key: &DeviceId) -> usize {
        self.came.get(key).map_or(0, BTreeSet::len)
    }

    /// Ids of all records in the fold.
    pub fn record_ids(&self) -> impl Iterator<Item = &RecordId> {
        self.records.keys()
    }

    /// Whether a record is in the fold.
    pub fn has(&self, id: &RecordId) -> bool {
        self.records.contains_key(id)
    }

    /// Signs a record that says this, on top of all that is known, and folds it.
    ///
    /// # Errors
    /// When the device is no member's, or the record is too large.
    pub fn write(&mut self, body: &Body, key: &DeviceKey) -> Result<VerifiedRecord, RollError> {
        let member = self.member_of(&key.id()).ok_or(RollError::NotAMember)?;
        let draft = Draft {
            commons: Some(self.commons),
            author: key.id(),
            authority: Some(member.by),
            parents: self.heads.iter().take(VerifiedRecord::MAX_PARENTS).copied().collect(),
            body: body.encode(),
        };
        let record = VerifiedRecord::sign(draft, key)?;
        match self.add(&record) {
            Added::Folded => Ok(record),
            _ => Err(RollError::Record(RecordError::Malformed)),
        }
    }

    /// The admission that answers a request, if it is one that this device may answer.
    ///
    /// # Errors
    /// As [`Roll::write`].
    pub fn admit_request(&mut self, request: JoinRequest, key: &DeviceKey) -> Result<VerifiedRecord, RollError> {
        self.write(&Body::Admission(Admission { request }), key)
    }
}

impl Standing for Roll {
    fn may_write(&self, device: &DeviceId, doc: &DocId) -> Verdict {
        match (self.devices.get(device), doc) {
            (None, _) => Verdict::Unknown,
            (Some(_), DocId::Page(_)) => Verdict::Allowed,
            (Some(member), DocId::Ledger(owner)) if member == owner => Verdict::Allowed,
            (Some(_), DocId::Ledger(_)) => Verdict::Forbidden,
        }
    }
}
