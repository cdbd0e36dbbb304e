//! A connection as the script sees it and as it is.

use std::collections::HashMap;
use std::net::SocketAddr;

/// Where a connection is in its life, as far as the script has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    New,
    Listening,
    /// A SYN has been injected.
    SynReceived,
    /// The SYN, ACK has been seen.
    SynAckSent,
    Accepted,
    /// `connect()` was called.
    Connecting,
    /// Our SYN has been seen.
    SynSent,
    Connected,
}

/// A socket of the script.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// The stack's descriptor, if it has one.
    pub(crate) fd: Option<i32>,
    pub(crate) phase: Phase,
    pub(crate) udp: bool,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// The first sequence number that the script uses for the stack's SYN, and the stack's.
    pub(crate) script_iss: u32,
    pub(crate) iss: u32,
    /// The same for the peer, whose is the script's choice.
    pub(crate) irs: u32,
    /// First time stamp value of the stack: as the script has it, and as it was.
    pub(crate) first_timestamp: Option<(u32, u32)>,
    /// All of them.
    pub(crate) timestamps: HashMap<u32, u32>,
    /// Bytes that were written: what the next one is, goes by its place.
    pub(crate) written: usize,
}

impl Connection {
    pub(crate) fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            fd: None,
            phase: Phase::New,
            udp: false,
            local,
            remote,
            script_iss: 0,
            iss: 0,
            irs: 0,
            first_timestamp: None,
            timestamps: HashMap::new(),
            written: 0,
        }
    }

    /// What is to be added to the script's number of a byte of ours. In a SYN the script tells its initial number itself;
    /// otherwise it counts from there.
    pub(crate) fn local_offset(&self, syn: bool) -> u32 {
        if syn {
            self.iss.wrapping_sub(self.script_iss)
        } else {
            self.iss
        }
    }

    /// The same for the peer's numbers.
    pub(crate) fn remote_offset(&self, syn: bool) -> u32 {
        if syn { 0 } else { self.irs }
    }
}

/// A byte of a stream by its place in it.
pub(crate) fn byte(place: usize) -> u8 {
    u8::try_from(place % 251).unwrap_or(0)
}

/// Bytes of a stream from a place on.
pub(crate) fn bytes(place: usize, len: usize) -> Vec<u8> {
    (place..place + len).map(byte).collect()
}
