//! FIFO of beats between two clocks: where frames cross between the core's clock and the wire's.
//!
//! Contract: `m`, on `m_clock`, carries the beats of `s`, on `s_clock`, in order. The clocks need have no relation. A frame begins to
//! leave before it is in as a whole. `s.tready` and `m.tvalid` do not depend on the other side of their own stream.
//!
//! - Reset: `s_reset` on `s_clock`, `m_reset` on `m_clock`; both must be asserted together for at least 4 cycles of the slower clock.
//!   Resetting one side alone gives garbage; while `m_reset` alone is asserted, a FIFO may seem full that is not, so where `s` cannot
//!   wait, `s_reset` comes first.
//! - Latency: one cycle of `s_clock` and at most 5 of `m_clock` (3 for the pointer to cross, 2 through the memory).
//! - Throughput: one beat per cycle of the slower clock.
//! - Bubbles: none while the producer keeps up; 16 beats suffice for full throughput, since a freed place is known on the other side
//!   after about 5 cycles of each clock.
//! - Capacity: `2^A` beats and 2 in the output registers.
//! - Constraints: see [`synchronizer`](crate::cdc::synchronizer); the pointers cross Gray-coded.
//! - Area: 68 bits per beat in block RAM; see docs/PERFORMANCE.md.

use super::{
    axis::{AxisSink, AxisSource},
    packed::{PackBeat, PackedBeat, UnpackBeat},
};
use crate::{cdc::synchronizer::Synchronizer, memory::dual_clock_bram::DualClockBram};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// FIFO of `2^A` beats between two clocks, pointers of `P = A + 1` bits; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct AsyncFifo<const A: usize, const P: usize> {
    /// Clock of `s`.
    pub s_clock: Signal<In, Clock>,
    /// Synchronous reset on `s_clock`.
    pub s_reset: Signal<In, Bit>,
    /// Beats in.
    pub s: AxisSink,
    /// Clock of `m`.
    pub m_clock: Signal<In, Clock>,
    /// Synchronous reset on `m_clock`.
    pub m_reset: Signal<In, Bit>,
    /// Beats out.
    pub m: AxisSource,
    memory: DualClockBram<PackedBeat, A>,
    pack: PackBeat,
    unpack: UnpackBeat,
    // s_clock: what is written; its Gray code crosses.
    written: DFF<Bits<P>>,
    written_gray: DFF<Bits<P>>,
    read_there: Synchronizer<P>,
    written_next: Signal<Local, Bits<P>>,
    full: Signal<Local, Bit>,
    write: Signal<Local, Bit>,
    // m_clock: what is read out of the memory.
    read: DFF<Bits<P>>,
    read_gray: DFF<Bits<P>>,
    written_there: Synchronizer<P>,
    read_next: Signal<Local, Bits<P>>,
    empty: Signal<Local, Bit>,
    stage_valid: DFF<Bit>,
    out: DFF<PackedBeat>,
    out_valid: DFF<Bit>,
    out_moves: Signal<Local, Bit>,
    stage_moves: Signal<Local, Bit>,
    /// The Gray codes of two counts `2^A` apart differ in the two highest bits.
    full_mask: Constant<Bits<P>>,
}

impl<const A: usize, const P: usize> Default for AsyncFifo<A, P> {
    /// # Panics
    /// If `P` is not `A + 1`, or `A` not 4 to 12.
    fn default() -> Self {
        assert!(
            P == A + 1,
            "AsyncFifo: pointers of {P} bits for {A} address bits; {} are needed",
            A + 1
        );
        assert!(
            (4..=12).contains(&A),
            "AsyncFifo: {A} address bits; 4 to 12 are possible"
        );
        Self {
            s_clock: Default::default(),
            s_reset: Default::default(),
            s: Default::default(),
            m_clock: Default::default(),
            m_reset: Default::default(),
            m: Default::default(),
            memory: Default::default(),
            pack: Default::default(),
            unpack: Default::default(),
            written: Default::default(),
            written_gray: Default::default(),
            read_there: Default::default(),
            written_next: Default::default(),
            full: Default::default(),
            write: Default::default(),
            read: Default::default(),
            read_gray: Default::default(),
            written_there: Default::default(),
            read_next: Default::default(),
            empty: Default::default(),
            stage_valid: Default::default(),
            out: Default::default(),
            out_valid: Default::default(),
            out_moves: Default::default(),
            stage_moves: Default::default(),
            full_mask: Constant::new((0b11_u64 << (P - 2)).into()),
        }
    }
}

