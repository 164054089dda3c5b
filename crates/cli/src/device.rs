//! Commands about one's own devices: `device list`, `add`, `join`, `approve`, `decline`, `revoke`, `phrase`; and the key from
//! a recovery phrase.

use std::{
    io::{self, BufRead, IsTerminal, Read},
    path::PathBuf,
    time::Duration,
};

use commonplace_api::{
    ApiError, Client, ErrorCode, Event,
    command::{
        commons_list, device_add, device_approve, device_decline, device_join, device_list, device_phrase,
        device_revoke,
    },
    picture,
    view::{CommonsName, OwnDevice, OwnDevices, Paired, PairingView},
};
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    Failure,
    args::Device,
    coming,
    show::{self, Out, ago, columns, short},
};

/// Bytes of a recovery phrase that are read.
const PHRASE_BYTES: u64 = 4_096;

pub(crate) async fn carry_out(client: &Client, out: &Out, command: Device) -> Result<(), Failure> {
    match command {
        Device::List { commons } => list(client, out, commons).await,
        Device::Add { wait, yes_code } => add(client, out, wait, yes_code).await,
        Device::Join { ticket, device_name, wait } => join(client, out, ticket, device_name, wait).await,
        Device::Approve { code } => {
            let paired = client.call(device_approve::Args { code: code.concat() }).await?;
            added(out, &paired)
        }
        Device::Decline => {
            client.call(device_decline::Args {}).await?;
            out.answer(&(), |()| vec!["Declined. The ticket is good no longer.".to_owned()])?;
            Ok(())
        }
        Device::Revoke { device, commons } => revoke(client, out, device, commons).await,
        Device::Phrase => phrase(client, out).await,
    }
}

async fn list(client: &Client, out: &Out, commons: Option<String>) -> Result<(), Failure> {
    let all = client.call(device_list::Args { commons }).await?;
    out.answer(&all, |all| {
        let lines = |own: &OwnDevices| {
            let rows: Vec<_> = own.devices.iter().map(row).collect();
            let mut lines = vec![own.commons.name.clone()];
            lines.extend(columns(&rows).into_iter().map(|line| format!("  {line}")));
            lines
        };
        match all.as_slice() {
            [] => vec!["You are in no commons yet.".to_owned()],
            some => some.iter().flat_map(lines).collect(),
        }
    })?;
    Ok(())
}

fn row(device: &OwnDevice) -> Vec<String> {
    let whereabouts = match (device.revoked, device.this, device.here, device.last_seen) {
        (true, true, _, _) => "this device, revoked".to_owned(),
        (true, false, _, _) => "revoked".to_owned(),
        (false, true, _, _) => "this device".to_owned(),
        (false, false, true, _) => "here".to_owned(),
        (false, false, false, Some(at)) => format!("seen {}", ago(at)),
        (false, false, false, None) => "not seen yet".to_owned(),
    };
    let by = match (&device.by, device.since) {
        (Some(by), Some(at)) => format!("added {} by {by}", ago(at)),
        (Some(by), None) => format!("added by {by}"),
        (None, _) => "the first".to_owned(),
    };
    vec![short(&device.device).to_owned(), device.device_name.clone(), whereabouts, by]
}

async fn add(client: &Client, out: &Out, wait: u32, yes_code: Option<String>) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_secs(u64::from(wait));
    let mut events = client.events().await?;
    let ticket = client.call(device_add::Args {}).await?;
    if !out.is_json() && io::stderr().is_terminal() {
        if let Some(code) = picture::half_blocks(&ticket.ticket) {
            show::picture(&code);
        }
        show::remark("On the new device: commonplace device join TICKET. It is good once, for ten minutes.");
    }
    out.answer(&ticket, |ticket| vec![ticket.ticket.clone()])?;
    let mut shown = false;
    loop {
        match tokio::time::timeout_at(until, events.next()).await {
            Ok(Some(Event::Pairing { pairing: Some(pairing) })) if pairing.approves && !shown => {
                shown = true;
                show_code(out, &pairing)?;
                let asks = !out.is_json() && io::stdin().is_terminal();
                let code = match &yes_code {
                    Some(code) => Some(code.clone()),
                    None if asks => ask(client, &pairing).await?,
                    None => None,
                };
                if let Some(code) = code {
                    let paired = client.call(device_approve::Args { code }).await?;
                    return added(out, &paired);
                }
            }
            Ok(Some(Event::Paired { paired })) => return added(out, &paired),
            Ok(Some(Event::Pairing { pairing: None })) if shown => {
                let words =
                    "No device was added: the code was not approved, or the device went away. The ticket is used up.";
                return Err(ApiError::new(ErrorCode::Declined, words).into());
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => {
                // Used up already: then there is nothing to make void.
                let _ = client.call(device_decline::Args {}).await;
                let words = "No device was added in time. The ticket is good no longer, and nothing was changed.";
                return Err(ApiError::new(ErrorCode::TimedOut, words).into());
            }
        }
    }
}

