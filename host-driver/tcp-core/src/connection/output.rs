//! What is to be sent.

use core::time::Duration;

use super::{Connection, State};
use crate::options::Options;
use crate::options::Timestamps;
use crate::segment::Flags;
use crate::timestamps::clock;
use crate::transmit::Transmit;

impl Connection {
    /// The next segment to send, if there is one. Call until it returns `None`.
    pub fn poll_transmit(&mut self, now: Duration) -> Option<Transmit> {
        if let Some(reset) = self.take_reset() {
            return Some(reset);
        }
        let transmit = match self.state {
            State::Closed => return None,
            State::SynSent | State::SynReceived => self.poll_syn(now),
            State::TimeWait => None,
            _ => self
                .poll_retransmit(now)
                .or_else(|| self.poll_data(now))
                .or_else(|| self.poll_probe(now)),
        };
        let transmit = transmit.or_else(|| self.poll_ack(now));
        match &transmit {
            Some(transmit) => self.count(transmit),
            None if self.state != State::TimeWait => self.settle_timer(now),
            None => {}
        }
        transmit
    }

    fn count(&mut self, transmit: &Transmit) {
        self.counters.segs_out += transmit.segment_count();
        self.counters.bytes_out += transmit.payload_len();
    }

    /// SYN or SYN-ACK, the first time or again.
    fn poll_syn(&mut self, now: Duration) -> Option<Transmit> {
        if self.snd.nxt > 0 {
            return None;
        }
        let again = self.snd.max > 0;
        self.counters.retransmitted += u64::from(again);
        self.snd.timed = (!again).then_some((1, now));
        self.snd.nxt = 1;
        self.snd.max = 1;
        let answer = self.state == State::SynReceived;
        // RFC 7323 §2.2 and §3.2: a SYN-ACK has the options that the SYN had.
        let window_scale = if answer {
            self.negotiated
                .scaling
                .then_some(self.negotiated.receive_shift)
        } else {
            self.config
                .window_scaling
                .then(|| self.config.window_shift())
        };
        let timestamps = if answer {
            self.timestamps.map(|state| state.option(now))
        } else {
            self.config.timestamps.then(|| Timestamps {
                value: clock(now, self.timestamp_offset),
                // RFC 7323 §3.2: "When the ACK bit is not set, TSecr is zero".
                echo: 0,
            })
        };
        let mut transmit = Transmit::bare(
            self.snd.iss,
            self.rcv.seq(self.rcv.nxt),
            Flags::SYN,
            self.config.initial_window_field(),
        );
        if answer {
            transmit.flags |= Flags::ACK;
            self.ack.on_sent(false);
        }
        transmit.options = Options {
            mss: Some(self.config.mss),
            window_scale,
            sack_permitted: false,
            timestamps,
        };
        Some(transmit)
    }

    /// Fast retransmit: one segment at SND.UNA (RFC 5681 §3.2 step 3, RFC 6582 §3.2 step 3).
    fn poll_retransmit(&mut self, now: Duration) -> Option<Transmit> {
        if !core::mem::take(&mut self.recovery.retransmit) || self.snd.una >= self.snd.max {
            return None;
        }
        let start = self.snd.una;
        let end = (start + u64::from(self.mss()))
            .min(self.snd.data_end())
            .min(self.snd.max);
        let fin = self.snd.fin && end == self.snd.data_end() && end < self.snd.max;
        // Karn: no measurement of what is sent twice (RFC 6298 §3).
        self.snd.timed = None;
        self.counters.retransmitted += 1;
        Some(self.segment(now, start, end, fin))
    }

    /// New data, data sent again after a time-out, and the FIN.
    fn poll_data(&mut self, now: Duration) -> Option<Transmit> {
        if !self.snd.has_unsent() {
            return None;
        }
        if self.snd.una == self.snd.max && now.saturating_sub(self.snd.last_sent) > self.rtt.rto() {
            self.control.on_idle(now);
        }
        let start = self.snd.nxt;
        let len = self.sendable()?;
        let end = start + len;
        // RFC 9293 §3.10.4: the FIN follows all data; it takes a place in the window.
        let fin = self.snd.fin
            && end == self.snd.data_end()
            && end < (self.snd.una + self.snd.wnd).max(self.snd.max);
        if len == 0 && !fin {
            return None;
        }
        let mss = u64::from(self.mss());
        let max_before = self.snd.max;
        self.snd.nxt = end + u64::from(fin);
        self.snd.max = self.snd.max.max(self.snd.nxt);
        if !len.is_multiple_of(mss) {
            self.snd.small_end = end;
        }
        self.snd.last_sent = now;
        if start < max_before {
            self.snd.timed = None;
            let again = self.snd.nxt.min(max_before) - start;
            self.counters.retransmitted += again.div_ceil(mss);
        } else if self.snd.timed.is_none() {
            self.snd.timed = Some(((start + mss).min(self.snd.nxt), now));
        }
        Some(self.segment(now, start, end, fin))
    }

