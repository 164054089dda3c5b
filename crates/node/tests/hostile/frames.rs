//! Frames that are none, that claim too much, or that do not come.

use commonplace_net::StreamKind;
use commonplace_sync::VERSION;
use iroh::{
    Endpoint, EndpointAddr, EndpointId, SecretKey, TransportAddr,
    endpoint::{VarInt, presets},
};

use crate::{
    mallory::{Mallory, ended, frame, soon},
    stage::Stage,
};

#[tokio::test(flavor = "multi_thread")]
async fn garbage_ends_the_meeting_and_whoever_sent_it_is_left_alone() {
    let mut stage = Stage::new().await;
    let summary = (9_u64, [3_u8; 32]);
    // A greeting, then changes that say they inflate to four gigabytes.
    let (live, packed) = (true, 1_u8);
    let bomb = frame(7, &(live, packed, u32::MAX, &[7_u8; 40][..]));
    let greeting = frame(0, &([1_u8; 16], summary, summary));
    let shapes: [(&[Vec<u8>], &str); 6] = [
        (&[vec![VERSION; 300]], "cannot be read"),
        (&[vec![]], "cannot be read"),
        (&[(0..=255).cycle().skip(usize::from(VERSION)).take(1 << 20).collect()], "cannot be read"),
        (&[greeting.clone(), greeting.clone()], "out of order"),
        (&[greeting.clone(), frame(8, &())], "out of order"),
        (&[greeting, bomb], "more than is allowed"),
    ];
    let ticket = stage.ticket(6).await;
    for (frames, why) in shapes {
        let mallory = Mallory::join(&ticket).await;
        let (mut to, mut from) = mallory.offers().await.expect("a member may meet");
        for bytes in frames {
            // It may have been ended before the last one.
            let _ = to.send(bytes).await;
        }
        ended(&mut from).await;
        stage.is_told(&["a device of Mallory", why, "safe", "left alone"]).await;
        assert!(mallory.offers().await.is_none(), "met again at once");
        stage.types_on().await;
    }
    stage.was_told_nothing_else();
    stage.ends_well(8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_beyond_the_cap_ends_the_meeting_before_anything_of_it_comes() {
    let mut stage = Stage::new().await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    // The network as it is does not send such a length, so this device goes on without it.
    mallory.net.close().await;
    let builder = Endpoint::builder(presets::Minimal).secret_key(SecretKey::from_bytes(&mallory.key.seed()));
    let raw = builder.clear_ip_transports().bind_addr("127.0.0.1:0").unwrap().bind().await.unwrap();
    let addresses = mallory.addresses.iter().copied().map(TransportAddr::Ip);
    let host = EndpointAddr::from_parts(EndpointId::from_bytes(mallory.host.as_bytes()).unwrap(), addresses);
    let connection = soon("a connection", raw.connect(host, b"commonplace/1")).await.unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    let offer = mallory.offer(1);
    send.write_all(&[StreamKind::Sync as u8]).await.unwrap();
    send.write_all(&u32::try_from(offer.len()).unwrap().to_be_bytes()).await.unwrap();
    send.write_all(&offer).await.unwrap();
    let mut answer = [0; 5];
    soon("an answer", recv.read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer, [0, 0, 0, 1, 1], "a member may meet");

    // Four bytes are enough to be refused: not one of the four billion is waited for.
    send.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    let refused = soon("a refusal", send.stopped()).await.unwrap();
    assert_eq!(refused.map(VarInt::into_inner), Some(7));
    stage.is_told(&["a device of Mallory", "more than is allowed", "safe"]).await;
    stage.types_on().await;
    stage.ends_well(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opens_streams_and_says_nothing_is_waited_for_by_nobody() {
    let mut stage = Stage::new().await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let connection = mallory.connection().await;
    let mut streams = Vec::new();
    for number in 0..28 {
        let kind = if number % 2 == 0 { StreamKind::Sync } else { StreamKind::Join };
        streams.push(connection.open(kind).await.unwrap().split());
    }
    // And three that get as far as the greeting.
    for _ in 0..3 {
        streams.push(mallory.offers().await.expect("a member may meet"));
    }
    stage.types_on().await;
    drop(streams);
    mallory.meets().await;
    stage.was_told_nothing_else();
    stage.ends_well(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_to_sync_again_and_again_is_left_alone() {
    let mut stage = Stage::new().await;
    let mallory = Mallory::join(&stage.ticket(1).await).await;
    let mut begun = 0;
    while mallory.offers().await.is_some() {
        begun += 1;
        assert!(begun < 10_000, "each one costs a look at every page");
    }
    assert!(begun > 3, "a device that loses its connection may begin again");
    stage.is_told(&["a device of Mallory", "again and again", "safe"]).await;
    stage.types_on().await;
    stage.ends_well(3).await;
}
