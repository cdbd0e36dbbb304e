//! From a half-open entry to a connection.

use core::time::Duration;

use super::Connection;
use crate::seq::SeqNumber;
use crate::timestamps::TimestampState;

/// Lets a half-open entry fill in what its handshake has settled.
pub(crate) struct Handshake<'a> {
    pub(super) connection: &'a mut Connection,
}

impl Handshake<'_> {
    /// The peer's SYN had `irs`; our SYN-ACK offered `window` bytes.
    pub(crate) fn peer(&mut self, irs: SeqNumber, window: u16) {
        let shift = self.connection.negotiated.receive_shift;
        self.connection.rcv.synchronize(irs, window, shift);
    }

    /// Our SYN-ACK is out; the peer's SYN offered `window` bytes.
    pub(crate) fn sent(&mut self, window: u16) {
        let snd = &mut self.connection.snd;
        snd.syn_due = false;
        snd.max = 1;
        snd.wnd = u32::from(window);
        snd.max_wnd = snd.wnd;
    }

    /// The state of the timestamps option, if it is on.
    pub(crate) fn timestamps(&mut self, state: Option<TimestampState>) {
        self.connection.timestamps = state;
    }

    /// The SYN-ACK was sent at `sent`, and `retransmitted` or not.
    pub(crate) fn timing(&mut self, sent: Duration, retransmitted: bool) {
        if retransmitted {
            self.connection.rtt.syn_was_retransmitted();
        } else {
            self.connection.snd.time_from(1, sent);
        }
    }
}
