//! What passes between the queue pairs and the two datapaths: descriptors, completions, faults.
//!
//! Protocol class of every channel: *valid/ready*, as on the host boundary.

use rust_hdl_core::prelude::*;

/// Prefetched descriptors of one queue in ring order, driven by the descriptor fetch.
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "DescriptorSink"]
pub struct DescriptorSource {
    /// The descriptor.
    pub data: Signal<Out, Bits<128>>,
    /// Its free-running index.
    pub index: Signal<Out, Bits<16>>,
    /// Descriptor is there.
    pub valid: Signal<Out, Bit>,
    /// Descriptor is taken.
    pub ready: Signal<In, Bit>,
}

/// The other end of [`DescriptorSource`].
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "DescriptorSource"]
pub struct DescriptorSink {
    /// The descriptor.
    pub data: Signal<In, Bits<128>>,
    /// Its free-running index.
    pub index: Signal<In, Bits<16>>,
    /// Descriptor is there.
    pub valid: Signal<In, Bit>,
    /// Descriptor is taken.
    pub ready: Signal<Out, Bit>,
}

/// A completion on its way to the completion queue of queue pair `queue`; the phase bit is 0 and
/// set by the queue. To be offered only when the writes that it tells of have been taken.
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "CompletionSink"]
pub struct CompletionSource {
    /// The entry.
    pub data: Signal<Out, Bits<128>>,
    /// Queue pair.
    pub queue: Signal<Out, Bits<3>>,
    /// Completion is there.
    pub valid: Signal<Out, Bit>,
    /// Completion is taken.
    pub ready: Signal<In, Bit>,
}

/// The other end of [`CompletionSource`].
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "CompletionSource"]
pub struct CompletionSink {
    /// The entry.
    pub data: Signal<In, Bits<128>>,
    /// Queue pair.
    pub queue: Signal<In, Bits<3>>,
    /// Completion is there.
    pub valid: Signal<In, Bit>,
    /// Completion is taken.
    pub ready: Signal<Out, Bit>,
}

/// A reason to quarantine a queue pair. The source stops its own work on that queue with the fault.
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "FaultSink"]
pub struct FaultSource {
    /// Queue pair.
    pub queue: Signal<Out, Bits<3>>,
    /// `nic_abi::fault::QueueFault`.
    pub cause: Signal<Out, Bits<8>>,
    /// Descriptor at fault.
    pub index: Signal<Out, Bits<16>>,
    /// Fault is there.
    pub valid: Signal<Out, Bit>,
    /// Fault is taken.
    pub ready: Signal<In, Bit>,
}

/// The other end of [`FaultSource`].
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "FaultSource"]
pub struct FaultSink {
    /// Queue pair.
    pub queue: Signal<In, Bits<3>>,
    /// `nic_abi::fault::QueueFault`.
    pub cause: Signal<In, Bits<8>>,
    /// Descriptor at fault.
    pub index: Signal<In, Bits<16>>,
    /// Fault is there.
    pub valid: Signal<In, Bit>,
    /// Fault is taken.
    pub ready: Signal<Out, Bit>,
}
