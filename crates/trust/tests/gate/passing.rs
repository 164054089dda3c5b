//! What the gate lets through, what waits, and what it refuses, by the frames of changes and who vouches for them.

use commonplace_model::{Actor, ChangeHash, DeviceId, DocId, DocKind, Document, Folder, Page, PageId};
use commonplace_trust::{
    Arrival, Attestation, Fork, Gate, Passed, Refusal, Standing, Verdict, VerifiedAttestation, VerifiedChange, chunk,
    chunk::ChunkError, gate,
};
use proptest::prelude::*;

use crate::device::{COMMONS, Device, Members, NONCE, PAGE, Seen, bytes, key, pass, vouch};

fn arrival(changes: Vec<Vec<u8>>, attestations: Vec<Attestation>) -> Arrival {
    Arrival { doc: PAGE, attestations, changes }
}

/// Somebody who wrote three times, with what they said of each.
fn three() -> (Device, Vec<VerifiedChange>, Vec<Attestation>) {
    let mut writer = Device::new(7, PAGE);
    let (changes, said) = ["one", "two", "three"].map(|text| write(&mut writer, text)).into_iter().unzip();
    (writer, changes, said)
}

fn write(writer: &mut Device, text: &str) -> (VerifiedChange, Attestation) {
    let change = writer.write(text);
    let said = writer.said[&change.actor()];
    (change, said)
}

#[test]
fn the_newest_attestation_covers_all_earlier_changes() {
    let (writer, changes, said) = three();
    let seen = Seen::default();
    let members = Members(vec![key(writer.n).id()]);
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
fn the_one_device_that_wrote_an_arrival_is_its_author() {
    let (writer, changes, said) = three();
    let author = |changes, said| arrival(changes, said).author(COMMONS);
    let by = Some(key(writer.n).id());
    assert_eq!([author(bytes(&changes), vec![said[2]]), author(bytes(&changes[1..2]), vec![said[0]])], [by, by]);
    let (other, others_word) = write(&mut Device::new(8, PAGE), "other");
    let both = || vec![others_word, said[2]];
    assert_eq!(author(bytes(&changes), both()), by);
    // Of two there is none, nor of what nobody vouches for, nor of nothing.
    let mixed = [bytes(&changes), bytes(&[other])].concat();
    assert_eq!(author(mixed, both()), None);
    assert_eq!([author(bytes(&changes), vec![others_word]), author(vec![], vec![said[0]])], [None, None]);
    assert_eq!(author(vec![vec![7; 40]], vec![said[0]]), None);
}

#[test]
fn what_lacks_something_waits_and_passes_later() {
    let (writer, changes, said) = three();
    let mut seen = Seen::default();
    let members = Members(vec![key(writer.n).id()]);
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
    let mallory = Device::new(9, PAGE);
    let members = Members(vec![key(writer.n).id(), key(mallory.n).id()]);
    let seen = Seen::default();
    let gate = Gate { commons: COMMONS, history: &seen, standing: &members };
    // Mallory vouches for the writer's changes under her own key.
    let forged =
        *VerifiedAttestation::sign(&key(mallory.n), COMMONS, PAGE, NONCE, changes[2].seq(), changes[2].hash()).get();
    let passed = gate.pass(arrival(bytes(&changes), vec![forged]));
    assert_eq!((passed.changes.len(), passed.refused.clone()), (0, vec![Refusal::Actor]));
    // She says that the writer said it.
    let forged = Attestation { device: key(writer.n).id(), ..forged };
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
    let mut twin = Device::new(7, PAGE);
    let (other, other_said) = write(&mut twin, "another one");
    let members = Members(vec![key(writer.n).id()]);
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
        let members = Members(vec![key(writer.n).id()]);
        let seen = Seen::default();
        let passed = Gate { commons: COMMONS, history: &seen, standing: &members }.pass(arrival(mutated, vec![said[2]]));
        // What is vouched for is a hash, so nothing that differs is covered.
        prop_assert!(passed.changes.len() <= which);
    }

    #[test]
    fn an_honest_edit_always_passes(texts in proptest::collection::vec("[a-zé😀\n]{1,40}", 1..8)) {
        let mut writer = Device::new(7, PAGE);
        let begun = writer.page.begin(&"Title".parse().expect("a title"), &Folder::default(), "");
        let mut changes = vec![writer.keep(begun.expect("begins").expect("changes"))];
        changes.extend(texts.iter().map(|text| writer.write(text)));
        let newest = writer.said[&changes[0].actor()];
        let members = Members(vec![key(writer.n).id()]);
        let seen = Seen::default();
        let passed = Gate { commons: COMMONS, history: &seen, standing: &members }.pass(arrival(bytes(&changes), vec![newest]));
        prop_assert_eq!(passed.changes.len(), texts.len() + 1);
        prop_assert!(passed.refused.is_empty() && passed.waiting.is_empty());
    }
}

