//! What judging a keystroke costs: the same on a page of any size.

use std::{borrow::Cow, cell::Cell};

use automerge::{
    ActorId, Change, ExpandedChange,
    legacy::{ElementId, Op, OpId},
};
use commonplace_model::{Actor, ChangeHash, DocKind, Document};
use commonplace_trust::{Arrival, Attestation, Clock, Gate, History, Known, VerifiedChange, gate};

use crate::{
    device::{COMMONS, Everybody, PAGE, Seen, actor, vouch},
    forge::{Dice, delete, hash, insert},
};

/// A history that counts what it is asked, and how many bytes of changes it hands out.
struct Counting<'a> {
    seen: &'a Seen,
    asked: Cell<usize>,
    bytes: Cell<usize>,
    /// Changes that were asked for by an operation.
    read: Cell<usize>,
}

impl<'a> Counting<'a> {
    fn new(seen: &'a Seen) -> Self {
        Self { seen, asked: Cell::new(0), bytes: Cell::new(0), read: Cell::new(0) }
    }

    fn count(&self) -> &'a Seen {
        self.asked.set(self.asked.get() + 1);
        self.seen
    }
}

impl History for Counting<'_> {
    fn change(&self, hash: &ChangeHash) -> Option<Known> {
        self.count().change(hash)
    }

    fn tip(&self, actor: &Actor) -> Option<(u64, ChangeHash)> {
        self.count().tip(actor)
    }

    fn clock(&self, hash: &ChangeHash) -> Option<Clock> {
        self.count().clock(hash)
    }

    fn reaching(&self, actor: &Actor, counter: u64) -> Option<Cow<'_, [u8]>> {
        let found = self.count().reaching(actor, counter)?;
        self.bytes.set(self.bytes.get() + found.len());
        self.read.set(self.read.get() + 1);
        Some(found)
    }

    fn numbered(&self, actor: &Actor, seq: u64) -> Option<Cow<'_, [u8]>> {
        self.count().numbered(actor, seq)
    }

    fn vouched(&self, actor: &Actor) -> Vec<Attestation> {
        self.count().vouched(actor)
    }
}

/// A page that one member pasted, and in which some then type character by character, all at once: in each round every
/// one of them has seen what all typed in the round before.
struct Typed {
    seen: Seen,
    dice: Dice,
    start: u64,
    /// The elements, each with who inserted it.
    elements: Vec<(u64, u8)>,
    seqs: [u64; 20],
    /// The newest changes of the round before, and of this one.
    tips: Vec<ChangeHash>,
    fresh: Vec<ChangeHash>,
    /// All changes, and the newest of each writer.
    all: Vec<Vec<u8>>,
    newest: [Option<ChangeHash>; 20],
}

impl Typed {
    fn new(pasted: u64, typed: u64, writers: u8) -> Self {
        let mut page = Self {
            seen: Seen::default(),
            dice: Dice(1),
            start: 3,
            elements: Vec::new(),
            seqs: [0; 20],
            tips: vec![DocKind::Page.genesis()],
            fresh: Vec::new(),
            all: Vec::new(),
            newest: [None; 20],
        };
        page.keep(0, pasted);
        page.round(pasted);
        for _ in 0..typed / u64::from(writers) {
            (0..writers).for_each(|n| page.keep(n, 1));
            page.round(1);
        }
        page
    }

