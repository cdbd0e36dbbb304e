//! Numbers and flags of VFIO's PCI devices, from `<linux/vfio.h>`.

use bitflags::bitflags;

/// Region of BAR 0 (`VFIO_PCI_BAR0_REGION_INDEX`); the other BARs follow.
pub const BAR0_REGION: u32 = 0;
/// Region of the configuration space (`VFIO_PCI_CONFIG_REGION_INDEX`).
pub const CONFIG_REGION: u32 = 7;
/// Number of regions (`VFIO_PCI_NUM_REGIONS`): six BARs, ROM, configuration space, VGA.
pub const REGIONS: u32 = 9;
/// Interrupts by wire (`VFIO_PCI_INTX_IRQ_INDEX`).
pub const INTX_IRQ: u32 = 0;
/// Interrupts by MSI-X (`VFIO_PCI_MSIX_IRQ_INDEX`).
pub const MSIX_IRQ: u32 = 2;
/// Number of kinds of interrupts (`VFIO_PCI_NUM_IRQS`): INTx, MSI, MSI-X, errors, "give the device back".
pub const IRQS: u32 = 5;

bitflags! {
    /// What the device may do with mapped memory.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct DmaFlags: u32 {
        /// Read it.
        const READ = 1 << 0;
        /// Write it.
        const WRITE = 1 << 1;
    }

    /// How to unmap.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct UnmapFlags: u32 {
        /// Tell which pages were written (`VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP`).
        const DIRTY = 1 << 0;
        /// Everything (`VFIO_DMA_UNMAP_FLAG_ALL`); address and size are 0.
        const ALL = 1 << 1;
    }

    /// What a device is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct DeviceFlags: u32 {
        /// It can be reset.
        const RESET = 1 << 0;
        /// It is a PCI device.
        const PCI = 1 << 1;
    }

    /// What can be done with a region.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct RegionFlags: u32 {
        /// Read it.
        const READ = 1 << 0;
        /// Write it.
        const WRITE = 1 << 1;
        /// Map it.
        const MMAP = 1 << 2;
        /// It has capabilities.
        const CAPS = 1 << 3;
    }

    /// What a kind of interrupt can do.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct IrqFlags: u32 {
        /// Signal an eventfd.
        const EVENTFD = 1 << 0;
        /// Be masked.
        const MASKABLE = 1 << 1;
        /// Masks itself when it is signalled.
        const AUTOMASKED = 1 << 2;
        /// Set up all at once.
        const NORESIZE = 1 << 3;
    }

    /// What is done with interrupts: one of the first three with one of the others.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct IrqSetFlags: u32 {
        /// No data: do it with all of the range.
        const DATA_NONE = 1 << 0;
        /// A byte for each: do it if that is not 0.
        const DATA_BOOL = 1 << 1;
        /// An eventfd for each.
        const DATA_EVENTFD = 1 << 2;
        /// Mask.
        const MASK = 1 << 3;
        /// Unmask.
        const UNMASK = 1 << 4;
        /// Signal.
        const TRIGGER = 1 << 5;
    }
}
