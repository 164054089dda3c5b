//! A device that makes two changes under one number: it is proved, by whoever sees both, to everybody; and an honest device never.

use commonplace_model::{Actor, ChangeHash, DeviceId, DocId};
use commonplace_trust::{
    Arrival, Attestation, Fork, Gate, Passed, Refusal, Signature, Standing, TwinsError, Verdict, VerifiedAttestation,
    VerifiedChange, VerifiedTwins, twins,
};
use proptest::prelude::*;
use serde::Serialize;

use crate::{
    device::{COMMONS, Device, NONCE, PAGE, Seen, actor, bytes, key, pass, vouch},
    forge::{Dice, bytes_changed, hash},
};

/// A device that wrote these texts, one change each, and then in two ways.
pub(crate) struct Forked {
    pub(crate) one: Device,
    pub(crate) other: Device,
    common: usize,
}

impl Forked {
    pub(crate) fn new(common: usize, one: usize, other: usize) -> Self {
        Self::after(common, "c", one, other)
    }

    /// One that wrote this so often, and then in two ways.
    fn on(common: usize, text: &str) -> Self {
        Self::after(common, text, 1, 1)
    }

    fn after(common: usize, text: &str, one: usize, other: usize) -> Self {
        let mut ways = [Device::new(1, PAGE), Device::new(1, PAGE)];
        (0..common).for_each(|_| drop(ways[0].write(text)));
        let [first, second] = &mut ways;
        second.meet(first);
        (0..one).for_each(|_| drop(first.write("a")));
        (0..other).for_each(|_| drop(second.write("b")));
        let [one, other] = ways;
        Self { one, other, common }
    }

    /// What somebody knows who was given one way and these attestations of it.
    pub(crate) fn seen(&self, attested: &[usize]) -> Seen {
        let mut seen = self.one.seen.clone();
        let said = attested.iter().map(|seq| said(&self.one, *seq)).collect();
        seen.vouched.insert(actor(1, PAGE), said);
        seen
    }

    /// The other way comes, from a number on and up to another, which is vouched for.
    pub(crate) fn comes(&self, seen: &Seen, from: usize, to: usize) -> Passed {
        pass(seen, PAGE, bytes(&self.other.changes[from - 1..to]), vec![said(&self.other, to)])
    }

    /// Where the two ways part.
    fn parting(&self) -> (u64, Option<ChangeHash>) {
        (self.common as u64 + 1, self.common.checked_sub(1).map(|at| self.one.changes[at].hash()))
    }
}

/// Where a proof shows the ways to part.
fn shown(proof: &VerifiedTwins) -> Option<(u64, Option<ChangeHash>)> {
    proof.fork().map(|fork| (fork.from(), fork.last()))
}

/// What a device says of its change of this number.
fn said(device: &Device, seq: usize) -> Attestation {
    vouch(device.n, PAGE, seq as u64, device.changes[seq - 1].hash())
}

fn only(passed: Passed) -> VerifiedTwins {
    assert!(passed.changes.is_empty(), "nothing of it is let in");
    let [proof] = <[_; 1]>::try_from(passed.twins).expect("one proof");
    let read = VerifiedTwins::verify(proof.bytes().to_vec()).expect("its bytes prove it");
    assert_eq!((read.device(), read.actor(), read.doc(), read.commons()), (key(1).id(), actor(1, PAGE), PAGE, COMMONS));
    assert_eq!(read, proof);
    proof
}

#[test]
fn two_changes_of_one_number_are_proved_and_where_they_part() {
    let forked = Forked::new(3, 2, 2);
    for to in [4, 5] {
        let passed = forked.comes(&forked.seen(&[5]), 4, to);
        assert_eq!(passed.refused, [Refusal::Equivocation]);
        let proof = only(passed);
        assert_eq!(shown(&proof), Some(forked.parting()));
    }
    // Somebody who has just one more change of theirs than there are attestations of.
    let proof = only(forked.comes(&forked.seen(&[4]), 4, 5));
    assert_eq!(shown(&proof), Some(forked.parting()));
}

