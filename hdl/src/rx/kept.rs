//! The number of bytes in a beat.
//!
//! Contract: `bytes` is the number of low bits of `tkeep` that are set without a gap, 0 to 8. Combinational.

use rust_hdl_core::prelude::*;

/// Bytes of a beat from its `tkeep`; see the [module](self) for the contract.
#[derive(LogicBlock, Default)]
pub struct Kept {
    /// Which bytes exist, contiguous from bit 0.
    pub tkeep: Signal<In, Bits<8>>,
    /// How many.
    pub bytes: Signal<Out, Bits<4>>,
}

impl Logic for Kept {
    #[hdl_gen]
    fn update(&mut self) {
        self.bytes.next = 0.into();
        match self.tkeep.val().index() {
            1 => {
                self.bytes.next = 1.into();
            }
            3 => {
                self.bytes.next = 2.into();
            }
            7 => {
                self.bytes.next = 3.into();
            }
            15 => {
                self.bytes.next = 4.into();
            }
            31 => {
                self.bytes.next = 5.into();
            }
            63 => {
                self.bytes.next = 6.into();
            }
            127 => {
                self.bytes.next = 7.into();
            }
            255 => {
                self.bytes.next = 8.into();
            }
            _ => {}
        }
    }
}
