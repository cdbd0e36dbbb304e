//! The seam between the Longshore driver and whatever reaches the NIC.
//!
//! [`Device`] is the seam: registers, configuration space, DMA mappings, interrupts, reset. The driver
//! above never knows what is behind it.
//!
//! [`InProcess`] is the transport to a NIC in the same process: the executable model, or the Verilated
//! gateware. Such a NIC implements [`LocalNic`].
//!
//! [`Quiesced`] is the proof that a device touches memory no more: DMA memory is freed against nothing
//! else.
#![forbid(unsafe_code)]

mod canary;
pub mod config;
mod counting;
mod error;
mod in_process;
mod interrupt;
mod local;
mod quiesce;
mod seam;

pub use canary::Canary;
pub use counting::{Counting, MmioCounts};
pub use error::DeviceError;
pub use in_process::InProcess;
pub use interrupt::Interrupt;
pub use local::{IrqSink, LocalNic, MSI_WINDOW, message_vector, program_msix};
pub use quiesce::{Patience, QuiesceProof, Quiesced, Stamp, quiesce};
pub use seam::{Device, DeviceInfo, Transport};
