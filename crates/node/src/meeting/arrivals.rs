//! What a meeting brings: through the gate, into documents that are in memory, onto the disk.

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Instant,
};

use commonplace_model::{Actor, CommonsId, DeviceId, DocId, PageId};
use commonplace_store::{Batch, DocBatch, Projection};
use commonplace_sync::{Input, writers};
use commonplace_trust::{Arrival, Attestation, Gate, Passed, Refusal, bundle::Bundle};

use super::{choice::elapsed, offence::Offence, waiting::Waiting};
use crate::{
    core::Core,
    error::{Error, Result},
    profile,
};

/// Documents in what arrives at once, so few that it is what somebody just did: more come when one catches up.
const FEW: usize = 4;
/// Changes of a document that come at once, so many that they are a piece of a long history: it is not built for the lists with
/// each piece.
const PIECE: usize = 500;

/// A document, and how far each actor's work in it is vouched for.
type Said = (DocId, Vec<(Actor, u64)>);

/// What became of an arrival.
struct LetIn {
    /// What of it is to be acknowledged once it is stored.
    said: Said,
    /// What there is to store.
    batch: Option<DocBatch>,
    /// Whether all of it was here.
    known: bool,
}

/// The same with each document once: what of it comes later builds on what came before, which is stored with it.
fn together(arrivals: Vec<Arrival>) -> Vec<Arrival> {
    let mut all: Vec<Arrival> = Vec::with_capacity(arrivals.len());
    let mut places: HashMap<DocId, usize> = HashMap::with_capacity(arrivals.len());
    for arrival in arrivals {
        match places.entry(arrival.doc) {
            Entry::Vacant(place) => {
                place.insert(all.len());
                all.push(arrival);
            }
            Entry::Occupied(place) => {
                if let Some(before) = all.get_mut(*place.get()) {
                    before.attestations.extend(arrival.attestations);
                    before.changes.extend(arrival.changes);
                }
            }
        }
    }
    all
}

/// What is stored of a document, for others.
fn passing_on(stored: &DocBatch) -> Arrival {
    Arrival {
        doc: stored.doc,
        attestations: stored.attestations.iter().map(|said| *said.get()).collect(),
        changes: stored.changes.iter().map(|change| change.bytes().to_vec()).collect(),
    }
}

impl Core {
    /// What a device does by bringing this that no honest one does: as told by how much it brought of late.
    pub(super) fn floods(&mut self, id: u64, arrivals: &[Arrival]) -> Option<Offence> {
        let meeting = self.network.meetings.all.get(&id)?;
        let (commons, device) = (meeting.commons, meeting.device);
        if arrivals.len() > FEW {
            return None;
        }
        let (most, now) = (self.bounds.changes_a_minute, Instant::now());
        // A first change is one of a page just made, of which many come at an import; beginnings have a bound of their own.
        let own = |arrival: &&Arrival| arrival.attestations.iter().any(|said| said.device == device && said.seq > 1);
        let offences = &mut self.network.meetings.offences;
        let mut written = arrivals.iter().filter(own).map(|arrival| (commons, arrival.doc));
        written.any(|doc| !offences.may_write_on(device, doc, most, now)).then_some(Offence::Flood)
    }

