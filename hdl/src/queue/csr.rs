//! Register target of BAR0, all but MSI-X.
//!
//! Contract: every access of `regs` is answered by one cycle of `done`. An access is looked up in the ROM of
//! [`register_map`]: writable bits, initial value, and the [`Target`]
//! that hears of it on `access`. Words are stored in a block RAM; the state that registers show comes on `live`, which
//! must be 0 for every target that shows none, and is or-ed with the stored word. Statistics are asked for on `counter`;
//! reading a lower word latches the upper one. Offsets that no register lies at read 0 and ignore writes.
//!
//! - Latency: 6 cycles from `valid` to `done`; a counter's lower word waits for the statistics' sweep (about 40).
//! - After reset 514 cycles pass, in which the stored words get their initial values, until `ready` is given.
//! - Throughput: one access at a time.

use super::access::AccessSource;
use super::register_map::{self, Entry, Identity, Target, WORD_BITS};
use crate::host::mem::RegTarget;
use crate::memory::bram::{Bram, Output};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

#[derive(Copy, Clone, PartialEq, Eq, Debug, LogicState)]
enum State {
    Sweep,
    Idle,
    Look,
    Wait,
    Act,
    Live,
    Count,
    Done,
}

#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
struct Held {
    word: Bits<9>,
    wdata: Bits<32>,
    write: Bit,
    mapped: Bit,
    stats: Bit,
    high: Bit,
    counter: Bits<6>,
    target: Target,
    number: Bits<3>,
    data: Bits<32>,
    strobe: Bit,
    rdata: Bits<32>,
    upper: Bits<32>,
}

/// The register target; see the [module](self).
#[derive(LogicBlock)]
pub struct Csr {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// Accesses.
    pub regs: RegTarget,
    /// Decoded accesses.
    pub access: AccessSource,
    /// State that the register of `access` shows, 0 for others.
    pub live: Signal<In, Bits<32>>,
    /// Counter to read.
    pub counter: Signal<Out, Bits<6>>,
    /// The counter is wanted; high until `counter_valid`.
    pub counter_read: Signal<Out, Bit>,
    /// The counter's value.
    pub counter_value: Signal<In, Bits<64>>,
    /// `counter_value` is there.
    pub counter_valid: Signal<In, Bit>,
    map: Bram<Entry, WORD_BITS>,
    values: Bram<Bits<32>, WORD_BITS>,
    state: DFF<State>,
    held: DFF<Held>,
    none: Constant<Held>,
    sweep: DFF<Bits<10>>,
    swept: Signal<Local, Bits<10>>,
    stored: Signal<Local, Bit>,
    stats_page: Constant<Bits<7>>,
}

impl Csr {
    /// The registers of a NIC of `pairs` queue pairs.
    ///
    /// # Panics
    /// If there are no queue pairs or more than the register space has room for.
    #[must_use]
    pub fn new(pairs: usize, identity: &Identity) -> Self {
        assert!(
            (1..=8).contains(&pairs),
            "Csr: {pairs} queue pairs; 1 to 8 are possible"
        );
        Self {
            clock: Default::default(),
            reset: Default::default(),
            regs: Default::default(),
            access: Default::default(),
            live: Default::default(),
            counter: Default::default(),
            counter_read: Default::default(),
            counter_value: Default::default(),
            counter_valid: Default::default(),
            map: Bram::with_contents(Output::Registered, &register_map::entries(pairs, identity)),
            values: Bram::new(Output::Registered),
            state: Default::default(),
            held: Default::default(),
            none: Constant::new(Held::default()),
            sweep: Default::default(),
            swept: Default::default(),
            stored: Default::default(),
            stats_page: Constant::new(u64::from(nic_abi::block::STATS.base >> 9).into()),
        }
    }
}

