//! Masks spread: eight bits over the eight bytes of a beat, four words over its bytes. Combinational.
//!
//! Below the kernel level because a kernel has no replication: as a chain of eight ORs it would cost the simulator eight 64-bit
//! operations for what is wiring.

use rust_hdl_core::prelude::*;

/// Spreads bits over bytes; see the [module](self).
#[derive(LogicBlock, Default)]
pub struct ByteMask {
    /// One bit for each byte.
    pub take: Signal<In, Bits<8>>,
    /// All ones in bytes whose bit is set.
    pub mask: Signal<Out, Bits<64>>,
}

impl Logic for ByteMask {
    fn update(&mut self) {
        let take = self.take.val().to_u64();
        let mask: u64 = (0..8)
            .filter(|i| take >> i & 1 == 1)
            .map(|i| 0xff << (8 * i))
            .sum();
        self.mask.next = mask.into();
    }

    fn connect(&mut self) {
        self.mask.connect();
    }

    fn hdl(&self) -> Verilog {
        let bytes: Vec<String> = (0..8)
            .rev()
            .map(|i| format!("{{8{{take[{i}]}}}}"))
            .collect();
        Verilog::Custom(format!("always @(*) mask = {{{}}};\n", bytes.join(", ")))
    }
}

/// Spreads bits for words over bits for bytes; see the [module](self).
#[derive(LogicBlock, Default)]
pub struct WordMask {
    /// One bit for each 16-bit word.
    pub words: Signal<In, Bits<4>>,
    /// One bit for each byte.
    pub bytes: Signal<Out, Bits<8>>,
}

impl Logic for WordMask {
    fn update(&mut self) {
        let words = self.words.val().to_u64();
        let bytes: u64 = (0..4)
            .filter(|i| words >> i & 1 == 1)
            .map(|i| 0b11 << (2 * i))
            .sum();
        self.bytes.next = bytes.into();
    }

    fn connect(&mut self) {
        self.bytes.connect();
    }

    fn hdl(&self) -> Verilog {
        let pairs: Vec<String> = (0..4)
            .rev()
            .map(|i| format!("{{2{{words[{i}]}}}}"))
            .collect();
        Verilog::Custom(format!("always @(*) bytes = {{{}}};\n", pairs.join(", ")))
    }
}
