//! CUBIC (RFC 9438).

use core::time::Duration;

use super::window::Window;
use super::{AckSample, CongestionControl};
use crate::time::Micros;

//= https://www.rfc-editor.org/rfc/rfc9438#section-5.1
//# Therefore, _C_ SHOULD be set to 0.4.
/// RFC 9438 §4.1, §5: C, in segments per second cubed.
const C: f32 = 0.4;
/// §4.6: the window after a loss, as a part of that before it.
const BETA: f32 = 0.7;
/// §4.3: how fast Reno's window has to grow with this BETA to be as large on average.
const ALPHA: f32 = 3.0 * (1.0 - BETA) / (1.0 + BETA);

/// The window grows with the cube of the time since the last loss: fast far away from where that was, slowly near it.
#[derive(Clone, Debug)]
pub struct Cubic {
    pub(super) window: Window,
    /// W_max, in segments; 0 before the first loss.
    w_max: f32,
    /// K in seconds: when W_max is reached again.
    k: f32,
    /// W_est in segments: what Reno's window would be; 0 while congestion avoidance has not begun.
    w_est: f32,
    /// cwnd_prior in segments: the window at the last reduction.
    prior: f32,
    /// When congestion avoidance began after the last reduction.
    epoch: Micros,
    /// When data was last acknowledged in congestion avoidance.
    heard: Micros,
    /// Growth of less than a byte.
    fraction: f32,
}

impl Cubic {
    /// A control with an initial window of that many bytes.
    #[must_use]
    pub fn new(initial_window: u64) -> Self {
        Self {
            window: Window::new(initial_window),
            w_max: 0.0,
            k: 0.0,
            w_est: 0.0,
            prior: 0.0,
            epoch: Micros(0),
            heard: Micros(0),
            fraction: 0.0,
        }
    }

    /// The window in segments.
    #[expect(clippy::cast_precision_loss)]
    fn segments(&self, mss: f32) -> f32 {
        self.window.cwnd as f32 / mss
    }

    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.7
    //# To speed up this bandwidth release by existing flows, the following fast convergence mechanism SHOULD be
    //# implemented.
    /// §4.6 and §4.7.
    fn reduce(&mut self, mss: u16) {
        let segments = self.segments(f32::from(mss));
        // §4.7, fast convergence: a flow that is losing ground gives some of it up.
        self.w_max = if segments < self.w_max {
            segments * (1.0 + BETA) / 2.0
        } else {
            segments
        };
        self.prior = segments;
        self.w_est = 0.0;
        let threshold = segments * BETA * f32::from(mss);
        // Positive.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        self.window.reduce_to(threshold as u64, mss);
    }

    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.8
    //# In addition, for the Reno-friendly region, _W_est_ SHOULD be set to the congestion window size at the
    //# beginning of the current congestion avoidance stage.
    /// §4.2: congestion avoidance begins.
    fn begin(&mut self, now: Micros, segments: f32) {
        // §4.10: after slow start without a loss, or when the window is beyond W_max: on from here.
        if segments < self.w_max {
            self.k = ((self.w_max - segments) / C).cbrt();
        } else {
            self.k = 0.0;
            self.w_max = segments;
        }
        self.w_est = segments;
        self.fraction = 0.0;
        self.epoch = now;
    }

    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.2
    //# The elapsed time _t_ in Figure 1 MUST NOT include periods during which _cwnd_ has not been updated due to
    //# application-limited behavior (see Section 5.8).
    /// Nothing but the program held data back since the last ACK: that time does not count.
    fn pause(&mut self, sample: &AckSample) {
        if self.w_est > 0.0 {
            let now = Micros::new(sample.now);
            self.epoch.0 = self.epoch.0.wrapping_add(now.since(self.heard));
            self.heard = now;
        }
    }

    /// Figure 1: W_cubic(t), in segments.
    fn cubic(&self, seconds: f32) -> f32 {
        let t = seconds - self.k;
        C * t * t * t + self.w_max
    }
}

impl CongestionControl for Cubic {
    fn window(&self) -> u64 {
        self.window.cwnd()
    }

