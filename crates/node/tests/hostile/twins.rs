//! A device that gives two engines different changes of one number.

use std::collections::BTreeSet;

use commonplace_model::{DocId, Document, Nonce, Page, Splice};
use commonplace_net::StreamKind;
use commonplace_node::view::{Event, Person};
use commonplace_sync::Input;
use commonplace_trust::{Arrival, VerifiedAttestation, VerifiedChange, actor_of, gate};

use crate::{
    device::{Device, equal, insert, until},
    mallory::{Mallory, Talk, soon},
    stage::Stage,
};

const NONCE: Nonce = Nonce::new([6; 16]);

/// One of the ways in which Mallory writes.
struct Way {
    page: Page,
    doc: DocId,
}

impl Way {
    /// Begins on what an engine brought.
    fn new(mallory: &Mallory, doc: DocId, brought: &[Arrival]) -> Self {
        let changes = brought.iter().filter(|a| a.doc == doc).flat_map(|a| &a.changes);
        let mut document = Document::new(doc.into());
        let known = changes.map(|bytes| VerifiedChange::from_store(bytes.clone()).unwrap()).collect();
        gate::apply(&mut document, known).unwrap();
        document.set_actor(actor_of(mallory.commons, doc, mallory.key.id(), NONCE));
        Self { page: Page::from_document(document).unwrap(), doc }
    }

    fn writes(&mut self, mallory: &Mallory, text: &str) -> Arrival {
        let splice = Splice { at: 0, delete: 0, insert: text.to_owned() };
        let local = self.page.edit(&[splice]).unwrap().unwrap();
        let (change, said): (_, VerifiedAttestation) =
            VerifiedChange::local(local, &mallory.key, mallory.commons, self.doc, NONCE).unwrap();
        Arrival { doc: self.doc, attestations: vec![*said.get()], changes: vec![change.bytes().to_vec()] }
    }
}

async fn meets_and_hears(mallory: &Mallory, doc: DocId) -> Talk {
    let mut talk = mallory.meets().await;
    while !talk.brought.iter().any(|arrival| arrival.doc == doc) {
        let frame = soon("the page", talk.from.next()).await.unwrap().expect("the engine goes on");
        talk.hands(Input::Frame(frame.into())).await;
    }
    talk
}

/// Whether the engine meets this device, and does not hang up on it.
async fn is_met(mallory: &Mallory) -> bool {
    let Ok(connection) = mallory.net.connect(mallory.host).await else { return false };
    let Ok(stream) = connection.open(StreamKind::Sync).await else { return false };
    let (mut to, mut from) = stream.split();
    to.send(&mallory.offer(9)).await.is_ok()
        && matches!(soon("an answer", from.next()).await, Ok(Some(yes)) if yes[..] == [1])
}

/// Types at the end of a page.
async fn types(device: &Device, commons: &str, page: &str, text: &str) {
    let window = device.engine.editor_open(commons.into(), page.into()).await.unwrap();
    let at = u32::try_from(window.text.encode_utf16().count()).unwrap();
    let pushed = device.engine.editor_push(window.session, window.version, vec![insert(at, at, text)]).await.unwrap();
    assert!(pushed.accepted);
    device.engine.editor_close(window.session).await.unwrap();
}

async fn body(device: &Device, commons: &str, page: &str) -> String {
    device.engine.page_show(commons.into(), page.into()).await.unwrap().body
}

