//! What is to be sent.

use core::time::Duration;

use super::probe::ProbeDue;
use super::{Connection, State};
use crate::config::Ecn;
use crate::congestion::CongestionControl as _;
use crate::options::Options;
use crate::options::Timestamps;
use crate::segment::Flags;
use crate::seq::low;
use crate::time::{Micros, Tick};
use crate::timestamps::clock;
use crate::transmit::Transmit;

impl Connection {
    /// The next segment to send, if there is one. Call until it returns `None`.
    #[inline]
    pub fn poll_transmit(&mut self, now: Duration) -> Option<Transmit> {
        // Most calls find nothing: a caller asks until there is nothing, and after every batch of segments.
        if self.may_transmit()
            && let transmit @ Some(_) = self.next_transmit(now)
        {
            return transmit;
        }
        self.settle_timer(now);
        None
    }

    fn next_transmit(&mut self, now: Duration) -> Option<Transmit> {
        if self.reset.is_some() {
            return self.take_reset(now);
        }
        match self.state {
            State::Closed => None,
            State::SynSent | State::SynReceived => {
                self.poll_syn(now).or_else(|| self.poll_ack(now))
            }
            State::TimeWait => self.poll_ack(now),
            _ => self.next_synchronized(now),
        }
    }

    /// In the order of their urgency. Nothing is asked for that is not known to be wanted: a [`Transmit`] that is handed
    /// on and on, maybe none, is what sending would cost.
    fn next_synchronized(&mut self, now: Duration) -> Option<Transmit> {
        if self.probe_due != ProbeDue::None
            && let probe @ Some(_) = self.poll_due_probe(now)
        {
            return probe;
        }
        if !self.is_paced_out(now) {
            if self.board.lost() > 0
                && let again @ Some(_) = self.poll_retransmit(now)
            {
                return again;
            }
            if let Some((end, fin)) = self.next_data(now) {
                return Some(self.send_new(now, self.snd.max, end, fin));
            }
        }
        if self.probe
            && let probe @ Some(_) = self.poll_probe(now)
        {
            return probe;
        }
        if self.keep_alive.due
            && let probe @ Some(_) = self.poll_keep_alive(now)
        {
            return probe;
        }
        self.poll_ack(now)
    }

