//! How a commons decides, what is proposed in it, and who may come in.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Ink;

/// How a commons decides, as its charter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Deciding {
    /// Any member's act counts at once and can be undone by another.
    #[default]
    Open,
    /// So many of the stewards say yes.
    Stewards,
    /// Enough electors say yes and nobody objects.
    Consent,
    /// More than half of all electors say yes.
    Majority,
}

/// How people come into a commons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Admission {
    /// Anyone with a ticket.
    #[default]
    Ticket,
    /// With a ticket, once an elector has vouched for them.
    Vouched,
    /// With a ticket, once it was decided to let them in.
    Decision,
}

/// What an elector answers to a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Yes.
    Yes,
    /// No to every proposal that follows the same decision.
    No,
    /// Not like that; only where a commons decides by consent.
    Object,
    /// The objection is taken back.
    Withdraw,
}

/// How a proposal stands, as far as is known on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It counts for good.
    ForGood,
    /// It counts, and what is not known here yet may still displace it.
    ForNow,
    /// It does not count yet.
    Open,
    /// It does not count, and by itself will not.
    Fallen,
}

/// Whether people can come by an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum InvitationState {
    /// They can.
    Open,
    /// It let in as many as it may.
    UsedUp,
    /// Its time is over by this device's clock.
    Expired,
    /// Somebody closed it.
    Closed,
}

/// Something to propose. A member is meant by name, by id or by the beginning of one, a page as everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "what", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Proposed {
    /// Another text of the charter.
    Text {
        /// The text, 8,000 bytes at most.
        text: String,
    },
    /// Another name of the commons.
    Name {
        /// The name.
        name: String,
    },
    /// Another purpose.
    Purpose {
        /// The purpose, 4,000 bytes at most.
        purpose: String,
    },
    /// Another licence.
    Licence {
        /// An SPDX expression.
        licence: String,
    },
    /// Another way of deciding.
    Model {
        /// Which.
        deciding: Deciding,
        /// How many stewards have to say yes; one, unless said. Only for stewards.
        needed: Option<u32>,
        /// The stewards from then on; empty leaves those that there are. Only for stewards.
        stewards: Vec<String>,
        /// How many of a hundred electors have to say yes; 50, unless said. Only for consent.
        quorum: Option<u32>,
    },
    /// Another way of coming in.
    Admission {
        /// Which.
        admission: Admission,
    },
    /// A member becomes a steward.
    Grant {
        /// Who.
        member: String,
    },
    /// A stewardship ends.
    End {
        /// Whose.
        member: String,
    },
    /// A member is removed.
    Remove {
        /// Who.
        member: String,
    },
    /// A removed member is taken back.
    Readmit {
        /// Who.
        member: String,
    },
    /// A page is hidden.
    Hide {
        /// Which.
        page: String,
    },
    /// A hidden page is shown again.
    Restore {
        /// Which.
        page: String,
    },
    /// The commons goes on with another page in the place of one.
    Anew {
        /// The page that is given up.
        page: String,
        /// The page in its place.
        anew: String,
    },
    /// Somebody who asked for it is let in.
    Admit {
        /// Their device: its id or the beginning of one, or their name.
        device: String,
    },
    /// Nothing but that those who wait for it become electors.
    Roster,
    /// The same as something that fell.
    Again {
        /// Its id or the beginning of one.
        decision: String,
    },
}

