//! `longshore bind` and `longshore unbind`

use crate::cli::{Bind, Unbind};
use crate::connection::run_folder;
use crate::outcome::Outcome;
use crate::output::{Output, Report};
use anyhow::{Context as _, Result, bail};
use longshore_sysfs::{Address, Binding, PciFunction, Sysfs, VFIO_PCI};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// What `bind` did, or would do.
#[derive(Debug, Serialize)]
struct Bound {
    address: String,
    /// The driver that it had.
    previous_driver: Option<String>,
    driver: &'static str,
    /// Nothing was changed: it was bound already, or this is a dry run.
    unchanged: bool,
    /// What was (or would be) written where.
    writes: Vec<Write>,
}

#[derive(Debug, Serialize)]
struct Write {
    path: PathBuf,
    value: String,
}

/// What `unbind` did.
#[derive(Debug, Serialize)]
struct Unbound {
    address: String,
    /// The driver that it has now.
    driver: Option<String>,
    /// True if that is the one it had before `bind`; false if nobody knew, and the kernel chose.
    restored: bool,
}

impl Report for Bound {
    const SCHEMA: &'static str = "longshore/bind/1";
}

impl Report for Unbound {
    const SCHEMA: &'static str = "longshore/unbind/1";
}

/// What is remembered over calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    driver: Option<String>,
    driver_override: Option<String>,
}

pub(super) fn bind(args: &Bind, root: &Path, output: &mut Output) -> Result<Outcome> {
    let sysfs = Sysfs::at(root);
    let function = sysfs.function(args.address)?;
    if !function.is_longshore() && !args.force {
        bail!(
            "{} is {:04x}:{:04x}, not a Longshore NIC ({:04x}:{:04x}): its driver would lose it; --force binds it all the same",
            function.address,
            function.vendor,
            function.device,
            nic_abi::pci::VENDOR_ID,
            nic_abi::pci::DEVICE_ID
        );
    }
    let mut report = Bound {
        address: function.address.to_string(),
        previous_driver: function.driver.clone(),
        driver: VFIO_PCI,
        unchanged: args.dry_run || function.is_bound_to_vfio(),
        writes: writes(&function),
    };
    if !report.unchanged {
        let memory = Memory {
            driver: function.driver.clone(),
            driver_override: function.driver_override.clone(),
        };
        // Before the deed: whoever is interrupted in between can still undo it.
        remember(root, args.address, &memory)?;
        if let Err(error) = sysfs.bind(args.address) {
            forget(root, args.address)?;
            return Err(error.into());
        }
    } else if !args.dry_run {
        report.writes.clear();
    }
    output.show(&report)?;
    Ok(Outcome::Done)
}

pub(super) fn unbind(args: &Unbind, root: &Path, output: &mut Output) -> Result<Outcome> {
    let sysfs = Sysfs::at(root);
    let function = sysfs.function(args.address)?;
    if !function.is_bound_to_vfio() {
        bail!(
            "{} is bound to {}, not to {VFIO_PCI}: there is nothing to undo",
            function.address,
            function.driver.as_deref().unwrap_or("no driver")
        );
    }
    let memory = recall(root, args.address)?;
    let driver = match &memory {
        Some(memory) => {
            sysfs.undo(&Binding {
                address: args.address,
                driver: memory.driver.clone(),
                driver_override: memory.driver_override.clone(),
            })?;
            memory.driver.clone()
        }
        None => sysfs.release(args.address)?,
    };
    forget(root, args.address)?;
    output.show(&Unbound {
        address: args.address.to_string(),
        driver,
        restored: memory.is_some(),
    })?;
    Ok(Outcome::Done)
}

/// What binding writes, in order; as shell commands these do the same by hand.
fn writes(function: &PciFunction) -> Vec<Write> {
    let address = function.address.to_string();
    let folder = Path::new("/sys/bus/pci/devices").join(&address);
    let mut list = vec![Write {
        path: folder.join("driver_override"),
        value: VFIO_PCI.into(),
    }];
    if function.driver.is_some() && !function.is_bound_to_vfio() {
        list.push(Write {
            path: folder.join("driver/unbind"),
            value: address.clone(),
        });
    }
    list.push(Write {
        path: "/sys/bus/pci/drivers_probe".into(),
        value: address,
    });
    list
}

fn memory_file(root: &Path, address: Address) -> PathBuf {
    run_folder(root).join(format!("bound-{address}.json"))
}

fn remember(root: &Path, address: Address, memory: &Memory) -> Result<()> {
    let path = memory_file(root, address);
    let folder = run_folder(root);
    let write = || {
        std::fs::create_dir_all(&folder)?;
        // Whole or not at all.
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        file.write_all(serde_json::to_string(memory)?.as_bytes())?;
        file.persist(&path)?;
        anyhow::Ok(())
    };
    write().with_context(|| {
        format!(
            "cannot remember the present driver in {} (run as root: `sudo`)",
            path.display()
        )
    })
}

fn recall(root: &Path, address: Address) -> Result<Option<Memory>> {
    let path = memory_file(root, address);
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).with_context(|| {
            format!(
                "{} is damaged: remove it, and the kernel chooses a driver",
                path.display()
            )
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn forget(root: &Path, address: Address) -> Result<()> {
    let path = memory_file(root, address);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.previous_driver.as_deref().unwrap_or("no driver");
        if self.writes.is_empty() {
            return writeln!(f, "{} is bound to {} already", self.address, self.driver);
        }
        if self.unchanged {
            for write in &self.writes {
                writeln!(f, "echo {} > {}", write.value, write.path.display())?;
            }
            return Ok(());
        }
        writeln!(
            f,
            "{}: {before} -> {} (undo: longshore unbind {})",
            self.address, self.driver, self.address
        )
    }
}

impl fmt::Display for Unbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let driver = self.driver.as_deref().unwrap_or("no driver");
        let how = if self.restored {
            "as before"
        } else {
            "the kernel's choice: what it was before is not known"
        };
        writeln!(f, "{}: {VFIO_PCI} -> {driver} ({how})", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_remembered_is_recalled_and_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let address = "0000:03:00.0".parse().unwrap();
        assert_eq!(recall(root.path(), address).unwrap(), None);
        let memory = Memory {
            driver: Some("e1000e".into()),
            driver_override: None,
        };
        remember(root.path(), address, &memory).unwrap();
        assert_eq!(recall(root.path(), address).unwrap(), Some(memory));
        forget(root.path(), address).unwrap();
        forget(root.path(), address).unwrap();
        assert_eq!(recall(root.path(), address).unwrap(), None);
    }

    #[test]
    fn a_damaged_memory_is_told_with_the_remedy() {
        let root = tempfile::tempdir().unwrap();
        let address = "0000:03:00.0".parse().unwrap();
        let path = memory_file(root.path(), address);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "{").unwrap();
        let error = recall(root.path(), address).unwrap_err().to_string();
        assert!(error.contains("remove it"), "{error}");
    }
}