#[test]
fn twins_at_the_very_beginning_have_nothing_in_common() {
    let forked = Forked::new(0, 1, 1);
    let proof = only(forked.comes(&forked.seen(&[1]), 1, 1));
    assert_eq!(shown(&proof), Some((1, None)));
    assert!(proof.bytes().len() < 400, "{}", proof.bytes().len());
    // From what is said of later changes it is seen by both chains down to the first ones.
    let forked = Forked::new(0, 3, 2);
    for (own, to) in [(3, 2), (3, 1), (1, 2), (2, 2)] {
        assert_eq!(shown(&only(forked.comes(&forked.seen(&[own]), 1, to))), Some((1, None)), "{own} and {to}");
    }
}

#[test]
fn the_word_alone_is_enough_where_the_numbers_are_the_same() {
    let forked = Forked::new(2, 3, 3);
    let passed = pass(&forked.seen(&[5]), PAGE, vec![], vec![said(&forked.other, 5)]);
    assert_eq!(shown(&only(passed)), None);
}

#[test]
fn another_number_is_proved_by_the_changes_between() {
    let forked = Forked::new(2, 2, 6);
    // What builds on nothing that is known, and does not build on what it should.
    let proof = only(forked.comes(&forked.seen(&[4]), 5, 8));
    assert_eq!(shown(&proof), None);
    // The other way round: a word on a change of a lower number than those here.
    let mut long = Forked::new(2, 2, 6);
    std::mem::swap(&mut long.one, &mut long.other);
    only(pass(&long.seen(&[8]), PAGE, vec![], vec![said(&long.other, 4)]));
}

#[test]
fn where_no_proof_fits_there_is_none() {
    let forked = Forked::new(2, 2, 60);
    let passed = forked.comes(&forked.seen(&[4]), 5, 62);
    assert!(passed.twins.is_empty() && passed.changes.is_empty());
    // Nor where nothing vouches for what is here.
    assert!(forked.comes(&forked.seen(&[]), 3, 4).twins.is_empty());
}

#[test]
fn what_no_word_can_be_kept_of_is_not_let_in() {
    // Its second change builds on what nobody has; the word on that one is all that vouches for the first.
    let mut device = Device::new(1, PAGE);
    let mut other = Device::new(2, PAGE);
    device.write("a");
    other.write("b");
    device.meet(&other);
    device.write("c");
    let own: Vec<_> = device.changes.iter().filter(|change| change.actor() == actor(1, PAGE)).cloned().collect();
    let word = vouch(1, PAGE, 2, own[1].hash());
    let passed = pass(&Seen::default(), PAGE, bytes(&own), vec![word]);
    assert_eq!((passed.changes.len(), passed.waiting.len()), (0, 2));
    // Once that comes all of it is, though it comes last.
    let mut all = passed.waiting;
    all.reverse();
    all.push(other.changes[0].bytes().to_vec());
    let passed = pass(&Seen::default(), PAGE, all, vec![word, said(&other, 1)]);
    assert_eq!((passed.changes.len(), passed.waiting.len()), (3, 0));
}

#[test]
fn who_is_merely_behind_or_ahead_is_not_accused() {
    let mut device = Device::new(1, PAGE);
    (0..9).for_each(|_| drop(device.write("x")));
    for known in 1..9 {
        let mut seen = Seen::default();
        seen.take(&device.changes[..known]);
        seen.vouched.insert(actor(1, PAGE), vec![said(&device, known)]);
        for from in 1..=9 {
            for to in from..=9 {
                let passed = pass(&seen, PAGE, bytes(&device.changes[from - 1..to]), vec![said(&device, to)]);
                assert!(passed.twins.is_empty() && passed.refused.is_empty());
            }
        }
    }
}

#[test]
fn of_several_words_the_one_that_shows_most_is_used() {
    let forked = Forked::new(2, 3, 3);
    // What is said of the last one comes without its change.
    let words = [said(&forked.other, 5), said(&forked.other, 3)];
    for words in [words, [words[1], words[0]]] {
        let passed = pass(&forked.seen(&[5]), PAGE, bytes(&forked.other.changes[2..3]), words.to_vec());
        assert_eq!(shown(&only(passed)), Some(forked.parting()));
    }
}

/// A roll that has a proof.
struct Proven(VerifiedTwins);