views! {
    /// Somebody, by name.
    pub struct Named {
        /// Member id.
        member: String,
        /// Their name.
        name: String,
        /// Their ink.
        ink: Ink,
        /// Whether it is the person at this device.
        you: bool,
    }

    /// A charter, as the decisions left it.
    pub struct CharterView {
        /// Id of the commons.
        commons: String,
        /// Its name.
        name: String,
        /// What it is for.
        purpose: String,
        /// SPDX expression of its licence.
        licence: String,
        /// What else its members agreed on.
        text: String,
        /// Its way of deciding.
        deciding: Deciding,
        /// Stewards who have to say yes, where they decide.
        needed: Option<u32>,
        /// Electors of a hundred who have to say yes, where consent decides.
        quorum: Option<u32>,
        /// What that way of deciding means and what is final when, in plain words.
        meaning: String,
        /// How people come in.
        admission: Admission,
        /// The same in plain words.
        admission_meaning: String,
        /// Members with the duty of a steward.
        stewards: Vec<Named>,
        /// Members who take part in decisions.
        electors: Vec<Named>,
        /// Members who become electors with the next decision.
        waiting: Vec<Named>,
        /// Why nothing can be decided any more, or nothing for good, and what can be done; empty where all is well.
        stuck: String,
    }

    /// A proposal in a line, or what a member did by their own word.
    pub struct DecisionRow {
        /// Its id.
        id: String,
        /// Id of the commons.
        commons: String,
        /// What is proposed, in words.
        what: String,
        /// Who proposed it.
        by: Named,
        /// How it stands.
        outcome: Outcome,
        /// The same in words.
        standing: String,
        /// What this person can answer now.
        answers: Vec<Answer>,
        /// Whether a member did it by their own word, without a proposal.
        own_word: bool,
        /// Whether it fell and can be proposed again.
        again: bool,
    }

    /// What an elector said to a proposal.
    pub struct Voice {
        /// Who.
        who: Named,
        /// What they said, in words.
        said: String,
        /// Their answers.
        answers: Vec<Answer>,
        /// Whether they acknowledged it.
        acknowledged: bool,
        /// Whether it counts; not when they spent their one ballot twice.
        counts: bool,
    }

    /// An elector who has said nothing to a proposal and cannot say yes to it any more.
    pub struct Unable {
        /// Who.
        who: Named,
        /// Why, in words: on what their ballot of the round is spent, or that they are gone.
        why: String,
    }

    /// A proposal, and what became of it and why.
    pub struct DecisionView {
        /// The line of it.
        row: DecisionRow,
        /// Why, in the words of who proposed it.
        reason: String,
        /// The rule by which it is decided, in words.
        rule: String,
        /// Who can take part; nobody where the act needs nobody.
        electorate: Vec<Named>,
        /// Who said what.
        voices: Vec<Voice>,
        /// Who of those who decide has said nothing and cannot say yes any more.
        unable: Vec<Unable>,
        /// That other proposals are open beside it and want the same ballots, in words; empty where none is.
        beside: String,
        /// Electors who say yes.
        yes: u32,
        /// Electors who have to.
        yes_needed: u32,
        /// Electors whose one ballot is spent on it.
        ballots: u32,
        /// Electors whose ballot it takes to make it final.
        ballots_needed: u32,
        /// Electors whose objection stands.
        objections: u32,
        /// Members who become electors by it.
        newcomers: Vec<Named>,
        /// The record that made it final.
        sealed_by: Option<String>,
        /// What made it final, in words; empty while it is not.
        sealed: String,
        /// Why it stands, or does not, in plain words: a sentence each.
        why: Vec<String>,
    }

    /// What a proposal led to.
    pub struct Resolution {
        /// What happened, and what is to be done next, in plain words.
        said: String,
        /// The proposal; nothing where the charter let the act count without one.
        decision: Option<DecisionView>,
    }

    /// A ticket that was made, as the commons knows it. Its secret is known to nobody but those who hold it.
    pub struct Invitation {
        /// Its id.
        id: String,
        /// Who made it.
        by: Named,
        /// How many it lets in.
        uses: u32,
        /// How many came.
        came: u32,
        /// When it ends, milliseconds since 1970 by its maker's clock.
        expires_at: u64,
        /// Whether people can come by it.
        state: InvitationState,
    }

    /// Somebody who asked to be let in and waits for a voucher or a decision.
    pub struct Asking {
        /// Their device.
        device: String,
        /// The name they gave.
        name: String,
        /// Their ink.
        ink: Ink,
        /// Whether an elector has vouched for them.
        vouched: bool,
    }
}
