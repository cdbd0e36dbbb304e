//! The windows of Reno and NewReno (RFC 5681, RFC 6582).

use core::time::Duration;

use super::{AckSample, CongestionControl};

/// Additive increase, multiplicative decrease (RFC 5681 §3.1), counting bytes (RFC 3465).
#[derive(Clone, Debug)]
pub struct NewReno {
    cwnd: u64,
    ssthresh: u64,
    /// Bytes acknowledged in congestion avoidance since cwnd last grew.
    acked: u64,
    initial_window: u64,
}

impl NewReno {
    /// A control with an initial window of that many bytes.
    #[must_use]
    pub fn new(initial_window: u64) -> Self {
        Self {
            cwnd: initial_window,
            // RFC 5681 §3.1: "The initial value of ssthresh SHOULD be set arbitrarily high".
            ssthresh: u64::MAX,
            acked: 0,
            initial_window,
        }
    }

    /// RFC 5681 §3.1, equation (4): ssthresh = max(FlightSize / 2, 2*SMSS).
    fn reduce(&mut self, in_flight: u64, mss: u64) {
        self.ssthresh = (in_flight / 2).max(2 * mss);
        self.acked = 0;
    }
}

impl CongestionControl for NewReno {
    fn window(&self) -> u64 {
        self.cwnd
    }

    fn ssthresh(&self) -> u64 {
        self.ssthresh
    }

    fn on_ack(&mut self, sample: &AckSample) {
        if !sample.window_limited {
            return;
        }
        let mss = u64::from(sample.mss);
        let mut acked = sample.acked;
        if self.cwnd < self.ssthresh {
            // RFC 5681 §3.1, equation (2), with RFC 3465's byte counting: one ACK may stand for many
            // segments, for receivers coalesce. As Linux, the whole of `acked` counts, except after
            // a time-out, where L is one SMSS (RFC 3465 §2.3).
            let limit = if sample.after_timeout { mss } else { u64::MAX };
            let growth = acked.min(limit).min(self.ssthresh - self.cwnd);
            self.cwnd += growth;
            acked -= growth;
            if sample.after_timeout || self.cwnd < self.ssthresh {
                return;
            }
        }
        // RFC 5681 §3.1 (RFC 3465 §2.1): one SMSS for every full window acknowledged.
        self.acked += acked;
        while self.acked >= self.cwnd {
            self.acked -= self.cwnd;
            self.cwnd += mss;
        }
    }

    fn on_congestion(&mut self, _now: Duration, in_flight: u64, mss: u16) {
        self.reduce(in_flight, u64::from(mss));
        self.cwnd = self.ssthresh;
    }

    fn on_recovered(&mut self, _now: Duration, _in_flight: u64, mss: u16) {
        // RFC 6937 §3.1: "At the end of recovery, cwnd is set to ssthresh".
        self.cwnd = self.ssthresh.max(u64::from(mss));
    }

    fn restore(&mut self, _now: Duration, cwnd: u64, ssthresh: u64) {
        self.cwnd = self.cwnd.max(cwnd);
        self.ssthresh = self.ssthresh.max(ssthresh);
    }

    fn on_timeout(&mut self, _now: Duration, in_flight: u64, mss: u16, first: bool) {
        // RFC 5681 §3.1: ssthresh is held constant when the same segment times out again.
        if first {
            self.reduce(in_flight, u64::from(mss));
        }
        // "cwnd MUST be set to no more than the loss window, LW, which equals 1 full-sized segment".
        self.cwnd = u64::from(mss);
        self.acked = 0;
    }

    fn on_idle(&mut self, _now: Duration) {
        // RFC 5681 §4.1: "the restart window RW = min(IW,cwnd)".
        self.cwnd = self.cwnd.min(self.initial_window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u16 = 1000;

    fn ack(acked: u64) -> AckSample {
        AckSample {
            now: Duration::ZERO,
            acked,
            srtt: None,
            mss: MSS,
            window_limited: true,
            after_timeout: false,
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
}
