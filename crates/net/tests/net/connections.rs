//! Devices reach one another, notice when the other is gone, and find it again.

use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use commonplace_net::{DisconnectReason, NetError, NetEvent, PathKind, StreamKind, Welcome};
use tokio::{runtime::Runtime, time::timeout};

use crate::peers::{Peer, soon, talk};

/// A device that can be killed: its sockets close without a word.
fn mortal(seed: u8) -> (Runtime, Peer) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let opened = runtime.spawn(Peer::open(seed));
    let (send, receive) = std::sync::mpsc::channel();
    runtime.spawn(async move { send.send(opened.await.unwrap()) });
    let peer = receive.recv().unwrap();
    (runtime, peer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_dial_at_once_and_can_talk() {
    for round in 0..8 {
        let (mut here, mut there) = (Peer::open(10 + round).await, Peer::open(40 + round).await);
        here.knows(&there);
        there.knows(&here);
        let (to_there, to_here) =
            tokio::join!(here.net.connect(there.net.device()), there.net.connect(here.net.device()));
        talk(&to_there.unwrap(), &mut there).await;
        talk(&to_here.unwrap(), &mut here).await;
        let again = here.net.connect(there.net.device()).await.unwrap();
        talk(&again, &mut there).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_is_left_of_two_and_it_was_never_lost() {
    let (mut here, mut there) = (Peer::open(1).await, Peer::open(2).await);
    here.knows(&there);
    there.knows(&here);
    let (a, b) = tokio::join!(here.net.connect(there.net.device()), there.net.connect(here.net.device()));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(matches!(here.event().await, NetEvent::Connected { .. }));
    assert!(matches!(there.event().await, NetEvent::Connected { .. }));
    // Time enough for a spare one to be ended.
    let lost = timeout(Duration::from_secs(5), async {
        tokio::select! { reason = a.closed() => reason, reason = b.closed() => reason }
    });
    assert!(lost.await.is_err(), "there is one left");
    talk(&a, &mut there).await;
    talk(&b, &mut here).await;
    assert!(here.events.try_recv().is_err() && there.events.try_recv().is_err(), "nothing else was told");
}

#[tokio::test]
async fn a_connection_is_used_again_and_says_what_it_is() {
    let (mut here, mut there) = (Peer::open(1).await, Peer::open(2).await);
    let connection = here.dial(&there).await;
    assert!(here.net.connect(there.net.device()).await.unwrap().is_same(&connection));
    assert_eq!(connection.device(), there.net.device());
    assert_eq!(connection.path(), PathKind::Lan);
    assert_eq!(connection.remote_addresses(), there.net.addresses());
    assert!(connection.rtt().is_some());
    let NetEvent::Connected { device, connection: back } = there.event().await else { panic!("not connected") };
    assert_eq!(device, here.net.device());
    talk(&back, &mut here).await;
}

#[tokio::test]
async fn a_device_without_a_known_address_is_not_dialled() {
    let (here, there) = (Peer::open(1).await, Peer::open(2).await);
    assert!(matches!(here.net.connect(there.net.device()).await, Err(NetError::NoAddress)));
    assert!(matches!(here.net.connect(here.net.device()).await, Err(NetError::NoAddress)));
}

#[tokio::test]
async fn a_device_that_does_not_answer_is_given_up() {
    let (here, there) = (Peer::open(1).await, Peer::open(2).await);
    here.knows(&there);
    there.net.close().await;
    let given_up = soon("giving up", here.net.connect(there.net.device())).await;
    assert!(matches!(given_up, Err(NetError::Unreachable(_))), "{given_up:?}");
}

#[tokio::test]
async fn an_address_that_is_learned_while_dialling_is_used() {
    let (here, mut there) = (Peer::open(1).await, Peer::open(2).await);
    // A socket at which nobody answers.
    let deaf = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    here.net.add_addresses(there.net.device(), &[deaf.local_addr().unwrap()]);
    let dialling = here.net.connect(there.net.device());
    let learning = async {
        deaf.readable().await.unwrap();
        here.knows(&there);
    };
    let (connection, ()) = tokio::join!(dialling, learning);
    talk(&connection.unwrap(), &mut there).await;
}

#[tokio::test]
async fn another_device_at_a_known_address_is_not_taken_for_the_one_that_was_meant() {
    let (here, there, other) = (Peer::open(1).await, Peer::open(2).await, Peer::open(3).await);
    here.net.add_addresses(there.net.device(), &other.net.addresses());
    let given_up = soon("giving up", here.net.connect(there.net.device())).await;
    assert!(matches!(given_up, Err(NetError::Unreachable(_))), "{given_up:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_device_is_noticed_within_ten_seconds() {
    let mut here = Peer::open(1).await;
    let (life, there) = tokio::task::spawn_blocking(|| mortal(2)).await.unwrap();
    let connection = here.dial(&there).await;
    life.shutdown_background();
    let noticed = timeout(Duration::from_secs(10), here.disconnected()).await;
    assert_eq!(noticed.expect("within ten seconds"), DisconnectReason::TimedOut);
    assert_eq!(connection.closed().await, DisconnectReason::TimedOut);
    assert!(matches!(connection.open(StreamKind::Sync).await, Err(NetError::Disconnected(_))));
    assert!(matches!(here.net.connect(there.net.device()).await, Err(NetError::Unreachable(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_restarted_elsewhere_is_found_with_a_stale_address_known() {
    let mut here = Peer::open(1).await;
    let (life, before) = tokio::task::spawn_blocking(|| mortal(2)).await.unwrap();
    here.dial(&before).await;
    life.shutdown_background();
    let mut after = Peer::open(2).await;
    assert_ne!(after.net.addresses(), before.net.addresses());
    // The old connection is found to be dead as the device is said to be elsewhere.
    here.knows(&after);
    assert_eq!(here.disconnected().await, DisconnectReason::TimedOut);
    let connection = soon("a connection", here.net.connect(after.net.device())).await.unwrap();
    talk(&connection, &mut after).await;
    assert_eq!(connection.remote_addresses(), after.net.addresses());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_announcement_of_another_address_closes_no_living_connection() {
    let (mut here, mut there) = (Peer::open(1).await, Peer::open(2).await);
    let connection = here.dial(&there).await;
    let (elsewhere, deaf) = (tokio::net::UdpSocket::bind("127.0.0.1:0"), there.net.device());
    let elsewhere = elsewhere.await.unwrap();
    // Sixteen others push the one that is in use out of what is known.
    let port = elsewhere.local_addr().unwrap().port();
    let lies: Vec<_> = (2..=17).map(|n| ([127, 0, 0, n], port).into()).collect();
    here.net.add_addresses(deaf, &lies);
    let closed = timeout(Duration::from_secs(4), connection.closed()).await;
    assert!(closed.is_err(), "it is alive, whatever was said: {closed:?}");
    talk(&connection, &mut there).await;
    assert!(matches!(here.event().await, NetEvent::Connected { .. }));
    assert!(here.events.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_device_that_dials_takes_the_place_of_what_it_lost() {
    let mut here = Peer::open(1).await;
    let (life, before) = tokio::task::spawn_blocking(|| mortal(2)).await.unwrap();
    before.knows(&here);
    let (net, device) = (before.net.clone(), here.net.device());
    life.spawn(async move { net.connect(device).await.map(drop) }).await.unwrap().unwrap();
    assert!(matches!(here.event().await, NetEvent::Connected { .. }));
    life.shutdown_background();
    let mut after = Peer::open(2).await;
    let connection = after.dial(&here).await;
    talk(&connection, &mut here).await;
    let back = here.net.connect(after.net.device()).await.unwrap();
    talk(&back, &mut after).await;
}

#[tokio::test]
async fn closing_is_told_to_the_other_side() {
    let (here, mut there) = (Peer::open(1).await, Peer::open(2).await);
    here.dial(&there).await;
    here.net.close().await;
    assert_eq!(there.disconnected().await, DisconnectReason::ClosedThere);
    assert!(matches!(here.net.connect(there.net.device()).await, Err(NetError::Closed)));
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_network() {
    let (here, mut there) = (Peer::open(1).await, Peer::open(2).await);
    here.dial(&there).await;
    let Peer { net, mut events } = here;
    drop(net);
    assert_eq!(there.disconnected().await, DisconnectReason::ClosedThere);
    soon("the end of all tasks", async { while events.recv().await.is_some() {} }).await;
}

#[tokio::test]
async fn one_who_is_no_longer_welcome_is_parted_with() {
    let removed = Arc::new(AtomicBool::new(false));
    let policy = Arc::clone(&removed);
    let judge = move |_: &_| if policy.load(Ordering::SeqCst) { Welcome::Refused } else { Welcome::Member };
    let (mut here, mut there) = (Peer::with(1, judge).await, Peer::open(2).await);
    there.dial(&here).await;
    assert!(matches!(here.event().await, NetEvent::Connected { .. }));
    removed.store(true, Ordering::SeqCst);
    here.net.recheck();
    assert_eq!(there.disconnected().await, DisconnectReason::Refused);
    // It may come again, and is sent away again.
    if let Ok(again) = there.net.connect(here.net.device()).await {
        assert_eq!(soon("the end", again.closed()).await, DisconnectReason::Refused);
    }
    assert!(matches!(here.net.connect(there.net.device()).await, Err(NetError::Refused)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_restarted_a_moment_after_we_dialled_it_is_told_as_lost_and_back() {
    let mut here = Peer::open(1).await;
    let (life, before) = tokio::task::spawn_blocking(|| mortal(2)).await.unwrap();
    let lost = here.dial(&before).await.open(StreamKind::Sync).await.unwrap();
    assert!(matches!(here.event().await, NetEvent::Connected { .. }));
    life.shutdown_background();
    let mut after = Peer::open(2).await;
    let connection = after.dial(&here).await;
    talk(&connection, &mut here).await;
    assert_eq!(here.disconnected().await, DisconnectReason::TimedOut, "what was open before is lost");
    assert!(matches!(lost.split().1.next().await, Err(NetError::Disconnected(DisconnectReason::TimedOut))));
    let NetEvent::Connected { connection: back, .. } = here.event().await else { panic!("it is there") };
    talk(&back, &mut after).await;
}
