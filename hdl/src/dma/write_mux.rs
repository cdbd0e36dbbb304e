//! Two writers on one write channel.
//!
//! Contract: whole bursts, round robin. The order of the bursts at the output is the order in which their first beats are
//! taken.
//!
//! - Latency: none; all paths are combinational.
//! - Throughput: one beat per cycle, no bubbles between bursts.

use crate::host::mem::{MemWriteSink, MemWriteSource};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Write multiplexer; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct WriteMux {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Bursts of the writers.
    pub s: [MemWriteSink; 2],
    /// Bursts to the adapter.
    pub wr: MemWriteSource,
    locked: DFF<Bit>,
    owner: DFF<Bit>,
    grant: Signal<Local, Bit>,
    valid: Signal<Local, Bit>,
    last: Signal<Local, Bit>,
}

impl Logic for WriteMux {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, locked, owner);
        // Writer 1 if `grant`. The one that did not have the last turn comes first.
        self.grant.next = self.owner.q.val();
        if !self.locked.q.val() {
            self.grant.next = self.s[1].valid.val();
            if self.owner.q.val() {
                self.grant.next = !self.s[0].valid.val();
            }
        }
        self.s[0].ready.next = self.wr.ready.val() & !self.grant.val();
        self.s[1].ready.next = self.wr.ready.val() & self.grant.val();
        self.wr.addr.next = self.s[0].addr.val();
        self.wr.len.next = self.s[0].len.val();
        self.wr.data.next = self.s[0].data.val();
        self.last.next = self.s[0].last.val();
        self.valid.next = self.s[0].valid.val();
        if self.grant.val() {
            self.wr.addr.next = self.s[1].addr.val();
            self.wr.len.next = self.s[1].len.val();
            self.wr.data.next = self.s[1].data.val();
            self.last.next = self.s[1].last.val();
            self.valid.next = self.s[1].valid.val();
        }
        self.wr.last.next = self.last.val();
        self.wr.valid.next = self.valid.val();
        if self.valid.val() {
            self.owner.d.next = self.grant.val();
            self.locked.d.next = !(self.wr.ready.val() & self.last.val());
        }
        if self.reset.val() {
            self.locked.d.next = false;
        }
    }
}
