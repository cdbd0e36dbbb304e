//! The counters.
//!
//! Contract: counter `i` goes up by one for every cycle in which `pulse[i]` is high, each of them in every cycle if it must;
//! byte counters go up by `rx_bytes` and `tx_bytes` with the pulse of their frame counter, and ignore a pulse of their own.
//! No pulse is lost. A small counter each runs freely; a sweep adds what one of them has moved since its last visit, 32 cycles ago, to
//! its 64-bit word per cycle. `read` is answered by one cycle of `valid` with the sum as of then.
//!
//! - Latency of a read: 6 to 40 cycles. A pulse is seen by a read that begins after it.
//! - Reset clears all in 32 cycles; pulses meanwhile are lost, reads wait.

use crate::memory::bram::{Bram, Output};
use nic_abi::stats::Stat;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
struct Stage {
    slot: Bits<5>,
    amount: Bits<21>,
    bytes: Bit,
    clear: Bit,
}

/// The counters; see the [module](self).
#[derive(LogicBlock)]
pub struct Stats {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Bit *i* counts `nic_abi::stats::Stat` number *i*.
    pub pulse: Signal<In, Bits<32>>,
    /// Bytes of the frame received that is counted in this cycle.
    pub rx_bytes: Signal<In, Bits<16>>,
    /// Bytes of the frame sent that is counted in this cycle.
    pub tx_bytes: Signal<In, Bits<16>>,
    /// Counter to be read.
    pub index: Signal<In, Bits<6>>,
    /// It is wanted; high until `valid`.
    pub read: Signal<In, Bit>,
    /// The counter's value.
    pub value: Signal<Out, Bits<64>>,
    /// `value` is there.
    pub valid: Signal<Out, Bit>,
    totals: Bram<Bits<64>, 5>,
    /// What each small counter showed at the last visit.
    visited: Bram<Bits<6>, 5>,
    moved: [DFF<Bits<6>>; 32],
    rx_pending: DFF<Bits<21>>,
    tx_pending: DFF<Bits<21>>,
    seen: DFF<Bits<32>>,
    rx_seen: DFF<Bits<16>>,
    tx_seen: DFF<Bits<16>>,
    turn: DFF<Bits<32>>,
    slot: DFF<Bits<5>>,
    clearing: DFF<Bit>,
    first: DFF<Stage>,
    second: DFF<Stage>,
    third: DFF<Stage>,
    sum: DFF<Bits<64>>,
    age: DFF<Bits<3>>,
    answer: Signal<Local, Bit>,
    gathered: [Signal<Local, Bits<6>>; 33],
    since: Signal<Local, Bits<6>>,
    amount: Signal<Local, Bits<21>>,
    bytes: Signal<Local, Bit>,
    shown: Signal<Local, Bits<21>>,
    rx_step: Signal<Local, Bits<21>>,
    tx_step: Signal<Local, Bits<21>>,
    none: Constant<Stage>,
    start: Constant<Bits<32>>,
    rx_frames: Constant<Bits<5>>,
    tx_frames: Constant<Bits<5>>,
    rx_bytes_at: Constant<Bits<5>>,
    tx_bytes_at: Constant<Bits<5>>,
}

fn place(stat: Stat) -> Constant<Bits<5>> {
    Constant::new((stat as u64).into())
}

const _: () = assert!(Stat::ALL.len() == 32);

impl Default for Stats {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            pulse: Default::default(),
            rx_bytes: Default::default(),
            tx_bytes: Default::default(),
            index: Default::default(),
            read: Default::default(),
            value: Default::default(),
            valid: Default::default(),
            // So small that it becomes distributed RAM with a register behind it: no slow output of a block RAM.
            totals: Bram::new(Output::Direct),
            visited: Bram::new(Output::Direct),
            moved: Default::default(),
            rx_pending: Default::default(),
            tx_pending: Default::default(),
            seen: Default::default(),
            rx_seen: Default::default(),
            tx_seen: Default::default(),
            turn: Default::default(),
            slot: Default::default(),
            clearing: Default::default(),
            first: Default::default(),
            second: Default::default(),
            third: Default::default(),
            sum: Default::default(),
            age: Default::default(),
            answer: Default::default(),
            gathered: std::array::from_fn(|_| Default::default()),
            since: Default::default(),
            amount: Default::default(),
            bytes: Default::default(),
            shown: Default::default(),
            rx_step: Default::default(),
            tx_step: Default::default(),
            none: Constant::new(Stage::default()),
            start: Constant::new(1_u64.into()),
            rx_frames: place(Stat::RxFrames),
            tx_frames: place(Stat::TxFrames),
            rx_bytes_at: place(Stat::RxBytes),
            tx_bytes_at: place(Stat::TxBytes),
        }
    }
}

