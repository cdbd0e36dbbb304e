//! The path MTU: what routers tell (RFC 1191, RFC 8201), and what they do not (RFC 4821 §7.7, black holes).

use core::time::Duration;

use super::Connection;
use crate::congestion::CongestionControl as _;
use crate::seq::SeqNumber;

/// Least MSS that a message from the network is believed: Linux's net.ipv4.route.min_pmtu (552) less the headers.
const LEAST_MSS: u16 = 512;

/// Time-outs in a row of full segments after which they are taken to vanish in a black hole (Linux: tcp_retries1).
const BLACK_HOLE_RETRIES: u8 = 3;

/// The first MSS to try then (Linux: tcp_base_mss).
const BASE_MSS: u16 = 1024;

impl Connection {
    //= https://www.rfc-editor.org/rfc/rfc1191#section-3
    //# A host MUST not increase its estimate of the Path MTU in response to the contents of a Datagram Too Big
    //# message.
    //= https://www.rfc-editor.org/rfc/rfc1191#section-3
    //# When a host receives a Datagram Too Big message, it MUST reduce its estimate of the PMTU for the relevant
    //# path, based on the value of the Next-Hop MTU field in the message (see section 4).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.3
    //# As a result, when the effective MTU of an interface varies packet-to-packet, TCP implementations SHOULD use
    //# the smallest effective MTU of the interface to calculate the value to advertise in the MSS Option (SHLD-6).
    /// A router (or a host) says that a packet was too big: one with sequence number `seq` (as the ICMP message quotes it;
    /// RFC 5927 §4.1 wants it checked). `mss`: what fits in the MTU it tells, less IP and TCP headers without options.
    ///
    /// What was lost goes out again at once in smaller segments, and that is no sign of congestion (RFC 8201 §5.4). False if
    /// the message was not believed, or changed nothing.
    pub fn on_packet_too_big(&mut self, now: Duration, seq: SeqNumber, mss: u16) -> bool {
        // RFC 1191 §4: never up. RFC 8201 §4: an MTU below what every path has is not believed.
        if !self.is_in_flight(seq) || !self.state.is_synchronized() || mss < LEAST_MSS {
            return false;
        }
        self.shrink_segments(now, mss)
    }

    /// Whether `seq` was sent and is not acknowledged: what an ICMP error that is no forgery quotes (RFC 5927 §4.1).
    #[must_use]
    pub fn is_in_flight(&self, seq: SeqNumber) -> bool {
        let at = self.snd.position(seq);
        at.is_some_and(|at| self.snd.una <= at && at < self.snd.max)
    }

    //= https://www.rfc-editor.org/rfc/rfc4821#section-7.7
    //# If there is a full-stop timeout and there was not an ICMP message indicating a reason (PTB, Net unreachable,
    //# etc., or the ICMP message was ignored for some reason), the RECOMMENDED first recovery action is to treat
    //# this as a detected ICMP black hole as defined in [RFC2923].
    /// Full segments have timed out again and again: smaller ones may get through.
    pub(super) fn suspect_black_hole(&mut self, now: Duration) {
        let full = self.snd.in_flight() >= u64::from(self.mss());
        if !self.settings.black_hole_detection || self.timers.retries < BLACK_HOLE_RETRIES || !full
        {
            return;
        }
        let now_mss = self.negotiated.send_mss;
        let next = if now_mss > BASE_MSS {
            BASE_MSS
        } else {
            LEAST_MSS
        };
        if self.shrink_segments(now, next) {
            self.rare.make().counters.black_holes += 1;
        }
    }

    fn shrink_segments(&mut self, now: Duration, mss: u16) -> bool {
        let before = u64::from(self.mss());
        if mss >= self.negotiated.send_mss {
            return false;
        }
        self.negotiated.send_mss = mss;
        self.rare.make().counters.mtu_reductions += 1;
        self.board.mark_lost(|_| true);
        self.snd.stop_timing();
        let after = u64::from(self.mss());
        // The window stays as many bytes as it was, but never less than a segment.
        debug_assert!(after <= before);
        self.timers.stop_early(super::timers::Early::TailProbe);
        self.forget_tail_probe();
        if self.recovery.is_active() || self.board.lost() == 0 {
            return true;
        }
        // RFC 8201 §5.4: not a loss to congestion control. Recovery in the sense of "all this goes again", with the window
        // as it is.
        let (window, ssthresh) = (self.control.window(), self.control.ssthresh());
        self.recovery
            .enter_without_reduction(self.snd.max, window, ssthresh);
        self.timers.arm_retransmission(now, self.rtt.rto());
        true
    }
}
