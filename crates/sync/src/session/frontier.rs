//! Frontiers compared: who has more of a document.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_model::{Actor, ChangeHash, CommonsId, DocId};
use commonplace_trust::{Attestation, VerifiedTwins};

use crate::{
    frame::{Entry, MAX_ENTRIES, Parcel, Part, Tip},
    replica::Replica,
};

/// Bytes of an attestation in a frame, about.
pub(super) const ATTESTATION: usize = 160;
/// Bytes of a document and of each of its actors in a list of frontiers, about.
const ENTRY: usize = 36;
const TIP: usize = 34;
/// Actors of a document that are told; a device that holds more of them is sent some changes again.
pub(super) const MAX_TIPS: usize = 16_384;
/// Changes sent of a number that the other side has otherwise, and below: a proof with both ways has room for no more.
const SHOWN: u64 = VerifiedTwins::MAX_CHANGES as u64 / 2;
/// Bytes of a list of frontiers in one frame, about.
const LIST: usize = 32 * 1024;

/// What a comparison of frontiers found.
pub(super) struct Compared {
    /// We have changes that they lack.
    pub(super) more_here: bool,
    /// They have changes that we lack.
    pub(super) more_there: bool,
    /// What they have, of the actors that we know; less of one whose changes there are not those here.
    pub(super) have: BTreeMap<Actor, u64>,
    /// Our attestations of changes whose number they give to another change.
    pub(super) forks: Vec<Attestation>,
}

/// Bytes of changes that show a fork at most: a proof has no room for more.
pub(super) const FORK: usize = VerifiedTwins::MAX_BYTES;

/// What shows the other side, which has another change of that number, that this one is another way, and as far as there is
/// room for it also where the two part. Nothing is promised by it.
pub(super) fn fork(commons: CommonsId, doc: DocId, said: Attestation, mut room: usize, replica: &dyn Replica) -> Part {
    let (actor, mut changes) = (said.actor(commons, doc), Vec::new());
    for seq in (said.seq.saturating_sub(SHOWN) + 1..=said.seq).rev() {
        if room == 0 {
            break;
        }
        let Some(change) = replica.numbered(&doc, &actor, seq).filter(|change| change.len() <= room) else { break };
        room -= change.len();
        changes.push(Parcel(change));
    }
    changes.reverse();
    Part { doc, attestations: vec![said], bundles: Vec::new(), changes, more: true }
}

/// The frontier of a document here.
pub(super) fn entry(commons: CommonsId, doc: DocId, replica: &dyn Replica) -> Entry {
    let tips = replica.frontier(&doc).iter().take(MAX_TIPS).map(|said| tip(commons, doc, said)).collect();
    Entry { doc, tips }
}

fn tip(commons: CommonsId, doc: DocId, said: &Attestation) -> Tip {
    Tip { actor: said.actor(commons, doc), seq: said.seq, mark: mark(&said.hash) }
}

/// By what a change is told from another one of its number.
fn mark(hash: &ChangeHash) -> [u8; 8] {
    let mut mark = [0; 8];
    mark.copy_from_slice(&hash.as_bytes()[..8]);
    mark
}

/// The frontiers of as many of these documents as go into a frame; they are taken out.
pub(super) fn entries(commons: CommonsId, docs: &mut BTreeSet<DocId>, replica: &dyn Replica) -> Vec<Entry> {
    let next = std::iter::from_fn(|| docs.pop_first());
    gather(next, commons, replica)
}

/// The frontiers of the next documents, as many as go into a frame.
pub(super) fn gather(mut docs: impl Iterator<Item = DocId>, commons: CommonsId, replica: &dyn Replica) -> Vec<Entry> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    while bytes < LIST && found.len() < MAX_ENTRIES {
        let Some(doc) = docs.next() else { break };
        let entry = entry(commons, doc, replica);
        bytes += ENTRY + TIP * entry.tips.len();
        found.push(entry);
    }
    found
}

/// Compares the other side's frontier of a document with the one here.
pub(super) fn compare(commons: CommonsId, theirs: &Entry, replica: &dyn Replica) -> Compared {
    let frontier = replica.frontier(&theirs.doc);
    let mut left: BTreeMap<_, _> = theirs.tips.iter().map(|tip| (tip.actor, tip)).collect();
    let mut compared = Compared { more_here: false, more_there: false, have: BTreeMap::new(), forks: Vec::new() };
    for said in frontier {
        let mine = tip(commons, theirs.doc, &said);
        let their = left.remove(&mine.actor);
        if let Some(their) = their {
            compared.have.insert(mine.actor, their.seq);
        }
        match their {
            Some(their) if their.seq > mine.seq => compared.more_there = true,
            Some(their) if their.seq == mine.seq => {
                if their.mark != mine.mark {
                    compared.forks.push(said);
                }
            }
            Some(their) => {
                compared.more_here = true;
                let here = replica.hash(&theirs.doc, &mine.actor, their.seq);
                if here.is_some_and(|here| mark(&here) != their.mark) {
                    // With more than they lack they can see where the two ways part.
                    compared.have.insert(mine.actor, their.seq.saturating_sub(SHOWN));
                }
            }
            None => compared.more_here = true,
        }
    }
    compared.more_there |= !left.is_empty();
    compared
}
