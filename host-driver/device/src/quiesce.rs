//! The proof that a device touches memory no more.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use nic_abi::block::{DEVICE, device};

use crate::{Device, DeviceError};

/// How quiesce was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuiesceProof {
    /// QUIESCED showed its magic word, and magic and epoch were those of the live device.
    Register,
    /// A function-level reset was done.
    FunctionReset,
    /// The device's mappings are gone, or its file is closed.
    Severed,
}

/// A moment in the order of enabling and quiescing, over all devices of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

impl Stamp {
    /// The present moment: later than every stamp taken before.
    pub fn now() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Confirmed quiesce of one device: magic and epoch match and the device says it is quiet, *or* a
/// function-level reset is done, *or* its mappings are removed.
///
/// Transports and [`quiesce`] make one, nobody else. It covers what was handed to the device before the quiesce
/// began, and nothing that was enabled since ([`Quiesced::covers`]).
#[derive(Debug, Clone)]
pub struct Quiesced {
    instance: u64,
    since: Stamp,
    proof: QuiesceProof,
}

impl Quiesced {
    /// For transports alone: that device `instance` was reset or cut off, and that this began after `since`.
    ///
    /// Whoever makes one answers for it: memory is freed against it.
    pub fn by_transport(instance: u64, since: Stamp, proof: QuiesceProof) -> Self {
        Self {
            instance,
            since,
            proof,
        }
    }

    /// True if memory that was handed to device `instance` at `enabled` is out of its reach.
    pub fn covers(&self, instance: u64, enabled: Stamp) -> bool {
        self.instance == instance && enabled < self.since
    }

    /// How it was confirmed.
    pub fn proof(&self) -> QuiesceProof {
        self.proof
    }
}

/// How long a driver polls a status register: at least `reads` times *and* at least `time`. Both, because a
/// simulated device may make progress only by being read, and a real one only by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Least number of reads.
    pub reads: u32,
    /// Least time.
    pub time: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            reads: 1000,
            time: Duration::from_secs(2),
        }
    }
}

impl Patience {
    /// Calls `done` until it returns a value, and gives up when patience is at its end.
    ///
    /// # Errors
    /// What `done` returns, or [`DeviceError::Timeout`] naming `what`.
    pub fn poll<R>(
        self,
        what: &'static str,
        mut done: impl FnMut() -> Result<Option<R>, DeviceError>,
    ) -> Result<R, DeviceError> {
        let start = Instant::now();
        let mut reads = 0u32;
        loop {
            if let Some(result) = done()? {
                return Ok(result);
            }
            reads = reads.saturating_add(1);
            if reads >= self.reads {
                if start.elapsed() >= self.time {
                    return Err(DeviceError::Timeout { what });
                }
                std::thread::sleep(Duration::from_micros(100));
            } else if reads.is_multiple_of(16) {
                // The NIC may need this very processor to get on.
                std::thread::yield_now();
            }
        }
    }
}

/// Asks the device to stop using the bus and waits until it confirms. CONTROL is left with QUIESCE set and
/// ENABLE clear.
///
/// # Errors
/// [`DeviceError::Gone`] if the magic word is missing, [`DeviceError::WrongEpoch`] if the device was reset
/// meanwhile, [`DeviceError::Timeout`]; in all of them a reset, then [`Device::sever`], are what is left.
pub fn quiesce(
    device: &dyn Device,
    epoch: u32,
    patience: Patience,
) -> Result<Quiesced, DeviceError> {
    let since = Stamp::now();
    device.write32(DEVICE.at(0, device::CONTROL), device::CONTROL_QUIESCE.of(1))?;
    patience.poll("quiet", || {
        let word = device.read32(DEVICE.at(0, device::QUIESCED))?;
        if word == u32::MAX {
            return Err(DeviceError::Gone);
        }
        Ok((word == device::QUIESCED_MAGIC).then_some(()))
    })?;
    if device.read32(DEVICE.at(0, device::MAGIC))? != nic_abi::MAGIC {
        return Err(DeviceError::Gone);
    }
    let found = device.read32(DEVICE.at(0, device::EPOCH))?;
    if found != epoch {
        return Err(DeviceError::WrongEpoch {
            expected: epoch,
            found,
        });
    }
    Ok(Quiesced::by_transport(
        device.info().instance,
        since,
        QuiesceProof::Register,
    ))
}
