//! What goes wrong, and the remedy.

use std::{io, path::PathBuf};

use crate::Address;

/// An error of looking at, or binding, a PCI function.
#[derive(Debug, thiserror::Error)]
pub enum SysfsError {
    /// No PCI bus to be seen.
    #[error("{} does not exist: this system has no PCI bus, or the container does not show it (mount sysfs)", path.display())]
    NoPci {
        /// The folder that is missing.
        path: PathBuf,
    },
    /// No such function.
    #[error(
        "there is no PCI function {address}: `lspci -D` lists those there are; after plugging a card in, `echo 1 > /sys/bus/pci/rescan`"
    )]
    NoFunction {
        /// Address asked for.
        address: Address,
    },
    /// The driver to be bound is not loaded.
    #[error("the kernel driver {driver} is not loaded: `modprobe {driver}`")]
    NoDriver {
        /// Its name.
        driver: String,
    },
    /// The function is in no IOMMU group.
    #[error(
        "{address} is in no IOMMU group, so the kernel will not hand it to a program: switch the IOMMU on in the firmware (VT-d, AMD-Vi) and, on Intel, boot with `intel_iommu=on`"
    )]
    NoIommu {
        /// The function.
        address: Address,
    },
    /// Others in the group are in the kernel's hands.
    #[error(
        "IOMMU group {group} cannot be used: {}. Bind those to vfio-pci too, or unbind them, or put the card into a slot with a group of its own",
        list(others)
    )]
    NotViable {
        /// The group.
        group: u32,
        /// The functions in the way, with their drivers.
        others: Vec<(Address, String)>,
    },
    /// The function belongs to another driver.
    #[error("{address} is bound to {}, not to vfio-pci: `longshore bind {address}`", driver.as_deref().unwrap_or("no driver"))]
    NotBound {
        /// The function.
        address: Address,
        /// Its driver, if it has one.
        driver: Option<String>,
    },
    /// The kernel took the request and did not bind.
    #[error("the kernel did not bind {address} to {driver}: `dmesg` tells why")]
    BindRefused {
        /// The function.
        address: Address,
        /// The driver asked for.
        driver: String,
    },
    /// No permission.
    #[error("not allowed to {doing} {}: run as root (`sudo`)", path.display())]
    Denied {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
    },
    /// A file says what it cannot.
    #[error("{} reads `{value}`, which cannot be", path.display())]
    Nonsense {
        /// The file.
        path: PathBuf,
        /// What it says.
        value: String,
    },
    /// Anything else.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl SysfsError {
    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Denied { doing, path }
            }
            _ => Self::Io {
                doing,
                path,
                source,
            },
        }
    }
}

fn list(others: &[(Address, String)]) -> String {
    let each: Vec<_> = others
        .iter()
        .map(|(address, driver)| format!("{address} is in it and bound to {driver}"))
        .collect();
    each.join(", ")
}
