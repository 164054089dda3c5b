//! Histories packed into bundles, and unpacked again.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use commonplace_model::{CommonsId, DocId, DocKind, Document, Folder, Nonce, Page, PageId, Splice};
use commonplace_trust::{
    DeviceKey, Sketch, VerifiedChange, actor_of,
    bundle::{self, BundleError, Most, Sketches},
    gate,
};
use proptest::prelude::*;

const COMMONS: CommonsId = CommonsId::new([1; 32]);
const NONCE: Nonce = Nonce::new([2; 16]);
const PAGE: DocId = DocId::Page(PageId::new([3; 16]));
const ANY: Most = Most { changes: 100_000, bytes: 1 << 26 };

struct Writer {
    key: DeviceKey,
    page: Page,
}

impl Writer {
    fn new(number: u8) -> Self {
        let key = DeviceKey::from_seed(&[number; 32]);
        let mut page = Page::default();
        page.document_mut().set_actor(actor_of(COMMONS, PAGE, key.id(), NONCE));
        Self { key, page }
    }

    fn edit(&mut self, at: u32, delete: u32, insert: &str) -> Option<VerifiedChange> {
        let len = self.page.body_len();
        let at = at.min(len);
        let splice = Splice { at, delete: delete.min(len - at), insert: insert.to_owned() };
        let local = self.page.edit(&[splice]).expect("fits")?;
        Some(VerifiedChange::local(local, &self.key, COMMONS, PAGE, NONCE).expect("within bounds").0)
    }

    fn hear(&mut self, change: &VerifiedChange) {
        gate::apply(self.page.document_mut(), vec![change.clone()]).expect("applies");
    }
}

fn bytes(changes: &[VerifiedChange]) -> Vec<&[u8]> {
    changes.iter().map(VerifiedChange::bytes).collect()
}

fn packed(changes: &[VerifiedChange]) -> Vec<u8> {
    bundle::pack(DocKind::Page, bytes(changes)).expect("packs")
}

/// Whether a bundle of these gives them, their hashes and what they say of themselves.
fn comes_back(changes: &[VerifiedChange]) {
    let unpacked = bundle::unpack(&packed(changes), ANY).expect("unpacks");
    assert_eq!(unpacked.len(), changes.len());
    for (change, again) in changes.iter().zip(&unpacked) {
        assert_eq!((change.hash(), change.bytes()), (again.hash, &again.bytes[..]));
        assert_eq!((change.actor(), change.seq(), change.max_op()), {
            let header = &again.header;
            (header.actor, header.seq, header.max_op())
        });
        assert_eq!(change.deps().collect::<Vec<_>>(), again.header.deps);
        assert_eq!(commonplace_trust::chunk::read(&again.bytes).as_ref(), Ok(&again.header));
    }
}

/// What some wrote at once, hearing of each other now and then.
fn history(acts: &[(u8, u16, u8, String, bool)]) -> Vec<VerifiedChange> {
    let mut writers: Vec<Writer> = (1..=3).map(Writer::new).collect();
    let mut heard = [0; 3];
    let mut changes: Vec<VerifiedChange> = Vec::new();
    for (who, at, delete, insert, hears) in acts {
        let who = usize::from(*who);
        if *hears {
            for change in &changes[heard[who]..] {
                writers[who].hear(change);
            }
            heard[who] = changes.len();
        }
        let len = writers[who].page.body_len();
        let made = writers[who].edit(u32::from(*at) % (len + 1), u32::from(*delete), insert);
        changes.extend(made);
    }
    changes
}

fn acts() -> impl Strategy<Value = Vec<(u8, u16, u8, String, bool)>> {
    let act = (0..3_u8, any::<u16>(), 0..4_u8, "[a-cé語😀\n]{0,3}", any::<bool>());
    proptest::collection::vec(act, 0..40)
}

