//! Whatever bytes come, they are read or refused, without a panic, and nothing that passes does harm. `make fuzz` has these run
//! for longer; input that was found to do harm lies beside them and is tried first.

use std::time::Duration;

use bolero::check;
use commonplace_model::{
    Actor, ChangeHash, CommonsId, DocId, DocKind, PageId, Span, Statement, StatementKey, Tag, Title,
};
use commonplace_trust::{
    Arrival, Attestation, Chosen, Clock, Deed, Draft, Gate, Mark, OpId, Packed, Past, VerifiedAttestation,
    VerifiedRecord, VerifiedTwins, chunk,
};

use crate::{
    device::{COMMONS, Device, Everybody, LEDGER, PAGE, Seen, actor, key, vouch},
    forge::{hash, seal},
    mutation::Corpora,
    twins::Forked,
};

/// How long each of these looks for something.
#[expect(clippy::disallowed_methods, reason = "`make fuzz` says for how long, and it changes nothing else")]
fn time() -> Duration {
    let seconds = std::env::var("COMMONPLACE_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(10))
}

/// Where real bytes are altered: which of them, from where on, and what is written over them.
type Place = (u8, u16, Vec<u8>);

/// Real bytes with some of them overwritten, or, as if these were among the real ones, anything at all.
fn altered(real: &[Vec<u8>], (which, at, bytes): &Place) -> Vec<u8> {
    let Some(real) = real.get(usize::from(*which) % (real.len() + 1)) else { return bytes.clone() };
    let mut all = real.clone();
    let at = usize::from(*at) % all.len().max(1);
    for (old, new) in all.iter_mut().skip(at).zip(bytes) {
        *old = *new;
    }
    all
}

/// Bytes as they are, and as the contents of a change with the right checksum, vouched for as its writer's.
fn at_the_gate(bytes: &[u8]) {
    let sealed = seal(1, bytes);
    let _ = chunk::read(bytes);
    let _ = chunk::read(&sealed);
    let seen = Seen::default();
    for doc in [PAGE, LEDGER] {
        let said = vouch(1, doc, 1, hash(&sealed));
        let arrival = Arrival { doc, attestations: vec![said], changes: vec![bytes.to_vec(), sealed.clone()] };
        let passed = Gate { commons: COMMONS, history: &seen, standing: &Everybody }.pass(arrival);
        assert!(passed.changes.len() + passed.waiting.len() + passed.refused.len() <= 4);
    }
}

#[test]
fn any_bytes_come_to_the_gate() {
    check!().with_test_time(time()).with_max_len(4_096).for_each(at_the_gate);
}

#[test]
fn the_beginning_of_a_change_and_then_any_bytes_come_to_the_gate() {
    check!().with_test_time(time()).with_max_len(2_048).for_each(|bytes| {
        // No dependencies but the genesis, the writer, first number and counter, no time, no message, nobody else.
        let mut contents = vec![1];
        contents.extend_from_slice(DocKind::Page.genesis().as_bytes());
        contents.push(16);
        contents.extend_from_slice(actor(1, PAGE).as_bytes());
        contents.extend_from_slice(&[1, 3, 0, 0, 0]);
        contents.extend_from_slice(bytes);
        at_the_gate(&contents);
    });
}

#[test]
fn real_changes_are_changed_anywhere() {
    let corpora = Corpora::new();
    let check = check!().with_test_time(time()).with_type::<u64>();
    check.for_each(|seed| corpora.judge(*seed));
}

#[test]
fn any_bytes_come_as_a_record_or_a_clock() {
    check!().with_test_time(time()).for_each(|bytes| {
        let _ = VerifiedRecord::verify(bytes.to_vec());
        let base: Vec<(u32, u64)> = bytes.iter().zip(1..).map(|(byte, n)| (n * 3, u64::from(*byte) + 1)).collect();
        for base in [&[][..], &base] {
            if let Some(read) = Packed::read(bytes, base) {
                let _ = Clock::stored(actor(1, PAGE), 1, 1, Vec::new()).newest(&actor(2, PAGE));
                assert!(read.len() <= bytes.len() + base.len());
            }
        }
        let _ = (CommonsId::from_slice(bytes), ChangeHash::from_slice(bytes), DocId::from_bytes(bytes));
    });
}

#[test]
fn any_bytes_come_as_a_proof() {
    let forked = Forked::new(2, 2, 2);
    let found = forked.comes(&forked.seen(&[4]), 3, 4).twins;
    let proof = found.first().expect("a proof").bytes();
    check!().with_test_time(time()).with_type::<(bool, u16, Vec<u8>)>().for_each(|(is_real, at, bytes)| {
        // A real one with some bytes overwritten, or anything at all.
        let mut all = if *is_real { proof.to_vec() } else { bytes.clone() };
        let at = usize::from(*at) % all.len().max(1);
        for (old, new) in all.iter_mut().skip(at).zip(if *is_real { &bytes[..] } else { &[] }) {
            *old = *new;
        }
        match VerifiedTwins::verify(all.clone()) {
            Ok(read) => assert_eq!((read.bytes(), &all[..]), (proof, proof), "nothing else proves anything"),
            Err(_) => assert_ne!(all, proof),
        }
    });
}

#[test]
fn real_records_are_changed_anywhere() {
    let signed = |commons, parents: usize, body: usize| {
        let parents =
            (0..parents).map(|n| commonplace_model::RecordId::new([u8::try_from(n).unwrap_or(9); 32])).collect();
        let draft = Draft { commons, author: key(1).id(), authority: None, parents, body: vec![7; body] };
        VerifiedRecord::sign(draft, &key(1)).expect("signs").bytes().to_vec()
    };
    let real = [signed(None, 0, 30), signed(Some(COMMONS), 3, 0), signed(Some(COMMONS), 64, 300)];
    check!().with_test_time(time()).with_type::<Place>().for_each(|place| {
        let bytes = altered(&real, place);
        let read = VerifiedRecord::verify(bytes.clone());
        assert_eq!(read.is_ok(), real.contains(&bytes), "nothing else is signed");
        assert!(read.is_err() || read.is_ok_and(|read| read.bytes() == bytes));
    });
}

#[test]
fn real_attestations_are_changed_anywhere() {
    let real = [vouch(1, PAGE, 7, ChangeHash::new([3; 32])), vouch(2, LEDGER, u64::MAX, ChangeHash::new([4; 32]))];
    let real: Vec<_> = real.iter().map(|said| postcard::to_allocvec(said).expect("encodes")).collect();
    check!().with_test_time(time()).with_type::<Place>().for_each(|place| {
        let bytes = altered(&real, place);
        let Ok((said, [])) = postcard::take_from_bytes::<Attestation>(&bytes) else { return };
        let counts = [PAGE, LEDGER].iter().any(|doc| VerifiedAttestation::verify(said, COMMONS, *doc).is_some());
        assert_eq!(counts, real.contains(&postcard::to_allocvec(&said).expect("encodes")));
    });
}

#[test]
fn real_changes_are_changed_and_looked_over() {
    let mut device = Device::new(1, PAGE);
    device.write("Kettles boil.");
    device.edit(3, 4, "tle of tea that is");
    let title: Title = "Tea".parse().expect("a title");
    let named = device.page.rename(&title, &commonplace_model::Folder::default()).expect("fits").expect("changes");
    device.keep(named);
    let real: Vec<_> = device.changes.iter().map(|change| change.bytes().to_vec()).collect();
    check!().with_test_time(time()).with_type::<Vec<Place>>().for_each(|places| {
        let mut past = Past::default();
        let mut whole = true;
        for (real, place) in real.iter().zip(places) {
            let bytes = altered(std::slice::from_ref(real), place);
            for kind in [DocKind::Page, DocKind::Ledger] {
                if let Ok(deed) = Deed::read(&bytes, kind) {
                    whole &= past.take(&deed).is_ok();
                }
            }
        }
        if whole {
            let mut chosen = Chosen::default();
            chosen.add(actor(1, PAGE), 1, 9);
            let _ = (past.text(), past.reversal(&chosen));
        }
    });
}

#[test]
fn real_marks_are_changed_anywhere() {
    let mut chosen = Chosen::default();
    chosen.add(Actor::new([9; 16]), 3, 5);
    let origins: Vec<_> = (1..400).map(|n| OpId { counter: n * n % 97 + 1, actor: Actor::new([7; 16]) }).collect();
    let real: Vec<_> = Mark::of(&chosen, &origins).into_iter().map(|(_, bytes)| bytes).collect();
    assert!(real.len() > 1);
    check!().with_test_time(time()).with_type::<Place>().for_each(|place| {
        if let Some(mark) = Mark::decode(&altered(&real, place)) {
            let _ = mark.reverted().count();
        }
    });
}

#[test]
fn real_statements_are_changed_anywhere() {
    let (page, tag): (_, Tag) = (PageId::new([5; 16]), "tea".parse().expect("a tag"));
    let span = Some(Span { actor: Actor::new([6; 16]), first: 3, last: 9 });
    let said = [
        Statement::Tag { page, tag },
        Statement::Profile { name: "Ines".to_owned(), ink: 3 },
        Statement::Flag { page, span, reason: "Not so.".to_owned() },
        Statement::Flag { page, span: None, reason: String::new() },
    ];
    let real: Vec<_> = said.iter().map(Statement::encode).collect();
    check!().with_test_time(time()).with_type::<Place>().for_each(|place| {
        let bytes = altered(&real, place);
        if let Some(read) = Statement::decode(&bytes) {
            assert!(StatementKey::from_ledger(read.key().as_str()).is_some());
            assert_eq!(Statement::decode(&read.encode()), Some(read));
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = (StatementKey::from_ledger(&text), text.parse::<Tag>(), text.parse::<Title>());
    });
}
