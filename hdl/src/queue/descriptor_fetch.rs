//! Prefetch of descriptors of one kind (submission or receive) for all queue pairs.
//!
//! Contract: reads the rings of the queue pairs in turn, up to 16 descriptors a read and never beyond 256 B of address or
//! the end of the ring, so never across 4 KiB; keeps up to 64 of each queue pair and offers them in ring order on `desc`.
//! Only asks for what there is room for: `rsp.ready` is always true. A descriptor whose read failed is never offered; the
//! fault ReadFailed is, with the index of the first descriptor of that read. When `run` of a queue pair drops, its
//! descriptors are dropped, at once or on arrival; `busy` tells while reads are in flight.
//!
//! - Latency: 6 + Q cycles from doorbell to request; 5 from the response's last beat to the offer.
//! - Throughput: one request of up to 16 descriptors in 6 cycles; one descriptor in 4 cycles per queue pair. Up to eight
//!   reads are in flight.

use super::access::AccessSink;
use super::fetch_lane::FetchLane;
use super::ports::{DescriptorSource, FaultSource};
use super::register_map::Target;
use crate::host::mem::{MemReadReqSource, MemReadRspSink};
use crate::memory::bram::{Bram, Output};
use nic_abi::fault::QueueFault;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Which ring is fetched.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Ring {
    /// Submission queues; read tag 0.
    Submission,
    /// Receive queues; read tag 1.
    Receive,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug, LogicState)]
enum State {
    Search,
    Plan,
    Trim,
    Issue,
    Request,
}

#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
struct Plan {
    index: Bits<16>,
    offset: Bits<20>,
    addr: Bits<64>,
    count: Bits<5>,
}

/// Descriptor prefetch; see the [module](self).
#[derive(LogicBlock)]
pub struct DescriptorFetch<const Q: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Register accesses: the rings' bases.
    pub access: AccessSink,
    /// Queue pairs whose descriptors may move.
    pub run: Signal<In, Bits<8>>,
    /// Queue pairs whose indexes return to 0.
    pub restart: Signal<In, Bits<8>>,
    /// Ring sizes: log2 of the entries.
    pub log2: [Signal<In, Bits<4>>; Q],
    /// Tails.
    pub tail: [Signal<In, Bits<16>>; Q],
    /// Next descriptors to be delivered.
    pub head: [Signal<Out, Bits<16>>; Q],
    /// Queue pairs with posted descriptors that were not delivered.
    pub pending: Signal<Out, Bits<8>>,
    /// Queue pairs whose next request is here as a whole; see [`super::fetch_lane`].
    pub whole: Signal<Out, Bits<8>>,
    /// Queue pairs with reads in flight.
    pub busy: Signal<Out, Bits<8>>,
    /// Reads.
    pub req: MemReadReqSource,
    /// Their data.
    pub rsp: MemReadRspSink,
    /// The descriptors.
    pub desc: [DescriptorSource; Q],
    /// Failed reads.
    pub fault: FaultSource,
    lane: [FetchLane; Q],
    entries: Bram<Bits<128>, 9>,
    base_low: Bram<Bits<32>, 3>,
    base_high: Bram<Bits<32>, 3>,
    low_target: Constant<Target>,
    high_target: Constant<Target>,
    tag: Constant<Bits<4>>,
    read_failed: Constant<Bits<8>>,
    last_queue: Constant<Bits<3>>,
    state: DFF<State>,
    search: DFF<Bits<3>>,
    plan: DFF<Plan>,
    order: DFF<Bits<24>>,
    order_count: DFF<Bits<4>>,
    order_place: Signal<Local, Bits<5>>,
    order_new: Signal<Local, Bits<24>>,
    order_rest: Signal<Local, Bits<24>>,
    order_next: Signal<Local, Bits<3>>,
    lower: DFF<Bits<64>>,
    upper: DFF<Bit>,
    failed: DFF<Bit>,
    got: DFF<Bits<5>>,
    got_now: Signal<Local, Bits<5>>,
    pick: DFF<Bits<3>>,
    pick_valid: DFF<Bit>,
    pick_late: DFF<Bits<3>>,
    pick_late_valid: DFF<Bit>,
    want: Signal<Local, Bit>,
    live: Signal<Local, Bit>,
    index: Signal<Local, Bits<16>>,
    available: Signal<Local, Bits<5>>,
    chosen_log2: Signal<Local, Bits<4>>,
    one: Constant<Bits<16>>,
    entry_count: Signal<Local, Bits<16>>,
    mask: Signal<Local, Bits<16>>,
    masked: Signal<Local, Bits<16>>,
    base: Signal<Local, Bits<64>>,
    to_wrap: Signal<Local, Bits<5>>,
    to_line: Signal<Local, Bits<5>>,
    plan_index: Signal<Local, Bits<16>>,
    plan_addr: Signal<Local, Bits<64>>,
    committed: Signal<Local, Bits<16>>,
    slot: Signal<Local, Bits<6>>,
    ended: Signal<Local, Bit>,
    issue: Signal<Local, Bit>,
    fill_queue: Signal<Local, Bits<3>>,
    fill_slot: Signal<Local, Bits<6>>,
    fill: Signal<Local, Bit>,
    fault_queue: Signal<Local, Bits<3>>,
    fault_index: Signal<Local, Bits<16>>,
    fault_valid: Signal<Local, Bit>,
    waiting: [Signal<Local, Bits<8>>; 9],
    moving: [Signal<Local, Bits<8>>; 9],
    complete: [Signal<Local, Bits<8>>; 9],
    number: [Constant<Bits<3>>; 8],
    sixteen: Constant<Bits<5>>,
}