    /// Through the gate, into the documents that are open, onto the disk: then it is acknowledged. What somebody just did is shown
    /// and sent on before the disk has it.
    pub(super) fn arrivals(&mut self, id: u64, arrivals: Vec<Arrival>, bundles: &[(DocId, Bundle)]) -> Result<()> {
        self.disk_must_take()?;
        let Some(meeting) = self.network.meetings.all.get(&id) else {
            return Err(Error::internal("a meeting that is over brought something"));
        };
        let (commons, device) = (meeting.commons, meeting.device);
        let is_catching_up = !meeting.session.is_caught_up();
        let arrivals = together(arrivals);
        let mut docs = Vec::with_capacity(arrivals.len());
        let mut stored = Vec::with_capacity(arrivals.len());
        let few = arrivals.len() <= FEW;
        // One that catches up says when it is done, for which others wait.
        let synced = !few || is_catching_up || !self.disk.may_wait();
        for arrival in arrivals {
            let author = if few { arrival.author(commons) } else { None };
            let vouched = if few { arrival.attestations.clone() } else { Vec::new() };
            match self.let_in(id, arrival, few) {
                Ok(LetIn { said, batch, known }) => {
                    let new = batch.as_ref().map(|batch| writers(commons, batch.doc, &vouched, &batch.changes));
                    for writer in new.into_iter().flatten() {
                        self.came(id, commons, writer, true);
                    }
                    if let Some(author) = author.filter(|_| known) {
                        self.came(id, commons, author, false);
                    }
                    stored.push(said);
                    docs.extend(batch);
                }
                Err(error) => {
                    self.forget_unstored(commons, &docs.iter().map(|d| d.doc).collect::<Vec<_>>());
                    return Err(error);
                }
            }
        }
        let to_others = !self.meetings_of(commons, Some(device)).is_empty();
        let relay: Vec<Arrival> = docs.iter().filter(|_| to_others).map(passing_on).collect();
        let ids: Vec<DocId> = docs.iter().map(|d| d.doc).collect();
        let pieces: Vec<bool> = docs.iter().map(|d| d.changes.len() >= PIECE).collect();
        let has_written = !docs.is_empty();
        if has_written {
            self.index_waits |= docs.iter().any(|doc| matches!(doc.projection, Projection::Later));
            let batch = Batch { commons, docs };
            let written = if synced {
                self.store.write_as_it_came(batch, bundles)
            } else {
                self.store.write_unsynced(batch, bundles)
            };
            if let Err(error) = written {
                self.forget_unstored(commons, &ids);
                return Err(error.into());
            }
            self.gathered_is_stored(commons, &ids);
        }
        if few && ids.iter().any(|doc| matches!(doc, DocId::Ledger(_))) {
            self.said(commons);
        }
        for (doc, is_piece) in ids.into_iter().zip(pieces) {
            if is_piece || (few && self.editors.is_open(commons, doc)) {
                self.warm_up(commons, doc);
            }
        }
        // Before anything is told of it.
        let on_disk = if has_written { synced } else { self.disk.has_all() };
        self.stored(id, Input::Stored { docs: stored }, on_disk);
        for arrival in &relay {
            self.pass_on(commons, arrival, Some(device));
        }
        Ok(())
    }

    /// Changes of an author came, new ones or some that were all here: has them come on one way.
    fn came(&mut self, id: u64, commons: CommonsId, author: DeviceId, new: bool) {
        let own = self.device();
        let routes = self.network.meetings.routes.entry(commons).or_default();
        let mute =
            if author == own && !new { routes.came_back(own, id) } else { routes.came(author, id, new, elapsed()) };
        if let Some(mute) = mute {
            // Afterwards: its session is at work just now.
            let _ = self.mailbox.urgent(move |core| core.drive(id, Input::Mute { author, mute }));
        }
    }

