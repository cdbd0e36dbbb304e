//! The driver's side of a queue pair.

use super::bench::Bench;
use nic_abi::block::{DEVICE, QUEUE, device, queue};
use nic_abi::completion;
use nic_abi::ring::{ENTRY_BYTES, entry_offset, phase};

/// A queue pair as its driver sees it.
pub(crate) struct Driver {
    pub(crate) pair: u32,
    pub(crate) sq_log2: u32,
    pub(crate) rq_log2: u32,
    pub(crate) cq_log2: u32,
    pub(crate) sq_base: u64,
    pub(crate) rq_base: u64,
    pub(crate) cq_base: u64,
    /// Descriptors posted, in order.
    pub(crate) sq_posted: Vec<u128>,
    pub(crate) rq_posted: Vec<u128>,
    /// Completions read, phase cleared.
    pub(crate) completions: Vec<u128>,
}

impl Driver {
    /// A queue pair with rings of these sizes, not aligned to more than they must be.
    pub(crate) fn new(pair: u32, sq_log2: u32, rq_log2: u32, cq_log2: u32) -> Self {
        let base = 0x12_3400_0000 + u64::from(pair) * 0x100_0000;
        Self {
            pair,
            sq_log2,
            rq_log2,
            cq_log2,
            sq_base: base + 0x1_0040,
            rq_base: base + 0x11_0fc0,
            cq_base: base + 0x21_0080,
            sq_posted: Vec::new(),
            rq_posted: Vec::new(),
            completions: Vec::new(),
        }
    }

    /// BAR0 offset of a register of this pair.
    pub(crate) fn at(&self, register: nic_abi::register::Register) -> u32 {
        QUEUE.at(self.pair, register)
    }

    /// Configures and enables the pair; zeroes the completion ring.
    pub(crate) fn enable(&mut self, bench: &mut Bench, interrupt: u32) {
        for i in 0..1_u64 << self.cq_log2 {
            bench.store(self.cq_base + 16 * i, 0);
        }
        self.sq_posted.clear();
        self.rq_posted.clear();
        self.completions.clear();
        for (low, high, base) in [
            (queue::SQ_BASE_LOW, queue::SQ_BASE_HIGH, self.sq_base),
            (queue::RQ_BASE_LOW, queue::RQ_BASE_HIGH, self.rq_base),
            (queue::CQ_BASE_LOW, queue::CQ_BASE_HIGH, self.cq_base),
        ] {
            bench.write(self.at(low), base as u32);
            bench.write(self.at(high), (base >> 32) as u32);
        }
        let sizes = queue::SIZES_SQ.of(self.sq_log2)
            | queue::SIZES_RQ.of(self.rq_log2)
            | queue::SIZES_CQ.of(self.cq_log2);
        bench.write(self.at(queue::SIZES), sizes);
        bench.write(self.at(queue::INTERRUPT), interrupt);
        bench.write(DEVICE.at(0, device::CONTROL), device::CONTROL_ENABLE.of(1));
        bench.write(self.at(queue::CONTROL), queue::CONTROL_ENABLE.of(1));
    }

    /// Posts submission descriptors.
    pub(crate) fn post_sq(
        &mut self,
        bench: &mut Bench,
        descriptors: impl IntoIterator<Item = u128>,
    ) {
        for d in descriptors {
            let offset = entry_offset(self.sq_posted.len() as u16, self.sq_log2);
            bench.store(self.sq_base + u64::from(offset), d);
            self.sq_posted.push(d);
        }
        bench.write(
            self.at(queue::SQ_DOORBELL),
            self.sq_posted.len() as u32 & 0xffff,
        );
    }

    /// Posts receive descriptors.
    pub(crate) fn post_rq(
        &mut self,
        bench: &mut Bench,
        descriptors: impl IntoIterator<Item = u128>,
    ) {
        for d in descriptors {
            let offset = entry_offset(self.rq_posted.len() as u16, self.rq_log2);
            bench.store(self.rq_base + u64::from(offset), d);
            self.rq_posted.push(d);
        }
        bench.write(
            self.at(queue::RQ_DOORBELL),
            self.rq_posted.len() as u32 & 0xffff,
        );
    }

    /// Reads the completions that have come; true if there were any.
    pub(crate) fn poll(&mut self, bench: &Bench) -> bool {
        let before = self.completions.len();
        loop {
            let index = self.completions.len() as u32;
            let offset = (index & ((1 << self.cq_log2) - 1)) * ENTRY_BYTES;
            let entry = bench.entry(self.cq_base + u64::from(offset));
            // A ring of zeros has phase 0: the first pass is phase 1.
            if completion::PHASE.is_set(entry) != phase(index, self.cq_log2) {
                return self.completions.len() != before;
            }
            self.completions.push(completion::PHASE.set(entry, 0));
        }
    }

    /// Tells the NIC what was read.
    pub(crate) fn consumed(&self, bench: &mut Bench, arm: bool) {
        let head = self.completions.len() as u32 & 0xffff;
        bench.write(
            self.at(queue::CQ_DOORBELL),
            queue::CQ_HEAD.of(head) | queue::CQ_ARM.of(arm.into()),
        );
    }
}
