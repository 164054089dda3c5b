//! What hostile changes do to Automerge 0.12 without a gate, and that the gate stops them: a test for each. The first half
//! of each is there to be noticed when a newer Automerge changes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{
    ActorId, Automerge, Change, ExpandedChange, ROOT, ReadDoc,
    legacy::{ElementId, Key, ObjectId, Op, OpId, OpType},
    sync::{Message, State, SyncDoc},
    transaction::Transactable,
};
use commonplace_model::{Actor, DocId, DocKind, Document, PageId};
use commonplace_trust::{Passed, Refusal, VerifiedChange, chunk::ChunkError};

use crate::{
    device::{Device, PAGE, Seen, actor, pass},
    forge::{contents, delete, hash, insert, leb, reworked, seal, sworn},
};

/// What a change does to a document that takes it without a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    /// Nothing that shows.
    None,
    /// It is not taken; what came with it neither.
    Refused,
    /// Applying it panics.
    Panics,
    /// It is taken, and the saved document does not load.
    DoesNotLoad,
    /// It is taken, and the next edit made here panics or finds no body.
    NextEditFails,
}

/// A member who wrote "ab", then "c" (the change that is forged), and what is known before the latter.
struct Scene {
    real: VerifiedChange,
    seen: Seen,
    document: Vec<u8>,
}

fn scene() -> Scene {
    let mut device = Device::new(1, PAGE);
    device.write("ab");
    let (seen, document) = (device.seen.clone(), device.page.document().save());
    Scene { real: device.write("c"), seen, document }
}

impl Scene {
    fn forged(&self, rework: impl FnOnce(&mut ExpandedChange)) -> Vec<u8> {
        reworked(self.real.bytes(), rework)
    }

    fn without_a_gate(&self, chunks: &[Vec<u8>]) -> Harm {
        let mut doc = Automerge::load(&self.document).expect("loads");
        let applied = catch_unwind(AssertUnwindSafe(|| {
            let changes: Result<Vec<Change>, _> = chunks.iter().cloned().map(Change::from_bytes).collect();
            changes.is_ok_and(|changes| doc.apply_changes(changes).is_ok())
        }));
        match applied {
            Err(_) => return Harm::Panics,
            Ok(false) => return Harm::Refused,
            Ok(true) => {}
        }
        let loads = catch_unwind(AssertUnwindSafe(|| Automerge::load(&doc.save()).is_ok()));
        if !loads.unwrap_or(false) {
            return Harm::DoesNotLoad;
        }
        let edits = catch_unwind(AssertUnwindSafe(|| {
            let (_, body) = doc.get(ROOT, "body").expect("reads").expect("a body");
            let mut tx = doc.transaction();
            tx.splice_text(&body, 0, 0, "later").expect("fits");
            tx.commit();
        }));
        if edits.is_err() { Harm::NextEditFails } else { Harm::None }
    }

    /// Its writer vouches for what was forged.
    fn at_the_gate(&self, chunk: &[u8]) -> Passed {
        let seq = commonplace_trust::chunk::read(chunk).map_or(self.real.seq(), |header| header.seq);
        pass(&self.seen, PAGE, vec![chunk.to_vec()], vec![sworn(1, seq, chunk)])
    }

    #[track_caller]
    fn row(&self, chunk: &[u8], harm: Harm, refusal: Refusal) {
        assert_eq!(self.without_a_gate(&[chunk.to_vec()]), harm);
        let passed = self.at_the_gate(chunk);
        assert_eq!((passed.changes.len(), passed.refused), (0, vec![refusal]));
    }
}

/// An id of the member's: the "a" has counter 3, the "b" 4, the "c" 5.
fn own(counter: u64) -> OpId {
    OpId::new(counter, &ActorId::from(&actor(1, PAGE).as_bytes()[..]))
}

#[test]
fn what_the_scene_is_made_of_passes() {
    let scene = scene();
    assert_eq!(scene.without_a_gate(&[scene.real.bytes().to_vec()]), Harm::None);
    assert_eq!(scene.at_the_gate(scene.real.bytes()).changes.len(), 1);
    let same = scene.forged(|c| c.operations[0] = insert(ElementId::Id(own(4)), "c"));
    assert_eq!(same, scene.real.bytes());
}

