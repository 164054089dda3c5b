//! Bounds: everything that a peer can make long has a length at which it is still taken, and one past it at which it is not.

use commonplace_governance::{
    Act, Added, Admission, Because, Body, DeviceCertificate, Genesis, Introduction, Invitation, JoinRequest, Model,
    Proposal, Reason, Roll,
};
use commonplace_model::RecordId;
use commonplace_trust::{Draft, VerifiedRecord};
use proptest::prelude::*;

use crate::peers::{Peer, commons, genesis, key, person, ticket};

/// Whether a member can say this.
fn is_taken(body: &Body) -> bool {
    let [mut a, ..]: [Peer; 2] = commons(Model::Majority);
    a.roll.write(body, &a.key).is_ok()
}

fn proposal(act: Act) -> Proposal {
    let [a, ..]: [Peer; 2] = commons(Model::Majority);
    let after = a.roll.proposals()[0];
    Proposal { after, round: 0, act, newcomers: Vec::new(), departed: Vec::new(), reason: String::new() }
}

fn proposes(change: impl FnOnce(&mut Proposal)) -> bool {
    let mut said = proposal(Act::Roster);
    change(&mut said);
    is_taken(&Body::Proposal(Box::new(said)))
}

fn charter(name: usize, purpose: usize, text: usize) -> bool {
    let of = |len: usize| (len > 0).then(|| "x".repeat(len));
    proposes(|p| p.act = Act::Charter { name: of(name), purpose: of(purpose), text: of(text) })
}

#[test]
fn texts_of_the_charter() {
    assert!(charter(Genesis::MAX_NAME, 0, 0) && !charter(Genesis::MAX_NAME + 1, 0, 0));
    assert!(charter(0, Genesis::MAX_PURPOSE, 0) && !charter(0, Genesis::MAX_PURPOSE + 1, 0));
    assert!(charter(0, 0, Act::MAX_TEXT) && !charter(0, 0, Act::MAX_TEXT + 1));
    assert!(!charter(0, 0, 0), "a change that changes nothing");
    let licence = |len| proposes(|p| p.act = Act::Licence("x".repeat(len)));
    assert!(licence(Genesis::MAX_LICENCE) && !licence(Genesis::MAX_LICENCE + 1));
    let reason = |len| proposes(|p| p.reason = "x".repeat(len));
    assert!(reason(Proposal::MAX_REASON) && !reason(Proposal::MAX_REASON + 1));
}

#[test]
fn newcomers_and_departed_of_a_proposal() {
    let mut founder = Peer::found(3);
    for n in 0..=Proposal::MAX_NEWCOMERS {
        let newcomer = commonplace_trust::DeviceKey::from_seed(blake3::hash(&n.to_le_bytes()).as_bytes());
        let asked = JoinRequest::sign(founder.roll.commons(), &ticket(), &newcomer, person(2));
        founder.roll.admit_request(asked, &founder.key).expect("admits");
    }
    let mut all: Vec<RecordId> =
        founder.roll.members().map(|m| m.by).filter(|by| by.as_bytes() != founder.roll.commons().as_bytes()).collect();
    all.sort_unstable();
    let genesis = RecordId::new(*founder.roll.commons().as_bytes());
    let mut say = |newcomers: Vec<RecordId>, departed: Vec<RecordId>| {
        let said = Proposal { after: genesis, round: 0, act: Act::Roster, newcomers, departed, reason: String::new() };
        founder.roll.write(&Body::Proposal(Box::new(said)), &founder.key).is_ok()
    };
    assert_eq!(all.len(), Proposal::MAX_NEWCOMERS + 1);
    assert!(say(all[1..].to_vec(), Vec::new()));
    assert!(!say(all.clone(), Vec::new()));
    assert!(!say(all[..2].iter().rev().copied().collect(), Vec::new()), "there is one order");
    assert!(!say(Vec::new(), all[..1].to_vec()), "an admission is no departure");
    assert!(!say(vec![genesis], Vec::new()), "nor a genesis an admission");
}

