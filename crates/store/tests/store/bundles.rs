//! Bundles: what is asked of a history is answered as if each of its changes had a row.

use std::collections::BTreeMap;

use commonplace_model::{Actor, ChangeHash, CommonsId, DocId, DocKind};
use commonplace_store::{Bundling, Projection, Reader, Run, RunQuery, Store, StoreError};
use commonplace_trust::{
    Attestation, Clock, History, Known, Sketch, VerifiedAttestation, VerifiedChange,
    bundle::{self, Bundle},
};
use proptest::prelude::*;

use crate::{
    documents::conversation,
    writing::{Made, Writer, batch, page, page_id, profile, unpacked},
};

const SMALL: Bundling = Bundling { few: 2, many: 4, newest: 2, loose: 3 };
const DOC: fn() -> DocId = || DocId::Page(page_id(1));

/// All that can be asked of a document.
#[derive(Debug, PartialEq)]
struct Told {
    changes: Vec<Vec<u8>>,
    by_hash: Vec<(Option<Known>, u64)>,
    clocks: Vec<Vec<(Actor, u64)>>,
    by_number: Vec<Option<ChangeHash>>,
    numbered: Vec<Option<Vec<u8>>>,
    reaching: Vec<Option<Vec<u8>>>,
    sketches: Vec<Option<Sketch>>,
    tips: Vec<Option<(u64, ChangeHash)>>,
    vouched: Vec<Vec<Attestation>>,
    frontier: Vec<Attestation>,
    digest: Option<[u8; 32]>,
    runs: Vec<Run>,
    /// For each size of pieces, all that they bring together.
    segments: Vec<(Vec<Vec<u8>>, Vec<Attestation>)>,
    of_runs: Vec<Vec<u8>>,
}

fn told(store: &Reader, commons: CommonsId, said: &[Made]) -> Told {
    let doc = DOC();
    let history = store.history(commons, doc).expect("reads");
    let of_hash =
        |made: &Made| (history.change(&made.0.hash()), history.clock(&made.0.hash()).map_or(0, |clock| clock.since()));
    let clock = |made: &Made| history.clock(&made.0.hash()).as_ref().map(Clock::others).unwrap_or_default();
    let actors: BTreeMap<Actor, u64> = said.iter().map(|(change, _)| (change.actor(), change.seq())).collect();
    let seqs: Vec<(Actor, u64)> =
        actors.iter().flat_map(|(actor, last)| (0..=last + 1).map(|seq| (*actor, seq))).collect();
    let newest = said.iter().map(|(change, _)| change.max_op()).max().unwrap_or(0);
    let mut segments = Vec::new();
    for size in [1, 500, 1 << 20] {
        let mut have: BTreeMap<Actor, u64> = BTreeMap::new();
        let (mut changes, mut attestations) = (Vec::new(), Vec::new());
        loop {
            let all: Vec<_> = have.iter().map(|(actor, seq)| (*actor, *seq)).collect();
            let segment = store.changes_after(commons, doc, &all, size).expect("reads");
            have.extend(segment.upto.iter().copied());
            changes.extend(unpacked(doc, &segment).0);
            attestations.extend(segment.attestations);
            if !segment.more {
                break;
            }
        }
        attestations.sort_by_key(|said| (said.device, said.nonce, said.seq));
        segments.push((changes, attestations));
    }
    let runs = store.runs(commons, &RunQuery { limit: 1_000, ..RunQuery::default() }).expect("reads");
    let mut of_runs = Vec::new();
    for run in &runs {
        let take = |bytes| {
            of_runs.push(bytes);
            true
        };
        store.changes_of(commons, doc, run.actor, (run.first, run.last), take).expect("reads");
    }
    let bytes = |found: Option<std::borrow::Cow<'_, [u8]>>| found.map(std::borrow::Cow::into_owned);
    let told = Told {
        changes: store.changes(commons, doc, None).expect("reads").iter().map(|c| c.bytes().to_vec()).collect(),
        by_hash: said.iter().map(of_hash).collect(),
        clocks: said.iter().map(clock).collect(),
        by_number: seqs.iter().map(|(actor, seq)| store.hash_of(commons, doc, actor, *seq).expect("reads")).collect(),
        numbered: seqs.iter().map(|(actor, seq)| bytes(history.numbered(actor, *seq))).collect(),
        reaching: actors
            .keys()
            .flat_map(|actor| {
                (0..newest + 2).map(|counter| bytes(history.reaching(actor, counter))).collect::<Vec<_>>()
            })
            .collect(),
        sketches: actors
            .keys()
            .flat_map(|actor| {
                (0..newest + 2).map(|counter| having(history.sketch(actor, counter), counter)).collect::<Vec<_>>()
            })
            .collect(),
        tips: actors.keys().map(|actor| history.tip(actor)).collect(),
        vouched: actors.keys().map(|actor| history.vouched(actor)).collect(),
        frontier: store.frontier(commons, doc).expect("reads"),
        digest: store.digest(commons, doc).expect("reads"),
        runs,
        segments,
        of_runs,
    };
    history.sound().expect("every question was answered");
    told
}

