//! The seam itself.

use std::{
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use longshore_dma::{Backing, DmaRegion};

use crate::{DeviceError, Interrupt, Quiesced};

/// How the device is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// A NIC in this process.
    InProcess,
    /// A device process behind a vfio-user socket.
    VfioUser,
    /// The kernel's VFIO.
    Vfio,
}

/// What the transport knows of the device before any register is read.
#[derive(Debug, Clone)]
pub struct DeviceInfo {
    /// Unique among all devices of this process, also after one is closed: ties a [`Quiesced`] to its device.
    pub instance: u64,
    /// How the device is reached.
    pub transport: Transport,
    /// For people: `0000:03:00.0`, a socket's path, `in-process`.
    pub name: String,
    /// Interrupt vectors that can be had.
    pub vectors: u16,
    /// Bus addresses that may be mapped.
    pub iova_ranges: Vec<RangeInclusive<u64>>,
    /// Granularity of mappings in bytes, a power of two.
    pub iova_page: u64,
    /// Memory that the transport can map: only [`Backing::Shared`] is of use to a device in another process.
    pub memory: Backing,
}

impl DeviceInfo {
    /// A number for [`DeviceInfo::instance`]: never given out before in this process.
    pub fn next_instance() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }
}

/// A device, by whatever transport.
///
/// Registers are 32-bit words of BAR0 by byte offset. All methods may be called from any thread.
pub trait Device: Send + Sync {
    /// What the transport knows.
    fn info(&self) -> &DeviceInfo;

    /// Reads a register. Everything that the device wrote to memory before it answered is visible afterwards.
    /// A device that is gone reads all ones, as on a real bus, or gives an error where the transport can tell.
    ///
    /// # Errors
    /// [`DeviceError::BadOffset`], [`DeviceError::Gone`], [`DeviceError::Io`].
    fn read32(&self, offset: u32) -> Result<u32, DeviceError>;

    /// Writes a register (posted). Whatever was stored to DMA memory before is visible to the device when it
    /// sees the write: a doorbell needs no other fence.
    ///
    /// # Errors
    /// [`DeviceError::BadOffset`], [`DeviceError::Gone`], [`DeviceError::Io`].
    fn write32(&self, offset: u32, value: u32) -> Result<(), DeviceError>;

    /// A snapshot of the configuration space, 256 or 4,096 bytes.
    ///
    /// # Errors
    /// [`DeviceError::Gone`], [`DeviceError::Io`].
    fn config_space(&self) -> Result<Vec<u8>, DeviceError>;

    /// Makes all of `region` reachable by the device at bus address `iova`. The mapping holds the region.
    ///
    /// # Errors
    /// [`DeviceError::Map`], [`DeviceError::Io`].
    fn dma_map(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError>;

    /// Takes the mapping of `region` at `iova` away. When this has succeeded the device reaches that memory no
    /// more, whatever it does: later accesses fault.
    ///
    /// # Errors
    /// [`DeviceError::Map`], [`DeviceError::Io`]: then the memory must be taken for reachable and is not freed.
    fn dma_unmap(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError>;

    /// The interrupt of a vector; always the same object for the same vector.
    ///
    /// # Errors
    /// [`DeviceError::NoVector`], [`DeviceError::Io`].
    fn interrupt(&self, vector: u16) -> Result<Arc<Interrupt>, DeviceError>;

    /// Function-level reset (PCI Express Base 5.0, section 6.6.2): all registers at their reset values, nothing
    /// outstanding, the epoch one higher. Mappings stay.
    ///
    /// # Errors
    /// [`DeviceError::Gone`], [`DeviceError::Timeout`], [`DeviceError::Io`].
    fn reset(&self) -> Result<Quiesced, DeviceError>;

    /// The last resort: cuts the device off from memory for good (all mappings removed, the VFIO file closed).
    /// Always succeeds. Afterwards mapping fails, unmapping succeeds, and registers read as gone.
    fn sever(&self) -> Quiesced;
}

impl<D: Device + ?Sized> Device for Arc<D> {
    fn info(&self) -> &DeviceInfo {
        (**self).info()
    }

    fn read32(&self, offset: u32) -> Result<u32, DeviceError> {
        (**self).read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), DeviceError> {
        (**self).write32(offset, value)
    }

    fn config_space(&self) -> Result<Vec<u8>, DeviceError> {
        (**self).config_space()
    }

    fn dma_map(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
        (**self).dma_map(region, iova)
    }

    fn dma_unmap(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
        (**self).dma_unmap(region, iova)
    }

    fn interrupt(&self, vector: u16) -> Result<Arc<Interrupt>, DeviceError> {
        (**self).interrupt(vector)
    }

    fn reset(&self) -> Result<Quiesced, DeviceError> {
        (**self).reset()
    }

    fn sever(&self) -> Quiesced {
        (**self).sever()
    }
}
