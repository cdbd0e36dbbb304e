//! Transmit: from a request to frames.
//!
//! Frames and statuses follow `nic_abi::tx`; `nic_abi::tx::check` is the scheduler's part.

pub mod checksum;
pub mod gather;
pub mod segmenter;

use nic_abi::FlowHandle;

/// A request whose checks are done.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its context descriptor.
    pub context: u128,
    /// SQ index behind its last descriptor.
    pub head: u16,
    /// Its buffers: bus address and length.
    pub buffers: Vec<(u64, u32)>,
}

impl Request {
    /// SQ index of its context.
    pub fn first(&self) -> u16 {
        self.head.wrapping_sub(1 + self.buffers.len() as u16)
    }

    /// Flow that it belongs to.
    pub fn handle(&self) -> FlowHandle {
        FlowHandle::from_raw(nic_abi::tx::HANDLE.get(self.context) as u32)
    }
}
