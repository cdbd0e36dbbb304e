//! Function-level reset and epoch.
//!
//! Contract: `core_reset` follows `reset` or `flr` one cycle later, straight from a flip-flop, and stays for [`HOLD_CYCLES`]
//! cycles after, long enough for the MAC's side of the wire. `epoch` counts the rising edges of `flr` since `reset`; nothing else resets it.

use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

/// Cycles that the core's reset is held: 8 of a MAC's clock 15 times slower.
pub const HOLD_CYCLES: u64 = 127;

/// Reset of the core; see the [module](self).
#[derive(LogicBlock)]
pub struct FunctionReset {
    /// Clock.
    pub clock: Signal<In, Clock>,
    /// Power-on reset, synchronous.
    pub reset: Signal<In, Bit>,
    /// Function-level reset.
    pub flr: Signal<In, Bit>,
    /// Reset of the core.
    pub core_reset: Signal<Out, Bit>,
    /// Function-level resets since power-on.
    pub epoch: Signal<Out, Bits<32>>,
    count: DFF<Bits<32>>,
    flr_seen: DFF<Bit>,
    held: DFF<Bit>,
    left: DFF<Bits<7>>,
    hold: Constant<Bits<7>>,
}

impl Default for FunctionReset {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            reset: Default::default(),
            flr: Default::default(),
            core_reset: Default::default(),
            epoch: Default::default(),
            count: Default::default(),
            flr_seen: Default::default(),
            held: Default::default(),
            left: Default::default(),
            hold: Constant::new(HOLD_CYCLES.into()),
        }
    }
}

impl Logic for FunctionReset {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, count, flr_seen, held, left);
        self.core_reset.next = self.held.q.val();
        self.epoch.next = self.count.q.val();
        self.flr_seen.d.next = self.flr.val();
        if self.flr.val() & !self.flr_seen.q.val() {
            self.count.d.next = self.count.q.val() + 1;
        }
        self.held.d.next = true;
        if self.left.q.val() == 0 {
            self.held.d.next = false;
        } else {
            self.left.d.next = self.left.q.val() - 1;
        }
        if self.flr.val() | self.reset.val() {
            self.held.d.next = true;
            self.left.d.next = self.hold.val();
        }
        if self.reset.val() {
            self.count.d.next = 0.into();
            self.flr_seen.d.next = false;
        }
    }
}
