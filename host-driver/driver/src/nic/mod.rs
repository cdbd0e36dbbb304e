//! Opening, identifying, resetting the NIC.

mod features;
mod port;
mod shared;
mod statistics;

pub use features::Features;
pub use port::{Link, Reception};
pub(crate) use shared::Shared;
pub use statistics::Statistics;

use std::{fmt, sync::Arc};

use longshore_device::{Device, DeviceError, Patience};
use longshore_dma::Pool;
use longshore_refs::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};
use nic_abi::block::{DEVICE, QUEUE, device, port as port_block};

use crate::{DriverError, QueueConfig, QueuePair, mapping::Bus};

/// What the NIC says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Contract version: major, minor.
    pub version: (u16, u16),
    /// Queue pairs.
    pub queue_pairs: u32,
    /// Clock of the core in kHz.
    pub core_clock_khz: u32,
    /// Longest frame in bytes without FCS, either direction.
    pub frame_limit: u32,
}

/// Magic word and contract version; gives the version's register.
fn check_contract(device: &dyn Device) -> Result<u32, DriverError> {
    let magic = device.read32(DEVICE.at(0, device::MAGIC))?;
    if magic == u32::MAX {
        return Err(DeviceError::Gone.into());
    }
    if magic != nic_abi::MAGIC {
        return Err(DriverError::BadMagic { found: magic });
    }
    let version = device.read32(DEVICE.at(0, device::VERSION))?;
    if device::VERSION_MAJOR.get(version) != device::VERSION_MAJOR.get(nic_abi::ABI_VERSION) {
        return Err(DriverError::Version { found: version });
    }
    Ok(version)
}

impl Identity {
    /// Reads what a live device says of itself; changes nothing.
    ///
    /// # Errors
    /// [`DriverError::BadMagic`], [`DriverError::Version`], [`DriverError::Nonsense`], or what the transport reports.
    pub fn read(device: &dyn Device, features: &Features) -> Result<Self, DriverError> {
        let version = check_contract(device)?;
        let read = |register| device.read32(DEVICE.at(0, register));
        let queue_pairs = read(device::QUEUE_PAIRS)?;
        if queue_pairs == 0 || queue_pairs > QUEUE.count {
            return Err(DriverError::Nonsense {
                register: device::QUEUE_PAIRS.name,
                value: queue_pairs,
            });
        }
        let end =
            u64::from(features.queues.base) + u64::from(QUEUE.stride) * u64::from(queue_pairs);
        let frame_limit = device.read32(features.port.at(0, port_block::FRAME_LIMIT))?;
        for (register, value, sane) in [
            (
                device::DIRECTORY,
                features.queues.base,
                end <= nic_abi::pci::BAR0_SIZE.into(),
            ),
            (
                port_block::FRAME_LIMIT,
                frame_limit,
                (60..=u16::MAX.into()).contains(&frame_limit),
            ),
        ] {
            if !sane {
                return Err(DriverError::Nonsense {
                    register: register.name,
                    value,
                });
            }
        }
        Ok(Self {
            version: (
                device::VERSION_MAJOR.get(version) as u16,
                device::VERSION_MINOR.get(version) as u16,
            ),
            queue_pairs,
            core_clock_khz: read(device::CORE_CLOCK)?,
            frame_limit,
        })
    }
}

/// A Longshore NIC. Cheap to clone; the device is silenced when the last clone and the last queue pair are gone.
#[derive(Clone)]
pub struct Nic {
    shared: Arc<Shared>,
}

impl Nic {
    /// Identifies the device, checks the contract's version, resets it, and lets its queue pairs use the bus.
    /// Reception stays off until [`Nic::set_reception`].
    ///
    /// # Errors
    /// [`DriverError::BadMagic`], [`DriverError::Version`], [`DriverError::MissingFeature`],
    /// [`DriverError::Nonsense`], or what the transport reports.
    pub fn open(device: Arc<dyn Device>) -> Result<Self, DriverError> {
        Self::open_with(device, Patience::default())
    }

