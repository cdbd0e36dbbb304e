//! A seeded fault injector, stackable on any wire.
//!
//! Each direction has its own [`FaultConfig`] (rates), [`Script`] (faults at chosen frames) and [`FaultCounts`]. Every frame
//! draws the same number of random values whatever the rates are, and the directions draw from separate streams: the same
//! seed gives the same fate to the same frame, and changing one rate does not reshuffle the others.

mod config;
mod counts;
mod injector;
mod parse;
mod stage;

pub use config::{Action, BadFaultConfig, FaultConfig, Hold, Script};
pub use counts::FaultCounts;
pub use injector::FaultInjector;
pub use parse::BadText;

use std::fmt;

/// What was done to one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Taken out of the stream.
    pub lost: bool,
    /// The frame is the copy of another one, or was copied.
    pub duplicated: bool,
    /// Held back so that later frames may overtake it.
    pub held: bool,
    /// Bits flipped.
    pub corrupted: bool,
    /// Bytes cut off the end.
    pub truncated: bool,
    /// Delayed on purpose, beyond the delay that all frames of its direction have.
    pub delayed: bool,
}

impl Faults {
    /// Whether anything was done.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

impl std::ops::BitOr for Faults {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            lost: self.lost | other.lost,
            duplicated: self.duplicated | other.duplicated,
            held: self.held | other.held,
            corrupted: self.corrupted | other.corrupted,
            truncated: self.truncated | other.truncated,
            delayed: self.delayed | other.delayed,
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (self.lost, "lost"),
            (self.duplicated, "duplicated"),
            (self.held, "held back"),
            (self.corrupted, "corrupted"),
            (self.truncated, "truncated"),
            (self.delayed, "delayed"),
        ];
        let mut separator = "";
        for (_, name) in names.iter().filter(|(set, _)| *set) {
            write!(f, "{separator}{name}")?;
            separator = ", ";
        }
        if separator.is_empty() {
            f.write_str("none")
        } else {
            Ok(())
        }
    }
}
