//! Whatever a member signs into the roll, it is taken in, kept waiting or refused, without a panic, and in any order alike; and
//! whatever is pasted as a ticket is one or is none. `make fuzz` has this run for longer.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, time::Duration};

use bolero::check;
use commonplace_governance::{
    Act, Admission, Because, Body, Choice, Cut, DeviceCertificate, DeviceRevocation, DeviceTicket, Genesis,
    Introduction, Invitation, InvitationClosed, JoinRequest, Model, Proposal, Removal, Roll, Seal, Ticket, TwinsProved,
    Vote, Vouch,
};
use commonplace_model::{ChangeHash, DocId, PageId};
use commonplace_trust::{DeviceKey, Draft, VerifiedRecord};
use data_encoding::{BASE32_NOPAD, BASE32_NOPAD_NOCASE};

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

/// What a hostile member signs: by whom, under which record, and on which records.
type Under = (u8, u8, Vec<u8>);

/// Signs what hostile members say, and has it come in two orders.
fn comes<'a>(roll: &Roll, known: &[VerifiedRecord], said: impl Iterator<Item = (&'a Under, Vec<u8>)>) {
    let mut records = known.to_vec();
    for ((by, under, on), body) in said.take(6) {
        let key = key(by % 4);
        let id = |n: &u8| records[usize::from(*n) % records.len()].id();
        let mut parents: Vec<_> = on.iter().take(4).map(id).collect();
        parents.sort_unstable();
        parents.dedup();
        let (commons, authority) = (Some(roll.commons()), Some(id(under)));
        if let Ok(record) = VerifiedRecord::sign(Draft { commons, author: key.id(), authority, parents, body }, &key) {
            records.push(record);
        }
    }
    let (mut forth, mut back) = (roll.clone(), roll.clone());
    forth.add_all(records[known.len()..].iter().cloned());
    for record in records[known.len()..].iter().rev() {
        back.add(record);
    }
    assert!(forth == back, "the order of arrival changes nothing");
    for proposal in forth.proposals() {
        forth.decision(&proposal).expect("what is in the fold is explained");
    }
    for word in forth.acts() {
        let _ = forth.own_word(&word);
    }
}

#[test]
fn members_sign_any_bytes() {
    let founded: Vec<_> = (0..4).map(commons).collect();
    check!().with_test_time(time()).with_type::<(u8, Vec<(Under, Vec<u8>)>)>().for_each(|(model, all)| {
        let (roll, records) = &founded[usize::from(model % 4)];
        let said = all.iter().map(|(under, body)| {
            // The number of a kind that there is, and then anything.
            let mut said = body.clone();
            if let Some(kind) = said.first_mut() {
                *kind %= 14;
            }
            (under, said)
        });
        comes(roll, records, said);
    });
}

/// What honest members say, one of each kind.
fn bodies(roll: &Roll) -> Vec<Vec<u8>> {
    let (commons, me) = (roll.commons(), roll.member_of(&key(1).id()).expect("a member"));
    let (standing, other) = (me.by, roll.member_of(&key(2).id()).expect("a member"));
    let request = JoinRequest::sign(commons, &key(100), &key(9), person("Noor"));
    let tips = (1..4).map(|n| (DocId::Page(PageId::new([n; 16])), ChangeHash::new([n; 32])));
    let cut = || Cut::of(tips.clone()).remove(0);
    let act = |act| Proposal {
        after: standing,
        round: 0,
        act,
        newcomers: vec![other.by],
        departed: vec![],
        reason: "It is time.".to_owned(),
    };
    let consent = DeviceCertificate::consent(commons, me.id, &key(8));
    let mut all = vec![
        Body::Genesis(Genesis {
            name: "Seed Library".to_owned(),
            purpose: String::new(),
            licence: "CC0-1.0".to_owned(),
            deciding: 2,
            founder: person("Maren"),
            nonce: [7; 16],
        }),
        Body::Invitation(Invitation { key: key(101).id(), uses: 9, expires_at: 1 }),
        Body::Admission(Admission { request: request.clone() }),
        Body::InvitationClosed(InvitationClosed { key: key(100).id() }),
        Body::DeviceCertificate(DeviceCertificate::new(key(8).id(), "phone".to_owned(), consent)),
        Body::DeviceRevocation(DeviceRevocation { standing, cut: cut() }),
        Body::Vouch(Vouch { device: key(9).id() }),
        Body::Removal(Removal { member: other.id, under: standing, cut: cut() }),
        Body::Vote(Vote { proposal: standing, choice: Choice::Yes }),
        Body::Seal(Seal { proposal: standing }),
        Body::Because(Because { record: standing, reason: "They took the kettle.".to_owned() }),
        Body::Twins(Box::new(TwinsProved { standing, proof: vec![1; 300], cut: cut() })),
    ];
    let acts = [
        Act::Roster,
        Act::Licence("CC0-1.0".to_owned()),
        Act::Charter { name: Some("Tools".to_owned()), purpose: None, text: Some("Be kind.".to_owned()) },
        Act::Model { model: Model::Stewards { needed: 1 }, stewards: vec![me.id] },
        Act::Admit(Box::new(request)),
        Act::Remove { member: other.id, cut: cut() },
    ];
    all.extend(acts.map(|said| Body::Proposal(Box::new(act(said)))));
    all.iter().map(Body::encode).collect()
}

