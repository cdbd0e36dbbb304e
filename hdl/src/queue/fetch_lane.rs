//! One queue's part of the descriptor fetch: its indexes and the descriptor on offer.
//!
//! Contract: three free-running indexes, `head` ≤ `committed` ≤ `fetched` ≤ `tail`: up to `head` descriptors were delivered,
//! up to `committed` they lie in the memory, up to `fetched` they were asked for.
//! - While `run`, and once nothing is in flight from before, the queue is live: it starts at `head`.
//! - When `run` drops, what was fetched is dropped at once, the descriptor on offer too; data in flight are dropped on
//!   arrival, for the queue is not live then.
//! - `whole`: the descriptor on offer is a transmit context and all the buffers that it says follow lie in the memory, or it is
//!   none, which is a fault to be found. It follows the offer by a cycle and means nothing for a receive queue.
//! - A failed read stops the queue until `run` has dropped, and shows as `fault` until taken, with the index `committed`.

use nic_abi::tx;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

crate::layout_decoder! {
    /// What a submission descriptor says of its request.
    pub struct RequestFields: 128 {
        /// See nic-abi.
        buffers: Bits<5> = tx::BUFFERS,
        /// See nic-abi.
        kind: Bits<4> = tx::TYPE,
    }
}

/// Indexes and flags of the queue.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct FetchState {
    head: Bits<16>,
    committed: Bits<16>,
    fetched: Bits<16>,
    in_flight: Bits<4>,
    live: Bit,
    failed: Bit,
    fault: Bit,
    filling: Bit,
    offered: Bit,
    whole: Bit,
    want: Bit,
    available: Bits<5>,
}

/// One queue of the descriptor fetch; see the [module](self).
#[derive(LogicBlock)]
pub struct FetchLane {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// All indexes return to 0.
    pub restart: Signal<In, Bit>,
    /// Descriptors may move.
    pub run: Signal<In, Bit>,
    /// Index behind the last descriptor posted.
    pub tail: Signal<In, Bits<16>>,
    /// A read is wanted; a register, so it lags by one cycle.
    pub want: Signal<Out, Bit>,
    /// Descriptors to be fetched, at most 16; like `want`.
    pub available: Signal<Out, Bits<5>>,
    /// Index of the next one to be fetched.
    pub fetched: Signal<Out, Bits<16>>,
    /// A read of `issue_count` descriptors is issued.
    pub issue: Signal<In, Bit>,
    /// How many.
    pub issue_count: Signal<In, Bits<5>>,
    /// The oldest read has ended.
    pub ended: Signal<In, Bit>,
    /// With `ended`: it failed.
    pub ended_failed: Signal<In, Bit>,
    /// With `ended`: how many descriptors it brought.
    pub ended_count: Signal<In, Bits<5>>,
    /// Index behind the last descriptor in the memory.
    pub committed: Signal<Out, Bits<16>>,
    /// Data that arrive are of use.
    pub live: Signal<Out, Bit>,
    /// The descriptor at `head` is in the memory and wanted at the output.
    pub hungry: Signal<Out, Bit>,
    /// The memory is being read for it.
    pub filling: Signal<In, Bit>,
    /// Here it is.
    pub fill: Signal<In, Bit>,
    /// The descriptor.
    pub fill_data: Signal<In, Bits<128>>,
    /// On offer.
    pub valid: Signal<Out, Bit>,
    /// The descriptor on offer.
    pub data: Signal<Out, Bits<128>>,
    /// Its request can be taken up without waiting.
    pub whole: Signal<Out, Bit>,
    /// Its index; next to be delivered.
    pub head: Signal<Out, Bits<16>>,
    /// It is taken.
    pub ready: Signal<In, Bit>,
    /// Posted descriptors have not been delivered.
    pub pending: Signal<Out, Bit>,
    /// Reads are in flight.
    pub busy: Signal<Out, Bit>,
    /// A read failed.
    pub fault: Signal<Out, Bit>,
    /// It is taken.
    pub fault_taken: Signal<In, Bit>,
    state: DFF<FetchState>,
    held: DFF<Bits<128>>,
    fresh: Constant<FetchState>,
    fields: RequestFields,
    type_context: Constant<Bits<4>>,
    ahead: Signal<Local, Bits<16>>,
    behind: Signal<Local, Bits<16>>,
    reserved: Signal<Local, Bits<16>>,
    offer: Signal<Local, Bit>,
}

