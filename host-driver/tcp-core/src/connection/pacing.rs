//! Pacing: when the next segment may leave.

use core::time::Duration;

use super::Connection;
use crate::congestion::CongestionControl as _;
use crate::time::{Deadline, Stamp};

/// What a paced super-segment may take of the path's time, so that it is no burst to others. As Linux's
/// tcp_tso_autosize.
const BURST: Duration = Duration::from_millis(1);

impl Connection {
    /// The rate at which data may leave, in bytes a second; `None` without pacing, and before a round trip is measured.
    ///
    /// As Linux: twice cwnd/SRTT in slow start, so that the window can double, and 1.2 times that else, so that pacing does
    /// not keep the window from being used.
    #[must_use]
    pub fn pacing_rate(&self) -> Option<u64> {
        if self.settings.pacing {
            self.usual_rate()
        } else {
            None
        }
    }

    /// The rate at which data would leave if it were paced.
    fn usual_rate(&self) -> Option<u64> {
        let srtt = u64::from(self.rtt.srtt_micros());
        if srtt == 0 {
            return None;
        }
        let window = self.congestion_window();
        let percent = if window < self.control.ssthresh() / 2 {
            200
        } else {
            120
        };
        Some((window.saturating_mul(1_000_000 / 100 * percent) / srtt).max(1))
    }

    /// The earliest departure time of what is to be sent next, if that is not now.
    #[must_use]
    pub fn next_departure(&self) -> Option<Duration> {
        self.departure.at()
    }

    /// Whether data has to wait for its departure time. Arms the timer for it.
    pub(super) fn is_paced_out(&mut self, now: Duration) -> bool {
        if !self.departure.is_set() {
            return false;
        }
        if self.departure.is_due(now) {
            self.departure = Deadline::NONE;
            return false;
        }
        true
    }

    /// `len` bytes leave now: the next ones follow when these have had their time.
    pub(super) fn pace(&mut self, now: Duration, len: u64) {
        if let Some(rate) = self.pacing_rate() {
            let wait = len.saturating_mul(1_000_000_000) / rate;
            self.departure = Deadline::after(now, Stamp(wait));
        }
    }

    /// A super-segment as Linux sizes it (`tcp_tso_autosize`), `least` bytes or more, whole segments: 1/1024 s of the rate,
    /// and on a path shorter than 16 ms up to 64 KiB more, halved for every 512 µs.
    pub(super) fn usual_batch(&self, least: u64) -> u64 {
        let mss = u64::from(self.mss());
        let Some(rate) = self.usual_rate() else {
            return u64::from(self.settings.max_transmit).max(least);
        };
        let near = (u64::from(u16::MAX) + 1)
            .checked_shr(self.rtt.min_micros() >> 9)
            .unwrap_or(0);
        let bytes = ((rate >> 10) + near).max(least);
        bytes - bytes % mss
    }

    /// The largest super-segment, whole segments of `mss` bytes.
    pub(super) fn largest_batch(&self) -> u64 {
        let mss = u64::from(self.mss());
        let mut largest = u64::from(self.settings.max_transmit);
        if let Some(rate) = self.pacing_rate() {
            let burst = u64::try_from(u128::from(rate) * BURST.as_nanos() / 1_000_000_000)
                .unwrap_or(u64::MAX);
            largest = largest.min(burst.max(2 * mss));
        }
        (largest - largest % mss).max(mss)
    }
}
