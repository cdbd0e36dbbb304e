//! A test bench around one NIC: host memory with canaries, rings written by nic-abi alone, a wire whose far end
//! is the test, recorded interrupts.
//!
//! The driver refuses to post what is malformed; the bench posts anything. It is deterministic: two NICs that are given the
//! same calls see the same bus addresses and the same bytes, so their outcomes can be compared.
//!
//! - [`memory`]: host memory; [`rings`]: the rings of a queue pair; [`interrupts`]: the recorder
//! - [`nics`]: the NICs that there are; [`hosts`]: what they are put into; [`mod@bench`]: the bench itself
//! - [`request`]: transmit requests; [`requests`]: random ones; [`frames`]: random frames; [`faults`]: what quarantines
//! - [`scenario`]: random scenarios; [`outcome`]: what came of a step; [`compare`]: one scenario on two NICs

pub mod bench;
pub mod compare;
pub mod describe;
pub mod faults;
pub mod frames;
pub mod hosts;
pub mod interrupts;
pub mod memory;
pub mod nics;
pub mod outcome;
pub mod request;
pub mod requests;
pub mod rings;
pub mod scenario;

pub use bench::{Rig, RigConfig};
pub use memory::{Arena, Buffer, HOLE};
pub use nics::Nic;
pub use request::{Piece, TxRequest};
pub use rings::{QueueConfig, Received};
