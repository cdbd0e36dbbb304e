//! Joins the faults of the transmit datapath, and stops a queue at once that has one.
//!
//! Contract: faults of `a` and `b` are handed on one by one, `a` first. `live` is `run` without the queues that had a fault or a failed read: their
//! bits stay low until `run` has been low, which the quarantine sees to.
//!
//! - Latency: 1 cycle, of the fault and of `live`. Throughput: a fault every 2 cycles.

use crate::queue::ports::{FaultSink, FaultSource};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Fault join; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Faults {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Queues that may run.
    pub run: Signal<In, Bits<8>>,
    /// Queues that do.
    pub live: Signal<Out, Bits<8>>,
    /// Faults of descriptors.
    pub a: FaultSink,
    /// Faults of payload reads.
    pub b: FaultSink,
    /// A read of `failed_queue` failed; its fault comes later through `b`.
    pub failed: Signal<In, Bit>,
    /// See `failed`.
    pub failed_queue: Signal<In, Bits<3>>,
    /// All of them.
    pub fault: FaultSource,
    stopped: DFF<Bits<8>>,
    valid: DFF<Bit>,
    queue: DFF<Bits<3>>,
    cause: DFF<Bits<8>>,
    index: DFF<Bits<16>>,
    stop_a: Signal<Local, Bits<8>>,
    stop_failed: Signal<Local, Bits<8>>,
    one: Constant<Bits<8>>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            run: Default::default(),
            live: Default::default(),
            a: Default::default(),
            b: Default::default(),
            failed: Default::default(),
            failed_queue: Default::default(),
            fault: Default::default(),
            stopped: Default::default(),
            valid: Default::default(),
            queue: Default::default(),
            cause: Default::default(),
            index: Default::default(),
            stop_a: Default::default(),
            stop_failed: Default::default(),
            one: Constant::new((1_u64).into()),
        }
    }
}

impl Logic for Faults {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, stopped, valid, queue, cause, index);
        self.live.next = self.run.val() & !self.stopped.q.val();
        self.stop_a.next = 0.into();
        if self.a.valid.val() {
            self.stop_a.next = self.one.val() << self.a.queue.val();
        }
        self.stop_failed.next = 0.into();
        if self.failed.val() {
            self.stop_failed.next = self.one.val() << self.failed_queue.val();
        }
        self.stopped.d.next =
            (self.stopped.q.val() | self.stop_a.val() | self.stop_failed.val()) & self.run.val();
        self.fault.valid.next = self.valid.q.val();
        self.fault.queue.next = self.queue.q.val();
        self.fault.cause.next = self.cause.q.val();
        self.fault.index.next = self.index.q.val();
        self.a.ready.next = !self.valid.q.val();
        self.b.ready.next = !self.valid.q.val() & !self.a.valid.val();
        if self.valid.q.val() {
            self.valid.d.next = !self.fault.ready.val();
        } else {
            self.valid.d.next = self.a.valid.val() | self.b.valid.val();
            self.queue.d.next = self.b.queue.val();
            self.cause.d.next = self.b.cause.val();
            self.index.d.next = self.b.index.val();
            if self.a.valid.val() {
                self.queue.d.next = self.a.queue.val();
                self.cause.d.next = self.a.cause.val();
                self.index.d.next = self.a.index.val();
            }
        }
        if self.reset.val() {
            self.stopped.d.next = 0.into();
            self.valid.d.next = false;
        }
    }
}
