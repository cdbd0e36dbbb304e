//! The Longshore NIC in Verilator: root complex, wires, waveforms.
//!
//! - [`verilated`]: the gateware's modules as compiled by Verilator; ports by name, evaluation, waveforms.
//! - [`lockstep`]: rust-hdl's own simulator against Verilator, cycle by cycle.
#![deny(unsafe_code)]

pub mod lockstep;
pub mod verilated;
