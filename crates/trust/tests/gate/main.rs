//! What the gate lets through, what waits, what it refuses, and what that costs. A file per property.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod anew;
mod caps;
mod cost;
mod device;
mod forge;
mod fuzz;
mod harm;
mod honest;
mod hostile;
mod mutation;
mod passing;
mod room;
mod twins;
