//! Commands about deciding, and about who comes in.

use super::Engine;
use crate::{
    error::Result,
    view::{Answer, Asking, CharterView, DecisionRow, DecisionView, Invitation, Proposed, Resolution},
};

impl Engine {
    /// The charter of a commons.
    ///
    /// # Errors
    /// When there is no such commons.
    pub async fn charter(&self, commons: String) -> Result<CharterView> {
        self.ask(move |core| core.charter(&commons)).await
    }

    /// Proposes something. Where the charter lets the act count at once, it does.
    ///
    /// # Errors
    /// When there is no such commons, member or page, what is proposed cannot be or is so already, or it cannot be stored.
    pub async fn propose(&self, commons: String, proposed: Proposed, reason: Option<String>) -> Result<Resolution> {
        self.ask(move |core| core.propose(&commons, &proposed, &reason.unwrap_or_default())).await
    }

    /// Answers a proposal; `decision` is its id or an unambiguous beginning.
    ///
    /// # Errors
    /// When there is no such proposal, this person is no elector, has answered already, or that cannot be answered.
    pub async fn vote(&self, commons: Option<String>, decision: String, answer: Answer) -> Result<DecisionView> {
        self.ask(move |core| core.vote(commons.as_deref(), &decision, answer)).await
    }

    /// Proposals, the newest first.
    ///
    /// # Errors
    /// When there is no such commons.
    pub async fn decisions(&self, commons: String) -> Result<Vec<DecisionRow>> {
        self.ask(move |core| core.decisions(&commons)).await
    }

    /// A proposal and what became of it; without a commons, it is looked for in all.
    ///
    /// # Errors
    /// When there is no such commons or proposal, or several begin like that.
    pub async fn decision(&self, commons: Option<String>, decision: String) -> Result<DecisionView> {
        self.ask(move |core| core.decision(commons.as_deref(), &decision)).await
    }

    /// Vouches for the person at a device.
    ///
    /// # Errors
    /// When there is no such commons, the text is no device's id, or this person is no elector.
    pub async fn vouch(&self, commons: String, device: String) -> Result<Asking> {
        self.ask(move |core| core.vouch(&commons, &device)).await
    }

    /// People who asked this device to be let in and wait for a voucher or a decision.
    ///
    /// # Errors
    /// When there is no such commons.
    pub async fn asking(&self, commons: String) -> Result<Vec<Asking>> {
        self.ask(move |core| core.asking(&commons)).await
    }

    /// Tickets that were made, those that let in first.
    ///
    /// # Errors
    /// When there is no such commons.
    pub async fn tickets(&self, commons: String) -> Result<Vec<Invitation>> {
        self.ask(move |core| core.tickets(&commons)).await
    }

    /// Closes a ticket, named by its id, the beginning of one, or the ticket itself: nobody comes by it any more.
    ///
    /// # Errors
    /// When there is no such commons or ticket, or it is closed already.
    pub async fn ticket_close(&self, commons: String, ticket: String) -> Result<Invitation> {
        self.ask(move |core| core.ticket_close(&commons, &ticket)).await
    }
}
