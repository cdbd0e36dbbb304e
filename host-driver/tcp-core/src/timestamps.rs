//! The timestamps of one connection: our clock, TS.Recent and PAWS (RFC 7323).

use core::num::NonZeroU32;
use core::time::Duration;

use crate::options::Timestamps;

/// RFC 7323 §5.5: TS.Recent is invalid after 24 days without an update.
const VALIDITY: u32 = 24 * 24 * 3600;

/// Echoes older than this measure nothing.
const MAX_ECHO_AGE: u32 = 10 * 60 * 1000;

/// State of the option in a connection that uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimestampState {
    /// Added to the clock.
    pub(crate) offset: u32,
    recent: Recent,
}

/// TS.Recent, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recent {
    value: u32,
    /// In seconds since one before the epoch: never 0, so that having none takes no room.
    at: NonZeroU32,
}

/// TSval at `now`: milliseconds, as Linux (RFC 7323 §5.4: between 1 ms and 1 s a tick).
#[expect(clippy::cast_possible_truncation)]
pub(crate) fn clock(now: Duration, offset: u32) -> u32 {
    (now.as_millis() as u32).wrapping_add(offset)
}

/// Seconds since one before the epoch.
#[expect(clippy::cast_possible_truncation)]
fn seconds(now: Duration) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(now.as_secs() as u32)
}

impl TimestampState {
    pub(crate) fn new(now: Duration, offset: u32, recent: u32) -> Self {
        let recent = Recent {
            value: recent,
            at: seconds(now),
        };
        Self { offset, recent }
    }

    /// What there was, and the offset that goes with it.
    pub(crate) fn with(offset: u32, recent: Recent) -> Self {
        Self { offset, recent }
    }

    /// TS.Recent, and since when.
    pub(crate) fn recent(&self) -> Recent {
        self.recent
    }

    /// The option for a segment sent at `now`.
    pub(crate) fn option(&self, now: Duration) -> Timestamps {
        Timestamps {
            value: clock(now, self.offset),
            echo: self.recent.value,
        }
    }

    /// RFC 7323 §5.3, R1: "SEG.TSval < TS.Recent" on a valid TS.Recent.
    pub(crate) fn is_old(&self, now: Duration, value: u32) -> bool {
        value.wrapping_sub(self.recent.value).cast_signed() < 0
            && seconds(now).get().wrapping_sub(self.recent.at.get()) < VALIDITY
    }

    /// Whether `value` is later than TS.Recent (RFC 6191 §2 asks it of a SYN in TIME-WAIT).
    pub(crate) fn is_newer(&self, value: u32) -> bool {
        value.wrapping_sub(self.recent.value).cast_signed() > 0
    }

    //= https://www.rfc-editor.org/rfc/rfc7323#section-4.3
    //# An <ACK> for an out-of-order segment SHOULD, therefore, contain the timestamp from the most recent segment
    //# that advanced RCV.NXT.
    /// RFC 7323 §4.3 (2): an acceptable segment that spans Last.ACK.sent sets TS.Recent.
    pub(crate) fn update(&mut self, now: Duration, value: u32) {
        if !self.is_old(now, value) {
            self.recent = Recent {
                value,
                at: seconds(now),
            };
        }
    }

    /// RFC 7323 §4.1: how many milliseconds ago the echoed clock was read. `None` for an echo that cannot be of a segment
    /// of ours.
    pub(crate) fn echo_age(&self, now: Duration, echo: u32) -> Option<u32> {
        let age = clock(now, self.offset).wrapping_sub(echo);
        (age <= MAX_ECHO_AGE).then_some(age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_is_modulo_two_to_the_32_and_expires_after_24_days() {
        let state = TimestampState::new(Duration::ZERO, 0, 5);
        assert!(state.is_old(Duration::ZERO, 4));
        assert!(state.is_old(Duration::ZERO, u32::MAX));
        assert!(!state.is_old(Duration::ZERO, 5));
        assert!(!state.is_old(Duration::from_secs(u64::from(VALIDITY)), 4));
    }

    #[test]
    fn an_echo_from_the_future_measures_nothing() {
        let state = TimestampState::new(Duration::ZERO, 1000, 0);
        let now = Duration::from_millis(50);
        assert_eq!(state.echo_age(now, 1020), Some(30));
        assert_eq!(state.echo_age(now, 1051), None);
    }
}
