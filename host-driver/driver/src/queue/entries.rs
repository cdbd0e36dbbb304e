//! A ring's entries in DMA memory.

use std::sync::Arc;

use longshore_dma::{DmaRegion, OutOfRange};
use nic_abi::ring::{ENTRY_BYTES, entry_offset};

/// `1 << log2` entries of 16 bytes.
pub(crate) struct Entries {
    region: Arc<DmaRegion>,
    base: usize,
    log2: u32,
}

impl Entries {
    /// The ring at byte offset `base` of `region`.
    ///
    /// # Panics
    /// If it does not lie inside, aligned to 8: the driver lays out its own memory.
    pub(crate) fn new(region: Arc<DmaRegion>, base: usize, log2: u32) -> Self {
        let end = base + ((ENTRY_BYTES as usize) << log2);
        assert!(
            base.is_multiple_of(8) && end <= region.len(),
            "a ring lies inside its memory"
        );
        Self { region, base, log2 }
    }

    pub(crate) fn log2(&self) -> u32 {
        self.log2
    }

    pub(crate) fn len(&self) -> u16 {
        1 << self.log2
    }

    fn at(&self, index: u16) -> usize {
        self.base + entry_offset(index, self.log2) as usize
    }

    /// Writes an entry. The NIC looks at it only after the doorbell.
    pub(crate) fn put(&self, index: u16, entry: u128) {
        let at = self.at(index);
        inside(self.region.store_u64(at, entry as u64));
        inside(self.region.store_u64(at + 8, (entry >> 64) as u64));
    }

    /// Upper half of an entry, with acquire order: the lower half is at least as new.
    pub(crate) fn high(&self, index: u16) -> u64 {
        inside(self.region.load_u64(self.at(index) + 8))
    }

    /// Lower half of an entry.
    pub(crate) fn low(&self, index: u16) -> u64 {
        inside(self.region.load_u64(self.at(index)))
    }

    pub(crate) fn zero(&self) {
        inside(
            self.region
                .zero(self.base, (ENTRY_BYTES as usize) << self.log2),
        );
    }
}

/// `Entries::new` has checked the ring against its memory, and an index is masked.
fn inside<R: Default>(result: Result<R, OutOfRange>) -> R {
    debug_assert!(result.is_ok());
    result.unwrap_or_default()
}
