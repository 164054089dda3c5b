//! The gate: what every foreign change passes before Automerge sees it.
//!
//! In this order, the cheap before the dear, each step on what the one before let through:
//!
//! 1. **Frame.** One uncompressed change within the bounds, in the one encoding of its frame ([`chunk`]).
//! 2. **Cover.** An attestation by a device that may write here vouches for it, or for a later one of its actor. This
//!    comes before the rules that look at other changes: what nobody vouches for must not stand in the way of what
//!    somebody does.
//! 3. **Sequence.** `seq` is one above that of its actor's previous change, which stands directly among the dependencies,
//!    and is the only one of that number; `start_op` is one above the highest counter of the dependencies.
//! 4. **Vocabulary.** Its operations have their one encoding, and are all such as the kind of document has
//!    (`vocabulary`).
//! 5. **References.** What the operations refer to exists among the ancestors and is of the right kind (`ancestry`).
//! 6. **Standing.** What a device wrote whose standing ended is let in only with what counts and builds on it, or when a cut
//!    names it or something that builds on it. Otherwise it waits: both may still come.
//! 7. **Room.** Of what a member's own devices bring, there are no more actors in a document than it takes in (`room`).
//!
//! What passes them all depends on the bytes, their ancestors and the roll alone, with two exceptions. Room delays, and makes
//! nothing invalid. And of two changes with one actor and number the first to arrive stays, until the roll has the proof that
//! they are two. The gate gives that proof ([`Passed::twins`]); once the roll has one that shows where the two ways part,
//! nothing counts of the actor that is not common to both ([`Fork`]). Automerge reads and applies whatever passes, without a
//! panic, and a document saved with it loads; tests with mutated changes hold that. The cost of a change is that of its
//! bytes, operations and dependencies, whatever the size of the document.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap, HashSet, hash_map::Entry},
};

use automerge::Change;
use commonplace_model::{
    Actor, Anew, ApplyError, ChangeHash, CommonsId, DeviceId, DocId, DocKind, Document, Fate, LocalChange, Nonce,
};
use serde::{Deserialize, Serialize};

use crate::{
    ancestry::Ancestry,
    attestation::{Attestation, VerifiedAttestation},
    chunk::{self, ChunkError, Frame, Header},
    clock::Clock,
    history::{History, Known, Standing, Verdict},
    key::DeviceKey,
    outline::Outline,
    reversal::MARK,
    room::{self, Room},
    twins::{self, Fork, Side, VerifiedTwins},
    vocabulary,
};

mod unvouched;

use unvouched::Unvouched;

/// Changes of one document as they come from another device, each after those it builds on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The document.
    pub doc: DocId,
    /// Attestations that cover the changes.
    pub attestations: Vec<Attestation>,
    /// The changes, raw.
    pub changes: Vec<Vec<u8>>,
}

impl Arrival {
    /// The device that wrote all of these changes, if it is one that vouches for them. Nothing is proved by it.
    pub fn author(&self, commons: CommonsId) -> Option<DeviceId> {
        let actor = |change: &Vec<u8>| chunk::read(change).ok().map(|header| header.actor);
        let first = actor(self.changes.first()?)?;
        let said = self.attestations.iter().find(|said| said.actor(commons, self.doc) == first)?;
        self.changes.iter().skip(1).all(|change| actor(change) == Some(first)).then_some(said.device)
    }
}

/// A change that the gate let through, or that was made here. Automerge reads it when it is applied.
#[derive(Debug, Clone)]
pub struct VerifiedChange {
    bytes: Vec<u8>,
    header: Header,
    hash: ChangeHash,
    takes_back: bool,
}

