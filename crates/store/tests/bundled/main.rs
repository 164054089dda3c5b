//! All that the suite `store` holds a profile to, where every change that can be is in a bundle.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../store/cuts.rs"]
mod cuts;
#[path = "../store/documents.rs"]
mod documents;
#[path = "../store/fallen.rs"]
mod fallen;
#[path = "../store/held.rs"]
mod held;
#[path = "../store/runs.rs"]
mod runs;
#[path = "../store/segments.rs"]
mod segments;
#[path = "../store/tags.rs"]
mod tags;
#[path = "../store/writing.rs"]
mod writing;

const BUNDLING: Option<commonplace_store::Bundling> =
    Some(commonplace_store::Bundling { few: 1, many: 3, newest: 0, loose: 1 });
