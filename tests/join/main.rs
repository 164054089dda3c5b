//! From a folder to an equal folder on another device, over loopback; and what may go wrong on the way.
//!
//! Every refusal is held to the same: exit code 1, words that say what happened, what is safe and what to do, and afterwards
//! everything that was there is still there.

mod disk;
mod folders;
mod profiles;
mod tickets;
mod whole;