/// Shows a code, in the words of the side that it is shown on.
fn show_code(out: &Out, pairing: &PairingView) -> io::Result<()> {
    if out.is_json() {
        return out.event(&Event::Pairing { pairing: Some(pairing.clone()) });
    }
    let who = if pairing.device_name.is_empty() { "A device without a name" } else { &pairing.device_name };
    if pairing.approves {
        out.line(&format!(
            "{who} ({}) shows this code, if nothing stands between the two: {}",
            short(&pairing.device),
            pairing.code
        ))?;
        out.line("Compare, then approve here: commonplace device approve CODE")
    } else {
        out.line(&format!("Code: {}. Approve it on the other device, if that shows the same.", pairing.code))
    }
}

/// Asks whether the codes are the same; gives the code if so.
async fn ask(client: &Client, pairing: &PairingView) -> Result<Option<String>, Failure> {
    show::remark("Does the new device show the same code? [y/n]");
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = answer.await.map_err(io::Error::other)??;
    if ["y", "yes"].contains(&line.trim().to_lowercase().as_str()) {
        return Ok(Some(pairing.code.clone()));
    }
    client.call(device_decline::Args {}).await?;
    Err(ApiError::new(ErrorCode::Declined, "You did not approve, so no device was added. The ticket is used up.")
        .into())
}

fn added(out: &Out, paired: &Paired) -> Result<(), Failure> {
    out.answer(paired, |p| vec![format!("{} is your device now, in {}.", p.device_name, names(&p.commons))])?;
    Ok(())
}

fn names(commons: &[CommonsName]) -> String {
    match commons {
        [] => "no commons".to_owned(),
        some => some.iter().map(|c| format!("“{}”", c.name)).collect::<Vec<_>>().join(", "),
    }
}

async fn join(
    client: &Client,
    out: &Out,
    ticket: String,
    device_name: Option<String>,
    wait: u32,
) -> Result<(), Failure> {
    let mut events = client.events().await?;
    let call = client.call(device_join::Args { ticket, device_name, wait_seconds: Some(wait) });
    tokio::pin!(call);
    let mut listens = true;
    let paired = loop {
        tokio::select! {
            biased;
            done = &mut call => break done?,
            event = events.next(), if listens => match event {
                Some(Event::Pairing { pairing: Some(pairing) }) if !pairing.approves => show_code(out, &pairing)?,
                Some(_) => {}
                None => listens = false,
            },
        }
    };
    for commons in &paired.commons {
        let events = client.events().await?;
        let all = client.call(commons_list::Args {}).await?;
        if let Some(view) = all.into_iter().find(|view| view.id == commons.id) {
            let view = coming::arrival(client, events, view, Duration::from_secs(u64::from(wait))).await?;
            if view.arriving && !out.is_json() {
                show::remark(&format!(
                    "Not all pages of “{}” have come yet; the rest comes when a peer runs here.",
                    view.name
                ));
            }
        }
    }
    out.answer(&paired, |p| vec![format!("This device is {}’s now, in {}.", p.name, names(&p.commons))])?;
    Ok(())
}

async fn revoke(client: &Client, out: &Out, device: String, commons: Option<String>) -> Result<(), Failure> {
    let revoked = client.call(device_revoke::Args { device, commons }).await?;
    out.answer(&revoked, |r| {
        vec![format!(
            "{} is your device no longer, in {}. What it wrote before, as far as it was known here, stays; what it holds, it keeps.",
            r.device_name,
            names(&r.commons)
        )]
    })?;
    Ok(())
}

/// A recovery phrase, for programs.
#[derive(Serialize)]
struct Phrase {
    phrase: String,
    /// What to do with it, in words.
    warning: &'static str,
}

async fn phrase(client: &Client, out: &Out) -> Result<(), Failure> {
    let words = client.call(device_phrase::Args {}).await?;
    let warning = "Whoever has these words can write as this device. Write them down on paper, show them to nobody, and use them only when \
         this device is lost (commonplace init --from-phrase). They bring back its key, not its pages: those come from others.";
    if out.is_json() {
        out.event(&Phrase { phrase: words, warning })?;
        return Ok(());
    }
    show::remark(warning);
    out.line(&words)?;
    Ok(())
}

/// Makes a profile with the key of the recovery phrase on standard input.
pub(crate) fn restore(home: Option<PathBuf>) -> Result<(), Failure> {
    if io::stdin().is_terminal() {
        show::remark("The 24 words of the recovery phrase, on one line:");
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        return Ok(commonplace_api::restore(home, &line).map_err(ApiError::from)?);
    }
    let mut words = String::new();
    io::stdin().lock().take(PHRASE_BYTES).read_to_string(&mut words)?;
    Ok(commonplace_api::restore(home, &words).map_err(ApiError::from)?)
}
