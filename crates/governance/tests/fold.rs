//! The same set of records folds to the same roll, in whatever order and however often they come.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use commonplace_governance::{Added, Body, Genesis, Introduction, Invitation, JoinRequest, Roll, Ticket};
use commonplace_model::{CommonsId, DocId, PageId};
use commonplace_trust::{DeviceKey, Draft, Standing, Verdict, VerifiedRecord};
use proptest::prelude::*;

fn person(name: &str) -> Introduction {
    Introduction { name: name.to_owned(), ink: 3, device_name: format!("{name}'s laptop") }
}

fn key(n: u8) -> DeviceKey {
    DeviceKey::from_seed(&[n; 32])
}

fn genesis() -> Genesis {
    Genesis {
        name: "Seed Library".to_owned(),
        purpose: String::new(),
        licence: "CC-BY-SA-4.0".to_owned(),
        deciding: 0,
        founder: person("Maren"),
        nonce: [7; 16],
    }
}

/// Maren founds; Ines and Tomás come; each admits one more.
fn history() -> (CommonsId, Vec<VerifiedRecord>) {
    let (mut roll, first) = Roll::found(genesis(), &key(1)).expect("founds");
    let mut records = vec![first];
    let invite = key(100);
    let invitation = Body::Invitation(Invitation { key: invite.id(), uses: 9, expires_at: 1 });
    records.push(roll.write(&invitation, &key(1)).expect("invites"));
    for (by, new, name) in [(1, 2, "Ines"), (1, 3, "Tomás"), (2, 4, "Noor"), (3, 5, "Wanda")] {
        let request = JoinRequest::sign(roll.commons(), &invite, &key(new), person(name));
        records.push(roll.admit_request(request, &key(by)).expect("admits"));
    }
    (roll.commons(), records)
}

proptest! {
    #[test]
    fn order_and_duplicates_change_nothing(
        order in Just((0..6).chain(0..6).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        let (commons, records) = history();
        let usual = Roll::fold(commons, &records).expect("folds");
        prop_assert_eq!(usual.members().count(), 5);
        let shuffled: Vec<_> = order.iter().map(|i| records[*i].clone()).collect();
        prop_assert_eq!(Roll::fold(commons, &shuffled).expect("folds"), usual);
    }

    #[test]
    fn a_ticket_survives_its_text_and_notices_damage(at in 20_usize..200, secret: [u8; 16]) {
        let ticket = Ticket {
            commons: CommonsId::new([1; 32]), name: "Mill Lane Repair Café".to_owned(), inviter: "Ines".to_owned(), ink: 5,
            device: key(1).id(), addresses: vec!["192.0.2.1:4433".parse().expect("an address")], relays: Vec::new(), secret,
            expires_at: 1_800_000_000_000, uses: 1,
        };
        let text = ticket.to_string();
        prop_assert_eq!(text.parse::<Ticket>(), Ok(ticket.clone()));
        let broken_over_lines: String = text.chars().enumerate().flat_map(|(i, c)| if i % 40 == 39 { vec!['\n', c] } else { vec![c] }).collect();
        prop_assert_eq!(broken_over_lines.to_uppercase().parse::<Ticket>(), Ok(ticket));
        prop_assert!(text[..text.len() - 1].parse::<Ticket>().is_err());
        let mut damaged = text.into_bytes();
        damaged[at] = if damaged[at] == b'a' { b'b' } else { b'a' };
        prop_assert!(String::from_utf8(damaged).expect("ASCII").parse::<Ticket>().is_err());
    }
}

#[test]
fn only_members_write_in_the_roll() {
    let (commons, records) = history();
    let mut roll = Roll::fold(commons, &records).expect("folds");
    let stranger = key(50);
    let genesis = records[0].id();
    let invitation = Body::Invitation(Invitation { key: key(101).id(), uses: 1, expires_at: 1 });
    let draft = Draft {
        commons: Some(commons),
        author: stranger.id(),
        authority: Some(genesis),
        parents: vec![genesis],
        body: invitation.encode(),
    };
    let record = VerifiedRecord::sign(draft, &stranger).expect("signs");
    assert_eq!(roll.add(&record), Added::Invalid);
    assert!(roll.write(&invitation, &stranger).is_err());
}

#[test]
fn a_request_counts_only_with_the_tickets_secret_and_for_its_commons() {
    let (commons, records) = history();
    let mut roll = Roll::fold(commons, &records).expect("folds");
    let good = JoinRequest::sign(commons, &key(100), &key(9), person("Piet"));
    let forged = JoinRequest { invite: key(100).id(), ..JoinRequest::sign(commons, &key(77), &key(9), person("Piet")) };
    assert!(good.verify() && !forged.verify());
    assert!(roll.admit_request(forged, &key(1)).is_err());
    let elsewhere = JoinRequest::sign(CommonsId::new([9; 32]), &key(100), &key(9), person("Piet"));
    assert!(roll.admit_request(elsewhere, &key(1)).is_err());
    assert!(roll.admit_request(good, &key(1)).is_ok());
}

#[test]
fn a_kind_of_a_later_version_is_kept_and_ignored() {
    let (commons, records) = history();
    let mut roll = Roll::fold(commons, &records).expect("folds");
    let before = roll.members().count();
    let draft = Draft {
        commons: Some(commons),
        author: key(1).id(),
        authority: Some(records[0].id()),
        parents: vec![records[5].id()],
        body: vec![250, 1, 2, 3],
    };
    let later = VerifiedRecord::sign(draft, &key(1)).expect("signs");
    assert_eq!(roll.add(&later), Added::Ignored);
    assert!(roll.has(&later.id()));
    // What builds on it counts.
    let request = JoinRequest::sign(commons, &key(100), &key(9), person("Piet"));
    roll.admit_request(request, &key(1)).expect("admits on top of it");
    assert_eq!(roll.members().count(), before + 1);
}

#[test]
fn members_write_in_pages_and_in_their_own_ledger_only() {
    let (commons, records) = history();
    let roll = Roll::fold(commons, &records).expect("folds");
    let page = DocId::Page(PageId::new([1; 16]));
    let mine = DocId::Ledger(roll.member_of(&key(2).id()).expect("a member").id);
    assert_eq!(roll.may_write(&key(2).id(), &page), Verdict::Allowed);
    assert_eq!(roll.may_write(&key(2).id(), &mine), Verdict::Allowed);
    assert_eq!(roll.may_write(&key(3).id(), &mine), Verdict::Forbidden);
    assert_eq!(roll.may_write(&key(50).id(), &page), Verdict::Unknown);
}
