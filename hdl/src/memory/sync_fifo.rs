//! Small FIFO of any value on one clock, first word falls through: metadata beside a stream, tags, commands.
//!
//! Contract: valid/ready on both sides. A value moves in at an edge with `in_valid & in_ready`, out at one with
//! `out_valid & out_ready`; `out_data` is stable while `out_valid & !out_ready`. `in_ready` and `out_valid` come from
//! registers only. `fill` counts the values between the two sides.
//!
//! Up to 32 words lie in distributed RAM, more in block RAM, whose output is registered:
//!
//! | | distributed | block |
//! |---|---|---|
//! | latency (cycles from moving in to moving out at the earliest) | 1 | 3 |
//! | throughput | one value per cycle | one value per cycle |
//! | capacity | `2^A` | `2^A + 2` |
//!
//! - Bubbles: none, and `in_ready` falls only when the memory is full.
//! - Reset empties it.
//! - Area: see docs/PERFORMANCE.md.

use rust_hdl_core::prelude::*;

/// FIFO of `2^A` values; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct SyncFifo<T: Synth, const A: usize> {
    /// Clock of both sides.
    pub clock: Signal<In, Clock>,
    /// Synchronous reset; empties the FIFO.
    pub reset: Signal<In, Bit>,
    /// Value to store.
    pub in_data: Signal<In, T>,
    /// A value is offered.
    pub in_valid: Signal<In, Bit>,
    /// There is room for it.
    pub in_ready: Signal<Out, Bit>,
    /// The oldest value.
    pub out_data: Signal<Out, T>,
    /// There is one.
    pub out_valid: Signal<Out, Bit>,
    /// It is taken.
    pub out_ready: Signal<In, Bit>,
    /// Values held.
    pub fill: Signal<Out, Bits<17>>,
    _state: State<T>,
}

/// The registers of the model.
struct State<T> {
    words: Vec<T>,
    /// Free-running, modulo twice the depth.
    written: usize,
    read: usize,
    /// Block RAM only: the memory's output register and the one behind it.
    stage: (T, bool),
    out: (T, bool),
}

/// Whether a FIFO of `2^address_bits` words lies in block RAM.
const fn in_block_ram(address_bits: usize) -> bool {
    address_bits > 5
}

impl<T: Synth, const A: usize> Default for SyncFifo<T, A> {
    /// # Panics
    /// If `A` is 0 or above 15.
    fn default() -> Self {
        assert!(
            (1..=15).contains(&A),
            "SyncFifo: {A} address bits; 1 to 15 are possible"
        );
        Self {
            clock: Default::default(),
            reset: Default::default(),
            in_data: Default::default(),
            in_valid: Default::default(),
            in_ready: Default::default(),
            out_data: Default::default(),
            out_valid: Default::default(),
            out_ready: Default::default(),
            fill: Default::default(),
            _state: State {
                words: vec![T::default(); 1 << A],
                written: 0,
                read: 0,
                stage: (T::default(), false),
                out: (T::default(), false),
            },
        }
    }
}

impl<T: Synth, const A: usize> SyncFifo<T, A> {
    const DEPTH: usize = 1 << A;

    fn held(&self) -> usize {
        (self._state.written + 2 * Self::DEPTH - self._state.read) % (2 * Self::DEPTH)
    }

    /// The rising edge.
    fn edge(&mut self) {
        let (held, taken) = (self.held(), self.out_ready.val());
        let state = &mut self._state;
        if in_block_ram(A) {
            let out_moves = taken || !state.out.1;
            let stage_moves = out_moves || !state.stage.1;
            if out_moves {
                state.out = state.stage;
            }
            if stage_moves {
                state.stage = (state.words[state.read % Self::DEPTH], held != 0);
                state.read = (state.read + usize::from(held != 0)) % (2 * Self::DEPTH);
            }
        } else if taken && held != 0 {
            state.read = (state.read + 1) % (2 * Self::DEPTH);
        }
        if self.in_valid.val() && held != Self::DEPTH {
            state.words[state.written % Self::DEPTH] = self.in_data.val();
            state.written = (state.written + 1) % (2 * Self::DEPTH);
        }
        if self.reset.val() {
            (state.written, state.read, state.stage.1, state.out.1) = (0, 0, false, false);
        }
    }
}

impl<T: Synth, const A: usize> Logic for SyncFifo<T, A> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            self.edge();
        }
        let held = self.held();
        self.in_ready.next = held != Self::DEPTH;
        let state = &self._state;
        let staged = if in_block_ram(A) {
            (self.out_data.next, self.out_valid.next) = state.out;
            usize::from(state.stage.1) + usize::from(state.out.1)
        } else {
            self.out_data.next = state.words[state.read % Self::DEPTH];
            self.out_valid.next = held != 0;
            0
        };
        self.fill.next = ((held + staged) as u64).into();
    }

    fn connect(&mut self) {
        self.in_ready.connect();
        self.out_data.connect();
        self.out_valid.connect();
        self.fill.connect();
    }

    fn hdl(&self) -> Verilog {
        let (high, top, depth) = (T::BITS - 1, A - 1, Self::DEPTH);
        let style = if in_block_ram(A) {
            "no_rw_check"
        } else {
            "ram_style = \"distributed\""
        };
        let common = format!(
            "(* {style} *)
reg [{high}:0] words [0:{last}];
reg [{A}:0] written = 0;
reg [{A}:0] read = 0;
wire [{A}:0] held = written - read;
wire full = written == {{~read[{A}], read[{top}:0]}};
wire empty = written == read;
always @(*) in_ready = !full;
always @(posedge clock) begin
  if (in_valid & !full) begin
    words[written[{top}:0]] <= in_data;
    written <= written + 1'd1;
  end
  if (reset) written <= 0;
end
",
            last = depth - 1
        );
        let rest = if in_block_ram(A) {
            format!(
                "reg [{high}:0] stage;
reg stage_valid = 0;
initial out_valid = 0;
wire out_moves = out_ready | !out_valid;
wire stage_moves = out_moves | !stage_valid;
always @(*) fill = held + stage_valid + out_valid;
always @(posedge clock) begin
  if (out_moves) begin
    out_data <= stage;
    out_valid <= stage_valid;
  end
  if (stage_moves) begin
    stage <= words[read[{top}:0]];
    stage_valid <= !empty;
    if (!empty) read <= read + 1'd1;
  end
  if (reset) begin
    read <= 0;
    stage_valid <= 0;
    out_valid <= 0;
  end
end
"
            )
        } else {
            format!(
                "always @(*) out_data = words[read[{top}:0]];
always @(*) out_valid = !empty;
always @(*) fill = held;
always @(posedge clock) begin
  if (out_ready & !empty) read <= read + 1'd1;
  if (reset) read <= 0;
end
"
            )
        };
        Verilog::Custom(common + &rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "16 address bits")]
    fn a_fifo_too_deep_is_refused() {
        let _ = SyncFifo::<Bits<8>, 16>::default();
    }
}
