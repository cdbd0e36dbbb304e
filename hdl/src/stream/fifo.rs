//! FIFO of beats on one clock, first word falls through.
//!
//! Contract: `m` carries the beats of `s` in order. A frame begins to leave before it is in as a whole; for store and forward see
//! [`frame_fifo`](super::frame_fifo). `s.tready` and `m.tvalid` come from registers only.
//!
//! - Latency: 3 cycles (1 up to 32 beats, in distributed RAM).
//! - Throughput: one beat per cycle.
//! - Bubbles: none.
//! - Capacity: `2^A` beats, and 2 more in the output registers from 64 on. `fill` counts them all.
//! - Area: 68 bits per beat; see docs/PERFORMANCE.md.

use super::{
    axis::{AxisSink, AxisSource},
    packed::{PackBeat, PackedBeat, UnpackBeat},
};
use crate::memory::sync_fifo::SyncFifo;
use rust_hdl_core::prelude::*;

/// FIFO of `2^A` beats; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct AxisFifo<const A: usize> {
    /// Clock of both sides.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset; empties the FIFO.
    pub reset: Signal<In, Bit>,
    /// Beats in.
    pub s: AxisSink,
    /// Beats out.
    pub m: AxisSource,
    /// Beats held.
    pub fill: Signal<Out, Bits<17>>,
    pack: PackBeat,
    unpack: UnpackBeat,
    fifo: SyncFifo<PackedBeat, A>,
}

impl<const A: usize> Logic for AxisFifo<A> {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, fifo);
        self.fifo.reset.next = self.reset.val();
        self.pack.tdata.next = self.s.tdata.val();
        self.pack.tkeep.next = self.s.tkeep.val();
        self.pack.tlast.next = self.s.tlast.val();
        self.fifo.in_data.next = self.pack.beat.val();
        self.fifo.in_valid.next = self.s.tvalid.val();
        self.s.tready.next = self.fifo.in_ready.val();
        self.unpack.beat.next = self.fifo.out_data.val();
        self.m.tdata.next = self.unpack.tdata.val();
        self.m.tkeep.next = self.unpack.tkeep.val();
        self.m.tlast.next = self.unpack.tlast.val();
        self.m.tvalid.next = self.fifo.out_valid.val();
        self.fifo.out_ready.next = self.m.tready.val();
        self.fill.next = self.fifo.fill.val();
    }
}
