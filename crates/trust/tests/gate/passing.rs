//! What the gate lets through, what waits, and what it refuses.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::HashMap;

use commonplace_model::{
    Actor, ChangeHash, CommonsId, DeviceId, DocId, DocKind, Document, Folder, Nonce, Page, PageId, Splice,
};
use commonplace_trust::{
    Arrival, Attestation, DeviceKey, Gate, History, Known, Refusal, Standing, Verdict, VerifiedChange, actor_of, chunk,
    chunk::ChunkError, gate,
};
use proptest::prelude::*;

const COMMONS: CommonsId = CommonsId::new([1; 32]);
const NONCE: Nonce = Nonce::new([2; 16]);

fn doc() -> DocId {
    DocId::Page(PageId::new([3; 16]))
}

#[derive(Default)]
struct Seen(HashMap<ChangeHash, Known>, HashMap<Actor, (u64, ChangeHash)>);

impl Seen {
    fn take(&mut self, changes: &[VerifiedChange]) {
        for change in changes {
            self.0.insert(change.hash(), change.known());
            let tip = self.1.entry(change.actor()).or_insert((change.seq(), change.hash()));
            if tip.0 <= change.seq() {
                *tip = (change.seq(), change.hash());
            }
        }
    }
}

impl History for Seen {
    fn change(&self, hash: &ChangeHash) -> Option<Known> {
        self.0.get(hash).copied()
    }
    fn tip(&self, actor: &Actor) -> Option<(u64, ChangeHash)> {
        self.1.get(actor).copied()
    }
}

struct Members(Vec<DeviceId>);

impl Standing for Members {
    fn may_write(&self, device: &DeviceId, doc: &DocId) -> Verdict {
        match doc {
            DocId::Page(_) if self.0.contains(device) => Verdict::Allowed,
            DocId::Ledger(_) if self.0.contains(device) => Verdict::Forbidden,
            _ => Verdict::Unknown,
        }
    }
}

/// Somebody who writes in a page of their own replica.
struct Writer {
    key: DeviceKey,
    page: Page,
}

impl Writer {
    fn new(n: u8) -> Self {
        let key = DeviceKey::from_seed(&[n; 32]);
        let mut page = Page::default();
        page.document_mut().set_actor(actor_of(COMMONS, doc(), key.id(), NONCE));
        Self { key, page }
    }

    fn write(&mut self, text: &str) -> (VerifiedChange, Attestation) {
        let at = self.page.body_len();
        let local =
            self.page.edit(&[Splice { at, delete: 0, insert: text.to_owned() }]).expect("fits").expect("changes");
        let (change, said) = VerifiedChange::local(local, &self.key, COMMONS, doc(), NONCE).expect("within bounds");
        (change, *said.get())
    }
}

fn bytes(changes: &[VerifiedChange]) -> Vec<Vec<u8>> {
    changes.iter().map(|c| c.bytes().to_vec()).collect()
}

fn arrival(changes: Vec<Vec<u8>>, attestations: Vec<Attestation>) -> Arrival {
    Arrival { doc: doc(), attestations, changes }
}

fn three() -> (Writer, Vec<VerifiedChange>, Vec<Attestation>) {
    let mut writer = Writer::new(7);
    let (changes, said) = ["one", "two", "three"].map(|text| writer.write(text)).into_iter().unzip();
    (writer, changes, said)
}

#[test]
fn the_newest_attestation_covers_all_earlier_changes() {
    let (writer, changes, said) = three();
    let seen = Seen::default();
    let members = Members(vec![writer.key.id()]);
    let gate = Gate { commons: COMMONS, history: &seen, standing: &members };
    let passed = gate.pass(arrival(bytes(&changes), vec![said[2]]));
    assert_eq!((passed.changes.len(), passed.waiting.len(), passed.refused.len()), (3, 0, 0));

    let mut document = Document::new(DocKind::Page);
    gate::apply(&mut document, passed.changes).expect("applies");
    assert_eq!(Page::from_document(document).expect("a page").body(), "onetwothree");

    // The first one covers itself alone.
    let passed = gate.pass(arrival(bytes(&changes), vec![said[0]]));
    assert_eq!((passed.changes.len(), passed.waiting.len()), (1, 2));
}

#[test]
fn what_lacks_something_waits_and_passes_later() {
    let (writer, changes, said) = three();
    let mut seen = Seen::default();
    let members = Members(vec![writer.key.id()]);
    let pass = |seen: &Seen, arrival| Gate { commons: COMMONS, history: seen, standing: &members }.pass(arrival);
    // The second and third without the first.
    let passed = pass(&seen, arrival(bytes(&changes[1..]), vec![said[2]]));
    assert_eq!((passed.changes.len(), passed.waiting.len(), passed.refused.len()), (0, 2, 0));
    let waiting = passed.waiting;
    let first = pass(&seen, arrival(bytes(&changes[..1]), vec![said[0]]));
    seen.take(&first.changes);
    assert_eq!(pass(&seen, arrival(waiting, vec![said[2]])).changes.len(), 2);
    // Of a device that the roll does not know yet.
    let nobody = Members(Vec::new());
    let passed = Gate { commons: COMMONS, history: &Seen::default(), standing: &nobody }
        .pass(arrival(bytes(&changes), vec![said[2]]));
    assert_eq!((passed.changes.len(), passed.waiting.len(), passed.refused.len()), (0, 3, 0));
}

