//! A segment in SYN-SENT (RFC 9293 §3.10.7.3).

use core::time::Duration;

use super::text::Received;
use super::{Connection, Reset, State};
use crate::congestion::Control;
use crate::event::{ConnectionError, Events};
use crate::negotiate::{Negotiated, initial_window};
use crate::segment::{Flags, Segment};
use crate::seq::SeqNumber;
use crate::timestamps::TimestampState;

impl Connection {
    //= https://www.rfc-editor.org/rfc/rfc7323#section-2.2
    //# The window field in a segment where the SYN bit is set (i.e., a <SYN> or <SYN,ACK>) MUST NOT be scaled.
    pub(super) fn on_segment_syn_sent(&mut self, now: Duration, segment: &Segment) -> Received {
        // First: check the ACK bit.
        let mut acknowledged = false;
        if segment.has(Flags::ACK) {
            // "If SEG.ACK =< ISS or SEG.ACK > SND.NXT, send a reset (unless the RST bit is set)".
            // The SYN is all that was sent.
            acknowledged = self.snd.max > 0 && self.snd.position(segment.ack) == Some(1);
            if !acknowledged {
                if !segment.has(Flags::RST) {
                    // "<SEQ=SEG.ACK><CTL=RST>"
                    self.reset = Some(Reset::Bare(segment.ack));
                }
                return Received::default();
            }
        }
        // Second: check the RST bit. RFC 5961 §3.2: "the RST is acceptable if the ACK field
        // acknowledges the SYN".
        if segment.has(Flags::RST) {
            if acknowledged {
                return Received::event(self.fail(ConnectionError::Refused));
            }
            return Received::default();
        }
        // Fourth: check the SYN bit.
        if !segment.has(Flags::SYN) {
            return Received::default();
        }
        self.negotiate(now, segment);
        let window = self.settings.syn_window;
        self.rcv
            .synchronize(segment.seq, window, self.negotiated.receive_shift);
        // RFC 7323 §2.2: the window field of a SYN is never scaled.
        self.snd.wnd = u32::from(segment.window);
        self.snd.max_wnd = self.snd.wnd;
        self.snd.wl2 = SeqNumber(u32::from(acknowledged));
        if !acknowledged {
            // "Otherwise, enter SYN-RECEIVED, form a SYN,ACK segment": a simultaneous open.
            self.state = State::SynReceived;
            self.snd.syn_due = true;
            self.snd.stop_timing();
            return Received::default();
        }
        // Like any ACK, without the window in it, which is set already.
        let events = self.enter_established(now);
        self.take_news(now, segment, 1, false);
        self.ack.now = true;
        // "If there are other controls or text in the segment, then continue processing at the
        // sixth step".
        let mut received = self.take_text(now, segment, 1);
        received.events |= events;
        received
    }

    /// Settles what the options of both SYNs settle.
    fn negotiate(&mut self, now: Duration, segment: &Segment) {
        let offer = self.settings.offer;
        let negotiated = Negotiated::new(&offer, &segment.options);
        self.negotiated = if segment.has(Flags::ACK) {
            negotiated.with_ecn_of_syn_ack(&offer, segment.flags)
        } else {
            negotiated.with_ecn_of_syn(&offer, segment.flags)
        };
        if let (true, Some(option)) = (self.negotiated.timestamps, segment.options.timestamps) {
            let state = TimestampState::new(now, self.timestamp_offset, option.value);
            self.timestamps = Some(state);
        }
        let window = initial_window(self.settings.initial_window, self.mss());
        self.control = Control::new(self.settings.congestion, window);
    }

    /// ESTABLISHED, or where a close that waited for it leads.
    pub(super) fn enter_established(&mut self, now: Duration) -> Events {
        if self.timers.retries > 0 {
            self.rtt.syn_was_retransmitted();
        }
        self.state = if self.snd.fin {
            State::FinWait1
        } else {
            State::Established
        };
        self.arm_keep_alive(now);
        Events::ESTABLISHED | Events::WRITABLE
    }
}
