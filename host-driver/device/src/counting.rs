//! Counts register accesses: "no register read on the data path" is a number, not a hope.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use longshore_dma::DmaRegion;
use nic_abi::block::{FLOW_QUEUE, QUEUE, flow_queue, queue};

use crate::{Device, DeviceError, DeviceInfo, Interrupt, Quiesced};

/// Register accesses so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MmioCounts {
    /// Reads of any register.
    pub reads: u64,
    /// Writes to any register, doorbells included.
    pub writes: u64,
    /// Writes to SQ doorbells.
    pub sq_doorbells: u64,
    /// Writes to RQ doorbells.
    pub rq_doorbells: u64,
    /// Writes to CQ doorbells.
    pub cq_doorbells: u64,
    /// Writes to command doorbells.
    pub command_doorbells: u64,
}

impl MmioCounts {
    /// Writes to doorbells of any kind.
    pub fn doorbells(&self) -> u64 {
        self.sq_doorbells + self.rq_doorbells + self.cq_doorbells + self.command_doorbells
    }

    /// What came on top of `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            reads: self.reads - earlier.reads,
            writes: self.writes - earlier.writes,
            sq_doorbells: self.sq_doorbells - earlier.sq_doorbells,
            rq_doorbells: self.rq_doorbells - earlier.rq_doorbells,
            cq_doorbells: self.cq_doorbells - earlier.cq_doorbells,
            command_doorbells: self.command_doorbells - earlier.command_doorbells,
        }
    }
}

impl fmt::Display for MmioCounts {
    /// Doorbells by kind, and register reads; a NIC's data path knows no other writes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} doorbells (SQ {}, RQ {}, CQ {}",
            self.doorbells(),
            self.sq_doorbells,
            self.rq_doorbells,
            self.cq_doorbells
        )?;
        if self.command_doorbells > 0 {
            write!(f, ", commands {}", self.command_doorbells)?;
        }
        write!(f, "), {} register reads", self.reads)
    }
}

/// A [`Device`] that counts register accesses on their way to another.
pub struct Counting<D> {
    inner: D,
    reads: AtomicU64,
    writes: AtomicU64,
    sq: AtomicU64,
    rq: AtomicU64,
    cq: AtomicU64,
    command: AtomicU64,
}

impl<D: Device> Counting<D> {
    /// Counts what goes to `inner`.
    pub fn new(inner: D) -> Self {
        Self {
            inner,
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            sq: AtomicU64::new(0),
            rq: AtomicU64::new(0),
            cq: AtomicU64::new(0),
            command: AtomicU64::new(0),
        }
    }

    /// The device behind.
    pub fn inner(&self) -> &D {
        &self.inner
    }

    /// Accesses so far.
    pub fn counts(&self) -> MmioCounts {
        MmioCounts {
            reads: self.reads.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            sq_doorbells: self.sq.load(Ordering::Relaxed),
            rq_doorbells: self.rq.load(Ordering::Relaxed),
            cq_doorbells: self.cq.load(Ordering::Relaxed),
            command_doorbells: self.command.load(Ordering::Relaxed),
        }
    }

    /// The counter of the doorbell at `offset`, if there is a doorbell.
    fn doorbell(&self, offset: u32) -> Option<&AtomicU64> {
        let within = offset.checked_sub(QUEUE.base)? % QUEUE.stride;
        let command = FLOW_QUEUE.base - QUEUE.base + flow_queue::COMMAND_DOORBELL.offset;
        [
            (queue::SQ_DOORBELL.offset, &self.sq),
            (queue::RQ_DOORBELL.offset, &self.rq),
            (queue::CQ_DOORBELL.offset, &self.cq),
            (command, &self.command),
        ]
        .into_iter()
        .find_map(|(at, counter)| (at == within).then_some(counter))
    }
}

impl<D: Device> Device for Counting<D> {
    fn info(&self) -> &DeviceInfo {
        self.inner.info()
    }

    fn read32(&self, offset: u32) -> Result<u32, DeviceError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.inner.read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) -> Result<(), DeviceError> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        if let Some(counter) = self.doorbell(offset) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.write32(offset, value)
    }

    fn config_space(&self) -> Result<Vec<u8>, DeviceError> {
        self.inner.config_space()
    }

    fn dma_map(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
        self.inner.dma_map(region, iova)
    }

    fn dma_unmap(&self, region: &Arc<DmaRegion>, iova: u64) -> Result<(), DeviceError> {
        self.inner.dma_unmap(region, iova)
    }

    fn interrupt(&self, vector: u16) -> Result<Arc<Interrupt>, DeviceError> {
        self.inner.interrupt(vector)
    }

    fn reset(&self) -> Result<Quiesced, DeviceError> {
        self.inner.reset()
    }

    fn sever(&self) -> Quiesced {
        self.inner.sever()
    }
}