    /// How many bytes from SND.NXT on may go out now. `Some(0)`: a FIN alone may.
    fn sendable(&mut self) -> Option<u64> {
        let allowance = self.recovery.allowance(self.mss());
        let mss = u64::from(self.mss());
        let snd = &self.snd;
        let queued = snd.data_end().saturating_sub(snd.nxt);
        let in_flight = snd.in_flight();
        let window = (snd.una + snd.wnd).saturating_sub(snd.nxt);
        let congestion = self
            .control
            .window()
            .saturating_add_signed(allowance)
            .max(mss)
            .saturating_sub(in_flight);
        let whole = |len: u64| len - len % mss;
        let largest = u64::from(self.config.max_transmit);
        let batch = if queued <= largest {
            queued
        } else {
            whole(largest).max(mss)
        };
        let allowed = window.min(congestion).min(batch);
        if queued > allowed {
            if congestion < window && congestion < queued {
                self.snd.limited_until = self.snd.max.max(self.snd.nxt + whole(allowed));
            }
            if allowed >= mss {
                let wait = self.defers(allowed, batch, in_flight);
                return (!wait).then(|| whole(allowed));
            }
            // RFC 9293 §3.8.6.2.1: less than a segment goes out only if it is half of the largest
            // window that the peer has ever offered (case 3), or after the override time-out
            // (case 4, `poll_probe`). What was sent before may go again in any size.
            let shrunk = self.snd.nxt < self.snd.max;
            let half = 2 * allowed >= self.snd.max_wnd;
            return (allowed == window && allowed > 0 && (shrunk || half)).then_some(allowed);
        }
        let again = self.snd.nxt < self.snd.max;
        if queued.is_multiple_of(mss) || self.snd.fin || again || !self.nagle_holds() {
            return Some(queued);
        }
        Some(whole(queued)).filter(|&len| len > 0)
    }

    /// Whether `allowed` bytes, held to that by a window and not by what is queued, wait for the next
    /// ACK to make a larger super-segment, as Linux (tcp_tso_should_defer): a third of the window is
    /// worth sending. At least three segments are in flight then, and the peer may delay its ACK for
    /// one only (RFC 5681 §4.2), so there is an ACK to wait for.
    fn defers(&self, allowed: u64, batch: u64, in_flight: u64) -> bool {
        let window = self.control.window().min(self.snd.wnd);
        let worth = (window / 3).min(batch);
        in_flight >= 3 * u64::from(self.mss()) && allowed < worth && self.recovery.is_quiet()
    }

    /// RFC 9293 §3.7.4 (SHLD-7), in Minshall's form, as Linux: a small segment waits while another
    /// small one is in flight.
    fn nagle_holds(&self) -> bool {
        self.config.nagle && self.snd.small_end > self.snd.una
    }

    /// RFC 9293 §3.8.6.1, MUST-36. If the window has room for part of a segment, that part is sent
    /// (the override of §3.8.6.2.1, case 4); into a closed one goes, as from Linux, an old sequence
    /// number without data, which must be acknowledged.
    fn poll_probe(&mut self, now: Duration) -> Option<Transmit> {
        if !core::mem::take(&mut self.probe) || self.snd.in_flight() > 0 || !self.snd.has_unsent() {
            return None;
        }
        self.counters.probes += 1;
        let start = self.snd.nxt;
        let room = (self.snd.una + self.snd.wnd).saturating_sub(start);
        let end = (start + room.min(u64::from(self.mss()))).min(self.snd.data_end());
        if end > start {
            self.snd.nxt = end;
            self.snd.max = self.snd.max.max(end);
            self.snd.small_end = end;
            self.snd.last_sent = now;
            return Some(self.segment(now, start, end, false));
        }
        let mut probe = self.segment(now, start, start, false);
        probe.seq = self.snd.seq(self.snd.una) - 1;
        Some(probe)
    }

    fn poll_ack(&mut self, now: Duration) -> Option<Transmit> {
        if !self.ack.now || self.state == State::SynSent {
            return None;
        }
        let mut ack = self.segment(now, self.snd.nxt, self.snd.nxt, false);
        ack.seq = self.snd.acceptable_seq();
        Some(ack)
    }

    /// A segment with the data from position `start` to `end`, and everything that goes with it:
    /// it acknowledges and offers a window.
    fn segment(&mut self, now: Duration, start: u64, end: u64, fin: bool) -> Transmit {
        let window = self.rcv.window_field(self.config.mss);
        self.rcv.acked = self.rcv.nxt;
        self.ack.on_sent(end > start);
        let mut flags = Flags::ACK;
        if fin {
            flags |= Flags::FIN;
        }
        // RFC 9293 §3.9.1.2 (MUST-60): PSH on the last segment of what is queued.
        if end > start && end == self.snd.data_end() {
            flags |= Flags::PSH;
        }
        Transmit {
            seq: self.snd.seq(start),
            ack: self.rcv.seq(self.rcv.nxt),
            flags,
            window,
            options: Options {
                timestamps: self.timestamps.map(|state| state.option(now)),
                ..Options::default()
            },
            // Empty ranges are put at 0, for a FIN or an ACK has no place in the buffer.
            payload: if end > start {
                start - 1..end - 1
            } else {
                0..0
            },
            mss: self.mss(),
        }
    }
}
