//! Runs: the order in which changes came, and what belongs together.

use std::collections::BTreeMap;

use commonplace_model::{Actor, CommonsId, DocId, MemberId, Span, Statement};
use commonplace_store::{Batch, DocBatch, Flag, Projection, Run, RunQuery, Store};
use proptest::prelude::*;

use crate::{
    documents::conversation,
    writing::{Made, Member, Writer, batch, device, page_id, profile},
};

const MINUTE: u64 = 60_000;

pub(crate) fn store_at(store: &mut Store, commons: CommonsId, doc: DocId, made: &[Made], at: u64) {
    let mut batch = batch(commons, doc, made, Projection::Later, false);
    batch.docs[0].at = at;
    store.write(batch).expect("stores");
}

pub(crate) fn all(store: &Store, commons: CommonsId) -> Vec<Run> {
    store.runs(commons, &RunQuery { limit: 1_000, ..RunQuery::default() }).expect("reads")
}

/// Of each actor the changes that its runs are, which must be all, each once and in order.
fn whole(runs: &[Run]) -> Result<BTreeMap<Actor, u64>, TestCaseError> {
    let mut ends: BTreeMap<Actor, u64> = BTreeMap::new();
    for run in runs.iter().rev() {
        let end = ends.entry(run.actor).or_default();
        prop_assert_eq!(*end + 1, run.first);
        prop_assert!(run.last >= run.first && run.began_at <= run.at);
        *end = run.last;
    }
    prop_assert!(runs.is_sorted_by_key(|run| std::cmp::Reverse(run.no)));
    Ok(ends)
}

