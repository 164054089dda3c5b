//! Portions: an edit of any size, made as changes each of which is within the bounds that every gate holds a change to.
//!
//! A change may have so many operations and bytes and may name so many other actors, whose characters it deletes or writes
//! after ([`ChangeBounds`]; the numbers are the gate's, and the caller's to give). What is more than that is made as several changes,
//! one after the other. Each piece of the work is weighed before it is done, by what it can take at most in any change; when the
//! next one would not fit, the change is done and another begins. Whose characters go is looked up only in documents that more
//! actors wrote in than one change may name.
//!
//! What cannot be parted is a value under a key: it takes the place of all that concurrent writers put there, and names each of
//! them. Where there are many, those that are hidden are taken away first, some in each change.
//!
//! Invariants:
//! - The text and what is under the keys is what one change would have made of them.
//! - Several changes are one edit: whoever calls stores them all in one transaction, or none.
//!
//! Deliberately absent: what a caller wants to say of each change in it, for that depends on where it ends; the caller is asked
//! (`marks`).

use std::{collections::HashSet, ops::Range};

use automerge::{
    ActorId, AutomergeError, Change, ExpandedChange, ObjId, ROOT, ReadDoc, ScalarValue,
    legacy::{Key, ObjectId, Op, OpId, OpType},
    transaction::{Transactable, Transaction},
};

use crate::{
    document::{Document, LocalChange},
    page::{EditError, Page},
    text::{Splice, utf16_len},
};

/// What a change may have at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeBounds {
    /// Operations, together with those whose place they take.
    pub operations: usize,
    /// Bytes, besides the changes that it builds on.
    pub bytes: usize,
    /// Actors that it names besides its own.
    pub actors: usize,
}

/// Values under one key that a change may take the place of: more are taken away before.
const SHARED: usize = 16;
/// Bytes of an operation at most, besides its value: each of its columns at its longest.
const OPERATION: usize = 30;
/// Bytes of another operation that it names, and of an actor's name.
const PLACE: usize = 10;
const ACTOR: usize = 17;

/// What is to be done in a document.
#[derive(Debug, Default)]
pub(crate) struct Work<'a> {
    /// What is put under keys of the root, or taken away there.
    pub(crate) puts: Vec<(String, Option<ScalarValue>)>,
    /// Edits of a page's body, each to be made after those before it.
    pub(crate) splices: &'a [Splice],
    /// Keys under which `marks` may put something in each change.
    pub(crate) mark_keys: Vec<String>,
}

/// What a change says of itself, by which of the work's inserted characters are in it.
pub(crate) type Marks<'a> = dyn FnMut(Range<usize>) -> Vec<(String, Vec<u8>)> + 'a;

/// How far the work is done.
#[derive(Debug, Default)]
struct Progress {
    puts: usize,
    splices: usize,
    /// Of the splice that is begun: units deleted, and bytes inserted and their units.
    deleted: u32,
    inserted: usize,
    units: u32,
    /// Characters inserted in all.
    characters: usize,
}

impl Document {
    /// Does the work in as many changes as it takes.
    ///
    /// # Errors
    /// When an edit reaches beyond the end of the text; nothing is then changed. When Automerge refuses; the document is then to
    /// be dropped.
    pub(crate) fn make(
        &mut self,
        work: &Work<'_>,
        bounds: &ChangeBounds,
        marks: &mut Marks<'_>,
    ) -> Result<Vec<LocalChange>, EditError> {
        let body = self.body_id();
        check(u64::try_from(self.doc.length(&body)).unwrap_or(u64::MAX), work.splices)?;
        let mut made = self.thin(work, bounds)?;
        let mut progress = Progress::default();
        loop {
            let room = Room::new(bounds, self.doc.stats().num_actors, work);
            let from = progress.characters;
            let mut done = false;
            made.extend(self.change(|tx| {
                done = progress.go_on(tx, &body, work, room)?;
                for (key, bytes) in marks(from..progress.characters) {
                    tx.put(ROOT, key, ScalarValue::Bytes(bytes))?;
                }
                Ok::<(), EditError>(())
            })?);
            if done {
                return Ok(made);
            }
        }
    }

    /// Takes away hidden values where there are too many under a key that is put.
    fn thin(&mut self, work: &Work<'_>, bounds: &ChangeBounds) -> Result<Vec<LocalChange>, AutomergeError> {
        let most = (bounds.actors).min(bounds.operations / 2).min(bounds.bytes / (PLACE + ACTOR + OPERATION)).max(1);
        let mut made = Vec::new();
        for key in work.puts.iter().map(|(key, _)| key).chain(&work.mark_keys) {
            loop {
                let Some((_, shown)) = self.doc.get(ROOT, key.as_str())? else { break };
                let all = self.doc.get_all(ROOT, key.as_str())?;
                if all.len() <= SHARED {
                    break;
                }
                let hidden = all.into_iter().map(|(_, id)| id).filter(|id| *id != shown);
                let some: Vec<OpId> = hidden.filter_map(op_id).take(most).collect();
                made.push(self.take_away(key, some)?);
            }
        }
        Ok(made)
    }