proptest! {
    #[test]
    fn what_is_packed_comes_back(acts in acts(), from in 0..10_usize) {
        let changes = history(&acts);
        comes_back(&changes[from.min(changes.len())..]);
    }

    #[test]
    fn what_changes_are_to_others_is_read_without_unpacking(acts in acts()) {
        let changes = history(&acts);
        let sketches = Sketches::read(&packed(&changes), ANY).expect("reads");
        let newest = changes.iter().map(VerifiedChange::max_op).max().unwrap_or(0);
        for counter in 0..newest + 3 {
            for actor in changes.iter().map(VerifiedChange::actor) {
                let own = changes.iter().filter(|change| change.actor() == actor);
                let wanted = own.filter_map(|change| Sketch::of(change.bytes())).find(|sketch| sketch.has(counter));
                prop_assert_eq!(sketches.reaching(&actor, counter), wanted);
            }
        }
        let size = sketches.size() as u64;
        prop_assert!(size >= newest / 4 && size <= 200 * newest, "{size}");
    }

    #[test]
    fn no_bytes_make_unpacking_panic(bytes: Vec<u8>) {
        let _ = bundle::unpack(&bytes, ANY);
        let _ = Sketches::read(&bytes, ANY);
        let mut formed = vec![1];
        formed.extend(bytes);
        let _ = bundle::unpack(&formed, ANY);
        let _ = Sketches::read(&formed, ANY);
    }

    #[test]
    fn a_bundle_that_was_changed_is_refused_or_gives_something_bounded(
        acts in acts(), hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = packed(&history(&acts));
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let most = Most { changes: 50, bytes: 100_000 };
        if let Ok(changes) = bundle::unpack(&bytes, most) {
            prop_assert!(changes.len() <= 50 && changes.iter().map(|c| c.bytes.len()).sum::<usize>() <= 100_000);
        }
    }
}

#[test]
fn keystrokes_take_a_byte_or_two_each() {
    let mut writer = Writer::new(1);
    let text = "It is here that the members of a commons write down what they know, each at a desk of their own. ";
    let mut changes = Vec::new();
    for (at, character) in (0..).zip(text.repeat(20).chars()) {
        changes.extend(writer.edit(at, 0, &character.to_string()));
    }
    // Some of it is deleted again from its end, and from a place before it on.
    for at in (1_900..1_940).rev() {
        changes.extend(writer.edit(at, 1, ""));
    }
    for _ in 0..40 {
        changes.extend(writer.edit(100, 1, ""));
    }
    comes_back(&changes);
    let before: usize = bytes(&changes).iter().map(|change| change.len()).sum();
    let bundle = packed(&changes);
    assert!(bundle.len() < 4 * changes.len() && before > 30 * bundle.len(), "{} of {before}", bundle.len());
}

#[test]
fn what_is_deleted_forwards_takes_no_more_than_what_is_typed() {
    // As with the delete key: each time the letter behind the last one.
    let mut writer = Writer::new(1);
    let mut changes: Vec<_> = writer.edit(0, 0, &"a".repeat(300)).into_iter().collect();
    let mut deleted = Vec::new();
    for _ in 0..200 {
        deleted.extend(writer.edit(50, 1, ""));
    }
    changes.extend(deleted);
    comes_back(&changes);
    assert!(packed(&changes).len() < 1_100, "{}", packed(&changes).len());
}

#[test]
fn a_change_kept_as_it_is_may_be_anothers_and_some_may_be_left_out() {
    let (mut first, mut second) = (Writer::new(1), Writer::new(2));
    let typed = first.edit(0, 0, "a").expect("changes");
    second.hear(&typed);
    let renamed = second.page.rename(&"Tea".parse().expect("a title"), &Folder::default()).expect("renames");
    let renamed = renamed.map(|local| VerifiedChange::local(local, &second.key, COMMONS, PAGE, NONCE));
    let renamed = renamed.expect("changes").expect("within bounds").0;
    comes_back(&[typed.clone(), renamed]);
    // Whoever has the second change of somebody may lack the first and the third.
    let all: Vec<_> = [typed].into_iter().chain((1..6).filter_map(|at| first.edit(at, 0, "b"))).collect();
    comes_back(&[all[1].clone(), all[3].clone(), all[4].clone()]);
}

#[test]
fn what_is_no_writing_in_the_body_is_kept_as_it_is() {
    let mut writer = Writer::new(1);
    let title = "A title".parse().expect("a title");
    let begun = writer.page.begin(&title, &Folder::default(), "some text").expect("begins").expect("changes");
    let begun = VerifiedChange::local(begun, &writer.key, COMMONS, PAGE, NONCE).expect("within bounds").0;
    let then = writer.edit(4, 1, "_").expect("changes");
    let renamed = writer.page.rename(&"Another".parse().expect("a title"), &Folder::default()).expect("renames");
    let renamed = renamed.map(|local| VerifiedChange::local(local, &writer.key, COMMONS, PAGE, NONCE));
    let renamed = renamed.expect("changes").expect("within bounds").0;
    let last = writer.edit(0, 3, "").expect("changes");
    comes_back(&[begun, then, renamed, last]);
    comes_back(&[]);
}