impl Logic for Csr {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, held, sweep);
        self.map.clock.next = self.clock.val();
        self.map.raddr.next = self.held.q.val().word;
        self.map.waddr.next = 0.into();
        self.map.wdata.next = self.map.rdata.val();
        self.map.wen.next = false;
        self.values.clock.next = self.clock.val();
        self.values.raddr.next = self.held.q.val().word;
        self.values.waddr.next = self.held.q.val().word;
        self.values.wdata.next = self.held.q.val().wdata & self.map.rdata.val().mask;
        self.values.wen.next = false;
        self.regs.ready.next = self.state.q.val() == State::Idle;
        self.regs.done.next = self.state.q.val() == State::Done;
        self.regs.rdata.next = self.held.q.val().rdata;
        self.access.target.next = self.held.q.val().target;
        self.access.number.next = self.held.q.val().number;
        self.access.data.next = self.held.q.val().data;
        self.access.write.next = self.held.q.val().strobe;
        self.counter.next = self.held.q.val().counter;
        self.counter_read.next = self.state.q.val() == State::Count;
        self.held.d.next.strobe = false;
        // The ROM answers two cycles after the address.
        self.swept.next = self.sweep.q.val() - 2;
        // Constants stay; write-only words are not kept: they read 0.
        self.stored.next = self.map.rdata.val().mask.any()
            & (self.map.rdata.val().target != Target::SqDoorbell)
            & (self.map.rdata.val().target != Target::RqDoorbell)
            & (self.map.rdata.val().target != Target::CqDoorbell);
        match self.state.q.val() {
            State::Sweep => {
                self.map.raddr.next = self.sweep.q.val().get_bits::<9>(0);
                self.values.waddr.next = self.swept.val().get_bits::<9>(0);
                self.values.wdata.next = self.map.rdata.val().value;
                self.values.wen.next = self.sweep.q.val() > 1;
                self.sweep.d.next = self.sweep.q.val() + 1;
                if self.sweep.q.val() == 513 {
                    self.state.d.next = State::Idle;
                }
            }
            State::Idle => {
                self.held.d.next.wdata = self.regs.wdata.val();
                self.held.d.next.write = self.regs.write.val();
                self.held.d.next.high = self.regs.addr.val().get_bit(2);
                self.held.d.next.counter = self.regs.addr.val().get_bits::<6>(3);
                self.held.d.next.rdata = 0.into();
                self.held.d.next.stats =
                    self.regs.addr.val().get_bits::<7>(9) == self.stats_page.val();
                if self.regs.addr.val().get_bit(15) {
                    self.held.d.next.mapped = self.regs.addr.val().get_bits::<5>(7) == 0;
                    self.held.d.next.word =
                        (bit_cast::<9, 5>(self.regs.addr.val().get_bits::<5>(2))
                            | (bit_cast::<9, 3>(self.regs.addr.val().get_bits::<3>(12)) << 5))
                            | 256;
                } else {
                    self.held.d.next.mapped = self.regs.addr.val().get_bits::<6>(10) == 0;
                    self.held.d.next.word = bit_cast::<9, 8>(self.regs.addr.val().get_bits::<8>(2));
                }
                if self.regs.valid.val() {
                    self.state.d.next = State::Look;
                }
            }
            State::Look => {
                self.state.d.next = State::Wait;
            }
            State::Wait => {
                self.state.d.next = State::Act;
                if self.held.q.val().stats & !self.held.q.val().write {
                    self.state.d.next = State::Count;
                    if self.held.q.val().high {
                        self.held.d.next.rdata = self.held.q.val().upper;
                        self.state.d.next = State::Done;
                    }
                }
            }
            State::Act => {
                self.state.d.next = State::Live;
                if self.held.q.val().mapped {
                    self.held.d.next.target = self.map.rdata.val().target;
                    self.held.d.next.number = self.map.rdata.val().number;
                    self.held.d.next.data = self.held.q.val().wdata & self.map.rdata.val().mask;
                    self.held.d.next.strobe = self.held.q.val().write;
                    self.held.d.next.rdata = self.values.rdata.val();
                    self.values.wen.next = self.held.q.val().write & self.stored.val();
                } else {
                    self.held.d.next.target = Target::Plain;
                }
            }
            State::Live => {
                self.held.d.next.rdata = self.held.q.val().rdata | self.live.val();
                self.state.d.next = State::Done;
            }
            State::Count => {
                self.held.d.next.rdata = self.counter_value.val().get_bits::<32>(0);
                self.held.d.next.upper = self.counter_value.val().get_bits::<32>(32);
                if self.counter_valid.val() {
                    self.state.d.next = State::Done;
                }
            }
            State::Done => {
                self.state.d.next = State::Idle;
            }
        }
        if self.reset.val() {
            self.state.d.next = State::Sweep;
            self.sweep.d.next = 0.into();
            self.held.d.next = self.none.val();
            self.values.wen.next = false;
        }
    }
}
