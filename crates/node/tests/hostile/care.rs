//! Care against a member who makes it dear: text under very many actors, changes that are large to look at, flags without end.

use commonplace_governance::body::member_of;
use commonplace_model::{DocId, Document, Ledger, LocalChange, Nonce, Page, PageId, Splice, Statement};
use commonplace_node::view::{ChangeQuery, FlagQuery};
use commonplace_sync::Input;
use commonplace_trust::{Arrival, VerifiedChange, actor_of, gate};

use crate::{
    mallory::{Mallory, Talk},
    stage::Stage,
};

/// Actors under which Mallory writes in one page: more than a change may name.
const MANY: u32 = 1_300;
/// Changes of very many operations: more than are looked at for one entry.
const DEAR: u64 = 6;

fn nonce(n: u32) -> Nonce {
    let mut bytes = [5; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    Nonce::new(bytes)
}

fn signed(mallory: &Mallory, doc: DocId, n: u32, local: LocalChange) -> Arrival {
    let (change, said) = VerifiedChange::local(local, &mallory.key, mallory.commons, doc, nonce(n)).unwrap();
    Arrival { doc, attestations: vec![*said.get()], changes: vec![change.bytes().to_vec()] }
}

/// The page as an engine brought it.
fn page_of(mallory: &Mallory, talk: &Talk, doc: DocId) -> Page {
    let changes = talk.brought.iter().filter(|a| a.doc == doc).flat_map(|a| &a.changes);
    let known = changes.map(|bytes| VerifiedChange::from_store(bytes.clone()).unwrap()).collect();
    let mut document = Document::new(doc.into());
    gate::apply(&mut document, known).unwrap();
    document.set_actor(actor_of(mallory.commons, doc, mallory.key.id(), nonce(0)));
    Page::from_document(document).unwrap()
}

async fn hears(talk: &mut Talk, doc: DocId) {
    while !talk.brought.iter().any(|arrival| arrival.doc == doc) {
        let frame = crate::mallory::soon("the page", talk.from.next()).await.unwrap().expect("the engine goes on");
        talk.hands(Input::Frame(frame.into())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_under_very_many_names_is_taken_back() {
    let Stage { ines, tomas, commons, page, .. } = Stage::new().await;
    let ticket = ines.engine.invite(commons.clone(), Some(1), None).await.unwrap().ticket;
    let mallory = Mallory::join(&ticket).await;
    let doc = DocId::Page(page.parse().unwrap());
    let mut talk = mallory.meets().await;
    hears(&mut talk, doc).await;
    let mut theirs = page_of(&mallory, &talk, doc);
    for some in 0..MANY / 50 {
        let mut arrival = Arrival { doc, attestations: Vec::new(), changes: Vec::new() };
        for n in some * 50..(some + 1) * 50 {
            theirs.document_mut().set_actor(actor_of(mallory.commons, doc, mallory.key.id(), nonce(n)));
            let local = theirs.edit(&[Splice { at: n % 5, delete: 0, insert: "x".to_owned() }]).unwrap().unwrap();
            let one = signed(&mallory, doc, n, local);
            arrival.attestations.extend(one.attestations);
            arrival.changes.extend(one.changes);
        }
        talk.hands(Input::LocalChange(arrival)).await;
    }
    ines.until_text(&commons, &page, &theirs.body()).await;
    let done = ines.engine.revert(commons.clone(), Vec::new(), Some("Mallory".into()), Some("1d".into()), false).await;
    let done = done.unwrap();
    assert!(done.failed.is_empty(), "{:?}", done.failed);
    tomas.until_text(&commons, &page, "crumbs").await;
    let again = done.pages[0].change.clone().expect("it changed");
    ines.engine.revert(commons.clone(), vec![again], None, None, false).await.unwrap();
    tomas.until_text(&commons, &page, &theirs.body()).await;
    // Whoever writes all of it anew can, too.
    tomas.engine.page_write(commons.clone(), page.clone(), "springs".into()).await.unwrap();
    ines.until_text(&commons, &page, "springs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dear_to_look_at_is_said_to_be_and_had_piece_by_piece() {
    let Stage { ines, commons, .. } = Stage::new().await;
    // One that nobody has open.
    let page = ines.engine.page_new(commons.clone(), "Irons".into(), Some("hot".into())).await.unwrap().id;
    let ticket = ines.engine.invite(commons.clone(), Some(1), None).await.unwrap().ticket;
    let mallory = Mallory::join(&ticket).await;
    let doc = DocId::Page(page.parse().unwrap());
    let mut talk = mallory.meets().await;
    hears(&mut talk, doc).await;
    let mut theirs = page_of(&mallory, &talk, doc);
    // Changes that are small as bytes, each of a hundred thousand characters that come and go.
    for n in 0..DEAR {
        let splice = if n.is_multiple_of(2) {
            Splice { at: 0, delete: 0, insert: "x".repeat(99_000) }
        } else {
            Splice { at: 0, delete: 99_000, insert: String::new() }
        };
        let local = theirs.edit(&[splice]).unwrap().unwrap();
        talk.hands(Input::LocalChange(signed(&mallory, doc, 0, local))).await;
    }
    let local = theirs.edit(&[Splice { at: 0, delete: 0, insert: "!".to_owned() }]).unwrap().unwrap();
    talk.hands(Input::LocalChange(signed(&mallory, doc, 0, local))).await;
    ines.until_text(&commons, &page, "!hot").await;
    let of = async |query: ChangeQuery| ines.engine.changes(commons.clone(), query).await.unwrap();
    let query = ChangeQuery { by: Some("Mallory".into()), page: Some(page.clone()), ..ChangeQuery::default() };
    let runs = of(query).await.runs;
    let run = runs.iter().find(|run| run.unread > 0).expect("there is more than is looked at");
    assert!(run.unread < run.changes, "{run:?}");
    // The others' are looked at as ever.
    let all = of(ChangeQuery::default()).await.runs;
    assert!(
        all.iter().filter(|other| !runs.iter().any(|run| run.id == other.id)).all(|other| other.unread == 0),
        "{all:?}"
    );
    let (mut before, mut seen, mut stretches) = (None, 0, 0);
    loop {
        let query = ChangeQuery { within: Some(run.id.clone()), before, limit: Some(9), ..ChangeQuery::default() };
        let list = of(query).await;
        assert!(!list.runs.is_empty());
        seen += list.runs.iter().map(|piece| piece.inserted + piece.deleted).sum::<u64>();
        stretches += 1;
        before = list.next;
        if before.is_none() {
            break;
        }
    }
    let (_, numbers) = run.id.split_once('.').unwrap();
    let (first, last) = numbers.split_once('-').unwrap();
    let did = |seq: u64| if seq > DEAR { 1 } else { 99_000 };
    let all: u64 = (first.parse().unwrap()..=last.parse().unwrap()).map(did).sum();
    assert_eq!(seen, all, "each thing once");
    assert!(stretches > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_without_end_hide_nobodys() {
    let Stage { ines, tomas, commons, page, .. } = Stage::new().await;
    let ticket = ines.engine.invite(commons.clone(), Some(1), None).await.unwrap().ticket;
    let mallory = Mallory::join(&ticket).await;
    tomas.engine.flag(commons.clone(), page.clone(), Some("who says so?".into())).await.unwrap();
    let mut talk = mallory.meets().await;
    let doc = DocId::Ledger(member_of(mallory.commons, mallory.key.id()));
    let mut ledger = Ledger::default();
    ledger.document_mut().set_actor(actor_of(mallory.commons, doc, mallory.key.id(), nonce(0)));
    let flooded: PageId = page.parse().unwrap();
    let flag = |n: u32| {
        let mut bytes = [3; 16];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        let page = if n.is_multiple_of(2) { PageId::new(bytes) } else { flooded };
        let actor = commonplace_model::Actor::new(bytes);
        let span = (n % 2 == 1).then_some(commonplace_model::Span { actor, first: 1, last: 1 });
        Statement::Flag { page, span, reason: String::new() }
    };
    for n in 0..20 {
        let say: Vec<_> = (n * 500..(n + 1) * 500).map(flag).collect();
        let local = ledger.state(&say, &[]).unwrap().unwrap();
        talk.hands(Input::LocalChange(signed(&mallory, doc, 0, local))).await;
    }
    let list = async || ines.engine.flags(commons.clone(), FlagQuery::default()).await.unwrap();
    let all = async || {
        let list = list().await;
        list.flags.len() as u64 + list.more.iter().map(|more| more.count).sum::<u64>() == 10_001
    };
    ines.until("all flags came", all).await;
    let told = list().await;
    assert!(told.flags.len() <= 21 && told.flags.iter().any(|flag| flag.who.name == "Tomás"), "{told:?}");
    assert_eq!(told.more.iter().map(|more| more.who.name.as_str()).collect::<Vec<_>>(), ["Mallory"]);
    let shown = ines.engine.page_show(commons.clone(), page.clone()).await.unwrap().flags;
    assert!(shown.flags.len() <= 6 && shown.flags.iter().any(|flag| flag.who.name == "Tomás"), "{shown:?}");
    assert_eq!(shown.more[0].count, 4_995);
    // All of the flooder's can be had, stretch by stretch.
    let query = FlagQuery { by: Some("Mallory".into()), limit: Some(500), ..FlagQuery::default() };
    let stretch = ines.engine.flags(commons.clone(), query).await.unwrap();
    assert!(stretch.flags.len() == 500 && stretch.next.is_some());
    // One's own is put and taken off as ever, and the run that said so much is told in a few words.
    ines.engine.flag(commons.clone(), page.clone(), None).await.unwrap();
    let left = ines.engine.unflag(commons.clone(), page.clone()).await.unwrap();
    assert!(left.flags.iter().all(|flag| !flag.who.you));
    let query = ChangeQuery { by: Some("Mallory".into()), ..ChangeQuery::default() };
    let runs = ines.engine.changes(commons.clone(), query).await.unwrap().runs;
    assert!(runs.iter().any(|run| run.summary.contains("things more")), "{runs:?}");
}
