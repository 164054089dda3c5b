//! How a commons decides: one small interface, one file per model.
//!
//! A rule is a pure function of a [`Tally`]: how many electors there are and how many of them said what. Who they are,
//! whether a voice counts, and in whose view of the roll, is settled before a rule is asked ([`crate::ballot`]). A fifth
//! model is one more file here, one more [`Model`], and one more line in [`rule_of`].
//!
//! Invariants of every rule, on which finality rests:
//! - In one round each elector has one ballot, irrevocable, for one proposal or for none. What spends it is the rule's own
//!   choice ([`Rule::spends`]).
//! - [`Weighed::sealed`] needs ballots of more than half of all electors. So two rivals that are both sealed take somebody
//!   who spent a ballot twice, which anybody can prove from the two records.
//! - More voices of the same kind never take a seal away.
//!
//! Deliberately absent: clocks. A period ends because enough electors were heard, never because time went by.

pub mod consent;
pub mod majority;
pub mod open;
pub mod stewards;

use crate::body::{Choice, Model};

/// What an elector said to a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    /// By a vote.
    Voted(Choice),
    /// By a seal: the proposal had what it needed, as far as they knew.
    Acknowledged,
}

/// What a voice does to the one ballot that its elector has in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spends {
    /// Nothing.
    Nothing,
    /// It is spent on the proposal spoken of.
    OnIt,
    /// It is spent on none.
    OnNone,
}

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Electorate {
    /// All members whom a decision has taken in.
    Members,
    /// The stewards.
    Stewards,
}

/// How many electors said what, after void voices were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Electors in all, whether they spoke or not.
    pub electors: usize,
    /// Those who say yes.
    pub yes: usize,
    /// Those whose objection stands.
    pub objections: usize,
    /// Those whose ballot is spent on this proposal.
    pub ballots: usize,
}

/// How far a proposal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weighed {
    /// It has what it needs, and may be acknowledged.
    pub ripe: bool,
    /// It is decided for good.
    pub sealed: bool,
}

/// What a proposal needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// Electors who say yes.
    pub yes: usize,
    /// Electors whose ballot is spent on it, to seal it.
    pub ballots: usize,
}

/// A way of deciding.
pub trait Rule {
    /// Who decides.
    fn electorate(&self) -> Electorate;

    /// Whether what is ripe counts at once, though not for good; otherwise it counts when it is sealed.
    fn at_once(&self) -> bool;

    /// What a voice does to its elector's ballot; nothing when that cannot be said in this model.
    fn spends(&self, said: Said) -> Option<Spends>;

    /// What a proposal needs when there are so many electors.
    fn needed(&self, electors: usize) -> Needed;

    /// How far a proposal is.
    fn weigh(&self, tally: &Tally) -> Weighed;
}

/// The rule of a model.
pub fn rule_of(model: Model) -> Box<dyn Rule> {
    match model {
        Model::Open => Box::new(open::Open),
        Model::Stewards { needed } => Box::new(stewards::Stewards { needed: usize::from(needed) }),
        Model::Consent { quorum } => Box::new(consent::Consent { quorum: usize::from(quorum) }),
        Model::Majority => Box::new(majority::Majority),
    }
}

/// More than half of so many.
pub const fn more_than_half(electors: usize) -> usize {
    electors / 2 + 1
}
