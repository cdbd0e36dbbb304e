//! The completion queues of all queue pairs.
//!
//! Contract: takes completions from the events, `tx` and `rx`, gives each the phase bit of its place and writes it to its
//! ring; up to four entries of a 64 B line in one write, never across a line, in the order taken. Transmit and receive begin
//! work only for queue pairs that are `open`, and promise an entry of the ring with it ([`super::completion_lane`] keeps count):
//! whatever is offered has room, so a ring that nobody reads holds back its own queue pair's work and nobody's completions.
//! `tail` of a queue pair moves, and its interrupt is raised, only after the write's last beat was taken.
//!
//! - Latency: 4 to 5 + Q cycles from a line's last entry, or an event, to the first beat; partial lines wait for
//!   [`super::completion_lane::IDLE_CYCLES`] first.
//! - Throughput: one completion in 3 cycles when lines fill (8 beats and 4 cycles per line of 4, plus the search).

use super::access::AccessSink;
use super::completion_lane::CompletionLane;
use super::ports::CompletionSink;
use super::register_map::Target;
use crate::host::mem::{IrqSource, MemWriteSource};
use crate::memory::bram::{Bram, Output};
use nic_abi::completion;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

#[derive(Copy, Clone, PartialEq, Eq, Debug, LogicState)]
enum State {
    Search,
    Load,
    Address,
    Low,
    High,
}

#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
struct Write {
    queue: Bits<3>,
    index: Bits<3>,
    count: Bits<3>,
    left: Bits<3>,
    offset: Bits<20>,
    addr: Bits<64>,
    upper: Bits<64>,
}

/// The completion queues; see the [module](self).
#[derive(LogicBlock)]
pub struct CompletionQueue<const Q: usize> {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Register accesses: the rings' bases.
    pub access: AccessSink,
    /// Event completions; first of all.
    pub events: CompletionSink,
    /// Completions of transmit.
    pub tx: CompletionSink,
    /// Completions of receive.
    pub rx: CompletionSink,
    /// Queue pairs whose work may be begun; see [`super::completion_lane`].
    pub open: Signal<Out, Bits<8>>,
    /// Queue pairs that transmit promises an entry of.
    pub tx_claim: Signal<In, Bits<8>>,
    /// Queue pairs that transmit takes a promise back of.
    pub tx_waive: Signal<In, Bits<8>>,
    /// Queue pairs that receive promises an entry of.
    pub rx_claim: Signal<In, Bits<8>>,
    /// Queue pairs that receive takes a promise back of.
    pub rx_waive: Signal<In, Bits<8>>,
    /// Queue pairs whose indexes return to 0.
    pub restart: Signal<In, Bits<8>>,
    /// Queue pairs that are armed, with the consumer index that stands.
    pub arm: Signal<In, Bits<8>>,
    /// Queue pairs that are disarmed.
    pub disarm: Signal<In, Bits<8>>,
    /// Ring sizes: one bit is set.
    pub size: [Signal<In, Bits<16>>; Q],
    /// Consumer indexes.
    pub consumer: [Signal<In, Bits<16>>; Q],
    /// Interrupt vectors.
    pub vector: [Signal<In, Bits<4>>; Q],
    /// Moderation delays.
    pub delay: [Signal<In, Bits<8>>; Q],
    /// Moderation counts.
    pub count: [Signal<In, Bits<8>>; Q],
    /// Index behind the last entry in host memory.
    pub tail: [Signal<Out, Bits<16>>; Q],
    /// Queue pairs with entries that are not.
    pub busy: Signal<Out, Bits<8>>,
    /// Writes.
    pub wr: MemWriteSource,
    /// Interrupts.
    pub irq: IrqSource,
    /// An entry was written.
    pub counted: Signal<Out, Bit>,
    lane: [CompletionLane; Q],
    entries: Bram<Bits<128>, 6>,
    base_low: Bram<Bits<32>, 3>,
    base_high: Bram<Bits<32>, 3>,
    phase_bit: Constant<Bits<128>>,
    state: DFF<State>,
    write: DFF<Write>,
    rested: DFF<Bit>,
    turn: DFF<Bit>,
    search: DFF<Bits<3>>,
    irq_search: DFF<Bits<3>>,
    irq_valid: DFF<Bit>,
    irq_vector: DFF<Bits<4>>,
    last_queue: Constant<Bits<3>>,
    event_room: Signal<Local, Bit>,
    tx_room: Signal<Local, Bit>,
    rx_room: Signal<Local, Bit>,
    event_take: Signal<Local, Bit>,
    tx_take: Signal<Local, Bit>,
    rx_take: Signal<Local, Bit>,
    taken: Signal<Local, Bit>,
    data: Signal<Local, Bits<128>>,
    queue: Signal<Local, Bits<3>>,
    slot: Signal<Local, Bits<3>>,
    phase: Signal<Local, Bit>,
    flush: Signal<Local, Bit>,
    flush_count: Signal<Local, Bits<3>>,
    flush_index: Signal<Local, Bits<16>>,
    entry_count: Signal<Local, Bits<16>>,
    mask: Signal<Local, Bits<16>>,
    masked: Signal<Local, Bits<16>>,
    waiting: [Signal<Local, Bits<8>>; 9],
    opens: [Signal<Local, Bits<8>>; 9],
    last: Signal<Local, Bit>,
    done: Signal<Local, Bit>,
}

