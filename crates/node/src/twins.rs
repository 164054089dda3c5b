//! What follows when a device provably wrote in two ways (`commonplace_trust::twins`): the proof goes into the roll, which ends
//! the device. Where it shows where the ways part, documents are left with what both share and what was not built on the rest,
//! and what this device wrote on that is written anew. Where it does not, documents stay as they are.
//!
//! Invariants:
//! - What falls follows from the proofs and the changes alone, so that all who hold them end with the same.
//! - A device writes anew its own words only, in the transaction that takes out the old ones: exactly once, whenever it stops.
//! - Changes that fell leave numbers that were used. What is written after that is written under another actor, or this device
//!   would itself have written in two ways.
//!
//! Deliberately absent: writing anew for others. Theirs come back when a device of theirs hears of the proof.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_governance::{Caught, Cut, TwinsProved};
use commonplace_model::{
    Actor, ChangeHash, CommonsId, DeviceId, DocId, Document, Fate, LocalChange, Page, PageEdit, shown,
};
use commonplace_store::{Batch, DocBatch, Fallen, Projection};
use commonplace_trust::{Fork, VerifiedAttestation, VerifiedChange, VerifiedTwins, actor_of, chunk, gate};

use crate::{
    core::Core,
    documents::{broken, whole},
    error::{Error, Result},
    profile,
    view::Event,
};

impl Core {
    /// Puts proofs into the roll after what is being done now, all that are found until then together.
    pub(crate) fn twins_found(&mut self, id: CommonsId, proofs: Vec<VerifiedTwins>) {
        if self.found.is_empty() && !proofs.is_empty() {
            let _ = self.mailbox.urgent(Self::put_in_found);
        }
        self.found.extend(proofs.into_iter().map(|proof| (id, proof)));
    }

    fn put_in_found(&mut self) {
        let mut all: BTreeMap<CommonsId, Vec<VerifiedTwins>> = BTreeMap::new();
        for (id, proof) in std::mem::take(&mut self.found) {
            all.entry(id).or_default().push(proof);
        }
        for (id, proofs) in all {
            if let Err(error) = self.put_in(id, proofs) {
                self.trouble(&error);
            }
        }
    }

    /// Puts in those of these proofs that say more than the roll does.
    fn put_in(&mut self, id: CommonsId, mut proofs: Vec<VerifiedTwins>) -> Result<()> {
        let (me, held) = (self.device(), self.held_commons(id)?);
        // What this one itself is found to have done is for the others to say.
        proofs.retain(|proof| proof.device() != me && proof.says_more_than(&held.roll));
        if proofs.is_empty() || !self.is_in(id) {
            return Ok(());
        }
        // Beside one that shows where the ways part, one that does not says nothing.
        proofs.sort_by_key(|proof| proof.fork().is_none());
        let was_out = |device: &DeviceId| held.roll.caught().any(|(caught, _)| caught == device);
        let new: BTreeSet<DeviceId> = proofs.iter().map(VerifiedTwins::device).filter(|d| !was_out(d)).collect();
        self.flush_all();
        let mut cuts = BTreeMap::new();
        for device in new {
            let tips = self.tips_by(id, &BTreeSet::from([device]))?;
            cuts.insert(device, Cut::of_at_most(TwinsProved::MAX_TIPS, tips));
        }
        let mut shows_less = false;
        self.write_records(id, |roll, key| {
            let mut records = Vec::new();
            for proof in &proofs {
                if !proof.says_more_than(roll) {
                    continue;
                }
                // What else one wrote who is out already was named then.
                match roll.prove(proof, cuts.remove(&proof.device()).unwrap_or_default(), key) {
                    Ok(said) => {
                        records.extend(said);
                        shows_less |= proof.fork().is_none();
                    }
                    Err(error) => tracing::debug!(%error, device = %proof.device().short(), "a proof is not put in"),
                }
            }
            Ok(records)
        })?;
        if shows_less {
            // Whoever has the other way sends so much of it then that it may be seen where the two part.
            self.meet_anew_soon(id);
        }
        Ok(())
    }

