//! PCI functions.

use crate::{
    Address, Sysfs, SysfsError, VFIO_PCI,
    system::{link_name, number, text_if_any},
};

/// A PCI function as sysfs shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PciFunction {
    /// Where it is.
    pub address: Address,
    /// Vendor ID.
    pub vendor: u16,
    /// Device ID.
    pub device: u16,
    /// Base class, sub-class, programming interface: `0x020000` is Ethernet.
    pub class: u32,
    /// The driver it is bound to.
    pub driver: Option<String>,
    /// The one driver that may be bound to it, whatever that driver's own list of devices says.
    pub driver_override: Option<String>,
    /// IOMMU group.
    pub group: Option<u32>,
    /// Name of its VFIO device (`vfio0`), on kernels with such, while it is bound to a VFIO driver.
    pub cdev: Option<String>,
    /// Memory node that it is nearest to.
    pub numa_node: Option<u32>,
}

impl PciFunction {
    /// True for a Longshore NIC, by vendor and device ID.
    pub fn is_longshore(&self) -> bool {
        (self.vendor, self.device) == (nic_abi::pci::VENDOR_ID, nic_abi::pci::DEVICE_ID)
    }

    /// True while it is bound to vfio-pci.
    pub fn is_bound_to_vfio(&self) -> bool {
        self.driver.as_deref() == Some(VFIO_PCI)
    }
}

impl Sysfs {
    /// All PCI functions, by address.
    ///
    /// # Errors
    /// [`SysfsError::NoPci`], [`SysfsError::Denied`], [`SysfsError::Nonsense`], [`SysfsError::Io`].
    pub fn functions(&self) -> Result<Vec<PciFunction>, SysfsError> {
        let path = self.sys("bus/pci/devices");
        if !path.is_dir() {
            return Err(SysfsError::NoPci { path });
        }
        let names = self.entries(&path).map_err(SysfsError::io("list", &path))?;
        let mut functions = Vec::new();
        for address in names.iter().filter_map(|name| name.parse().ok()) {
            match self.function(address) {
                // Pulled out since the folder was read.
                Err(SysfsError::NoFunction { .. }) => {}
                other => functions.push(other?),
            }
        }
        functions.sort_by_key(|f| f.address);
        Ok(functions)
    }

    /// The function at `address`.
    ///
    /// # Errors
    /// [`SysfsError::NoFunction`], [`SysfsError::Denied`], [`SysfsError::Nonsense`], [`SysfsError::Io`].
    pub fn function(&self, address: Address) -> Result<PciFunction, SysfsError> {
        let dir = self.function_dir(address);
        if !dir.is_dir() {
            return Err(SysfsError::NoFunction { address });
        }
        let driver_override = text_if_any(&dir.join("driver_override"))?;
        let group = link_name(&dir.join("iommu_group"))?;
        let cdevs = self.entries(&dir.join("vfio-dev")).unwrap_or_default();
        Ok(PciFunction {
            address,
            vendor: number(&dir.join("vendor"))? as u16,
            device: number(&dir.join("device"))? as u16,
            class: number(&dir.join("class"))? as u32,
            driver: link_name(&dir.join("driver"))?,
            driver_override: driver_override.filter(|name| !name.is_empty() && name != "(null)"),
            group: group.and_then(|name| name.parse().ok()),
            cdev: cdevs.into_iter().next(),
            // -1: the system has no such thing, or does not know.
            numa_node: text_if_any(&dir.join("numa_node"))?.and_then(|node| node.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, FakeFunction};

    #[test]
    fn functions_are_listed_in_order_with_all_that_is_known_of_them() {
        let fake = Fake::new();
        fake.function("0000:04:00.0", &FakeFunction::longshore());
        fake.function(
            "0000:00:1f.3",
            &FakeFunction {
                vendor: 0x8086,
                driver: Some("snd_hda_intel"),
                group: Some(7),
                ..FakeFunction::longshore()
            },
        );
        let functions = fake.sysfs().functions().unwrap();
        let addresses: Vec<_> = functions.iter().map(|f| f.address.to_string()).collect();
        assert_eq!(addresses, ["0000:00:1f.3", "0000:04:00.0"]);
        assert!(functions[1].is_longshore() && !functions[0].is_longshore());
        assert_eq!(functions[0].driver.as_deref(), Some("snd_hda_intel"));
        assert_eq!(functions[0].group, Some(7));
        let plain = &functions[1];
        assert_eq!(
            (
                plain.group,
                &plain.driver,
                &plain.driver_override,
                plain.numa_node
            ),
            (None, &None, &None, None)
        );
    }

    #[test]
    fn a_missing_function_and_a_missing_bus_are_told_apart() {
        let fake = Fake::new();
        let address = "0000:01:00.0".parse().unwrap();
        assert!(matches!(
            fake.sysfs().functions(),
            Err(SysfsError::NoPci { .. })
        ));
        fake.function("0000:02:00.0", &FakeFunction::longshore());
        assert!(matches!(
            fake.sysfs().function(address),
            Err(SysfsError::NoFunction { .. })
        ));
    }

    #[test]
    fn the_device_of_its_own_is_found_once_bound() {
        let fake = Fake::new();
        let nic = FakeFunction {
            driver: Some(VFIO_PCI),
            ..FakeFunction::longshore()
        };
        fake.function("0000:02:00.0", &nic);
        fake.dir("sys/bus/pci/devices/0000:02:00.0/vfio-dev/vfio3");
        let sysfs = fake.sysfs();
        let function = sysfs.function("02:00.0".parse().unwrap()).unwrap();
        assert!(function.is_bound_to_vfio());
        let cdev = function.cdev.unwrap();
        assert!(sysfs.cdev_node(&cdev).ends_with("dev/vfio/devices/vfio3"));
    }
}
