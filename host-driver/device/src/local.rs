//! What a NIC in this process implements.

use std::sync::Arc;

use longshore_dma::HostMemory;
use nic_abi::block::{MSIX_TABLE, msix};

/// The page at which interrupt messages are written, as on a PC (Intel SDM 3A, section 12.11.1). Never part of
/// a mapping.
///
/// [`crate::InProcess`] programs the MSI-X table so that vector *v* writes *v* to this address. A NIC whose
/// messages are memory writes hands each one to [`message_vector`] before it looks at host memory.
pub const MSI_WINDOW: u64 = 0xfee0_0000;

/// The vector, if a memory write of `data` at `iova` is an interrupt message.
pub fn message_vector(iova: u64, data: &[u8]) -> Option<u16> {
    let message: [u8; 4] = data.try_into().ok()?;
    (iova == MSI_WINDOW).then(|| u32::from_le_bytes(message) as u16)
}

/// Points every vector at the message window and unmasks it, as an operating system does.
pub fn program_msix(nic: &mut impl LocalNic, vectors: u16) {
    for v in 0..u32::from(vectors) {
        for (register, value) in [
            (msix::ADDRESS_LOW, MSI_WINDOW as u32),
            (msix::ADDRESS_HIGH, (MSI_WINDOW >> 32) as u32),
            (msix::DATA, v),
            (msix::VECTOR_CONTROL, 0),
        ] {
            nic.mmio_write(MSIX_TABLE.at(v, register), value);
        }
    }
}

/// Where a NIC's interrupts go.
pub trait IrqSink: Send + Sync {
    /// Signals a vector; never blocks. A vector that does not exist is ignored.
    fn raise(&self, vector: u16);
}

/// A NIC in this process, at the level of registers and memory transactions.
///
/// The transport calls it under a lock, from any thread. How time advances, and who makes it, is the NIC's
/// own matter, with one rule: **a register read lets some time pass**, so that a driver that polls a status
/// register sees the change even when nobody else runs the NIC.
pub trait LocalNic: Send {
    /// Hands over host memory and interrupts, once, before anything else. Both stay the same over resets.
    fn attach(&mut self, memory: Arc<dyn HostMemory>, interrupts: Arc<dyn IrqSink>);

    /// Reads the word of BAR0 at byte offset `offset` (a multiple of 4 below `nic_abi::pci::BAR0_SIZE`). Memory
    /// writes that the NIC issued before its answer are done when this returns.
    fn mmio_read(&mut self, offset: u32) -> u32;

    /// Writes the word of BAR0 at byte offset `offset`.
    fn mmio_write(&mut self, offset: u32, value: u32);

    /// Function-level reset: when this returns nothing is outstanding, no memory access follows, all registers
    /// are at their reset values, and EPOCH is one higher.
    fn flr(&mut self);
}
