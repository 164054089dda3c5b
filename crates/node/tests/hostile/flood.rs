//! Too much: frames without end, each of them small and well made.

use commonplace_governance::body::member_of;
use commonplace_model::{Actor, DocId, Folder, Ledger, Nonce, Page, PageId, Splice, Statement, Tag};
use commonplace_net::{FrameReceiver, FrameSender};
use commonplace_node::Bounds;
use commonplace_sync::Input;
use commonplace_trust::{Arrival, VerifiedChange, actor_of};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    mallory::{Mallory, Talk, ended, frame, soon},
    room::pushes_all,
    stage::Stage,
};

/// An entry of a list of frontiers: a document and its newest changes.
type Entry = (DocId, Vec<(Actor, u64, [u8; 8])>);

/// "Send me what I lack of these, and tell me what you have."
fn asks(entries: Vec<Entry>) -> Vec<u8> {
    let (kind, ask, last) = (5, 4_u8 - 1, true);
    frame(kind, &(ask, entries, last))
}

/// Sends the same frame until the stream ends or the task is stopped, and tells how often it did.
fn sends_on(mut to: FrameSender, bytes: Vec<u8>) -> (JoinHandle<()>, watch::Receiver<u64>) {
    let (count, counted) = watch::channel(0);
    let task = tokio::spawn(async move {
        while to.send(&bytes).await.is_ok() {
            count.send_modify(|sent| *sent += 1);
        }
    });
    (task, counted)
}

