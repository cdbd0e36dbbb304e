//! Keeps a frame that a reset has cut from passing as a shorter one.
//!
//! Contract: passes beats from `s` to `m` unchanged; during `reset` and the cycle after it, and then up to the end of the frame that was under
//! way then, beats are taken and dropped. Where frames begin and end is followed through resets, so `s` is a MAC that knows
//! nothing of them and starts with a frame's first beat at power-on.
//!
//! - Latency: none. Throughput: one beat per cycle.

use crate::stream::axis::{AxisSink, AxisSource};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Frame gate; see the [module](self).
#[derive(LogicBlock, Default)]
pub struct RxGate {
    /// The MAC's clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Frames from the MAC.
    pub s: AxisSink,
    /// Whole frames, but for one that a reset cuts off.
    pub m: AxisSource,
    in_frame: DFF<Bit>,
    skip: DFF<Bit>,
    late: DFF<Bit>,
    dropping: Signal<Local, Bit>,
    moves: Signal<Local, Bit>,
}

impl Logic for RxGate {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, in_frame, skip, late);
        self.late.d.next = self.reset.val();
        self.dropping.next = self.reset.val() | self.late.q.val() | self.skip.q.val();
        self.m.tdata.next = self.s.tdata.val();
        self.m.tkeep.next = self.s.tkeep.val();
        self.m.tlast.next = self.s.tlast.val();
        self.m.tvalid.next =
            self.s.tvalid.val() & !self.reset.val() & !self.late.q.val() & !self.skip.q.val();
        self.s.tready.next =
            self.m.tready.val() | self.reset.val() | self.late.q.val() | self.skip.q.val();
        self.moves.next = self.s.tvalid.val() & (self.m.tready.val() | self.dropping.val());
        if self.moves.val() {
            self.in_frame.d.next = !self.s.tlast.val();
        }
        if self.reset.val() | self.late.q.val() {
            self.skip.d.next = self.in_frame.q.val();
            if self.moves.val() {
                self.skip.d.next = !self.s.tlast.val();
            }
        } else if self.moves.val() & self.s.tlast.val() {
            self.skip.d.next = false;
        }
    }
}
