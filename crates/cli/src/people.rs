//! `people` and `leave`: the members of a commons, and ceasing to be one.

use commonplace_api::{
    ApiError, Client, ErrorCode,
    command::{leave, leaving, people},
    view::{DevicePath, Person},
};

use crate::{
    Failure,
    show::{Out, ago, columns, full_name},
};

pub(crate) async fn people(client: &Client, out: &Out, commons: String) -> Result<(), Failure> {
    let members = client.call(people::Args { commons }).await?;
    out.answer(&members, |members| columns(&members.iter().map(row).collect::<Vec<_>>()))?;
    Ok(())
}

pub(crate) async fn leave(
    client: &Client,
    out: &Out,
    commons: String,
    yes: bool,
    reason: Option<String>,
) -> Result<(), Failure> {
    if !yes {
        let says = client.call(leaving::Args { commons: commons.clone() }).await?.says;
        if !says.is_empty() {
            let words =
                format!("{} Nothing was changed; with --yes, leave takes you out all the same.", says.join(" "));
            return Err(ApiError::new(ErrorCode::NotAllowed, words).into());
        }
    }
    client.call(leave::Args { commons, reason, anyway: Some(yes) }).await?;
    out.answer(&(), |()| {
        vec![
            "You are out. What you wrote stays there, and what this device holds stays here to read and to export."
                .into(),
        ]
    })?;
    Ok(())
}

/// The way to a device that is connected.
fn way(path: &DevicePath) -> String {
    let rtt = path.rtt_ms.map(|ms| format!(", {ms:.0} ms")).unwrap_or_default();
    format!("{}: {}{rtt}", path.device_name, path.path)
}

fn row(person: &Person) -> Vec<String> {
    let place = match (&person.page, person.you, person.here) {
        (Some(page), ..) if person.writing => format!("writing in {}", full_name(page)),
        (Some(page), ..) => format!("on {}", full_name(page)),
        (None, true, _) => "you".to_owned(),
        (None, false, true) => "here".to_owned(),
        (None, false, false) => {
            person.last_seen.map_or_else(|| "not met yet".to_owned(), |at| format!("last here {}", ago(at)))
        }
    };
    let caught = person.caught.iter().map(|device| format!("{device} wrote in two ways and is out"));
    let devices: Vec<String> = person.devices.iter().cloned().chain(caught).collect();
    let ways = person.reached.iter().map(way);
    vec![person.name.clone(), place, devices.join(", "), ways.collect::<Vec<_>>().join(", ")]
}