#[test]
fn a_large_change_comes_back() {
    let mut writer = Writer::new(1);
    let pasted = writer.edit(0, 0, &"many words, 語 and 😀 among them ".repeat(1_000)).expect("changes");
    let cut = writer.edit(100, 20_000, "").expect("changes");
    comes_back(&[pasted.clone(), cut.clone()]);
    // From the middle on: what it builds on is not in the bundle.
    comes_back(&[cut]);
    assert!(packed(std::slice::from_ref(&pasted)).len() < pasted.bytes().len() * 2);
}

#[test]
fn no_more_is_unpacked_than_was_asked_for() {
    let changes = history(&(0..20).map(|n| (n % 3, 0, 0, "abc".to_owned(), true)).collect::<Vec<_>>());
    let bytes = packed(&changes);
    let sum: usize = changes.iter().map(|change| change.bytes().len()).sum();
    assert!(bundle::unpack(&bytes, Most { changes: 20, bytes: sum }).is_ok());
    for most in [Most { changes: 19, bytes: sum }, Most { changes: 20, bytes: sum - 1 }] {
        assert_eq!(bundle::unpack(&bytes, most), Err(BundleError::TooMuch));
    }
    let mut newer = bytes.clone();
    newer[0] = 2;
    assert_eq!(bundle::unpack(&newer, ANY), Err(BundleError::Form));
    for len in 0..bytes.len() {
        assert!(bundle::unpack(&bytes[..len], ANY).is_err());
    }
    assert_eq!(bundle::unpack(&[bytes, vec![0]].concat(), ANY), Err(BundleError::Malformed));
}

#[test]
fn a_document_made_of_a_bundle_is_the_same() {
    let changes =
        history(&(0..60).map(|n| (n % 3, u16::from(n) * 7, n % 4, "xy".to_owned(), n % 2 == 0)).collect::<Vec<_>>());
    let mut whole = Document::new(DocKind::Page);
    gate::apply(&mut whole, changes.clone()).expect("applies");
    let mut again = Document::new(DocKind::Page);
    for change in bundle::unpack(&packed(&changes), ANY).expect("unpacks") {
        let change = VerifiedChange::from_store(change.bytes).expect("as it was");
        gate::apply(&mut again, vec![change]).expect("applies");
    }
    assert_eq!(whole.heads(), again.heads());
}

#[test]
fn places_are_told_by_how_far_they_are_from_the_last_one() {
    let mut writer = Writer::new(1);
    let mut changes: Vec<_> = writer.edit(0, 0, &"k".repeat(10_000)).into_iter().collect();
    // Backwards from the end at a stroke each: where it goes on is expected.
    changes.extend((9_500..10_000).rev().filter_map(|at| writer.edit(at, 1, "")));
    let straight = packed(&changes).len();
    // The first change has three bytes a letter, each of the others two, and there are names.
    assert!(straight < 2 * 10_000 + 2 * 500 + 100, "{straight}");
    // Backwards and leaving out every third: one byte more.
    changes.extend((0..300).filter_map(|n| writer.edit(9_000 - 3 * n, 1, "")));
    let with_places = packed(&changes).len();
    assert!(with_places < straight + 3 * 300 + 20, "{with_places}, and {straight} before");
    comes_back(&changes);
}

#[test]
fn a_sketch_is_found_and_its_size_is_told() {
    let mut writer = Writer::new(1);
    let pasted = writer.edit(0, 0, &"k".repeat(1_000)).expect("changes");
    let one = Sketches::read(&packed(std::slice::from_ref(&pasted)), ANY).expect("reads");
    let found = one.reaching(&pasted.actor(), pasted.max_op()).expect("it has it");
    assert!(found.has(pasted.max_op()) && !found.has(pasted.max_op() + 1));
    // A byte for each operation, and what a change takes.
    assert!((1_000..1_400).contains(&one.size()), "{}", one.size());
    let many: Vec<_> = (0..100).filter_map(|at| writer.edit(at, 0, "k")).collect();
    let bundle = packed(&many);
    let many = Sketches::read(&bundle, ANY).expect("reads").size();
    assert!((100 * 60..100 * 160).contains(&many), "{many}");
    // No more is read than was asked for.
    let most = |changes| Sketches::read(&bundle, Most { changes, ..ANY }).map(drop);
    assert_eq!((most(100), most(99)), (Ok(()), Err(BundleError::TooMuch)));
}

/// A bundle of one change that nobody made: built on so many others, and with these strokes at these places.
fn forged(deps: u64, strokes: &[u8], places: &[u8], text: &str) -> Vec<u8> {
    forged_by(&[[7; 16]], deps, strokes, places, text)
}

/// The same by the last of these.
fn forged_by(actors: &[[u8; 16]], deps: u64, strokes: &[u8], places: &[u8], text: &str) -> Vec<u8> {
    forged_as(actors, (1, 100_000), deps, strokes, places, text)
}

