//! What does not belong, and what was held back.

use commonplace_governance::decision::Standing;
use commonplace_governance::{Act, Added, Choice, Genesis, Model, Reason, Roll};
use commonplace_model::RecordId;
use commonplace_trust::{Draft, VerifiedRecord};

use super::together;
use crate::peers::{Peer, commons, genesis, key, licence};

#[test]
fn records_of_another_commons_change_nothing_in_whatever_order_they_come() {
    let [mut a, mut b, c] = commons(Model::Majority);
    let proposal = a.propose(licence("CC0-1.0"));
    b.hear(&a);
    a.yes(proposal);
    b.yes(proposal);
    // The same people with the same devices decide elsewhere, among others about something of the same words.
    let other = Genesis { nonce: [9; 16], ..genesis(3) };
    let (roll, first) = Roll::found(other, &key(1)).expect("founds");
    let mut elsewhere = Peer { roll, key: key(1), records: vec![first] };
    let there = elsewhere.propose(licence("WTFPL"));
    elsewhere.yes(there);
    assert!(elsewhere.stands(there));
    let usual = together(&[&a, &b, &c]);
    let mut fed = usual.roll.clone();
    for record in elsewhere.records.iter().chain(elsewhere.records.iter().rev()) {
        assert!(matches!(fed.add(record), Added::Invalid));
    }
    assert!(fed == usual.roll);
    // Signed anew for this commons, a vote of there is a vote for something that is not here: it waits, for ever.
    let draft = Draft {
        commons: Some(usual.roll.commons()),
        author: key(1).id(),
        authority: Some(RecordId::new(*usual.roll.commons().as_bytes())),
        parents: vec![there],
        body: elsewhere.records.last().expect("a vote").draft().body.clone(),
    };
    let replayed = VerifiedRecord::sign(draft, &key(1)).expect("signs");
    assert_eq!(fed.add(&replayed), Added::Waiting);
    assert!(fed == usual.roll);
    // With the name of its commons changed on the way it is no record at all: its signature is for the other one.
    let mut bytes = elsewhere.records.last().expect("a vote").bytes().to_vec();
    let place = bytes.windows(32).position(|w| w == elsewhere.roll.commons().as_bytes()).expect("named in it");
    bytes[place..place + 32].copy_from_slice(usual.roll.commons().as_bytes());
    assert!(VerifiedRecord::verify(bytes).is_err());
}

#[test]
fn records_that_were_held_back_and_come_late_lead_to_the_same_end() {
    let [mut a, mut b, mut c] = commons(Model::Majority);
    let proposal = a.propose(licence("CC0-1.0"));
    b.hear(&a);
    c.hear(&a);
    // Somebody relays what was built on these, and holds them back.
    let withheld = b.vote(proposal, Choice::Yes);
    a.hear(&b);
    a.yes(proposal);
    let next = a.propose(Act::Roster);
    a.yes(next);
    let held_back = |records: &[VerifiedRecord]| -> Vec<VerifiedRecord> {
        records.iter().filter(|record| record.id() != withheld).cloned().collect()
    };
    c.take(&held_back(&a.records));
    // Without it nothing that builds on it is known here, and nothing is made up.
    assert!(!c.stands(proposal) && !c.roll.has(&next));
    assert!(matches!(c.why_not(proposal)[..], [Reason::Lacks(lacks)] if lacks.yes == 2));
    let mut other = c.clone();
    c.yes(proposal);
    let all = together(&[&a, &b, &c]);
    assert_eq!(all.standing(proposal), Standing::ForGood);
    assert_eq!(all.roll.decision(&proposal).expect("a proposal").tally.yes, 2, "as its seal saw it");
    // What waited is there once the missing one is, in one go.
    let missing: Vec<_> = a.records.iter().filter(|record| record.id() == withheld).cloned().collect();
    other.take(&missing);
    assert!(other.roll.has(&next) && other.stands(proposal));
    assert!(other.roll == a.roll);
}

#[test]
fn a_removal_that_was_held_back_takes_out_what_was_done_beside_it() {
    let [mut a, b, mut c] = commons(Model::Stewards { needed: 1 });
    let before = c.clone();
    a.remove(before.me());
    // The removed steward goes on with those from whom the removal is kept.
    let proposal = c.propose(licence("WTFPL"));
    c.yes(proposal);
    let newcomer = c.admit(7);
    let mut fooled = b.clone();
    fooled.hear(&c);
    let built = fooled.propose(licence("CC0-1.0"));
    fooled.yes(built);
    assert_eq!(fooled.roll.charter().licence, "CC0-1.0");
    let all = together(&[&a, &fooled, &c, &newcomer]);
    assert!(!all.has_member(before.me()) && !all.has_member(newcomer.me()));
    assert_eq!(all.roll.charter().licence, "CC-BY-SA-4.0");
    assert!(matches!(all.why_not(proposal)[..], [Reason::Lacks(lacks)] if lacks.yes == 1));
    assert_eq!(all.why_not(built), vec![Reason::Unfounded(proposal)], "the honest one is told what it fell with");
}