fn caught(people: &[Person]) -> BTreeSet<String> {
    people.iter().filter(|person| person.name == "Mallory").flat_map(|person| person.caught.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gives_two_engines_different_changes_is_out_and_no_word_of_theirs_is_missing() {
    lies_to_two(0, [1, 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_common_to_both_ways_stays_though_as_much_was_written_on_each() {
    lies_to_two(2, [3, 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_common_to_both_ways_stays_though_one_of_them_is_longer() {
    lies_to_two(1, [4, 2]).await;
}

/// Mallory writes so many changes for all, and then so many others for each of the two.
async fn lies_to_two(common: usize, each: [usize; 2]) {
    let Stage { mut ines, mut tomas, commons, page, .. } = Stage::new().await;
    let doc = DocId::Page(page.parse().unwrap());
    let ticket = async |device: &Device| device.engine.invite(commons.clone(), Some(1), None).await.unwrap().ticket;
    let mut mallory = Mallory::join_below(&ticket(&ines).await, &ticket(&tomas).await).await;
    let all_in = async || tomas.engine.people(commons.clone()).await.unwrap().len() == 3;
    tomas.until("Tomás knows of Mallory", all_in).await;

    mallory.turns_to(&ticket(&tomas).await);
    let mut talk = meets_and_hears(&mallory, doc).await;
    let mut known = talk.brought.clone();
    let mut honest = Way::new(&mallory, doc, &known);
    for _ in 0..common {
        let written = honest.writes(&mallory, "of ");
        talk.hands(Input::LocalChange(written.clone())).await;
        known.push(written);
    }
    let shared = "of ".repeat(common);
    ines.until_text(&commons, &page, &format!("{shared}crumbs")).await;

    // Each of the two is given another change of one number while the other is away, and types on.
    ines.go_offline().await;
    let (mut one, mut other) = (Way::new(&mallory, doc, &known), Way::new(&mallory, doc, &known));
    for _ in 0..each[0] {
        talk.hands(Input::LocalChange(one.writes(&mallory, "truth "))).await;
    }
    tomas.until_text(&commons, &page, &format!("{}{shared}crumbs", "truth ".repeat(each[0]))).await;
    types(&tomas, &commons, &page, " of Tomás").await;
    tomas.go_offline().await;
    ines.go_online().await;
    mallory.turns_to(&ticket(&ines).await);
    let mut talk = meets_and_hears(&mallory, doc).await;
    for _ in 0..each[1] {
        talk.hands(Input::LocalChange(other.writes(&mallory, "lies "))).await;
    }
    ines.until_text(&commons, &page, &format!("{}{shared}crumbs", "lies ".repeat(each[1]))).await;
    types(&ines, &commons, &page, " of Ines").await;

    // Somebody else meets Ines meanwhile, and has what she has.
    let other = Mallory::join(&ticket(&ines).await).await;
    let mut watching = meets_and_hears(&other, doc).await;

    // They meet again. One of them is told by the other.
    let (mut at_ines, mut at_tomas) = (ines.engine.events(), {
        tomas.go_online().await;
        tomas.engine.events()
    });
    ines.meet(&tomas).await;
    for heard in [&mut at_ines, &mut at_tomas] {
        let told = |event: &Event| match event {
            Event::Trouble { message } => {
                ["Mallory’s contraption", "Mallory", "in two ways", "nothing of yours is lost"]
                    .iter()
                    .all(|word| message.contains(word))
            }
            _ => false,
        };
        until(heard, told).await;
    }
    // What Ines had is not what she has now, so she meets everybody anew.
    let over = async { while let Ok(Some(_)) = watching.from.next().await {} };
    soon("the meeting from before is over", over).await;
    for device in [&ines, &tomas] {
        let there = async || {
            let text = body(device, &commons, &page).await;
            let typed = text.strip_prefix(&shared);
            typed.is_some_and(|typed| ["crumbs of Ines of Tomás", "crumbs of Tomás of Ines"].contains(&typed))
        };
        device.until("what both typed is there once, and of Mallory’s what is common", there).await;
        let people = device.engine.people(commons.clone()).await.unwrap();
        assert_eq!(caught(&people), BTreeSet::from(["Mallory’s contraption".to_owned()]));
        let findings = device.engine.doctor(true).await.unwrap();
        assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
        assert!(findings.iter().any(|finding| finding.detail.contains("in two ways in “Toasters”")), "{findings:?}");
    }
    equal(&ines, &tomas, &commons).await;
    let text = body(&ines, &commons, &page).await;
    assert!(!is_met(&mallory).await, "nobody meets Mallory any more");

    // It is done once: nothing is written anew when they start again, and they go on.
    ines.go_online().await;
    assert_eq!(body(&ines, &commons, &page).await, text);
    ines.meet(&tomas).await;
    types(&ines, &commons, &page, "!").await;
    tomas.until_text(&commons, &page, &format!("{text}!")).await;
    let noor = Device::new("Noor").await;
    noor.engine.join(ticket(&ines).await, Some(30)).await.expect("lets her in");
    noor.until_text(&commons, &page, &format!("{text}!")).await;
}
