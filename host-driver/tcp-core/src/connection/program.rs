//! The program's side: the calls of RFC 9293 §3.10.2 to §3.10.6, and what it may ask.

use core::time::Duration;

use super::{Connection, State};
use crate::counters::Counters;
use crate::event::{ConnectionError, WriteClosed};
use crate::time_wait::TimeWait;
use crate::transmit::Transmit;

impl Connection {
    /// The program has put `len` more bytes into the send buffer, at
    /// [`Connection::written_offset`].
    ///
    /// # Errors
    /// [`WriteClosed`] once the write side is closed or the connection over.
    pub fn write(&mut self, len: u64) -> Result<(), WriteClosed> {
        if self.snd.fin || self.released || !self.state.can_write() {
            return Err(WriteClosed);
        }
        self.snd.written += len;
        self.pushed = false;
        Ok(())
    }

    /// The program has taken `len` bytes out of the receive buffer. More than
    /// [`Connection::available`] counts as all of them. May make a window update due.
    pub fn consume(&mut self, len: u64) {
        self.rcv.consumed += len.min(self.available());
        if self.state.can_receive() && self.rcv.wants_update(self.settings.offer.mss) {
            self.ack.now = true;
        }
    }

    /// Half-close (RFC 9293 §3.10.4): a FIN follows the last byte written. Without effect if it was
    /// called before.
    pub fn shutdown_write(&mut self) {
        match self.state {
            // RFC 9293 §3.10.4: in SYN-SENT the close waits; the FIN follows the handshake.
            State::SynSent | State::SynReceived => self.snd.fin = true,
            State::Established => {
                self.snd.fin = true;
                self.state = State::FinWait1;
            }
            State::CloseWait => {
                self.snd.fin = true;
                self.state = State::LastAck;
            }
            _ => {}
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.6.1
    //# If such a host issues a CLOSE call while received data is still pending in the TCP connection, or if new
    //# data is received after CLOSE is called, its TCP implementation SHOULD send a RST to show that data was lost
    //# (SHLD-3).
    /// The program lets the connection go. What was written is still sent, then a FIN; but if bytes
    /// that came were not read, or more come, the peer gets a RST, for they are lost
    /// (RFC 1122 §4.2.2.13, RFC 2525 §2.17). Cannot fail.
    pub fn close(&mut self, now: Duration) {
        if self.released {
            return;
        }
        self.released = true;
        match self.state {
            // RFC 9293 §3.10.4: "SYN-SENT: Delete the TCB".
            State::SynSent => self.enter_closed(),
            State::TimeWait | State::Closed => {}
            _ if self.available() > 0 => self.reset_connection(),
            State::FinWait2 => self.timers.arm_end(now + self.settings.fin_wait_2.into()),
            _ => self.shutdown_write(),
        }
    }

    /// Ends the connection at once (RFC 9293 §3.10.5). Returns the RST to send, if the peer knows of
    /// the connection. Cannot fail; the state is CLOSED afterwards.
    pub fn abort(&mut self, now: Duration) -> Option<Transmit> {
        self.released = true;
        match self.state {
            State::SynSent | State::TimeWait | State::Closed => self.enter_closed(),
            _ => self.reset_connection(),
        }
        self.take_reset(now)
    }

    /// Whether everything that was written, and the FIN after it, is acknowledged: what a lingering close (SO_LINGER) waits
    /// for. True once the connection is over, whatever became of the data.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.state == State::Closed || (self.snd.fin && self.snd.fin_acked())
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.8
    //# There MUST be a mechanism for reporting soft TCP error conditions to the application (MUST-47).
    /// Why the connection failed; `Some` once, and never again.
    pub fn take_error(&mut self) -> Option<ConnectionError> {
        self.error.take()
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Stream offset after the last byte that the peer has acknowledged: the send buffer is free up
    /// to here.
    #[must_use]
    pub fn acked_offset(&self) -> u64 {
        self.snd.acked_offset()
    }

    /// Stream offset after the last byte written.
    #[must_use]
    pub const fn written_offset(&self) -> u64 {
        self.snd.written
    }

    /// Stream offset after the last byte that can be read.
    #[must_use]
    pub fn readable_offset(&self) -> u64 {
        self.rcv.readable_offset()
    }

    /// Stream offset after the last byte that was read ([`Connection::consume`]).
    #[must_use]
    pub const fn consumed_offset(&self) -> u64 {
        self.rcv.consumed
    }

    /// Bytes that can be read now.
    #[must_use]
    pub fn available(&self) -> u64 {
        self.rcv.readable_offset() - self.rcv.consumed
    }

    /// Whether the peer's FIN came, and all data before it: after the readable bytes comes end of
    /// file.
    #[must_use]
    pub fn is_peer_closed(&self) -> bool {
        self.rcv.finished()
    }

    /// Whether [`Connection::write`] would succeed.
    #[must_use]
    pub const fn can_write(&self) -> bool {
        !self.snd.fin && !self.released && self.state.can_write()
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.4
    //# However, there MUST be a way for an application to disable the Nagle algorithm on an individual connection
    //# (MUST-17).
    /// Turns Nagle's algorithm on or off (TCP_NODELAY is off). Off lets go what it, or a cork, holds back now.
    pub const fn set_nagle(&mut self, nagle: bool) {
        self.settings.nagle = nagle;
        self.pushed = !nagle && self.unsent() > 0;
    }

    /// What the connection has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let rare = self.rare.get().map(|rare| rare.counters);
        rare.unwrap_or_default().with(&self.counters)
    }

    /// In TIME-WAIT: the small record that can take the connection's place. Call
    /// [`Connection::poll_transmit`] to its end first: the last ACK may be due.
    #[must_use]
    pub fn time_wait(&self) -> Option<TimeWait> {
        let expires = self.timers.end()?;
        (self.state == State::TimeWait).then(|| {
            TimeWait::new(
                self.snd.seq(self.snd.max),
                self.rcv.seq(self.rcv.nxt),
                self.timestamps,
                expires,
                self.settings.time_wait,
            )
        })
    }
}
