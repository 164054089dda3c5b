//! Whatever others say at the door, in words of presence and in offers, and whatever a person types as a phrase, is read or is not,
//! without a panic. `make fuzz` has this run for longer.

use std::time::Duration;

use bolero::check;
use commonplace_governance::{Introduction, JoinRequest};
use commonplace_model::{CommonsId, DeviceId, MemberId};
use commonplace_trust::{DeviceKey, Domain, Signature};

use crate::{
    joining::words::{Belonging, DoorFrame, Refused},
    meeting::Offer,
    presence, profile,
};

/// How long each of these looks for something.
pub(crate) fn time() -> Duration {
    let seconds = std::env::var("COMMONPLACE_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(5))
}

/// Where real bytes are altered: which of them, from where on, and what is written over them.
pub(crate) type Place = (u8, u16, Vec<u8>);

/// Real bytes with some of them overwritten, or, as if these were among the real ones, anything at all.
pub(crate) fn altered(real: &[Vec<u8>], (which, at, bytes): &Place) -> Vec<u8> {
    let Some(real) = real.get(usize::from(*which) % (real.len() + 1)) else { return bytes.clone() };
    let mut all = real.clone();
    let at = usize::from(*at) % all.len().max(1);
    for (old, new) in all.iter_mut().skip(at).zip(bytes) {
        *old = *new;
    }
    all
}

fn key(n: u8) -> DeviceKey {
    DeviceKey::from_seed(&[n; 32])
}

#[test]
fn frames_at_the_door_and_offers_are_changed_anywhere() {
    let (commons, signature) = (CommonsId::new([1; 32]), Signature::new([7; 64]));
    let person = || Introduction { name: "Noor".to_owned(), ink: 3, device_name: "laptop".to_owned() };
    let belonging = Belonging {
        name: "Noor".to_owned(),
        ink: 3,
        device_name: "laptop".to_owned(),
        commons: vec![(commons, MemberId::new([2; 32]))],
    };
    let frames = [
        DoorFrame::Ask(Box::new(JoinRequest::sign(commons, &key(1), &key(2), person()))),
        DoorFrame::Knock(person()),
        DoorFrame::Prove { offer: [1; 32], nonce: [2; 16], records: vec![vec![3; 40]; 3], more: true },
        DoorFrame::Come { records: vec![vec![3; 40]; 3], more: false },
        DoorFrame::Ticket("commonplace://join/abc".to_owned()),
        DoorFrame::No(Refused::Closed),
        DoorFrame::Pair { proof: [1; 32], commitment: [2; 32] },
        DoorFrame::PairNonce([3; 32]),
        DoorFrame::PairReveal { nonce: [4; 32], device_name: "phone".to_owned() },
        DoorFrame::Belong(belonging),
        DoorFrame::Consent { device_name: "phone".to_owned(), consents: vec![(commons, signature)] },
        DoorFrame::Of(commons),
        DoorFrame::Done,
    ];
    let mut real: Vec<_> = frames.iter().map(|frame| postcard::to_allocvec(frame).expect("encodes")).collect();
    real.push(postcard::to_allocvec(&([5_u8; 16], [6_u8; 32], true)).expect("encodes"));
    assert!(real.last().is_some_and(|bytes| Offer::read(bytes).is_some()));
    check!().with_test_time(time()).with_type::<Place>().for_each(|place| {
        let bytes = altered(&real, place);
        if let Ok(DoorFrame::Ask(request)) = postcard::from_bytes(&bytes) {
            assert_eq!(request.verify(), postcard::to_allocvec(&DoorFrame::Ask(request)).expect("encodes") == real[0]);
        }
        let _ = Offer::read(&bytes);
    });
}

#[test]
fn words_of_presence_are_changed_anywhere() {
    let commons = CommonsId::new([2; 32]);
    let word = |of: DeviceId, anchor: Option<&str>| {
        let page = anchor.map(|_| [5_u8; 16]);
        postcard::to_allocvec(&(of, 9_u64, page, anchor, anchor, true, 4_u8)).expect("encodes")
    };
    let real = [word(key(1).id(), Some("12@ab")), word(key(1).id(), None), word(key(2).id(), Some(""))];
    let message = [&commons.as_bytes()[..], &real[0]].concat();
    let unaltered = [&real[0][..], key(1).sign(Domain::Presence, &message).as_bytes()].concat();
    assert!(presence::decode(commons, &unaltered).is_some(), "these are no words as engines say them");
    check!().with_test_time(time()).with_type::<(bool, Place)>().for_each(|(signs, place)| {
        // Signed by the one who says it, or ending in whatever it ends in.
        let mut bytes = altered(&real, place);
        if *signs {
            let message = [&commons.as_bytes()[..], &bytes].concat();
            bytes.extend_from_slice(key(1).sign(Domain::Presence, &message).as_bytes());
        }
        if let Some(word) = presence::decode(commons, &bytes) {
            assert!(*signs && word.is_of(&key(1).id()), "nobody speaks for another");
        }
    });
}

#[test]
fn phrases_are_changed_anywhere() {
    let real = profile::phrase(&key(3)).expect("a phrase");
    assert!(profile::check_phrase(&real).is_ok());
    let real = [real.clone().into_bytes(), real.to_uppercase().into_bytes()];
    check!().with_test_time(time()).with_type::<Place>().for_each(|place| {
        let bytes = altered(&real, place);
        let _ = profile::check_phrase(&String::from_utf8_lossy(&bytes));
    });
}