#[test]
fn a_clock_that_was_behind_for_a_while_hides_nothing_that_came_before() {
    let (_dir, mut store, commons) = profile();
    let doc = DocId::Page(page_id(1));
    let said = conversation(commons, &[(0, true), (1, true)]);
    store_at(&mut store, commons, doc, &said[..1], 100 * MINUTE);
    store_at(&mut store, commons, doc, &said[1..], MINUTE);
    let since = RunQuery { since: Some(50 * MINUTE), limit: 9, ..RunQuery::default() };
    let found = store.runs(commons, &since).expect("reads");
    assert_eq!(found.iter().map(|run| run.at).collect::<Vec<_>>(), [100 * MINUTE]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_runs_of_an_actor_are_its_changes(
        turns in prop::collection::vec((0_usize..3, any::<bool>()), 1..40),
        waits in prop::collection::vec(0_u64..4 * MINUTE, 40),
        together in 1_usize..5,
        cut in any::<bool>(),
    ) {
        let (_dir, mut store, commons) = profile();
        let doc = DocId::Page(page_id(1));
        let said = conversation(commons, &turns);
        let mut at = 1_000_000;
        for (made, wait) in said.chunks(together).zip(waits.iter().cycle()) {
            at += wait;
            store_at(&mut store, commons, doc, made, at);
        }
        if cut {
            store.cut_back(commons, doc, |by| *by == device(3), &Default::default()).expect("cuts back");
        }
        let runs = all(&store, commons);
        let mut stored: BTreeMap<Actor, u64> = BTreeMap::new();
        for change in store.changes(commons, doc, None).expect("reads") {
            *stored.entry(change.actor()).or_default() += 1;
        }
        prop_assert_eq!(whole(&runs)?, stored);
        for run in &runs {
            let by = said.iter().find(|(change, _)| change.actor() == run.actor).expect("somebody's");
            prop_assert_eq!((run.device, run.doc), (Some(by.1.get().device), doc));
            prop_assert!(run.at - run.began_at <= 30 * MINUTE);
        }
        // A page of a list is the list's, whatever its length, and that of a device or page is what is left of it.
        let mut paged: Vec<Run> = Vec::new();
        loop {
            let before = paged.last().map(|run| run.no);
            let next = store.runs(commons, &RunQuery { limit: 3, before, ..RunQuery::default() }).expect("reads");
            if next.is_empty() {
                break;
            }
            paged.extend(next);
        }
        prop_assert_eq!(&paged, &runs);
        for n in 1..4 {
            let own: Vec<Run> = runs.iter().filter(|run| run.device == Some(device(n))).cloned().collect();
            for doc in [None, Some(doc)] {
                let devices = Some(vec![device(n)]);
                let query = RunQuery { devices, doc, limit: 1_000, ..RunQuery::default() };
                prop_assert_eq!(&store.runs(commons, &query).expect("reads"), &own);
            }
        }
        prop_assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
        store.remove_commons(commons).expect("leaves");
        prop_assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
    }
}

#[test]
fn keystrokes_without_a_pause_are_one_run() {
    let (_dir, mut store, commons) = profile();
    let mut ada = Writer::new(1, commons, page_id(1));
    let mut ben = Writer::new(2, commons, page_id(2));
    store_at(&mut store, commons, ada.doc(), &[ada.begin("A", "a")], 0);
    for n in 1..20 {
        store_at(&mut store, commons, ada.doc(), &[ada.insert("x")], n * MINUTE);
        let made = if n == 1 { ben.begin("B", "b") } else { ben.insert("y") };
        store_at(&mut store, commons, ben.doc(), &[made], n * MINUTE);
    }
    let spans = |store: &Store| all(store, commons).iter().map(|r| (r.doc, r.first, r.last)).collect::<Vec<_>>();
    assert_eq!(spans(&store), vec![(ben.doc(), 1, 19), (ada.doc(), 1, 20)], "side by side is no pause");
    store_at(&mut store, commons, ada.doc(), &[ada.insert("x")], 20 * MINUTE);
    assert_eq!(spans(&store), vec![(ada.doc(), 1, 21), (ben.doc(), 1, 19)], "the last one to grow is first");
    store_at(&mut store, commons, ada.doc(), &[ada.insert("x")], 26 * MINUTE);
    assert_eq!(spans(&store), vec![(ada.doc(), 22, 22), (ada.doc(), 1, 21), (ben.doc(), 1, 19)]);
    let since = RunQuery { since: Some(20 * MINUTE), limit: 9, ..RunQuery::default() };
    assert_eq!(store.runs(commons, &since).expect("reads").len(), 2);
}

#[test]
fn what_comes_at_once_is_cut_into_runs() {
    let (_dir, mut store, commons) = profile();
    let mut ada = Writer::new(1, commons, page_id(1));
    let mut made = vec![ada.begin("A", "a")];
    made.extend((0..2_500).map(|_| ada.insert("x")));
    store_at(&mut store, commons, ada.doc(), &made, 5);
    let runs = all(&store, commons);
    let spans: Vec<_> = runs.iter().map(|r| (r.first, r.last)).collect();
    assert_eq!(spans, vec![(2_001, 2_501), (1_001, 2_000), (1, 1_000)]);
    let actor = runs[0].actor;
    for (last, most, given) in [(4, usize::MAX, 3), (40, 1, 1), (40, 9, 9)] {
        let mut bytes = Vec::new();
        let take = |change| {
            bytes.push(change);
            bytes.len() < most
        };
        store.changes_of(commons, ada.doc(), actor, (2, last), take).expect("reads");
        let expected = made[1..=given].iter().map(|(change, _)| change.bytes());
        assert!(bytes.iter().map(Vec::as_slice).eq(expected), "{given}");
    }
    let run = store.run_with(commons, ada.doc(), actor, 1_500).expect("reads").expect("there");
    assert_eq!((run.first, run.last), (1_001, 2_000));
    assert_eq!(store.run_with(commons, ada.doc(), actor, 2_502).expect("reads"), None);
    let mut count = 0;
    let each = |bytes: &[u8]| {
        assert_eq!(bytes, made[count].0.bytes());
        count += 1;
        count < 2_000
    };
    store.each_change(commons, ada.doc(), each).expect("reads");
    assert_eq!(count, 2_000);
    assert_eq!(store.actor(commons, actor).expect("reads"), Some((ada.doc(), Some(device(1)), 2_501)));
    assert_eq!(store.actor(commons, Actor::new([7; 16])).expect("reads"), None);
}

#[test]
fn who_it_was_is_noted_when_somebody_vouches() {
    let (_dir, mut store, commons) = profile();
    let mut ada = Writer::new(1, commons, page_id(1));
    let (first, _) = ada.begin("A", "a");
    let (second, said) = ada.insert("b");
    let mut write = |changes, attestations| {
        let doc =
            DocBatch { doc: ada.doc(), changes, attestations, projection: Projection::Later, local: false, at: 1 };
        store.write(Batch { commons, docs: vec![doc] }).expect("stores");
        all(&store, commons).iter().map(|run| run.device).collect::<Vec<_>>()
    };
    assert_eq!(write(vec![first], vec![]), vec![None]);
    assert_eq!(write(vec![second], vec![said]), vec![Some(device(1))]);
}

/// What a member can say, of every kind there is. A kind that is missing here does not compile in `kind`.
fn a_statement() -> impl Strategy<Value = Statement> {
    let page = || (0_u32..4).prop_map(page_id);
    let tag = prop::sample::select(vec!["wet", "dry", "水"]).prop_map(|word| word.parse().expect("a tag"));
    let span = prop::option::of((0_u8..2, 1_u64..3, 0_u64..2).prop_map(|(a, first, more)| Span {
        actor: Actor::new([a; 16]),
        first,
        last: first + more,
    }));
    prop_oneof![
        (page(), tag).prop_map(|(page, tag)| Statement::Tag { page, tag }),
        ("[ab]{1,2}", 0_u8..12).prop_map(|(name, ink)| Statement::Profile { name, ink }),
        (page(), span, "[ab]{0,2}").prop_map(|(page, span, reason)| Statement::Flag { page, span, reason }),
    ]
}

fn kind(statement: &Statement) -> usize {
    match statement {
        Statement::Tag { .. } => 0,
        Statement::Profile { .. } => 1,
        Statement::Flag { .. } => 2,
    }
}

/// All that the store tells of what members said.
type Told = (Vec<Flag>, Vec<Option<(String, u8)>>, Vec<Vec<String>>, Vec<(String, u64)>);

fn told(store: &Store, commons: CommonsId, members: &[MemberId]) -> Told {
    let pages = || (0..4).map(page_id);
    let mut flags = store.flags(commons, None, 1_000).expect("reads").flags;
    flags.sort();
    let mut by_page: Vec<Flag> =
        pages().flat_map(|page| store.flags(commons, Some(page), 1_000).expect("reads").flags).collect();
    by_page.sort();
    assert_eq!(flags, by_page);
    let mut by_key: Vec<Flag> = Vec::new();
    for flag in &flags {
        let key = Statement::Flag { page: flag.page, span: flag.span, reason: String::new() }.key();
        by_key.extend(store.flag_of(commons, flag.member, &key).expect("reads"));
    }
    assert_eq!(flags, by_key);
    // Of each one only, and how many more there are.
    let one = store.flags(commons, None, 1).expect("reads");
    let more: u64 = one.more.iter().map(|(_, more)| more).sum();
    assert_eq!(one.flags.len() as u64 + more, flags.len() as u64);
    let names = members.iter().map(|m| store.profile_of(commons, *m).expect("reads")).collect();
    let tags = pages()
        .map(|p| store.page_tags(commons, p).expect("reads").iter().map(ToString::to_string).collect())
        .collect();
    let counts = members.iter().map(|m| store.tagged(commons).expect("reads").get(m).copied().unwrap_or(0));
    (flags, names, tags, members.iter().map(ToString::to_string).zip(counts).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_said_bit_by_bit_is_what_is_said_in_all(
        steps in prop::collection::vec((0_usize..2, prop::collection::vec(a_statement(), 0..3), prop::collection::vec(a_statement(), 0..3)), 0..30),
    ) {
        let ((_one, mut bit_by_bit, commons), (_two, mut at_once, _)) = (profile(), profile());
        let mut members = [Member::new(1, commons), Member::new(2, commons)];
        let mut kinds = [false; 3];
        for (n, say, mut unsay) in steps {
            unsay.retain(|unsaid| say.iter().all(|said| said.key() != unsaid.key()));
            say.iter().for_each(|said| kinds[kind(said)] = true);
            members[n].say(&mut bit_by_bit, &say, &unsay);
        }
        let ids = members.each_ref().map(|member| member.id);
        // Another store gets all changes and learns at the end what the ledgers say.
        for member in &mut members {
            let changes = bit_by_bit.changes(commons, DocId::Ledger(member.id), None).expect("reads");
            member.replay(&mut at_once, changes);
        }
        prop_assert_eq!(told(&bit_by_bit, commons, &ids), told(&at_once, commons, &ids));
        // And so does one that is told anew.
        let before = told(&bit_by_bit, commons, &ids);
        for member in &mut members {
            member.say_whole(&mut bit_by_bit, &[], &[]);
        }
        prop_assert_eq!(told(&bit_by_bit, commons, &ids), before);
        prop_assert_eq!(bit_by_bit.integrity().expect("checks"), Vec::<String>::new());
    }
}

#[test]
fn who_puts_flags_without_end_hides_none_and_makes_no_list_dear() {
    let (_dir, mut store, commons) = profile();
    let mut members: Vec<_> = (1..=4).map(|n| Member::new(n, commons)).collect();
    let flag = |page: u32, n: u64, reason: &str| Statement::Flag {
        page: page_id(page),
        span: (n > 0).then(|| Span { actor: Actor::new([7; 16]), first: n, last: n }),
        reason: reason.to_owned(),
    };
    for (n, member) in members[..3].iter_mut().enumerate() {
        member.say(&mut store, &[flag(1, 0, "honest")], &[]);
        member.say(&mut store, &[flag(2, n as u64 + 1, "honest")], &[]);
    }
    // A half of them on one page, and a half on a page each.
    let flood: Vec<_> = (1..=5_000_u32).flat_map(|n| [flag(1, n.into(), ""), flag(10 + n, 0, "")]).collect();
    flood.chunks(1_000).for_each(|some| members[3].say(&mut store, some, &[]));
    members[3].say(&mut store, &[flag(1, 1, "the last word")], &[]);

    let flooder = members[3].id;
    for (page, honest, all) in [(None, 6, 10_000), (Some(page_id(1)), 3, 5_000)] {
        let listed = store.flags(commons, page, 5).expect("reads");
        assert_eq!(listed.flags.iter().filter(|flag| flag.member != flooder).count(), honest);
        assert_eq!(listed.flags.len(), honest + 5);
        assert_eq!(listed.more, vec![(flooder, all - 5)], "and it is said whose");
        assert!(listed.read <= 4 * (1 + 5), "{} rows", listed.read);
        let newest = listed.flags.iter().find(|flag| flag.member == flooder).expect("one of them");
        assert_eq!(newest.reason, "the last word");
    }
    let on = Span { actor: Actor::new([7; 16]), first: 1, last: 1 };
    assert_eq!(store.flags_on(commons, page_id(1), &on).expect("reads").len(), 1);
    // Stretch by stretch, all of them can be had.
    let (mut before, mut count) = (None, 0);
    loop {
        let stretch = store.flags_by(commons, flooder, None, before, 700).expect("reads");
        count += stretch.len();
        before = match stretch.last() {
            Some((place, _)) => Some(*place),
            None => break,
        };
    }
    assert_eq!(count, 10_000);
    // What was taken off counts no more.
    flood[4..].chunks(1_000).for_each(|some| members[3].say(&mut store, &[], some));
    assert_eq!(store.flags(commons, None, 5).expect("reads").more, vec![]);
    assert_eq!(store.flags(commons, None, 5).expect("reads").flags.len(), 10);
}
