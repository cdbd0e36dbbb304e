//! Simple dual-port block RAM whose two ports may have different clocks, and whose read data hold: what FIFOs store in.
//!
//! Contract: at a rising edge of `rclock` with `ren`, `rdata` becomes the word at `raddr`; without, it stays. At a rising edge of
//! `wclock` with `wen`, `wdata` is stored. A word must not be read at the edge at which it is written, nor before the
//! write has surely happened when the clocks differ: the RAM carries `no_rw_check`, hardware gives any data then. A FIFO's
//! pointers see to that.
//!
//! - Latency: 1 cycle. The output comes straight from the memory (4.26 ns on ECP5): register it before use.
//! - Throughput: one read and one write per cycle of their clocks.
//! - Area: one DP16KD per 18 kbit (36 × 512); see docs/PERFORMANCE.md.

use rust_hdl_core::prelude::*;

/// Block RAM of `2^A` words of type `T`; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct DualClockBram<T: Synth, const A: usize> {
    /// Clock of the write port.
    pub wclock: Signal<In, Clock>,
    /// Word to write.
    pub waddr: Signal<In, Bits<A>>,
    /// Data to write.
    pub wdata: Signal<In, T>,
    /// Write at this edge.
    pub wen: Signal<In, Bit>,
    /// Clock of the read port.
    pub rclock: Signal<In, Clock>,
    /// Word to read.
    pub raddr: Signal<In, Bits<A>>,
    /// Read at this edge.
    pub ren: Signal<In, Bit>,
    /// The word read last.
    pub rdata: Signal<Out, T>,
    _words: Vec<T>,
}

impl<T: Synth, const A: usize> Default for DualClockBram<T, A> {
    /// # Panics
    /// If `A` is 0 or above 16.
    fn default() -> Self {
        assert!(
            (1..=16).contains(&A),
            "DualClockBram: {A} address bits; 1 to 16 are possible"
        );
        Self {
            wclock: Default::default(),
            waddr: Default::default(),
            wdata: Default::default(),
            wen: Default::default(),
            rclock: Default::default(),
            raddr: Default::default(),
            ren: Default::default(),
            rdata: Default::default(),
            _words: vec![T::default(); 1 << A],
        }
    }
}

impl<T: Synth, const A: usize> Logic for DualClockBram<T, A> {
    fn update(&mut self) {
        // Read first: at an edge of both clocks the old word comes out, as from Verilog's non-blocking assignments.
        if self.rclock.pos_edge() && self.ren.val() {
            self.rdata.next = self._words[self.raddr.val().to_u64() as usize];
        }
        if self.wclock.pos_edge() && self.wen.val() {
            self._words[self.waddr.val().to_u64() as usize] = self.wdata.val();
        }
    }

    fn connect(&mut self) {
        self.rdata.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "(* no_rw_check *)
reg [{}:0] words [0:{}];
always @(posedge rclock) if (ren) rdata <= words[raddr];
always @(posedge wclock) if (wen) words[waddr] <= wdata;
",
            T::BITS - 1,
            self._words.len() - 1
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "0 address bits")]
    fn a_memory_of_one_word_is_refused() {
        let _ = DualClockBram::<Bits<8>, 0>::default();
    }
}
