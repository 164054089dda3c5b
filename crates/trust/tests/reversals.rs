//! Taking changes back after others wrote on: whose characters go, whose come back, and that all others stay in their order.
//!
//! Every character that is ever inserted is another one, so that a text says which they are.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use commonplace_model::{Actor, CommonsId, DocId, DocKind, Nonce, Page, PageEdit, PageId, Splice};
use commonplace_trust::{
    Chosen, Deed, DeviceKey, Mark, Past, Reversal, Value, VerifiedChange, actor_of, chunk, gate, reversal::KeyBack,
};
use proptest::prelude::*;

const COMMONS: CommonsId = CommonsId::new([1; 32]);
const NONCE: Nonce = Nonce::new([2; 16]);
const PAGE: DocId = DocId::Page(PageId::new([3; 16]));

struct Writer {
    n: u8,
    page: Page,
    changes: Vec<VerifiedChange>,
}

fn key(n: u8) -> DeviceKey {
    DeviceKey::from_seed(&[n; 32])
}

fn actor(n: u8) -> Actor {
    actor_of(COMMONS, PAGE, key(n).id(), NONCE)
}

impl Writer {
    fn new(n: u8) -> Self {
        let mut page = Page::default();
        page.document_mut().set_actor(actor(n));
        Self { n, page, changes: Vec::new() }
    }

    fn keep(&mut self, local: Option<commonplace_model::LocalChange>) -> u64 {
        let Some(local) = local else { return 0 };
        let (change, _) = VerifiedChange::local(local, &key(self.n), COMMONS, PAGE, NONCE).expect("within bounds");
        let seq = change.seq();
        self.changes.push(change);
        seq
    }

    fn edit(&mut self, at: u32, delete: u32, insert: &str) -> u64 {
        let splice = Splice { at, delete, insert: insert.to_owned() };
        let made = self.page.edit(&[splice]).expect("fits");
        self.keep(made)
    }

    fn meet(&mut self, other: &Self) {
        let missing: Vec<_> =
            other.changes.iter().filter(|c| self.changes.iter().all(|own| own.hash() != c.hash())).cloned().collect();
        self.changes.extend(missing.iter().cloned());
        gate::apply(self.page.document_mut(), missing).expect("applies");
    }

    fn past(&self) -> Past {
        let mut past = Past::default();
        for change in &self.changes {
            past.take(&Deed::read(change.bytes(), DocKind::Page).expect("reads")).expect("whole");
        }
        past
    }

    fn reversal(&self, chosen: &Chosen) -> Reversal {
        self.past().reversal(chosen)
    }

    /// Takes changes back; the number of the change that does, 0 when there was nothing to do.
    fn take_back(&mut self, chosen: &Chosen) -> u64 {
        let reversal = self.reversal(chosen);
        if reversal.splices.is_empty() {
            return 0;
        }
        let edit = PageEdit { splices: reversal.splices, mark_keys: Mark::keys(), ..PageEdit::default() };
        let marks = |range: Range<usize>| Mark::of(chosen, &reversal.origins[range]);
        let made = self.page.make(&edit, &chunk::OWN, marks).expect("fits");
        made.into_iter().fold(0, |_, local| self.keep(Some(local)))
    }
}

fn one(n: u8, first: u64, last: u64) -> Chosen {
    let mut chosen = Chosen::default();
    chosen.add(actor(n), first, last);
    chosen
}

#[derive(Debug, Clone)]
enum Step {
    Edit { writer: usize, at: u32, delete: u32, insert: u32 },
    Meet { writer: usize, other: usize },
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..3, any::<u32>(), 0_u32..5, 0_u32..5)
            .prop_map(|(writer, at, delete, insert)| Step::Edit { writer, at, delete, insert }),
        1 => (0_usize..3, 0_usize..3).prop_map(|(writer, other)| Step::Meet { writer, other }),
    ]
}

/// What was done, as those who did it saw it.
#[derive(Default)]
struct Told {
    next: u32,
    inserted: BTreeMap<char, (u8, u64)>,
    deleted: BTreeMap<char, BTreeSet<(u8, u64)>>,
    /// Texts that somebody saw.
    seen: Vec<String>,
}

impl Told {
    fn characters(&mut self, count: u32) -> String {
        // Every third one takes two units.
        let text = (self.next..self.next + count).map(|n| {
            let base = if n % 3 == 0 { 0x1_F300 } else { 0x4E00 };
            char::from_u32(base + n).expect("a character")
        });
        let text = text.collect();
        self.next += count;
        text
    }

