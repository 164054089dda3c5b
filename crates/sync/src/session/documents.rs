//! Which documents differ: by reconciling the sets of their digests, or by one side listing all of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use commonplace_model::{CommonsId, DocId};
use negentropy::{Id, Negentropy, NegentropyStorageVector, Storage};

use super::{MAX_DOCS, Reason, Role, Turn, frontier};
use crate::{
    frame::{Bytes, Frame, List, Summary},
    replica::Replica,
};

/// When the two sides have documents more or fewer than this, so many differ at least, and the shorter list is told whole.
const LIST_ABOVE: u64 = 400;
/// Bytes of a message of reconciliation.
const MESSAGE: u64 = 256 * 1024;
/// Messages of reconciliation from the other side; honest ones need about one per power of sixteen, or per [`MESSAGE`].
const MAX_ROUNDS: u32 = 256;
/// Ids in a frame.
const IDS: usize = 4_096;

/// Where the comparison of documents stands.
#[derive(Default)]
pub(super) enum Comparison {
    /// Nothing was read.
    #[default]
    Fresh,
    /// The documents here, as they were at the start, and their digest.
    Taken(Vec<(DocId, [u8; 32])>, Summary),
    /// Sets are reconciled.
    Reconciling(Box<Reconciling>),
    /// Frontiers are listed.
    Listing(Box<Listing>),
    /// What differs is known.
    Done,
}

/// Reconciliation of sets; the side that answered the stream begins it.
pub(super) struct Reconciling {
    role: Role,
    negentropy: Negentropy<'static, NegentropyStorageVector>,
    by_id: BTreeMap<[u8; 32], DocId>,
    have: BTreeSet<[u8; 32]>,
    need: BTreeSet<[u8; 32]>,
    rounds: u32,
}

/// Lists of frontiers.
pub(super) struct Listing {
    /// What our own list is.
    list: List,
    /// Documents still to be listed.
    to_list: VecDeque<DocId>,
    /// Ids that the other side is still to be told we want; nothing when it has been.
    to_want: Option<VecDeque<[u8; 32]>>,
    /// By what id the other side may want a document; nothing when it wants no more.
    by_id: Option<BTreeMap<[u8; 32], DocId>>,
    /// Documents that the other side has nothing of unless it lists them.
    unseen: BTreeSet<DocId>,
    seen: BTreeSet<DocId>,
    ours_told: bool,
    theirs_told: bool,
}

impl Comparison {
    /// Takes note of what is here.
    pub(super) fn begin(&mut self, replica: &dyn Replica) -> Summary {
        let mut docs = replica.digests();
        docs.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        for (doc, digest) in &docs {
            hasher.update(&doc.to_bytes());
            hasher.update(digest);
        }
        let summary = Summary { count: docs.len() as u64, digest: *hasher.finalize().as_bytes() };
        *self = Self::Taken(docs, summary);
        summary
    }

    /// Begins to compare. True when there is nothing to compare, because both sides have the same.
    pub(super) fn compare(
        &mut self,
        role: Role,
        theirs: &Summary,
        salt: &[u8; 32],
        turn: &mut Turn<'_>,
    ) -> Result<bool, Reason> {
        let Self::Taken(docs, mine) = std::mem::take(self) else { return Err(Reason::Unexpected("a greeting")) };
        if mine == *theirs {
            *self = Self::Done;
            return Ok(true);
        }
        let ids = docs.iter().map(|(doc, _)| *doc);
        let empty = mine.count == 0 || theirs.count == 0;
        if empty && mine.count != theirs.count || mine.count.abs_diff(theirs.count) > LIST_ABOVE {
            *self = Self::Listing(Box::new(if mine.count < theirs.count {
                let mut order: Vec<_> = ids.collect();
                turn.replica.waiting_order(&mut order);
                Listing::new(List::Every, order.into(), BTreeSet::new())
            } else {
                Listing::new(List::Lacking, VecDeque::new(), ids.collect())
            }));
            return Ok(false);
        }
        let mut reconciling = Reconciling::new(role, &docs, salt)?;
        if role == Role::Answered {
            let message = reconciling.negentropy.initiate().map_err(|_| Reason::Malformed)?;
            turn.send(&Frame::Reconcile(Bytes(message)))?;
        }
        *self = Self::Reconciling(Box::new(reconciling));
        Ok(false)
    }

