//! The roll: who is a member, what the charter says, what was decided.
//!
//! A roll is a set of signed records, each naming those it builds on. It is looked at in two layers.
//!
//! - **Valid** ([`crate::valid`]): well formed, within bounds, rightly signed, written under a standing that the record names,
//!   and allowed by its ancestors. This depends on the record and its ancestors alone and never changes. What is not valid is
//!   not kept.
//! - **Counts** ([`crate::state`]): a pure function of the whole set of valid records. A valid record may count for nothing,
//!   and may begin or cease to count when others arrive.
//!
//! What is promised:
//! - *Convergence, always*: the same set of records gives the same state, in whatever order and however often they came.
//! - *Finality, only for what is sealed* on a chain of sealed decisions ([`crate::decision::Standing::ForGood`]): no records of
//!   anybody undo it, except a rival sealed with ballots that electors provably spent twice; then one of the two stands
//!   everywhere, and the decision names those electors.
//!
//! A removed member is heard no more, with one exception: while their removal rests on a decision that is not sealed, they are
//! an elector of its round like any other.
//!
//! Cost: most records cost about their own size. Endings (removals, revocations), acts of an open commons, votes of stewards,
//! and the one voice that seals a decision have everything folded again: some ten milliseconds for ten thousand records, and
//! a few more for each decision that is not sealed.
//!
//! Deliberately absent: clocks (an invitation's end is judged by whoever admits), and statements of ledgers.

mod able;
mod pairing;
mod parting;
mod room;
mod write;

pub use able::{Able, Left};
pub use pairing::Pairing;
pub use parting::Parting;
pub use room::{Room, Roomy};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commonplace_model::{Actor, ChangeHash, CommonsId, DeviceId, DocId, MemberId, PageId, RecordId};
use commonplace_trust::{DeviceKey, Draft, Fork, RecordError, Standing, Verdict, VerifiedRecord};

use crate::{
    ballot,
    body::{Body, Genesis, Introduction, Invitation, member_of},
    dag::{At, Dag, Entry, Kind},
    decision::{self, Decision},
    footing::Footing,
    own::{self, OwnWord},
    state::{Fold, Outcome},
    valid::{self, Judge, Judged},
};

/// What a commons is, as its decisions left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charter {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// SPDX expression of its licence.
    pub licence: String,
    /// Number of its way of deciding; 0 is "open". [`Roll::footing`] has the rest of it.
    pub deciding: u8,
    /// What else its members agreed on.
    pub text: String,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Their id.
    pub id: MemberId,
    /// How they introduced themselves when they came.
    pub person: Introduction,
    /// Their devices in good standing.
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
    /// Whether somebody closed it.
    pub closed: bool,
}

/// Whether people can come by an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invites {
    /// So many more.
    Open(usize),
    /// It let in as many as it may.
    UsedUp,
    /// Its time is over.
    Expired,
    /// Somebody closed it.
    Closed,
}

/// What a device is to a commons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceStanding {
    /// This member's, in good standing.
    Good(MemberId),
    /// It was this member's; the member was removed, or the device revoked. What it wrote counts as far as others built on it
    /// or a cut names it.
    Ended(MemberId),
    /// Nobody's, as far as is known here.
    None,
}

/// A device that provably wrote in two ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    /// The member whose device it is or was.
    pub member: MemberId,
    /// What it is called.
    pub name: String,
    /// The documents in which it did.
    pub docs: BTreeSet<DocId>,
    /// Those of them in which it is shown where the ways part.
    pub shown: BTreeSet<DocId>,
}

impl Caught {
    /// Whether it is shown anywhere where the ways part: then what is not common to both is taken out.
    pub fn is_shown(&self) -> bool {
        !self.shown.is_empty()
    }
}

/// Changes with each removal and revocation: what only members should hear is said under a name derived from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch([u8; 32]);

