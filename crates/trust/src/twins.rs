//! Twins: the proof that a device made two different changes under one actor and number, and vouched for both.
//!
//! A device vouches for a change and, by the hashes in it, for all earlier ones of its actor ([`Attestation`]). An honest one
//! does so along one chain only: each of its changes names the one before among its dependencies. Two attestations of one actor
//! that no one chain can hold are therefore proof, and nobody but the holder of the device's key can make them.
//!
//! - Of one number and two hashes, they are proof by themselves.
//! - Of two numbers, the changes from the later attestation down are added, each named by the one above it, until it can be
//!   seen that they miss the earlier one.
//! - With both chains down to the twins, and the last change that they share (there is none before a first one), it is also
//!   proved *where* the two ways part ([`Fork`]). Otherwise they part somewhere, and nothing follows from that for changes:
//!   else anybody could have more of them fall than must, by showing less than there is.
//!
//! Invariants:
//! - [`VerifiedTwins`] is made only by checking, from the bytes and nothing else; the bytes have one form.
//! - What counts by a set of proofs is the same in any order of them, and never more than by some of them ([`Fork::joined`]).
//! - What is read is bounded ([`VerifiedTwins::MAX_BYTES`], [`VerifiedTwins::MAX_CHANGES`]). Where a proof does not fit, there
//!   is none.
//!
//! Deliberately absent: what follows from it. That is `commonplace-governance`'s and the engine's.

use std::collections::{BTreeSet, HashSet};

use commonplace_model::{Actor, ChangeHash, CommonsId, DeviceId, DocId, Nonce};
use serde::{Deserialize, Serialize};

use crate::{
    attestation::{Attestation, VerifiedAttestation},
    chunk::{self, Header},
    gate::VerifiedChange,
    history::{Standing, Verdict},
    key::Signature,
};

mod search;

pub(crate) use search::{Side, search};

/// Version of the form of proofs.
const VERSION: u8 = 1;

/// One of the two ways: what the device said of it, and changes from there down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Way {
    seq: u64,
    hash: ChangeHash,
    signature: Signature,
    /// Raw changes: the one that is attested, the actor's one before it, and so on.
    changes: Vec<Vec<u8>>,
}

impl Way {
    fn new(said: &Attestation, changes: Vec<Vec<u8>>) -> Self {
        Self { seq: said.seq, hash: said.hash, signature: said.signature, changes }
    }
}

/// A proof as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    commons: CommonsId,
    doc: DocId,
    device: DeviceId,
    nonce: Nonce,
    /// The one with the lower number first, of equal numbers the one with the lower hash.
    ways: [Way; 2],
    /// The last change that both ways share, if that is proved.
    common: Option<Vec<u8>>,
}

/// Bytes that prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TwinsError {
    /// Beyond [`VerifiedTwins::MAX_BYTES`] or [`VerifiedTwins::MAX_CHANGES`].
    #[error("the proof is too large")]
    TooLarge,
    /// No proof at all, of an unknown version, or written in another form than the one there is.
    #[error("the bytes are no proof")]
    Malformed,
    /// A signature is not the device's.
    #[error("the proof's signatures do not verify")]
    Signature,
    /// A change in it is not the one that is named, or not that actor's of that number.
    #[error("the proof's changes do not follow each other")]
    Chain,
    /// Both ways could be one.
    #[error("the proof shows nothing that an honest device would not do")]
    Honest,
}

/// A proof that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTwins {
    commons: CommonsId,
    doc: DocId,
    device: DeviceId,
    actor: Actor,
    fork: Option<Fork>,
    bytes: Vec<u8>,
}

/// How much counts of an actor whose device wrote in two ways, where it is proved how much is common to both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fork {
    from: u64,
    last: Option<ChangeHash>,
}

impl Fork {
    /// The ways part with the first change already, or nobody can say any more where.
    const WHOLE: Self = Self { from: 1, last: None };

    /// The number of the first change that does not count, nor any after it; 1 when nothing of the actor counts.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// The last change that counts, the one before [`Fork::from`]. The device vouched for it: both ways lead to it.
    pub fn last(&self) -> Option<ChangeHash> {
        self.last
    }

