//! How many ACKs unacceptable segments may call forth.

use core::time::Duration;

/// RFC 5961 §7: "no more than 10 challenge ACKs in any 5-second window" is the recommended default.
const LIMIT: u8 = 10;
const WINDOW: u32 = 5;

/// The ACK throttling of RFC 5961 §7, for one connection. It also ends ACK loops between two ends
/// that disagree about their sequence numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throttle {
    /// In seconds.
    since: u32,
    sent: u8,
}

impl Throttle {
    //= https://www.rfc-editor.org/rfc/rfc5961#section-7
    //# An implementation SHOULD include an ACK throttling mechanism to be conservative.
    /// Whether one more may go out at `now`.
    pub(crate) fn allow(&mut self, now: Duration) -> bool {
        // 136 years.
        #[expect(clippy::cast_possible_truncation)]
        let seconds = now.as_secs() as u32;
        if seconds.wrapping_sub(self.since) >= WINDOW {
            self.since = seconds;
            self.sent = 0;
        }
        let allowed = self.sent < LIMIT;
        self.sent += u8::from(allowed);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_in_five_seconds_and_no_more() {
        let mut throttle = Throttle::default();
        let allowed = |throttle: &mut Throttle, at: u64| {
            (0..100)
                .filter(|_| throttle.allow(Duration::from_secs(at)))
                .count()
        };
        assert_eq!(allowed(&mut throttle, 7), 10);
        assert_eq!(allowed(&mut throttle, 11), 0);
        assert_eq!(allowed(&mut throttle, 12), 10);
    }
}