impl Epoch {
    pub(crate) fn of(commons: CommonsId, endings: &BTreeSet<RecordId>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"commonplace/epoch/1\0");
        hasher.update(commons.as_bytes());
        for ending in endings {
            hasher.update(ending.as_bytes());
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What became of a record that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is in the fold, and perhaps others that waited for it. Whether it counts is another question.
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
    /// The charter does not give this member the right to that.
    #[error("the charter does not let this member do that by themselves")]
    NoRight,
    /// The charter has people come in another way.
    #[error("the charter lets people in in another way")]
    Policy,
    /// The one ballot that this member has in that round is spent otherwise.
    #[error("the ballot is spent")]
    Spent,
    /// It could not be valid on top of what is known.
    #[error("that cannot be said as things stand")]
    Unfit,
    /// A record could not be signed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The state of a commons' roll.
#[derive(Debug, Clone)]
pub struct Roll {
    commons: CommonsId,
    founded: Charter,
    first: Arc<Footing>,
    dag: Dag,
    fold: Fold,
    outcome: Outcome,
    /// Records that wait, each with one that it waits for.
    waiting: BTreeMap<RecordId, (RecordId, VerifiedRecord)>,
    wanted: BTreeMap<RecordId, BTreeSet<RecordId>>,
}

/// The same records, and so the same state. What waits does not matter.
impl PartialEq for Roll {
    fn eq(&self, other: &Self) -> bool {
        self.commons == other.commons && self.outcome == other.outcome && self.dag.ids().eq(other.dag.ids())
    }
}

impl Eq for Roll {}

impl Roll {
    /// Records kept waiting for others at most; further ones are dropped and come again with the next sync.
    pub const MAX_WAITING: usize = 1_024;

    /// Founds a commons.
    ///
    /// # Errors
    /// When the genesis is beyond its bounds.
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
    /// When the record is no genesis, or one by a model that this version does not know.
    pub fn begin(record: &VerifiedRecord) -> Result<Self, RollError> {
        let (genesis, model) = valid::genesis(record).ok_or(RollError::NoGenesis)?;
        let (commons, author) = (record.commons(), record.draft().author);
        let member = member_of(commons, author);
        let first = Arc::new(Footing::first(model, member));
        let mut dag = Dag::default();
        dag.push(Entry {
            id: record.id(),
            author,
            member,
            links: Vec::new(),
            height: 0,
            authority: 0,
            root: 0,
            size: record.bytes().len() as u64,
            kind: Kind::Genesis(genesis.founder),
        });
        let founded = Charter {
            name: genesis.name,
            purpose: genesis.purpose,
            licence: genesis.licence,
            deciding: genesis.deciding,
            text: String::new(),
        };
        let fold = Fold::new(&dag, &first);
        let outcome = Outcome::of(&dag, &fold, commons, founded.clone());
        let (waiting, wanted) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { commons, founded, first, dag, fold, outcome, waiting, wanted })
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
        roll.add_all(records.into_iter().cloned());
        Ok(roll)
    }

    /// Adds a record.
    pub fn add(&mut self, record: &VerifiedRecord) -> Added {
        let mut new = Vec::new();
        let added = self.take_in(record.clone(), &mut new);
        self.settle(&new);
        self.forget_surplus();
        added
    }

    /// Adds records in any order, all at once. Gives those that are in the fold now and were not before; among them may be
    /// some that had waited.
    pub fn add_all(&mut self, records: impl IntoIterator<Item = VerifiedRecord>) -> Vec<VerifiedRecord> {
        let mut new = Vec::new();
        for record in records {
            self.take_in(record, &mut new);
        }
        self.settle(&new);
        self.forget_surplus();
        new.into_iter().map(|(record, _, _)| record).collect()
    }

    /// Takes in a record and those that waited for it. Notes each with its number and whether it sealed something.
    fn take_in(&mut self, record: VerifiedRecord, new: &mut Vec<(VerifiedRecord, At, bool)>) -> Added {
        let mut first = None;
        let mut open = vec![record];
        while let Some(record) = open.pop() {
            let id = record.id();
            let added = self.take_in_one(record, new);
            if matches!(added, Added::Folded | Added::Ignored) {
                let waited = self.wanted.remove(&id).into_iter().flatten();
                open.extend(waited.filter_map(|id| self.waiting.remove(&id)).map(|(_, record)| record));
            }
            first.get_or_insert(added);
        }
        first.unwrap_or(Added::Known)
    }

    fn take_in_one(&mut self, record: VerifiedRecord, new: &mut Vec<(VerifiedRecord, At, bool)>) -> Added {
        let id = record.id();
        if self.dag.find(&id).is_some() {
            return Added::Known;
        }
        match (Judge { dag: &self.dag, commons: self.commons, first: &self.first }).judge(&record) {
            Judged::Invalid => Added::Invalid,
            Judged::Missing(missing) => {
                self.wanted.entry(missing).or_default().insert(id);
                self.waiting.insert(id, (missing, record));
                Added::Waiting
            }
            Judged::Valid(entry) => {
                let added = if matches!(entry.kind, Kind::Ignored) { Added::Ignored } else { Added::Folded };
                let at = self.dag.push(*entry);
                let before = self.dag.sealed.len();
                ballot::note_seal(&mut self.dag, at, &self.first);
                new.push((record, at, self.dag.sealed.len() > before));
                added
            }
        }
    }

    /// Beyond the bound, records that wait are dropped, those with the highest ids first.
    fn forget_surplus(&mut self) {
        while self.waiting.len() > Self::MAX_WAITING {
            let Some((id, (missing, _))) = self.waiting.pop_last() else { return };
            if let Some(wanting) = self.wanted.get_mut(&missing) {
                wanting.remove(&id);
                if wanting.is_empty() {
                    self.wanted.remove(&missing);
                }
            }
        }
    }

    /// Brings the state up to date with entries that were taken in.
    fn settle(&mut self, new: &[(VerifiedRecord, At, bool)]) {
        if new.iter().any(|(_, at, sealed)| self.fold.is_touched_by(&self.dag, *at, *sealed)) {
            self.fold = Fold::new(&self.dag, &self.first);
            self.outcome = Outcome::of(&self.dag, &self.fold, self.commons, self.founded.clone());
            return;
        }
        for (_, at, _) in new {
            self.fold.extend(&self.dag, *at);
            self.outcome.take(&self.dag, &self.fold, self.commons, *at);
        }
    }

    /// The commons.
    pub fn commons(&self) -> CommonsId {
        self.commons
    }

    /// Its charter.
    pub fn charter(&self) -> &Charter {
        &self.outcome.charter
    }

    /// Who decides what, by the last decision that stands.
    pub fn footing(&self) -> &Footing {
        self.fold.chain.last().map_or(&self.first, |(_, footing)| footing)
    }

    /// Stewards who are members.
    pub fn stewards(&self) -> impl Iterator<Item = &MemberId> {
        self.outcome.stewards.iter().filter(|member| self.outcome.members.contains_key(member))
    }

    /// Its members.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.outcome.members.values()
    }

