//! The transmit datapath: from descriptors and payload reads to frames, completions and faults.
//!
//! Contract: docs/GATEWARE.md. `RING` and `RESPONSES` are the address widths of the segment ring and of the response memory, both in 8-byte words.
//!
//! ```text
//! sq[q] ─► scheduler ─► buffer_store ─► gather ─► rd_req
//!              │ requests    │ pieces   rd_rsp ─► responses
//!              │        └─ cuts ─► packer ◄───────────┘
//!              └────────────────► segmenter ◄─ chunks ─┘ ─► segment_ring ─► m
//!                                     └─► outcomes ─► completer ─► completion
//! ```
//!
//! - Worst bubbles: none between the segments of a request with data at hand and an unthrottled wire.
//! - Throughput and area: see docs/PERFORMANCE.md.

use super::buffer_store::BufferStore;
use super::busy::Busy;
use super::completer::Completer;
use super::counts::Counts;
use super::faults::Faults;
use super::gather::Gather;
use super::packer::Packer;
use super::records::{Chunk, Cut, Outcome, Piece, Request};
use super::responses::Responses;
use super::scheduler::Scheduler;
use super::segment_ring::SegmentRing;
use super::segmenter::Segmenter;
use crate::dma::completion_slot::CompletionSlot;
use crate::host::mem::{MemReadReqSource, MemReadRspSink};
use crate::memory::sync_fifo::SyncFifo;
use crate::queue::ports::{CompletionSource, DescriptorSink, FaultSource};
use crate::stream::axis::AxisSource;
use crate::stream::slice::Relay;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Transmit datapath of `Q` queues; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Tx<const Q: usize, const RING: usize, const RESPONSES: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Queues that may run.
    pub run: Signal<In, Bits<8>>,
    /// Queues with requests in the datapath.
    pub busy: Signal<Out, Bits<8>>,
    /// Queues whose next request is there as a whole.
    pub whole: Signal<In, Bits<8>>,
    /// Queues whose completion ring has room for one more.
    pub open: Signal<In, Bits<8>>,
    /// Queues that a completion is promised of.
    pub claim: Signal<Out, Bits<8>>,
    /// Queues of which such a promise is taken back.
    pub waive: Signal<Out, Bits<8>>,
    /// SQ descriptors.
    pub sq: [DescriptorSink; Q],
    /// Payload reads.
    pub rd_req: MemReadReqSource,
    /// Their data.
    pub rd_rsp: MemReadRspSink,
    /// Frames.
    pub m: AxisSource,
    /// Completions.
    pub completion: CompletionSource,
    /// Faults.
    pub fault: FaultSource,
    /// Pulses by counter.
    pub stat: Signal<Out, Bits<32>>,
    /// Bytes of a frame, with the pulse of `TxBytes`.
    pub stat_bytes: Signal<Out, Bits<16>>,
    scheduler: Scheduler<Q>,
    buffers: BufferStore,
    gather: Gather,
    responses: Responses<RESPONSES>,
    packer: Packer,
    segmenter: Segmenter<RING>,
    ring: SegmentRing<RING>,
    completer: Completer,
    slot: CompletionSlot,
    faults: Faults,
    busy_count: Busy,
    counts: Counts,
    requests: SyncFifo<Request, 4>,
    cuts: SyncFifo<Cut, 4>,
    pieces: SyncFifo<Piece, 5>,
    chunks: SyncFifo<Chunk, 4>,
    ended: Relay<Outcome>,
    outcomes: SyncFifo<Outcome, 4>,
    chunk_room: DFF<Bit>,
}

