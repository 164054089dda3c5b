//! Edits of a page in which more actors wrote than one change may name: they are made as several, each of which the gate takes.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{cmp::Ordering, ops::Range};

use commonplace_model::{
    Actor, CommonsId, DocId, DocKind, Fate, Folder, LocalChange, Nonce, Page, PageEdit, PageId, Splice,
};
use commonplace_trust::{Chosen, Deed, DeviceKey, Mark, Past, VerifiedChange, actor_of, chunk, gate};

const COMMONS: CommonsId = CommonsId::new([1; 32]);
const PAGE: DocId = DocId::Page(PageId::new([3; 16]));
const MANY: u32 = 2_300;

fn key(n: u8) -> DeviceKey {
    DeviceKey::from_seed(&[n; 32])
}

fn nonce(n: u32) -> Nonce {
    let mut bytes = [7; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    Nonce::new(bytes)
}

fn actor(who: u8, n: u32) -> Actor {
    actor_of(COMMONS, PAGE, key(who).id(), nonce(n))
}

/// A page and all changes in it, each of which passed what the gate holds a change to.
struct Story {
    page: Page,
    changes: Vec<VerifiedChange>,
}

impl Story {
    fn begin() -> Self {
        let mut story = Self { page: Page::default(), changes: Vec::new() };
        story.page.document_mut().set_actor(actor(1, 0));
        let made =
            story.page.begin(&"Kettles".parse().expect("a title"), &Folder::default(), "honest").expect("begins");
        story.keep(1, 0, made);
        story
    }

    fn keep(&mut self, who: u8, n: u32, made: impl IntoIterator<Item = LocalChange>) -> usize {
        let before = self.changes.len();
        for local in made {
            let kept = VerifiedChange::local(local, &key(who), COMMONS, PAGE, nonce(n));
            self.changes.push(kept.expect("every gate takes it").0);
        }
        self.changes.len() - before
    }

    /// One after the other, under another actor each.
    fn one_after_the_other(&mut self, edit: impl Fn(u32) -> Splice) {
        for n in 1..=MANY {
            self.page.document_mut().set_actor(actor(2, n));
            let made = self.page.edit(&[edit(n)]).expect("fits");
            self.keep(2, n, made);
        }
    }

    /// All at once on what is there, under another actor each.
    fn at_once(&mut self, edit: impl Fn(&mut Page, u32) -> Vec<LocalChange>) {
        let before = self.changes.clone();
        let mut made = Vec::new();
        for n in 1..=MANY {
            let mut page = Page::default();
            gate::apply(page.document_mut(), before.clone()).expect("applies");
            page.document_mut().set_actor(actor(2, n));
            for local in edit(&mut page, n) {
                made.push(VerifiedChange::local(local, &key(2), COMMONS, PAGE, nonce(n)).expect("within bounds").0);
            }
        }
        gate::apply(self.page.document_mut(), made.clone()).expect("applies");
        self.changes.extend(made);
    }

    /// Edits as an engine does it.
    fn make(&mut self, edit: &PageEdit, marks: impl FnMut(Range<usize>) -> Vec<(String, Vec<u8>)>) -> usize {
        let me = actor(1, 0);
        self.page.document_mut().set_actor(me);
        let most = usize::try_from(chunk::MAX_DEPS).expect("small");
        let mut made = self.page.document_mut().join_heads(me, most, &chunk::OWN).expect("joins");
        made.extend(self.page.make(edit, &chunk::OWN, marks).expect("fits"));
        self.keep(1, 0, made)
    }

    fn take_back(&mut self, chosen: &Chosen) -> usize {
        let mut past = Past::default();
        for change in &self.changes {
            past.take(&Deed::read(change.bytes(), DocKind::Page).expect("reads")).expect("whole");
        }
        let reversal = past.reversal(chosen);
        let edit = PageEdit { splices: reversal.splices, mark_keys: Mark::keys(), ..PageEdit::default() };
        self.make(&edit, |range| Mark::of(chosen, &reversal.origins[range]))
    }
}

fn all_theirs() -> Chosen {
    let mut chosen = Chosen::default();
    (1..=MANY).for_each(|n| chosen.add(actor(2, n), 1, 9));
    chosen
}

#[test]
fn what_many_actors_wrote_is_taken_back_and_brought_back() {
    let mut story = Story::begin();
    story.one_after_the_other(|n| Splice { at: n % 3, delete: 0, insert: "x".to_owned() });
    let before = story.page.body();
    let from = story.changes.len() as u64;
    let made = story.take_back(&all_theirs());
    assert_eq!(story.page.body(), "honest");
    assert!(made > 2, "{made} changes");
    let mut chosen = Chosen::default();
    chosen.add(actor(1, 0), 2, 1 + made as u64);
    story.take_back(&chosen);
    assert_eq!(story.page.body(), before);
    assert!(story.changes.len() as u64 > from + made as u64);
}

#[test]
fn a_page_that_many_wrote_in_can_be_emptied_and_written_anew() {
    let mut story = Story::begin();
    story.one_after_the_other(|n| Splice {
        at: 0,
        delete: 0,
        insert: if n.is_multiple_of(2) { "😀" } else { "y" }.to_owned(),
    });
    let splices = vec![Splice { at: 0, delete: story.page.body_len(), insert: "z".repeat(120_000) }];
    story.make(&PageEdit { splices, ..PageEdit::default() }, |_| Vec::new());
    assert_eq!(story.page.body(), "z".repeat(120_000));
}

#[test]
fn deletions_here_and_there_of_what_two_wrote_by_turns_are_within_the_bytes() {
    let mut story = Story::begin();
    let long = "0123456789".repeat(6_000);
    for at in [6, 17] {
        let made = story.make(
            &PageEdit { splices: vec![Splice { at, delete: 0, insert: long.clone() }], ..PageEdit::default() },
            |_| Vec::new(),
        );
        assert!(made > 1);
    }
    // Every other character, from the end: nothing of it can be told as a run.
    let splices = (0..60_000_u32).rev().map(|n| Splice { at: n * 2, delete: 1, insert: String::new() }).collect();
    story.make(&PageEdit { splices, ..PageEdit::default() }, |_| Vec::new());
    assert_eq!(story.page.body_len(), 6 + 60_000);
}

#[test]
fn what_many_put_under_one_key_at_once_keeps_nobody_from_putting_something_there() {
    let mut story = Story::begin();
    story.at_once(|page, n| {
        let edit = PageEdit {
            splices: vec![Splice { at: 0, delete: 0, insert: "x".to_owned() }],
            title: Some(format!("Buy {n}").parse().expect("a title")),
            mark_keys: Mark::keys(),
            ..PageEdit::default()
        };
        page.make(&edit, &chunk::OWN, |_| Mark::of(&all_of_one(n), &[])).expect("fits")
    });
    story.make(&PageEdit { title: Some("Kettles".parse().expect("a title")), ..PageEdit::default() }, |_| Vec::new());
    assert_eq!(story.page.title().as_str(), "Kettles");
    // Their marks, too, are under one key.
    story.take_back(&all_theirs());
    assert_eq!(story.page.body(), "honest");
    assert_eq!(story.page.title().as_str(), "Kettles");
}

#[test]
fn what_is_written_anew_over_many_actors_is_several_changes() {
    let mut story = Story::begin();
    story.one_after_the_other(|_| Splice { at: 0, delete: 0, insert: "x".to_owned() });
    let standing = story.changes.len();
    story.page.document_mut().set_actor(actor(3, 1));
    let made = story.page.edit(&[Splice { at: 0, delete: 0, insert: "v".to_owned() }]).expect("fits");
    story.keep(3, 1, made);
    // On what turns out not to count, all that those many wrote is replaced.
    let splices = vec![Splice { at: 1, delete: MANY, insert: "y".repeat(10) }];
    story.make(&PageEdit { splices, ..PageEdit::default() }, |_| Vec::new());
    let fates = story.changes.iter().enumerate().map(|(at, change)| match at.cmp(&standing) {
        Ordering::Less => (change, Fate::Stands),
        Ordering::Equal => (change, Fate::Void),
        Ordering::Greater => (change, Fate::Own),
    });
    let anew = gate::anew(fates).expect("reads");

    let mut left = Story { page: Page::default(), changes: Vec::new() };
    gate::apply(left.page.document_mut(), story.changes[..standing].to_vec()).expect("applies");
    left.page.document_mut().set_actor(actor(1, 9_999));
    let mut made = left.page.document_mut().put_anew(&anew, &chunk::OWN).expect("puts");
    let edit = PageEdit { splices: anew.splices().to_vec(), ..PageEdit::default() };
    made.extend(left.page.make(&edit, &chunk::OWN, |_| Vec::new()).expect("fits"));
    assert!(left.keep(1, 9_999, made) > 2);
    assert_eq!(left.page.body(), format!("{}honest", "y".repeat(10)));
}

fn all_of_one(n: u32) -> Chosen {
    let mut chosen = Chosen::default();
    chosen.add(actor(2, n), 1, 1);
    chosen
}
