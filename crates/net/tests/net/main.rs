//! Devices meeting over the loopback interface, with addresses given by hand.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod connections;
mod frames;
mod gossip;
mod peers;
mod strangers;
