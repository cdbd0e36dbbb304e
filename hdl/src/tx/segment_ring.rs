//! Holds segments until their checksums are known, and sends them with the checksums in.
//!
//! Contract: beats are written at consecutive addresses while `head` has not come round to them. `meta` tells of a whole segment,
//! `sums`, in the same order, of its sums; with both there it is sent: its beats read, the inverted sums put into the words that `meta` names (UDP: 0 as
//! 0xFFFF), frames on `m`. A beat's place is free again as soon as it was read, so the next segments are written meanwhile.
//!
//! - Latency: 4 cycles from `sums` to the first beat on `m`.
//! - Throughput: one beat per cycle. Bubbles: none, neither inside a segment nor between two that are there.
//! - `bubble` is high in a cycle in which `m.tready` is high, `m` idle, and a request begun but not ended.
//! - Block RAM: `2^A` beats of 64 bits with registered output.

use super::records::{SegmentMeta, SegmentSums};
use super::word_at::WordAt;
use crate::memory::bram::Bram;
use crate::memory::sync_fifo::SyncFifo;
use crate::stream::axis::AxisSource;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// A beat that is being read, or waits for the wire.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
struct Leaving {
    tdata: Bits<64>,
    count: Bits<4>,
    last: Bit,
    closing: Bit,
    none: Bit,
}

/// What is put into a beat when it has been read.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
struct Insert {
    l3: Bits<16>,
    l4: Bits<16>,
    l3_lane: Bits<4>,
    l4_lane: Bits<4>,
}

/// Ring of `2^A` beats; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct SegmentRing<const A: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset; empties the ring.
    pub reset: Signal<In, Bit>,
    /// Where to write.
    pub addr: Signal<In, Bits<A>>,
    /// What to write.
    pub data: Signal<In, Bits<64>>,
    /// Write.
    pub write: Signal<In, Bit>,
    /// The oldest beat that is still needed.
    pub head: Signal<Out, Bits<A>>,
    /// A whole segment.
    pub meta: Signal<In, SegmentMeta>,
    /// There is one.
    pub meta_valid: Signal<In, Bit>,
    /// There is room for it.
    pub meta_ready: Signal<Out, Bit>,
    /// Sums of the oldest segment that has none.
    pub sums: Signal<In, SegmentSums>,
    /// They are there.
    pub sums_valid: Signal<In, Bit>,
    /// Frames.
    pub m: AxisSource,
    /// Pulse: a frame has left.
    pub counts_frame: Signal<Out, Bit>,
    /// Its bytes.
    pub frame_bytes: Signal<Out, Bits<16>>,
    /// The output idles inside a request although it might send.
    pub bubble: Signal<Out, Bit>,
    memory: Bram<Bits<64>, A>,
    metas: SyncFifo<SegmentMeta, 4>,
    results: SyncFifo<SegmentSums, 4>,
    leaving: SyncFifo<Leaving, 4>,
    front: DFF<Bits<A>>,
    beat: DFF<Bits<13>>,
    place: DFF<Bits<6>>,
    beat_after: Signal<Local, Bits<13>>,
    room: DFF<Bit>,
    read: Signal<Local, Bit>,
    drop: Signal<Local, Bit>,
    last: Signal<Local, Bit>,
    at_l3: WordAt,
    at_l4: WordAt,
    l3_value: Signal<Local, Bits<16>>,
    l4_value: Signal<Local, Bits<16>>,
    // Beside the memory's two cycles.
    asked: DFF<Leaving>,
    asked_insert: DFF<Insert>,
    asked_valid: DFF<Bit>,
    fetched: DFF<Leaving>,
    fetched_insert: DFF<Insert>,
    fetched_valid: DFF<Bit>,
    l3_lane: Signal<Local, Bits<4>>,
    l4_lane: Signal<Local, Bits<4>>,
    fetched_l3_lane: Signal<Local, Bits<4>>,
    fetched_l4_lane: Signal<Local, Bits<4>>,
    word: [Signal<Local, Bits<16>>; 4],
    wide: [Signal<Local, Bits<64>>; 4],
    // At the wire.
    valid: Signal<Local, Bit>,
    moves: Signal<Local, Bit>,
    in_request: DFF<Bit>,
    sent: DFF<Bits<13>>,
    sent_bytes: Signal<Local, Bits<16>>,
    missing: Signal<Local, Bits<4>>,
    count: Signal<Local, Bits<4>>,
    frame: DFF<Bit>,
    bytes: DFF<Bits<16>>,
    all: Constant<Bits<8>>,
}

