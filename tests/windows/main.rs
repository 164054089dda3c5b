//! Two real windows on two devices, from the first question to everything being there again the next morning.
//!
//! Each test has a network of its own with two places and no way out, a display for each window, and a profile for each
//! person. What is done is done by clicks and keys; what is seen is read from the window. A failure leaves pictures of
//! both windows and their logs in `target/pictures`.

mod album;
mod care;
mod deciding;
mod devices;
mod knock;
mod looks;
mod many;
mod pages;
mod refusals;
mod stage;
mod ticket;
