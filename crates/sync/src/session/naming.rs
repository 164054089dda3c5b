//! What is not pushed because it comes to the other side on another way ([`crate::routes`]): it is named a while later, so that
//! whoever lacks it finds that out, and whoever wrote it hears that it is there.

use std::collections::BTreeSet;

use commonplace_model::{CommonsId, DeviceId, DocId};
use commonplace_trust::Arrival;

use super::{Millis, Role};
use crate::{
    frame::{Frame, MAX_ENTRIES},
    replica::Replica,
};

/// Authors whose changes the other side may have muted; of those beyond them all is pushed.
const MAX_MUTED: usize = 1_024;
/// How long what is not pushed waits to be named, together with what else is not. The side that answered waits twice as long:
/// where both are equal, one of them is enough.
const AFTER: Millis = 3_000;

/// What is to be named.
#[derive(Debug)]
pub(super) struct Naming {
    me: DeviceId,
    after: Millis,
    /// Devices whose changes the other side gets on another way.
    muted: BTreeSet<DeviceId>,
    docs: BTreeSet<DocId>,
    due: Option<Millis>,
    /// Whether we wrote some of what was not pushed.
    own: bool,
}

impl Naming {
    pub(super) fn new(role: Role, me: DeviceId) -> Self {
        let after = if role == Role::Dialled { AFTER } else { 2 * AFTER };
        Self { me, after, muted: BTreeSet::new(), docs: BTreeSet::new(), due: None, own: false }
    }

    /// The other side wants a device's changes no more, or again.
    pub(super) fn heed(&mut self, author: DeviceId, mute: bool) {
        if !mute {
            self.muted.remove(&author);
        } else if self.muted.len() < MAX_MUTED {
            self.muted.insert(author);
        }
    }

    /// Whether these are not to be pushed. They are named then.
    pub(super) fn withholds(&mut self, arrival: &Arrival, commons: CommonsId, now: Millis) -> bool {
        let author = if self.muted.is_empty() { None } else { arrival.author(commons) };
        let Some(author) = author.filter(|author| self.muted.contains(author)) else { return false };
        self.own |= author == self.me;
        self.docs.insert(arrival.doc);
        self.due.get_or_insert(now.saturating_add(self.after));
        true
    }

    /// When something is to be named.
    pub(super) fn due(&self) -> Option<Millis> {
        self.due
    }

    /// The other side has these as they are here.
    pub(super) fn is_equal(&mut self, docs: &[(DocId, [u8; 32])]) {
        for (doc, _) in docs {
            self.docs.remove(doc);
        }
    }

    /// What is to be named now, as much as goes into a frame.
    pub(super) fn next_frame(&mut self, now: Millis, replica: &dyn Replica) -> Option<Frame> {
        self.due.take_if(|due| *due <= now)?;
        let next = std::iter::from_fn(|| self.docs.pop_first()).take(MAX_ENTRIES);
        let docs: Vec<_> = next.filter_map(|doc| Some((doc, replica.digest(&doc)?))).collect();
        let ask = self.own;
        if self.docs.is_empty() {
            self.own = false;
        } else {
            self.due = Some(now);
        }
        (!docs.is_empty()).then_some(Frame::Named { docs, ask })
    }
}

#[cfg(test)]
mod tests {
    use commonplace_model::{Actor, ChangeHash, Nonce, Page, PageId, RecordId};
    use commonplace_trust::{Attestation, DeviceKey, VerifiedChange, actor_of};

    use super::*;
    use crate::replica::Segment;

    const COMMONS: CommonsId = CommonsId::new([1; 32]);
    const NONCE: Nonce = Nonce::new([2; 16]);

