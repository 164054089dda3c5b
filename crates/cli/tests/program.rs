//! The program as a person or a script uses it: words and JSON, exit codes, through a running peer, between two devices.

#[path = "program/alone.rs"]
mod alone;
#[path = "program/decide.rs"]
mod decide;
#[path = "program/device.rs"]
mod device;
#[path = "program/health.rs"]
mod health;
#[path = "program/manual.rs"]
mod manual;
#[path = "program/profile.rs"]
mod profile;
#[path = "program/together.rs"]
mod together;
