//! A queue pair: submission, receive and completion queue, owned by one thread.

mod completion;
mod config;
mod counters;
mod entries;
mod intake;
mod lifecycle;
mod moderation;
mod receive;
mod submission;
mod submitter;
mod waiting;

pub use config::{Moderation, QueueConfig};
pub use counters::Counters;
pub use lifecycle::Health;
pub(crate) use lifecycle::Stranded;
pub use submitter::Submitter;
pub use waiting::Waiting;

use std::{cell::Cell, fmt, marker::PhantomData, sync::Arc, time::Duration};

use longshore_device::{DeviceError, Interrupt, Stamp};
use longshore_dma::{Chunk, Pool};
use longshore_refs::holder::B;
use nic_abi::{
    block::queue,
    fault::{QueueFault, Status},
    tx::TxContext,
};

use crate::{DriverError, Piece, PostError, Received, Refusal, mapping::Mapping, nic::Shared};
use completion::CompletionQueue;
use intake::Chain;
use moderation::Moderator;
use receive::ReceiveQueue;
use submission::Submission;
use submitter::Progress;

/// How a transmit request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxOutcome {
    /// The NIC completed it.
    Done {
        /// What it says.
        status: Status,
        /// Frames sent for it; known for requests with a completion of their own.
        segments: Option<u32>,
    },
    /// The queue pair was recovered or closed before the NIC completed it: sent whole, in part or not at all.
    Aborted,
}

/// What [`QueuePair::poll`] finds, in the order in which the NIC completed it.
#[derive(Debug)]
pub enum Completed<T> {
    /// A frame.
    Received(Received),
    /// A transmit request is done; its references D are released.
    Sent {
        /// Whatever was posted with it.
        owner: T,
        /// How it ended.
        outcome: TxOutcome,
    },
    /// The queue pair is in quarantine until [`QueuePair::recover`].
    Quarantined {
        /// Cause.
        fault: QueueFault,
        /// Descriptor at fault, in the ring that the cause names.
        index: u16,
    },
}

/// A queue pair of a NIC.
///
/// It belongs to one thread at a time (`Send`, not `Sync`): that thread posts, polls and recovers; others hand it
/// their work. No data-path call reads a register; each batch costs one doorbell per queue that moved.
pub struct QueuePair<T: Send> {
    shared: Arc<Shared>,
    index: u32,
    config: QueueConfig,
    interrupt: Arc<Interrupt>,
    /// Memory of the rings (reference M).
    memory: Option<Mapping>,
    /// When the NIC was last given the rings.
    enabled: Stamp,
    epoch: u32,
    quarantined: bool,
    /// False while the NIC has none of this queue pair's memory.
    live: bool,
    /// `None` while it is lent.
    submitter: Option<Submitter<T>>,
    progress: Arc<Progress>,
    rq: ReceiveQueue,
    cq: CompletionQueue,
    /// Buffers on their way from a frame back to the receive ring, past the pool.
    recycled: Vec<Chunk<B>>,
    chain: Chain,
    moderator: Moderator,
    /// Below everything that holds chunks of it: fields are dropped from top to bottom.
    buffers: Arc<Pool>,
    counters: Counters,
    not_sync: PhantomData<Cell<()>>,
}

impl<T: Send> QueuePair<T> {
    /// Posts a transmit request: one frame, or a template header and payload to be segmented. `context.payload_len`
    /// and `context.buffers` follow from the pieces; `context.complete` asks for a completion of its own (the last
    /// request of a batch always has one). The NIC sees it after [`QueuePair::ring`].
    ///
    /// On success `pieces` is empty (its capacity stays, for the next request), and `owner` comes back with
    /// [`Completed::Sent`].
    ///
    /// # Errors
    /// [`PostError`] with the owner; `pieces` are unchanged.
    pub fn post(
        &mut self,
        context: TxContext,
        pieces: &mut Vec<Piece>,
        owner: T,
    ) -> Result<(), PostError<T>> {
        match &mut self.submitter {
            Some(submitter) => submitter.post(context, pieces, owner),
            None => Err(PostError {
                refusal: Refusal::Down,
                owner,
            }),
        }
    }

