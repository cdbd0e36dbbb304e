//! A made-up system in a temporary folder.
//!
//! It holds what the kernel shows and takes what is written, but does not act on it.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test's own set-up"
)]

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use tempfile::TempDir;

use crate::Sysfs;

/// The folder; it goes with the value.
#[derive(Debug)]
pub struct Fake {
    root: TempDir,
}

/// A function to be made up.
#[derive(Debug, Clone)]
pub struct FakeFunction {
    /// Vendor ID.
    pub vendor: u16,
    /// Device ID.
    pub device: u16,
    /// Driver that it is bound to.
    pub driver: Option<&'static str>,
    /// IOMMU group.
    pub group: Option<u32>,
}

impl FakeFunction {
    /// A Longshore NIC without driver and group.
    pub fn longshore() -> Self {
        Self {
            vendor: nic_abi::pci::VENDOR_ID,
            device: nic_abi::pci::DEVICE_ID,
            driver: None,
            group: None,
        }
    }
}

impl Default for Fake {
    fn default() -> Self {
        Self::new()
    }
}

impl Fake {
    /// A system without anything.
    pub fn new() -> Self {
        Self {
            root: TempDir::new().expect("a temporary folder"),
        }
    }

    /// What the code under test is given.
    pub fn sysfs(&self) -> Sysfs {
        Sysfs::at(self.root.path())
    }

    /// A path in it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Makes a folder.
    pub fn dir(&self, path: &str) {
        fs::create_dir_all(self.path(path)).expect("a folder");
    }

    /// Makes a file, and its folder.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).expect("a folder");
        }
        fs::write(path, content).expect("a file");
    }

    /// What a file holds.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("the file")
    }

    /// An IOMMU.
    pub fn iommu(&self) {
        self.dir("sys/class/iommu/dmar0");
    }

    /// A loaded PCI driver.
    pub fn driver(&self, name: &str) {
        self.write(&format!("sys/bus/pci/drivers/{name}/unbind"), "");
    }

    /// A reserve of huge pages.
    pub fn huge_pages(&self, total: u64, free: u64) {
        let dir = "sys/kernel/mm/hugepages/hugepages-2048kB";
        self.write(&format!("{dir}/nr_hugepages"), &format!("{total}\n"));
        self.write(&format!("{dir}/free_hugepages"), &format!("{free}\n"));
    }

    /// A PCI function at `address`.
    pub fn function(&self, address: &str, function: &FakeFunction) {
        let dir = format!("sys/bus/pci/devices/{address}");
        let hex = |value: u16| format!("{value:#06x}\n");
        self.write(&format!("{dir}/vendor"), &hex(function.vendor));
        self.write(&format!("{dir}/device"), &hex(function.device));
        self.write(&format!("{dir}/class"), "0x020000\n");
        self.write(&format!("{dir}/driver_override"), "");
        self.write(&format!("{dir}/numa_node"), "-1\n");
        self.write("sys/bus/pci/drivers_probe", "");
        if let Some(driver) = function.driver {
            self.driver(driver);
            let target = format!("../../../../bus/pci/drivers/{driver}");
            symlink(target, self.path(&format!("{dir}/driver"))).expect("a link");
        }
        if let Some(group) = function.group {
            let devices = format!("sys/kernel/iommu_groups/{group}/devices");
            self.dir(&format!("{devices}/{address}"));
            let target = format!("../../../../kernel/iommu_groups/{group}");
            symlink(target, self.path(&format!("{dir}/iommu_group"))).expect("a link");
        }
    }
}
