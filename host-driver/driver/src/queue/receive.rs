//! The receive queue: which buffer lies under which descriptor.

use longshore_dma::Chunk;
use longshore_refs::holder::B;
use nic_abi::{ring::distance, rx::RxDescriptor};

use super::entries::Entries;

pub(crate) struct ReceiveQueue {
    ring: Entries,
    /// First descriptor that may be outstanding.
    head: u16,
    tail: u16,
    /// Tail that the NIC knows.
    rung: u16,
    /// Buffers that the NIC holds, by ring position.
    slots: Box<[Option<Chunk<B>>]>,
}

impl ReceiveQueue {
    pub(crate) fn new(ring: Entries) -> Self {
        let slots = (0..ring.len()).map(|_| None).collect();
        Self {
            ring,
            head: 0,
            tail: 0,
            rung: 0,
            slots,
        }
    }

    pub(crate) fn len(&self) -> u16 {
        self.ring.len()
    }

    /// Buffers that can be posted.
    pub(crate) fn room(&self) -> u16 {
        self.ring.len() - distance(self.head, self.tail)
    }

    /// Descriptors posted that the NIC does not know of.
    pub(crate) fn unrung(&self) -> u16 {
        distance(self.rung, self.tail)
    }

    /// Descriptors that the NIC may still fill, at most.
    pub(crate) fn at_nic(&self) -> u16 {
        distance(self.head, self.rung)
    }

    fn slot(&self, index: u16) -> usize {
        usize::from(index & (self.ring.len() - 1))
    }

    /// Posts a buffer, for which there is room. The NIC does not see it before [`ReceiveQueue::take_tail`].
    pub(crate) fn post(&mut self, chunk: Chunk<B>) {
        debug_assert!(self.room() > 0);
        let descriptor = RxDescriptor {
            addr: chunk.iova(),
            len: chunk.len() as u32,
        };
        self.ring.put(self.tail, descriptor.encode());
        let slot = self.slot(self.tail);
        self.slots[slot] = Some(chunk);
        self.tail = self.tail.wrapping_add(1);
    }

    /// The tail to tell the NIC, if it does not know it.
    pub(crate) fn take_tail(&mut self) -> Option<u16> {
        if self.tail == self.rung {
            return None;
        }
        self.rung = self.tail;
        Some(self.tail)
    }

    /// The buffer of a completed descriptor; `None` if the NIC does not hold that descriptor.
    pub(crate) fn take(&mut self, index: u16) -> Option<Chunk<B>> {
        if distance(self.head, index) >= distance(self.head, self.rung) {
            return None;
        }
        let slot = self.slot(index);
        let chunk = self.slots[slot].take()?;
        while self.head != self.rung && self.slots[self.slot(self.head)].is_none() {
            self.head = self.head.wrapping_add(1);
        }
        Some(chunk)
    }

    /// Gives up all buffers; the caller knows whether the NIC is done with them. Indexes start over.
    pub(crate) fn abandon(&mut self) -> impl Iterator<Item = Chunk<B>> + '_ {
        (self.head, self.tail, self.rung) = (0, 0, 0);
        self.slots.iter_mut().filter_map(Option::take)
    }
}
