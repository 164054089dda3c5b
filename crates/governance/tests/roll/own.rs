//! What members do by their own word is told with its reason, the same everywhere.

use commonplace_governance::{
    Act, Added, Because, Body, Cut, DeviceStanding, Model, OwnAct, OwnWord, Policy, Reason, RollError,
};
use commonplace_model::{ChangeHash, DocId, MemberId, PageId, RecordId};

use crate::apart::together;
use crate::peers::{Peer, commons, key, licence, request};

fn remove(peer: &mut Peer, member: MemberId, reason: &str) -> RecordId {
    let records = peer.roll.remove_because(member, Vec::new(), reason, &peer.key).expect("removes");
    let id = records[0].id();
    peer.records.extend(records);
    id
}

fn told(peer: &Peer, id: RecordId) -> OwnWord {
    peer.roll.own_word(&id).expect("somebody's own word")
}

fn because(record: RecordId, reason: &str) -> Body {
    Body::Because(Because { record, reason: reason.to_owned() })
}

#[test]
fn who_is_removed_twice_by_the_same_one_was_removed_twice() {
    let [mut a, _, c] = commons(Model::Open);
    let member = c.me();
    let once = remove(&mut a, member, "once");
    assert_eq!(a.admit(3).me(), member);
    let twice = remove(&mut a, member, "twice");
    assert_eq!((told(&a, once).reason.as_str(), told(&a, twice).reason.as_str()), ("once", "twice"));
    let acts = a.roll.acts();
    assert!(acts.contains(&once) && acts.contains(&twice));
}

#[test]
fn a_removal_is_told_with_its_reason() {
    let [mut a, b, c] = commons(Model::Open);
    let before = a.propose(licence("CC0-1.0"));
    let removal = remove(&mut a, c.me(), "  They took the kettle.  ");
    let after = a.propose(licence("CC-BY-4.0"));
    let newcomer = a.admit(9);
    let all = together(&[&a, &b, &c]);
    let word = told(&all, removal);
    assert_eq!((word.by, word.act, word.reason.as_str()), (a.me(), OwnAct::Removed(c.me()), "They took the kettle."));
    assert_eq!(word.fell, None);
    // Between the proposals, in the order in which one follows the other, and with those who were let in.
    let acts = all.roll.acts();
    let place = |id| acts.iter().position(|act| *act == id).expect("listed");
    assert!(place(before) < place(removal) && place(removal) < place(after));
    let last = told(&all, *acts.last().expect("some"));
    assert!(
        matches!(last.act, OwnAct::Admitted { member, device } if member == newcomer.me() && device == key(9).id())
    );
    assert_eq!((last.by, last.reason.as_str()), (a.me(), ""));
    assert_eq!(all.roll.own_word(&before), None, "a proposal is none");
}

#[test]
fn who_leaves_says_why() {
    let [a, b, mut c] = commons(Model::Majority);
    let (idc, gone) = (c.me(), c.roll.member(&c.me()).expect("a member").by);
    let leaving = remove(&mut c, idc, "I move away.");
    let mut all = together(&[&a, &b, &c]);
    assert_eq!(told(&all, leaving).act, OwnAct::Left);
    assert_eq!(told(&all, leaving).reason, "I move away.");
    assert!(!all.has_member(idc));
    // Whatever they say later, on top of it, gives no other reason.
    c.forge(vec![leaving], gone, &because(leaving, "Or not."));
    let later = c.forge(vec![c.records.last().expect("some").id(), leaving], gone, &because(leaving, "Or not."));
    assert_eq!(all.roll.add(&later), Added::Folded);
    assert_eq!(told(&all, leaving).reason, "I move away.");
}

#[test]
fn two_who_remove_each_other_both_say_why() {
    let [mut a, mut b, c] = commons(Model::Open);
    let of_b = remove(&mut a, b.me(), "He shouts.");
    let of_a = remove(&mut b, a.me(), "She does.");
    let all = together(&[&a, &b, &c]);
    assert_eq!((told(&all, of_b).reason, told(&all, of_a).reason), ("He shouts.".into(), "She does.".into()));
    assert_eq!((told(&all, of_b).fell, told(&all, of_a).fell), (None, None));
}

