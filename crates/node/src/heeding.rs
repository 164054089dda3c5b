//! Heeding the roll: after somebody's standing ended, documents hold only what counts.
//!
//! Invariants:
//! - What is done follows from who is out, what is named, and where ways part: from these sets, not from how many records say so.
//! - A document is looked over when one of them changed for it. So many proofs about many pages cost each page a few looks.
//! - Of a device that is out by nothing but proofs that it wrote in two ways nothing falls but what these show: whoever holds
//!   more of its work than the roll names, names it before anything is taken out.
//!
//! Deliberately absent: what falls because a device wrote in two ways, see `twins`.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_governance::{Act, Body, Cut, DeviceStanding, Roll, TwinsProved, decision::Standing};
use commonplace_model::{Actor, ChangeHash, CommonsId, DeviceId, DocId, MemberId, RecordId};
use commonplace_trust::{Fork, VerifiedRecord, VerifiedTwins};

use crate::{core::Core, error::Result, view::Event};

/// Setting with what was heeded last of a commons' endings.
fn heeded_key(id: CommonsId) -> String {
    format!("heeded/{id}")
}

/// What of a roll bears on what documents hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heeded {
    /// Devices whose standing ended.
    ended: BTreeSet<DeviceId>,
    /// Changes of theirs that count, in each document, with all that they build on.
    named: BTreeMap<DocId, BTreeSet<ChangeHash>>,
    /// How much counts of actors under which devices wrote in two ways.
    pub(crate) forks: BTreeMap<DocId, BTreeMap<Actor, Fork>>,
}

impl Heeded {
    fn of(roll: &Roll) -> Self {
        let mut named: BTreeMap<DocId, BTreeSet<ChangeHash>> =
            roll.cuts().map(|(doc, tips)| (*doc, tips.clone())).collect();
        let forks: BTreeMap<_, _> = roll.forks().map(|(doc, forks)| (*doc, forks.clone())).collect();
        for (doc, forks) in &forks {
            // What both ways of a device share counts as what a cut names does.
            named.entry(*doc).or_default().extend(forks.values().filter_map(Fork::last));
        }
        Self { ended: roll.ended().copied().collect(), named, forks }
    }

    fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let count = |hasher: &mut blake3::Hasher, count: usize| {
            hasher.update(&(count as u64).to_le_bytes());
        };
        for len in [self.ended.len(), self.named.len(), self.forks.len()] {
            count(&mut hasher, len);
        }
        for device in &self.ended {
            hasher.update(device.as_bytes());
        }
        for (doc, tips) in &self.named {
            hasher.update(&doc.to_bytes());
            count(&mut hasher, tips.len());
            for tip in tips {
                hasher.update(tip.as_bytes());
            }
        }
        for (doc, forks) in &self.forks {
            hasher.update(&doc.to_bytes());
            count(&mut hasher, forks.len());
            for (actor, fork) in forks {
                hasher.update(actor.as_bytes());
                hasher.update(&fork.from().to_le_bytes());
            }
        }
        *hasher.finalize().as_bytes()
    }

    /// Documents of which less is named now than was.
    fn names_less_than<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = DocId> + 'a {
        let still = |doc, tips: &BTreeSet<_>| self.named.get(doc).is_some_and(|now| tips.is_subset(now));
        before.named.iter().filter(move |(doc, tips)| !still(*doc, tips)).map(|(doc, _)| *doc)
    }

    fn names(&self, doc: &DocId, tip: &ChangeHash) -> bool {
        self.named.get(doc).is_some_and(|tips| tips.contains(tip))
    }
}

impl Core {
    /// Sees to it that documents hold only what counts, after the roll changed or when the profile was opened: it may have
    /// been closed, or have ended, in between.
    pub(crate) fn heed_endings(&mut self, id: CommonsId) -> Result<()> {
        let heeded = self.heed(id);
        if heeded.is_err() {
            // Of some of it it is no longer known that it is still to be done: it is all looked over again, as at a start.
            self.was_heeded(id, Heeded::default());
        }
        heeded
    }

    fn heed(&mut self, id: CommonsId) -> Result<()> {
        // What somebody holds who is out themselves stays as it is.
        if !self.is_in(id) {
            return Ok(());
        }
        let now = Heeded::of(&self.held_commons(id)?.roll);
        if self.store.setting(&heeded_key(id))?.as_deref() == Some(&now.digest()) {
            self.was_heeded(id, now);
            return Ok(());
        }
        let looks = self.looks.get();
        let fell = self.heed_twins(id)?;
        self.complete_cuts(id)?;
        self.name_what_counts(id, &fell)?;
        // What these two put in was heeded with them.
        let now = Heeded::of(&self.held_commons(id)?.roll);
        let mut any = !fell.is_empty();
        for doc in self.to_cut_back(id, &now, fell)? {
            any |= self.cut_back(id, doc, &now)?;
        }
        self.store.set_setting(&heeded_key(id), &now.digest())?;
        self.was_heeded(id, now);
        tracing::debug!(commons = %id.short(), looks = self.looks.get() - looks, "documents hold what counts");
        if any {
            self.index_waits = true;
            self.tell_pages(id, Vec::new());
            self.tell(Event::Tags { commons: id.to_string() });
            self.tell_commons(id);
        }
        Ok(())
    }