#[test]
fn a_gap_in_the_sequence() {
    let scene = scene();
    scene.row(&scene.forged(|c| c.seq = 3), Harm::Panics, Refusal::Sequence);
}

#[test]
fn an_operation_in_a_missing_object() {
    let scene = scene();
    let forged = scene.forged(|c| c.operations[0].obj = ObjectId::Id(own(99)));
    scene.row(&forged, Harm::Panics, Refusal::Vocabulary);
}

#[test]
fn an_insertion_after_a_missing_element() {
    let scene = scene();
    let forged = scene.forged(|c| c.operations[0].key = Key::Seq(ElementId::Id(own(99))));
    scene.row(&forged, Harm::Panics, Refusal::Reference);
}

#[test]
fn a_deletion_of_a_missing_element() {
    let scene = scene();
    let forged = scene.forged(|c| c.operations[0] = delete(OpId::new(3, &ActorId::from(&[9; 16][..]))));
    scene.row(&forged, Harm::Panics, Refusal::Reference);
}

#[test]
fn ones_own_previous_change_not_among_the_dependencies() {
    let scene = scene();
    let genesis = automerge::ChangeHash(*DocKind::Page.genesis().as_bytes());
    let forged = scene.forged(|c| {
        c.deps = vec![genesis];
        c.start_op = 3.try_into().expect("not zero");
        c.operations[0] = insert(ElementId::Head, "c");
    });
    scene.row(&forged, Harm::DoesNotLoad, Refusal::Sequence);
}

#[test]
fn a_repeated_operation_id() {
    let scene = scene();
    let forged = scene.forged(|c| {
        c.start_op = 4.try_into().expect("not zero");
        c.operations[0] = insert(ElementId::Id(own(3)), "c");
    });
    scene.row(&forged, Harm::DoesNotLoad, Refusal::Counter);
}

#[test]
fn a_wrong_predecessor() {
    let scene = scene();
    // The "b" is deleted as if it were the "a".
    let forged = scene.forged(|c| c.operations[0] = Op { pred: vec![own(3)].into(), ..delete(own(4)) });
    scene.row(&forged, Harm::DoesNotLoad, Refusal::Vocabulary);
    // A title takes the place of a character.
    let title = |c: &mut ExpandedChange| {
        let op = &mut c.operations[0];
        (op.obj, op.key, op.insert, op.pred) = (ObjectId::Root, "title".into(), false, vec![own(4)].into());
    };
    scene.row(&scene.forged(title), Harm::DoesNotLoad, Refusal::Reference);
}

#[test]
fn a_key_of_a_map_in_a_text() {
    let scene = scene();
    let forged = scene.forged(|c| {
        c.operations[0].key = "title".into();
        c.operations[0].insert = false;
    });
    scene.row(&forged, Harm::DoesNotLoad, Refusal::Vocabulary);
}

#[test]
fn a_counter_just_below_the_end_of_counting() {
    let scene = scene();
    let last = u64::from(u32::MAX) - 1;
    let forged = scene.forged(|c| c.start_op = last.try_into().expect("not zero"));
    scene.row(&forged, Harm::NextEditFails, Refusal::Chunk(ChunkError::TooManyOps));
    // Where the reader would let it be, the rule for counters does not.
    let early = scene.forged(|c| c.start_op = 1_000_000.try_into().expect("not zero"));
    assert_eq!(scene.at_the_gate(&early).refused, vec![Refusal::Counter]);
}

#[test]
fn a_change_that_inflates() {
    let mut device = Device::new(1, PAGE);
    device.write("ab");
    let (seen, document) = (device.seen.clone(), device.page.document().save());
    let real = device.write(&"a".repeat(50_000));
    let scene = Scene { real, seen, document };
    let compressed = Change::from_bytes(scene.real.bytes().to_vec()).expect("reads").bytes().into_owned();
    assert!(compressed.len() * 100 < scene.real.bytes().len());
    // Taken, and inflated without asking how large it will be.
    assert_eq!(scene.without_a_gate(std::slice::from_ref(&compressed)), Harm::None);
    assert_eq!(scene.at_the_gate(&compressed).refused, vec![Refusal::Chunk(ChunkError::Malformed)]);
}

