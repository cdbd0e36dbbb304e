//! The two TCPs under one interface: connect, round trip, close.

pub(crate) mod ours;
pub(crate) mod smoltcp;
