//! What is promised, of rolls that random members write in random partitions, some of them twice and behind the others'
//! backs.

use std::collections::{BTreeMap, BTreeSet};

use commonplace_governance::decision::Standing;
use commonplace_governance::{
    Act, Added, Admission, Because, Body, Choice, Cut, DeviceCertificate, DeviceRevocation, DeviceStanding, Invitation,
    InvitationClosed, Model, Policy, Reason, Removal, Roll, Seal, Vote, Vouch,
};
use commonplace_model::{DeviceId, MemberId, PageId, RecordId};
use commonplace_trust::VerifiedRecord;
use proptest::prelude::*;

use crate::peers::{Peer, commons, key, licence, request, ticket};

/// One act: in which partition, by whom, what, about what.
type Step = (usize, usize, u8, u8, usize);

/// Partitions that there are at a time.
const PARTITIONS: usize = 4;

fn story() -> impl Strategy<Value = (u8, Vec<Step>)> {
    // Mostly in the first, so that things get decided.
    let partition = || prop::sample::select(vec![0, 0, 0, 0, 0, 1, 1, 2, 3]);
    let step = (partition(), partition(), 1..7_u8, 0..56_u8, 0..1_000_usize);
    (0..5_u8, prop::collection::vec(step, 10..120))
}

fn model(n: u8) -> Model {
    match n {
        0 => Model::Open,
        1 => Model::Stewards { needed: 1 },
        2 => Model::Stewards { needed: 3 },
        3 => Model::Consent { quorum: 50 },
        _ => Model::Majority,
    }
}

/// All records of a story, each after those it builds on. Partitions are kept as they were, so that what members do in them
/// later is done behind the others' backs.
fn play((first, steps): &(u8, Vec<Step>)) -> Vec<VerifiedRecord> {
    let [start, ..]: [Peer; 4] = commons(model(*first));
    let mut all = start.records.clone();
    let mut partitions = vec![start; PARTITIONS];
    for (here, there, by, what, pick) in steps {
        let mut peer = partitions[*here].clone();
        peer.key = key(*by);
        if *what == 47 || *what == 48 {
            all.extend(council(&mut peer));
        } else if *what < 5 || *what > 48 {
            let other = partitions[*there].clone();
            peer.hear(&other);
        } else if let Some(records) = act(&mut peer, *what, *pick) {
            peer.records.extend(records.iter().cloned());
            all.extend(records);
        }
        partitions[*there] = peer;
    }
    let mut seen = BTreeSet::new();
    all.retain(|record| seen.insert(record.id()));
    all
}

/// All four of the founding members who are here say yes to what was proposed last, and acknowledge it.
fn council(peer: &mut Peer) -> Vec<VerifiedRecord> {
    let mut said = Vec::new();
    for n in (1..5).chain(1..5) {
        let key = key(n);
        let last = peer.roll.proposals().last().copied();
        said.extend(last.and_then(|last| peer.roll.vote(last, Choice::Yes, &key).ok()));
        for due in peer.roll.due(&key.id()) {
            said.extend(peer.roll.seal(due, &key));
        }
    }
    peer.records.extend(said.iter().cloned());
    said
}

fn chosen<T: Clone>(of: &[T], pick: usize) -> Option<T> {
    of.get(pick % of.len().max(1)).cloned()
}