/// What has the operation with this counter. What reaches beyond it without having it is of no use to anybody.
fn having(sketch: Option<Sketch>, counter: u64) -> Option<Sketch> {
    sketch.filter(|sketch| sketch.has(counter))
}

fn number(store: &tempfile::TempDir, sql: &str) -> i64 {
    let db = rusqlite::Connection::open(store.path().join("profile.db")).expect("opens");
    db.query_row(sql, [], |row| row.get(0)).expect("a number")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_history_in_bundles_is_the_same(
        turns in prop::collection::vec((0_usize..3, any::<bool>()), 0..30),
        sizes in prop::collection::vec((1_usize..8, any::<bool>()), 1..8),
    ) {
        let (_plain_dir, mut plain, commons) = profile();
        let (dir, mut store, _) = profile();
        store.set_bundling(SMALL);
        let reader = store.reader().expect("opens");
        let said = conversation(commons, &turns);
        let (mut rest, mut sizes) = (&said[..], sizes.iter().cycle());
        while let (false, Some((size, quiet))) = (rest.is_empty(), sizes.next()) {
            let (now, later) = rest.split_at(rest.len().min(*size));
            rest = later;
            for store in [&mut plain, &mut store] {
                store.write(batch(commons, DOC(), now, Projection::Later, true)).expect("stores");
            }
            while *quiet && store.bundle_some().expect("bundles") {}
        }
        let wanted = told(&plain, commons, &said);
        prop_assert_eq!(&told(&store, commons, &said), &wanted);
        prop_assert_eq!(&told(&reader, commons, &said), &wanted);
        while store.bundle_some().expect("bundles") {}
        prop_assert_eq!(&told(&store, commons, &said), &wanted);
        prop_assert_eq!(&told(&reader, commons, &said), &wanted);
        prop_assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
        prop_assert!(said.len() < 12 || number(&dir, "SELECT count(*) FROM bundle") > 0);
        drop((store, reader));
        let store = Store::open(dir.path()).expect("opens");
        prop_assert_eq!(&told(&store, commons, &said), &wanted);
    }
}

/// A page of so many keystrokes.
fn typed(commons: CommonsId, keys: usize) -> (Writer, Vec<Made>) {
    let mut writer = Writer::new(1, commons, page_id(1));
    let mut made = vec![writer.begin("A page", "")];
    made.extend("and so on it goes ".chars().cycle().take(keys).map(|key| writer.insert(&key.to_string())));
    (writer, made)
}

