//! What goes wrong in the driver.

use std::io;

use longshore_device::DeviceError;
use longshore_dma::{BadPool, IovaExhausted};
use nic_abi::{block::Feature, fault::QueueFault};

/// An error on the control path, or the end of the device on the data path.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The transport or the device failed.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// This is no Longshore NIC.
    #[error(
        "magic word {found:#010x} instead of {:#010x}: not a Longshore NIC, or the wrong BAR",
        nic_abi::MAGIC
    )]
    BadMagic {
        /// What was read.
        found: u32,
    },
    /// The NIC speaks another major version of the contract.
    #[error("contract version {}.{} of the NIC, this driver speaks {}.x: update the older of the two", found >> 16, found & 0xffff, nic_abi::ABI_VERSION >> 16)]
    Version {
        /// What the NIC says.
        found: u32,
    },
    /// A feature block that every NIC has is not in the directory.
    #[error("the feature directory lacks {0:?}, which every NIC has: broken gateware")]
    MissingFeature(Feature),
    /// The NIC describes itself with impossible numbers.
    #[error("register {register} reads {value:#x}, which cannot be: broken gateware")]
    Nonsense {
        /// Register.
        register: &'static str,
        /// Its value.
        value: u32,
    },
    /// No such queue pair, or it is taken.
    #[error(
        "queue pair {index} of {count} does not exist or is taken: drop its present owner first"
    )]
    QueueUnavailable {
        /// Index asked for.
        index: u32,
        /// Queue pairs there are.
        count: u32,
    },
    /// Nobody is at the other end of the cable.
    #[error(
        "the link is down: plug the cable in and bring the other end up (Linux: `ip link set dev INTERFACE up`); `longshore info` shows its state"
    )]
    LinkDown,
    /// A queue configuration that the contract does not allow.
    #[error("queue configuration: {0}")]
    BadConfig(&'static str),
    /// The NIC refused to enable a queue pair.
    #[error("queue pair {index} did not come up: {fault:?}")]
    EnableFailed {
        /// Queue pair.
        index: u32,
        /// Cause, if the NIC gave one that the contract knows.
        fault: Option<QueueFault>,
    },
    /// The device was reset since the queue pair was enabled.
    #[error("the device was reset: call recover to start over")]
    Reset,
    /// No DMA memory to be had.
    #[error("allocating {len} B of DMA memory: {source}")]
    Memory {
        /// Bytes.
        len: usize,
        /// What the operating system said.
        source: io::Error,
    },
    /// No bus addresses left.
    #[error(transparent)]
    Iova(#[from] IovaExhausted),
    /// A pool that cannot be cut.
    #[error(transparent)]
    Pool(#[from] BadPool),
    /// More multicast addresses than the NIC has entries.
    #[error(
        "{asked} multicast addresses, the NIC filters {entries}: take in all multicasts instead"
    )]
    TooManyMulticasts {
        /// Addresses asked for.
        asked: usize,
        /// Entries.
        entries: usize,
    },
}