impl Logic for Stats {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, rx_pending, tx_pending, seen, rx_seen, tx_seen, turn, slot, clearing,
            first, second, third, sum, age
        );
        self.seen.d.next = self.pulse.val();
        self.rx_seen.d.next = 0.into();
        if self.pulse.val().get_bit(self.rx_frames.val().index()) {
            self.rx_seen.d.next = self.rx_bytes.val();
        }
        self.tx_seen.d.next = 0.into();
        if self.pulse.val().get_bit(self.tx_frames.val().index()) {
            self.tx_seen.d.next = self.tx_bytes.val();
        }
        // One counter a cycle is visited; `turn` is `slot` with one bit set.
        self.slot.d.next = self.slot.q.val() + 1;
        self.turn.d.next = self.turn.q.val() << 1;
        if self.slot.q.val() == 31 {
            self.turn.d.next = self.start.val();
            self.clearing.d.next = false;
        }
        self.gathered[0].next = 0.into();
        for i in 0..32 {
            self.moved[i].clock.next = self.clock.val();
            self.moved[i].d.next = self.moved[i].q.val();
            if self.seen.q.val().get_bit(i) {
                self.moved[i].d.next = self.moved[i].q.val() + 1;
            }
            self.gathered[i + 1].next = self.gathered[i].val();
            if self.turn.q.val().get_bit(i) {
                self.gathered[i + 1].next = self.gathered[i].val() | self.moved[i].q.val();
            }
        }
        self.rx_step.next = bit_cast::<21, 16>(self.rx_seen.q.val());
        self.tx_step.next = bit_cast::<21, 16>(self.tx_seen.q.val());
        self.rx_pending.d.next = self.rx_pending.q.val() + self.rx_step.val();
        self.tx_pending.d.next = self.tx_pending.q.val() + self.tx_step.val();
        self.amount.next = bit_cast::<21, 6>(self.gathered[32].val());
        self.bytes.next = false;
        if self.slot.q.val() == self.rx_bytes_at.val() {
            self.bytes.next = true;
            self.amount.next = self.rx_pending.q.val();
            self.rx_pending.d.next = self.rx_step.val();
        }
        if self.slot.q.val() == self.tx_bytes_at.val() {
            self.bytes.next = true;
            self.amount.next = self.tx_pending.q.val();
            self.tx_pending.d.next = self.tx_step.val();
        }
        // Read, add, write: 32 words apart, so never the same one at once.
        self.first.d.next.slot = self.slot.q.val();
        self.first.d.next.amount = self.amount.val();
        self.first.d.next.bytes = self.bytes.val();
        self.first.d.next.clear = self.clearing.q.val();
        self.shown.next = self.first.q.val().amount;
        self.visited.clock.next = self.clock.val();
        self.visited.raddr.next = self.slot.q.val();
        self.visited.waddr.next = self.first.q.val().slot;
        self.visited.wdata.next = self.shown.val().get_bits::<6>(0);
        self.visited.wen.next = true;
        self.since.next = self.shown.val().get_bits::<6>(0) - self.visited.rdata.val();
        self.second.d.next = self.first.q.val();
        if !self.first.q.val().bytes {
            self.second.d.next.amount = bit_cast::<21, 6>(self.since.val());
        }
        self.third.d.next = self.second.q.val();
        self.totals.clock.next = self.clock.val();
        self.totals.raddr.next = self.first.q.val().slot;
        self.sum.d.next = self.totals.rdata.val() + bit_cast::<64, 21>(self.second.q.val().amount);
        if self.second.q.val().clear {
            self.sum.d.next = 0.into();
        }
        self.totals.waddr.next = self.third.q.val().slot;
        self.totals.wdata.next = self.sum.q.val();
        self.totals.wen.next = true;
        self.value.next = self.sum.q.val();
        if self.index.val().get_bit(5) {
            self.value.next = 0.into();
        }
        // What was pulsed before the read has reached the sweep five cycles after it.
        self.answer.next = self.read.val()
            & (self.third.q.val().slot == self.index.val().get_bits::<5>(0))
            & (self.age.q.val() == 5)
            & !self.third.q.val().clear;
        self.valid.next = self.answer.val();
        if self.age.q.val() != 5 {
            self.age.d.next = self.age.q.val() + 1;
        }
        if !self.read.val() | self.answer.val() {
            self.age.d.next = 0.into();
        }
        if self.reset.val() {
            self.clearing.d.next = true;
            self.slot.d.next = 0.into();
            self.turn.d.next = self.start.val();
            self.first.d.next = self.none.val();
            self.second.d.next = self.none.val();
            self.third.d.next = self.none.val();
            self.sum.d.next = 0.into();
            self.rx_pending.d.next = 0.into();
            self.tx_pending.d.next = 0.into();
            self.seen.d.next = 0.into();
            self.rx_seen.d.next = 0.into();
            self.tx_seen.d.next = 0.into();
            self.totals.wen.next = false;
        }
    }
}
