//! Whatever honest devices write passes, in any order that has each change after those it builds on, and makes the same
//! document everywhere.

use automerge::Change;
use commonplace_model::{DocId, DocKind, Folder, PageId, Splice, Statement, Title};
use commonplace_trust::{Attestation, gate};
use proptest::prelude::*;

use crate::{
    device::{Device, LEDGER, PAGE, pass, shuffled},
    forge::Dice,
};

/// Something that a member does.
#[derive(Debug, Clone)]
enum Act {
    Edit { at: u16, delete: u8, insert: String },
    Edits(Vec<(u16, u8, String)>),
    Paste(u16, String, usize),
    Rename(String),
    Move(String),
    Begin(String),
    Delete(bool),
    Say(Vec<(u8, u8)>, Vec<(u8, u8)>),
    Profile(String, u8),
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA\u{300}é語ß\u{fffc}\r\n😀👩\u{200d}]{0,12}"
}

fn act() -> impl Strategy<Value = Act> {
    let splice = || (any::<u16>(), 0..9_u8, text());
    let tags = || proptest::collection::vec((0..3_u8, 0..4_u8), 0..4);
    prop_oneof![
        6 => splice().prop_map(|(at, delete, insert)| Act::Edit { at, delete, insert }),
        2 => proptest::collection::vec(splice(), 1..5).prop_map(Act::Edits),
        1 => (any::<u16>(), text(), 20..400_usize).prop_map(|(at, text, times)| Act::Paste(at, text, times)),
        1 => "[a-z😀é]{1,20}".prop_map(Act::Rename),
        1 => "[a-z]{0,5}".prop_map(Act::Move),
        1 => text().prop_map(Act::Begin),
        1 => any::<bool>().prop_map(Act::Delete),
        4 => (tags(), tags()).prop_map(|(say, unsay)| Act::Say(say, unsay)),
        1 => (text(), 0..12_u8).prop_map(|(name, ink)| Act::Profile(name, ink)),
    ]
}

fn tag((page, word): (u8, u8)) -> Statement {
    Statement::Tag { page: PageId::new([page; 16]), tag: format!("word{word}").parse().expect("a tag") }
}

fn splices(device: &Device, edits: &[(u16, u8, String)]) -> Vec<Splice> {
    let mut len = device.page.body_len();
    let mut splices = Vec::new();
    for (at, delete, insert) in edits {
        let at = u32::from(*at) % (len + 1);
        let delete = u32::from(*delete).min(len - at);
        // A surrogate pair that is parted shifts what follows, so what is left is counted low.
        len = (len - delete).saturating_sub(2);
        splices.push(Splice { at: at.min(len), delete: delete.min(len - at.min(len)), insert: insert.clone() });
    }
    splices
}

fn perform(device: &mut Device, act: &Act) {
    let made = match (DocKind::from(device.doc), act) {
        (DocKind::Page, Act::Edit { at, delete, insert }) => {
            let splices = splices(device, &[(*at, *delete, insert.clone())]);
            device.page.edit(&splices).expect("fits")
        }
        (DocKind::Page, Act::Edits(edits)) => {
            let splices = splices(device, edits);
            device.page.edit(&splices).expect("fits")
        }
        (DocKind::Page, Act::Paste(at, text, times)) => {
            let splices = splices(device, &[(*at, 3, text.repeat(*times))]);
            device.page.edit(&splices).expect("fits")
        }
        (DocKind::Page, Act::Rename(title)) => {
            let folder = device.page.folder();
            device.page.rename(&Title::lenient(title), &folder).expect("renames")
        }
        (DocKind::Page, Act::Move(folder)) => {
            let title = device.page.title();
            device.page.rename(&title, &Folder::lenient(folder)).expect("moves")
        }
        (DocKind::Page, Act::Begin(body)) => {
            device.page.begin(&Title::lenient("A page"), &Folder::lenient("here/there"), body).expect("begins")
        }
        (DocKind::Page, Act::Delete(deleted)) => device.page.set_deleted(*deleted).expect("deletes"),
        (DocKind::Ledger, Act::Say(say, unsay)) => {
            let say: Vec<_> = say.iter().copied().map(tag).collect();
            let unsay: Vec<_> = unsay.iter().copied().map(|t| tag(t).key()).collect();
            device.ledger.state(&say, &unsay).expect("states")
        }
        (DocKind::Ledger, Act::Profile(name, ink)) => {
            let profile = Statement::Profile { name: name.clone(), ink: *ink };
            device.ledger.state(&[profile], &[]).expect("states")
        }
        _ => None,
    };
    if let Some(local) = made {
        device.keep(local);
    }
}

