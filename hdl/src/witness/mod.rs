//! Modules that are wrong on purpose: the nets' own tests.
//!
//! A net that has never caught anything may catch nothing. Each module here has one deliberate fault that one net must report; the
//! tests are in `sim-verilator/tests/nets.rs`. They are Verilated with the others but are not part of the
//! [catalogue](crate::catalog), so no tool that builds hardware sees them.
//!
//! A fault in a real module is a [`Constant`](rust_hdl_core::prelude::Constant) field that only a constructor for tests sets: in the
//! Verilog it is a `localparam` of 0 and costs no gate. [`AxisSkid::with_fault`](crate::stream::skid::AxisSkid::with_fault)
//! shows how.

pub mod carry;

crate::catalogue! {
    /// Two descriptions that differ: lock step must report it.
    witness_carry: carry::Carry = carry::Carry::default();
    /// One description that is wrong: both simulators agree, and the comparison of frames must report it.
    witness_skid: crate::stream::skid::AxisSkid = crate::stream::skid::AxisSkid::with_fault();
    /// The whole NIC with one wrong constant: the comparison with the model must report it.
    nic_witness: crate::nic::Nic<2> = crate::nic::Nic::with_fault(&crate::queue::register_map::Identity::default(), crate::nic::SIMULATED_READ_TIMEOUT);
}