fn act(peer: &mut Peer, what: u8, pick: usize) -> Option<Vec<VerifiedRecord>> {
    let members: Vec<MemberId> = peer.roll.members().map(|m| m.id).collect();
    let member = chosen(&members, pick)?;
    let n = u8::try_from(5 + pick % 6).ok()?;
    let ids: Vec<RecordId> = peer.records.iter().map(VerifiedRecord::id).collect();
    let (roll, key_of_me) = (&mut peer.roll, &peer.key);
    let proposal = |roll: &Roll| chosen(&roll.proposals(), pick);
    let written = match what {
        5 => roll.admit_request(request(roll.commons(), n), key_of_me),
        6 => {
            let why = ["", "Because."][pick % 2];
            return roll.remove_because(member, vec![Cut::default()], why, key_of_me).ok();
        }
        7 => roll.propose(Act::Remove { member, cut: Cut::default() }, String::new(), key_of_me),
        8 => roll.propose(licence(&format!("L-{pick}")), String::new(), key_of_me),
        9 => roll.propose(Act::Model { model: model(n % 5), stewards: Vec::new() }, String::new(), key_of_me),
        10 => roll.propose(
            Act::Policy([Policy::Ticket, Policy::Vouched, Policy::Decision][pick % 3]),
            String::new(),
            key_of_me,
        ),
        11 => roll.propose(
            if pick.is_multiple_of(2) { Act::Grant(member) } else { Act::End(member) },
            String::new(),
            key_of_me,
        ),
        12 => roll.propose(Act::Hide(PageId::new([n; 16])), String::new(), key_of_me),
        13 => roll.propose(Act::Roster, String::new(), key_of_me),
        14 => roll.propose(Act::Admit(Box::new(request(roll.commons(), n))), String::new(), key_of_me),
        15 => roll.vote(proposal(roll)?, Choice::Yes, key_of_me),
        17 => roll.vote(proposal(roll)?, [Choice::No, Choice::Object, Choice::Withdraw][pick % 3], key_of_me),
        16 | 18 | 19 => roll.seal(proposal(roll)?, key_of_me),
        // Mostly, members answer what was proposed last, and acknowledge what they should.
        24..=40 => roll.vote(*roll.proposals().iter().rev().nth(pick % 2)?, Choice::Yes, key_of_me),
        41..=46 => roll.seal(*roll.due(&key_of_me.id()).first()?, key_of_me),
        20 => roll.write(&Body::Vouch(Vouch { device: key(n).id() }), key_of_me),
        21 => {
            let consent = DeviceCertificate::consent(roll.commons(), roll.member_of(&key_of_me.id())?.id, &key(40 + n));
            let certificate = DeviceCertificate::new(key(40 + n).id(), "Phone".to_owned(), consent);
            roll.write(&Body::DeviceCertificate(certificate), key_of_me)
        }
        22 => {
            let revocation = DeviceRevocation { standing: chosen(&ids, pick)?, cut: Cut::default() };
            roll.write(&Body::DeviceRevocation(revocation), key_of_me)
        }
        _ => roll.propose(Act::Readmit { standing: chosen(&ids, pick)? }, String::new(), key_of_me),
    };
    written.ok().map(|record| vec![record])
}

fn ids_of(records: &[VerifiedRecord]) -> BTreeMap<RecordId, VerifiedRecord> {
    records.iter().map(|record| (record.id(), record.clone())).collect()
}

/// Everything that a record names.
fn links(record: &VerifiedRecord) -> Vec<RecordId> {
    let draft = record.draft();
    let mut all: Vec<RecordId> = draft.parents.iter().copied().chain(draft.authority).collect();
    match Body::decode(&draft.body) {
        Some(Body::DeviceRevocation(revocation)) => all.push(revocation.standing),
        Some(Body::Removal(removal)) => all.push(removal.under),
        Some(Body::Vote(vote)) => all.push(vote.proposal),
        Some(Body::Seal(seal)) => all.push(seal.proposal),
        Some(Body::Proposal(proposal)) => {
            all.push(proposal.after);
            all.extend(proposal.newcomers.iter().chain(&proposal.departed));
            if let Act::Readmit { standing } | Act::Rebind { standing, .. } = &proposal.act {
                all.push(*standing);
            }
        }
        _ => {}
    }
    all
}

/// A record and all its ancestors.
fn ancestry(record: &VerifiedRecord, all: &BTreeMap<RecordId, VerifiedRecord>) -> Vec<VerifiedRecord> {
    let mut found = BTreeMap::from([(record.id(), record.clone())]);
    let mut open = links(record);
    while let Some(id) = open.pop() {
        if let Some(record) = all.get(&id).filter(|_| !found.contains_key(&id)) {
            open.extend(links(record));
            found.insert(id, record.clone());
        }
    }
    found.into_values().collect()
}

fn standings(roll: &Roll) -> BTreeMap<RecordId, Standing> {
    let of = |id: RecordId| Some((id, roll.decision(&id)?.standing));
    roll.proposals().into_iter().filter_map(of).collect()
}

/// Those that stand, and whether for good.
fn standing_ones(roll: &Roll) -> Vec<(RecordId, Standing)> {
    standings(roll).into_iter().filter(|(_, standing)| !matches!(standing, Standing::Not(_))).collect()
}

