//! Every bound of the gate: what is at it passes, what is one past it does not.

use automerge::{
    ActorId, Change, ExpandedChange, ScalarValue,
    legacy::{ElementId, Key, ObjectId, Op, OpId, OpType},
};
use commonplace_model::{DocId, DocKind, Folder, Page, Splice, Statement, StatementKey, Title};
use commonplace_trust::{
    Passed, Refusal, VerifiedChange,
    chunk::{self, ChunkError, MAX_CHANGE_BYTES, MAX_DEPS, MAX_OP_COUNTER, MAX_OPS, MAX_OTHER_ACTORS},
};

use crate::device::{COMMONS, Device, LEDGER, NONCE, PAGE, Seen, actor, key, pass, vouch};
use crate::forge::{contents, delete, hash, insert, seal};

/// A writer's first change, of these operations.
fn first(doc: DocId, operations: Vec<Op>) -> ExpandedChange {
    ExpandedChange {
        operations,
        actor_id: ActorId::from(&actor(1, doc).as_bytes()[..]),
        hash: None,
        seq: 1,
        start_op: 3.try_into().expect("not zero"),
        time: 0,
        message: None,
        deps: vec![automerge::ChangeHash(*DocKind::from(doc).genesis().as_bytes())],
        extra_bytes: Vec::new(),
        author: None,
    }
}

fn written(change: ExpandedChange) -> Vec<u8> {
    Change::from(change).raw_bytes().to_vec()
}

fn judged(seen: &Seen, doc: DocId, chunk: &[u8]) -> Passed {
    let seq = chunk::read(chunk).map_or(1, |header| header.seq);
    pass(seen, doc, vec![chunk.to_vec()], vec![vouch(1, doc, seq, hash(chunk))])
}

#[track_caller]
fn bound(doc: DocId, at: Vec<Op>, past: Vec<Op>, refusal: Refusal) {
    let seen = Seen::default();
    let passed = judged(&seen, doc, &written(first(doc, at)));
    assert_eq!((passed.changes.len(), passed.refused), (1, Vec::new()));
    assert_eq!(judged(&seen, doc, &written(first(doc, past))).refused, vec![refusal]);
}

fn put(key: &str, value: impl Into<ScalarValue>) -> Vec<Op> {
    let (action, pred) = (OpType::Put(value.into()), Vec::new().into());
    vec![Op { action, obj: ObjectId::Root, key: Key::Map(key.into()), pred, insert: false }]
}

#[test]
fn operations() {
    let mut device = Device::new(1, PAGE);
    let most = usize::try_from(MAX_OPS).expect("small");
    let at = device.write(&"a".repeat(most));
    let passed = pass(&Seen::default(), PAGE, vec![at.bytes().to_vec()], vec![device.said[&at.actor()]]);
    assert_eq!(passed.changes.len(), 1);
    let insert = "a".repeat(most + 1);
    let past = device.page.edit(&[Splice { at: 0, delete: 0, insert }]).expect("fits").expect("changes");
    // One's own is held to the same bound.
    let refused = VerifiedChange::local(past.clone(), &key(1), COMMONS, PAGE, NONCE).map(drop);
    assert_eq!(refused, Err(Refusal::Chunk(ChunkError::TooManyOps)));
    assert_eq!(chunk::read(past.change.raw_bytes()), Err(ChunkError::TooManyOps));
    assert_eq!(chunk::read(&written(first(PAGE, Vec::new()))), Err(ChunkError::TooManyOps));
}

#[test]
fn bytes() {
    let statements = |last: usize| {
        let sizes = std::iter::repeat_n(Statement::MAX_BYTES, 127).chain([last]);
        let ops =
            sizes.enumerate().flat_map(|(n, size)| put(&format!("kind/{n:03}"), ScalarValue::Bytes(vec![7; size])));
        written(first(LEDGER, ops.collect()))
    };
    let spare = MAX_CHANGE_BYTES - statements(2_000).len();
    let (at, past) = (statements(2_000 + spare), statements(2_001 + spare));
    assert_eq!((at.len(), past.len()), (MAX_CHANGE_BYTES, MAX_CHANGE_BYTES + 1));
    assert_eq!(judged(&Seen::default(), LEDGER, &at).changes.len(), 1);
    assert_eq!(judged(&Seen::default(), LEDGER, &past).refused, vec![Refusal::Chunk(ChunkError::TooLarge)]);
}

