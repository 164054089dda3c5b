//! What one member says on a topic, the others hear.

use std::collections::BTreeSet;

use bytes::Bytes;
use commonplace_net::{MAX_GOSSIP, NetError, Topic, TopicEvent, Welcome};

use crate::peers::{Peer, soon};

async fn neighbour(topic: &mut Topic) {
    soon("a neighbour", async { while !matches!(topic.next().await.unwrap(), TopicEvent::NeighborUp(_)) {} }).await;
}

async fn heard(topic: &mut Topic) -> Bytes {
    soon("a message", async {
        loop {
            if let TopicEvent::Received { bytes, .. } = topic.next().await.unwrap() {
                return bytes;
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hear_one_another() {
    let peers = [Peer::open(1).await, Peer::open(2).await, Peer::open(3).await];
    for peer in &peers {
        for other in &peers {
            peer.knows(other);
        }
    }
    let devices: Vec<_> = peers.iter().map(|peer| peer.net.device()).collect();
    let mut topics = Vec::new();
    for peer in &peers {
        topics.push(peer.net.subscribe([5; 32], devices.clone()).await.unwrap());
    }
    for topic in &mut topics {
        neighbour(topic).await;
    }
    let largest = vec![b'x'; MAX_GOSSIP];
    topics[0].broadcast(largest.clone().into()).await.unwrap();
    for topic in &mut topics[1..] {
        assert_eq!(heard(topic).await, largest);
    }
    topics[1].sender().broadcast(Bytes::from_static(b"two")).await.unwrap();
    topics[2].broadcast(Bytes::from_static(b"three")).await.unwrap();
    let both = [heard(&mut topics[0]).await, heard(&mut topics[0]).await];
    assert_eq!(BTreeSet::from(both), BTreeSet::from([Bytes::from_static(b"two"), Bytes::from_static(b"three")]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_comes_later_is_told_of_by_hand() {
    let (here, there) = (Peer::open(1).await, Peer::open(2).await);
    let mut first = here.net.subscribe([5; 32], Vec::new()).await.unwrap();
    let mut second = there.net.subscribe([5; 32], Vec::new()).await.unwrap();
    here.knows(&there);
    first.join_peers(vec![here.net.device(), there.net.device()]).await.unwrap();
    neighbour(&mut first).await;
    neighbour(&mut second).await;
    second.broadcast(Bytes::from_static(b"hello")).await.unwrap();
    assert_eq!(heard(&mut first).await, "hello");
}

#[tokio::test]
async fn what_is_too_large_is_not_said() {
    let here = Peer::open(1).await;
    let topic = here.net.subscribe([5; 32], Vec::new()).await.unwrap();
    let refused = topic.broadcast(vec![0; MAX_GOSSIP + 1].into()).await;
    assert!(matches!(refused, Err(NetError::FrameTooLarge { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_no_member_is_not_heard_and_hears_nothing() {
    let (here, member) = (Peer::open(2).await, Peer::open(3).await);
    let known = member.net.device();
    let judge = move |device: &_| if *device == known { Welcome::Member } else { Welcome::Stranger };
    let wary = Peer::with(1, judge).await;
    for peer in [&here, &member] {
        peer.knows(&wary);
        wary.knows(peer);
    }
    let everybody = vec![here.net.device(), known];
    let mut topic = wary.net.subscribe([5; 32], everybody).await.unwrap();
    let stranger = here.net.subscribe([5; 32], vec![wary.net.device()]).await.unwrap();
    let mut friend = member.net.subscribe([5; 32], vec![wary.net.device()]).await.unwrap();
    stranger.broadcast(Bytes::from_static(b"let me in")).await.unwrap();
    neighbour(&mut topic).await;
    neighbour(&mut friend).await;
    friend.broadcast(Bytes::from_static(b"hello")).await.unwrap();
    assert_eq!(heard(&mut topic).await, "hello", "the first that is heard at all");
}
