//! Why a connection ended against the program's will.

use std::io;

use tcp_core::ConnectionError;

/// A terminal error. Reported once; afterwards reads give end of file and writes EPIPE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Tcp(ConnectionError),
    HostUnreachable,
    NetworkUnreachable,
    /// The local program aborted it, or its listener went away.
    Aborted,
    /// `connect_timeout` gave up.
    ConnectTimedOut,
    /// The stack was shut down or the NIC is gone.
    DeviceGone,
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        use io::ErrorKind as Kind;
        let (kind, text) = match failure {
            Failure::Tcp(error) => {
                let kind = match error {
                    ConnectionError::Refused => Kind::ConnectionRefused,
                    ConnectionError::Reset => Kind::ConnectionReset,
                    ConnectionError::TimedOut => Kind::TimedOut,
                };
                return Self::new(kind, error);
            }
            Failure::HostUnreachable => (
                Kind::HostUnreachable,
                "host unreachable: nobody answers for its address on the link",
            ),
            Failure::NetworkUnreachable => (
                Kind::NetworkUnreachable,
                "network unreachable: there is no route to it; add one to the stack's configuration",
            ),
            Failure::Aborted => (Kind::ConnectionAborted, "the connection was aborted"),
            Failure::ConnectTimedOut => (
                Kind::TimedOut,
                "the peer did not answer within the time given to connect",
            ),
            // ENODEV has no kind of its own; 19 on Linux.
            Failure::DeviceGone => return Self::from_raw_os_error(19),
        };
        Self::new(kind, text)
    }
}
