//! The 64-bit AXI-Stream that carries Ethernet frames.
//!
//! Contract, for every stream of this type:
//! - A beat moves on the rising clock edge at which `tvalid` and `tready` are both high.
//! - `tdata[7:0]` is the first byte on the wire, `tdata[63:56]` the eighth.
//! - `tkeep` is contiguous from bit 0 and never zero; it is full on every beat but the one with `tlast`.
//! - `tvalid` does not wait for `tready`.
//! - Once `tvalid` is high it stays so, and `tdata`, `tkeep`, `tlast` do not change, until the beat moves. (Bytes of
//!   `tdata` whose `tkeep` is low must be stable too; their value means nothing.)
//! - One `tlast` per frame; so no empty frames. No preamble and no frame check sequence on the stream.
//! - After reset `tvalid` is low.
//!
//! [`checker::StreamChecker`](super::checker::StreamChecker) reports the first rule broken; tests attach it to every stream.
//!
//! There is no `tuser`: what belongs to a frame (verdicts, an abort, a time stamp) travels on named ports beside the
//! stream that say at which beat they hold.
//!
//! Inside a kernel assign interfaces field by field; `join` and `link` drop a net's declaration when anything else reads it.

use rust_hdl_core::prelude::*;

/// Bytes per beat.
pub const BYTES: usize = 8;

/// The stream as its producer holds it: data out, `tready` in.
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "AxisSink"]
pub struct AxisSource {
    /// Eight bytes, the first on the wire in bits 7:0.
    pub tdata: Signal<Out, Bits<64>>,
    /// Which bytes of the beat exist.
    pub tkeep: Signal<Out, Bits<8>>,
    /// The frame's last beat.
    pub tlast: Signal<Out, Bit>,
    /// A beat is offered.
    pub tvalid: Signal<Out, Bit>,
    /// The beat is taken.
    pub tready: Signal<In, Bit>,
}

/// The stream as its consumer holds it: data in, `tready` out.
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "AxisSource"]
pub struct AxisSink {
    /// Eight bytes, the first on the wire in bits 7:0.
    pub tdata: Signal<In, Bits<64>>,
    /// Which bytes of the beat exist.
    pub tkeep: Signal<In, Bits<8>>,
    /// The frame's last beat.
    pub tlast: Signal<In, Bit>,
    /// A beat is offered.
    pub tvalid: Signal<In, Bit>,
    /// The beat is taken.
    pub tready: Signal<Out, Bit>,
}

/// One beat as a value (73 bits): what buffers store.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Beat {
    /// Eight bytes, the first on the wire in bits 7:0.
    pub tdata: Bits<64>,
    /// Which bytes of the beat exist.
    pub tkeep: Bits<8>,
    /// The frame's last beat.
    pub tlast: Bit,
}
