//! Keep-alive (RFC 9293 §3.8.4) and the user time-out (RFC 9293 §3.8.3, RFC 5482 §3: the local one).

use core::time::Duration;

use super::{Connection, Reset, State};
use crate::config::KeepAlive;
use crate::event::{ConnectionError, Events};
use crate::time::{Deadline, Millis, Stamp, Tick};
use crate::transmit::Transmit;

/// What a connection keeps of its [`KeepAlive`].
#[derive(Clone, Debug, Default)]
pub(super) struct KeepAliveState {
    /// Zero: off.
    idle: Millis,
    interval: Millis,
    probes: u8,
    /// Probes that went unanswered.
    sent: u8,
    /// One is to be sent.
    pub(super) due: bool,
    pub(super) deadline: Deadline,
}

impl KeepAliveState {
    pub(super) fn new(settings: Option<KeepAlive>) -> Self {
        let Some(settings) = settings else {
            return Self::default();
        };
        // Zero means off.
        let least = Duration::from_millis(1);
        Self {
            idle: settings.idle.max(least).into(),
            interval: settings.interval.max(least).into(),
            probes: settings.probes,
            ..Self::default()
        }
    }

    fn is_on(&self) -> bool {
        self.idle != Millis::default()
    }
}

impl Connection {
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
    //# If keep-alives are included, the application MUST be able to turn them on or off for each TCP connection
    //# (MUST-24)
    /// Turns keep-alive on or off (SO_KEEPALIVE, TCP_KEEPIDLE and the like).
    pub fn set_keep_alive(&mut self, now: Duration, settings: Option<KeepAlive>) {
        self.keep_alive = KeepAliveState::new(settings);
        self.arm_keep_alive(now);
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
    //# An application MUST (MUST-21) be able to set the value for R2 for a particular connection.
    /// How long data may stay unacknowledged, or a window closed, before the connection fails (TCP_USER_TIMEOUT); `None`:
    /// as long as [`Config::retries`](crate::Config::retries) say.
    pub fn set_user_timeout(&mut self, limit: Option<Duration>) {
        self.settings.user_timeout = limit.unwrap_or_default().into();
    }

    /// Starts to count the idle time anew.
    pub(super) fn arm_keep_alive(&mut self, now: Duration) {
        let keep_alive = &mut self.keep_alive;
        if keep_alive.is_on() && self.state.is_synchronized() {
            keep_alive.deadline = Deadline::after(now, keep_alive.idle.into());
        } else {
            keep_alive.deadline = Deadline::NONE;
        }
    }

    /// Something has come from the peer.
    pub(super) fn note_sign_of_life(&mut self, now: Duration) {
        self.heard = Tick::new(now);
        self.keep_alive.sent = 0;
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
    //# Consequently, if a keep-alive mechanism is implemented it MUST NOT interpret failure to respond to any
    //# specific probe as a dead connection (MUST-29).
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
    //# Keep-alive packets MUST only be sent when no sent data is outstanding, and no data or acknowledgment packets
    //# have been received for the connection within an interval (MUST-26).
    /// RFC 9293 §3.8.4, MUST-26: only if nothing was heard for the interval, and (as Linux) nothing else is under way that
    /// would find the peer dead.
    pub(super) fn on_keep_alive_timeout(&mut self, now: Duration) -> Events {
        let idle = Stamp::from(self.keep_alive.idle);
        let silence = self.heard.elapsed(now);
        if self.snd.in_flight() > 0 || self.snd.has_unsent() {
            self.arm_keep_alive(now);
            return Events::empty();
        }
        if silence < idle {
            self.keep_alive.deadline = Deadline::after(now, Stamp(idle.0 - silence.0));
            return Events::empty();
        }
        let limit = Stamp::from(self.settings.user_timeout);
        // MUST-29: one unanswered probe is no proof. With a user time-out, that decides, as Linux.
        let dead = if limit == Stamp::default() {
            self.keep_alive.sent >= self.keep_alive.probes
        } else {
            self.keep_alive.sent > 0 && silence >= limit
        };
        if dead {
            self.reset = Some(Reset::Acknowledging(self.snd.acceptable_seq()));
            return self.fail(ConnectionError::TimedOut);
        }
        self.keep_alive.sent = self.keep_alive.sent.saturating_add(1);
        self.keep_alive.due = true;
        self.keep_alive.deadline = Deadline::after(now, self.keep_alive.interval.into());
        Events::empty()
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
    //# An implementation SHOULD send a keep-alive segment with no data (SHLD-12)
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4
    //# Implementers MAY include "keep-alives" in their TCP implementations (MAY-5), although this practice is not
    //# universally accepted.
    /// RFC 9293 §3.8.4: SEG.SEQ = SND.NXT-1, without data (SHLD-12): the peer has to acknowledge it.
    pub(super) fn poll_keep_alive(&mut self, now: Duration) -> Option<Transmit> {
        if !core::mem::take(&mut self.keep_alive.due) || self.state == State::TimeWait {
            return None;
        }
        self.rare.make().counters.keep_alives += 1;
        let mut probe = self.segment(now, self.snd.max, self.snd.max, false);
        probe.seq = self.snd.seq(self.snd.una) - 1;
        Some(probe)
    }

    /// When the user time-out is over, if data waits for an acknowledgement or a window.
    pub(super) fn user_timeout_at(&self, now: Duration) -> Option<Duration> {
        let limit = Duration::from(self.settings.user_timeout);
        (!limit.is_zero()).then(|| now + limit.saturating_sub(self.progress.elapsed(now).into()))
    }
}
