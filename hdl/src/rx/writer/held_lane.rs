//! The descriptors that are held of one queue: how many, and where the oldest lies.
//!
//! Contract: `store` adds one behind the last, `retire` removes the `used` oldest; `stop` drops all and keeps the queue from running until
//! `run` has fallen. Once `run` is low and the writer is not `active` on this queue, all are dropped. They are dropped one a cycle, each with
//! `waive`: it takes back the completion that it promised. Until then the queue does not run.
//!
//! - Latency: 1 cycle.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Where a queue's descriptors lie.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct HeldState {
    /// Place of the oldest.
    pub head: Bits<6>,
    /// How many there are.
    pub count: Bits<7>,
    /// A descriptor was bad; the queue pair goes to quarantine.
    pub stopped: Bit,
    /// What is held is being dropped.
    pub dropping: Bit,
}

/// Descriptors held of one queue; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct HeldLane {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// The queue pair may start new work.
    pub run: Signal<In, Bit>,
    /// A frame of this queue is at hand.
    pub active: Signal<In, Bit>,
    /// One more is held.
    pub store: Signal<In, Bit>,
    /// The oldest are used.
    pub retire: Signal<In, Bit>,
    /// How many.
    pub used: Signal<In, Bits<7>>,
    /// A descriptor is bad.
    pub stop: Signal<In, Bit>,
    /// The queue may be used.
    pub runs: Signal<Out, Bit>,
    /// Place of the oldest.
    pub head: Signal<Out, Bits<6>>,
    /// How many there are.
    pub count: Signal<Out, Bits<7>>,
    /// There are some.
    pub holds: Signal<Out, Bit>,
    /// One is dropped.
    pub waive: Signal<Out, Bit>,
    s: DFF<HeldState>,
    behind: Signal<Local, Bits<6>>,
}

impl Logic for HeldLane {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, s);
        self.behind.next = self.used.val().get_bits::<6>(0);
        if self.store.val() {
            self.s.d.next.count = self.s.q.val().count + 1;
        }
        if self.retire.val() {
            self.s.d.next.head = self.s.q.val().head + self.behind.val();
            self.s.d.next.count = self.s.q.val().count - self.used.val();
        }
        self.waive.next = false;
        if self.s.q.val().dropping {
            if self.s.q.val().count == 0 {
                self.s.d.next.dropping = false;
            } else {
                self.s.d.next.count = self.s.q.val().count - 1;
                self.waive.next = true;
            }
        }
        if self.stop.val() {
            self.s.d.next.dropping = true;
            self.s.d.next.stopped = true;
        }
        if !self.run.val() {
            self.s.d.next.stopped = false;
            if !self.active.val() & (self.s.q.val().count != 0) {
                self.s.d.next.dropping = true;
            }
        }
        self.runs.next = self.run.val() & !self.s.q.val().stopped & !self.s.q.val().dropping;
        self.head.next = self.s.q.val().head;
        self.count.next = self.s.q.val().count;
        self.holds.next = self.s.q.val().count != 0;
        if self.reset.val() {
            self.s.d.next.head = 0.into();
            self.s.d.next.count = 0.into();
            self.s.d.next.stopped = false;
            self.s.d.next.dropping = false;
        }
    }
}
