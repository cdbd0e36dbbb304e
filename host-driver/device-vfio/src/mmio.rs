//! BAR0, mapped.

use std::{
    io,
    sync::atomic::{Ordering, fence},
};

use longshore_device::DeviceError;
use memmap2::{MmapOptions, MmapRaw};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use vfio_ioctls::VfioDevice;

/// Registers of the device, as memory.
pub(crate) struct Bar {
    map: MmapRaw,
}

impl Bar {
    /// Maps `len` bytes from `offset` of the device's file.
    pub(crate) fn map(device: &VfioDevice, offset: u64, len: usize) -> io::Result<Self> {
        let map = MmapOptions::new().offset(offset).len(len).map_raw(device)?;
        Ok(Self { map })
    }

    fn word(&self, offset: u32) -> Result<*mut u32, DeviceError> {
        let at = offset as usize;
        if !offset.is_multiple_of(4) || at + 4 > self.map.len() {
            return Err(DeviceError::BadOffset { offset });
        }
        Ok(self.map.as_mut_ptr().wrapping_add(at).cast())
    }

    /// Loads a register.
    pub(crate) fn read32(&self, offset: u32) -> Result<u32, DeviceError> {
        let word = self.word(offset)?;
        // SAFETY: the word lies inside the mapping, aligned; device memory has no other access than volatile ones.
        let value = unsafe { word.read_volatile() };
        // Loads of DMA memory come after that of the register.
        fence(Ordering::Acquire);
        Ok(u32::from_le(value))
    }

    /// Stores to a register.
    pub(crate) fn write32(&self, offset: u32, value: u32) -> Result<(), DeviceError> {
        let word = self.word(offset)?;
        // Stores to DMA memory come before that to the register.
        fence(Ordering::Release);
        // SAFETY: as in `read32`.
        unsafe { word.write_volatile(value.to_le()) };
        Ok(())
    }

    /// Puts plain memory in the place of the registers, so that the device's file is held no more. Whoever is in the
    /// middle of an access finishes it on one or the other.
    pub(crate) fn cut_off(&self) -> io::Result<()> {
        let (at, len) = (self.map.as_mut_ptr(), self.map.len());
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        // SAFETY: the range is this mapping's own and stays mapped, readable and writable; nobody holds references
        // into it.
        unsafe { mmap_anonymous(at.cast(), len, ProtFlags::READ | ProtFlags::WRITE, flags) }?;
        Ok(())
    }
}
