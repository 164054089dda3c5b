//! The roll of a commons and its pure fold: who is a member, what the charter says, who is invited.
//!
//! Invariants:
//! - The same set of records gives the same [`Roll`], in whatever order and however often they came.
//! - Whether a record is valid depends on itself and its ancestors alone.
//! - Records of kinds that this version does not know are kept, passed on and ignored.
//!
//! Deliberately absent: clocks (an invitation's end is judged by whoever admits, never by the fold), storage, networks,
//! and anything said in ledgers.

pub mod body;
pub mod roll;
pub mod ticket;

pub use body::{Admission, Body, Genesis, Introduction, Invitation, JoinRequest};
pub use roll::{Added, Charter, Invited, Member, Roll, RollError};
pub use ticket::{Ticket, TicketError};
