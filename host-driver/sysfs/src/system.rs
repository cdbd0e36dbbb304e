//! Where things are, and what the system offers.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Address, SysfsError};

/// A system's `/sys` and `/dev`.
#[derive(Debug, Clone)]
pub struct Sysfs {
    root: PathBuf,
}

/// Huge pages of 2 MiB in the system's reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HugePages {
    /// All.
    pub total: u64,
    /// Those that nobody uses.
    pub free: u64,
}

impl Sysfs {
    /// This system's.
    pub fn system() -> Self {
        Self::at("/")
    }

    /// The system whose `sys` and `dev` are in `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(crate) fn sys(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join("sys").join(path)
    }

    /// The folder of a PCI function; it need not exist.
    pub fn function_dir(&self, address: Address) -> PathBuf {
        self.sys("bus/pci/devices").join(address.to_string())
    }

    /// The file that stands for an IOMMU group; it exists once a function of it is bound to a VFIO driver.
    pub fn group_node(&self, group: u32) -> PathBuf {
        self.root.join("dev/vfio").join(group.to_string())
    }

    /// The file of VFIO containers; it exists once the module `vfio` is loaded.
    pub fn container_node(&self) -> PathBuf {
        self.root.join("dev/vfio/vfio")
    }

    /// The file of iommufd, on kernels that have it.
    pub fn iommufd_node(&self) -> PathBuf {
        self.root.join("dev/iommu")
    }

    /// The file of a VFIO device by its own (`vfio0` and so on: [`crate::PciFunction::cdev`]).
    pub fn cdev_node(&self, name: &str) -> PathBuf {
        self.root.join("dev/vfio/devices").join(name)
    }

    /// True if the kernel has an IOMMU at work.
    pub fn has_iommu(&self) -> bool {
        self.entries(&self.sys("class/iommu"))
            .is_ok_and(|names| !names.is_empty())
    }

    /// True if a PCI driver of that name is loaded.
    pub fn has_driver(&self, driver: &str) -> bool {
        self.sys("bus/pci/drivers").join(driver).is_dir()
    }

    /// Huge pages of 2 MiB; `None` if the kernel has no such thing.
    ///
    /// # Errors
    /// [`SysfsError::Denied`], [`SysfsError::Nonsense`], [`SysfsError::Io`].
    pub fn huge_pages(&self) -> Result<Option<HugePages>, SysfsError> {
        let dir = self.sys("kernel/mm/hugepages/hugepages-2048kB");
        if !dir.is_dir() {
            return Ok(None);
        }
        Ok(Some(HugePages {
            total: number(&dir.join("nr_hugepages"))?,
            free: number(&dir.join("free_hugepages"))?,
        }))
    }

    /// Names in a folder, sorted.
    pub(crate) fn entries(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = fs::read_dir(dir)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }
}

/// The content of a file, without white space around.
pub(crate) fn text(path: &Path) -> Result<String, SysfsError> {
    let content = fs::read_to_string(path).map_err(SysfsError::io("read", path))?;
    Ok(content.trim().to_owned())
}

/// As [`text`]; `None` if there is no such file.
pub(crate) fn text_if_any(path: &Path) -> Result<Option<String>, SysfsError> {
    match fs::read_to_string(path) {
        Ok(content) => Ok(Some(content.trim().to_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(SysfsError::io("read", path)(e)),
    }
}

/// The number in a file: decimal, or hexadecimal after `0x`.
pub(crate) fn number(path: &Path) -> Result<u64, SysfsError> {
    let value = text(path)?;
    let parsed = match value.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => value.parse(),
    };
    parsed.map_err(|_| SysfsError::Nonsense {
        path: path.into(),
        value,
    })
}

/// The last name in a link's target; `None` if there is no such link.
pub(crate) fn link_name(path: &Path) -> Result<Option<String>, SysfsError> {
    match fs::read_link(path) {
        Ok(target) => Ok(target
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(SysfsError::io("follow", path)(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn an_empty_system_offers_nothing() {
        let fake = Fake::new();
        let sysfs = fake.sysfs();
        assert!(!sysfs.has_iommu());
        assert!(!sysfs.has_driver("vfio-pci"));
        assert_eq!(sysfs.huge_pages().unwrap(), None);
    }

    #[test]
    fn what_is_there_is_found() {
        let fake = Fake::new();
        fake.iommu();
        fake.driver("vfio-pci");
        fake.huge_pages(8, 5);
        let sysfs = fake.sysfs();
        assert!(sysfs.has_iommu());
        assert!(sysfs.has_driver("vfio-pci"));
        assert_eq!(
            sysfs.huge_pages().unwrap(),
            Some(HugePages { total: 8, free: 5 })
        );
    }

    #[test]
    fn a_file_that_is_no_number_is_told_by_name() {
        let fake = Fake::new();
        fake.huge_pages(8, 5);
        let path = "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
        fake.write(path, "many\n");
        let error = fake.sysfs().huge_pages().unwrap_err().to_string();
        assert!(
            error.contains("nr_hugepages") && error.contains("many"),
            "{error}"
        );
    }
}
