//! Brings the engines' faults to the queue pairs, and the queue pairs' events to the completion queues.
//!
//! Contract: one fault is taken per cycle, transmit before receive before the fetches, and shown to its queue pair by
//! `strobe` in the same cycle. Events go out as completions of type event, one at a time, the highest queue pair first, each
//! two cycles after it was due at the earliest; `event_taken` tells the queue pair that its event was taken up.

use super::ports::{CompletionSource, FaultSink};
use crate::bits::from_u128;
use nic_abi::completion;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
struct Event {
    valid: Bit,
    queue: Bits<3>,
    cause: Bits<8>,
    index: Bits<16>,
}

/// Fault distribution; see the [module](self).
#[derive(LogicBlock)]
pub struct Faults<const Q: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Faults of transmit, receive, submission fetch, receive fetch.
    pub fault: [FaultSink; 4],
    /// The queue pair at fault.
    pub strobe: Signal<Out, Bits<8>>,
    /// The cause.
    pub cause: Signal<Out, Bits<8>>,
    /// The descriptor at fault.
    pub index: Signal<Out, Bits<16>>,
    /// Queue pairs with an event.
    pub event_due: Signal<In, Bits<8>>,
    /// Causes of the events.
    pub event_cause: [Signal<In, Bits<8>>; Q],
    /// Their indexes.
    pub event_index: [Signal<In, Bits<16>>; Q],
    /// The event that is taken.
    pub event_taken: Signal<Out, Bits<8>>,
    /// The queue pair whose event is on its way.
    pub events: Signal<Out, Bits<8>>,
    /// Event completions.
    pub completion: CompletionSource,
    queue: Signal<Local, Bits<3>>,
    valid: Signal<Local, Bit>,
    one: Constant<Bits<8>>,
    held: DFF<Event>,
    chosen: Signal<Local, Bits<3>>,
    number: [Constant<Bits<3>>; 8],
    kind: Constant<Bits<128>>,
    cause_at: Constant<Bits<7>>,
    index_at: Constant<Bits<7>>,
}

impl<const Q: usize> Default for Faults<Q> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            fault: Default::default(),
            strobe: Default::default(),
            cause: Default::default(),
            index: Default::default(),
            event_due: Default::default(),
            event_cause: std::array::from_fn(|_| Default::default()),
            event_index: std::array::from_fn(|_| Default::default()),
            event_taken: Default::default(),
            events: Default::default(),
            completion: Default::default(),
            queue: Default::default(),
            valid: Default::default(),
            one: Constant::new(1_u64.into()),
            chosen: Default::default(),
            held: Default::default(),
            number: std::array::from_fn(|i| Constant::new((i as u64).into())),
            kind: Constant::new(from_u128(completion::TYPE.set(0, completion::TYPE_EVENT))),
            cause_at: Constant::new(u64::from(completion::STATUS.lsb).into()),
            index_at: Constant::new(u64::from(completion::EVENT_INDEX.lsb).into()),
        }
    }
}

impl<const Q: usize> Logic for Faults<Q> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, held);
        self.queue.next = 0.into();
        self.valid.next = false;
        self.cause.next = 0.into();
        self.index.next = 0.into();
        for i in 0..4 {
            self.fault[i].ready.next = false;
        }
        if self.fault[0].valid.val() {
            self.fault[0].ready.next = true;
            self.valid.next = true;
            self.queue.next = self.fault[0].queue.val();
            self.cause.next = self.fault[0].cause.val();
            self.index.next = self.fault[0].index.val();
        } else if self.fault[1].valid.val() {
            self.fault[1].ready.next = true;
            self.valid.next = true;
            self.queue.next = self.fault[1].queue.val();
            self.cause.next = self.fault[1].cause.val();
            self.index.next = self.fault[1].index.val();
        } else if self.fault[2].valid.val() {
            self.fault[2].ready.next = true;
            self.valid.next = true;
            self.queue.next = self.fault[2].queue.val();
            self.cause.next = self.fault[2].cause.val();
            self.index.next = self.fault[2].index.val();
        } else if self.fault[3].valid.val() {
            self.fault[3].ready.next = true;
            self.valid.next = true;
            self.queue.next = self.fault[3].queue.val();
            self.cause.next = self.fault[3].cause.val();
            self.index.next = self.fault[3].index.val();
        }
        self.strobe.next = 0.into();
        if self.valid.val() {
            self.strobe.next = self.one.val() << self.queue.val();
        }
        self.completion.valid.next = self.held.q.val().valid;
        self.completion.queue.next = self.held.q.val().queue;
        self.completion.data.next = self.kind.val()
            | (bit_cast::<128, 8>(self.held.q.val().cause) << self.cause_at.val())
            | (bit_cast::<128, 16>(self.held.q.val().index) << self.index_at.val());
        self.chosen.next = 0.into();
        if self.completion.ready.val() {
            self.held.d.next.valid = false;
        }
        self.event_taken.next = 0.into();
        for i in 0..Q {
            if self.event_due.val().get_bit(i) {
                self.chosen.next = self.number[i].val();
                if !self.held.q.val().valid {
                    self.held.d.next.valid = true;
                    self.held.d.next.queue = self.number[i].val();
                    self.held.d.next.cause = self.event_cause[i].val();
                    self.held.d.next.index = self.event_index[i].val();
                }
            }
        }
        if self.event_due.val().any() & !self.held.q.val().valid {
            self.event_taken.next = self.one.val() << self.chosen.val();
        }
        self.events.next = 0.into();
        if self.held.q.val().valid {
            self.events.next = self.one.val() << self.held.q.val().queue;
        }
        if self.reset.val() {
            self.held.d.next.valid = false;
        }
    }
}
