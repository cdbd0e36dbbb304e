//! What an injector did, in numbers.

use std::fmt;

/// What one direction of an injector did. `frames_in + duplicated = frames_out + lost + held_now`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Frames that came in.
    pub frames_in: u64,
    /// Frames that went out, copies included.
    pub frames_out: u64,
    /// Frames lost.
    pub lost: u64,
    /// Copies made.
    pub duplicated: u64,
    /// Frames in which bits were flipped.
    pub corrupted: u64,
    /// Frames cut short.
    pub truncated: u64,
    /// Frames chosen to be held back.
    pub held: u64,
    /// Frames that went out after one that had come in later: reordering that really happened.
    pub overtaken: u64,
    /// Frames delayed by script.
    pub delayed: u64,
    /// Frames inside now.
    pub held_now: u64,
}

impl fmt::Display for FaultCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in, {} out, {} inside; {} lost, {} duplicated, {} corrupted, {} truncated, {} held back ({} overtaken), \
             {} delayed",
            self.frames_in,
            self.frames_out,
            self.held_now,
            self.lost,
            self.duplicated,
            self.corrupted,
            self.truncated,
            self.held,
            self.overtaken,
            self.delayed
        )
    }
}
