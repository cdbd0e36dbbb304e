//! The submission queue: requests in order, each with its owner and its references D.

use std::collections::VecDeque;

use longshore_dma::Chunk;
use longshore_refs::holder::D;
use nic_abi::{
    fault::Status,
    ring::distance,
    tx::{self, TxBuffer, TxContext},
};

use super::{TxOutcome, entries::Entries};
use crate::Piece;

struct Request<T> {
    /// Index behind its last descriptor.
    end: u16,
    buffers: u8,
    owner: T,
}

/// A transmit completion that ends at no request that the NIC holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadHead;

pub(crate) struct Submission<T> {
    ring: Entries,
    /// First descriptor that is not done.
    head: u16,
    /// Behind the last descriptor posted.
    tail: u16,
    /// Tail that the NIC knows.
    rung: u16,
    requests: VecDeque<Request<T>>,
    /// References D of all requests in order.
    buffers: VecDeque<Chunk<D>>,
    /// Context of the last request and its index, while that asks for no completion.
    silent: Option<(u16, u128)>,
    /// Descriptors since a request asked for a completion.
    since_complete: u16,
}

impl<T> Submission<T> {
    pub(crate) fn new(ring: Entries) -> Self {
        let len = usize::from(ring.len());
        Self {
            ring,
            head: 0,
            tail: 0,
            rung: 0,
            requests: VecDeque::with_capacity(len / 2),
            buffers: VecDeque::with_capacity(len),
            silent: None,
            since_complete: 0,
        }
    }

    /// Descriptors that can be posted.
    pub(crate) fn room(&self) -> u16 {
        self.ring.len() - distance(self.head, self.tail)
    }

    /// Requests that are not done.
    pub(crate) fn outstanding(&self) -> usize {
        self.requests.len()
    }

    /// Writes a request that was checked and for which there is room. The NIC does not see it before
    /// [`Submission::take_tail`].
    pub(crate) fn post(&mut self, mut context: TxContext, pieces: &mut Vec<Piece>, owner: T) {
        let descriptors = 1 + pieces.len() as u16;
        debug_assert!(descriptors <= self.room());
        self.since_complete += descriptors;
        // A batch as long as the ring must not wait for its last request.
        context.complete |= self.since_complete >= self.ring.len() / 4;
        let entry = context.encode();
        let at = self.tail;
        self.ring.put(at, entry);
        self.silent = if context.complete {
            self.since_complete = 0;
            None
        } else {
            Some((at, entry))
        };
        let buffers = pieces.len() as u8;
        let mut index = at;
        for piece in pieces.drain(..) {
            index = index.wrapping_add(1);
            let buffer = TxBuffer {
                addr: piece.chunk.iova() + u64::from(piece.offset),
                len: piece.len,
            };
            self.ring.put(index, buffer.encode());
            self.buffers.push_back(piece.chunk);
        }
        self.tail = index.wrapping_add(1);
        self.requests.push_back(Request {
            end: self.tail,
            buffers,
            owner,
        });
    }

    /// The tail to tell the NIC, if it does not know it; the last request of a batch asks for a completion.
    pub(crate) fn take_tail(&mut self) -> Option<u16> {
        if self.tail == self.rung {
            return None;
        }
        if let Some((at, entry)) = self.silent.take() {
            self.ring.put(at, tx::COMPLETE.set(entry, 1));
            self.since_complete = 0;
        }
        self.rung = self.tail;
        Some(self.tail)
    }

    /// First descriptor that is not done.
    pub(crate) fn head(&self) -> u16 {
        self.head
    }

    /// All requests up to `head` are done, the last with `status` and `segments`: hands their owners to `each`
    /// and their references D to `released`.
    pub(crate) fn retire(
        &mut self,
        head: u16,
        status: Status,
        segments: Option<u32>,
        mut each: impl FnMut(T, TxOutcome),
        released: &mut impl FnMut(Chunk<D>),
    ) -> Result<(), BadHead> {
        let done = distance(self.head, head);
        let start = self.head;
        if done == 0 || done > distance(self.head, self.rung) {
            return Err(BadHead);
        }
        let last = self
            .requests
            .partition_point(|r| distance(start, r.end) < done);
        if self.requests.get(last).is_none_or(|r| r.end != head) {
            return Err(BadHead);
        }
        for i in 0..=last {
            let Some(request) = self.requests.pop_front() else {
                break;
            };
            self.buffers
                .drain(..usize::from(request.buffers))
                .for_each(&mut *released);
            let outcome = if i == last {
                TxOutcome::Done { status, segments }
            } else {
                // Failed requests are always completed themselves.
                TxOutcome::Done {
                    status: Status::Ok,
                    segments: None,
                }
            };
            each(request.owner, outcome);
        }
        self.head = head;
        Ok(())
    }

    /// Gives up all requests: owners to `each`, references D to the caller, who knows whether the NIC is done with
    /// them. Indexes start over.
    pub(crate) fn abandon(&mut self, mut each: impl FnMut(T)) -> VecDeque<Chunk<D>> {
        for request in self.requests.drain(..) {
            each(request.owner);
        }
        (self.head, self.tail, self.rung) = (0, 0, 0);
        self.silent = None;
        self.since_complete = 0;
        let fresh = VecDeque::with_capacity(self.ring.len().into());
        std::mem::replace(&mut self.buffers, fresh)
    }
}
