//! Simulated time.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A point in simulated time, or a span of it, in picoseconds.
///
/// 64 bits hold 213 days. `+` and `-` are checked in every build: simulated time that wraps would silently reorder events, so
/// they panic instead; where the operands come from outside, use [`checked_add`](Self::checked_add).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Picos(pub u64);

impl Picos {
    /// The beginning of simulated time; the empty span.
    pub const ZERO: Self = Self(0);
    /// The end of simulated time.
    pub const MAX: Self = Self(u64::MAX);

    /// `n` nanoseconds.
    ///
    /// # Panics
    /// Beyond 213 days (at compile time in a constant).
    #[must_use]
    pub const fn from_nanos(n: u64) -> Self {
        Self::scaled(n, 1_000)
    }

    /// `n` microseconds. Panics as [`from_nanos`](Self::from_nanos).
    #[must_use]
    pub const fn from_micros(n: u64) -> Self {
        Self::scaled(n, 1_000_000)
    }

    /// `n` milliseconds. Panics as [`from_nanos`](Self::from_nanos).
    #[must_use]
    pub const fn from_millis(n: u64) -> Self {
        Self::scaled(n, 1_000_000_000)
    }

    /// `n` seconds. Panics as [`from_nanos`](Self::from_nanos).
    #[must_use]
    pub const fn from_secs(n: u64) -> Self {
        Self::scaled(n, 1_000_000_000_000)
    }

    const fn scaled(n: u64, picos: u64) -> Self {
        match n.checked_mul(picos) {
            Some(p) => Self(p),
            None => panic!("simulated time ends after 213 days"),
        }
    }

    /// Whole nanoseconds, rounded down.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0 / 1_000
    }

    /// Seconds, for rates and for printing.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e12
    }

    /// The sum, or `None` past the end of simulated time.
    #[must_use]
    pub const fn checked_add(self, span: Self) -> Option<Self> {
        match self.0.checked_add(span.0) {
            Some(p) => Some(Self(p)),
            None => None,
        }
    }

    /// The span since `earlier`, or zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_sub(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Picos {
    type Output = Self;

    fn add(self, span: Self) -> Self {
        self.checked_add(span)
            .expect("simulated time ends after 213 days")
    }
}

impl AddAssign for Picos {
    fn add_assign(&mut self, span: Self) {
        *self = *self + span;
    }
}

impl Sub for Picos {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self(
            self.0
                .checked_sub(earlier.0)
                .expect("a span of simulated time is never negative"),
        )
    }
}

impl From<Picos> for Duration {
    /// Rounded down to nanoseconds.
    fn from(p: Picos) -> Self {
        Duration::from_nanos(p.as_nanos())
    }
}

impl fmt::Display for Picos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            p if p < 1_000 => write!(f, "{p} ps"),
            p if p < 1_000_000 => write!(f, "{} ns", p as f64 / 1e3),
            p if p < 1_000_000_000 => write!(f, "{} µs", p as f64 / 1e6),
            p if p < 1_000_000_000_000 => write!(f, "{} ms", p as f64 / 1e9),
            p => write!(f, "{} s", p as f64 / 1e12),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_checked() {
        assert_eq!(Picos::MAX.checked_add(Picos(1)), None);
        assert_eq!(Picos(1).saturating_sub(Picos(2)), Picos::ZERO);
        assert_eq!(Picos::from_nanos(2) - Picos(500), Picos(1_500));
    }

    #[test]
    #[should_panic(expected = "213 days")]
    fn overflow_panics_in_every_build() {
        let _ = Picos::MAX + Picos(1);
    }

    #[test]
    fn display_picks_the_unit() {
        assert_eq!(Picos(1_230_400).to_string(), "1.2304 µs");
        assert_eq!(Picos(800).to_string(), "800 ps");
    }
}
