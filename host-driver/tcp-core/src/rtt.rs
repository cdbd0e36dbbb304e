//! The retransmission time-out (RFC 6298).

use core::time::Duration;

use crate::time::{Millis, Stamp};

/// Estimates the round-trip time and says how long to wait for an ACK.
#[derive(Clone, Debug)]
pub(crate) struct RttEstimator {
    /// SRTT and RTTVAR, once there is a measurement.
    measured: bool,
    srtt: Stamp,
    rttvar: Stamp,
    /// The least measurement so far, in microseconds; 0 before the first.
    min_micros: u32,
    /// RTO before the first measurement.
    initial: Millis,
    min: Millis,
    max: Millis,
    /// How often the RTO is doubled.
    backoff: u8,
}

impl RttEstimator {
    pub(crate) fn new(initial: Duration, min: Duration, max: Duration) -> Self {
        Self {
            measured: false,
            srtt: Stamp::default(),
            rttvar: Stamp::default(),
            min_micros: 0,
            initial: initial.into(),
            min: min.min(max).into(),
            max: max.into(),
            backoff: 0,
        }
    }

    pub(crate) fn srtt(&self) -> Option<Stamp> {
        self.measured.then_some(self.srtt)
    }

    pub(crate) fn rttvar(&self) -> Option<Stamp> {
        self.measured.then_some(self.rttvar)
    }

    /// SRTT in microseconds; 0 before the first measurement.
    pub(crate) fn srtt_micros(&self) -> u32 {
        self.srtt.micros()
    }

    /// The least round trip so far in microseconds; 0 before the first measurement.
    pub(crate) const fn min_micros(&self) -> u32 {
        self.min_micros
    }

