//! The fifth check of RFC 9293 §3.10.7.4: the acknowledgement and the window; and what it tells of losses.

use core::time::Duration;

use super::rack::{Circumstances, Rack};
use super::recovery::{DUP_THRESH, Phase, Suspicion};
use super::scoreboard::{Mark, Record};
use super::timers::{Early, Waiting};
use super::{Connection, State};
use crate::congestion::AckSample;
use crate::congestion::CongestionControl as _;
use crate::event::Events;
use crate::options::Timestamps;
use crate::segment::{Flags, Segment};
use crate::seq::{SeqNumber, low};
use crate::time::{Deadline, Micros, Stamp, Tick};
use crate::timestamps::TimestampState;

/// What an acknowledgement tells that was not known.
#[derive(Debug, Default)]
struct News {
    /// Bytes (and SYN, FIN) below the acknowledgement.
    acked: u64,
    /// Bytes that are now known to have arrived.
    delivered: u64,
    /// Something among them was sent once only, before the time-out that is being recovered from.
    original: bool,
    /// Send time of the last of them that was sent once only.
    once: Option<Micros>,
    /// Something among them was sent again: what follows it may have waited for that.
    again: bool,
    /// A D-SACK: something arrived twice.
    dsack: bool,
    /// RFC 5681 §2: a duplicate ACK.
    duplicate: bool,
}

/// An acknowledgement that tells of data's arrival.
struct Arrival {
    now: Duration,
    at: Micros,
    /// The recovery point: one past the highest number sent when recovery began.
    recover: SeqNumber,
    /// What was next for the peer: SND.UNA before the acknowledgement.
    next: SeqNumber,
    /// Microseconds.
    min_rtt: u32,
    /// Ours and the segment's, if there are any.
    timestamps: Option<(TimestampState, Timestamps)>,
}

impl Arrival {
    /// `record` has arrived.
    #[inline(always)]
    fn note(&self, record: Record, rack: &mut Rack, news: &mut News) {
        let again = record.mark.contains(Mark::AGAIN);
        if record.mark.contains(Mark::SACKED) {
            return;
        }
        news.delivered += u64::from(record.len());
        if record.mark.contains(Mark::BLURRED) {
            return;
        }
        let genuine = !again || !self.is_of_another_transmission(&record);
        rack.update(&record, self.at, again, genuine, self.min_rtt);
        news.again |= again;
        if !again {
            news.original |= record.end <= self.recover;
            news.once = Some(record.first_sent());
        }
    }

    /// RFC 8985 §6.2 step 1: an echo from before a retransmission is not of that. Only for what was next for the peer:
    /// what comes out of order does not change its echo (RFC 7323 §4.3).
    fn is_of_another_transmission(&self, record: &Record) -> bool {
        let Some((state, option)) = self.timestamps else {
            return false;
        };
        // A tick of slack: both times were rounded down.
        let since = self.at.since(record.sent) / 1000 + 1;
        record.start == self.next
            && state
                .echo_age(self.now, option.echo)
                .is_some_and(|age| age > since)
    }
}

impl Connection {
    /// An acknowledgement at position `ack`, within what RFC 5961 §5.2 accepts, in a segment at position `seq`.
    pub(super) fn acknowledge(
        &mut self,
        now: Duration,
        segment: &Segment,
        seq: u64,
        ack: u64,
    ) -> Events {
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
        //# As long as the receiving TCP peer continues to send acknowledgments in response to the probe segments,
        //# the sending TCP peer MUST allow the connection to stay open (MUST-37).
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
        //# SHOULD NOT time out the connection if data beyond the right window edge is not acknowledged (SHLD-17).
        let closed = self.timers.waiting() == Some(Waiting::Window) || self.snd.wnd == 0;
        if closed && !self.released {
            // RFC 9293 §3.8.6.1, MUST-37: while the peer answers, the connection stays open.
            self.timers.retries = 0;
        }
        let window = u32::from(segment.window) << self.negotiated.send_shift;
        let mut events = Events::empty();
        let duplicate = self.is_duplicate(segment, ack, window);
        let tells = ack > self.snd.una || duplicate || !segment.options.sack.is_empty();
        if tells && ack >= self.snd.una && self.snd.max > self.snd.una {
            events = self.take_news(now, segment, ack, duplicate);
        }
        self.update_window(seq, ack, window);
        events
    }

