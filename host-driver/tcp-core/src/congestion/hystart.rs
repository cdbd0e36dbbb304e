//! HyStart++ (RFC 9406): the first slow start ends before it fills the path's queue.

use super::AckSample;
use crate::seq::SeqNumber;

//= https://www.rfc-editor.org/rfc/rfc9406#section-4.3
//# It is RECOMMENDED that a HyStart++ implementation use the following constants:
/// RFC 9406 §4.3, in milliseconds: bounds of the increase of the round trip that ends slow start.
const MIN_RTT_THRESH: u16 = 4;
const MAX_RTT_THRESH: u16 = 16;
/// And between them, what part of the round trip it is.
const MIN_RTT_DIVISOR: u16 = 8;
/// Samples without which a round tells nothing.
const N_RTT_SAMPLE: u8 = 8;
//= https://www.rfc-editor.org/rfc/rfc9406#section-4.3
//# The minimum value of CSS_GROWTH_DIVISOR MUST be at least 2.
/// How much slower than slow start the window grows in Conservative Slow Start.
const CSS_GROWTH_DIVISOR: u64 = 4;
/// How many rounds that lasts.
const CSS_ROUNDS: u8 = 5;
/// L: segments that one ACK may let the window grow by in Conservative Slow Start, without pacing.
const L: u64 = 8;

/// No sample yet: "infinity".
const INFINITE: u16 = u16::MAX;

/// What the acknowledgement at hand means for the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// So many bytes more.
    By(u64),
    /// None, and slow start is over: the threshold is where the window is.
    Over,
}

/// State of one slow start, the first. Round trips are in milliseconds: they are measured with the timestamps option,
/// which has that grain, and no threshold is below four of them.
#[derive(Clone, Debug)]
pub(super) struct HyStart {
    /// windowEnd: the round ends when this is acknowledged.
    end: SeqNumber,
    /// lastRoundMinRTT.
    last: u16,
    /// currentRoundMinRTT.
    current: u16,
    /// cssBaselineMinRtt.
    baseline: u16,
    /// rttSampleCount, as far as it matters.
    samples: u8,
    /// Rounds of Conservative Slow Start so far, the one that it began in counted; 0: it is slow start.
    rounds: u8,
}

impl HyStart {
    pub(super) const fn new() -> Self {
        Self {
            end: SeqNumber(0),
            last: INFINITE,
            current: INFINITE,
            baseline: INFINITE,
            samples: 0,
            rounds: 0,
        }
    }

    /// Takes in an acknowledgement in slow start without a threshold.
    pub(super) fn on_ack(&mut self, sample: &AckSample) -> Growth {
        let Some(rtt) = sample.round_trip else {
            // Nothing is measured: slow start as ever.
            return Growth::By(sample.acked);
        };
        if self.last == INFINITE && self.current == INFINITE {
            // The first round.
            self.end = sample.max;
        }
        let rtt = u16::try_from(rtt.as_millis()).unwrap_or(INFINITE - 1);
        self.current = self.current.min(rtt);
        self.samples = (self.samples + 1).min(N_RTT_SAMPLE);
        if self.samples == N_RTT_SAMPLE {
            self.judge();
        }
        if sample.una >= self.end && !self.begin_round(sample.max) {
            return Growth::Over;
        }
        Growth::By(self.growth(sample))
    }

