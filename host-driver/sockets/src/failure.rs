//! Why a connection ended against the program's will.

use std::io;

use tcp_core::ConnectionError;

/// A terminal error. Reported once; afterwards reads give end of file and writes EPIPE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Tcp(ConnectionError),
    /// The peer had ended its side, and then reset the connection.
    ResetAfterEnd,
    HostUnreachable,
    NetworkUnreachable,
    /// Nobody has the peer's port: told by ICMP.
    PortUnreachable,
    /// The peer does not speak the protocol.
    ProtocolUnreachable,
    /// Somebody on the way did not understand a header.
    ParameterProblem,
    /// A datagram is longer than what the path takes in one packet.
    MessageTooLong,
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
            Failure::ResetAfterEnd => (
                Kind::BrokenPipe,
                "the peer has ended the connection, and takes nothing any more",
            ),
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
            Failure::PortUnreachable => (
                Kind::ConnectionRefused,
                "connection refused: nobody has that port of the peer",
            ),
            // These have no kinds of their own; the numbers are Linux's: EMSGSIZE, ENOPROTOOPT, EPROTO.
            Failure::MessageTooLong => return Self::from_raw_os_error(90),
            Failure::ProtocolUnreachable => return Self::from_raw_os_error(92),
            Failure::ParameterProblem => return Self::from_raw_os_error(71),
            // ENODEV has no kind of its own; 19 on Linux.
            Failure::DeviceGone => return Self::from_raw_os_error(19),
        };
        Self::new(kind, text)
    }
}
