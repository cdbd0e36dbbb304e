//! Plays packetdrill's scripts against the stack, in virtual time: the language of packetdrill, its judgement of packets,
//! times and results, and the same table of functions that packetdrill calls ([`longshore_conformance`]).
//!
//! ```text
//! text ── [script] ── events ── [run] ── [ffi] ── longshore-conformance
//!                                 │
//!                              [shell]: settings of the kernel, as a directory
//! ```
//!
//! A script is played as the kernel's own runner plays it: over IPv4, over IPv6, and over IPv4 with IPv6's sockets.

#![deny(unsafe_code)]

pub mod exceptions;
#[allow(unsafe_code, reason = "the table's functions take C's pointers")]
mod ffi;
mod run;
pub mod script;
mod settings;
pub mod shell;
pub mod suite;
mod symbols;
mod wire;

pub use run::{Outcome, play};
pub use settings::IpVersion;
