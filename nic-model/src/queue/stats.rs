//! The counters.

use nic_abi::block::STATS;
use nic_abi::stats::{COUNTERS, Stat};

/// All counters of the NIC, and the latch of the upper word.
#[derive(Debug, Clone)]
pub struct Stats {
    counters: [u64; COUNTERS.len()],
    latch: u32,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            counters: [0; COUNTERS.len()],
            latch: 0,
        }
    }
}

impl Stats {
    /// Counts one.
    pub fn count(&mut self, stat: Stat) {
        self.add(stat, 1);
    }

    /// Counts `n`.
    pub fn add(&mut self, stat: Stat, n: u64) {
        let counter = &mut self.counters[stat as usize];
        *counter = counter.wrapping_add(n);
    }

    /// The counter's value.
    pub fn get(&self, stat: Stat) -> u64 {
        self.counters[stat as usize]
    }

    /// The word at BAR0 offset `offset`, if it lies in the block: reading a lower word latches the upper one.
    pub fn read(&mut self, offset: u32) -> Option<u32> {
        let inside = offset.checked_sub(STATS.base)?;
        let index = inside / STATS.stride;
        if index >= STATS.count {
            return None;
        }
        if inside % STATS.stride == 4 {
            return Some(self.latch);
        }
        let value = self.counters.get(index as usize).copied().unwrap_or(0);
        self.latch = (value >> 32) as u32;
        Some(value as u32)
    }
}
