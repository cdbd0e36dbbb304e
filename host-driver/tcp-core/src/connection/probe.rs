//! Tail loss probes (RFC 8985 §7): when nothing comes back any more, one segment asks.

use core::time::Duration;

use super::timers::Early;
use super::{Connection, Phase};
use crate::seq::SeqNumber;
use crate::time::{Deadline, Stamp};
use crate::transmit::Transmit;

/// PTO before the first measurement of a round trip (RFC 8985 §7.2).
const UNMEASURED: Stamp = Stamp::from_millis(1000);

/// TLP.max_ack_delay: how long a peer may hold back the ACK of a single segment. As Linux.
const MAX_ACK_DELAY: Stamp = Stamp::from_millis(200);

/// A probe in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct TailProbe {
    /// TLP.end_seq, SND.NXT when it was sent.
    pub(super) end: SeqNumber,
    /// TLP.is_retrans.
    pub(super) again: bool,
}

/// What a segment that is to be sent asks, if one is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProbeDue {
    None,
    /// Whether anything gets there: a tail loss probe.
    Tail,
    /// Whether larger segments do (RFC 4821), once enough is queued.
    PathMtu,
}

/// On a network of microseconds the peer's software is slower than two round trips (Linux: TCP_TIMEOUT_MIN).
const LEAST: Stamp = Stamp::from_millis(2);

impl Connection {
    /// The probe that is in flight.
    pub(super) fn tail_probe(&self) -> Option<TailProbe> {
        self.rare.get()?.tail_probe
    }

    /// No probe is in flight any more.
    pub(super) fn forget_tail_probe(&mut self) {
        if let Some(rare) = self.rare.get_mut() {
            rare.tail_probe = None;
        }
    }

    /// RFC 8985 §7.2, TLP_calc_PTO(): arms the timer when new data has gone out, or some of it was acknowledged, and
    /// nothing is known to be lost.
    pub(super) fn settle_tail_probe(&mut self, now: Duration) {
        let wanted = self.negotiated.sack
            && self.tail_moved
            && self.tail_probe().is_none()
            && self.recovery.phase == Phase::Open
            && self.board.sacked() == 0
            && self.timers.retries == 0
            && self.state.is_synchronized();
        if !wanted {
            if self.timers.early() == Some(Early::TailProbe) && self.board.sacked() > 0 {
                self.timers.stop_early(Early::TailProbe);
            }
            return;
        }
        if self.timers.early() == Some(Early::Reorder) {
            return;
        }
        self.tail_moved = false;
        let round_trips = self.rtt.srtt().map_or(UNMEASURED.0, |srtt| 2 * srtt.0);
        let patience = if self.snd.in_flight() <= u64::from(self.mss()) {
            MAX_ACK_DELAY
        } else {
            LEAST
        };
        let at = Deadline::after(now, Stamp(round_trips + patience.0));
        // "If an RTO would expire before the PTO": the probe goes out then instead.
        let at = at.min(self.timers.retransmission_at());
        self.timers.arm_early(Early::TailProbe, at);
    }

    pub(super) fn on_tail_probe_timeout(&mut self, now: Duration) {
        self.probe_due = ProbeDue::Tail;
        // RFC 8985 §7.3: "the sender MUST arm an RTO timer" after the probe.
        self.timers.arm_retransmission(now, self.patience(now));
    }

    /// The segment that is due to ask, if it may go out.
    pub(super) fn poll_due_probe(&mut self, now: Duration) -> Option<Transmit> {
        match self.probe_due {
            ProbeDue::None => None,
            ProbeDue::Tail => self.poll_tail_probe(now),
            ProbeDue::PathMtu => self.poll_mtu_probe(now),
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
    //# If such an unsent segment is not available, then the sender SHOULD retransmit the highest-sequence segment
    //# sent so far and set TLP.is_retrans to true.
    //= https://www.rfc-editor.org/rfc/rfc8985#section-7.3
    //# If both conditions are met, then the sender SHOULD transmit a previously unsent data segment, if one exists
    //# and the receive window allows, and increment the FlightSize accordingly.
    /// RFC 8985 §7.3, TLP_send_probe(): new data if there is some and the peer has room for it, else the last segment.
    fn poll_tail_probe(&mut self, now: Duration) -> Option<Transmit> {
        self.probe_due = ProbeDue::None;
        if self.snd.in_flight() == 0 || self.tail_probe().is_some() {
            return None;
        }
        self.rare.make().counters.tail_probes += 1;
        let mss = u64::from(self.mss());
        let (start, data_end) = (self.snd.max, self.snd.data_end());
        let edge = self.snd.edge();
        if start < data_end && start < edge {
            let end = (start + mss).min(data_end).min(edge);
            let end = self.boundaries.cap(start, end);
            let transmit = self.send_new(now, start, end, false);
            let end = self.snd.seq(self.snd.max);
            self.rare.make().tail_probe = Some(TailProbe { end, again: false });
            return Some(transmit);
        }
        let end = self.snd.max;
        let start = end.saturating_sub(mss).max(self.snd.una);
        let start = self.boundaries.last_start(start, end);
        self.rare.make().tail_probe = Some(TailProbe {
            end: self.snd.seq(end),
            again: true,
        });
        Some(self.send_again(now, start, end))
    }
}
