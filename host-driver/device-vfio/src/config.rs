//! The configuration space, as `pci-driver` reads it from a snapshot.

use std::io;

use pci_driver::{
    config::{
        PciConfig,
        caps::{MsiXCapability, PciExpressCapability},
    },
    regions::{BackedByPciSubregion, PciMemoryRegion, PciRegion},
};

/// Bytes of the extended configuration space (PCI Express Base 5.0, section 7.2.2).
const CONFIG_BYTES: usize = 4096;

/// Offset of the command register (PCI Express Base 5.0, section 7.5.1.1.3).
pub(crate) const COMMAND: u64 = 0x04;

/// What the transport needs to know from the configuration space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Vendor ID.
    pub vendor: u16,
    /// Device ID.
    pub device: u16,
    /// Revision: the major version of the contract.
    pub revision: u8,
    /// Entries of the MSI-X table.
    pub vectors: u16,
}

/// Why a configuration space is not that of a NIC that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Nothing answers.
    #[error("it reads all ones: the card is gone, or asleep")]
    Gone,
    /// No PCI Express capability, or no function-level reset in it.
    #[error(
        "no function-level reset: without it the card cannot be silenced for sure; broken gateware"
    )]
    NoFunctionReset,
    /// No MSI-X capability.
    #[error("no MSI-X: broken gateware")]
    NoMsix,
    /// A list of capabilities that leads nowhere.
    #[error("malformed: {0}")]
    Malformed(#[from] io::Error),
}

/// `pci-driver` reads words where they lie.
#[repr(align(8))]
struct Snapshot([u8; CONFIG_BYTES]);

impl Snapshot {
    fn new(config: &[u8]) -> Self {
        let mut all = [0; CONFIG_BYTES];
        let n = config.len().min(CONFIG_BYTES);
        all[..n].copy_from_slice(&config[..n]);
        Self(all)
    }
}

impl Capabilities {
    /// Reads them from a snapshot of the configuration space.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(config: &[u8]) -> Result<Self, ConfigError> {
        let snapshot = Snapshot::new(config);
        let region = PciMemoryRegion::new(&snapshot.0);
        let config = PciConfig::backed_by(&region);
        let vendor = config.vendor_id().read()?;
        // No vendor has this number: nothing answered.
        if vendor == u16::MAX {
            return Err(ConfigError::Gone);
        }
        let capabilities = config.capabilities()?;
        let pcie = capabilities
            .of_type::<PciExpressCapability>()?
            .next()
            .ok_or(ConfigError::NoFunctionReset)?;
        if !pcie
            .device_capabilities()
            .function_level_reset_capability()
            .read()?
        {
            return Err(ConfigError::NoFunctionReset);
        }
        let msix = capabilities
            .of_type::<MsiXCapability>()?
            .next()
            .ok_or(ConfigError::NoMsix)?;
        // The crate has no fields for it: message control, bits 10:0, is the table's size less one (7.7.2.2).
        let vectors = (msix.read_le_u16(2)? & 0x7ff) + 1;
        Ok(Self {
            vendor,
            device: config.device_id().read()?,
            revision: config.revision_id().read()?,
            vectors,
        })
    }
}

/// The command register of `config`, with access to BARs (bit 1) and to the bus (bit 2) switched on. Not by way of
/// `pci-driver`, which takes bit 10, Interrupt Disable, for write-1-to-clear.
pub(crate) fn enabled_command(config: &[u8]) -> Option<[u8; 2]> {
    let [low, high] = *config.get(COMMAND as usize..)?.first_chunk()?;
    Some([low | 0b110, high])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_and_vectors_are_read() {
        let space = longshore_device::config::space(5);
        let capabilities = Capabilities::read(&space).unwrap();
        assert_eq!(
            (capabilities.vendor, capabilities.device),
            (nic_abi::pci::VENDOR_ID, nic_abi::pci::DEVICE_ID)
        );
        assert_eq!(capabilities.revision, nic_abi::pci::REVISION_ID);
        assert_eq!(capabilities.vectors, 5);
    }

    #[test]
    fn a_card_that_is_gone_or_lacks_reset_or_msix_is_told_apart() {
        assert!(matches!(
            Capabilities::read(&[0xff; 256]),
            Err(ConfigError::Gone)
        ));
        let mut space = longshore_device::config::space(1);
        let pcie = usize::from(space[0x34]);
        let msix = usize::from(space[pcie + 1]);
        space[msix] = 0x05;
        assert!(matches!(
            Capabilities::read(&space),
            Err(ConfigError::NoMsix)
        ));
        // Device capabilities, bit 28.
        space[pcie + 7] &= !0x10;
        assert!(matches!(
            Capabilities::read(&space),
            Err(ConfigError::NoFunctionReset)
        ));
    }

    #[test]
    fn a_list_in_a_circle_or_out_of_place_is_malformed() {
        let mut space = longshore_device::config::space(1);
        let first = usize::from(space[0x34]);
        let next = usize::from(space[first + 1]);
        space[next + 1] = first as u8;
        assert!(matches!(
            Capabilities::read(&space),
            Err(ConfigError::Malformed(_))
        ));
        space[0x34] = 0x10;
        assert!(matches!(
            Capabilities::read(&space),
            Err(ConfigError::Malformed(_))
        ));
    }

    #[test]
    fn the_command_register_keeps_its_other_bits() {
        let mut space = longshore_device::config::space(1);
        space[4..6].copy_from_slice(&[0x40, 0x04]);
        assert_eq!(enabled_command(&space).unwrap(), [0x46, 0x04]);
    }
}
