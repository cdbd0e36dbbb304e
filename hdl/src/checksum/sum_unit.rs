//! The ones' complement sum of a frame's chosen bytes.
//!
//! Contract: beats are given with `valid`, at any pace, `first` on the frame's first and `last` on its last (both for a
//! frame of one beat). Of each, the bytes in `take` are summed as little-endian words. `init` is added once; it is sampled one cycle after the
//! first beat. Four cycles after the last beat `sum` is the folded sum and `done` is high. A frame that is not ended is forgotten
//! with the `first` of the next.
//!
//! - Latency: 4 cycles from the last beat: tree, accumulator, two of the fold.
//! - Throughput: one beat per cycle; frames back to back, no bubbles.
//! - The accumulator is 32 bits wide: enough for 65,535 beats.

use super::beat_sum::BeatSum;
use super::fold::Fold;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Sum of a frame's chosen bytes; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct SumUnit {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset: drops what is under way.
    pub reset: Signal<In, Bit>,
    /// Eight bytes, the first on the wire in bits 7:0.
    pub tdata: Signal<In, Bits<64>>,
    /// Which bytes count.
    pub take: Signal<In, Bits<8>>,
    /// A beat is there.
    pub valid: Signal<In, Bit>,
    /// It is the frame's first.
    pub first: Signal<In, Bit>,
    /// It is the frame's last.
    pub last: Signal<In, Bit>,
    /// Added to the frame's sum, sampled one cycle after the first beat.
    pub init: Signal<In, Bits<17>>,
    /// The folded sum.
    pub sum: Signal<Out, Bits<16>>,
    /// `sum` is there.
    pub done: Signal<Out, Bit>,
    beat: BeatSum,
    fold: Fold,
    beat_valid: DFF<Bit>,
    beat_first: DFF<Bit>,
    beat_last: DFF<Bit>,
    total: DFF<Bits<32>>,
    total_valid: DFF<Bit>,
    running: Signal<Local, Bits<32>>,
}

impl Logic for SumUnit {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            beat_valid,
            beat_first,
            beat_last,
            total,
            total_valid
        );
        clock!(self, clock, beat, fold);
        self.beat.tdata.next = self.tdata.val();
        self.beat.take.next = self.take.val();
        self.beat_valid.d.next = self.valid.val();
        self.beat_first.d.next = self.first.val();
        self.beat_last.d.next = self.last.val();
        self.running.next = self.total.q.val();
        if self.beat_first.q.val() {
            self.running.next = bit_cast::<32, 17>(self.init.val());
        }
        self.total_valid.d.next = self.beat_valid.q.val() & self.beat_last.q.val();
        if self.beat_valid.q.val() {
            self.total.d.next = self.running.val() + bit_cast::<32, 18>(self.beat.sum.val());
        }
        self.fold.reset.next = self.reset.val();
        self.fold.total.next = self.total.q.val();
        self.fold.valid.next = self.total_valid.q.val();
        self.sum.next = self.fold.sum.val();
        self.done.next = self.fold.done.val();
        if self.reset.val() {
            self.beat_valid.d.next = false;
            self.total_valid.d.next = false;
        }
    }
}
