//! Whatever a member signs into the roll, it is taken in, kept waiting or refused, without a panic, and in any order alike; and
//! whatever is pasted as a ticket is one or is none. `make fuzz` has this run for longer.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bolero::check;
use commonplace_governance::{Body, Genesis, Introduction, Invitation, JoinRequest, Roll, Ticket};
use commonplace_trust::{DeviceKey, Draft, VerifiedRecord};

#[expect(clippy::disallowed_methods, reason = "`make fuzz` says for how long, and it changes nothing else")]
fn time() -> Duration {
    let seconds = std::env::var("COMMONPLACE_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(20))
}

fn key(n: u8) -> DeviceKey {
    DeviceKey::from_seed(&[n; 32])
}

fn person(name: &str) -> Introduction {
    Introduction { name: name.to_owned(), ink: 3, device_name: "laptop".to_owned() }
}

/// A commons of three, by a model of this number.
fn commons(deciding: u8) -> (Roll, Vec<VerifiedRecord>) {
    let (name, licence) = ("Seed Library".to_owned(), "CC0-1.0".to_owned());
    let genesis = Genesis { name, purpose: String::new(), licence, deciding, founder: person("Maren"), nonce: [7; 16] };
    let (mut roll, first) = Roll::found(genesis, &key(1)).expect("founds");
    let invitation = Body::Invitation(Invitation { key: key(100).id(), uses: 9, expires_at: 1 });
    let mut records = vec![first, roll.write(&invitation, &key(1)).expect("invites")];
    for n in 2..4 {
        let request = JoinRequest::sign(roll.commons(), &key(100), &key(n), person("Ines"));
        records.push(roll.admit_request(request, &key(1)).expect("admits"));
    }
    (roll, records)
}

/// What a hostile member signs: by whom, under which record, on which records, and what it says.
type Said = (u8, u8, Vec<u8>, Vec<u8>);

#[test]
fn members_sign_any_bytes() {
    let founded: Vec<_> = (0..4).map(commons).collect();
    check!().with_test_time(time()).with_type::<(u8, Vec<Said>)>().for_each(|(model, all)| {
        let (roll, records) = &founded[usize::from(model % 4)];
        let mut records = records.clone();
        let known = records.len();
        for (by, under, on, body) in all.iter().take(6) {
            let key = key(by % 4);
            let id = |n: &u8| records[usize::from(*n) % records.len()].id();
            let mut parents: Vec<_> = on.iter().take(4).map(id).collect();
            parents.sort_unstable();
            parents.dedup();
            // The number of a kind that there is, and then anything.
            let mut said = body.clone();
            if let Some(kind) = said.first_mut() {
                *kind %= 14;
            }
            let draft = Draft {
                commons: Some(roll.commons()),
                author: key.id(),
                authority: Some(id(under)),
                parents,
                body: said,
            };
            if let Ok(record) = VerifiedRecord::sign(draft, &key) {
                records.push(record);
            }
        }
        let (mut forth, mut back) = (roll.clone(), roll.clone());
        forth.add_all(records[known..].iter().cloned());
        for record in records[known..].iter().rev() {
            back.add(record);
        }
        assert!(forth == back, "the order of arrival changes nothing");
        for proposal in forth.proposals() {
            forth.decision(&proposal).expect("what is in the fold is explained");
        }
    });
}

#[test]
fn anything_is_pasted_as_a_ticket() {
    check!().with_test_time(time()).with_type::<(bool, String)>().for_each(|(looks_like_one, text)| {
        let text = if *looks_like_one { format!("commonplace://join/{text}") } else { text.clone() };
        if let Ok(ticket) = text.parse::<Ticket>() {
            assert!(ticket.addresses.len() <= Ticket::MAX_ADDRESSES);
        }
    });
}