    /// The next change of a writer: so many characters, the first of them at some place.
    fn next(&mut self, n: u8, count: u64) -> (Vec<u8>, Attestation) {
        let id = |counter, n| OpId::new(counter, &ActorId::from(&actor(n, PAGE).as_bytes()[..]));
        let place = self.dice.pick(&self.elements).copied();
        let operations = (0..count).map(|at| {
            let after = if at == 0 { place } else { Some((self.start + at - 1, n)) };
            insert(after.map_or(ElementId::Head, |(counter, n)| ElementId::Id(id(counter, n))), "x")
        });
        let seq = self.seqs[usize::from(n)] + 1;
        let change = Change::from(ExpandedChange {
            operations: operations.collect(),
            actor_id: ActorId::from(&actor(n, PAGE).as_bytes()[..]),
            hash: None,
            seq,
            start_op: self.start.try_into().expect("not zero"),
            time: 0,
            message: None,
            deps: self.tips.iter().map(|tip| automerge::ChangeHash(*tip.as_bytes())).collect(),
            extra_bytes: Vec::new(),
            author: None,
        });
        let chunk = change.raw_bytes().to_vec();
        let said = vouch(n, PAGE, seq, hash(&chunk));
        (chunk, said)
    }

    fn keep(&mut self, n: u8, count: u64) {
        let (chunk, _) = self.next(n, count);
        let change = VerifiedChange::from_store(chunk).expect("reads");
        self.seqs[usize::from(n)] += 1;
        self.fresh.push(change.hash());
        self.all.push(change.bytes().to_vec());
        self.newest[usize::from(n)] = Some(change.hash());
        self.seen.take(&[change]);
    }

    /// What a writer says of their newest change.
    fn newest(&self, n: u8) -> Option<Attestation> {
        let newest = self.newest[usize::from(n)]?;
        Some(vouch(n, PAGE, self.seqs[usize::from(n)], newest))
    }

    fn round(&mut self, count: u64) {
        let writers = u8::try_from(self.fresh.len()).expect("few");
        self.elements.extend((self.start..self.start + count).flat_map(|at| (0..writers).map(move |n| (at, n))));
        self.start += count;
        self.tips = std::mem::take(&mut self.fresh);
    }
}

fn judge(history: &impl History, chunk: Vec<u8>, said: Attestation) {
    let arrival = Arrival { doc: PAGE, attestations: vec![said], changes: vec![chunk] };
    let passed = Gate { commons: COMMONS, history, standing: &Everybody }.pass(arrival);
    assert_eq!((passed.changes.len(), passed.refused), (1, Vec::new()));
}

#[test]
fn a_keystroke_asks_the_same_of_any_page() {
    let asked: Vec<(usize, usize)> = [(20, 10), (2_000, 3_000)]
        .into_iter()
        .map(|(pasted, typed)| {
            let mut page = Typed::new(pasted, typed, 1);
            let (chunk, said) = page.next(0, 1);
            let history = Counting::new(&page.seen);
            judge(&history, chunk, said);
            (history.asked.get(), history.bytes.get())
        })
        .collect();
    assert_eq!(asked[0].0, asked[1].0);
    assert!(asked[1].0 <= 6, "{} questions", asked[1].0);
    // One earlier change is read, however many there are; at worst the pasted one.
    assert!(asked.iter().all(|(_, bytes)| *bytes < 2_500), "{asked:?}");
}

/// How many earlier changes are read for two that each refer to both of two, whose operations make so many runs each.
fn read_of_two(runs: u64) -> usize {
    let mine = ActorId::from(&actor(0, PAGE).as_bytes()[..]);
    let (mut seen, mut start, mut dep) = (Seen::default(), 3, DocKind::Page.genesis());
    let mut next = |seq, operations: Vec<Op>| {
        let count = operations.len() as u64;
        let change = Change::from(ExpandedChange {
            operations,
            actor_id: mine.clone(),
            hash: None,
            seq,
            start_op: start.try_into().expect("not zero"),
            time: 0,
            message: None,
            deps: vec![automerge::ChangeHash(*dep.as_bytes())],
            extra_bytes: Vec::new(),
            author: None,
        });
        let chunk = change.raw_bytes().to_vec();
        (start, dep) = (start + count, hash(&chunk));
        chunk
    };
    for seq in [1, 2] {
        let from = 3 + (seq - 1) * runs;
        let pair = |n| [insert(ElementId::Head, "a"), delete(OpId::new(from + 2 * n, &mine))];
        let chunk = next(seq, (0..runs / 2).flat_map(pair).collect());
        seen.take(&[VerifiedChange::from_store(chunk).expect("reads")]);
    }
    let both = || [3, 3 + runs].map(|counter| insert(ElementId::Id(OpId::new(counter, &mine)), "b")).to_vec();
    let changes = vec![next(3, both()), next(4, both())];
    let history = Counting::new(&seen);
    let attestations = vec![vouch(0, PAGE, 4, hash(&changes[1]))];
    let arrival = Arrival { doc: PAGE, attestations, changes };
    let passed = Gate { commons: COMMONS, history: &history, standing: &Everybody }.pass(arrival);
    assert_eq!((passed.changes.len(), passed.refused), (2, Vec::new()));
    history.read.get()
}

