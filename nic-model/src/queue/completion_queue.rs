//! A completion queue: phase, credit, interrupt.

use longshore_dma::HostMemory;
use nic_abi::ring::{COMPLETIONS_KEPT, entry_offset, phase};
use sim_wire::Picos;
use std::collections::VecDeque;

/// The completion queue of one queue pair.
#[derive(Debug, Clone, Default)]
pub struct CompletionQueue {
    /// Bus address.
    pub base: u64,
    /// log2 of its entries.
    pub log2: u32,
    /// Next entry to be written; its lower 16 bits are the free-running index.
    pub producer: u32,
    /// Next entry that the driver will read.
    pub consumer: u16,
    /// Raise the vector at the next completion.
    pub armed: bool,
    /// Since when it has been armed with something to tell.
    waiting_since: Option<Picos>,
    /// Entries promised to work that was begun.
    promised: u16,
    /// Entries to be written; there is room for them.
    backlog: VecDeque<nic_abi::completion::Completion>,
}

impl CompletionQueue {
    /// An empty queue of `1 << log2` entries at `base`.
    pub fn new(base: u64, log2: u32) -> Self {
        Self {
            base,
            log2,
            ..Self::default()
        }
    }

    /// Entries that the driver has not read.
    pub fn unread(&self) -> u16 {
        (self.producer as u16).wrapping_sub(self.consumer)
    }

    /// True if entries are still to be written.
    pub fn is_active(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// True if work may be begun that ends in a completion.
    pub fn is_open(&self) -> bool {
        let taken = u32::from(self.unread()) + u32::from(self.promised) + self.backlog.len() as u32;
        taken + COMPLETIONS_KEPT < 1 << self.log2
    }

    /// Promises an entry to work that begins.
    pub fn promise(&mut self) {
        self.promised += 1;
    }

    /// Takes `count` promises back.
    pub fn release(&mut self, count: u16) {
        self.promised = self.promised.saturating_sub(count);
    }

    /// Puts a completion into the queue.
    pub fn push(&mut self, completion: nic_abi::completion::Completion) {
        self.backlog.push_back(completion);
    }

    /// True if the driver may say that it has read up to `index`.
    pub fn accepts_consumer(&self, index: u16) -> bool {
        index.wrapping_sub(self.consumer) <= self.unread()
    }

    /// Writes what is to be written; returns the number of entries.
    pub fn flush(&mut self, memory: &dyn HostMemory) -> u64 {
        let mut written = 0;
        while let Some(completion) = self.backlog.pop_front() {
            let entry = completion.encode(phase(self.producer, self.log2));
            let offset = entry_offset(self.producer as u16, self.log2);
            // A posted write: a fault loses the entry and the NIC cannot know.
            let _ = memory.write(self.base.wrapping_add(offset.into()), &entry.to_le_bytes());
            self.producer = self.producer.wrapping_add(1);
            written += 1;
        }
        written
    }

    /// Moderation counts from the moment at which the queue is armed and has something to tell.
    pub fn watch(&mut self, now: Picos) {
        if self.armed && self.unread() != 0 {
            self.waiting_since.get_or_insert(now);
        } else {
            self.waiting_since = None;
        }
    }

    /// When the interrupt is due with moderation `delay` and `count` (0: none): `None` if nothing is to be told.
    pub fn interrupt_due(&self, now: Picos, delay: Picos, count: u16) -> Option<Picos> {
        if !self.armed || self.unread() == 0 {
            return None;
        }
        let since = self.waiting_since.unwrap_or(now);
        if count != 0 && self.unread() >= count {
            return Some(since);
        }
        Some(Picos(since.0.saturating_add(delay.0)))
    }

    /// The interrupt was raised.
    pub fn disarm(&mut self) {
        self.armed = false;
        self.waiting_since = None;
    }
}
