//! Enabling, stopping, recovering and closing a queue pair.
//!
//! The memory that a queue pair handed to the NIC (references M, D and B) is released in three ways only: by
//! completion; when the queue pair is disabled, its STATUS_ACTIVE is 0, and magic and epoch are those of the live
//! device; by a confirmed quiesce of the whole device. If none of them can be had, it is stranded: kept, reported,
//! and freed by the next confirmed quiesce.

use std::{marker::PhantomData, sync::Arc};

use longshore_device::{DeviceError, Interrupt, Stamp};
use longshore_dma::{Chunk, Pool};
use longshore_refs::holder::{B, D};
use nic_abi::{
    block::queue,
    fault::QueueFault,
    rx::{BUFFER_ALIGN, BUFFER_MAX},
};

use super::{
    Chain, Completed, CompletionQueue, Counters, Moderator, QueueConfig, QueuePair, ReceiveQueue,
    Submission, Submitter, TxOutcome, entries::Entries,
};
use crate::{DriverError, mapping::Mapping, nic::Shared};

/// What the NIC says of a queue pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Up,
    /// It is in quarantine, for a cause that the contract knows (or not).
    Quarantined(Option<QueueFault>),
    /// It is disabled, or the device was reset.
    Down,
}

/// Memory of a queue pair that is gone while the NIC may still use it.
pub(crate) struct Stranded {
    pub(crate) queue: u32,
    pub(crate) enabled: Stamp,
    /// Reference M; `None` if the queue pair itself lives on.
    rings: Option<Mapping>,
    tx: Vec<Chunk<D>>,
    rx: Vec<Chunk<B>>,
}

impl Stranded {
    /// What a submission side held that went away alone.
    pub(super) fn of_submitter(queue: u32, enabled: Stamp, tx: Vec<Chunk<D>>) -> Self {
        Self {
            queue,
            enabled,
            rings: None,
            tx,
            rx: Vec::new(),
        }
    }

    /// Whether the index of the queue pair is free with it.
    pub(crate) fn is_of_pair(&self) -> bool {
        self.rings.is_some()
    }

    pub(crate) fn buffers(&self) -> usize {
        self.tx.len() + self.rx.len()
    }
}

/// Checks the configuration and gets what a queue pair needs before the NIC hears of it.
fn prepare(
    shared: &Shared,
    config: &QueueConfig,
    buffers: &Pool,
) -> Result<(Arc<Interrupt>, Mapping), DriverError> {
    config.check()?;
    let len = buffers.chunk_len();
    if len > BUFFER_MAX as usize || !len.is_multiple_of(BUFFER_ALIGN as usize) {
        return Err(DriverError::BadConfig(
            "receive buffers are multiples of 64 B, at most 65,472 B",
        ));
    }
    let interrupt = shared.device().interrupt(config.vector)?;
    Ok((interrupt, shared.bus.allocate(config.layout().len)?))
}

impl<T: Send> QueuePair<T> {
    pub(crate) fn open(
        shared: Arc<Shared>,
        index: u32,
        config: QueueConfig,
        buffers: Arc<Pool>,
    ) -> Result<Self, DriverError> {
        let (interrupt, memory) =
            prepare(&shared, &config, &buffers).inspect_err(|_| shared.give_back(index))?;
        let layout = config.layout();
        let ring = |base, log2| Entries::new(memory.region.clone(), base, log2);
        let sq = Submission::new(ring(layout.sq, config.sq_log2));
        let rq = ReceiveQueue::new(ring(layout.rq, config.rq_log2));
        let cq = CompletionQueue::new(ring(layout.cq, config.cq_log2));
        let recycled = Vec::with_capacity(rq.len().into());
        let epoch = shared.epoch();
        let submitter = Submitter::new(Arc::clone(&shared), index, sq);
        let mut this = Self {
            shared,
            index,
            config,
            interrupt,
            memory: Some(memory),
            enabled: Stamp::now(),
            epoch,
            quarantined: false,
            live: false,
            progress: Arc::clone(&submitter.progress),
            submitter: Some(submitter),
            rq,
            cq,
            buffers,
            recycled,
            chain: Chain::None,
            moderator: Moderator::new(&config),
            counters: Counters::default(),
            not_sync: PhantomData,
        };
        this.start()?;
        Ok(this)
    }

    /// Configures and enables the queue pair, which the NIC does not use, and posts receive buffers.
    fn start(&mut self) -> Result<(), DriverError> {
        // Somebody before us may have left it running.
        self.write(queue::CONTROL, 0)?;
        self.wait_inactive()?;
        self.cq.reset();
        self.progress.reset();
        let iova = self.memory.as_ref().map_or(0, |m| m.iova);
        let layout = self.config.layout();
        for (low, high, offset) in [
            (queue::SQ_BASE_LOW, queue::SQ_BASE_HIGH, layout.sq),
            (queue::RQ_BASE_LOW, queue::RQ_BASE_HIGH, layout.rq),
            (queue::CQ_BASE_LOW, queue::CQ_BASE_HIGH, layout.cq),
        ] {
            let base = iova + offset as u64;
            self.write(low, base as u32)?;
            self.write(high, (base >> 32) as u32)?;
        }
        let config = self.config;
        self.write(
            queue::SIZES,
            queue::SIZES_SQ.of(config.sq_log2)
                | queue::SIZES_RQ.of(config.rq_log2)
                | queue::SIZES_CQ.of(config.cq_log2),
        )?;
        self.moderator = Moderator::new(&config);
        self.write(queue::INTERRUPT, config.interrupt(config.moderation))?;
        self.epoch = self.shared.epoch();
        // From here on the NIC may use the rings.
        self.enabled = Stamp::now();
        self.live = true;
        if let Some(submitter) = &mut self.submitter {
            (submitter.epoch, submitter.enabled) = (self.epoch, self.enabled);
        }
        // Down until the NIC says that it is up.
        self.quarantined = true;
        self.show_state();
        self.write(queue::CONTROL, queue::CONTROL_ENABLE.of(1))?;
        let status = self.read(queue::STATUS)?;
        if status == u32::MAX {
            return Err(DeviceError::Gone.into());
        }
        if queue::STATUS_QUARANTINE.get(status) != 0 {
            return Err(DriverError::EnableFailed {
                index: self.index,
                fault: QueueFault::from_raw(queue::STATUS_CAUSE.get(status) as u8),
            });
        }
        self.quarantined = false;
        self.show_state();
        self.replenish(true)
    }

