//! Simple dual-port block RAM: one write port, one read port, one clock.
//!
//! Contract: `rdata` shows the word at `raddr` one ([`Output::Direct`]) or two ([`Output::Registered`]) rising edges
//! later. Reading an address in the very cycle it is written gives the *old* word in simulation and **any** word in
//! hardware: the RAM carries `no_rw_check`, because collision logic costs 534 LUT4 and 1,035 flip-flops on a 512 × 512 bit
//! ECP5 memory. The user arbitrates such a read, or ignores its result.
//!
//! - Latency: 1 or 2 cycles. A compare or a multiplexer behind the RAM needs `Registered`: the raw output of an ECP5 block
//!   RAM takes 4.26 ns.
//! - Throughput: one read and one write per cycle.
//! - Contents start at zero or as given; reset does not touch them.
//! - Area: one DP16KD per 18 kbit (36 × 512); see docs/PERFORMANCE.md.

use rust_hdl_core::prelude::*;
use std::fmt::Write as _;

/// When read data come out.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// One cycle after the address, straight from the memory.
    Direct,
    /// Two cycles after the address, through the memory's own output register.
    Registered,
}

/// Block RAM of `2^A` words of type `T`; see the [module](self) for the contract.
#[derive(LogicBlock)]
pub struct Bram<T: Synth, const A: usize> {
    /// Clock of both ports.
    pub clock: Signal<In, Clock>,
    /// Word to read.
    pub raddr: Signal<In, Bits<A>>,
    /// The word read.
    pub rdata: Signal<Out, T>,
    /// Word to write.
    pub waddr: Signal<In, Bits<A>>,
    /// Data to write.
    pub wdata: Signal<In, T>,
    /// Write in this cycle.
    pub wen: Signal<In, Bit>,
    _words: Vec<T>,
    _read: T,
    _output: Output,
    _initialised: bool,
}

impl<T: Synth, const A: usize> Bram<T, A> {
    /// A memory of zeros.
    ///
    /// # Panics
    /// If `A` is 0 or above 16: no device this is meant for holds more.
    #[must_use]
    pub fn new(output: Output) -> Self {
        assert!(
            (1..=16).contains(&A),
            "Bram: {A} address bits; 1 to 16 are possible"
        );
        Self {
            clock: Default::default(),
            raddr: Default::default(),
            rdata: Default::default(),
            waddr: Default::default(),
            wdata: Default::default(),
            wen: Default::default(),
            _words: vec![T::default(); 1 << A],
            _read: T::default(),
            _output: output,
            _initialised: false,
        }
    }

    /// A memory that holds `contents` from address 0 when the device is configured, and zeros above.
    ///
    /// # Panics
    /// If there are more words than the memory has.
    #[must_use]
    pub fn with_contents(output: Output, contents: &[T]) -> Self {
        let mut memory = Self::new(output);
        assert!(
            contents.len() <= memory._words.len(),
            "Bram: {} initial words do not fit {} of the memory",
            contents.len(),
            memory._words.len()
        );
        memory._words[..contents.len()].copy_from_slice(contents);
        memory._initialised = true;
        memory
    }
}

impl<T: Synth, const A: usize> Default for Bram<T, A> {
    fn default() -> Self {
        Self::new(Output::Registered)
    }
}

impl<T: Synth, const A: usize> Logic for Bram<T, A> {
    fn update(&mut self) {
        if self.clock.pos_edge() {
            let word = self._words[self.raddr.val().to_u64() as usize];
            self.rdata.next = match self._output {
                Output::Direct => word,
                Output::Registered => std::mem::replace(&mut self._read, word),
            };
            if self.wen.val() {
                self._words[self.waddr.val().to_u64() as usize] = self.wdata.val();
            }
        }
    }

    fn connect(&mut self) {
        self.rdata.connect();
    }

    fn hdl(&self) -> Verilog {
        let high = T::BITS - 1;
        let mut text = format!(
            "(* no_rw_check *)\nreg [{high}:0] words [0:{}];\n",
            self._words.len() - 1
        );
        if self._initialised {
            text += "initial begin\n";
            for (address, word) in self._words.iter().enumerate() {
                // Writing to a String does not fail.
                let _ = writeln!(text, "  words[{address}] = {:x};", word.verilog());
            }
            text += "end\n";
        }
        if self._output == Output::Registered {
            let _ = writeln!(text, "reg [{high}:0] read;");
        }
        text += "always @(posedge clock) begin\n";
        text += match self._output {
            Output::Direct => "  rdata <= words[raddr];\n",
            Output::Registered => "  read <= words[raddr];\n  rdata <= read;\n",
        };
        text += "  if (wen) words[waddr] <= wdata;\nend\n";
        Verilog::Custom(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "17 address bits")]
    fn a_memory_too_large_is_refused() {
        let _ = Bram::<Bits<8>, 17>::new(Output::Direct);
    }

    #[test]
    #[should_panic(expected = "5 initial words do not fit 4")]
    fn contents_too_long_are_refused() {
        let _ = Bram::<Bits<8>, 2>::with_contents(Output::Direct, &[Bits::from(1); 5]);
    }
}
