//! The feature directory.

use longshore_device::{Device, DeviceError};
use nic_abi::{
    block::{DEVICE, DIRECTORY, Feature, PORT, QUEUE, STATS, device},
    register::Block,
};

use crate::DriverError;

/// What the NIC has, and where.
#[derive(Debug, Clone)]
pub struct Features {
    /// Checksum insertion and verdicts.
    pub checksum: bool,
    /// Segmentation.
    pub tso: bool,
    /// All entries of the directory that this driver knows, with version and BAR0 offset.
    pub entries: Vec<(Feature, u16, u32)>,
    pub(crate) port: Block,
    pub(crate) stats: Block,
    pub(crate) queues: Block,
}

impl Features {
    /// True if the NIC has `feature`.
    pub fn has(&self, feature: Feature) -> bool {
        self.entries.iter().any(|(f, ..)| *f == feature)
    }

    /// Reads the directory of a live device; changes nothing.
    ///
    /// # Errors
    /// [`DriverError::BadMagic`], [`DriverError::Version`], [`DriverError::MissingFeature`],
    /// [`DriverError::Nonsense`], or what the transport reports.
    pub fn read(device: &dyn Device) -> Result<Self, DriverError> {
        super::check_contract(device)?;
        let base = device.read32(DEVICE.at(0, device::DIRECTORY))?;
        let mut entries = Vec::new();
        for i in 0..DIRECTORY.count {
            let at = base.wrapping_add(i * DIRECTORY.stride);
            let head = device.read32(at)?;
            if head == u32::MAX {
                return Err(DeviceError::Gone.into());
            }
            let (kind, version) = (head as u16, (head >> 16) as u16);
            if kind == 0 {
                break;
            }
            // Types of a later minor version are not for this driver.
            if let Some(feature) = Feature::from_raw(kind) {
                entries.push((feature, version, device.read32(at + 4)?));
            }
        }
        let place = |feature, block: Block, instances: u32| {
            let offset = entries
                .iter()
                .find(|(f, ..)| *f == feature)
                .map(|(.., offset)| *offset)
                .ok_or(DriverError::MissingFeature(feature))?;
            let end = u64::from(offset) + u64::from(block.stride) * u64::from(instances);
            if !offset.is_multiple_of(4) || end > nic_abi::pci::BAR0_SIZE.into() {
                return Err(DriverError::Nonsense {
                    register: device::DIRECTORY.name,
                    value: offset,
                });
            }
            Ok(Block {
                base: offset,
                ..block
            })
        };
        let port = place(Feature::Port, PORT, 1)?;
        let stats = place(Feature::Stats, STATS, STATS.count)?;
        let queues = place(Feature::Queues, QUEUE, 1)?;
        let has = |feature| entries.iter().any(|(f, ..)| *f == feature);
        Ok(Self {
            checksum: has(Feature::Checksum),
            tso: has(Feature::Tso),
            port,
            stats,
            queues,
            entries,
        })
    }
}
