//! The executable specification of the Longshore NIC in plain Rust.
//!
//! [`Model`] does what the contract (`nic-abi`) says, register by register and frame by frame, without
//! saying anything of cycles. The gateware must agree with it on every frame, completion and counter. Its
//! modules have the names of the gateware's, so that what one hop does can be read in both:
//!
//! - [`queue`]: registers, descriptor fetch, completion queues, statistics
//! - [`tx`]: checks, gather, segmenter, checksum
//! - [`rx`]: filter, parser, checksum, writer
//! - [`host`]: the MSI-X table
//! - [`checksum`]: ones' complement sums
#![forbid(unsafe_code)]

pub mod checksum;
pub mod host;
mod nic;
pub mod queue;
pub mod rx;
pub mod tx;

pub use nic::{Config, Model};
