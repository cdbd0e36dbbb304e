//! Why a device cannot be opened, and the remedy.

use std::{
    io,
    path::{Path, PathBuf},
};

use longshore_device::DeviceError;
use longshore_sysfs::{Address, Sysfs, SysfsError};
use vfio_ioctls::VfioError;

use crate::ConfigError;

/// Why a device cannot be opened, and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No such function, no IOMMU, not bound to vfio-pci, or a group that cannot be used: the others in it are named.
    #[error(transparent)]
    Sysfs(#[from] SysfsError),
    /// VFIO's files are not there.
    #[error("{} does not exist: load the driver (`modprobe vfio-pci`); in a container, start it with `--device /dev/vfio`", path.display())]
    NoVfio {
        /// The file that is missing.
        path: PathBuf,
    },
    /// No permission for a file of VFIO.
    #[error("not allowed to open {}: give it to your user (`sudo chown $USER {}`, or a udev rule to last), or run as root", path.display(), path.display())]
    Denied {
        /// The file.
        path: PathBuf,
    },
    /// Somebody has the device open.
    #[error("{address} is in use by another program: `fuser -v {}` tells which", path.display())]
    Busy {
        /// The function.
        address: Address,
        /// The file that stands for it, or for its group.
        path: PathBuf,
    },
    /// Interrupts are not isolated.
    #[error(
        "this platform cannot keep a device from raising others' interrupts, so the kernel refuses: switch interrupt remapping on in the firmware, or, if you trust the card, `echo 1 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts`"
    )]
    UnsafeInterrupts,
    /// Another card.
    #[error(
        "{address} is {vendor:04x}:{device:04x}, not a Longshore NIC ({:04x}:{:04x})",
        nic_abi::pci::VENDOR_ID,
        nic_abi::pci::DEVICE_ID
    )]
    NotLongshore {
        /// The function.
        address: Address,
        /// Its vendor ID.
        vendor: u16,
        /// Its device ID.
        device: u16,
    },
    /// The configuration space is not what the contract says.
    #[error("configuration space of {address}: {source}")]
    Config {
        /// The function.
        address: Address,
        /// What is wrong with it.
        source: ConfigError,
    },
    /// BAR0 cannot be used.
    #[error("BAR0 of {address} has {size:#x} bytes{}: {:#x} that can be mapped are needed; if other cards took the bus addresses, `setpci` or the firmware's \"Above 4G decoding\" helps", if *mappable { "" } else { " and cannot be mapped" }, nic_abi::pci::BAR0_SIZE)]
    Bar0 {
        /// The function.
        address: Address,
        /// Bytes of its BAR0.
        size: u64,
        /// Whether it can be mapped.
        mappable: bool,
    },
    /// The kernel answers what it cannot.
    #[error("the kernel describes the IOMMU in a way that cannot be: {0}")]
    Iommu(&'static str),
    /// What the seam reports.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Anything else that VFIO says.
    #[error("VFIO on {address}: {source}")]
    Vfio {
        /// The function.
        address: Address,
        /// What went wrong.
        source: Box<VfioError>,
    },
}

/// What is being opened, for errors to name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) sysfs: &'a Sysfs,
    pub(crate) address: Address,
    /// The file that stands for the function or its group.
    pub(crate) node: &'a Path,
}

