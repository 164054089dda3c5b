//! Those who are no members may ask to be let in, and nothing else; and there are bounds to that.

use commonplace_net::{DisconnectReason, NetError, StreamKind, Welcome};
use futures_util::FutureExt;
use iroh::endpoint::ReadError;

use crate::peers::{PROTOCOL, Peer, close_code, raw, raw_dial, soon};

const REFUSED: u64 = 1;
const BUSY: u64 = 2;

#[tokio::test]
async fn a_stranger_may_only_ask_to_join() {
    let mut here = Peer::with(1, |_| Welcome::Stranger).await;
    let stranger = Peer::open(2).await;
    let connection = stranger.dial(&here).await;
    let (_to, mut from) = connection.open(StreamKind::Sync).await.unwrap().split();
    let refused = soon("a refusal", from.next()).await;
    assert!(matches!(refused, Err(NetError::Refused)), "{refused:?}");
    let _join = connection.open(StreamKind::Join).await.unwrap();
    let heard = here.stream().await;
    assert_eq!((heard.kind(), heard.device()), (StreamKind::Join, stranger.net.device()));
}

#[tokio::test]
async fn a_stranger_that_has_become_a_member_is_one_at_once() {
    let members = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let known = std::sync::Arc::clone(&members);
    let judge =
        move |device: &_| if known.lock().unwrap().contains(device) { Welcome::Member } else { Welcome::Stranger };
    let (mut here, joiner) = (Peer::with(1, judge).await, Peer::open(2).await);
    let connection = joiner.dial(&here).await;
    let _join = connection.open(StreamKind::Join).await.unwrap();
    assert_eq!(here.stream().await.kind(), StreamKind::Join);
    members.lock().unwrap().push(joiner.net.device());
    let _sync = connection.open(StreamKind::Sync).await.unwrap();
    assert_eq!(here.stream().await.kind(), StreamKind::Sync);
}

#[tokio::test]
async fn a_refused_device_is_sent_away_at_once() {
    let here = Peer::with(1, |_| Welcome::Refused).await;
    let refused = raw(2).await;
    assert_eq!(close_code(&raw_dial(&refused, &here, PROTOCOL).await).await, REFUSED);

    let mut polite = Peer::open(3).await;
    let connection = polite.dial(&here).await;
    assert_eq!(soon("the end", connection.closed()).await, DisconnectReason::Refused);
    assert_eq!(polite.disconnected().await, DisconnectReason::Refused);
}

#[tokio::test]
async fn gossip_is_for_members() {
    let here = Peer::with(1, |_| Welcome::Stranger).await;
    let stranger = raw(2).await;
    assert_eq!(close_code(&raw_dial(&stranger, &here, iroh_gossip::ALPN).await).await, REFUSED);
}

#[tokio::test]
async fn a_stranger_has_few_streams_and_gets_a_new_one_for_each_it_ends() {
    let mut here = Peer::with(1, |_| Welcome::Stranger).await;
    let stranger = raw(2).await;
    let connection = raw_dial(&stranger, &here, PROTOCOL).await;
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let (mut send, recv) = connection.open_bi().await.unwrap();
        send.write_all(&[StreamKind::Join as u8]).await.unwrap();
        theirs.push((send, recv));
        ours.push(here.stream().await);
    }
    let mut fifth = std::pin::pin!(async { connection.open_bi().await });
    assert!((&mut fifth).now_or_never().is_none(), "there is no room for a fifth");
    drop((theirs.pop(), ours.pop()));
    soon("room for it", fifth).await.unwrap();
}

#[tokio::test]
async fn a_member_has_more_streams_and_not_without_end() {
    let mut here = Peer::open(1).await;
    let member = raw(2).await;
    let connection = raw_dial(&member, &here, PROTOCOL).await;
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..32 {
        let (mut send, recv) = soon("room for a stream", connection.open_bi()).await.unwrap();
        send.write_all(&[StreamKind::Sync as u8]).await.unwrap();
        theirs.push((send, recv));
        ours.push(here.stream().await);
    }
    let mut next = std::pin::pin!(async { connection.open_bi().await });
    assert!((&mut next).now_or_never().is_none(), "there is no room for one more");
    // Room is given again for several at a time.
    drop((theirs, ours));
    soon("room for it", next).await.unwrap();
}

#[tokio::test]
async fn a_stranger_cannot_open_streams_of_another_sort() {
    let here = Peer::with(1, |_| Welcome::Stranger).await;
    let stranger = raw(2).await;
    let connection = raw_dial(&stranger, &here, PROTOCOL).await;
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&[StreamKind::Sync as u8]).await.unwrap();
    let _ = soon("a refusal", recv.read(&mut [0])).await;
    let mut other = std::pin::pin!(async { connection.open_uni().await });
    assert!((&mut other).now_or_never().is_none(), "there is no room for any");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_bounds_to_how_many_strangers_are_connected() {
    let here = Peer::with(1, |_| Welcome::Stranger).await;
    let mut held = Vec::new();
    for seed in 100..132 {
        let stranger = raw(seed).await;
        let connection = raw_dial(&stranger, &here, PROTOCOL).await;
        // The answer shows that it was taken in.
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        send.write_all(&[0]).await.unwrap();
        let _ = soon("an answer", recv.read(&mut [0])).await;
        assert!(connection.close_reason().is_none(), "stranger {seed}");
        held.push((stranger, connection));
    }
    let late = raw(200).await;
    assert_eq!(close_code(&raw_dial(&late, &here, PROTOCOL).await).await, BUSY);
    // One leaves, and there is room for another.
    let (_, gone) = held.pop().unwrap();
    gone.close(0u32.into(), b"");
    drop(gone);
    let connection = soon("room", async {
        loop {
            let connection = raw_dial(&late, &here, PROTOCOL).await;
            let Ok((mut send, mut recv)) = connection.open_bi().await else { continue };
            let answered =
                send.write_all(&[0]).await.is_ok() && matches!(recv.read(&mut [0]).await, Err(ReadError::Reset(_)));
            if answered {
                return connection;
            }
        }
    });
    connection.await;
}