impl<const Q: usize> Default for CompletionQueue<Q> {
    /// # Panics
    /// If there are no queue pairs or more than eight.
    fn default() -> Self {
        assert!(
            (1..=8).contains(&Q),
            "CompletionQueue: {Q} queue pairs; 1 to 8 are possible"
        );
        Self {
            clock: Default::default(),
            reset: Default::default(),
            access: Default::default(),
            events: Default::default(),
            tx: Default::default(),
            rx: Default::default(),
            open: Default::default(),
            tx_claim: Default::default(),
            tx_waive: Default::default(),
            rx_claim: Default::default(),
            rx_waive: Default::default(),
            restart: Default::default(),
            arm: Default::default(),
            disarm: Default::default(),
            size: std::array::from_fn(|_| Default::default()),
            consumer: std::array::from_fn(|_| Default::default()),
            vector: std::array::from_fn(|_| Default::default()),
            delay: std::array::from_fn(|_| Default::default()),
            count: std::array::from_fn(|_| Default::default()),
            tail: std::array::from_fn(|_| Default::default()),
            busy: Default::default(),
            wr: Default::default(),
            irq: Default::default(),
            counted: Default::default(),
            lane: std::array::from_fn(|_| Default::default()),
            entries: Bram::new(Output::Direct),
            base_low: Bram::new(Output::Direct),
            base_high: Bram::new(Output::Direct),
            phase_bit: Constant::new(crate::bits::from_u128(completion::PHASE.set(0, 1))),
            state: Default::default(),
            write: Default::default(),
            rested: Default::default(),
            turn: Default::default(),
            search: Default::default(),
            irq_search: Default::default(),
            irq_valid: Default::default(),
            irq_vector: Default::default(),
            last_queue: Constant::new((Q as u64 - 1).into()),
            event_room: Default::default(),
            tx_room: Default::default(),
            rx_room: Default::default(),
            event_take: Default::default(),
            tx_take: Default::default(),
            rx_take: Default::default(),
            taken: Default::default(),
            data: Default::default(),
            queue: Default::default(),
            slot: Default::default(),
            phase: Default::default(),
            flush: Default::default(),
            flush_count: Default::default(),
            flush_index: Default::default(),
            entry_count: Default::default(),
            mask: Default::default(),
            masked: Default::default(),
            waiting: Default::default(),
            opens: Default::default(),
            last: Default::default(),
            done: Default::default(),
        }
    }
}

