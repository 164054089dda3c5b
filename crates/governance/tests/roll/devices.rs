//! A member's devices: one more, one less, two that revoke one another, all lost.

use commonplace_governance::{
    Act, Body, Cut, DeviceCertificate, DeviceRevocation, DeviceStanding, Invitation, Model, Parting, RollError,
};
use commonplace_model::{DeviceId, DocId, PageId, RecordId};
use commonplace_trust::{Standing, Verdict};

use crate::peers::{Peer, commons, key, licence, meet};

/// Gives the peer's member one more device.
fn certify(peer: &mut Peer, n: u8) -> (RecordId, Peer) {
    let consent = DeviceCertificate::consent(peer.roll.commons(), peer.me(), &key(n));
    let certificate = DeviceCertificate::new(key(n).id(), format!("Phone {n}"), consent);
    let id = peer.say(&Body::DeviceCertificate(certificate));
    (id, peer.at(n))
}

fn revoke(peer: &mut Peer, standing: RecordId) {
    peer.say(&Body::DeviceRevocation(DeviceRevocation { standing, cut: Cut::default() }));
}

fn device(n: u8) -> DeviceId {
    key(n).id()
}

#[test]
fn a_second_device_writes_as_the_same_member() {
    let [mut a, mut b] = commons(Model::Majority);
    let (_, mut phone) = certify(&mut a, 21);
    let me = a.me();
    let proposal = phone.propose(licence("CC0-1.0"));
    phone.yes(proposal);
    meet(&mut [&mut a, &mut b, &mut phone]);
    assert_eq!(b.roll.member_of(&device(21)).map(|m| m.id), Some(me));
    assert_eq!(b.roll.member(&me).map(|m| m.devices.len()), Some(2));
    assert_eq!(b.roll.device_name(&device(21)), Some("Phone 21"));
    assert_eq!(b.roll.may_write(&device(21), &DocId::Ledger(me)), Verdict::Allowed);
    // One member, one vote, with whichever device.
    a.yes(proposal);
    b.hear(&a);
    assert_eq!(b.roll.decision(&proposal).expect("a proposal").tally.yes, 1);
}

#[test]
fn how_a_device_became_its_members_is_told() {
    let [mut a, mut b] = commons(Model::Majority);
    let told = |peer: &Peer, n: u8| peer.roll.pairing(&device(n)).map(|pairing| (pairing.device_name, pairing.by));
    assert_eq!(told(&a, 1), Some(("Laptop 1".to_owned(), None)));
    assert_eq!(told(&a, 2), Some(("Laptop 2".to_owned(), None)));
    assert_eq!(told(&a, 21), None);
    let (certificate, _) = certify(&mut a, 21);
    revoke(&mut a, certificate);
    b.hear(&a);
    // Also when its standing has ended since.
    assert_eq!(told(&b, 21), Some(("Phone 21".to_owned(), Some(device(1)))));
    // Of several times the last.
    let consent = DeviceCertificate::consent(a.roll.commons(), a.me(), &key(21));
    a.say(&Body::DeviceCertificate(DeviceCertificate::new(device(21), "Tablet".to_owned(), consent)));
    assert_eq!(told(&a, 21), Some(("Tablet".to_owned(), Some(device(1)))));
    // Those with which members came, founder or not, who are out now.
    let [a, mut b, c] = commons(Model::Open);
    b.remove(a.me());
    b.remove(c.me());
    assert_eq!((b.roll.device_name(&device(1)), b.roll.device_name(&device(3))), (None, None));
    assert_eq!([1, 3].map(|n| told(&b, n)), ["Laptop 1", "Laptop 3"].map(|name| Some((name.to_owned(), None))));
}

#[test]
fn a_device_that_did_not_say_yes_cannot_be_added() {
    let [mut a, b] = commons(Model::Open);
    let for_another = DeviceCertificate::consent(a.roll.commons(), b.me(), &key(21));
    let certificate = DeviceCertificate::new(device(21), String::new(), for_another);
    assert_eq!(a.roll.write(&Body::DeviceCertificate(certificate), &a.key), Err(RollError::Unfit));
}

