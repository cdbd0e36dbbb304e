//! What a connection is told at its start.

use core::time::Duration;

use crate::congestion::Algorithm;

/// Explicit congestion notification (RFC 3168), like Linux's `tcp_ecn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ecn {
    /// Neither asked for nor agreed to.
    Off,
    /// Agreed to if the peer asks.
    #[default]
    Accept,
    /// Asked for.
    Request,
}

/// Keep-alive (RFC 9293 §3.8.4): probes on an idle connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
    //# This interval MUST be configurable (MUST-27)
    /// Silence before the first probe (TCP_KEEPIDLE).
    pub idle: Duration,
    /// Between probes (TCP_KEEPINTVL).
    pub interval: Duration,
    /// Unanswered probes before the connection fails (TCP_KEEPCNT).
    pub probes: u8,
}

impl Default for KeepAlive {
    /// Two hours (RFC 9293 §3.8.4, MUST-28), then nine probes, 75 s apart: Linux's.
    fn default() -> Self {
        Self {
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
            //# MUST default to no less than two hours (MUST-28).
            idle: Duration::from_secs(7200),
            interval: Duration::from_secs(75),
            probes: 9,
        }
    }
}

/// Settings of a connection. Copied into it; a change afterwards has no effect on it.
///
/// Where an RFC leaves a choice, the defaults are Linux's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Largest payload of a segment on this path without options, both ways: the MTU less the IP
    /// and TCP headers. Announced in the MSS option.
    pub mss: u16,
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
    //# If an MSS Option is not received at connection setup, TCP implementations MUST assume a default send MSS of
    //# 536 (576 - 40) for IPv4 or 1220 (1280 - 60) for IPv6 (MUST-15).
    /// What a peer takes that sends no MSS option (RFC 9293 §3.7.1, MUST-15: 536 or 1220).
    pub default_peer_mss: u16,
    /// Size of the receive buffer in bytes; the window that is offered never exceeds it. From 1 to
    /// 2³⁰ ([`Config::MAX_RECEIVE_BUFFER`]); more is cut to that.
    pub receive_buffer: u32,
    /// What the receive buffer may grow to later ([`Connection::set_receive_buffer`](crate::Connection::set_receive_buffer)):
    /// the window scale is chosen for it. Less than `receive_buffer`: for that.
    pub receive_buffer_max: u32,
    /// Largest payload of a [`Transmit`](crate::Transmit) in bytes. 0 or less than a segment: one
    /// segment each, for a path without TSO.
    pub max_transmit: u32,
    /// Offer and accept window scaling (RFC 7323 §2).
    pub window_scaling: bool,
    /// Offer and accept timestamps (RFC 7323 §3).
    pub timestamps: bool,
    /// Offer and accept SACK (RFC 2018).
    pub sack: bool,
    /// Hold small segments back while one is in flight (RFC 9293 §3.7.4); off is TCP_NODELAY.
    pub nagle: bool,
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.3
    //# an ACK should not be excessively delayed; in particular, the delay MUST be less than 0.5 seconds (MUST-40).
    /// How long an ACK waits for company. RFC 9293 §3.8.6.3, MUST-40: less than 0.5 s.
    pub delayed_ack: Duration,
    /// How many segments are acknowledged at once before ACKs are delayed.
    pub quick_acks: u8,
    /// Initial congestion window in segments (RFC 6928: 10).
    pub initial_window: u8,
    /// RTO before the first measurement (RFC 6298 §2.1).
    pub initial_rto: Duration,
    /// Least variance term in the RTO: RTO = SRTT + max(`min_rto`, 4·RTTVAR), as Linux does.
    pub min_rto: Duration,
    /// Largest RTO, backed off or not (RFC 6298 §2.5: at least 60 s).
    pub max_rto: Duration,
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
    //# In particular, R2 for a SYN segment MUST be set large enough to provide retransmission of the segment for at
    //# least 3 minutes (MUST-23).
    /// Retransmissions of a SYN before connect fails.
    pub syn_retries: u8,
    /// Retransmissions of a SYN-ACK before a half-open entry is given up.
    pub syn_ack_retries: u8,
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
    //# The value of R2 SHOULD correspond to at least 100 seconds (SHLD-11).
    /// Retransmissions or unanswered probes before an established connection fails (R2).
    pub retries: u8,
    /// Length of TIME-WAIT (2MSL).
    pub time_wait: Duration,
    /// How long a closed connection waits in FIN-WAIT-2 for the peer's FIN.
    pub fin_wait_2: Duration,
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
    //# they MUST default to off (MUST-25).
    /// Keep-alive; off by default (RFC 9293 §3.8.4, MUST-25).
    pub keep_alive: Option<KeepAlive>,
    /// How long data may stay unacknowledged, or a window closed, before an established connection fails; `None`: as long as
    /// `retries` say (RFC 9293 §3.8.3, MUST-21).
    pub user_timeout: Option<Duration>,
    /// When full segments time out again and again, try smaller ones (RFC 4821 §7.7).
    pub black_hole_detection: bool,
    /// Congestion control.
    pub congestion: Algorithm,
    /// Explicit congestion notification. DCTCP asks for it in any case.
    pub ecn: Ecn,
    /// After an idle time longer than the RTO, begin with the initial window again (RFC 5681 §4.1), like Linux's
    /// `tcp_slow_start_after_idle`.
    pub restart_after_idle: bool,
    /// Super-segments as Linux makes them: of what leaves in a millisecond at the pacing rate, more on a short path, and at
    /// least so many segments (`tcp_min_tso_segs`); none larger than half of the congestion window (`tcp_cwnd_test`); all with
    /// PSH. 0: as large as can be, for each costs a descriptor.
    pub least_batch: u8,
    /// Spread what is sent over the round trip: segments leave no sooner than the window divided by the round-trip time
    /// allows. Off, as Linux without the fq scheduler.
    pub pacing: bool,
}

