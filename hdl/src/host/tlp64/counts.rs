//! The adapter's pulses as `stat`: bit *i* counts `nic_abi::stats::Stat` number *i* (docs/GATEWARE.md).
//!
//! Latency: 1 cycle. Two refusals in one cycle are counted one after the other.

use nic_abi::stats::Stat;
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Pulses to `stat`; see the [module](self).
#[derive(LogicBlock)]
pub struct Counts {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset.
    pub reset: Signal<In, Bit>,
    /// An MRd was sent.
    pub reads: Signal<In, Bit>,
    /// An MWr was sent.
    pub writes: Signal<In, Bit>,
    /// An MSI-X message was sent.
    pub interrupts: Signal<In, Bit>,
    /// A read ended in an error.
    pub read_error: Signal<In, Bit>,
    /// A read timed out.
    pub expired: Signal<In, Bit>,
    /// An unexpected completion.
    pub unexpected: Signal<In, Bit>,
    /// A request was refused.
    pub refused: Signal<In, Bit>,
    /// A write was dropped.
    pub dropped: Signal<In, Bit>,
    /// One bit per counter.
    pub stat: Signal<Out, Bits<32>>,
    bus_reads: Constant<Bits<32>>,
    bus_writes: Constant<Bits<32>>,
    bus_interrupts: Constant<Bits<32>>,
    bus_read_errors: Constant<Bits<32>>,
    bus_read_timeouts: Constant<Bits<32>>,
    bus_unexpected: Constant<Bits<32>>,
    bus_unsupported: Constant<Bits<32>>,
    stat_r: DFF<Bits<32>>,
    waits: DFF<Bit>,
    a: Signal<Local, Bits<32>>,
    b: Signal<Local, Bits<32>>,
    c: Signal<Local, Bits<32>>,
    d: Signal<Local, Bits<32>>,
    e: Signal<Local, Bits<32>>,
    f: Signal<Local, Bits<32>>,
    g: Signal<Local, Bits<32>>,
}

impl Default for Counts {
    fn default() -> Self {
        let bit = |stat: Stat| Constant::new((1_u64 << stat as u32).into());
        Self {
            bus_reads: bit(Stat::BusReads),
            bus_writes: bit(Stat::BusWrites),
            bus_interrupts: bit(Stat::Interrupts),
            bus_read_errors: bit(Stat::BusReadErrors),
            bus_read_timeouts: bit(Stat::BusReadTimeouts),
            bus_unexpected: bit(Stat::BusUnexpected),
            bus_unsupported: bit(Stat::BusUnsupported),
            clock: Default::default(),
            reset: Default::default(),
            reads: Default::default(),
            writes: Default::default(),
            interrupts: Default::default(),
            read_error: Default::default(),
            expired: Default::default(),
            unexpected: Default::default(),
            refused: Default::default(),
            dropped: Default::default(),
            stat: Default::default(),
            stat_r: Default::default(),
            waits: Default::default(),
            a: Default::default(),
            b: Default::default(),
            c: Default::default(),
            d: Default::default(),
            e: Default::default(),
            f: Default::default(),
            g: Default::default(),
        }
    }
}

impl Logic for Counts {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, stat_r, waits);
        self.a.next = 0.into();
        self.b.next = 0.into();
        self.c.next = 0.into();
        self.d.next = 0.into();
        self.e.next = 0.into();
        self.f.next = 0.into();
        self.g.next = 0.into();
        if self.reads.val() {
            self.a.next = self.bus_reads.val();
        }
        if self.writes.val() {
            self.b.next = self.bus_writes.val();
        }
        if self.interrupts.val() {
            self.c.next = self.bus_interrupts.val();
        }
        if self.read_error.val() {
            self.d.next = self.bus_read_errors.val();
        }
        if self.expired.val() {
            self.e.next = self.bus_read_timeouts.val();
        }
        if self.unexpected.val() {
            self.f.next = self.bus_unexpected.val();
        }
        if self.refused.val() | self.dropped.val() | self.waits.q.val() {
            self.g.next = self.bus_unsupported.val();
        }
        // Neither can pulse in the next cycle again, so one waiting is enough.
        self.waits.d.next = (self.refused.val() & self.dropped.val())
            | (self.waits.q.val() & (self.refused.val() | self.dropped.val()));
        self.stat_r.d.next = self.a.val()
            | self.b.val()
            | self.c.val()
            | self.d.val()
            | self.e.val()
            | self.f.val()
            | self.g.val();
        self.stat.next = self.stat_r.q.val();
        if self.reset.val() {
            self.stat_r.d.next = 0.into();
            self.waits.d.next = false;
        }
    }
}
