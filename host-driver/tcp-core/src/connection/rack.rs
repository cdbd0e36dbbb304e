//! RACK: losses found by time (RFC 8985 §6).
//!
//! Whatever was sent before something that has arrived, and not just before, is lost.

use super::scoreboard::{Mark, Record, SPAN_UNIT, Scoreboard};
use crate::seq::SeqNumber;
use crate::time::Micros;

/// RFC 8985 §6.2 step 4: recoveries that a widened reordering window outlives.
const PERSIST: u8 = 16;

/// Evidence as old as this, 18 minutes in microseconds, tells nothing any more. From twice this on it would seem to lie ahead.
const OLD: u32 = 1 << 30;

/// The most recently sent data that has arrived: RACK.xmit_ts, RACK.end_seq, RACK.rtt.
///
/// Its record may stand for data that was sent over some time. Against another record the earliest of these times counts,
/// so that nothing is taken for lost too early; within the same record, the order of the sequence does.
#[derive(Clone, Copy, Debug)]
struct Evidence {
    sent: Micros,
    span: u16,
    again: bool,
    end: SeqNumber,
    /// Since `sent`, in microseconds.
    rtt: u32,
}

impl Evidence {
    /// RACK_sent_after, and if it was: how long it took to arrive.
    fn round_trip_if_after(&self, record: &Record) -> Option<u32> {
        let again = record.mark.contains(Mark::AGAIN);
        if self.sent == record.sent && self.span == record.span && self.again == again {
            return (self.end > record.end).then_some(self.rtt);
        }
        let span = u32::from(self.span) * SPAN_UNIT;
        let first_sent = Micros(self.sent.0.wrapping_sub(span));
        let after = first_sent.is_after(record.sent)
            || (first_sent == record.sent && self.end > record.end);
        after.then_some(self.rtt.saturating_add(span))
    }

    fn is_newer_than(&self, other: &Self) -> bool {
        self.sent.is_after(other.sent) || (self.sent == other.sent && self.end > other.end)
    }
}

/// State of the detector.
#[derive(Clone, Debug)]
pub(super) struct Rack {
    latest: Option<Evidence>,
    /// RACK.fack: one past the highest data that has arrived; now, and before the ACK at hand.
    fack: SeqNumber,
    fack_before: SeqNumber,
    /// RACK.dsack_round: the round in which a D-SACK was counted, until SND.UNA reaches this; if there was one.
    dsack_round: SeqNumber,
    had_dsack: bool,
    /// RACK.reo_wnd_mult and RACK.reo_wnd_persist.
    multiplier: u8,
    persist: u8,
    /// RACK.reordering_seen.
    reordering: bool,
    /// How far behind the highest data something arrived that was sent once only, at most; in bytes.
    distance: u32,
}

/// What the window for reordering depends on, beside the detector's own state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    /// Fast or RTO recovery is under way.
    pub(super) recovering: bool,
    /// At least DupThresh segments have overtaken.
    pub(super) overtaken: bool,
    /// Microseconds.
    pub(super) min_rtt: u32,
    pub(super) srtt: u32,
}

impl Rack {
    pub(super) fn new(start: SeqNumber) -> Self {
        Self {
            latest: None,
            fack: start,
            fack_before: start,
            dsack_round: start,
            had_dsack: false,
            multiplier: 1,
            persist: PERSIST,
            reordering: false,
            distance: 0,
        }
    }

    pub(super) const fn reordering(&self) -> bool {
        self.reordering
    }

    /// Bytes between what has arrived late and the end of what was known to have arrived before, at most.
    pub(super) const fn distance(&self) -> u32 {
        self.distance
    }

    /// An ACK is about to be taken in.
    pub(super) const fn begin(&mut self) {
        self.fack_before = self.fack;
    }

    /// Data has arrived. `again`: it was sent more than once; `genuine`: a timestamp shows that the last transmission is
    /// the one that arrived, or there is none to show otherwise.
    pub(super) fn update(
        &mut self,
        record: &Record,
        now: Micros,
        again: bool,
        genuine: bool,
        min_rtt: u32,
    ) {
        if record.end > self.fack {
            self.fack = record.end;
        }
        if record.end < self.fack_before && !again {
            // §6.2 step 3: a sequence below the highest arrives, and was sent once only.
            self.reordering = true;
            let distance = self.fack_before.0.wrapping_sub(record.start.0);
            self.distance = self.distance.max(distance);
        }
        let rtt = now.since(record.sent);
        // §6.2 step 1: an ACK of what was sent more than once may be of an earlier transmission.
        if again && (!genuine || rtt < min_rtt) {
            return;
        }
        let evidence = Evidence {
            sent: record.sent,
            span: record.span,
            again,
            end: record.end,
            rtt,
        };
        if self
            .latest
            .is_none_or(|latest| evidence.is_newer_than(&latest))
        {
            self.latest = Some(evidence);
        }
    }

    /// Nothing is in flight: what is sent from now on was sent after all that has arrived. Evidence of long ago would
    /// count as later than now, for instants wrap.
    pub(super) const fn forget(&mut self) {
        self.latest = None;
    }

