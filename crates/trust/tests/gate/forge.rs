//! Changes that no honest device makes: real ones with bytes or operations changed, and their checksums mended.

use automerge::{
    ActorId, Change, ExpandedChange, ObjType, ScalarValue,
    legacy::{ElementId, Key, MarkData, ObjectId, Op, OpId, OpType},
};
use commonplace_model::ChangeHash;
use commonplace_trust::Attestation;

use crate::device::{PAGE, vouch};

/// Numbers from a seed (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below this bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).expect("64 bits")).expect("below a usize")
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }
}

pub(crate) fn leb(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("seven bits"));
    out
}

/// A chunk of a kind (1 is a change) with these contents, whatever they are, and the checksum that belongs to them.
pub(crate) fn seal(kind: u8, contents: &[u8]) -> Vec<u8> {
    let mut hashed = vec![kind];
    hashed.extend(leb(contents.len() as u64));
    hashed.extend(contents);
    let hash = hash_of(&hashed);
    [&[0x85, 0x6f, 0x4a, 0x83][..], &hash[..4], &hashed].concat()
}

/// The contents of a chunk.
pub(crate) fn contents(chunk: &[u8]) -> &[u8] {
    let length = chunk[9..].iter().position(|b| b & 0x80 == 0).expect("a length") + 1;
    &chunk[9 + length..]
}

