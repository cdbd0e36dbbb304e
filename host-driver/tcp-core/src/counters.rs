//! Counters of a connection.

/// What a connection has done so far. The 32-bit ones wrap.
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
    /// Wire segments with data received, whatever became of it.
    pub data_segs_in: u32,
    /// Wire segments with data sent, retransmissions included.
    pub data_segs_out: u32,
    /// Wire segments sent again.
    pub retransmitted: u32,
    /// Fast retransmits: recoveries entered without a time-out.
    pub fast_retransmits: u32,
    /// Expiries of the retransmission timer.
    pub timeouts: u32,
    /// Duplicate ACKs received.
    pub duplicate_acks: u32,
    /// Window probes sent.
    pub probes: u32,
    /// Segments with data beyond RCV.NXT.
    pub out_of_order: u32,
    /// Segments that the window or PAWS turned away.
    pub unacceptable: u32,
    /// Tail loss probes sent (RFC 8985 §7).
    pub tail_probes: u32,
    /// Reductions of the window that proved wrong and were taken back (RFC 5682, RFC 3522).
    pub undone: u32,
    /// Of these, after a time-out (RFC 5682).
    pub spurious_timeouts: u32,
    /// Slow starts that the growth of the round trip ended (RFC 9406).
    pub hystart_exits: u32,
    /// D-SACKs received (RFC 2883).
    pub dsacks: u32,
    /// Segments received with a congestion mark (RFC 3168).
    pub marked: u32,
    /// Reductions of the window because of echoed marks.
    pub echoes: u32,
    /// Keep-alive probes sent.
    pub keep_alives: u32,
    /// Times that the path's MTU proved to be smaller.
    pub mtu_reductions: u32,
    /// Of these, found by time-outs and not by a message.
    pub black_holes: u32,
    /// Larger segments that were tried and got through: the MSS has grown (RFC 4821).
    pub mtu_probes_answered: u32,
    /// And that did not.
    pub mtu_probes_failed: u32,
    /// Challenge ACKs sent (RFC 5961).
    pub challenge_acks: u32,
}

/// Those of [`Counters`] that every segment counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) segs_in: u64,
    pub(crate) segs_out: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) data_segs_in: u32,
    pub(crate) data_segs_out: u32,
}

impl Counters {
    /// All of them: `self` has what every segment counts not in it.
    pub(crate) fn with(self, traffic: &Traffic) -> Self {
        Self {
            segs_in: traffic.segs_in,
            segs_out: traffic.segs_out,
            bytes_in: traffic.bytes_in,
            bytes_out: traffic.bytes_out,
            data_segs_in: traffic.data_segs_in,
            data_segs_out: traffic.data_segs_out,
            ..self
        }
    }

    /// Those that Linux counts too, under the names that `nstat` gives them. TcpInSegs is not here: it counts segments of no
    /// connection, too.
    #[must_use]
    pub fn nstat(&self) -> [(&'static str, u64); 16] {
        let wide = u64::from;
        [
            // RFC 4022, tcpOutSegs: without those that carry nothing but what was sent before.
            (
                "TcpOutSegs",
                self.segs_out.saturating_sub(self.retransmitted.into()),
            ),
            ("TcpRetransSegs", wide(self.retransmitted)),
            ("TcpExtTCPSackRecovery", wide(self.fast_retransmits)),
            ("TcpExtTCPTimeouts", wide(self.timeouts)),
            ("TcpExtTCPLossProbes", wide(self.tail_probes)),
            ("TcpExtTCPFullUndo", wide(self.undone)),
            ("TcpExtTCPSpuriousRTOs", wide(self.spurious_timeouts)),
            ("TcpExtTCPHystartDelayDetect", wide(self.hystart_exits)),
            ("TcpExtTCPDSACKRecv", wide(self.dsacks)),
            ("TcpExtTCPOFOQueue", wide(self.out_of_order)),
            ("TcpExtTCPWinProbe", wide(self.probes)),
            ("TcpExtTCPKeepAlive", wide(self.keep_alives)),
            ("TcpExtTCPChallengeACK", wide(self.challenge_acks)),
            ("TcpExtTCPMTUPSuccess", wide(self.mtu_probes_answered)),
            ("TcpExtTCPMTUPFail", wide(self.mtu_probes_failed)),
            ("IpExtInCEPkts", wide(self.marked)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_told_once() {
        let mut names = Counters::default().nstat().map(|(name, _)| name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
