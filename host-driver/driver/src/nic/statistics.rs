//! The NIC's counters, by the names of the contract.

use std::fmt;

use longshore_device::{Device, DeviceError};
use nic_abi::{
    block::STATS,
    stats::{COUNTERS, RX_OUTCOMES, Stat, TX_OUTCOMES},
};

use crate::{DriverError, Features, Nic};

/// All counters, read one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics([u64; COUNTERS.len()]);

impl Statistics {
    /// Reads all counters of a device that nobody else reads meanwhile; resets and changes nothing.
    ///
    /// # Errors
    /// What the transport reports.
    pub fn read(device: &dyn Device, features: &Features) -> Result<Self, DeviceError> {
        let mut all = [0; COUNTERS.len()];
        for (&stat, value) in Stat::ALL.iter().zip(&mut all) {
            *value = read(device, features, stat)?;
        }
        Ok(Self(all))
    }

    /// One counter.
    pub fn get(&self, stat: Stat) -> u64 {
        self.0[stat as usize]
    }

    /// All counters with their names.
    pub fn iter(&self) -> impl Iterator<Item = (Stat, u64)> + '_ {
        Stat::ALL.iter().map(|&s| (s, self.get(s)))
    }

    /// Received frames that ended in an outcome: `rx_frames` when nothing is on its way.
    pub fn rx_outcomes(&self) -> u64 {
        RX_OUTCOMES.iter().map(|&s| self.get(s)).sum()
    }

    /// Transmit requests that ended in an outcome: `tx_requests` when nothing is on its way.
    pub fn tx_outcomes(&self) -> u64 {
        TX_OUTCOMES.iter().map(|&s| self.get(s)).sum()
    }
}

impl fmt::Display for Statistics {
    /// One line per counter that is not 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (stat, value) in self.iter().filter(|(_, v)| *v != 0) {
            writeln!(f, "{:20} {value}", stat.name())?;
        }
        Ok(())
    }
}

/// Reads one counter: the lower word latches the upper one.
fn read(device: &dyn Device, features: &Features, stat: Stat) -> Result<u64, DeviceError> {
    // The block may lie elsewhere than in the tables; the counter's place in it is fixed.
    let at = stat.offset() - STATS.base + features.stats.base;
    let low = device.read32(at)?;
    let high = device.read32(at + 4)?;
    Ok(u64::from(high) << 32 | u64::from(low))
}

impl Nic {
    /// Reads one counter. Register reads: for people and tests, not for the data path.
    ///
    /// # Errors
    /// What the transport reports.
    pub fn statistic(&self, stat: Stat) -> Result<u64, DriverError> {
        let _latch = self.shared.latch.lock();
        Ok(read(self.shared.device(), &self.shared.features, stat)?)
    }

    /// Reads all counters.
    ///
    /// # Errors
    /// What the transport reports.
    pub fn statistics(&self) -> Result<Statistics, DriverError> {
        let _latch = self.shared.latch.lock();
        Ok(Statistics::read(
            self.shared.device(),
            &self.shared.features,
        )?)
    }
}
