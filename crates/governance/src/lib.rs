//! The roll of a commons and its pure fold: who is a member, what the charter says, who is invited, what was decided.
//!
//! | module | |
//! | --- | --- |
//! | [`body`] | what records say, and within which bounds |
//! | `dag` | the records as a graph |
//! | `valid` | whether a record is valid: by its ancestors alone |
//! | [`footing`] | who decides what after a decision |
//! | `ballot` | voices of electors, counted in one view |
//! | [`decide`] | the four models, one file each |
//! | `state` | what counts, by the whole set: the chain of decisions, endings, members, charter |
//! | [`decision`] | a decision explained |
//! | [`own`] | what members did by their own word, explained |
//! | [`roll`] | all of it behind one type |
//!
//! Invariants:
//! - The same set of records gives the same [`Roll`], in whatever order and however often they came.
//! - Whether a record is valid depends on itself and its ancestors alone.
//! - What is sealed on a chain of sealed decisions stands for good, unless electors provably spent ballots twice.
//! - Records of kinds that this version does not know are kept, passed on and ignored.
//!
//! Deliberately absent: clocks (an invitation's end is judged by whoever admits, never by the fold), storage, networks,
//! and anything said in ledgers.

mod ballot;
pub mod body;
mod dag;
pub mod decide;
pub mod decision;
pub mod footing;
pub mod own;
pub mod roll;
mod state;
pub mod ticket;
mod valid;

pub use body::{
    Act, Admission, Because, Body, Choice, Cut, DeviceCertificate, DeviceRevocation, Genesis, Introduction, Invitation,
    InvitationClosed, JoinRequest, Model, Policy, Proposal, Removal, Seal, TwinsProved, Vote, Vouch,
};
pub use decision::{Decision, Reason};
pub use footing::Footing;
pub use own::{OwnAct, OwnWord};
pub use roll::{
    Able, Added, Caught, Charter, DeviceStanding, Epoch, Invited, Invites, Left, Member, Pairing, Parting, Roll,
    RollError, Room, Roomy,
};
pub use ticket::{DeviceTicket, Ticket, TicketError};