#[test]
fn nobody_writes_in_anothers_name_or_place() {
    let (writer, changes, said) = three();
    let mallory = Writer::new(9);
    let members = Members(vec![writer.key.id(), mallory.key.id()]);
    let seen = Seen::default();
    let gate = Gate { commons: COMMONS, history: &seen, standing: &members };
    // Mallory vouches for the writer's changes under her own key.
    let forged = *commonplace_trust::VerifiedAttestation::sign(
        &mallory.key,
        COMMONS,
        doc(),
        NONCE,
        changes[2].seq(),
        changes[2].hash(),
    )
    .get();
    let passed = gate.pass(arrival(bytes(&changes), vec![forged]));
    assert_eq!((passed.changes.len(), passed.refused.clone()), (0, vec![Refusal::Actor]));
    // She says that the writer said it.
    let forged = Attestation { device: writer.key.id(), ..forged };
    let passed = gate.pass(arrival(bytes(&changes), vec![forged]));
    assert_eq!((passed.changes.len(), passed.refused.clone()), (0, vec![Refusal::Attestation]));
    // A change of this document, put into another.
    let elsewhere =
        Arrival { doc: DocId::Page(PageId::new([8; 16])), attestations: vec![said[2]], changes: bytes(&changes) };
    assert_eq!(gate.pass(elsewhere).refused, vec![Refusal::Attestation]);
    // In somebody else's ledger.
    let ledger = Arrival {
        doc: DocId::Ledger(commonplace_model::MemberId::new([5; 32])),
        attestations: vec![said[2]],
        changes: Vec::new(),
    };
    assert_eq!(gate.pass(ledger).refused, vec![Refusal::Forbidden]);
}

#[test]
fn a_second_change_of_one_number_is_refused() {
    let (writer, changes, said) = three();
    let mut twin = Writer::new(7);
    let (other, other_said) = twin.write("another one");
    let members = Members(vec![writer.key.id()]);
    let mut seen = Seen::default();
    let passed =
        Gate { commons: COMMONS, history: &seen, standing: &members }.pass(arrival(bytes(&changes), vec![said[2]]));
    seen.take(&passed.changes);
    let passed = Gate { commons: COMMONS, history: &seen, standing: &members }
        .pass(arrival(vec![other.bytes().to_vec()], vec![other_said]));
    assert_eq!((passed.changes.len(), passed.refused.clone()), (0, vec![Refusal::Equivocation]));
}

#[test]
fn claims_beyond_the_bounds_are_refused_before_anything_is_parsed() {
    let (_, changes, _) = three();
    let good = changes[0].bytes().to_vec();
    assert_eq!(chunk::read(&good).expect("good").ops, 3);
    assert_eq!(chunk::read(&vec![0; chunk::MAX_CHANGE_BYTES + 1]), Err(ChunkError::TooLarge));
    // A compressed chunk, whatever it holds.
    let mut compressed = good.clone();
    compressed[8] = 2;
    assert_eq!(chunk::read(&compressed), Err(ChunkError::Malformed));
    for cut in 0..good.len() {
        assert!(chunk::read(&good[..cut]).is_err(), "cut at {cut}");
    }
    // A whole change whose one column claims five million operations, in 69 bytes or so.
    let mut body = vec![0];
    body.push(16);
    body.extend([7; 16]);
    body.extend([1, 1, 0, 0, 0]);
    body.extend([1, 66, 4 + 1]);
    let mut run = Vec::new();
    let mut n = 5_000_000_i64;
    while n > 63 {
        run.push(u8::try_from(n & 0x7f).expect("seven bits") | 0x80);
        n >>= 7;
    }
    run.push(u8::try_from(n).expect("few bits"));
    run.push(1);
    let at = body.len() - 1;
    body[at] = u8::try_from(run.len()).expect("short");
    body.extend(run);
    let mut bomb = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1, u8::try_from(body.len()).expect("short")];
    bomb.extend(body);
    assert!(bomb.len() < 70, "{}", bomb.len());
    assert_eq!(chunk::read(&bomb), Err(ChunkError::TooManyOps));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        let _ = chunk::read(&bytes);
    }

    #[test]
    fn a_mutated_change_never_passes_and_never_panics(at in 0_usize..4_000, bit in 0..8) {
        let (writer, changes, said) = three();
        let mut mutated = bytes(&changes);
        let which = at % 3;
        let place = at / 3 % mutated[which].len();
        mutated[which][place] ^= 1_u8 << bit;
        let members = Members(vec![writer.key.id()]);
        let seen = Seen::default();
        let passed = Gate { commons: COMMONS, history: &seen, standing: &members }.pass(arrival(mutated, vec![said[2]]));
        // What is vouched for is a hash, so nothing that differs is covered.
        prop_assert!(passed.changes.len() <= which);
    }

    #[test]
    fn an_honest_edit_always_passes(texts in proptest::collection::vec("[a-zé😀\n]{1,40}", 1..8)) {
        let mut writer = Writer::new(7);
        let begun = writer.page.begin(&"Title".parse().expect("a title"), &Folder::default(), "").expect("begins").expect("changes");
        let (first, said) = VerifiedChange::local(begun, &writer.key, COMMONS, doc(), NONCE).expect("within bounds");
        let (mut changes, mut newest) = (vec![first], *said.get());
        for text in &texts {
            let (change, said) = writer.write(text);
            changes.push(change);
            newest = said;
        }
        let members = Members(vec![writer.key.id()]);
        let seen = Seen::default();
        let passed = Gate { commons: COMMONS, history: &seen, standing: &members }.pass(arrival(bytes(&changes), vec![newest]));
        prop_assert_eq!(passed.changes.len(), texts.len() + 1);
        prop_assert!(passed.refused.is_empty() && passed.waiting.is_empty());
    }
}
