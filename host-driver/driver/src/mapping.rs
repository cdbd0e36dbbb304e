//! DMA memory that is mapped for as long as somebody may use it.

use std::sync::Arc;

use longshore_device::Device;
use longshore_dma::{DmaRegion, IovaAllocator, Pages};
use longshore_refs::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use crate::DriverError;

/// The device as far as memory is concerned.
pub(crate) struct Bus {
    pub(crate) device: Arc<dyn Device>,
    iovas: Mutex<IovaAllocator>,
    /// Bytes that could not be unmapped and so are never freed.
    leaked: AtomicU64,
}

impl Bus {
    pub(crate) fn new(device: Arc<dyn Device>) -> Self {
        let iovas = IovaAllocator::new(&device.info().iova_ranges);
        Self {
            device,
            iovas: Mutex::new(iovas),
            leaked: AtomicU64::new(0),
        }
    }

    pub(crate) fn leaked(&self) -> u64 {
        self.leaked.load(Ordering::Relaxed)
    }

    /// Fresh zeroed memory of at least `len` bytes, mapped for the device.
    pub(crate) fn allocate(self: &Arc<Self>, len: usize) -> Result<Mapping, DriverError> {
        let info = self.device.info();
        let region = DmaRegion::allocate(len, info.memory, Pages::Best)
            .map_err(|source| DriverError::Memory { len, source })?;
        let region = Arc::new(region);
        let size = region.len() as u64;
        // Aligned to the memory's own pages, so that the IOMMU maps each with one entry.
        let align = info.iova_page.max(region.page_size() as u64);
        let iova = self.iovas.lock().allocate(size, align)?;
        if let Err(e) = self.device.dma_map(&region, iova) {
            self.iovas.lock().release(iova, size);
            return Err(e.into());
        }
        Ok(Mapping {
            bus: self.clone(),
            region,
            iova,
        })
    }
}

/// A mapped region. Its drop unmaps it; if that fails, region and addresses are leaked and reported, because the
/// device may still reach them.
pub(crate) struct Mapping {
    bus: Arc<Bus>,
    pub(crate) region: Arc<DmaRegion>,
    pub(crate) iova: u64,
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let len = self.region.len() as u64;
        match self.bus.device.dma_unmap(&self.region, self.iova) {
            Ok(()) => {
                self.bus.iovas.lock().release(self.iova, len);
            }
            Err(error) => {
                std::mem::forget(self.region.clone());
                self.bus.leaked.fetch_add(len, Ordering::Relaxed);
                tracing::error!(iova = self.iova, len, %error, "DMA memory leaked: it cannot be unmapped");
            }
        }
    }
}
