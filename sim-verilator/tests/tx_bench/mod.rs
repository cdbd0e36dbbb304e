//! A test bench for the transmit datapath: host, traffic, golden reference, judge, and the pins of both simulators.
#![allow(dead_code, reason = "every test binary uses its own part of the bench")]

pub(crate) mod golden;
pub(crate) mod host;
pub(crate) mod judge;
pub(crate) mod pins;
pub(crate) mod traffic;
