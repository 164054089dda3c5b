//! Frames arrive whole and in order, and what is no frame does no harm.

use std::time::Duration;

use commonplace_net::{MAX_FRAME, MAX_JOIN_FRAME, NetError, StreamKind};
use iroh::endpoint::{ReadError, VarInt};

use crate::peers::{PROTOCOL, Peer, pair, raw, raw_dial, soon};

#[tokio::test]
async fn frames_of_all_sizes_arrive_in_order() {
    let (_here, _there, (mut to, _), (_, mut from)) = pair(StreamKind::Sync).await;
    let sizes = [0, 1, 3, 4, 5, 65_535, 65_536, 65_537, MAX_FRAME - 1, MAX_FRAME];
    let sending = async {
        for (n, size) in (0u8..).zip(sizes) {
            to.send(&vec![n; size]).await.unwrap();
        }
        to.finish().await.unwrap();
    };
    let receiving = async {
        for (n, size) in (0u8..).zip(sizes) {
            let frame = soon("a frame", from.next()).await.unwrap().unwrap();
            assert!(frame.len() == size && frame.iter().all(|byte| *byte == n), "frame {n} of {size} bytes");
        }
        assert!(soon("the end", from.next()).await.unwrap().is_none());
    };
    tokio::join!(sending, receiving);
}

#[tokio::test]
async fn a_frame_that_is_too_large_is_not_sent_and_the_stream_lives_on() {
    for (kind, max) in [(StreamKind::Sync, MAX_FRAME), (StreamKind::Join, MAX_JOIN_FRAME)] {
        let (_here, _there, (mut to, _), (_, mut from)) = pair(kind).await;
        let refused = to.send(&vec![0; max + 1]).await;
        assert!(matches!(refused, Err(NetError::FrameTooLarge { max: m, .. }) if m == max), "{refused:?}");
        to.send(b"small").await.unwrap();
        assert_eq!(soon("a frame", from.next()).await.unwrap().as_deref(), Some(&b"small"[..]));
    }
}

#[tokio::test]
async fn a_length_over_the_cap_ends_the_stream() {
    let lengths = [(StreamKind::Sync, u32::MAX), (StreamKind::Sync, 1 << 20 | 1), (StreamKind::Join, 1 << 16 | 1)];
    for (kind, length) in lengths {
        let mut peer = Peer::open(1).await;
        let hostile = raw(9).await;
        let connection = raw_dial(&hostile, &peer, PROTOCOL).await;
        let (mut send, _recv) = connection.open_bi().await.unwrap();
        send.write_all(&[kind as u8]).await.unwrap();
        send.write_all(&length.to_be_bytes()).await.unwrap();
        let (mut to, mut from) = peer.stream().await.split();
        let read = soon("a refusal", from.next()).await;
        assert!(matches!(read, Err(NetError::FrameTooLarge { size, .. }) if size == u64::from(length)), "{read:?}");
        assert!(matches!(from.next().await, Err(NetError::Reset)), "nothing more is read from it");
        assert!(matches!(to.send(b"x").await, Err(NetError::Reset)), "nothing more is said on it");
        let told = soon("word of it", send.stopped()).await.unwrap();
        assert_eq!(told.map(VarInt::into_inner), Some(7));
    }
}

#[tokio::test]
async fn an_unknown_kind_of_stream_is_refused() {
    let mut peer = Peer::open(1).await;
    let hostile = raw(9).await;
    let connection = raw_dial(&hostile, &peer, PROTOCOL).await;
    for kind in [0, 3, 255] {
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        send.write_all(&[kind, 0, 0, 0, 0]).await.unwrap();
        let told = soon("a refusal", recv.read(&mut [0])).await;
        assert!(matches!(told, Err(ReadError::Reset(code)) if code.into_inner() == 6), "{told:?}");
    }
    let (mut send, _recv) = connection.open_bi().await.unwrap();
    send.write_all(&[StreamKind::Sync as u8]).await.unwrap();
    assert_eq!(peer.stream().await.kind(), StreamKind::Sync, "the only one that is told of");
}

#[tokio::test]
async fn a_frame_that_ends_too_early_is_no_frame() {
    let mut peer = Peer::open(1).await;
    let hostile = raw(9).await;
    let connection = raw_dial(&hostile, &peer, PROTOCOL).await;
    for part in [&[0, 0][..], &[0, 0, 0, 5, 1, 2]] {
        let (mut send, _recv) = connection.open_bi().await.unwrap();
        send.write_all(&[StreamKind::Sync as u8]).await.unwrap();
        send.write_all(part).await.unwrap();
        send.finish().unwrap();
        let (_to, mut from) = peer.stream().await.split();
        let read = soon("the end", from.next()).await;
        assert!(matches!(read, Err(NetError::Reset)), "{read:?}");
    }
}

#[tokio::test]
async fn a_side_that_says_nothing_is_ended_when_its_time_is_up() {
    let (_here, _there, (mut to, _), (_, mut from)) = pair(StreamKind::Sync).await;
    let idle = Duration::from_millis(50);
    let read = soon("the end of patience", from.next_within(idle)).await;
    assert!(matches!(read, Err(NetError::Stalled(limit)) if limit == idle), "{read:?}");
    let stopped = soon("word of it", async {
        loop {
            if let Err(error) = to.send(b"too late").await {
                return error;
            }
        }
    });
    assert!(matches!(stopped.await, NetError::Reset));
}

#[tokio::test]
async fn reading_can_be_given_up_and_taken_up_again() {
    let (_here, _there, (mut to, _), (_, mut from)) = pair(StreamKind::Sync).await;
    let frame = vec![5; MAX_FRAME];
    let sending = async {
        to.send(&frame).await.unwrap();
        to.finish().await.unwrap();
    };
    let receiving = async {
        loop {
            // Polls once: gives up in the middle of the frame more often than not.
            tokio::select! {
                biased;
                read = from.next() => return read.unwrap().unwrap(),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    let ((), read) = soon("a frame", async { tokio::join!(sending, receiving) }).await;
    assert_eq!(read, frame);
}

#[tokio::test]
async fn a_frame_given_up_in_the_middle_breaks_the_stream_for_both() {
    let (_here, _there, (mut to, _), (_, mut from)) = pair(StreamKind::Sync).await;
    let frame = vec![5; MAX_FRAME];
    // Nobody reads, so the stream is full at some time, and a frame is not done.
    while tokio::time::timeout(Duration::from_millis(200), to.send(&frame)).await.is_ok() {}
    assert!(matches!(to.send(b"more").await, Err(NetError::Reset)));
    let end = soon("the end", async {
        loop {
            if let Err(error) = from.next().await {
                return error;
            }
        }
    });
    assert!(matches!(end.await, NetError::Reset));
}