#[test]
fn names_of_devices_and_numbers_of_models() {
    let [a, ..]: [Peer; 2] = commons(Model::Majority);
    let consent = DeviceCertificate::consent(a.roll.commons(), a.me(), &key(30));
    let named =
        |len: usize| is_taken(&Body::DeviceCertificate(DeviceCertificate::new(key(30).id(), "x".repeat(len), consent)));
    assert!(named(Introduction::MAX_BYTES) && !named(Introduction::MAX_BYTES + 1));
    let model = |model| proposes(|p| p.act = Act::Model { model, stewards: vec![a.me()] });
    assert!(model(Model::Consent { quorum: 1 }) && model(Model::Consent { quorum: 100 }));
    assert!(!model(Model::Consent { quorum: 0 }) && !model(Model::Consent { quorum: 101 }));
    assert!(model(Model::Stewards { needed: 64 }));
    assert!(!model(Model::Stewards { needed: 0 }) && !model(Model::Stewards { needed: 65 }));
    let uses = |uses| is_taken(&Body::Invitation(Invitation { key: key(9).id(), uses, expires_at: 0 }));
    assert!(uses(1) && !uses(0));
    assert!(Roll::found(genesis(3), &key(1)).is_ok() && Roll::found(genesis(4), &key(1)).is_err());
}

#[test]
fn decisions_that_stand_unsealed_are_so_many_and_no_more() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let roster: Vec<RecordId> = (0..64).map(|_| a.propose(Act::Roster)).collect();
    assert!(roster.iter().all(|id| a.stands(*id)));
    let mut one_more = a.roll.decision(&roster[63]).expect("a proposal").proposal;
    one_more.after = roster[63];
    let one_more = a.say(&Body::Proposal(Box::new(one_more)));
    assert_eq!(a.why_not(one_more), vec![Reason::Unsealed]);
    // Once more than half acknowledged those, it stands.
    for peer in [&mut b, &mut c] {
        peer.hear(&a);
        for due in peer.roll.due(&peer.key.id()) {
            peer.seal(due);
        }
        a.hear(peer);
    }
    assert!(a.stands(one_more));
}

#[test]
fn records_that_wait_are_so_many_and_no_more() {
    let [mut a, ..]: [Peer; 2] = commons(Model::Majority);
    let authority = a.roll.member_of(&a.key.id()).expect("a member").by;
    let before = a.roll.clone();
    let missing = a.say(&Body::Invitation(Invitation { key: key(9).id(), uses: 1, expires_at: 0 }));
    let missing = a.records.iter().find(|record| record.id() == missing).expect("just made").clone();
    let waiting = |n: usize| {
        let draft = Draft {
            commons: Some(a.roll.commons()),
            author: a.key.id(),
            authority: Some(authority),
            parents: vec![missing.id()],
            body: [&[250][..], &n.to_le_bytes()].concat(),
        };
        VerifiedRecord::sign(draft, &a.key).expect("signs")
    };
    let came_in = |many: usize| {
        let mut roll = before.clone();
        for n in 0..many {
            assert_eq!(roll.add(&waiting(n)), Added::Waiting);
        }
        assert!(roll == before, "what waits is not part of the state");
        roll.add_all([missing.clone()]).len() - 1
    };
    assert_eq!(came_in(Roll::MAX_WAITING), Roll::MAX_WAITING);
    assert_eq!(came_in(Roll::MAX_WAITING + 1), Roll::MAX_WAITING);
    assert_eq!(came_in(Roll::MAX_WAITING + 500), Roll::MAX_WAITING);
}

#[test]
fn reasons_of_removals() {
    let removes = |len: usize| {
        let [mut a, b]: [Peer; 2] = commons(Model::Open);
        a.roll.remove_because(b.me(), Vec::new(), &"x".repeat(len), &a.key).is_ok()
    };
    assert!(removes(Because::MAX_REASON) && !removes(Because::MAX_REASON + 1));
}

