//! The Longshore NIC in Verilator: root complex, wires, waveforms.
//!
//! - [`verilated`]: the gateware's modules as compiled by Verilator; ports by name, evaluation, waveforms.
//! - [`pcie`]: packets and the root complex at the other end of the link.
//! - [`nic`]: the whole NIC in simulated time, between a root complex and a wire.
#![deny(unsafe_code)]

pub mod nic;
pub mod pcie;
pub mod verilated;
