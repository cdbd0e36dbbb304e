//! Makes segments: template, payload, patched fields and checksums, into the segment ring.
//!
//! Contract: takes a request, then its chunks. The first segment comes whole out of the chunks; its beats are the template and are
//! kept in a small RAM. Of every further segment the beats before `header_len / 8` come from the template, the next one is the template's tail and the
//! first chunk merged, the rest are chunks. Header fields are patched and the checksums summed as the beats pass; beats go to the ring at
//! consecutive addresses. A segment under 60 B is filled up with zero beats.
//!
//! When a segment is whole, `meta` tells the ring of it, and `sums` follows 6 cycles later: the ring sends it then. A segment that is broken
//! off (chunks of another kind than data) leaves nothing: the next one is written over it. How a request ended goes to
//! `outcome`, a failed read to `fault` as well.
//!
//! - Latency: 3 cycles from chunk to ring.
//! - Throughput: one beat per cycle. Bubbles: none between the segments of a request, one cycle between requests.
//! - Waits for: a chunk (unless the beat is template or padding), room in the ring, room for `meta` and `outcome`.
//! - Block RAM: 2 of 36 × 512 for the template.

use super::byte_mask::{ByteMask, WordMask};
use super::patch::Patch;
use super::positions::Positions;
use super::records::{Chunk, Outcome, Request, SegmentMeta, SegmentSums};
use crate::checksum::sum_unit::SumUnit;
use crate::memory::bram::{Bram, Output};
use crate::queue::ports::FaultSource;
use nic_abi::fault::{QueueFault, Status};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// A beat between the first and the second stage.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
struct Raw {
    data: Bits<64>,
    from_template: Bits<8>,
    first_beat: Bit,
    first_segment: Bit,
    last: Bit,
}