    /// A change that takes away just these values under a key, which Automerge's own edits cannot.
    fn take_away(&mut self, key: &str, some: Vec<OpId>) -> Result<LocalChange, AutomergeError> {
        let last = self.doc.get_last_local_change();
        let mut deps = self.doc.get_heads();
        let highest = deps.iter().filter_map(|hash| self.doc.get_change_by_hash(hash)).map(|change| change.max_op());
        let start_op = highest.max().unwrap_or(0) + 1;
        deps.extend(last.as_ref().map(Change::hash));
        deps.sort_unstable();
        deps.dedup();
        let op =
            Op { action: OpType::Delete, obj: ObjectId::Root, key: Key::from(key), pred: some.into(), insert: false };
        let change = Change::from(ExpandedChange {
            operations: vec![op],
            actor_id: self.doc.get_actor().clone(),
            hash: None,
            seq: last.map_or(0, |change| change.seq()) + 1,
            start_op: std::num::NonZeroU64::new(start_op).unwrap_or(std::num::NonZeroU64::MIN),
            time: 0,
            message: None,
            deps,
            extra_bytes: Vec::new(),
            author: None,
        });
        self.doc.apply_changes([change.clone()])?;
        Ok(LocalChange { change })
    }
}

fn op_id(id: ObjId) -> Option<OpId> {
    match id {
        ObjId::Id(counter, actor, _) => Some(OpId(counter, actor)),
        ObjId::Root => None,
    }
}

/// Whether each edit is within the text as those before it leave it.
fn check(mut len: u64, splices: &[Splice]) -> Result<(), EditError> {
    for splice in splices {
        if u64::from(splice.at) + u64::from(splice.delete) > len {
            return Err(EditError::OutOfRange);
        }
        len = len - u64::from(splice.delete) + u64::from(utf16_len(&splice.insert));
    }
    Ok(())
}

impl Progress {
    /// Does as much as there is room for, and something at least. True when all is done.
    fn go_on(
        &mut self,
        tx: &mut Transaction<'_>,
        body: &ObjId,
        work: &Work<'_>,
        mut room: Room,
    ) -> Result<bool, EditError> {
        while let Some((key, value)) = work.puts.get(self.puts) {
            let places: Vec<OpId> =
                tx.get_all(ROOT, key.as_str())?.into_iter().filter_map(|(_, id)| op_id(id)).collect();
            if !room.put(key, value.as_ref(), &places) {
                return Ok(false);
            }
            match value {
                Some(value) => tx.put(ROOT, key.as_str(), value.clone())?,
                None if places.is_empty() => {}
                None => tx.delete(ROOT, key.as_str())?,
            }
            self.puts += 1;
        }
        while let Some(splice) = work.splices.get(self.splices) {
            if !self.splice(tx, body, splice, &mut room)? {
                return Ok(false);
            }
            (self.splices, self.deleted, self.inserted, self.units) = (self.splices + 1, 0, 0, 0);
        }
        Ok(true)
    }

    /// Goes on with a splice, first with what it deletes. True when it is done.
    fn splice(
        &mut self,
        tx: &mut Transaction<'_>,
        body: &ObjId,
        splice: &Splice,
        room: &mut Room,
    ) -> Result<bool, EditError> {
        let left = splice.delete - self.deleted;
        let delete = room.delete(tx, body, splice.at, left)?;
        let rest = splice.insert.get(self.inserted..).unwrap_or_default();
        let insert = if delete < left { "" } else { room.insert(rest) };
        if delete > 0 || !insert.is_empty() {
            let at = (splice.at + self.units) as usize;
            tx.splice_text(body, at, isize::try_from(delete).map_err(|_| EditError::OutOfRange)?, insert)?;
        }
        self.deleted += delete;
        self.inserted += insert.len();
        self.units += utf16_len(insert);
        self.characters += insert.chars().count();
        Ok(delete == left && insert.len() == rest.len())
    }
}

/// What a change still has room for.
#[derive(Debug)]
struct Room {
    left: ChangeBounds,
    /// Actors that it names; nothing where all there are may be named.
    named: Option<HashSet<ActorId>>,
    /// Whether nothing was done in it yet: the first piece is always done, for it cannot be made smaller.
    fresh: bool,
}

