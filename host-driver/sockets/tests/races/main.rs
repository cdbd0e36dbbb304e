//! The races by name, over random schedules: programs, the owners of both hosts' queue pairs and the NICs with their
//! wire are actors each. `cargo xtask test` runs them, `cargo xtask campaign races` for longer; LONGSHORE_SCHEDULES sets how many schedules each.
//!
//! A failure prints the schedule. Every test ends with nothing left, by the names of the holders.
//!
//! Race 13, listen ∥ read or write on the same socket, is none here: what listens has neither
//! (`TcpListener`'s documentation shows that such code does not compile).
#![cfg(all(shuttle, not(loom)))]

#[path = "../common/mod.rs"]
mod common;

mod closing;
mod connections;
mod device;
mod flow_nic;
mod frames;
mod listeners;
mod opening;
mod race;
mod slots;
mod steered;
mod two_owners;
