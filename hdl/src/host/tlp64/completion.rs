//! Completions into the reorder memory.
//!
//! Contract: takes Cpl and CplD TLPs only. The data of a tag that is outstanding are written, DW by DW, at their address
//! within 512 B: even DWs into one bank, odd ones into the other, so two consecutive DWs always go to different banks and nothing
//! is shifted. When a TLP is over, `done_*` reports it for one cycle. Checked are: requester id and tag; status; byte count and lower
//! address against the progress of the tag; length against what is left and against the TLP itself; poison. A digest is
//! ignored. Whatever comes, the parser waits for nothing but the TLP's last beat.
//!
//! | what came | the read ends with | the tag |
//! |---|---|---|
//! | status UR, CRS or CA | an error | is free again |
//! | EP set | an error, after its other completions | is free again |
//! | wrong byte count, lower address or length; cut short; no data | an error at once | is retired |
//!
//! - Latency: 4 cycles from the last beat to `done`.
//! - Throughput: one beat per cycle; the second beats of two TLPs are at least 4 cycles apart, so only TLPs of 2 or 3
//!   beats (up to 3 DW of data) meet bubbles, 2 or 1 each.

use super::{
    header::{Fields, SwapDws},
    progress::Progress,
};
use crate::stream::axis::AxisSink;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Completion parser; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Completion {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// This function's id.
    pub requester_id: Signal<In, Bits<16>>,
    /// Completions.
    pub s: AxisSink,
    /// Tags with completions to come.
    pub outstanding: Signal<In, Bits<16>>,
    /// A read gets `alloc_tag`.
    pub alloc: Signal<In, Bit>,
    /// Its tag.
    pub alloc_tag: Signal<In, Bits<4>>,
    /// Address of its first byte within 512 B.
    pub alloc_start: Signal<In, Bits<9>>,
    /// Its bytes.
    pub alloc_bytes: Signal<In, Bits<10>>,
    /// Even DWs: address, tag above row.
    pub even_addr: Signal<Out, Bits<10>>,
    /// Even DWs: data, first byte in bits 7:0.
    pub even_data: Signal<Out, Bits<32>>,
    /// Even DWs: write.
    pub even_wen: Signal<Out, Bit>,
    /// Odd DWs: address, tag above row.
    pub odd_addr: Signal<Out, Bits<10>>,
    /// Odd DWs: data, first byte in bits 7:0.
    pub odd_data: Signal<Out, Bits<32>>,
    /// Odd DWs: write.
    pub odd_wen: Signal<Out, Bit>,
    /// A completion is over.
    pub done: Signal<Out, Bit>,
    /// Its tag.
    pub done_tag: Signal<Out, Bits<4>>,
    /// It is not for this function, or has no tag at all.
    pub done_stray: Signal<Out, Bit>,
    /// The read is over.
    pub done_last: Signal<Out, Bit>,
    /// The read has failed.
    pub done_err: Signal<Out, Bit>,
    /// More may come for the tag although the read is over.
    pub done_retire: Signal<Out, Bit>,
    fields: Fields,
    swap: SwapDws,
    progress: Progress,
    // Beat 0 is over; beat 1 is over.
    first_seen: DFF<Bit>,
    second_seen: DFF<Bit>,
    spacing: DFF<Bits<3>>,
    // From DW 0 and 1.
    with_data: DFF<Bit>,
    digest: DFF<Bit>,
    poisoned: DFF<Bit>,
    length: DFF<Bits<10>>,
    status: DFF<Bits<3>>,
    byte_count: DFF<Bits<12>>,
    // Stage 1: the beat, while the progress is looked up.
    valid1: DFF<Bit>,
    second1: DFF<Bit>,
    last1: DFF<Bit>,
    runt1: DFF<Bit>,
    both1: DFF<Bit>,
    data1: DFF<Bits<64>>,
    tag1: DFF<Bits<4>>,
    mine1: DFF<Bit>,
    lower1: DFF<Bits<7>>,
    accept: Signal<Local, Bit>,
    stall: Signal<Local, Bit>,
    store: super::completion_store::CompletionStore,
}