impl VerifiedChange {
    /// Takes a change just made on this device and vouches for it.
    ///
    /// # Errors
    /// When the change is beyond the bounds or the vocabulary that every other device would hold it to, or was not made
    /// under the actor that belongs to this device, document and nonce.
    pub fn local(
        local: LocalChange,
        key: &DeviceKey,
        commons: CommonsId,
        doc: DocId,
        nonce: Nonce,
    ) -> Result<(Self, VerifiedAttestation), Refusal> {
        let change = local.change;
        let hash = ChangeHash::new(change.hash().0);
        let attestation = VerifiedAttestation::sign(key, commons, doc, nonce, change.seq(), hash);
        let frame = Frame::read(change.raw_bytes())?;
        // What it refers to is in the document that it was made in.
        let takes_back = vocabulary::read(&frame, doc.into())?.outline.puts_under(MARK);
        let header = frame.header;
        if header.actor != attestation.actor() {
            return Err(Refusal::Actor);
        }
        Ok((Self { bytes: change.raw_bytes().to_vec(), header, hash, takes_back }, attestation))
    }

    /// A change that passed the gate before and was kept in this device's own store.
    ///
    /// # Errors
    /// When the bytes are not what was stored.
    pub fn from_store(bytes: Vec<u8>) -> Result<Self, Refusal> {
        let (frame, hash) = (Frame::read(&bytes)?, chunk::hash(&bytes)?);
        let takes_back = frame.names_keys() && Outline::of(&frame)?.puts_under(MARK);
        Ok(Self { header: frame.header, hash, takes_back, bytes })
    }

    /// Its hash.
    pub fn hash(&self) -> ChangeHash {
        self.hash
    }

    /// Its actor.
    pub fn actor(&self) -> Actor {
        self.header.actor
    }

    /// Its number among its actor's.
    pub fn seq(&self) -> u64 {
        self.header.seq
    }

    /// The counter of its last operation.
    pub fn max_op(&self) -> u64 {
        self.header.max_op()
    }

    /// Its bytes, as stored and sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, for whoever has no other use for it.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Whether it says that it takes others back ([`Mark`](crate::Mark)).
    pub fn takes_back(&self) -> bool {
        self.takes_back
    }

    /// The changes that it directly builds on, the genesis perhaps among them.
    pub fn deps(&self) -> impl Iterator<Item = ChangeHash> + '_ {
        self.header.deps.iter().copied()
    }

    /// Its clock, from those of the changes that it directly builds on; nothing when one of them is not known. This is
    /// what a store keeps with it, unless it [inherits](Clock::inherits).
    pub fn clock(&self, mut of: impl FnMut(&ChangeHash) -> Option<Clock>) -> Option<Clock> {
        let genesis = [DocKind::Page, DocKind::Ledger].map(DocKind::genesis);
        let deps: Option<Vec<Clock>> = self.deps().filter(|dep| !genesis.contains(dep)).map(|dep| of(&dep)).collect();
        Some(Clock::after(self.actor(), self.seq(), &deps?))
    }

    /// What the gate knows of it from now on.
    pub fn known(&self) -> Known {
        Known { actor: self.actor(), seq: self.seq(), max_op: self.max_op() }
    }

    /// As Automerge reads it.
    fn decoded(self) -> Result<Change, ApplyError> {
        Change::from_bytes(self.bytes).map_err(|_| ApplyError::Unreadable)
    }
}

/// Applies changes that passed the gate, and gives the patches they make.
///
/// # Errors
/// When Automerge does not take them all the same; the document must then be built again without them.
#[expect(clippy::disallowed_methods, reason = "this is the one door: only verified changes come here")]
pub fn apply(document: &mut Document, changes: Vec<VerifiedChange>) -> Result<Vec<automerge::Patch>, ApplyError> {
    document.apply_ungated(changes.into_iter().map(VerifiedChange::decoded).collect::<Result<_, _>>()?)
}

/// What a writer has to write anew of all changes of a document, each after those it builds on and with what becomes of it.
///
/// # Errors
/// When Automerge cannot read one of them.
pub fn anew<'a>(changes: impl IntoIterator<Item = (&'a VerifiedChange, Fate)>) -> Result<Anew, ApplyError> {
    let read = |(change, fate): (&VerifiedChange, Fate)| Ok((change.clone().decoded()?, fate));
    let read = changes.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Anew::of(read.iter().map(|(change, fate)| (change, *fate))))
}