impl Room {
    fn new(bounds: &ChangeBounds, actors: u64, work: &Work<'_>) -> Self {
        let marks = work.mark_keys.len();
        let each = OPERATION + Page::MAX_KEY_BYTES + Page::MAX_PROPERTY_BYTES + SHARED * (PLACE + ACTOR);
        let few = usize::try_from(actors).is_ok_and(|actors| actors <= bounds.actors);
        let names = if few { usize::try_from(actors).unwrap_or(0) } else { 0 };
        let left = ChangeBounds {
            operations: bounds.operations.saturating_sub(marks * (1 + SHARED)),
            bytes: bounds.bytes.saturating_sub(marks * each + names * ACTOR),
            actors: bounds.actors.saturating_sub(marks * SHARED),
        };
        Self { left, named: (!few).then(HashSet::new), fresh: true }
    }

    /// Takes a piece in if there is room for it.
    fn take(&mut self, operations: usize, bytes: usize, others: &[&ActorId]) -> bool {
        let new = self
            .named
            .as_ref()
            .map_or(0, |named| others.iter().filter(|other| !named.contains(*other)).collect::<HashSet<_>>().len());
        let bytes = bytes + new * ACTOR;
        let fits = operations <= self.left.operations && bytes <= self.left.bytes && new <= self.left.actors;
        if !fits && !self.fresh {
            return false;
        }
        self.fresh = false;
        self.left.operations = self.left.operations.saturating_sub(operations);
        self.left.bytes = self.left.bytes.saturating_sub(bytes);
        self.left.actors = self.left.actors.saturating_sub(new);
        if let Some(named) = &mut self.named {
            named.extend(others.iter().map(|other| (*other).clone()));
        }
        true
    }

    fn put(&mut self, key: &str, value: Option<&ScalarValue>, places: &[OpId]) -> bool {
        let value = match value {
            Some(ScalarValue::Bytes(bytes)) => bytes.len(),
            Some(ScalarValue::Str(text)) => text.len(),
            _ => 0,
        };
        let others: Vec<&ActorId> = places.iter().map(OpId::actor).collect();
        self.take(1 + places.len(), OPERATION + key.len() + value + places.len() * PLACE, &others)
    }

    /// How many units there is room to delete at a position, of so many.
    fn delete(&mut self, tx: &Transaction<'_>, body: &ObjId, at: u32, units: u32) -> Result<u32, AutomergeError> {
        if self.named.is_some() {
            return self.delete_named(tx, body, at, units);
        }
        let room = self.left.operations.min(self.left.bytes / OPERATION);
        let mut fits = units.min(u32::try_from(room).unwrap_or(u32::MAX));
        // Two units that are one character go together.
        let id = |at: u32| Ok::<_, AutomergeError>(tx.get(body, at as usize)?.map(|(_, id)| id));
        if fits > 0 && fits < units && id(at + fits - 1)? == id(at + fits)? {
            fits -= 1;
        }
        if fits == 0 && self.fresh && units > 0 {
            fits = if units > 1 && id(at)? == id(at + 1)? { 2 } else { 1 };
        }
        let operations = fits as usize;
        if fits > 0 {
            self.take(operations, operations * OPERATION, &[]);
        }
        Ok(fits)
    }

    /// The same, with a look at whose characters they are.
    fn delete_named(&mut self, tx: &Transaction<'_>, body: &ObjId, at: u32, units: u32) -> Result<u32, AutomergeError> {
        let (mut done, mut before) = (0, None);
        while done < units {
            let Some((value, id)) = tx.get(body, (at + done) as usize)? else { break };
            let width = value.as_str().map_or(1, |text| utf16_len(text).max(1));
            let Some(OpId(counter, actor)) = op_id(id) else { break };
            // One that follows the one before it takes no bytes of its own.
            let follows = before.as_ref().is_some_and(|(c, a)| *a == actor && *c + 1 == counter);
            if !self.take(1, if follows { 1 } else { OPERATION }, &[&actor]) {
                break;
            }
            before = Some((counter, actor));
            done += width;
        }
        Ok(done.min(units))
    }

