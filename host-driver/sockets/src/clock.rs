//! The stack's time.

use longshore_refs::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time since the stack began.
#[derive(Debug)]
pub(crate) enum Clock {
    /// The machine's monotonic clock.
    Real(Instant),
    /// Whatever `poll` was told last, in nanoseconds.
    Virtual(AtomicU64),
}

impl Clock {
    pub(crate) fn real() -> Self {
        Self::Real(Instant::now())
    }

    pub(crate) fn stepped() -> Self {
        Self::Virtual(AtomicU64::new(0))
    }

    pub(crate) fn now(&self) -> Duration {
        match self {
            Self::Real(epoch) => epoch.elapsed(),
            Self::Virtual(nanos) => Duration::from_nanos(nanos.load(Ordering::Acquire)),
        }
    }

    pub(crate) fn is_real(&self) -> bool {
        matches!(self, Self::Real(_))
    }

    /// Moves stepped time on; it never goes back. Without effect on the real one.
    pub(crate) fn advance(&self, now: Duration) {
        if let Self::Virtual(nanos) = self {
            let to = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
            nanos.fetch_max(to, Ordering::AcqRel);
        }
    }
}
