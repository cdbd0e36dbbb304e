//! End-to-end tests and benches of Longshore.
//!
//! - [`rig`]: one NIC on the bench, driven by nic-abi alone
//! - [`world`]: whole systems in real or virtual time
//! - [`job`]: the main job over them
//! - [`options`]: the simulator's knobs
//! - [`serve`]: NICs as vfio-user devices for other programs
#![forbid(unsafe_code)]

pub mod job;
pub mod options;
pub mod rig;
pub mod serve;
pub mod world;