impl Standing for Proven {
    fn may_write(&self, device: &DeviceId, _: &DocId) -> Verdict {
        if *device == self.0.device() { Verdict::Ended } else { Verdict::Allowed }
    }

    fn is_cut(&self, _: &DocId, hash: &ChangeHash) -> bool {
        self.0.fork().and_then(|fork| fork.last()) == Some(*hash)
    }

    fn forked(&self, _: &DocId, actor: &Actor) -> Option<Fork> {
        self.0.fork().filter(|_| *actor == self.0.actor())
    }
}

#[test]
fn once_it_is_proved_what_is_common_counts_and_needs_no_other_word() {
    let forked = Forked::new(3, 2, 2);
    let proof = only(forked.comes(&forked.seen(&[5]), 4, 5));
    let (fork, device) = (proof.fork().expect("is shown"), proof.device());
    let gate = |changes, said| {
        let arrival = Arrival { doc: PAGE, attestations: said, changes };
        Gate { commons: COMMONS, history: &Seen::default(), standing: &Proven(proof.clone()) }.pass(arrival)
    };
    let word = *VerifiedAttestation::proven(device, NONCE, &fork, COMMONS, PAGE).expect("something is common").get();
    for way in [&forked.one, &forked.other] {
        let passed = gate(bytes(&way.changes), vec![word]);
        assert_eq!((passed.changes.len(), passed.attestations.len()), (3, 1));
        assert!(passed.waiting.is_empty() && passed.refused.is_empty() && passed.twins.is_empty());
        // The device's own later word is not kept, so it lets nothing in.
        let passed = gate(bytes(&way.changes), vec![said(way, 5)]);
        assert_eq!((passed.changes.len(), passed.attestations.len(), passed.waiting.len()), (0, 0, 3));
    }
    // Nobody else's word goes without a signature.
    let other = Attestation { seq: 2, hash: forked.one.changes[1].hash(), ..word };
    let passed = gate(bytes(&forked.one.changes), vec![other]);
    assert!(
        passed.changes.is_empty() && passed.attestations.is_empty() && passed.refused.is_empty() && passed.unproven
    );
    // And what builds on what does not count waits.
    let mut reader = Device::new(2, PAGE);
    reader.meet(&forked.one);
    let built = reader.write("on it");
    let mut all = bytes(&forked.one.changes);
    all.push(built.bytes().to_vec());
    let passed = gate(all, vec![word, vouch(2, PAGE, 1, built.hash())]);
    assert_eq!((passed.changes.len(), passed.waiting.len()), (3, 1));
}

#[test]
fn a_proof_has_no_more_changes_than_it_needs() {
    let forked = Forked::new(2, 5, 1);
    // Known is what the device said of its seventh; now it says something else of its third.
    let proof = only(pass(&forked.seen(&[7]), PAGE, vec![], vec![said(&forked.other, 3)]));
    let beginning = &forked.one.changes[0].bytes()[..4];
    // The seventh down to the fourth, which names the third that it builds on.
    assert_eq!(proof.bytes().windows(4).filter(|four| four == &beginning).count(), 4);
}

#[test]
fn what_somebody_else_wrote_between_hides_no_proof() {
    let mut orders = std::collections::BTreeSet::new();
    for n in 2..12 {
        let mut forked = Forked::new(1, 1, 1);
        let seen = forked.seen(&[2]);
        let mut reader = Device::new(n, PAGE);
        (0..2).for_each(|_| drop(reader.write("x")));
        let own = forked.other.changes[1].clone();
        forked.other.meet(&reader);
        // Its third builds on its second, and on somebody else's second.
        let third = forked.other.write("m");
        let mut changes = bytes(&reader.changes);
        changes.extend([own.bytes().to_vec(), third.bytes().to_vec()]);
        let words = vec![said(&reader, 2), vouch(1, PAGE, 3, third.hash())];
        let passed = pass(&seen, PAGE, changes, words);
        assert_eq!(passed.twins.iter().map(shown).collect::<Vec<_>>(), [Some(forked.parting())]);
        orders.insert(own.hash() < reader.changes[1].hash());
    }
    assert_eq!(orders.len(), 2, "whichever has the lower hash");
}