/// Why a change is invalid, provable from its bytes, its ancestors and the roll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its frame is not acceptable.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// An operation is none that a change of this kind of document may have.
    #[error("the change does what no change of this document may do")]
    Vocabulary,
    /// An operation refers to one that is not among its ancestors, or is of another kind.
    #[error("the change refers to what is not there")]
    Reference,
    /// Its number does not follow its actor's previous one, or that one is not among its dependencies.
    #[error("the change does not follow its writer's previous one")]
    Sequence,
    /// Its actor made another change of the same number: one of the two is a lie, and the first one known stays.
    #[error("the change's writer made another one of the same number")]
    Equivocation,
    /// Its operations are not counted on from its dependencies.
    #[error("the change counts its operations wrongly")]
    Counter,
    /// Its actor is not the one of the device that vouches for it.
    #[error("the change's actor is not its device's")]
    Actor,
    /// Its device may not write here.
    #[error("the change's device may not write in this document")]
    Forbidden,
    /// An attestation's signature is wrong, or it vouches for another change of that number.
    #[error("the change is not vouched for")]
    Attestation,
}

/// What the gate made of an arrival.
#[derive(Debug, Default)]
pub struct Passed {
    /// Valid changes that were not known before, in order.
    pub changes: Vec<VerifiedChange>,
    /// Valid attestations that cover them or others known.
    pub attestations: Vec<VerifiedAttestation>,
    /// Changes that cannot be judged yet: a dependency, an attestation or the roll's word on a device is missing.
    pub waiting: Vec<Vec<u8>>,
    /// Devices of which something was left out because they began under more actors than there is room for.
    pub beyond: BTreeSet<DeviceId>,
    /// Proofs that devices wrote in two ways, one for each actor at most.
    pub twins: Vec<VerifiedTwins>,
    /// Whether something was vouched for by what only a proof stands for, and the roll has no such proof yet.
    pub unproven: bool,
    /// Why changes or attestations were refused, first one first, at most [`Passed::MAX_REFUSALS`].
    pub refused: Vec<Refusal>,
}

impl Passed {
    /// Refusals listed at most.
    pub const MAX_REFUSALS: usize = 16;

    fn refuse(&mut self, why: Refusal) {
        if self.refused.len() < Self::MAX_REFUSALS {
            self.refused.push(why);
        }
    }
}

/// The gate of one commons.
pub struct Gate<'a, H: ?Sized, S: ?Sized> {
    /// The commons.
    pub commons: CommonsId,
    /// What is known of the document.
    pub history: &'a H,
    /// What the roll says.
    pub standing: &'a S,
}

/// A change whose frame is well formed.
struct Candidate<'a> {
    bytes: &'a [u8],
    hash: ChangeHash,
    frame: Frame<'a>,
}

impl<'a> Candidate<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, ChunkError> {
        let frame = Frame::read(bytes)?;
        Ok(Self { bytes, hash: chunk::hash(bytes)?, frame })
    }
}