#[test]
fn a_few_bytes_that_claim_many_operations() {
    // No dependencies, an actor, seq and start_op 1, and a column of actions that is one run of 200,000 makings of maps.
    let run = [&[0xc0, 0x9a, 0x0c][..], &[0]].concat();
    let frame = [&[0, 16][..], &[7; 16], &[1, 1, 0, 0, 0]].concat();
    let keys = [0xc0, 0x9a, 0x0c, 1, b'k'];
    let flags = leb(200_000);
    let zeros = [0xc0, 0x9a, 0x0c, 0];
    let sizes = [keys.len(), flags.len(), run.len(), zeros.len(), zeros.len()].map(|n| u8::try_from(n).expect("few"));
    let specs = [21, 52, 66, 86, 112].into_iter().zip(sizes).flat_map(|(spec, size)| [spec, size]);
    let columns: Vec<u8> = [5].into_iter().chain(specs).collect();
    let bomb = seal(1, &[&frame[..], &columns, &keys, &flags, &run, &zeros, &zeros].concat());
    assert!(bomb.len() < 80, "{}", bomb.len());
    assert_eq!(Change::from_bytes(bomb.clone()).expect("reads").len(), 200_000);
    assert_eq!(commonplace_trust::chunk::read(&bomb), Err(ChunkError::TooManyOps));
}

#[test]
fn two_changes_with_one_actor_and_number() {
    let scene = scene();
    let twin = scene.forged(|c| c.operations[0] = insert(ElementId::Head, "x"));
    let both = vec![scene.real.bytes().to_vec(), twin.clone()];
    assert_eq!(scene.without_a_gate(&both), Harm::Refused);
    // Both are vouched for: the one that came first stays, and nothing else is lost.
    let said = vec![sworn(1, 2, scene.real.bytes()), sworn(1, 2, &twin)];
    let passed = pass(&scene.seen, PAGE, both, said);
    assert_eq!((passed.changes.len(), passed.refused), (1, vec![Refusal::Equivocation]));
}

#[test]
fn a_forged_change_in_front_of_a_real_one() {
    let scene = scene();
    // Under the victim's actor and number, on something that does not exist.
    let forged = scene.forged(|c| c.deps = vec![automerge::ChangeHash([9; 32])]);
    let both = vec![forged.clone(), scene.real.bytes().to_vec()];
    assert_eq!(scene.without_a_gate(&both), Harm::Refused);
    // Nobody vouches for the forged one, so it waits, and does not stand in the way of the other; also when it could apply.
    let applicable = scene.forged(|c| c.operations[0] = insert(ElementId::Head, "x"));
    for forged in [forged, applicable] {
        let both = vec![forged.clone(), scene.real.bytes().to_vec()];
        let passed = pass(&scene.seen, PAGE, both, vec![sworn(1, 2, scene.real.bytes())]);
        assert_eq!((passed.changes.len(), passed.changes[0].hash()), (1, scene.real.hash()));
        assert_eq!((passed.waiting, passed.refused), (vec![forged], Vec::new()));
    }
}

#[test]
fn a_change_that_hangs_in_the_air() {
    let scene = scene();
    let forged = scene.forged(|c| c.deps.push(automerge::ChangeHash([9; 32])));
    assert_eq!(scene.without_a_gate(std::slice::from_ref(&forged)), Harm::None);
    let mut doc = Automerge::load(&scene.document).expect("loads");
    let size = doc.save().len();
    doc.apply_changes([Change::from_bytes(forged.clone()).expect("reads")]).expect("is queued");
    assert!(doc.save().len() > size + forged.len() / 2, "and saved");
    // Here it waits outside, where what waits is bounded.
    let passed = scene.at_the_gate(&forged);
    assert_eq!((passed.changes.len(), passed.waiting, passed.refused), (0, vec![forged], Vec::new()));
}