impl Subject<'_> {
    /// Puts cause and remedy to what `vfio-ioctls` says.
    pub(crate) fn explain(&self, error: VfioError) -> OpenError {
        let address = self.address;
        let other = |source| OpenError::Vfio {
            address,
            source: Box::new(source),
        };
        match error {
            VfioError::OpenContainer(e) => self.file(self.sysfs.container_node(), e),
            VfioError::OpenGroup(e, _) | VfioError::OpenDeviceCdev(e) => {
                self.file(self.node.into(), e)
            }
            VfioError::NewVfioIommufd(iommufd_ioctls::IommufdError::OpenIommufd(e)) => {
                self.file(self.sysfs.iommufd_node(), e)
            }
            // Between the look at sysfs and this moment somebody bound a member to another driver.
            VfioError::GroupViable => match self.sysfs.usable_group(address) {
                Err(why) => why.into(),
                Ok(_) => other(VfioError::GroupViable),
            },
            VfioError::ContainerSetIOMMU(e) | VfioError::VfioDeviceAttachIommufdPt(e)
                if e.errno() == rustix::io::Errno::PERM.raw_os_error() =>
            {
                OpenError::UnsafeInterrupts
            }
            VfioError::VfioDeviceBindIommufd(e) | VfioError::GroupGetDeviceFD(e)
                if e.errno() == rustix::io::Errno::BUSY.raw_os_error() =>
            {
                self.busy()
            }
            // A device file that somebody has bound already: the kernel lets it be opened again, and calls the second
            // binding invalid (`vfio_df_open`).
            VfioError::VfioDeviceBindIommufd(e)
                if e.errno() == rustix::io::Errno::INVAL.raw_os_error() =>
            {
                self.busy()
            }
            error => other(error),
        }
    }

    pub(crate) fn file(&self, path: PathBuf, error: io::Error) -> OpenError {
        match error.kind() {
            io::ErrorKind::NotFound => OpenError::NoVfio { path },
            io::ErrorKind::PermissionDenied => OpenError::Denied { path },
            io::ErrorKind::ResourceBusy => self.busy(),
            // The node is there and the driver is not.
            _ if error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()) => {
                OpenError::NoVfio { path }
            }
            _ => OpenError::Device(DeviceError::Io {
                what: "opening a file of VFIO",
                source: error,
            }),
        }
    }

    fn busy(&self) -> OpenError {
        OpenError::Busy {
            address: self.address,
            path: self.node.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_sysfs::{
        VFIO_PCI,
        fake::{Fake, FakeFunction},
    };
    use vmm_sys_util::errno::Error as SysError;

    const NIC: &str = "0000:03:00.0";

    fn explain(error: VfioError) -> String {
        let fake = Fake::new();
        let member = |driver| FakeFunction {
            driver: Some(driver),
            group: Some(3),
            ..FakeFunction::longshore()
        };
        fake.function(NIC, &member(VFIO_PCI));
        fake.function("0000:03:00.1", &member("e1000e"));
        let sysfs = fake.sysfs();
        let address = NIC.parse().unwrap();
        let node = sysfs.group_node(3);
        let subject = Subject {
            sysfs: &sysfs,
            address,
            node: &node,
        };
        subject.explain(error).to_string()
    }

    fn os(errno: rustix::io::Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    #[test]
    fn each_cause_comes_with_its_remedy() {
        use rustix::io::Errno;
        for (error, remedy) in [
            (
                VfioError::OpenContainer(os(Errno::NOENT)),
                "modprobe vfio-pci",
            ),
            (
                VfioError::OpenContainer(os(Errno::NODEV)),
                "modprobe vfio-pci",
            ),
            (VfioError::OpenContainer(os(Errno::ACCESS)), "chown"),
            (
                VfioError::OpenGroup(os(Errno::ACCESS), "3".into()),
                "dev/vfio/3",
            ),
            (
                VfioError::OpenGroup(os(Errno::BUSY), "3".into()),
                "fuser -v",
            ),
            (VfioError::GroupViable, "0000:03:00.1"),
            (
                VfioError::ContainerSetIOMMU(SysError::new(Errno::PERM.raw_os_error())),
                "allow_unsafe_interrupts",
            ),
            (
                VfioError::GroupGetDeviceFD(SysError::new(Errno::BUSY.raw_os_error())),
                "another program",
            ),
            (
                VfioError::VfioDeviceBindIommufd(SysError::new(Errno::INVAL.raw_os_error())),
                "another program",
            ),
            (
                VfioError::VfioDeviceBindIommufd(SysError::new(Errno::BUSY.raw_os_error())),
                "another program",
            ),
            (VfioError::VfioApiVersion, NIC),
        ] {
            let text = explain(error);
            assert!(text.contains(remedy), "{text}");
        }
    }
}
