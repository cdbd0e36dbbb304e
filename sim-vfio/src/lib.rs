//! Simulated Longshore NICs as vfio-user devices: for QEMU's `vfio-user-pci`, the driver's own client, or any other.
//!
//! A [`Server`] is one device on one socket and one thread. The thread answers the client and runs the NIC's clocks in
//! turns; while neither has anything to do it sleeps in `poll`. What is not in the gateware of a PCIe endpoint is done
//! here in software: the configuration space, and the hand-over from interrupt messages to eventfds.
//!
//! - [`ServedNic`]: a NIC that can be served
//! - [`ringing_pair`]: a wire between two servers that wakes the one at its other end
//!
//! The client is not trusted: whatever it sends is answered or ends its connection, and memory that it takes away ends an
//! access as an unmapped address does on a bus. When it is gone, by whatever death, the NIC is cut off from its memory at
//! once and reset, and the next client finds it as after power-on, but for EPOCH.
#![forbid(unsafe_code)]

mod bar;
mod bell;
mod config_space;
mod counts;
mod device;
mod link;
mod memory;
mod nic;
mod ranges;
mod server;
mod turns;
mod vectors;

pub use bell::{Bell, Ringing, ringing_pair};
pub use counts::Counts;
pub use nic::ServedNic;
pub use server::{ServeError, Server};