    /// What counts by several proofs about one actor, in whatever order and however often they are given: what is common by
    /// the one that leaves least.
    ///
    /// Two that name different changes for one number show a third way, which parts from another below both, who knows
    /// where: then nothing counts, also by any proofs that come later. So with more proofs never more counts than with fewer.
    pub fn joined(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        let all: BTreeSet<Self> = all.into_iter().collect();
        let differ = all.iter().zip(all.iter().skip(1)).any(|(one, next)| one.from == next.from);
        if differ { Some(Self::WHOLE) } else { all.first().copied() }
    }
}

impl VerifiedTwins {
    /// Bytes that a proof may have.
    pub const MAX_BYTES: usize = 6 * 1024;
    /// Changes that a proof may have.
    pub const MAX_CHANGES: usize = 32;

    /// Checks a proof, wherever it came from.
    ///
    /// # Errors
    /// When the bytes are too many, no proof, or prove nothing.
    pub fn verify(bytes: Vec<u8>) -> Result<Self, TwinsError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(TwinsError::TooLarge);
        }
        let written: Written = match bytes.split_first() {
            Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(|_| TwinsError::Malformed)?,
            _ => return Err(TwinsError::Malformed),
        };
        let Written { commons, doc, device, nonce, ways: [first, second], common } = &written;
        if (first.seq, first.hash) >= (second.seq, second.hash) || first.seq == 0 || encode(&written) != bytes {
            return Err(TwinsError::Malformed);
        }
        let count = first.changes.len() + second.changes.len() + usize::from(common.is_some());
        if count > Self::MAX_CHANGES {
            return Err(TwinsError::TooLarge);
        }
        let trails = [first, second].map(|way| trail(way, (*commons, *doc, *device, *nonce)));
        let [(actor, first), (_, second)] = match trails {
            [Ok(first), Ok(second)] => [first, second],
            [Err(error), _] | [_, Err(error)] => return Err(error),
        };
        if !first.misses(&second) && !second.misses(&first) {
            return Err(TwinsError::Honest);
        }
        let fork = parting(actor, &first, &second, common.as_deref())?;
        Ok(Self { commons: *commons, doc: *doc, device: *device, actor, fork, bytes })
    }

    /// The commons.
    pub fn commons(&self) -> CommonsId {
        self.commons
    }

    /// The document in which the device wrote in two ways.
    pub fn doc(&self) -> DocId {
        self.doc
    }

    /// The device.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// The actor under which it did.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// How much of that actor counts by this proof; nothing where it does not show where the ways part.
    pub fn fork(&self) -> Option<Fork> {
        self.fork
    }

    /// Its bytes, as kept and sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether something follows from it that does not follow from what the roll has already.
    pub fn says_more_than(&self, standing: &(impl Standing + ?Sized)) -> bool {
        match self.fork {
            Some(fork) => {
                let known = standing.forked(&self.doc, &self.actor);
                Fork::joined(known.into_iter().chain([fork])) != known
            }
            None => standing.may_write(&self.device, &self.doc) == Verdict::Allowed,
        }
    }

    /// The proof that two words of a device about changes of one number are, if they are one.
    pub fn of_words(commons: CommonsId, doc: DocId, said: [Attestation; 2]) -> Option<Self> {
        Self::of((commons, doc), said.map(|said| (said, Vec::new())), None)
    }

    /// The proof that these two attestations of one actor are, with these changes, if they are one.
    fn of(
        (commons, doc): (CommonsId, DocId),
        mut ways: [(Attestation, Vec<Vec<u8>>); 2],
        common: Option<Vec<u8>>,
    ) -> Option<Self> {
        ways.sort_by_key(|(said, _)| (said.seq, said.hash));
        let [(first, below_first), (second, below_second)] = ways;
        if (first.device, first.nonce) != (second.device, second.nonce) {
            return None;
        }
        let Attestation { device, nonce, .. } = first;
        let ways = [Way::new(&first, below_first), Way::new(&second, below_second)];
        Self::verify(encode(&Written { commons, doc, device, nonce, ways, common })).ok()
    }
}