    pub(super) fn reconcile(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Result<(), Reason> {
        let Self::Reconciling(state) = self else { return Err(Reason::Unexpected("a message of reconciliation")) };
        state.rounds += 1;
        if state.rounds > MAX_ROUNDS {
            return Err(Reason::TooMuch("rounds of reconciliation"));
        }
        if let Some(answer) = state.answer(message)? {
            turn.send(&Frame::Reconcile(Bytes(answer)))?;
            return Ok(());
        }
        let mut docs: Vec<_> = state.have.iter().filter_map(|id| state.by_id.get(id)).copied().collect();
        turn.replica.waiting_order(&mut docs);
        let unseen = docs.iter().copied().collect();
        let mut listing = Listing::new(List::Differing, docs.into(), unseen);
        listing.to_want = Some(std::mem::take(&mut state.need).into_iter().collect());
        *self = Self::Listing(Box::new(listing));
        Ok(())
    }

    /// The other side has documents in its set that are not in ours, and the other way round: it wants ours.
    pub(super) fn wanted(&mut self, ids: &[[u8; 32]], last: bool, turn: &mut Turn<'_>) -> Result<(), Reason> {
        const WHAT: Reason = Reason::Unexpected("ids of documents");
        if let Self::Reconciling(state) = self {
            if state.role != Role::Dialled {
                return Err(WHAT);
            }
            let mut listing = Listing::new(List::Differing, VecDeque::new(), BTreeSet::new());
            listing.by_id = Some(std::mem::take(&mut state.by_id));
            *self = Self::Listing(Box::new(listing));
        }
        let Self::Listing(listing) = self else { return Err(WHAT) };
        let Some(by_id) = &mut listing.by_id else { return Err(WHAT) };
        let mut docs = Vec::with_capacity(ids.len());
        for id in ids {
            docs.push(by_id.remove(id).ok_or(WHAT)?);
        }
        if last {
            listing.by_id = None;
        }
        turn.replica.waiting_order(&mut docs);
        listing.unseen.extend(docs.iter().copied().filter(|doc| !listing.seen.contains(doc)));
        listing.to_list.extend(docs);
        Ok(())
    }

    /// Whether a list of frontiers has its place here.
    pub(super) fn takes(&self, list: List) -> Result<(), Reason> {
        let wants = match self {
            Self::Listing(listing) if !listing.theirs_told => match listing.list {
                List::Every => Some(List::Lacking),
                List::Lacking => Some(List::Every),
                List::Differing => Some(List::Differing),
                List::Ask | List::Answer => None,
            },
            _ => None,
        };
        if matches!(list, List::Ask | List::Answer) || wants == Some(list) {
            return Ok(());
        }
        Err(Reason::Unexpected("a list of frontiers"))
    }

    /// The other side listed a document.
    pub(super) fn seen(&mut self, doc: DocId, more_there: bool) -> Result<(), Reason> {
        let Self::Listing(listing) = self else { return Err(Reason::Unexpected("a list of frontiers")) };
        if !listing.seen.insert(doc) {
            return Ok(());
        }
        listing.unseen.remove(&doc);
        if listing.seen.len() > MAX_DOCS {
            return Err(Reason::TooMuch("documents"));
        }
        if listing.list == List::Lacking && more_there {
            listing.to_list.push_back(doc);
        }
        Ok(())
    }

    /// The other side has listed everything: gives the documents that it has nothing of.
    pub(super) fn told_all(&mut self) -> BTreeSet<DocId> {
        let Self::Listing(listing) = self else { return BTreeSet::new() };
        listing.theirs_told = true;
        // Where it may still want documents by their ids, those it wants and did not list it has nothing of either.
        std::mem::take(&mut listing.unseen)
    }

    /// Whether it is known what differs and the other side knows it too.
    pub(super) fn is_done(&mut self) -> bool {
        if let Self::Listing(listing) = self
            && listing.ours_told
            && listing.theirs_told
        {
            *self = Self::Done;
        }
        matches!(self, Self::Done)
    }

    pub(super) fn next_frame(&mut self, commons: CommonsId, replica: &dyn Replica) -> Option<Frame> {
        let Self::Listing(listing) = self else { return None };
        if let Some(want) = &mut listing.to_want {
            let ids: Vec<_> = want.drain(..want.len().min(IDS)).collect();
            let last = want.is_empty();
            if last {
                listing.to_want = None;
            }
            return Some(Frame::Wanted { ids, last });
        }
        let whole = match listing.list {
            List::Lacking => listing.theirs_told,
            _ => listing.by_id.is_none(),
        };
        if listing.ours_told || listing.to_list.is_empty() && !whole {
            return None;
        }
        let to_list = &mut listing.to_list;
        let entries = frontier::gather(std::iter::from_fn(|| to_list.pop_front()), commons, replica);
        listing.ours_told = whole && listing.to_list.is_empty();
        Some(Frame::Frontiers { list: listing.list, entries, last: listing.ours_told })
    }
}

impl Reconciling {
    fn new(role: Role, docs: &[(DocId, [u8; 32])], salt: &[u8; 32]) -> Result<Self, Reason> {
        let mut storage = NegentropyStorageVector::with_capacity(docs.len());
        let mut by_id = BTreeMap::new();
        for (doc, digest) in docs {
            let mut hasher = blake3::Hasher::new_keyed(salt);
            hasher.update(&doc.to_bytes());
            hasher.update(digest);
            let id = *hasher.finalize().as_bytes();
            storage.insert(0, Id::from_byte_array(id)).map_err(|_| Reason::Malformed)?;
            by_id.insert(id, *doc);
        }
        storage.seal().map_err(|_| Reason::Malformed)?;
        let negentropy = Negentropy::new(Storage::Owned(storage), MESSAGE).map_err(|_| Reason::Malformed)?;
        Ok(Self { role, negentropy, by_id, have: BTreeSet::new(), need: BTreeSet::new(), rounds: 0 })
    }

    /// The answer to a message, or nothing when both sets are known.
    fn answer(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, Reason> {
        if self.role == Role::Dialled {
            return self.negentropy.reconcile(message).map(Some).map_err(|_| Reason::Malformed);
        }
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let answer =
            self.negentropy.reconcile_with_ids(message, &mut have, &mut need).map_err(|_| Reason::Malformed)?;
        self.have.extend(have.into_iter().map(Id::to_bytes));
        self.need.extend(need.into_iter().map(Id::to_bytes));
        if self.need.len() > MAX_DOCS {
            return Err(Reason::TooMuch("documents"));
        }
        Ok(answer)
    }
}

impl Listing {
    fn new(list: List, to_list: VecDeque<DocId>, unseen: BTreeSet<DocId>) -> Self {
        Self {
            list,
            to_list,
            to_want: None,
            by_id: None,
            unseen,
            seen: BTreeSet::new(),
            ours_told: false,
            theirs_told: false,
        }
    }
}
