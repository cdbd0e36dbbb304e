//! One queue pair's completion queue: indexes, phase, credit, batching, interrupt.
//!
//! Contract:
//! - `open` is high while work may be begun that ends in a completion: more than [`COMPLETIONS_KEPT`] entries of the ring are
//!   neither written nor promised. Each of the two engines promises by `tx_claim`, `rx_claim`, at most once in four cycles, for `open`
//!   lags by three; that both do so at once is what one of the entries kept is for. A promise ends with an `accept` that is
//!   not urgent, or is taken back by `tx_waive`, `rx_waive`. So there is always room for what is offered, the event included.
//! - `room` is high while the batch buffer has room for one of its eight. It is a register: after an `accept` the next one must
//!   be two or more cycles later.
//! - `flush` asks for the `flush_count` entries from `tail` on to be written: up to the end of their 64 B line if they fill
//!   it; fewer when nothing came for [`IDLE_CYCLES`] cycles, or when an urgent entry waits. It is a register. `start` begins
//!   a write of as many as were asked for; `written` ends it, and only then does `tail` move, by `written_count`.
//! - Interrupt: armed, it waits for a completion beyond the consumer index, then for the delay or the count, and raises
//!   `fire` until `fired`; firing disarms. Arming with completions already beyond the index fires at once.
//! - `restart` returns all to 0 but the promises, which are the engines'.

use nic_abi::ring::COMPLETIONS_KEPT;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Cycles without a new entry after which a partial line is written.
pub const IDLE_CYCLES: u64 = 32;

/// Where the completion queue stands.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct LaneState {
    head: Bits<16>,
    tail: Bits<16>,
    idle: Bits<6>,
    urgent: Bit,
    writing: Bit,
    flush: Bit,
    flush_count: Bits<3>,
    room: Bit,
    taken: Bits<16>,
    open: Bit,
    armed: Bit,
    fire: Bit,
    timer: Bits<16>,
}

/// One queue pair's completion queue; see the [module](self).
#[derive(LogicBlock)]
pub struct CompletionLane {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// All indexes return to 0.
    pub restart: Signal<In, Bit>,
    /// Entries of the ring: one bit is set.
    pub size: Signal<In, Bits<16>>,
    /// Consumer index.
    pub consumer: Signal<In, Bits<16>>,
    /// Arm, with the consumer index that stands.
    pub arm: Signal<In, Bit>,
    /// Disarm.
    pub disarm: Signal<In, Bit>,
    /// Moderation delay in units of 256 cycles.
    pub delay: Signal<In, Bits<8>>,
    /// Moderation count, 0 for none.
    pub count: Signal<In, Bits<8>>,
    /// Work may be begun.
    pub open: Signal<Out, Bit>,
    /// Transmit promises an entry.
    pub tx_claim: Signal<In, Bit>,
    /// Transmit takes a promise back.
    pub tx_waive: Signal<In, Bit>,
    /// Receive promises an entry.
    pub rx_claim: Signal<In, Bit>,
    /// Receive takes a promise back.
    pub rx_waive: Signal<In, Bit>,
    /// An entry may be accepted.
    pub room: Signal<Out, Bit>,
    /// Index of the next entry accepted.
    pub head: Signal<Out, Bits<16>>,
    /// Its phase.
    pub phase: Signal<Out, Bit>,
    /// An entry is accepted.
    pub accept: Signal<In, Bit>,
    /// It is an event: not promised, and not to wait for others.
    pub accept_urgent: Signal<In, Bit>,
    /// Entries are to be written.
    pub flush: Signal<Out, Bit>,
    /// How many, 1..=4.
    pub flush_count: Signal<Out, Bits<3>>,
    /// Index of the first: all before it are in host memory.
    pub tail: Signal<Out, Bits<16>>,
    /// The write begins.
    pub start: Signal<In, Bit>,
    /// The write's last beat is taken.
    pub written: Signal<In, Bit>,
    /// With `written`: how many entries.
    pub written_count: Signal<In, Bits<3>>,
    /// Entries are waiting.
    pub busy: Signal<Out, Bit>,
    /// The interrupt is due.
    pub fire: Signal<Out, Bit>,
    /// It is taken.
    pub fired: Signal<In, Bit>,
    state: DFF<LaneState>,
    promised: DFF<Bits<8>>,
    fresh: Constant<LaneState>,
    idle_cycles: Constant<Bits<6>>,
    held: Signal<Local, Bits<16>>,
    used: Signal<Local, Bits<16>>,
    least: Signal<Local, Bits<16>>,
    more: Signal<Local, Bits<8>>,
    fewer: Signal<Local, Bits<8>>,
    kept_promise: Signal<Local, Bit>,
    kept: Constant<Bits<16>>,
    waiting: Signal<Local, Bits<16>>,
    in_line: Signal<Local, Bits<16>>,
    to_end: Signal<Local, Bits<3>>,
    line: Constant<Bits<3>>,
    due: Signal<Local, Bits<16>>,
}

