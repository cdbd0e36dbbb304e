//! PCI identity, BAR0 and the placement of MSI-X (PCI Express Base 5.0, sections 7.5 and 7.7.2).

/// Vendor id: 0x1234 is assigned to nobody and is what open devices without an id of their own use
/// (QEMU's display, Corundum).
pub const VENDOR_ID: u16 = 0x1234;
/// Device id: `"LS"`.
pub const DEVICE_ID: u16 = 0x4c53;
/// Subsystem vendor id.
pub const SUBSYSTEM_VENDOR_ID: u16 = VENDOR_ID;
/// Subsystem id: the simulated NIC; boards have their own.
pub const SUBSYSTEM_ID_SIMULATED: u16 = 0x0001;
/// Revision: the major version of the contract.
pub const REVISION_ID: u8 = (super::ABI_VERSION >> 16) as u8;
/// Base class: network controller.
pub const BASE_CLASS: u8 = 0x02;
/// Subclass: Ethernet.
pub const SUB_CLASS: u8 = 0x00;
/// Programming interface.
pub const PROGRAMMING_INTERFACE: u8 = 0x00;

/// Size of BAR0 in bytes: memory, 32-bit accesses, not prefetchable.
pub const BAR0_SIZE: u32 = 0x1_0000;
/// Number of MSI-X vectors that the register space has room for.
pub const MSIX_VECTORS_MAX: u16 = 16;
/// Offset of the MSI-X table in BAR0: 16 bytes an entry.
pub const MSIX_TABLE_OFFSET: u32 = crate::block::MSIX_TABLE.base;
/// Offset of the pending bit array in BAR0.
pub const MSIX_PBA_OFFSET: u32 = crate::block::MSIX_PBA.base;
