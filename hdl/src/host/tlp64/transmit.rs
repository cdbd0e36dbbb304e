//! Four sources of TLPs on one stream.
//!
//! Contract: whole TLPs, round robin. The order on the stream is the order of the grants, so what is granted later never
//! passes a write whose TLP has begun. Whose turn it is is settled a cycle ahead.
//!
//! - Latency: 1 cycle (a register slice at the output) for the source whose turn it is, 2 for others.
//! - Throughput: one beat per cycle, no bubbles between TLPs that are there.
//! - `reads`, `writes` and `interrupts` pulse when a TLP of their kind ends.

use crate::stream::axis::{AxisSink, AxisSource};
use crate::stream::skid::AxisSkid;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// TLP arbiter; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Transmit {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// MWr.
    pub write: AxisSink,
    /// MSI-X messages.
    pub msix: AxisSink,
    /// Completions.
    pub answer: AxisSink,
    /// MRd.
    pub read: AxisSink,
    /// All of them.
    pub m: AxisSource,
    /// An MRd was sent.
    pub reads: Signal<Out, Bit>,
    /// An MWr was sent.
    pub writes: Signal<Out, Bit>,
    /// One was an MSI-X message.
    pub interrupts: Signal<Out, Bit>,
    skid: AxisSkid,
    locked: DFF<Bit>,
    owner: DFF<Bits<2>>,
    reads_r: DFF<Bit>,
    writes_r: DFF<Bit>,
    interrupts_r: DFF<Bit>,
    passes: Signal<Local, Bit>,
    valid: Signal<Local, Bit>,
    moves: Signal<Local, Bit>,
    last: Signal<Local, Bit>,
    data: Signal<Local, Bits<64>>,
    keep: Signal<Local, Bits<8>>,
}

impl Logic for Transmit {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, locked, owner, reads_r, writes_r, interrupts_r);
        clock!(self, clock, skid);
        self.skid.reset.next = self.reset.val();
        // Straight from registers: what a source may do never depends on what another one offers.
        self.write.tready.next = self.skid.s.tready.val() & (self.owner.q.val() == 0);
        self.msix.tready.next = self.skid.s.tready.val() & (self.owner.q.val() == 1);
        self.answer.tready.next = self.skid.s.tready.val() & (self.owner.q.val() == 2);
        self.read.tready.next = self.skid.s.tready.val() & (self.owner.q.val() == 3);
        if self.owner.q.val() == 0 {
            self.data.next = self.write.tdata.val();
            self.keep.next = self.write.tkeep.val();
            self.last.next = self.write.tlast.val();
            self.valid.next = self.write.tvalid.val();
        } else if self.owner.q.val() == 1 {
            self.data.next = self.msix.tdata.val();
            self.keep.next = self.msix.tkeep.val();
            self.last.next = self.msix.tlast.val();
            self.valid.next = self.msix.tvalid.val();
        } else if self.owner.q.val() == 2 {
            self.data.next = self.answer.tdata.val();
            self.keep.next = self.answer.tkeep.val();
            self.last.next = self.answer.tlast.val();
            self.valid.next = self.answer.tvalid.val();
        } else {
            self.data.next = self.read.tdata.val();
            self.keep.next = self.read.tkeep.val();
            self.last.next = self.read.tlast.val();
            self.valid.next = self.read.tvalid.val();
        }
        self.skid.s.tdata.next = self.data.val();
        self.skid.s.tkeep.next = self.keep.val();
        self.skid.s.tlast.next = self.last.val();
        self.skid.s.tvalid.next = self.valid.val();
        self.moves.next = self.valid.val() & self.skid.s.tready.val();
        // The stream passes on at the end of a TLP, or from a source that offers none, to the next one that does.
        self.passes.next = !self.valid.val() & !self.locked.q.val();
        if self.moves.val() {
            self.locked.d.next = !self.last.val();
            self.passes.next = self.last.val();
        }
        if self.passes.val() {
            if self.owner.q.val() == 0 {
                if self.msix.tvalid.val() {
                    self.owner.d.next = 1.into();
                } else if self.answer.tvalid.val() {
                    self.owner.d.next = 2.into();
                } else if self.read.tvalid.val() {
                    self.owner.d.next = 3.into();
                }
            } else if self.owner.q.val() == 1 {
                if self.answer.tvalid.val() {
                    self.owner.d.next = 2.into();
                } else if self.read.tvalid.val() {
                    self.owner.d.next = 3.into();
                } else if self.write.tvalid.val() {
                    self.owner.d.next = 0.into();
                }
            } else if self.owner.q.val() == 2 {
                if self.read.tvalid.val() {
                    self.owner.d.next = 3.into();
                } else if self.write.tvalid.val() {
                    self.owner.d.next = 0.into();
                } else if self.msix.tvalid.val() {
                    self.owner.d.next = 1.into();
                }
            } else if self.write.tvalid.val() {
                self.owner.d.next = 0.into();
            } else if self.msix.tvalid.val() {
                self.owner.d.next = 1.into();
            } else if self.answer.tvalid.val() {
                self.owner.d.next = 2.into();
            }
        }
        self.reads_r.d.next = self.moves.val() & self.last.val() & (self.owner.q.val() == 3);
        self.writes_r.d.next = self.moves.val()
            & self.last.val()
            & ((self.owner.q.val() == 0) | (self.owner.q.val() == 1));
        self.interrupts_r.d.next = self.moves.val() & self.last.val() & (self.owner.q.val() == 1);
        self.reads.next = self.reads_r.q.val();
        self.writes.next = self.writes_r.q.val();
        self.interrupts.next = self.interrupts_r.q.val();
        self.m.tdata.next = self.skid.m.tdata.val();
        self.m.tkeep.next = self.skid.m.tkeep.val();
        self.m.tlast.next = self.skid.m.tlast.val();
        self.m.tvalid.next = self.skid.m.tvalid.val();
        self.skid.m.tready.next = self.m.tready.val();
        if self.reset.val() {
            self.locked.d.next = false;
            self.owner.d.next = 0.into();
            self.reads_r.d.next = false;
            self.writes_r.d.next = false;
            self.interrupts_r.d.next = false;
        }
    }
}