#[test]
fn a_change_of_another_document() {
    let elsewhere = DocId::Page(PageId::new([8; 16]));
    let mut device = Device::new(1, elsewhere);
    let change = device.write("said somewhere else");
    let scene = scene();
    assert_eq!(scene.without_a_gate(&[change.bytes().to_vec()]), Harm::None);
    let said = device.said[&change.actor()];
    let passed = pass(&scene.seen, PAGE, vec![change.bytes().to_vec()], vec![said]);
    assert_eq!((passed.changes.len(), passed.refused), (0, vec![Refusal::Attestation]));
}

#[test]
fn a_time_a_message_or_an_author() {
    let scene = scene();
    let foreign = Refusal::Chunk(ChunkError::Foreign);
    scene.row(&scene.forged(|c| c.time = i64::MAX), Harm::None, foreign);
    scene.row(&scene.forged(|c| c.message = Some("trust me".to_owned())), Harm::None, foreign);
    // An author may be named by an actor's first change only.
    scene.row(&scene.forged(|c| c.extra_bytes = b"\x01\x04anna".to_vec()), Harm::Panics, foreign);
    scene.row(&scene.forged(|c| c.extra_bytes = b"anything".to_vec()), Harm::None, foreign);
}

#[test]
fn what_pages_do_not_have() {
    let scene = scene();
    let op = |action: OpType, key: &str| Op {
        action,
        obj: ObjectId::Root,
        key: key.into(),
        pred: Vec::new().into(),
        insert: false,
    };
    // Harmless to Automerge, and not to what is built on it.
    let over = scene.forged(|c| c.operations[0] = op(OpType::Put("gone".into()), "body"));
    scene.row(&over, Harm::NextEditFails, Refusal::Vocabulary);
    for (name, op) in [
        ("what the genesis says", op(OpType::Put("page/9".into()), "commonplace")),
        ("a map", op(OpType::Make(automerge::ObjType::Map), "map")),
        ("a title that is no string", op(OpType::Put(7.into()), "title")),
        ("two characters in one", insert(ElementId::Head, "xy")),
        ("no character at all", insert(ElementId::Head, "")),
        ("a value that is no text", Op { action: OpType::Put(7.into()), ..insert(ElementId::Head, "x") }),
    ] {
        let forged = scene.forged(|c| c.operations[0] = op);
        assert_eq!(scene.without_a_gate(std::slice::from_ref(&forged)), Harm::None, "{name}");
        assert_eq!(scene.at_the_gate(&forged).refused, vec![Refusal::Vocabulary], "{name}");
    }
    let counter = scene.forged(|c| c.operations[0] = op(OpType::Put(automerge::ScalarValue::counter(1)), "count"));
    scene.row(&counter, Harm::None, Refusal::Chunk(ChunkError::Foreign));
    // What a later version may write passes.
    let later = scene.forged(|c| c.operations[0] = op(OpType::Put(7.into()), "stars"));
    assert_eq!(scene.at_the_gate(&later).changes.len(), 1);
}

/// A chunk with some of its contents written otherwise.
fn rewritten(chunk: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let data = contents(chunk);
    let at = data.windows(from.len()).position(|bytes| bytes == from).expect("it is there");
    seal(1, &[&data[..at], to, &data[at + from.len()..]].concat())
}

