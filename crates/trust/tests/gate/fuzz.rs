//! Whatever bytes come, they are read or refused, without a panic, and nothing that passes does harm. `make fuzz` has these run
//! for longer; input that was found to do harm lies beside them and is tried first.

use std::time::Duration;

use bolero::check;
use commonplace_model::{ChangeHash, CommonsId, DocId};
use commonplace_trust::{Arrival, Clock, Gate, Packed, VerifiedRecord, VerifiedTwins, chunk};

use crate::{
    device::{COMMONS, Everybody, LEDGER, PAGE, Seen, actor, vouch},
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
        contents.extend_from_slice(commonplace_model::DocKind::Page.genesis().as_bytes());
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
