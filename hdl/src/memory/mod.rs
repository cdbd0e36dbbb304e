//! Memories: block RAM and small FIFOs.

pub mod bram;

use rust_hdl_core::prelude::Bits;

crate::catalogue! {
    /// A block RAM with a registered output, as tables use it.
    bram_72x9: bram::Bram<Bits<72>, 9> = bram::Bram::new(bram::Output::Registered);
    /// A block RAM whose data come one cycle after the address, with initial contents.
    bram_16x4_init: bram::Bram<Bits<16>, 4> = bram::Bram::with_contents(bram::Output::Direct, &(0..16u64).map(|i| Bits::from(i * 0x1111)).collect::<Vec<_>>());
}