#[test]
fn keystrokes_that_come_at_once_take_next_to_no_room() {
    let (dir, mut store, commons) = profile();
    let (mut writer, mut made) = typed(commons, 3_000);
    store.write(batch(commons, DOC(), &made, page("A page", "", "text"), false)).expect("stores");
    assert!(number(&dir, "SELECT count(*) FROM change") < 200);
    let bytes = number(&dir, "SELECT sum(length(bytes)) FROM bundle");
    assert!(bytes < 3_000, "{bytes}");
    // What comes then has rows until there is enough of it.
    made.extend((0..100).map(|_| writer.insert("!")));
    store.write(batch(commons, DOC(), &made[3_001..], Projection::Later, true)).expect("stores");
    while store.bundle_some().expect("bundles") {}
    assert_eq!(number(&dir, "SELECT count(*) FROM bundle"), 2);
    let stored = store.changes(commons, DOC(), None).expect("reads");
    assert!(stored.iter().map(VerifiedChange::hash).eq(made.iter().map(|(c, _)| c.hash())));
    // A page that goes takes its bundles along.
    store.remove_commons(commons).expect("leaves");
    let left = "SELECT (SELECT count(*) FROM bundle) + (SELECT count(*) FROM bundled) + (SELECT count(*) FROM change)";
    assert_eq!(number(&dir, left), 0);
}

/// Brings all of a page from one store to another, and gives how many pieces were bundles alone.
fn brought(from: &Store, to: &mut Store, commons: CommonsId) -> usize {
    let (mut have, mut whole): (BTreeMap<Actor, u64>, _) = (BTreeMap::new(), 0);
    loop {
        let all: Vec<_> = have.iter().map(|(actor, seq)| (*actor, *seq)).collect();
        let piece = from.changes_after(commons, DOC(), &all, 200_000).expect("reads");
        let (changes, came) = unpacked(DOC(), &piece);
        whole += usize::from(piece.changes.is_empty());
        let mut next = batch(commons, DOC(), &[], Projection::Later, false);
        next.docs[0].changes =
            changes.into_iter().map(|bytes| VerifiedChange::from_store(bytes).expect("a change")).collect();
        let vouched = |said| VerifiedAttestation::verify(said, commons, DOC()).expect("vouches");
        next.docs[0].attestations = piece.attestations.into_iter().map(vouched).collect();
        to.write_as_it_came(next, &came).expect("stores");
        have.extend(piece.upto);
        if !piece.more {
            return whole;
        }
    }
}

/// First and last change of each bundle.
fn bounds(store: &tempfile::TempDir) -> Vec<(i64, i64)> {
    let db = rusqlite::Connection::open(store.path().join("profile.db")).expect("opens");
    let mut find = db.prepare("SELECT first, last FROM bundle ORDER BY first").expect("prepares");
    let rows = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("reads");
    rows.collect::<Result<_, _>>().expect("reads")
}

#[test]
fn bundles_go_and_are_kept_as_they_are() {
    let ((from_dir, mut from, commons), (one_dir, mut one, _), (two_dir, mut two, _)) =
        (profile(), profile(), profile());
    from.set_bundling(Bundling { few: 50, many: 600, ..Bundling::default() });
    let (_, made) = typed(commons, 4_000);
    from.write(batch(commons, DOC(), &made, Projection::Later, true)).expect("stores");
    one.set_bundling(Bundling { few: 100, many: 700, ..Bundling::default() });
    let whole = brought(&from, &mut one, commons);
    assert!(whole >= 2, "{whole} pieces");
    // But for the first one, before which is the change that has a row.
    let (were, are) = (bounds(&from_dir), bounds(&one_dir));
    assert_eq!(were[1..], are[1..]);
    // Who wants larger ones makes them anew.
    two.set_bundling(Bundling { few: 1_000, many: 2_048, ..Bundling::default() });
    brought(&one, &mut two, commons);
    assert!(bounds(&two_dir).iter().all(|bounds| !were.contains(bounds)));
    let wanted = told(&from, commons, &made[3_900..]);
    for other in [&one, &two] {
        let told = told(other, commons, &made[3_900..]);
        assert!(told.changes == wanted.changes && told.clocks == wanted.clocks && told.digest == wanted.digest);
        assert_eq!(other.integrity().expect("checks"), Vec::<String>::new());
    }
}

