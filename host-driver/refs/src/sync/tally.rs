//! Counts locks and atomic read-modify-writes of a thread, in builds with feature `count` (tests that measure).
//! Without it nothing is counted and nothing costs.

/// Taking a lock that nobody else wants is one read-modify-write, and letting go of it another.
pub const RMWS_OF_A_LOCK: u64 = 2;

#[cfg(all(feature = "count", not(any(loom, shuttle))))]
mod counting {
    use std::{cell::RefCell, collections::BTreeSet};

    use super::RMWS_OF_A_LOCK;

    /// What a thread did meanwhile.
    #[derive(Debug, Default, Clone, PartialEq, Eq)]
    pub struct Tally {
        /// Locks taken.
        pub locks: u64,
        /// Atomic read-modify-writes, those of the locks included.
        pub rmws: u64,
        /// Which locks: level and address.
        pub identities: BTreeSet<(&'static str, usize)>,
    }

    thread_local! {
        static TALLY: RefCell<Option<Tally>> = const { RefCell::new(None) };
    }

    fn change(change: impl FnOnce(&mut Tally)) {
        // While the thread ends there may be none any more.
        let _ = TALLY.try_with(|tally| tally.borrow_mut().as_mut().map(change));
    }

    /// Runs `work` and counts what this thread does in it.
    pub fn tally<R>(work: impl FnOnce() -> R) -> (R, Tally) {
        let outer = TALLY.replace(Some(Tally::default()));
        let result = work();
        let tally = TALLY.replace(outer).unwrap_or_default();
        (result, tally)
    }

    /// Notes read-modify-writes.
    pub fn rmw(n: u64) {
        change(|tally| tally.rmws += n);
    }

    /// Notes a lock of `Level` at an address.
    pub fn lock<Level>(address: usize) {
        let level = std::any::type_name::<Level>();
        let level = level.rsplit("::").next().unwrap_or(level);
        change(|tally| {
            tally.locks += 1;
            tally.rmws += RMWS_OF_A_LOCK;
            tally.identities.insert((level, address));
        });
    }
}

#[cfg(all(feature = "count", not(any(loom, shuttle))))]
pub use counting::{Tally, lock, rmw, tally};

/// Notes read-modify-writes: in this build, no.
#[cfg(not(all(feature = "count", not(any(loom, shuttle)))))]
#[inline(always)]
pub fn rmw(_n: u64) {}

/// Notes a lock: in this build, no.
#[cfg(not(all(feature = "count", not(any(loom, shuttle)))))]
#[inline(always)]
pub fn lock<Level>(_address: usize) {}
