//! The roll as its members live it: partitions, races, hostile members, and what is promised nevertheless.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod able;
mod apart;
mod bounds;
mod cost;
mod decisions;
mod devices;
mod models;
mod own;
mod peers;
mod policies;
mod promises;
mod removals;
mod rivals;
mod room;
mod seals;
mod standing;
mod twins;
