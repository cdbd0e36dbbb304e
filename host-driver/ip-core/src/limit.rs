//! How many answers are given at most.

use core::time::Duration;

/// A token bucket: so many at once, and so many a second (RFC 4443 §2.4 f; RFC 1812 §4.3.2.8).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    burst: u32,
    per_second: u32,
    tokens: u32,
    /// Up to when tokens were filled in.
    filled: Duration,
}

impl Bucket {
    pub(crate) const fn new(burst: u32, per_second: u32) -> Self {
        Self {
            burst,
            per_second,
            tokens: burst,
            filled: Duration::ZERO,
        }
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&mut self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.filled);
        let due = passed.as_nanos() * u128::from(self.per_second) / 1_000_000_000;
        if let Ok(due @ 1..) = u32::try_from(due.min(u128::from(self.burst))) {
            self.tokens = self.tokens.saturating_add(due).min(self.burst);
            // What is left of an interval counts for the next token, unless the bucket is full anyway.
            let step = Duration::from_secs(1) / self.per_second;
            let spent = step.saturating_mul(due);
            self.filled = if self.tokens == self.burst {
                now
            } else {
                self.filled + spent
            };
        }
        let left = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_through_then_so_many_a_second() {
        let mut bucket = Bucket::new(5, 10);
        let ms = Duration::from_millis;
        let at = |bucket: &mut Bucket, now| (0..100).filter(|_| bucket.take(now)).count();
        assert_eq!(at(&mut bucket, ms(0)), 5);
        assert_eq!(at(&mut bucket, ms(99)), 0);
        assert_eq!(at(&mut bucket, ms(150)), 1);
        assert_eq!(at(&mut bucket, ms(199)), 0);
        assert_eq!(at(&mut bucket, ms(200)), 1);
        // Never more than the burst, however long nothing was asked.
        assert_eq!(at(&mut bucket, ms(1_000_000)), 5);
        assert_eq!(at(&mut bucket, ms(1_000_099)), 0);
    }
}
