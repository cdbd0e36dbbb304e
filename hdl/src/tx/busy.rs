//! Which queues have requests in the datapath, and the promises of their completions.
//!
//! Contract: bit *q* of `busy` is set one cycle after the first `begun` of queue *q* and cleared one cycle after as many `retired`. Up to 63
//! requests of a queue at once; the datapath holds at most 36. `claim` has the queue's bit in the cycle of `begun`.
//!
//! - Latency: 1 cycle. Throughput: one of each per cycle.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Counts requests by queue; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Busy {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// A request of `begun_queue` begins.
    pub begun: Signal<In, Bit>,
    /// See `begun`.
    pub begun_queue: Signal<In, Bits<3>>,
    /// A request of `retired_queue` is done with.
    pub retired: Signal<In, Bit>,
    /// See `retired`.
    pub retired_queue: Signal<In, Bits<3>>,
    /// Queues with requests.
    pub busy: Signal<Out, Bits<8>>,
    /// Queues that begin a request in this cycle.
    pub claim: Signal<Out, Bits<8>>,
    held: [DFF<Bits<6>>; 8],
    up: Signal<Local, Bits<8>>,
    down: Signal<Local, Bits<8>>,
    bits: [Signal<Local, Bits<8>>; 8],
    one: Constant<Bits<8>>,
    place: [Constant<Bits<8>>; 8],
}

impl Default for Busy {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            begun: Default::default(),
            begun_queue: Default::default(),
            retired: Default::default(),
            retired_queue: Default::default(),
            busy: Default::default(),
            claim: Default::default(),
            held: Default::default(),
            up: Default::default(),
            down: Default::default(),
            bits: Default::default(),
            one: Constant::new((1_u64).into()),
            place: std::array::from_fn(|q| Constant::new((1_u64 << q).into())),
        }
    }
}

impl Logic for Busy {
    #[hdl_gen]
    fn update(&mut self) {
        self.up.next = 0.into();
        if self.begun.val() {
            self.up.next = self.one.val() << self.begun_queue.val();
        }
        self.claim.next = self.up.val();
        self.down.next = 0.into();
        if self.retired.val() {
            self.down.next = self.one.val() << self.retired_queue.val();
        }
        for q in 0..8 {
            self.held[q].clock.next = self.clock.val();
            self.held[q].d.next = self.held[q].q.val();
            if self.up.val().get_bit(q) & !self.down.val().get_bit(q) {
                self.held[q].d.next = self.held[q].q.val() + 1;
            }
            if self.down.val().get_bit(q) & !self.up.val().get_bit(q) {
                self.held[q].d.next = self.held[q].q.val() - 1;
            }
            self.bits[q].next = 0.into();
            if self.held[q].q.val().any() {
                self.bits[q].next = self.place[q].val();
            }
            if self.reset.val() {
                self.held[q].d.next = 0.into();
            }
        }
        self.busy.next = self.bits[0].val()
            | self.bits[1].val()
            | self.bits[2].val()
            | self.bits[3].val()
            | self.bits[4].val()
            | self.bits[5].val()
            | self.bits[6].val()
            | self.bits[7].val();
    }
}