    /// What a round with enough samples tells.
    fn judge(&mut self) {
        if self.rounds > 0 {
            if self.current < self.baseline {
                // The increase was jitter: slow start goes on.
                self.baseline = INFINITE;
                self.rounds = 0;
            }
            return;
        }
        if self.last == INFINITE {
            return;
        }
        let threshold = (self.last / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH, MAX_RTT_THRESH);
        if self.current >= self.last.saturating_add(threshold) {
            self.baseline = self.current;
            self.rounds = 1;
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9406#section-4.2
    //# CSS lasts at most CSS_ROUNDS rounds. If the transition into CSS happens in the middle of a round, that
    //# partial round counts towards the limit.
    /// The round is over. False if that was the last of Conservative Slow Start.
    fn begin_round(&mut self, end: SeqNumber) -> bool {
        if self.rounds == CSS_ROUNDS {
            return false;
        }
        self.rounds += u8::from(self.rounds > 0);
        self.end = end;
        self.last = self.current;
        self.current = INFINITE;
        self.samples = 0;
        true
    }

    //= https://www.rfc-editor.org/rfc/rfc9406#section-4.3
    //# A paced TCP implementation SHOULD use L = infinity.
    fn growth(&self, sample: &AckSample) -> u64 {
        if self.rounds == 0 {
            // As Linux, without L: see `Window::slow_start`.
            return sample.acked;
        }
        let limit = if sample.paced {
            u64::MAX
        } else {
            L * u64::from(sample.mss)
        };
        sample.acked.min(limit) / CSS_GROWTH_DIVISOR
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const MSS: u16 = 1000;

    /// A control in its first slow start, and a peer that acknowledges segment by segment.
    struct Path {
        control: HyStart,
        una: u32,
        max: u32,
        paced: bool,
    }

    impl Path {
        fn new() -> Self {
            Self {
                control: HyStart::new(),
                una: 0,
                max: 10_000,
                paced: false,
            }
        }

        fn ack(&mut self, segments: u32, rtt: Option<u64>) -> Growth {
            self.una += segments * u32::from(MSS);
            let growth = self.control.on_ack(&AckSample {
                now: Duration::ZERO,
                acked: u64::from(segments) * u64::from(MSS),
                srtt: None,
                mss: MSS,
                window_limited: true,
                after_timeout: false,
                round_trip: rtt.map(Duration::from_millis),
                una: SeqNumber(self.una),
                max: SeqNumber(self.max),
                paced: self.paced,
            });
            if let Growth::By(bytes) = growth {
                self.max += segments * u32::from(MSS) + bytes as u32;
            }
            growth
        }

        /// A round of so many ACKs of a segment each; the growth of its last.
        fn round(&mut self, acks: u32, rtt: u64) -> Growth {
            for _ in 1..acks {
                self.ack(1, Some(rtt));
            }
            // The last one acknowledges everything that was sent before the round.
            self.una = self.control.end.0 - u32::from(MSS);
            self.ack(1, Some(rtt))
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9406#section-4.3
    //= type=test
    //# The minimum value of CSS_GROWTH_DIVISOR MUST be at least 2.
    #[test]
    fn a_round_trip_that_grows_by_an_eighth_slows_the_growth_to_a_quarter() {
        let mut path = Path::new();
        assert_eq!(path.round(10, 64), Growth::By(1000));
        assert_eq!(path.round(10, 71), Growth::By(1000));
        // 71 / 8 is 8: 79 is enough, from the eighth sample on.
        for _ in 0..7 {
            assert_eq!(path.ack(1, Some(79)), Growth::By(1000));
        }
        assert_eq!(path.ack(1, Some(79)), Growth::By(250));
    }

    #[test]
    fn fewer_than_eight_samples_a_round_never_end_slow_start() {
        let mut path = Path::new();
        for round in 1..30 {
            assert_eq!(path.round(7, 20 * round), Growth::By(1000));
        }
    }

    #[test]
    fn without_measurements_it_is_slow_start_as_ever() {
        let mut path = Path::new();
        for _ in 0..100 {
            assert_eq!(path.ack(20, None), Growth::By(20_000));
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9406#section-4.3
    //= type=test
    //# It is RECOMMENDED that a HyStart++ implementation use the following constants:
    #[test]
    fn the_threshold_is_four_milliseconds_at_least_and_sixteen_at_most() {
        for (base, enough) in [(1, 5), (16, 20), (100, 112), (300, 316), (1000, 1016)] {
            for (rtt, growth) in [(enough - 1, 1000), (enough, 250)] {
                let mut path = Path::new();
                path.round(8, base);
                for _ in 0..7 {
                    path.ack(1, Some(rtt));
                }
                assert_eq!(path.ack(1, Some(rtt)), Growth::By(growth), "{base} {rtt}");
            }
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc9406#section-4.2
    //= type=test
    //# CSS lasts at most CSS_ROUNDS rounds. If the transition into CSS happens in the middle of a round, that
    //# partial round counts towards the limit.
    #[test]
    fn after_five_rounds_of_conservative_slow_start_it_is_over() {
        let mut path = Path::new();
        path.round(10, 50);
        // The round in which the increase is seen counts.
        for _ in 0..4 {
            assert_eq!(path.round(10, 60), Growth::By(250));
        }
        assert_eq!(path.round(10, 60), Growth::Over);
    }

    #[test]
    fn an_increase_that_goes_away_was_jitter_and_slow_start_goes_on() {
        let mut path = Path::new();
        path.round(10, 50);
        path.round(10, 60);
        assert_eq!(path.round(10, 60), Growth::By(250));
        assert_eq!(path.round(10, 59), Growth::By(1000));
        // And from the start again.
        path.round(10, 50);
        for _ in 0..4 {
            assert_eq!(path.round(10, 70), Growth::By(250));
        }
        assert_eq!(path.round(10, 70), Growth::Over);
    }

    //= https://www.rfc-editor.org/rfc/rfc9406#section-4.3
    //= type=test
    //# A paced TCP implementation SHOULD use L = infinity.
    #[test]
    fn in_conservative_slow_start_one_ack_counts_for_eight_segments_unless_data_is_paced() {
        for (paced, growth) in [(false, 2000), (true, 5000)] {
            let mut path = Path::new();
            path.paced = paced;
            assert_eq!(path.ack(10, Some(50)), Growth::By(10_000));
            path.round(10, 50);
            for _ in 0..8 {
                path.ack(1, Some(60));
            }
            path.max += 100_000;
            assert_eq!(path.ack(20, Some(60)), Growth::By(growth));
        }
    }

    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<HyStart>(), 12);
    }
}
