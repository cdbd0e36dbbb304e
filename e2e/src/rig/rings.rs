//! The rings of one queue pair, as the host sees them.

use super::memory::{Arena, Buffer};
use nic_abi::completion::{Completion, PHASE, RxCompletion};
use nic_abi::ring::{ENTRY_BYTES, entry_offset, phase};
use std::collections::VecDeque;

/// Sizes and interrupt of a queue pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueConfig {
    /// log2 of the submission ring's entries.
    pub sq: u32,
    /// log2 of the receive ring's entries.
    pub rq: u32,
    /// log2 of the completion ring's entries.
    pub cq: u32,
    /// Register INTERRUPT.
    pub interrupt: u32,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            sq: 8,
            rq: 8,
            cq: 9,
            interrupt: 0,
        }
    }
}

/// A receive completion and the bytes that it tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The completion.
    pub completion: RxCompletion,
    /// What lies in the buffer, as far as the completion says.
    pub bytes: Vec<u8>,
}

/// What came out of a completion ring, each kind in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Transmit completions.
    pub tx: Vec<Completion>,
    /// Receive completions.
    pub rx: Vec<Received>,
    /// Events.
    pub events: Vec<Completion>,
}

/// The rings of one queue pair.
pub struct Rings {
    /// Their sizes.
    pub config: QueueConfig,
    /// Submission ring.
    pub sq: Buffer,
    /// Receive ring.
    pub rq: Buffer,
    /// Completion ring.
    pub cq: Buffer,
    /// Next submission descriptor to be written.
    pub sq_tail: u16,
    /// Next receive descriptor to be written.
    pub rq_tail: u16,
    /// Next completion to be read; its lower 16 bits are the free-running index.
    pub cq_head: u32,
    posted: VecDeque<(u16, Option<Buffer>)>,
    /// Buffers with a frame in them, and its bytes in it.
    pub(super) filled: Vec<(Buffer, usize)>,
}

impl Rings {
    /// Fresh rings; the completion ring is zeroed and the NIC's to write.
    pub fn new(arena: &mut Arena, config: QueueConfig) -> Self {
        let mut ring = |log2: u32| {
            let buffer = arena.allocate((ENTRY_BYTES as usize) << log2, 64, 0);
            arena.write(&buffer, 0, &vec![0; buffer.len]);
            buffer
        };
        let (sq, rq, cq) = (ring(config.sq), ring(config.rq), ring(config.cq));
        arena.allow(&cq);
        Self {
            config,
            sq,
            rq,
            cq,
            sq_tail: 0,
            rq_tail: 0,
            cq_head: 0,
            posted: VecDeque::new(),
            filled: Vec::new(),
        }
    }

    /// Writes a descriptor into the submission ring.
    pub fn push_sq(&mut self, arena: &mut Arena, descriptor: u128) {
        let at = entry_offset(self.sq_tail, self.config.sq) as usize;
        arena.write(&self.sq, at, &descriptor.to_le_bytes());
        self.sq_tail = self.sq_tail.wrapping_add(1);
    }

    /// Writes a descriptor into the receive ring; `buffer` is where its frame will lie.
    pub fn push_rq(&mut self, arena: &mut Arena, descriptor: u128, buffer: Option<Buffer>) {
        let at = entry_offset(self.rq_tail, self.config.rq) as usize;
        arena.write(&self.rq, at, &descriptor.to_le_bytes());
        self.posted.push_back((self.rq_tail, buffer));
        self.rq_tail = self.rq_tail.wrapping_add(1);
    }

    /// Receive descriptors that were posted and not completed.
    #[must_use]
    pub fn posted(&self) -> usize {
        self.posted.len()
    }

    /// True if there is a completion to be read.
    #[must_use]
    pub fn has_completion(&self, arena: &Arena) -> bool {
        PHASE.is_set(self.entry(arena)) == phase(self.cq_head, self.config.cq)
    }

    fn entry(&self, arena: &Arena) -> u128 {
        let at = entry_offset(self.cq_head as u16, self.config.cq) as usize;
        let bytes = arena.read(&self.cq, at, ENTRY_BYTES as usize);
        bytes.iter().rev().fold(0, |d, b| d << 8 | u128::from(*b))
    }

    /// Reads at most `limit` completions.
    ///
    /// # Panics
    /// On an entry that the contract does not know, and on a receive completion that is not the next descriptor's.
    pub fn collect(&mut self, arena: &Arena, limit: usize) -> Collected {
        let mut all = Collected::default();
        for _ in 0..limit {
            if !self.has_completion(arena) {
                break;
            }
            match Completion::decode(self.entry(arena)) {
                Ok(Completion::Rx(rx)) => all.rx.push(self.received(arena, rx)),
                Ok(event @ Completion::Event { .. }) => all.events.push(event),
                Ok(other) => all.tx.push(other),
                Err(unknown) => panic!("completion {}: {unknown:x?}", self.cq_head),
            }
            self.cq_head = self.cq_head.wrapping_add(1);
        }
        all
    }

    fn received(&mut self, arena: &Arena, completion: RxCompletion) -> Received {
        let Some((index, buffer)) = self.posted.pop_front() else {
            panic!("a receive completion without a posted buffer: {completion:?}");
        };
        assert_eq!(completion.index, index, "receive buffers come in order");
        let len = usize::from(completion.len);
        let bytes = buffer.map_or(Vec::new(), |b| {
            assert!(len <= b.len, "{completion:?} in a buffer of {} B", b.len);
            self.filled.push((b, len));
            arena.read(&b, 0, len)
        });
        Received { completion, bytes }
    }
}

/// The frames of a list of receive completions, each with its last completion.
///
/// # Panics
/// If the last frame is not whole, or a frame's completions do not agree.
#[must_use]
pub fn frames(received: &[Received]) -> Vec<(Vec<u8>, RxCompletion)> {
    let mut all = Vec::new();
    let mut frame = Vec::new();
    let mut first: Option<RxCompletion> = None;
    for part in received {
        frame.extend_from_slice(&part.bytes);
        let same = |c: RxCompletion| RxCompletion {
            index: 0,
            len: 0,
            more: false,
            ..c
        };
        let expected = *first.get_or_insert(part.completion);
        assert_eq!(
            same(expected),
            same(part.completion),
            "completions of one frame"
        );
        if !part.completion.more {
            all.push((std::mem::take(&mut frame), part.completion));
            first = None;
        }
    }
    assert!(frame.is_empty(), "the last frame has no end");
    all
}
