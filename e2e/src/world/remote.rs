//! One host whose NIC is in another process, or as good as: behind a vfio-user socket.

use super::host::station;
use anyhow::{Context, Result};
use longshore_device::{Canary, Counting, Device, MmioCounts};
use longshore_device_vfio_user::VfioUser;
use longshore_driver::{Nic, Statistics};
use longshore_sockets::{Stack, StackConfig};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// A host in real time, its DMA buffers between guard pages.
pub struct RemoteHost {
    /// The stack, running.
    pub stack: Stack,
    device: Arc<Canary<Counting<VfioUser>>>,
}

impl RemoteHost {
    /// A host number `number` (it gives the station address) with `addresses` on the NIC behind `socket`.
    ///
    /// # Errors
    /// The NIC or the stack cannot be set up.
    pub fn connect(socket: &Path, number: u8, addresses: &[(IpAddr, u8)]) -> Result<Self> {
        let device = VfioUser::connect(socket).context("connecting to the NIC")?;
        let device = Arc::new(Canary::new(Counting::new(device)));
        let driver =
            Nic::open(Arc::clone(&device) as Arc<dyn Device>).context("opening the NIC")?;
        let config = StackConfig::new(station(number, addresses)?);
        let stack = Stack::new(driver, config).context("setting up the stack")?;
        stack.start().context("starting the stack")?;
        Ok(Self { stack, device })
    }

    /// Register accesses so far.
    pub fn mmio(&self) -> MmioCounts {
        self.device.inner().counts()
    }

    /// Bytes beside its DMA buffers that the NIC has written.
    pub fn stray_bytes(&self) -> u64 {
        self.device.spoilt()
    }

    /// The device.
    pub fn device(&self) -> &Arc<Canary<Counting<VfioUser>>> {
        &self.device
    }

    /// The NIC's counters.
    ///
    /// # Errors
    /// The device is gone.
    pub fn statistics(&self) -> Result<Statistics> {
        Ok(self.stack.nic().statistics()?)
    }
}
