//! Taking changes back: the edits that undo what some changes did to a document, as it is now, and nothing else.
//!
//! What they inserted is deleted where it is still there. What they deleted is inserted again at its place, if nobody else
//! deleted it too and it is not there again already. What they put under a key becomes what it was before, if what they put is
//! still in force. All others' characters stay, in their order.
//!
//! A change that takes others back bears a [`Mark`]: which changes it takes back, and of each character that it inserts, which
//! one it brings back. By that mark a character and those that brought it back are one to whoever takes something back later, so
//! that nothing comes twice when two people take the same back one after the other, and what was brought back goes again with
//! its first writer's work. A mark is its writer's word: it is believed only of equal characters, and decides nothing but this.
//!
//! Two who take the same back at once, neither knowing of the other, both bring back what was deleted, and it stands there twice:
//! characters have one id each, and theirs differ. Both marks are there to see, and taking back one of the two takes its copy out.

use std::collections::{BTreeMap, HashMap};

use commonplace_model::{Actor, Page, Splice};
use serde::{Deserialize, Serialize};

use crate::{
    deed::{OpId, Value},
    past::{ElementNo, Past, Put},
};

/// Beginning of the keys of a page under which a change that takes others back puts its marks.
pub const MARK: &str = "reverted";
/// Characters of what goes and what comes that are shown.
const EXCERPT: usize = 160;
/// Version of a mark, its first byte.
const VERSION: u8 = 1;

/// Changes of a document: of each actor those with these numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen(BTreeMap<Actor, Vec<(u64, u64)>>);

impl Chosen {
    /// Adds an actor's changes from one number to another, both included.
    pub fn add(&mut self, actor: Actor, first: u64, last: u64) {
        self.0.entry(actor).or_default().push((first, last));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn has(ranges: &[(u64, u64)], seq: u64) -> bool {
        ranges.iter().any(|(first, last)| (*first..=*last).contains(&seq))
    }

    /// By the numbers that a past gives to actors.
    fn numbered(&self, past: &Past) -> Vec<Vec<(u64, u64)>> {
        past.actors().iter().map(|actor| self.0.get(actor).cloned().unwrap_or_default()).collect()
    }

    fn put(&self, put: &Put) -> bool {
        self.0.get(&put.id.actor).is_some_and(|ranges| Self::has(ranges, put.seq))
    }
}

/// What becomes of something under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyBack {
    /// It becomes this again; nothing where there was nothing before.
    To(Option<Value>),
    /// Somebody put something else there since.
    Since,
}

/// What undoes some changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reversal {
    /// Edits of the body, each to be made after those before it.
    pub splices: Vec<Splice>,
    /// Of each character that these insert, in order, the one that it brings back.
    pub origins: Vec<OpId>,
    /// Characters taken out.
    pub out: u64,
    /// Characters brought back.
    pub back: u64,
    /// How what goes begins.
    pub out_excerpt: String,
    /// How what comes back begins.
    pub back_excerpt: String,
    /// Characters that were inserted and are gone already.
    pub gone: u64,
    /// Characters that were deleted and that somebody else deleted, too.
    pub others: u64,
    /// Characters that were deleted and were brought back already.
    pub there: u64,
    /// What becomes of what was put under keys, marks left out.
    pub keys: BTreeMap<String, KeyBack>,
    /// Whether they began the page, and nothing would be left in it that anybody else wrote.
    pub whole: bool,
}

impl Past {
    /// What undoes these changes.
    pub fn reversal(&self, chosen: &Chosen) -> Reversal {
        let ours = chosen.numbered(self);
        let mut reversal = Reversal { keys: self.keys_back(chosen), ..Reversal::default() };
        let fates = Fates::of(self, &ours, &mut reversal);
        let mut writing = Writing::default();
        let mut left = false;
        for element in self.in_order() {
            let found = &self.elements[element as usize];
            match fates.of_one(self, element) {
                Fate::Stays => {
                    left |= !Chosen::has(&ours[found.actor as usize], found.seq);
                    writing.keep(found.character);
                }
                Fate::Goes => writing.delete(found.character),
                Fate::Comes => {
                    writing.insert(found.character);
                    reversal.origins.push(self.id(found.origin));
                    left = true;
                }
                Fate::IsGone => {}
            }
        }
        (reversal.out, reversal.out_excerpt) = writing.out.done();
        (reversal.back, reversal.back_excerpt) = writing.back.done();
        reversal.splices = writing.splices;
        let began = |put: &Put| chosen.put(put) && put.over.is_empty();
        reversal.whole = !left && self.puts.get(Page::TITLE).is_some_and(|puts| puts.iter().any(began));
        reversal
    }