    fn ssthresh(&self) -> u64 {
        self.window.ssthresh()
    }

    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.6
    //# Implementations that use _cwnd_ MUST use other measures to prevent _cwnd_ from growing when the volume of
    //# bytes in flight is smaller than _cwnd_.
    #[expect(clippy::cast_precision_loss)]
    fn on_ack(&mut self, sample: &AckSample) {
        if !sample.window_limited {
            self.pause(sample);
            return;
        }
        let acked = self.window.slow_start(sample);
        if acked == 0 {
            return;
        }
        let now = Micros::new(sample.now);
        self.heard = now;
        let mss = f32::from(sample.mss);
        let cwnd = self.segments(mss);
        if self.w_est == 0.0 {
            self.begin(now, cwnd);
        }
        let seconds = |micros: u32| micros as f32 / 1e6;
        let t = seconds(now.since(self.epoch));
        let rtt = sample.srtt.map_or(0.0, |srtt| srtt.as_secs_f32());
        let acked = acked as f32 / mss;
        // §4.3, figure 4; α is 1 once the window of the last reduction is reached.
        //= https://www.rfc-editor.org/rfc/rfc9438#section-4.3
        //# Once _W_est_ has grown to reach the _cwnd_ at the time of most recently setting _ssthresh_ -- that is,
        //# _W_est_ >= _cwnd_prior_ -- the sender SHOULD set α__cubic_ to 1 to ensure that it can achieve the same
        //# congestion window increment rate as Reno, which uses AIMD(1, 0.5).
        let alpha = if self.w_est < self.prior { ALPHA } else { 1.0 };
        self.w_est += alpha * acked / cwnd;
        //= https://www.rfc-editor.org/rfc/rfc9438#section-4.3
        //# If so, CUBIC is in the Reno-friendly region and _cwnd_ SHOULD be set to _W_est_ at each reception of a
        //# new ACK.
        let bytes = if self.cubic(t) < self.w_est {
            // The Reno-friendly region.
            (self.w_est - cwnd).max(0.0) * mss
        } else {
            // §4.4 and §4.5: to the target of a round trip from now.
            //= https://www.rfc-editor.org/rfc/rfc9438#section-4.4
            //# In this region, _cwnd_ MUST be incremented by
            //= https://www.rfc-editor.org/rfc/rfc9438#section-4.5
            //# In this region, _cwnd_ MUST be incremented by
            let target = self.cubic(t + rtt).clamp(cwnd, 1.5 * cwnd);
            (target - cwnd) / cwnd * acked * mss + self.fraction
        };
        self.window.grow_by(bytes);
        self.fraction = bytes.fract();
    }

    fn on_congestion(&mut self, _now: Duration, _in_flight: u64, mss: u16) {
        // §4.6 allows cwnd in place of the flight size where, as here, a window that is not used does not grow.
        self.reduce(mss);
    }

    fn on_recovered(&mut self, _now: Duration, _in_flight: u64, mss: u16) {
        self.window.recovered(mss);
    }

    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.8
    //# During the first congestion avoidance stage after a timeout, CUBIC increases its congestion window size
    //# using Figure 1, where _t_ is the elapsed time since the beginning of the current congestion avoidance stage,
    //# _K_ is set to 0, and _W_max_ is set to the congestion window size at the beginning of the current congestion
    //# avoidance stage.
    fn on_timeout(&mut self, _now: Duration, _in_flight: u64, mss: u16, first: bool) {
        // §4.8: as RFC 5681, but with BETA.
        if first {
            self.reduce(mss);
        }
        self.w_est = 0.0;
        self.w_max = 0.0;
        self.window.lose(mss);
    }

    fn restore(&mut self, _now: Duration, cwnd: u64, ssthresh: u64) {
        // §4.9. The window goes on from where it was as if it had come there without a loss: what W_max was before is not
        // worth its memory.
        self.w_max = 0.0;
        self.prior = 0.0;
        self.w_est = 0.0;
        self.window.restore(cwnd, ssthresh);
    }

