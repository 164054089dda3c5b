//! Devices on networks of their own: real processes in network namespaces, joined by a bridge.
//!
//! They find each other by mDNS, with and without a default route; the plug is pulled, a process is killed, an address
//! changes; and nothing that anybody wrote is ever lost. Where no packet leads from one to another, they meet by a relay.

mod alive;
mod eight;
mod found;
mod hundred;
mod killed;
mod knock;
mod moved;
mod plug;
mod relay;
mod twice;
