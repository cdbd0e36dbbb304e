//! Two flip-flops that bring a level, or a Gray-coded count, into another clock's domain.
//!
//! Contract: `q` follows `d` two rising edges of `clock` later. `d` comes straight from flip-flops of another clock, and at most one of
//! its bits changes per edge of that clock; then `q` is always an old or the new value, never a mixture.
//!
//! - Latency: 2 cycles of `clock`, one more when `d` changes too close to an edge.
//! - Constraints: the path into the first flip-flop has no clock relation. Its delay, and the difference between its bits, must
//!   stay below one period of the faster clock (nextpnr leaves unrelated clocks unconstrained, and at that period the placed
//!   delays are far below; Vivado: `set_max_delay -datapath_only`). The flip-flops carry `async_reg` and `keep`, so that tools
//!   place them together and do not turn them into a shift register.
//! - Area: 2 N flip-flops.

use rust_hdl_core::prelude::*;

/// Synchronizer of `N` bits; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Synchronizer<const N: usize> {
    /// Clock of the receiving domain.
    pub clock: Signal<In, Clock>,
    /// From the other domain.
    pub d: Signal<In, Bits<N>>,
    /// In this domain.
    pub q: Signal<Out, Bits<N>>,
    _meta: Bits<N>,
}

impl<const N: usize> Logic for Synchronizer<N> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self.q.next = std::mem::replace(&mut self._meta, self.d.val());
        }
    }

    fn connect(&mut self) {
        self.q.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "(* async_reg = \"true\", keep *) reg [{high}:0] meta = 0;
(* async_reg = \"true\", keep *) reg [{high}:0] level = 0;
always @(posedge clock) begin
  meta <= d;
  level <= meta;
end
always @(*) q = level;
",
            high = N - 1
        ))
    }
}
