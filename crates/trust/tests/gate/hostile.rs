//! Whole histories by members who mean harm: changes made by hand, on any dependencies, with whatever references the gate
//! lets stand. Replicas that take in what passed are equal whatever the order of arrival, and their documents save and load.

use automerge::{
    ActorId, Change, ExpandedChange, ScalarValue,
    legacy::{ElementId, Key, ObjectId, Op, OpId, OpType},
};
use commonplace_model::{DocId, DocKind, Document};
use commonplace_trust::{History, VerifiedChange, gate};

use crate::{
    device::{LEDGER, PAGE, Seen, actor, pass, shuffled, vouch},
    forge::{Dice, delete, hash, insert},
    mutation::text_of,
};

const WRITERS: u8 = 3;
const KEYS: [[&str; 3]; 2] = [["title", "deleted", "later"], ["tag/a", "tag/b", "profile/"]];

/// Operations that others may refer to.
#[derive(Default)]
struct Ops {
    elements: Vec<OpId>,
    puts: Vec<(usize, OpId)>,
}

struct World {
    doc: DocId,
    seen: Seen,
    changes: Vec<VerifiedChange>,
    ops: Ops,
}

impl World {
    fn id(&self, dice: &mut Dice) -> Option<OpId> {
        // Mostly recent ones: the newest are where the confusion is.
        let recent = self.ops.elements.len().saturating_sub(12);
        if dice.below(3) > 0 { dice.pick(&self.ops.elements[recent..]) } else { dice.pick(&self.ops.elements) }.cloned()
    }

    fn preds(&self, key: usize, dice: &mut Dice) -> Vec<OpId> {
        let mut preds: Vec<OpId> = Vec::new();
        for (_, id) in self.ops.puts.iter().filter(|(k, _)| *k == key) {
            if dice.below(2) == 0 && !preds.contains(id) {
                preds.push(id.clone());
            }
        }
        preds
    }

    fn op(&self, dice: &mut Dice) -> Op {
        let kind = DocKind::from(self.doc);
        let element = self.id(dice).filter(|_| kind == DocKind::Page);
        if let Some(id) = element.filter(|_| dice.below(4) > 0) {
            return if dice.below(2) == 0 { insert(ElementId::Id(id), "é") } else { delete(id) };
        }
        if kind == DocKind::Page && dice.below(3) > 0 {
            return insert(ElementId::Head, "😀");
        }
        let key = dice.below(3);
        let value = match (kind, key) {
            (DocKind::Ledger, _) => ScalarValue::Bytes(vec![1, 0, u8::try_from(dice.below(9)).expect("small")]),
            (_, 0) => ["one", "two"][dice.below(2)].into(),
            (_, 1) => ScalarValue::Boolean(dice.below(2) == 0),
            _ => [ScalarValue::Null, ScalarValue::Int(-5), ScalarValue::F64(0.5), ScalarValue::Timestamp(3)]
                [dice.below(4)]
            .clone(),
        };
        let action = if dice.below(4) == 0 { OpType::Delete } else { OpType::Put(value) };
        let name = KEYS[usize::from(kind == DocKind::Ledger)][key];
        Op { action, obj: ObjectId::Root, key: name.into(), pred: self.preds(key, dice).into(), insert: false }
    }

    /// A change of a writer on what it follows and some of the others' work, as the rules of the frame ask.
    fn write(&mut self, n: u8, dice: &mut Dice) {
        let me = actor(n, self.doc);
        let own = self.seen.tip(&me);
        let kind = DocKind::from(self.doc);
        let mut deps: Vec<_> = own.iter().map(|(_, hash)| *hash).collect();
        deps.extend(dice.pick(&self.changes).map(VerifiedChange::hash));
        if dice.below(3) > 0 {
            // All that there is: the newest of each writer.
            deps.extend((0..WRITERS).filter_map(|n| self.seen.tip(&actor(n, self.doc)).map(|(_, hash)| hash)));
        }
        if deps.is_empty() || dice.below(6) == 0 {
            deps.push(kind.genesis());
        }
        deps.sort_unstable();
        deps.dedup();
        let highest = deps.iter().filter_map(|dep| self.seen.change(dep)).map(|known| known.max_op).max();
        let start = highest.unwrap_or(0).max(kind.genesis_max_op()) + 1;
        let mine = ActorId::from(&me.as_bytes()[..]);
        let mut operations: Vec<Op> = Vec::new();
        let before = (self.ops.elements.len(), self.ops.puts.len());
        for at in 0..=dice.below(5) as u64 {
            let op = self.op(dice);
            let id = OpId::new(start + at, &mine);
            match (&op.key, &op.action) {
                (_, OpType::Put(_)) if op.insert => self.ops.elements.push(id),
                (Key::Map(name), OpType::Put(_)) => {
                    let key = KEYS.iter().flatten().position(|k| *k == name.as_str()).expect("a key") % 3;
                    self.ops.puts.push((key, id));
                }
                _ => {}
            }
            operations.push(op);
        }
        let seq = own.map_or(0, |(seq, _)| seq) + 1;
        let change = Change::from(ExpandedChange {
            operations,
            actor_id: mine,
            hash: None,
            seq,
            start_op: start.try_into().expect("not zero"),
            time: 0,
            message: None,
            deps: deps.iter().map(|dep| automerge::ChangeHash(*dep.as_bytes())).collect(),
            extra_bytes: Vec::new(),
            author: None,
        });
        let chunk = change.raw_bytes().to_vec();
        let said = vouch(n, self.doc, seq, hash(&chunk));
        let passed = pass(&self.seen, self.doc, vec![chunk], vec![said]);
        if passed.changes.is_empty() {
            self.ops.elements.truncate(before.0);
            self.ops.puts.truncate(before.1);
        }
        self.seen.take(&passed.changes);
        self.changes.extend(passed.changes);
    }
}

fn taken_in(doc: DocId, changes: &[VerifiedChange], size: usize) -> (Vec<commonplace_model::ChangeHash>, String) {
    let mut document = Document::new(doc.into());
    for piece in changes.chunks(size) {
        gate::apply(&mut document, piece.to_vec()).expect("what passed applies");
    }
    let heads = document.heads();
    let loaded = Document::load(doc.into(), &document.save()).expect("what was saved loads");
    assert_eq!(loaded.heads(), heads);
    let text = text_of(document);
    assert_eq!(text_of(loaded), text);
    (heads, text)
}

fn histories(doc: DocId, runs: u64) -> usize {
    let mut through = 0;
    for seed in 0..runs {
        let mut dice = Dice(seed);
        let mut world = World { doc, seen: Seen::default(), changes: Vec::new(), ops: Ops::default() };
        for _ in 0..40 {
            let n = u8::try_from(dice.below(usize::from(WRITERS))).expect("small");
            world.write(n, &mut dice);
        }
        through += world.changes.len();
        let end = taken_in(doc, &world.changes, 1);
        for size in [1, 4, 100] {
            let order = shuffled(&world.changes, &mut dice);
            assert_eq!(taken_in(doc, &order, size), end, "seed {seed}");
        }
    }
    through
}

#[test]
fn histories_of_pages_do_no_harm() {
    let through = histories(PAGE, 60);
    assert!(through > 60 * 12, "{through} passed");
}

#[test]
fn histories_of_ledgers_do_no_harm() {
    let through = histories(LEDGER, 60);
    assert!(through > 60 * 12, "{through} passed");
}
