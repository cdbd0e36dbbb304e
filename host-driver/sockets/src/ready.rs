//! Readiness: what a non-blocking program asks for, and how it is told.

use std::ops::{BitOr, BitOrAssign};

/// What can be done now without waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// A read returns at once: bytes, end of file or an error. For a listener: accept does.
    pub readable: bool,
    /// A write returns at once: bytes are taken, or an error.
    pub writable: bool,
    /// The connection has failed or is over both ways.
    pub closed: bool,
}

impl BitOr for Readiness {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            readable: self.readable | other.readable,
            writable: self.writable | other.writable,
            closed: self.closed | other.closed,
        }
    }
}

impl BitOrAssign for Readiness {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

/// Somebody to be told that a socket's readiness may have changed.
///
/// Called without any lock, from the thread that made the change; spurious calls happen. It should do no more
/// than wake whoever looks.
pub trait Notify: Send + Sync + std::fmt::Debug {
    /// The readiness of the socket may have changed.
    fn notify(&self);
}
