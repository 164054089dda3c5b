//! Writing anew: what one writer's changes did that fall out of a document, done once more on what stands of it.
//!
//! Changes fall when they build on something that turned out not to count. Which ones fall is known to everybody; each writer
//! whose own changes are among them writes again what these did:
//!
//! - A character that they inserted and nobody honest deleted is inserted again, after the same characters of those that stand.
//! - A character that stands and that they deleted is deleted again.
//! - What they put under a key of the root is put again, unless somebody honest put something else there later.
//!
//! Why the place is right: the order of all characters ever inserted is a walk through a tree, in which each hangs on the one it
//! was inserted after, and younger siblings come first. Whatever hangs on a character that falls, falls too, since it builds on
//! it. So what stands is the tree without some of its branches, and the walk passes what stands in the order that it has in the
//! document that is left. One walk through all characters therefore meets those to be written at their places among these.
//!
//! Invariant: pure. The same changes give the same result on every device of the writer; what it gives is made once, in one
//! transaction with the taking out (`commonplace-store`).

use std::collections::HashMap;

use automerge::{
    ActorId, Change, ROOT, ReadDoc, ScalarValue,
    legacy::{ElementId, Key, ObjectId, Op, OpId, OpType},
};

use crate::{
    document::{Document, JOINED, LocalChange},
    page::EditError,
    portion::{ChangeBounds, Work},
    text::Splice,
};

/// What becomes of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stands.
    Stands,
    /// It falls, and is of the writer who writes anew.
    Own,
    /// It falls, and is somebody else's, who writes anew themselves.
    Others,
    /// It falls and nobody writes it anew.
    Void,
}

/// What is to be written anew.
#[derive(Debug, Default)]
pub struct Anew {
    splices: Vec<Splice>,
    puts: Vec<(String, ScalarValue)>,
    deletes: Vec<String>,
}

/// A character that was ever inserted.
struct Character {
    text: String,
    fate: Fate,
    /// By a change that stands.
    deleted: bool,
    /// By one of the writer's own that falls.
    deleted_by_own: bool,
    /// By somebody else's that falls.
    deleted_by_others: bool,
}

/// All characters of a body in their order.
#[derive(Default)]
struct Body {
    all: Vec<Character>,
    numbers: HashMap<(u64, ActorId), usize>,
    ids: Vec<(u64, ActorId)>,
    /// Those inserted after each character; the first of them after none.
    after: HashMap<Option<usize>, Vec<usize>>,
}

/// The last that was done to a key of the root.
struct Keyed {
    id: (u64, ActorId),
    fate: Fate,
    value: Option<ScalarValue>,
}

impl Anew {
    /// What the writer has to write anew, of all changes of a document, each after those it builds on.
    pub fn of<'a>(changes: impl IntoIterator<Item = (&'a Change, Fate)>) -> Self {
        let mut body = Body::default();
        let mut keys: HashMap<String, Vec<Keyed>> = HashMap::new();
        for (change, fate) in changes {
            let change = change.decode();
            for (op, counter) in change.operations.iter().zip(change.start_op.get()..) {
                let id = (counter, change.actor_id.clone());
                match (&op.obj, &op.key) {
                    (ObjectId::Root, Key::Map(key)) => {
                        let value = match &op.action {
                            OpType::Put(value) => Some(value.clone()),
                            _ => None,
                        };
                        keys.entry(key.to_string()).or_default().push(Keyed { id, fate, value });
                    }
                    (ObjectId::Id(_), Key::Seq(element)) => body.take(op, element, id, fate),
                    _ => {}
                }
            }
        }
        let mut anew = Self { splices: body.splices(), ..Self::default() };
        let mut last: Vec<_> = keys.into_iter().filter_map(|(key, all)| Some((key, last_of(all)?))).collect();
        last.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (key, last) in last.into_iter().filter(|(key, last)| last.fate == Fate::Own && key != JOINED) {
            match last.value {
                Some(value) => anew.puts.push((key, value)),
                None => anew.deletes.push(key),
            }
        }
        anew
    }

    /// Edits of the text that stands, each to be made after those before it.
    pub fn splices(&self) -> &[Splice] {
        &self.splices
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.splices.is_empty() && self.puts.is_empty() && self.deletes.is_empty()
    }
}

