//! What the host's work costs in virtual time.

use longshore_device::MmioCounts;
use sim_wire::Picos;

/// The host's costs; a processor does one thing after the other.
#[derive(Debug, Clone, Copy)]
pub struct HostCost {
    /// One look at the completion queue and the timers.
    pub poll: Picos,
    /// One register write (posted).
    pub doorbell: Picos,
    /// One frame received, or one transmit request posted (a super-segment counts once).
    pub segment: Picos,
}

impl Default for HostCost {
    /// Figures of the size that a current server has: 50 ns a poll, 100 ns a doorbell, 200 ns a segment.
    fn default() -> Self {
        Self {
            poll: Picos::from_nanos(50),
            doorbell: Picos::from_nanos(100),
            segment: Picos::from_nanos(200),
        }
    }
}

/// What a host has done up to a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Register accesses.
    pub mmio: MmioCounts,
    /// Frames received and requests posted.
    pub segments: u64,
}

impl HostCost {
    /// The time that the work between two moments took, with one poll.
    pub fn of(&self, before: &Work, after: &Work) -> Picos {
        let doorbells = after.mmio.since(&before.mmio).writes;
        let segments = after.segments - before.segments;
        Picos(self.poll.0 + doorbells * self.doorbell.0 + segments * self.segment.0)
    }
}
