//! Ending.

use std::net::Shutdown;
use std::time::Duration;

use longshore_sockets::{Closing, TcpStream};
use tcp_core::State as Tcb;

use super::{State, Tcp};
use crate::errno::{Errno, Result};
use crate::socket::times::Times;
use crate::socket::wake::Seen;

fn is_opening(stream: &TcpStream) -> bool {
    matches!(stream.status().state, Tcb::SynSent | Tcb::SynReceived)
}

impl Tcp {
    /// Lets go of the socket; `Some` if that is to wait until the peer has everything, and for how long.
    pub(crate) fn close(self) -> Option<(Closing, Duration)> {
        let time = self.options.linger.filter(|&seconds| seconds > 0)?;
        match self.state {
            State::Connecting(stream) | State::Connected(stream) if !is_opening(&stream) => {
                let closing = stream.start_close()?;
                Some((closing, Duration::from_secs(time.into())))
            }
            _ => None,
        }
    }

    /// Ends reading, writing or both.
    pub(crate) fn shutdown(&mut self, how: Shutdown) -> Result<()> {
        match &self.state {
            State::Fresh => Err(Errno::ENOTCONN),
            State::Listening(_) => {
                // As Linux: reading from a listener is accepting.
                if how != Shutdown::Write {
                    self.state = State::Fresh;
                }
                Ok(())
            }
            State::Connecting(stream) if is_opening(stream) => {
                self.state = State::Fresh;
                Ok(())
            }
            // Connected, though `connect` was not asked how it ended.
            State::Connecting(stream) | State::Connected(stream) => Ok(stream.shutdown(how)?),
        }
    }

    /// Gives up what it is, and may begin anew.
    pub(crate) fn disconnect(&mut self) {
        let before = std::mem::replace(&mut self.state, State::Fresh);
        if let State::Connecting(stream) | State::Connected(stream) = before {
            stream.abort();
        }
        self.seen = Seen::default();
        self.written = 0;
        self.times = Times::default();
    }
}