#[test]
fn a_reason_of_somebody_removed_since_is_not_heard_and_one_of_another_is_none() {
    let [mut a, mut b, c] = commons(Model::Open);
    let ida = a.me();
    let removal = remove(&mut a, c.me(), "");
    let authority = a.roll.member(&ida).expect("a member").by;
    b.hear(&a);
    let end = remove(&mut b, ida, "");
    let late = a.forge(vec![removal, end], authority, &because(removal, "Now I say why."));
    let mut all = together(&[&a, &b, &c]);
    assert_eq!(all.roll.add(&late), Added::Folded);
    assert_eq!(told(&all, removal).reason, "");
    let of_another =
        b.forge(vec![removal], b.roll.member(&b.me()).expect("one").by, &because(removal, "Because I say so."));
    assert_eq!(all.roll.add(&of_another), Added::Ignored);
    assert_eq!(told(&all, removal).reason, "");
}

#[test]
fn a_reason_that_makes_no_sense_is_kept_like_an_older_version_keeps_it() {
    let [mut a, ..]: [Peer; 3] = commons(Model::Open);
    let idc = a.roll.member_of(&key(3).id()).expect("a member").id;
    let removal = remove(&mut a, idc, "");
    let proposal = a.propose(licence("CC0-1.0"));
    let authority = a.roll.member(&a.me()).expect("a member").by;
    let at_cap = "x".repeat(Because::MAX_REASON);
    let senseless = [
        (vec![removal], because(removal, &format!("{at_cap}x"))),
        (vec![removal], because(removal, " ")),
        (vec![proposal], because(removal, "It is no parent.")),
        (vec![proposal], because(proposal, "A proposal has its own reason.")),
        (vec![removal], because(RecordId::new([9; 32]), "Nobody knows it.")),
    ];
    for (parents, body) in senseless {
        assert_eq!(body.encode()[0], 11, "the number of its kind never changes");
        let record = a.forge(parents, authority, &body);
        assert_eq!(a.roll.add(&record), Added::Ignored, "{body:?}");
    }
    assert_eq!(told(&a, removal).reason, "");
    let good = a.forge(vec![removal], authority, &because(removal, &at_cap));
    assert_eq!(a.roll.add(&good), Added::Folded);
    assert_eq!(told(&a, removal).reason, at_cap);
    let too_long = a.roll.remove_because(a.me(), Vec::new(), &format!("{at_cap}x"), &a.key);
    assert_eq!(too_long, Err(RollError::Unfit));
}

#[test]
fn a_removal_with_many_cuts_is_one_word_and_what_joins_a_decision_is_none() {
    let [mut a, mut b, c] = commons(Model::Open);
    let tips = (0..=Cut::MAX_TIPS).map(|n| {
        let hash = ChangeHash::new(*blake3::hash(&n.to_le_bytes()).as_bytes());
        (DocId::Page(PageId::new([1; 16])), hash)
    });
    let records = a.roll.remove_because(c.me(), Cut::of(tips), "Enough.", &a.key).expect("removes");
    a.records.extend(records.clone());
    assert_eq!(records.len(), 3, "two cuts and a reason");
    let listed: Vec<OwnWord> = a.roll.acts().iter().filter_map(|id| a.roll.own_word(id)).collect();
    let removals: Vec<_> = listed.iter().filter(|word| word.act == OwnAct::Removed(c.me())).collect();
    assert!(removals.len() == 1 && removals[0].reason == "Enough." && removals[0].fell.is_none(), "{removals:?}");
    b.hear(&a);
    assert_eq!(listed, b.roll.acts().iter().filter_map(|id| b.roll.own_word(id)).collect::<Vec<_>>());

    let [mut a, mut b, c] = commons(Model::Majority);
    let decided = a.propose(Act::Remove { member: c.me(), cut: Cut::default() });
    a.yes(decided);
    b.hear(&a);
    b.yes(decided);
    let joined = b.roll.remove_because(c.me(), Vec::new(), "As decided.", &b.key).expect("joins");
    assert_eq!(joined.len(), 1);
    assert_eq!(b.roll.own_word(&joined[0].id()), None);
    assert!(!b.roll.acts().contains(&joined[0].id()) && b.roll.acts().contains(&decided));
}