    /// RFC 5681 §2: what makes an ACK a duplicate.
    fn is_duplicate(&self, segment: &Segment, ack: u64, window: u32) -> bool {
        ack == self.snd.una
            && self.snd.max > self.snd.una
            && segment.payload_len == 0
            && !segment.flags.intersects(Flags::SYN | Flags::FIN)
            && window == self.snd.wnd
    }

    /// An acknowledgement of new data, a duplicate, or one with SACK.
    pub(super) fn take_news(
        &mut self,
        now: Duration,
        segment: &Segment,
        ack: u64,
        duplicate: bool,
    ) -> Events {
        let before = self.snd.acked_offset();
        let cwnd = self.control.window();
        let window_limited = self
            .snd
            .is_window_used(cwnd, cwnd < self.control.ssthresh());
        let recovering = self.recovery.phase;
        let mut news = self.update_scoreboard(now, segment, ack);
        news.duplicate = duplicate;
        if duplicate {
            self.rare.make().counters.duplicate_acks += 1;
        }
        if news.acked > 0 {
            self.measure(now, segment, &news);
        }
        let lost_before = self.board.lost();
        self.on_probe_ack(now, segment, ack, &news);
        if self.negotiated.sack {
            // What is acknowledged in order tells nothing of what was sent after it.
            if self.board.sacked() > 0
                || recovering != Phase::Open
                || self.timers.early() == Some(Early::Reorder)
            {
                self.detect(now);
            }
        } else {
            self.count_duplicates(&mut news);
        }
        let found = self.board.lost() > lost_before;
        if self.negotiated.ecn {
            self.take_echo(now, segment, news.acked);
        }
        match recovering {
            Phase::Open => {
                if self.board.lost() > 0 {
                    self.enter_recovery(now, &news);
                } else if news.acked > 0 {
                    self.grow(now, segment, news.acked, window_limited, false);
                }
            }
            Phase::Fast => self.on_ack_fast(now, segment, ack, &news, found),
            Phase::Loss => self.on_ack_loss(now, segment, ack, &news),
        }
        if news.acked == 0 {
            return Events::empty();
        }
        self.timers.retries = 0;
        self.progress = Tick::new(now);
        self.tail_moved = true;
        self.rtt.reset_back_off();
        if self.snd.in_flight() > 0 {
            //= https://www.rfc-editor.org/rfc/rfc6928#section-8
            //# To minimize spurious retransmissions, implementations MUST follow RFC 6298 [RFC6298] to restart the
            //# retransmission timer with the current value of RTO for each ACK received that acknowledges new data.
            // RFC 6298 §5.3: "When an ACK is received that acknowledges new data, restart".
            self.timers.arm_retransmission(now, self.rtt.rto());
        } else {
            // §5.2. If something is queued, `settle_timer` starts it again.
            self.timers.stop();
        }
        if self.snd.acked_offset() > before {
            Events::WRITABLE
        } else {
            Events::empty()
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc2883#section-5
    //# An implementation MUST NOT compare the sequence space in the SACK block to the TCP state variable snd.una
    //# (which carries the total cumulative ACK), as this may result in the wrong conclusion if ACK packets are
    //# reordered.
    /// RFC 6675 §4, Update(): takes in the acknowledgement and the SACK blocks.
    fn update_scoreboard(&mut self, now: Duration, segment: &Segment, ack: u64) -> News {
        let mut news = News {
            acked: ack - self.snd.una,
            ..News::default()
        };
        let arrival = self.arrival(now, segment);
        self.rack.begin();
        if ack > self.snd.una {
            let rack = &mut self.rack;
            self.board.acknowledge(self.snd.iss + low(ack), |record| {
                arrival.note(record, rack, &mut news);
            });
            self.snd.una = ack;
        }
        if self.negotiated.sack && !segment.options.sack.is_empty() {
            self.take_sack(segment, ack, &arrival, &mut news);
        }
        news
    }

    /// The SACK blocks of an acknowledgement at position `ack`.
    #[inline(never)]
    fn take_sack(&mut self, segment: &Segment, ack: u64, arrival: &Arrival, news: &mut News) {
        let (una, max) = (self.snd.seq(ack), self.snd.seq(self.snd.max));
        let rack = &mut self.rack;
        let blocks = segment.options.sack.as_slice();
        for (index, &(left, right)) in blocks.iter().enumerate() {
            // RFC 2883 §4: the first block below the acknowledgement, or within the second.
            let inside = |&(l, r): &(SeqNumber, SeqNumber)| l <= left && right <= r;
            if index == 0 && left < right && (right <= una || blocks.get(1).is_some_and(inside)) {
                news.dsack = true;
            } else if una < right && left < right && right <= max {
                self.board
                    .sack(left, right, |record| arrival.note(record, rack, news));
            }
        }
        if news.dsack {
            self.rare.make().counters.dsacks += 1;
            self.rack.on_dsack(una, max);
        }
    }

    /// What is to be known of an acknowledgement, before it moves SND.UNA, to judge what it says has arrived.
    #[inline]
    fn arrival(&self, now: Duration, segment: &Segment) -> Arrival {
        Arrival {
            now,
            at: Micros::new(now),
            recover: self.snd.seq(self.recovery.recover),
            next: self.snd.seq(self.snd.una),
            min_rtt: self.rtt.min_micros(),
            timestamps: self.timestamps.zip(segment.options.timestamps),
        }
    }

    /// RACK's step 5, and the timer for what is not known yet.
    pub(super) fn detect(&mut self, now: Duration) -> u32 {
        let mss = u32::from(self.mss());
        let overtaken =
            self.board.sacked() > (DUP_THRESH - 1) * mss || self.recovery.dup_acks >= DUP_THRESH;
        let at = Circumstances {
            recovering: self.recovery.is_active(),
            overtaken,
            min_rtt: self.rtt.min_micros(),
            srtt: self.rtt.srtt_micros(),
        };
        let (lost, timeout) = self.rack.detect(&mut self.board, Micros::new(now), at);
        match timeout {
            Some(micros) => {
                let at = Deadline::after(now, Stamp::from_micros(micros));
                self.timers.arm_early(Early::Reorder, at);
            }
            None => self.timers.stop_early(Early::Reorder),
        }
        lost
    }

    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
    //# On the first and second duplicate ACKs received at a sender, a TCP SHOULD send a segment of previously
    //# unsent data per [RFC3042] provided that the receiver's advertised window allows, the total FlightSize would
    //# remain less than or equal to cwnd plus 2*SMSS, and that new data is available for transmission.
    /// Without SACK, RFC 5681 §3.2 and RFC 6582 §3.2: each duplicate ACK is a segment that has left.
    fn count_duplicates(&mut self, news: &mut News) {
        let mss = u64::from(self.mss());
        let recovery = &mut self.recovery;
        if news.acked > 0 {
            // One of the segments that are acknowledged now filled the hole; the others gave the duplicates.
            let counted = u64::from(recovery.dup_acks) * mss;
            news.delivered = news.acked.saturating_sub(counted).max(mss.min(news.acked));
            let gone = u32::try_from(news.acked.saturating_sub(1) / mss).unwrap_or(u32::MAX);
            recovery.dup_acks = match recovery.phase {
                Phase::Fast => recovery.dup_acks.saturating_sub(gone),
                _ => 0,
            };
            if recovery.phase == Phase::Fast && self.snd.una < recovery.recover {
                // RFC 6582 §3.2 step 3, partial acknowledgement: the next hole.
                self.lose_head();
            }
        } else if news.duplicate {
            recovery.dup_acks = recovery.dup_acks.saturating_add(1);
            news.delivered = mss;
            // RFC 6582 §3.2 step 2: only if the ACK covers more than "recover".
            if recovery.phase == Phase::Open
                && recovery.dup_acks == DUP_THRESH
                && self.snd.una > recovery.recover
            {
                self.lose_head();
            }
        }
    }

    /// The segment at SND.UNA is lost.
    fn lose_head(&mut self) {
        let una = self.snd.seq(self.snd.una);
        self.board.lose(una, una + u32::from(self.mss()));
    }

    /// What the congestion control had before a reduction.
    fn control_state(&self) -> (u64, u64) {
        (self.control.window(), self.control.ssthresh())
    }

    fn control_congested(&mut self, now: Duration) {
        let (flight, mss) = (self.snd.in_flight(), self.mss());
        self.control.on_congestion(now, flight, mss);
    }

    fn control_recovered(&mut self, now: Duration) {
        let (flight, mss) = (self.snd.in_flight(), self.mss());
        self.control.on_recovered(now, flight, mss);
    }

    fn enter_recovery(&mut self, now: Duration, news: &News) {
        if self.is_probing_mtu() && self.excuses_lost_probe(now) {
            return;
        }
        let prior = self.control_state();
        // As it was before this ACK.
        let flight = self.snd.in_flight() + news.acked;
        self.recovery.enter_fast(self.snd.max, flight, prior);
        self.timers.stop_early(Early::TailProbe);
        self.rare.make().counters.fast_retransmits += 1;
        self.control_congested(now);
        self.proportion(news, false);
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-9.3
    //# The Proportional Rate Reduction (PRR) algorithm [RFC6937] is RECOMMENDED for the specific congestion control
    //# actions taken upon the losses detected by RACK-TLP.
    fn proportion(&mut self, news: &News, good: bool) {
        let (pipe, ssthresh, mss) = (self.pipe(), self.control.ssthresh(), self.mss());
        self.recovery
            .proportional(news.delivered, pipe, ssthresh, mss, good);
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-6.2
    //# For timely loss detection, it is RECOMMENDED that the sender install a reordering timer.
    /// A loss was found by the clock and not by an ACK.
    pub(super) fn on_reorder_timeout(&mut self, now: Duration) {
        if self.detect(now) == 0 {
            return;
        }
        let news = News::default();
        match self.recovery.phase {
            Phase::Open => self.enter_recovery(now, &news),
            Phase::Fast => self.proportion(&news, false),
            Phase::Loss => {}
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
    //# When the next ACK arrives that acknowledges previously unacknowledged data, a TCP MUST set cwnd to ssthresh
    //# (the value set in step 2).
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
    //# For each additional duplicate ACK received (after the third), cwnd MUST be incremented by SMSS.
    fn on_ack_fast(
        &mut self,
        now: Duration,
        segment: &Segment,
        ack: u64,
        news: &News,
        found: bool,
    ) {
        if news.acked > 0 && self.was_in_vain(now, segment, news) {
            return self.take_back(now);
        }
        if ack >= self.recovery.recover {
            self.recovery.leave();
            if !self.negotiated.sack {
                // Only lost segments were sent again, one at a time: no duplicate ACKs of SND.UNA are due, so those
                // that come mean a loss right after it.
                self.recovery.recover = ack - 1;
            }
            self.rack.on_recovered();
            self.control_recovered(now);
            return;
        }
        self.proportion(news, news.acked > 0 && !found);
        if !self.negotiated.sack && news.acked > 0 {
            // RFC 6582 §3.2 step 3: a partial acknowledgement lets the next hole's segment out at once.
            self.recovery.admit(self.pipe() + u64::from(self.mss()));
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc5682#section-3.1
    //# If the sender applies the SACK-enhanced F-RTO algorithm, it MUST follow the steps below.
    fn on_ack_loss(&mut self, now: Duration, segment: &Segment, ack: u64, news: &News) {
        if news.acked > 0 && self.was_in_vain(now, segment, news) {
            return self.take_back(now);
        }
        let over = ack >= self.recovery.recover;
        match self.recovery.suspicion {
            Suspicion::None => {}
            _ if self.negotiated.sack && news.original && !over => return self.take_back(now),
            Suspicion::HeadSent if news.acked > 0 && !over => {
                // §2.1 step 2b: "transmit up to two new (previously unsent) segments".
                self.recovery.suspicion = Suspicion::NewWanted;
            }
            // §2.1 step 3b: the next ACK advances again, by originals.
            Suspicion::NewWanted if news.acked > 0 && news.original && !over => {
                return self.take_back(now);
            }
            Suspicion::NewWanted => self.recovery.confirm(),
            Suspicion::HeadSent if over => self.recovery.confirm(),
            // A duplicate ACK tells nothing yet with SACK; without, the loss is genuine.
            Suspicion::HeadSent if !self.negotiated.sack => self.recovery.confirm(),
            Suspicion::HeadSent => {}
        }
        if news.acked > 0 {
            self.grow(now, segment, news.acked, true, true);
        }
        if over {
            self.recovery.leave();
            self.rack.on_recovered();
        }
    }

    /// RFC 3522: the ACK of what was sent again echoes a timestamp from before that, so the original has arrived. Only for
    /// what was next for the peer: of anything later, the ACK may echo what came before it (RFC 7323 §4.3).
    fn was_in_vain(&mut self, now: Duration, segment: &Segment, news: &News) -> bool {
        let Some((start, resent)) = self.recovery.head_resent() else {
            return false;
        };
        let una = self.snd.seq(self.snd.una - news.acked);
        if una != start {
            return false;
        }
        // Later ones are not judged: most of what is lost is lost.
        self.recovery.note_head_resent(start - 1, resent);
        match (self.timestamps, segment.options.timestamps) {
            (Some(state), Some(option)) => {
                let since = Micros::new(now).since(resent) / 1000;
                // A tick of slack: both times were rounded down.
                state
                    .echo_age(now, option.echo)
                    .is_some_and(|age| age > since + 1)
            }
            _ => false,
        }
    }

    /// Nothing was lost: the window and the threshold are again what they were (RFC 5682 §3.4, RFC 4015).
    fn take_back(&mut self, now: Duration) {
        self.board.forgive();
        let after_timeout = self.recovery.phase == Phase::Loss;
        let counters = &mut self.rare.make().counters;
        counters.undone += 1;
        counters.spurious_timeouts += u32::from(after_timeout);
        if let Some((cwnd, ssthresh)) = self.recovery.take_prior() {
            self.control.restore(now, cwnd, ssthresh);
        }
        self.recovery.leave();
    }

    fn grow(
        &mut self,
        now: Duration,
        segment: &Segment,
        acked: u64,
        window_limited: bool,
        after_timeout: bool,
    ) {
        let first = self.control.ssthresh() == u64::MAX;
        // A window that is not used is not tested, whatever the algorithm: most of a dialogue's acknowledgements end here.
        // After a loss, CUBIC wants to know of the time that passes so.
        if !window_limited && first {
            return;
        }
        // Only the first slow start wants it (RFC 9406 §4.3). An echoed timestamp tells of every ACK, and of no other
        // transmission than the one that is acknowledged.
        let round_trip = match (self.timestamps, segment.options.timestamps) {
            (Some(state), Some(option)) if first => state.echo_age(now, option.echo),
            _ => None,
        };
        let sample = AckSample {
            now,
            acked,
            srtt: self.rtt.srtt().map(Duration::from),
            mss: self.mss(),
            window_limited,
            after_timeout,
            round_trip: round_trip.map(|millis| Duration::from_millis(millis.into())),
            una: self.snd.seq(self.snd.una),
            max: self.snd.seq(self.snd.max),
            paced: self.settings.pacing,
        };
        self.control.on_ack(&sample);
        if first && self.control.ssthresh() < u64::MAX {
            self.rare.make().counters.hystart_exits += 1;
        }
    }

    /// What an acknowledgement tells of segments that asked something.
    #[inline]
    fn on_probe_ack(&mut self, now: Duration, segment: &Segment, ack: u64, news: &News) {
        // Most connections never ask.
        if self.rare.get().is_some() {
            self.on_mtu_probe_ack(now);
            self.on_tail_probe_ack(now, segment, ack, news);
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.4.2
    //# The sender then SHOULD invoke a congestion control response equivalent to a fast recovery.
    fn on_tail_probe_ack(&mut self, now: Duration, segment: &Segment, ack: u64, news: &News) {
        let Some(probe) = self.tail_probe() else {
            return;
        };
        if !probe.again {
            if self.snd.seq(ack) >= probe.end {
                self.forget_tail_probe();
            }
            return;
        }
        let (end, ack) = (probe.end, self.snd.seq(ack));
        let twice = news.dsack
            && segment
                .options
                .sack
                .as_slice()
                .first()
                .is_some_and(|&(_, r)| r == end);
        if ack >= probe.end && twice {
            // Both have arrived.
            self.forget_tail_probe();
        } else if ack > probe.end {
            // The probe made good a loss that no duplicate told of.
            self.forget_tail_probe();
            if self.recovery.phase == Phase::Open {
                self.control_congested(now);
                self.control_recovered(now);
            }
        } else if ack == probe.end
            && news.acked == 0
            && news.duplicate
            && segment.options.sack.is_empty()
        {
            self.forget_tail_probe();
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6298#section-3
    //# That is, RTT samples MUST NOT be made using segments that were retransmitted (and thus for which it is
    //# ambiguous whether the reply was for the first instance of the packet or a later instance).
    /// RFC 6298 §3 and §4: one segment in flight is timed, never one sent again. Without such a measurement, the send
    /// time of what was sent once only; and if something was sent again, the echoed timestamp (RFC 7323 §4.1), to the
    /// millisecond.
    fn measure(&mut self, now: Duration, segment: &Segment, news: &News) {
        let at = Micros::new(now);
        match self.snd.timed() {
            Some((end, sent)) if self.snd.seq(self.snd.una) >= end => {
                self.snd.stop_timing();
                self.rtt.sample(sent.elapsed(now));
            }
            Some(_) => {}
            None => {
                if let Some(sent) = news.once.filter(|_| !news.again) {
                    self.rtt.sample(Stamp::from_micros(at.since(sent)));
                } else if let (Some(state), Some(option)) =
                    (self.timestamps, segment.options.timestamps)
                    && let Some(round_trip) = state.echo_age(now, option.echo)
                    && self
                        .recovery
                        .is_measurable(at, round_trip.saturating_mul(1000))
                {
                    self.rtt.sample(Stamp::from_millis(round_trip));
                }
            }
        }
    }

    /// RFC 9293 §3.10.7.4: "if SND.WL1 < SEG.SEQ or (SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK)".
    fn update_window(&mut self, seq: u64, ack: u64, window: u32) {
        let snd = &mut self.snd;
        if ack < snd.una {
            return;
        }
        let (seq, ack) = (SeqNumber(low(seq)), SeqNumber(low(ack)));
        if snd.wl1 < seq || (snd.wl1 == seq && snd.wl2 <= ack) {
            if snd.wnd == 0 && window > 0 && self.recovery.phase == Phase::Loss {
                // What went into the closed window as a probe was not taken.
                self.board.mark_lost(|_| true);
            }
            snd.wnd = window;
            snd.wl1 = seq;
            snd.wl2 = ack;
            snd.max_wnd = snd.max_wnd.max(window);
        }
    }

    /// What the acknowledgement of our FIN does to the state.
    pub(super) fn after_acknowledgement(&mut self, now: Duration) -> Events {
        if !self.snd.fin_acked() {
            return Events::empty();
        }
        match self.state {
            State::FinWait1 => {
                self.state = State::FinWait2;
                if self.released {
                    // Nobody reads: the peer's FIN is not waited for without end, as Linux.
                    self.timers.arm_end(now + self.settings.fin_wait_2.into());
                }
                // Somebody may wait for just that: see `is_flushed`.
                Events::WRITABLE
            }
            State::Closing => self.enter_time_wait(now),
            State::LastAck => {
                self.enter_closed();
                Events::CLOSED
            }
            _ => Events::empty(),
        }
    }
}
