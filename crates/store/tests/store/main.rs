//! What a profile on disk does, a file per part of it.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod bundles;
mod cuts;
mod dictionary;
mod documents;
mod fallen;
mod held;
mod lists;
mod profile;
mod rolls;
mod runs;
mod search;
mod segments;
mod tags;
mod versions;
mod writing;

/// When changes are put into bundles, where that is not as usual.
const BUNDLING: Option<commonplace_store::Bundling> = None;
