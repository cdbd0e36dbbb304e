//! The windows of Reno and NewReno (RFC 5681, RFC 6582).

use core::time::Duration;

use super::window::Window;
use super::{AckSample, CongestionControl};

/// Additive increase, multiplicative decrease (RFC 5681 §3.1), counting bytes (RFC 3465).
#[derive(Clone, Debug)]
pub struct NewReno {
    pub(super) window: Window,
}

impl NewReno {
    /// A control with an initial window of that many bytes.
    #[must_use]
    pub fn new(initial_window: u64) -> Self {
        Self {
            window: Window::new(initial_window),
        }
    }
}

impl CongestionControl for NewReno {
    fn window(&self) -> u64 {
        self.window.cwnd()
    }

    fn ssthresh(&self) -> u64 {
        self.window.ssthresh()
    }

    fn on_ack(&mut self, sample: &AckSample) {
        if sample.window_limited {
            let acked = self.window.slow_start(sample);
            self.window.additive_increase(acked, sample.mss);
        }
    }

    fn on_congestion(&mut self, _now: Duration, in_flight: u64, mss: u16) {
        // RFC 5681 §3.1, equation (4): ssthresh = max(FlightSize / 2, 2*SMSS).
        self.window.reduce_to(in_flight / 2, mss);
    }

    fn on_recovered(&mut self, _now: Duration, _in_flight: u64, mss: u16) {
        self.window.recovered(mss);
    }

    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //# When a TCP sender detects segment loss using the retransmission timer and the given segment has not yet been
    //# resent by way of the retransmission timer, the value of ssthresh MUST be set to no more than the value given
    //# in equation (4): ssthresh = max (FlightSize / 2, 2*SMSS) (4)
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //# Furthermore, upon a timeout (as specified in [RFC2988]) cwnd MUST be set to no more than the loss window,
    //# LW, which equals 1 full-sized segment (regardless of the value of IW).
    fn on_timeout(&mut self, _now: Duration, in_flight: u64, mss: u16, first: bool) {
        // RFC 5681 §3.1: ssthresh is held constant when the same segment times out again.
        if first {
            self.window.reduce_to(in_flight / 2, mss);
        }
        self.window.lose(mss);
    }

    fn restore(&mut self, _now: Duration, cwnd: u64, ssthresh: u64) {
        self.window.restore(cwnd, ssthresh);
    }

    fn on_idle(&mut self, _now: Duration) {
        self.window.restart();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::SeqNumber;

    const MSS: u16 = 1000;

    fn ack(acked: u64) -> AckSample {
        AckSample {
            now: Duration::ZERO,
            acked,
            srtt: None,
            mss: MSS,
            window_limited: true,
            after_timeout: false,
            round_trip: None,
            una: SeqNumber(0),
            max: SeqNumber(0),
            paced: false,
        }
    }

    #[test]
    fn slow_start_doubles_and_congestion_avoidance_adds_one_segment_a_window() {
        let mut control = NewReno::new(10_000);
        control.on_ack(&ack(10_000));
        assert_eq!(control.window(), 20_000);
        control.on_congestion(Duration::ZERO, 20_000, MSS);
        assert_eq!((control.window(), control.ssthresh()), (10_000, 10_000));
        for _ in 0..10 {
            control.on_ack(&ack(1000));
        }
        assert_eq!(control.window(), 11_000);
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow() {
        let mut control = NewReno::new(10_000);
        control.on_ack(&AckSample {
            window_limited: false,
            ..ack(10_000)
        });
        assert_eq!(control.window(), 10_000);
    }

    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //= type=test
    //# When a TCP sender detects segment loss using the retransmission timer and the given segment has not yet been
    //# resent by way of the retransmission timer, the value of ssthresh MUST be set to no more than the value given
    //# in equation (4): ssthresh = max (FlightSize / 2, 2*SMSS) (4)
    #[test]
    fn a_second_timeout_of_the_same_data_leaves_ssthresh() {
        let mut control = NewReno::new(20_000);
        control.on_timeout(Duration::ZERO, 20_000, MSS, true);
        assert_eq!((control.window(), control.ssthresh()), (1000, 10_000));
        control.on_timeout(Duration::ZERO, 1000, MSS, false);
        assert_eq!((control.window(), control.ssthresh()), (1000, 10_000));
        control.on_ack(&AckSample {
            after_timeout: true,
            ..ack(20_000)
        });
        assert_eq!(control.window(), 2000);
    }

    #[test]
    fn idleness_returns_to_the_initial_window() {
        let mut control = NewReno::new(10_000);
        control.on_ack(&ack(10_000));
        control.on_idle(Duration::ZERO);
        assert_eq!(control.window(), 10_000);
    }

    //= https://www.rfc-editor.org/rfc/rfc9406#section-4.3
    //= type=test
    //# An implementation SHOULD use HyStart++ only for the initial slow start (when the ssthresh is at its initial
    //# value of arbitrarily high per [RFC5681]) and fall back to using standard slow start for the remainder of the
    //# connection lifetime.
    #[test]
    fn only_the_first_slow_start_is_ended_by_a_growing_round_trip() {
        for first in [true, false] {
            let mut control = NewReno::new(10_000);
            if !first {
                control.on_congestion(Duration::ZERO, 1_000_000, MSS);
                control.on_timeout(Duration::ZERO, 1000, MSS, false);
            }
            for sample in 1..=200_u32 {
                control.on_ack(&AckSample {
                    round_trip: Some(Duration::from_millis((10 + 10 * (sample / 10)).into())),
                    una: SeqNumber(1000 * sample),
                    max: SeqNumber(1000 * sample + 10_000),
                    ..ack(1000)
                });
            }
            assert_eq!(control.window() < 120_000, first, "{}", control.window());
        }
    }
}