#[test]
fn members_sign_what_is_nearly_right() {
    let founded: Vec<_> = (0..4).map(commons).map(|(roll, records)| (bodies(&roll), roll, records)).collect();
    let kinds: BTreeSet<u8> = founded[0].0.iter().map(|body| body[0]).collect();
    assert_eq!(kinds, (0..13).collect(), "one of each kind");
    check!().with_test_time(time()).with_type::<(u8, Vec<(Under, Place)>)>().for_each(|(model, all)| {
        let (real, roll, records) = &founded[usize::from(model % 4)];
        comes(roll, records, all.iter().map(|(under, place)| (under, altered(real, place))));
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

#[test]
fn real_tickets_are_changed_anywhere() {
    let addresses = vec!["127.0.0.1:4000".parse().expect("an address"), "[::1]:4000".parse().expect("an address")];
    let ticket = Ticket {
        commons: commons(0).0.commons(),
        name: "Seed Library".to_owned(),
        inviter: "Maren".to_owned(),
        ink: 3,
        device: key(1).id(),
        addresses: addresses.clone(),
        relays: Vec::new(),
        secret: [9; 16],
        expires_at: 5,
        uses: 1,
    };
    let device = DeviceTicket { device: key(1).id(), addresses, relays: Vec::new(), secret: [9; 16], expires_at: 5 };
    let relays = vec!["https://relay.example.org:8443".parse().expect("an address")];
    let (far, far_device) =
        (Ticket { relays: relays.clone(), ..ticket.clone() }, DeviceTicket { relays, ..device.clone() });
    let [joins, pairs] = ["commonplace://join/", "commonplace://device/"];
    // What stands in it, without the check at its end.
    let inside = |text: &str, prefix: &str| {
        let bytes = BASE32_NOPAD_NOCASE.decode(&text.as_bytes()[prefix.len()..]).expect("base 32");
        bytes[..bytes.len() - 4].to_vec()
    };
    let real = [
        inside(&ticket.to_string(), joins),
        inside(&device.to_string(), pairs),
        inside(&far.to_string(), joins),
        inside(&far_device.to_string(), pairs),
    ];
    check!().with_test_time(time()).with_type::<Place>().for_each(|place| {
        let mut bytes = altered(&real, place);
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(&check.as_bytes()[..4]);
        let text = BASE32_NOPAD.encode(&bytes);
        if let Ok(read) = format!("{joins}{text}").parse::<Ticket>() {
            assert!(read.addresses.len() <= Ticket::MAX_ADDRESSES && read.relays.len() <= Ticket::MAX_RELAYS);
            assert_eq!(read.to_string().parse(), Ok(read));
        }
        if let Ok(read) = format!("{pairs}{text}").parse::<DeviceTicket>() {
            assert_eq!(read.to_string().parse(), Ok(read));
        }
    });
}
