//! The transport to a NIC behind the kernel's VFIO.
//!
//! [`Vfio::open`] takes a PCI function that is bound to vfio-pci (see `longshore-sysfs`) and gives a
//! [`Device`](longshore_device::Device): registers are loads and stores to a mapping of BAR0, interrupts are MSI-X
//! eventfds that the kernel signals, DMA goes through the IOMMU, reset is a function-level reset.
//!
//! Two kernel interfaces, one transport: the container with its group, which every kernel has, and the device of its
//! own with iommufd, which newer ones have too ([`Interface`]).
//!
//! When a [`Vfio`] goes away, or its process dies, the kernel resets the function and takes all mappings away before
//! it gives the memory back: no device writes memory of another owner.
#![deny(unsafe_code)]

mod attach;
mod config;
mod device;
#[allow(
    unsafe_code,
    reason = "handing memory to a device is this module's purpose"
)]
mod dma;
mod error;
#[allow(
    unsafe_code,
    reason = "calling the kernel where no crate does is this module's purpose"
)]
mod ffi;
mod iova;
#[allow(
    unsafe_code,
    reason = "access to a mapped BAR is this module's purpose"
)]
mod mmio;

pub use attach::Interface;
pub use config::{Capabilities, ConfigError};
pub use device::Vfio;
pub use error::OpenError;
