//! A device that provably wrote in two ways is out: whoever says it, however often, and in whatever order it is heard.

use commonplace_governance::{Act, Body, Cut, DeviceCertificate, DeviceStanding, Model, RollError, TwinsProved};
use commonplace_model::{ChangeHash, CommonsId, DocId, Nonce, PageId, RecordId};
use commonplace_trust::{Standing, Verdict, VerifiedAttestation, VerifiedTwins};
use proptest::prelude::*;

use crate::peers::{Peer, commons, key, meet};

const PAGE: DocId = DocId::Page(PageId::new([9; 16]));

/// The proof that a device made twins of this number. Where they part it shows only of the first number.
fn proof(commons: CommonsId, n: u8, doc: DocId, seq: u64) -> VerifiedTwins {
    let said = [1, 2].map(|twin| {
        let hash = ChangeHash::new([twin; 32]);
        *VerifiedAttestation::sign(&key(n), commons, doc, Nonce::new([4; 16]), seq, hash).get()
    });
    VerifiedTwins::of_words(commons, doc, said).expect("twins")
}

impl Peer {
    fn prove(&mut self, proof: &VerifiedTwins) -> RecordId {
        let records = self.roll.prove(proof, vec![], &self.key).expect("is said");
        let id = records[0].id();
        self.records.extend(records);
        id
    }

    fn certify(&mut self, n: u8) -> Self {
        let consent = DeviceCertificate::consent(self.roll.commons(), self.me(), &key(n));
        let certificate = DeviceCertificate::new(key(n).id(), format!("Phone {n}"), consent);
        self.say(&Body::DeviceCertificate(certificate));
        self.at(n)
    }
}

#[test]
fn a_device_that_wrote_in_two_ways_is_out_and_its_member_stays() {
    for model in [Model::Open, Model::Majority, Model::Consent { quorum: 2 }, Model::Stewards { needed: 2 }] {
        let [mut a, mut b, mut c] = commons(model);
        let mut phone = b.certify(21);
        meet(&mut [&mut a, &mut b, &mut c, &mut phone]);
        let (member, device) = (b.me(), key(21).id());
        let epoch = a.roll.epoch();
        let found = proof(a.roll.commons(), 21, PAGE, if model == Model::Open { 1 } else { 3 });
        assert!(found.says_more_than(&a.roll));
        a.prove(&found);
        assert!(!found.says_more_than(&a.roll));
        assert_ne!(a.roll.epoch(), epoch);
        meet(&mut [&mut a, &mut b, &mut c, &mut phone]);
        assert_eq!(c.roll.standing_of(&device), DeviceStanding::Ended(member));
        assert_eq!(c.roll.member(&member).map(|m| m.devices.clone()), Some([key(2).id()].into()));
        assert_eq!(c.roll.may_write(&device, &PAGE), Verdict::Ended);
        assert_eq!(c.roll.forked(&PAGE, &found.actor()), found.fork());
        assert_eq!(found.fork().is_some(), model == Model::Open);
        assert!(c.roll.is_only_caught(&device) && c.roll.proofs(&device).count() == 1);
        let caught: Vec<_> = c.roll.caught().map(|(d, caught)| (*d, caught.member, caught.name.clone())).collect();
        assert_eq!(caught, [(device, member, "Phone 21".to_owned())]);
        // It says nothing any more, and the others go on.
        let late = phone.roll.propose(Act::Hide(PageId::new([1; 16])), String::new(), &phone.key);
        assert_eq!(late, Err(RollError::NotAMember));
        b.propose(Act::Hide(PageId::new([2; 16])));
    }
}

#[test]
fn who_puts_the_proof_in_and_what_becomes_of_them_does_not_matter() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let found = proof(a.roll.commons(), 3, PAGE, 1);
    // Even somebody who is removed beside it.
    let theirs = b.me();
    b.prove(&found);
    a.remove(theirs);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(!a.has_member(theirs));
    assert!(matches!(a.roll.standing_of(&key(3).id()), DeviceStanding::Ended(_)));
}

#[test]
fn several_proofs_of_one_device_fold_to_the_same_state() {
    let [a, b, c] = commons(Model::Open);
    let all = [1, 5].map(|seq| proof(a.roll.commons(), 3, PAGE, seq));
    let state = |peer: &Peer| {
        let members: Vec<_> = peer.roll.members().cloned().collect();
        let caught: Vec<_> = peer.roll.caught().map(|(device, caught)| (*device, caught.clone())).collect();
        let forks: Vec<_> = peer.roll.forks().map(|(doc, forks)| (*doc, forks.clone())).collect();
        (members, caught, forks, peer.roll.standing_of(&key(3).id()))
    };
    let mut one = a.clone();
    one.prove(&all[0]);
    let mut other = b.clone();
    other.prove(&all[1]);
    let (first, second) = (state(&one), state(&other));
    // Only what shows where the ways part says how much counts; out the device is by either.
    assert_eq!((first.2.len(), second.2.len()), (1, 0));
    assert_eq!((&first.0, first.3), (&second.0, second.3));
    let caught = |all: &[(commonplace_model::DeviceId, commonplace_governance::Caught)]| {
        all.iter().map(|(_, caught)| (caught.docs.len(), caught.is_shown())).collect::<Vec<_>>()
    };
    assert_eq!((caught(&first.1), caught(&second.1)), (vec![(1, true)], vec![(1, false)]));
    other.prove(&all[1]);
    other.prove(&all[0]);
    let mut third = c;
    meet(&mut [&mut one, &mut other, &mut third]);
    assert_eq!(state(&third), first);
    assert!(all.iter().all(|proof| !proof.says_more_than(&third.roll)));
}

