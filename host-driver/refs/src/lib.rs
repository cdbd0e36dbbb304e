//! The reference model's base: what everything that is shared, counted or locked is made of.
//!
//! - [`sync`]: `Arc`, `Mutex`, `Condvar` and atomics, of the standard kind, or of `loom` (`--cfg loom`) or
//!   `shuttle` (`--cfg shuttle`)
//! - [`holder`]: the names of references: who holds what
//! - [`Slab`]: type-stable slots with generation-checked handles; look-up without a lock
//! - [`Ref`], [`Transient`]: counted references by name; the last one's drop frees the slot, nothing else does
//! - [`accept`]: the queue of a listener's children
//! - [`flow`]: the slots of the NIC's flow table, and when a connection may be let go of
//! - [`order`]: the order of locks, in types
//!
//! `cargo xtask test` runs the tests under the model checkers too; one alone:
//! `RUSTFLAGS="--cfg loom" cargo test -p longshore-refs --test loom --target-dir target/loom`.
#![forbid(unsafe_code)]

pub mod accept;
mod census;
pub mod flow;
pub mod holder;
pub mod order;
mod reference;
mod slab;
pub mod sync;

pub use census::{Census, Tally};
pub use reference::{Ref, Transient};
pub use slab::{Handle, Recycle, Slab};
