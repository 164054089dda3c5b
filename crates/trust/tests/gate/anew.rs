//! A device writes in two ways, four honest ones write on both: once they know, all have the same page, and no word of theirs
//! is missing or there twice.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use commonplace_model::{
    Actor, ChangeHash, DeviceId, DocId, DocKind, Document, Fate, Ledger, LocalChange, Nonce, Page, PageId, Splice,
    Statement,
};
use commonplace_trust::{
    Arrival, Attestation, Fork, Gate, Standing, Verdict, VerifiedAttestation, VerifiedChange, VerifiedTwins, actor_of,
    chunk, gate, twins::falling,
};
use proptest::prelude::*;

use crate::device::{COMMONS, Device, LEDGER, PAGE, Seen, key};

const MALLORY: u8 = 9;
const HONEST: usize = 4;

/// What is proved, as a roll has it, and what is named there of the work of devices that are out by it.
#[derive(Clone, Default, PartialEq)]
struct Proofs {
    all: BTreeMap<Vec<u8>, VerifiedTwins>,
    named: BTreeSet<ChangeHash>,
}

impl Proofs {
    fn put(&mut self, proof: VerifiedTwins) {
        self.all.insert(proof.bytes().to_vec(), proof);
    }

    fn hear(&mut self, other: &Self) {
        self.all.extend(other.all.clone());
        self.named.extend(&other.named);
    }

    fn forks(&self) -> BTreeMap<Actor, Fork> {
        let actors: BTreeSet<Actor> = self.all.values().map(VerifiedTwins::actor).collect();
        let of = |actor: Actor| {
            self.all.values().filter(move |proof| proof.actor() == actor).filter_map(VerifiedTwins::fork)
        };
        actors.into_iter().filter_map(|actor| Some((actor, Fork::joined(of(actor))?))).collect()
    }
}

impl Standing for Proofs {
    fn may_write(&self, device: &DeviceId, _: &DocId) -> Verdict {
        let caught = self.all.values().any(|proof| proof.device() == *device);
        if caught { Verdict::Ended } else { Verdict::Allowed }
    }

    fn is_cut(&self, _: &DocId, hash: &ChangeHash) -> bool {
        self.named.contains(hash) || self.forks().values().any(|fork| fork.last() == Some(*hash))
    }

    fn forked(&self, _: &DocId, actor: &Actor) -> Option<Fork> {
        self.forks().get(actor).copied()
    }
}

struct Replica {
    n: u8,
    nonce: u8,
    page: Page,
    changes: Vec<VerifiedChange>,
    seen: Seen,
    proofs: Proofs,
    /// What this one typed and nobody honest deleted; of Mallory, what it deleted.
    typed: BTreeSet<char>,
}

impl Replica {
    fn new(n: u8) -> Self {
        let mut replica = Self {
            n,
            nonce: 0,
            page: Page::default(),
            changes: Vec::new(),
            seen: Seen::default(),
            proofs: Proofs::default(),
            typed: BTreeSet::new(),
        };
        replica.set_actor();
        replica
    }

    fn nonce(&self) -> Nonce {
        Nonce::new([self.nonce; 16])
    }

    fn set_actor(&mut self) {
        let actor = actor_of(COMMONS, PAGE, key(self.n).id(), self.nonce());
        self.page.document_mut().set_actor(actor);
    }

    fn keep(&mut self, made: impl IntoIterator<Item = LocalChange>) {
        for local in made {
            let (change, said) =
                VerifiedChange::local(local, &key(self.n), COMMONS, PAGE, self.nonce()).expect("within bounds");
            self.seen.take(std::slice::from_ref(&change));
            self.changes.push(change);
            self.seen.vouched.insert(said.actor(), vec![*said.get()]);
        }
    }

    fn edit(&mut self, at: u32, delete: u32, insert: &str) {
        let local = self.page.edit(&[Splice { at, delete, insert: insert.to_owned() }]).expect("fits");
        self.keep(local);
    }

