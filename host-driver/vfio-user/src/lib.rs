//! The vfio-user protocol: messages and the socket they travel on, for clients and servers.
//!
//! A vfio-user device is a process; whoever uses the device connects to its UNIX socket and sends what it would ask the
//! kernel's VFIO otherwise. The source is QEMU's `docs/interop/vfio-user.rst` (protocol 0.1), which takes its
//! structures from `<linux/vfio.h>`; section names in this crate are that document's.
//!
//! - [`Header`], [`Command`]: what every message begins with
//! - [`Request`]: what a client asks, parsed from a message's body
//! - [`body`]: the fixed structures
//! - [`Version`]: the handshake
//! - [`Channel`]: whole messages, with file descriptors, over a socket, never blocking without a deadline
//!
//! Nothing here trusts the other side: whatever arrives is parsed to a value or to an error.
#![forbid(unsafe_code)]

pub mod body;
mod channel;
mod error;
mod header;
pub mod pci;
mod request;
mod version;

pub use channel::{Channel, MAX_FDS, Message};
pub use error::ChannelError;
pub use header::{Command, Header, Kind};
pub use request::{IrqAction, IrqData, Request, SetIrqs};
pub use rustix::io::Errno;
pub use version::{Capabilities, MAX_DATA, PROTOCOL, Version};