/// Which of a document's changes fall, by how much counts of actors that wrote in two ways: what does not count of these, and
/// whatever builds on it. They are given each after those it builds on.
pub fn falling<'a>(
    changes: impl IntoIterator<Item = &'a VerifiedChange>,
    forked: impl Fn(&Actor) -> Option<Fork>,
) -> HashSet<ChangeHash> {
    let mut falling = HashSet::new();
    for change in changes {
        let void = forked(&change.actor()).is_some_and(|fork| change.seq() >= fork.from());
        if void || change.deps().any(|dep| falling.contains(&dep)) {
            falling.insert(change.hash());
        }
    }
    falling
}

fn encode(written: &Written) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend(postcard::to_allocvec(written).expect("plain data always encodes"));
    bytes
}

/// What is known of one way: hashes from a number down, each the actor's of its number.
struct Trail {
    seq: u64,
    hashes: Vec<ChangeHash>,
    /// Number and dependencies of the last change that was read.
    lowest: Option<(u64, Vec<ChangeHash>)>,
}

impl Trail {
    fn at(&self, seq: u64) -> Option<&ChangeHash> {
        self.hashes.get(usize::try_from(self.seq.checked_sub(seq)?).ok()?)
    }

    /// Whether the other way has a change that cannot be on this one: another one of a number, or one that the change after it
    /// does not build on.
    fn misses(&self, other: &Self) -> bool {
        let numbers = other.hashes.iter().zip((1..=other.seq).rev());
        let another = |(hash, seq): (&ChangeHash, u64)| self.at(seq).is_some_and(|own| own != hash);
        let skips = |(seq, deps): &(u64, Vec<ChangeHash>)| {
            seq.checked_sub(1).and_then(|before| other.at(before)).is_some_and(|hash| !deps.contains(hash))
        };
        numbers.into_iter().any(another) || self.lowest.as_ref().is_some_and(skips)
    }
}

/// Checks one way: the signature, and that each change is the one that is named, of this actor and the next lower number.
fn trail(
    way: &Way,
    (commons, doc, device, nonce): (CommonsId, DocId, DeviceId, Nonce),
) -> Result<(Actor, Trail), TwinsError> {
    let said = Attestation { device, nonce, seq: way.seq, hash: way.hash, signature: way.signature };
    let actor = VerifiedAttestation::verify(said, commons, doc).ok_or(TwinsError::Signature)?.actor();
    let mut trail = Trail { seq: way.seq, hashes: vec![way.hash], lowest: None };
    for (bytes, seq) in way.changes.iter().zip((1..=way.seq).rev()) {
        let (hash, header) = change(bytes)?;
        let is_named = match &trail.lowest {
            None => hash == way.hash,
            Some((_, deps)) => deps.contains(&hash),
        };
        if !is_named || header.actor != actor || header.seq != seq {
            return Err(TwinsError::Chain);
        }
        if trail.lowest.is_some() {
            trail.hashes.push(hash);
        }
        trail.lowest = Some((seq, header.deps));
    }
    // More changes than there are numbers.
    if way.changes.len() as u64 > way.seq { Err(TwinsError::Chain) } else { Ok((actor, trail)) }
}

fn change(bytes: &[u8]) -> Result<(ChangeHash, Header), TwinsError> {
    let header = chunk::read(bytes).map_err(|_| TwinsError::Chain)?;
    Ok((chunk::hash(bytes).map_err(|_| TwinsError::Chain)?, header))
}

