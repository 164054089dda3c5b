//! What the suites share: devices as processes, networks of their own, pages to work with, and patience with an end.
//!
//! A suite drives Commonplace as its users do, by running the built programs: [`cli`] and [`desktop`] do that. Nothing here
//! knows how the engine works inside.

pub mod cli;
pub mod corpus;
pub mod desktop;
pub mod draw;
pub mod internet;
pub mod namespaces;
pub mod patience;
pub mod relay;
pub mod skipped;
pub mod story;
pub mod trace;
pub mod typing;
