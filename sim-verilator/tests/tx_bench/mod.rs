//! A test bench for the transmit datapath: host, traffic, golden reference, judge, and the pins of both simulators.

pub(crate) mod golden;
pub(crate) mod host;
pub(crate) mod judge;
pub(crate) mod pins;
pub(crate) mod traffic;
