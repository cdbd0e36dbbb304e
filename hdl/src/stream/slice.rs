//! Register slices of any value, for the boundaries between parts: every output comes straight from a flip-flop, so a slice cuts
//! all combinational paths between its two sides.
//!
//! Contract of both: valid/ready on both sides, values in order; `out_data` is stable while `out_valid & !out_ready`.
//!
//! | | [`Slice`] | [`Relay`] |
//! |---|---|---|
//! | latency | 1 cycle | 1 cycle |
//! | throughput | a value per cycle | a value every other cycle |
//! | capacity | 2 | 1 |
//! | area per bit | 2 flip-flops, 1 LUT | 1 flip-flop |

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Full-throughput register slice; see the [module](self).
#[derive(LogicBlock, Default)]
pub struct Slice<T: Synth> {
    /// Clock of both sides.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset; drops what is held.
    pub reset: Signal<In, Bit>,
    /// Value in.
    pub in_data: Signal<In, T>,
    /// A value is offered.
    pub in_valid: Signal<In, Bit>,
    /// There is room for it.
    pub in_ready: Signal<Out, Bit>,
    /// Value out.
    pub out_data: Signal<Out, T>,
    /// There is one.
    pub out_valid: Signal<Out, Bit>,
    /// It is taken.
    pub out_ready: Signal<In, Bit>,
    front: DFF<T>,
    front_valid: DFF<Bit>,
    spare: DFF<T>,
    spare_valid: DFF<Bit>,
    ready: DFF<Bit>,
    advance: Signal<Local, Bit>,
    accept: Signal<Local, Bit>,
}

impl<T: Synth> Logic for Slice<T> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, front, front_valid, spare, spare_valid, ready);
        self.out_data.next = self.front.q.val();
        self.out_valid.next = self.front_valid.q.val();
        self.in_ready.next = self.ready.q.val();
        self.accept.next = self.in_valid.val() & self.ready.q.val();
        self.advance.next = self.out_ready.val() | !self.front_valid.q.val();
        if self.advance.val() {
            self.front.d.next = self.in_data.val();
            self.front_valid.d.next = self.accept.val() | self.spare_valid.q.val();
            if self.spare_valid.q.val() {
                self.front.d.next = self.spare.q.val();
            }
        }
        // The spare register follows the input until it must hold.
        if self.ready.q.val() {
            self.spare.d.next = self.in_data.val();
        }
        self.spare_valid.d.next =
            !self.advance.val() & (self.accept.val() | self.spare_valid.q.val());
        self.ready.d.next = self.advance.val() | (!self.spare_valid.q.val() & !self.accept.val());
        if self.reset.val() {
            self.front_valid.d.next = false;
            self.spare_valid.d.next = false;
            self.ready.d.next = false;
        }
    }
}

/// Register slice of half the throughput; see the [module](self).
#[derive(LogicBlock, Default)]
pub struct Relay<T: Synth> {
    /// Clock of both sides.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset; drops what is held.
    pub reset: Signal<In, Bit>,
    /// Value in.
    pub in_data: Signal<In, T>,
    /// A value is offered.
    pub in_valid: Signal<In, Bit>,
    /// There is room for it.
    pub in_ready: Signal<Out, Bit>,
    /// Value out.
    pub out_data: Signal<Out, T>,
    /// There is one.
    pub out_valid: Signal<Out, Bit>,
    /// It is taken.
    pub out_ready: Signal<In, Bit>,
    value: DFF<T>,
    full: DFF<Bit>,
}

impl<T: Synth> Logic for Relay<T> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, value, full);
        self.out_data.next = self.value.q.val();
        self.out_valid.next = self.full.q.val();
        self.in_ready.next = !self.full.q.val();
        if !self.full.q.val() {
            self.value.d.next = self.in_data.val();
        }
        self.full.d.next = (self.full.q.val() & !self.out_ready.val())
            | (!self.full.q.val() & self.in_valid.val());
        if self.reset.val() {
            self.full.d.next = false;
        }
    }
}
