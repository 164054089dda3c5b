//! What a run of changes did, in short: how many characters came and went, how they read, and what else changed.
//!
//! Only the changes of the run are read. What was deleted is looked up one character after the other, and only as many as an
//! excerpt shows; so the cost is that of the run, whatever the size of the page.
//!
//! Deliberately absent: where on the page it was, and what of it is still there.

use std::collections::{HashMap, HashSet};

use commonplace_model::{Actor, Page};

use crate::{
    deed::{Act, Deed, OpId, Value},
    reversal::{Excerpt, MARK, Mark},
};

/// Characters that are looked up at most.
const LOOKED_UP: usize = 200;
/// Things said that are told one by one, and stretches taken back: the others are counted. What one change of ours takes back has
/// no more than that.
const SAID: usize = 6;
const TOOK_BACK: usize = 32;

/// What a run of changes did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Characters that came, and were not deleted again by the same run.
    pub inserted: u64,
    /// Others' characters, or earlier ones, that were deleted.
    pub deleted: u64,
    /// How what came begins.
    pub inserted_excerpt: String,
    /// How what went begins.
    pub deleted_excerpt: String,
    /// Whether it began the page.
    pub began: bool,
    /// The title that it gave.
    pub title: Option<String>,
    /// The folder that it put the page in.
    pub folder: Option<String>,
    /// Whether it deleted or restored the page.
    pub page_deleted: Option<bool>,
    /// What it put under other keys, or took away, in order: in a ledger what was said and taken back. The first ones of it.
    pub said: Vec<(String, Option<Vec<u8>>, Vec<OpId>)>,
    /// How many more there are.
    pub said_more: u64,
    /// Changes that it took back: of an actor from one number to another. The first ones of them.
    pub took_back: Vec<(Actor, u64, u64)>,
    /// How many more there are.
    pub took_back_more: u64,
}

/// A character that a run inserted or deleted, and the element before it.
type Known = HashMap<OpId, (char, Option<OpId>)>;

impl Summary {
    /// Things said that are told one by one at most.
    pub const SAID: usize = SAID;

    /// What these consecutive changes of one actor did. `look_up` gives the character of an element, and the element after
    /// which it was inserted, if they can be found.
    pub fn of(deeds: &[Deed], mut look_up: impl FnMut(&OpId) -> Option<(char, Option<OpId>)>) -> Self {
        let mut summary = Self::default();
        let mut inserted = Known::new();
        let mut deleted = Vec::new();
        let mut gone: HashSet<OpId> = HashSet::new();
        for (id, act) in deeds.iter().flat_map(Deed::with_ids) {
            match act {
                Act::Insert { after, character } => drop(inserted.insert(id, (*character, *after))),
                Act::Delete { element } => {
                    if gone.insert(*element) && !inserted.contains_key(element) {
                        deleted.push(*element);
                    }
                }
                Act::Put { key, value, over } => summary.put(key, value, over),
                Act::Take { key, over } => summary.say(key, None, over),
            }
        }
        summary.deleted = deleted.len() as u64;
        let there = inserted.keys().filter(|id| !gone.contains(id)).count();
        summary.inserted_excerpt = read(&inserted, |id| !gone.contains(id), there);
        summary.inserted = there as u64;
        let looked_up: Known =
            deleted.iter().take(LOOKED_UP).filter_map(|id| look_up(id).map(|found| (*id, found))).collect();
        summary.deleted_excerpt = read(&looked_up, |_| true, deleted.len());
        summary
    }

    fn put(&mut self, key: &str, value: &Value, over: &[OpId]) {
        match (key, value) {
            (Page::TITLE, Value::Text(title)) => {
                self.began |= over.is_empty();
                self.title = Some(title.clone());
            }
            (Page::FOLDER, Value::Text(folder)) => self.folder = Some(folder.clone()),
            (Page::DELETED, Value::Bool(deleted)) => self.page_deleted = Some(*deleted),
            (key, Value::Bytes(bytes)) if key.starts_with(MARK) => {
                for taken in Mark::decode(bytes).iter().flat_map(Mark::reverted) {
                    if self.took_back.len() < TOOK_BACK {
                        self.took_back.push(taken);
                    } else {
                        self.took_back_more += 1;
                    }
                }
            }
            (key, Value::Bytes(bytes)) => self.say(key, Some(bytes), over),
            _ => {}
        }
    }

    fn say(&mut self, key: &str, bytes: Option<&Vec<u8>>, over: &[OpId]) {
        if self.said.len() < SAID {
            self.said.push((key.to_owned(), bytes.cloned(), over.to_vec()));
        } else {
            self.said_more += 1;
        }
    }
}