proptest! {
    #[test]
    fn no_bytes_make_reading_a_body_panic(bytes: Vec<u8>) {
        let _ = Body::decode(&bytes);
    }

    #[test]
    fn no_body_makes_the_fold_panic(bodies in prop::collection::vec((0..14_u8, prop::collection::vec(any::<u8>(), 0..200)), 1..8)) {
        let [mut a, ..]: [Peer; 2] = commons(Model::Open);
        let authority = a.roll.member_of(&a.key.id()).expect("a member").by;
        for (kind, rest) in bodies {
            let parents = vec![a.records.last().expect("some").id()];
            let record = a.forge_bytes(parents, authority, [&[kind][..], &rest].concat());
            let added = a.roll.add(&record);
            prop_assert_eq!(a.roll.has(&record.id()), !matches!(added, Added::Invalid | Added::Waiting));
        }
    }

    #[test]
    fn a_body_survives_its_bytes_and_a_changed_one_does_no_harm(at in 0..200_usize, bit in 0..8_u8, reason in "[a-z]{0,20}") {
        let [mut a, ..]: [Peer; 3] = commons(Model::Majority);
        let proposal = a.roll.propose(Act::Roster, reason, &a.key).expect("proposes");
        let vote = a.roll.vote(proposal.id(), commonplace_governance::Choice::Yes, &a.key).expect("votes");
        for record in [proposal, vote] {
            let body = Body::decode(&record.draft().body).expect("known");
            prop_assert_eq!(Body::decode(&body.encode()), Some(body));
            let mut draft = record.draft().clone();
            let at = at % draft.body.len();
            draft.body[at] ^= 1 << bit;
            let mutant = VerifiedRecord::sign(draft, &a.key).expect("signs");
            let _ = a.roll.add(&mutant);
        }
    }
}

#[test]
fn an_introduction_is_fair_in_all_its_parts() {
    let most = "n".repeat(Introduction::MAX_BYTES);
    let with = |name: &str, device_name: &str, ink| Introduction {
        name: name.to_owned(),
        device_name: device_name.to_owned(),
        ink,
    };
    for fair in [with(&most, &most, 11), with("Noor", "", 0)] {
        assert!(fair.is_fair(), "{fair:?}");
    }
    let longer = format!("{most}n");
    let control = "a\u{7}b";
    for unfair in [
        with(" ", "laptop", 0),
        with(&longer, "laptop", 0),
        with("Noor", &longer, 0),
        with(control, "laptop", 0),
        with("Noor", control, 0),
        with("Noor", "laptop", 12),
    ] {
        assert!(!unfair.is_fair(), "{unfair:?}");
    }
}

#[test]
fn a_genesis_is_fair_in_all_its_parts() {
    let founds = |change: &dyn Fn(&mut Genesis)| {
        let mut said = genesis(0);
        change(&mut said);
        Roll::found(said, &key(1)).is_ok()
    };
    let of = |len: usize| "x".repeat(len);
    assert!(founds(&|g| g.name = of(Genesis::MAX_NAME)) && !founds(&|g| g.name = of(Genesis::MAX_NAME + 1)));
    assert!(!founds(&|g| g.name = "  ".to_owned()));
    let purpose = |len: usize| founds(&|g| g.purpose = of(len));
    assert!(purpose(Genesis::MAX_PURPOSE) && !purpose(Genesis::MAX_PURPOSE + 1));
    let licence = |len: usize| founds(&|g| g.licence = of(len));
    assert!(licence(Genesis::MAX_LICENCE) && !licence(Genesis::MAX_LICENCE + 1));
    assert!(!founds(&|g| g.founder.ink = 12));
}

#[test]
fn who_asks_to_be_let_in_signs_all_of_it_with_both_keys() {
    let [a, other]: [Peer; 2] = [Peer::found(0), Peer::found(1)];
    let asked = JoinRequest::sign(a.roll.commons(), &ticket(), &key(2), person(2));
    let swapped = JoinRequest::sign(a.roll.commons(), &key(101), &key(3), person(2));
    let altered: [&dyn Fn(&mut JoinRequest); 7] = [
        &|r| r.commons = other.roll.commons(),
        &|r| r.invite = key(101).id(),
        &|r| r.device = key(3).id(),
        &|r| r.person.name = "Somebody else".to_owned(),
        &|r| r.person.ink = 3,
        &|r| r.by_device = swapped.by_device,
        &|r| r.by_invite = swapped.by_invite,
    ];
    assert!(asked.verify());
    for (n, alter) in altered.iter().enumerate() {
        let mut asked = asked.clone();
        alter(&mut asked);
        assert!(!asked.verify(), "{n}");
        assert!(!is_taken(&Body::Admission(Admission { request: asked })), "{n}");
    }
}