/// Where the ways part, if that is proved: both begin otherwise, or both end with a change of one number, and what is named as
/// common is the actor's change before both.
fn parting(actor: Actor, first: &Trail, second: &Trail, common: Option<&[u8]>) -> Result<Option<Fork>, TwinsError> {
    let Some(common) = common else {
        let begins = first.at(1).zip(second.at(1));
        return Ok(begins.filter(|(one, other)| one != other).map(|_| Fork::WHOLE));
    };
    let (Some((one, deps)), Some((other, other_deps))) = (&first.lowest, &second.lowest) else {
        return Err(TwinsError::Chain);
    };
    let (hash, header) = change(common)?;
    let is_before = |deps: &[ChangeHash]| deps.contains(&hash);
    // What lies below the twins on both ways is common too: nobody may say less.
    let part = one == other && first.at(*one) != second.at(*one);
    let fits = part && header.actor == actor && header.seq.checked_add(1) == Some(*one);
    if fits && is_before(deps) && is_before(other_deps) {
        Ok(Some(Fork { from: *one, last: Some(hash) }))
    } else {
        Err(TwinsError::Chain)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use commonplace_model::{Page, PageId, Splice};

    use super::*;
    use crate::{DeviceKey, actor_of};

    const COMMONS: CommonsId = CommonsId::new([1; 32]);
    const NONCE: Nonce = Nonce::new([2; 16]);
    const PAGE: DocId = DocId::Page(PageId::new([3; 16]));

    fn key(n: u8) -> DeviceKey {
        DeviceKey::from_seed(&[n; 32])
    }

    fn way(signed_by: u8, seq: u64, hash: ChangeHash, changes: Vec<Vec<u8>>) -> Way {
        Way::new(VerifiedAttestation::sign(&key(signed_by), COMMONS, PAGE, NONCE, seq, hash).get(), changes)
    }

    fn proof(ways: [Way; 2], common: Option<Vec<u8>>) -> Result<VerifiedTwins, TwinsError> {
        let device = key(1).id();
        VerifiedTwins::verify(encode(&Written { commons: COMMONS, doc: PAGE, device, nonce: NONCE, ways, common }))
    }

    fn hash(n: u8) -> ChangeHash {
        ChangeHash::new([n; 32])
    }

    #[test]
    fn a_proof_has_so_many_changes_and_bytes_and_not_one_more() {
        let with = |first: usize, second: usize, common: bool| {
            let some = |count| vec![vec![7]; count];
            proof([way(1, 1, hash(1), some(first)), way(1, 1, hash(2), some(second))], common.then(|| vec![7]))
        };
        for (first, second, common) in [(32, 0, false), (20, 12, false), (0, 31, true), (1, 31, false)] {
            assert_ne!(with(first, second, common), Err(TwinsError::TooLarge), "{first} {second} {common}");
        }
        for (first, second, common) in [(33, 0, false), (20, 13, false), (20, 12, true), (0, 32, true), (34, 0, false)]
        {
            assert_eq!(with(first, second, common), Err(TwinsError::TooLarge), "{first} {second} {common}");
        }
        assert_eq!(VerifiedTwins::verify(vec![0; VerifiedTwins::MAX_BYTES]), Err(TwinsError::Malformed));
        assert_eq!(VerifiedTwins::verify(vec![0; VerifiedTwins::MAX_BYTES + 1]), Err(TwinsError::TooLarge));
    }

    /// The first change of a device.
    fn written(n: u8) -> (ChangeHash, Vec<u8>) {
        let mut page = Page::default();
        page.document_mut().set_actor(actor_of(COMMONS, PAGE, key(n).id(), NONCE));
        let splice = Splice { at: 0, delete: 0, insert: "a".to_owned() };
        let made = page.edit(&[splice]).expect("fits").expect("changes");
        (ChangeHash::new(made.change.hash().0), made.change.raw_bytes().to_vec())
    }

    #[test]
    fn what_a_device_says_of_the_change_of_another_shows_nothing() {
        let (hash_of_other, bytes) = written(2);
        let mut ways = [way(1, 1, hash_of_other, vec![bytes]), way(1, 1, hash(9), Vec::new())];
        ways.sort_by_key(|way| (way.seq, way.hash));
        assert_eq!(proof(ways, None), Err(TwinsError::Chain));
        // Nor of its own under another number.
        let (hash_of_own, bytes) = written(1);
        let ways = [way(1, 1, hash(9), Vec::new()), way(1, 2, hash_of_own, vec![bytes])];
        assert_eq!(proof(ways, None), Err(TwinsError::Chain));
    }
}
