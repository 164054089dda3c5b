//! The one typed surface under every host: commands, events, views, error codes; TypeScript generated from it.
//!
//! A command is declared once, in [`command`]. From there come its types, its dispatch by name, the local socket's
//! protocol and the window's TypeScript. A [`Host`] has a profile open and serves it on the local socket; a [`Client`]
//! reaches the host that runs, or is one itself when none does.
//!
//! Deliberately absent: capabilities of its own. What is done, the engine does; only pictures of tickets are made here.

#[macro_use]
mod declare;

mod client;
pub mod command;
mod error;
mod host;
pub mod picture;
mod server;
mod socket;
mod surface;
pub mod typescript;

pub use client::{Client, Events};
pub use command::{dispatch, names};
pub use commonplace_model::line::misleads;
pub use commonplace_node::{
    profile::{HOME_VARIABLE, home_dir, restore},
    view::{self, Event},
};
pub use declare::Command;
pub use error::{ApiError, ErrorCode};
pub use host::{BIND_VARIABLE, Host, HostKind, Options};

/// Bytes of text that a page can hold.
pub const PAGE_BYTES: usize = commonplace_model::Page::MAX_BODY_BYTES;