    /// As [`Nic::open`], with another patience for status registers.
    ///
    /// # Errors
    /// As [`Nic::open`].
    pub fn open_with(device: Arc<dyn Device>, patience: Patience) -> Result<Self, DriverError> {
        let read = |register| device.read32(DEVICE.at(0, register));
        check_contract(&*device)?;
        let before = read(device::EPOCH)?;
        let quiesced = device.reset()?;
        patience.poll("alive after reset", || {
            Ok((read(device::MAGIC)? == nic_abi::MAGIC).then_some(()))
        })?;
        let epoch = read(device::EPOCH)?;
        if epoch != before.wrapping_add(1) {
            return Err(DriverError::Nonsense {
                register: device::EPOCH.name,
                value: epoch,
            });
        }
        let features = Features::read(&*device)?;
        let identity = Identity::read(&*device, &features)?;
        let shared = Shared {
            bus: Arc::new(Bus::new(device)),
            features,
            identity,
            patience,
            epoch: AtomicU32::new(epoch),
            taken: Mutex::new(0),
            quiesced: Mutex::new(Some(quiesced)),
            latch: Mutex::new(()),
            stranded: Mutex::new(Vec::new()),
        };
        let nic = Self {
            shared: Arc::new(shared),
        };
        nic.enable()?;
        Ok(nic)
    }

    fn enable(&self) -> Result<(), DeviceError> {
        self.shared
            .write(DEVICE, 0, device::CONTROL, device::CONTROL_ENABLE.of(1))
    }

    /// What the NIC says of itself.
    pub fn identity(&self) -> Identity {
        self.shared.identity
    }

    /// What the NIC has.
    pub fn features(&self) -> &Features {
        &self.shared.features
    }

    /// The device below.
    pub fn device(&self) -> &Arc<dyn Device> {
        &self.shared.bus.device
    }

    /// A pool of `count` chunks of `chunk_len` bytes (a multiple of 64) in fresh memory that the NIC can reach.
    ///
    /// # Errors
    /// [`DriverError::Memory`], [`DriverError::Iova`], [`DriverError::Pool`], or what the transport reports.
    pub fn pool(
        &self,
        name: &'static str,
        count: usize,
        chunk_len: usize,
    ) -> Result<Pool, DriverError> {
        let len = count.saturating_mul(chunk_len);
        let mapping = self.shared.bus.allocate(len)?;
        let (region, iova) = (mapping.region.clone(), mapping.iova);
        Ok(Pool::new(name, region, iova, chunk_len, mapping)?)
    }

    /// Takes queue pair `index`, enables it and posts receive buffers from `buffers` (whose chunks are the receive
    /// buffers).
    ///
    /// # Errors
    /// [`DriverError::QueueUnavailable`], [`DriverError::BadConfig`], [`DriverError::EnableFailed`], and all that
    /// [`Nic::pool`] reports.
    pub fn queue_pair<T: Send>(
        &self,
        index: u32,
        config: QueueConfig,
        buffers: Arc<Pool>,
    ) -> Result<QueuePair<T>, DriverError> {
        let count = self.shared.identity.queue_pairs;
        {
            let mut taken = self.shared.taken.lock();
            if index >= count || *taken & 1 << index != 0 {
                return Err(DriverError::QueueUnavailable { index, count });
            }
            *taken |= 1 << index;
        }
        QueuePair::open(self.shared.clone(), index, config, buffers)
    }

    /// Function-level reset: the way out when a queue pair cannot be recovered. All queue pairs are down until
    /// their owners call [`QueuePair::recover`]; port settings are lost.
    ///
    /// # Errors
    /// What the transport reports; then only dropping everything is left, which cuts the device off.
    pub fn reset(&self) -> Result<(), DriverError> {
        let shared = &self.shared;
        let quiesced = shared.device().reset()?;
        shared.patience.poll("alive after reset", || {
            Ok((shared.read(DEVICE, 0, device::MAGIC)? == nic_abi::MAGIC).then_some(()))
        })?;
        let epoch = shared.read(DEVICE, 0, device::EPOCH)?;
        shared.accept(quiesced);
        shared.epoch.store(epoch, Ordering::Release);
        Ok(self.enable()?)
    }

    /// Bytes of DMA memory that are lost because they could not be unmapped.
    pub fn leaked_bytes(&self) -> u64 {
        self.shared.bus.leaked()
    }

    /// Queue pairs whose memory waits for a confirmed quiesce.
    pub fn stranded(&self) -> usize {
        self.shared.stranded.lock().len()
    }
}

impl fmt::Debug for Nic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nic")
            .field("device", &self.shared.device().info().name)
            .field("identity", &self.shared.identity)
            .finish_non_exhaustive()
    }
}
