//! The registers between the core and the adapter, which keep the order that the core relies on.
//!
//! Contract: `m_wr` carries the beats of `wr`, `m_irq` the interrupts of `irq`; everything towards the core comes from registers. A beat of a
//! write that was taken from the core may still lie here, so an interrupt goes on, and `clear` lets an answer go out, only
//! when all beats have gone on that were taken before the interrupt was, or before the pulse of `answered`. The beats that are here go on by
//! themselves: nothing of the adapter's write side waits for interrupts or answers.
//!
//! - Latency: 1 cycle for a beat, 2 for an interrupt or an answer with nothing to wait for.
//! - Throughput: a beat per cycle.

use crate::host::mem::{IrqSink, IrqSource, MemWriteBeat, MemWriteSink, MemWriteSource};
use crate::stream::slice::{Relay, Slice};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Tells whether something is still here that was here at a mark; at most two beats can be.
#[derive(LogicBlock, Default)]
pub struct Behind {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// What is here in the next cycle is to be waited for.
    pub mark: Signal<In, Bit>,
    /// Nothing is here.
    pub empty: Signal<In, Bit>,
    /// A beat goes on.
    pub moves: Signal<In, Bit>,
    /// Some of it is still here.
    pub waits: Signal<Out, Bit>,
    waiting: DFF<Bit>,
    two: DFF<Bit>,
}

impl Logic for Behind {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, waiting, two);
        self.waits.next = self.waiting.q.val();
        if self.moves.val() {
            self.two.d.next = false;
            if !self.two.q.val() {
                self.waiting.d.next = false;
            }
        }
        if self.empty.val() {
            self.waiting.d.next = false;
        }
        if self.mark.val() {
            self.waiting.d.next = true;
            self.two.d.next = true;
        }
        if self.reset.val() {
            self.waiting.d.next = false;
        }
    }
}

/// The adapter's registers towards the core; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Boundary {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Writes of the core.
    pub wr: MemWriteSink,
    /// Writes to the adapter.
    pub m_wr: MemWriteSource,
    /// Interrupts of the core.
    pub irq: IrqSink,
    /// Interrupts to the adapter.
    pub m_irq: IrqSource,
    /// The core answers a register access.
    pub answered: Signal<In, Bit>,
    /// That answer may go out.
    pub clear: Signal<Out, Bit>,
    /// No beat is here.
    pub empty: Signal<Out, Bit>,
    beats: Slice<MemWriteBeat>,
    interrupts: Relay<Bits<4>>,
    irq_behind: Behind,
    answer_behind: Behind,
}

impl Logic for Boundary {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, beats, interrupts, irq_behind, answer_behind);
        self.beats.reset.next = self.reset.val();
        self.interrupts.reset.next = self.reset.val();
        self.irq_behind.reset.next = self.reset.val();
        self.answer_behind.reset.next = self.reset.val();
        self.beats.in_data.next.addr = self.wr.addr.val();
        self.beats.in_data.next.len = self.wr.len.val();
        self.beats.in_data.next.data = self.wr.data.val();
        self.beats.in_data.next.last = self.wr.last.val();
        self.beats.in_valid.next = self.wr.valid.val();
        self.wr.ready.next = self.beats.in_ready.val();
        self.m_wr.addr.next = self.beats.out_data.val().addr;
        self.m_wr.len.next = self.beats.out_data.val().len;
        self.m_wr.data.next = self.beats.out_data.val().data;
        self.m_wr.last.next = self.beats.out_data.val().last;
        self.m_wr.valid.next = self.beats.out_valid.val();
        self.beats.out_ready.next = self.m_wr.ready.val();
        self.empty.next = !self.beats.out_valid.val();
        self.interrupts.in_data.next = self.irq.vector.val();
        self.interrupts.in_valid.next = self.irq.valid.val();
        self.irq.ready.next = self.interrupts.in_ready.val();
        self.irq_behind.mark.next = self.irq.valid.val() & self.interrupts.in_ready.val();
        self.irq_behind.empty.next = !self.beats.out_valid.val();
        self.irq_behind.moves.next = self.beats.out_valid.val() & self.m_wr.ready.val();
        self.m_irq.vector.next = self.interrupts.out_data.val();
        self.m_irq.valid.next = self.interrupts.out_valid.val() & !self.irq_behind.waits.val();
        self.interrupts.out_ready.next = self.m_irq.ready.val() & !self.irq_behind.waits.val();
        self.answer_behind.mark.next = self.answered.val();
        self.answer_behind.empty.next = !self.beats.out_valid.val();
        self.answer_behind.moves.next = self.beats.out_valid.val() & self.m_wr.ready.val();
        self.clear.next = !self.answer_behind.waits.val();
    }
}
