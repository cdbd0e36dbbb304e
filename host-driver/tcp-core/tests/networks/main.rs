//! Networks of all kinds, in virtual time.

mod matrix;
mod recovery;
mod slow_start;
mod throughput;
