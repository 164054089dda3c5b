//! Words of presence: more of them than anybody has carets, and how few an engine says.

use std::time::{Duration, Instant};

use commonplace_governance::Roll;
use commonplace_model::{CommonsId, DeviceId, PageId};
use commonplace_net::{Topic, TopicEvent};
use commonplace_node::view::Event;
use commonplace_trust::{DeviceKey, Domain, VerifiedRecord};

use crate::{
    device::{self, insert},
    mallory::{Mallory, soon},
    stage::Stage,
};

/// Longer than an engine's pace of 40 ms, so that it looks after each letter whether there is something to say.
const TYPING: Duration = Duration::from_millis(45);
/// Longer than gossip waits before it names what it has: what was said has come by then.
const QUIET: Duration = Duration::from_millis(700);

/// A word of presence, as engines say it.
fn word(key: &DeviceKey, of: DeviceId, commons: CommonsId, at: u64, page: Option<PageId>) -> Vec<u8> {
    let (anchor, head, writing) = (None::<String>, None::<String>, at.is_multiple_of(2));
    let mut bytes = postcard::to_allocvec(&(of, at, page, anchor, head, writing, 4_u8)).unwrap();
    let signature = key.sign(Domain::Presence, &[&commons.as_bytes()[..], &bytes].concat());
    bytes.extend_from_slice(signature.as_bytes());
    bytes
}

/// The gossip of the commons, with a first neighbour.
async fn topic(mallory: &Mallory) -> Topic {
    mallory.connection().await;
    let records: Vec<_> = mallory.records.iter().map(|r| VerifiedRecord::verify(r.clone()).unwrap()).collect();
    let epoch = Roll::fold(mallory.commons, &records).unwrap().epoch();
    let topic = blake3::derive_key("commonplace/topic/1", epoch.as_bytes());
    let mut topic = mallory.net.subscribe(topic, vec![mallory.host]).await.unwrap();
    let neighbour = async { while !matches!(topic.next().await, Some(TopicEvent::NeighborUp(_))) {} };
    soon("a neighbour", neighbour).await;
    topic
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_presence_hides_nobody() {
    let mut stage = Stage::new().await;
    let mut heard = stage.ines.engine.events();
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let topic = topic(&mallory).await;

    let tomas: DeviceId = stage.tomas.engine.status().await.unwrap().profile.unwrap().device.parse().unwrap();
    let pages = [Some(PageId::new([1; 16])), None];
    for n in 0..2_000_u64 {
        let page = pages[usize::from(n.is_multiple_of(3))];
        let own = word(&mallory.key, mallory.key.id(), mallory.commons, n, page);
        // In another's name, far in the future, so that nothing he says would count any more.
        let forged = word(&mallory.key, tomas, mallory.commons, u64::MAX - n, page);
        for bytes in [own, forged, vec![0xee; 900], vec![1; 16_000]] {
            topic.broadcast(bytes.into()).await.unwrap();
        }
    }
    stage.types_on().await;
    // Tomás goes into the page, and Ines sees his caret.
    let window = stage.tomas.engine.editor_open(stage.commons.clone(), stage.page.clone()).await.unwrap();
    stage.tomas.engine.editor_caret(window.session, Some(2), Some(2)).await.unwrap();
    device::until(&mut heard, |event| match event {
        Event::Carets { carets, .. } => carets.iter().any(|c| c.name == "Tomás" && c.head == Some(2)),
        _ => false,
    })
    .await;
    stage.was_told_nothing_else();
    stage.ends_well(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_types_on_need_not_say_where() {
    let mut stage = Stage::new().await;
    let mut seen = stage.ines.engine.events();
    let listener = Mallory::join(&stage.ticket(1).await).await;
    let mut topic = topic(&listener).await;
    let tomas: DeviceId = stage.tomas.engine.status().await.unwrap().profile.unwrap().device.parse().unwrap();
    let engine = stage.tomas.engine.clone();
    let window = engine.editor_open(stage.commons.clone(), stage.page.clone()).await.unwrap();

    let (letters, mut version, start) = (25, window.version, Instant::now());
    for n in 0..letters {
        let at = 3 + n;
        let pushed = engine.editor_push(window.session, version, vec![insert(6 + n, at, "k")]).await.unwrap();
        version = pushed.version;
        engine.editor_caret(window.session, Some(at + 1), Some(at + 1)).await.unwrap();
        tokio::time::sleep(TYPING).await;
    }
    // Without having been told of it the others see the caret go along.
    device::until(&mut seen, |event| match event {
        Event::Carets { carets, .. } => carets.iter().any(|c| c.name == "Tomás" && c.head == Some(3 + letters)),
        _ => false,
    })
    .await;
    let mut said = 0_u64;
    while let Ok(Some(event)) = tokio::time::timeout(QUIET, topic.next()).await {
        let TopicEvent::Received { bytes, .. } = event else { continue };
        said += u64::from(bytes.starts_with(&postcard::to_allocvec(&tomas).unwrap()));
    }
    // That he is in the page, where, and that he writes; and every four seconds that it is still so.
    let most = 6 + start.elapsed().as_secs() / 4;
    assert!((1..=most).contains(&said), "{said} words for {letters} letters");
    stage.was_told_nothing_else();
}