#[test]
fn predecessors_in_all() {
    let mine = ActorId::from(&actor(1, PAGE).as_bytes()[..]);
    let preds = |count: u64| {
        let half = |from: u64, count: u64| (from..from + count).map(|n| OpId::new(n, &mine)).collect::<Vec<_>>();
        let mut ops = [put("later", 1), put("later", 2)].concat();
        ops[0].pred = half(1_000_000, count / 2).into();
        ops[1].pred = half(1_000_000, count - count / 2).into();
        written(ExpandedChange { start_op: 2_000_000.try_into().expect("not zero"), ..first(PAGE, ops) })
    };
    let refused = |count| {
        let change = commonplace_model::LocalChange { change: Change::from_bytes(preds(count)).expect("reads") };
        VerifiedChange::local(change, &key(1), COMMONS, PAGE, NONCE).map(drop)
    };
    assert_eq!(refused(MAX_OPS), Ok(()));
    assert_eq!(refused(MAX_OPS + 1), Err(Refusal::Chunk(ChunkError::TooManyOps)));
}

#[test]
fn dependencies() {
    let deps = |count: u64| {
        let deps = (0..count).map(|n| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            automerge::ChangeHash(bytes)
        });
        chunk::read(&written(ExpandedChange { deps: deps.collect(), ..first(PAGE, put("later", 1)) }))
            .map(|h| h.deps.len())
    };
    assert_eq!(deps(MAX_DEPS), Ok(256));
    assert_eq!(deps(MAX_DEPS + 1), Err(ChunkError::TooManyNames));
}

#[test]
fn actors() {
    // With the genesis, whose body they delete from.
    let named = |count: u64| {
        let ids = (1..count).map(|n| OpId::new(1, &ActorId::from([n.to_be_bytes(), [0xff; 8]].concat())));
        chunk::read(&written(first(PAGE, ids.map(delete).collect()))).map(|header| header.ops)
    };
    assert_eq!(named(MAX_OTHER_ACTORS), Ok(MAX_OTHER_ACTORS - 1));
    assert_eq!(named(MAX_OTHER_ACTORS + 1), Err(ChunkError::TooManyNames));
}

#[test]
fn counters() {
    let ends = |start: u64| {
        let change = ExpandedChange { start_op: start.try_into().expect("not zero"), ..first(PAGE, put("later", 1)) };
        chunk::read(&written(change)).map(|header| header.max_op())
    };
    assert_eq!(ends(MAX_OP_COUNTER - 1), Ok(MAX_OP_COUNTER - 1));
    assert_eq!(ends(MAX_OP_COUNTER), Err(ChunkError::TooManyOps));
}

#[test]
fn properties_and_statements() {
    let no = Refusal::Vocabulary;
    let text = |len: usize| "a".repeat(len);
    let bytes = |len: usize| ScalarValue::Bytes(vec![1; len]);
    let (key, value) = (Page::MAX_KEY_BYTES, Page::MAX_PROPERTY_BYTES);
    bound(PAGE, put(&text(key), 1), put(&text(key + 1), 1), no);
    bound(PAGE, put("k", 1), put("", 1), no);
    bound(PAGE, put("later", text(value)), put("later", text(value + 1)), no);
    bound(PAGE, put("later", bytes(value)), put("later", bytes(value + 1)), no);
    bound(PAGE, put("later", f64::MAX), put("later", f64::INFINITY), no);
    bound(PAGE, put(Page::TITLE, text(Title::MAX_BYTES)), put(Page::TITLE, text(Title::MAX_BYTES + 1)), no);
    bound(PAGE, put(Page::FOLDER, text(Folder::MAX_BYTES)), put(Page::FOLDER, text(Folder::MAX_BYTES + 1)), no);
    let id = |len: usize| format!("kind/{}", "a".repeat(len - 5));
    let (key, value) = (StatementKey::MAX_BYTES, Statement::MAX_BYTES);
    bound(LEDGER, put(&id(key), bytes(1)), put(&id(key + 1), bytes(1)), no);
    bound(LEDGER, put("kind/", bytes(value)), put("kind/", bytes(value + 1)), no);
    bound(LEDGER, put("kind/", bytes(0)), put("kind", bytes(0)), no);
    bound(LEDGER, put("kind/", bytes(1)), put("kind/", "text"), no);
}

