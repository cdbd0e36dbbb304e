//! Guards memory: "no stray DMA" is checked, not hoped for.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use longshore_dma::{DmaRegion, PAGE_SIZE, Pages};
use parking_lot::Mutex;

use crate::{Device, DeviceError, DeviceInfo, Interrupt, Quiesced};

/// Alignment of mappings on the bus: more than a region has bytes, so that there is room for guards between them.
const SLOT: u64 = 1 << 30;
/// What guards are filled with.
const PATTERN: u8 = 0xc5;

/// The pages before and after a mapping.
struct Guards {
    pages: [Arc<DmaRegion>; 2],
    at: [u64; 2],
}

/// A [`Device`] that surrounds every mapping of another with pages that nobody may touch, and looks at them.
///
/// A device that writes too far hits a guard instead of a fault, as it would hit the neighbour's memory without an
/// IOMMU; a driver above lays mappings 1 GiB apart, and no region may be so long.
pub struct Canary<D> {
    inner: D,
    info: DeviceInfo,
    guards: Mutex<HashMap<u64, Guards>>,
    spoilt: AtomicU64,
}

impl<D: Device> Canary<D> {
    /// Guards the mappings of `inner`.
    pub fn new(inner: D) -> Self {
        let info = DeviceInfo {
            iova_page: inner.info().iova_page.max(SLOT),
            ..inner.info().clone()
        };
        Self {
            inner,
            info,
            guards: Mutex::default(),
            spoilt: AtomicU64::new(0),
        }
    }

    /// The device behind.
    pub fn inner(&self) -> &D {
        &self.inner
    }

    /// Bytes of guards that were found changed: those of mappings there are, and of those that there were.
    pub fn spoilt(&self) -> u64 {
        let now: u64 = self.guards.lock().values().map(Guards::spoilt).sum();
        now + self.spoilt.load(Ordering::Relaxed)
    }

    fn guard(&self, iova: u64, len: u64) -> Result<Guards, DeviceError> {
        let page = || {
            let page = DmaRegion::allocate(PAGE_SIZE, self.info.memory, Pages::Small);
            let page = page.map_err(DeviceError::io("allocating a guard page"))?;
            let filled = page.write(0, &[PATTERN; PAGE_SIZE]);
            debug_assert!(filled.is_ok(), "a page is a page long");
            Ok::<_, DeviceError>(Arc::new(page))
        };
        let guards = Guards {
            pages: [page()?, page()?],
            at: [iova.wrapping_sub(PAGE_SIZE as u64), iova.wrapping_add(len)],
        };
        for (page, at) in guards.each() {
            match self.inner.dma_map(page, at) {
                // No room: the end of what can be mapped, or the neighbour of a large region.
                Ok(()) | Err(DeviceError::Map(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(guards)
    }
}

impl Guards {
    fn each(&self) -> impl Iterator<Item = (&Arc<DmaRegion>, u64)> {
        self.pages.iter().zip(self.at)
    }

    fn spoilt(&self) -> u64 {
        let changed = |page: &Arc<DmaRegion>| {
            let mut bytes = [0; PAGE_SIZE];
            let read = page.read(0, &mut bytes);
            debug_assert!(read.is_ok(), "a page is a page long");
            bytes.iter().filter(|b| **b != PATTERN).count() as u64
        };
        self.pages.iter().map(changed).sum()
    }
}

impl<D: Device> Device for Canary<D> {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn read32(&self, offset: u32) -> Result<u32, DeviceError> {
        self.inner.read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.inner.write32(offset, value)
    }

    fn config_space(&self) -> Result<Vec<u8>, DeviceError> {
        self.inner.config_space()
    }

    fn dma_map(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
        self.inner.dma_map(region, iova)?;
        let guards = self.guard(iova, region.len() as u64)?;
        self.guards.lock().insert(iova, guards);
        Ok(())
    }

    fn dma_unmap(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
        self.inner.dma_unmap(region, iova)?;
        if let Some(guards) = self.guards.lock().remove(&iova) {
            for (page, at) in guards.each() {
                match self.inner.dma_unmap(page, at) {
                    // There was no room for it.
                    Ok(()) | Err(DeviceError::Map(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            self.spoilt.fetch_add(guards.spoilt(), Ordering::Relaxed);
        }
        Ok(())
    }

    fn interrupt(&self, vector: u16) -> Result<Arc<Interrupt>, DeviceError> {
        self.inner.interrupt(vector)
    }

    fn reset(&self) -> Result<Quiesced, DeviceError> {
        self.inner.reset()
    }

    fn sever(&self) -> Quiesced {
        self.inner.sever()
    }
}