impl<H: History + ?Sized, S: Standing + ?Sized> Gate<'_, H, S> {
    /// Judges an arrival, however many actors it brings.
    pub fn pass(&self, arrival: Arrival) -> Passed {
        self.pass_within(arrival, &|_| None)
    }

    /// Judges an arrival that there is so much room for. What there is none for is neither refused nor kept.
    pub fn pass_within(&self, arrival: Arrival, room: Room<'_>) -> Passed {
        let mut passed = Passed::default();
        let doc = arrival.doc;
        let (attestations, ended) = self.attestations(doc, arrival.attestations, &mut passed);
        let (candidates, places) = framed(doc.into(), &arrival.changes, &mut passed);
        let covered = covered(&candidates, &places, &attestations, &mut passed);
        let mut ancestry = Ancestry::new(self.history, doc.into());
        let counts = self.counting(doc);
        for at in in_order(&candidates, &places) {
            let (candidate, is_covered) = (&candidates[at], covered[at]);
            if ancestry.has(&candidate.hash, &candidate.frame.header) || !counts(&candidate.frame.header) {
                continue;
            }
            let verdict = if is_covered { judge(&mut ancestry, candidate) } else { Ok(None) };
            match verdict {
                Ok(Some(change)) => passed.changes.push(change),
                Ok(None) => passed.waiting.push(candidate.bytes.to_vec()),
                Err(why) => passed.refuse(why),
            }
        }
        self.hold_back(&doc, &ended, &mut passed);
        room::leave_out(room, &attestations, &mut passed);
        hold_unvouched(&attestations, &mut passed);
        // An attestation is kept only with the very change that it vouches for: one that gives it another number would be news
        // for ever to whoever compares numbers.
        let vouched_for: HashSet<ChangeHash> = attestations.iter().map(|said| said.get().hash).collect();
        let accepted = passed.changes.iter().filter(|change| vouched_for.contains(&change.hash));
        let accepted: HashMap<ChangeHash, Known> = accepted.map(|change| (change.hash, change.known())).collect();
        let mut unknown = Vec::new();
        for said in attestations {
            let hash = &said.get().hash;
            match accepted.get(hash).copied().or_else(|| self.history.change(hash)) {
                Some(known) if known.actor == said.actor() && known.seq == said.get().seq => {
                    passed.attestations.push(said);
                }
                Some(_) => {}
                None => unknown.push(said),
            }
        }
        self.prove(doc, (&candidates, &places), &unknown, &mut passed);
        passed
    }

    /// Which changes count of actors whose devices provably wrote in two ways.
    fn counting(&self, doc: DocId) -> impl Fn(&Header) -> bool {
        let forks: RefCell<HashMap<Actor, Option<Fork>>> = RefCell::default();
        move |header| {
            let mut forks = forks.borrow_mut();
            let fork = forks.entry(header.actor).or_insert_with(|| self.standing.forked(&doc, &header.actor));
            fork.is_none_or(|fork| header.seq < fork.from())
        }
    }

    /// Looks for proofs in what devices said of changes that are not here: some of them may contradict what is. Of an actor the
    /// one that shows most.
    fn prove(
        &self,
        doc: DocId,
        (candidates, places): (&[Candidate<'_>], &Places),
        unknown: &[VerifiedAttestation],
        passed: &mut Passed,
    ) {
        let arrived = |hash: &ChangeHash| {
            let Candidate { bytes, frame, .. } = &candidates[*places.get(hash)?];
            Some(Side { bytes, header: &frame.header })
        };
        let order = |proof: &VerifiedTwins| (proof.fork().is_none(), proof.fork());
        for said in unknown.iter().take(Passed::MAX_REFUSALS) {
            let found = twins::search((self.commons, doc), said, self.history, arrived);
            let Some(found) = found.filter(|proof| proof.says_more_than(self.standing)) else { continue };
            match passed.twins.iter_mut().find(|other| other.actor() == found.actor()) {
                Some(other) if order(&found) < order(other) => *other = found,
                Some(_) => {}
                None => passed.twins.push(found),
            }
        }
    }

    /// Attestations that verify and whose device may write here, or might; and the actors of those that might.
    fn attestations(
        &self,
        doc: DocId,
        all: Vec<Attestation>,
        passed: &mut Passed,
    ) -> (Vec<VerifiedAttestation>, HashSet<Actor>) {
        let (mut good, mut ended) = (Vec::new(), HashSet::new());
        for attestation in all {
            let verdict = self.standing.may_write(&attestation.device, &doc);
            match verdict {
                Verdict::Allowed | Verdict::Ended => match self.vouching(attestation, doc) {
                    Some(verified) => {
                        if verdict == Verdict::Ended {
                            ended.insert(verified.actor());
                        }
                        good.push(verified);
                    }
                    // The proof that stands for it may still come; whoever sent this has it.
                    None if attestation.is_unsigned() => passed.unproven = true,
                    None => passed.refuse(Refusal::Attestation),
                },
                Verdict::Forbidden => passed.refuse(Refusal::Forbidden),
                Verdict::Unknown => {}
            }
        }
        (good, ended)
    }

    /// An attestation that verifies, or that a proof in the roll stands for.
    fn vouching(&self, said: Attestation, doc: DocId) -> Option<VerifiedAttestation> {
        VerifiedAttestation::verify(said, self.commons, doc).or_else(|| {
            let fork = self.standing.forked(&doc, &said.actor(self.commons, doc))?;
            let proven = VerifiedAttestation::proven(said.device, said.nonce, &fork, self.commons, doc)?;
            (*proven.get() == said).then_some(proven)
        })
    }

    /// Has what these actors wrote wait, but for that which counts.
    fn hold_back(&self, doc: &DocId, ended: &HashSet<Actor>, passed: &mut Passed) {
        if ended.is_empty() {
            return;
        }
        let mut counting = Counting::default();
        let mut kept: Vec<VerifiedChange> = Vec::with_capacity(passed.changes.len());
        // From the last one back: whatever builds on a change comes after it.
        for change in std::mem::take(&mut passed.changes).into_iter().rev() {
            let by_itself = !ended.contains(&change.actor()) || self.standing.is_cut(doc, &change.hash);
            if counting.counts(by_itself, change.hash, change.deps()) {
                kept.push(change);
            } else {
                passed.waiting.push(change.bytes);
            }
        }
        kept.reverse();
        passed.changes = kept;
    }
}

/// Which changes of a document count, asked of each after all that build on it: those that count by themselves, for their
/// device is in good standing or a cut names them, and whatever these build on.
#[derive(Debug, Default)]
pub struct Counting(HashSet<ChangeHash>);

impl Counting {
    /// Whether a change counts which directly builds on these.
    pub fn counts(&mut self, by_itself: bool, hash: ChangeHash, deps: impl IntoIterator<Item = ChangeHash>) -> bool {
        let counts = self.0.remove(&hash) || by_itself;
        if counts {
            self.0.extend(deps);
        }
        counts
    }
}

/// Has those wait for which no attestation can be kept, since the change that it vouches for waits itself, and what builds on
/// them: what is let in can be passed on, and held against its writer.
fn hold_unvouched(attestations: &[VerifiedAttestation], passed: &mut Passed) {
    let newest: HashMap<Actor, (u64, ChangeHash)> =
        passed.changes.iter().map(|change| (change.actor(), (change.seq(), change.hash))).collect();
    let said: HashSet<(Actor, (u64, ChangeHash))> =
        attestations.iter().map(|said| (said.actor(), (said.get().seq, said.get().hash))).collect();
    if newest.into_iter().all(|newest| said.contains(&newest)) {
        // Of each actor the newest is vouched for, and with it all of them.
        return;
    }
    let words = attestations.iter().map(|said| (said.actor(), said.get().seq, said.get().hash));
    let mut unvouched = Unvouched::new(words);
    for change in &passed.changes {
        unvouched.add(change.hash, change.actor(), change.seq(), change.deps());
    }
    let out = unvouched.out();
    let (waiting, here) = std::mem::take(&mut passed.changes).into_iter().partition(|c| out.contains(&c.hash));
    passed.changes = here;
    passed.waiting.extend(Vec::into_iter(waiting).map(VerifiedChange::into_bytes));
}

/// Where each candidate is among them.
type Places = HashMap<ChangeHash, usize>;

/// Changes whose frames are well formed, each once.
fn framed<'a>(kind: DocKind, changes: &'a [Vec<u8>], passed: &mut Passed) -> (Vec<Candidate<'a>>, Places) {
    let (mut candidates, mut places) = (Vec::with_capacity(changes.len()), Places::with_capacity(changes.len()));
    for bytes in changes {
        match Candidate::read(bytes) {
            // Everybody has the genesis; it is made as no other change may be.
            Ok(candidate) if candidate.hash == kind.genesis() => {}
            Ok(candidate) => {
                if let Entry::Vacant(place) = places.entry(candidate.hash) {
                    place.insert(candidates.len());
                    candidates.push(candidate);
                }
            }
            Err(error) => passed.refuse(Refusal::Chunk(error)),
        }
    }
    (candidates, places)
}