    fn on_idle(&mut self, _now: Duration) {
        // §5.8: time without data does not count.
        self.w_est = 0.0;
        self.window.restart();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::SeqNumber;

    const MSS: u16 = 1000;
    const RTT: Duration = Duration::from_millis(100);

    fn ack(now: Duration, acked: u64) -> AckSample {
        AckSample {
            now,
            acked,
            srtt: Some(RTT),
            mss: MSS,
            window_limited: true,
            after_timeout: false,
            round_trip: None,
            una: SeqNumber(0),
            max: SeqNumber(0),
            paced: false,
        }
    }

    /// A control whose window was `segments` at the last loss.
    fn after_loss(segments: u64) -> Cubic {
        let mut control = Cubic::new(segments * 1000);
        control.on_congestion(Duration::ZERO, segments * 1000, MSS);
        control.on_recovered(Duration::ZERO, 0, MSS);
        control
    }

    /// Acknowledges a window per round trip, for so long.
    fn run(control: &mut Cubic, from: Duration, rounds: u32) -> Duration {
        let mut now = from;
        for _ in 0..rounds {
            now += RTT;
            let window = control.window();
            for _ in 0..window / 1000 {
                control.on_ack(&ack(now, 1000));
            }
        }
        now
    }

    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.7
    //= type=test
    //# To speed up this bandwidth release by existing flows, the following fast convergence mechanism SHOULD be
    //# implemented.
    #[test]
    fn a_loss_leaves_seven_tenths_and_less_is_aimed_at_while_losing_ground() {
        let mut control = after_loss(1000);
        assert_eq!((control.window(), control.ssthresh()), (700_000, 700_000));
        assert_eq!(control.w_max, 1000.0);
        control.on_congestion(Duration::ZERO, 700_000, MSS);
        assert_eq!(control.w_max, 700.0 * 0.85);
    }

    //= https://www.rfc-editor.org/rfc/rfc9438#section-5.1
    //= type=test
    //# Therefore, _C_ SHOULD be set to 0.4.
    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.5
    //= type=test
    //# In this region, _cwnd_ MUST be incremented by
    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.4
    //= type=test
    //# In this region, _cwnd_ MUST be incremented by
    #[test]
    fn the_window_is_back_at_its_maximum_after_k_seconds_and_was_flat_before() {
        let mut control = after_loss(1000);
        // K = cbrt(1000 * 0.3 / 0.4) = 9.08 s.
        let now = run(&mut control, Duration::ZERO, 80);
        assert!((control.k - 9.085).abs() < 0.01, "{}", control.k);
        let near = control.window();
        assert!((985_000..1_001_000).contains(&near), "{near}");
        let now = run(&mut control, now, 20);
        let flat = control.window();
        assert!((995_000..1_010_000).contains(&flat), "{flat}");
        run(&mut control, now, 100);
        assert!(control.window() > 1_300_000, "{}", control.window());
    }

    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.3
    //= type=test
    //# If so, CUBIC is in the Reno-friendly region and _cwnd_ SHOULD be set to _W_est_ at each reception of a new
    //# ACK.
    #[test]
    fn a_small_window_on_a_short_path_grows_as_reno_would() {
        let mut control = after_loss(10);
        // Far below K the cubic is slower than Reno: α = 0.53 segments a round trip until the old window.
        run(&mut control, Duration::ZERO, 4);
        let window = control.window();
        assert!((8_700..9_400).contains(&window), "{window}");
    }

    #[test]
    fn a_reduction_that_is_taken_back_leaves_no_trace() {
        let mut control = after_loss(1000);
        let before = (control.window(), control.ssthresh());
        control.on_timeout(Duration::ZERO, 1000, MSS, true);
        assert_eq!(control.window(), 1000);
        control.restore(Duration::ZERO, before.0, before.1);
        assert_eq!((control.window(), control.ssthresh()), before);
    }

    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.8
    //= type=test
    //# In addition, for the Reno-friendly region, _W_est_ SHOULD be set to the congestion window size at the
    //# beginning of the current congestion avoidance stage.
    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.8
    //= type=test
    //# During the first congestion avoidance stage after a timeout, CUBIC increases its congestion window size
    //# using Figure 1, where _t_ is the elapsed time since the beginning of the current congestion avoidance stage,
    //# _K_ is set to 0, and _W_max_ is set to the congestion window size at the beginning of the current congestion
    //# avoidance stage.
    #[test]
    fn after_a_timeout_the_window_of_congestion_avoidance_starts_flat_from_where_it_begins() {
        let mut control = after_loss(1000);
        control.on_timeout(Duration::ZERO, 700_000, MSS, true);
        assert_eq!((control.window(), control.ssthresh()), (1000, 490_000));
        run(&mut control, Duration::ZERO, 11);
        assert_eq!((control.k, control.w_max), (0.0, control.prior * BETA));
        assert!(control.window() < 495_000, "{}", control.window());
    }

    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.6
    //= type=test
    //# Implementations that use _cwnd_ MUST use other measures to prevent _cwnd_ from growing when the volume of
    //# bytes in flight is smaller than _cwnd_.
    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.2
    //= type=test
    //# The elapsed time _t_ in Figure 1 MUST NOT include periods during which _cwnd_ has not been updated due to
    //# application-limited behavior (see Section 5.8).
    #[test]
    fn time_in_which_the_program_had_too_little_to_send_does_not_count() {
        let mut busy = after_loss(1000);
        let mut pausing = busy.clone();
        run(&mut busy, Duration::ZERO, 40);
        let mut now = run(&mut pausing, Duration::ZERO, 20);
        let window = pausing.window();
        for _ in 0..600 {
            now += RTT;
            pausing.on_ack(&AckSample {
                window_limited: false,
                ..ack(now, 10_000)
            });
        }
        assert_eq!(pausing.window(), window);
        run(&mut pausing, now, 20);
        let (busy, pausing) = (busy.window(), pausing.window());
        assert!(busy.abs_diff(pausing) < 5000, "{busy} {pausing}");
    }

    //= https://www.rfc-editor.org/rfc/rfc9438#section-4.3
    //= type=test
    //# Once _W_est_ has grown to reach the _cwnd_ at the time of most recently setting _ssthresh_ -- that is,
    //# _W_est_ >= _cwnd_prior_ -- the sender SHOULD set α__cubic_ to 1 to ensure that it can achieve the same
    //# congestion window increment rate as Reno, which uses AIMD(1, 0.5).
    #[test]
    fn once_the_old_window_is_reached_the_friendly_window_grows_by_a_segment_a_round_trip() {
        let mut control = after_loss(10);
        let now = run(&mut control, Duration::ZERO, 8);
        assert!(control.w_est > control.prior, "{}", control.w_est);
        let before = control.w_est;
        run(&mut control, now, 4);
        let grown = control.w_est - before;
        assert!((3.0..=4.1).contains(&grown), "{grown}");
    }
}
