//! Sequence numbers: 32 bits on the wire, compared modulo 2³² (RFC 9293 §3.4).

use core::cmp::Ordering;
use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// A sequence number as it is on the wire.
///
/// Ordered modulo 2³²: `a < b` if `b` is ahead of `a` by less than 2³¹ (RFC 9293 §3.4). The order is
/// not transitive over the whole circle, so the type is [`PartialOrd`] and not [`Ord`].
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// How far `self` is ahead of `other` (negative: behind), from −2³¹ to 2³¹ − 1.
    #[must_use]
    pub const fn distance_from(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// The 64-bit position of `self` in a stream whose `base` has the position `base_position`: the one
    /// nearest to it. `None` if it would lie before position 0.
    #[must_use]
    pub(crate) fn unwrap_near(self, base: Self, base_position: u64) -> Option<u64> {
        base_position.checked_add_signed(i64::from(self.distance_from(base)))
    }
}

/// The low half of a position.
#[expect(clippy::cast_possible_truncation)]
pub(crate) const fn low(position: u64) -> u32 {
    position as u32
}

impl PartialOrd for SeqNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.distance_from(*other).cmp(&0))
    }
}

impl Add<u32> for SeqNumber {
    type Output = Self;

    fn add(self, n: u32) -> Self {
        Self(self.0.wrapping_add(n))
    }
}

impl AddAssign<u32> for SeqNumber {
    fn add_assign(&mut self, n: u32) {
        *self = *self + n;
    }
}

impl Sub<u32> for SeqNumber {
    type Output = Self;

    fn sub(self, n: u32) -> Self {
        Self(self.0.wrapping_sub(n))
    }
}

impl fmt::Debug for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_wraps_at_two_to_the_32() {
        assert!(SeqNumber(u32::MAX) < SeqNumber(0));
        assert!(SeqNumber(0) > SeqNumber(u32::MAX - 10));
        assert!(SeqNumber(5) <= SeqNumber(5));
        assert_eq!(SeqNumber(u32::MAX) + 2, SeqNumber(1));
        assert_eq!(SeqNumber(1) - 2, SeqNumber(u32::MAX));
        assert_eq!(SeqNumber(3).distance_from(SeqNumber(u32::MAX)), 4);
    }

    #[test]
    fn a_number_unwraps_to_the_nearest_position() {
        let base = SeqNumber(u32::MAX);
        assert_eq!(SeqNumber(1).unwrap_near(base, 10), Some(12));
        assert_eq!((base - 10).unwrap_near(base, 10), Some(0));
        assert_eq!((base - 11).unwrap_near(base, 10), None);
        assert_eq!(
            SeqNumber(9).unwrap_near(SeqNumber(7), 1 << 40),
            Some((1 << 40) + 2)
        );
    }
}
