//! Memories: block RAM and small FIFOs.

pub mod bram;
pub mod dual_clock_bram;
pub mod sync_fifo;

use rust_hdl_core::prelude::Bits;

crate::catalogue! {
    /// A block RAM with a registered output, as tables use it.
    bram_72x9: bram::Bram<Bits<72>, 9> = bram::Bram::new(bram::Output::Registered);
    /// A block RAM whose data come one cycle after the address, with initial contents.
    bram_16x4_init: bram::Bram<Bits<16>, 4> = bram::Bram::with_contents(bram::Output::Direct, &(0..16u64).map(|i| Bits::from(i * 0x1111)).collect::<Vec<_>>());
    /// A FIFO in distributed RAM, as metadata use it.
    sync_fifo_24x4: sync_fifo::SyncFifo<Bits<24>, 4> = sync_fifo::SyncFifo::default();
    /// A FIFO in block RAM.
    sync_fifo_72x6: sync_fifo::SyncFifo<Bits<72>, 6> = sync_fifo::SyncFifo::default();
    /// The memory of the stream FIFOs.
    dual_clock_bram_64x5: dual_clock_bram::DualClockBram<Bits<64>, 5> = dual_clock_bram::DualClockBram::default();
}