#[test]
fn where_less_is_proved_than_there_is_more_is_still_found_and_then_no_more() {
    let forked = Forked::new(2, 3, 3);
    let arrival = |changes: &[VerifiedChange]| Arrival {
        doc: PAGE,
        attestations: vec![said(&forked.other, 5)],
        changes: bytes(changes),
    };
    let seen = forked.seen(&[5]);
    let comes = |changes, proof: &VerifiedTwins| {
        Gate { commons: COMMONS, history: &seen, standing: &Proven(proof.clone()) }.pass(arrival(changes)).twins
    };
    let weak = only(pass(&seen, PAGE, vec![], vec![said(&forked.other, 5)]));
    assert!(shown(&weak).is_none() && comes(&[], &weak).is_empty(), "it says nothing new");
    let found = comes(&forked.other.changes[2..], &weak);
    assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), [Some(forked.parting())]);
    assert!(comes(&forked.other.changes[2..], &found[0]).is_empty() && comes(&[], &found[0]).is_empty());
}

#[test]
fn the_word_that_a_proof_stands_for_waits_for_the_proof_and_proves_nothing() {
    let forked = Forked::new(3, 2, 2);
    let proof = only(forked.comes(&forked.seen(&[5]), 4, 5));
    let fork = proof.fork().expect("is shown");
    let word = *VerifiedAttestation::proven(proof.device(), NONCE, &fork, COMMONS, PAGE).expect("common").get();
    // Whoever has not heard of the proof refuses nothing, and keeps what came until it does.
    let passed = pass(&Seen::default(), PAGE, bytes(&forked.one.changes[..3]), vec![word]);
    assert_eq!((passed.changes.len(), passed.waiting.len(), &passed.refused), (0, 3, &vec![]));
    assert!(passed.unproven && passed.twins.is_empty());
    // It may also be beside another way than the one that is here.
    let other = Forked::new(1, 3, 3);
    let passed = pass(&other.seen(&[4]), PAGE, vec![], vec![word]);
    assert!(passed.unproven && passed.refused.is_empty() && passed.twins.is_empty());
    // A signature that is wrong is refused as ever.
    let wrong = Attestation { signature: said(&forked.one, 4).signature, ..word };
    let passed = pass(&Seen::default(), PAGE, vec![], vec![wrong]);
    assert_eq!((passed.unproven, passed.refused), (false, vec![Refusal::Attestation]));
}

#[test]
fn the_word_that_a_proof_stands_for_is_not_what_another_proof_is_made_of() {
    let forked = Forked::new(3, 2, 2);
    let proof = only(forked.comes(&forked.seen(&[5]), 4, 5));
    let word = VerifiedAttestation::proven(proof.device(), NONCE, &proof.fork().expect("is shown"), COMMONS, PAGE);
    // A third way parts below; the word that bears no signature would be the nearest.
    let third = Forked::new(2, 3, 3);
    let mut seen = third.seen(&[5]);
    seen.vouched.entry(actor(1, PAGE)).or_default().push(*word.expect("common").get());
    let found = only(third.comes(&seen, 3, 3));
    assert_eq!(shown(&found), Some(third.parting()));
}

#[test]
fn a_third_way_below_two_leaves_nothing_also_when_more_is_proved() {
    let fork = |common, text: &str| {
        let forked = Forked::on(common, text);
        only(forked.comes(&forked.seen(&[common + 1]), common + 1, common + 1)).fork().expect("is shown")
    };
    let (two, three, other, none) = (fork(2, "c"), fork(3, "c"), fork(3, "d"), fork(0, "c"));
    assert_eq!([two, three, other, none].map(|fork| fork.from()), [3, 4, 4, 1]);
    assert_eq!(Fork::joined([]), None);
    assert_eq!(Fork::joined([three, two, three]), Some(two));
    assert_eq!(Fork::joined([three, other]), Some(none));
    assert_eq!(Fork::joined([two, three, other]), Some(none), "what fell does not come back");
}

