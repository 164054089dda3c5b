//! Shared harness.

pub mod cli;
pub mod corpus;
pub mod desktop;
pub mod namespaces;
pub mod patience;
pub mod skipped;
pub mod story;
pub mod trace;
pub mod typing;
