//! The transport to a Longshore NIC in another process, by vfio-user.
//!
//! [`VfioUser`] is a [`Device`](longshore_device::Device): registers and configuration space go over the socket, DMA memory is shared
//! with the server by file descriptor, interrupts are eventfds that the server signals. A read of a register is a round
//! trip between processes (some 10 µs); a write is sent and not waited for.
//!
//! Nothing here waits without end: a server that does not answer in time is given up, and everything afterwards says
//! [`DeviceError::Gone`](longshore_device::DeviceError::Gone) at once.
#![forbid(unsafe_code)]

mod device;
mod error;
mod open;
mod session;

pub use device::VfioUser;
pub use error::OpenError;
pub use open::Options;