#[test]
fn what_was_read_of_earlier_changes_is_kept_up_to_its_bound() {
    // Both together are as much as is kept: each is read once.
    assert_eq!(read_of_two(32_768), 2);
    // Of two that are more, one goes when the other comes.
    assert_eq!(read_of_two(32_770), 4);
}

/// Prints what a keystroke costs; in a release build on a page of 100,000 characters and 250,000 edits.
#[test]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn what_a_keystroke_costs() {
    let (share, rounds) = if cfg!(debug_assertions) { (100, 20) } else { (1, 2_000) };
    for (pasted, typed, writers) in
        [(10, 100, 1), (100_000 / share, 250_000 / share, 1), (100_000 / share, 50_000 / share, 20)]
    {
        let mut page = Typed::new(pasted, typed, writers);
        let keystrokes: Vec<_> = (0..rounds).map(|_| page.next(0, 1)).collect();
        let begun = std::time::Instant::now();
        for (chunk, said) in keystrokes.clone() {
            judge(&page.seen, chunk, said);
        }
        let all = begun.elapsed() / rounds;
        let begun = std::time::Instant::now();
        for (_, said) in keystrokes {
            assert!(commonplace_trust::VerifiedAttestation::verify(said, COMMONS, PAGE).is_some());
        }
        let signature = begun.elapsed() / rounds;
        println!(
            "{pasted} pasted, {typed} typed by {writers} at once: {all:?} a keystroke, of which the signature {signature:?}"
        );
    }
}

/// Prints what a cold join costs, beside what Automerge itself takes; in a release build of pages of a real length.
#[test]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn what_a_cold_join_costs() {
    let share = if cfg!(debug_assertions) { 100 } else { 1 };
    for (pasted, typed, writers) in [(90_000 / share, 0, 1), (1_000, 10_000 / share, 1), (1_000, 10_000 / share, 20)] {
        let page = Typed::new(pasted, typed, writers);
        let said = (0..writers).filter_map(|n| page.newest(n)).collect();
        let changes = page.all.clone();
        let count = u32::try_from(changes.len()).expect("few");
        let begun = std::time::Instant::now();
        for chunk in changes.clone() {
            Change::from_bytes(chunk).expect("reads");
        }
        let parsed = begun.elapsed();
        let begun = std::time::Instant::now();
        let arrival = Arrival { doc: PAGE, attestations: said, changes };
        let passed = Gate { commons: COMMONS, history: &Seen::default(), standing: &Everybody }.pass(arrival);
        let judged = begun.elapsed();
        assert_eq!((passed.changes.len(), passed.refused), (page.all.len(), Vec::new()));
        let begun = std::time::Instant::now();
        let mut document = Document::new(DocKind::Page);
        gate::apply(&mut document, passed.changes).expect("applies");
        let applied = begun.elapsed();
        println!(
            "{pasted} pasted, {typed} typed by {writers} at once, {count} changes: judged {judged:?} ({:?} each), of which Automerge's \
             reading {parsed:?}; applied {applied:?}",
            judged / count
        );
    }
}