impl<const Q: usize> DescriptorFetch<Q> {
    /// The fetch of one kind of ring.
    ///
    /// # Panics
    /// If there are no queue pairs or more than eight.
    #[must_use]
    pub fn new(ring: Ring) -> Self {
        assert!(
            (1..=8).contains(&Q),
            "DescriptorFetch: {Q} queue pairs; 1 to 8 are possible"
        );
        let (low, high, tag) = match ring {
            Ring::Submission => (Target::SqBaseLow, Target::SqBaseHigh, 0_u64),
            Ring::Receive => (Target::RqBaseLow, Target::RqBaseHigh, 1),
        };
        Self {
            clock: Default::default(),
            reset: Default::default(),
            access: Default::default(),
            run: Default::default(),
            restart: Default::default(),
            log2: std::array::from_fn(|_| Default::default()),
            tail: std::array::from_fn(|_| Default::default()),
            head: std::array::from_fn(|_| Default::default()),
            pending: Default::default(),
            whole: Default::default(),
            busy: Default::default(),
            req: Default::default(),
            rsp: Default::default(),
            desc: std::array::from_fn(|_| Default::default()),
            fault: Default::default(),
            lane: std::array::from_fn(|_| Default::default()),
            entries: Bram::new(Output::Registered),
            base_low: Bram::new(Output::Direct),
            base_high: Bram::new(Output::Direct),
            low_target: Constant::new(low),
            high_target: Constant::new(high),
            tag: Constant::new(tag.into()),
            read_failed: Constant::new(u64::from(QueueFault::ReadFailed as u8).into()),
            last_queue: Constant::new((Q as u64 - 1).into()),
            state: Default::default(),
            search: Default::default(),
            plan: Default::default(),
            order: Default::default(),
            order_count: Default::default(),
            order_place: Default::default(),
            order_new: Default::default(),
            order_rest: Default::default(),
            order_next: Default::default(),
            lower: Default::default(),
            upper: Default::default(),
            failed: Default::default(),
            got: Default::default(),
            got_now: Default::default(),
            pick: Default::default(),
            pick_valid: Default::default(),
            pick_late: Default::default(),
            pick_late_valid: Default::default(),
            want: Default::default(),
            live: Default::default(),
            index: Default::default(),
            available: Default::default(),
            chosen_log2: Default::default(),
            one: Constant::new(1_u64.into()),
            entry_count: Default::default(),
            mask: Default::default(),
            masked: Default::default(),
            base: Default::default(),
            to_wrap: Default::default(),
            to_line: Default::default(),
            plan_index: Default::default(),
            plan_addr: Default::default(),
            committed: Default::default(),
            slot: Default::default(),
            ended: Default::default(),
            issue: Default::default(),
            fill_queue: Default::default(),
            fill_slot: Default::default(),
            fill: Default::default(),
            fault_queue: Default::default(),
            fault_index: Default::default(),
            fault_valid: Default::default(),
            waiting: Default::default(),
            moving: Default::default(),
            complete: Default::default(),
            number: std::array::from_fn(|i| Constant::new((i as u64).into())),
            sixteen: Constant::new(16_u64.into()),
        }
    }
}

