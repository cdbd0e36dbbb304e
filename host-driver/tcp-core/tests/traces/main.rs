//! Tests that read like traces: what arrives, what goes out, in tcpdump's notation.
//!
//! `". 1:1001(1000) ack 1 win 500"` is a segment with ACK, the relative sequence numbers 1 to 1000,
//! and a window field of 500.

mod acks;
mod close;
mod congestion;
mod ecn;
mod handshake;
mod keep_alive;
mod passive;
mod path_mtu;
mod reset;
mod retransmission;
mod sack;
mod script;
mod sending;
mod time_wait;
mod timestamps;
mod tuning;
mod urgent;
mod window;
