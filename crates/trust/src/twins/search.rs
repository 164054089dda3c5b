//! Finding a proof when a device's word does not agree with what is known: the smallest that shows where the ways part, or
//! else the smallest that shows that they do.

use commonplace_model::{Actor, ChangeHash, CommonsId, DocId};

use super::VerifiedTwins;
use crate::{
    attestation::{Attestation, VerifiedAttestation},
    chunk::{self, Header},
    history::History,
};

/// A change that arrived.
pub(crate) struct Side<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) header: &'a Header,
}

/// Changes of one chain, from a number down.
struct Chain {
    changes: Vec<Vec<u8>>,
    bytes: usize,
}

impl Chain {
    fn new() -> Self {
        Self { changes: Vec::new(), bytes: 0 }
    }

    /// Adds the change below, if it still fits.
    fn push(&mut self, change: &[u8]) -> Option<()> {
        self.bytes += change.len();
        let fits = self.bytes < VerifiedTwins::MAX_BYTES && self.changes.len() < VerifiedTwins::MAX_CHANGES;
        fits.then(|| self.changes.push(change.to_vec()))
    }
}

/// The proof that what a device says of a change that is not known here cannot go with what it said of those that are.
///
/// `arrived` finds changes that came with it. Costs a few changes at most. What only another proof stands for proves nothing.
pub(crate) fn search<'a, H: History + ?Sized>(
    (commons, doc): (CommonsId, DocId),
    said: &VerifiedAttestation,
    history: &H,
    arrived: impl Fn(&ChangeHash) -> Option<Side<'a>>,
) -> Option<VerifiedTwins> {
    let actor = said.actor();
    let (tip, _) = history.tip(&actor)?;
    let said_here = history.vouched(&actor).into_iter().filter(|own| !own.is_unsigned());
    let known: Vec<Attestation> = said_here.collect();
    if said.get().is_unsigned() {
        return None;
    }
    let theirs = descend(said, tip, history, &arrived);
    if let Some(joined) = &theirs.joined
        && let Some(own) = known.iter().filter(|own| own.seq >= joined.parting).min_by_key(|own| own.seq).copied()
        && let Some(mine) = chain_to(history, &actor, own.seq, joined.parting)
    {
        let ways = [(own, mine), (*said.get(), joined.changes.clone())];
        if let Some(proof) = VerifiedTwins::of((commons, doc), ways, joined.common.clone()) {
            return Some(proof);
        }
    }
    let own = known.iter().min_by_key(|own| own.seq.abs_diff(said.get().seq)).copied()?;
    let (mut mine, mut their) = (Vec::new(), Vec::new());
    if own.seq > said.get().seq {
        mine = down(history, &actor, own.seq, said.get().seq + 1)?.changes;
    } else {
        let steps = usize::try_from(said.get().seq - own.seq).ok()?;
        their = theirs.all.changes.get(..steps)?.to_vec();
    }
    VerifiedTwins::of((commons, doc), [(own, mine), (*said.get(), their)], None)
}

/// The changes by which what is said of one shows which one has the number at which the ways part. What is said of the very
/// first one shows that by itself: nothing comes before it.
fn chain_to<H: History + ?Sized>(history: &H, actor: &Actor, from: u64, parting: u64) -> Option<Vec<Vec<u8>>> {
    if from == 1 { Some(Vec::new()) } else { Some(down(history, actor, from, parting)?.changes) }
}

/// What came of an actor's changes below an attested one.
struct Descent {
    all: Chain,
    joined: Option<Joined>,
}

/// Changes down to the first one that is not known here.
struct Joined {
    changes: Vec<Vec<u8>>,
    /// The number of that one.
    parting: u64,
    /// The known one before it; nothing comes before the very first.
    common: Option<Vec<u8>>,
}

fn descend<'a, H: History + ?Sized>(
    said: &VerifiedAttestation,
    tip: u64,
    history: &H,
    arrived: &impl Fn(&ChangeHash) -> Option<Side<'a>>,
) -> Descent {
    let (mut hash, mut seq) = (said.get().hash, said.get().seq);
    let mut descent = Descent { all: Chain::new(), joined: None };
    if seq == 1 {
        // No change is needed to see that it is the first, which is another one here.
        descent.joined = Some(Joined { changes: Vec::new(), parting: 1, common: None });
        return descent;
    }
    while let Some(Side { bytes, header }) = arrived(&hash) {
        if header.actor != said.actor() || header.seq != seq || descent.all.push(bytes).is_none() {
            break;
        }
        let before = if seq == 1 || seq - 1 > tip { None } else { history.numbered(&said.actor(), seq - 1) };
        let joins = before.filter(|before| chunk::hash(before).is_ok_and(|hash| header.deps.contains(&hash)));
        if seq == 1 || joins.is_some() {
            let (changes, common) = (descent.all.changes.clone(), joins.map(std::borrow::Cow::into_owned));
            descent.joined = Some(Joined { changes, parting: seq, common });
            break;
        }
        let own = header.deps.iter().find(|dep| {
            arrived(dep).is_some_and(|below| below.header.actor == said.actor() && below.header.seq == seq - 1)
        });
        let Some(own) = own else { break };
        (hash, seq) = (*own, seq - 1);
    }
    descent
}

/// Known changes of an actor from a number down to another.
fn down<H: History + ?Sized>(history: &H, actor: &Actor, from: u64, to: u64) -> Option<Chain> {
    let mut chain = Chain::new();
    for seq in (to..=from).rev() {
        chain.push(&history.numbered(actor, seq)?)?;
    }
    Some(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_takes_what_a_proof_has_room_for() {
        let fitting = |size: usize| {
            let mut chain = Chain::new();
            (0..100).take_while(|_| chain.push(&vec![0; size]).is_some()).count()
        };
        assert_eq!(fitting(1), VerifiedTwins::MAX_CHANGES);
        assert_eq!(fitting(1_000), VerifiedTwins::MAX_BYTES / 1_000);
        // As many bytes as a proof has in all are too many, since it has others beside.
        assert_eq!((fitting(VerifiedTwins::MAX_BYTES - 1), fitting(VerifiedTwins::MAX_BYTES)), (1, 0));
        assert_eq!(fitting(VerifiedTwins::MAX_BYTES / 2), 1);
    }
}
