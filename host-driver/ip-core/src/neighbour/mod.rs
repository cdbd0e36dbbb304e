//! Who on the link has which address: ARP for IPv4, neighbour discovery for IPv6, one cache for both.

pub(crate) mod arp;
mod cache;
pub(crate) mod ndp;

pub(crate) use cache::{Cache, Learned, Lookup, Solicit};

use core::time::Duration;

/// Time-outs and bounds of the neighbour cache (RFC 4861 §10, used for ARP too as Linux does).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighbourConfig {
    /// How long a confirmed neighbour counts as reachable (REACHABLE_TIME).
    pub reachable: Duration,
    /// How long the use of a stale entry waits for a sign of life before it is probed (DELAY_FIRST_PROBE_TIME).
    pub delay_first_probe: Duration,
    /// Between solicitations (RETRANS_TIMER; RFC 1122 §2.3.2.1: at most one ARP request a second).
    pub retransmit: Duration,
    /// Solicitations to everybody without an answer until a neighbour is given up (MAX_MULTICAST_SOLICIT).
    pub solicitations: u8,
    /// Solicitations to where a neighbour was last, without an answer, until that is forgotten
    /// (MAX_UNICAST_SOLICIT): the next packet for it asks everybody.
    pub probes: u8,
    /// Entries; the one that was used longest ago makes room.
    pub capacity: usize,
    /// Frames that wait for one neighbour; the oldest makes room (RFC 1122 §2.3.2.2: at least one).
    pub waiting: usize,
}

impl Default for NeighbourConfig {
    fn default() -> Self {
        Self {
            reachable: Duration::from_secs(30),
            delay_first_probe: Duration::from_secs(5),
            retransmit: Duration::from_secs(1),
            solicitations: 3,
            probes: 3,
            capacity: 1024,
            waiting: 8,
        }
    }
}