fn state(device: &Device) -> (Vec<commonplace_model::ChangeHash>, String, String) {
    match DocKind::from(device.doc) {
        DocKind::Page => (device.page.document().heads(), device.page.body(), device.page.title().as_str().to_owned()),
        DocKind::Ledger => {
            (device.ledger.document().heads(), format!("{:?}", device.ledger.statements()), String::new())
        }
    }
}

fn together(doc: DocId, acts: &[(u8, Act, Option<u8>)], seed: u64) -> Result<(), TestCaseError> {
    let mut devices: Vec<Device> = (0..4).map(|n| Device::new(n, doc)).collect();
    for (who, act, meet) in acts {
        let who = usize::from(*who);
        perform(&mut devices[who], act);
        if let Some(other) = meet.filter(|other| usize::from(*other) != who) {
            let [here, there] = devices.get_disjoint_mut([who, usize::from(other)]).expect("two of four");
            here.meet(there);
            there.meet(here);
        }
    }
    let (first, rest) = devices.split_at_mut(1);
    for other in &*rest {
        first[0].meet(other);
    }
    for change in &first[0].changes {
        let read = Change::from_bytes(change.bytes().to_vec()).expect("reads");
        prop_assert_eq!(Change::from(read.decode()).hash(), read.hash());
    }
    // In another order, in pieces, to a device that has nothing.
    let said: Vec<Attestation> = first[0].said.values().copied().collect();
    let mut newcomer = Device::new(9, doc);
    for piece in shuffled(&first[0].changes, &mut Dice(seed)).chunks(1 + acts.len() / 3) {
        let passed = pass(&newcomer.seen, doc, crate::device::bytes(piece), said.clone());
        // What is vouched for by a later change only, comes with that one.
        prop_assert!(passed.refused.is_empty());
        newcomer.take(passed);
    }
    newcomer.meet(&first[0]);
    prop_assert_eq!(state(&newcomer), state(&first[0]));
    // What was saved loads, with the same heads.
    let saved = newcomer.document().save();
    let loaded = commonplace_model::Document::load(doc.into(), &saved).expect("loads");
    prop_assert_eq!(loaded.heads(), newcomer.document().heads());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_written_in_a_page_passes(
        acts in proptest::collection::vec((0..4_u8, act(), proptest::option::of(0..4_u8)), 1..24), seed: u64,
    ) {
        together(PAGE, &acts, seed)?;
    }

    #[test]
    fn what_is_said_in_a_ledger_passes(
        acts in proptest::collection::vec((0..4_u8, act(), proptest::option::of(0..4_u8)), 1..24), seed: u64,
    ) {
        together(LEDGER, &acts, seed)?;
    }
}

#[test]
fn large_changes_pass() {
    let mut device = Device::new(1, PAGE);
    let line = "All work and no play, 日本語 and 😀 by turns.\n";
    for times in [300, 1_200] {
        device.write(&line.repeat(times));
    }
    // Across what several changes inserted.
    device.edit(9_000, 20_000, "");
    let mut newcomer = Device::new(2, PAGE);
    newcomer.meet(&device);
    assert_eq!(newcomer.page.body(), device.page.body());
    let mut fresh = commonplace_model::Document::new(DocKind::Page);
    gate::apply(&mut fresh, newcomer.changes).expect("applies");
}
