//! What goes wrong at the seam.

use std::io;

use longshore_dma::MapError;

/// An error of a transport or of the device behind it.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The device answers no more (all ones, or the transport is closed).
    #[error("the device is gone: it reads all ones or its transport is closed; reopen it")]
    Gone,
    /// A register access outside of BAR0 or not to a whole aligned word.
    #[error("register offset {offset:#x} is not a word of BAR0")]
    BadOffset {
        /// Byte offset in BAR0.
        offset: u32,
    },
    /// No such interrupt vector.
    #[error("interrupt vector {vector} does not exist: the device has {vectors}")]
    NoVector {
        /// Vector asked for.
        vector: u16,
        /// Vectors there are.
        vectors: u16,
    },
    /// A DMA mapping was refused.
    #[error("DMA memory: {0}")]
    Map(#[from] MapError),
    /// The kernel locks no more memory for this process.
    #[error(
        "the kernel locks no more memory for DMA ({asked} B asked for, the limit is {}): raise it (`ulimit -l unlimited`, memlock in /etc/security/limits.conf, LimitMEMLOCK= of the service) or have CAP_IPC_LOCK",
        limit.map_or("unlimited".into(), |n| format!("{n} B"))
    )]
    LockedMemory {
        /// Bytes asked for.
        asked: u64,
        /// RLIMIT_MEMLOCK.
        limit: Option<u64>,
    },
    /// The device did not do in time what it was asked for.
    #[error("the device did not become {what} in time; reset it")]
    Timeout {
        /// What was waited for.
        what: &'static str,
    },
    /// The device was reset by somebody else: its epoch is not the one that was expected.
    #[error(
        "the device was reset behind the driver's back: epoch {found} instead of {expected}; reopen it"
    )]
    WrongEpoch {
        /// Epoch that the driver knew.
        expected: u32,
        /// Epoch that the device shows.
        found: u32,
    },
    /// The operating system said no.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
}

impl DeviceError {
    /// Wraps an operating system error with what was tried.
    pub fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