impl<const Q: usize> Logic for CompletionQueue<Q> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, state, write, rested, turn, search, irq_search, irq_valid, irq_vector
        );
        // Rings' bases.
        self.base_low.clock.next = self.clock.val();
        self.base_low.raddr.next = self.write.q.val().queue;
        self.base_low.waddr.next = self.access.number.val();
        self.base_low.wdata.next = self.access.data.val();
        self.base_low.wen.next =
            self.access.write.val() & (self.access.target.val() == Target::CqBaseLow);
        self.base_high.clock.next = self.clock.val();
        self.base_high.raddr.next = self.write.q.val().queue;
        self.base_high.waddr.next = self.access.number.val();
        self.base_high.wdata.next = self.access.data.val();
        self.base_high.wen.next =
            self.access.write.val() & (self.access.target.val() == Target::CqBaseHigh);
        // Who is taken: the lanes' room is a register, so every other cycle at most.
        self.event_room.next = false;
        self.tx_room.next = false;
        self.rx_room.next = false;
        for i in 0..Q {
            if self.events.queue.val().index() == i {
                self.event_room.next = self.lane[i].room.val();
            }
            if self.tx.queue.val().index() == i {
                self.tx_room.next = self.lane[i].room.val();
            }
            if self.rx.queue.val().index() == i {
                self.rx_room.next = self.lane[i].room.val();
            }
        }
        self.event_take.next =
            self.events.valid.val() & self.event_room.val() & self.rested.q.val();
        self.tx_take.next = self.tx.valid.val()
            & self.tx_room.val()
            & self.rested.q.val()
            & !self.event_take.val()
            & (!self.turn.q.val() | !(self.rx.valid.val() & self.rx_room.val()));
        self.rx_take.next = self.rx.valid.val()
            & self.rx_room.val()
            & self.rested.q.val()
            & !self.event_take.val()
            & !self.tx_take.val();
        self.events.ready.next = self.event_take.val();
        self.tx.ready.next = self.tx_take.val();
        self.rx.ready.next = self.rx_take.val();
        self.taken.next = self.event_take.val() | self.tx_take.val() | self.rx_take.val();
        self.rested.d.next = !self.taken.val();
        self.data.next = self.rx.data.val();
        self.queue.next = self.rx.queue.val();
        if self.tx_take.val() {
            self.data.next = self.tx.data.val();
            self.queue.next = self.tx.queue.val();
            self.turn.d.next = true;
        }
        if self.rx_take.val() {
            self.turn.d.next = false;
        }
        if self.event_take.val() {
            self.data.next = self.events.data.val();
            self.queue.next = self.events.queue.val();
        }
        // The batch buffer: eight entries per queue pair.
        self.slot.next = 0.into();
        self.phase.next = false;
        for i in 0..Q {
            if self.queue.val().index() == i {
                self.slot.next = self.lane[i].head.val().get_bits::<3>(0);
                self.phase.next = self.lane[i].phase.val();
            }
        }
        self.entries.clock.next = self.clock.val();
        self.entries.waddr.next =
            (bit_cast::<6, 3>(self.queue.val()) << 3) | bit_cast::<6, 3>(self.slot.val());
        self.entries.wdata.next = self.data.val();
        if self.phase.val() {
            self.entries.wdata.next = self.data.val() | self.phase_bit.val();
        }
        self.entries.wen.next = self.taken.val();
        self.entries.raddr.next = (bit_cast::<6, 3>(self.write.q.val().queue) << 3)
            | bit_cast::<6, 3>(self.write.q.val().index);
        // Writing out.
        self.flush.next = false;
        self.flush_count.next = 0.into();
        self.flush_index.next = 0.into();
        self.entry_count.next = 0.into();
        for i in 0..Q {
            if self.search.q.val().index() == i {
                self.flush.next = self.lane[i].flush.val();
                self.flush_count.next = self.lane[i].flush_count.val();
                self.flush_index.next = self.lane[i].tail.val();
                self.entry_count.next = self.size[i].val();
            }
        }
        self.mask.next = self.entry_count.val() - 1;
        self.masked.next = self.flush_index.val() & self.mask.val();
        self.last.next = self.write.q.val().left == 1;
        self.done.next =
            (self.state.q.val() == State::High) & self.last.val() & self.wr.ready.val();
        self.counted.next = (self.state.q.val() == State::High) & self.wr.ready.val();
        self.wr.valid.next =
            (self.state.q.val() == State::Low) | (self.state.q.val() == State::High);
        self.wr.addr.next = self.write.q.val().addr;
        self.wr.len.next = bit_cast::<13, 3>(self.write.q.val().count) << 4;
        self.wr.data.next = self.entries.rdata.val().get_bits::<64>(0);
        self.wr.last.next = (self.state.q.val() == State::High) & self.last.val();
        match self.state.q.val() {
            State::Search => {
                self.write.d.next.queue = self.search.q.val();
                self.write.d.next.index = self.flush_index.val().get_bits::<3>(0);
                self.write.d.next.count = self.flush_count.val();
                self.write.d.next.left = self.flush_count.val();
                self.write.d.next.offset = bit_cast::<20, 16>(self.masked.val()) << 4;
                if self.flush.val() {
                    self.state.d.next = State::Load;
                }
            }
            State::Load => {
                self.state.d.next = State::Address;
            }
            State::Address => {
                self.write.d.next.addr = (bit_cast::<64, 32>(self.base_low.rdata.val())
                    | (bit_cast::<64, 32>(self.base_high.rdata.val()) << 32))
                    + bit_cast::<64, 20>(self.write.q.val().offset);
                self.state.d.next = State::Low;
            }
            State::Low => {
                // The memory's output follows `index` in the next cycle.
                self.write.d.next.upper = self.entries.rdata.val().get_bits::<64>(64);
                if self.wr.ready.val() {
                    self.write.d.next.index = self.write.q.val().index + 1;
                    self.state.d.next = State::High;
                }
            }
            State::High => {
                self.wr.data.next = self.write.q.val().upper;
                if self.wr.ready.val() {
                    self.write.d.next.left = self.write.q.val().left - 1;
                    self.state.d.next = State::Low;
                    if self.last.val() {
                        self.state.d.next = State::Search;
                    }
                }
            }
        }
        if (self.state.q.val() == State::Search) & !self.flush.val() {
            self.search.d.next = self.search.q.val() + 1;
            if self.search.q.val() == self.last_queue.val() {
                self.search.d.next = 0.into();
            }
        }
        // Interrupts.
        self.irq.valid.next = self.irq_valid.q.val();
        self.irq.vector.next = self.irq_vector.q.val();
        if self.irq.ready.val() {
            self.irq_valid.d.next = false;
        }
        if !self.irq_valid.q.val() {
            self.irq_search.d.next = self.irq_search.q.val() + 1;
            if self.irq_search.q.val() == self.last_queue.val() {
                self.irq_search.d.next = 0.into();
            }
        }
        self.waiting[0].next = 0.into();
        self.opens[0].next = 0.into();
        for i in 0..Q {
            self.waiting[i + 1].next = self.waiting[i]
                .val()
                .replace_bit(i, self.lane[i].busy.val());
            self.opens[i + 1].next = self.opens[i].val().replace_bit(i, self.lane[i].open.val());
            self.lane[i].tx_claim.next = self.tx_claim.val().get_bit(i);
            self.lane[i].tx_waive.next = self.tx_waive.val().get_bit(i);
            self.lane[i].rx_claim.next = self.rx_claim.val().get_bit(i);
            self.lane[i].rx_waive.next = self.rx_waive.val().get_bit(i);
            self.lane[i].clock.next = self.clock.val();
            self.lane[i].reset.next = self.reset.val();
            self.lane[i].restart.next = self.restart.val().get_bit(i);
            self.lane[i].size.next = self.size[i].val();
            self.lane[i].consumer.next = self.consumer[i].val();
            self.lane[i].arm.next = self.arm.val().get_bit(i);
            self.lane[i].disarm.next = self.disarm.val().get_bit(i);
            self.lane[i].delay.next = self.delay[i].val();
            self.lane[i].count.next = self.count[i].val();
            self.lane[i].accept.next = self.taken.val() & (self.queue.val().index() == i);
            self.lane[i].accept_urgent.next = self.event_take.val();
            self.lane[i].start.next =
                (self.state.q.val() == State::Load) & (self.write.q.val().queue.index() == i);
            self.lane[i].written_count.next = self.write.q.val().count;
            self.lane[i].written.next = self.done.val() & (self.write.q.val().queue.index() == i);
            self.lane[i].fired.next = false;
            if (self.irq_search.q.val().index() == i) & !self.irq_valid.q.val() {
                self.lane[i].fired.next = true;
                self.irq_valid.d.next = self.lane[i].fire.val();
                self.irq_vector.d.next = self.vector[i].val();
            }
            self.tail[i].next = self.lane[i].tail.val();
        }
        for i in Q..8 {
            self.waiting[i + 1].next = self.waiting[i].val();
            self.opens[i + 1].next = self.opens[i].val();
        }
        self.busy.next = self.waiting[8].val();
        self.open.next = self.opens[8].val();
        if self.reset.val() {
            self.state.d.next = State::Search;
            self.rested.d.next = false;
            self.search.d.next = 0.into();
            self.irq_search.d.next = 0.into();
            self.irq_valid.d.next = false;
        }
    }
}
