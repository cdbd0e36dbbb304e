//! Loss recovery without SACK: fast retransmit and NewReno's fast recovery (RFC 5681 §3.2, RFC 6582),
//! limited transmit (RFC 3042), and what follows a time-out.

use core::time::Duration;

/// Duplicate ACKs that mean a loss (RFC 5681 §3.2).
const DUP_THRESH: u32 = 3;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// Fast recovery.
    Fast,
    /// Sending again from SND.UNA on, in slow start.
    AfterTimeout,
}

/// What a duplicate ACK calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnDuplicate {
    Nothing,
    /// Fast recovery begins: reduce the window.
    Enter,
}

/// What an ACK of new data calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnNewAck {
    /// The window may grow.
    Grow { after_timeout: bool },
    /// A partial ACK: the window stays.
    Partial,
    /// Fast recovery is over.
    Recovered,
}

/// State of recovery.
#[derive(Clone, Debug, Default)]
pub(super) struct Recovery {
    phase: Phase,
    dup_acks: u32,
    /// RFC 6582's "recover": an ACK must reach it to end recovery, and duplicates of an ACK below it
    /// begin none. One past the highest position sent when it was set.
    recover: u64,
    /// When the retransmission timer last expired.
    timeout_at: Duration,
    /// What fast recovery adds to cwnd for segments that have left the network.
    inflation: i64,
    /// The segment at SND.UNA is to be sent again.
    pub(super) retransmit: bool,
}

impl Recovery {
    pub(super) fn is_active(&self) -> bool {
        self.phase != Phase::Open
    }

    /// Whether nothing is, or seems to be, lost.
    pub(super) fn is_quiet(&self) -> bool {
        self.phase == Phase::Open && self.dup_acks == 0
    }

    /// Whether an echoed timestamp may measure a round trip of `round_trip`. After a time-out only if
    /// the echo is of a segment sent since: when an ACK was lost, its repetition echoes the first
    /// transmission, and would measure the time-out.
    pub(super) fn is_measurable(&self, now: Duration, round_trip: Duration) -> bool {
        self.phase != Phase::AfterTimeout || self.timeout_at + round_trip <= now
    }

    /// What may be in flight beyond (or must stay below) cwnd.
    pub(super) fn allowance(&self, mss: u16) -> i64 {
        match self.phase {
            Phase::Fast => self.inflation,
            // RFC 3042 §2: a new segment for each of the first two duplicate ACKs.
            Phase::Open => i64::from(self.dup_acks.min(DUP_THRESH - 1)) * i64::from(mss),
            Phase::AfterTimeout => 0,
        }
    }

    /// A duplicate ACK of `una`, while everything below `max` has been sent.
    pub(super) fn on_duplicate(&mut self, una: u64, max: u64, mss: u16) -> OnDuplicate {
        let mss = i64::from(mss);
        self.dup_acks = self.dup_acks.saturating_add(1);
        match self.phase {
            // RFC 6582 §3.2 step 3: "increment cwnd by SMSS" for each additional one.
            Phase::Fast => self.inflation += mss,
            // RFC 6582 §3.2 step 2: only if the ACK covers more than "recover".
            _ if self.dup_acks == DUP_THRESH && una > self.recover => {
                self.phase = Phase::Fast;
                self.recover = max;
                // RFC 5681 §3.2 step 3: "ssthresh plus 3*SMSS".
                self.inflation = i64::from(DUP_THRESH) * mss;
                self.retransmit = true;
                return OnDuplicate::Enter;
            }
            _ => {}
        }
        OnDuplicate::Nothing
    }

    /// SND.UNA moved to `una`, by `acked`.
    pub(super) fn on_new_ack(&mut self, una: u64, acked: u64, mss: u16) -> OnNewAck {
        self.dup_acks = 0;
        self.retransmit = false;
        match self.phase {
            Phase::Open => OnNewAck::Grow {
                after_timeout: false,
            },
            Phase::AfterTimeout => {
                if una >= self.recover {
                    self.phase = Phase::Open;
                }
                OnNewAck::Grow {
                    after_timeout: true,
                }
            }
            Phase::Fast if una >= self.recover => {
                self.phase = Phase::Open;
                self.inflation = 0;
                // Only lost segments were sent again, one at a time: no duplicate ACKs of `una` are
                // due, so those that come mean a loss right after it.
                self.recover = una - 1;
                OnNewAck::Recovered
            }
            Phase::Fast => {
                // RFC 6582 §3.2 step 3, partial acknowledgement: retransmit the first unacknowledged
                // segment, deflate by what was acknowledged, add back one SMSS.
                let mss = i64::from(mss);
                let acked = i64::try_from(acked).unwrap_or(i64::MAX);
                self.inflation = self.inflation.saturating_sub(acked);
                if acked >= mss {
                    self.inflation += mss;
                }
                self.retransmit = true;
                OnNewAck::Partial
            }
        }
    }

    /// The retransmission timer expired with everything below `max` sent. RFC 6582 §4: "recover" is
    /// set, so that what is sent again and was not lost does not look like a loss.
    pub(super) fn on_timeout(&mut self, now: Duration, max: u64) {
        *self = Self {
            phase: Phase::AfterTimeout,
            timeout_at: now,
            recover: max,
            ..Self::default()
        };
    }
}
