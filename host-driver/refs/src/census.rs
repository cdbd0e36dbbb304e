//! How many references each holder has, in debug builds.

use std::{
    fmt,
    // Not `crate::sync`: these counters tell nothing to anybody but a person, and would only multiply the
    // interleavings that a model checker has to go through.
    sync::atomic::{AtomicU32, Ordering},
};

use crate::holder::Name;

const HOLDERS: usize = Name::ALL.len();

/// Counts references by the name of their holder. In release builds it counts nothing.
#[derive(Debug, Default)]
pub struct Census([AtomicU32; HOLDERS]);

impl Census {
    /// True if references are counted in this build.
    pub const COUNTS: bool = cfg!(debug_assertions);

    /// One reference more.
    pub fn enter(&self, name: Name) {
        if Self::COUNTS {
            self.0[name as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One reference less.
    pub fn leave(&self, name: Name) {
        if Self::COUNTS {
            self.0[name as usize].fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// What there is now.
    pub fn tally(&self) -> Tally {
        Tally(std::array::from_fn(|i| self.0[i].load(Ordering::Relaxed)))
    }
}

/// Numbers of references by name; displayed as `H 2, D 1`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally([u32; HOLDERS]);

impl Tally {
    /// References of one holder.
    pub fn of(&self, name: Name) -> u32 {
        self.0[name as usize]
    }

    /// True if nobody holds anything (or the build does not count).
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&n| n == 0)
    }
}

/// By name too: a report of what was left behind names its holders.
impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for &name in Name::ALL {
            if self.of(name) > 0 {
                write!(f, "{separator}{name} {}", self.of(name))?;
                separator = ", ";
            }
        }
        if separator.is_empty() {
            f.write_str("none")
        } else {
            Ok(())
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_tally_names_the_holders() {
        let census = Census::default();
        assert_eq!(census.tally().to_string(), "none");
        census.enter(Name::H);
        census.enter(Name::H);
        census.enter(Name::D);
        if Census::COUNTS {
            assert_eq!(census.tally().to_string(), "H 2, D 1");
        }
        census.leave(Name::H);
        census.leave(Name::H);
        census.leave(Name::D);
        assert!(census.tally().is_empty());
    }
}
