//! The gate: what every foreign change passes before Automerge sees it.
//!
//! In this version: size and claimed operations within bounds, before anything is parsed; one uncompressed change; `seq` one
//! above the actor's previous change, which stands directly among the dependencies; `start_op` one above the highest of the
//! dependencies; an actor derived from a device whose member may write the document; an attestation that covers it.

use std::collections::{HashMap, HashSet};

use automerge::Change;
use commonplace_model::{Actor, ApplyError, ChangeHash, CommonsId, DocId, DocKind, Document, LocalChange, Nonce};
use serde::{Deserialize, Serialize};

use crate::{
    attestation::{Attestation, VerifiedAttestation},
    chunk::{self, ChunkError, Header},
    history::{History, Known, Standing, Verdict},
    key::DeviceKey,
};

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

/// A change that the gate let through, or that was made here.
#[derive(Debug, Clone)]
pub struct VerifiedChange {
    change: Change,
    actor: Actor,
    hash: ChangeHash,
}

impl VerifiedChange {
    /// Takes a change just made on this device and vouches for it.
    ///
    /// # Errors
    /// When the change is beyond the bounds that every other device would hold it to, or was not made under the actor that
    /// belongs to this device, document and nonce.
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
        let header = chunk::read(change.raw_bytes()).map_err(Refusal::Chunk)?;
        if header.actor != attestation.actor() {
            return Err(Refusal::Actor);
        }
        Ok((Self { change, actor: header.actor, hash }, attestation))
    }

    /// A change that passed the gate before and was kept in this device's own store.
    ///
    /// # Errors
    /// When the bytes are not what was stored.
    pub fn from_store(bytes: Vec<u8>) -> Result<Self, Refusal> {
        let header = chunk::read(&bytes).map_err(Refusal::Chunk)?;
        let change = Change::from_bytes(bytes).map_err(|_| Refusal::Unreadable)?;
        Ok(Self { actor: header.actor, hash: ChangeHash::new(change.hash().0), change })
    }

    /// Its hash.
    pub fn hash(&self) -> ChangeHash {
        self.hash
    }

    /// Its actor.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// Its number among its actor's.
    pub fn seq(&self) -> u64 {
        self.change.seq()
    }

    /// The counter of its last operation.
    pub fn max_op(&self) -> u64 {
        self.change.max_op()
    }

    /// Its bytes, as stored and sent.
    pub fn bytes(&self) -> &[u8] {
        self.change.raw_bytes()
    }

    /// What the gate knows of it from now on.
    pub fn known(&self) -> Known {
        Known { actor: self.actor, seq: self.seq(), max_op: self.max_op() }
    }
}

/// Applies changes that passed the gate, and gives the patches they make.
///
/// # Errors
/// When Automerge does not take them all the same; the document must then be built again without them.
#[expect(clippy::disallowed_methods, reason = "this is the one door: only verified changes come here")]
pub fn apply(document: &mut Document, changes: Vec<VerifiedChange>) -> Result<Vec<automerge::Patch>, ApplyError> {
    document.apply_ungated(changes.into_iter().map(|c| c.change).collect())
}

/// Why a change is invalid, provable from its bytes, its ancestors and the roll.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its frame is not acceptable.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// Automerge cannot read it.
    #[error("the change cannot be read")]
    Unreadable,
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

struct Candidate {
    change: Change,
    header: Header,
    hash: ChangeHash,
}

