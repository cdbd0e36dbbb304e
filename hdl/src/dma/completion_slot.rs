//! Holds one completion between a datapath and the completion queues.
//!
//! Contract: `m` carries the completions of `s` in order; all outputs come from registers. `held` has the bit of the queue pair whose
//! completion is here: it is part of the datapath's `busy` until the completion queue has taken it.
//!
//! - Latency: 1 cycle. Throughput: a completion every other cycle, as fast as the completion queues take them.

use crate::queue::ports::{CompletionSink, CompletionSource};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// A slot for one completion; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct CompletionSlot {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// From the datapath.
    pub s: CompletionSink,
    /// To the completion queues.
    pub m: CompletionSource,
    /// Queue pair with a completion here.
    pub held: Signal<Out, Bits<8>>,
    data: DFF<Bits<128>>,
    queue: DFF<Bits<3>>,
    valid: DFF<Bit>,
    one: Constant<Bits<8>>,
}

impl Default for CompletionSlot {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            s: Default::default(),
            m: Default::default(),
            held: Default::default(),
            data: Default::default(),
            queue: Default::default(),
            valid: Default::default(),
            one: Constant::new(1_u64.into()),
        }
    }
}

impl Logic for CompletionSlot {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, data, queue, valid);
        self.m.data.next = self.data.q.val();
        self.m.queue.next = self.queue.q.val();
        self.m.valid.next = self.valid.q.val();
        self.s.ready.next = !self.valid.q.val();
        self.held.next = 0.into();
        if self.valid.q.val() {
            self.held.next = self.one.val() << bit_cast::<8, 3>(self.queue.q.val());
        } else {
            self.data.d.next = self.s.data.val();
            self.queue.d.next = self.s.queue.val();
        }
        self.valid.d.next =
            (self.valid.q.val() & !self.m.ready.val()) | (!self.valid.q.val() & self.s.valid.val());
        if self.reset.val() {
            self.valid.d.next = false;
        }
    }
}