/// The same of this number, with operations counted from there on.
fn forged_as(
    actors: &[[u8; 16]],
    (seq, start_op): (u64, u64),
    deps: u64,
    strokes: &[u8],
    places: &[u8],
    text: &str,
) -> Vec<u8> {
    let number = |mut n: u64| {
        let mut bytes = Vec::new();
        while n >= 0x80 {
            bytes.push(n.to_le_bytes()[0] | 0x80);
            n >>= 7;
        }
        bytes.push(n.to_le_bytes()[0]);
        bytes
    };
    let mut bundle = [vec![1], number(actors.len() as u64), actors.concat(), number(deps)].concat();
    for dep in 0..deps {
        bundle.extend([&[9; 24][..], &dep.to_be_bytes()].concat());
    }
    // By the last actor, its change of that number, built on all these, counted from there on, and with so many operations.
    let flags = [2 | 4 | 8 | 16 | 32];
    let mut numbers = [number(actors.len() as u64 - 1), number(seq), number(deps)].concat();
    for dep in 0..deps {
        numbers.extend([number(0), number(dep)].concat());
    }
    numbers.extend([number(start_op), number(strokes.len() as u64)].concat());
    for stream in [&flags[..], &numbers, strokes, places, text.as_bytes(), &[]] {
        bundle.extend(number(stream.len() as u64));
        bundle.extend_from_slice(stream);
    }
    bundle
}

#[test]
fn an_actor_is_named_once_and_not_for_nothing() {
    let insert_first = [3];
    let unpacked = |actors: &[[u8; 16]]| bundle::unpack(&forged_by(actors, 1, &insert_first, &[], "k"), ANY);
    assert_eq!(unpacked(&[[7; 16]]).expect("one change").len(), 1);
    // It would be another one to whoever goes by the place where it is named.
    assert_eq!(unpacked(&[[7; 16], [7; 16]]), Err(BundleError::Malformed));
    assert_eq!(unpacked(&[[8; 16], [7; 16]]), Err(BundleError::Malformed));
    // At whose place something is inserted, that one is needed.
    let at_the_first = [4 | 8];
    let place = [0xc0, 0x00, 0];
    let needed = forged_by(&[[8; 16], [7; 16]], 1, &at_the_first, &place, "k");
    assert_eq!(bundle::unpack(&needed, ANY).expect("one change").len(), 1);
    // And what is built on outside is built on.
    let mut idle = forged(1, &insert_first, &[], "k");
    let at = 1 + 1 + 16;
    idle.splice(at..=at, [2]);
    idle.splice(at + 1..at + 1, [5; 32]);
    assert_eq!(bundle::unpack(&idle, ANY), Err(BundleError::Malformed));
    // Nor is there a letter too many.
    assert_eq!(bundle::unpack(&forged(1, &insert_first, &[], "kk"), ANY), Err(BundleError::Malformed));
}

#[test]
fn a_change_in_a_bundle_names_as_many_others_as_any_may() {
    let most = usize::try_from(commonplace_trust::chunk::MAX_OTHER_ACTORS).expect("small");
    let unpacked = |others: usize| {
        let name = |n: usize| [&[0; 8][..], &(n as u64 + 1).to_be_bytes()].concat().try_into().expect("16 bytes");
        let actors: Vec<[u8; 16]> = (0..others).map(name).chain([[7; 16]]).collect();
        // At a place of each of them, one further than the last.
        let number = |n: usize| match n {
            0..0x80 => vec![n.to_le_bytes()[0]],
            _ => vec![0x80 | n.to_le_bytes()[0], (n >> 7).to_le_bytes()[0]],
        };
        let places: Vec<u8> = (0..others).flat_map(|n| [vec![1], number(n)].concat()).collect();
        bundle::unpack(&forged_by(&actors, 1, &vec![4 | 8; others], &places, &"k".repeat(others)), ANY)
    };
    // Beside these the one that began all pages.
    assert_eq!(unpacked(most - 1).expect("as many as may be").len(), 1);
    assert_eq!(unpacked(most), Err(BundleError::Malformed));
}

#[test]
fn what_a_change_in_a_bundle_builds_on_is_bounded_as_that_of_any() {
    let most = commonplace_trust::chunk::MAX_DEPS;
    let insert_first = [3];
    let unpacked = |deps| bundle::unpack(&forged(deps, &insert_first, &[], "k"), ANY);
    let change = unpacked(most).expect("as many as there may be").remove(0);
    assert_eq!(change.header.deps.len() as u64, most);
    assert_eq!(commonplace_trust::chunk::read(&change.bytes), Ok(change.header));
    assert_eq!(unpacked(most + 1), Err(BundleError::Malformed));
}

