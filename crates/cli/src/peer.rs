//! `peer`: an always-on device, without a window.
//!
//! It holds the profile open until it is told to end. Where the app or another peer has it open already, it watches, and takes
//! over when that ends.

use std::{collections::BTreeMap, io, net::SocketAddr, time::Duration};

use commonplace_api::{
    ApiError, Client, ErrorCode, Event, Events,
    command::{doctor, status},
    view::{Knock, Status},
};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    Failure,
    commons::device_line,
    health,
    show::{self, Out, short},
};

pub(crate) async fn peer(
    client: &Client,
    out: &Out,
    seconds: Option<u64>,
    metrics: Option<SocketAddr>,
) -> Result<(), Failure> {
    let (mut terminate, mut interrupt) = (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?);
    let mut hang_up = watch(SignalKind::hangup())?;
    let over = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = keep(client, out, metrics) => ended,
        () = over => Ok(()),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

fn watch(kind: SignalKind) -> io::Result<Signal> {
    signal(kind)
}

/// Says where this device listens, then what happens and how it is, for ever.
async fn keep(client: &Client, out: &Out, metrics: Option<SocketAddr>) -> Result<(), Failure> {
    let mut events = client.events().await?;
    say_where(client, out, &mut events).await?;
    tokio::select! {
        ended = tell(client, out, events) => ended,
        ended = health::watch(client, out, metrics) => ended,
    }
}

/// Tells what happens, for ever.
async fn tell(client: &Client, out: &Out, mut events: Events) -> Result<(), Failure> {
    loop {
        let mut seen = Seen::default();
        seen.look(client, out).await?;
        while let Some(event) = events.next().await {
            if out.is_json() {
                out.event(&event)?;
            } else {
                seen.tell(client, out, &event).await?;
            }
        }
        // The engine was another process's and that ended: this opens the profile here.
        events = client.events().await?;
        say_where(client, out, &mut events).await?;
    }
}

/// Waits until the network is open and says where this device listens.
async fn say_where(client: &Client, out: &Out, events: &mut Events) -> Result<(), Failure> {
    let status = loop {
        let status = client.call(status::Args {}).await?;
        if status.online {
            break status;
        }
        match events.next().await {
            // The engine has no other device to tell of without a network, so this says that it came.
            Some(Event::Nearby { .. } | Event::Missed) => {}
            Some(Event::Trouble { message }) => return Err(ApiError::new(ErrorCode::Unreachable, message).into()),
            Some(_) => {}
            None => return Ok(()),
        }
    };
    let findings = client.call(doctor::Args { thorough: false }).await?;
    let place = findings.into_iter().find(|f| f.check == "network").map(|f| f.detail).unwrap_or_default();
    if out.is_json() {
        let device = status.profile.as_ref().map(|p| p.device.as_str());
        let host = client.host().await;
        out.event(
            &json!({ "type": "listening", "device": device, "home": status.home, "detail": place, "host": host }),
        )?;
    } else {
        let through = client.host().await.map_or_else(String::new, |host| {
            format!(" {} has this profile open; this watches, and takes over when it ends.", show::host(host))
        });
        out.line(&format!("{place}{through}"))?;
    }
    Ok(())
}

/// Who is connected, as far as was told.
#[derive(Default)]
struct Seen {
    connected: BTreeMap<String, String>,
    knocking: Vec<Knock>,
}

impl Seen {
    async fn tell(&mut self, client: &Client, out: &Out, event: &Event) -> Result<(), Failure> {
        match event {
            Event::People { .. } | Event::Nearby { .. } | Event::Missed => self.look(client, out).await?,
            Event::Knocks { knocks } => {
                for knock in knocks.iter().filter(|k| !self.knocking.contains(k)) {
                    let device = short(&knock.device);
                    out.line(&format!(
                        "{} knocks. Let them in: commonplace answer {device} --commons COMMONS (or --decline)",
                        knock.name
                    ))?;
                }
                self.knocking.clone_from(knocks);
            }
            Event::Progress { finished: true, done, with, .. } if *done > 0 && !with.is_empty() => {
                out.line(&format!("Caught up with {with}."))?;
            }
            Event::Fell { commons, decision, why } => {
                let again = format!("commonplace propose {} again {}", short(commons), short(&decision.id));
                let again = if decision.again { format!(" Propose it again: {again}") } else { String::new() };
                out.line(&format!("{}: {}{again}", decision.what, why.join(" ")))?;
            }
            Event::Trouble { message } => out.line(message)?,
            _ => {}
        }
        Ok(())
    }

    /// Tells who came and who left.
    async fn look(&mut self, client: &Client, out: &Out) -> Result<(), Failure> {
        if out.is_json() {
            return Ok(());
        }
        let Status { connected, .. } = client.call(status::Args {}).await?;
        let mut now = BTreeMap::new();
        for device in connected {
            if !self.connected.contains_key(&device.device) {
                out.line(&format!("{} is here.", device_line(&device)))?;
            }
            now.insert(device.device, format!("{}, on {}", device.name, device.device_name));
        }
        for (device, name) in &self.connected {
            if !now.contains_key(device) {
                out.line(&format!("{name} left."))?;
            }
        }
        self.connected = now;
        Ok(())
    }
}
