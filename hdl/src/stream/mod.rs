//! AXI-Stream: the interface every frame travels on, and the buffers between stages.

pub mod axis;
pub mod checker;
pub mod frame_fifo;
pub mod frames;
pub mod skid;

use rust_hdl_core::prelude::Bits;

crate::catalogue! {
    /// A register slice of the 64-bit stream.
    axis_skid: skid::AxisSkid = skid::AxisSkid::default();
    /// A frame FIFO of 32 beats and 4 frames: small, so that it overflows often.
    frame_fifo_small: frame_fifo::FrameFifo<Bits<12>, 5, 2> = frame_fifo::FrameFifo::default();
    /// A frame FIFO of 2 KiB and 64 frames, with its metadata in block RAM.
    frame_fifo_deep: frame_fifo::FrameFifo<Bits<40>, 8, 6> = frame_fifo::FrameFifo::default();
}