#[test]
fn what_is_remembered_of_earlier_changes() {
    // Two changes whose operations alternate, together more than what is kept; then one that refers to both.
    let mine = ActorId::from(&actor(1, PAGE).as_bytes()[..]);
    let (mut seen, mut start, mut dep) = (Seen::default(), 3, DocKind::Page.genesis());
    let mut next = |seen: &mut Seen, seq, operations: Vec<Op>| {
        let count = operations.len() as u64;
        let deps = vec![automerge::ChangeHash(*dep.as_bytes())];
        let start_op = start.try_into().expect("not zero");
        let chunk = written(ExpandedChange { seq, start_op, deps, ..first(PAGE, operations) });
        (start, dep) = (start + count, hash(&chunk));
        let passed = judged(seen, PAGE, &chunk);
        seen.take(&passed.changes);
        passed
    };
    let pairs = 20_000;
    for seq in [1, 2] {
        let from = 3 + (seq - 1) * 2 * pairs;
        let ops = (0..pairs).flat_map(|n| [insert(ElementId::Head, "a"), delete(OpId::new(from + 2 * n, &mine))]);
        assert_eq!(next(&mut seen, seq, ops.collect()).changes.len(), 1);
    }
    let after = |counter| insert(ElementId::Id(OpId::new(counter, &mine)), "b");
    let both = vec![after(3), after(3 + 2 * pairs), after(5), after(1 + 4 * pairs)];
    assert_eq!(next(&mut seen, 3, both).changes.len(), 1);
    assert_eq!(next(&mut seen, 4, vec![after(4)]).refused, vec![Refusal::Reference]);
}

#[test]
fn refusals_that_are_listed() {
    let passed = pass(&Seen::default(), PAGE, vec![vec![0]; Passed::MAX_REFUSALS + 1], Vec::new());
    assert_eq!(passed.refused.len(), Passed::MAX_REFUSALS);
}

#[test]
fn the_number_of_a_change() {
    let numbered =
        |seq: u64| chunk::read(&written(ExpandedChange { seq, ..first(PAGE, put("later", 1)) })).map(|h| h.seq);
    assert_eq!(numbered(0), Err(ChunkError::Number));
    assert_eq!(numbered(MAX_OP_COUNTER), Ok(MAX_OP_COUNTER));
    assert_eq!(numbered(MAX_OP_COUNTER + 1), Err(ChunkError::Number));
    // Automerge writes no operation 0. It stands behind one dependency, the actor and the change's number.
    let mut data = contents(&written(first(PAGE, put("later", 1)))).to_vec();
    let at = 1 + 32 + 1 + usize::from(data[33]) + 1;
    assert_eq!(data[at], 3);
    data[at] = 0;
    assert_eq!(chunk::read(&seal(1, &data)), Err(ChunkError::Number));
}

#[test]
fn a_column_is_there_once_in_order_and_not_empty() {
    let data = contents(&written(first(PAGE, put("later", 1)))).to_vec();
    // Behind the number of the first operation: no time, no message, no other actors, then the columns with their lengths.
    let at = 1 + 32 + 1 + usize::from(data[33]) + 2;
    assert_eq!(data[at..at + 3], [0, 0, 0]);
    let (count, list) = (usize::from(data[at + 3]), at + 4);
    let columns: Vec<[u8; 2]> = data[list..list + 2 * count].chunks(2).map(|pair| [pair[0], pair[1]]).collect();
    let with = |columns: &[[u8; 2]]| {
        let listed = u8::try_from(columns.len()).expect("few");
        let all = [&data[..at + 3], &[listed], columns.as_flattened(), &data[list + 2 * count..]].concat();
        chunk::read(&seal(1, &all)).map(drop)
    };
    assert_eq!(with(&columns), Ok(()));
    let long = columns.iter().position(|[_, len]| *len > 1).expect("one of several bytes");
    let [column, len] = columns[long];
    let mut twice = columns.clone();
    twice.splice(long..=long, [[column, 1], [column, len - 1]]);
    assert_eq!(with(&twice), Err(ChunkError::Canonical));
    let mut swapped = columns.clone();
    swapped.swap(0, 1);
    assert_eq!(with(&swapped), Err(ChunkError::Canonical));
    let unused =
        [1, 2, 17, 19, 21, 52, 66, 86, 87, 112, 113, 115].into_iter().find(|c| columns.iter().all(|[of, _]| of != c));
    let mut empty = columns;
    empty.push([unused.expect("a column that it does not have"), 0]);
    empty.sort_unstable();
    assert_eq!(with(&empty), Err(ChunkError::Canonical));
}