    //= https://www.rfc-editor.org/rfc/rfc6298#section-2
    //# The above SHOULD be computed using alpha=1/8 and beta=1/4 (as suggested in [JK88]).
    //= https://www.rfc-editor.org/rfc/rfc6298#section-2
    //# When the first RTT measurement R is made, the host MUST set SRTT <- R RTTVAR <- R/2 RTO <- SRTT + max (G,
    //# K*RTTVAR) where K = 4.
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.1
    //# The RTO MUST be computed according to the algorithm in [10], including Karn's algorithm for taking RTT
    //# samples (MUST-18).
    /// RFC 6298 §2: a measurement `r`, never of a retransmitted segment (§3, Karn).
    pub(crate) fn sample(&mut self, r: Stamp) {
        let r = r.0;
        let micros = u32::try_from(r / 1000).unwrap_or(u32::MAX).max(1);
        if self.measured {
            // §2.3: RTTVAR <- 3/4 RTTVAR + 1/4 |SRTT - R'|, then SRTT <- 7/8 SRTT + 1/8 R'.
            let srtt = self.srtt.0;
            self.rttvar.0 = (self.rttvar.0 * 3 + srtt.abs_diff(r)) / 4;
            self.srtt.0 = (srtt * 7 + r) / 8;
            self.min_micros = self.min_micros.min(micros);
        } else {
            // §2.2: SRTT <- R, RTTVAR <- R/2.
            self.measured = true;
            self.srtt.0 = r;
            self.rttvar.0 = r / 2;
            self.min_micros = micros;
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6298#section-2
    //# Until a round-trip time (RTT) measurement has been made for a segment sent between the sender and receiver,
    //# the sender SHOULD set RTO <- 1 second, though the "backing off" on repeated retransmission discussed in
    //# (5.5) still applies.
    /// The RTO, backed off as often as the timer expired in a row.
    pub(crate) fn rto(&self) -> Stamp {
        let base = if self.measured {
            // §2.3: RTO <- SRTT + max(G, K*RTTVAR). The floor is Linux's: under the variance term.
            self.srtt.0 + Stamp::from(self.min).0.max(self.rttvar.0 * 4)
        } else {
            Stamp::from(self.initial).0
        };
        // §2.5: a maximum may be placed on the RTO.
        let max = Stamp::from(self.max);
        Stamp(base.saturating_mul(1 << self.backoff.min(31))).min(max)
    }

    /// Whether more than an RTO went by in `span`. What lasted less than the least RTO, nearly everything, needs no
    /// RTO.
    pub(crate) fn is_over(&self, span: Stamp) -> bool {
        !(self.measured && span <= self.min.into()) && span > self.rto()
    }

    //= https://www.rfc-editor.org/rfc/rfc6298#section-5
    //# The host MUST set RTO <- RTO * 2 ("back off the timer").
    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.2
    //# A TCP endpoint MUST implement the basic congestion control algorithms slow start, congestion avoidance, and
    //# exponential backoff of RTO to avoid creating congestion collapse conditions (MUST-19).
    /// §5.5: "The host MUST set RTO <- RTO * 2 ('back off the timer')".
    pub(crate) fn back_off(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// New data was acknowledged: the back-off ends.
    pub(crate) fn reset_back_off(&mut self) {
        self.backoff = 0;
    }

    //= https://www.rfc-editor.org/rfc/rfc6298#section-5
    //# If the timer expires awaiting the ACK of a SYN segment and the TCP implementation is using an RTO less than
    //# 3 seconds, the RTO MUST be re-initialized to 3 seconds when data transmission begins (i.e., after the
    //# three-way handshake completes).
    /// §5.7: after a SYN was sent again, data starts with an RTO of 3 s, unless there is a
    /// measurement.
    pub(crate) fn syn_was_retransmitted(&mut self) {
        self.initial = self
            .initial
            .max(Duration::from_secs(3).into())
            .min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u32) -> Stamp {
        Stamp::from_millis(n)
    }

    fn estimator() -> RttEstimator {
        RttEstimator::new(ms(1000).into(), ms(200).into(), ms(120_000).into())
    }

    //= https://www.rfc-editor.org/rfc/rfc6298#section-2
    //= type=test
    //# When the first RTT measurement R is made, the host MUST set SRTT <- R RTTVAR <- R/2 RTO <- SRTT + max (G,
    //# K*RTTVAR) where K = 4.
    #[test]
    fn the_first_sample_sets_srtt_and_half_of_it_as_variance() {
        let mut rtt = estimator();
        assert_eq!(rtt.rto(), ms(1000));
        rtt.sample(ms(400));
        assert_eq!(rtt.srtt(), Some(ms(400)));
        assert_eq!(rtt.rttvar(), Some(ms(200)));
        assert_eq!(rtt.rto(), ms(400 + 4 * 200));
    }

    //= https://www.rfc-editor.org/rfc/rfc6298#section-2
    //= type=test
    //# The above SHOULD be computed using alpha=1/8 and beta=1/4 (as suggested in [JK88]).
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
            rtt.sample(Stamp::from_micros(80));
        }
        assert_eq!(rtt.rto(), Stamp(ms(200).0 + 80_000));
    }

    #[test]
    fn a_span_is_over_where_it_is_longer_than_the_rto() {
        for (min, max) in [(200, 120_000), (200, 100)] {
            let mut rtt = RttEstimator::new(ms(90).into(), ms(min).into(), ms(max).into());
            for sample in [None, Some(ms(1)), Some(ms(300))] {
                if let Some(sample) = sample {
                    rtt.sample(sample);
                }
                let rto = rtt.rto();
                assert!(!rtt.is_over(rto), "{min} {max} {sample:?}");
                assert!(rtt.is_over(Stamp(rto.0 + 1)), "{min} {max} {sample:?}");
            }
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6298#section-5
    //= type=test
    //# The host MUST set RTO <- RTO * 2 ("back off the timer").
    #[test]
    fn backing_off_doubles_up_to_the_maximum() {
        let mut rtt = estimator();
        rtt.sample(ms(100));
        let base = rtt.rto();
        rtt.back_off();
        assert_eq!(rtt.rto(), Stamp(base.0 * 2));
        for _ in 0..300 {
            rtt.back_off();
        }
        assert_eq!(rtt.rto(), ms(120_000));
        rtt.reset_back_off();
        assert_eq!(rtt.rto(), base);
    }
}
