//! A member's device that runs another program, between two engines that do as they should.
//!
//! In every test Ines has a page open and types in it, Tomás has the same page, and Mallory, who was let in like anybody, does
//! what no engine would. It is held to the same each time: what Ines types still reaches Tomás, nothing that the two hold
//! changes, Mallory's device is left alone or not listened to, the person is told where they should know, and afterwards
//! somebody new can come in. Nothing is timed: an engine that no longer answers fails by not answering.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod care;
mod changes;
#[expect(dead_code, reason = "the other suite uses all of it")]
#[path = "../together/device.rs"]
mod device;
mod door;
mod flood;
mod frames;
mod gossip;
#[path = "../../../../tests/bench/mallory.rs"]
mod mallory;
mod room;
mod stage;
mod twins;