    /// Lends the submission side to whoever posts from now on, perhaps in another thread. Meanwhile nothing can be posted
    /// here, [`QueuePair::poll`] reports no [`Completed::Sent`], and the queue pair cannot be recovered. `None` if it is lent
    /// already.
    pub fn lend(&mut self) -> Option<Submitter<T>> {
        self.submitter.take()
    }

    /// Takes back what was lent.
    ///
    /// # Errors
    /// Another queue pair's submission side, as it is.
    #[expect(
        clippy::result_large_err,
        reason = "moved once in the life of a queue pair"
    )]
    pub fn take_back(&mut self, submitter: Submitter<T>) -> Result<(), Submitter<T>> {
        if !Arc::ptr_eq(&self.progress, &submitter.progress) {
            return Err(submitter);
        }
        self.submitter = Some(submitter);
        Ok(())
    }

    /// Whether the NIC has requests that it has not completed.
    pub fn is_sending(&self) -> bool {
        self.progress.is_sending()
    }

    /// Whether completed requests wait to be given back by [`Submitter::reclaim`].
    pub fn is_reclaimable(&self) -> bool {
        self.progress.is_reclaimable()
    }

    /// Shows the NIC what was posted: one doorbell, none if there is nothing new.
    ///
    /// # Errors
    /// What the transport reports.
    pub fn ring(&mut self) -> Result<(), DriverError> {
        self.submitter.as_mut().map_or(Ok(()), Submitter::ring)
    }

    /// Handles up to `budget` completions and appends what they mean to `done`; posts fresh receive buffers and
    /// returns credit, each when it is worth a doorbell. Returns the number of completions: below `budget`, nothing
    /// more is there.
    ///
    /// Whatever a broken device writes, this only counts it ([`Counters::bad_completions`]).
    ///
    /// # Errors
    /// [`DriverError::Reset`] if the device was reset since; what the transport reports.
    pub fn poll(
        &mut self,
        budget: usize,
        done: &mut Vec<Completed<T>>,
    ) -> Result<usize, DriverError> {
        if self.epoch != self.shared.epoch() {
            return Err(DriverError::Reset);
        }
        let n = self.drain(budget, done);
        self.moderator.handled(n);
        if !self.is_down() {
            self.replenish(false)?;
            if let Some(head) = self.cq.overdue() {
                self.counters.cq_doorbells += 1;
                self.doorbell(queue::CQ_DOORBELL, queue::CQ_HEAD.of(head.into()))?;
            }
        }
        Ok(n)
    }

    /// Gives a frame's buffers back to the receive ring without going through the pool: no atomic
    /// read-modify-write. Frames of other queue pairs go back to their own pool.
    pub fn recycle(&mut self, frame: Received) {
        self.put_back(frame.first.chunk);
        for part in frame.rest {
            self.put_back(part.chunk);
        }
    }

    /// Posts fresh receive buffers now, whether or not it is worth a doorbell. [`QueuePair::poll`] does so when it
    /// is; call this when buffers came back to an empty pool and no completion is due.
    ///
    /// # Errors
    /// What the transport reports.
    pub fn refill(&mut self) -> Result<(), DriverError> {
        if self.is_down() {
            return Ok(());
        }
        self.replenish(true)
    }

    fn replenish(&mut self, now: bool) -> Result<(), DriverError> {
        let batch = (self.rq.len() / 8).max(1);
        let low = |rq: &ReceiveQueue| rq.at_nic() < rq.len() / 2;
        if !now && !low(&self.rq) && self.rq.room() + self.rq.unrung() < batch {
            return Ok(());
        }
        while self.rq.room() > 0
            && let Some(chunk) = self.recycled.pop()
        {
            self.rq.post(chunk);
        }
        let room = usize::from(self.rq.room());
        if room > 0 {
            let rq = &mut self.rq;
            self.buffers.take_many(room, |chunk| rq.post(chunk));
        }
        if let Some(tail) = self.rq.take_tail() {
            self.counters.rq_doorbells += 1;
            self.doorbell(queue::RQ_DOORBELL, queue::RQ_TAIL.of(tail.into()))?;
        }
        if low(&self.rq) {
            self.counters.starved += 1;
        }
        Ok(())
    }

    /// Asks for an interrupt at the next completion and returns credit, in one doorbell. If completions are there that were
    /// not polled, it signals the interrupt itself, without one. Changes the moderation if the load has changed.
    ///
    /// # Errors
    /// What the transport reports.
    pub fn arm(&mut self) -> Result<(), DriverError> {
        if !self.is_down() && self.has_completions() {
            self.interrupt.signal();
            return Ok(());
        }
        if let Some(moderation) = self.moderator.sleeps() {
            self.counters.moderations += 1;
            self.write(queue::INTERRUPT, self.config.interrupt(moderation))?;
        }
        let head = self.cq.tell();
        self.counters.cq_doorbells += 1;
        self.doorbell(
            queue::CQ_DOORBELL,
            queue::CQ_HEAD.of(head.into()) | queue::CQ_ARM.of(1),
        )
    }

    /// Sleeps until there is something to poll, at most for `timeout` (`None`: without end). Returns whether there
    /// is. [`Interrupt::signal`] from another thread ends the sleep early: that is how an owner is called to other
    /// work. Several queue pairs may share a vector; then one's sleep may take the other's interrupt.
    ///
    /// # Errors
    /// What the transport reports.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, DriverError> {
        if self.has_completions() {
            return Ok(true);
        }
        self.arm()?;
        self.interrupt.wait(timeout);
        Ok(self.has_completions())
    }

    /// True if [`QueuePair::poll`] would find something. A look at memory, no register.
    pub fn has_completions(&self) -> bool {
        self.cq.has_next()
    }

    /// The interrupt of the completion queue: a file that becomes readable, for `poll` and `epoll`.
    pub fn interrupt(&self) -> &Arc<Interrupt> {
        &self.interrupt
    }

    /// True while nothing can be posted: in quarantine, or the device was reset.
    pub fn is_down(&self) -> bool {
        self.quarantined || !self.live || self.epoch != self.shared.epoch()
    }

    /// Descriptors that can be posted; a request takes one more than it has pieces.
    pub fn room(&self) -> usize {
        self.submitter.as_ref().map_or(0, Submitter::room)
    }

    /// Transmit requests that are not done; 0 while the submission side is lent.
    pub fn outstanding(&self) -> usize {
        self.submitter.as_ref().map_or(0, Submitter::outstanding)
    }

    /// Index of the queue pair in the NIC.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// What it has seen and done. While the submission side is lent, without what that has done.
    pub fn counters(&self) -> Counters {
        match &self.submitter {
            Some(submitter) => self.counters.with_submission(&submitter.counters),
            None => self.counters,
        }
    }

    fn doorbell(
        &self,
        register: nic_abi::register::Register,
        value: u32,
    ) -> Result<(), DriverError> {
        Ok(self.write(register, value)?)
    }

    fn write(&self, register: nic_abi::register::Register, value: u32) -> Result<(), DeviceError> {
        let queues = self.shared.features.queues;
        self.shared.write(queues, self.index, register, value)
    }

    fn read(&self, register: nic_abi::register::Register) -> Result<u32, DeviceError> {
        let queues = self.shared.features.queues;
        self.shared.read(queues, self.index, register)
    }
}

impl<T: Send> fmt::Debug for QueuePair<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuePair")
            .field("index", &self.index)
            .field("config", &self.config)
            .field("quarantined", &self.quarantined)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
