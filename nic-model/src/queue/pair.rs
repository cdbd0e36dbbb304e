//! One queue pair: its rings, its state, its faults.

use super::completion_queue::CompletionQueue;
use super::csr::Registers;
use super::descriptor_fetch::Ring;
use super::stats::Stats;
use crate::tx::Request;
use longshore_dma::HostMemory;
use nic_abi::block::{QUEUE, queue};
use nic_abi::completion::Completion;
use nic_abi::fault::QueueFault;
use nic_abi::register::Register;
use nic_abi::ring::{BASE_ALIGN, LOG2_MAX, LOG2_MIN};
use nic_abi::stats::Stat;
use nic_abi::{rx, tx};

/// State of one queue pair.
#[derive(Debug, Clone, Default)]
pub struct QueuePair {
    number: u32,
    /// Enabled by the driver.
    pub enabled: bool,
    /// Why it is in quarantine, and the descriptor at fault.
    pub fault: Option<(QueueFault, u16)>,
    /// Submission ring.
    pub sq: Ring,
    /// Receive ring.
    pub rq: Ring,
    /// Completion queue.
    pub cq: CompletionQueue,
    /// Receive descriptors behind the head that were looked at, each with a completion promised, for a frame that was dropped for want
    /// of more; the next one uses them.
    held: u16,
}

impl QueuePair {
    /// Queue pair number `number` after reset.
    pub fn new(number: u32) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    /// BAR0 offset of one of its registers.
    pub fn at(&self, register: Register) -> u32 {
        QUEUE.at(self.number, register)
    }

    /// Takes over bases and sizes; a configuration that cannot be is a quarantine.
    pub fn enable(&mut self, registers: &Registers) {
        let word = |r| u64::from(registers.get(self.at(r)));
        let sizes = registers.get(self.at(queue::SIZES));
        let ring = |low, high, size| Ring {
            base: word(low) | word(high) << 32,
            log2: size,
            ..Ring::default()
        };
        let sq = ring(
            queue::SQ_BASE_LOW,
            queue::SQ_BASE_HIGH,
            queue::SIZES_SQ.get(sizes),
        );
        let rq = ring(
            queue::RQ_BASE_LOW,
            queue::RQ_BASE_HIGH,
            queue::SIZES_RQ.get(sizes),
        );
        let cq = ring(
            queue::CQ_BASE_LOW,
            queue::CQ_BASE_HIGH,
            queue::SIZES_CQ.get(sizes),
        );
        let sound = [&sq, &rq, &cq]
            .iter()
            .all(|r| r.base.is_multiple_of(BASE_ALIGN) && (LOG2_MIN..=LOG2_MAX).contains(&r.log2))
            && 1u32 << cq.log2 >= (1 << sq.log2) + (1 << rq.log2);
        *self = Self {
            number: self.number,
            enabled: true,
            fault: (!sound).then_some((QueueFault::BadConfiguration, 0)),
            cq: CompletionQueue::new(cq.base, cq.log2),
            sq,
            rq,
            held: 0,
        };
    }

    /// True if it may take up work.
    pub fn runs(&self) -> bool {
        self.enabled && self.fault.is_none()
    }

    /// Puts the queue pair into quarantine and tells so, unless it is there already.
    pub fn quarantine(&mut self, fault: QueueFault, index: u16) {
        if self.fault.is_none() {
            self.fault = Some((fault, index));
            self.cq.push(Completion::Event { index, fault });
            self.drop_held();
        }
    }

    /// Gives up the receive descriptors that were looked at.
    pub fn drop_held(&mut self) {
        self.cq.release(std::mem::take(&mut self.held));
    }

    /// The STATUS register, without the bit for activity.
    pub fn status(&self) -> u32 {
        self.fault.map_or(0, |(fault, index)| {
            queue::STATUS_QUARANTINE.of(1)
                | queue::STATUS_CAUSE.of(fault as u32)
                | queue::STATUS_INDEX.of(index.into())
        })
    }

    /// Takes the next whole request out of the submission ring, if there is one. A request with a buffer descriptor at fault is
    /// counted, and ends in the quarantine.
    pub fn take_request(&mut self, memory: &dyn HostMemory, stats: &mut Stats) -> Option<Request> {
        if self.sq.posted() == 0 {
            return None;
        }
        let start = self.sq.head;
        let context = self.fetch_sq(memory, 0)?;
        if tx::TYPE.get(context) != tx::TYPE_CONTEXT {
            self.quarantine(QueueFault::BadDescriptorType, start);
            return None;
        }
        let count = tx::BUFFERS.get(context) as u16;
        if self.sq.posted() <= count {
            return None;
        }
        let mut buffers = Vec::with_capacity(count.into());
        for ahead in 1..=count {
            let descriptor = self.fetch_sq(memory, ahead)?;
            let fault = match tx::TxBuffer::decode(descriptor) {
                Some(buffer) if (1..=tx::BUFFER_LEN_MAX).contains(&buffer.len) => {
                    buffers.push((buffer.addr, buffer.len));
                    continue;
                }
                Some(_) => QueueFault::BadLength,
                None => QueueFault::BadDescriptorType,
            };
            stats.count(Stat::TxRequests);
            stats.count(Stat::TxRejected);
            self.quarantine(fault, start.wrapping_add(ahead));
            return None;
        }
        self.sq.head = start.wrapping_add(count + 1);
        Some(Request {
            context,
            head: self.sq.head,
            buffers,
        })
    }

    fn fetch_sq(&mut self, memory: &dyn HostMemory, ahead: u16) -> Option<u128> {
        let fetched = self.sq.fetch(memory, ahead);
        if fetched.is_err() {
            self.quarantine(QueueFault::ReadFailed, self.sq.head.wrapping_add(ahead));
        }
        fetched.ok()
    }

    /// Takes receive buffers that together hold `len` bytes, with their indexes and each with a completion promised: `None` if there are not
    /// enough, or no room for their completions, or one of them is at fault.
    pub fn take_buffers(
        &mut self,
        memory: &dyn HostMemory,
        len: usize,
    ) -> Option<Vec<(u16, rx::RxDescriptor)>> {
        let mut taken = Vec::new();
        let mut room = 0;
        while room < len {
            let ahead = taken.len() as u16;
            let new = ahead == self.held;
            if taken.len() == rx::DESCRIPTORS_MAX
                || new && (ahead >= self.rq.posted() || !self.cq.is_open())
            {
                return None;
            }
            let index = self.rq.head.wrapping_add(ahead);
            let Ok(descriptor) = self.rq.fetch(memory, ahead) else {
                self.quarantine(QueueFault::ReadFailed, index);
                return None;
            };
            match rx::check(descriptor) {
                Ok(buffer) => {
                    if new {
                        self.held += 1;
                        self.cq.promise();
                    }
                    room += buffer.len as usize;
                    taken.push((index, buffer));
                }
                Err(fault) => {
                    self.quarantine(fault, index);
                    return None;
                }
            }
        }
        self.rq.head = self.rq.head.wrapping_add(taken.len() as u16);
        self.held -= taken.len() as u16;
        Some(taken)
    }
}
