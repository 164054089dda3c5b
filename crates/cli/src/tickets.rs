//! Commands about tickets and those who wait to come in: `tickets`, `ticket close`, `asking`, `vouch`.

use commonplace_api::{
    Client,
    command::{asking, ticket_close, tickets, vouch},
    view::{Asking, Invitation, InvitationState},
};

use crate::{
    Failure,
    show::{Out, columns, short},
};

pub(crate) async fn tickets(client: &Client, out: &Out, commons: String) -> Result<(), Failure> {
    let all = client.call(tickets::Args { commons }).await?;
    out.answer(&all, |all| match all.as_slice() {
        [] => vec!["No ticket was made yet.".to_owned()],
        some => columns(&some.iter().map(row).collect::<Vec<_>>()),
    })?;
    Ok(())
}

pub(crate) async fn close(client: &Client, out: &Out, commons: String, ticket: String) -> Result<(), Failure> {
    let closed = client.call(ticket_close::Args { commons, ticket }).await?;
    out.answer(&closed, |closed| columns(&[row(closed)]))?;
    Ok(())
}

fn row(ticket: &Invitation) -> Vec<String> {
    let state = match ticket.state {
        InvitationState::Open => "open",
        InvitationState::UsedUp => "used up",
        InvitationState::Expired => "expired",
        InvitationState::Closed => "closed",
    };
    let came = format!("{} of {} came", ticket.came, ticket.uses);
    vec![short(&ticket.id).to_owned(), state.to_owned(), came, format!("by {}", ticket.by.name)]
}

pub(crate) async fn asking(client: &Client, out: &Out, commons: String) -> Result<(), Failure> {
    let all = client.call(asking::Args { commons }).await?;
    out.answer(&all, |all| match all.as_slice() {
        [] => vec!["Nobody asks to be let in.".to_owned()],
        some => columns(&some.iter().map(person).collect::<Vec<_>>()),
    })?;
    Ok(())
}

fn person(asking: &Asking) -> Vec<String> {
    let how = if asking.vouched { "vouched for" } else { "waits" };
    vec![short(&asking.device).to_owned(), asking.name.clone(), how.to_owned()]
}

pub(crate) async fn vouch(client: &Client, out: &Out, commons: String, device: String) -> Result<(), Failure> {
    let vouched = client.call(vouch::Args { commons, device }).await?;
    out.answer(&vouched, |vouched| {
        let who = if vouched.name.is_empty() { short(&vouched.device) } else { &vouched.name };
        vec![format!("You vouch for {who}: they can come in by their ticket.")]
    })?;
    Ok(())
}
