//! The descriptors that were taken and not yet completed: those of the frame at hand, and those of frames that were dropped for want of more.
//!
//! Contract: a ring of 64 per queue. Of the queue at hand `count` are held and `runs` tells whether it may be used at all, at once; `found` is
//! number `at` of them, oldest first, one cycle after `at` was given. What may be changed: see [`held_lane`](super::held_lane).
//!
//! - Latency: 1 cycle.
//! - Area: three block RAMs.

use super::held_lane::HeldLane;
use super::part::Part;
use crate::memory::bram::{Bram, Output};
use nic_abi::rx;
use rust_hdl_core::prelude::*;

// A place in a queue's ring is six bits.
const _: () = assert!(rx::DESCRIPTORS_MAX == 1 << 6);

/// Descriptors held of `Q` queues; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Held<const Q: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Queue pairs that may start new work.
    pub run: Signal<In, Bits<8>>,
    /// Queue at hand.
    pub pair: Signal<In, Bits<4>>,
    /// A frame is at hand.
    pub active: Signal<In, Bit>,
    /// Number of the descriptor wanted.
    pub at: Signal<In, Bits<7>>,
    /// Hold one more.
    pub store: Signal<In, Bit>,
    /// It.
    pub part: Signal<In, Part>,
    /// The oldest are used.
    pub retire: Signal<In, Bit>,
    /// How many.
    pub used: Signal<In, Bits<7>>,
    /// A descriptor is bad: the queue stops.
    pub stop: Signal<In, Bit>,
    /// The queue may be used.
    pub runs: Signal<Out, Bit>,
    /// How many are held of it.
    pub count: Signal<Out, Bits<7>>,
    /// The descriptor wanted, one cycle later.
    pub found: Signal<Out, Part>,
    /// Queue pairs of which one more is held in this cycle.
    pub claim: Signal<Out, Bits<8>>,
    /// Queue pairs of which one is dropped in this cycle.
    pub waive: Signal<Out, Bits<8>>,
    /// Queue pairs of which some are held, or of which a frame is at hand.
    pub holding: Signal<Out, Bits<8>>,
    lane: [HeldLane; Q],
    parts: Bram<Part, 9>,
    head: Signal<Local, Bits<6>>,
    fill: Signal<Local, Bits<7>>,
    read_at: Signal<Local, Bits<6>>,
    write_at: Signal<Local, Bits<6>>,
    base: Signal<Local, Bits<9>>,
    chosen: [Signal<Local, Bit>; Q],
    busy: [Signal<Local, Bit>; Q],
    mask: [Signal<Local, Bits<8>>; 9],
    claims: [Signal<Local, Bits<8>>; 9],
    waives: [Signal<Local, Bits<8>>; 9],
    stores: [Signal<Local, Bit>; Q],
}

impl<const Q: usize> Default for Held<Q> {
    /// # Panics
    /// If there are no queues or more than eight.
    fn default() -> Self {
        assert!(
            (1..=8).contains(&Q),
            "Held: {Q} queues; 1 to 8 are possible"
        );
        Self {
            clock: Default::default(),
            reset: Default::default(),
            run: Default::default(),
            pair: Default::default(),
            active: Default::default(),
            at: Default::default(),
            store: Default::default(),
            part: Default::default(),
            retire: Default::default(),
            used: Default::default(),
            stop: Default::default(),
            runs: Default::default(),
            count: Default::default(),
            found: Default::default(),
            claim: Default::default(),
            waive: Default::default(),
            holding: Default::default(),
            lane: std::array::from_fn(|_| Default::default()),
            parts: Bram::new(Output::Direct),
            head: Default::default(),
            fill: Default::default(),
            read_at: Default::default(),
            write_at: Default::default(),
            base: Default::default(),
            chosen: std::array::from_fn(|_| Default::default()),
            busy: std::array::from_fn(|_| Default::default()),
            mask: Default::default(),
            claims: Default::default(),
            waives: Default::default(),
            stores: std::array::from_fn(|_| Default::default()),
        }
    }
}

impl<const Q: usize> Logic for Held<Q> {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, parts);
        // What the user decides by apart from what it decides, or simulators see a loop through it.
        self.runs.next = false;
        for i in 0..Q {
            if self.pair.val().index() == i {
                self.runs.next = self.lane[i].runs.val();
            }
        }
        self.count.next = 0.into();
        for i in 0..Q {
            if self.pair.val().index() == i {
                self.count.next = self.lane[i].count.val();
            }
        }
        self.head.next = 0.into();
        self.fill.next = 0.into();
        self.mask[0].next = 0.into();
        self.claims[0].next = 0.into();
        self.waives[0].next = 0.into();
        for i in 0..Q {
            self.chosen[i].next = self.pair.val().index() == i;
            self.lane[i].clock.next = self.clock.val();
            self.lane[i].reset.next = self.reset.val();
            self.lane[i].run.next = self.run.val().get_bit(i);
            self.lane[i].active.next = self.active.val() & self.chosen[i].val();
            self.stores[i].next = self.store.val() & self.chosen[i].val();
            self.lane[i].store.next = self.stores[i].val();
            self.lane[i].retire.next = self.retire.val() & self.chosen[i].val();
            self.lane[i].used.next = self.used.val();
            self.lane[i].stop.next = self.stop.val() & self.chosen[i].val();
            if self.chosen[i].val() {
                self.head.next = self.lane[i].head.val();
                self.fill.next = self.lane[i].count.val();
            }
            self.busy[i].next =
                self.lane[i].holds.val() | (self.active.val() & self.chosen[i].val());
            self.mask[i + 1].next = self.mask[i].val().replace_bit(i, self.busy[i].val());
            self.claims[i + 1].next = self.claims[i].val().replace_bit(i, self.stores[i].val());
            self.waives[i + 1].next = self.waives[i]
                .val()
                .replace_bit(i, self.lane[i].waive.val());
        }
        for i in Q..8 {
            self.mask[i + 1].next = self.mask[i].val();
            self.claims[i + 1].next = self.claims[i].val();
            self.waives[i + 1].next = self.waives[i].val();
        }
        self.holding.next = self.mask[8].val();
        self.claim.next = self.claims[8].val();
        self.waive.next = self.waives[8].val();
        self.read_at.next = self.head.val() + self.at.val().get_bits::<6>(0);
        self.write_at.next = self.head.val() + self.fill.val().get_bits::<6>(0);
        self.base.next = bit_cast::<9, 3>(self.pair.val().get_bits::<3>(0)) << 6;
        self.parts.raddr.next = self.base.val() | bit_cast::<9, 6>(self.read_at.val());
        self.parts.waddr.next = self.base.val() | bit_cast::<9, 6>(self.write_at.val());
        self.parts.wdata.next = self.part.val();
        self.parts.wen.next = self.store.val();
        self.found.next = self.parts.rdata.val();
    }
}