    fn edit(&mut self, who: &mut Writer, at: u32, delete: u32, insert: u32) {
        let text = who.page.body();
        let count = u32::try_from(text.chars().count()).expect("short");
        let at = if count == 0 { 0 } else { at % (count + 1) };
        let delete = delete.min(count - at);
        let new = self.characters(insert);
        let gone: String = text.chars().skip(at as usize).take(delete as usize).collect();
        let units = |text: &str| u32::try_from(text.encode_utf16().count()).expect("short");
        let before: String = text.chars().take(at as usize).collect();
        let seq = who.edit(units(&before), units(&gone), &new);
        for c in new.chars() {
            self.inserted.insert(c, (who.n, seq));
        }
        for c in gone.chars() {
            self.deleted.entry(c).or_default().insert((who.n, seq));
        }
        self.seen.push(who.page.body());
    }
}

fn played(steps: Vec<Step>) -> (Vec<Writer>, Told) {
    let mut writers: Vec<_> = (1..4).map(Writer::new).collect();
    let mut told = Told::default();
    told.edit(&mut writers[0], 0, 0, 8);
    for n in 1..3 {
        let (first, rest) = writers.split_at_mut(n);
        rest[0].meet(&first[0]);
    }
    for step in steps {
        match step {
            Step::Edit { writer, at, delete, insert } => told.edit(&mut writers[writer], at, delete, insert),
            Step::Meet { writer, other } if writer != other => {
                let other = Writer { n: 0, page: Page::default(), changes: writers[other].changes.clone() };
                writers[writer].meet(&other);
                told.seen.push(writers[writer].page.body());
            }
            Step::Meet { .. } => {}
        }
    }
    for n in [1, 2, 0, 1, 2, 0] {
        let other = Writer { n: 0, page: Page::default(), changes: writers[n].changes.clone() };
        for (at, writer) in writers.iter_mut().enumerate() {
            if at != n {
                writer.meet(&other);
            }
        }
    }
    (writers, told)
}

/// Whether those characters that both texts have stand in the same order in both.
fn agree(one: &str, other: &str) -> bool {
    let common: BTreeSet<char> = one.chars().filter(|c| other.contains(*c)).collect();
    let of = |text: &str| text.chars().filter(|c| common.contains(c)).collect::<String>();
    of(one) == of(other)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_text_is_that_of_the_document(steps in prop::collection::vec(a_step(), 0..60)) {
        let (writers, _) = played(steps);
        for writer in &writers {
            prop_assert_eq!(writer.past().text(), writer.page.body());
            prop_assert_eq!(writer.page.body(), writers[0].page.body());
        }
    }

    #[test]
    fn what_they_did_is_undone_and_nothing_else(
        steps in prop::collection::vec(a_step(), 0..60), n in 1_u8..4, first in 1_u64..9, len in 0_u64..6,
    ) {
        let (mut writers, told) = played(steps);
        let who = &mut writers[0];
        let before = who.page.body();
        let ours = |(by, seq): &(u8, u64)| *by == n && (first..=first + len).contains(seq);
        let expected: BTreeSet<char> = told
            .inserted
            .iter()
            .filter(|(c, by)| {
                let theirs = |by: &BTreeSet<(u8, u64)>| by.iter().any(ours) && by.iter().all(ours);
                !ours(by) && (before.contains(**c) || told.deleted.get(c).is_some_and(theirs))
            })
            .map(|(c, _)| *c)
            .collect();
        let reversal = who.reversal(&one(n, first, first + len));
        let done = who.take_back(&one(n, first, first + len));
        let after = who.page.body();
        prop_assert_eq!(after.chars().count(), expected.len(), "each once");
        prop_assert_eq!(after.chars().collect::<BTreeSet<_>>(), expected.clone());
        for seen in told.seen.iter().chain([&before]) {
            prop_assert!(agree(&after, seen), "{after} {seen}");
        }
        let out = before.chars().filter(|c| !expected.contains(c)).count() as u64;
        let back = expected.iter().filter(|c| !before.contains(**c)).count() as u64;
        prop_assert_eq!((reversal.out, reversal.back), (out, back));
        prop_assert_eq!(who.past().text(), after.clone());
        // Once more there is nothing left to do.
        prop_assert_eq!(who.take_back(&one(n, first, first + len)), 0);
        // Taking that back brings the text back, and taking this back takes it away again.
        if done > 0 {
            let again = who.take_back(&one(who.n, done, done));
            prop_assert_eq!(who.page.body(), before.clone());
            prop_assert_eq!(who.past().text(), before);
            who.take_back(&one(who.n, again, again));
            prop_assert_eq!(who.page.body(), after);
        }
    }

    #[test]
    fn what_came_back_by_taking_back_goes_with_its_writers_work(
        steps in prop::collection::vec(a_step(), 0..40), n in 2_u8..4,
    ) {
        let (mut writers, _) = played(steps);
        let who = &mut writers[0];
        let before = who.page.body();
        let done = who.take_back(&one(n, 1, 99));
        prop_assume!(done > 0);
        let without = who.page.body();
        who.take_back(&one(who.n, done, done));
        prop_assert_eq!(who.page.body(), before);
        who.take_back(&one(n, 1, 99));
        prop_assert_eq!(who.page.body(), without);
    }

    #[test]
    fn two_who_take_the_same_back_at_once_end_alike(
        steps in prop::collection::vec(a_step(), 0..40), first in 1_u64..9, len in 0_u64..6,
    ) {
        let (mut writers, _) = played(steps);
        let chosen = one(2, first, first + len);
        let done = [0, 2].map(|n| writers[n].take_back(&chosen));
        let alone = writers[0].page.body();
        prop_assert_eq!(&writers[2].page.body(), &alone);
        let other = Writer { n: 0, page: Page::default(), changes: writers[2].changes.clone() };
        writers[0].meet(&other);
        let other = Writer { n: 0, page: Page::default(), changes: writers[0].changes.clone() };
        writers[2].meet(&other);
        let both = writers[0].page.body();
        prop_assert_eq!(&writers[2].page.body(), &both);
        // Nothing more than twice, and what was not brought back stands once.
        let mut count: BTreeMap<char, usize> = BTreeMap::new();
        both.chars().for_each(|c| *count.entry(c).or_default() += 1);
        prop_assert!(count.values().all(|n| *n <= 2));
        prop_assert_eq!(count.keys().copied().collect::<BTreeSet<_>>(), alone.chars().collect::<BTreeSet<_>>());
        // Who takes the same back again adds nothing; taking one of the two back leaves what is wanted.
        prop_assert_eq!(writers[0].take_back(&chosen), 0);
        if done[1] > 0 && both != alone {
            let twice: BTreeSet<char> = count.iter().filter(|(_, n)| **n == 2).map(|(c, _)| *c).collect();
            writers[0].take_back(&one(3, done[1], done[1]));
            let left = writers[0].page.body();
            prop_assert!(twice.iter().all(|c| left.chars().filter(|l| l == c).count() == 1), "{left} {both}");
        }
    }
}

