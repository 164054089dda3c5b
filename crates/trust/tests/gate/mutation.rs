//! Real changes, changed a little, with their writers vouching for them: what passes the gate makes Automerge neither
//! panic nor forget how to load what it saved, and leaves replicas equal whatever the order of arrival.

use automerge::{ActorId, Change, legacy::OpId};
use commonplace_model::{DocId, DocKind, Document, Folder, Page, PageId, Splice, Statement};
use commonplace_trust::{VerifiedChange, gate};

use crate::{
    device::{Device, LEDGER, PAGE, Seen, actor, pass, vouch},
    forge::{Dice, Targets, bytes_changed, hash, sense_changed},
};

/// Changes of both kinds of documents, to be changed for as long as one likes.
pub(crate) struct Corpora([Corpus; 2]);

impl Corpora {
    pub(crate) fn new() -> Self {
        Self([PAGE, LEDGER].map(Corpus::new))
    }

    /// Judges changes made from a seed.
    pub(crate) fn judge(&self, seed: u64) {
        for corpus in &self.0 {
            judge(corpus, 4, seed, |chunk, dice, _| bytes_changed(chunk, dice));
            judge(corpus, 4, seed, sense_changed);
        }
    }
}

/// Three devices of different members have written in turn and at once; each change with what was known before it.
struct Corpus {
    doc: DocId,
    changes: Vec<VerifiedChange>,
    seen: Vec<Seen>,
    targets: Vec<Targets>,
}

impl Corpus {
    fn new(doc: DocId) -> Self {
        let mut devices: Vec<Device> = (0..3).map(|n| Device::new(n, doc)).collect();
        let mut dice = Dice(7);
        for round in 0..9 {
            for device in &mut devices {
                act(device, &mut dice, round);
            }
            let [a, b] = devices.get_disjoint_mut([round % 3, (round + 1) % 3]).expect("two of three");
            a.meet(b);
            b.meet(a);
        }
        let (first, rest) = devices.split_at_mut(1);
        rest.iter().for_each(|other| first[0].meet(other));
        let changes = std::mem::take(&mut first[0].changes);
        let mut corpus = Self { doc, changes, seen: Vec::new(), targets: Vec::new() };
        corpus.look_back();
        corpus
    }

    fn look_back(&mut self) {
        let mut seen = Seen::default();
        let actors: Vec<ActorId> = (0..3).map(|n| ActorId::from(&actor(n, self.doc).as_bytes()[..])).collect();
        let (mut ids, mut deps) = (Vec::new(), Vec::new());
        for change in &self.changes {
            self.seen.push(seen.clone());
            self.targets.push(Targets { ids: ids.clone(), actors: actors.clone(), deps: deps.clone() });
            seen.take(std::slice::from_ref(change));
            let read = Change::from_bytes(change.bytes().to_vec()).expect("reads");
            ids.extend((read.start_op().get()..=read.max_op()).map(|n| OpId::new(n, read.actor_id())));
            deps.push(read.hash());
        }
    }
}

fn act(device: &mut Device, dice: &mut Dice, round: usize) {
    let made = if DocKind::from(device.doc) == DocKind::Ledger {
        let tag = |n: usize| Statement::Tag {
            page: PageId::new([5; 16]),
            tag: ["one", "two", "three"][n % 3].parse().expect("a tag"),
        };
        let (say, unsay) = (tag(dice.below(3)), tag(dice.below(3)).key());
        device.ledger.state(&[say], &[unsay]).expect("states")
    } else if round.is_multiple_of(4) {
        let title = format!("Title {}", dice.below(3)).parse().expect("a title");
        device.page.rename(&title, &Folder::default()).expect("renames")
    } else {
        let len = device.page.body_len();
        let at = u32::try_from(dice.below(len as usize + 1)).expect("small");
        let delete = u32::try_from(dice.below(3)).expect("small").min(len - at);
        let insert = ["ab", "é", "😀 c", "", "words"][dice.below(5)].to_owned();
        device.page.edit(&[Splice { at, delete, insert }]).expect("fits")
    };
    if let Some(local) = made {
        device.keep(local);
    }
}