    fn keys_back(&self, chosen: &Chosen) -> BTreeMap<String, KeyBack> {
        let touched =
            self.puts.iter().filter(|(key, puts)| !key.starts_with(MARK) && puts.iter().any(|p| chosen.put(p)));
        touched.map(|(key, puts)| (key.clone(), Self::key_back(puts, chosen))).collect()
    }

    fn key_back(puts: &[Put], chosen: &Chosen) -> KeyBack {
        let newest = Self::in_force(puts);
        let taken = || puts.iter().filter(|p| p.value.is_none()).max_by_key(|p| p.id);
        let Some(mut from) = newest.or_else(taken).filter(|put| chosen.put(put)) else {
            return KeyBack::Since;
        };
        let by_id: HashMap<OpId, &Put> = puts.iter().map(|put| (put.id, put)).collect();
        // An operation comes after all that it is over, so this ends.
        loop {
            let before = from.over.iter().filter_map(|id| by_id.get(id)).filter(|put| put.id < from.id);
            match before.max_by_key(|put| (!chosen.put(put), put.id)) {
                None => return KeyBack::To(None),
                Some(put) if !chosen.put(put) => return KeyBack::To(put.value.clone()),
                Some(put) => from = put,
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
    Comes,
    IsGone,
}

/// What becomes of each element, where it is not that it stays as it is.
struct Fates(HashMap<ElementNo, Fate>);

impl Fates {
    fn of(past: &Past, ours: &[Vec<(u64, u64)>], reversal: &mut Reversal) -> Self {
        let wrote = |element: ElementNo| {
            let found = &past.elements[element as usize];
            element != 0 && Chosen::has(&ours[found.actor as usize], found.seq)
        };
        let origin = |element: ElementNo| past.elements[element as usize].origin;
        // Written by them, or brought back what they wrote.
        let goes = |element: ElementNo| wrote(element) || wrote(origin(element));
        let mut coming = coming(past, ours, &goes, reversal);
        let mut fates = HashMap::new();
        let numbers = || 1..ElementNo::try_from(past.elements.len()).unwrap_or(ElementNo::MAX);
        for element in numbers().filter(|e| !past.elements[*e as usize].gone && !goes(*e)) {
            if coming.remove(&origin(element)).is_some() {
                reversal.there += 1;
            }
        }
        for element in numbers().filter(|e| goes(*e)) {
            if past.elements[element as usize].gone {
                reversal.gone += u64::from(wrote(element));
            } else if coming.remove(&origin(element)).is_none() {
                fates.insert(element, Fate::Goes);
            }
        }
        fates.extend(coming.into_values().map(|element| (element, Fate::Comes)));
        Self(fates)
    }

    fn of_one(&self, past: &Past, element: ElementNo) -> Fate {
        let as_is = if past.elements[element as usize].gone { Fate::IsGone } else { Fate::Stays };
        self.0.get(&element).copied().unwrap_or(as_is)
    }
}

/// What they deleted and nobody else, by what it is or brought back: the first of each.
fn coming(
    past: &Past,
    ours: &[Vec<(u64, u64)>],
    goes: &impl Fn(ElementNo) -> bool,
    reversal: &mut Reversal,
) -> BTreeMap<ElementNo, ElementNo> {
    // By element: whether one of them deleted it, and whether somebody else did.
    let mut deleted: BTreeMap<ElementNo, (bool, bool)> = BTreeMap::new();
    for deletion in &past.deletions {
        let by = deleted.entry(deletion.element).or_default();
        let by_them = Chosen::has(&ours[deletion.actor as usize], deletion.seq);
        *by = (by.0 || by_them, by.1 || !by_them);
    }
    let mut coming = BTreeMap::new();
    for (element, (by_them, by_others)) in deleted {
        let origin = past.elements[element as usize].origin;
        // What they brought back themselves goes by itself; what somebody wrote is to come whoever brought it back before.
        if !by_them || goes(element) {
            continue;
        }
        if by_others {
            reversal.others += 1;
        } else {
            coming.entry(origin).or_insert(element);
        }
    }
    coming
}

/// Makes splices of what becomes of a text, from its beginning to its end.
#[derive(Default)]
struct Writing {
    at: u32,
    splices: Vec<Splice>,
    /// Whether the last splice ends here.
    open: bool,
    out: Excerpt,
    back: Excerpt,
}

impl Writing {
    fn keep(&mut self, character: char) {
        self.at += width(character);
        self.open = false;
        self.out.part();
        self.back.part();
    }

    fn splice(&mut self) -> Option<&mut Splice> {
        if !std::mem::replace(&mut self.open, true) {
            self.splices.push(Splice { at: self.at, delete: 0, insert: String::new() });
        }
        self.splices.last_mut()
    }

    fn delete(&mut self, character: char) {
        if let Some(splice) = self.splice() {
            splice.delete += width(character);
        }
        self.out.push(character);
    }

    fn insert(&mut self, character: char) {
        if let Some(splice) = self.splice() {
            splice.insert.push(character);
        }
        self.at += width(character);
        self.back.push(character);
    }
}

fn width(character: char) -> u32 {
    if character.len_utf16() == 1 { 1 } else { 2 }
}

/// Characters counted, and how they begin.
#[derive(Debug, Default)]
pub(crate) struct Excerpt {
    count: u64,
    text: String,
    shown: usize,
    parted: bool,
    cut: bool,
}

impl Excerpt {
    /// Notes that something else lies between what came and what comes.
    pub(crate) fn part(&mut self) {
        self.parted = self.count > 0;
    }

    pub(crate) fn push(&mut self, character: char) {
        self.count += 1;
        if self.shown >= EXCERPT {
            self.cut = true;
            return;
        }
        if std::mem::take(&mut self.parted) {
            self.text.push_str(" … ");
        }
        self.text.push(character);
        self.shown += 1;
    }

    pub(crate) fn done(mut self) -> (u64, String) {
        if self.cut {
            self.text.push('…');
        }
        (self.count, self.text)
    }
}

/// What a change that takes others back says of itself, in pieces that fit under a key each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    actors: Vec<Actor>,
    /// Changes taken back: number of the actor, and from which change to which.
    reverted: Vec<(u16, u64, u64)>,
    /// Number of the first character inserted by the change that `copies` speaks of.
    first: u32,
    /// What those brought back: number of the actor, counter of the first and how many follow each other.
    copies: Vec<(u16, u64, u32)>,
}

impl Mark {
    /// Pieces that a change has at most. What does not fit has no mark; it may come twice then.
    const MOST: usize = 16;
    /// Entries of copies in one piece, and of changes taken back, so that it is below what may stand under a key.
    const ENTRIES: usize = 96;
    const REVERTED: usize = 32;

    /// The marks of a change that takes these back and whose characters bring these back, each with its key.
    pub fn of(chosen: &Chosen, origins: &[OpId]) -> Vec<(String, Vec<u8>)> {
        let mut pieces = Vec::new();
        let mut reverted: Vec<(Actor, u64, u64)> =
            chosen.0.iter().flat_map(|(actor, ranges)| ranges.iter().map(|(f, l)| (*actor, *f, *l))).collect();
        reverted.truncate(Self::REVERTED);
        let mut copies: Vec<(Actor, u64, u32)> = Vec::new();
        let mut first = 0_u32;
        for (done, origin) in (0_u32..).zip(origins) {
            match copies.last_mut() {
                Some((actor, counter, len))
                    if *actor == origin.actor && *counter + u64::from(*len) == origin.counter =>
                {
                    *len += 1;
                }
                _ => {
                    if copies.len() == Self::ENTRIES {
                        pieces.push(Self::new(&std::mem::take(&mut reverted), first, &std::mem::take(&mut copies)));
                        first = done;
                    }
                    copies.push((origin.actor, origin.counter, 1));
                }
            }
        }
        pieces.push(Self::new(&reverted, first, &copies));
        Self::keys().into_iter().zip(pieces.iter().map(Self::encode)).collect()
    }

    /// The keys under which a change has its marks.
    pub fn keys() -> Vec<String> {
        (0..Self::MOST).map(|n| if n == 0 { MARK.to_owned() } else { format!("{MARK}/{n}") }).collect()
    }

    fn new(reverted: &[(Actor, u64, u64)], first: u32, copies: &[(Actor, u64, u32)]) -> Self {
        let mut mark = Self { actors: Vec::new(), reverted: Vec::new(), first, copies: Vec::new() };
        for (actor, from, to) in reverted {
            let number = mark.number(*actor);
            mark.reverted.push((number, *from, *to));
        }
        for (actor, counter, len) in copies {
            let number = mark.number(*actor);
            mark.copies.push((number, *counter, *len));
        }
        mark
    }

    fn number(&mut self, actor: Actor) -> u16 {
        let found = self.actors.iter().position(|a| *a == actor).unwrap_or_else(|| {
            self.actors.push(actor);
            self.actors.len() - 1
        });
        u16::try_from(found).unwrap_or(u16::MAX)
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(postcard::to_allocvec(self).unwrap_or_default());
        bytes
    }

    /// The mark with these bytes; nothing when this version does not know it.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first() {
            Some((&VERSION, rest)) if bytes.len() <= Page::MAX_PROPERTY_BYTES => postcard::from_bytes(rest).ok(),
            _ => None,
        }
    }