/// Segmenter into a ring of `2^A` beats; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Segmenter<const A: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// The next request.
    pub request: Signal<In, Request>,
    /// There is one.
    pub request_valid: Signal<In, Bit>,
    /// It is taken.
    pub request_ready: Signal<Out, Bit>,
    /// The next chunk.
    pub chunk: Signal<In, Chunk>,
    /// There is one.
    pub chunk_valid: Signal<In, Bit>,
    /// It is taken.
    pub chunk_ready: Signal<Out, Bit>,
    /// Address of the beat written.
    pub ring_addr: Signal<Out, Bits<A>>,
    /// The beat written.
    pub ring_data: Signal<Out, Bits<64>>,
    /// A beat is written.
    pub ring_write: Signal<Out, Bit>,
    /// Address of the oldest beat that the ring still needs.
    pub ring_head: Signal<In, Bits<A>>,
    /// A segment is whole.
    pub meta: Signal<Out, SegmentMeta>,
    /// `meta` is to be stored.
    pub meta_valid: Signal<Out, Bit>,
    /// There is room for it.
    pub meta_ready: Signal<In, Bit>,
    /// The sums of the oldest segment that has none.
    pub sums: Signal<Out, SegmentSums>,
    /// They are to be stored; there must be room whenever there was for `meta`.
    pub sums_valid: Signal<Out, Bit>,
    /// How a request ended.
    pub outcome: Signal<Out, Outcome>,
    /// A request ended.
    pub outcome_valid: Signal<Out, Bit>,
    /// There is room for it.
    pub outcome_ready: Signal<In, Bit>,
    /// Failed payload reads.
    pub fault: FaultSource,
    /// Pulse: a request with segmentation was taken up.
    pub counts_tso: Signal<Out, Bit>,
    /// Pulse: a segment is whole.
    pub counts_segment: Signal<Out, Bit>,
    /// Pulse: it has an IPv4 header checksum.
    pub counts_l3: Signal<Out, Bit>,
    /// Pulse: it has a layer-4 checksum.
    pub counts_l4: Signal<Out, Bit>,
    // The request at hand.
    running: DFF<Bit>,
    current: DFF<Request>,
    todo: DFF<Bits<17>>,
    segments: DFF<Bits<17>>,
    first: DFF<Bit>,
    // The segment at hand.
    beat: DFF<Bits<6>>,
    padding: DFF<Bit>,
    payload: DFF<Bits<16>>,
    closing: DFF<Bit>,
    ip_base: DFF<Bits<8>>,
    l4_base: DFF<Bits<8>>,
    ip_len: DFF<Bits<16>>,
    l4_len: DFF<Bits<16>>,
    pseudo: DFF<Bits<17>>,
    tail: DFF<Bits<A>>,
    start: DFF<Bits<A>>,
    faulty: DFF<Bit>,
    fault_queue: DFF<Bits<3>>,
    fault_index: DFF<Bits<16>>,
    // Decisions of the first stage.
    header_len: Signal<Local, Bits<8>>,
    template_beats: Signal<Local, Bits<6>>,
    whole_template: DFF<Bit>,
    tail_template: DFF<Bit>,
    beat_after: Signal<Local, Bits<6>>,
    tail_lanes: Signal<Local, Bits<8>>,
    tail_bytes: Signal<Local, Bits<3>>,
    missing: Signal<Local, Bits<4>>,
    wants_chunk: Signal<Local, Bit>,
    clear_to_go: Signal<Local, Bit>,
    has_data: Signal<Local, Bit>,
    step: Signal<Local, Bit>,
    stop: Signal<Local, Bit>,
    end_of_chunks: Signal<Local, Bit>,
    whole: Signal<Local, Bit>,
    done: Signal<Local, Bit>,
    after: Signal<Local, Bits<A>>,
    second_after: Signal<Local, Bits<A>>,
    ring_room: DFF<Bit>,
    length: Signal<Local, Bits<A>>,
    only_one: Signal<Local, Bit>,
    payload_wide: Signal<Local, Bits<17>>,
    mss_wide: Signal<Local, Bits<17>>,
    pseudo_len: Signal<Local, Bits<16>>,
    todo_now: Signal<Local, Bits<17>>,
    // Second and third stage.
    header: Bram<Bits<64>, 5>,
    raw: DFF<Raw>,
    raw_valid: DFF<Bit>,
    raw_addr: DFF<Bits<A>>,
    template_mask: ByteMask,
    positions: Positions,
    patch: Patch,
    out_valid: DFF<Bit>,
    out_first: DFF<Bit>,
    out_last: DFF<Bit>,
    out_addr: DFF<Bits<A>>,
    take_l3: DFF<Bits<4>>,
    take_l4: DFF<Bits<4>>,
    bytes_l3: WordMask,
    bytes_l4: WordMask,
    sum_l3: SumUnit,
    sum_l4: SumUnit,
    status_ok: Constant<Bits<4>>,
    status_cancelled: Constant<Bits<4>>,
    status_read_failed: Constant<Bits<4>>,
    cause: Constant<Bits<8>>,
    tcp: Constant<Bits<17>>,
    udp: Constant<Bits<17>>,
    full: Constant<Bits<8>>,
}

/// IP protocol number of TCP.
const TCP: u64 = 6;
/// IP protocol number of UDP.
const UDP: u64 = 17;

