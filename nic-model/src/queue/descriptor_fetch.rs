//! Reading descriptors out of a ring.

use longshore_dma::{DmaFault, HostMemory};
use nic_abi::ring::{ENTRY_BYTES, distance, entry_offset};

/// A ring that the driver fills and the NIC empties.
#[derive(Debug, Clone, Default)]
pub struct Ring {
    /// Bus address.
    pub base: u64,
    /// log2 of its entries.
    pub log2: u32,
    /// Next descriptor to be taken.
    pub head: u16,
    /// Behind the last descriptor that the driver posted.
    pub tail: u16,
}

impl Ring {
    /// Posted descriptors that were not taken yet.
    pub fn posted(&self) -> u16 {
        distance(self.head, self.tail)
    }

    /// True if a doorbell may set the tail to `tail`: not more entries than the ring has.
    pub fn accepts_tail(&self, tail: u16) -> bool {
        u32::from(distance(self.head, tail)) <= 1 << self.log2
    }

    /// The descriptor `ahead` places behind the head.
    ///
    /// # Errors
    /// [`DmaFault`]: its memory is not mapped.
    pub fn fetch(&self, memory: &dyn HostMemory, ahead: u16) -> Result<u128, DmaFault> {
        let index = self.head.wrapping_add(ahead);
        let mut bytes = [0; ENTRY_BYTES as usize];
        let address = self
            .base
            .wrapping_add(entry_offset(index, self.log2).into());
        memory.read(address, &mut bytes)?;
        Ok(u128::from_le_bytes(bytes))
    }
}