/// The places of candidates with each after those that it builds on, and otherwise as they came: what had waited came before
/// what it waited for. Costs what their dependencies do.
fn in_order(candidates: &[Candidate<'_>], places: &Places) -> Vec<usize> {
    let mut order = Vec::with_capacity(candidates.len());
    let mut begun = vec![false; candidates.len()];
    let mut open = Vec::new();
    for first in 0..candidates.len() {
        open.push((first, 0));
        while let Some((at, next)) = open.pop() {
            if next == 0 && std::mem::replace(&mut begun[at], true) {
                continue;
            }
            match candidates[at].frame.header.deps.get(next) {
                Some(dep) => {
                    open.push((at, next + 1));
                    open.extend(places.get(dep).filter(|dep| !begun[**dep]).map(|dep| (*dep, 0)));
                }
                None => order.push(at),
            }
        }
    }
    order
}

/// Whether an attestation vouches for each candidate: for its own change, and all of that actor before it.
fn covered(
    candidates: &[Candidate<'_>],
    places: &Places,
    attestations: &[VerifiedAttestation],
    passed: &mut Passed,
) -> Vec<bool> {
    let mut covered = vec![false; candidates.len()];
    for attestation in attestations {
        let said = attestation.get();
        let Some(mut at) = places.get(&said.hash).copied() else {
            continue;
        };
        let header = &candidates[at].frame.header;
        if header.actor != attestation.actor() || header.seq != said.seq {
            passed.refuse(Refusal::Actor);
            continue;
        }
        // Down the actor's own chain, until what is known or covered already.
        while !std::mem::replace(&mut covered[at], true) {
            let header = &candidates[at].frame.header;
            let mut own = header.deps.iter().filter_map(|dep| places.get(dep)).copied();
            let is_previous = |found: &Header| found.actor == header.actor && found.seq + 1 == header.seq;
            match own.find(|place| is_previous(&candidates[*place].frame.header)) {
                Some(previous) => at = previous,
                None => break,
            }
        }
    }
    covered
}

/// Judges a change that somebody vouches for; nothing when something that it builds on is missing.
fn judge<H: History + ?Sized>(
    ancestry: &mut Ancestry<'_, H>,
    Candidate { bytes, hash, frame }: &Candidate<'_>,
) -> Result<Option<VerifiedChange>, Refusal> {
    let Some(deps) = ancestry.deps(&frame.header.deps) else {
        return Ok(None);
    };
    follows(&frame.header, &deps.known)?;
    if ancestry.tip(&frame.header.actor) >= frame.header.seq {
        return Err(Refusal::Equivocation);
    }
    // The operations are read last and of one change at a time: a few bytes can truly have a hundred thousand.
    let script = vocabulary::read(frame, ancestry.kind())?;
    ancestry.check(frame, &script, &deps)?;
    let takes_back = script.outline.puts_under(MARK);
    ancestry.take(*hash, frame, script.outline, &deps);
    Ok(Some(VerifiedChange { bytes: bytes.to_vec(), header: frame.header.clone(), hash: *hash, takes_back }))
}

/// The step "sequence": a change follows its actor's previous one and counts on from what it builds on.
fn follows(header: &Header, deps: &[Known]) -> Result<(), Refusal> {
    let own = deps.iter().filter(|known| known.actor == header.actor).map(|known| known.seq).max();
    if header.seq != own.unwrap_or(0) + 1 {
        return Err(Refusal::Sequence);
    }
    let highest = deps.iter().map(|known| known.max_op).max().unwrap_or(0);
    if header.start_op != highest + 1 || deps.is_empty() {
        return Err(Refusal::Counter);
    }
    Ok(())
}