#[test]
fn of_a_bundle_with_a_gap_each_change_is_kept_by_itself() {
    let ((_dir, mut from, commons), (dir, mut to, _)) = (profile(), profile());
    let (mut here, mut there) = (Writer::new(1, commons, page_id(1)), Writer::new(2, commons, page_id(1)));
    let mut made = vec![here.begin("A page", "")];
    there.hear(&made);
    // By turns and not hearing of each other, so that each can do without the other's.
    made.extend((0..700).map(|key| if key % 2 == 0 { here.insert("h") } else { there.insert("t") }));
    from.write(batch(commons, DOC(), &made, Projection::Later, true)).expect("stores");
    let bundle = bundle::pack(DocKind::Page, made[1..].iter().map(|(change, _)| change.bytes())).expect("packs");
    let came = Bundle { changes: made[1..].iter().map(|(change, _)| change.hash()).collect(), bytes: bundle };
    let some: Vec<_> = made.iter().filter(|(change, _)| change.actor() == made[0].0.actor()).cloned().collect();
    to.set_bundling(Bundling { few: 100, ..Bundling::default() });
    to.write_as_it_came(batch(commons, DOC(), &some, Projection::Later, false), &[(DOC(), came)]).expect("stores");
    assert_eq!(number(&dir, "SELECT sum(last - first + 1) FROM bundle"), 350);
    let stored = to.changes(commons, DOC(), None).expect("reads");
    assert!(stored.iter().map(VerifiedChange::hash).eq(some.iter().map(|(change, _)| change.hash())));
    assert_eq!(to.integrity().expect("checks"), Vec::<String>::new());
}

#[test]
fn large_changes_are_in_no_bundle() {
    let (dir, mut store, commons) = profile();
    let mut writer = Writer::new(1, commons, page_id(1));
    let mut made = vec![writer.begin("A page", "")];
    let noise = |n: u64| blake3::hash(&n.to_le_bytes()).to_hex().repeat(24);
    made.extend((0..600).map(|n| writer.insert(&noise(n))));
    // All at once, and one by one.
    let (once, later) = made.split_at(550);
    store.write(batch(commons, DOC(), once, Projection::Later, true)).expect("stores");
    let mut typed: Vec<_> = later.to_vec();
    typed.extend((0..1_500).map(|_| writer.insert("x")));
    for some in typed.chunks(300) {
        store.write(batch(commons, DOC(), some, Projection::Later, true)).expect("stores");
    }
    while store.bundle_some().expect("bundles") {}
    // What is typed after them is.
    let first = "SELECT min(first) - ((SELECT no FROM doc) << 32) FROM bundle";
    assert!(number(&dir, first) > 300, "{} is in one", number(&dir, first));
    assert!(number(&dir, "SELECT sum(last - first + 1) FROM bundle") > 800);
    let stored = store.changes(commons, DOC(), None).expect("reads");
    let all = made[..550].iter().chain(&typed);
    assert!(stored.iter().map(VerifiedChange::hash).eq(all.map(|(change, _)| change.hash())));
    assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
}

#[test]
fn rows_go_little_by_little_and_nobody_sees_it() {
    let (dir, mut store, commons) = profile();
    let (_, made) = typed(commons, 1_500);
    for some in made.chunks(100) {
        store.write(batch(commons, DOC(), some, Projection::Later, true)).expect("stores");
    }
    let wanted = made.iter().map(|(change, _)| change.hash()).collect::<Vec<_>>();
    let (mut steps, mut before) = (0, number(&dir, "SELECT count(*) FROM change"));
    while store.bundle_some().expect("bundles") {
        let now = number(&dir, "SELECT count(*) FROM change");
        assert!(before - now <= 256, "{before} rows, then {now}");
        let stored = store.changes(commons, DOC(), None).expect("reads");
        assert!(stored.iter().map(VerifiedChange::hash).eq(wanted.iter().copied()));
        (steps, before) = (steps + 1, now);
    }
    assert!(steps > 4 && before < 256 + 600, "{steps} steps, {before} rows");
    assert_eq!(store.integrity().expect("checks"), Vec::<String>::new());
}

