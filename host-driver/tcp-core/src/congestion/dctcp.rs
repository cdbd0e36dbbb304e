//! DCTCP (RFC 8257): the window shrinks by how much was marked, and not by whether.

use core::time::Duration;

use super::window::low;
use super::{AckSample, CongestionControl, MarkSample, NewReno};
use crate::seq::SeqNumber;

/// RFC 8257 §3.3: g, the weight of a new estimate.
const G: f32 = 1.0 / 16.0;

/// Reno's growth, and a reduction in proportion to the extent of congestion.
#[derive(Clone, Debug)]
pub struct Dctcp {
    /// Growth, and what a loss does: a loss counts as for any TCP (RFC 8257 §3.5).
    pub(super) reno: NewReno,
    /// DCTCP.Alpha: the part of the bytes that was marked, smoothed.
    alpha: f32,
    /// DCTCP.BytesAcked and DCTCP.BytesMarked.
    acked: u32,
    marked: u32,
    /// DCTCP.WindowEnd.
    end: Option<SeqNumber>,
}

impl Dctcp {
    /// A control with an initial window of that many bytes.
    #[must_use]
    pub fn new(initial_window: u64) -> Self {
        Self {
            reno: NewReno::new(initial_window),
            // RFC 8257 §4.2: "the initial value of DCTCP.Alpha … 1".
            alpha: 1.0,
            acked: 0,
            marked: 0,
            end: None,
        }
    }
}

impl CongestionControl for Dctcp {
    fn window(&self) -> u64 {
        self.reno.window()
    }

    fn ssthresh(&self) -> u64 {
        self.reno.ssthresh()
    }

    fn on_ack(&mut self, sample: &AckSample) {
        self.reno.on_ack(sample);
    }

    /// RFC 8257 §3.3, steps 1 to 8.
    #[expect(clippy::cast_precision_loss)]
    fn on_marks(&mut self, sample: &MarkSample) {
        self.acked = self.acked.saturating_add(low(sample.acked));
        if sample.marked {
            self.marked = self.marked.saturating_add(low(sample.acked));
        }
        let end = *self.end.get_or_insert(sample.max);
        if sample.una > end {
            let part = if self.acked == 0 {
                0.0
            } else {
                self.marked as f32 / self.acked as f32
            };
            self.alpha = self.alpha * (1.0 - G) + part * G;
            self.acked = 0;
            self.marked = 0;
            self.end = Some(sample.max);
        }
    }

    /// §3.3 step 9: cwnd = cwnd * (1 - DCTCP.Alpha / 2).
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    //= https://www.rfc-editor.org/rfc/rfc8257#section-3.3
    //# Rather than always halving the congestion window as described in [RFC3168], the sender SHOULD update cwnd as
    //# follows: cwnd = cwnd * (1 - DCTCP.Alpha / 2)
    fn on_mark(&mut self, _now: Duration, _in_flight: u64, mss: u16) {
        let window = &mut self.reno.window;
        let cwnd = window.cwnd as f32 * (1.0 - self.alpha / 2.0);
        window.reduce_to(cwnd as u64, mss);
    }

    //= https://www.rfc-editor.org/rfc/rfc8257#section-3.5
    //# A DCTCP sender MUST react to loss episodes in the same way as conventional TCP, including fast retransmit
    //# and fast recovery algorithms, as specified in [RFC5681].
    fn on_congestion(&mut self, now: Duration, in_flight: u64, mss: u16) {
        self.reno.on_congestion(now, in_flight, mss);
    }

    fn on_recovered(&mut self, now: Duration, in_flight: u64, mss: u16) {
        self.reno.on_recovered(now, in_flight, mss);
    }

    fn on_timeout(&mut self, now: Duration, in_flight: u64, mss: u16, first: bool) {
        self.reno.on_timeout(now, in_flight, mss, first);
    }

    fn restore(&mut self, now: Duration, cwnd: u64, ssthresh: u64) {
        self.reno.restore(now, cwnd, ssthresh);
    }

    fn on_idle(&mut self, now: Duration) {
        self.reno.on_idle(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window_of_acks(control: &mut Dctcp, round: u32, marked: u32) {
        for i in 0..10 {
            control.on_marks(&MarkSample {
                acked: 1000,
                marked: i < marked,
                una: SeqNumber(round * 10_000 + 1000 * (i + 1)),
                max: SeqNumber(round * 10_000 + 10_000 + 1000 * (i + 1)),
            });
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc8257#section-3.3
    //= type=test
    //# Rather than always halving the congestion window as described in [RFC3168], the sender SHOULD update cwnd as
    //# follows: cwnd = cwnd * (1 - DCTCP.Alpha / 2)
    #[test]
    fn alpha_comes_to_the_part_that_is_marked_and_a_mark_takes_half_of_that() {
        let mut control = Dctcp::new(100_000);
        for round in 0..200 {
            window_of_acks(&mut control, round, 2);
        }
        assert!((control.alpha - 0.2).abs() < 0.01, "{}", control.alpha);
        control.on_mark(Duration::ZERO, 100_000, 1000);
        let window = control.window();
        assert!((89_000..91_000).contains(&window), "{window}");
    }

    //= https://www.rfc-editor.org/rfc/rfc8257#section-3.5
    //= type=test
    //# A DCTCP sender MUST react to loss episodes in the same way as conventional TCP, including fast retransmit
    //# and fast recovery algorithms, as specified in [RFC5681].
    #[test]
    fn before_anything_is_known_a_mark_halves_the_window_as_a_loss_does() {
        let mut control = Dctcp::new(100_000);
        control.on_mark(Duration::ZERO, 100_000, 1000);
        assert_eq!(control.window(), 50_000);
        control.on_congestion(Duration::ZERO, 40_000, 1000);
        assert_eq!(control.window(), 20_000);
    }
}