#[test]
fn another_own_device_revokes_one_and_nobody_else_can() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let (certificate, mut phone) = certify(&mut a, 21);
    b.hear(&a);
    assert!(
        b.roll
            .write(&Body::DeviceRevocation(DeviceRevocation { standing: certificate, cut: Cut::default() }), &b.key)
            .is_err()
    );
    let known = phone.propose(Act::Hide(PageId::new([1; 16])));
    a.hear(&phone);
    let beside = phone.propose(Act::Hide(PageId::new([2; 16])));
    let epoch = a.roll.epoch();
    revoke(&mut a, certificate);
    assert_ne!(a.roll.epoch(), epoch);
    meet(&mut [&mut a, &mut b, &mut c, &mut phone]);
    assert_eq!(b.roll.standing_of(&device(21)), DeviceStanding::Ended(a.me()));
    assert!(b.has_member(a.me()) && b.stands(known) && !b.stands(beside));
    assert!(b.roll.devices().all(|d| *d != device(21)));
    assert_eq!(b.roll.may_write(&device(21), &DocId::Page(PageId::new([1; 16]))), Verdict::Ended);
    // It comes back by a certificate that knows of the revocation.
    certify(&mut a, 21);
    b.hear(&a);
    assert_eq!(b.roll.standing_of(&device(21)), DeviceStanding::Good(a.me()));
}

#[test]
fn the_first_device_can_be_revoked_and_its_member_stays() {
    let [mut a, mut b] = commons(Model::Open);
    let (_, mut phone) = certify(&mut a, 21);
    let me = a.me();
    let admission = a.roll.member(&me).expect("a member").by;
    revoke(&mut phone, admission);
    b.hear(&phone);
    assert_eq!(b.roll.standing_of(&device(1)), DeviceStanding::Ended(me));
    assert_eq!(b.roll.member(&me).map(|m| m.devices.clone()), Some([device(21)].into()));
    let said = phone.propose(licence("CC0-1.0"));
    assert!(phone.stands(said));
}

#[test]
fn two_devices_that_revoke_one_another_both_go_and_the_commons_gives_the_name_back() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let (certificate, mut phone) = certify(&mut a, 21);
    let (me, admission) = (a.me(), a.roll.member(&a.me()).expect("a member").by);
    revoke(&mut a, certificate);
    revoke(&mut phone, admission);
    meet(&mut [&mut a, &mut b, &mut c, &mut phone]);
    assert!(!b.has_member(me));
    // Recovery by decision: the name, and with it the ledger, goes to a new device.
    let act = Act::Rebind {
        standing: admission,
        device: device(31),
        by_device: DeviceCertificate::consent(b.roll.commons(), me, &key(31)),
        cut: Cut::default(),
    };
    let recovery = b.propose(act);
    b.yes(recovery);
    assert!(!b.has_member(me));
    c.hear(&b);
    c.yes(recovery);
    let mut anew = c.at(31);
    assert_eq!(anew.me(), me);
    assert_eq!(anew.roll.may_write(&device(31), &DocId::Ledger(me)), Verdict::Allowed);
    anew.say(&Body::Invitation(Invitation { key: key(50).id(), uses: 1, expires_at: 1 }));
    let next = anew.propose(licence("CC0-1.0"));
    anew.yes(next);
    meet(&mut [&mut b, &mut c, &mut anew]);
    assert_eq!(b.roll.member(&me).map(|m| m.devices.clone()), Some([device(31)].into()));
    assert_eq!(b.roll.decision(&next).expect("a proposal").tally.yes, 1);
}

#[test]
fn a_recovery_takes_a_seal_even_where_acts_count_at_once() {
    let [mut a, mut b, mut c] = commons(Model::Open);
    let (me, admission) = (c.me(), c.roll.member(&c.me()).expect("a member").by);
    let act = Act::Rebind {
        standing: admission,
        device: device(31),
        by_device: DeviceCertificate::consent(a.roll.commons(), me, &key(31)),
        cut: Cut::default(),
    };
    let theft = a.propose(act);
    a.seal(theft);
    meet(&mut [&mut a, &mut b, &mut c]);
    assert!(b.roll.member_of(&device(31)).is_none(), "one member alone cannot take another's name");
    assert_eq!(b.roll.member_of(&device(3)).map(|m| m.id), Some(me));
    b.seal(theft);
    assert_eq!(b.roll.member_of(&device(31)).map(|m| m.id), Some(me));
    assert_eq!(b.roll.standing_of(&device(3)), DeviceStanding::Ended(me));
}

#[test]
fn a_device_knows_which_other_revoked_it() {
    let [mut a, mut b] = commons(Model::Open);
    let (certificate, mut phone) = certify(&mut a, 21);
    revoke(&mut a, certificate);
    meet(&mut [&mut a, &mut b, &mut phone]);
    assert_eq!(phone.roll.parting(&device(21)), Some(Parting::RevokedBy(device(1))));
}
