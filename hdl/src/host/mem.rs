//! The host boundary of the core: memory transactions, register accesses, interrupts.
//!
//! Protocol class of every channel: *valid/ready*; `valid` does not wait for `ready`, and everything
//! is stable while `valid & !ready`. The channels and their rules are specified in docs/GATEWARE.md.

use rust_hdl_core::prelude::*;

/// Read request, driven by the core: `len` bytes (1..=4,096) at `addr`, never across 4 KiB.
///
/// `tag` names the engine and comes back with the data.
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "MemReadReqSink"]
pub struct MemReadReqSource {
    /// Bus address, any alignment.
    pub addr: Signal<Out, Bits<64>>,
    /// Bytes, 1..=4,096.
    pub len: Signal<Out, Bits<13>>,
    /// Engine.
    pub tag: Signal<Out, Bits<4>>,
    /// Request is there.
    pub valid: Signal<Out, Bit>,
    /// Request is taken.
    pub ready: Signal<In, Bit>,
}

/// The other end of [`MemReadReqSource`].
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "MemReadReqSource"]
pub struct MemReadReqSink {
    /// Bus address, any alignment.
    pub addr: Signal<In, Bits<64>>,
    /// Bytes, 1..=4,096.
    pub len: Signal<In, Bits<13>>,
    /// Engine.
    pub tag: Signal<In, Bits<4>>,
    /// Request is there.
    pub valid: Signal<In, Bit>,
    /// Request is taken.
    pub ready: Signal<Out, Bit>,
}

/// A read request as a value: what registers hold.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct MemRead {
    /// Bus address, any alignment.
    pub addr: Bits<64>,
    /// Bytes, 1..=4,096.
    pub len: Bits<13>,
    /// Engine.
    pub tag: Bits<4>,
}

/// Read response, driven by the host adapter, in the order of the requests.
///
/// Data lie in their address lanes: lane `i` holds the byte whose address is `i` modulo 8. A
/// response has exactly `ceil((addr % 8 + len) / 8)` beats, in error too.
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "MemReadRspSink"]
pub struct MemReadRspSource {
    /// Data in address lanes.
    pub data: Signal<Out, Bits<64>>,
    /// Tag of the request.
    pub tag: Signal<Out, Bits<4>>,
    /// Last beat of this request.
    pub last: Signal<Out, Bit>,
    /// The read failed; set at the latest on the last beat. Data of the request are void.
    pub err: Signal<Out, Bit>,
    /// Beat is there.
    pub valid: Signal<Out, Bit>,
    /// Beat is taken.
    pub ready: Signal<In, Bit>,
}

/// The other end of [`MemReadRspSource`].
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "MemReadRspSource"]
pub struct MemReadRspSink {
    /// Data in address lanes.
    pub data: Signal<In, Bits<64>>,
    /// Tag of the request.
    pub tag: Signal<In, Bits<4>>,
    /// Last beat of this request.
    pub last: Signal<In, Bit>,
    /// The read failed.
    pub err: Signal<In, Bit>,
    /// Beat is there.
    pub valid: Signal<In, Bit>,
    /// Beat is taken.
    pub ready: Signal<Out, Bit>,
}

/// Posted write, driven by the core: `len` bytes (1..=4,096) at `addr` (8 B aligned), never across 4 KiB.
///
/// `addr` and `len` are valid and constant on every beat of the write. A write is ordered when its
/// last beat is taken: nothing taken later on any channel becomes visible before it.
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "MemWriteSink"]
pub struct MemWriteSource {
    /// Bus address, 8 B aligned.
    pub addr: Signal<Out, Bits<64>>,
    /// Bytes, 1..=4,096.
    pub len: Signal<Out, Bits<13>>,
    /// Data; bytes beyond `len` in the last beat are ignored.
    pub data: Signal<Out, Bits<64>>,
    /// Last beat: beat number `ceil(len / 8)`.
    pub last: Signal<Out, Bit>,
    /// Beat is there.
    pub valid: Signal<Out, Bit>,
    /// Beat is taken.
    pub ready: Signal<In, Bit>,
}

/// The other end of [`MemWriteSource`].
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "MemWriteSource"]
pub struct MemWriteSink {
    /// Bus address, 8 B aligned.
    pub addr: Signal<In, Bits<64>>,
    /// Bytes, 1..=4,096.
    pub len: Signal<In, Bits<13>>,
    /// Data.
    pub data: Signal<In, Bits<64>>,
    /// Last beat.
    pub last: Signal<In, Bit>,
    /// Beat is there.
    pub valid: Signal<In, Bit>,
    /// Beat is taken.
    pub ready: Signal<Out, Bit>,
}

/// A beat of a write as a value: what registers hold.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct MemWriteBeat {
    /// Bus address of the write, 8 B aligned.
    pub addr: Bits<64>,
    /// Bytes of the write, 1..=4,096.
    pub len: Bits<13>,
    /// Data.
    pub data: Bits<64>,
    /// Last beat.
    pub last: Bit,
}

/// Register access, driven by the host adapter; one at a time.
///
/// A request is taken with `valid & ready`; every taken request, write or read, is answered by one
/// cycle of `done` (at the earliest in the next cycle), with `rdata` for a read.
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "RegTarget"]
pub struct RegInitiator {
    /// Byte offset in BAR0, a multiple of 4.
    pub addr: Signal<Out, Bits<16>>,
    /// Data of a write.
    pub wdata: Signal<Out, Bits<32>>,
    /// Write, else read.
    pub write: Signal<Out, Bit>,
    /// Request is there.
    pub valid: Signal<Out, Bit>,
    /// Request is taken.
    pub ready: Signal<In, Bit>,
    /// Answer is there.
    pub done: Signal<In, Bit>,
    /// Data of a read, valid with `done`.
    pub rdata: Signal<In, Bits<32>>,
}

/// The other end of [`RegInitiator`].
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "RegInitiator"]
pub struct RegTarget {
    /// Byte offset in BAR0, a multiple of 4.
    pub addr: Signal<In, Bits<16>>,
    /// Data of a write.
    pub wdata: Signal<In, Bits<32>>,
    /// Write, else read.
    pub write: Signal<In, Bit>,
    /// Request is there.
    pub valid: Signal<In, Bit>,
    /// Request is taken.
    pub ready: Signal<Out, Bit>,
    /// Answer is there.
    pub done: Signal<Out, Bit>,
    /// Data of a read, valid with `done`.
    pub rdata: Signal<Out, Bits<32>>,
}

/// Interrupt request, driven by the core; ordered behind all writes taken before it.
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "IrqSink"]
pub struct IrqSource {
    /// MSI-X vector.
    pub vector: Signal<Out, Bits<4>>,
    /// Request is there.
    pub valid: Signal<Out, Bit>,
    /// Request is taken.
    pub ready: Signal<In, Bit>,
}

/// The other end of [`IrqSource`].
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "IrqSource"]
pub struct IrqSink {
    /// MSI-X vector.
    pub vector: Signal<In, Bits<4>>,
    /// Request is there.
    pub valid: Signal<In, Bit>,
    /// Request is taken.
    pub ready: Signal<Out, Bit>,
}