/// Records that an honest device would not write: without right, by no elector, after the author's end.
fn hostile(peer: &mut Peer, at: RecordId, pick: usize) -> Vec<VerifiedRecord> {
    let authorities: Vec<RecordId> =
        peer.records.iter().filter(|r| gives(r, &peer.key.id())).map(VerifiedRecord::id).collect();
    let Some(authority) = chosen(&authorities, pick) else { return Vec::new() };
    let proposals = peer.roll.proposals();
    let members: Vec<MemberId> = peer.roll.members().map(|m| m.id).collect();
    let mut bodies = vec![
        Body::Invitation(Invitation { key: key(200).id(), uses: 3, expires_at: 1 }),
        Body::InvitationClosed(InvitationClosed { key: ticket().id() }),
        Body::Admission(Admission { request: request(peer.roll.commons(), 60) }),
    ];
    for said in peer.records.iter().rev().take(4) {
        bodies.push(Body::Because(Because { record: said.id(), reason: "As I say.".to_owned() }));
    }
    for proposal in proposals.iter().take(3) {
        bodies.push(Body::Vote(Vote { proposal: *proposal, choice: Choice::Yes }));
        bodies.push(Body::Seal(Seal { proposal: *proposal }));
    }
    let genesis = RecordId::new(*peer.roll.commons().as_bytes());
    for member in members {
        bodies.push(Body::Removal(Removal { member, under: genesis, cut: Cut::default() }));
        let last = proposals.last().copied().unwrap_or(genesis);
        bodies.push(Body::Removal(Removal { member, under: last, cut: Cut::default() }));
    }
    bodies.iter().map(|body| peer.forge(vec![at], authority, body)).collect()
}

/// What hostile members add behind the others' backs, on top of an old record.
fn with_hostile(mut records: Vec<VerifiedRecord>, pick: usize) -> Vec<VerifiedRecord> {
    let roll = Roll::fold(records[0].commons(), &records).expect("folds");
    let at = records[pick % records.len()].id();
    for n in [1 + u8::try_from(pick % 5).unwrap_or(0), 2] {
        let mut peer = Peer { roll: roll.clone(), key: key(n), records: records.clone() };
        records.extend(hostile(&mut peer, at, pick));
    }
    records
}

