//! The host side: what the gateware's PCIe adapter holds.

pub mod msix;
