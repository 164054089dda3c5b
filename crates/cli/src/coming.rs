//! Commands about coming in: `invite`, `join`, `nearby`, `knock`, `knocks`, `answer`.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use commonplace_api::{
    ApiError, Client, ErrorCode, Event, Events,
    command::{commons_list, invite, join, knock, knock_answer, knock_withdraw, knocks, nearby},
    picture,
    view::{CommonsView, Job, NearbyDevice},
};
use tokio::time::Instant;

use crate::{
    Failure,
    show::{self, Bar, Out, ago, columns, count, short},
};

pub(crate) async fn invite(
    client: &Client,
    out: &Out,
    commons: String,
    uses: Option<u32>,
    hours: Option<u32>,
) -> Result<(), Failure> {
    let ticket = client.call(invite::Args { commons, uses, hours }).await?;
    if !out.is_json() && io::stderr().is_terminal() {
        if let Some(code) = picture::half_blocks(&ticket.ticket) {
            show::picture(&code);
        }
        let people = count(u64::from(ticket.uses), "person", "people");
        show::remark(&format!("Lets {people} into “{}”. It works while this device is reachable.", ticket.name));
    }
    // The ticket alone on standard output, so that it can be piped on.
    out.answer(&ticket, |ticket| vec![ticket.ticket.clone()])?;
    Ok(())
}

pub(crate) async fn join(client: &Client, out: &Out, ticket: String, wait: u32) -> Result<(), Failure> {
    let events = client.events().await?;
    let commons = client.call(join::Args { ticket, wait_seconds: Some(wait) }).await?;
    let commons = arrival(client, events, commons, Duration::from_secs(u64::from(wait))).await?;
    joined(out, &commons)
}

fn joined(out: &Out, commons: &CommonsView) -> Result<(), Failure> {
    // No count of pages: the last ones that came may not be in the lists yet.
    out.answer(commons, |c| vec![format!("You are in “{}” ({}).", c.name, short(&c.id))])?;
    if commons.arriving && !out.is_json() {
        show::remark("Not all of its pages have come yet; the rest comes when the app or a peer runs here.");
    }
    Ok(())
}

/// Waits until the first pages have come, or nothing comes for `stall`.
pub(crate) async fn arrival(
    client: &Client,
    mut events: Events,
    mut commons: CommonsView,
    stall: Duration,
) -> Result<CommonsView, ApiError> {
    let bar = Bar::new("Pages arriving");
    while commons.arriving {
        match tokio::time::timeout(stall, events.next()).await {
            Ok(Some(Event::Commons { commons: now })) if now.id == commons.id => commons = now,
            Ok(Some(Event::Progress { job: Job::Sync, commons: id, done, total, .. })) if id == commons.id => {
                bar.set(done, total);
            }
            Ok(Some(Event::Missed)) => commons = ask_again(client, commons).await?,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return ask_again(client, commons).await,
        }
    }
    Ok(commons)
}

async fn ask_again(client: &Client, commons: CommonsView) -> Result<CommonsView, ApiError> {
    let all = client.call(commons_list::Args {}).await?;
    Ok(all.into_iter().find(|now| now.id == commons.id).unwrap_or(commons))
}

