//! `N` streams to one, frame by frame, round robin.
//!
//! Contract: a frame that has begun on `m` ends before another begins. When a frame ends, the turn goes to the next input, in the order of
//! their numbers and around, that offers a beat; an input that always has frames waits for at most one frame of each other.
//!
//! - Latency: none; `m` is combinational from `s` (put a [`skid`](super::skid) behind it where timing needs one).
//! - Throughput: one beat per cycle; no bubble between frames of different inputs.
//! - Area: a 73-bit multiplexer of `N` inputs; see docs/PERFORMANCE.md.

use super::axis::{AxisSink, AxisSource};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Multiplexer of `N` streams; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct FrameMux<const N: usize> {
    /// Clock of all streams.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset; forgets a frame begun.
    pub reset: Signal<In, Bit>,
    /// Frames in.
    pub s: [AxisSink; N],
    /// Frames out.
    pub m: AxisSource,
    /// Whose turn it is, or was last.
    turn: DFF<Bits<4>>,
    /// A beat of its frame has been offered.
    busy: DFF<Bit>,
    chosen: Signal<Local, Bits<4>>,
    found: Signal<Local, Bit>,
    offered: Signal<Local, Bit>,
    last: Signal<Local, Bit>,
}

impl<const N: usize> Default for FrameMux<N> {
    /// # Panics
    /// If `N` is not 2 to 16.
    fn default() -> Self {
        assert!(
            (2..=16).contains(&N),
            "FrameMux: {N} inputs; 2 to 16 are possible"
        );
        Self {
            clock: Default::default(),
            reset: Default::default(),
            s: std::array::from_fn(|_| Default::default()),
            m: Default::default(),
            turn: Default::default(),
            busy: Default::default(),
            chosen: Default::default(),
            found: Default::default(),
            offered: Default::default(),
            last: Default::default(),
        }
    }
}

impl<const N: usize> Logic for FrameMux<N> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, turn, busy);
        // The next input after the last one, else the lowest.
        self.chosen.next = self.turn.q.val();
        self.found.next = self.busy.q.val();
        for i in 0..N {
            if self.s[i].tvalid.val() & !self.found.val() & (self.turn.q.val().index() < i) {
                self.chosen.next = i.to_bits::<4>();
                self.found.next = true;
            }
        }
        for i in 0..N {
            if self.s[i].tvalid.val() & !self.found.val() {
                self.chosen.next = i.to_bits::<4>();
                self.found.next = true;
            }
        }
        self.m.tdata.next = self.s[0].tdata.val();
        self.m.tkeep.next = self.s[0].tkeep.val();
        self.last.next = self.s[0].tlast.val();
        self.offered.next = false;
        for i in 0..N {
            self.s[i].tready.next = false;
            if self.chosen.val().index() == i {
                self.m.tdata.next = self.s[i].tdata.val();
                self.m.tkeep.next = self.s[i].tkeep.val();
                self.last.next = self.s[i].tlast.val();
                self.offered.next = self.s[i].tvalid.val();
                self.s[i].tready.next = self.m.tready.val();
            }
        }
        self.m.tlast.next = self.last.val();
        self.m.tvalid.next = self.offered.val();
        if self.offered.val() {
            self.turn.d.next = self.chosen.val();
            self.busy.d.next = !(self.last.val() & self.m.tready.val());
        }
        if self.reset.val() {
            self.turn.d.next = 0.into();
            self.busy.d.next = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "1 inputs; 2 to 16 are possible")]
    fn a_multiplexer_of_one_input_is_refused() {
        let _ = FrameMux::<1>::default();
    }
}
