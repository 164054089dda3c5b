//! Two or more devices that find one another on the local network, say hello, and gossip.
//!
//! `meet <name> [<how many others>]`: prints what happens, one line each, `done` when it has greeted and heard gossip of so many,
//! and ends when its input ends.

use std::{
    collections::BTreeSet,
    error::Error,
    io::{self, Write},
    sync::Arc,
};

use commonplace_net::{
    Announcement, Bind, Connection, Discovery, Net, NetConfig, NetEvent, Reach, StreamKind, TopicEvent, Welcome,
};
use tokio::sync::mpsc;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

async fn greet(connection: Connection, name: String) -> Outcome<String> {
    let (mut to, mut from) = connection.open(StreamKind::Join).await?.split();
    to.send(name.as_bytes()).await?;
    let answer = from.next().await?.unwrap_or_default();
    let _ = to.finish().await;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("whose name?")?;
    let others: usize = arguments.next().map_or(Ok(1), |n| n.parse())?;
    let mut secret = [0; 32];
    for (to, from) in secret.iter_mut().zip(name.bytes().cycle().chain([0])) {
        *to = from;
    }
    let config = NetConfig {
        secret,
        bind: Bind::Everywhere,
        discovery: Discovery::Lan,
        announcement: Some(Announcement { name: name.clone(), ink: 1, device_name: "example".into() }),
        reach: Reach::Lan,
        welcome: Arc::new(|_| Welcome::Member),
    };
    let (events, mut happening) = mpsc::channel(64);
    let net = Net::open(config, events).await?;
    say(&format!("open {} {:?}", net.device().short(), net.addresses()))?;
    let mut topic = net.subscribe([7; 32], Vec::new()).await?;
    let (greeted, mut greetings) = mpsc::channel(64);
    let (mut known, mut heard) = (BTreeSet::new(), BTreeSet::new());
    let mut done = false;
    let mut input = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    loop {
        if !done && known.len() >= others && heard.len() >= others {
            done = true;
            say("done")?;
        }
        tokio::select! {
            _ = &mut input => break,
            Some(event) = happening.recv() => match event {
                NetEvent::Seen { device, announcement, addresses } => {
                    say(&format!("seen {} {announcement:?} {addresses:?}", device.short()))?;
                    let (net, greeted, name) = (net.clone(), greeted.clone(), name.clone());
                    tokio::spawn(async move {
                        let answer = async { greet(net.connect(device).await?, name).await }.await;
                        let _ = greeted.send((device, answer)).await;
                    });
                }
                NetEvent::Incoming { stream } => {
                    let name = name.clone();
                    tokio::spawn(async move {
                        let (mut to, mut from) = stream.split();
                        let _ = from.next().await;
                        let _ = to.send(format!("hello from {name}").as_bytes()).await;
                        let _ = to.finish().await;
                    });
                }
                NetEvent::Connected { device, connection } => {
                    say(&format!("connected {} {:?} {:?}", device.short(), connection.path(), connection.remote_addresses()))?;
                    topic.join_peers(vec![device]).await?;
                }
                other => say(&format!("{other:?}"))?,
            },
            Some((device, answer)) = greetings.recv() => {
                say(&format!("answer {answer:?}"))?;
                if answer.is_ok() {
                    known.insert(device);
                }
            }
            Some(event) = topic.next() => match event {
                TopicEvent::NeighborUp(_) => topic.broadcast(name.clone().into()).await?,
                TopicEvent::Received { bytes, .. } => {
                    say(&format!("gossip {}", String::from_utf8_lossy(&bytes)))?;
                    heard.insert(bytes);
                }
                other => say(&format!("{other:?}"))?,
            },
        }
    }
    net.close().await;
    Ok(())
}
