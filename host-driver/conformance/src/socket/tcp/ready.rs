//! What can be done without waiting, and what waits.

use std::time::Duration;

use longshore_sockets::TcpListener;
use tcp_core::State as Tcb;

use super::{State, Tcp};
use crate::errno::{Errno, Result};

/// Bytes in the send queue that were never sent. SIOCINQ is FIONREAD, SIOCOUTQ is TIOCOUTQ.
const SIOCOUTQNSD: libc::c_ulong = 0x894b;
/// Whether reading has come to the urgent byte.
const SIOCATMARK: libc::c_ulong = 0x8905;

impl Tcp {
    /// Somebody looked for room to write and found none.
    pub(crate) fn note_no_room(&mut self) {
        if self.status().is_some_and(|status| !status.has_room) {
            self.blocked = true;
        }
    }

    /// What ioctl(2) tells of the queues.
    pub(crate) fn queued(&self, request: libc::c_ulong) -> Result<i32> {
        let int = |n: u64| i32::try_from(n).unwrap_or(i32::MAX);
        let status = match &self.state {
            State::Listening(_) => return Err(Errno::EINVAL),
            _ => self.status(),
        };
        let Some(status) = status else {
            return match request {
                libc::FIONREAD | libc::TIOCOUTQ | SIOCOUTQNSD | SIOCATMARK => Ok(0),
                _ => Err(Errno::ENOTTY),
            };
        };
        match request {
            libc::FIONREAD => Ok(int(status.available)),
            libc::TIOCOUTQ => Ok(int(status.unacknowledged)),
            SIOCOUTQNSD => Ok(int(status.unsent)),
            SIOCATMARK => Ok(status.at_mark.into()),
            _ => Err(Errno::ENOTTY),
        }
    }

    /// What poll(2) says, as Linux' `tcp_poll`.
    pub(crate) fn mask(&self) -> u32 {
        let mut mask = 0;
        match &self.state {
            State::Fresh => mask |= libc::EPOLLHUP | libc::EPOLLOUT | libc::EPOLLWRNORM,
            State::Listening(listeners) => {
                if listeners.iter().any(|l| l.queued() > 0) {
                    mask |= libc::EPOLLIN | libc::EPOLLRDNORM;
                }
            }
            State::Connecting(stream) | State::Connected(stream) => {
                let status = stream.status();
                if status.over || (status.read_closed && status.write_closed) {
                    mask |= libc::EPOLLHUP;
                }
                if status.read_closed || status.over {
                    mask |= libc::EPOLLIN | libc::EPOLLRDNORM | libc::EPOLLRDHUP;
                }
                if !matches!(status.state, Tcb::SynSent | Tcb::SynReceived) || status.over {
                    if status.urgent {
                        mask |= libc::EPOLLPRI;
                    }
                    if status.available >= self.options.receive_low_water as u64 {
                        mask |= libc::EPOLLIN | libc::EPOLLRDNORM;
                    }
                    if status.has_room || status.write_closed || status.over {
                        mask |= libc::EPOLLOUT | libc::EPOLLWRNORM;
                    }
                }
                if status.failed {
                    mask |= libc::EPOLLERR;
                }
            }
        }
        if !self.errors.is_empty() {
            mask |= libc::EPOLLERR;
        }
        mask as u32
    }

    /// Events that would have woken whoever polls the socket, since the last call.
    pub(crate) fn take_wakeups(&mut self, now: Duration) -> u32 {
        if let State::Connecting(stream) | State::Connected(stream) = &self.state {
            let (info, counters) = (stream.info(), stream.counters());
            self.times
                .observe(now, &stream.status(), &info, &counters, self.blocked);
        }
        let errors = if self.complete_sends() {
            libc::EPOLLERR as u32
        } else {
            0
        };
        let keys = match &self.state {
            State::Fresh => 0,
            State::Listening(listeners) => {
                let queued = listeners.iter().map(TcpListener::queued).sum();
                self.seen.listener(queued)
            }
            State::Connecting(stream) | State::Connected(stream) => {
                let status = stream.status();
                let least = self.options.receive_low_water as u64;
                self.seen.stream(status, least, &mut self.blocked)
            }
        };
        keys | errors
    }
}
