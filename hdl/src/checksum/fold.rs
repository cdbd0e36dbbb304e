//! A 32-bit sum of 16-bit words folded to 16 bits with end-around carry.
//!
//! Contract: two cycles after `total` was given with `valid`, `sum` is its ones' complement fold and `done` is high. Zero
//! stays zero; any other multiple of 0xFFFF gives 0xFFFF.
//!
//! - Latency: 2 cycles (an adder each).
//! - Throughput: one per cycle, no bubbles.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// End-around fold; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Fold {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset: drops what is under way.
    pub reset: Signal<In, Bit>,
    /// Sum of words.
    pub total: Signal<In, Bits<32>>,
    /// `total` is to be folded.
    pub valid: Signal<In, Bit>,
    /// The fold, two cycles later.
    pub sum: Signal<Out, Bits<16>>,
    /// `sum` is there: `valid` of two cycles before.
    pub done: Signal<Out, Bit>,
    once: DFF<Bits<17>>,
    once_valid: DFF<Bit>,
    twice: DFF<Bits<16>>,
    twice_valid: DFF<Bit>,
}

impl Logic for Fold {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, once, once_valid, twice, twice_valid);
        self.once.d.next = bit_cast::<17, 16>(self.total.val().get_bits::<16>(0))
            + bit_cast::<17, 16>(self.total.val().get_bits::<16>(16));
        self.once_valid.d.next = self.valid.val();
        // The carry cannot carry again: 0xFFFF + 0xFFFF folds to 0xFFFF.
        self.twice.d.next = self.once.q.val().get_bits::<16>(0)
            + bit_cast::<16, 1>(self.once.q.val().get_bits::<1>(16));
        self.twice_valid.d.next = self.once_valid.q.val();
        self.sum.next = self.twice.q.val();
        self.done.next = self.twice_valid.q.val();
        if self.reset.val() {
            self.once_valid.d.next = false;
            self.twice_valid.d.next = false;
        }
    }
}