impl<const A: usize> Default for Segmenter<A> {
    /// # Panics
    /// If the ring has fewer than 2^5 or more than 2^13 beats.
    fn default() -> Self {
        assert!(
            (5..=13).contains(&A),
            "Segmenter: a ring of 2^{A} beats; 2^5 to 2^13 are possible"
        );
        Self {
            clock: Default::default(),
            reset: Default::default(),
            request: Default::default(),
            request_valid: Default::default(),
            request_ready: Default::default(),
            chunk: Default::default(),
            chunk_valid: Default::default(),
            chunk_ready: Default::default(),
            ring_addr: Default::default(),
            ring_data: Default::default(),
            ring_write: Default::default(),
            ring_head: Default::default(),
            meta: Default::default(),
            meta_valid: Default::default(),
            meta_ready: Default::default(),
            sums: Default::default(),
            sums_valid: Default::default(),
            outcome: Default::default(),
            outcome_valid: Default::default(),
            outcome_ready: Default::default(),
            fault: Default::default(),
            counts_tso: Default::default(),
            counts_segment: Default::default(),
            counts_l3: Default::default(),
            counts_l4: Default::default(),
            running: Default::default(),
            current: Default::default(),
            todo: Default::default(),
            segments: Default::default(),
            first: Default::default(),
            beat: Default::default(),
            padding: Default::default(),
            payload: Default::default(),
            closing: Default::default(),
            ip_base: Default::default(),
            l4_base: Default::default(),
            ip_len: Default::default(),
            l4_len: Default::default(),
            pseudo: Default::default(),
            tail: Default::default(),
            start: Default::default(),
            faulty: Default::default(),
            fault_queue: Default::default(),
            fault_index: Default::default(),
            header_len: Default::default(),
            template_beats: Default::default(),
            whole_template: Default::default(),
            tail_template: Default::default(),
            beat_after: Default::default(),
            tail_lanes: Default::default(),
            tail_bytes: Default::default(),
            missing: Default::default(),
            wants_chunk: Default::default(),
            clear_to_go: Default::default(),
            has_data: Default::default(),
            step: Default::default(),
            stop: Default::default(),
            end_of_chunks: Default::default(),
            whole: Default::default(),
            done: Default::default(),
            after: Default::default(),
            second_after: Default::default(),
            ring_room: Default::default(),
            length: Default::default(),
            only_one: Default::default(),
            payload_wide: Default::default(),
            mss_wide: Default::default(),
            pseudo_len: Default::default(),
            todo_now: Default::default(),
            header: Bram::new(Output::Direct),
            raw: Default::default(),
            raw_valid: Default::default(),
            raw_addr: Default::default(),
            template_mask: Default::default(),
            positions: Default::default(),
            patch: Default::default(),
            out_valid: Default::default(),
            out_first: Default::default(),
            out_last: Default::default(),
            out_addr: Default::default(),
            take_l3: Default::default(),
            take_l4: Default::default(),
            bytes_l3: Default::default(),
            bytes_l4: Default::default(),
            sum_l3: Default::default(),
            sum_l4: Default::default(),
            status_ok: Constant::new((Status::Ok as u64).into()),
            status_cancelled: Constant::new((Status::Cancelled as u64).into()),
            status_read_failed: Constant::new((Status::ReadFailed as u64).into()),
            cause: Constant::new((QueueFault::PayloadReadFailed as u64).into()),
            tcp: Constant::new((TCP << 8).into()),
            udp: Constant::new((UDP << 8).into()),
            full: Constant::new(0xff_u64.into()),
        }
    }
}

impl<const A: usize> Segmenter<A> {
    /// See [`Patch::keep_last_flags`].
    pub(crate) fn keep_last_flags(&mut self) {
        self.patch.keep_last_flags();
    }
}

