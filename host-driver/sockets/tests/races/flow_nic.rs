//! A NIC with a flow table and two queue pairs, as docs and contract of the datapath have it, in front of host B.
//!
//! - Commands are taken in order from the ring of the flow's own queue pair.
//! - FLOW_ADD answers OK, FULL or DUPLICATE. Its completion precedes the first that bears the handle; what came before stays where
//!   it was queued. So a flow *moves* to its own queue, and segments may overtake each other.
//! - FLOW_DEL's completion is on the flow's own queue, behind all frames of the flow: it is the fence.
//! - A frame without a receive descriptor is dropped and counted; commands are completed all the same.
//! - After a reset nothing is executed until the device is quiet, and what it still writes bears the old epoch.

use std::collections::VecDeque;
use std::net::SocketAddr;

use longshore_sockets::slots::Completion;
use nic_abi::FlowHandle;
use nic_abi::command::{Command, DelMode, FlowKey};
use nic_abi::fault::Status;

/// Queue pairs.
pub(crate) const QUEUES: usize = 2;

/// A completion and the epoch in which it was written.
pub(crate) type Written = (u32, Completion);

/// How frames that no flow matches are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rss {
    /// All to one queue pair.
    To(usize),
    /// One to each in turn: a key that is being changed.
    InTurn,
    /// A copy to each: a network that doubles frames while the key is being changed.
    ToBoth,
}

struct Flow {
    handle: FlowHandle,
    key: FlowKey,
    queue: usize,
}

pub(crate) struct FlowNic {
    capacity: usize,
    table: Vec<Flow>,
    rings: [VecDeque<Command>; QUEUES],
    completions: [VecDeque<Written>; QUEUES],
    /// Receive descriptors that are posted.
    pub(crate) buffers: [usize; QUEUES],
    pub(crate) rss: Rss,
    turn: usize,
    epoch: u32,
    quiet: bool,
    /// Broken on purpose: FLOW_DEL's completion does not wait for the frames before it.
    pub(crate) no_fence: bool,
    /// Frames that have arrived (a copy counts as one), and what became of each.
    pub(crate) arrived: u64,
    pub(crate) delivered: u64,
    pub(crate) no_buffer: u64,
    /// How flows were ended.
    pub(crate) deletes: Vec<DelMode>,
}

impl FlowNic {
    pub(crate) fn new(capacity: usize, rss: Rss) -> Self {
        Self {
            capacity,
            table: Vec::new(),
            rings: Default::default(),
            completions: Default::default(),
            buffers: [64; QUEUES],
            rss,
            turn: 0,
            epoch: 0,
            quiet: true,
            no_fence: false,
            arrived: 0,
            delivered: 0,
            no_buffer: 0,
            deletes: Vec::new(),
        }
    }

    pub(crate) fn post(&mut self, queue: usize, commands: impl IntoIterator<Item = Command>) {
        self.rings[queue].extend(commands);
    }

    /// Executes the next command of a ring. False if there is none.
    pub(crate) fn execute(&mut self, queue: usize) -> bool {
        if !self.quiet {
            return false;
        }
        match self.rings[queue].pop_front() {
            None => return false,
            Some(Command::FlowAdd { handle, key }) => {
                let status = if self.table.iter().any(|flow| flow.key == key) {
                    Status::Duplicate
                } else if self.table.len() == self.capacity {
                    Status::Full
                } else {
                    self.table.push(Flow { handle, key, queue });
                    Status::Ok
                };
                self.completions[queue].push_back((self.epoch, Completion::Added(handle, status)));
            }
            Some(Command::FlowDel { handle, mode }) => {
                self.deletes.push(mode);
                self.table
                    .retain(|entry| (entry.handle, entry.queue) != (handle, queue));
                let written = (self.epoch, Completion::Deleted(handle));
                if self.no_fence {
                    self.completions[queue].push_front(written);
                } else {
                    self.completions[queue].push_back(written);
                }
            }
        }
        true
    }

    /// A frame has arrived.
    pub(crate) fn receive(&mut self, frame: &[u8]) {
        let key = tuple_of(frame).and_then(key_of);
        let found = self.table.iter().find(|flow| Some(flow.key) == key);
        if let Some(flow) = found {
            let (queue, handle) = (flow.queue, flow.handle);
            return self.write(queue, Some(handle), frame);
        }
        match self.rss {
            Rss::To(queue) => self.write(queue, None, frame),
            Rss::InTurn => {
                self.turn += 1;
                self.write(self.turn % QUEUES, None, frame);
            }
            Rss::ToBoth => (0..QUEUES).for_each(|queue| self.write(queue, None, frame)),
        }
    }

    fn write(&mut self, queue: usize, flow: Option<FlowHandle>, frame: &[u8]) {
        self.arrived += 1;
        if self.buffers[queue] == 0 {
            self.no_buffer += 1;
            return;
        }
        self.buffers[queue] -= 1;
        self.delivered += 1;
        let epoch = self.epoch - u32::from(!self.quiet);
        let frame = Completion::Frame(flow, frame.to_vec());
        self.completions[queue].push_back((epoch, frame));
    }

    /// Takes up to `budget` completions; the buffers of the frames among them are posted again.
    pub(crate) fn take(&mut self, queue: usize, budget: usize) -> Vec<Written> {
        let n = budget.min(self.completions[queue].len());
        let taken: Vec<_> = self.completions[queue].drain(..n).collect();
        let frames = taken
            .iter()
            .filter(|(_, completion)| matches!(completion, Completion::Frame(..)));
        self.buffers[queue] += frames.count();
        taken
    }

    /// A function-level reset begins: commands are gone, what was written is still in memory. Returns the new epoch.
    pub(crate) fn reset(&mut self) -> u32 {
        self.rings = Default::default();
        self.epoch += 1;
        self.quiet = false;
        self.epoch
    }

    /// The reset is over: the table is empty, nothing of the earlier life is written any more.
    pub(crate) fn quiesce(&mut self) {
        self.rings = Default::default();
        self.table.clear();
        self.quiet = true;
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.rings.iter().all(VecDeque::is_empty) && self.completions.iter().all(VecDeque::is_empty)
    }

    /// Flows in the table.
    pub(crate) fn flows(&self) -> usize {
        self.table.len()
    }
}

/// What a flow over IPv4 is found by: B's only address of that family is the first in its list.
fn key_of((local, remote): (SocketAddr, SocketAddr)) -> Option<FlowKey> {
    let SocketAddr::V4(from) = remote else {
        return None;
    };
    let mut remote_addr = [0; 16];
    remote_addr[..4].copy_from_slice(&from.ip().octets());
    Some(FlowKey {
        remote_addr,
        ipv6: false,
        vlan: None,
        local_addr: 0,
        local_port: local.port(),
        remote_port: remote.port(),
    })
}

/// Destination and source of a TCP segment over IPv4: the tuple as its receiver has it.
pub(crate) fn tuple_of(frame: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let packet = etherparse::SlicedPacket::from_ethernet(frame).ok()?;
    let Some(etherparse::NetSlice::Ipv4(ip)) = packet.net else {
        return None;
    };
    let Some(etherparse::TransportSlice::Tcp(tcp)) = packet.transport else {
        return None;
    };
    let (to, from) = (ip.header().destination_addr(), ip.header().source_addr());
    Some((
        SocketAddr::from((to, tcp.destination_port())),
        SocketAddr::from((from, tcp.source_port())),
    ))
}