impl<const Q: usize, const RING: usize, const RESPONSES: usize> Tx<Q, RING, RESPONSES> {
    /// A datapath for frames of up to `frame_limit` bytes, with payload reads of up to `read_bytes`.
    ///
    /// # Panics
    /// If the ring does not hold two of the longest frames, so that one can be filled while the other drains; see also
    /// [`Scheduler::new`] and [`Gather::new`].
    #[must_use]
    pub fn new(frame_limit: u64, read_bytes: u64) -> Self {
        let beats = frame_limit.div_ceil(8);
        assert!(
            2 * beats + 1 < 1 << RING,
            "Tx: two frames of {frame_limit} bytes do not fit a ring of 2^{RING} beats"
        );
        Self {
            clock: Default::default(),
            reset: Default::default(),
            run: Default::default(),
            busy: Default::default(),
            whole: Default::default(),
            open: Default::default(),
            claim: Default::default(),
            waive: Default::default(),
            sq: std::array::from_fn(|_| Default::default()),
            rd_req: Default::default(),
            rd_rsp: Default::default(),
            m: Default::default(),
            completion: Default::default(),
            fault: Default::default(),
            stat: Default::default(),
            stat_bytes: Default::default(),
            scheduler: Scheduler::new(frame_limit),
            buffers: Default::default(),
            gather: Gather::new(read_bytes, 1 << RESPONSES),
            responses: Default::default(),
            packer: Default::default(),
            segmenter: Default::default(),
            ring: Default::default(),
            completer: Default::default(),
            slot: Default::default(),
            faults: Default::default(),
            busy_count: Default::default(),
            counts: Default::default(),
            requests: Default::default(),
            cuts: Default::default(),
            pieces: Default::default(),
            chunks: Default::default(),
            ended: Default::default(),
            outcomes: Default::default(),
            chunk_room: Default::default(),
        }
    }
}

impl<const Q: usize, const RING: usize, const RESPONSES: usize> Tx<Q, RING, RESPONSES> {
    /// See [`Patch::keep_last_flags`](super::patch::Patch::keep_last_flags).
    pub(crate) fn keep_last_flags(&mut self) {
        self.segmenter.keep_last_flags();
    }
}

