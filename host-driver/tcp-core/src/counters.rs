//! Counters of a connection.

/// What a connection has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Wire segments received (coalesced ones counted singly).
    pub segs_in: u64,
    /// Wire segments sent, retransmissions included.
    pub segs_out: u64,
    /// Payload bytes taken into the receive buffer.
    pub bytes_in: u64,
    /// Payload bytes sent, retransmissions included.
    pub bytes_out: u64,
    /// Wire segments sent again.
    pub retransmitted: u64,
    /// Fast retransmits: recoveries entered without a time-out.
    pub fast_retransmits: u64,
    /// Expiries of the retransmission timer.
    pub timeouts: u64,
    /// Duplicate ACKs received.
    pub duplicate_acks: u64,
    /// Window probes sent.
    pub probes: u64,
    /// Segments with data beyond RCV.NXT.
    pub out_of_order: u64,
    /// Segments that the window or PAWS turned away.
    pub unacceptable: u64,
    /// Tail loss probes sent (RFC 8985 §7).
    pub tail_probes: u64,
    /// Reductions of the window that proved wrong and were taken back (RFC 5682, RFC 3522).
    pub undone: u64,
    /// D-SACKs received (RFC 2883).
    pub dsacks: u64,
    /// Segments received with a congestion mark (RFC 3168).
    pub marked: u64,
    /// Reductions of the window because of echoed marks.
    pub echoes: u64,
    /// Challenge ACKs sent (RFC 5961).
    pub challenge_acks: u64,
}
