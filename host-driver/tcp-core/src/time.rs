//! Time in few bytes: a connection keeps many instants.

use core::time::Duration;

/// An instant in nanoseconds since the caller's epoch, or a span of nanoseconds.
///
/// What is done for every segment is reckoned in these: a [`Duration`]'s seconds and nanoseconds cost a division to make and
/// a carry to add.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(pub(crate) u64);

impl Stamp {
    /// How long ago it was, at `now`.
    pub(crate) fn elapsed(self, now: Duration) -> Self {
        Self(nanos(now).saturating_sub(self.0))
    }

    /// In microseconds.
    pub(crate) fn micros(self) -> u32 {
        u32::try_from(self.0 / 1000).unwrap_or(u32::MAX)
    }

    pub(crate) const fn from_micros(micros: u32) -> Self {
        Self(micros as u64 * 1000)
    }

    pub(crate) const fn from_millis(millis: u32) -> Self {
        Self(millis as u64 * 1_000_000)
    }
}

impl From<Duration> for Stamp {
    fn from(at: Duration) -> Self {
        Self(nanos(at))
    }
}

impl From<Stamp> for Duration {
    fn from(stamp: Stamp) -> Self {
        Self::from_nanos(stamp.0)
    }
}

/// A [`Stamp`] where eight bytes shall not begin at a multiple of eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HalvedStamp {
    high: u32,
    low: u32,
}

impl From<Duration> for HalvedStamp {
    #[expect(clippy::cast_possible_truncation)]
    fn from(at: Duration) -> Self {
        let nanos = nanos(at);
        Self {
            high: (nanos >> 32) as u32,
            low: nanos as u32,
        }
    }
}

impl From<HalvedStamp> for Duration {
    fn from(stamp: HalvedStamp) -> Self {
        Self::from_nanos(u64::from(stamp.high) << 32 | u64::from(stamp.low))
    }
}

fn nanos(at: Duration) -> u64 {
    // 584 years, after which time stands still.
    at.as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(at.subsec_nanos()))
}

/// An instant at which something is due, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(u64);

impl Deadline {
    pub(crate) const NONE: Self = Self(u64::MAX);

    pub(crate) fn new(at: Duration) -> Self {
        Self(nanos(at).min(u64::MAX - 1))
    }

    /// `span` after `now`.
    pub(crate) fn after(now: Duration, span: Stamp) -> Self {
        Self(nanos(now).saturating_add(span.0).min(u64::MAX - 1))
    }

    pub(crate) const fn is_set(self) -> bool {
        self.0 != u64::MAX
    }

    pub(crate) fn is_due(self, now: Duration) -> bool {
        self.is_set() && self.0 <= nanos(now)
    }

    pub(crate) fn at(self) -> Option<Duration> {
        self.is_set().then(|| Duration::from_nanos(self.0))
    }
}

impl Default for Deadline {
    fn default() -> Self {
        Self::NONE
    }
}

/// A span in milliseconds, rounded up, at most 49 days: settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Millis(u32);

impl From<Duration> for Millis {
    fn from(span: Duration) -> Self {
        Self(u32::try_from(span.as_micros().div_ceil(1000)).unwrap_or(u32::MAX))
    }
}

impl From<Millis> for Duration {
    fn from(span: Millis) -> Self {
        Self::from_millis(u64::from(span.0))
    }
}

impl From<Millis> for Stamp {
    fn from(span: Millis) -> Self {
        Self::from_millis(span.0)
    }
}

/// An instant in milliseconds, modulo 2³² (49 days): for what is compared within hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tick(u32);

impl Tick {
    #[expect(clippy::cast_possible_truncation)]
    pub(crate) fn new(at: Duration) -> Self {
        Self(
            at.as_secs()
                .wrapping_mul(1000)
                .wrapping_add(u64::from(at.subsec_millis())) as u32,
        )
    }

    /// How long ago it was, at `now`.
    pub(crate) fn elapsed(self, now: Duration) -> Stamp {
        Stamp::from_millis(Self::new(now).0.wrapping_sub(self.0))
    }
}

/// An instant in microseconds, modulo 2³² (71 minutes): for the send times of data in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Micros(pub(crate) u32);

impl Micros {
    #[expect(clippy::cast_possible_truncation)]
    pub(crate) fn new(at: Duration) -> Self {
        Self(
            (at.as_secs().wrapping_mul(1_000_000)).wrapping_add(u64::from(at.subsec_micros()))
                as u32,
        )
    }

    /// Microseconds from `earlier` to `self`; 0 if it was later.
    pub(crate) fn since(self, earlier: Self) -> u32 {
        u32::try_from(self.0.wrapping_sub(earlier.0).cast_signed()).unwrap_or(0)
    }

    pub(crate) fn is_after(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_due_from_its_instant_on_and_none_never_is() {
        let at = Duration::from_millis(5);
        let deadline = Deadline::new(at);
        assert!(deadline.is_due(at) && !deadline.is_due(at - Duration::from_nanos(1)));
        assert_eq!(deadline.at(), Some(at));
        assert!(!Deadline::NONE.is_due(Duration::MAX));
        assert_eq!(Deadline::NONE.at(), None);
    }

    #[test]
    fn a_stamp_in_two_halves_is_what_it_was_and_keeps_the_order() {
        let (early, late) = (
            Duration::from_nanos(u64::from(u32::MAX)),
            Duration::new(5, 7),
        );
        for at in [early, late] {
            assert_eq!(Duration::from(HalvedStamp::from(at)), at);
        }
        assert!(HalvedStamp::from(early) < HalvedStamp::from(late));
    }

    #[test]
    fn microseconds_wrap() {
        let before = Micros(u32::MAX - 1);
        let after = Micros(3);
        assert_eq!(after.since(before), 5);
        assert_eq!(before.since(after), 0);
        assert!(after.is_after(before));
    }
}