impl<const A: usize> Default for SegmentRing<A> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            addr: Default::default(),
            data: Default::default(),
            write: Default::default(),
            head: Default::default(),
            meta: Default::default(),
            meta_valid: Default::default(),
            meta_ready: Default::default(),
            sums: Default::default(),
            sums_valid: Default::default(),
            m: Default::default(),
            counts_frame: Default::default(),
            frame_bytes: Default::default(),
            bubble: Default::default(),
            memory: Default::default(),
            metas: Default::default(),
            results: Default::default(),
            leaving: Default::default(),
            front: Default::default(),
            beat: Default::default(),
            place: Default::default(),
            beat_after: Default::default(),
            room: Default::default(),
            read: Default::default(),
            drop: Default::default(),
            last: Default::default(),
            at_l3: Default::default(),
            at_l4: Default::default(),
            l3_value: Default::default(),
            l4_value: Default::default(),
            asked: Default::default(),
            asked_insert: Default::default(),
            asked_valid: Default::default(),
            fetched: Default::default(),
            fetched_insert: Default::default(),
            fetched_valid: Default::default(),
            l3_lane: Default::default(),
            l4_lane: Default::default(),
            fetched_l3_lane: Default::default(),
            fetched_l4_lane: Default::default(),
            word: Default::default(),
            wide: Default::default(),
            valid: Default::default(),
            moves: Default::default(),
            in_request: Default::default(),
            sent: Default::default(),
            sent_bytes: Default::default(),
            missing: Default::default(),
            count: Default::default(),
            frame: Default::default(),
            bytes: Default::default(),
            all: Constant::new(0xff_u64.into()),
        }
    }
}