/// A change with its operations counted from elsewhere, and the checksum of that.
fn counted_from(change: &[u8], before: u64, after: u64) -> Vec<u8> {
    use sha2::Digest;
    let number = |n: u64| -> Vec<u8> {
        let group = |shift: u32| (n >> shift).to_le_bytes()[0] & 0x7f | if shift < 28 { 0x80 } else { 0 };
        [0, 7, 14, 21, 28].map(group).to_vec()
    };
    let (from, to) = (number(before), number(after));
    let at = change.windows(from.len()).position(|bytes| bytes == from).expect("it is counted from there");
    let mut change = change.to_vec();
    change.splice(at..at + from.len(), to);
    let checksum = sha2::Sha256::digest(&change[8..]);
    change[4..8].copy_from_slice(&checksum[..4]);
    change
}

#[test]
fn what_a_change_in_a_bundle_counts_is_bounded() {
    use commonplace_trust::chunk::{MAX_OP_COUNTER, MAX_OPS};
    let unpacked = |seq: u64, start_op: u64, operations: u64| {
        let letters = usize::try_from(operations).expect("small");
        // The first one at the beginning, and each other one behind the one before.
        let strokes: Vec<u8> = (0..letters).map(|n| if n == 0 { 3 } else { 0 }).collect();
        let forged = forged_as(&[[7; 16]], (seq, start_op), 1, &strokes, &[], &"k".repeat(letters));
        bundle::unpack(&forged, ANY).map(|changes| changes.len())
    };
    let last = MAX_OP_COUNTER - MAX_OPS;
    for most in [(MAX_OP_COUNTER, 1, 1), (1, last, 1), (1, 1, MAX_OPS), (MAX_OP_COUNTER, last, MAX_OPS)] {
        assert_eq!(unpacked(most.0, most.1, most.2), Ok(1), "{most:?}");
    }
    // What is counted from further on than a bundle can say is kept as it is, and up to there it need not be.
    let unpack = |start_op: u64| {
        let forged = forged_as(&[[7; 16]], (1, start_op), 1, &[3], &[], "k");
        bundle::unpack(&forged, ANY).expect("one change").remove(0).bytes
    };
    let repacked = |bytes: &[u8]| bundle::pack(DocKind::Page, vec![bytes]).expect("packs");
    let (near, far) = (repacked(&unpack(last)), repacked(&counted_from(&unpack(last), last, last + 1)));
    assert!(near.len() + 20 < far.len(), "{} and {}", near.len(), far.len());
    for bundle in [near, far] {
        assert_eq!(bundle::unpack(&bundle, ANY).expect("unpacks").len(), 1);
    }
    for beyond in [(MAX_OP_COUNTER + 1, 1, 1), (1, last + 1, 1), (1, 1, MAX_OPS + 1), (1, 1, 0)] {
        assert_eq!(unpacked(beyond.0, beyond.1, beyond.2), Err(BundleError::Malformed), "{beyond:?}");
    }
}

#[test]
fn a_change_in_a_bundle_is_as_large_as_any_may_be_and_not_larger() {
    let most = commonplace_trust::chunk::MAX_CHANGE_BYTES;
    // Inserted here and there, which makes some seven bytes each, and then a tail of which each letter takes one.
    let (spread, insert_here, insert_at) = (69_000_usize, 0, 4);
    let unpacked = |tail: usize| {
        let strokes = [vec![3], vec![insert_at; spread], vec![insert_here; tail]].concat();
        // Back by 8,193 to 68,193, each time by something else: as a negative number of three times seven bits.
        let far = |n: usize| (1 << 21) - 8_193 - ((n * 2_654_435_761) >> 12) % 60_000;
        let seven = |n: usize, shift: u32| (far(n) >> shift).to_le_bytes()[0] & 0x7f;
        let places: Vec<u8> =
            (0..spread).flat_map(|n| [seven(n, 0) | 0x80, seven(n, 7) | 0x80, seven(n, 14)]).collect();
        let text = ["k".to_owned(), "語😀".repeat(spread / 2), "k".repeat(tail)].concat();
        bundle::unpack(&forged(1, &strokes, &places, &text), ANY)
    };
    let length = |tail| unpacked(tail).expect("is small enough").remove(0).bytes.len();
    // A byte for each letter of the tail, and some for how many there are.
    let near = 1_000 + most - length(1_000) - 50;
    let tail = near + most - length(near);
    assert_eq!(length(tail), most);
    assert_eq!(unpacked(tail + 1), Err(BundleError::Malformed));
}
