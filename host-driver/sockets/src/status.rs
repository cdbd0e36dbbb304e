//! What poll(2) and ioctl(2) ask of a stream.

use tcp_core::State;

use crate::output::is_connecting;
use crate::pcb::Live;
use crate::stream::TcpStream;

/// How a stream stands, all at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The connection's state.
    pub state: State,
    /// The connection is over, in TIME-WAIT or beyond: nothing comes and nothing goes any more.
    pub over: bool,
    /// It failed, and nobody was told yet why.
    pub failed: bool,
    /// Bytes that can be read before the urgent byte, if there is one ahead, or at all (FIONREAD).
    pub available: u64,
    /// Stream bytes that came in order so far, read or not.
    pub received: u64,
    /// An urgent byte has come that was not received yet ([`TcpStream::recv_oob`]).
    pub urgent: bool,
    /// Reading has come to the urgent byte (SIOCATMARK).
    pub at_mark: bool,
    /// Nothing more comes behind what can be read: the peer has ended its side, or reading was shut down.
    pub read_closed: bool,
    /// Writing was shut down.
    pub write_closed: bool,
    /// There is room to write that is worth being woken for, as Linux reckons: a third of the send buffer, and no more unsent
    /// than half of the low-water mark. Less may be written too.
    pub has_room: bool,
    /// Bytes written and not acknowledged (SIOCOUTQ).
    pub unacknowledged: u64,
    /// Of these, never sent yet (SIOCOUTQNSD).
    pub unsent: u64,
    /// Everything that was written, and the end of it if writing was shut down, is acknowledged.
    pub flushed: bool,
}

impl Status {
    pub(crate) fn of(live: &Live) -> Self {
        let connection = &live.connection;
        Self {
            state: connection.state(),
            over: live.dropped || connection.state() == State::Closed,
            failed: live.failure.is_some(),
            available: live.urgent.readable(connection),
            urgent: live.urgent.has_come(connection),
            at_mark: connection.urgent_offset() == Some(connection.consumed_offset() + 1),
            received: connection.readable_offset(),
            read_closed: connection.is_peer_closed() || live.read_shut || live.dropped,
            write_closed: connection.is_write_closed() || live.dropped,
            has_room: !live.dropped
                && connection.can_write()
                && !is_connecting(connection)
                && live.is_roomy(),
            unacknowledged: live.held(),
            unsent: connection.unsent(),
            flushed: live.dropped || connection.is_flushed(),
        }
    }
}

impl TcpStream {
    /// How the stream stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.file().with(|live| Status::of(live))
    }
}