impl<const A: usize> Logic for SegmentRing<A> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            room,
            front,
            beat,
            place,
            asked,
            asked_insert,
            asked_valid,
            fetched,
            fetched_insert,
            fetched_valid,
            in_request,
            sent,
            frame,
            bytes
        );
        clock!(self, clock, memory, metas, results, leaving);
        self.metas.reset.next = self.reset.val();
        self.results.reset.next = self.reset.val();
        self.leaving.reset.next = self.reset.val();
        self.memory.waddr.next = self.addr.val();
        self.memory.wdata.next = self.data.val();
        self.memory.wen.next = self.write.val();
        self.metas.in_data.next = self.meta.val();
        self.metas.in_valid.next = self.meta_valid.val();
        self.meta_ready.next = self.metas.in_ready.val();
        self.results.in_data.next = self.sums.val();
        self.results.in_valid.next = self.sums_valid.val();
        self.head.next = self.front.q.val();
        // Read a beat, or drop the note of a request that ended early.
        // Told a cycle late, so one place more is kept.
        self.room.d.next = self.leaving.fill.val() <= 11;
        self.drop.next =
            self.room.q.val() & self.metas.out_valid.val() & self.metas.out_data.val().none;
        self.read.next = self.room.q.val()
            & self.metas.out_valid.val()
            & !self.metas.out_data.val().none
            & self.results.out_valid.val();
        self.beat_after.next = self.beat.q.val() + 1;
        self.last.next = self.beat_after.val() == self.metas.out_data.val().beats;
        self.metas.out_ready.next = self.drop.val() | (self.read.val() & self.last.val());
        self.results.out_ready.next = self.read.val() & self.last.val();
        self.memory.raddr.next = self.front.q.val();
        if self.read.val() {
            self.front.d.next = self.front.q.val() + 1;
            self.beat.d.next = self.beat_after.val();
            if self.place.q.val() != 63 {
                self.place.d.next = self.place.q.val() + 1;
            }
            if self.last.val() {
                self.beat.d.next = 0.into();
                self.place.d.next = 0.into();
            }
        }
        // What goes into it.
        self.at_l3.beat.next = self.place.q.val();
        self.at_l3.word.next = self.metas.out_data.val().l3_word;
        self.at_l4.beat.next = self.place.q.val();
        self.at_l4.word.next = self.metas.out_data.val().l4_word;
        self.l3_lane.next = 0.into();
        if self.metas.out_data.val().l3 {
            self.l3_lane.next = self.at_l3.hit.val();
        }
        self.l4_lane.next = 0.into();
        if self.metas.out_data.val().l4 {
            self.l4_lane.next = self.at_l4.hit.val();
        }
        self.l3_value.next = !self.results.out_data.val().l3;
        self.l4_value.next = !self.results.out_data.val().l4;
        self.asked_insert.d.next.l3 = self.l3_value.val();
        self.asked_insert.d.next.l4 = self.l4_value.val();
        if self.metas.out_data.val().udp & (self.l4_value.val() == 0) {
            self.asked_insert.d.next.l4 = 0xffff.into();
        }
        self.asked_insert.d.next.l3_lane = self.l3_lane.val();
        self.asked_insert.d.next.l4_lane = self.l4_lane.val();
        self.asked.d.next.tdata = 0.into();
        self.asked.d.next.count = 8.into();
        if self.last.val() {
            self.asked.d.next.count = self.metas.out_data.val().count;
        }
        self.asked.d.next.last = self.last.val();
        self.asked.d.next.closing = self.metas.out_data.val().closing;
        self.asked.d.next.none = self.drop.val();
        self.asked_valid.d.next = self.read.val() | self.drop.val();
        self.fetched.d.next = self.asked.q.val();
        self.fetched_insert.d.next = self.asked_insert.q.val();
        self.fetched_valid.d.next = self.asked_valid.q.val();
        // The beat is there.
        self.fetched_l3_lane.next = self.fetched_insert.q.val().l3_lane;
        self.fetched_l4_lane.next = self.fetched_insert.q.val().l4_lane;
        for i in 0..4 {
            self.word[i].next = self.memory.rdata.val().get_bits::<16>(i * 16);
            if self.fetched_l3_lane.val().get_bit(i) {
                self.word[i].next = self.fetched_insert.q.val().l3;
            }
            if self.fetched_l4_lane.val().get_bit(i) {
                self.word[i].next = self.fetched_insert.q.val().l4;
            }
        }
        self.wide[0].next = bit_cast::<64, 16>(self.word[0].val());
        self.wide[1].next = bit_cast::<64, 16>(self.word[1].val()) << 16;
        self.wide[2].next = bit_cast::<64, 16>(self.word[2].val()) << 32;
        self.wide[3].next = bit_cast::<64, 16>(self.word[3].val()) << 48;
        self.leaving.in_data.next.tdata =
            self.wide[0].val() | self.wide[1].val() | self.wide[2].val() | self.wide[3].val();
        self.leaving.in_data.next.count = self.fetched.q.val().count;
        self.leaving.in_data.next.last = self.fetched.q.val().last;
        self.leaving.in_data.next.closing = self.fetched.q.val().closing;
        self.leaving.in_data.next.none = self.fetched.q.val().none;
        self.leaving.in_valid.next = self.fetched_valid.q.val();
        // The wire.
        self.valid.next = self.leaving.out_valid.val() & !self.leaving.out_data.val().none;
        self.moves.next = self.valid.val() & self.m.tready.val();
        self.leaving.out_ready.next = self.m.tready.val() | self.leaving.out_data.val().none;
        self.count.next = self.leaving.out_data.val().count;
        self.missing.next = 8 - self.count.val();
        self.m.tdata.next = self.leaving.out_data.val().tdata;
        self.m.tkeep.next = self.all.val() >> self.missing.val();
        self.m.tlast.next = self.leaving.out_data.val().last;
        // Not from `valid`: outputs apart from what depends on inputs, or simulators see a loop through the wire.
        self.m.tvalid.next = self.leaving.out_valid.val() & !self.leaving.out_data.val().none;
        self.sent_bytes.next =
            (bit_cast::<16, 13>(self.sent.q.val()) << 3) + bit_cast::<16, 4>(self.count.val());
        self.bytes.d.next = self.sent_bytes.val();
        self.frame.d.next = self.moves.val() & self.leaving.out_data.val().last;
        if self.moves.val() {
            self.sent.d.next = self.sent.q.val() + 1;
            self.in_request.d.next = true;
            if self.leaving.out_data.val().last {
                self.sent.d.next = 0.into();
                self.in_request.d.next = !self.leaving.out_data.val().closing;
            }
        }
        if self.leaving.out_valid.val() & self.leaving.out_data.val().none {
            self.in_request.d.next = false;
        }
        self.bubble.next = self.in_request.q.val() & self.m.tready.val() & !self.valid.val();
        self.counts_frame.next = self.frame.q.val();
        self.frame_bytes.next = self.bytes.q.val();
        if self.reset.val() {
            self.front.d.next = 0.into();
            self.beat.d.next = 0.into();
            self.place.d.next = 0.into();
            self.asked_valid.d.next = false;
            self.fetched_valid.d.next = false;
            self.in_request.d.next = false;
            self.sent.d.next = 0.into();
            self.frame.d.next = false;
        }
    }
}
