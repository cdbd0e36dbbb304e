//! The stack as a shared object for packetdrill: [`packetdrill_interface_init`] fills the table of functions through
//! which packetdrill opens sockets, moves packets and reads the clock. Below are the socket layer, TCP, the driver and the
//! executable model of the NIC, all in one virtual time: a run takes as long as its computation, and two runs are alike.
//!
//! ```text
//! packetdrill ── calls ── [ ffi ─ call ─ socket, pipe, epoll ] ── longshore-sockets ── driver ── nic-model ── wire
//!      └───────── IP packets ────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! `docs/CONFORMANCE.md` says how to build and use it, and where this stack differs from Linux.
//!
//! # Time
//! The thread that calls [`packetdrill_interface_init`] drives the clock: `usleep` and `gettimeofday` move it on, and
//! `netdev_receive` does until a packet leaves. A call that waits on that thread moves it on itself; on any other thread it
//! waits for what the first one brings about. Before time moves, all who wait have looked at what there is.
#![deny(unsafe_code)]

mod address;
mod call;
mod epoll;
mod errno;
#[allow(
    unsafe_code,
    reason = "the functions of the table get pointers from C; all other modules get and give values"
)]
pub mod ffi;
mod files;
mod flags;
mod merge;
mod pipe;
mod port;
mod socket;
mod split;
mod sysctl;
mod wire;
mod world;

pub use ffi::{PacketdrillInterface, packetdrill_interface_init};
