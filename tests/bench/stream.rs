//! One long stream, as a large piece of a history is one: ours, with its frames, and iroh's by itself.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, Result, ensure};
use commonplace_model::DeviceId;
use commonplace_net::{Bind, Discovery, Net, NetConfig, NetEvent, Reach, StreamKind, Welcome};
use iroh::{Endpoint, EndpointAddr, TransportAddr, endpoint::presets};
use tokio::sync::mpsc;

use crate::figures::Figures;

/// Bytes of a frame, as those that carry changes have.
const FRAME: usize = 512 * 1024;
const PROTOCOL: &[u8] = b"bench";

/// Measures both, in turns.
pub(crate) async fn measure(figures: &mut Figures, quick: bool) -> Result<()> {
    let megabytes = if quick { 4 } else { 256 };
    Figures::part(&format!("One stream of {megabytes} MB, in frames of {} KB", FRAME / 1024))?;
    let (mut ours, mut bare) = (0.0_f64, 0.0_f64);
    for _ in 0..3 {
        bare = bare.max(alone(megabytes).await?);
        ours = ours.max(framed(megabytes).await?);
    }
    figures.note("stream_bare", "iroh alone (best of 3)", Some(bare), "MB/s")?;
    figures.note("stream", "ours (best of 3)", Some(ours), "MB/s")?;
    figures.hold("stream_against_bare", "iroh alone, against ours", bare / ours, "times", 1.0 / 0.6)
}

fn frames(megabytes: usize) -> usize {
    megabytes * 1024 * 1024 / FRAME
}

async fn net(seed: u8) -> Result<(Net, mpsc::Receiver<NetEvent>)> {
    let (events, happening) = mpsc::channel(64);
    let config = NetConfig {
        secret: [seed; 32],
        bind: Bind::Loopback,
        discovery: Discovery::Off,
        announcement: None,
        reach: Reach::Lan,
        welcome: Arc::new(|_: &DeviceId| Welcome::Member),
    };
    Ok((Net::open(config, events).await?, happening))
}

/// Megabytes a second through our streams.
async fn framed(megabytes: usize) -> Result<f64> {
    let ((here, _events), (there, mut happening)) = (net(1).await?, net(2).await?);
    here.add_addresses(there.device(), &there.addresses());
    let (mut to, _from) = here.connect(there.device()).await?.open(StreamKind::Sync).await?.split();
    let start = Instant::now();
    let sending = tokio::spawn(async move {
        let frame = vec![7; FRAME];
        for _ in 0..frames(megabytes) {
            to.send(&frame).await?;
        }
        to.finish().await?;
        anyhow::Ok(())
    });
    let stream = loop {
        if let NetEvent::Incoming { stream } = happening.recv().await.context("a stream")? {
            break stream;
        }
    };
    let (_to, mut from) = stream.split();
    let mut bytes = 0;
    while let Some(frame) = from.next().await? {
        bytes += frame.len();
    }
    let took = start.elapsed().as_secs_f64();
    ensure!(bytes == frames(megabytes) * FRAME, "{bytes} bytes came");
    sending.await??;
    here.close().await;
    there.close().await;
    Ok(megabytes as f64 / took)
}

/// Megabytes a second through a stream of iroh's.
async fn alone(megabytes: usize) -> Result<f64> {
    let open = || Endpoint::builder(presets::Minimal).alpns(vec![PROTOCOL.to_vec()]).bind();
    let (here, there) = (open().await?, open().await?);
    let mut sockets = there.bound_sockets();
    sockets.iter_mut().for_each(|socket| socket.set_ip(std::net::Ipv4Addr::LOCALHOST.into()));
    let address = EndpointAddr::from_parts(there.id(), sockets.into_iter().take(1).map(TransportAddr::Ip));
    let receiving = tokio::spawn(async move {
        let connection = there.accept().await.context("a connection")?.await?;
        let mut from = connection.accept_uni().await?;
        let mut bytes = 0;
        while let Some(chunk) = from.read_chunk(FRAME).await? {
            bytes += chunk.len();
        }
        connection.close(0_u32.into(), b"");
        there.close().await;
        anyhow::Ok(bytes)
    });
    let connection = here.connect(address, PROTOCOL).await?;
    let start = Instant::now();
    let mut to = connection.open_uni().await?;
    let frame = vec![7; FRAME];
    for _ in 0..frames(megabytes) {
        to.write_all(&frame).await?;
    }
    to.finish()?;
    connection.closed().await;
    let took = start.elapsed().as_secs_f64();
    ensure!(receiving.await?? == frames(megabytes) * FRAME, "not all came");
    here.close().await;
    Ok(megabytes as f64 / took)
}