/// Ways in which one device wrote, each with how many of its first changes it shares with an earlier one.
fn tree(branches: &[(prop::sample::Index, u8)]) -> Vec<Device> {
    let mut ways: Vec<Device> = vec![Device::new(1, PAGE)];
    (0..4).for_each(|_| drop(ways[0].write("o")));
    for (at, (from, shared)) in branches.iter().enumerate() {
        let old = &ways[from.index(ways.len())];
        let shared = usize::from(*shared).min(old.changes.len() - 1);
        let mut way = Device::new(1, PAGE);
        if shared > 0 {
            way.take(pass(&way.seen, PAGE, bytes(&old.changes[..shared]), vec![said(old, shared)]));
        }
        while way.changes.len() < 5 {
            way.write(["a", "b", "c", "d"][at]);
        }
        ways.push(way);
    }
    ways
}

/// What is proved by each two of these ways.
fn proved(ways: &[Device]) -> Vec<Fork> {
    let mut all = Vec::new();
    for one in ways {
        let mut seen = one.seen.clone();
        seen.vouched.insert(actor(1, PAGE), (1..=one.changes.len()).map(|seq| said(one, seq)).collect());
        for other in ways {
            let passed = pass(&seen, PAGE, bytes(&other.changes), vec![said(other, other.changes.len())]);
            all.extend(passed.twins.iter().filter_map(VerifiedTwins::fork));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn with_more_proofs_never_more_stands_and_their_order_does_not_matter(
        branches in prop::collection::vec((any::<prop::sample::Index>(), 0..5_u8), 1..5),
        some in any::<u32>(),
        turns in prop::collection::vec(any::<prop::sample::Index>(), 32),
    ) {
        let ways = tree(&branches);
        let all = proved(&ways);
        prop_assert!(!all.is_empty());
        let mut turned = all.clone();
        for (at, with) in turns.iter().enumerate() {
            let (at, with) = (at % all.len(), with.index(all.len()));
            turned.swap(at, with);
        }
        prop_assert_eq!(Fork::joined(turned.iter().copied().chain(all.clone())), Fork::joined(all.clone()));
        // What falls on whichever way somebody has by some of the proofs, falls by all of them.
        let few: Vec<Fork> = turned.into_iter().enumerate().filter(|(at, _)| some >> at & 1 == 1).map(|(_, f)| f).collect();
        let by = |forks: &[Fork], way: &Device| {
            let fork = Fork::joined(forks.iter().copied());
            twins::falling(&way.changes, |of| fork.filter(|_| *of == actor(1, PAGE)))
        };
        for way in &ways {
            prop_assert!(by(&few, way).is_subset(&by(&all, way)));
        }
        // Of two who have the same proofs neither takes for common what only one of them has.
        let last = Fork::joined(all.clone()).and_then(|fork| fork.last());
        prop_assert!(ways.iter().all(|way| last.is_none_or(|last| way.changes.iter().any(|c| c.hash() == last))));
    }
}

/// A proof as it is written, for those who forge one.
#[derive(Clone, Serialize)]
struct Forgery {
    id: (commonplace_model::CommonsId, DocId, DeviceId, commonplace_model::Nonce),
    ways: [(u64, ChangeHash, Signature, Vec<Vec<u8>>); 2],
    common: Option<Vec<u8>>,
}

impl Forgery {
    fn verify(&self) -> Result<VerifiedTwins, TwinsError> {
        let mut bytes = vec![1];
        bytes.extend(postcard::to_allocvec(self).expect("encodes"));
        VerifiedTwins::verify(bytes)
    }
}

/// Whatever somebody who has all that an honest device ever signed makes of it.
fn forged(device: &Device, dice: &mut Dice) -> Forgery {
    let all = bytes(&device.changes);
    let some = |dice: &mut Dice| match dice.below(6) {
        0 => bytes_changed(&all[dice.below(all.len())], dice),
        _ => all[dice.below(all.len())].clone(),
    };
    let way = |dice: &mut Dice| {
        let said = said(device, 1 + dice.below(all.len()));
        let at = usize::try_from(said.seq).expect("few");
        // Most often the chain that there is, cut short somewhere, and now and then with something in it.
        let mut changes: Vec<Vec<u8>> = all[..at].iter().rev().take(dice.below(at + 1)).cloned().collect();
        if dice.below(2) == 0 {
            let place = dice.below(changes.len() + 1);
            let change = some(dice);
            if dice.below(2) == 0 && place < changes.len() {
                changes[place] = change;
            } else {
                changes.insert(place, change);
            }
        }
        let other = dice.below(8);
        let seq = if other == 0 { said.seq + 1 } else { said.seq };
        let hash = if other == 1 { hash(&some(dice)) } else { said.hash };
        (seq, hash, said.signature, changes)
    };
    let mut ways = [way(dice), way(dice)];
    ways.sort_by_key(|(seq, hash, _, _)| (*seq, *hash));
    let common = (dice.below(3) == 0).then(|| some(dice));
    Forgery { id: (COMMONS, PAGE, key(1).id(), NONCE), ways, common }
}

proptest! {
    #[test]
    fn nobody_proves_anything_of_an_honest_device(seed: u64) {
        let mut device = Device::new(1, PAGE);
        (0..6).for_each(|_| drop(device.write("x")));
        let mut dice = Dice(seed);
        for _ in 0..200 {
            let forgery = forged(&device, &mut dice);
            prop_assert!(forgery.verify().is_err());
        }
    }

    #[test]
    fn a_proof_with_a_changed_bit_is_none(common in 0..3_usize, at: prop::sample::Index, bit in 0..8) {
        let forked = Forked::new(common, 2, 2);
        let proof = only(forked.comes(&forked.seen(&[common + 2]), common + 1, common + 1));
        let mut bytes = proof.bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(VerifiedTwins::verify(bytes).is_err());
    }
}

#[test]
fn a_proof_has_one_form_and_its_bounds() {
    let forked = Forked::new(1, 1, 1);
    let proof = only(forked.comes(&forked.seen(&[2]), 2, 2));
    let longer = [proof.bytes(), &[0]].concat();
    assert_eq!(VerifiedTwins::verify(longer), Err(TwinsError::Malformed));
    assert_eq!(VerifiedTwins::verify(vec![1; VerifiedTwins::MAX_BYTES + 1]), Err(TwinsError::TooLarge));
    let way = |device: &Device| {
        let word = said(device, 2);
        (word.seq, word.hash, word.signature, vec![device.changes[1].bytes().to_vec()])
    };
    let mut ways = [way(&forked.one), way(&forked.other)];
    ways.sort_by_key(|(_, hash, _, _)| *hash);
    let good =
        Forgery { id: (COMMONS, PAGE, key(1).id(), NONCE), ways, common: Some(forked.one.changes[0].bytes().to_vec()) };
    assert_eq!(good.verify(), Ok(proof));
    let mut turned = good.clone();
    turned.ways.reverse();
    assert_eq!(turned.verify(), Err(TwinsError::Malformed));
    let mut elsewhere = good.clone();
    elsewhere.id.0 = commonplace_model::CommonsId::new([9; 32]);
    assert_eq!(elsewhere.verify(), Err(TwinsError::Signature));
    // What is not the change before both is not common to both.
    let mut wrong = good.clone();
    wrong.common = Some(forked.one.changes[1].bytes().to_vec());
    assert_eq!(wrong.verify(), Err(TwinsError::Chain));
    // Nor may the ways be followed to below where they part, so that less would count than is common.
    let mut lower = good.clone();
    for way in &mut lower.ways {
        way.3.push(forked.one.changes[0].bytes().to_vec());
    }
    lower.common = None;
    assert_eq!(lower.verify().map(|proof| proof.fork()), Ok(None));
    let deep = Forked::new(2, 1, 1);
    let way = |device: &Device| {
        let word = said(device, 3);
        (word.seq, word.hash, word.signature, device.changes[1..].iter().rev().map(|c| c.bytes().to_vec()).collect())
    };
    let mut ways: [(u64, ChangeHash, Signature, Vec<Vec<u8>>); 2] = [way(&deep.one), way(&deep.other)];
    ways.sort_by_key(|(_, hash, _, _)| *hash);
    let common = Some(deep.one.changes[0].bytes().to_vec());
    assert_eq!(Forgery { id: good.id, ways, common }.verify(), Err(TwinsError::Chain));
    let mut same = good;
    same.ways[1] = same.ways[0].clone();
    assert_eq!(same.verify(), Err(TwinsError::Malformed));
}
