//! tcp-core and smoltcp in memory, under one interface: a pair of hosts that connect, exchange and close.
//!
//! Both exchange real headers, built and parsed, over a queue in memory; neither computes checksums, which are the
//! NIC's. Time is virtual and hardly moves, so nothing waits. Ours runs without sockets and IP, smoltcp without
//! Ethernet: smoltcp's figures contain an IPv4 header and its socket set of two.
#![forbid(unsafe_code)]

pub mod ours;
mod ring;
pub mod smoltcp;

/// Send and receive buffer of each end, in bytes.
pub const BUFFER: usize = 65_536;
/// What a program writes or reads at once during a bulk transfer, in bytes.
pub const CHUNK: usize = 16_384;
/// Bytes of an IP packet at most, on either side's link.
pub const MTU: u16 = 1_500;
