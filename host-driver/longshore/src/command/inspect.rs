//! A NIC that is only looked at: nothing is reset, nothing is set.

use crate::cli::Transport;
use crate::connection::{Company, Connection, Target};
use anyhow::{Context as _, Result};
use longshore_device::{Device, DeviceInfo, Transport as Kind};
use longshore_driver::{Features, Identity};
use nic_abi::block::Feature;
use nic_abi::register::{Block, Register};
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// An open device and what it says of itself.
pub(super) struct Inspection {
    pub(super) device: Arc<dyn Device>,
    pub(super) features: Features,
    pub(super) identity: Identity,
    /// Goes after the device.
    _connection: Option<Connection>,
}

/// Which device a report is about.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Which {
    /// `in-process`, `vfio-user` or `vfio`.
    pub(super) transport: &'static str,
    /// Its name there.
    pub(super) name: String,
}

impl Inspection {
    /// Opens the device and reads its directory.
    ///
    /// # Errors
    /// It cannot be reached or is no Longshore NIC of this contract.
    pub(super) fn open(transport: &Transport, root: &Path) -> Result<Self> {
        let connection = Target::new(transport, root)?.open(Company::None)?;
        Self::of(connection.device(), Some(connection))
    }

    /// Looks at an open device.
    fn of(device: Arc<dyn Device>, connection: Option<Connection>) -> Result<Self> {
        let features = Features::read(&*device).context("identifying the NIC")?;
        let identity = Identity::read(&*device, &features).context("identifying the NIC")?;
        Ok(Self {
            device,
            features,
            identity,
            _connection: connection,
        })
    }

    /// `block` where the NIC has it; `None` if it lacks the feature.
    pub(super) fn place(&self, feature: Feature, block: Block) -> Option<Block> {
        let entry = self.features.entries.iter().find(|(f, ..)| *f == feature);
        entry.map(|(.., base)| Block {
            base: *base,
            ..block
        })
    }

    /// A register.
    ///
    /// # Errors
    /// What the transport reports.
    pub(super) fn read(&self, block: Block, instance: u32, register: Register) -> Result<u32> {
        Ok(self.device.read32(block.at(instance, register))?)
    }

    /// Which device this is.
    pub(super) fn which(&self) -> Which {
        Which::of(self.device.info())
    }
}

impl Which {
    pub(super) fn of(info: &DeviceInfo) -> Self {
        Self {
            transport: match info.transport {
                Kind::InProcess => "in-process",
                Kind::VfioUser => "vfio-user",
                Kind::Vfio => "vfio",
                _ => "other",
            },
            name: info.name.clone(),
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.starts_with(self.transport) {
            f.write_str(&self.name)
        } else {
            write!(f, "{} {}", self.transport, self.name)
        }
    }
}

#[cfg(all(test, feature = "sim"))]
pub(super) mod testing {
    use super::*;
    use longshore_device::InProcess;
    use nic_model::{Config, Model};
    use parking_lot::Mutex;
    use sim_wire::LineConfig;

    /// A model without company.
    pub(in super::super) fn nic() -> Inspection {
        let (wire, _) = sim_wire::pair::pair(LineConfig::default());
        let nic = Arc::new(Mutex::new(Model::new(Config::default(), wire)));
        Inspection::of(Arc::new(InProcess::new(nic).unwrap()), None).unwrap()
    }
}
