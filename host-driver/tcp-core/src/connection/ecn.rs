//! Explicit congestion notification (RFC 3168 §6.1; RFC 8257 §3.2 for DCTCP's echo).

use core::time::Duration;

use super::{Connection, Phase};
use crate::congestion::{Algorithm, CongestionControl as _, MarkSample};
use crate::segment::{Flags, Segment};

impl Connection {
    //= https://www.rfc-editor.org/rfc/rfc8257#section-3.2
    //# When sending an ACK, the ECE flag MUST be set if and only if DCTCP.CE is true.
    /// A segment has arrived: its mark is for us to echo.
    pub(super) fn take_mark(&mut self, segment: &Segment) {
        if !self.negotiated.ecn || segment.payload_len == 0 {
            return;
        }
        if self.settings.congestion == Algorithm::Dctcp {
            // RFC 8257 §3.2: the echo is of each segment, and a change is told at once.
            if self.ecn_echo != segment.ce {
                self.ecn_echo = segment.ce;
                self.ack.now = true;
            }
            return;
        }
        // RFC 3168 §6.1.3: the echo goes on until the sender says that it has reduced its window.
        if segment.has(Flags::CWR) {
            self.ecn_echo = false;
        }
        if segment.ce {
            self.ecn_echo = true;
            self.rare.make().counters.marked += 1;
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.2
    //# A TCP endpoint SHOULD implement ECN as described in RFC 3168 (SHLD-8).
    /// An acknowledgement of `acked` bytes has arrived; it may have ECE.
    pub(super) fn take_echo(&mut self, now: Duration, segment: &Segment, acked: u64) {
        let marked = segment.has(Flags::ECE) && !segment.has(Flags::SYN);
        self.control.on_marks(&MarkSample {
            acked,
            marked,
            una: self.snd.seq(self.snd.una),
            max: self.snd.seq(self.snd.max),
        });
        // RFC 3168 §6.1.2: "the TCP … SHOULD NOT … react to congestion more than once every window of data", and losses
        // are reacted to already.
        if !marked || self.recovery.phase != Phase::Open {
            return;
        }
        let rare = self.rare.make();
        if self.snd.una <= rare.ecn_recover {
            return;
        }
        rare.ecn_recover = self.snd.max;
        rare.counters.echoes += 1;
        self.ecn_reduced = true;
        let (flight, mss) = (self.snd.in_flight(), self.mss());
        self.control.on_mark(now, flight, mss);
    }

    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.2
    //# When the TCP data sender is ready to set the CWR bit after reducing the congestion window, it SHOULD set the
    //# CWR bit only on the first new data packet that it transmits.
    /// Whether new data may be marked on its way, and whether it tells that the window was reduced (RFC 3168 §6.1.2). What
    /// is sent again is not ECN-capable (§6.1.5), nor is an ACK.
    pub(super) fn ecn_of_new_data(&mut self, len: u64) -> (Flags, bool) {
        if !self.negotiated.ecn || len == 0 {
            return (Flags::empty(), false);
        }
        if core::mem::take(&mut self.ecn_reduced) {
            (Flags::CWR, true)
        } else {
            (Flags::empty(), true)
        }
    }
}
