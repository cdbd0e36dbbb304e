//! A host as the checks see it: through files below a root.

use longshore_sysfs::{PciFunction, Sysfs};
use rustix::fs::{Access, access};
use std::path::{Path, PathBuf};

/// Capabilities by their bit (`linux/capability.h`).
#[derive(Debug, Clone, Copy)]
pub(super) enum Capability {
    NetAdmin = 12,
    IpcLock = 14,
    SysAdmin = 21,
}

/// The host.
pub(super) struct Host {
    root: PathBuf,
    pub(super) sysfs: Sysfs,
}

impl Host {
    pub(super) fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            sysfs: Sysfs::at(root),
        }
    }

    /// The Longshore NICs; none if there is no PCI bus.
    pub(super) fn cards(&self) -> Vec<PciFunction> {
        let mut functions = self.sysfs.functions().unwrap_or_default();
        functions.retain(PciFunction::is_longshore);
        functions
    }

    /// A file of the host by its absolute path.
    pub(super) fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.root
            .join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    pub(super) fn exists(&self, absolute: &str) -> bool {
        self.path(absolute).exists()
    }

    pub(super) fn read(&self, absolute: &str) -> Option<String> {
        std::fs::read_to_string(self.path(absolute)).ok()
    }

    /// Whether this process may read and write a file.
    pub(super) fn may_use(path: &Path) -> bool {
        access(path, Access::READ_OK | Access::WRITE_OK).is_ok()
    }

    /// Whether this process has a capability.
    pub(super) fn is_capable(&self, capability: Capability) -> bool {
        let status = self.read("/proc/self/status").unwrap_or_default();
        let effective = status.lines().find_map(|l| l.strip_prefix("CapEff:"));
        let mask = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
        mask.is_some_and(|mask| mask & 1 << capability as u32 != 0)
    }

    /// Where a program is on the PATH or where administrators' programs are.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
            .map(|folder| self.path(folder.join(name)))
            .find(|file| file.is_file())
    }

    /// Whether we are in a container, and what says so.
    pub(super) fn container(&self) -> Option<&'static str> {
        [
            "/run/.containerenv",
            "/.dockerenv",
            "/run/systemd/container",
        ]
        .into_iter()
        .find(|file| self.exists(file))
    }
}
