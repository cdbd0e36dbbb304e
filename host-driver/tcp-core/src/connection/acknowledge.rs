//! The fifth check of RFC 9293 §3.10.7.4: the acknowledgement and the window.

use core::time::Duration;

use super::recovery::{OnDuplicate, OnNewAck};
use super::timers::Waiting;
use super::{Connection, State};
use crate::congestion::AckSample;
use crate::event::Events;
use crate::segment::{Flags, Segment};

impl Connection {
    /// An acknowledgement at position `ack`, within what RFC 5961 §5.2 accepts, in a segment at
    /// position `seq`.
    pub(super) fn acknowledge(
        &mut self,
        now: Duration,
        segment: &Segment,
        seq: u64,
        ack: u64,
    ) -> Events {
        if self.timers.waiting() == Some(Waiting::Window) && !self.released {
            // RFC 9293 §3.8.6.1, MUST-37: while the peer answers, the connection stays open.
            self.timers.retries = 0;
        }
        let window = u64::from(segment.window) << self.negotiated.send_shift;
        let mut events = Events::empty();
        if ack > self.snd.una {
            events = self.acknowledge_new(now, segment, ack);
        } else if self.is_duplicate(segment, ack, window) {
            self.counters.duplicate_acks += 1;
            let (una, max, mss) = (self.snd.una, self.snd.max, self.mss());
            if self.recovery.on_duplicate(una, max, mss) == OnDuplicate::Enter {
                self.counters.fast_retransmits += 1;
                let in_flight = self.snd.in_flight();
                self.control.on_congestion(now, in_flight, mss);
            }
        }
        self.update_window(seq, ack, window);
        events
    }

    /// RFC 5681 §2: what makes an ACK a duplicate.
    fn is_duplicate(&self, segment: &Segment, ack: u64, window: u64) -> bool {
        ack == self.snd.una
            && self.snd.max > self.snd.una
            && segment.payload_len == 0
            && !segment.flags.intersects(Flags::SYN | Flags::FIN)
            && window == self.snd.wnd
    }

    /// SND.UNA < SEG.ACK =< SND.NXT.
    pub(super) fn acknowledge_new(&mut self, now: Duration, segment: &Segment, ack: u64) -> Events {
        let before = self.snd.acked_offset();
        let acked = ack - self.snd.una;
        let window_limited = self.snd.una < self.snd.limited_until;
        self.snd.una = ack;
        self.snd.nxt = self.snd.nxt.max(ack);
        self.measure(now, segment, ack);
        let mss = self.mss();
        match self.recovery.on_new_ack(ack, acked, mss) {
            OnNewAck::Grow { after_timeout } => self.control.on_ack(&AckSample {
                now,
                acked,
                srtt: self.rtt.srtt(),
                mss,
                window_limited: window_limited || after_timeout,
                after_timeout,
            }),
            OnNewAck::Partial => {}
            OnNewAck::Recovered => {
                let in_flight = self.snd.in_flight();
                self.control.on_recovered(now, in_flight, mss);
            }
        }
        self.timers.retries = 0;
        self.rtt.reset_back_off();
        if self.snd.in_flight() > 0 {
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

    /// RFC 6298 §3 and §4: one segment in flight is timed, never one sent again. Where there is no
    /// such measurement because of retransmissions, the echoed timestamp gives one
    /// (RFC 7323 §4.1), to the millisecond.
    fn measure(&mut self, now: Duration, segment: &Segment, ack: u64) {
        match self.snd.timed {
            Some((end, sent)) if ack >= end => {
                self.snd.timed = None;
                self.rtt.sample(now.saturating_sub(sent));
            }
            Some(_) => {}
            None => {
                if let (Some(state), Some(option)) = (self.timestamps, segment.options.timestamps)
                    && let Some(round_trip) = state.round_trip(now, option.echo)
                    && self.recovery.is_measurable(now, round_trip)
                {
                    self.rtt.sample(round_trip);
                }
            }
        }
    }

    /// RFC 9293 §3.10.7.4: "if SND.WL1 < SEG.SEQ or (SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK)".
    fn update_window(&mut self, seq: u64, ack: u64, window: u64) {
        let snd = &mut self.snd;
        if ack < snd.una {
            return;
        }
        if snd.wl1 < seq || (snd.wl1 == seq && snd.wl2 <= ack) {
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
                    self.timers.arm_end(now + self.config.fin_wait_2);
                }
                Events::empty()
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