    /// Forgets evidence before it is so old that it would count as later than `now`. Called whenever the retransmission
    /// timer expires, which is never more than its maximum apart while data is in flight.
    pub(super) fn age(&mut self, now: Micros) {
        self.latest = self
            .latest
            .filter(|latest| now.0.wrapping_sub(latest.sent.0) < OLD);
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //# The RACK reordering window SHOULD adaptively increase (using the algorithm in "Step 4: Update RACK
    //# reordering window" below) if the sender receives a Duplicate Selective Acknowledgment (DSACK) option
    //# [RFC2883].
    /// §6.2 step 4: a D-SACK shows that something was sent again in vain; once a round the window grows.
    pub(super) fn on_dsack(&mut self, una: SeqNumber, max: SeqNumber) {
        if !self.had_dsack || una >= self.dsack_round {
            self.had_dsack = true;
            self.dsack_round = max;
            self.multiplier = self.multiplier.saturating_add(1);
            self.persist = PERSIST;
        }
    }

    /// §6.2 step 4: after 16 recoveries without D-SACK the window is small again.
    pub(super) fn on_recovered(&mut self) {
        self.persist = self.persist.saturating_sub(1);
        if self.persist == 0 {
            self.multiplier = 1;
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //# The reordering window SHOULD be set to zero if no reordering has been observed on the connection so far, and
    //# either (a) three segments have been SACKed since the last recovery or (b) the sender is already in fast or
    //# RTO recovery.
    fn window(&self, at: Circumstances) -> u32 {
        // "If RACK.reordering_seen is FALSE: If in Fast or RTO recovery: return 0, Else if RACK.segs_sacked >=
        // DupThresh: return 0".
        if !self.reordering && (at.recovering || at.overtaken) {
            return 0;
        }
        (u32::from(self.multiplier).saturating_mul(at.min_rtt / 4)).min(at.srtt)
    }

    /// §6.2 step 5: marks what is lost. Returns how much was found, and after how many microseconds more will be known.
    pub(super) fn detect(
        &self,
        board: &mut Scoreboard,
        now: Micros,
        at: Circumstances,
    ) -> (u32, Option<u32>) {
        let Some(latest) = self.latest else {
            return (0, None);
        };
        let window = self.window(at);
        let mut timeout = None;
        let lost = board.mark_lost(|record| {
            let Some(rtt) = latest.round_trip_if_after(record) else {
                return false;
            };
            let patience = rtt.saturating_add(window);
            let waited = now.since(record.sent);
            if waited >= patience {
                return true;
            }
            timeout = timeout.max(Some(patience - waited));
            false
        });
        (lost, timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SeqNumber = SeqNumber(0);

    fn at(recovering: bool, overtaken: bool) -> Circumstances {
        Circumstances {
            recovering,
            overtaken,
            min_rtt: 10_000,
            srtt: 12_000,
        }
    }

    /// Three segments, a millisecond apart; the last is SACKed after 10 ms.
    fn third_arrived() -> (Scoreboard, Rack) {
        let mut board = Scoreboard::with_block(START);
        let mut rack = Rack::new(START);
        for i in 1..=3 {
            board.push(START + 1000 * i, Micros(1000 * i), 0);
        }
        let now = Micros(13_000);
        board.sack(START + 2000, START + 3000, |r| {
            rack.update(&r, now, false, true, 10_000)
        });
        (board, rack)
    }

    #[test]
    fn what_was_sent_earlier_is_lost_after_a_quarter_of_the_round_trip() {
        let (mut board, rack) = third_arrived();
        // RACK.rtt 10 ms, window 2.5 ms; the second one was sent at 2 ms.
        assert_eq!(
            rack.detect(&mut board, Micros(13_000), at(false, false)),
            (0, Some(1500))
        );
        assert_eq!(
            rack.detect(&mut board, Micros(13_500), at(false, false)),
            (1000, Some(1000))
        );
        assert_eq!(
            rack.detect(&mut board, Micros(14_500), at(false, false)),
            (1000, None)
        );
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //= type=test
    //# The reordering window SHOULD be set to zero if no reordering has been observed on the connection so far, and
    //# either (a) three segments have been SACKed since the last recovery or (b) the sender is already in fast or
    //# RTO recovery.
    #[test]
    fn without_reordering_three_that_overtook_are_enough() {
        let (mut board, rack) = third_arrived();
        assert_eq!(
            rack.detect(&mut board, Micros(13_000), at(false, true)),
            (2000, None)
        );
    }

    //= https://www.rfc-editor.org/rfc/rfc8985#section-3.3.2
    //= type=test
    //# The RACK reordering window SHOULD adaptively increase (using the algorithm in "Step 4: Update RACK
    //# reordering window" below) if the sender receives a Duplicate Selective Acknowledgment (DSACK) option
    //# [RFC2883].
    #[test]
    fn reordering_and_every_dsack_widen_the_window() {
        let (mut board, mut rack) = third_arrived();
        let now = Micros(13_100);
        rack.begin();
        board.sack(START + 1000, START + 2000, |r| {
            rack.update(&r, now, false, true, 10_000)
        });
        assert!(rack.reordering());
        assert_eq!(rack.window(at(true, true)), 2500);
        rack.on_dsack(START, START + 3000);
        rack.on_dsack(START, START + 3000);
        assert_eq!(rack.window(at(true, true)), 5000);
        for _ in 0..PERSIST {
            rack.on_recovered();
        }
        assert_eq!(rack.window(at(true, true)), 2500);
    }

    #[test]
    fn evidence_is_forgotten_before_it_seems_to_lie_ahead() {
        let (_, mut rack) = third_arrived();
        let sent = rack.latest.unwrap().sent.0;
        rack.age(Micros(sent + OLD - 1));
        assert!(rack.latest.is_some());
        rack.age(Micros(sent + OLD));
        assert!(rack.latest.is_none());
    }

    #[test]
    fn an_ack_sooner_than_any_round_trip_is_of_the_first_transmission() {
        let (mut board, mut rack) = third_arrived();
        board.sent_again(START, START + 1000, Micros(20_000));
        let before = rack.latest.unwrap().sent;
        board.acknowledge(START + 1000, |r| {
            rack.update(&r, Micros(21_000), true, true, 10_000)
        });
        assert_eq!(rack.latest.unwrap().sent, before);
    }
}
