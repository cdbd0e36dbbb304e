//! The timers of a connection: one deadline each, moved and never queued.

use core::time::Duration;

use super::{Connection, State};
use crate::congestion::CongestionControl as _;
use crate::event::{ConnectionError, Events};
use crate::time::{Deadline, Micros, Stamp, Tick};

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//# The value of R1 SHOULD correspond to at least 3 retransmissions, at the current RTO (SHLD-10).
/// R1, in retransmissions of a segment (Linux: tcp_retries1).
const R1: u8 = 3;

/// What the retransmission timer stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// An ACK of what is in flight (RFC 6298 §5).
    Acknowledgement,
    /// A window to send in (RFC 9293 §3.8.6.1).
    Window,
}

/// What may come due before the retransmission timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Early {
    /// What seems to be lost may have been overtaken: RACK waits (RFC 8985 §6.3).
    Reorder,
    /// Nothing comes back any more: a tail loss probe (RFC 8985 §7.2).
    TailProbe,
}

/// Deadlines.
#[derive(Clone, Debug)]
pub(super) struct Timers {
    waiting: Waiting,
    retransmission: Deadline,
    early: Early,
    early_at: Deadline,
    /// End of TIME-WAIT, or of FIN-WAIT-2 after close.
    end: Deadline,
    /// Expiries of the retransmission timer without progress.
    pub(super) retries: u8,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            waiting: Waiting::Acknowledgement,
            retransmission: Deadline::NONE,
            early: Early::Reorder,
            early_at: Deadline::NONE,
            end: Deadline::NONE,
            retries: 0,
        }
    }
}

impl Timers {
    pub(super) fn end(&self) -> Option<Duration> {
        self.end.at()
    }

    pub(super) fn arm_end(&mut self, at: Duration) {
        self.end = Deadline::new(at);
    }

    pub(super) fn arm_retransmission(&mut self, now: Duration, rto: Stamp) {
        self.waiting = Waiting::Acknowledgement;
        self.retransmission = Deadline::after(now, rto);
    }

    pub(super) fn arm_persist(&mut self, now: Duration, rto: Stamp) {
        self.waiting = Waiting::Window;
        self.retransmission = Deadline::after(now, rto);
        self.early_at = Deadline::NONE;
    }

    pub(super) fn arm_early(&mut self, what: Early, at: Deadline) {
        self.early = what;
        self.early_at = at;
    }

    pub(super) fn stop_early(&mut self, what: Early) {
        if self.early == what {
            self.early_at = Deadline::NONE;
        }
    }

    /// Neither for what is in flight nor for a window is anything awaited.
    pub(super) const fn is_stopped(&self) -> bool {
        !self.retransmission.is_set() && !self.early_at.is_set()
    }

    pub(super) const fn stop(&mut self) {
        self.retransmission = Deadline::NONE;
        self.early_at = Deadline::NONE;
    }

    pub(super) fn waiting(&self) -> Option<Waiting> {
        self.retransmission.is_set().then_some(self.waiting)
    }

    pub(super) const fn early(&self) -> Option<Early> {
        if self.early_at.is_set() {
            Some(self.early)
        } else {
            None
        }
    }

    /// When the retransmission timer expires.
    pub(super) const fn retransmission_at(&self) -> Deadline {
        self.retransmission
    }
}

