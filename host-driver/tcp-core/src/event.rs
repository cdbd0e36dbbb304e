//! What a connection reports.

use bitflags::bitflags;
use thiserror::Error;

bitflags! {
    /// What a call changed. Levels can be read from the connection at any time; these are edges, to
    /// wake those who wait.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Events: u16 {
        /// The handshake is over.
        const ESTABLISHED = 0x01;
        /// More bytes can be read.
        const READABLE = 0x02;
        /// [`Connection::acked_offset`](crate::Connection::acked_offset) moved: send buffer is free again; or our FIN is
        /// acknowledged, and nothing is left of what was written.
        const WRITABLE = 0x04;
        /// The peer's FIN came: after the readable bytes comes end of file.
        const FIN_RECEIVED = 0x08;
        /// The connection failed: [`Connection::take_error`](crate::Connection::take_error) says how.
        const ERROR = 0x10;
        /// TIME-WAIT began: [`Connection::time_wait`](crate::Connection::time_wait) gives the small
        /// record for it.
        const TIME_WAIT = 0x20;
        /// The state is CLOSED: no segment and no timer follows (but one last
        /// [`Connection::poll_transmit`](crate::Connection::poll_transmit)).
        const CLOSED = 0x40;
        /// The peer has told of urgent data: [`Connection::urgent_offset`](crate::Connection::urgent_offset) says how far.
        const URGENT = 0x80;
        /// R1 is reached: the peer has acknowledged none of the retransmissions so far. The connection goes on until R2.
        const DELIVERY_PROBLEM = 0x100;
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6
//# If the local TCP connection is closed by the remote side due to a FIN or RST received from the remote side, then
//# the local application MUST be informed whether it closed normally or was aborted (MUST-12).
/// Why a connection ended against the program's will. Reported once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ConnectionError {
    /// A RST answered our SYN (ECONNREFUSED).
    #[error(
        "connection refused: the peer answered the SYN with a reset; is anyone listening there?"
    )]
    Refused,
    /// A RST arrived (ECONNRESET).
    #[error("connection reset by the peer")]
    Reset,
    /// Retransmissions or probes went unanswered (ETIMEDOUT).
    #[error("connection timed out: the peer did not acknowledge any retransmission")]
    TimedOut,
}

/// Nothing can be written: the write side is shut down or the connection over (EPIPE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the connection's write side is closed")]
pub struct WriteClosed;
