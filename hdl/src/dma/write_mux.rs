//! Two writers on one write channel.
//!
//! Contract: whole bursts, round robin. The order of the bursts at the output is the order in which their first beats are
//! taken. Whose turn it is is settled a cycle ahead, so `ready` never depends on what the writers offer.
//!
//! - Latency: none for the writer whose turn it is, 1 cycle for the other.
//! - Throughput: one beat per cycle; a bubble where the turn passes to a writer that offers nothing yet. The adapter's headers hide it.

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
    turn: DFF<Bit>,
    in_burst: DFF<Bit>,
    valid: Signal<Local, Bit>,
    last: Signal<Local, Bit>,
    other: Signal<Local, Bit>,
}

impl Logic for WriteMux {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, turn, in_burst);
        self.s[0].ready.next = self.wr.ready.val() & !self.turn.q.val();
        self.s[1].ready.next = self.wr.ready.val() & self.turn.q.val();
        self.wr.addr.next = self.s[0].addr.val();
        self.wr.len.next = self.s[0].len.val();
        self.wr.data.next = self.s[0].data.val();
        self.wr.last.next = self.s[0].last.val();
        self.wr.valid.next = self.s[0].valid.val();
        self.last.next = self.s[0].last.val();
        self.valid.next = self.s[0].valid.val();
        self.other.next = self.s[1].valid.val();
        if self.turn.q.val() {
            self.wr.addr.next = self.s[1].addr.val();
            self.wr.len.next = self.s[1].len.val();
            self.wr.data.next = self.s[1].data.val();
            self.wr.last.next = self.s[1].last.val();
            self.wr.valid.next = self.s[1].valid.val();
            self.last.next = self.s[1].last.val();
            self.valid.next = self.s[1].valid.val();
            self.other.next = self.s[0].valid.val();
        }
        // The turn passes at the end of a burst, or from one that has none, to the other if it has one.
        if self.valid.val() & self.wr.ready.val() {
            self.in_burst.d.next = !self.last.val();
            if self.last.val() & self.other.val() {
                self.turn.d.next = !self.turn.q.val();
            }
        } else if !self.valid.val() & !self.in_burst.q.val() & self.other.val() {
            self.turn.d.next = !self.turn.q.val();
        }
        if self.reset.val() {
            self.in_burst.d.next = false;
            self.turn.d.next = false;
        }
    }
}