#[test]
fn a_device_that_is_out_otherwise_too_is_not_out_by_proofs_only() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let mut phone = b.certify(21);
    meet(&mut [&mut a, &mut b, &mut c, &mut phone]);
    let device = key(21).id();
    assert!(!a.roll.is_only_caught(&device) && a.roll.proofs(&device).next().is_none());
    a.prove(&proof(a.roll.commons(), 21, PAGE, 3));
    assert!(a.roll.is_only_caught(&device));
    let key = b.key.clone();
    b.records.extend(b.roll.revoke(device, vec![], &key).expect("revokes"));
    assert!(!b.roll.is_only_caught(&device));
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(!c.roll.is_only_caught(&device) && c.roll.proofs(&device).count() == 1);
}

#[test]
fn nobody_is_accused_without_proof_or_elsewhere() {
    let [mut a, b, _] = commons::<3>(Model::Open);
    let found = proof(a.roll.commons(), 3, PAGE, 1);
    let standing = |peer: &Peer| peer.roll.member(&peer.me()).expect("a member").by;
    let say = |a: &mut Peer, standing, proof: Vec<u8>| {
        let cut = Cut::default();
        a.roll.write(&Body::Twins(Box::new(TwinsProved { standing, proof, cut })), &a.key.clone())
    };
    // Another member's device, another commons, a changed proof, a device that never was a member's.
    assert_eq!(say(&mut a, standing(&b), found.bytes().to_vec()), Err(RollError::Unfit));
    let elsewhere = proof(CommonsId::new([7; 32]), 2, PAGE, 1);
    assert_eq!(say(&mut a, standing(&b), elsewhere.bytes().to_vec()), Err(RollError::Unfit));
    let mut changed = proof(a.roll.commons(), 2, PAGE, 1).bytes().to_vec();
    *changed.last_mut().expect("bytes") ^= 1;
    assert_eq!(say(&mut a, standing(&b), changed), Err(RollError::Unfit));
    let stranger = proof(a.roll.commons(), 77, PAGE, 1);
    assert_eq!(a.roll.prove(&stranger, vec![], &a.key), Err(RollError::Unfit));
    assert_eq!(a.roll.members().count(), 3);
}

#[test]
fn what_a_device_said_before_counts_as_far_as_the_proof_builds_on_it() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let known = c.propose(Act::Hide(PageId::new([1; 16])));
    a.hear(&c);
    let beside = c.propose(Act::Hide(PageId::new([2; 16])));
    a.prove(&proof(a.roll.commons(), 3, PAGE, 1));
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(b.stands(known) && !b.stands(beside));
    // Who knows more of it says it with the same proof.
    let mut knows = b.at(2);
    knows.prove(&proof(a.roll.commons(), 3, PAGE, 1));
    assert!(!knows.stands(beside), "what does not count is not built on");
}

#[test]
fn its_number_is_twelve_and_what_a_later_version_says_is_kept_and_ignored() {
    let [mut a, mut b, _] = commons::<3>(Model::Open);
    let body =
        Body::Twins(Box::new(TwinsProved { standing: RecordId::new([1; 32]), proof: vec![], cut: Cut::default() }));
    assert_eq!(body.encode()[0], 12);
    assert_eq!(Body::decode(&body.encode()), Some(body));
    let by = a.roll.member(&a.me()).expect("a member").by;
    let (parents, mut later) = (vec![a.records[a.records.len() - 1].id()], Vec::new());
    for kind in [13, 14, 99] {
        let draft = commonplace_trust::Draft {
            commons: Some(a.roll.commons()),
            author: a.key.id(),
            authority: Some(by),
            parents: parents.clone(),
            body: vec![kind, 1, 2, 3],
        };
        later.push(commonplace_trust::VerifiedRecord::sign(draft, &a.key).expect("signs"));
    }
    a.take(&later);
    assert!(later.iter().all(|record| a.roll.has(&record.id())));
    meet(&mut [&mut a, &mut b]);
}

proptest! {
    /// Two devices wrote in two ways, in two pages; proofs come from several members, between other records.
    #[test]
    fn every_order_of_proofs_gives_the_same_roll(
        steps in prop::collection::vec((0..3_usize, 0..6_u8, 1..4_u64), 1..9),
        order in prop::collection::vec(any::<u16>(), 64),
    ) {
        let mut peers: [Peer; 3] = commons(Model::Open);
        let id = peers[0].roll.commons();
        for (who, what, seq) in steps {
            let doc = DocId::Page(PageId::new([what % 2; 16]));
            match what {
                0..=3 => {
                    let found = proof(id, if what < 2 { 3 } else { 2 }, doc, seq);
                    if let Ok(records) = peers[who].roll.prove(&found, vec![], &peers[who].key.clone()) {
                        peers[who].records.extend(records);
                    }
                }
                4 => {
                    let act = Act::Hide(PageId::new([7; 16]));
                    if let Ok(record) = peers[who].roll.propose(act, String::new(), &peers[who].key.clone()) {
                        peers[who].records.push(record);
                    }
                }
                _ => {
                    let other = peers[(who + 1) % 3].clone();
                    peers[who].hear(&other);
                }
            }
        }
        let mut all: Vec<_> = peers.iter().flat_map(|peer| peer.records.clone()).collect();
        for (at, with) in order.iter().enumerate().take(all.len()) {
            let other = usize::from(*with) % all.len();
            all.swap(at, other);
        }
        let mut heard = Peer { roll: commonplace_governance::Roll::fold(id, &peers[0].records).expect("folds"), ..peers[0].clone() };
        heard.take(&all);
        let [mut a, mut b, mut c] = peers;
        meet(&mut [&mut a, &mut b, &mut c, &mut heard]);
        for (device, caught) in heard.roll.caught() {
            prop_assert_eq!(heard.roll.standing_of(device), DeviceStanding::Ended(caught.member));
        }
    }
}
