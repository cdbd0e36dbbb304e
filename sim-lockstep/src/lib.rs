//! rust-hdl's own simulator against Verilator, cycle by cycle.
//!
//! rust-hdl prints Rust tokens as Verilog, and hand-written leaves are two descriptions; so every module of the catalogue
//! runs in both simulators under the same stimulus, and every output must be equal in every cycle. Protocol checkers
//! watch every stream and every valid/ready channel among the module's ports meanwhile. How to add a module: `docs/GATEWARE-TESTING.md`.
//!
//! ```
//! use longshore_hdl::stream;
//! use sim_lockstep::{Lockstep, StreamSink, StreamSource};
//!
//! let (mut source, mut sink) = (StreamSource::default(), StreamSink::default());
//! Lockstep::new("axis_skid", stream::axis_skid()).clock("clock", 4_000, |dut, level| dut.clock.next = level.into()).run(
//!     1_000,
//!     |dut, step| {
//!         dut.reset.next = step.reset();
//!         source.refill(step);
//!         source.drive(&mut dut.s, step);
//!         sink.drive(&mut dut.m, step);
//!         step.settle(dut);
//!         source.observe(&dut.s);
//!         sink.observe(&dut.m);
//!     },
//! );
//! assert!(source.sent.starts_with(&sink.frames) && sink.frames.len() > 10);
//! ```
#![forbid(unsafe_code)]

mod channels;
mod harness;
mod probe;
mod seed;
mod stimulus;
mod streams;

pub use harness::{Lockstep, LockstepError, Report};
pub use seed::seed;
pub use stimulus::{Pace, StreamSink, StreamSource, sample_sink, sample_source};

use rand_chacha::ChaCha8Rng;
use rust_hdl_core::prelude::Block;

/// Lets changes run through `dut` until nothing changes.
///
/// # Panics
/// If it does not come to rest: a combinational loop.
pub fn settle<T: Block>(dut: &mut T) {
    for _ in 0..200 {
        dut.update_all();
        if !dut.has_changed() {
            return;
        }
    }
    panic!("the rust-hdl simulation does not settle in 200 rounds: a combinational loop");
}

/// The moment before a rising clock edge, as the stimulus sees it.
#[derive(Debug)]
pub struct Step {
    /// Rising edges (of any clock) before this one.
    pub cycle: u64,
    /// Picoseconds.
    pub time: u64,
    /// Seeded; the only randomness a stimulus may use.
    pub rng: ChaCha8Rng,
    rising: u64,
    in_reset: bool,
}

impl Step {
    /// Whether the clock of that number (in the order of [`Lockstep::clock`]) rises now. With several clocks change the
    /// inputs of a domain only when its clock rises.
    #[must_use]
    pub fn rises(&self, clock: usize) -> bool {
        self.rising >> clock & 1 == 1
    }

    /// A reset for the module: high in the first two cycles, then low. What the stream drivers of this module obey too.
    pub fn reset(&mut self) -> bool {
        self.in_reset = self.cycle < 2;
        self.in_reset
    }

    /// A reset until that time in picoseconds: for several clocks.
    pub fn reset_until(&mut self, time: u64) -> bool {
        self.in_reset = self.time < time;
        self.in_reset
    }

    /// Like [`reset`](Self::reset), and besides asserted for a cycle about every `every` cycles.
    pub fn reset_now_and_then(&mut self, every: u32) -> bool {
        use rand::RngExt as _;
        let again = self.rng.random_ratio(1, every);
        self.in_reset = self.cycle < 2 || again;
        self.in_reset
    }

    /// Whether reset is asserted in this step.
    #[must_use]
    pub fn in_reset(&self) -> bool {
        self.in_reset
    }

    /// Lets the inputs set so far run through, so that outputs can be observed as the edge will see them.
    pub fn settle<T: Block>(&self, dut: &mut T) {
        settle(dut);
    }
}
