//! IOMMU groups: the functions that the IOMMU cannot tell apart, so that one owner has all of them or none.

use crate::{Address, Sysfs, SysfsError, VFIO_PCI, system::link_name};

/// Drivers that leave DMA to the program that has the group: VFIO's, the stub, and those of bridges
/// (`driver_managed_dma` in the kernel).
const HARMLESS: [&str; 3] = [VFIO_PCI, "pci-stub", "pcieport"];

/// An IOMMU group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its number.
    pub number: u32,
    /// Its functions, by address.
    pub members: Vec<Member>,
}

/// A function in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Where it is.
    pub address: Address,
    /// The driver it is bound to.
    pub driver: Option<String>,
}

impl Member {
    /// True if this member's driver keeps the group from being used by a program.
    pub fn is_in_the_way(&self) -> bool {
        self.driver
            .as_deref()
            .is_some_and(|driver| !HARMLESS.contains(&driver))
    }
}

impl Sysfs {
    /// The group of the function at `address`.
    ///
    /// # Errors
    /// [`SysfsError::NoFunction`], [`SysfsError::NoIommu`] if it is in none, [`SysfsError::Denied`],
    /// [`SysfsError::Nonsense`], [`SysfsError::Io`].
    pub fn group(&self, address: Address) -> Result<Group, SysfsError> {
        let number = self
            .function(address)?
            .group
            .ok_or(SysfsError::NoIommu { address })?;
        let dir = self
            .sys("kernel/iommu_groups")
            .join(number.to_string())
            .join("devices");
        let names = self.entries(&dir).map_err(SysfsError::io("list", &dir))?;
        let mut members = Vec::new();
        // What is no PCI function (a platform device) has no PCI driver in the way.
        for address in names.iter().filter_map(|name| name.parse().ok()) {
            let driver = link_name(&self.function_dir(address).join("driver"))?;
            members.push(Member { address, driver });
        }
        members.sort_by_key(|m| m.address);
        Ok(Group { number, members })
    }

    /// The group of the function at `address`, if a program can have it: the function is bound to vfio-pci and
    /// no other member is in the kernel's hands.
    ///
    /// # Errors
    /// [`SysfsError::NotBound`], [`SysfsError::NotViable`], and those of [`Sysfs::group`].
    pub fn usable_group(&self, address: Address) -> Result<Group, SysfsError> {
        let group = self.group(address)?;
        let function = self.function(address)?;
        if !function.is_bound_to_vfio() {
            return Err(SysfsError::NotBound {
                address,
                driver: function.driver,
            });
        }
        let others: Vec<_> = group
            .members
            .iter()
            .filter(|m| m.is_in_the_way())
            .map(|m| (m.address, m.driver.clone().unwrap_or_default()))
            .collect();
        if !others.is_empty() {
            return Err(SysfsError::NotViable {
                group: group.number,
                others,
            });
        }
        Ok(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, FakeFunction};

    const NIC: &str = "0000:03:00.0";

    fn in_group(driver: Option<&'static str>) -> FakeFunction {
        FakeFunction {
            driver,
            group: Some(12),
            ..FakeFunction::longshore()
        }
    }

    #[test]
    fn a_group_with_bridge_and_unbound_neighbour_can_be_used() {
        let fake = Fake::new();
        fake.function(NIC, &in_group(Some(VFIO_PCI)));
        fake.function("0000:00:01.0", &in_group(Some("pcieport")));
        fake.function("0000:03:00.1", &in_group(None));
        let group = fake.sysfs().usable_group(NIC.parse().unwrap()).unwrap();
        assert_eq!((group.number, group.members.len()), (12, 3));
    }

    #[test]
    fn a_neighbour_in_the_kernels_hands_is_named_with_its_driver() {
        let fake = Fake::new();
        fake.function(NIC, &in_group(Some(VFIO_PCI)));
        fake.function("0000:03:00.1", &in_group(Some("e1000e")));
        let error = fake.sysfs().usable_group(NIC.parse().unwrap()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("0000:03:00.1") && text.contains("e1000e"),
            "{text}"
        );
        assert!(matches!(error, SysfsError::NotViable { group: 12, .. }));
    }

    #[test]
    fn the_wrong_driver_and_a_missing_iommu_are_told_with_the_remedy() {
        let fake = Fake::new();
        fake.function(NIC, &in_group(Some("e1000e")));
        let error = fake.sysfs().usable_group(NIC.parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("longshore bind"), "{error}");
        fake.function("0000:05:00.0", &FakeFunction::longshore());
        let error = fake.sysfs().group("05:00.0".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("intel_iommu=on"), "{error}");
    }
}