    /// The changes that it says are taken back.
    pub fn reverted(&self) -> impl Iterator<Item = (Actor, u64, u64)> + '_ {
        self.reverted.iter().filter_map(|(n, first, last)| Some((*self.actors.get(usize::from(*n))?, *first, *last)))
    }

    pub(crate) fn first(&self) -> usize {
        self.first as usize
    }

    /// What characters bring back, one after the other; as many as anybody cares to say.
    pub(crate) fn copies(&self) -> impl Iterator<Item = OpId> + '_ {
        self.copies.iter().flat_map(|(n, counter, len)| {
            let actor = self.actors.get(usize::from(*n)).copied();
            // Ends where there are no such numbers: a few bytes can claim any length.
            (0..u64::from(*len)).map_while(move |k| Some(OpId { counter: counter.checked_add(k)?, actor: actor? }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mark_that_claims_more_numbers_than_there_are_ends_with_them() {
        let copies = [(Actor::new([1; 16]), u64::MAX, u32::MAX), (Actor::new([1; 16]), 7, 1)];
        let mark = Mark::decode(&Mark::new(&[], 0, &copies).encode()).expect("reads");
        let said: Vec<u64> = mark.copies().map(|id| id.counter).collect();
        assert_eq!(said, [u64::MAX, 7]);
    }

    #[test]
    fn a_mark_beyond_what_may_stand_under_a_key_is_none() {
        let copies = |count: u64| {
            let one = |n: u64| (Actor::new([1; 16]), n * 1_000_000, 1);
            Mark::new(&[], 0, &(0..count).map(one).collect::<Vec<_>>()).encode()
        };
        let longest = (1..).map(copies).take_while(|bytes| bytes.len() <= Page::MAX_PROPERTY_BYTES).count() as u64;
        assert!(Mark::decode(&copies(longest)).is_some_and(|mark| mark.copies.len() as u64 == longest));
        assert_eq!(Mark::decode(&copies(longest + 1)).map(|mark| mark.copies.len()), None);
    }

    #[test]
    fn what_was_written_in_a_row_is_one_entry_and_all_keys_are_those_of_marks() {
        let actor = |n: u8| Actor::new([n; 16]);
        let row = |n: u8, from: u64| (from..from + 10_000).map(move |counter| OpId { counter, actor: actor(n) });
        let origins: Vec<OpId> = row(1, 5).chain(row(2, 10_005)).chain(row(2, 30_000)).collect();
        let marks = Mark::of(&Chosen::default(), &origins);
        let [(key, bytes)] = &marks[..] else { panic!("one piece") };
        let mark = Mark::decode(bytes).expect("reads");
        assert_eq!(mark.copies, [(0, 5, 10_000), (1, 10_005, 10_000), (1, 30_000, 10_000)]);
        let keys = Mark::keys();
        assert_eq!((key.as_str(), keys[0].as_str(), keys[1].as_str()), (MARK, MARK, "reverted/1"));
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), Mark::MOST);
    }

    proptest! {
        #[test]
        fn a_mark_says_what_was_said(origins in prop::collection::vec((0_u8..40, 1_u64..2_000, 1_u64..4), 0..600)) {
            let origins: Vec<OpId> = origins
                .into_iter()
                .flat_map(|(a, at, n)| (at..at + n).map(move |counter| OpId { counter, actor: Actor::new([a; 16]) }))
                .collect();
            let mut chosen = Chosen::default();
            chosen.add(Actor::new([9; 16]), 3, 5);
            let marks = Mark::of(&chosen, &origins);
            let mut said: Vec<OpId> = Vec::new();
            for (key, bytes) in &marks {
                prop_assert!(key.len() <= Page::MAX_KEY_BYTES && bytes.len() <= Page::MAX_PROPERTY_BYTES, "{}", bytes.len());
                let mark = Mark::decode(bytes).expect("reads");
                prop_assert_eq!(mark.first(), said.len());
                said.extend(mark.copies());
            }
            prop_assert_eq!(said, origins);
            let mark = Mark::decode(&marks[0].1).expect("reads");
            prop_assert_eq!(mark.reverted().collect::<Vec<_>>(), vec![(Actor::new([9; 16]), 3, 5)]);
        }

        #[test]
        fn no_bytes_make_reading_a_mark_panic(mut bytes: Vec<u8>) {
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            if let Some(mark) = Mark::decode(&bytes) {
                let _ = (mark.reverted().count(), mark.copies().take(1_000).count());
            }
        }
    }
}