    /// Leaves in documents in which devices wrote in two ways what counts. Gives those in which anything fell.
    pub(crate) fn heed_twins(&mut self, id: CommonsId) -> Result<BTreeSet<DocId>> {
        let held = self.held_commons(id)?;
        let is_new = |(doc, forks): &(&DocId, &BTreeMap<Actor, Fork>)| held.heeded.forks.get(*doc) != Some(*forks);
        let forks: Vec<_> = held.roll.forks().filter(is_new).map(|(doc, forks)| (*doc, forks.clone())).collect();
        let mut fell = BTreeSet::new();
        let mut waited = false;
        for (doc, forks) in forks {
            if self.resolve(id, doc, &forks)? {
                fell.insert(doc);
            }
            waited |= self.waits_for_proof(id, doc);
            if let Some(held) = self.commons.get_mut(&id) {
                held.heeded.forks.insert(doc, forks);
            }
        }
        if waited || !fell.is_empty() {
            // What others think that this one has, it has no longer; or it could not be let in when it came.
            self.meet_anew_soon(id);
        }
        Ok(fell)
    }

    fn resolve(&mut self, id: CommonsId, doc: DocId, forks: &BTreeMap<Actor, Fork>) -> Result<bool> {
        if let DocId::Page(page) = doc {
            // What is being typed falls with what it was typed on, and is written anew with the rest.
            self.flush_page(id, page)?;
            self.catch_up(id, doc)?;
        }
        self.looks();
        let fallen = self.store.fallen(id, doc, forks)?;
        let mut attestations = common_words(id, doc, &fallen, forks);
        let out: BTreeSet<ChangeHash> =
            fallen.changes.iter().filter(|(_, falls)| *falls).map(|(change, _)| change.hash()).collect();
        let mut changes = Vec::new();
        if !out.is_empty() {
            attestations.extend(self.own_words(id, doc, &fallen));
            for local in self.written_anew(id, doc, &fallen, forks)? {
                let signed = VerifiedChange::local(local, &self.key, id, doc, self.nonce).map_err(Error::internal)?;
                changes.push(signed.0);
                attestations.push(signed.1);
            }
        }
        let (projection, at) = (Projection::Later, profile::now());
        let then = DocBatch { doc, changes, attestations, projection, local: true, at };
        if out.is_empty() && then.attestations.is_empty() {
            return Ok(false);
        }
        if out.is_empty() {
            self.store.write(Batch { commons: id, docs: vec![then] })?;
            return Ok(false);
        }
        self.store.let_fall(id, &out, then)?;
        self.forget_unstored(id, &[doc]);
        self.index_waits = true;
        Ok(true)
    }

    /// What this device vouches for of its changes that stand, where later ones of the same actor fell.
    fn own_words(&self, id: CommonsId, doc: DocId, fallen: &Fallen) -> Vec<VerifiedAttestation> {
        let mut newest: BTreeMap<Actor, (u64, ChangeHash)> = BTreeMap::new();
        let mut shortened = BTreeSet::new();
        for (change, falls) in &fallen.changes {
            if *falls {
                shortened.insert(change.actor());
            } else {
                newest.insert(change.actor(), (change.seq(), change.hash()));
            }
        }
        let own =
            fallen.writers.iter().filter(|(actor, (device, _))| *device == self.device() && shortened.contains(actor));
        own.filter_map(|(actor, (_, nonce))| {
            let (seq, hash) = newest.get(actor)?;
            Some(VerifiedAttestation::sign(&self.key, id, doc, *nonce, *seq, *hash))
        })
        .collect()
    }

