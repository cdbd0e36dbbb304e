//! What happened to a device, for whoever wonders.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What happened to a device since its server started.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The counters themselves, shared by the parts of a device.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Clients that connected and were served.
    clients,
    /// Clients that came while another one was served, and were told so.
    turned_away,
    /// Commands of clients.
    commands,
    /// Commands that were answered with an error.
    refused,
    /// Ranges of memory that were mapped.
    maps,
    /// Unmap commands.
    unmaps,
    /// Memory reads of the NIC that succeeded.
    dma_reads,
    /// Memory writes of the NIC that succeeded.
    dma_writes,
    /// Memory reads and writes of the NIC that hit unmapped memory, or memory mapped for the other direction alone.
    dma_faults,
    /// Of the successful ones, those that went over the socket.
    dma_messages,
    /// Interrupts that were signalled.
    interrupts,
    /// Interrupts that were kept because their vector had no eventfd or was masked.
    pending,
    /// Function-level resets, those between clients included.
    resets,
}

/// Counts one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
