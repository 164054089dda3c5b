//! The past of a document, replayed from what its changes did: every character that ever was in a page, in order, with who
//! inserted and who deleted it, and everything that was put under a key.
//!
//! Automerge keeps the place of what was deleted and gives no way to ask for it; an earlier state at which it was there can be
//! had, yet not one for what was written and deleted by turns with others. So the order is found again here, by the rule that
//! Automerge follows (RGA: what was inserted after the same character stands there newest first); a property test holds that
//! the text is Automerge's.
//!
//! Invariants:
//! - Pure, and the same for every order of changes in which each comes after those it builds on.
//! - Time and memory grow with the operations, not with their square: past [`Past::MAX_STEPS`] it gives up
//!   ([`PastError::Tangled`]), which only a page made for it reaches.
//!
//! Deliberately absent: what is to be taken back; see [`crate::reversal`].

use std::collections::{BTreeMap, HashMap};

use commonplace_model::Actor;

use crate::{
    deed::{Act, Deed, OpId, Value},
    reversal::{MARK, Mark},
};

/// A past that cannot be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PastError {
    /// A change refers to what is not there: they do not come each after those it builds on.
    #[error("the changes are not whole, or not in order")]
    Incomplete,
    /// So many wrote at one place at once that their order is not looked for.
    #[error("too many wrote at one place at once")]
    Tangled,
}

/// Number of an element; 0 is the place before all.
pub(crate) type ElementNo = u32;

const HEAD: ElementNo = 0;

/// A character that is or was in the body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element {
    pub(crate) counter: u64,
    /// Number of the actor who inserted it, and of that one's change.
    pub(crate) actor: u32,
    pub(crate) seq: u64,
    pub(crate) character: char,
    pub(crate) gone: bool,
    /// What it brought back, by the word of who did; otherwise itself.
    pub(crate) origin: ElementNo,
    next: ElementNo,
}

/// That a change deleted an element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deletion {
    pub(crate) element: ElementNo,
    pub(crate) actor: u32,
    pub(crate) seq: u64,
}

/// Something put under a key.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    pub(crate) id: OpId,
    pub(crate) seq: u64,
    /// Nothing where what it is over was only taken away.
    pub(crate) value: Option<Value>,
    pub(crate) over: Vec<OpId>,
}

/// The past of a document.
#[derive(Debug)]
pub struct Past {
    actors: Vec<Actor>,
    numbers: HashMap<Actor, u32>,
    /// Of each actor its elements, in the order of counters.
    of_actor: Vec<Vec<ElementNo>>,
    pub(crate) elements: Vec<Element>,
    pub(crate) deletions: Vec<Deletion>,
    pub(crate) puts: BTreeMap<String, Vec<Put>>,
    steps: u64,
}

impl Default for Past {
    fn default() -> Self {
        let head = Element { counter: 0, actor: 0, seq: 0, character: '\0', gone: true, origin: HEAD, next: HEAD };
        Self {
            actors: Vec::new(),
            numbers: HashMap::new(),
            of_actor: Vec::new(),
            elements: vec![head],
            deletions: Vec::new(),
            puts: BTreeMap::new(),
            steps: 0,
        }
    }
}

impl Past {
    /// Steps over concurrent characters at most; an honest page of 260,000 keystrokes needs a few hundred.
    pub const MAX_STEPS: u64 = 50_000_000;

    /// Takes in what the next change did.
    ///
    /// # Errors
    /// When it builds on what is not there, or is one of too many at one place.
    pub fn take(&mut self, deed: &Deed) -> Result<(), PastError> {
        let actor = self.number(deed.actor);
        let (mut inserted, mut marks) = (Vec::new(), Vec::new());
        for (id, act) in deed.with_ids() {
            match act {
                Act::Insert { after, character } => {
                    let after = after.map_or(Ok(HEAD), |id| self.element(&id))?;
                    inserted.push(self.insert(after, id, actor, deed.seq, *character)?);
                }
                Act::Delete { element } => {
                    let element = self.element(element)?;
                    self.elements[element as usize].gone = true;
                    self.deletions.push(Deletion { element, actor, seq: deed.seq });
                }
                Act::Put { key, value, over } => {
                    if let (true, Value::Bytes(bytes)) = (key.starts_with(MARK), value) {
                        marks.extend(Mark::decode(bytes));
                    }
                    self.put(key, Put { id, seq: deed.seq, value: Some(value.clone()), over: over.clone() });
                }
                Act::Take { key, over } => self.put(key, Put { id, seq: deed.seq, value: None, over: over.clone() }),
            }
        }
        for mark in marks {
            self.believe(&mark, &inserted);
        }
        Ok(())
    }

    fn put(&mut self, key: &str, put: Put) {
        match self.puts.get_mut(key) {
            Some(puts) => puts.push(put),
            None => drop(self.puts.insert(key.to_owned(), vec![put])),
        }
    }

    /// Notes what characters brought back, as far as it can be so: they are the same characters, and were there before.
    fn believe(&mut self, mark: &Mark, inserted: &[ElementNo]) {
        let first = inserted.get(mark.first()..).unwrap_or_default();
        // The characters lead: a mark can name any number of others, and ends with them.
        for (copy, origin) in first.iter().zip(mark.copies().take(first.len())) {
            let Ok(origin) = self.element(&origin) else { continue };
            let origin = self.elements[origin as usize].origin;
            if origin < inserted[0]
                && self.elements[origin as usize].character == self.elements[*copy as usize].character
            {
                self.elements[*copy as usize].origin = origin;
            }
        }
    }