#[test]
fn who_reads_meanwhile_sees_every_change() {
    let (_dir, mut store, commons) = profile();
    store.set_bundling(SMALL);
    let (_, made) = typed(commons, 200);
    for change in made.chunks(1) {
        store.write(batch(commons, DOC(), change, Projection::Later, true)).expect("stores");
    }
    let reader = store.reader().expect("opens");
    let (over, is_over) = std::sync::mpsc::channel::<()>();
    let reading = std::thread::spawn(move || {
        let mut times = 0;
        while is_over.try_recv().is_err() {
            assert_eq!(reader.changes(commons, DOC(), None).expect("reads").len(), 201);
            let (mut brought, mut have) = (0, Vec::new());
            loop {
                let segment = reader.changes_after(commons, DOC(), &have, 1 << 20).expect("reads");
                brought += unpacked(DOC(), &segment).0.len();
                have = segment.upto;
                if !segment.more {
                    break;
                }
            }
            assert_eq!(brought, 201);
            times += 1;
        }
        times
    });
    while store.bundle_some().expect("bundles") {}
    over.send(()).expect("is there");
    assert!(reading.join().expect("saw all") > 0);
}

#[test]
fn what_was_not_stored_after_all_is_not_remembered() {
    let (_dir, mut store, commons) = profile();
    store.set_bundling(SMALL);
    let (_, made) = typed(commons, 8);
    // It is looked into before the write comes to nothing: what vouches for its third comes by itself.
    let mut nothing = batch(commons, DOC(), &made, Projection::Later, true);
    nothing.docs[0].attestations.clear();
    let mut word = batch(commons, DOC(), &made[2..3], Projection::Later, true);
    word.docs[0].changes.clear();
    let (_, another) = typed(commons, 2);
    let mut gap = batch(commons, DocId::Page(page_id(2)), &another[1..], Projection::Later, true);
    nothing.docs.append(&mut word.docs);
    nothing.docs.append(&mut gap.docs);
    assert!(store.write(nothing).is_err());
    // Others take its place, and its number.
    let mut writer = Writer::new(2, commons, page_id(1));
    let mut others = vec![writer.begin("Another", "")];
    others.extend((0..8).map(|_| writer.insert("y")));
    store.write(batch(commons, DOC(), &others, Projection::Later, true)).expect("stores");
    let stored = store.changes(commons, DOC(), None).expect("reads");
    assert!(stored.iter().map(VerifiedChange::hash).eq(others.iter().map(|(c, _)| c.hash())));
    let history = store.history(commons, DOC()).expect("reads");
    assert_eq!(history.change(&made[3].0.hash()), None);
    assert!(others.iter().all(|(change, _)| history.change(&change.hash()).is_some()));
}

#[test]
fn a_damaged_bundle_is_told_and_keeps_nothing_else_from_being_read() {
    let (dir, mut store, commons) = profile();
    let (_, made) = typed(commons, 600);
    store.write(batch(commons, DOC(), &made, Projection::Later, false)).expect("stores");
    let mut other = Writer::new(1, commons, page_id(2));
    let begun = other.begin("Another", "text");
    store.write(batch(commons, other.doc(), &[begun], Projection::Later, false)).expect("stores");
    drop(store);
    let db = rusqlite::Connection::open(dir.path().join("profile.db")).expect("opens");
    for damage in [
        "UPDATE bundle SET bytes = substr(bytes, 1, length(bytes) - 9)",
        "UPDATE bundle SET bytes = zeroblob(100)",
        "UPDATE bundle SET last = last + 1",
    ] {
        db.execute_batch(&format!("BEGIN; {damage}; COMMIT")).expect("writes");
        let store = Store::open(dir.path()).expect("opens");
        assert!(matches!(store.changes(commons, DOC(), None), Err(StoreError::Damaged(_))));
        assert_eq!(store.changes(commons, other.doc(), None).expect("reads").len(), 1);
        assert_eq!(store.integrity().expect("checks").len(), 1);
    }
}