    /// Takes in what another one has, as two that meet do: proofs first.
    fn hears(&mut self, other: &Self) {
        let before = self.proofs.clone();
        self.proofs.hear(&other.proofs);
        if self.proofs != before {
            self.heeds();
        }
        let known: HashSet<ChangeHash> = self.changes.iter().map(VerifiedChange::hash).collect();
        let changes = other.changes.iter().filter(|c| !known.contains(&c.hash())).map(|c| c.bytes().to_vec()).collect();
        let attestations = other.seen.vouched.values().flatten().copied().collect();
        let arrival = Arrival { doc: PAGE, attestations, changes };
        let passed = Gate { commons: COMMONS, history: &self.seen, standing: &self.proofs }.pass(arrival);
        self.seen.take(&passed.changes);
        self.changes.extend(passed.changes.iter().cloned());
        for said in passed.attestations {
            let kept = self.seen.vouched.entry(said.actor()).or_default();
            if kept.first().is_none_or(|newest| newest.seq < said.get().seq) {
                *kept = vec![*said.get()];
            }
        }
        gate::apply(self.page.document_mut(), passed.changes).expect("what passed applies");
        if !passed.twins.is_empty() && self.n != MALLORY {
            passed.twins.into_iter().for_each(|proof| self.proofs.put(proof));
            self.heeds();
        }
    }

    /// What the engine does when a proof is new.
    fn heeds(&mut self) {
        let forks = self.proofs.forks();
        let out = falling(&self.changes, |actor| forks.get(actor).copied());
        let mallory = |nonce| actor_of(COMMONS, PAGE, key(MALLORY).id(), nonce);
        let nonce = Nonce::new([0; 16]);
        let own: Vec<Actor> =
            (0..=self.nonce).map(|nonce| actor_of(COMMONS, PAGE, key(self.n).id(), Nonce::new([nonce; 16]))).collect();
        let fate = |change: &VerifiedChange| match out.contains(&change.hash()) {
            false => Fate::Stands,
            true if change.actor() == mallory(nonce) => Fate::Void,
            true if own.contains(&change.actor()) => Fate::Own,
            true => Fate::Others,
        };
        let fates: Vec<_> = self.changes.iter().map(|change| (change, fate(change))).collect();
        let anew = gate::anew(fates.iter().copied()).expect("reads");
        let falls_own = fates.iter().any(|(_, fate)| *fate == Fate::Own);
        let standing: Vec<VerifiedChange> =
            self.changes.iter().filter(|change| !out.contains(&change.hash())).cloned().collect();
        let vouched = std::mem::take(&mut self.seen.vouched);
        self.seen = Seen::default();
        self.seen.take(&standing);
        self.page = Page::default();
        gate::apply(self.page.document_mut(), standing.clone()).expect("what stands applies");
        // Nothing but the newest word of each was kept; of what is left, its writer has to say another one.
        let here = |said: &Attestation| standing.iter().any(|change| change.hash() == said.hash);
        self.seen.vouched = vouched.into_iter().filter(|(_, said)| said.iter().all(here)).collect();
        for (at, actor) in own.iter().enumerate() {
            let newest = standing.iter().rev().find(|change| change.actor() == *actor);
            if let Some(change) = newest {
                let nonce = Nonce::new([u8::try_from(at).expect("few"); 16]);
                let (key, seq, hash) = (key(self.n), change.seq(), change.hash());
                let said = VerifiedAttestation::sign(&key, COMMONS, PAGE, nonce, seq, hash);
                self.seen.vouched.insert(*actor, vec![*said.get()]);
            }
        }
        if let Some(fork) = forks
            .get(&mallory(nonce))
            .filter(|fork| fork.last().is_some_and(|last| standing.iter().any(|c| c.hash() == last)))
        {
            let word = VerifiedAttestation::proven(key(MALLORY).id(), nonce, fork, COMMONS, PAGE).expect("common");
            self.seen.vouched.insert(mallory(nonce), vec![*word.get()]);
        }
        self.changes = standing;
        self.names(mallory(nonce));
        if falls_own {
            self.nonce += 1;
        }
        self.set_actor();
        if !anew.splices().is_empty() {
            let local = self.page.edit(anew.splices()).expect("fits");
            self.keep(local);
        }
    }

    /// Names what of somebody's work stands here and nothing builds on: they are out, and it counts.
    fn names(&mut self, actor: Actor) {
        let built_on: HashSet<ChangeHash> = self.changes.iter().flat_map(VerifiedChange::deps).collect();
        let own = self.changes.iter().filter(|change| change.actor() == actor && !built_on.contains(&change.hash()));
        self.proofs.named.extend(own.map(VerifiedChange::hash));
    }

    /// Puts in that Mallory wrote in two ways, and not where they part, though that may be seen from what there is.
    fn says_less(&mut self, mallory: &[Self; 2], seq: u64) {
        let key = key(MALLORY);
        let said = [1, 2].map(|n| {
            let hash = ChangeHash::new([n; 32]);
            *VerifiedAttestation::sign(&key, COMMONS, PAGE, mallory[0].nonce(), seq, hash).get()
        });
        self.proofs.put(VerifiedTwins::of_words(COMMONS, PAGE, said).expect("twins"));
        self.heeds();
    }