/// The last thing done to a key, what does not count left aside.
fn last_of(all: Vec<Keyed>) -> Option<Keyed> {
    all.into_iter().filter(|keyed| keyed.fate != Fate::Void).max_by(|one, other| one.id.cmp(&other.id))
}

impl Document {
    /// Puts under the keys of the root what is to be put anew, in as few changes as the bounds allow.
    ///
    /// # Errors
    /// When the document refuses.
    pub fn put_anew(&mut self, anew: &Anew, bounds: &ChangeBounds) -> Result<Vec<LocalChange>, EditError> {
        let is_there = |key: &str| self.doc.get(ROOT, key).ok().flatten();
        let is_so = |key: &str, value: &ScalarValue| {
            is_there(key).is_some_and(|(found, _)| found.as_scalar().is_some_and(|found| found == value))
        };
        let puts = anew.puts.iter().filter(|(key, value)| !is_so(key, value));
        let deletes = anew.deletes.iter().filter(|key| is_there(key).is_some());
        let puts = puts
            .map(|(key, value)| (key.clone(), Some(value.clone())))
            .chain(deletes.map(|key| (key.clone(), None)))
            .collect();
        self.make(&Work { puts, ..Work::default() }, bounds, &mut |_| Vec::new())
    }
}

impl Body {
    fn take(&mut self, op: &Op, element: &ElementId, id: (u64, ActorId), fate: Fate) {
        let number = |id: &OpId| self.numbers.get(&(id.counter(), id.actor().clone())).copied();
        let of = match element {
            ElementId::Head => None,
            ElementId::Id(id) => match number(id) {
                Some(number) => Some(number),
                // The gate lets in nothing that refers to what is not there.
                None => return,
            },
        };
        match (&op.action, of) {
            (OpType::Put(value), _) if op.insert => {
                let text = value.as_str().unwrap_or_default().to_owned();
                let number = self.all.len();
                let (deleted, deleted_by_own, deleted_by_others) = (false, false, false);
                self.all.push(Character { text, fate, deleted, deleted_by_own, deleted_by_others });
                self.ids.push(id.clone());
                self.numbers.insert(id, number);
                self.after.entry(of).or_default().push(number);
            }
            (OpType::Delete, Some(number)) => {
                let Some(character) = self.all.get_mut(number) else { return };
                match fate {
                    Fate::Stands => character.deleted = true,
                    Fate::Own => character.deleted_by_own = true,
                    Fate::Others => character.deleted_by_others = true,
                    Fate::Void => {}
                }
            }
            _ => {}
        }
    }

    /// All characters in their order: each before those inserted after it, and of these the youngest first.
    fn walk(&mut self) -> Vec<usize> {
        let ids = &self.ids;
        for siblings in self.after.values_mut() {
            siblings.sort_by(|one, other| ids[*one].cmp(&ids[*other]));
        }
        let mut open = self.after.remove(&None).unwrap_or_default();
        let mut order = Vec::with_capacity(self.all.len());
        while let Some(number) = open.pop() {
            order.push(number);
            open.extend(self.after.remove(&Some(number)).unwrap_or_default());
        }
        order
    }

    fn splices(mut self) -> Vec<Splice> {
        let mut splices: Vec<Splice> = Vec::new();
        // Where the walk is in the text, with what was written anew in it; and whether the last edit ends there.
        let (mut at, mut goes_on) = (0_u32, false);
        for number in self.walk() {
            let character = &self.all[number];
            let units = crate::text::utf16_len(&character.text);
            let stands = character.fate == Fate::Stands && !character.deleted;
            let goes = stands && character.deleted_by_own;
            let comes = character.fate == Fate::Own && !character.deleted_by_own && !character.deleted_by_others;
            if stands && !goes {
                (at, goes_on) = (at + units, false);
            }
            if !goes && !comes {
                continue;
            }
            if !goes_on {
                splices.push(Splice { at, delete: 0, insert: String::new() });
                goes_on = true;
            }
            let Some(last) = splices.last_mut() else { continue };
            if goes {
                last.delete += units;
            } else {
                last.insert.push_str(&character.text);
                at += units;
            }
        }
        splices
    }
}