impl Default for CompletionLane {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            restart: Default::default(),
            size: Default::default(),
            consumer: Default::default(),
            arm: Default::default(),
            disarm: Default::default(),
            delay: Default::default(),
            count: Default::default(),
            open: Default::default(),
            tx_claim: Default::default(),
            tx_waive: Default::default(),
            rx_claim: Default::default(),
            rx_waive: Default::default(),
            room: Default::default(),
            head: Default::default(),
            phase: Default::default(),
            accept: Default::default(),
            accept_urgent: Default::default(),
            flush: Default::default(),
            flush_count: Default::default(),
            tail: Default::default(),
            start: Default::default(),
            written: Default::default(),
            written_count: Default::default(),
            busy: Default::default(),
            fire: Default::default(),
            fired: Default::default(),
            state: Default::default(),
            promised: Default::default(),
            fresh: Constant::new(LaneState::default()),
            idle_cycles: Constant::new(IDLE_CYCLES.into()),
            held: Default::default(),
            used: Default::default(),
            least: Default::default(),
            more: Default::default(),
            fewer: Default::default(),
            kept_promise: Default::default(),
            kept: Constant::new(u64::from(COMPLETIONS_KEPT).into()),
            waiting: Default::default(),
            in_line: Default::default(),
            to_end: Default::default(),
            line: Constant::new(u64::from(nic_abi::ring::COMPLETIONS_PER_LINE).into()),
            due: Default::default(),
        }
    }
}

impl Logic for CompletionLane {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, promised);
        self.held.next = self.state.q.val().head - self.state.q.val().tail;
        self.used.next = self.state.q.val().head - self.consumer.val();
        self.waiting.next = self.state.q.val().tail - self.consumer.val();
        self.due.next = bit_cast::<16, 8>(self.delay.val()) << 8;
        self.head.next = self.state.q.val().head;
        self.tail.next = self.state.q.val().tail;
        self.phase.next = (self.state.q.val().head & self.size.val()) == 0;
        self.room.next = self.state.q.val().room;
        self.state.d.next.room = self.held.val() < 8;
        // What may be begun.
        self.kept_promise.next = self.accept.val() & !self.accept_urgent.val();
        self.more.next = bit_cast::<8, 1>(self.tx_claim.val().into())
            + bit_cast::<8, 1>(self.rx_claim.val().into());
        self.fewer.next = bit_cast::<8, 1>(self.tx_waive.val().into())
            + bit_cast::<8, 1>(self.rx_waive.val().into())
            + bit_cast::<8, 1>(self.kept_promise.val().into());
        self.promised.d.next = self.promised.q.val() + self.more.val() - self.fewer.val();
        self.state.d.next.taken = self.used.val() + bit_cast::<16, 8>(self.promised.q.val());
        self.least.next = self.state.q.val().taken + self.kept.val();
        self.state.d.next.open = self.least.val() < self.size.val();
        self.open.next = self.state.q.val().open;
        self.busy.next = self.state.q.val().head != self.state.q.val().tail;
        self.flush.next = self.state.q.val().flush;
        self.flush_count.next = self.state.q.val().flush_count;
        self.fire.next = self.state.q.val().fire;
        // Entries of the line that `tail` lies in, from `tail` on.
        self.in_line.next = self.state.q.val().tail & 3;
        self.to_end.next = self.line.val() - self.in_line.val().get_bits::<3>(0);
        self.state.d.next.flush = false;
        self.state.d.next.flush_count = self.to_end.val();
        if self.held.val() >= bit_cast::<16, 3>(self.to_end.val()) {
            self.state.d.next.flush = !self.state.q.val().writing & !self.start.val();
        } else {
            self.state.d.next.flush_count = self.held.val().get_bits::<3>(0);
            self.state.d.next.flush = (self.held.val() != 0)
                & (self.state.q.val().urgent | (self.state.q.val().idle == self.idle_cycles.val()))
                & !self.state.q.val().writing
                & !self.start.val();
        }
        if self.state.q.val().idle != self.idle_cycles.val() {
            self.state.d.next.idle = self.state.q.val().idle + 1;
        }
        if self.held.val() == 0 {
            self.state.d.next.urgent = false;
        }
        if self.accept.val() {
            self.state.d.next.head = self.state.q.val().head + 1;
            self.state.d.next.idle = 0.into();
            self.state.d.next.urgent = self.state.q.val().urgent | self.accept_urgent.val();
        }
        if self.start.val() {
            self.state.d.next.writing = true;
        }
        if self.written.val() & self.state.q.val().writing {
            self.state.d.next.writing = false;
            self.state.d.next.tail =
                self.state.q.val().tail + bit_cast::<16, 3>(self.written_count.val());
        }
        // The interrupt.
        if self.fired.val() {
            self.state.d.next.fire = false;
        }
        self.state.d.next.timer = 0.into();
        if self.state.q.val().armed & (self.waiting.val() != 0) {
            self.state.d.next.timer = self.state.q.val().timer + 1;
            if (self.state.q.val().timer >= self.due.val())
                | ((self.count.val() != 0)
                    & (self.waiting.val() >= bit_cast::<16, 8>(self.count.val())))
            {
                self.state.d.next.fire = true;
                self.state.d.next.armed = false;
            }
        }
        if self.disarm.val() {
            self.state.d.next.armed = false;
        }
        if self.arm.val() {
            self.state.d.next.armed = true;
            if self.waiting.val() != 0 {
                self.state.d.next.fire = true;
                self.state.d.next.armed = false;
            }
        }
        if self.reset.val() | self.restart.val() {
            self.state.d.next = self.fresh.val();
        }
        if self.reset.val() {
            self.promised.d.next = 0.into();
        }
    }
}
