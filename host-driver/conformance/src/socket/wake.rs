//! What wakes those who poll a TCP socket, and with which events, as Linux' callbacks do (`sk_data_ready`, `sk_write_space`,
//! `sk_state_change`, `sk_error_report`).

use longshore_sockets::Status;
use tcp_core::State;

/// What was seen of a socket when it was last looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    stream: Option<Status>,
    queued: usize,
}

/// Everybody is woken, whatever he asked for.
pub(super) const ANY: u32 = u32::MAX;
const INPUT: u32 = (libc::EPOLLIN | libc::EPOLLRDNORM) as u32;
const OUTPUT: u32 = (libc::EPOLLOUT | libc::EPOLLWRNORM) as u32;
const ERROR: u32 = libc::EPOLLERR as u32;

impl Seen {
    /// A stream's status and what has become of it since. `least`: SO_RCVLOWAT; `blocked`: somebody found no room to write.
    pub(super) fn stream(&mut self, now: Status, least: u64, blocked: &mut bool) -> u32 {
        let before = self.stream.replace(now);
        let Some(before) = before else { return 0 };
        let mut keys = 0;
        let connected = |state| !matches!(state, State::SynSent | State::SynReceived);
        if now.received > before.received && now.available >= least {
            keys |= INPUT;
        }
        if now.urgent && !before.urgent {
            keys |= INPUT | libc::EPOLLPRI as u32;
        }
        if now.failed && !before.failed {
            keys |= ERROR;
        }
        let changed = now.over != before.over
            || now.read_closed != before.read_closed
            || connected(now.state) != connected(before.state);
        if changed {
            keys |= ANY;
        }
        if *blocked && now.has_room {
            *blocked = false;
            keys |= OUTPUT;
        }
        keys
    }

    /// Connections that wait to be accepted.
    pub(super) fn listener(&mut self, queued: usize) -> u32 {
        let before = std::mem::replace(&mut self.queued, queued);
        if queued > before { INPUT } else { 0 }
    }
}