#[test]
fn another_way_to_write_the_same() {
    // Automerge writes it in its own way when it saves, and then finds another hash; if it gets that far.
    let scene = scene();
    let real = scene.real.bytes();
    let canonical = Refusal::Chunk(ChunkError::Canonical);
    let body = b"\x01\x10commonplace/page";
    let named = [b"\x02", &body[1..], &[16], &[0xff; 16]].concat();
    scene.row(&rewritten(real, body, &named), Harm::Panics, canonical);
    // The last of its columns: how many predecessors its operation has. A run of one, and one of none before it.
    let counts = [0x7f, 0x16, b'c', 0x7f, 0];
    scene.row(&rewritten(real, &counts, &[0x7f, 0x16, b'c', 1, 0]), Harm::DoesNotLoad, canonical);
    let longer = rewritten(real, &[112, 2], &[112, 4]);
    scene.row(&rewritten(&longer, &counts, &[0x7f, 0x16, b'c', 0, 0, 0x7f, 0]), Harm::DoesNotLoad, canonical);
    // Dependencies out of order, which Automerge happens to keep.
    let genesis = automerge::ChangeHash(*DocKind::Page.genesis().as_bytes());
    let two = scene.forged(|c| c.deps.push(genesis));
    assert_eq!(scene.at_the_gate(&two).changes.len(), 1);
    let deps = contents(&two)[1..65].to_vec();
    let turned = [&deps[32..], &deps[..32]].concat();
    scene.row(&rewritten(&two, &deps, &turned), Harm::None, canonical);
    // Something behind the end, and a checksum that is another's.
    let behind = seal(1, &[contents(real), &[0]].concat());
    scene.row(&behind, Harm::None, Refusal::Chunk(ChunkError::Foreign));
    let mut wrong = real.to_vec();
    wrong[4] ^= 1;
    scene.row(&wrong, Harm::None, Refusal::Chunk(ChunkError::Malformed));
}

#[test]
fn a_reference_beside_the_ancestors() {
    // Two members wrote at once; the change of one refers to what the other wrote without building on it. Whether that
    // applies would depend on the order of arrival.
    let scene = scene();
    let mut other = Device::new(2, PAGE);
    let theirs = other.write("theirs");
    let id = OpId::new(3, &ActorId::from(&actor(2, PAGE).as_bytes()[..]));
    let forged = scene.forged(|c| c.operations[0] = insert(ElementId::Id(id), "c"));
    assert_eq!(scene.without_a_gate(&[theirs.bytes().to_vec(), forged.clone()]), Harm::None);
    assert_eq!(scene.without_a_gate(std::slice::from_ref(&forged)), Harm::Panics);
    let mut seen = scene.seen.clone();
    seen.take(&[theirs]);
    let passed = pass(&seen, PAGE, vec![forged.clone()], vec![sworn(1, 2, &forged)]);
    assert_eq!(passed.refused, vec![Refusal::Reference]);
}

#[test]
fn a_filter_of_a_sync_message() {
    // One entry of no bits: the answer divides by zero.
    let crafted = [0x42, 0, 0, 1, 0, 3, 1, 0, 7, 0];
    let scene = scene();
    let mut doc = Automerge::load(&scene.document).expect("loads");
    let answered = catch_unwind(AssertUnwindSafe(|| {
        let mut state = State::new();
        let message = Message::decode(&crafted).expect("reads");
        doc.receive_sync_message(&mut state, message).expect("is taken");
        doc.generate_sync_message(&mut state).is_some()
    }));
    assert!(answered.is_err());
    // No such message is read here at all, by anything.
    assert_eq!(scene.at_the_gate(&crafted).refused, vec![Refusal::Chunk(ChunkError::Malformed)]);
}

#[test]
fn a_whole_document_in_place_of_a_change() {
    let scene = scene();
    assert!(catch_unwind(|| Automerge::load(&scene.document).is_ok()).is_ok_and(|loaded| loaded));
    assert_eq!(scene.at_the_gate(&scene.document).refused, vec![Refusal::Chunk(ChunkError::Malformed)]);
}

#[test]
fn the_genesis_is_neither_taken_twice_nor_held_against_anybody() {
    let scene = scene();
    let genesis = Automerge::load(&Document::new(DocKind::Page).save()).expect("loads").get_changes(&[]);
    let chunk = genesis[0].raw_bytes().to_vec();
    assert_eq!(hash(&chunk), DocKind::Page.genesis());
    let passed = pass(&scene.seen, PAGE, vec![chunk], Vec::new());
    assert!(passed.changes.is_empty() && passed.waiting.is_empty() && passed.refused.is_empty());
    assert_eq!(DocKind::Page.genesis_actor(), Actor::new(*b"commonplace/page"));
}