    fn state(&self) -> (Vec<ChangeHash>, String) {
        (self.page.document().heads(), self.page.body())
    }
}

#[derive(Debug, Clone)]
enum Step {
    Types(usize, u16),
    Deletes(usize, u16),
    MalloryTypes(usize, u16),
    MalloryDeletes(usize, u16),
    MalloryTells(usize, usize),
    MalloryHears(usize, usize),
    Meet(usize, usize),
    SaysLess(usize, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let honest = || 0..HONEST;
    prop::collection::vec(
        prop_oneof![
            4 => (honest(), any::<u16>()).prop_map(|(who, at)| Step::Types(who, at)),
            1 => (honest(), any::<u16>()).prop_map(|(who, at)| Step::Deletes(who, at)),
            2 => (0..2_usize, any::<u16>()).prop_map(|(way, at)| Step::MalloryTypes(way, at)),
            1 => (0..2_usize, any::<u16>()).prop_map(|(way, at)| Step::MalloryDeletes(way, at)),
            3 => (0..2_usize, honest()).prop_map(|(way, who)| Step::MalloryTells(way, who)),
            2 => (0..2_usize, honest()).prop_map(|(way, who)| Step::MalloryHears(way, who)),
            3 => (honest(), honest()).prop_map(|(one, other)| Step::Meet(one, other)),
            1 => (honest(), 2..9_u64).prop_map(|(who, seq)| Step::SaysLess(who, seq)),
        ],
        1..60,
    )
}

/// The page of a commons, in which Mallory wrote in one way until now.
fn begun(common: usize) -> (Vec<Replica>, [Replica; 2]) {
    let mut honest: Vec<Replica> = (1..).take(HONEST).map(Replica::new).collect();
    let mut mallory = [Replica::new(MALLORY), Replica::new(MALLORY)];
    honest[0].edit(0, 0, "begun");
    mallory[0].hears(&honest[0]);
    for _ in 0..common {
        mallory[0].edit(1, 0, "m");
    }
    let [one, other] = &mut mallory;
    other.hears(one);
    honest.iter_mut().for_each(|replica| replica.hears(one));
    (honest, mallory)
}

fn takes(step: &Step, honest: &mut [Replica], mallory: &mut [Replica; 2], fresh: &mut impl Iterator<Item = char>) {
    let place = |page: &Page, at: u16| u32::from(at) % (page.body_len() + 1);
    match *step {
        Step::Types(who, at) => {
            let typed = fresh.next().expect("enough");
            let at = place(&honest[who].page, at);
            honest[who].edit(at, 0, &typed.to_string());
            honest[who].typed.insert(typed);
        }
        Step::Deletes(who, at) if honest[who].page.body_len() > 0 => {
            let at = u32::from(at) % honest[who].page.body_len();
            let gone = honest[who].page.body().chars().nth(at as usize);
            honest[who].edit(at, 1, "");
            honest.iter_mut().for_each(|replica| replica.typed.retain(|typed| Some(*typed) != gone));
        }
        Step::MalloryTypes(way, at) => {
            let at = place(&mallory[way].page, at);
            mallory[way].edit(at, 0, ["x", "y"][way]);
        }
        Step::MalloryDeletes(way, at) if mallory[way].page.body_len() > 0 => {
            let at = u32::from(at) % mallory[way].page.body_len();
            mallory[way].typed.extend(mallory[way].page.body().chars().nth(at as usize));
            mallory[way].edit(at, 1, "");
        }
        Step::MalloryTells(way, who) => honest[who].hears(&mallory[way]),
        Step::SaysLess(who, seq) => honest[who].says_less(mallory, seq),
        // It gets what each of its ways can have.
        Step::MalloryHears(way, who) if honest[who].proofs.all.is_empty() => mallory[way].hears(&honest[who]),
        Step::Meet(one, other) if one != other => {
            let [one, other] = honest.get_disjoint_mut([one, other]).expect("two");
            one.hears(other);
            other.hears(one);
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]
    #[test]
    fn all_end_with_the_same_page_and_every_honest_word_in_it_once(
        common in 0..3_usize,
        steps in steps(),
        order in prop::collection::vec((0..HONEST, 0..HONEST), 0..12),
    ) {
        let (mut honest, mut mallory) = begun(common);
        let mut fresh = '一'..='鿿';
        for step in &steps {
            takes(step, &mut honest, &mut mallory, &mut fresh);
        }
        // They meet in this order, and then all of them until nothing is new.
        let everybody = (0..HONEST).flat_map(|one| (0..HONEST).map(move |other| (one, other)));
        let meetings = order.into_iter().chain(everybody.clone()).chain(everybody.clone()).chain(everybody.clone()).chain(everybody);
        for (one, other) in meetings {
            takes(&Step::Meet(one, other), &mut honest, &mut mallory, &mut fresh);
        }
        let (heads, body) = honest[0].state();
        // What Mallory deleted while it wrote in one way is deleted.
        let whole = honest[0].proofs.forks().values().all(|fork| fork.from() > 1);
        let gone = |typed: &char| whole && mallory.iter().any(|way| way.typed.contains(typed));
        for replica in &honest {
            prop_assert_eq!(replica.state(), (heads.clone(), body.clone()), "{}", replica.n);
            for typed in &replica.typed {
                let count = body.matches(*typed).count();
                prop_assert!(count == 1 || count == 0 && gone(typed), "{} of {} in {}", typed, replica.n, &body);
            }
        }
        // Somebody new comes to the same by the gate alone.
        let mut newcomer = Replica::new(8);
        (0..2).for_each(|_| honest.iter().for_each(|replica| newcomer.hears(replica)));
        prop_assert_eq!(newcomer.state(), (heads, body));
    }

    /// The walk through all that was ever inserted is the order that Automerge has.
    #[test]
    fn all_characters_are_walked_in_their_order(steps in steps()) {
        let (mut honest, mut mallory) = begun(1);
        let mut fresh = '一'..='鿿';
        for step in steps.iter().filter(|step| !matches!(step, Step::MalloryTells(1, _) | Step::MalloryHears(1, _))) {
            takes(step, &mut honest, &mut mallory, &mut fresh);
        }
        for replica in &honest {
            let anew = gate::anew(replica.changes.iter().map(|change| (change, Fate::Own))).expect("reads");
            let mut page = Page::from_document(Document::new(DocKind::Page)).expect("a page");
            page.document_mut().set_actor(Actor::new([1; 16]));
            page.edit(anew.splices()).expect("fits");
            prop_assert_eq!(page.body(), replica.page.body());
        }
    }
}

#[test]
fn what_falls_in_a_ledger_is_said_anew() {
    let tag = |tag: &str| Statement::Tag { page: PageId::new([5; 16]), tag: tag.parse().expect("a tag") };
    let (mut other, mut own) = (Device::new(1, LEDGER), Device::new(2, LEDGER));
    let says = |device: &mut Device, say: &[Statement], unsay: &[Statement]| {
        let unsay: Vec<_> = unsay.iter().map(Statement::key).collect();
        let made = device.ledger.state(say, &unsay).expect("states").expect("changes");
        device.keep(made)
    };
    let stands = says(&mut other, &[tag("one"), tag("two")], &[]);
    let falls = says(&mut other, &[tag("three")], &[]);
    own.meet(&other);
    // Two that build on what falls; the second takes back what stands, and what the first said.
    let first = says(&mut own, &[tag("four"), tag("five")], &[tag("three")]);
    let second = says(&mut own, &[], &[tag("one"), tag("five")]);
    let fates = [(&stands, Fate::Stands), (&falls, Fate::Void), (&first, Fate::Own), (&second, Fate::Own)];
    let anew = gate::anew(fates).expect("reads");

    let mut left = Document::new(DocKind::Ledger);
    gate::apply(&mut left, vec![stands.clone()]).expect("applies");
    left.set_actor(actor_of(COMMONS, LEDGER, key(2).id(), Nonce::new([7; 16])));
    let made = left.put_anew(&anew, &chunk::OWN).expect("puts");
    // It is one change that passes, and says what was meant, once.
    let sign = |local| VerifiedChange::local(local, &key(2), COMMONS, LEDGER, Nonce::new([7; 16])).expect("vouches").0;
    let made: Vec<_> = made.into_iter().map(sign).collect();
    assert_eq!(made.len(), 1);
    let mut all = Document::new(DocKind::Ledger);
    gate::apply(&mut all, [vec![stands], made].concat()).expect("applies");
    let said = Ledger::from_document(all).expect("a ledger").statements();
    let said: BTreeSet<String> = said.iter().map(|(_, statement)| format!("{statement:?}")).collect();
    assert_eq!(said, [tag("two"), tag("four")].iter().map(|statement| format!("{statement:?}")).collect());
}
