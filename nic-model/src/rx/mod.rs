//! Receive: from a frame to completions.
//!
//! The rules of parsing and of verdicts are those of docs/RX-PARSING.md.

pub mod checksum;
pub mod fifo;
pub mod filter;
pub mod parser;
pub mod writer;
