//! What NIC and queue pairs share, and how the device is silenced when all of them are gone.

use std::sync::Arc;

use longshore_device::{Device, DeviceError, Patience, Quiesced, Stamp, quiesce};
use longshore_refs::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};
use nic_abi::{
    block::{DEVICE, device},
    register::{Block, Register},
};

use super::{Features, Identity};
use crate::{mapping::Bus, queue::Stranded};

/// What NIC and queue pairs share.
pub(crate) struct Shared {
    pub(crate) bus: Arc<Bus>,
    pub(crate) features: Features,
    pub(crate) identity: Identity,
    pub(crate) patience: Patience,
    /// Epoch that the driver knows; a queue pair of another epoch is down.
    pub(super) epoch: AtomicU32,
    /// One bit per queue pair that has an owner.
    pub(super) taken: Mutex<u32>,
    /// The latest confirmed quiesce.
    pub(super) quiesced: Mutex<Option<Quiesced>>,
    /// Lower and upper word of a counter are read as one.
    pub(crate) latch: Mutex<()>,
    /// Memory of queue pairs that went away without the NIC letting go of it.
    pub(super) stranded: Mutex<Vec<Stranded>>,
}

impl Shared {
    pub(crate) fn device(&self) -> &dyn Device {
        &*self.bus.device
    }

    pub(crate) fn read(
        &self,
        block: Block,
        instance: u32,
        register: Register,
    ) -> Result<u32, DeviceError> {
        self.device().read32(block.at(instance, register))
    }

    pub(crate) fn write(
        &self,
        block: Block,
        instance: u32,
        register: Register,
        value: u32,
    ) -> Result<(), DeviceError> {
        self.device().write32(block.at(instance, register), value)
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Fails unless the device is alive and of the epoch that the driver knows.
    pub(crate) fn check_alive(&self) -> Result<(), DeviceError> {
        if self.read(DEVICE, 0, device::MAGIC)? != nic_abi::MAGIC {
            return Err(DeviceError::Gone);
        }
        let (expected, found) = (self.epoch(), self.read(DEVICE, 0, device::EPOCH)?);
        if found != expected {
            return Err(DeviceError::WrongEpoch { expected, found });
        }
        Ok(())
    }

    /// True if what was handed to the device at `enabled` is out of its reach.
    pub(crate) fn is_quiesced(&self, enabled: Stamp) -> bool {
        let instance = self.device().info().instance;
        let quiesced = self.quiesced.lock();
        quiesced
            .as_ref()
            .is_some_and(|q| q.covers(instance, enabled))
    }

    /// Takes a confirmed quiesce into account: what was stranded before it is freed.
    pub(super) fn accept(&self, quiesced: Quiesced) {
        let instance = self.device().info().instance;
        let freed: Vec<Stranded> = {
            let mut stranded = self.stranded.lock();
            let (free, keep) = std::mem::take(&mut *stranded)
                .into_iter()
                .partition(|s| quiesced.covers(instance, s.enabled));
            *stranded = keep;
            free
        };
        *self.quiesced.lock() = Some(quiesced);
        for stranded in freed.into_iter().filter(Stranded::is_of_pair) {
            self.give_back(stranded.queue);
        }
    }

    /// Keeps memory that the device may still use until a quiesce is confirmed.
    pub(crate) fn strand(&self, stranded: Stranded) {
        tracing::error!(
            device = self.device().info().name,
            queue = stranded.queue,
            buffers = stranded.buffers(),
            "queue pair dropped while the NIC holds its memory: kept until a quiesce is confirmed"
        );
        self.stranded.lock().push(stranded);
    }

    pub(crate) fn give_back(&self, queue: u32) {
        *self.taken.lock() &= !(1 << queue);
    }

    /// Quiesce by register, else by reset, else by cutting the device off: always succeeds.
    fn silence(&self) -> Quiesced {
        let device = self.device();
        quiesce(device, self.epoch(), self.patience)
            .or_else(|error| {
                tracing::warn!(%error, "quiesce failed, resetting");
                device.reset()
            })
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "reset failed, cutting the device off");
                device.sever()
            })
    }
}

impl Drop for Shared {
    /// Last of NIC and queue pairs: leaves a quiet device behind and frees whatever was stranded.
    fn drop(&mut self) {
        let quiesced = self.silence();
        self.accept(quiesced);
    }
}