    fn page(n: usize) -> DocId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_le_bytes());
        DocId::Page(PageId::new(id))
    }

    /// A letter that somebody typed.
    fn typed(key: &DeviceKey, doc: DocId) -> Arrival {
        let mut page = Page::default();
        page.document_mut().set_actor(actor_of(COMMONS, doc, key.id(), NONCE));
        let splice = commonplace_model::Splice { at: 0, delete: 0, insert: "k".to_owned() };
        let local = page.edit(&[splice]).expect("fits").expect("a change");
        let (change, said) = VerifiedChange::local(local, key, COMMONS, doc, NONCE).expect("within bounds");
        Arrival { doc, attestations: vec![*said.get()], changes: vec![change.into_bytes()] }
    }

    /// A replica in which all documents are alike.
    struct Alike;

    impl Replica for Alike {
        fn record_ids(&self) -> Vec<RecordId> {
            Vec::new()
        }

        fn records(&self, _: &[RecordId]) -> Vec<Vec<u8>> {
            Vec::new()
        }

        fn digests(&self) -> Vec<(DocId, [u8; 32])> {
            Vec::new()
        }

        fn digest(&self, _: &DocId) -> Option<[u8; 32]> {
            Some([5; 32])
        }

        fn frontier(&self, _: &DocId) -> Vec<Attestation> {
            Vec::new()
        }

        fn numbered(&self, _: &DocId, _: &Actor, _: u64) -> Option<Vec<u8>> {
            None
        }

        fn hash(&self, _: &DocId, _: &Actor, _: u64) -> Option<ChangeHash> {
            None
        }

        fn changes_after(&self, _: &DocId, _: &[(Actor, u64)], _: usize) -> Segment {
            Segment::default()
        }

        fn waiting_order(&self, _: &mut [DocId]) {}
    }

    fn keys() -> (DeviceKey, DeviceKey) {
        (DeviceKey::from_seed(&[3; 32]), DeviceKey::from_seed(&[4; 32]))
    }

    #[test]
    fn what_a_muted_device_wrote_is_named_together_later() {
        let (mine, theirs) = keys();
        let mut naming = Naming::new(Role::Dialled, mine.id());
        assert!(!naming.withholds(&typed(&theirs, page(1)), COMMONS, 0));
        naming.heed(theirs.id(), true);
        assert!(naming.withholds(&typed(&theirs, page(1)), COMMONS, 10));
        assert!(naming.withholds(&typed(&theirs, page(2)), COMMONS, 20));
        assert!(!naming.withholds(&typed(&mine, page(3)), COMMONS, 20), "nobody muted that one");
        assert_eq!((naming.due(), naming.next_frame(10 + AFTER - 1, &Alike)), (Some(10 + AFTER), None));
        let docs = vec![(page(1), [5; 32]), (page(2), [5; 32])];
        assert_eq!(naming.next_frame(10 + AFTER, &Alike), Some(Frame::Named { docs, ask: false }));
        assert_eq!((naming.due(), naming.next_frame(9 * AFTER, &Alike)), (None, None));
        naming.heed(theirs.id(), false);
        assert!(!naming.withholds(&typed(&theirs, page(1)), COMMONS, 30));
    }

    #[test]
    fn who_wrote_it_asks_whether_it_is_there() {
        let (mine, _) = keys();
        let mut naming = Naming::new(Role::Answered, mine.id());
        naming.heed(mine.id(), true);
        assert!(naming.withholds(&typed(&mine, page(1)), COMMONS, 0));
        assert_eq!(naming.due(), Some(2 * AFTER), "the other side may be faster");
        let named = Frame::Named { docs: vec![(page(1), [5; 32])], ask: true };
        assert_eq!(naming.next_frame(2 * AFTER, &Alike), Some(named));
        let (_, theirs) = keys();
        naming.heed(theirs.id(), true);
        assert!(naming.withholds(&typed(&theirs, page(1)), COMMONS, 0));
        let named = Frame::Named { docs: vec![(page(1), [5; 32])], ask: false };
        assert_eq!(naming.next_frame(2 * AFTER, &Alike), Some(named));
    }

    #[test]
    fn what_the_other_side_named_as_it_is_here_need_not_be_named() {
        let (mine, theirs) = keys();
        let mut naming = Naming::new(Role::Dialled, mine.id());
        naming.heed(theirs.id(), true);
        for n in [1, 2] {
            naming.withholds(&typed(&theirs, page(n)), COMMONS, 0);
        }
        naming.is_equal(&[(page(1), [5; 32])]);
        let named = Frame::Named { docs: vec![(page(2), [5; 32])], ask: false };
        assert_eq!(naming.next_frame(AFTER, &Alike), Some(named));
    }

    #[test]
    fn a_change_of_which_nobody_says_who_made_it_is_pushed() {
        let (mine, theirs) = keys();
        let mut naming = Naming::new(Role::Dialled, mine.id());
        naming.heed(theirs.id(), true);
        let mut arrival = typed(&theirs, page(1));
        arrival.attestations.clear();
        assert!(!naming.withholds(&arrival, COMMONS, 0));
        let mut both = typed(&theirs, page(1));
        both.changes.extend(typed(&mine, page(1)).changes);
        assert!(!naming.withholds(&both, COMMONS, 0));
    }

    #[test]
    fn so_many_are_muted_and_so_many_named_in_a_frame() {
        let (mine, theirs) = keys();
        let mut naming = Naming::new(Role::Dialled, mine.id());
        for n in 0..MAX_MUTED {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_le_bytes());
            naming.heed(DeviceId::new(id), true);
        }
        naming.heed(theirs.id(), true);
        assert!(!naming.withholds(&typed(&theirs, page(1)), COMMONS, 0));
        naming.heed(DeviceId::new([0; 32]), false);
        naming.heed(theirs.id(), true);
        assert!(naming.withholds(&typed(&theirs, page(0)), COMMONS, 0));
        naming.docs.extend((1..=MAX_ENTRIES).map(page));
        let mut named = || match naming.next_frame(AFTER, &Alike) {
            Some(Frame::Named { docs, .. }) => docs.len(),
            _ => 0,
        };
        assert_eq!((named(), named(), named()), (MAX_ENTRIES, 1, 0));
    }
}
