//! What a change says that it did, and what a change is that comes from a store.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use automerge::{
    ActorId, Change, ExpandedChange, ScalarValue,
    legacy::{Key, ObjectId, Op, OpId as Id, OpType},
};
use commonplace_model::{CommonsId, DocId, DocKind, Nonce, Page, PageId, Splice};
use commonplace_trust::{
    Act, Deed, DeviceKey, Mark, OpId, Refusal, Value, VerifiedChange, actor_of,
    chunk::{self, ChunkError},
};

const COMMONS: CommonsId = CommonsId::new([1; 32]);
const NONCE: Nonce = Nonce::new([2; 16]);
const PAGE: DocId = DocId::Page(PageId::new([3; 16]));

struct Writer {
    key: DeviceKey,
    page: Page,
}

impl Writer {
    fn new() -> Self {
        let key = DeviceKey::from_seed(&[1; 32]);
        let mut page = Page::default();
        page.document_mut().set_actor(actor_of(COMMONS, PAGE, key.id(), NONCE));
        Self { key, page }
    }

    fn edit(&mut self, at: u32, delete: u32, insert: &str) -> VerifiedChange {
        let splice = Splice { at, delete, insert: insert.to_owned() };
        let local = self.page.edit(&[splice]).expect("fits").expect("changes");
        VerifiedChange::local(local, &self.key, COMMONS, PAGE, NONCE).expect("within bounds").0
    }
}

fn deed(change: &VerifiedChange) -> Deed {
    Deed::read(change.bytes(), DocKind::Page).expect("reads")
}

#[test]
fn characters_that_came_and_went() {
    let mut writer = Writer::new();
    let (first, second) = (writer.edit(0, 0, "a☕"), writer.edit(1, 1, "b"));
    let wrote = deed(&first);
    let ids: Vec<OpId> = wrote.with_ids().map(|(id, _)| id).collect();
    let insert = |after: Option<OpId>, character| Act::Insert { after, character };
    assert_eq!(wrote.acts, vec![insert(None, 'a'), insert(Some(ids[0]), '☕')]);
    assert_eq!((wrote.actor, wrote.seq, wrote.start_op), (first.actor(), 1, first.max_op() - 1));
    assert_eq!((ids[0].counter, ids[1].counter, ids[0].actor), (first.max_op() - 1, first.max_op(), first.actor()));
    let changed = deed(&second);
    assert_eq!(changed.seq, 2);
    assert!(
        changed.acts.contains(&Act::Delete { element: ids[1] }) && changed.acts.contains(&insert(Some(ids[0]), 'b'))
    );
    // One of them, by its counter; and some of them as if they were all.
    assert_eq!(wrote.at(ids[1].counter), Some(&insert(Some(ids[0]), '☕')));
    assert_eq!((wrote.at(ids[0].counter - 1), wrote.at(ids[1].counter + 1)), (None, None));
    let part = wrote.part(1..2);
    assert_eq!((part.start_op, part.seq, part.acts.len()), (ids[1].counter, 1, 1));
    assert_eq!(part.with_ids().map(|(id, _)| id).collect::<Vec<_>>(), vec![ids[1]]);
    assert_eq!(wrote.part(1..9).acts, Vec::new());
}

