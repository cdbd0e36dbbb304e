//! What lives in a stack: the counters that tell a leak.

use longshore_refs::Tally;
use longshore_refs::sync::atomic::Ordering;

use crate::lock::Token;
use crate::shared::Queue;

use super::Stack;

/// What lives in a stack: all zero (but counters of the past) when everything was closed and 2MSL is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Living {
    /// Connections in the table.
    pub connections: usize,
    /// Half-open connections.
    pub half_open: usize,
    /// Connections in TIME-WAIT.
    pub time_wait: usize,
    /// Pcbs that somebody refers to.
    pub pcbs: usize,
    /// Listeners that somebody refers to.
    pub listeners: usize,
    /// UDP sockets in the table.
    pub datagram_sockets: usize,
    /// Pcbs of UDP sockets that somebody refers to.
    pub datagram_pcbs: usize,
    /// Armed timers.
    pub timers: usize,
    /// Chunks of send memory.
    pub send_chunks: usize,
    /// Chunks of headers that are posted.
    pub headers: usize,
    /// Transmit requests that the NIC has not completed.
    pub requests: usize,
    /// Slots of the NIC's flow table that are not free.
    pub slots: usize,
    /// Receive buffers that the NIC or a reader has: none after the stack's end.
    pub receive_buffers: usize,
    /// References to sockets by holder (debug builds).
    pub sockets: Tally,
    /// References to Pcbs by holder (debug builds).
    pub pcb_references: Tally,
    /// References to listeners by holder (debug builds).
    pub listener_references: Tally,
    /// References to Pcbs of UDP sockets by holder (debug builds).
    pub datagram_references: Tally,
    /// References to chunks of send memory by holder (debug builds).
    pub send_references: Tally,
}

impl Living {
    /// Whether nothing lives, but for the receive buffers of a stack that runs.
    #[must_use]
    pub fn is_none(&self) -> bool {
        let numbers = [
            self.connections,
            self.half_open,
            self.time_wait,
            self.pcbs,
            self.listeners,
            self.datagram_sockets,
            self.datagram_pcbs,
            self.timers,
            self.send_chunks,
            self.headers,
            self.requests,
            self.slots,
        ];
        let tallies = [
            &self.sockets,
            &self.pcb_references,
            &self.listener_references,
            &self.datagram_references,
            &self.send_references,
        ];
        numbers == [0; 12] && tallies.iter().all(|tally| tally.is_empty())
    }
}

impl Stack {
    /// What lives now.
    #[must_use]
    pub fn living(&self) -> Living {
        let shared = &self.shared;
        let root = &mut Token::root();
        let [connections, half_open, time_wait] = shared.table.census(root);
        let (headers, receive_buffers) = shared.nic.taken(root);
        let slots = |queue: &Queue| queue.slots_in_use.load(Ordering::Relaxed);
        Living {
            connections,
            half_open,
            time_wait,
            pcbs: shared.pcbs.live(),
            listeners: shared.listeners.live(),
            datagram_sockets: shared.udp.ports.all(root).len(),
            datagram_pcbs: shared.udp.pcbs.live(),
            datagram_references: shared.udp.pcbs.tally(),
            timers: shared.queues.iter().map(|q| q.timers.len(root)).sum(),
            send_chunks: shared.nic.send_pool().taken(),
            headers,
            requests: shared.nic.outstanding(root),
            slots: shared.queues.iter().map(slots).sum(),
            receive_buffers,
            sockets: shared.sockets.tally(),
            pcb_references: shared.pcbs.tally(),
            listener_references: shared.listeners.tally(),
            send_references: shared.nic.send_pool().tally(),
        }
    }
}
