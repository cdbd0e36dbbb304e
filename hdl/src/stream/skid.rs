//! Register slice ("skid buffer") of the 64-bit stream.
//!
//! Contract: `m` carries the beats of `s` in order. Every output, `s.tready` included, comes straight from a flip-flop,
//! so the slice cuts all combinational paths between its two sides.
//!
//! - Latency: 1 cycle.
//! - Throughput: one beat per cycle, also through any pattern of `m.tready`.
//! - Bubbles: one cycle of `s.tready` low after reset; none otherwise.
//! - Capacity: 2 beats.
//! - Area: see docs/PERFORMANCE.md.

use super::axis::{AxisSink, AxisSource, Beat};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Full-throughput register slice; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct AxisSkid {
    /// Clock of both sides.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset; drops what is held.
    pub reset: Signal<In, Bit>,
    /// Beats in.
    pub s: AxisSink,
    /// Beats out.
    pub m: AxisSource,
    front: DFF<Beat>,
    front_valid: DFF<Bit>,
    spare: DFF<Beat>,
    spare_valid: DFF<Bit>,
    ready: DFF<Bit>,
    advance: Signal<Local, Bit>,
    accept: Signal<Local, Bit>,
    /// Zero; test-only otherwise: bits that the spare register turns over.
    fault: Constant<Bits<64>>,
}

impl AxisSkid {
    fn build(fault: u64) -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            s: Default::default(),
            m: Default::default(),
            front: Default::default(),
            front_valid: Default::default(),
            spare: Default::default(),
            spare_valid: Default::default(),
            ready: Default::default(),
            advance: Default::default(),
            accept: Default::default(),
            fault: Constant::new(fault.into()),
        }
    }

    /// A slice that is wrong on purpose, for the tests of the nets: a bit of every beat that is held up turns over.
    #[must_use]
    pub fn with_fault() -> Self {
        Self::build(1 << 40)
    }
}

impl Default for AxisSkid {
    fn default() -> Self {
        Self::build(0)
    }
}

impl Logic for AxisSkid {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, front, front_valid, spare, spare_valid, ready);
        self.m.tdata.next = self.front.q.val().tdata;
        self.m.tkeep.next = self.front.q.val().tkeep;
        self.m.tlast.next = self.front.q.val().tlast;
        self.m.tvalid.next = self.front_valid.q.val();
        self.s.tready.next = self.ready.q.val();
        self.accept.next = self.s.tvalid.val() & self.ready.q.val();
        self.advance.next = self.m.tready.val() | !self.front_valid.q.val();
        if self.advance.val() {
            if self.spare_valid.q.val() {
                self.front.d.next = self.spare.q.val();
                self.front_valid.d.next = true;
                self.spare_valid.d.next = false;
            } else {
                self.front.d.next.tdata = self.s.tdata.val();
                self.front.d.next.tkeep = self.s.tkeep.val();
                self.front.d.next.tlast = self.s.tlast.val();
                self.front_valid.d.next = self.accept.val();
            }
        } else if self.accept.val() {
            self.spare.d.next.tdata = self.s.tdata.val() ^ self.fault.val();
            self.spare.d.next.tkeep = self.s.tkeep.val();
            self.spare.d.next.tlast = self.s.tlast.val();
            self.spare_valid.d.next = true;
        }
        // Ready in the next cycle iff the spare register will be empty then.
        self.ready.d.next = self.advance.val() | (!self.spare_valid.q.val() & !self.accept.val());
        if self.reset.val() {
            self.front_valid.d.next = false;
            self.spare_valid.d.next = false;
            self.ready.d.next = false;
        }
    }
}
