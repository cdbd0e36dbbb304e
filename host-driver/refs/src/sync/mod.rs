//! The one door to shared-memory synchronisation, so that model checkers can stand behind it.
//!
//! Locks do not poison: a panic under a lock leaves the data as it is, and close still works.

#[cfg(any(loom, shuttle))]
mod checked;
pub mod tally;

#[cfg(not(any(loom, shuttle)))]
pub use parking_lot::{Condvar, Mutex, MutexGuard};
#[cfg(not(any(loom, shuttle)))]
pub use std::{
    sync::{Arc, atomic},
    thread,
};

#[cfg(any(loom, shuttle))]
pub use checked::{Condvar, Mutex, MutexGuard};
#[cfg(loom)]
pub use loom::{
    sync::{Arc, atomic},
    thread,
};
#[cfg(all(shuttle, not(loom)))]
pub use shuttle::{
    sync::{Arc, atomic},
    thread,
};