impl<H: History + ?Sized, S: Standing + ?Sized> Gate<'_, H, S> {
    /// Judges an arrival.
    pub fn pass(&self, arrival: Arrival) -> Passed {
        let mut passed = Passed::default();
        let doc = arrival.doc;
        let attestations = self.attestations(doc, arrival.attestations, &mut passed);
        let candidates = self.candidates(doc, arrival.changes, &mut passed);
        let covered = self.covered(&candidates, &attestations, &mut passed);

        let mut accepted: HashSet<ChangeHash> = HashSet::new();
        for candidate in candidates {
            let ready =
                candidate.header.deps.iter().all(|dep| self.known(doc, dep).is_some() || accepted.contains(dep));
            if covered.contains(&candidate.hash) && ready {
                accepted.insert(candidate.hash);
                let Candidate { change, header, hash } = candidate;
                passed.changes.push(VerifiedChange { change, actor: header.actor, hash });
            } else {
                passed.waiting.push(candidate.change.raw_bytes().to_vec());
            }
        }
        // An attestation is kept only with the change that it vouches for.
        passed.attestations = attestations
            .into_iter()
            .filter(|a| {
                accepted.contains(&a.get().hash)
                    || self.history.change(&a.get().hash).is_some_and(|k| k.actor == a.actor())
            })
            .collect();
        passed
    }

    fn known(&self, doc: DocId, hash: &ChangeHash) -> Option<Known> {
        let kind = DocKind::from(doc);
        if *hash == kind.genesis() {
            // No change may follow the genesis as its own previous one: seq 0 of nobody.
            return Some(Known { actor: Actor::new([0; Actor::LEN]), seq: 0, max_op: kind.genesis_max_op() });
        }
        self.history.change(hash)
    }

    /// Attestations that verify and whose device may write here.
    fn attestations(&self, doc: DocId, all: Vec<Attestation>, passed: &mut Passed) -> Vec<VerifiedAttestation> {
        let mut good = Vec::new();
        for attestation in all {
            match self.standing.may_write(&attestation.device, &doc) {
                Verdict::Allowed => match VerifiedAttestation::verify(attestation, self.commons, doc) {
                    Some(verified) => good.push(verified),
                    None => passed.refuse(Refusal::Attestation),
                },
                Verdict::Forbidden => passed.refuse(Refusal::Forbidden),
                Verdict::Unknown => {}
            }
        }
        good
    }

    /// Changes that are well formed and follow what they build on, as far as that is known.
    fn candidates(&self, doc: DocId, changes: Vec<Vec<u8>>, passed: &mut Passed) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = Vec::with_capacity(changes.len());
        let mut here: HashMap<ChangeHash, Known> = HashMap::new();
        for bytes in changes {
            let header = match chunk::read(&bytes) {
                Ok(header) => header,
                Err(error) => {
                    passed.refuse(Refusal::Chunk(error));
                    continue;
                }
            };
            let deps: Option<Vec<Known>> =
                header.deps.iter().map(|dep| here.get(dep).copied().or_else(|| self.known(doc, dep))).collect();
            let Some(deps) = deps else {
                passed.waiting.push(bytes);
                continue;
            };
            if let Err(why) = follows(&header, &deps) {
                passed.refuse(why);
                continue;
            }
            let Ok(change) = Change::from_bytes(bytes) else {
                passed.refuse(Refusal::Unreadable);
                continue;
            };
            let hash = ChangeHash::new(change.hash().0);
            // Automerge does not look at the checksum of a single change, which is the beginning of its hash.
            if change.raw_bytes().get(4..8) != Some(&hash.as_bytes()[..4]) {
                passed.refuse(Refusal::Unreadable);
                continue;
            }
            if here.contains_key(&hash) || self.known(doc, &hash).is_some() {
                continue;
            }
            if self.history.tip(&header.actor).is_some_and(|(seq, _)| seq >= header.seq) {
                passed.refuse(Refusal::Equivocation);
                continue;
            }
            here.insert(hash, Known { actor: header.actor, seq: header.seq, max_op: change.max_op() });
            candidates.push(Candidate { change, header, hash });
        }
        candidates
    }

    /// Which candidates an attestation vouches for: its own change, and all of that actor before it.
    fn covered(
        &self,
        candidates: &[Candidate],
        attestations: &[VerifiedAttestation],
        passed: &mut Passed,
    ) -> HashSet<ChangeHash> {
        let by_hash: HashMap<ChangeHash, &Candidate> = candidates.iter().map(|c| (c.hash, c)).collect();
        let mut covered = HashSet::new();
        for attestation in attestations {
            let said = attestation.get();
            let Some(mut candidate) = by_hash.get(&said.hash).copied() else {
                continue;
            };
            if candidate.header.actor != attestation.actor() || candidate.header.seq != said.seq {
                passed.refuse(Refusal::Actor);
                continue;
            }
            // Down the actor's own chain, until what is known or covered already.
            while covered.insert(candidate.hash) {
                let own = candidate.header.deps.iter().filter_map(|dep| by_hash.get(dep).copied());
                match own.into_iter().find(|dep| dep.header.actor == candidate.header.actor) {
                    Some(previous) => candidate = previous,
                    None => break,
                }
            }
        }
        covered
    }
}

/// Rule 2: a change follows its actor's previous one and counts on from what it builds on.
fn follows(header: &Header, deps: &[Known]) -> Result<(), Refusal> {
    let own = deps.iter().find(|known| known.actor == header.actor);
    if header.seq != own.map_or(0, |known| known.seq) + 1 {
        return Err(Refusal::Sequence);
    }
    let highest = deps.iter().map(|known| known.max_op).max().unwrap_or(0);
    if header.start_op != highest + 1 || deps.is_empty() {
        return Err(Refusal::Counter);
    }
    Ok(())
}