impl Config {
    /// Largest receive buffer: the largest window that RFC 7323 §2.3 can express.
    pub const MAX_RECEIVE_BUFFER: u32 = 1 << 30;

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
    //# where MMS_R is the maximum size for a transport-layer message that can be received (and reassembled at the
    //# IP layer) (MUST-67).
    /// Settings for IPv4 over a link of `mtu` bytes.
    #[must_use]
    pub fn ipv4(mtu: u16) -> Self {
        Self {
            mss: mtu.saturating_sub(40).max(1),
            ..Self::default()
        }
    }

    /// Settings for IPv6 over a link of `mtu` bytes.
    #[must_use]
    pub fn ipv6(mtu: u16) -> Self {
        Self {
            mss: mtu.saturating_sub(60).max(1),
            default_peer_mss: 1220,
            ..Self::default()
        }
    }

    /// Explicit congestion notification, as the congestion control wants it.
    pub(crate) fn effective_ecn(&self) -> Ecn {
        match self.congestion {
            Algorithm::Dctcp => Ecn::Request,
            _ => self.ecn,
        }
    }

    /// The receive buffer, within its bounds.
    pub(crate) fn bounded_receive_buffer(&self) -> u32 {
        self.receive_buffer.clamp(1, Self::MAX_RECEIVE_BUFFER)
    }

    /// The shift that we offer: the least with which the window field can tell the whole buffer.
    pub(crate) fn window_shift(&self) -> u8 {
        // RFC 7323 §2.3: "The maximum scale exponent is limited to 14".
        let most = self
            .receive_buffer_max
            .min(Self::MAX_RECEIVE_BUFFER)
            .max(self.bounded_receive_buffer());
        (0..14)
            .find(|shift| most >> shift <= u32::from(u16::MAX))
            .unwrap_or(14)
    }

    /// The window field of our SYN: never scaled (RFC 7323 §2.2), whole segments if it can be.
    pub(crate) fn initial_window_field(&self) -> u16 {
        let limit = u16::try_from(self.bounded_receive_buffer()).unwrap_or(u16::MAX);
        let mss = self.mss.max(1);
        if limit < mss {
            limit
        } else {
            limit - limit % mss
        }
    }
}

impl Default for Config {
    /// IPv4 over Ethernet.
    fn default() -> Self {
        Self {
            mss: 1460,
            default_peer_mss: 536,
            receive_buffer: 256 * 1024,
            receive_buffer_max: 0,
            max_transmit: 65_536,
            window_scaling: true,
            timestamps: true,
            sack: true,
            nagle: true,
            delayed_ack: Duration::from_millis(40),
            quick_acks: 16,
            initial_window: 10,
            initial_rto: Duration::from_secs(1),
            min_rto: Duration::from_millis(200),
            max_rto: Duration::from_secs(120),
            syn_retries: 6,
            syn_ack_retries: 5,
            retries: 15,
            time_wait: Duration::from_secs(60),
            fin_wait_2: Duration::from_secs(60),
            keep_alive: None,
            user_timeout: None,
            black_hole_detection: true,
            congestion: Algorithm::Cubic,
            ecn: Ecn::Accept,
            restart_after_idle: true,
            least_batch: 0,
            pacing: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
    //= type=test
    //# where MMS_R is the maximum size for a transport-layer message that can be received (and reassembled at the
    //# IP layer) (MUST-67).
    #[test]
    fn the_mss_is_what_is_left_of_the_mtu_after_the_fixed_headers() {
        assert_eq!(Config::ipv4(1500).mss, 1460);
        assert_eq!(Config::ipv6(1500).mss, 1440);
        assert_eq!(Config::ipv4(0).mss, 1);
    }
}