impl<const A: usize, const P: usize> Logic for AsyncFifo<A, P> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, s_clock, written, written_gray);
        dff_setup!(self, m_clock, read, read_gray, stage_valid, out, out_valid);
        clock!(self, s_clock, read_there);
        clock!(self, m_clock, written_there);
        self.memory.wclock.next = self.s_clock.val();
        self.memory.rclock.next = self.m_clock.val();
        self.read_there.d.next = self.read_gray.q.val();
        self.written_there.d.next = self.written_gray.q.val();

        self.full.next =
            self.written_gray.q.val() == (self.read_there.q.val() ^ self.full_mask.val());
        // Not from `full`: outputs apart from what depends on inputs, or simulators see a loop through the producer.
        self.s.tready.next =
            self.written_gray.q.val() != (self.read_there.q.val() ^ self.full_mask.val());
        self.write.next = self.s.tvalid.val() & !self.full.val();
        self.pack.tdata.next = self.s.tdata.val();
        self.pack.tkeep.next = self.s.tkeep.val();
        self.pack.tlast.next = self.s.tlast.val();
        self.memory.waddr.next = self.written.q.val().get_bits::<A>(0);
        self.memory.wdata.next = self.pack.beat.val();
        self.memory.wen.next = self.write.val();
        self.written_next.next = self.written.q.val() + 1;
        if self.write.val() {
            self.written.d.next = self.written_next.val();
            self.written_gray.d.next = self.written_next.val() ^ (self.written_next.val() >> 1);
        }

        // Memory → its output register → output register, each moving when the one behind it is free.
        self.empty.next = self.read_gray.q.val() == self.written_there.q.val();
        self.out_moves.next = self.m.tready.val() | !self.out_valid.q.val();
        self.stage_moves.next = self.out_moves.val() | !self.stage_valid.q.val();
        self.memory.raddr.next = self.read.q.val().get_bits::<A>(0);
        self.memory.ren.next = self.stage_moves.val();
        self.read_next.next = self.read.q.val() + 1;
        if self.out_moves.val() {
            self.out.d.next = self.memory.rdata.val();
            self.out_valid.d.next = self.stage_valid.q.val();
        }
        if self.stage_moves.val() {
            self.stage_valid.d.next = !self.empty.val();
            if !self.empty.val() {
                self.read.d.next = self.read_next.val();
                self.read_gray.d.next = self.read_next.val() ^ (self.read_next.val() >> 1);
            }
        }
        self.unpack.beat.next = self.out.q.val();
        self.m.tdata.next = self.unpack.tdata.val();
        self.m.tkeep.next = self.unpack.tkeep.val();
        self.m.tlast.next = self.unpack.tlast.val();
        self.m.tvalid.next = self.out_valid.q.val();

        if self.s_reset.val() {
            self.written.d.next = 0.into();
            self.written_gray.d.next = 0.into();
        }
        if self.m_reset.val() {
            self.read.d.next = 0.into();
            self.read_gray.d.next = 0.into();
            self.stage_valid.d.next = false;
            self.out_valid.d.next = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "pointers of 6 bits for 4 address bits; 5 are needed")]
    fn pointers_of_the_wrong_width_are_refused() {
        let _ = AsyncFifo::<4, 6>::default();
    }
}
