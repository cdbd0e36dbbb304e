//! Getting hold of the function: through its group, or through its own device file.

use std::{path::PathBuf, sync::Arc};

use iommufd_ioctls::IommuFd;
use longshore_sysfs::{Address, PciFunction, Sysfs};
use vfio_ioctls::{VfioContainer, VfioDevice, VfioError, VfioIommufd, VfioOps};

use crate::{OpenError, error::Subject, ffi, iova::Apertures};

/// By which of the kernel's interfaces a function is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interface {
    /// The device of its own if the kernel has one for it, else the group.
    #[default]
    Best,
    /// Container and group: `/dev/vfio/vfio` and `/dev/vfio/<group>`.
    Group,
    /// A device of its own and iommufd: `/dev/vfio/devices/<name>` and `/dev/iommu`.
    Cdev,
}

/// An open function: as long as this lives, it is ours. Dropping it closes all files, upon which the kernel resets
/// the function and takes its mappings away.
pub(crate) struct Attached {
    /// Before `ops`: the kernel wants the device closed before its container.
    pub(crate) device: VfioDevice,
    pub(crate) ops: Arc<dyn VfioOps>,
}

impl Interface {
    /// What to use for `function`: the file that stands for it, and whether that is its own.
    fn choose(self, sysfs: &Sysfs, function: &PciFunction, group: u32) -> (PathBuf, bool) {
        let cdev = function.cdev.as_deref().map(|name| sysfs.cdev_node(name));
        let available = cdev.filter(|node| node.exists() && sysfs.iommufd_node().exists());
        match (self, available) {
            (Self::Best | Self::Cdev, Some(node)) => (node, true),
            (Self::Best | Self::Group, _) => (sysfs.group_node(group), false),
            // The file that is missing is the one to tell of.
            (Self::Cdev, None) => (sysfs.iommufd_node(), true),
        }
    }
}

/// Opens the function at `address`, and tells what its IOMMU can map.
pub(crate) fn attach(
    sysfs: &Sysfs,
    address: Address,
    interface: Interface,
) -> Result<(Attached, Apertures), OpenError> {
    let group = sysfs.usable_group(address)?;
    let function = sysfs.function(address)?;
    let (node, own) = interface.choose(sysfs, &function, group.number);
    let subject = Subject {
        sysfs,
        address,
        node: &node,
    };
    let dir = sysfs.function_dir(address);
    let open = |ops: Arc<dyn VfioOps>| {
        let device = VfioDevice::new(&dir, ops.clone(), true).map_err(|e| subject.explain(e))?;
        Ok::<_, OpenError>(Attached { device, ops })
    };
    if own {
        let iommufd = || {
            let fd = IommuFd::new().map_err(VfioError::NewVfioIommufd)?;
            VfioIommufd::new(Arc::new(fd), None, None)
        };
        let iommufd = Arc::new(iommufd().map_err(|e| subject.explain(e))?);
        // Which addresses can be mapped is known once a device is attached.
        let attached = open(iommufd.clone())?;
        let apertures = ffi::iommufd_apertures(&iommufd)?;
        Ok((attached, apertures))
    } else {
        let container = VfioContainer::new(None).map_err(|e| subject.explain(e))?;
        let container = Arc::new(container);
        let attached = open(container.clone())?;
        let apertures = ffi::container_apertures(&container)?;
        Ok((attached, apertures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_sysfs::{
        SysfsError, VFIO_PCI,
        fake::{Fake, FakeFunction},
    };

    const NIC: &str = "0000:03:00.0";

    fn system(driver: Option<&'static str>, group: Option<u32>) -> (Fake, Address) {
        let fake = Fake::new();
        let function = FakeFunction {
            driver,
            group,
            ..FakeFunction::longshore()
        };
        fake.function(NIC, &function);
        (fake, NIC.parse().unwrap())
    }

    #[test]
    fn the_device_of_its_own_is_preferred_where_there_is_one() {
        let (fake, address) = system(Some(VFIO_PCI), Some(9));
        let choose = |interface: Interface| {
            let sysfs = fake.sysfs();
            interface.choose(&sysfs, &sysfs.function(address).unwrap(), 9)
        };
        let group = fake.path("dev/vfio/9");
        let cdev = fake.path("dev/vfio/devices/vfio0");
        assert_eq!(choose(Interface::Best), (group.clone(), false));
        assert_eq!(choose(Interface::Cdev), (fake.path("dev/iommu"), true));
        fake.dir(&format!("sys/bus/pci/devices/{NIC}/vfio-dev/vfio0"));
        fake.write("dev/vfio/devices/vfio0", "");
        assert_eq!(
            choose(Interface::Best),
            (group.clone(), false),
            "no iommufd"
        );
        fake.write("dev/iommu", "");
        assert_eq!(choose(Interface::Best), (cdev.clone(), true));
        assert_eq!(choose(Interface::Cdev), (cdev, true));
        assert_eq!(choose(Interface::Group), (group, false));
    }

    #[test]
    fn what_sysfs_tells_against_it_is_told_before_vfio_is_asked() {
        let why = |driver, group| {
            let (fake, address) = system(driver, group);
            match attach(&fake.sysfs(), address, Interface::Best) {
                Err(OpenError::Sysfs(why)) => why,
                Err(other) => panic!("{other}"),
                Ok(_) => panic!("a folder of files was opened"),
            }
        };
        assert!(matches!(
            why(Some(VFIO_PCI), None),
            SysfsError::NoIommu { .. }
        ));
        assert!(matches!(
            why(None, Some(1)),
            SysfsError::NotBound { driver: None, .. }
        ));
        assert!(matches!(
            why(Some("e1000e"), Some(1)),
            SysfsError::NotBound { .. }
        ));
    }
}
