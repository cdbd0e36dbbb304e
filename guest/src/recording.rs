//! A device of which one knows what it has mapped, so that memory can be taken away from under the driver.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result};
use longshore_device::{Device, DeviceError, DeviceInfo, Interrupt, Quiesced};
use longshore_dma::DmaRegion;
use parking_lot::Mutex;

/// A region the driver has mapped.
struct Entry {
    region: Arc<DmaRegion>,
    /// Unmapped by the test, which the driver does not know.
    taken: bool,
}

/// A device with a list of what the driver has mapped on it.
pub(crate) struct Recording<D> {
    inner: D,
    entries: Mutex<BTreeMap<u64, Entry>>,
}

impl<D: Device> Recording<D> {
    pub(crate) fn new(inner: D) -> Self {
        Self {
            inner,
            entries: Mutex::default(),
        }
    }

    /// The device behind.
    pub(crate) fn inner(&self) -> &D {
        &self.inner
    }

    /// Regions with their bus addresses.
    pub(crate) fn regions(&self) -> Vec<(u64, Arc<DmaRegion>)> {
        let entries = self.entries.lock();
        entries
            .iter()
            .map(|(&iova, entry)| (iova, entry.region.clone()))
            .collect()
    }

    /// The region that bus address `iova` lies in.
    pub(crate) fn region_of(&self, iova: u64) -> Result<(u64, Arc<DmaRegion>)> {
        self.regions()
            .into_iter()
            .find(|(start, region)| (*start..*start + region.len() as u64).contains(&iova))
            .with_context(|| format!("nothing is mapped at {iova:#x}"))
    }

    /// Unmaps the region that starts at `iova`; the driver goes on believing in it.
    pub(crate) fn take_away(&self, iova: u64) -> Result<()> {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(&iova).context("no region starts there")?;
        self.inner.dma_unmap(&entry.region, iova)?;
        entry.taken = true;
        Ok(())
    }

    /// Maps what was taken away.
    pub(crate) fn give_back(&self, iova: u64) -> Result<()> {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(&iova).context("no region starts there")?;
        self.inner.dma_map(&entry.region, iova)?;
        entry.taken = false;
        Ok(())
    }
}

impl<D: Device> Device for Recording<D> {
    fn info(&self) -> &DeviceInfo {
        self.inner.info()
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
        let entry = Entry {
            region: region.clone(),
            taken: false,
        };
        self.entries.lock().insert(iova, entry);
        Ok(())
    }

    fn dma_unmap(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
        let mut entries = self.entries.lock();
        if !entries.get(&iova).is_some_and(|entry| entry.taken) {
            self.inner.dma_unmap(region, iova)?;
        }
        entries.remove(&iova);
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
