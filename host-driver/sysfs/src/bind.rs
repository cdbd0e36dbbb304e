//! Binding a function to vfio-pci, and giving it back.

use std::{fs, io::Write, path::Path};

use crate::{Address, PciFunction, Sysfs, SysfsError};

/// The driver that hands a function to a program.
pub const VFIO_PCI: &str = "vfio-pci";

/// What a function was bound to before: what [`Sysfs::undo`] goes back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The function.
    pub address: Address,
    /// Its driver before.
    pub driver: Option<String>,
    /// Its override before.
    pub driver_override: Option<String>,
}

impl Sysfs {
    /// Binds the function at `address` to vfio-pci, taking it from whatever driver it has. Does nothing if it is
    /// bound already.
    ///
    /// # Errors
    /// [`SysfsError::NoDriver`] if vfio-pci is not loaded, [`SysfsError::BindRefused`], [`SysfsError::NoFunction`],
    /// [`SysfsError::Denied`], [`SysfsError::Io`]. After an error the function is as it was, as far as the kernel
    /// lets that be.
    pub fn bind(&self, address: Address) -> Result<Binding, SysfsError> {
        let function = self.function(address)?;
        let before = Binding {
            address,
            driver: function.driver.clone(),
            driver_override: function.driver_override.clone(),
        };
        if function.is_bound_to_vfio() {
            return Ok(before);
        }
        if !self.has_driver(VFIO_PCI) {
            return Err(SysfsError::NoDriver {
                driver: VFIO_PCI.into(),
            });
        }
        self.rebind(&function, Some(VFIO_PCI), Some(VFIO_PCI))
            .inspect_err(|_| {
                // The first error is the one to tell.
                let _ = self.undo(&before);
            })?;
        Ok(before)
    }

    /// Gives a function back to what it was bound to before [`Sysfs::bind`].
    ///
    /// # Errors
    /// As [`Sysfs::bind`].
    pub fn undo(&self, before: &Binding) -> Result<(), SysfsError> {
        let function = self.function(before.address)?;
        self.rebind(
            &function,
            before.driver_override.as_deref(),
            before.driver.as_deref(),
        )
    }

    /// Takes a function from its driver, clears the override, and lets the kernel choose as it would at boot. For
    /// when nobody knows what it was bound to before. Returns the driver it has then.
    ///
    /// # Errors
    /// As [`Sysfs::bind`].
    pub fn release(&self, address: Address) -> Result<Option<String>, SysfsError> {
        let function = self.function(address)?;
        self.unbind(&function)?;
        self.set_override(address, None)?;
        self.probe(address)?;
        Ok(self.function(address)?.driver)
    }

    fn rebind(
        &self,
        function: &PciFunction,
        driver_override: Option<&str>,
        driver: Option<&str>,
    ) -> Result<(), SysfsError> {
        let address = function.address;
        self.set_override(address, driver_override)?;
        if function.driver.as_deref() == driver {
            return Ok(());
        }
        self.unbind(function)?;
        let Some(driver) = driver else { return Ok(()) };
        self.probe(address)?;
        if self.function(address)?.driver.as_deref() == Some(driver) {
            return Ok(());
        }
        Err(SysfsError::BindRefused {
            address,
            driver: driver.into(),
        })
    }

    fn unbind(&self, function: &PciFunction) -> Result<(), SysfsError> {
        if function.driver.is_none() {
            return Ok(());
        }
        let path = self.function_dir(function.address).join("driver/unbind");
        put(&path, &function.address.to_string())
    }

    fn set_override(&self, address: Address, driver: Option<&str>) -> Result<(), SysfsError> {
        let path = self.function_dir(address).join("driver_override");
        // A line of its own clears it.
        put(&path, driver.unwrap_or("\n"))
    }

    fn probe(&self, address: Address) -> Result<(), SysfsError> {
        put(&self.sys("bus/pci/drivers_probe"), &address.to_string())
    }
}

/// Writes to a file of sysfs, in one call and without making it.
fn put(path: &Path, text: &str) -> Result<(), SysfsError> {
    let write = || {
        fs::OpenOptions::new()
            .write(true)
            .open(path)?
            .write_all(text.as_bytes())
    };
    write().map_err(SysfsError::io("write to", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, FakeFunction};

    const NIC: &str = "0000:03:00.0";

    fn nic(driver: Option<&'static str>) -> (Fake, Address) {
        let fake = Fake::new();
        let function = FakeFunction {
            driver,
            ..FakeFunction::longshore()
        };
        fake.function(NIC, &function);
        (fake, NIC.parse().unwrap())
    }

    #[test]
    fn a_missing_vfio_pci_is_told_before_anything_is_touched() {
        let (fake, address) = nic(Some("e1000e"));
        let error = fake.sysfs().bind(address).unwrap_err();
        assert!(error.to_string().contains("modprobe vfio-pci"), "{error}");
        assert_eq!(
            fake.read(&format!("sys/bus/pci/devices/{NIC}/driver_override")),
            ""
        );
    }

    #[test]
    fn a_bound_function_is_left_alone() {
        let (fake, address) = nic(Some(VFIO_PCI));
        let before = fake.sysfs().bind(address).unwrap();
        assert_eq!(before.driver.as_deref(), Some(VFIO_PCI));
        assert_eq!(fake.read("sys/bus/pci/drivers_probe"), "");
    }

    /// A folder of files does not bind as the kernel does, so what is seen is what was asked, and that the answer is
    /// not taken for granted.
    #[test]
    fn the_kernel_is_asked_in_order_and_its_refusal_found_out_and_undone() {
        let (fake, address) = nic(Some("e1000e"));
        fake.driver(VFIO_PCI);
        let error = fake.sysfs().bind(address).unwrap_err();
        assert!(matches!(error, SysfsError::BindRefused { .. }), "{error}");
        assert_eq!(fake.read("sys/bus/pci/drivers/e1000e/unbind"), NIC);
        assert_eq!(fake.read("sys/bus/pci/drivers_probe"), NIC);
        // First vfio-pci, then the override cleared again.
        assert_eq!(
            fake.read(&format!("sys/bus/pci/devices/{NIC}/driver_override")),
            "\nfio-pci"
        );
    }

    #[test]
    fn a_file_that_may_not_be_written_is_told_by_name() {
        let missing = Path::new("/nonexistent/driver_override");
        let error = put(missing, "x").unwrap_err().to_string();
        assert!(error.contains("driver_override"), "{error}");
        let denied =
            SysfsError::io("write to", missing)(std::io::ErrorKind::PermissionDenied.into());
        assert!(denied.to_string().contains("run as root"), "{denied}");
    }
}
