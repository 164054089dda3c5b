//! More of a member's own than there is room for: beginnings in one page, and records.

use std::{collections::BTreeSet, ops::Range};

use commonplace_governance::{Body, Invitation, Roll, Room};
use commonplace_model::{Actor, DocId, Folder, Nonce, Page, PageId};
use commonplace_net::FrameReceiver;
use commonplace_node::Bounds;
use commonplace_store::Store;
use commonplace_sync::{Input, neighbours};
use commonplace_trust::{Arrival, DeviceKey, Draft, VerifiedChange, VerifiedRecord, actor_of};

use crate::{
    mallory::{Mallory, Talk, ended, soon},
    stage::Stage,
};

const ROOM: usize = 8;
const RECORDS: usize = 40;
const BOUNDS: Bounds = Bounds {
    actors: ROOM,
    records: Room { records: RECORDS, bytes: 1 << 30 },
    changes_a_minute: 8_192,
    meetings: neighbours::Bounds { all: 12, own: 6, most: 16 },
};
/// Records that are let in beyond that at once.
const SPARE: usize = 8;
const TOLD: [&str; 3] = ["a device of Mallory", "more often than any device needs", "safe"];
/// Kinds of frames.
const FRONTIERS: u8 = 5;
const ACK: u8 = 10;

impl Mallory {
    /// A first change of a page, under an actor that nobody has seen.
    fn begins(&self, doc: DocId, number: u32) -> (Arrival, Actor) {
        let mut nonce = [3; 16];
        nonce[..4].copy_from_slice(&number.to_le_bytes());
        let (nonce, mut page) = (Nonce::new(nonce), Page::default());
        let actor = actor_of(self.commons, doc, self.key.id(), nonce);
        page.document_mut().set_actor(actor);
        let made = page.begin(&"Toasters".parse().unwrap(), &Folder::default(), "").unwrap().unwrap();
        let (change, said) = VerifiedChange::local(made, &self.key, self.commons, doc, nonce).unwrap();
        (Arrival { doc, attestations: vec![*said.get()], changes: vec![change.bytes().to_vec()] }, actor)
    }

    /// Its actors in a page, as the engine that it has to do with tells them.
    async fn actors_in(&self, doc: DocId) -> BTreeSet<Actor> {
        let brought = self.meets().await.brought;
        let said = brought.iter().filter(|a| a.doc == doc).flat_map(|a| &a.attestations);
        said.filter(|said| said.device == self.key.id()).map(|said| said.actor(self.commons, doc)).collect()
    }
}

/// Begins in a page with each of these numbers, then in one where there is room; see [`pushes_all`].
async fn begins_all(mallory: &Mallory, talk: Talk, doc: DocId, numbers: Range<u32>) -> usize {
    let elsewhere = DocId::Page(PageId::new([u8::try_from(numbers.start % 251).unwrap(); 16]));
    let all = numbers.map(|number| mallory.begins(doc, number).0).collect();
    pushes_all(mallory, talk, all, elsewhere).await
}

/// Pushes changes, then the beginning of another page. Gives how often something was asked for until that last one was
/// acknowledged, and with it all that came before.
pub(crate) async fn pushes_all(mallory: &Mallory, mut talk: Talk, all: Vec<Arrival>, elsewhere: DocId) -> usize {
    let (last, actor) = mallory.begins(elsewhere, 0);
    let frames: Vec<_> = all.into_iter().chain([last]).flat_map(|a| talk.says(Input::LocalChange(a)).0).collect();
    let Talk { mut to, mut from, .. } = talk;
    let sending = async {
        for frame in &frames {
            to.send(frame).await.unwrap();
        }
    };
    let hearing = acknowledged(&mut from, elsewhere, actor);
    let ((), asked) = soon("an answer to the last", async { tokio::join!(sending, hearing) }).await;
    asked
}