#[test]
fn an_attestation_that_gives_a_change_another_number_is_not_kept() {
    let mut device = Device::new(1, PAGE);
    let change = device.write("words");
    let lie = vouch(1, PAGE, 1_000, change.hash());
    let truth = vouch(1, PAGE, change.seq(), change.hash());
    // With the change, and when it is known already.
    let mut seen = Seen::default();
    for _ in 0..2 {
        let passed = pass(&seen, PAGE, bytes(std::slice::from_ref(&change)), vec![lie, truth]);
        let kept: Vec<u64> = passed.attestations.iter().map(|a| a.get().seq).collect();
        assert_eq!(kept, vec![change.seq()]);
        seen.take(&passed.changes);
    }
}

/// One device's standing has ended, and a cut may name one of its changes.
struct Ended {
    device: DeviceId,
    cut: Option<ChangeHash>,
}

impl Standing for Ended {
    fn may_write(&self, device: &DeviceId, _: &DocId) -> Verdict {
        if *device == self.device { Verdict::Ended } else { Verdict::Allowed }
    }

    fn is_cut(&self, _: &DocId, hash: &ChangeHash) -> bool {
        self.cut == Some(*hash)
    }

    fn forked(&self, _: &DocId, _: &Actor) -> Option<Fork> {
        None
    }
}

#[test]
fn of_a_device_that_is_out_passes_what_others_built_on_and_what_a_cut_names() {
    let (mut gone, mut other) = (Device::new(1, PAGE), Device::new(2, PAGE));
    let (first, first_said) = write(&mut gone, "a");
    other.meet(&gone);
    let (second, second_said) = write(&mut gone, "b");
    let (third, third_said) = write(&mut other, "c");
    let judged = |cut: Option<&VerifiedChange>, changes: &[&VerifiedChange]| -> Passed {
        let standing = Ended { device: key(1).id(), cut: cut.map(VerifiedChange::hash) };
        let arrival =
            arrival(changes.iter().map(|c| c.bytes().to_vec()).collect(), vec![first_said, second_said, third_said]);
        Gate { commons: COMMONS, history: &Seen::default(), standing: &standing }.pass(arrival)
    };
    let hashes = |passed: &Passed| passed.changes.iter().map(VerifiedChange::hash).collect::<Vec<_>>();
    let passed = judged(None, &[&first, &second, &third]);
    assert_eq!(hashes(&passed), vec![first.hash(), third.hash()]);
    assert_eq!((passed.waiting, passed.refused), (vec![second.bytes().to_vec()], Vec::new()));
    let passed = judged(None, &[&first, &second]);
    assert_eq!((passed.changes.len(), passed.waiting.len()), (0, 2), "nobody built on them");
    // A cut that names the second keeps what that builds on, too.
    let passed = judged(Some(&second), &[&first, &second]);
    assert_eq!(hashes(&passed), vec![first.hash(), second.hash()]);
    let passed = judged(Some(&first), &[&first, &second]);
    assert_eq!((hashes(&passed), passed.waiting), (vec![first.hash()], vec![second.bytes().to_vec()]));
}

#[test]
fn what_is_vouched_for_under_another_number_is_vouched_for_by_nothing() {
    let (mut mallory, mut other) = (Device::new(1, PAGE), Device::new(2, PAGE));
    let mut made: Vec<_> = ["a", "b", "c"].iter().map(|text| mallory.write(text)).collect();
    // The fourth builds on what does not come, so it waits, and what vouches for it with it.
    let missing = other.write("x");
    mallory.meet(&other);
    made.push(mallory.write("d"));
    let changes: Vec<_> = made.iter().map(|change| change.bytes().to_vec()).collect();
    let of_the_last = vouch(1, PAGE, 4, made[3].hash());
    for seq in [99, 2] {
        let passed =
            pass(&Seen::default(), PAGE, changes.clone(), vec![of_the_last, vouch(1, PAGE, seq, made[2].hash())]);
        assert_eq!((passed.changes.len(), passed.waiting.len()), (0, 4));
    }
    let passed = pass(&Seen::default(), PAGE, changes.clone(), vec![of_the_last, vouch(1, PAGE, 3, made[2].hash())]);
    assert_eq!((passed.changes.len(), passed.waiting.len()), (3, 1));
    let all = [vec![missing.bytes().to_vec()], changes].concat();
    let said = vec![vouch(2, PAGE, 1, missing.hash()), of_the_last];
    assert_eq!(pass(&Seen::default(), PAGE, all, said).changes.len(), 5);
}
