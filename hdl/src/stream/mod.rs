//! AXI-Stream: the interface every frame travels on, and the buffers between stages.

pub mod async_fifo;
pub mod axis;
pub mod checker;
pub mod fifo;
pub mod frame_fifo;
pub mod frames;
pub mod mux;
pub mod packed;
pub mod skid;
pub mod slice;

use rust_hdl_core::prelude::Bits;

crate::catalogue! {
    /// A register slice of the 64-bit stream.
    axis_skid: skid::AxisSkid = skid::AxisSkid::default();
    /// A register slice of any value.
    slice_24: slice::Slice<Bits<24>> = slice::Slice::default();
    /// A register slice of half the throughput.
    relay_24: slice::Relay<Bits<24>> = slice::Relay::default();
    /// A frame FIFO of 32 beats and 4 frames: small, so that it overflows often.
    frame_fifo_small: frame_fifo::FrameFifo<Bits<12>, 5, 2> = frame_fifo::FrameFifo::default();
    /// A frame FIFO of 2 KiB and 64 frames, with its metadata in block RAM.
    frame_fifo_deep: frame_fifo::FrameFifo<Bits<40>, 8, 6> = frame_fifo::FrameFifo::default();
    /// A FIFO of 16 beats, in distributed RAM.
    axis_fifo_16: fifo::AxisFifo<4> = fifo::AxisFifo::default();
    /// A FIFO of 64 beats, in block RAM.
    axis_fifo_64: fifo::AxisFifo<6> = fifo::AxisFifo::default();
    /// A FIFO of 16 beats between two clocks.
    async_fifo_16: async_fifo::AsyncFifo<4, 5> = async_fifo::AsyncFifo::default();
    /// Three streams to one.
    frame_mux_3: mux::FrameMux<3> = mux::FrameMux::default();
}