    fn number(&mut self, actor: Actor) -> u32 {
        if let Some(number) = self.numbers.get(&actor) {
            return *number;
        }
        // Every actor made a change that is in memory, so there are never that many.
        let number = u32::try_from(self.actors.len()).unwrap_or(u32::MAX);
        self.actors.push(actor);
        self.of_actor.push(Vec::new());
        self.numbers.insert(actor, number);
        number
    }

    fn element(&self, id: &OpId) -> Result<ElementNo, PastError> {
        let number = self.numbers.get(&id.actor).ok_or(PastError::Incomplete)?;
        let of = &self.of_actor[*number as usize];
        let at = of.binary_search_by_key(&id.counter, |element| self.elements[*element as usize].counter);
        at.map(|at| of[at]).map_err(|_| PastError::Incomplete)
    }

    fn insert(
        &mut self,
        after: ElementNo,
        id: OpId,
        actor: u32,
        seq: u64,
        character: char,
    ) -> Result<ElementNo, PastError> {
        let mut before = after;
        loop {
            let next = self.elements[before as usize].next;
            if next == HEAD || self.id(next) < id {
                break;
            }
            before = next;
            self.steps += 1;
            if self.steps > Self::MAX_STEPS {
                return Err(PastError::Tangled);
            }
        }
        let number = ElementNo::try_from(self.elements.len()).map_err(|_| PastError::Tangled)?;
        let next = std::mem::replace(&mut self.elements[before as usize].next, number);
        self.elements.push(Element { counter: id.counter, actor, seq, character, gone: false, origin: number, next });
        self.of_actor[actor as usize].push(number);
        Ok(number)
    }

    /// The id of an element.
    pub(crate) fn id(&self, element: ElementNo) -> OpId {
        let found = &self.elements[element as usize];
        OpId { counter: found.counter, actor: self.actors[found.actor as usize] }
    }

    /// The actors, by number.
    pub(crate) fn actors(&self) -> &[Actor] {
        &self.actors
    }

    /// The elements in the order of the text, those that are gone among them.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = ElementNo> + '_ {
        let next = |element: &ElementNo| Some(self.elements[*element as usize].next).filter(|next| *next != HEAD);
        std::iter::successors(next(&HEAD), next)
    }

    /// The text as it is now.
    pub fn text(&self) -> String {
        let there = |element: ElementNo| Some(self.elements[element as usize]).filter(|e| !e.gone);
        self.in_order().filter_map(there).map(|e| e.character).collect()
    }

    /// What is in force under a key: of what nothing was put over, the one that Automerge shows.
    pub(crate) fn in_force(puts: &[Put]) -> Option<&Put> {
        let over: std::collections::HashSet<&OpId> = puts.iter().flat_map(|put| &put.over).collect();
        puts.iter().filter(|put| put.value.is_some() && !over.contains(&put.id)).max_by_key(|put| put.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_very_many_wrote_at_one_place_at_once_is_given_up_at_the_bound() {
        // Each stands behind all before it: the last of ten thousand takes the most steps that there may be.
        let inserted = |n: u64| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&(u64::MAX - n).to_be_bytes());
            let acts = vec![Act::Insert { after: None, character: 'x' }];
            Deed { actor: Actor::new(id), seq: 1, start_op: 3, acts }
        };
        let mut past = Past::default();
        for n in 0..10_000 {
            assert_eq!(past.take(&inserted(n)), Ok(()));
        }
        assert_eq!((past.steps, past.text().len()), (10_000 * 9_999 / 2, 10_000));
        // One among them, behind half of all, and there is no step left.
        let mut among = inserted(5_000);
        let mut id = *among.actor.as_bytes();
        id[8] = 1;
        among.actor = Actor::new(id);
        assert_eq!((past.take(&among), past.steps), (Ok(()), Past::MAX_STEPS));
        assert_eq!(past.take(&inserted(10_000)), Err(PastError::Tangled));
    }

    #[test]
    fn what_was_taken_away_is_in_force_no_more() {
        let (one, two) = (Actor::new([1; 16]), Actor::new([2; 16]));
        let key = || "title".to_owned();
        let put = Act::Put { key: key(), value: Value::Text("One".to_owned()), over: vec![] };
        let take = Act::Take { key: key(), over: vec![OpId { counter: 3, actor: one }] };
        let mut past = Past::default();
        assert_eq!(past.take(&Deed { actor: one, seq: 1, start_op: 3, acts: vec![put] }), Ok(()));
        assert!(Past::in_force(&past.puts["title"]).is_some());
        assert_eq!(past.take(&Deed { actor: two, seq: 1, start_op: 4, acts: vec![take] }), Ok(()));
        assert!(Past::in_force(&past.puts["title"]).is_none());
    }

    #[test]
    fn nothing_brings_back_what_came_with_it() {
        let actor = Actor::new([1; 16]);
        let origins = [77, 3].map(|counter| OpId { counter, actor });
        let mut acts = vec![Act::Insert { after: None, character: 'b' }; 2];
        for (key, mark) in Mark::of(&crate::Chosen::default(), &origins) {
            acts.push(Act::Put { key, value: Value::Bytes(mark), over: vec![] });
        }
        let mut past = Past::default();
        assert_eq!(past.take(&Deed { actor, seq: 1, start_op: 3, acts }), Ok(()));
        assert_eq!((past.elements[1].origin, past.elements[2].origin), (1, 2));
    }
}
