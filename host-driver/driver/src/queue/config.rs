//! How a queue pair is laid out.

use nic_abi::{
    block::queue,
    ring::{ENTRY_BYTES, LOG2_MAX, LOG2_MIN},
};

use crate::DriverError;

/// Interrupt moderation: when the interrupt of an armed completion queue comes. Completions that are there when it is armed
/// are told of at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moderation {
    /// Least time from the first waiting completion to the interrupt, in units of 256 core cycles.
    pub delay: u8,
    /// Waiting completions that cut the delay short; 0: none do.
    pub count: u8,
}

/// Sizes and interrupt of a queue pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueConfig {
    /// log2 of the submission ring's descriptors, 4..=14.
    pub sq_log2: u32,
    /// log2 of the receive ring's descriptors, 4..=14.
    pub rq_log2: u32,
    /// log2 of the completion ring's entries; at least as many as both others together.
    pub cq_log2: u32,
    /// Interrupt vector.
    pub vector: u16,
    /// Interrupt moderation.
    pub moderation: Moderation,
    /// Interrupt moderation while interrupts tell of much: a bulk transfer. The same as `moderation`: no difference is made.
    pub bulk: Moderation,
}

impl Default for QueueConfig {
    /// 256 descriptors each way, 512 completions, vector 0, no moderation.
    fn default() -> Self {
        Self {
            sq_log2: 8,
            rq_log2: 8,
            cq_log2: 9,
            vector: 0,
            moderation: Moderation::default(),
            bulk: Moderation::default(),
        }
    }
}

/// Byte offsets of the rings in their common memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) sq: usize,
    pub(crate) rq: usize,
    pub(crate) cq: usize,
    pub(crate) len: usize,
}

impl QueueConfig {
    /// Value of the interrupt register.
    pub(crate) fn interrupt(&self, moderation: Moderation) -> u32 {
        queue::INTERRUPT_VECTOR.of(self.vector.into())
            | queue::INTERRUPT_DELAY.of(moderation.delay.into())
            | queue::INTERRUPT_COUNT.of(moderation.count.into())
    }

    pub(crate) fn check(&self) -> Result<(), DriverError> {
        let range = LOG2_MIN..=LOG2_MAX;
        if ![self.sq_log2, self.rq_log2, self.cq_log2]
            .iter()
            .all(|l| range.contains(l))
        {
            return Err(DriverError::BadConfig(
                "ring sizes are powers of two from 2^4 to 2^15",
            ));
        }
        if 1 << self.cq_log2 < (1u32 << self.sq_log2) + (1 << self.rq_log2) {
            return Err(DriverError::BadConfig(
                "the completion ring is smaller than submission and receive ring together",
            ));
        }
        if u32::from(self.vector) > queue::INTERRUPT_VECTOR.get(u32::MAX) {
            return Err(DriverError::BadConfig("no such interrupt vector"));
        }
        Ok(())
    }

    /// All rings are multiples of 256 bytes, so each is aligned as the contract asks.
    pub(crate) fn layout(&self) -> Layout {
        let bytes = |log2: u32| (ENTRY_BYTES as usize) << log2;
        let cq = 0;
        let sq = bytes(self.cq_log2);
        let rq = sq + bytes(self.sq_log2);
        Layout {
            sq,
            rq,
            cq,
            len: rq + bytes(self.rq_log2),
        }
    }
}
