//! Whole systems: program, sockets, TCP, driver, NIC and wire, in one of two times.
//!
//! - [`any_nic`]: the NIC as the RTL in Verilator or as the executable model
//! - [`host`]: a stack over such a NIC
//! - [`cost`]: what the host's work costs in virtual time
//! - [`pair`]: two hosts back to back in virtual time
//! - [`remote`]: a stack over a NIC behind a vfio-user socket
//! - [`runner`]: the NIC's clocks in real time, on a thread
//! - [`linux`]: a Linux kernel as the peer, behind a TAP in a namespace
//! - [`loopback`]: a plug that sends a NIC's frames back to it

pub mod any_nic;
pub mod cost;
pub mod host;
pub mod linux;
pub mod loopback;
pub mod pair;
pub mod remote;
pub mod runner;
