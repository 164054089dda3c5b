//! The real desktop app in real windows, on virtual displays and in a network of its own, as a person uses it.
//!
//! Everything lives in an [`enclosure`]: namespaces of processes, mounts and network that this process made, and that the
//! kernel empties when it ends, however it ends. Inside, a [`lan::Lan`] joins places, each a network namespace with one
//! cable; an [`Installation`] is a profile at such a place; a [`Window`] is the app running on it, driven through WebDriver.
//!
//! Deliberately absent: pauses. Every verb waits for what it needs to be there, with a deadline, and a failure leaves
//! pictures of all windows.

pub mod acts;
mod driver;
pub mod enclosure;
mod installation;
pub mod lan;
pub mod pictures;
mod processes;
mod window;

pub use installation::Installation;
pub use window::{Key, Window, marked};
