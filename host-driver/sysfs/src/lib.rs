//! What sysfs tells of PCI functions, IOMMU groups and VFIO, and binding a function to vfio-pci.
//!
//! Everything starts at a [`Sysfs`], which knows where `/sys` and `/dev` are: in tests, a made-up tree.
//!
//! - [`Sysfs::functions`]: the PCI functions there are, [`PciFunction::is_longshore`] the ones of ours
//! - [`Sysfs::group`]: the functions that the IOMMU cannot tell apart, and whether the group can be used
//! - [`Sysfs::bind`], [`Sysfs::undo`], [`Sysfs::release`]: to vfio-pci and back
//! - [`Sysfs::has_iommu`], [`Sysfs::has_driver`], [`Sysfs::huge_pages`]: what the system offers
#![forbid(unsafe_code)]

mod address;
mod bind;
mod error;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod function;
mod group;
mod system;

pub use address::{Address, BadAddress};
pub use bind::{Binding, VFIO_PCI};
pub use error::SysfsError;
pub use function::PciFunction;
pub use group::{Group, Member};
pub use system::{HugePages, Sysfs};
