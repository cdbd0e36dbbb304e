//! The send half of a connection: RFC 9293 §3.3.1's SND variables.

use core::time::Duration;

use crate::seq::SeqNumber;
use crate::time::{Stamp, Tick};

/// Send sequence space. Positions are sequence numbers unwrapped to 64 bits and counted from ISS:
/// the SYN is 0, the byte of stream offset `o` is `o + 1`, the FIN follows the last byte.
#[derive(Clone, Debug)]
pub(super) struct SendSpace {
    pub(super) iss: SeqNumber,
    /// SND.UNA.
    pub(super) una: u64,
    /// SND.NXT: one past the highest position ever sent.
    pub(super) max: u64,
    /// Our SYN is to be sent, or sent again.
    pub(super) syn_due: bool,
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
    //# It is RECOMMENDED that implementations will reserve 32-bit fields for the send and receive window sizes in
    //# the connection record and do all window computations with 32 bits (REC-1).
    /// SND.WND in bytes, scaled.
    pub(super) wnd: u32,
    /// Largest SND.WND so far (RFC 9293 §3.8.6.2.1: Max(SND.WND)).
    pub(super) max_wnd: u32,
    /// SND.WL1, as a position of the receive space.
    pub(super) wl1: SeqNumber,
    /// SND.WL2.
    pub(super) wl2: SeqNumber,
    /// Stream bytes that the program has written.
    pub(super) written: u64,
    /// The program has closed its side: a FIN follows the last byte.
    pub(super) fin: bool,
    /// One past the last segment sent that was smaller than the MSS (Minshall's SND.SML).
    pub(super) small_end: u64,
    /// When a segment with data was last sent.
    pub(super) last_sent: Tick,
    /// The segment whose round trip is being timed: the number that acknowledges it, and when it was sent. [`UNTIMED`]:
    /// there is none.
    timed_end: SeqNumber,
    timed_at: Stamp,
    /// How far the congestion window is used.
    pub(super) usage: Usage,
}

/// How much of the congestion window the last window of data used (Linux's `tcp_cwnd_validate`): one that is not used is not
/// tested (RFC 7661 §4.1).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Where that window of data ends.
    end: SeqNumber,
    /// Most that was in flight, in bytes.
    most: u32,
    /// The congestion window held data back.
    limited: bool,
}

/// 584 years.
const UNTIMED: Stamp = Stamp(u64::MAX);

impl SendSpace {
    /// Data was sent, or held back by the congestion window: `limited`.
    pub(super) fn note_usage(&mut self, limited: bool) {
        let in_flight = u32::try_from(self.in_flight()).unwrap_or(u32::MAX);
        let usage = self.usage;
        let over = usage.end <= self.seq(self.una);
        if over || limited || (!usage.limited && in_flight > usage.most) {
            self.usage = Usage {
                end: self.seq(self.max),
                most: in_flight,
                limited,
            };
        }
    }

    /// Whether a congestion window of `cwnd` bytes is used so much that it may grow: all of it, or more than half in slow
    /// start, where acknowledgements double it.
    pub(super) fn is_window_used(&self, cwnd: u64, slow_start: bool) -> bool {
        if slow_start {
            cwnd < 2 * u64::from(self.usage.most)
        } else {
            self.usage.limited
        }
    }

    pub(super) fn new(iss: SeqNumber) -> Self {
        Self {
            iss,
            una: 0,
            max: 0,
            syn_due: true,
            wnd: 0,
            max_wnd: 0,
            wl1: SeqNumber(0),
            wl2: SeqNumber(0),
            written: 0,
            fin: false,
            small_end: 0,
            last_sent: Tick::default(),
            timed_end: SeqNumber(0),
            timed_at: UNTIMED,
            usage: Usage::default(),
        }
    }

    /// Begins to time a round trip: that of what ends at position `end` and was sent at `at`.
    pub(super) fn time_from(&mut self, end: u64, at: Duration) {
        self.timed_end = self.seq(end);
        self.timed_at = at.into();
    }

    /// The round trip that is being timed: the number that acknowledges the segment, and when that was sent.
    pub(super) fn timed(&self) -> Option<(SeqNumber, Stamp)> {
        (self.timed_at != UNTIMED).then_some((self.timed_end, self.timed_at))
    }

    /// No round trip is timed any more.
    pub(super) const fn stop_timing(&mut self) {
        self.timed_at = UNTIMED;
    }

    /// The wire number of a position.
    #[expect(clippy::cast_possible_truncation)]
    pub(super) fn seq(&self, position: u64) -> SeqNumber {
        self.iss + position as u32
    }

    /// The position of an acknowledgement: the nearest to SND.UNA.
    pub(super) fn position(&self, ack: SeqNumber) -> Option<u64> {
        ack.unwrap_near(self.seq(self.una), self.una)
    }

    /// SND.UNA+SND.WND: one past the last position that the peer has room for.
    pub(super) const fn edge(&self) -> u64 {
        self.una + self.wnd as u64
    }

    /// One past the last byte written: where the FIN is.
    pub(super) const fn data_end(&self) -> u64 {
        self.written + 1
    }

    /// Whether our FIN is acknowledged.
    pub(super) const fn fin_acked(&self) -> bool {
        self.fin && self.una > self.data_end()
    }

    /// Whether data or a FIN waits to be sent for the first time.
    pub(super) const fn has_unsent(&self) -> bool {
        self.max < self.data_end() + self.fin as u64
    }

    /// FlightSize (RFC 5681 §2): sent and not acknowledged.
    pub(super) const fn in_flight(&self) -> u64 {
        self.max - self.una
    }

    /// Stream bytes that are acknowledged.
    pub(super) fn acked_offset(&self) -> u64 {
        self.una.saturating_sub(1).min(self.written)
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
    //# However, a sending TCP peer MUST be robust against window shrinking, which may cause the "usable window"
    //# (see Section 3.8.6.2.1) to become negative (MUST-34).
    /// The number for a segment that carries nothing: SND.NXT, but never beyond a window that the
    /// peer has shrunk, where it would not be acceptable.
    pub(super) fn acceptable_seq(&self) -> SeqNumber {
        self.seq(self.max.min(self.edge()).max(self.una))
    }
}
