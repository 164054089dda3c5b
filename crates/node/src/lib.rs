//! The engine, without a window: composes documents, trust, the roll, sync, store and net behind one handle.
//!
//! [`Engine`] is the handle that hosts hold. Everything that changes state runs on one thread of the engine's own
//! ([`core`]), in the order in which it was asked for, keystrokes before bulk work; so there are no locks to hold
//! wrongly, and what was answered is what is on disk. This crate alone spawns tasks and reads the clock and the system's
//! randomness.
//!
//! Deliberately absent: how anything is shown, and any wire form of its own (see `commonplace-api`).

mod bounds;
mod care;
mod changeset;
mod commons;
mod compacting;
mod core;
mod deciding;
mod devices;
mod disk;
mod doctor;
mod documents;
mod editor;
mod endings;
mod engine;
mod error;
mod export;
mod filenames;
mod folder;
#[cfg(test)]
mod fuzz;
mod gathering;
mod heeding;
mod holding;
mod indexing;
mod invitations;
mod joining;
mod licence;
mod lists;
mod log;
mod meeting;
mod network;
mod pages;
mod people;
mod presence;
pub mod profile;
mod reach;
mod replica;
mod sentence;
mod tags;
mod timekeeping;
mod twins;
pub mod view;

pub use bounds::Bounds;
pub use engine::{Engine, OpenOptions};
pub use error::{Error, ErrorCode, Result};
