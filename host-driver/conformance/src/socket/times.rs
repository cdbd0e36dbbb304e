//! When things happened last, and what a connection has spent its time with: `struct tcp_info`'s times. The clock of a run
//! stands still between events, so looking at each of them is enough.

use std::time::Duration;

use longshore_sockets::Status;
use tcp_core::{Counters, Info, State};

/// What keeps a connection that has something to send (Linux: `enum tcp_chrono`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Busy,
    /// The peer's window.
    Window,
    /// The send buffer, which somebody found full.
    Buffer,
}

/// Times of one connection, in virtual time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    /// When it was last looked at.
    now: Duration,
    phase: Phase,
    busy: Duration,
    window: Duration,
    buffer: Duration,
    /// Bytes sent and received and segments received when it was looked at, and since when that is so.
    sent: (u64, Duration),
    received: (u64, Duration),
    heard: (u64, Duration),
    /// It was looked at since its handshake is over.
    connected: bool,
}

impl Times {
    /// Looks at a connection. `blocked`: somebody found no room to write.
    pub(super) fn observe(
        &mut self,
        now: Duration,
        status: &Status,
        info: &Info,
        counters: &Counters,
        blocked: bool,
    ) {
        let passed = now.saturating_sub(self.now);
        match self.phase {
            Phase::Idle => {}
            Phase::Busy => self.busy += passed,
            Phase::Window => self.window += passed,
            Phase::Buffer => self.buffer += passed,
        }
        self.now = now;
        // As Linux: what was never sent or received counts from the end of the handshake on.
        let connected = !matches!(info.state, State::SynSent | State::SynReceived);
        let begins = connected && !self.connected;
        self.connected = connected;
        for (last, value) in [
            (&mut self.sent, counters.bytes_out),
            (&mut self.received, status.received),
            (&mut self.heard, counters.segs_in),
        ] {
            if last.0 != value || begins {
                *last = (value, now);
            }
        }
        let room = info.send_window.saturating_sub(info.in_flight);
        self.phase = if status.unacknowledged == 0 || status.over {
            Phase::Idle
        } else if status.unsent > 0 && room < status.unsent.min(info.mss.into()) {
            Phase::Window
        } else if status.unsent == 0 && blocked && info.in_flight < info.cwnd {
            Phase::Buffer
        } else {
            Phase::Busy
        };
    }

    /// Time since data was sent, since data came, and since anything came.
    pub(super) fn since(&self) -> [Duration; 3] {
        [self.sent, self.received, self.heard].map(|(_, at)| self.now.saturating_sub(at))
    }

    /// Time with something to send; of that, held up by the peer's window, and by the send buffer.
    pub(super) fn spent(&self) -> [Duration; 3] {
        [
            self.busy + self.window + self.buffer,
            self.window,
            self.buffer,
        ]
    }
}
