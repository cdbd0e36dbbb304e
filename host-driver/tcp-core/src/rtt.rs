//! The retransmission time-out (RFC 6298).

use core::time::Duration;

/// Estimates the round-trip time and says how long to wait for an ACK.
#[derive(Clone, Debug)]
pub(crate) struct RttEstimator {
    /// SRTT and RTTVAR, once there is a measurement.
    estimate: Option<(Duration, Duration)>,
    /// RTO before the first measurement.
    initial: Duration,
    min: Duration,
    max: Duration,
    /// How often the RTO is doubled.
    backoff: u8,
}

impl RttEstimator {
    pub(crate) fn new(initial: Duration, min: Duration, max: Duration) -> Self {
        Self {
            estimate: None,
            initial,
            min,
            max,
            backoff: 0,
        }
    }

    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.estimate.map(|(srtt, _)| srtt)
    }

    pub(crate) fn rttvar(&self) -> Option<Duration> {
        self.estimate.map(|(_, rttvar)| rttvar)
    }

    /// RFC 6298 §2: a measurement `r`, never of a retransmitted segment (§3, Karn).
    pub(crate) fn sample(&mut self, r: Duration) {
        self.estimate = Some(match self.estimate {
            // §2.2: SRTT <- R, RTTVAR <- R/2.
            None => (r, r / 2),
            // §2.3: RTTVAR <- 3/4 RTTVAR + 1/4 |SRTT - R'|, then SRTT <- 7/8 SRTT + 1/8 R'.
            Some((srtt, rttvar)) => ((srtt * 7 + r) / 8, (rttvar * 3 + srtt.abs_diff(r)) / 4),
        });
    }

    /// The RTO, backed off as often as the timer expired in a row.
    pub(crate) fn rto(&self) -> Duration {
        let base = match self.estimate {
            None => self.initial,
            // §2.3: RTO <- SRTT + max(G, K*RTTVAR). The floor is Linux's: under the variance term.
            Some((srtt, rttvar)) => srtt + self.min.max(rttvar * 4),
        };
        // §2.5: a maximum may be placed on the RTO.
        base.saturating_mul(1 << self.backoff.min(31)).min(self.max)
    }

    /// §5.5: "The host MUST set RTO <- RTO * 2 ('back off the timer')".
    pub(crate) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// New data was acknowledged: the back-off ends.
    pub(crate) fn reset_back_off(&mut self) {
        self.backoff = 0;
    }

    /// §5.7: after a SYN was sent again, data starts with an RTO of 3 s, unless there is a
    /// measurement.
    pub(crate) fn syn_was_retransmitted(&mut self) {
        self.initial = self.initial.max(Duration::from_secs(3)).min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn estimator() -> RttEstimator {
        RttEstimator::new(ms(1000), ms(200), ms(120_000))
    }

    #[test]
    fn the_first_sample_sets_srtt_and_half_of_it_as_variance() {
        let mut rtt = estimator();
        assert_eq!(rtt.rto(), ms(1000));
        rtt.sample(ms(400));
        assert_eq!(rtt.srtt(), Some(ms(400)));
        assert_eq!(rtt.rttvar(), Some(ms(200)));
        assert_eq!(rtt.rto(), ms(400 + 4 * 200));
    }

    #[test]
    fn later_samples_are_smoothed_by_an_eighth_and_a_quarter() {
        let mut rtt = estimator();
        rtt.sample(ms(400));
        rtt.sample(ms(800));
        assert_eq!(rtt.srtt(), Some(ms(450)));
        assert_eq!(rtt.rttvar(), Some(ms((3 * 200 + 400) / 4)));
    }

    #[test]
    fn a_short_path_has_the_minimum_above_its_srtt() {
        let mut rtt = estimator();
        for _ in 0..50 {
            rtt.sample(Duration::from_micros(80));
        }
        assert_eq!(rtt.rto(), ms(200) + Duration::from_micros(80));
    }

    #[test]
    fn backing_off_doubles_up_to_the_maximum() {
        let mut rtt = estimator();
        rtt.sample(ms(100));
        let base = rtt.rto();
        rtt.back_off();
        assert_eq!(rtt.rto(), base * 2);
        for _ in 0..300 {
            rtt.back_off();
        }
        assert_eq!(rtt.rto(), ms(120_000));
        rtt.reset_back_off();
        assert_eq!(rtt.rto(), base);
    }
}