impl Connection {
    /// When [`Connection::on_timeout`] is to be called at the latest. Ask again after every call
    /// that changes the connection.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        let timers = &self.timers;
        // None is the latest of all.
        timers
            .retransmission
            .min(timers.early_at)
            .min(timers.end)
            .min(self.ack.deadline)
            .min(self.departure)
            .min(self.keep_alive.deadline)
            .at()
    }

    /// Time has come to `now`. Harmless if no deadline has passed.
    pub fn on_timeout(&mut self, now: Duration) -> Events {
        let mut events = Events::empty();
        if self.ack.deadline.is_due(now) {
            self.ack.deadline = Deadline::NONE;
            self.ack.now = true;
        }
        // Whether or not there is anything left to depart.
        if self.departure.is_due(now) {
            self.departure = Deadline::NONE;
        }
        if self.timers.end.is_due(now) {
            self.enter_closed();
            events |= Events::CLOSED;
        }
        // Due at the same time, it goes first, and gives the retransmission timer a new start.
        if self.timers.early_at.is_due(now) {
            self.timers.early_at = Deadline::NONE;
            match self.timers.early {
                Early::Reorder => self.on_reorder_timeout(now),
                Early::TailProbe => self.on_tail_probe_timeout(now),
            }
        }
        if self.keep_alive.deadline.is_due(now) {
            events |= self.on_keep_alive_timeout(now);
        }
        if self.timers.retransmission.is_due(now) {
            events |= match self.timers.waiting {
                Waiting::Acknowledgement => self.on_retransmission_timeout(now),
                Waiting::Window => self.on_persist_timeout(now),
            };
        }
        events
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
    //# SYN retransmissions MUST be handled in the general way just described for data retransmissions, including
    //# notification of the application layer.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
    //# The following procedure MUST be used to handle excessive retransmissions of data segments (MUST-20):
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
    //# TCP implementations SHOULD inform the application of the delivery problem (unless such information has been
    //# disabled by the application; see the "Asynchronous Reports" section (Section 3.9.1.8)), when R1 is reached and
    //# before R2 (SHLD-9).
    /// RFC 6298 §5.4 to §5.6, RFC 5681 §3.1.
    fn on_retransmission_timeout(&mut self, now: Duration) -> Events {
        let handshake = matches!(self.state, State::SynSent | State::SynReceived);
        // RFC 9293 §3.8.3, MUST-20: R1 and R2 count the retransmissions of one segment; MUST-23: a
        // SYN has an R2 of its own.
        let limit = if handshake {
            self.settings.syn_retries
        } else {
            self.settings.retries
        };
        if self.timers.retries >= limit || (!handshake && self.is_user_timeout_over(now)) {
            return self.fail(ConnectionError::TimedOut);
        }
        self.rare.make().counters.timeouts += 1;
        self.timers.stop();
        if handshake {
            self.snd.syn_due = true;
        } else {
            self.lose_everything(now);
            self.suspect_black_hole(now);
        }
        let events = if self.timers.retries == R1 {
            Events::DELIVERY_PROBLEM
        } else {
            Events::empty()
        };
        self.timers.retries += 1;
        self.snd.stop_timing();
        // What is sent again now has waited long enough.
        self.departure = Deadline::NONE;
        // §5.5 and §5.6: back off, and start the timer again.
        self.rtt.back_off();
        self.timers.arm_retransmission(now, self.patience(now));
        events
    }

    fn is_user_timeout_over(&self, now: Duration) -> bool {
        self.user_timeout_at(now).is_some_and(|at| at <= now)
    }

    /// The RTO, or what is left of the user time-out.
    pub(super) fn patience(&self, now: Duration) -> Stamp {
        let rto = self.rtt.rto();
        match self.user_timeout_at(now) {
            Some(at) => rto.min(at.saturating_sub(now).into()),
            None => rto,
        }
    }

    /// RFC 6298 §5.4: "Retransmit the earliest segment that has not been acknowledged", and what follows it as the window
    /// allows (RFC 6675 §5.1).
    fn lose_everything(&mut self, now: Duration) {
        let first = self.timers.retries == 0;
        let mss = self.mss();
        let prior = (self.control.window(), self.control.ssthresh());
        let pipe = self.pipe();
        self.control.on_timeout(now, pipe, mss, first);
        self.recovery
            .on_timeout(Micros::new(now), self.snd.una, self.snd.max, prior);
        self.forget_tail_probe();
        if self.is_probing_mtu() {
            // Nothing came back at all: no verdict on the probe alone.
            self.give_up_mtu_probe(now);
        }
        if self.board.is_reneged() {
            // RFC 2018 §8: the peer had this and has it no more.
            self.board.renege();
        }
        self.rack.age(Micros::new(now));
        self.board.mark_lost(|_| true);
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
    //# SHOULD increase exponentially the interval between successive probes (SHLD-30).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
    //# If the window shrinks to zero, the TCP implementation MUST probe it in the standard way (described below)
    //# (MUST-35).
    /// RFC 9293 §3.8.6.1: probe, at growing intervals (SHLD-29, SHLD-30).
    fn on_persist_timeout(&mut self, now: Duration) -> Events {
        if self.timers.retries >= self.settings.retries || self.is_user_timeout_over(now) {
            return self.fail(ConnectionError::TimedOut);
        }
        self.timers.retries += 1;
        self.probe = true;
        self.rtt.back_off();
        self.timers.arm_persist(now, self.patience(now));
        Events::empty()
    }

    /// The timers as what is in flight and what is queued want them. Called when nothing more can be sent.
    #[inline]
    pub(super) fn settle_timer(&mut self, now: Duration) {
        let nothing = self.snd.in_flight() == 0 && !self.snd.has_unsent();
        if !(nothing && self.timers.is_stopped()) {
            self.settle_timer_anew(now);
        }
    }

    fn settle_timer_anew(&mut self, now: Duration) {
        if matches!(self.state, State::Closed | State::TimeWait) {
            return;
        }
        let waiting = self.timers.waiting();
        if self.snd.in_flight() > 0 {
            // RFC 6298 §5.1; usually it runs already.
            if waiting != Some(Waiting::Acknowledgement) {
                if waiting == Some(Waiting::Window) {
                    // The window has opened: the probes' back-off is over.
                    self.timers.retries = 0;
                    self.rtt.reset_back_off();
                }
                self.timers.arm_retransmission(now, self.rtt.rto());
            }
            self.settle_tail_probe(now);
        } else if self.snd.has_unsent() {
            // Nothing in flight and yet nothing may be sent: it is the peer's window.
            if waiting != Some(Waiting::Window) {
                self.timers.retries = 0;
                self.progress = Tick::new(now);
                //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
                //# The transmitting host SHOULD send the first zero-window probe when a zero window has existed for
                //# the retransmission timeout period (SHLD-29)
                self.timers.arm_persist(now, self.rtt.rto());
            }
        } else {
            // RFC 6298 §5.2: "When all outstanding data has been acknowledged, turn off".
            self.timers.stop();
        }
    }
}
