//! What all algorithms share: the window, the threshold, slow start.

use super::AckSample;
use super::hystart::{Growth, HyStart};

/// No threshold yet.
const NO_THRESHOLD: u32 = u32::MAX;

/// Congestion window and slow-start threshold, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) cwnd: u32,
    ssthresh: u32,
    initial: u32,
    /// Bytes acknowledged in congestion avoidance since cwnd last grew.
    credit: u32,
    hystart: HyStart,
}

/// Sizes within 32 bits: no window is larger than 2³⁰ (RFC 7323 §2.3).
pub(super) fn low(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

impl Window {
    //= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
    //# The initial value of ssthresh SHOULD be set arbitrarily high (e.g., to the size of the largest possible
    //# advertised window), but ssthresh MUST be reduced in response to congestion.
    pub(super) fn new(initial: u64) -> Self {
        Self {
            cwnd: low(initial),
            // RFC 5681 §3.1: "The initial value of ssthresh SHOULD be set arbitrarily high".
            ssthresh: NO_THRESHOLD,
            initial: low(initial),
            credit: 0,
            hystart: HyStart::new(),
        }
    }

    pub(super) fn cwnd(&self) -> u64 {
        u64::from(self.cwnd)
    }

    pub(super) fn ssthresh(&self) -> u64 {
        if self.ssthresh == NO_THRESHOLD {
            u64::MAX
        } else {
            u64::from(self.ssthresh)
        }
    }

    pub(super) fn in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }

    //= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.2
    //# A TCP endpoint MUST implement the basic congestion control algorithms slow start, congestion avoidance, and
    //# exponential backoff of RTO to avoid creating congestion collapse conditions (MUST-19).
    /// Slow start; returns the bytes that are left for congestion avoidance.
    ///
    /// RFC 5681 §3.1, equation (2), with RFC 3465's byte counting: one ACK may stand for many segments, for receivers
    /// coalesce. As Linux, the whole of `acked` counts, except after a time-out, where L is one SMSS (RFC 3465 §2.3).
    pub(super) fn slow_start(&mut self, sample: &AckSample) -> u64 {
        if !self.in_slow_start() {
            return sample.acked;
        }
        if self.ssthresh == NO_THRESHOLD {
            return self.first_slow_start(sample);
        }
        let mss = u64::from(sample.mss);
        let limit = if sample.after_timeout { mss } else { u64::MAX };
        let growth = sample
            .acked
            .min(limit)
            .min(u64::from(self.ssthresh - self.cwnd));
        self.cwnd = self.cwnd.saturating_add(low(growth));
        if sample.after_timeout || self.in_slow_start() {
            return 0;
        }
        sample.acked - growth
    }

    //= https://www.rfc-editor.org/rfc/rfc9406#section-4.3
    //# An implementation SHOULD use HyStart++ only for the initial slow start (when the ssthresh is at its initial
    //# value of arbitrarily high per [RFC5681]) and fall back to using standard slow start for the remainder of the
    //# connection lifetime.
    /// The slow start of a new connection: HyStart++ looks for its end.
    fn first_slow_start(&mut self, sample: &AckSample) -> u64 {
        match self.hystart.on_ack(sample) {
            Growth::By(bytes) => {
                self.cwnd = self.cwnd.saturating_add(low(bytes));
                0
            }
            Growth::Over => {
                self.ssthresh = self.cwnd.min(NO_THRESHOLD - 1);
                sample.acked
            }
        }
    }

    /// One SMSS for every full window acknowledged (RFC 5681 §3.1, RFC 3465 §2.1).
    pub(super) fn additive_increase(&mut self, acked: u64, mss: u16) {
        self.credit = self.credit.saturating_add(low(acked));
        while self.credit >= self.cwnd {
            self.credit -= self.cwnd;
            self.cwnd = self.cwnd.saturating_add(u32::from(mss));
        }
    }

    /// A new threshold, of two segments at least (RFC 5681 §3.1, equation (4)), and the window at it.
    pub(super) fn reduce_to(&mut self, threshold: u64, mss: u16) {
        self.ssthresh = low(threshold).max(2 * u32::from(mss)).min(NO_THRESHOLD - 1);
        self.cwnd = self.ssthresh;
        self.credit = 0;
    }

    /// Window and threshold as they were under another algorithm.
    pub(super) fn resume(&mut self, window: u64, threshold: u64) {
        // `u64::MAX`, no threshold, becomes the same in 32 bits.
        self.ssthresh = low(threshold);
        self.cwnd = low(window);
    }

    /// RFC 6937 §3.1: at the end of recovery, the window is at the threshold, where the reduction has put it; without one
    /// (RFC 8201 §5.4), it stays.
    pub(super) fn recovered(&mut self, mss: u16) {
        self.cwnd = self.cwnd.min(self.ssthresh).max(u32::from(mss));
    }

    /// RFC 5681 §3.1: "cwnd MUST be set to no more than the loss window, LW, which equals 1 full-sized segment".
    pub(super) fn lose(&mut self, mss: u16) {
        self.cwnd = u32::from(mss);
        self.credit = 0;
    }

    /// A reduction is taken back.
    pub(super) fn restore(&mut self, cwnd: u64, ssthresh: u64) {
        self.cwnd = self.cwnd.max(low(cwnd));
        self.ssthresh = self.ssthresh.max(low(ssthresh));
    }

    //= https://www.rfc-editor.org/rfc/rfc5681#section-4.1
    //# Therefore, a TCP SHOULD set cwnd to no more than RW before beginning transmission if the TCP has not sent
    //# data in an interval exceeding the retransmission timeout.
    /// RFC 5681 §4.1: "the restart window RW = min(IW,cwnd)".
    pub(super) fn restart(&mut self) {
        self.cwnd = self.cwnd.min(self.initial);
    }

    pub(super) fn grow_by(&mut self, bytes: f32) {
        // Positive, and cut at the ends.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let bytes = bytes as u32;
        self.cwnd = self.cwnd.saturating_add(bytes);
    }
}