/// Hears until a change of this actor is acknowledged; says how often something was asked for before.
async fn acknowledged(from: &mut FrameReceiver, doc: DocId, actor: Actor) -> usize {
    let mut asked = 0;
    loop {
        let frame = from.next().await.unwrap().expect("the engine goes on");
        match frame.get(1) {
            Some(&FRONTIERS) => asked += 1,
            Some(&ACK) => {
                let docs: Vec<(DocId, Vec<(Actor, u64)>)> = postcard::from_bytes(&frame[2..]).unwrap();
                if docs.iter().any(|(of, tips)| *of == doc && tips.iter().any(|(tip, _)| *tip == actor)) {
                    return asked;
                }
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_ten_thousand_times_is_let_in_as_often_as_there_is_room() {
    let mut stage = Stage::within(BOUNDS).await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let talk = mallory.meets().await;
    let doc = DocId::Page(stage.page.parse().unwrap());
    // Ines types and Tomás sees it while more and more comes.
    let others = async {
        stage.is_told(&TOLD).await;
        stage.types_on().await;
    };
    let (asked, ()) = tokio::join!(begins_all(&mallory, talk, doc, 1..10_001), others);
    // What is left out is not asked for again and again.
    assert!(asked <= 3, "{asked}");
    stage.types_on().await;
    assert_eq!(mallory.actors_in(doc).await.len(), ROOM);
    stage.was_told_nothing_else();
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_let_in_different_ones_become_equal() {
    let mut stage = Stage::within(BOUNDS).await;
    let (ines, tomas) = (stage.ticket(1).await, stage.tomas.engine.invite(stage.commons.clone(), Some(1), None).await);
    let tomas = tomas.unwrap().ticket;
    let mut mallory = Mallory::join_below(&ines, &tomas).await;
    let knows = async || stage.tomas.engine.people(stage.commons.clone()).await.unwrap().len() == 3;
    stage.tomas.until("Tomás knows Mallory", knows).await;
    let doc = DocId::Page(stage.page.parse().unwrap());
    let to_ines = mallory.meets().await;
    mallory.turns_to(&tomas);
    let to_tomas = mallory.meets().await;
    tokio::join!(begins_all(&mallory, to_ines, doc, 1..41), begins_all(&mallory, to_tomas, doc, 101..141));
    stage.is_told(&TOLD).await;
    // What either writes builds on all that they have, so it brings that along.
    stage.types_on().await;
    stage.tomas.engine.page_append(stage.commons.clone(), stage.page.clone(), "quicksilver".into()).await.unwrap();
    stage
        .ines
        .until("the word is there", async || {
            let shown = stage.ines.engine.page_show(stage.commons.clone(), stage.page.clone()).await;
            shown.is_ok_and(|page| page.body.contains("quicksilver"))
        })
        .await;
    let on_tomas = mallory.actors_in(doc).await;
    mallory.turns_to(&ines);
    assert_eq!(mallory.actors_in(doc).await, on_tomas);
    assert!((ROOM..=2 * ROOM).contains(&on_tomas.len()), "{}", on_tomas.len());
    stage.was_told_nothing_else();
}

/// Records of Mallory's, each on the one before.
fn records(mallory: &Mallory, many: u64) -> Vec<Vec<u8>> {
    let known = mallory.records.iter().map(|bytes| VerifiedRecord::verify(bytes.clone()).unwrap());
    let mut roll = Roll::fold(mallory.commons, &known.collect::<Vec<_>>()).unwrap();
    let invitation = |n: u64| {
        let key = DeviceKey::from_seed(&blake3::derive_key("an invitation", &n.to_le_bytes())).id();
        Body::Invitation(Invitation { key, uses: 1, expires_at: u64::MAX })
    };
    let mut last = roll.write(&invitation(0), &mallory.key).unwrap();
    let mut all = vec![last.bytes().to_vec()];
    for n in 1..many {
        // Without working out each time what counts.
        let draft = Draft { parents: vec![last.id()], body: invitation(n).encode(), ..last.draft().clone() };
        last = VerifiedRecord::sign(draft, &mallory.key).unwrap();
        all.push(last.bytes().to_vec());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_ten_thousand_records_has_others_keep_as_many_as_there_is_room_for() {
    let mut stage = Stage::within(BOUNDS).await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let mut talk = mallory.meets().await;
    let mut frames = Vec::new();
    for record in records(&mallory, 10_000) {
        frames.extend(talk.says(Input::LocalRecords(vec![record])).0);
    }
    let Talk { mut to, mut from, .. } = talk;
    let sending = async {
        let mut sent = 0;
        for frame in &frames {
            if to.send(frame).await.is_err() {
                break;
            }
            sent += 1;
        }
        sent
    };
    let others = async {
        stage.is_told(&["a device of Mallory", "more records of its own", "safe", "left alone"]).await;
        stage.types_on().await;
    };
    let (sent, ()) = soon("an end to it", async { tokio::join!(sending, others) }).await;
    assert!(sent >= RECORDS + SPARE);
    ended(&mut from).await;
    assert!(mallory.offers().await.is_none(), "met again at once");
    stage.types_on().await;
    stage.was_told_nothing_else();
    // What Ines let in, Tomás has from her.
    for device in [&stage.ines, &stage.tomas] {
        device.engine.close().await;
        let store = Store::open_begun(device.engine.home(), true).unwrap();
        let kept = store.records(mallory.commons).unwrap();
        let own = kept.iter().filter(|record| record.draft().author == mallory.key.id()).count();
        assert_eq!(own, RECORDS + SPARE);
    }
}