pub(crate) async fn nearby(client: &Client, out: &Out, wait: u32) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_secs(u64::from(wait));
    let mut events = client.events().await?;
    let mut devices = client.call(nearby::Args {}).await?;
    // An engine that has run for a while knows who is near; one that was just opened hears them within moments.
    while !client.is_remote().await {
        match tokio::time::timeout_at(until, events.next()).await {
            Ok(Some(Event::Nearby { devices: now })) => devices = now,
            Ok(Some(Event::Missed)) => devices = client.call(nearby::Args {}).await?,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    out.answer(&devices, |devices| {
        if devices.is_empty() {
            return vec!["No device was seen on this network.".to_owned()];
        }
        let row = |d: &NearbyDevice| {
            let shared = if d.shared.is_empty() { String::new() } else { format!("shares {}", d.shared.join(", ")) };
            vec![short(&d.device).to_owned(), d.name.clone(), d.device_name.clone(), shared]
        };
        columns(&devices.iter().map(row).collect::<Vec<_>>())
    })?;
    Ok(())
}

pub(crate) async fn knock(client: &Client, out: &Out, device: &str, wait: u32) -> Result<(), Failure> {
    let wait = Duration::from_secs(u64::from(wait));
    let until = Instant::now() + wait;
    let mut events = client.events().await?;
    let device = find_nearby(client, out, &mut events, device, until).await?;
    client.call(knock::Args { device: device.device.clone() }).await?;
    if !out.is_json() {
        show::remark(&format!("Knocked at {}, on {}. Waiting for an answer.", device.name, device.device_name));
    }
    loop {
        match tokio::time::timeout_at(until, events.next()).await {
            Ok(Some(Event::KnockAnswered { device: by, commons })) if by == device.device => {
                let Some(commons) = commons else {
                    return Err(ApiError::new(
                        ErrorCode::Declined,
                        format!("{} said no. Nothing was changed.", device.name),
                    )
                    .into());
                };
                return joined(out, &arrival(client, events, commons, wait).await?);
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => {
                // Gone already when it was just answered: then there is nothing to take back.
                let _ = client.call(knock_withdraw::Args { device: device.device.clone() }).await;
                let words =
                    format!("{} did not answer in time. The knock was taken back; nothing was changed.", device.name);
                return Err(ApiError::new(ErrorCode::TimedOut, words).into());
            }
        }
    }
}

/// Waits until a device is seen on the network.
async fn find_nearby(
    client: &Client,
    out: &Out,
    events: &mut Events,
    wanted: &str,
    until: Instant,
) -> Result<NearbyDevice, ApiError> {
    let lower = wanted.trim().to_lowercase();
    let is_it = |d: &NearbyDevice| {
        lower.len() >= 4 && d.device.starts_with(&lower)
            || d.name.to_lowercase() == lower
            || d.device_name.to_lowercase() == lower
    };
    let mut devices = client.call(nearby::Args {}).await?;
    if !out.is_json() && !devices.iter().any(is_it) {
        show::remark(&format!("No device called “{}” is near yet; waiting.", wanted.trim()));
    }
    loop {
        let found: Vec<_> = devices.iter().filter(|d| is_it(d)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok((*one).clone()),
            _ => {
                let words =
                    format!("Several devices nearby answer to “{wanted}”. Name one by the beginning of its id.");
                return Err(ApiError::new(ErrorCode::Ambiguous, words));
            }
        }
        match tokio::time::timeout_at(until, events.next()).await {
            Ok(Some(Event::Nearby { devices: now })) => devices = now,
            Ok(Some(Event::Missed)) => devices = client.call(nearby::Args {}).await?,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => {
                let words = format!("No device called “{wanted}” was seen on this network. Nothing was sent.");
                return Err(ApiError::new(ErrorCode::NotFound, words));
            }
        }
    }
}

pub(crate) async fn knocks(client: &Client, out: &Out) -> Result<(), Failure> {
    let knocks = client.call(knocks::Args {}).await?;
    out.answer(&knocks, |knocks| {
        if knocks.is_empty() {
            return vec!["Nobody knocks.".to_owned()];
        }
        columns(
            &knocks.iter().map(|k| vec![short(&k.device).to_owned(), k.name.clone(), ago(k.at)]).collect::<Vec<_>>(),
        )
    })?;
    Ok(())
}

pub(crate) async fn answer(client: &Client, out: &Out, device: String, commons: Option<String>) -> Result<(), Failure> {
    let lets_in = commons.is_some();
    client.call(knock_answer::Args { device, commons }).await?;
    out.answer(&(), |()| vec![if lets_in { "Let in." } else { "Declined." }.to_owned()])?;
    Ok(())
}
