//! SEGMENT ARRIVES (RFC 9293 §3.10.7.4).

use core::time::Duration;

use super::text::Received;
use super::{Connection, Reset, State};
use crate::event::{ConnectionError, Events};
use crate::segment::{Flags, Segment};
use crate::seq::{SeqNumber, low};
use crate::time_wait::TimeWaitOutcome;

impl Connection {
    /// A segment for this connection has arrived. If [`Received::placement`] says so, its payload
    /// must be copied (or linked) into the receive buffer before the next
    /// [`Connection::consume`].
    ///
    /// In CLOSED, nothing happens: the caller answers with [`reset_for`](crate::reset_for).
    pub fn on_segment(&mut self, now: Duration, segment: &Segment) -> Received {
        let segments = segment.segments.max(1);
        self.counters.segs_in += u64::from(segments);
        if segment.payload_len > 0 {
            let count = &mut self.counters.data_segs_in;
            *count = count.wrapping_add(segments.into());
        }
        self.note_sign_of_life(now);
        self.dispatch(now, segment)
    }

    fn dispatch(&mut self, now: Duration, segment: &Segment) -> Received {
        match self.state {
            State::Closed => Received::default(),
            State::SynSent => self.on_segment_syn_sent(now, segment),
            State::TimeWait => Received::event(self.on_segment_time_wait(now, segment)),
            _ => self.on_segment_synchronized(now, segment),
        }
    }

    fn on_segment_synchronized(&mut self, now: Duration, segment: &Segment) -> Received {
        let Some(seq) = self.rcv.position(segment.seq) else {
            return self.unacceptable(now, segment);
        };
        if self.is_crossing_syn_ack(segment, seq) {
            return self.on_crossing_syn_ack(now, *segment);
        }
        self.on_segment_at(now, segment, seq)
    }

    /// Begins anew without the SYN.
    #[cold]
    fn on_crossing_syn_ack(&mut self, now: Duration, mut segment: Segment) -> Received {
        segment.flags -= Flags::SYN;
        segment.seq += 1;
        self.dispatch(now, &segment)
    }