    /// Judges an arrival and applies what passed to its document if that is open.
    fn let_in(&mut self, id: u64, arrival: Arrival, few: bool) -> Result<LetIn> {
        let Some(meeting) = self.network.meetings.all.get(&id) else {
            return Err(Error::internal("a meeting that is over brought something"));
        };
        let (commons, device, doc) = (meeting.commons, meeting.device, arrival.doc);
        let (mut passed, waits) = self.judge_arrival(id, arrival)?;
        let is_whole = passed.refused.is_empty() && passed.beyond.is_empty() && !passed.unproven && !waits;
        let known = is_whole && passed.changes.is_empty();
        let twins = std::mem::take(&mut passed.twins);
        // Whose device is proved to have made twins is told with the proof; who brought them is not at fault.
        let told = |why: &&Refusal| twins.is_empty() || !matches!(why, Refusal::Equivocation | Refusal::Sequence);
        if let Some(why) = passed.refused.iter().find(told) {
            tracing::warn!(device = %device.short(), ?doc, refused = ?passed.refused, "the gate refused changes");
            let why = *why;
            self.tell_refused(device, why);
            self.network.meetings.offences.was_refused(device, Instant::now());
        }
        self.twins_found(commons, twins);
        for device in std::mem::take(&mut passed.beyond) {
            self.tell_beyond(device);
        }
        let said = (doc, passed.attestations.iter().map(|a| (a.actor(), a.get().seq)).collect());
        let passed = self.without_known_attestations(commons, doc, passed)?;
        if passed.changes.is_empty() && passed.attestations.is_empty() {
            return Ok(LetIn { said, batch: None, known });
        }
        let (changes, attestations) = (passed.changes, passed.attestations);
        let projection = match doc {
            DocId::Page(page) => {
                self.apply_if_open(commons, page, &changes)?;
                Projection::Later
            }
            DocId::Ledger(_) if few => self.apply_to_ledger(commons, doc, changes.clone())?,
            DocId::Ledger(_) => {
                self.documents.forget((commons, doc));
                Projection::Later
            }
        };
        let batch = DocBatch { doc, changes, attestations, projection, local: false, at: profile::now() };
        Ok(LetIn { said, batch: Some(batch), known })
    }

    /// Leaves out attestations that say nothing new, so that they are not stored and passed on for ever.
    fn without_known_attestations(&self, commons: CommonsId, doc: DocId, mut passed: Passed) -> Result<Passed> {
        if passed.changes.is_empty() && !passed.attestations.is_empty() {
            let known = self.store.frontier(commons, doc)?;
            passed.attestations.retain(|new| {
                let says_more = |old: &Attestation| {
                    old.device != new.get().device || old.nonce != new.get().nonce || old.seq < new.get().seq
                };
                known.iter().all(says_more)
            });
        }
        Ok(passed)
    }

    /// What passed the gate, and whether some of it waits for others.
    fn judge_arrival(&mut self, id: u64, mut arrival: Arrival) -> Result<(Passed, bool)> {
        let Some(meeting) = self.network.meetings.all.get_mut(&id) else {
            return Ok((Passed::default(), false));
        };
        let (doc, commons, device) = (arrival.doc, meeting.commons, meeting.device);
        arrival.changes = meeting.waiting.joined_by(doc, arrival.changes);
        let held =
            self.commons.get(&commons).ok_or_else(|| Error::internal("a commons that is gone brought something"))?;
        // For each change the history is asked several things, and each would be a transaction of its own.
        let mut passed = self.store.at_once(|store| {
            let history = store.history(commons, doc)?;
            let room = self.room(held, device, &arrival, &history)?;
            let gate = Gate { commons, history: &history, standing: &held.roll };
            let passed = gate.pass_within(arrival, &|device| room.get(device).copied());
            history.sound()?;
            Ok::<_, Error>(passed)
        })??;
        let waits = !passed.waiting.is_empty();
        if let Some(meeting) = self.network.meetings.all.get_mut(&id) {
            meeting.waiting.keep(doc, std::mem::take(&mut passed.waiting));
            if passed.unproven {
                meeting.waiting.for_proof(doc);
            }
        }
        Waiting::make_room(self.network.meetings.all.values_mut().map(|meeting| &mut meeting.waiting));
        Ok((passed, waits))
    }

    /// Whether something of a document came that waits for a proof.
    pub(crate) fn waits_for_proof(&self, commons: CommonsId, doc: DocId) -> bool {
        let mut about = self.network.meetings.all.values().filter(|meeting| meeting.commons == commons);
        about.any(|meeting| meeting.waiting.waits_for_proof(&doc))
    }

    fn apply_if_open(
        &mut self,
        commons: CommonsId,
        page: PageId,
        changes: &[commonplace_trust::VerifiedChange],
    ) -> Result<()> {
        let doc = DocId::Page(page);
        if changes.is_empty() {
            return Ok(());
        }
        if !self.editors.is_open(commons, doc) {
            // Not in a window: it is built again from its stored changes when it is needed.
            self.documents.forget((commons, doc));
            return Ok(());
        }
        self.gather(commons, page, changes)
    }
}
