//! Frontiers compared: who has more of a document.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_model::{Actor, CommonsId, DocId};
use commonplace_trust::Attestation;

use crate::{
    frame::{Entry, MAX_ENTRIES, Tip},
    replica::Replica,
};

/// Bytes of an attestation in a frame, about.
pub(super) const ATTESTATION: usize = 160;
/// Bytes of a document and of each of its actors in a list of frontiers, about.
const ENTRY: usize = 36;
const TIP: usize = 34;
/// Actors of a document that are told; a device that holds more of them is sent some changes again.
pub(super) const MAX_TIPS: usize = 16_384;
/// Bytes of a list of frontiers in one frame, about.
const LIST: usize = 32 * 1024;

/// What a comparison of frontiers found.
pub(super) struct Compared {
    /// We have changes that they lack.
    pub(super) more_here: bool,
    /// They have changes that we lack.
    pub(super) more_there: bool,
    /// What they have, of the actors that we know.
    pub(super) have: BTreeMap<Actor, u64>,
    /// Our attestations of changes whose number they give to another change.
    pub(super) forks: Vec<Attestation>,
}

/// The frontier of a document here.
pub(super) fn entry(commons: CommonsId, doc: DocId, replica: &dyn Replica) -> Entry {
    let tips = replica.frontier(&doc).iter().take(MAX_TIPS).map(|said| tip(commons, doc, said)).collect();
    Entry { doc, tips }
}

fn tip(commons: CommonsId, doc: DocId, said: &Attestation) -> Tip {
    let mut mark = [0; 8];
    mark.copy_from_slice(&said.hash.as_bytes()[..8]);
    Tip { actor: said.actor(commons, doc), seq: said.seq, mark }
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
            _ => compared.more_here = true,
        }
    }
    compared.more_there |= !left.is_empty();
    compared
}
