//! One host: a stack over the driver over a simulated NIC.

use super::any_nic::{AnyNic, BoxedWire, NicKind};
use super::cost::Work;
use anyhow::{Context, Result};
use ip_core::{Cidr, MacAddr};
use longshore_device::{Counting, Device, InProcess, MmioCounts};
use longshore_driver::{Nic, Statistics};
use longshore_sockets::{Stack, StackConfig};
use parking_lot::Mutex;
use std::net::IpAddr;
use std::sync::Arc;

/// Which time a host lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Stepped by the loop of a simulation.
    Virtual,
    /// The machine's.
    Real,
}

/// A host with its NIC.
pub struct Host {
    /// The NIC, for whoever runs its clocks.
    pub nic: Arc<Mutex<AnyNic>>,
    /// The stack.
    pub stack: Stack,
    device: Arc<Counting<InProcess<AnyNic>>>,
}

impl Host {
    /// A host number `number` (it gives the station address) with `addresses` on a fresh NIC at the end of `wire`.
    ///
    /// `adjust` may change the stack's settings.
    ///
    /// # Errors
    /// The NIC or the stack cannot be set up.
    pub fn new(
        kind: &NicKind,
        wire: BoxedWire,
        number: u8,
        addresses: &[(IpAddr, u8)],
        time: Time,
        adjust: impl FnOnce(&mut StackConfig),
    ) -> Result<Self> {
        let nic = Arc::new(Mutex::new(AnyNic::new(kind, wire)?));
        let device = InProcess::new(Arc::clone(&nic)).context("attaching the simulated NIC")?;
        let device = Arc::new(Counting::new(device));
        let driver =
            Nic::open(Arc::clone(&device) as Arc<dyn Device>).context("opening the NIC")?;
        let mut config = StackConfig::new(station(number, addresses)?);
        adjust(&mut config);
        let stack = match time {
            Time::Virtual => {
                // A fixed secret: equal runs are equal to the bit.
                config.secret.get_or_insert([number; 16]);
                Stack::stepped(driver, config)
            }
            Time::Real => Stack::new(driver, config),
        }
        .context("setting up the stack")?;
        Ok(Self { nic, stack, device })
    }

    /// Register accesses so far.
    pub fn mmio(&self) -> MmioCounts {
        self.device.counts()
    }

    /// What the host has done so far, for the cost model.
    pub fn work(&self) -> Work {
        let counters = self.stack.counters();
        Work {
            mmio: self.mmio(),
            segments: counters.frames_in + counters.transmits,
        }
    }

    /// The NIC's counters.
    ///
    /// # Errors
    /// The device is gone.
    pub fn statistics(&self) -> Result<Statistics> {
        Ok(self.stack.nic().statistics()?)
    }
}

/// The addresses of host number `number`: its station address is locally administered.
pub(super) fn station(number: u8, addresses: &[(IpAddr, u8)]) -> Result<ip_core::Config> {
    let mut ip = ip_core::Config::new(MacAddr([0x02, 0x4c, 0x53, 0, 0, number]));
    ip.addresses = addresses
        .iter()
        .map(|(address, prefix)| Cidr::new(*address, *prefix))
        .collect::<Result<_, _>>()
        .context("the host's addresses")?;
    Ok(ip)
}