#[test]
fn what_was_put_under_a_key_and_taken_away() {
    let author = ActorId::from(&actor_of(COMMONS, PAGE, DeviceKey::from_seed(&[1; 32]).id(), NONCE).as_bytes()[..]);
    let before = Id::new(3, &author);
    let op = |action, pred: Vec<Id>| Op {
        action,
        obj: ObjectId::Root,
        key: Key::Map("later".into()),
        pred: pred.into(),
        insert: false,
    };
    let read = |operations: Vec<Op>, kind| {
        let change = Change::from(ExpandedChange {
            operations,
            actor_id: author.clone(),
            hash: None,
            seq: 2,
            start_op: 4.try_into().expect("not zero"),
            time: 0,
            message: None,
            deps: vec![automerge::ChangeHash(*DocKind::Page.genesis().as_bytes())],
            extra_bytes: Vec::new(),
            author: None,
        });
        Deed::read(change.raw_bytes(), kind).map(|deed| deed.acts)
    };
    let over = vec![OpId { counter: 3, actor: actor_of(COMMONS, PAGE, DeviceKey::from_seed(&[1; 32]).id(), NONCE) }];
    for (scalar, value) in [
        (ScalarValue::Str("text".into()), Value::Text("text".to_owned())),
        (ScalarValue::Boolean(true), Value::Bool(true)),
        (ScalarValue::Bytes(vec![1, 2]), Value::Bytes(vec![1, 2])),
        (ScalarValue::Int(7), Value::Other),
    ] {
        let put = Act::Put { key: "later".to_owned(), value, over: over.clone() };
        assert_eq!(read(vec![op(OpType::Put(scalar), vec![before.clone()])], DocKind::Page), Ok(vec![put]));
    }
    let take = Act::Take { key: "later".to_owned(), over };
    for kind in [DocKind::Page, DocKind::Ledger] {
        assert_eq!(read(vec![op(OpType::Delete, vec![before.clone()])], kind), Ok(vec![take.clone()]));
    }
    assert_eq!(read(vec![op(OpType::Increment(1), vec![before])], DocKind::Page), Err(ChunkError::Foreign));
}

#[test]
fn a_ledger_has_no_text() {
    let mut writer = Writer::new();
    for change in [writer.edit(0, 0, "ab"), writer.edit(0, 1, "")] {
        assert_eq!(Deed::read(change.bytes(), DocKind::Ledger), Err(ChunkError::Foreign));
    }
}

#[test]
fn what_comes_from_a_store_is_what_was_put_in() {
    let change = Writer::new().edit(0, 0, "ab");
    let again = VerifiedChange::from_store(change.bytes().to_vec()).expect("is whole");
    assert_eq!((again.hash(), again.actor(), again.seq()), (change.hash(), change.actor(), change.seq()));
    assert_eq!((again.bytes(), again.max_op()), (change.bytes(), change.max_op()));
    for at in [4, 7, change.bytes().len() - 1] {
        let mut damaged = change.bytes().to_vec();
        damaged[at] ^= 1;
        assert!(VerifiedChange::from_store(damaged).is_err(), "byte {at}");
    }
    let wrong = VerifiedChange::from_store([&change.bytes()[..4], &[0; 4], &change.bytes()[8..]].concat());
    assert_eq!(wrong.map(drop), Err(Refusal::Chunk(ChunkError::Malformed)));
}

#[test]
fn a_change_that_takes_others_back_says_so() {
    let mut writer = Writer::new();
    let first = writer.edit(0, 0, "ab");
    assert!(!first.takes_back());
    let mut past = commonplace_trust::Past::default();
    past.take(&deed(&first)).expect("whole");
    let mut chosen = commonplace_trust::Chosen::default();
    chosen.add(first.actor(), 1, 1);
    let reversal = past.reversal(&chosen);
    let edit = commonplace_model::PageEdit {
        splices: reversal.splices.clone(),
        mark_keys: Mark::keys(),
        ..commonplace_model::PageEdit::default()
    };
    let made = writer.page.make(&edit, &chunk::OWN, |range| Mark::of(&chosen, &reversal.origins[range])).expect("fits");
    assert!(!made.is_empty());
    for local in made {
        let change = VerifiedChange::local(local, &writer.key, COMMONS, PAGE, NONCE).expect("within bounds").0;
        assert!(change.takes_back());
        assert!(VerifiedChange::from_store(change.into_bytes()).expect("is whole").takes_back());
    }
    // One that names a page does not.
    let named = commonplace_model::PageEdit { title: Some("Tea".parse().expect("a title")), ..Default::default() };
    for local in writer.page.make(&named, &chunk::OWN, |_| Vec::new()).expect("fits") {
        let change = VerifiedChange::local(local, &writer.key, COMMONS, PAGE, NONCE).expect("within bounds").0;
        assert!(!VerifiedChange::from_store(change.into_bytes()).expect("is whole").takes_back());
    }
}