    //= https://www.rfc-editor.org/rfc/rfc7323#section-5.2
    //# When an <RST> segment is received, it MUST NOT be subjected to the PAWS check by verifying an acceptable
    //# value in SEG.TSval, and information from the Timestamps option MUST NOT be used to update connection state
    //# information.
    //= https://www.rfc-editor.org/rfc/rfc7323#section-3.2
    //# A TCP MUST NOT abort a TCP connection because any segment lacks an expected TSopt.
    /// A segment at position `seq`, in a synchronised state.
    fn on_segment_at(&mut self, now: Duration, segment: &Segment, seq: u64) -> Received {
        // RFC 7323 §5.3, R1: PAWS comes before the sequence check, and does not hold for RST.
        if let Some(state) = self.timestamps
            && !segment.has(Flags::RST)
        {
            match segment.options.timestamps {
                Some(option) if state.is_old(now, option.value) => {
                    return self.unacceptable(now, segment);
                }
                Some(_) => {}
                // §3.2: "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently
                // drop the segment."
                None => {
                    self.rare.make().counters.unacceptable += 1;
                    return Received::default();
                }
            }
        }
        // First: check the sequence number.
        if !self.is_acceptable(segment, seq) {
            return self.unacceptable(now, segment);
        }
        // Second: check the RST bit.
        if segment.has(Flags::RST) {
            return Received::event(self.on_reset(now, seq));
        }
        // Fourth: check the SYN bit. RFC 5961 §4.2: "TCP MUST send an ACK ... to the remote peer",
        // in every synchronised state; and in SYN-RECEIVED after an active open alike.
        if segment.has(Flags::SYN) {
            self.challenge(now);
            return Received::default();
        }
        // Fifth: check the ACK field. "If the ACK bit is off, drop the segment".
        if !segment.has(Flags::ACK) {
            return Received::default();
        }
        let Some(ack) = self.acceptable_ack(segment) else {
            return self.unacceptable_ack(now, segment);
        };
        if let (Some(state), Some(option)) = (&mut self.timestamps, segment.options.timestamps)
            && seq <= self.rcv.acked
        {
            // RFC 7323 §4.3 (2).
            state.update(now, option.value);
        }
        let mut events = Events::empty();
        if self.state == State::SynReceived {
            self.snd.wl1 = SeqNumber(low(seq));
            events |= self.enter_established(now);
        }
        events |= self.acknowledge(now, segment, seq, ack);
        events |= self.after_acknowledgement(now);
        self.take_mark(segment);
        events |= self.take_urgent(segment, seq);
        // Seventh and eighth: text and FIN.
        let mut received = self.take_text(now, segment, seq);
        received.events |= events;
        received
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.5
    //# A TCP implementation MUST support simultaneous open attempts (MUST-10).
    /// A SYN-ACK that answers our SYN-ACK in a simultaneous open lies before RCV.NXT and would not be
    /// acceptable, though RFC 9293 §3.5 (figure 8) has it end the handshake. As Linux, it counts as
    /// the ACK in it.
    fn is_crossing_syn_ack(&self, segment: &Segment, seq: u64) -> bool {
        self.state == State::SynReceived
            && segment.has(Flags::SYN | Flags::ACK)
            && !segment.has(Flags::RST)
            && seq == 0
            && self.rcv.nxt == 1
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.4
    //# A TCP receiver MUST process the RST and URG fields of all incoming segments, even when the receive window is
    //# zero (MUST-66).
    /// The four cases of RFC 9293 §3.10.7.4, table 6. To a closed window, "special allowance should
    /// be made to accept valid ACKs" at RCV.NXT; `take_text` takes nothing then.
    fn is_acceptable(&self, segment: &Segment, seq: u64) -> bool {
        let (nxt, window) = (self.rcv.nxt, self.rcv.window());
        if seq == nxt {
            return true;
        }
        let in_window = |position: u64| nxt <= position && position < nxt + window;
        let len = u64::from(segment.len());
        in_window(seq) || (len > 0 && in_window(seq + len - 1))
    }

    //= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
    //# In all other cases, where the SEQ-field does not match and is outside the window, the receiver MUST silently
    //# discard the segment.
    /// "If an incoming segment is not acceptable, an acknowledgment should be sent in reply (unless
    /// the RST bit is set)". Only a segment with data always gets one: others may come from a loop of
    /// ACKs or from an attacker.
    fn unacceptable(&mut self, now: Duration, segment: &Segment) -> Received {
        self.rare.make().counters.unacceptable += 1;
        if !segment.has(Flags::RST) {
            if segment.payload_len > 0 && !segment.has(Flags::SYN) {
                self.ack.on_disorder(self.settings.quick_acks);
                if let Some(start) = self.rcv.position(segment.seq) {
                    // What PAWS has turned away was not taken: only what lies before RCV.NXT came twice.
                    let end = start + u64::from(segment.payload_len);
                    self.note_duplicate(start, end.min(self.rcv.nxt));
                }
            } else if self.rare.make().throttle.allow(now) {
                self.ack.now = true;
            }
        }
        Received::default()
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.5.3
    //# TCP implementations SHOULD allow a received RST segment to include data (SHLD-2).
    //= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
    //# If the RST bit is set and the sequence number does not exactly match the next expected sequence value, yet
    //# is within the current receive window (RCV.NXT < SEG.SEQ < RCV.NXT+RCV.WND), TCP MUST send an acknowledgment
    //# (challenge ACK):
    //= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
    //# If the RST bit is set and the sequence number exactly matches the next expected sequence number (RCV.NXT),
    //# then TCP MUST reset the connection.
    /// RFC 5961 §3.2 (and RFC 9293 §3.10.7.4, second): only a RST exactly at RCV.NXT resets.
    fn on_reset(&mut self, now: Duration, seq: u64) -> Events {
        if seq != self.rcv.nxt {
            self.challenge(now);
            return Events::empty();
        }
        match self.state {
            // Both ends have sent their FIN, nothing is lost: "enter the CLOSED state".
            State::Closing | State::LastAck => {
                self.enter_closed();
                Events::CLOSED
            }
            State::SynReceived => self.fail(ConnectionError::Refused),
            _ if self.released => {
                self.enter_closed();
                Events::CLOSED
            }
            _ => self.fail(ConnectionError::Reset),
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc5961#section-4.2
    //# If the SYN bit is set, irrespective of the sequence number, TCP MUST send an ACK (also referred to as
    //# challenge ACK) to the remote peer:
    /// A challenge ACK, if the throttle lets it go (RFC 5961 §7).
    fn challenge(&mut self, now: Duration) {
        if self.rare.make().throttle.allow(now) {
            self.rare.make().counters.challenge_acks += 1;
            self.ack.now = true;
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
    //# RFC 5961 [9], Section 5 describes a potential blind data injection attack, and mitigation that
    //# implementations MAY choose to include (MAY-12).
    /// The position of an acknowledgement that may be processed. RFC 5961 §5.2: "((SND.UNA -
    /// MAX.SND.WND) <= SEG.ACK <= SND.NXT)"; in SYN-RECEIVED it must be of our SYN.
    fn acceptable_ack(&self, segment: &Segment) -> Option<u64> {
        let ack = self.snd.position(segment.ack)?;
        let oldest = if self.state == State::SynReceived {
            1
        } else {
            self.snd.una.saturating_sub(self.snd.max_wnd.into())
        };
        (oldest <= ack && ack <= self.snd.max).then_some(ack)
    }

    //= https://www.rfc-editor.org/rfc/rfc5961#section-5.2
    //# All incoming segments whose ACK value doesn't satisfy the above condition MUST be discarded and an ACK sent
    //# back.
    fn unacceptable_ack(&mut self, now: Duration, segment: &Segment) -> Received {
        self.rare.make().counters.unacceptable += 1;
        if self.state == State::SynReceived {
            // "If the segment acknowledgment is not acceptable, form a reset segment
            // <SEQ=SEG.ACK><CTL=RST> and send it".
            self.reset = Some(Reset::Bare(segment.ack));
        } else {
            // RFC 5961 §5.2: "All incoming segments whose ACK value doesn't satisfy the above
            // condition MUST be discarded and an ACK sent back."
            self.challenge(now);
        }
        Received::default()
    }

    /// TIME-WAIT while the program still holds the connection: as the small record would do it,
    /// except that a SYN cannot take the connection over.
    fn on_segment_time_wait(&mut self, now: Duration, segment: &Segment) -> Events {
        let Some(mut record) = self.time_wait() else {
            return Events::empty();
        };
        match record.on_segment(now, segment) {
            TimeWaitOutcome::Acknowledge(_) | TimeWaitOutcome::Reuse(_) => {
                self.timers.arm_end(record.expires());
                self.ack.now = true;
            }
            TimeWaitOutcome::Closed => {
                self.enter_closed();
                return Events::CLOSED;
            }
            TimeWaitOutcome::Ignore => {}
        }
        Events::empty()
    }
}