    fn was_heeded(&mut self, id: CommonsId, now: Heeded) {
        if let Some(held) = self.commons.get_mut(&id) {
            held.heeded = now;
        }
    }

    /// Documents in which something may not count any more that did.
    fn to_cut_back(&self, id: CommonsId, now: &Heeded, fell: BTreeSet<DocId>) -> Result<BTreeSet<DocId>> {
        let before = &self.held_commons(id)?.heeded;
        let newly: BTreeSet<DeviceId> = now.ended.difference(&before.ended).copied().collect();
        let mut docs = fell;
        docs.extend(self.store.written_by(id, &newly)?);
        docs.extend(now.names_less_than(before));
        Ok(docs)
    }

    fn cut_back(&mut self, id: CommonsId, doc: DocId, now: &Heeded) -> Result<bool> {
        if let DocId::Page(page) = doc {
            // What is being typed goes where it is seen to go: into the page as it is on the screen.
            self.flush_page(id, page)?;
            self.catch_up(id, doc)?;
        }
        let none = BTreeSet::new();
        let named = now.named.get(&doc).unwrap_or(&none);
        self.looks();
        let took_out = self.store.cut_back(id, doc, |device| now.ended.contains(device), named)?;
        if took_out {
            self.forget_unstored(id, &[doc]);
        }
        Ok(took_out)
    }

    /// Names what is here and nobody has named yet of the work of devices that are out by nothing but proofs: when that is new,
    /// and where something fell on which it was built.
    fn name_what_counts(&mut self, id: CommonsId, fell: &BTreeSet<DocId>) -> Result<()> {
        let held = self.held_commons(id)?;
        let caught = held.roll.caught().map(|(device, _)| *device);
        let out: BTreeSet<DeviceId> = caught.filter(|device| held.roll.is_only_caught(device)).collect();
        let new = |device: &&DeviceId| !held.heeded.ended.contains(*device) && !held.named_for.contains(*device);
        let new: BTreeSet<DeviceId> = out.iter().filter(new).copied().collect();
        let mut docs = BTreeSet::from_iter(self.store.written_by(id, &new)?);
        docs.extend(fell);
        if docs.is_empty() || out.is_empty() {
            return Ok(());
        }
        let now = Heeded::of(&held.roll);
        let mut unnamed: BTreeMap<DeviceId, Vec<(DocId, ChangeHash)>> = BTreeMap::new();
        for doc in docs {
            self.looks();
            for (tip, device) in self.store.tips_of(id, doc, &out)? {
                if !now.names(&doc, &tip) {
                    unnamed.entry(device).or_default().push((doc, tip));
                }
            }
        }
        let mut said = Vec::new();
        for (device, tips) in unnamed {
            said.extend(self.proof_of(id, &device)?.map(|proof| (proof, Cut::of_at_most(TwinsProved::MAX_TIPS, tips))));
        }
        if said.is_empty() {
            return Ok(());
        }
        // Heeding what is said here looks for nothing more to name.
        if let Some(held) = self.commons.get_mut(&id) {
            held.named_for.extend(&new);
        }
        let written = self.write_records(id, |roll, key| {
            let mut records = Vec::new();
            for (proof, cuts) in said {
                records.extend(roll.prove(&proof, cuts, key)?);
            }
            Ok(records)
        });
        if let Some(held) = self.commons.get_mut(&id).filter(|_| written.is_err()) {
            held.named_for.retain(|device| !new.contains(device));
        }
        written.map(drop)
    }

    /// A proof in the roll that a device wrote in two ways: the shortest.
    fn proof_of(&self, id: CommonsId, device: &DeviceId) -> Result<Option<VerifiedTwins>> {
        let held = self.held_commons(id)?;
        let proof = |record: RecordId| {
            let record = VerifiedRecord::verify(held.records.get(&record)?.clone()).ok()?;
            match Body::decode(&record.draft().body)? {
                Body::Twins(twins) => VerifiedTwins::verify(twins.proof).ok(),
                _ => None,
            }
        };
        Ok(held.roll.proofs(device).filter_map(proof).min_by_key(|proof| proof.bytes().len()))
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
            // What is said here is heeded at once, and this is not to be done in the midst of it.
            if !self.commons.get_mut(&id).is_some_and(|held| held.completing.insert(decision)) {
                continue;
            }
            let written = self.complete_cut(id, member);
            if let Some(held) = self.commons.get_mut(&id) {
                held.completing.remove(&decision);
            }
            written?;
            self.store.set_setting(&key, &[1])?;
        }
        Ok(())
    }

    /// Names what is here of the work of a member who was removed.
    fn complete_cut(&mut self, id: CommonsId, member: MemberId) -> Result<()> {
        let roll = &self.held_commons(id)?.roll;
        let theirs = |device: &&DeviceId| roll.standing_of(device) == DeviceStanding::Ended(member);
        let devices: BTreeSet<DeviceId> = roll.ended().filter(theirs).copied().collect();
        let mut cuts = self.cut_of(id, &devices)?;
        cuts.retain(|cut| !cut.is_empty());
        if !cuts.is_empty() {
            self.write_records(id, |roll, key| roll.remove(member, cuts, key))?;
        }
        Ok(())
    }
}
