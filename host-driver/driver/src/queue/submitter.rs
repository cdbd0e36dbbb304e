//! The submission side of a queue pair, which can be lent to whoever posts while the owner polls.

use std::sync::Arc;

use longshore_device::Stamp;
use longshore_dma::Chunk;
use longshore_refs::{
    holder::D,
    sync::atomic::{AtomicBool, AtomicU16, Ordering},
};
use nic_abi::{block::queue, fault::Status, ring::distance, tx::TxContext};

use super::{
    Counters, TxOutcome,
    lifecycle::Stranded,
    submission::{BadHead, Submission},
};
use crate::{DriverError, Piece, PostError, Refusal, nic::Shared, request};

/// What the two sides of a queue pair tell each other: each cell has one writer at a time, so that nobody needs a
/// read-modify-write.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Tail of the submission ring that the NIC knows.
    rung: AtomicU16,
    /// Head up to which the NIC has completed requests, as far as completions were read.
    finished: AtomicU16,
    /// Head up to which they were given back.
    reclaimed: AtomicU16,
    /// Nothing can be posted.
    down: AtomicBool,
    /// The NIC has none of the queue pair's memory.
    stopped: AtomicBool,
}

impl Progress {
    /// Indexes start over.
    pub(super) fn reset(&self) {
        for cell in [&self.rung, &self.finished, &self.reclaimed] {
            cell.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn set_state(&self, down: bool, stopped: bool) {
        self.down.store(down, Ordering::Release);
        self.stopped.store(stopped, Ordering::Release);
    }

    /// The NIC says that all is done up to `head`. Whatever it wrote or read before happens before a look at this.
    pub(super) fn finish(&self, head: u16) -> Result<(), BadHead> {
        let finished = self.finished.load(Ordering::Relaxed);
        let done = distance(finished, head);
        if done == 0 || done > distance(finished, self.rung.load(Ordering::Acquire)) {
            return Err(BadHead);
        }
        self.finished.store(head, Ordering::Release);
        Ok(())
    }

    /// Whether the NIC has requests that it has not completed.
    pub(super) fn is_sending(&self) -> bool {
        self.finished.load(Ordering::Relaxed) != self.rung.load(Ordering::Relaxed)
    }

    /// Whether completed requests wait to be given back.
    pub(super) fn is_reclaimable(&self) -> bool {
        self.finished.load(Ordering::Relaxed) != self.reclaimed.load(Ordering::Relaxed)
    }
}

/// The submission side of a queue pair: [`QueuePair::lend`](super::QueuePair::lend).
///
/// Whoever has it posts and rings; the owner of the queue pair polls at the same time, and no lock stands between them.
/// What the NIC has completed comes back by [`Submitter::reclaim`].
pub struct Submitter<T: Send> {
    shared: Arc<Shared>,
    index: u32,
    pub(super) sq: Submission<T>,
    pub(super) epoch: u32,
    pub(super) enabled: Stamp,
    pub(super) progress: Arc<Progress>,
    pub(super) counters: Counters,
}

impl<T: Send> Submitter<T> {
    pub(super) fn new(shared: Arc<Shared>, index: u32, sq: Submission<T>) -> Self {
        Self {
            epoch: shared.epoch(),
            shared,
            index,
            sq,
            enabled: Stamp::now(),
            progress: Arc::default(),
            counters: Counters::default(),
        }
    }

    /// As [`QueuePair::post`](super::QueuePair::post).
    ///
    /// # Errors
    /// [`PostError`] with the owner; `pieces` are unchanged.
    pub fn post(
        &mut self,
        context: TxContext,
        pieces: &mut Vec<Piece>,
        owner: T,
    ) -> Result<(), PostError<T>> {
        let limit = self.shared.identity.frame_limit;
        let context = match request::check(context, pieces, limit, &self.shared.features) {
            Ok(context) => context,
            Err(refusal) => return Err(PostError { refusal, owner }),
        };
        let refusal = if self.is_down() {
            Refusal::Down
        } else if self.sq.room() < 1 + pieces.len() as u16 {
            self.counters.sq_full += 1;
            Refusal::Full
        } else {
            self.counters.posted += 1;
            self.counters.descriptors += 1 + pieces.len() as u64;
            self.sq.post(context, pieces, owner);
            return Ok(());
        };
        Err(PostError { refusal, owner })
    }

    /// As [`QueuePair::ring`](super::QueuePair::ring).
    ///
    /// # Errors
    /// What the transport reports.
    pub fn ring(&mut self) -> Result<(), DriverError> {
        if let Some(tail) = self.sq.take_tail() {
            // Before the NIC hears of it: its completion may be read at once.
            self.progress.rung.store(tail, Ordering::Release);
            self.counters.sq_doorbells += 1;
            let queues = self.shared.features.queues;
            let value = queue::SQ_TAIL.of(tail.into());
            self.shared
                .write(queues, self.index, queue::SQ_DOORBELL, value)?;
        }
        Ok(())
    }

    /// Hands the owners of requests that the NIC has completed well to `each`, and their references D to `released`,
    /// in order. Failed ones are counted by the side that polls ([`Counters::failed`]), and given back here all the same.
    pub fn reclaim(&mut self, mut each: impl FnMut(T), mut released: impl FnMut(Chunk<D>)) {
        let head = self.progress.finished.load(Ordering::Acquire);
        if head == self.sq.head() {
            return;
        }
        let counters = &mut self.counters;
        let retired = self.sq.retire(
            head,
            Status::Ok,
            None,
            |owner, _| {
                counters.sent += 1;
                each(owner);
            },
            &mut released,
        );
        match retired {
            Ok(()) => self.progress.reclaimed.store(head, Ordering::Relaxed),
            Err(BadHead) => {
                self.counters.bad_tx_head += 1;
                if self.counters.bad_tx_head.is_power_of_two() {
                    let total = self.counters.bad_tx_head;
                    tracing::warn!(
                        queue = self.index,
                        total,
                        head,
                        "transmit completion for no request of the NIC's"
                    );
                }
            }
        }
    }

    /// The NIC says that all requests up to `head` are done, and polling and submission side are one.
    pub(super) fn retire(
        &mut self,
        head: u16,
        status: Status,
        segments: u32,
        mut each: impl FnMut(T, TxOutcome),
    ) -> Result<(), BadHead> {
        let sent = &mut self.counters.sent;
        self.sq.retire(
            head,
            status,
            Some(segments),
            |owner, outcome| {
                *sent += 1;
                each(owner, outcome);
            },
            &mut drop,
        )?;
        self.progress.finished.store(head, Ordering::Relaxed);
        self.progress.reclaimed.store(head, Ordering::Relaxed);
        Ok(())
    }

    /// True while nothing can be posted.
    pub fn is_down(&self) -> bool {
        self.progress.down.load(Ordering::Acquire) || self.epoch != self.shared.epoch()
    }

    /// Descriptors that can be posted; a request takes one more than it has pieces.
    pub fn room(&self) -> usize {
        self.sq.room().into()
    }

    /// Requests that were not given back.
    pub fn outstanding(&self) -> usize {
        self.sq.outstanding()
    }

    /// What this side has done.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

impl<T: Send> Drop for Submitter<T> {
    /// What the NIC may still read is kept until a quiesce is confirmed.
    fn drop(&mut self) {
        let tx: Vec<_> = self.sq.abandon(|_| ()).into();
        let quiet =
            self.progress.stopped.load(Ordering::Acquire) || self.shared.is_quiesced(self.enabled);
        if !tx.is_empty() && !quiet {
            let stranded = Stranded::of_submitter(self.index, self.enabled, tx);
            self.shared.strand(stranded);
        }
    }
}

impl<T: Send> std::fmt::Debug for Submitter<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Submitter")
            .field("queue", &self.index)
            .field("outstanding", &self.outstanding())
            .finish_non_exhaustive()
    }
}