impl Logic for Completion {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            first_seen,
            second_seen,
            spacing,
            with_data,
            digest,
            poisoned
        );
        dff_setup!(
            self, clock, length, status, byte_count, valid1, second1, last1, runt1
        );
        dff_setup!(self, clock, both1, data1, tag1, mine1, lower1);
        clock!(self, clock, progress, store);
        self.fields.tdata.next = self.s.tdata.val();
        self.swap.a.next = self.s.tdata.val();
        self.stall.next =
            self.first_seen.q.val() & !self.second_seen.q.val() & self.spacing.q.val().any();
        // Not by way of `stall`: Verilator would see `tready` depend on `tvalid`.
        self.s.tready.next =
            !(self.first_seen.q.val() & !self.second_seen.q.val() & self.spacing.q.val().any());
        self.accept.next = self.s.tvalid.val() & !self.stall.val();
        self.spacing.d.next = self.spacing.q.val() >> 1;
        self.valid1.d.next = false;
        self.second1.d.next = false;
        self.last1.d.next = self.s.tlast.val();
        self.runt1.d.next = false;
        self.data1.d.next = self.swap.y.val();
        self.both1.d.next = self.s.tkeep.val().get_bit(4);
        self.progress.lookup_tag.next = self.fields.cpl_tag.val().get_bits::<4>(0);
        if self.accept.val() {
            if !self.first_seen.q.val() {
                self.with_data.d.next = self.fields.with_data.val();
                self.digest.d.next = self.fields.digest.val();
                self.poisoned.d.next = self.fields.poisoned.val();
                self.length.d.next = self.fields.length.val();
                self.status.d.next = self.fields.status.val();
                self.byte_count.d.next = self.fields.byte_count.val();
                self.runt1.d.next = self.s.tlast.val();
                self.first_seen.d.next = true;
            } else {
                self.valid1.d.next = true;
                self.second1.d.next = !self.second_seen.q.val();
                self.second_seen.d.next = true;
            }
            if self.first_seen.q.val() & !self.second_seen.q.val() {
                self.tag1.d.next = self.fields.cpl_tag.val().get_bits::<4>(0);
                self.mine1.d.next = (self.fields.cpl_requester.val() == self.requester_id.val())
                    & (self.fields.cpl_tag.val().get_bits::<4>(4) == 0);
                self.lower1.d.next = self.fields.lower_address.val();
                self.spacing.d.next = 7.into();
            }
            if self.s.tlast.val() {
                self.first_seen.d.next = false;
                self.second_seen.d.next = false;
            }
        }
        self.progress.alloc.next = self.alloc.val();
        self.progress.alloc_tag.next = self.alloc_tag.val();
        self.progress.alloc_start.next = self.alloc_start.val();
        self.progress.alloc_bytes.next = self.alloc_bytes.val();
        self.progress.update_valid.next = self.store.update_valid.val();
        self.progress.update_tag.next = self.store.update_tag.val();
        self.progress.update_place.next = self.store.update_place.val();
        self.progress.update_left.next = self.store.update_left.val();
        self.store.reset.next = self.reset.val();
        self.store.outstanding.next = self.outstanding.val();
        self.store.valid.next = self.valid1.q.val();
        self.store.second.next = self.second1.q.val();
        self.store.last.next = self.last1.q.val();
        self.store.runt.next = self.runt1.q.val();
        self.store.both.next = self.both1.q.val();
        self.store.data.next = self.data1.q.val();
        self.store.tag.next = self.tag1.q.val();
        self.store.mine.next = self.mine1.q.val();
        self.store.lower_address.next = self.lower1.q.val();
        self.store.with_data.next = self.with_data.q.val();
        self.store.digest.next = self.digest.q.val();
        self.store.poisoned.next = self.poisoned.q.val();
        self.store.length.next = self.length.q.val();
        self.store.status.next = self.status.q.val();
        self.store.byte_count.next = self.byte_count.q.val();
        self.store.place.next = self.progress.place.val();
        self.store.left.next = self.progress.left.val();
        self.even_addr.next = self.store.even_addr.val();
        self.even_data.next = self.store.even_data.val();
        self.even_wen.next = self.store.even_wen.val();
        self.odd_addr.next = self.store.odd_addr.val();
        self.odd_data.next = self.store.odd_data.val();
        self.odd_wen.next = self.store.odd_wen.val();
        self.done.next = self.store.done.val();
        self.done_tag.next = self.store.done_tag.val();
        self.done_stray.next = self.store.done_stray.val();
        self.done_last.next = self.store.done_last.val();
        self.done_err.next = self.store.done_err.val();
        self.done_retire.next = self.store.done_retire.val();
        if self.reset.val() {
            self.first_seen.d.next = false;
            self.second_seen.d.next = false;
            self.spacing.d.next = 0.into();
            self.valid1.d.next = false;
            self.runt1.d.next = false;
        }
    }
}
