//! What a queue pair has seen and done.

/// Counters of a queue pair, since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Transmit requests posted.
    pub posted: u64,
    /// Descriptors of those.
    pub descriptors: u64,
    /// Transmit requests given back to their owners as done, well or not.
    pub sent: u64,
    /// Transmit requests given back unsent (or in the dark) by a recovery.
    pub aborted: u64,
    /// Transmit requests that the NIC completed with an error.
    pub failed: u64,
    /// Posts refused for lack of room.
    pub sq_full: u64,
    /// Frames received.
    pub frames: u64,
    /// Their bytes.
    pub frame_bytes: u64,
    /// Refills that left the receive ring less than half full because the pool was empty.
    pub starved: u64,
    /// Completions read.
    pub completions: u64,
    /// Doorbells of the submission queue.
    pub sq_doorbells: u64,
    /// Doorbells of the receive queue.
    pub rq_doorbells: u64,
    /// Doorbells of the completion queue, arming included.
    pub cq_doorbells: u64,
    /// Changes of the interrupt moderation.
    pub moderations: u64,
    /// Quarantines.
    pub quarantines: u64,
    /// Completions of a type or status that the contract does not know, or that this driver never asked for.
    pub bad_unknown: u64,
    /// Receive completions for descriptors that the NIC does not hold: wrong, or completed twice.
    pub bad_rx_index: u64,
    /// Receive completions of length 0 or beyond the buffer.
    pub bad_rx_length: u64,
    /// Frames over several buffers that exceed the longest frame.
    pub bad_rx_chain: u64,
    /// Transmit completions that end at no request that the NIC holds: wrong, or completed twice.
    pub bad_tx_head: u64,
}

impl Counters {
    /// Doorbells of all kinds.
    pub fn doorbells(&self) -> u64 {
        self.sq_doorbells + self.rq_doorbells + self.cq_doorbells
    }

    /// These, and what the submission side has counted.
    pub(super) fn with_submission(&self, submission: &Self) -> Self {
        Self {
            posted: submission.posted,
            descriptors: submission.descriptors,
            sent: submission.sent,
            sq_full: submission.sq_full,
            sq_doorbells: submission.sq_doorbells,
            bad_tx_head: self.bad_tx_head + submission.bad_tx_head,
            ..*self
        }
    }

    /// Completions that break the contract: 0 with a NIC that keeps it.
    pub fn bad_completions(&self) -> u64 {
        self.bad_unknown
            + self.bad_rx_index
            + self.bad_rx_length
            + self.bad_rx_chain
            + self.bad_tx_head
    }
}
