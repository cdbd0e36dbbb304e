//! What the tests of reception share: the rules as a function, frames of all kinds, a host.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test uses its part"
)]

pub mod frames;
pub mod golden;
pub mod host;
