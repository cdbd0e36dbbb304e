//! End-to-end tests and benches of Longshore.
//!
//! - [`rig`]: one NIC on the bench, driven by nic-abi alone
#![deny(unsafe_code)]

pub mod rig;