    /// Makes this device's fallen changes once more, on what stands.
    fn written_anew(
        &mut self,
        id: CommonsId,
        doc: DocId,
        fallen: &Fallen,
        forks: &BTreeMap<Actor, Fork>,
    ) -> Result<Vec<LocalChange>> {
        let me = self.device();
        let fate = |change: &VerifiedChange, falls: bool| match falls {
            false => Fate::Stands,
            true if forks.contains_key(&change.actor()) => Fate::Void,
            true if fallen.writers.get(&change.actor()).is_some_and(|(device, _)| *device == me) => Fate::Own,
            true => Fate::Others,
        };
        let fates: Vec<_> = fallen.changes.iter().map(|(change, falls)| (change, fate(change, *falls))).collect();
        if !fates.iter().any(|(_, fate)| *fate == Fate::Own) {
            return Ok(Vec::new());
        }
        self.renew_nonce()?;
        let anew = gate::anew(fates.iter().copied()).map_err(|error| broken(&error))?;
        let standing = fates.into_iter().filter(|(_, fate)| *fate == Fate::Stands).map(|(change, _)| change.clone());
        let mut document = Document::new(doc.into());
        gate::apply(&mut document, standing.collect()).map_err(|error| broken(&error))?;
        let actor = actor_of(id, doc, me, self.nonce);
        document.set_actor(actor);
        if anew.is_empty() {
            return Ok(Vec::new());
        }
        let most = usize::try_from(chunk::MAX_DEPS).unwrap_or(usize::MAX);
        let mut made = document.join_heads(actor, most, &chunk::OWN).map_err(Error::internal)?;
        made.extend(document.put_anew(&anew, &chunk::OWN).map_err(Error::internal)?);
        if let Some(mut page) = Page::from_document(document) {
            made.extend(whole(&mut page, &PageEdit { splices: anew.splices().to_vec(), ..PageEdit::default() })?);
        }
        Ok(made)
    }

    /// Says that devices were found to have written in two ways, and once more when it is first shown where these part.
    pub(crate) fn tell_caught(&self, id: CommonsId, before: &BTreeMap<DeviceId, bool>) {
        let Some(held) = self.commons.get(&id) else { return };
        let is_new = |(device, caught): &(&DeviceId, &Caught)| {
            before.get(*device).is_none_or(|was_shown| !was_shown && caught.is_shown())
        };
        for (device, caught) in held.roll.caught().filter(is_new) {
            let what = self.caught_in_words(id, caught);
            let message = if *device == self.device() {
                format!(
                    "This device wrote in two ways{}: it gave others different changes of one number. So it takes no further \
                     part in “{}”. That happens when a profile is copied, or a computer set back, while Commonplace runs. What \
                     is here stays here. Pair it anew with another device of yours, or ask a member for a ticket.",
                    self.where_caught(id, caught),
                    shown(&held.roll.charter().name)
                )
            } else if !caught.is_shown() {
                format!(
                    "{what} It can write here no longer. Where its two ways part is not shown, so nothing is taken out: of what \
                     it wrote in two ways each device keeps what came first, and the page may look different on others. It may \
                     have been copied or set back while it ran, or run another program."
                )
            } else {
                format!(
                    "{what} It can write here no longer. What it wrote there from then on is taken out, and what you wrote on \
                     top of that was written anew: nothing of yours is lost. What others wrote on top comes back from their \
                     devices. It may have been copied or set back while it ran, or run another program."
                )
            };
            self.tell(Event::Trouble { message });
        }
    }

    /// Who wrote in two ways, and where, as a sentence.
    pub(crate) fn caught_in_words(&self, id: CommonsId, caught: &Caught) -> String {
        let name = self.held_commons(id).map(|held| self.named(held, caught.member).name).unwrap_or_default();
        format!(
            "“{}”, a device of {name}, wrote in two ways{}: it gave others different changes of one number, which its own \
             signatures prove.",
            shown(&caught.name),
            self.where_caught(id, caught)
        )
    }

    fn where_caught(&self, id: CommonsId, caught: &Caught) -> String {
        let title = |doc: &DocId| match doc {
            DocId::Page(page) => {
                self.store.page(id, *page).ok().flatten().map(|row| format!("“{}”", shown(&row.title)))
            }
            DocId::Ledger(_) => None,
        };
        match caught.docs.iter().filter_map(title).next() {
            Some(first) if caught.docs.len() == 1 => format!(" in {first}"),
            Some(first) => format!(" in {first} and other places"),
            None => String::new(),
        }
    }
}

/// The words of devices that wrote in two ways on what is common to both, which their proofs stand for.
fn common_words(id: CommonsId, doc: DocId, fallen: &Fallen, forks: &BTreeMap<Actor, Fork>) -> Vec<VerifiedAttestation> {
    let is_here = |hash| fallen.changes.iter().any(|(change, falls)| !falls && change.hash() == hash);
    forks
        .iter()
        .filter(|(_, fork)| fork.last().is_some_and(is_here))
        .filter_map(|(actor, fork)| {
            let (device, nonce) = fallen.writers.get(actor)?;
            VerifiedAttestation::proven(*device, *nonce, fork, id, doc)
        })
        .collect()
}
