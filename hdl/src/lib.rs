//! The gateware of the Longshore NIC, in rust-hdl.
//!
//! - [`stream`]: AXI-Stream types and the buffers between stages.
//! - [`memory`]: block RAM and small FIFOs.
//! - [`emit`]: a named module as deterministic Verilog text.
//! - [`catalog`]: every module that is emitted, Verilated and compared in lock step.
//!
//! The Verilog is the design. rust-hdl prints Rust tokens as Verilog, so a kernel that compiles may still mean something
//! else in hardware: a lint over the kernels and a cycle-by-cycle comparison with Verilator hold both together. How to
//! add a module: `docs/GATEWARE-TESTING.md`.
#![deny(unsafe_code)]
#![allow(
    missing_docs,
    reason = "the derives of rust-hdl emit methods without docs"
)]

pub mod bits;
pub mod catalog;
pub mod cdc;
pub mod checksum;
pub mod dma;
pub mod emit;
pub mod host;
pub mod lint;
pub mod memory;
pub mod nic;
pub mod queue;
pub mod rx;
pub mod stream;
pub mod tx;
pub mod wire;
pub mod witness;