fn gives(record: &VerifiedRecord, device: &DeviceId) -> bool {
    match Body::decode(&record.draft().body) {
        Some(Body::Genesis(_)) => record.draft().author == *device,
        Some(Body::Admission(admission)) => admission.request.device == *device,
        Some(Body::DeviceCertificate(certificate)) => certificate.device == *device,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_and_any_duplicates_give_the_same_state(
        story in story(),
        order in prop::collection::vec((0..10_000_usize, 0..10_000_usize), 0..300),
        pick in 0..1_000_usize,
    ) {
        let records = with_hostile(play(&story), pick);
        let commons = records[0].commons();
        let usual = Roll::fold(commons, &records).expect("folds");
        let mut shuffled = records.clone();
        for (from, to) in order {
            let (from, to) = (from % shuffled.len(), to % shuffled.len());
            shuffled.swap(from, to);
            let twice = shuffled[to].clone();
            shuffled.push(twice);
        }
        let at_once = Roll::fold(commons, &shuffled).expect("folds");
        prop_assert!(at_once == usual, "{story:?}");
        prop_assert_eq!(standings(&at_once), standings(&usual));
        let mut one_by_one = Roll::begin(&records[0]).expect("begins");
        for record in &shuffled {
            one_by_one.add(record);
        }
        prop_assert!(one_by_one == usual, "one by one: {story:?}");
        let explained = |roll: &Roll| {
            let told = |id: &RecordId| (roll.decision(id), roll.own_word(id));
            (roll.able(), roll.acts().iter().map(told).collect::<Vec<_>>())
        };
        prop_assert_eq!(explained(&one_by_one), explained(&usual));
    }

    #[test]
    fn validity_depends_on_ancestors_alone(story in story(), pick in 0..1_000_usize) {
        let records = play(&story);
        let commons = records[0].commons();
        let mut whole = Roll::fold(commons, &records).expect("folds");
        let all = ids_of(&records);
        let mut peer = Peer { roll: whole.clone(), key: key(1), records: records.clone() };
        let mut judged: Vec<VerifiedRecord> = (1..6).flat_map(|n| {
            peer.key = key(n);
            hostile(&mut peer, records[pick % records.len()].id(), pick)
        }).collect();
        judged.extend(records.iter().skip(pick % 7).step_by(7).cloned());
        for record in judged {
            let alone = Roll::fold(commons, &ancestry(&record, &all)).expect("folds");
            let here = matches!(whole.add(&record), Added::Folded | Added::Known | Added::Ignored);
            prop_assert_eq!(alone.has(&record.id()), here, "{:?} of {:?}", Body::decode(&record.draft().body), story);
        }
    }

    #[test]
    fn what_is_sealed_is_never_undone(story in story(), at in 0..1_000_usize) {
        let records = play(&story);
        let commons = records[0].commons();
        let some = &records[..=at % records.len()];
        let all = with_hostile(records.clone(), at);
        let (before, after) = (Roll::fold(commons, some).expect("folds"), Roll::fold(commons, &all).expect("folds"));
        for id in before.proposals() {
            if standings(&before)[&id] != Standing::ForGood || standings(&after)[&id] == Standing::ForGood {
                continue;
            }
            // Only electors who spent ballots twice can do that, and they are named: here, or at the decision it follows.
            let mut undone = id;
            while let Standing::Not(reasons) = &standings(&after)[&undone] {
                let by_doubles = reasons.iter().any(|r| matches!(r, Reason::Rival { doubles, .. } if !doubles.is_empty()));
                let unfounded = reasons.iter().find_map(|r| match r { Reason::Unfounded(id) => Some(*id), _ => None });
                prop_assert!(by_doubles || unfounded.is_some(), "{id:?} is undone by {reasons:?}: {story:?}");
                let Some(parent) = unfounded.filter(|_| !by_doubles) else { break };
                undone = parent;
            }
        }
    }

    #[test]
    fn what_a_removed_member_says_later_alters_nothing(story in story(), pick in 0..1_000_usize) {
        let records = play(&story);
        let whole = Roll::fold(records[0].commons(), &records).expect("folds");
        let removals = records.iter().filter_map(|record| match Body::decode(&record.draft().body) {
            Some(Body::Removal(removal)) if whole.member(&removal.member).is_none() && whole.counts(&record.id()) => {
                Some((record.id(), removal.member))
            }
            _ => None,
        });
        for (removal, _) in removals {
            for n in 1..12 {
                let mut peer = Peer { roll: whole.clone(), key: key(n), records: records.clone() };
                let DeviceStanding::Ended(ended) = whole.standing_of(&key(n).id()) else { continue };
                // In the round that decides on their removal they are an elector, until it is sealed.
                if whole.proposals().iter().any(|id| is_running_removal(&whole, id, ended)) {
                    continue;
                }
                // On top of everything, so that every removal is among its ancestors.
                let late: Vec<_> = hostile(&mut peer, removal, pick)
                    .into_iter()
                    .map(|r| peer.forge(heads(&records), r.draft().authority.expect("one"), &Body::decode(&r.draft().body).expect("one")))
                    .collect();
                peer.roll.add_all(late);
                prop_assert_eq!(peer.roll.epoch(), whole.epoch(), "{:?}", story);
                prop_assert!(peer.roll.members().eq(whole.members()), "{:?}", story);
                prop_assert!(peer.roll.devices().eq(whole.devices()));
                prop_assert_eq!(peer.roll.charter(), whole.charter());
                prop_assert_eq!(peer.roll.footing(), whole.footing());
                prop_assert_eq!(peer.roll.invitation(&key(200).id()), None);
                // A second ballot found later is named, and alters nothing either.
                prop_assert_eq!(standing_ones(&peer.roll), standing_ones(&whole), "{:?}", story);
            }
        }
    }
}

/// Whether a member is removed by a decision of which others could still be the rivals.
fn is_running_removal(roll: &Roll, id: &RecordId, whom: MemberId) -> bool {
    roll.decision(id).is_some_and(|decision| {
        let removes = matches!(decision.proposal.act, Act::Remove { member, .. } if member == whom);
        removes && decision.standing == Standing::ForNow && !decision.electorate.is_empty()
    })
}

/// Records on which none builds.
fn heads(records: &[VerifiedRecord]) -> Vec<RecordId> {
    let named: BTreeSet<RecordId> = records.iter().flat_map(links).collect();
    records.iter().map(VerifiedRecord::id).filter(|id| !named.contains(id)).take(64).collect()
}