fn hash_of(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

/// The hash of a chunk, as everybody computes it.
pub(crate) fn hash(chunk: &[u8]) -> ChangeHash {
    ChangeHash::new(hash_of(&chunk[8..]))
}

/// Its writer vouches for a forged change of a page.
pub(crate) fn sworn(n: u8, seq: u64, chunk: &[u8]) -> Attestation {
    vouch(n, PAGE, seq, hash(chunk))
}

/// A change with its operations changed by hand, written by Automerge.
pub(crate) fn reworked(chunk: &[u8], rework: impl FnOnce(&mut ExpandedChange)) -> Vec<u8> {
    let mut change = Change::from_bytes(chunk.to_vec()).expect("a real change").decode();
    rework(&mut change);
    Change::from(change).raw_bytes().to_vec()
}

/// Changes some bytes, anywhere behind the header.
pub(crate) fn bytes_changed(chunk: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut data = contents(chunk).to_vec();
    for _ in 0..=dice.below(3) {
        // Most of the front is hashes and actors, where nothing is to be won.
        let at =
            if dice.below(4) > 0 { data.len() - 1 - dice.below(data.len().min(60)) } else { dice.below(data.len()) };
        let byte = u8::try_from(dice.next() & 0xff).expect("a byte");
        match dice.below(6) {
            0 => data[at] ^= 1 << dice.below(8),
            1 => data[at] = byte,
            2 => data[at] = data[at].wrapping_add(1),
            3 => data[at] = data[at].wrapping_sub(1),
            4 => data.insert(at, byte),
            _ => drop(data.remove(at)),
        }
    }
    seal(1, &data)
}

/// What operations can be pointed at: ids of the document so far, some of which fit.
pub(crate) struct Targets {
    pub(crate) ids: Vec<OpId>,
    pub(crate) actors: Vec<ActorId>,
    pub(crate) deps: Vec<automerge::ChangeHash>,
}

impl Targets {
    fn id(&self, dice: &mut Dice, change: &ExpandedChange) -> OpId {
        let own = OpId::new(change.start_op.get() + dice.below(change.operations.len() + 1) as u64, &change.actor_id);
        let some = dice.pick(&self.ids).cloned().unwrap_or_else(|| own.clone());
        match dice.below(8) {
            0 => own,
            1 => OpId::new((some.counter() + dice.next() % 3).saturating_sub(1).max(1), some.actor()),
            2 => OpId::new(some.counter(), dice.pick(&self.actors).expect("actors")),
            _ => some,
        }
    }
}

/// Changes what a change says, here and there.
pub(crate) fn sense_changed(chunk: &[u8], dice: &mut Dice, targets: &Targets) -> Vec<u8> {
    reworked(chunk, |change| {
        for _ in 0..=dice.below(3) {
            match dice.below(12) {
                0 => frame_changed(change, dice, targets),
                1 => ops_moved(change, dice, targets),
                _ => op_changed(change, dice, targets),
            }
        }
        // A change without operations has no columns to speak of.
        if change.operations.is_empty() {
            let id = targets.id(dice, change);
            change.operations.push(insert(ElementId::Id(id), "x"));
        }
    })
}

fn frame_changed(change: &mut ExpandedChange, dice: &mut Dice, targets: &Targets) {
    let step = |value: u64, dice: &mut Dice| (value + dice.next() % 3).saturating_sub(1);
    match dice.below(8) {
        0 => change.start_op = step(change.start_op.get(), dice).max(1).try_into().expect("not zero"),
        1 => change.start_op = (u64::from(u32::MAX) - dice.next() % 4).try_into().expect("not zero"),
        2 => change.seq = step(change.seq, dice).max(1),
        3 => drop(change.deps.pop()),
        4 => change.deps.extend(dice.pick(&targets.deps).copied()),
        5 => change.time = i64::from_le_bytes(dice.next().to_le_bytes()),
        6 => change.message = Some("a message".to_owned()),
        _ => change.extra_bytes = vec![1, 2, 3],
    }
}

fn ops_moved(change: &mut ExpandedChange, dice: &mut Dice, targets: &Targets) {
    let at = dice.below(change.operations.len());
    match dice.below(4) {
        0 if !change.operations.is_empty() => drop(change.operations.remove(at)),
        1 if !change.operations.is_empty() => change.operations.push(change.operations[at].clone()),
        2 => change.operations.reverse(),
        _ => {
            let id = targets.id(dice, change);
            let body = change.operations.iter().map(|op| op.obj.clone()).find(|obj| *obj != ObjectId::Root);
            let obj = body.unwrap_or_else(body_id);
            let op = match dice.below(3) {
                0 => insert(ElementId::Id(id), "y"),
                1 => insert(ElementId::Head, "z"),
                _ => delete(id),
            };
            change.operations.push(Op { obj, ..op });
        }
    }
}

fn op_changed(change: &mut ExpandedChange, dice: &mut Dice, targets: &Targets) {
    let id = targets.id(dice, change);
    let at = dice.below(change.operations.len());
    let Some(mut op) = change.operations.get(at).cloned() else { return };
    match dice.below(10) {
        0 => op.key = Key::Seq(ElementId::Id(id)),
        1 => op.key = Key::Seq(ElementId::Head),
        2 => {
            let names = ["title", "folder", "other", "body", "", "tag/x"];
            op.key = Key::Map(names[dice.below(names.len())].into());
        }
        3 => op.pred = vec![id].into(),
        4 => {
            let mut preds: Vec<OpId> = op.pred.iter().cloned().collect();
            preds.push(id);
            op.pred = preds.into();
        }
        5 => op.pred = Vec::new().into(),
        6 => op.obj = if dice.below(2) == 0 { ObjectId::Root } else { ObjectId::Id(id) },
        7 => op.insert = !op.insert,
        8 => op.action = some_action(dice),
        // A deletion of something else, whole.
        _ => op = Op { obj: op.obj, ..delete(id) },
    }
    change.operations[at] = op;
}

fn some_action(dice: &mut Dice) -> OpType {
    match dice.below(12) {
        0 => OpType::Make(ObjType::Text),
        1 => OpType::Make(ObjType::Map),
        2 => OpType::Make(ObjType::List),
        3 => OpType::Delete,
        4 => OpType::Increment(3),
        5 => OpType::MarkBegin(MarkData { name: "bold".into(), value: ScalarValue::Boolean(true), expand: true }),
        6 => OpType::MarkEnd(false),
        7 => OpType::Put(ScalarValue::counter(7)),
        8 => OpType::Put(ScalarValue::Uint(9)),
        9 => OpType::Put("two".into()),
        10 => OpType::Put(ScalarValue::Bytes(vec![1, 2, 3])),
        _ => OpType::Put("é".into()),
    }
}

/// The id of a page's body.
pub(crate) fn body_id() -> ObjectId {
    ObjectId::Id(OpId::new(2, &ActorId::from(&b"commonplace/page"[..])))
}

/// Inserts into the body.
pub(crate) fn insert(after: ElementId, text: &str) -> Op {
    Op { action: OpType::Put(text.into()), obj: body_id(), key: Key::Seq(after), pred: Vec::new().into(), insert: true }
}

/// Deletes from the body.
pub(crate) fn delete(id: OpId) -> Op {
    let key = Key::Seq(ElementId::Id(id.clone()));
    Op { action: OpType::Delete, obj: body_id(), key, pred: vec![id].into(), insert: false }
}
