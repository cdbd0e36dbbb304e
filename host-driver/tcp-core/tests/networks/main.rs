//! Networks of all kinds, in virtual time.

mod throughput;
