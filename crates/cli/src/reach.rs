//! `reach`: how far this device reaches.

use commonplace_api::{
    Client,
    command::{reach, reach_set},
    view::{ReachKind, ReachView},
};

use crate::{Failure, args::ReachTo, show::Out};

pub(crate) async fn reach(client: &Client, out: &Out, to: Option<ReachTo>) -> Result<(), Failure> {
    let view = match to {
        None => client.call(reach::Args {}).await?,
        Some(to) => {
            let (kind, relay) = match to {
                ReachTo::Lan => (ReachKind::Lan, None),
                ReachTo::Public => (ReachKind::Public, None),
                ReachTo::Relay { url } => (ReachKind::Relay, Some(url)),
            };
            client.call(reach_set::Args { kind, relay }).await?
        }
    };
    out.answer(&view, words)?;
    Ok(())
}

fn words(view: &ReachView) -> Vec<String> {
    let mut lines = match view.kind {
        ReachKind::Lan => vec![
            "Local network only.".to_owned(),
            "No relay is used, and nobody beyond the networks this device is on is asked for anything.".to_owned(),
        ],
        ReachKind::Public => {
            vec!["Also by public relays, which the makers of iroh run for all.".to_owned(), PRIVACY.to_owned()]
        }
        ReachKind::Relay => {
            vec![format!("Also by the relay {}.", view.relay.as_deref().unwrap_or_default()), PRIVACY.to_owned()]
        }
    };
    if view.at_next_start {
        lines.push("What runs now was started with another choice: this one counts from its next start on.".to_owned());
    } else if let Some(answers) = view.answers {
        let words = if answers { "A relay answers." } else { "No relay answers just now." };
        lines.push(words.to_owned());
    }
    lines
}

const PRIVACY: &str = "A relay sees which devices look for each other and when, from which addresses and how much they send; never \
     what is said.";
