//! Register accesses as `queue::csr` passes them on, decoded.

use super::register_map::Target;
use rust_hdl_core::prelude::*;

/// A decoded access, driven by `queue::csr`.
///
/// `target` and `number` stand from the access's decode to the next one; a listener answers a read of its target by
/// driving its word of `live` from them combinationally. `write` is high for one cycle.
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "AccessSink"]
pub struct AccessSource {
    /// Register.
    pub target: Signal<Out, Target>,
    /// Queue pair or multicast entry.
    pub number: Signal<Out, Bits<3>>,
    /// Data of a write, bits that are not writable cleared.
    pub data: Signal<Out, Bits<32>>,
    /// The register is written in this cycle.
    pub write: Signal<Out, Bit>,
}

/// The other end of [`AccessSource`].
#[derive(LogicInterface, Default, Clone, Debug)]
#[join = "AccessSource"]
pub struct AccessSink {
    /// Register.
    pub target: Signal<In, Target>,
    /// Queue pair or multicast entry.
    pub number: Signal<In, Bits<3>>,
    /// Data of a write, bits that are not writable cleared.
    pub data: Signal<In, Bits<32>>,
    /// The register is written in this cycle.
    pub write: Signal<In, Bit>,
}
