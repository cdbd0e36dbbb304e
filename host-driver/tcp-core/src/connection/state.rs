//! The states of RFC 9293 §3.3.2, less LISTEN, which is not a connection's.

/// State of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Our SYN is out.
    SynSent,
    /// Both SYNs are out, ours is not acknowledged.
    SynReceived,
    /// Data flows.
    Established,
    /// We closed; our FIN is not acknowledged.
    FinWait1,
    /// Our FIN is acknowledged; the peer has not closed.
    FinWait2,
    /// The peer closed; we have not.
    CloseWait,
    /// Both closed at once; our FIN is not acknowledged.
    Closing,
    /// The peer closed, then we; our FIN is not acknowledged.
    LastAck,
    /// Both FINs are acknowledged; 2MSL runs.
    TimeWait,
    /// Over.
    Closed,
}

impl State {
    /// Whether the program may still write.
    #[must_use]
    pub const fn can_write(self) -> bool {
        matches!(
            self,
            Self::SynSent | Self::SynReceived | Self::Established | Self::CloseWait
        )
    }

    /// Whether both SYNs are acknowledged, and the connection is not over.
    pub(super) const fn is_synchronized(self) -> bool {
        !matches!(
            self,
            Self::SynSent | Self::SynReceived | Self::TimeWait | Self::Closed
        )
    }

    /// Whether the peer may still send data.
    pub(super) const fn can_receive(self) -> bool {
        matches!(self, Self::Established | Self::FinWait1 | Self::FinWait2)
    }
}
