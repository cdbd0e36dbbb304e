//! What a program may change of a connection under way.

use super::Connection;
use crate::congestion::{Algorithm, CongestionControl as _, Control};
use crate::negotiate::initial_window;

impl Connection {
    /// Holds back whatever does not fill a segment (TCP_CORK), for an RTO at most; off lets it go.
    pub const fn set_cork(&mut self, cork: bool) {
        self.settings.cork = cork;
    }

    /// Acknowledges the next segments at once (TCP_QUICKACK), and what waits for company now; off: delays ACKs from now on,
    /// until there is a reason not to.
    pub fn set_quick_ack(&mut self, quick: bool) {
        self.ack.set_quick(quick, self.settings.quick_acks);
    }

    /// Whether ACKs are not delayed for answers to carry them.
    #[must_use]
    pub const fn is_quick_ack(&self) -> bool {
        self.ack.is_quick()
    }

    /// Another congestion control from now on; window and threshold stay (TCP_CONGESTION). It does not change what the
    /// handshake has agreed on: DCTCP without ECN behaves as NewReno.
    pub fn set_congestion(&mut self, algorithm: Algorithm) {
        if self.settings.congestion == algorithm {
            return;
        }
        self.settings.congestion = algorithm;
        let (window, threshold) = (self.control.window(), self.control.ssthresh());
        let initial = initial_window(self.settings.initial_window, self.mss());
        self.control = Control::new(algorithm, initial);
        self.control.resume(window, threshold);
    }

    /// Which congestion control is used.
    #[must_use]
    pub const fn congestion(&self) -> Algorithm {
        self.settings.congestion
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
    //# A TCP receiver SHOULD NOT shrink the window, i.e., move the right window edge to the left (SHLD-14).
    /// Changes the size of the receive buffer (SO_RCVBUF) to `len` bytes, or to as few as what was offered to the peer allows.
    /// Returns the size, which the buffer must have from now on. A window larger than the scale can tell is not offered.
    pub fn set_receive_buffer(&mut self, len: u32) -> u32 {
        let offered = self.receive_edge() - self.rcv.consumed;
        let offered = u32::try_from(offered).unwrap_or(u32::MAX);
        self.rcv.buffer = len.clamp(1, crate::Config::MAX_RECEIVE_BUFFER).max(offered);
        if self.state.can_receive() && self.rcv.wants_update(self.settings.offer.mss) {
            self.ack.now = true;
        }
        self.rcv.buffer
    }

    /// Stream offset up to which the peer was ever told that there is room: nothing is placed beyond.
    #[must_use]
    pub fn receive_edge(&self) -> u64 {
        self.rcv.adv.saturating_sub(1).max(self.rcv.consumed)
    }

    /// Bytes written that were never sent yet (SIOCOUTQNSD).
    #[must_use]
    pub const fn unsent(&self) -> u64 {
        self.snd
            .data_end()
            .saturating_sub(if self.snd.max == 0 { 1 } else { self.snd.max })
    }

    /// Whether the program has ended its side: nothing can be written any more.
    #[must_use]
    pub const fn is_write_closed(&self) -> bool {
        self.snd.fin || self.released
    }
}