    /// A member.
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.outcome.members.get(id)
    }

    /// The member whose device this is, in good standing.
    pub fn member_of(&self, device: &DeviceId) -> Option<&Member> {
        self.outcome.devices.get(device).and_then(|standing| self.outcome.members.get(&standing.member))
    }

    /// What a device is to this commons.
    pub fn standing_of(&self, device: &DeviceId) -> DeviceStanding {
        match (self.outcome.devices.get(device), self.outcome.ended.get(device)) {
            (Some(standing), _) => DeviceStanding::Good(standing.member),
            (None, Some(member)) => DeviceStanding::Ended(*member),
            (None, None) => DeviceStanding::None,
        }
    }

    /// What a device in good standing is called, as it was when it came.
    pub fn device_name(&self, device: &DeviceId) -> Option<&str> {
        self.outcome.devices.get(device).map(|standing| standing.name.as_str())
    }

    /// All devices in good standing.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceId> {
        self.outcome.devices.keys()
    }

    /// Devices whose standing ended.
    pub fn ended(&self) -> impl Iterator<Item = &DeviceId> {
        self.outcome.ended.keys().filter(|device| !self.outcome.devices.contains_key(device))
    }

    /// Changes with each removal and revocation.
    pub fn epoch(&self) -> Epoch {
        self.outcome.epoch
    }

    /// The cuts in force: for each document the changes of those whose standing ended that count all the same.
    pub fn cuts(&self) -> impl Iterator<Item = (&DocId, &BTreeSet<ChangeHash>)> {
        self.outcome.cuts.iter()
    }

    /// Devices that provably wrote in two ways.
    pub fn caught(&self) -> impl Iterator<Item = (&DeviceId, &Caught)> {
        self.outcome.caught.iter()
    }

    /// The documents in which they did, where it is shown where the ways part, and how much counts there of each actor under
    /// which they did.
    pub fn forks(&self) -> impl Iterator<Item = (&DocId, &BTreeMap<Actor, Fork>)> {
        self.outcome.forks.iter()
    }

    /// Pages that a decision hid.
    pub fn hidden(&self) -> &BTreeSet<PageId> {
        &self.outcome.hidden
    }

    /// The page that a decision put in the place of another.
    pub fn anew(&self, page: &PageId) -> Option<PageId> {
        self.outcome.anew.get(page).copied()
    }

    /// All invitations.
    pub fn invitations(&self) -> impl Iterator<Item = &Invited> {
        self.outcome.invitations.values()
    }

    /// The invitation of a key.
    pub fn invitation(&self, key: &DeviceId) -> Option<&Invited> {
        self.outcome.invitations.get(key)
    }

    /// Whether people can come by an invitation, at a time in milliseconds since 1970 by the caller's clock.
    pub fn invites(&self, key: &DeviceId, now: u64) -> Option<Invites> {
        let invited = self.invitation(key)?;
        let uses = usize::try_from(invited.invitation.uses).unwrap_or(usize::MAX);
        Some(match uses.saturating_sub(self.came_by(key)) {
            _ if invited.closed => Invites::Closed,
            _ if invited.invitation.expires_at <= now => Invites::Expired,
            0 => Invites::UsedUp,
            left => Invites::Open(left),
        })
    }

    /// How many devices came by an invitation.
    pub fn came_by(&self, key: &DeviceId) -> usize {
        self.outcome.came.get(key).map_or(0, BTreeSet::len)
    }

    /// Ids of all records in the fold.
    pub fn record_ids(&self) -> impl Iterator<Item = &RecordId> {
        self.dag.ids()
    }

    /// Whether a record is in the fold.
    pub fn has(&self, id: &RecordId) -> bool {
        self.dag.find(id).is_some()
    }

    /// Whether a record is in the fold and counts.
    pub fn counts(&self, id: &RecordId) -> bool {
        self.dag.find(id).is_some_and(|at| self.fold.counts[at] || self.fold.in_force.contains(&at))
    }

    /// How many records of a member are in the fold, whether or not they count.
    pub fn written_by(&self, member: &MemberId) -> usize {
        self.dag.by_member.get(member).map_or(0, Vec::len)
    }

    /// Proposals, each after those it builds on.
    pub fn proposals(&self) -> Vec<RecordId> {
        let motions = self.dag.motions.values().flatten().map(|at| self.dag.get(*at).rank());
        motions.collect::<BTreeSet<_>>().into_iter().map(|(_, id)| id).collect()
    }

    /// Proposals and what members did by their own word, each after those it builds on.
    pub fn acts(&self) -> Vec<RecordId> {
        let all = self.dag.entries().filter(|(at, _)| self.dag.motion(*at).is_some() || own::is_one(&self.dag, *at));
        all.map(|(_, entry)| entry.rank()).collect::<BTreeSet<_>>().into_iter().map(|(_, id)| id).collect()
    }

    /// Those of one member's.
    pub fn acts_of(&self, member: &MemberId) -> Vec<RecordId> {
        let all = self.dag.by_member.get(member).into_iter().flatten().copied();
        let acts = all.filter(|at| self.dag.motion(*at).is_some() || own::is_one(&self.dag, *at));
        acts.map(|at| self.dag.get(at).rank()).collect::<BTreeSet<_>>().into_iter().map(|(_, id)| id).collect()
    }

    /// What somebody did by their own word, and why.
    pub fn own_word(&self, id: &RecordId) -> Option<OwnWord> {
        own::explain(&self.dag, &self.fold, self.dag.find(id)?)
    }

    /// What became of a proposal, and why.
    pub fn decision(&self, proposal: &RecordId) -> Option<Decision> {
        decision::explain(&self.dag, &self.fold, &self.first, self.dag.find(proposal)?)
    }
}

impl Standing for Roll {
    fn may_write(&self, device: &DeviceId, doc: &DocId) -> Verdict {
        match (self.standing_of(device), doc) {
            (DeviceStanding::None, _) => Verdict::Unknown,
            (DeviceStanding::Good(member) | DeviceStanding::Ended(member), DocId::Ledger(owner))
                if member != *owner =>
            {
                Verdict::Forbidden
            }
            (DeviceStanding::Good(_), _) => Verdict::Allowed,
            (DeviceStanding::Ended(_), _) => Verdict::Ended,
        }
    }

    fn is_cut(&self, doc: &DocId, hash: &ChangeHash) -> bool {
        self.outcome.cuts.get(doc).is_some_and(|tips| tips.contains(hash))
            || self.outcome.forks.get(doc).is_some_and(|all| all.values().any(|fork| fork.last() == Some(*hash)))
    }

    fn forked(&self, doc: &DocId, actor: &Actor) -> Option<Fork> {
        self.outcome.forks.get(doc)?.get(actor).copied()
    }
}
