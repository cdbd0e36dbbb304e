//! One receive buffer, as a descriptor gave it.

use rust_hdl_core::prelude::*;

/// A receive buffer: a part of a frame lies in it.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Part {
    /// Bus address, a multiple of 64.
    pub addr: Bits<64>,
    /// Bytes, a multiple of 64.
    pub len: Bits<17>,
    /// Free-running index of its descriptor.
    pub index: Bits<16>,
}