impl<const A: usize> Logic for Segmenter<A> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            running,
            current,
            todo,
            segments,
            first,
            beat,
            padding,
            payload,
            closing,
            ip_base,
            l4_base,
            ip_len,
            l4_len,
            pseudo,
            tail,
            start,
            faulty,
            fault_queue,
            fault_index,
            whole_template,
            tail_template,
            ring_room,
            raw,
            raw_valid,
            raw_addr,
            out_valid,
            out_first,
            out_last,
            out_addr,
            take_l3,
            take_l4
        );
        clock!(self, clock, header, positions, patch, sum_l3, sum_l4);
        // Lengths of the segment at hand, one after the other: known when its third beat is patched.
        self.mss_wide.next = bit_cast::<17, 16>(self.current.q.val().mss);
        self.only_one.next = !self.current.q.val().tso | (self.todo.q.val() <= self.mss_wide.val());
        self.payload_wide.next = self.mss_wide.val();
        if self.only_one.val() {
            self.payload_wide.next = self.todo.q.val();
        }
        self.payload.d.next = self.payload_wide.val().get_bits::<16>(0);
        self.closing.d.next = self.only_one.val();
        self.ip_base.d.next = self.current.q.val().header_len - self.current.q.val().l3_offset;
        if self.current.q.val().ipv6 {
            self.ip_base.d.next =
                self.current.q.val().header_len - self.current.q.val().l3_offset - 40;
        }
        self.l4_base.d.next = self.current.q.val().header_len - self.current.q.val().l4_offset;
        self.ip_len.d.next = self.payload.q.val() + bit_cast::<16, 8>(self.ip_base.q.val());
        self.l4_len.d.next = self.payload.q.val() + bit_cast::<16, 8>(self.l4_base.q.val());
        self.pseudo_len.next = (self.l4_len.q.val() << 8) | (self.l4_len.q.val() >> 8);
        self.pseudo.d.next = bit_cast::<17, 16>(self.pseudo_len.val()) + self.tcp.val();
        if self.current.q.val().udp {
            self.pseudo.d.next = bit_cast::<17, 16>(self.pseudo_len.val()) + self.udp.val();
        }
        if self.current.q.val().partial_csum {
            self.pseudo.d.next = 0.into();
        }
        // Where the beat comes from.
        self.header_len.next = self.current.q.val().header_len;
        self.template_beats.next = bit_cast::<6, 5>(self.header_len.val().get_bits::<5>(3));
        self.tail_bytes.next = self.header_len.val().get_bits::<3>(0);
        self.missing.next = 8 - bit_cast::<4, 3>(self.tail_bytes.val());
        self.tail_lanes.next = self.full.val() >> self.missing.val();
        self.wants_chunk.next = !self.padding.q.val() & !self.whole_template.q.val();
        // What this cycle does: nothing, a beat (step), or the end of a request that fails (stop).
        // Room for two beats in one cycle is room for one in the next.
        self.after.next = self.tail.q.val() + 1;
        self.second_after.next = self.tail.q.val() + 2;
        self.ring_room.d.next = (self.after.val() != self.ring_head.val())
            & (self.second_after.val() != self.ring_head.val());
        self.clear_to_go.next = self.running.q.val()
            & self.meta_ready.val()
            & self.outcome_ready.val()
            & !self.faulty.q.val();
        self.has_data.next = self.chunk_valid.val() & (self.chunk.val().kind == 0);
        self.step.next = self.clear_to_go.val()
            & self.ring_room.q.val()
            & (self.has_data.val() | !self.wants_chunk.val());
        self.stop.next = self.clear_to_go.val()
            & self.wants_chunk.val()
            & self.chunk_valid.val()
            & (self.chunk.val().kind != 0);
        self.chunk_ready.next = self.stop.val() | (self.step.val() & self.wants_chunk.val());
        self.end_of_chunks.next = self.wants_chunk.val() & self.chunk.val().last;
        self.whole.next = self.step.val()
            & (self.padding.q.val() | self.end_of_chunks.val())
            & (self.beat.q.val() >= 7);
        self.done.next = self.whole.val() & self.closing.q.val();
        // What the ring and the completer hear of it.
        self.length.next = self.after.val() - self.start.q.val();
        self.meta.next.beats = bit_cast::<13, A>(self.length.val());
        self.meta.next.count = self.chunk.val().count;
        if self.padding.q.val() | ((self.beat.q.val() == 7) & (self.chunk.val().count < 4)) {
            self.meta.next.count = 4.into();
        }
        self.meta.next.l3_word = self.positions.l3_word.val();
        self.meta.next.l4_word = self.positions.l4_word.val();
        self.meta.next.l3 = self.positions.l3.val();
        self.meta.next.l4 = self.positions.l4.val();
        self.meta.next.udp = self.current.q.val().udp;
        self.meta.next.closing = self.closing.q.val();
        self.meta.next.none = self.stop.val();
        self.meta_valid.next = self.whole.val() | self.stop.val();
        self.outcome.next.queue = self.current.q.val().queue;
        self.outcome.next.index = self.current.q.val().index;
        self.outcome.next.buffers = self.current.q.val().buffers;
        self.outcome.next.handle = self.current.q.val().handle;
        self.outcome.next.complete = self.current.q.val().complete;
        self.outcome.next.mute = self.current.q.val().mute;
        self.outcome.next.segments = self.segments.q.val();
        self.outcome.next.status = self.current.q.val().status;
        if self.done.val() {
            self.outcome.next.segments = self.segments.q.val() + 1;
            self.outcome.next.status = self.status_ok.val();
        }
        if self.stop.val() & (self.chunk.val().kind == 1) {
            self.outcome.next.status = self.status_read_failed.val();
        }
        if self.stop.val() & (self.chunk.val().kind == 2) {
            self.outcome.next.status = self.status_cancelled.val();
        }
        self.outcome_valid.next = self.done.val() | self.stop.val();
        self.counts_segment.next = self.whole.val();
        self.counts_l3.next = self.whole.val() & self.positions.l3.val();
        self.counts_l4.next = self.whole.val() & self.positions.l4.val();
        self.fault.valid.next = self.faulty.q.val();
        self.fault.queue.next = self.fault_queue.q.val();
        self.fault.index.next = self.fault_index.q.val();
        self.fault.cause.next = self.cause.val();
        if self.fault.ready.val() {
            self.faulty.d.next = false;
        }
        // On to the next beat, segment, request.
        self.request_ready.next = !self.running.q.val();
        self.counts_tso.next = !self.running.q.val()
            & self.request_valid.val()
            & self.request.val().tso
            & (self.request.val().status == 0);
        self.todo_now.next = self.todo.q.val() - self.mss_wide.val();
        if !self.running.q.val() {
            self.running.d.next = self.request_valid.val();
            self.whole_template.d.next = false;
            self.tail_template.d.next = false;
            self.current.d.next = self.request.val();
            self.todo.d.next = self.request.val().payload_len;
            self.segments.d.next = 0.into();
            self.first.d.next = true;
        }
        self.beat_after.next = self.beat.q.val() + 1;
        if self.step.val() {
            self.tail.d.next = self.after.val();
            if self.beat.q.val() != 63 {
                self.beat.d.next = self.beat_after.val();
                self.whole_template.d.next =
                    !self.first.q.val() & (self.beat_after.val() < self.template_beats.val());
                self.tail_template.d.next =
                    !self.first.q.val() & (self.beat_after.val() == self.template_beats.val());
            }
            if self.end_of_chunks.val() {
                self.padding.d.next = true;
            }
        }
        if self.whole.val() {
            self.start.d.next = self.after.val();
            self.first.d.next = false;
            self.whole_template.d.next = self.template_beats.val() != 0;
            self.tail_template.d.next = self.template_beats.val() == 0;
            self.segments.d.next = self.segments.q.val() + 1;
            self.todo.d.next = self.todo_now.val();
        }
        if self.stop.val() {
            self.tail.d.next = self.start.q.val();
        }
        if self.whole.val() | self.stop.val() {
            self.beat.d.next = 0.into();
            self.padding.d.next = false;
        }
        if self.done.val() | self.stop.val() {
            self.running.d.next = false;
        }
        if self.stop.val() & (self.chunk.val().kind == 1) {
            self.faulty.d.next = true;
            self.fault_queue.d.next = self.current.q.val().queue;
            self.fault_index.d.next = self.current.q.val().index;
        }
        // First stage to second.
        self.header.raddr.next = self.beat.q.val().get_bits::<5>(0);
        self.header.waddr.next = self.beat.q.val().get_bits::<5>(0);
        self.header.wdata.next = self.chunk.val().data;
        self.header.wen.next = self.step.val() & self.first.q.val() & (self.beat.q.val() < 32);
        self.positions.request.next = self.current.q.val();
        self.positions.beat.next = self.beat.q.val();
        self.raw_valid.d.next = self.step.val();
        self.raw_addr.d.next = self.tail.q.val();
        self.raw.d.next.data = 0.into();
        if self.wants_chunk.val() {
            self.raw.d.next.data = self.chunk.val().data;
        }
        self.raw.d.next.from_template = 0.into();
        if self.whole_template.q.val() {
            self.raw.d.next.from_template = self.full.val();
        }
        if self.tail_template.q.val() {
            self.raw.d.next.from_template = self.tail_lanes.val();
        }
        self.raw.d.next.first_beat = self.beat.q.val() == 0;
        self.raw.d.next.first_segment = self.first.q.val();
        self.raw.d.next.last = self.whole.val();
        // Second stage to third: merge and patch.
        self.template_mask.take.next = self.raw.q.val().from_template;
        self.patch.tdata.next =
            self.raw.q.val().data | (self.header.rdata.val() & self.template_mask.mask.val());
        self.patch.valid.next = self.raw_valid.q.val();
        self.patch.first_beat.next = self.raw.q.val().first_beat;
        self.patch.first_segment.next = self.raw.q.val().first_segment;
        self.patch.closing.next = self.closing.q.val();
        self.patch.cwr_all.next = self.current.q.val().cwr_all;
        self.patch.id_fixed.next = self.current.q.val().ip_id_fixed;
        self.patch.mss.next = self.current.q.val().mss;
        self.patch.ip_len.next = self.ip_len.q.val();
        self.patch.length.next = self.positions.length.val();
        self.patch.id.next = self.positions.id.val();
        self.patch.seq_high.next = self.positions.seq_high.val();
        self.patch.seq_low.next = self.positions.seq_low.val();
        self.patch.flags.next = self.positions.flags.val();
        self.out_valid.d.next = self.raw_valid.q.val();
        self.out_first.d.next = self.raw.q.val().first_beat;
        self.out_last.d.next = self.raw.q.val().last;
        self.out_addr.d.next = self.raw_addr.q.val();
        self.take_l3.d.next = self.positions.sum_l3.val();
        self.take_l4.d.next = self.positions.sum_l4.val();
        // Third stage: ring and sums.
        self.ring_addr.next = self.out_addr.q.val();
        self.ring_data.next = self.patch.patched.val();
        self.ring_write.next = self.out_valid.q.val();
        self.bytes_l3.words.next = self.take_l3.q.val();
        self.bytes_l4.words.next = self.take_l4.q.val();
        self.sum_l3.reset.next = self.reset.val();
        self.sum_l3.tdata.next = self.patch.patched.val();
        self.sum_l3.take.next = self.bytes_l3.bytes.val();
        self.sum_l3.valid.next = self.out_valid.q.val();
        self.sum_l3.first.next = self.out_first.q.val();
        self.sum_l3.last.next = self.out_last.q.val();
        self.sum_l3.init.next = 0.into();
        self.sum_l4.reset.next = self.reset.val();
        self.sum_l4.tdata.next = self.patch.patched.val();
        self.sum_l4.take.next = self.bytes_l4.bytes.val();
        self.sum_l4.valid.next = self.out_valid.q.val();
        self.sum_l4.first.next = self.out_first.q.val();
        self.sum_l4.last.next = self.out_last.q.val();
        self.sum_l4.init.next = self.pseudo.q.val();
        self.sums.next.l3 = self.sum_l3.sum.val();
        self.sums.next.l4 = self.sum_l4.sum.val();
        self.sums_valid.next = self.sum_l4.done.val();
        if self.reset.val() {
            self.running.d.next = false;
            self.beat.d.next = 0.into();
            self.padding.d.next = false;
            self.tail.d.next = 0.into();
            self.start.d.next = 0.into();
            self.faulty.d.next = false;
            self.ring_room.d.next = false;
            self.raw_valid.d.next = false;
            self.out_valid.d.next = false;
        }
    }
}
