//! The completion queue: phase, consumer index, credit.

use nic_abi::{
    completion::PHASE,
    ring::{distance, phase},
};

use super::entries::Entries;

pub(crate) struct CompletionQueue {
    ring: Entries,
    /// Next entry to be read.
    head: u16,
    /// Consumer index that the NIC knows.
    told: u16,
}

impl CompletionQueue {
    /// A zeroed ring.
    pub(crate) fn new(ring: Entries) -> Self {
        ring.zero();
        Self {
            ring,
            head: 0,
            told: 0,
        }
    }

    /// Zeroes the ring and starts over.
    pub(crate) fn reset(&mut self) {
        self.ring.zero();
        (self.head, self.told) = (0, 0);
    }

    pub(crate) fn len(&self) -> u16 {
        self.ring.len()
    }

    /// The upper half of the next entry, if the NIC has written it. Acquires all that the NIC wrote before.
    fn peek(&self) -> Option<u64> {
        let high = self.ring.high(self.head);
        let is = PHASE.is_set(u128::from(high) << 64);
        (is == phase(self.head.into(), self.ring.log2())).then_some(high)
    }

    /// True if there is an entry to be read.
    pub(crate) fn has_next(&self) -> bool {
        self.peek().is_some()
    }

    /// Takes the next entry.
    pub(crate) fn next(&mut self) -> Option<u128> {
        let high = self.peek()?;
        let low = self.ring.low(self.head);
        self.head = self.head.wrapping_add(1);
        Some(u128::from(high) << 64 | u128::from(low))
    }

    /// The consumer index, once a quarter of the ring is read that the NIC does not know of: rarely enough to cost
    /// nothing, often enough that the NIC never runs out of credit.
    pub(crate) fn overdue(&mut self) -> Option<u16> {
        (distance(self.told, self.head) >= self.ring.len() / 4).then(|| self.tell())
    }

    /// The consumer index, taken for told.
    pub(crate) fn tell(&mut self) -> u16 {
        self.told = self.head;
        self.head
    }
}
