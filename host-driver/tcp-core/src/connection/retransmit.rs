//! What is sent again, and how much may be in flight (RFC 6675).

use core::time::Duration;

use super::{Connection, Phase, Suspicion};
use crate::congestion::CongestionControl as _;
use crate::time::Micros;
use crate::transmit::Transmit;

impl Connection {
    /// Pipe (RFC 6675 §4): bytes that are believed to be in the network. Without SACK, every duplicate ACK stands for a
    /// segment that has left it.
    pub(super) fn pipe(&self) -> u64 {
        let flight = self.snd.in_flight();
        let gone = u64::from(self.board.sacked()) + u64::from(self.board.lost());
        let guessed = if self.negotiated.sack || self.recovery.phase == Phase::Loss {
            0
        } else {
            u64::from(self.recovery.dup_acks) * u64::from(self.mss())
        };
        flight.saturating_sub(gone + guessed)
    }

    /// What may be in flight.
    pub(super) fn congestion_window(&self) -> u64 {
        match self.recovery.window() {
            Some(window) => window,
            None => self.control.window().max(u64::from(self.mss())),
        }
    }

    /// The first of what is lost, as much as the window allows (RFC 6675 §5 (C), NextSeg rule 1).
    pub(super) fn poll_retransmit(&mut self, now: Duration) -> Option<Transmit> {
        let record = self.board.first_lost()?;
        if self.recovery.suspicion == Suspicion::NewWanted && self.snd.has_unsent() {
            // RFC 5682 §2.1 step 2b: first something new, to see whether originals still arrive.
            return None;
        }
        let mss = u64::from(self.mss());
        let start =
            self.snd.una + u64::from(record.start.0.wrapping_sub(self.snd.seq(self.snd.una).0));
        // To a peer that has taken back its window, the first segment goes as a probe, and nothing else (RFC 9293
        // §3.8.6, SHLD-17 and the zero-window probes).
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
        //# The sender MAY also retransmit old data beyond SND.UNA+SND.WND (MAY-7)
        //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
        //# SHOULD retransmit normally the old unacknowledged data between SND.UNA and SND.UNA+SND.WND (SHLD-16).
        let edge = self.snd.edge();
        let room = match edge.saturating_sub(start) {
            0 if start > self.snd.una => return None,
            0 => mss,
            room => room,
        };
        let quota = self.congestion_window().saturating_sub(self.pipe());
        let allowed = quota - quota % mss;
        let batch = if self.is_urgent(start) {
            mss
        } else {
            self.largest_batch()
        };
        let len = u64::from(record.len()).min(allowed).min(batch).min(room);
        if len == 0 {
            return None;
        }
        let len = self.boundaries.cap(start, start + len) - start;
        if start == self.snd.una {
            // As Linux: the timer is that of the segment that goes out now.
            self.timers.arm_retransmission(now, self.patience(now));
        }
        Some(self.send_again(now, start, start + len))
    }

    //= https://www.rfc-editor.org/rfc/rfc3168#section-6.1.5
    //# This document specifies ECN-capable TCP implementations MUST NOT set either ECT codepoint (ECT(0) or ECT(1))
    //# in the IP header for retransmitted data packets
    /// Sends again what lies between two positions; it may end with the FIN.
    pub(super) fn send_again(&mut self, now: Duration, start: u64, end: u64) -> Transmit {
        let at = Micros::new(now);
        let (left, right) = (self.snd.seq(start), self.snd.seq(end));
        self.board.sent_again(left, right, at);
        self.recovery.on_sent(end - start);
        self.pace(now, end - start);
        if start == self.snd.una && self.recovery.head_resent().is_none() {
            self.recovery.note_head_resent(left, at);
        }
        // Karn: no measurement of what is sent twice (RFC 6298 §3).
        self.snd.stop_timing();
        let segments = (end - start).div_ceil(u64::from(self.mss()));
        self.rare.make().counters.retransmitted += u32::try_from(segments).unwrap_or(u32::MAX);
        let data_end = self.snd.data_end();
        let fin = self.snd.fin && end > data_end;
        self.segment(now, start.min(data_end), end.min(data_end), fin)
    }
}
