//! AXI-Stream: the interface every frame travels on, and the buffers between stages.

pub mod axis;
pub mod checker;
pub mod frames;
pub mod skid;

crate::catalogue! {
    /// A register slice of the 64-bit stream.
    axis_skid: skid::AxisSkid = skid::AxisSkid::default();
}