#[test]
fn a_word_that_does_not_count_says_why() {
    // The rule was changed elsewhere, for good.
    let [mut a, mut b, mut c] = commons(Model::Open);
    let idc = c.me();
    let stale = remove(&mut b, idc, "I thought I could.");
    let newcomer = {
        let record = b.roll.admit_request(request(b.roll.commons(), 8), &b.key).expect("admits");
        let id = record.id();
        b.records.push(record);
        id
    };
    let majority = a.propose(Act::Model { model: Model::Majority, stewards: Vec::new() });
    a.seal(majority);
    c.hear(&a);
    c.seal(majority);
    let all = together(&[&a, &b, &c]);
    assert_eq!(told(&all, stale).fell, Some(Reason::TimeOver));
    assert_eq!(told(&all, stale).reason, "I thought I could.");
    assert!(all.has_member(idc));
    assert_eq!(told(&all, newcomer).fell, None, "how people come in is as it was");
    // Who was removed beside it.
    let [mut a, b, mut c] = commons(Model::Open);
    let idb = b.me();
    let of_c = remove(&mut a, c.me(), "");
    let word = remove(&mut c, idb, "");
    let admitted = c.roll.admit_request(request(c.roll.commons(), 8), &c.key).expect("admits");
    c.records.push(admitted.clone());
    let all = together(&[&a, &b, &c]);
    assert_eq!(told(&all, admitted.id()).fell, Some(Reason::Author));
    assert_eq!(told(&all, word).fell, None, "by its own past they could");
    let authority = c.records.iter().find(|r| r.draft().author == c.key.id()).expect("one").draft().authority;
    let under = RecordId::new(*a.roll.commons().as_bytes());
    let late = commonplace_governance::Removal { member: a.me(), under, cut: Cut::default() };
    let late = c.forge(vec![of_c], authority.expect("one"), &Body::Removal(late));
    let mut all = all;
    all.roll.add(&late);
    assert_eq!(told(&all, late.id()).fell, Some(Reason::Author));
    // What it goes by fell.
    let [mut a, mut b, c] = commons(Model::Majority);
    let (open, other) = (Act::Model { model: Model::Stewards { needed: 1 }, stewards: vec![] }, licence("X"));
    let falls = a.propose(open);
    let stands = b.propose(other);
    a.hear(&b);
    b.hear(&a);
    b.yes(stands);
    let mut d = c.clone();
    d.hear(&b);
    d.yes(stands);
    let under = commonplace_governance::Removal { member: c.me(), under: falls, cut: Cut::default() };
    let authority = a.roll.member(&a.me()).expect("one").by;
    let record = a.forge(vec![falls], authority, &Body::Removal(under));
    assert_eq!(a.roll.add(&record), Added::Folded);
    a.records.push(record.clone());
    let all = together(&[&a, &b, &d]);
    assert_eq!(told(&all, record.id()).fell, Some(Reason::Unfounded(falls)));
}

#[test]
fn who_comes_in_where_the_policy_was_changed_elsewhere_is_told_so() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let policy = a.propose(Act::Policy(Policy::Decision));
    a.yes(policy);
    c.hear(&a);
    c.yes(policy);
    let record = b.roll.admit_request(request(b.roll.commons(), 8), &b.key).expect("admits");
    b.records.push(record.clone());
    let all = together(&[&a, &b, &c]);
    assert_eq!(told(&all, record.id()).fell, Some(Reason::TimeOver));
    assert_eq!(all.roll.standing_of(&key(8).id()), DeviceStanding::None);
}

#[test]
fn what_a_decision_to_remove_somebody_knew_of_theirs_stays() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let admit = |c: &mut Peer, n: u8| {
        let record = c.roll.admit_request(request(c.roll.commons(), n), &c.key).expect("admits");
        c.records.push(record.clone());
        record.id()
    };
    let known = admit(&mut c, 8);
    a.hear(&c);
    let beside = admit(&mut c, 9);
    let out = a.propose(Act::Remove { member: c.me(), cut: Cut::default() });
    a.yes(out);
    b.hear(&a);
    b.yes(out);
    let all = together(&[&a, &b, &c]);
    assert!(!all.has_member(c.me()));
    assert_eq!((told(&all, known).fell, told(&all, beside).fell), (None, Some(Reason::Author)));
    assert!(all.roll.member_of(&key(8).id()).is_some() && all.roll.member_of(&key(9).id()).is_none());
}