    /// As much of a text as there is room to insert.
    fn insert<'t>(&mut self, text: &'t str) -> &'t str {
        let mut end = 0;
        for character in text.chars() {
            // The first one is written after one that anybody may have written.
            let (bytes, names) = if end == 0 { (OPERATION + ACTOR, 1) } else { (0, 0) };
            let fresh = self.fresh;
            if !fresh && self.left.actors < names {
                break;
            }
            if !self.take(1, bytes + character.len_utf8() + 2, &[]) {
                break;
            }
            if self.named.is_some() {
                self.left.actors = self.left.actors.saturating_sub(names);
            }
            end += character.len_utf8();
        }
        text.get(..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;
    use crate::{
        id::Actor,
        page::PageEdit,
        statement::{Statement, Tag},
    };

    fn written_by(actors: u8, text: &str) -> Page {
        let mut page = Page::default();
        for (n, character) in (1..=actors).cycle().zip(text.chars()) {
            page.document_mut().set_actor(Actor::new([n; 16]));
            let at = page.body_len();
            page.edit(&[Splice { at, delete: 0, insert: character.to_string() }]).expect("fits");
        }
        page.document_mut().set_actor(Actor::new([200; 16]));
        page
    }

    /// An edit for a text of this length, between characters.
    fn splice(text: &str, at: usize, delete: usize, insert: &str) -> Splice {
        let units = |n: usize| utf16_len(&text.chars().take(n).collect::<String>());
        let at = at % (text.chars().count() + 1);
        Splice { at: units(at), delete: units(at + delete) - units(at), insert: insert.to_owned() }
    }

    proptest! {
        #[test]
        fn in_portions_it_is_the_same_text(
            actors in 1_u8..12, text in "[a-d😀]{0,40}",
            edits in prop::collection::vec((0_usize..60, 0_usize..30, "[x-z😀]{0,12}"), 1..5),
            operations in 2_usize..12, names in 2_usize..6,
        ) {
            let (mut whole, mut parts) = (written_by(actors, &text), written_by(actors, &text));
            let mut splices = Vec::new();
            for (at, delete, insert) in edits {
                let splice = splice(&whole.body(), at, delete, &insert);
                whole.edit(std::slice::from_ref(&splice)).expect("fits");
                splices.push(splice);
            }
            let bounds = ChangeBounds { operations, bytes: 100 + operations * OPERATION, actors: names };
            let mut counted = 0;
            let made = parts
                .make(&PageEdit { splices: splices.clone(), ..PageEdit::default() }, &bounds, |range| {
                    assert_eq!(range.start, counted, "each character is in one of them");
                    counted = range.end;
                    Vec::new()
                })
                .expect("fits");
            prop_assert_eq!(parts.body(), whole.body());
            let inserted: usize = splices.iter().map(|splice| splice.insert.chars().count()).sum();
            prop_assert_eq!(counted, inserted);
            for local in &made {
                prop_assert!(local.change.len() <= operations.max(1), "{} operations", local.change.len());
                // With the genesis.
                prop_assert!(local.change.other_actor_ids().len() <= names + 1, "{}", local.change.other_actor_ids().len());
            }
        }
    }

    #[test]
    fn what_is_out_of_the_text_changes_nothing() {
        let mut page = written_by(2, "abc");
        let splices = vec![
            Splice { at: 0, delete: 3, insert: "z".repeat(50) },
            Splice { at: 51, delete: 0, insert: "x".to_owned() },
        ];
        let bounds = ChangeBounds { operations: 9, bytes: 900, actors: 9 };
        let made = page.make(&PageEdit { splices, ..PageEdit::default() }, &bounds, |_| Vec::new());
        assert!(matches!(made, Err(EditError::OutOfRange)));
        assert_eq!(page.body(), "abc");
    }

    #[test]
    fn a_page_called_as_what_has_no_title_has_that_title() {
        let mut page = Page::default();
        page.document_mut().set_actor(Actor::new([1; 16]));
        let edit = PageEdit { title: Some(page.title()), ..PageEdit::default() };
        let bounds = ChangeBounds { operations: 9, bytes: 900, actors: 9 };
        assert_eq!(page.make(&edit, &bounds, |_| Vec::new()).expect("begins").len(), 1);
        assert_eq!(page.make(&edit, &bounds, |_| Vec::new()).expect("has it").len(), 0);
    }

    #[test]
    fn many_statements_are_said_and_taken_back_in_portions() {
        let mut ledger = crate::Ledger::default();
        let tag = |n: u32| Statement::Tag {
            page: crate::PageId::new([1; 16]),
            tag: n.to_string().parse::<Tag>().expect("a tag"),
        };
        let bounds = ChangeBounds { operations: 40, bytes: 4_000, actors: 5 };
        for n in 0..20_u8 {
            ledger.document_mut().set_actor(Actor::new([1 + n; 16]));
            ledger.state(&[tag(n.into())], &[]).expect("says");
        }
        ledger.document_mut().set_actor(Actor::new([99; 16]));
        let said: Vec<_> = (0..300).map(tag).collect();
        let made = ledger.make(&said, &[], &bounds).expect("says");
        assert!(made.len() > 3);
        assert_eq!(ledger.statements().len(), 300);
        let keys: Vec<_> = said.iter().map(Statement::key).collect();
        let made = ledger.make(&[], &keys, &bounds).expect("takes back");
        assert_eq!(ledger.statements(), vec![]);
        for local in made {
            let change = &local.change;
            assert!(change.len() <= 40 && change.raw_bytes().len() < 4_000 && change.other_actor_ids().len() <= 5);
        }
    }
}