    /// Tells the submission side, wherever it is.
    pub(super) fn show_state(&self) {
        self.progress
            .set_state(self.quarantined || !self.live, !self.live);
    }

    /// Gives up all requests, if the submission side is here: owners to `each`, references D to the caller.
    fn abandon(&mut self, each: impl FnMut(T)) -> Vec<Chunk<D>> {
        let submitter = self.submitter.as_mut();
        submitter.map_or_else(Vec::new, |s| s.sq.abandon(each).into())
    }

    fn wait_inactive(&self) -> Result<(), DeviceError> {
        self.shared.patience.poll("inactive", || {
            let status = self.read(queue::STATUS)?;
            if status == u32::MAX {
                return Err(DeviceError::Gone);
            }
            Ok((queue::STATUS_ACTIVE.get(status) == 0).then_some(()))
        })
    }

    /// Makes sure that the NIC uses this queue pair's memory no more.
    fn stop(&mut self) -> Result<(), DeviceError> {
        if self.live && !self.shared.is_quiesced(self.enabled) {
            self.write(queue::CONTROL, 0)?;
            self.wait_inactive()?;
            self.shared.check_alive()?;
        }
        self.live = false;
        self.show_state();
        Ok(())
    }

    /// Hands all that the NIC completed before it stopped to `done`, then everything else as aborted.
    fn settle(&mut self, done: &mut Vec<Completed<T>>) {
        let all = self.cq.len().into();
        self.drain(all, done);
        let before = done.len();
        let released = self.abandon(|owner| {
            done.push(Completed::Sent {
                owner,
                outcome: TxOutcome::Aborted,
            });
        });
        drop(released);
        if self.submitter.is_some() {
            // Its indexes started over, whether or not the queue pair does.
            self.progress.reset();
        }
        self.counters.aborted += (done.len() - before) as u64;
        if let Chain::Begun(frame) = std::mem::replace(&mut self.chain, Chain::None) {
            self.recycle(frame);
        }
        self.recycled.extend(self.rq.abandon());
        // Never more than the ring holds.
        self.recycled.truncate(self.rq.len().into());
    }

    /// Starts over after a quarantine or a reset: stops the queue pair, hands all requests to `done` (those that
    /// the NIC did not complete as [`TxOutcome::Aborted`]), enables it again and posts receive buffers.
    ///
    /// # Errors
    /// [`DriverError::Device`] if the NIC does not stop: then [`crate::Nic::reset`], and recover again. What
    /// [`crate::Nic::queue_pair`] reports. [`DriverError::BadConfig`] while the submission side is lent.
    pub fn recover(&mut self, done: &mut Vec<Completed<T>>) -> Result<(), DriverError> {
        if self.submitter.is_none() {
            return Err(DriverError::BadConfig(
                "the submission side is lent: give it back before the queue pair starts over",
            ));
        }
        self.stop()?;
        self.settle(done);
        self.start()
    }

    /// What the NIC says: register reads, for when completions fail to come.
    ///
    /// # Errors
    /// [`DriverError::Device`] if the device is gone or was reset behind the driver's back.
    pub fn health(&self) -> Result<Health, DriverError> {
        if !self.live || self.epoch != self.shared.epoch() {
            return Ok(Health::Down);
        }
        self.shared.check_alive()?;
        let status = self.read(queue::STATUS)?;
        if queue::STATUS_QUARANTINE.get(status) != 0 {
            let cause = queue::STATUS_CAUSE.get(status) as u8;
            return Ok(Health::Quarantined(QueueFault::from_raw(cause)));
        }
        let enabled = queue::CONTROL_ENABLE.get(self.read(queue::CONTROL)?) != 0;
        Ok(if enabled { Health::Up } else { Health::Down })
    }

    /// Closes the queue pair, handing what the NIC completed, and the owners of what it did not, to `done`. Cannot
    /// fail: memory that the NIC does not let go of is kept until a quiesce is confirmed.
    pub fn close(mut self, done: &mut Vec<Completed<T>>) {
        self.shut_down(done);
    }

    fn shut_down(&mut self, done: &mut Vec<Completed<T>>) {
        let Some(rings) = self.memory.take() else {
            return;
        };
        if let Err(error) = self.stop() {
            tracing::warn!(queue = self.index, %error, "queue pair does not stop");
            let tx = self.abandon(|owner| {
                done.push(Completed::Sent {
                    owner,
                    outcome: TxOutcome::Aborted,
                });
            });
            let stranded = Stranded {
                queue: self.index,
                enabled: self.enabled,
                rings: Some(rings),
                tx,
                rx: self.rq.abandon().collect(),
            };
            self.live = false;
            self.shared.strand(stranded);
        } else {
            self.settle(done);
            drop(rings);
            self.shared.give_back(self.index);
        }
    }
}

impl<T: Send> Drop for QueuePair<T> {
    fn drop(&mut self) {
        self.shut_down(&mut Vec::new());
    }
}