impl<const Q: usize> Logic for DescriptorFetch<Q> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            state,
            search,
            plan,
            order,
            order_count,
            lower,
            upper,
            failed,
            got,
            pick,
            pick_valid,
            pick_late,
            pick_late_valid
        );
        self.base_low.clock.next = self.clock.val();
        self.base_low.raddr.next = self.search.q.val();
        self.base_low.waddr.next = self.access.number.val();
        self.base_low.wdata.next = self.access.data.val();
        self.base_low.wen.next =
            self.access.write.val() & (self.access.target.val() == self.low_target.val());
        self.base_high.clock.next = self.clock.val();
        self.base_high.raddr.next = self.search.q.val();
        self.base_high.waddr.next = self.access.number.val();
        self.base_high.wdata.next = self.access.data.val();
        self.base_high.wen.next =
            self.access.write.val() & (self.access.target.val() == self.high_target.val());
        // The queue pair whose turn it is.
        self.want.next = false;
        self.live.next = false;
        self.index.next = 0.into();
        self.available.next = 0.into();
        self.chosen_log2.next = 0.into();
        for i in 0..Q {
            if self.search.q.val().index() == i {
                self.want.next = self.lane[i].want.val();
                self.live.next = self.lane[i].live.val() & self.run.val().get_bit(i);
                self.index.next = self.lane[i].fetched.val();
                self.available.next = self.lane[i].available.val();
                self.chosen_log2.next = self.log2[i].val();
            }
        }
        self.entry_count.next = self.one.val() << self.chosen_log2.val();
        self.mask.next = self.entry_count.val() - 1;
        self.masked.next = self.index.val() & self.mask.val();
        self.base.next = bit_cast::<64, 32>(self.base_low.rdata.val())
            | (bit_cast::<64, 32>(self.base_high.rdata.val()) << 32);
        self.plan_index.next = self.plan.q.val().index;
        self.plan_addr.next = self.plan.q.val().addr;
        self.to_wrap.next =
            self.sixteen.val() - bit_cast::<5, 4>(self.plan_index.val().get_bits::<4>(0));
        self.to_line.next =
            self.sixteen.val() - bit_cast::<5, 4>(self.plan_addr.val().get_bits::<4>(4));
        self.issue.next = false;
        self.req.valid.next = self.state.q.val() == State::Request;
        self.req.addr.next = self.plan.q.val().addr;
        self.req.len.next = bit_cast::<13, 5>(self.plan.q.val().count) << 4;
        self.req.tag.next = self.tag.val();
        match self.state.q.val() {
            State::Search => {
                self.plan.d.next.index = self.index.val();
                self.plan.d.next.offset = bit_cast::<20, 16>(self.masked.val()) << 4;
                self.plan.d.next.count = self.available.val();
                if self.want.val() & (self.order_count.q.val() != 8) {
                    self.state.d.next = State::Plan;
                } else {
                    self.search.d.next = self.search.q.val() + 1;
                    if self.search.q.val() == self.last_queue.val() {
                        self.search.d.next = 0.into();
                    }
                }
            }
            State::Plan => {
                self.plan.d.next.addr =
                    self.base.val() + bit_cast::<64, 20>(self.plan.q.val().offset);
                if self.plan.q.val().count > self.to_wrap.val() {
                    self.plan.d.next.count = self.to_wrap.val();
                }
                self.state.d.next = State::Trim;
            }
            State::Trim => {
                if self.plan.q.val().count > self.to_line.val() {
                    self.plan.d.next.count = self.to_line.val();
                }
                self.state.d.next = State::Issue;
            }
            State::Issue => {
                self.issue.next = self.live.val();
                self.state.d.next = State::Search;
                if self.live.val() {
                    self.state.d.next = State::Request;
                }
            }
            State::Request => {
                if self.req.ready.val() {
                    self.state.d.next = State::Search;
                    self.search.d.next = self.search.q.val() + 1;
                    if self.search.q.val() == self.last_queue.val() {
                        self.search.d.next = 0.into();
                    }
                }
            }
        }
        // Which queue pairs the reads in flight belong to, oldest lowest.
        self.ended.next = self.rsp.valid.val() & self.rsp.last.val();
        self.order_next.next = self.order.q.val().get_bits::<3>(0);
        self.order_rest.next = self.order.q.val() >> 3;
        self.order_place.next = (bit_cast::<5, 4>(self.order_count.q.val()) << 1)
            + bit_cast::<5, 4>(self.order_count.q.val());
        self.order_new.next = bit_cast::<24, 3>(self.search.q.val()) << self.order_place.val();
        if self.ended.val() {
            self.order.d.next = self.order_rest.val();
            self.order_count.d.next = self.order_count.q.val() - 1;
            if self.issue.val() {
                self.order.d.next = self.order_rest.val() | (self.order_new.val() >> 3);
                self.order_count.d.next = self.order_count.q.val();
            }
        } else if self.issue.val() {
            self.order.d.next = self.order.q.val() | self.order_new.val();
            self.order_count.d.next = self.order_count.q.val() + 1;
        }
        // Data in: two beats a descriptor.
        self.rsp.ready.next = true;
        self.committed.next = 0.into();
        for i in 0..Q {
            if self.order_next.val().index() == i {
                self.committed.next = self.lane[i].committed.val();
            }
        }
        self.got_now.next = self.got.q.val() + 1;
        self.slot.next = self.committed.val().get_bits::<6>(0) + bit_cast::<6, 5>(self.got.q.val());
        self.entries.clock.next = self.clock.val();
        self.entries.waddr.next =
            (bit_cast::<9, 3>(self.order_next.val()) << 6) | bit_cast::<9, 6>(self.slot.val());
        self.entries.wdata.next = bit_cast::<128, 64>(self.lower.q.val())
            | (bit_cast::<128, 64>(self.rsp.data.val()) << 64);
        self.entries.wen.next = self.rsp.valid.val() & self.upper.q.val();
        if self.rsp.valid.val() {
            self.lower.d.next = self.rsp.data.val();
            self.upper.d.next = !self.upper.q.val();
            self.failed.d.next = self.failed.q.val() | self.rsp.err.val();
            if self.upper.q.val() {
                self.got.d.next = self.got_now.val();
            }
            if self.rsp.last.val() {
                self.upper.d.next = false;
                self.failed.d.next = false;
                self.got.d.next = 0.into();
            }
        }
        // Data out: the memory answers two cycles after the address.
        self.fill.next = false;
        self.fill_queue.next = 0.into();
        self.fill_slot.next = 0.into();
        self.fault_valid.next = false;
        self.fault_queue.next = 0.into();
        self.fault_index.next = 0.into();
        for i in 0..Q {
            if self.lane[i].hungry.val() {
                self.fill.next = true;
                self.fill_queue.next = self.number[i].val();
                self.fill_slot.next = self.lane[i].head.val().get_bits::<6>(0);
            }
            if self.lane[i].fault.val() {
                self.fault_valid.next = true;
                self.fault_queue.next = self.number[i].val();
                self.fault_index.next = self.lane[i].committed.val();
            }
        }
        self.entries.raddr.next =
            (bit_cast::<9, 3>(self.fill_queue.val()) << 6) | bit_cast::<9, 6>(self.fill_slot.val());
        self.pick.d.next = self.fill_queue.val();
        self.pick_valid.d.next = self.fill.val();
        self.pick_late.d.next = self.pick.q.val();
        self.pick_late_valid.d.next = self.pick_valid.q.val();
        self.fault.valid.next = self.fault_valid.val();
        self.fault.queue.next = self.fault_queue.val();
        self.fault.index.next = self.fault_index.val();
        self.fault.cause.next = self.read_failed.val();
        self.waiting[0].next = 0.into();
        self.moving[0].next = 0.into();
        self.complete[0].next = 0.into();
        for i in 0..Q {
            self.waiting[i + 1].next = self.waiting[i]
                .val()
                .replace_bit(i, self.lane[i].pending.val());
            self.moving[i + 1].next = self.moving[i].val().replace_bit(i, self.lane[i].busy.val());
            self.complete[i + 1].next = self.complete[i]
                .val()
                .replace_bit(i, self.lane[i].whole.val());
            self.lane[i].clock.next = self.clock.val();
            self.lane[i].reset.next = self.reset.val();
            self.lane[i].restart.next = self.restart.val().get_bit(i);
            self.lane[i].run.next = self.run.val().get_bit(i);
            self.lane[i].tail.next = self.tail[i].val();
            self.lane[i].issue.next = self.issue.val() & (self.search.q.val().index() == i);
            self.lane[i].issue_count.next = self.plan.q.val().count;
            self.lane[i].ended.next = self.ended.val() & (self.order_next.val().index() == i);
            self.lane[i].ended_failed.next = self.failed.q.val() | self.rsp.err.val();
            self.lane[i].ended_count.next = self.got_now.val();
            self.lane[i].filling.next = self.fill.val() & (self.fill_queue.val().index() == i);
            self.lane[i].fill.next =
                self.pick_late_valid.q.val() & (self.pick_late.q.val().index() == i);
            self.lane[i].fill_data.next = self.entries.rdata.val();
            self.lane[i].ready.next = self.desc[i].ready.val();
            self.lane[i].fault_taken.next =
                self.fault.ready.val() & (self.fault_queue.val().index() == i);
            self.desc[i].valid.next = self.lane[i].valid.val();
            self.desc[i].data.next = self.lane[i].data.val();
            self.desc[i].index.next = self.lane[i].head.val();
            self.head[i].next = self.lane[i].head.val();
        }
        for i in Q..8 {
            self.waiting[i + 1].next = self.waiting[i].val();
            self.moving[i + 1].next = self.moving[i].val();
            self.complete[i + 1].next = self.complete[i].val();
        }
        self.pending.next = self.waiting[8].val();
        self.busy.next = self.moving[8].val();
        self.whole.next = self.complete[8].val();
        if self.reset.val() {
            self.state.d.next = State::Search;
            self.search.d.next = 0.into();
            self.order_count.d.next = 0.into();
            self.order.d.next = 0.into();
            self.upper.d.next = false;
            self.failed.d.next = false;
            self.got.d.next = 0.into();
            self.pick_valid.d.next = false;
            self.pick_late_valid.d.next = false;
        }
    }
}