impl<const Q: usize, const RING: usize, const RESPONSES: usize> Logic for Tx<Q, RING, RESPONSES> {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(
            self, clock, scheduler, buffers, gather, responses, packer, segmenter, ring, faults,
            busy_count, slot, requests, cuts, pieces, chunks, ended, outcomes
        );
        dff_setup!(self, clock, chunk_room);
        self.scheduler.reset.next = self.reset.val();
        self.buffers.reset.next = self.reset.val();
        self.gather.reset.next = self.reset.val();
        self.responses.reset.next = self.reset.val();
        self.packer.reset.next = self.reset.val();
        self.segmenter.reset.next = self.reset.val();
        self.ring.reset.next = self.reset.val();
        self.faults.reset.next = self.reset.val();
        self.slot.reset.next = self.reset.val();
        self.busy_count.reset.next = self.reset.val();
        self.requests.reset.next = self.reset.val();
        self.cuts.reset.next = self.reset.val();
        self.pieces.reset.next = self.reset.val();
        self.chunks.reset.next = self.reset.val();
        self.ended.reset.next = self.reset.val();
        self.outcomes.reset.next = self.reset.val();
        // Faults, and what they stop.
        self.faults.run.next = self.run.val();
        self.faults.failed.next = self.packer.failed.val();
        self.faults.failed_queue.next = self.packer.failed_queue.val();
        self.faults.a.queue.next = self.scheduler.fault.queue.val();
        self.faults.a.cause.next = self.scheduler.fault.cause.val();
        self.faults.a.index.next = self.scheduler.fault.index.val();
        self.faults.a.valid.next = self.scheduler.fault.valid.val();
        self.scheduler.fault.ready.next = self.faults.a.ready.val();
        self.faults.b.queue.next = self.segmenter.fault.queue.val();
        self.faults.b.cause.next = self.segmenter.fault.cause.val();
        self.faults.b.index.next = self.segmenter.fault.index.val();
        self.faults.b.valid.next = self.segmenter.fault.valid.val();
        self.segmenter.fault.ready.next = self.faults.b.ready.val();
        self.fault.queue.next = self.faults.fault.queue.val();
        self.fault.cause.next = self.faults.fault.cause.val();
        self.fault.index.next = self.faults.fault.index.val();
        self.fault.valid.next = self.faults.fault.valid.val();
        self.faults.fault.ready.next = self.fault.ready.val();
        // Descriptors.
        self.scheduler.live.next = self.faults.live.val();
        self.scheduler.whole.next = self.whole.val();
        self.scheduler.open.next = self.open.val();
        self.scheduler.busy.next = self.busy_count.busy.val() | self.slot.held.val();
        for q in 0..Q {
            self.scheduler.sq[q].data.next = self.sq[q].data.val();
            self.scheduler.sq[q].index.next = self.sq[q].index.val();
            self.scheduler.sq[q].valid.next = self.sq[q].valid.val();
            self.sq[q].ready.next = self.scheduler.sq[q].ready.val();
        }
        self.requests.in_data.next = self.scheduler.request.val();
        self.requests.in_valid.next = self.scheduler.request_valid.val();
        self.cuts.in_data.next = self.scheduler.cut.val();
        self.cuts.in_valid.next = self.scheduler.request_valid.val();
        self.scheduler.request_ready.next = self.requests.in_ready.val() & self.cuts.in_ready.val();
        // Buffers and their reads.
        self.buffers.buffer.next = self.scheduler.buffer.val();
        self.buffers.push.next = self.scheduler.push.val();
        self.buffers.commit.next = self.scheduler.commit.val();
        self.buffers.rewind.next = self.scheduler.rewind.val();
        self.scheduler.room.next = self.buffers.room.val();
        self.gather.live.next = self.faults.live.val();
        self.gather.buffer.next = self.buffers.out_data.val();
        self.gather.buffer_valid.next = self.buffers.out_valid.val();
        self.buffers.out_ready.next = self.gather.buffer_ready.val();
        self.rd_req.addr.next = self.gather.rd_req.addr.val();
        self.rd_req.len.next = self.gather.rd_req.len.val();
        self.rd_req.tag.next = self.gather.rd_req.tag.val();
        self.rd_req.valid.next = self.gather.rd_req.valid.val();
        self.gather.rd_req.ready.next = self.rd_req.ready.val();
        self.pieces.in_data.next = self.gather.piece.val();
        self.pieces.in_valid.next = self.gather.piece_valid.val();
        self.gather.piece_ready.next = self.pieces.in_ready.val();
        self.gather.popped.next = self.packer.pop.val();
        self.responses.rd_rsp.data.next = self.rd_rsp.data.val();
        self.responses.rd_rsp.tag.next = self.rd_rsp.tag.val();
        self.responses.rd_rsp.last.next = self.rd_rsp.last.val();
        self.responses.rd_rsp.err.next = self.rd_rsp.err.val();
        self.responses.rd_rsp.valid.next = self.rd_rsp.valid.val();
        self.rd_rsp.ready.next = self.responses.rd_rsp.ready.val();
        self.responses.pop.next = self.packer.pop.val();
        self.responses.result_ready.next = self.packer.result_ready.val();
        // Packer.
        self.packer.live.next = self.faults.live.val();
        self.packer.cut.next = self.cuts.out_data.val();
        self.packer.cut_valid.next = self.cuts.out_valid.val();
        self.cuts.out_ready.next = self.packer.cut_ready.val();
        self.packer.piece.next = self.pieces.out_data.val();
        self.packer.piece_valid.next = self.pieces.out_valid.val();
        self.pieces.out_ready.next = self.packer.piece_ready.val();
        self.packer.result.next = self.responses.result.val();
        self.packer.result_valid.next = self.responses.result_valid.val();
        self.packer.word.next = self.responses.word.val();
        // Told a cycle late, so one place more is kept.
        self.chunk_room.d.next = self.chunks.fill.val() <= 11;
        self.packer.room.next = self.chunk_room.q.val();
        self.chunks.in_data.next = self.packer.chunk.val();
        self.chunks.in_valid.next = self.packer.chunk_valid.val();
        // Segmenter and ring.
        self.segmenter.request.next = self.requests.out_data.val();
        self.segmenter.request_valid.next = self.requests.out_valid.val();
        self.requests.out_ready.next = self.segmenter.request_ready.val();
        self.segmenter.chunk.next = self.chunks.out_data.val();
        self.segmenter.chunk_valid.next = self.chunks.out_valid.val();
        self.chunks.out_ready.next = self.segmenter.chunk_ready.val();
        self.segmenter.ring_head.next = self.ring.head.val();
        self.segmenter.meta_ready.next = self.ring.meta_ready.val();
        self.segmenter.outcome_ready.next = self.ended.in_ready.val();
        self.ring.addr.next = self.segmenter.ring_addr.val();
        self.ring.data.next = self.segmenter.ring_data.val();
        self.ring.write.next = self.segmenter.ring_write.val();
        self.ring.meta.next = self.segmenter.meta.val();
        self.ring.meta_valid.next = self.segmenter.meta_valid.val();
        self.ring.sums.next = self.segmenter.sums.val();
        self.ring.sums_valid.next = self.segmenter.sums_valid.val();
        self.m.tdata.next = self.ring.m.tdata.val();
        self.m.tkeep.next = self.ring.m.tkeep.val();
        self.m.tlast.next = self.ring.m.tlast.val();
        self.m.tvalid.next = self.ring.m.tvalid.val();
        self.ring.m.tready.next = self.m.tready.val();
        // Ends.
        self.ended.in_data.next = self.segmenter.outcome.val();
        self.ended.in_valid.next = self.segmenter.outcome_valid.val();
        self.outcomes.in_data.next = self.ended.out_data.val();
        self.outcomes.in_valid.next = self.ended.out_valid.val();
        self.ended.out_ready.next = self.outcomes.in_ready.val();
        self.completer.outcome.next = self.outcomes.out_data.val();
        self.completer.outcome_valid.next = self.outcomes.out_valid.val();
        self.outcomes.out_ready.next = self.completer.outcome_ready.val();
        self.slot.s.data.next = self.completer.completion.data.val();
        self.slot.s.queue.next = self.completer.completion.queue.val();
        self.slot.s.valid.next = self.completer.completion.valid.val();
        self.completer.completion.ready.next = self.slot.s.ready.val();
        self.completion.data.next = self.slot.m.data.val();
        self.completion.queue.next = self.slot.m.queue.val();
        self.completion.valid.next = self.slot.m.valid.val();
        self.slot.m.ready.next = self.completion.ready.val();
        self.busy_count.begun.next = self.scheduler.begun.val();
        self.busy_count.begun_queue.next = self.scheduler.begun_queue.val();
        self.busy_count.retired.next = self.completer.retired.val();
        self.busy_count.retired_queue.next = self.completer.retired_queue.val();
        self.busy.next = self.busy_count.busy.val() | self.slot.held.val();
        self.claim.next = self.busy_count.claim.val();
        self.waive.next = self.completer.waive.val();
        // Statistics.
        self.counts.requests.next = self.scheduler.begun.val();
        self.counts.sent.next = self.completer.counts_sent.val();
        self.counts.rejected.next = self.completer.counts_rejected.val();
        self.counts.cancelled.next = self.completer.counts_cancelled.val();
        self.counts.read_failed.next = self.completer.counts_read_failed.val();
        self.counts.tso_requests.next = self.segmenter.counts_tso.val();
        self.counts.segments.next = self.segmenter.counts_segment.val();
        self.counts.l3_checksums.next = self.segmenter.counts_l3.val();
        self.counts.l4_checksums.next = self.segmenter.counts_l4.val();
        self.counts.frames.next = self.ring.counts_frame.val();
        self.counts.bytes.next = self.ring.counts_frame.val();
        self.counts.bubbles.next = self.ring.bubble.val();
        self.stat.next = self.counts.word.val();
        self.stat_bytes.next = self.ring.frame_bytes.val();
    }
}
