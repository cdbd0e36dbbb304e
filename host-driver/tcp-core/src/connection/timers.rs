//! The timers of a connection: one deadline each, moved and never queued.

use core::time::Duration;

use super::{Connection, State};
use crate::event::{ConnectionError, Events};

/// What the retransmission timer stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// An ACK of what is in flight (RFC 6298 §5).
    Acknowledgement,
    /// A window to send in (RFC 9293 §3.8.6.1).
    Window,
}

/// Deadlines.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    retransmission: Option<(Waiting, Duration)>,
    /// End of TIME-WAIT, or of FIN-WAIT-2 after close.
    end: Option<Duration>,
    /// Expiries of the retransmission timer without progress.
    pub(super) retries: u8,
}

impl Timers {
    pub(super) const fn end(&self) -> Option<Duration> {
        self.end
    }

    pub(super) const fn arm_end(&mut self, at: Duration) {
        self.end = Some(at);
    }

    pub(super) fn arm_retransmission(&mut self, now: Duration, rto: Duration) {
        self.retransmission = Some((Waiting::Acknowledgement, now + rto));
    }

    pub(super) fn arm_persist(&mut self, now: Duration, rto: Duration) {
        self.retransmission = Some((Waiting::Window, now + rto));
    }

    pub(super) const fn stop(&mut self) {
        self.retransmission = None;
    }

    pub(super) fn waiting(&self) -> Option<Waiting> {
        self.retransmission.map(|(waiting, _)| waiting)
    }

    fn expired(&self, now: Duration) -> Option<Waiting> {
        self.retransmission
            .filter(|&(_, at)| at <= now)
            .map(|(waiting, _)| waiting)
    }
}

impl Connection {
    /// When [`Connection::on_timeout`] is to be called at the latest. Ask again after every call
    /// that changes the connection.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        [
            self.timers.retransmission.map(|(_, at)| at),
            self.timers.end,
            self.ack.deadline,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Time has come to `now`. Harmless if no deadline has passed.
    pub fn on_timeout(&mut self, now: Duration) -> Events {
        let mut events = Events::empty();
        if self.ack.deadline.is_some_and(|at| at <= now) {
            self.ack.deadline = None;
            self.ack.now = true;
        }
        if self.timers.end.is_some_and(|at| at <= now) {
            self.enter_closed();
            events |= Events::CLOSED;
        }
        match self.timers.expired(now) {
            Some(Waiting::Acknowledgement) => events |= self.on_retransmission_timeout(now),
            Some(Waiting::Window) => events |= self.on_persist_timeout(now),
            None => {}
        }
        events
    }

    /// RFC 6298 §5.4 to §5.6, RFC 5681 §3.1.
    fn on_retransmission_timeout(&mut self, now: Duration) -> Events {
        let handshake = matches!(self.state, State::SynSent | State::SynReceived);
        // RFC 9293 §3.8.3, MUST-20: R1 and R2 count the retransmissions of one segment; MUST-23: a
        // SYN has an R2 of its own.
        let limit = if handshake {
            self.config.syn_retries
        } else {
            self.config.retries
        };
        if self.timers.retries >= limit {
            return self.fail(ConnectionError::TimedOut);
        }
        self.counters.timeouts += 1;
        if !handshake {
            let first = self.timers.retries == 0;
            let in_flight = self.snd.in_flight();
            let mss = self.mss();
            self.control.on_timeout(now, in_flight, mss, first);
            self.recovery.on_timeout(now, self.snd.max);
        }
        self.timers.retries += 1;
        // §5.4: "Retransmit the earliest segment that has not been acknowledged", and what follows
        // it as the window allows.
        self.snd.nxt = self.snd.una;
        self.snd.timed = None;
        // §5.5 and §5.6: back off, and start the timer again.
        self.rtt.back_off();
        self.timers.arm_retransmission(now, self.rtt.rto());
        Events::empty()
    }

    /// RFC 9293 §3.8.6.1: probe, at growing intervals (SHLD-29, SHLD-30).
    fn on_persist_timeout(&mut self, now: Duration) -> Events {
        if self.timers.retries >= self.config.retries {
            return self.fail(ConnectionError::TimedOut);
        }
        self.timers.retries += 1;
        self.probe = true;
        self.rtt.back_off();
        self.timers.arm_persist(now, self.rtt.rto());
        Events::empty()
    }

    /// The retransmission timer as what is in flight and what is queued want it. Called when
    /// nothing more can be sent.
    pub(super) fn settle_timer(&mut self, now: Duration) {
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
        } else if self.snd.has_unsent() {
            // Nothing in flight and yet nothing may be sent: it is the peer's window.
            if waiting != Some(Waiting::Window) {
                self.timers.retries = 0;
                self.timers.arm_persist(now, self.rtt.rto());
            }
        } else {
            // RFC 6298 §5.2: "When all outstanding data has been acknowledged, turn off".
            self.timers.stop();
        }
    }
}