/// How characters read that stand after each other: what was inserted after the same one stands there newest first.
fn read(known: &Known, shown: impl Fn(&OpId) -> bool, count: usize) -> String {
    let mut roots = Vec::new();
    let mut following: HashMap<OpId, Vec<OpId>> = HashMap::new();
    for (id, (_, after)) in known {
        match after.filter(|after| known.contains_key(after)) {
            Some(after) => following.entry(after).or_default().push(*id),
            None => roots.push(*id),
        }
    }
    roots.sort_unstable();
    following.values_mut().for_each(|all| all.sort_unstable());
    let mut excerpt = Excerpt::default();
    for root in roots {
        excerpt.part();
        let mut open = vec![root];
        // The newest lies on top, and all that follows it is read before the next one.
        while let Some(id) = open.pop() {
            if shown(&id)
                && let Some((character, _)) = known.get(&id)
            {
                excerpt.push(*character);
            }
            open.extend(following.get(&id).into_iter().flatten());
        }
    }
    let (read, mut text) = excerpt.done();
    if read < count as u64 && !text.is_empty() && !text.ends_with('…') {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(counter: u64) -> OpId {
        OpId { counter, actor: Actor::new([1; 16]) }
    }

    fn insert(after: Option<u64>, character: char) -> Act {
        Act::Insert { after: after.map(id), character }
    }

    fn deed(start_op: u64, acts: Vec<Act>) -> Deed {
        Deed { actor: Actor::new([1; 16]), seq: 1, start_op, acts }
    }

    #[test]
    fn what_was_typed_and_deleted_again_is_nothing() {
        let acts = vec![
            insert(Some(5), 'a'),
            insert(Some(10), 'x'),
            Act::Delete { element: id(11) },
            insert(Some(10), 'b'),
            Act::Delete { element: id(3) },
            Act::Delete { element: id(2) },
        ];
        let old = |id: &OpId| Some((if id.counter == 2 { 'o' } else { 'k' }, Some(self::id(id.counter - 1))));
        let summary = Summary::of(&[deed(10, acts)], old);
        assert_eq!((summary.inserted, summary.inserted_excerpt.as_str()), (2, "ab"));
        assert_eq!((summary.deleted, summary.deleted_excerpt.as_str()), (2, "ok"));
    }

    #[test]
    fn what_was_put_in_between_is_read_there() {
        let acts = vec![insert(None, 'a'), insert(Some(10), 'c'), insert(Some(10), 'b'), insert(Some(99), 'z')];
        assert_eq!(Summary::of(&[deed(10, acts)], |_| None).inserted_excerpt, "abc … z");
    }

    #[test]
    fn what_is_said_and_taken_back_without_end_is_counted() {
        let put = |key: String, value: Vec<u8>| Act::Put { key, value: Value::Bytes(value), over: Vec::new() };
        let mut acts: Vec<Act> = (0..1_000).map(|n| put(format!("tag/{n}"), vec![1])).collect();
        acts.push(Act::Take { key: "tag/1".to_owned(), over: vec![id(11)] });
        let mut chosen = crate::Chosen::default();
        (1..=20).for_each(|n| chosen.add(Actor::new([2; 16]), n * 3, n * 3 + 1));
        let mark = Mark::of(&chosen, &[]).remove(0).1;
        acts.extend((0..100).map(|n| put(format!("{MARK}/{n}"), mark.clone())));
        let summary = Summary::of(&[deed(10, acts)], |_| None);
        assert_eq!((summary.said.len(), summary.said_more), (SAID, 1_001 - SAID as u64));
        assert_eq!((summary.took_back.len(), summary.took_back_more), (TOOK_BACK, 2_000 - TOOK_BACK as u64));
    }

    #[test]
    fn what_was_put_under_the_keys_of_a_page_is_told_as_that() {
        let put = |key: &str, value: Value, over: Vec<OpId>| Act::Put { key: key.to_owned(), value, over };
        let text = |text: &str| Value::Text(text.to_owned());
        let acts = vec![
            put(Page::TITLE, text("One"), vec![]),
            put(Page::FOLDER, text("F"), vec![]),
            put(Page::TITLE, text("Two"), vec![id(10)]),
            put(Page::DELETED, Value::Bool(true), vec![]),
        ];
        let summary = Summary::of(&[deed(10, acts.clone())], |_| None);
        let wanted = Summary {
            began: true,
            title: Some("Two".to_owned()),
            folder: Some("F".to_owned()),
            page_deleted: Some(true),
            ..Summary::default()
        };
        assert_eq!(summary, wanted);
        assert!(!Summary::of(&[deed(12, acts[2..].to_vec())], |_| None).began);
    }

    #[test]
    fn where_not_all_is_found_there_is_more() {
        let acts: Vec<Act> = (1..=3).map(|n| Act::Delete { element: id(n) }).collect();
        let deleted = |found: u64| {
            let look_up = |id: &OpId| (id.counter <= found).then_some(('o', Some(self::id(id.counter - 1))));
            Summary::of(&[deed(10, acts.clone())], look_up).deleted_excerpt
        };
        assert_eq!([0, 1, 3].map(deleted), ["", "o…", "ooo"]);
    }

    #[test]
    fn a_long_text_is_cut() {
        let acts = (0..1_000).map(|n| insert((n > 0).then(|| 9 + n), 'a')).collect();
        let summary = Summary::of(&[deed(10, acts)], |_| None);
        assert_eq!(summary.inserted, 1_000);
        assert!(summary.inserted_excerpt.chars().count() < 200 && summary.inserted_excerpt.ends_with('…'));
        let acts = (0..1_000).map(|n| Act::Delete { element: id(n + 1) }).collect();
        let mut asked = 0;
        let summary = Summary::of(&[deed(5_000, acts)], |id| {
            asked += 1;
            Some(('x', Some(self::id(id.counter - 1))))
        });
        assert_eq!((summary.deleted, asked), (1_000, LOOKED_UP));
        assert!(summary.deleted_excerpt.ends_with('…'));
    }
}
