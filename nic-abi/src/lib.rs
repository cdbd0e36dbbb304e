//! The contract between the Longshore NIC and its driver.
//!
//! Registers, descriptors, completions, PCI identity and feature blocks are written down here and
//! nowhere else. The gateware takes its decode constants from here, the driver its typed accessors,
//! the executable model its register file, and `docs/REGISTERS.md` is generated from the same tables.
//!
//! Everything that crosses the bus is little-endian. A *word* is 32 bits. A descriptor, a completion
//! and the halves of a command are 16 bytes, held here as one `u128` whose bit 0 is bit 0 of the byte
//! at the lowest address.
//!
//! # Map
//!
//! - [`pci`]: identity, BAR, MSI-X placement
//! - [`register`]: what a register is; [`block`]: the blocks of BAR0 and the feature directory
//! - [`field`]: a run of bits in a descriptor
//! - [`tx`], [`rx`], [`completion`], [`command`]: what lies in the rings
//! - [`handle`]: flow handles, chosen by the host
//! - [`ring`]: free-running indexes, sizes, phase
//! - [`stats`]: every counter, by name
//! - [`fault`]: why a queue was quarantined
#![no_std]
#![forbid(unsafe_code)]

pub mod block;
pub mod command;
pub mod completion;
pub mod fault;
pub mod field;
pub mod handle;
pub mod pci;
pub mod register;
pub mod ring;
pub mod rx;
pub mod stats;
pub mod tx;

pub use field::Field;
pub use handle::FlowHandle;

/// Version of this contract: major in the upper half, minor in the lower.
///
/// A driver refuses another major version; a higher minor only adds feature blocks or fields that
/// were reserved (and zero) before.
pub const ABI_VERSION: u32 = 0x0001_0000;

/// Value of the MAGIC register: `"LONG"` as ASCII, first letter in the lowest byte.
///
/// A device that is gone reads all ones, one in reset does not answer at all; so this value
/// together with the epoch is the proof of a live device.
pub const MAGIC: u32 = u32::from_le_bytes(*b"LONG");
