//! A simulator of devices that meet, part and crash, over the real session, the real gate and real documents.
//!
//! One seed is one course of events: the same seed gives the same one. A failing seed is printed; `COMMONPLACE_SEED=<n>`
//! runs that one alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod convergence;
mod crowd;
mod device;
mod economy;
mod hostile;
mod rolls;
mod scale;
mod ways;
mod world;