#[test]
fn a_title_becomes_what_it_was_unless_somebody_gave_another_since() {
    let mut ada = Writer::new(1);
    let made =
        ada.page.begin(&"One".parse().expect("a title"), &"F".parse().expect("a folder"), "text").expect("begins");
    ada.keep(made);
    let mut ben = Writer::new(2);
    ben.meet(&ada);
    for title in ["Two", "Three"] {
        let made = ben.page.rename(&title.parse().expect("a title"), &"".parse().expect("a folder")).expect("renames");
        ben.keep(made);
    }
    let made = ben.page.set_deleted(true).expect("deletes");
    ben.keep(made);
    let keys = ben.reversal(&one(2, 1, 3)).keys;
    assert_eq!(keys["title"], KeyBack::To(Some(Value::Text("One".to_owned()))));
    assert_eq!(keys["folder"], KeyBack::To(Some(Value::Text("F".to_owned()))));
    assert_eq!(keys["deleted"], KeyBack::To(None));
    assert_eq!(ben.reversal(&one(2, 1, 1)).keys["title"], KeyBack::Since);
    assert_eq!(ben.reversal(&one(2, 2, 2)).keys["title"], KeyBack::To(Some(Value::Text("Two".to_owned()))));
    ada.meet(&ben);
    let made = ada.page.rename(&"Four".parse().expect("a title"), &"".parse().expect("a folder")).expect("renames");
    ada.keep(made);
    assert_eq!(ada.reversal(&one(2, 1, 3)).keys["title"], KeyBack::Since);
}

#[test]
fn who_began_a_page_in_which_nobody_else_wrote_began_the_whole_of_it() {
    let mut ada = Writer::new(1);
    let made =
        ada.page.begin(&"Spam".parse().expect("a title"), &"".parse().expect("a folder"), "buy").expect("begins");
    ada.keep(made);
    assert!(ada.reversal(&one(1, 1, 1)).whole);
    let mut ben = Writer::new(2);
    ben.meet(&ada);
    ben.edit(3, 0, "!");
    assert!(!ben.reversal(&one(1, 1, 1)).whole);
    assert!(!ben.reversal(&one(2, 1, 1)).whole);
}