    /// Whether [`Connection::poll_transmit`] may return something. `false` is certain: a call would only settle timers.
    /// `true` may be in vain, for a window may hold back what is unsent.
    #[must_use]
    #[inline]
    pub fn may_transmit(&self) -> bool {
        self.reset.is_some()
            || match self.state {
                State::Closed => false,
                State::TimeWait => self.ack.now,
                State::SynSent | State::SynReceived => true,
                _ => {
                    self.ack.now
                        || self.snd.has_unsent()
                        || self.probe_due == ProbeDue::Tail
                        || self.probe
                        || self.keep_alive.due
                        || self.board.lost() > 0
                }
            }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.2
    //# This field may be sent in the initial connection request (i.e., in segments with the SYN control bit set)
    //# and MUST NOT be sent in other segments (MUST-65).
    /// SYN or SYN-ACK, the first time or again.
    fn poll_syn(&mut self, now: Duration) -> Option<Transmit> {
        if !core::mem::take(&mut self.snd.syn_due) {
            return None;
        }
        let again = self.snd.max > 0;
        if again {
            self.rare.make().counters.retransmitted += 1;
        }
        self.snd.stop_timing();
        if !again {
            self.snd.time_from(1, now);
        }
        self.snd.max = 1;
        self.counters.segs_out += 1;
        let offer = self.settings.offer;
        let answer = self.state == State::SynReceived;
        // RFC 7323 §2.2 and §3.2: a SYN-ACK has the options that the SYN had.
        let window_scale = if answer {
            self.negotiated
                .scaling
                .then_some(self.negotiated.receive_shift)
        } else {
            offer.window_scaling.then_some(offer.window_shift)
        };
        let timestamps = if answer {
            self.timestamps.map(|state| state.option(now))
        } else {
            offer.timestamps.then(|| Timestamps {
                value: clock(now, self.timestamp_offset),
                // RFC 7323 §3.2: "When the ACK bit is not set, TSecr is zero".
                echo: 0,
            })
        };
        let mut transmit = Transmit::bare(
            self.snd.iss,
            self.rcv.seq(self.rcv.nxt),
            Flags::SYN,
            self.settings.syn_window,
        );
        if answer {
            transmit.flags |= Flags::ACK;
            if self.negotiated.ecn {
                transmit.flags |= Flags::ECE;
            }
            self.ack.on_sent(false);
        } else if offer.ecn == Ecn::Request && self.timers.retries == 0 {
            // RFC 3168 §6.1.1; §6.1.1.1: no more after a time-out, for some throw such a SYN away.
            transmit.flags |= Flags::ECE | Flags::CWR;
        }
        transmit.options = Options {
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
            //# MAY send it always (MAY-3).
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
            //# TCP implementations SHOULD send an MSS Option in every SYN segment when its receive MSS differs from
            //# the default 536 for IPv4 or 1220 for IPv6 (SHLD-5)
            mss: Some(offer.mss),
            window_scale,
            // RFC 2018 §2.
            sack_permitted: if answer {
                self.negotiated.sack
            } else {
                offer.sack
            },
            timestamps,
            ..Options::default()
        };
        Some(transmit)
    }

    /// New data, from SND.NXT to the position returned, and whether the FIN goes with it.
    fn next_data(&mut self, now: Duration) -> Option<(u64, bool)> {
        if !self.snd.has_unsent() {
            return None;
        }
        if self.settings.restart_after_idle
            && self.snd.una == self.snd.max
            && self.rtt.is_over(self.snd.last_sent.elapsed(now))
        {
            self.control.on_idle(now);
        }
        let len = self.sendable()?;
        let end = self.snd.max + len;
        // RFC 9293 §3.10.4: the FIN follows all data; it takes a place in the window.
        let fin = self.snd.fin && end == self.snd.data_end() && end < self.snd.edge();
        (len > 0 || fin).then_some((end, fin))
    }

    /// Sends for the first time what lies between two positions, and the FIN if so told.
    #[inline]
    pub(super) fn send_new(&mut self, now: Duration, start: u64, end: u64, fin: bool) -> Transmit {
        let mss = u64::from(self.mss());
        let tick = Tick::new(now);
        let grain = if self.snd.max == self.snd.una {
            self.progress = tick;
            self.rack.forget();
            // There is nothing to join it with.
            0
        } else {
            // Data sent within an eighth of a round trip counts as sent at the same time.
            self.rtt.srtt_micros() / 8
        };
        self.snd.max = end + u64::from(fin);
        if !is_whole(end - start, mss) {
            self.snd.small_end = end;
        }
        self.snd.last_sent = tick;
        let max = self.snd.seq(self.snd.max);
        self.board.push(max, Micros::new(now), grain);
        self.recovery.on_sent(self.snd.max - start);
        self.snd
            .note_usage(self.snd.in_flight() >= self.control.window());
        self.tail_moved = true;
        if self.snd.timed().is_none() && !self.recovery.is_active() {
            self.snd.time_from((start + mss).min(self.snd.max), now);
        }
        self.pace(now, end - start);
        let mut transmit = self.build(now, start, end, fin);
        let (flags, ect) = self.ecn_of_new_data(end - start);
        transmit.flags |= flags;
        transmit.ect = ect;
        transmit
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
    //# However, a TCP implementation SHOULD send a maximum-sized segment whenever possible (SHLD-28) to improve
    //# performance (see Section 3.8.6.2.1).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
    //# If PUSH flags are not implemented, then the sending TCP peer: (1) MUST NOT buffer data indefinitely
    //# (MUST-60)
    /// How many bytes from SND.NXT on may go out now. `Some(0)`: a FIN alone may.
    fn sendable(&mut self) -> Option<u64> {
        let mss = u64::from(self.mss());
        let pipe = self.pipe();
        let window_limit = self.congestion_window();
        let snd = &self.snd;
        let record_end = self.boundaries.cap(snd.max, snd.data_end());
        let queued = record_end.saturating_sub(snd.max);
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
        //# If this happens, the sender SHOULD NOT send new data (SHLD-15)
        let window = snd.edge().saturating_sub(snd.max);
        let congestion = window_limit.saturating_sub(pipe);
        let whole = |len: u64| len - len % mss;
        // CWR belongs on one segment (RFC 3168 §6.1.2), an urgent pointer differs from segment to segment, and a
        // super-segment repeats its header.
        let batch = if self.ecn_reduced || self.is_urgent(snd.max) {
            queued.min(mss)
        } else if queued <= mss {
            queued
        } else {
            let most = match self.settings.least_batch {
                0 => u64::MAX,
                least => self
                    .usual_batch(u64::from(least) * mss)
                    .min(whole(window_limit / 2).max(mss)),
            };
            if queued <= most.min(self.settings.max_transmit.into()) && !self.settings.pacing {
                queued
            } else {
                queued.min(self.largest_batch()).min(most)
            }
        };
        let allowed = window.min(congestion).min(batch);
        if queued > allowed {
            if congestion < window && congestion < queued {
                // What is sent now, if anything, is noted when it is.
                self.snd.note_usage(true);
            }
            if allowed >= mss {
                let wait = self.defers(allowed, batch, pipe);
                return (!wait).then(|| whole(allowed));
            }
            // RFC 9293 §3.8.6.2.1: less than a segment goes out only if it is half of the largest
            // window that the peer has ever offered (case 3), or after the override time-out
            // (case 4, `poll_probe`).
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2.1
            //# A TCP implementation MUST include a SWS avoidance algorithm in the sender (MUST-38).
            let half = 2 * allowed >= u64::from(self.snd.max_wnd);
            return (allowed == window && allowed > 0 && half).then_some(allowed);
        }
        let more = record_end < self.snd.data_end();
        if is_whole(queued, mss)
            || more
            || self.snd.fin
            || self.pushed
            || !(self.settings.cork || self.nagle_holds())
        {
            return Some(queued);
        }
        Some(whole(queued)).filter(|&len| len > 0)
    }

    /// Whether `allowed` bytes, held to that by a window and not by what is queued, wait for the next
    /// ACK to make a larger super-segment, as Linux (tcp_tso_should_defer): a third of the window is
    /// worth sending. At least three segments are in flight then, and the peer may delay its ACK for
    /// one only (RFC 5681 §4.2), so there is an ACK to wait for.
    fn defers(&self, allowed: u64, batch: u64, in_flight: u64) -> bool {
        let window = self.control.window().min(self.snd.wnd.into());
        let worth = (window / 3).min(batch);
        // A third of a small window is no super-segment worth waiting for.
        let large = window >= 32 * u64::from(self.mss());
        large
            && in_flight >= 3 * u64::from(self.mss())
            && allowed < worth
            && !self.recovery.is_active()
            && self.board.sacked() == 0
            && self.recovery.dup_acks == 0
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4
    //# A TCP implementation SHOULD implement the Nagle algorithm to coalesce short segments (SHLD-7).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
    //# When an application issues a series of SEND calls without setting the PUSH flag, the TCP implementation MAY
    //# aggregate the data internally without sending it (MAY-16).
    /// RFC 9293 §3.7.4 (SHLD-7), in Minshall's form, as Linux: a small segment waits while another
    /// small one is in flight.
    fn nagle_holds(&self) -> bool {
        self.settings.nagle && self.snd.small_end > self.snd.una
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
    //# Probing of zero (offered) windows MUST be supported (MUST-36).
    /// RFC 9293 §3.8.6.1, MUST-36. If the window has room for part of a segment, that part is sent
    /// (the override of §3.8.6.2.1, case 4); into a closed one goes, as from Linux, an old sequence
    /// number without data, which must be acknowledged.
    fn poll_probe(&mut self, now: Duration) -> Option<Transmit> {
        if !core::mem::take(&mut self.probe) || self.snd.in_flight() > 0 || !self.snd.has_unsent() {
            return None;
        }
        self.rare.make().counters.probes += 1;
        let start = self.snd.max;
        let room = self.snd.edge().saturating_sub(start);
        let end = (start + room.min(u64::from(self.mss()))).min(self.snd.data_end());
        let end = self.boundaries.cap(start, end);
        if end > start {
            return Some(self.send_new(now, start, end, false));
        }
        let mut probe = self.segment(now, start, start, false);
        probe.seq = self.snd.seq(self.snd.una) - 1;
        Some(probe)
    }

    fn poll_ack(&mut self, now: Duration) -> Option<Transmit> {
        if !self.ack.now || self.state == State::SynSent {
            return None;
        }
        let mut ack = self.segment(now, self.snd.max, self.snd.max, false);
        ack.seq = self.snd.acceptable_seq();
        Some(ack)
    }

    /// `len` bytes go out in segments.
    fn count(&mut self, len: u64) {
        let mss = u64::from(self.mss());
        let segments = if len <= mss { 1 } else { len.div_ceil(mss) };
        self.counters.segs_out += segments;
        if len > 0 {
            self.counters.bytes_out += len;
            let count = &mut self.counters.data_segs_out;
            *count = count.wrapping_add(low(segments));
        }
    }

    /// A segment with the data from position `start` to `end`, and everything that goes with it:
    /// it acknowledges and offers a window.
    pub(super) fn segment(&mut self, now: Duration, start: u64, end: u64, fin: bool) -> Transmit {
        self.build(now, start, end, fin)
    }

    /// [`Connection::segment`] where it is built most often.
    #[inline(always)]
    fn build(&mut self, now: Duration, start: u64, end: u64, fin: bool) -> Transmit {
        self.count(end - start);
        let window = self.rcv.window_field(self.settings.offer.mss);
        self.rcv.acked = self.rcv.nxt;
        let mut flags = Flags::ACK;
        if self.ecn_echo {
            flags |= Flags::ECE;
        }
        if fin {
            flags |= Flags::FIN;
        }
        // RFC 9293 §3.9.1.2 (MUST-60): PSH on the last segment of what is queued. On the last of a super-segment too, if
        // so told: a receiver that coalesces need not wait for more.
        let super_segment = self.settings.least_batch > 0 && end - start > u64::from(self.mss());
        let pushed = super_segment || end == self.snd.data_end() || self.boundaries.is_at(end);
        if end > start && pushed {
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
            //# MUST set the PSH bit in the last buffered segment (i.e., when there is no more queued data to be
            //# sent) (MUST-61).
            //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.2
            //# The transmitter SHOULD collapse successive bits when it packetizes data, to send the largest
            //# possible segment (SHLD-27).
            flags |= Flags::PSH;
        }
        let mut transmit = Transmit {
            seq: self.snd.seq(start),
            ack: self.rcv.seq(self.rcv.nxt),
            flags,
            window,
            urgent: 0,
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
            ect: false,
        };
        let mut told = true;
        if self.negotiated.sack && self.rcv.wants_sack() {
            told = self.add_sack(&mut transmit.options, end - start);
        }
        if told {
            self.ack.on_sent(end > start);
        }
        self.add_urgent(&mut transmit, start);
        transmit
    }

    //= https://www.rfc-editor.org/rfc/rfc2018#section-4
    //# If the data receiver has not received a SACK-Permitted option for a given connection, it MUST NOT send SACK
    //# options on that connection.
    /// Adds SACK blocks, if they leave room for `len` bytes of payload; else an ACK of its own has to carry them.
    fn add_sack(&mut self, options: &mut Options, len: u64) -> bool {
        let space = if options.timestamps.is_some() { 3 } else { 4 };
        let blocks = self.rcv.sack_blocks(space);
        if len > 0 && len + 4 + 8 * blocks.len() as u64 > u64::from(self.mss()) {
            return false;
        }
        options.sack = blocks;
        self.rcv.assembler.forget_duplicate();
        true
    }
}

/// Whether `len` bytes fill whole segments of `mss`. A small message, the usual case where it matters, needs no division.
const fn is_whole(len: u64, mss: u64) -> bool {
    if len < mss {
        len == 0
    } else {
        len.is_multiple_of(mss)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::config::{Config, KeepAlive};
    use crate::half_open::HalfOpen;
    use crate::isn::Initial;
    use crate::segment::Ports;
    use crate::seq::SeqNumber;

    const PORTS: Ports = Ports {
        source: 4000,
        destination: 80,
    };

    fn pair(now: Duration, config: &Config) -> [Connection; 2] {
        let initial = |n| Initial {
            iss: SeqNumber(n),
            timestamp_offset: n,
        };
        let mut a = Connection::connect(config, initial(1));
        let syn = a.poll_transmit(now).unwrap().to_segment(PORTS);
        let (entry, syn_ack) = HalfOpen::new(now, config, initial(2), &syn).unwrap();
        a.on_segment(now, &syn_ack.to_segment(PORTS));
        let ack = a.poll_transmit(now).unwrap().to_segment(PORTS);
        let (b, _) = Connection::from_half_open(now, config, &entry, &ack);
        [a, b]
    }

    /// Which connection, and what happens to it.
    #[derive(Clone, Copy, Debug)]
    enum Op {
        Write(u64),
        WriteUrgent,
        Read(u64),
        Shut,
        Close,
        Abort,
        /// That many of the segments on the way to it arrive, or are lost.
        Deliver(usize),
        Lose(usize),
        Wait(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            6 => (0u64..20_000).prop_map(Op::Write),
            1 => Just(Op::WriteUrgent),
            6 => (0u64..70_000).prop_map(Op::Read),
            1 => Just(Op::Shut),
            1 => Just(Op::Close),
            1 => Just(Op::Abort),
            12 => (1usize..20).prop_map(Op::Deliver),
            3 => (1usize..4).prop_map(Op::Lose),
            8 => (0u64..400_000).prop_map(Op::Wait),
        ]
    }

    /// [`Connection::may_transmit`] is what saves most calls the search.
    fn keeps_its_word(connection: &Connection, now: Duration) -> bool {
        connection.may_transmit() || connection.clone().next_transmit(now).is_none()
    }

    proptest! {
        #[test]
        fn what_says_that_it_may_not_transmit_has_nothing_to_send(
            pacing: bool, sack: bool, keeps_alive: bool, receive_buffer in 1u32..100_000,
            ops in prop::collection::vec((0usize..2, op()), 1..120),
        ) {
            let idle = KeepAlive {
                idle: Duration::from_millis(900),
                interval: Duration::from_millis(300),
                probes: 3,
            };
            let config = Config {
                pacing,
                sack,
                receive_buffer,
                keep_alive: keeps_alive.then_some(idle),
                ..Config::default()
            };
            let mut now = Duration::from_secs(1);
            let mut ends = pair(now, &config);
            // To each of them.
            let mut ways = [VecDeque::new(), VecDeque::new()];
            for (n, op) in ops {
                let end = &mut ends[n];
                match op {
                    Op::Write(len) => drop(end.write(len)),
                    Op::WriteUrgent => drop(end.write_urgent(1)),
                    Op::Read(len) => end.consume(len),
                    Op::Shut => end.shutdown_write(),
                    Op::Close => end.close(now),
                    Op::Abort => drop(end.abort(now)),
                    Op::Deliver(count) => {
                        for _ in 0..count {
                            let Some(segment) = ways[n].pop_front() else { break };
                            end.on_segment(now, &segment);
                            prop_assert!(keeps_its_word(end, now), "{end:?}");
                        }
                    }
                    Op::Lose(count) => drop(ways[n].drain(..count.min(ways[n].len()))),
                    Op::Wait(micros) => now += Duration::from_micros(micros),
                }
                for (n, end) in ends.iter_mut().enumerate() {
                    end.on_timeout(now);
                    loop {
                        prop_assert!(keeps_its_word(end, now), "{end:?}");
                        let Some(transmit) = end.poll_transmit(now) else { break };
                        ways[1 - n].extend(transmit.split().map(|part| part.to_segment(PORTS)));
                    }
                }
            }
        }
    }
}
