//! Why a NIC behind a socket cannot be opened, and what to do about it.

use std::{io, path::PathBuf};

use longshore_device::DeviceError;
use longshore_vfio_user::ChannelError;

/// A NIC behind a socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nothing is there.
    #[error(
        "there is no vfio-user socket {}: start a server (longshore-sim serve --socket {})",
        path.display(), path.display()
    )]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
    /// Nobody listens.
    #[error("nobody listens on {}: its server has died; start it again", path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
    },
    /// The socket's permissions.
    #[error(
        "no permission for {}: connecting needs write permission on the socket and search permission on its folders",
        path.display()
    )]
    Permission {
        /// The socket.
        path: PathBuf,
    },
    /// Another client has the device.
    #[error("the device behind {} is in use by another client: stop that one first", path.display())]
    Busy {
        /// The socket.
        path: PathBuf,
    },
    /// The server speaks another protocol.
    #[error("the server speaks vfio-user {major}.{minor}, this driver 0.1: use matching versions")]
    Protocol {
        /// Its major version.
        major: u16,
        /// Its minor version.
        minor: u16,
    },
    /// The handshake was refused.
    #[error("the server refused the handshake: {source}")]
    Handshake {
        /// What it said.
        source: io::Error,
    },
    /// Another device is there.
    #[error(
        "no Longshore NIC behind the socket: PCI {vendor:04x}:{device:04x} instead of {:04x}:{:04x}",
        nic_abi::pci::VENDOR_ID,
        nic_abi::pci::DEVICE_ID
    )]
    OtherDevice {
        /// Its vendor id.
        vendor: u16,
        /// Its device id.
        device: u16,
    },
    /// Something that a Longshore NIC has is missing.
    #[error("the device lacks {what}: it is no Longshore NIC, or its server is broken")]
    Lacks {
        /// What is missing.
        what: &'static str,
    },
    /// An answer that is none.
    #[error("the server's answer to {what} makes no sense")]
    Nonsense {
        /// What was asked.
        what: &'static str,
    },
    /// The conversation broke off.
    #[error("talking to the server: {0}")]
    Channel(#[from] ChannelError),
    /// The device does not work.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

impl OpenError {
    /// What a failed connect means.
    pub(crate) fn connecting(path: PathBuf, error: ChannelError) -> Self {
        let kind = match &error {
            ChannelError::Io { source, .. } => source.kind(),
            _ => io::ErrorKind::Other,
        };
        match kind {
            io::ErrorKind::NotFound => Self::NoSocket { path },
            io::ErrorKind::ConnectionRefused => Self::Refused { path },
            io::ErrorKind::PermissionDenied => Self::Permission { path },
            _ => Self::Channel(error),
        }
    }
}