#[test]
fn what_was_put_elsewhere_meanwhile_comes_back_and_not_what_is_taken_back_with_it() {
    let title = |writer: &mut Writer, title: &str| {
        let made =
            writer.page.rename(&title.parse().expect("a title"), &"".parse().expect("a folder")).expect("renames");
        writer.keep(made)
    };
    // Whichever of the two has the higher id.
    for (ada, ben) in [(1, 2), (2, 1)] {
        let (mut ada, mut ben) = (Writer::new(ada), Writer::new(ben));
        let made =
            ada.page.begin(&"Zero".parse().expect("a title"), &"".parse().expect("a folder"), "").expect("begins");
        ada.keep(made);
        ben.meet(&ada);
        title(&mut ada, "Ada");
        let first = title(&mut ben, "Ben");
        ben.meet(&ada);
        let last = title(&mut ben, "Both");
        let keys = ben.reversal(&one(ben.n, first, last)).keys;
        assert_eq!(keys["title"], KeyBack::To(Some(Value::Text("Ada".to_owned()))));
    }
}

#[test]
fn who_wrote_all_there_is_in_a_page_of_another_neither_began_it_nor_gave_it_its_title() {
    let (mut ada, mut ben) = (Writer::new(1), Writer::new(2));
    let made = ada.page.begin(&"T".parse().expect("a title"), &"".parse().expect("a folder"), "").expect("begins");
    ada.keep(made);
    ben.meet(&ada);
    let seq = ben.edit(0, 0, "all of it");
    let reversal = ben.reversal(&one(2, seq, seq));
    assert!(!reversal.whole && reversal.keys.is_empty() && reversal.out == 9, "{reversal:?}");
    assert!(Chosen::default().is_empty() && !one(2, seq, seq).is_empty());
}

#[test]
fn what_is_gone_or_there_again_already_is_counted() {
    let (mut ada, mut ben) = (Writer::new(1), Writer::new(2));
    let made =
        ada.page.begin(&"T".parse().expect("a title"), &"".parse().expect("a folder"), "abcdef").expect("begins");
    ada.keep(made);
    ben.meet(&ada);
    let deleted = ben.edit(0, 3, "");
    let wrote = ben.edit(3, 0, "xyz");
    ada.meet(&ben);
    // Brought back, and deleted, by another before.
    assert_ne!(ada.take_back(&one(2, deleted, deleted)), 0);
    let at = u32::try_from(ada.page.body().find("xyz").expect("is there")).expect("short");
    ada.edit(at, 2, "");
    assert_eq!(ada.page.body(), "abcdefz");
    let reversal = ada.reversal(&one(2, deleted, wrote));
    assert_eq!((reversal.there, reversal.gone, reversal.out, reversal.back), (3, 2, 1, 0));
}

#[test]
fn what_another_deleted_too_does_not_come_back_and_is_counted() {
    let (mut ada, mut ben) = (Writer::new(1), Writer::new(2));
    let made =
        ada.page.begin(&"T".parse().expect("a title"), &"".parse().expect("a folder"), "abcdef").expect("begins");
    ada.keep(made);
    ben.meet(&ada);
    ada.edit(0, 2, "");
    let deleted = ben.edit(0, 5, "");
    ben.meet(&ada);
    let reversal = ben.reversal(&one(2, deleted, deleted));
    assert_eq!((reversal.others, reversal.back, reversal.back_excerpt.as_str()), (2, 3, "cde"));
}

#[test]
fn a_mark_is_believed_of_equal_characters_only() {
    let mut ada = Writer::new(1);
    let made = ada.page.begin(&"T".parse().expect("a title"), &"".parse().expect("a folder"), "ab").expect("begins");
    ada.keep(made);
    let mut mallory = Writer::new(2);
    mallory.meet(&ada);
    // Hers, said to bring back what Ada wrote.
    let origins: Vec<_> = Deed::read(ada.changes[0].bytes(), DocKind::Page)
        .expect("reads")
        .with_ids()
        .filter(|(_, act)| matches!(act, commonplace_trust::Act::Insert { .. }))
        .map(|(id, _)| id)
        .collect();
    let marks = Mark::of(&one(1, 1, 1), &origins);
    let splices = vec![Splice { at: 2, delete: 0, insert: "xb".to_owned() }];
    let edit = PageEdit { splices, mark_keys: Mark::keys(), ..PageEdit::default() };
    let made = mallory.page.make(&edit, &chunk::OWN, |_| marks.clone()).expect("fits");
    for local in made {
        mallory.keep(Some(local));
    }
    mallory.take_back(&one(1, 1, 1));
    assert_eq!(mallory.page.body(), "x");
}