/// What a document says; and that it can be saved, loaded and written in.
pub(crate) fn text_of(document: Document) -> String {
    let kind = document.kind();
    if kind == DocKind::Ledger {
        let ledger = commonplace_model::Ledger::from_document(document).expect("a ledger");
        Document::load(kind, &ledger.document().save()).expect("what was saved loads");
        return format!("{:?}", ledger.statements());
    }
    let mut page = Page::from_document(document).expect("a page");
    let text = format!("{}|{}|{}", page.title(), page.folder(), page.body());
    // And it can be written in, and saved again.
    page.document_mut().set_actor(commonplace_model::Actor::new([99; 16]));
    let delete = page.body_len().min(5);
    page.edit(&[Splice { at: 0, delete, insert: "new".to_owned() }]).expect("can be edited");
    page.set_deleted(true).expect("can be deleted");
    Document::load(kind, &page.document().save()).expect("what was edited loads");
    text
}

/// Takes in what passed, alone and on both sides of the change that it was made from, and saves and loads it.
fn harmless(corpus: &Corpus, at: usize, forged: &VerifiedChange) {
    let before = corpus.changes[..at].to_vec();
    let other = corpus.changes[at..].iter().find(|c| {
        c.actor() != forged.actor()
            && c.deps().all(|dep| before.iter().any(|b| b.hash() == dep) || dep == DocKind::from(corpus.doc).genesis())
    });
    let mut ends = Vec::new();
    for first in [true, false] {
        let mut document = Document::new(corpus.doc.into());
        gate::apply(&mut document, before.clone()).expect("applies");
        let mut last = vec![forged.clone()];
        last.extend(other.cloned());
        if !first {
            last.reverse();
        }
        for change in last {
            gate::apply(&mut document, vec![change]).expect("what passed applies");
        }
        let loaded = Document::load(document.kind(), &document.save()).expect("what was saved loads");
        assert_eq!(loaded.heads(), document.heads());
        let loaded = text_of(loaded);
        let text = text_of(document);
        assert_eq!(loaded, text);
        ends.push(text);
    }
    assert_eq!(ends[0], ends[1]);
    // The canonical check, which the reader gives by construction.
    let read = Change::from_bytes(forged.bytes().to_vec()).expect("reads");
    assert_eq!(Change::from(read.decode()).hash(), read.hash());
}

/// Judges forged changes and tells how many passed.
fn judge(corpus: &Corpus, rounds: u64, seed: u64, forge: fn(&[u8], &mut Dice, &Targets) -> Vec<u8>) -> u64 {
    let (mut dice, mut through) = (Dice(seed), 0);
    for round in 0..rounds {
        let at = dice.below(corpus.changes.len());
        let real = &corpus.changes[at];
        let n = (0..3).find(|n| actor(*n, corpus.doc) == real.actor()).expect("one of three");
        let forged = forge(real.bytes(), &mut dice, &corpus.targets[at]);
        if forged == real.bytes() {
            continue;
        }
        let said = vouch(n, corpus.doc, real.seq(), hash(&forged));
        let passed = pass(&corpus.seen[at], corpus.doc, vec![forged], vec![said]);
        for change in &passed.changes {
            let outcome = std::panic::catch_unwind(|| harmless(corpus, at, change));
            assert!(outcome.is_ok(), "seed {seed}, round {round}, from change {at}");
            through += 1;
        }
    }
    through
}

#[test]
fn changed_bytes_do_no_harm() {
    for (doc, seed) in [(PAGE, 1), (LEDGER, 2)] {
        judge(&Corpus::new(doc), 4_000, seed, |chunk, dice, _| bytes_changed(chunk, dice));
    }
}

#[test]
fn changed_sense_does_no_harm() {
    for (doc, seed) in [(PAGE, 3), (LEDGER, 4)] {
        let through = judge(&Corpus::new(doc), 4_000, seed, sense_changed);
        // Some of them say something else that is allowed: otherwise this would show nothing.
        assert!(through > 100, "{through} passed");
    }
}