fn hears_on(mut from: FrameReceiver) -> JoinHandle<()> {
    tokio::spawn(async move { while let Ok(Some(_)) = from.next().await {} })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_end_keeps_nobody_from_writing_and_nothing_out_of_the_lists() {
    let mut stage = Stage::new().await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let Talk { to, from, .. } = mallory.meets().await;
    // Each question is about pages that there are not, and costs a look for each.
    let unknown =
        |n: u16| (DocId::Page(PageId::new([&n.to_le_bytes()[..], &[9; 14]].concat().try_into().unwrap())), vec![]);
    let (sending, mut counted) = sends_on(to, asks((0..900).map(unknown).collect()));
    let hearing = hears_on(from);
    soon("a flood", counted.wait_for(|sent| *sent >= 30)).await.unwrap();

    stage.types_on().await;
    let before = *counted.borrow();
    // What Tomás writes meanwhile is found by Ines, who waits for it to be put into the index.
    let (tomas, ines) = (&stage.tomas.engine, &stage.ines);
    let written = tomas.page_append(stage.commons.clone(), stage.page.clone(), "\nquicksilver".into()).await;
    written.unwrap();
    ines.until("the word is found", async || {
        let found = ines.engine.search(stage.commons.clone(), "quicksilver".into(), None).await.unwrap();
        !found.hits.is_empty()
    })
    .await;
    soon("still a flood", counted.wait_for(|sent| *sent > before)).await.unwrap();
    sending.abort();
    hearing.abort();
    stage.was_told_nothing_else();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_changes_that_nobody_can_judge_keep_nobody_waiting() {
    let mut stage = Stage::within(Bounds { changes_a_minute: u32::MAX, ..Bounds::default() }).await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let talk = mallory.meets().await;
    let doc = DocId::Page(stage.page.parse().unwrap());
    // Of each actor the second change, without the first.
    let second = |n: u32| {
        let mut nonce = [6; 16];
        nonce[..4].copy_from_slice(&n.to_le_bytes());
        let (nonce, mut page) = (Nonce::new(nonce), Page::default());
        page.document_mut().set_actor(actor_of(mallory.commons, doc, mallory.key.id(), nonce));
        page.begin(&"Toasters".parse().unwrap(), &Folder::default(), "").unwrap();
        let made = page.edit(&[Splice { at: 0, delete: 0, insert: "never".to_owned() }]).unwrap().unwrap();
        let (change, said) = VerifiedChange::local(made, &mallory.key, mallory.commons, doc, nonce).unwrap();
        Arrival { doc, attestations: vec![*said.get()], changes: vec![change.bytes().to_vec()] }
    };
    let all = (0..10_000).map(second).collect();
    let elsewhere = DocId::Page(PageId::new([8; 16]));
    let (asked, ()) = tokio::join!(pushes_all(&mallory, talk, all, elsewhere), stage.types_on());
    assert!(asked <= 3, "{asked}");
    stage.types_on().await;
    stage.was_told_nothing_else();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_without_end_and_takes_nothing_is_left_alone() {
    let mut stage = Stage::new().await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let talk = mallory.meets().await;
    // "Your change of that number is another one": each time the engine answers with its own signature.
    let page = talk.brought.iter().find(|a| matches!(a.doc, DocId::Page(_)) && !a.attestations.is_empty());
    let page = page.expect("the page came");
    let said = page.attestations.last().expect("vouched for");
    let claims = vec![(said.actor(mallory.commons, page.doc), said.seq, [0xee; 8])];
    let (sending, counted) = sends_on(talk.to, asks(vec![(page.doc, claims); 1_000]));
    soon("an end to it", sending).await.unwrap();
    assert!(*counted.borrow() < 10_000, "answers to nobody were kept for ever");
    stage.is_told(&["a device of Mallory", "took nothing", "safe"]).await;
    let mut from = talk.from;
    ended(&mut from).await;
    assert!(mallory.offers().await.is_none(), "met again at once");
    stage.types_on().await;
    stage.ends_well(3).await;
}

/// Sends as much of this as it can until the meeting ends.
async fn pours(mut talk: Talk, all: Vec<Arrival>) {
    let frames: Vec<_> = all.into_iter().flat_map(|arrival| talk.says(Input::LocalChange(arrival)).0).collect();
    let Talk { mut to, mut from, .. } = talk;
    let sending = async {
        for frame in &frames {
            if to.send(frame).await.is_err() {
                break;
            }
        }
    };
    soon("an end to it", async { tokio::join!(sending, ended(&mut from)) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_ten_thousand_things_one_by_one_is_named_and_left_alone() {
    const MOST: u32 = 500;
    let mut stage = Stage::within(Bounds { changes_a_minute: MOST, ..Bounds::default() }).await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let talk = mallory.meets().await;
    let doc = DocId::Ledger(member_of(mallory.commons, mallory.key.id()));
    let (nonce, mut ledger) = (Nonce::new([6; 16]), Ledger::default());
    ledger.document_mut().set_actor(actor_of(mallory.commons, doc, mallory.key.id(), nonce));
    let page: PageId = stage.page.parse().unwrap();
    let tags = (0..10_000).map(|n| {
        let tag: Tag = format!("tag{n}").parse().unwrap();
        let made = ledger.state(&[Statement::Tag { page, tag }], &[]).unwrap().unwrap();
        let (change, said) = VerifiedChange::local(made, &mallory.key, mallory.commons, doc, nonce).unwrap();
        Arrival { doc, attestations: vec![*said.get()], changes: vec![change.bytes().to_vec()] }
    });
    let tags = tags.collect();
    let ((), ()) = tokio::join!(pours(talk, tags), stage.types_on());
    stage.is_told(&["a device of Mallory", "thousands of changes", "left alone", "safe"]).await;
    assert!(mallory.offers().await.is_none(), "met again at once");
    // The first is a beginning, which is not counted; the one that was too much is not let in.
    let tags = stage.ines.engine.tags(stage.commons.clone()).await.unwrap();
    assert_eq!(tags.len(), 1 + 1 + MOST as usize);
    stage.types_on().await;
    stage.was_told_nothing_else();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_brings_nothing_but_what_is_refused_is_left_alone() {
    let mut stage = Stage::new().await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let talk = mallory.meets().await;
    let doc = DocId::Page(stage.page.parse().unwrap());
    let garbage = Arrival { doc, attestations: vec![], changes: vec![vec![0xff; 400]] };
    let ((), ()) = tokio::join!(pours(talk, vec![garbage; 10_000]), stage.types_on());
    stage.is_told(&["a device of Mallory", "were not let in", "safe"]).await;
    stage.is_told(&["a device of Mallory", "very many changes", "left alone", "safe"]).await;
    assert!(mallory.offers().await.is_none(), "met again at once");
    stage.types_on().await;
    stage.was_told_nothing_else();
    stage.ends_well(3).await;
}