impl Default for FetchLane {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            restart: Default::default(),
            run: Default::default(),
            tail: Default::default(),
            want: Default::default(),
            available: Default::default(),
            fetched: Default::default(),
            issue: Default::default(),
            issue_count: Default::default(),
            ended: Default::default(),
            ended_failed: Default::default(),
            ended_count: Default::default(),
            committed: Default::default(),
            live: Default::default(),
            hungry: Default::default(),
            filling: Default::default(),
            fill: Default::default(),
            fill_data: Default::default(),
            valid: Default::default(),
            data: Default::default(),
            whole: Default::default(),
            head: Default::default(),
            ready: Default::default(),
            pending: Default::default(),
            busy: Default::default(),
            fault: Default::default(),
            fault_taken: Default::default(),
            state: Default::default(),
            held: Default::default(),
            fresh: Constant::new(FetchState::default()),
            fields: Default::default(),
            type_context: Constant::new(tx::TYPE_CONTEXT.into()),
            ahead: Default::default(),
            behind: Default::default(),
            reserved: Default::default(),
            offer: Default::default(),
        }
    }
}

impl Logic for FetchLane {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, held);
        self.behind.next = self.tail.val() - self.state.q.val().fetched;
        self.reserved.next = self.state.q.val().fetched - self.state.q.val().head;
        self.want.next = self.state.q.val().want;
        self.available.next = self.state.q.val().available;
        self.fetched.next = self.state.q.val().fetched;
        self.committed.next = self.state.q.val().committed;
        self.live.next = self.state.q.val().live;
        self.head.next = self.state.q.val().head;
        self.data.next = self.held.q.val();
        self.offer.next = self.state.q.val().offered & self.run.val();
        self.valid.next = self.state.q.val().offered & self.run.val();
        self.whole.next = self.state.q.val().whole;
        self.fields.word.next = self.held.q.val();
        self.ahead.next = self.state.q.val().committed - self.state.q.val().head;
        self.state.d.next.whole = self.offer.val()
            & !self.ready.val()
            & ((self.fields.kind.val() != self.type_context.val())
                | (self.ahead.val().get_bits::<7>(0)
                    > bit_cast::<7, 5>(self.fields.buffers.val())));
        self.pending.next = self.tail.val() != self.state.q.val().head;
        self.busy.next = self.state.q.val().in_flight != 0;
        self.fault.next = self.state.q.val().fault;
        self.hungry.next = self.state.q.val().live
            & (self.state.q.val().head != self.state.q.val().committed)
            & !self.state.q.val().offered
            & !self.state.q.val().filling;
        // Room for a whole read of 16 in the 64 entries of the memory.
        self.state.d.next.want = self.state.q.val().live
            & !self.issue.val()
            & (self.behind.val() != 0)
            & (self.reserved.val() <= 48);
        self.state.d.next.available = self.behind.val().get_bits::<5>(0);
        if self.behind.val() >= 16 {
            self.state.d.next.available = 16.into();
        }
        if self.issue.val() {
            self.state.d.next.fetched =
                self.state.q.val().fetched + bit_cast::<16, 5>(self.issue_count.val());
        }
        if self.issue.val() & !self.ended.val() {
            self.state.d.next.in_flight = self.state.q.val().in_flight + 1;
        }
        if self.ended.val() & !self.issue.val() {
            self.state.d.next.in_flight = self.state.q.val().in_flight - 1;
        }
        if self.ended.val() & self.state.q.val().live {
            if self.ended_failed.val() {
                self.state.d.next.live = false;
                self.state.d.next.failed = true;
                self.state.d.next.fault = true;
            } else {
                self.state.d.next.committed =
                    self.state.q.val().committed + bit_cast::<16, 5>(self.ended_count.val());
            }
        }
        if self.filling.val() {
            self.state.d.next.filling = true;
        }
        if self.fill.val() & self.state.q.val().filling {
            self.held.d.next = self.fill_data.val();
            self.state.d.next.filling = false;
            self.state.d.next.offered = true;
        }
        if self.offer.val() & self.ready.val() {
            self.state.d.next.offered = false;
            self.state.d.next.head = self.state.q.val().head + 1;
        }
        if self.fault_taken.val() {
            self.state.d.next.fault = false;
        }
        if self.run.val() {
            if !self.state.q.val().live
                & !self.state.q.val().failed
                & (self.state.q.val().in_flight == 0)
            {
                self.state.d.next.live = true;
                self.state.d.next.fetched = self.state.q.val().head;
                self.state.d.next.committed = self.state.q.val().head;
            }
        } else {
            self.state.d.next.live = false;
            self.state.d.next.failed = false;
            self.state.d.next.fault = false;
            self.state.d.next.filling = false;
            self.state.d.next.offered = false;
            self.state.d.next.want = false;
        }
        if self.restart.val() {
            self.state.d.next.head = 0.into();
        }
        if self.reset.val() {
            self.state.d.next = self.fresh.val();
        }
    }
}
