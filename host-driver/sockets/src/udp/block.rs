//! What a UDP socket's slot holds.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ip_core::Path;
use longshore_refs::Handle;

use crate::config::StackConfig;
use crate::failure::Failure;
use crate::protocol::Attempt;
use crate::ready::{Notify, Readiness};

use super::inbox::Inbox;
use super::ports::Name;
use super::{Incoming, nobody};

/// Destinations that are remembered, so that errors about others are known to be forged.
const RECENT: usize = 4;

/// A UDP socket, from its bind to its close.
#[derive(Debug)]
pub(crate) struct Block {
    pub(super) handle: Handle,
    /// As in the table of ports.
    pub(super) name: Name,
    /// As it was bound: a connect chooses the own address anew.
    pub(super) bound: SocketAddr,
    /// Queue pair on which it sends.
    pub(super) queue: usize,
    /// In no table: not yet, or no more.
    pub(super) dropped: bool,
    /// What nobody was told of yet.
    pub(super) failure: Option<Failure>,
    pub(super) read_shut: bool,
    pub(super) write_shut: bool,
    pub(super) inbox: Inbox,
    pub(super) route: Option<Route>,
    /// Whom it has sent to last.
    recent: [Option<SocketAddr>; RECENT],
    next_recent: u8,
    pub(super) options: Options,
    /// IPv4 identification of the next packet.
    pub(super) identification: u16,
    /// In the list of those who wait for room.
    pub(super) parked: bool,
    /// In the list of those who wait for a neighbour.
    pub(super) unresolved: bool,
    pub(super) notify: Option<Arc<dyn Notify>>,
}

/// A way that was found, and how long it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) path: Path,
    pub(super) until: Duration,
    pub(super) epoch: u64,
}

/// What a program can set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// TTL or hop limit of packets to one host.
    pub(super) hop_limit: u8,
    /// Of packets to a multicast group.
    pub(super) multicast_hop_limit: u8,
    /// DSCP and ECN.
    pub(super) traffic_class: u8,
    /// It may send to broadcast addresses.
    pub(super) broadcast: bool,
}

impl Block {
    /// A block that is in no table yet.
    pub(super) fn new(handle: Handle, queue: usize, config: &StackConfig) -> Self {
        let nowhere = nobody(IpAddr::from([0; 4]));
        Self {
            handle,
            name: Name {
                local: nowhere,
                remote: None,
            },
            bound: nowhere,
            queue,
            dropped: true,
            failure: None,
            read_shut: false,
            write_shut: false,
            inbox: Inbox::new(config.datagram_buffer),
            route: None,
            recent: [None; RECENT],
            next_recent: 0,
            options: Options {
                hop_limit: config.ip.hop_limit,
                multicast_hop_limit: 1,
                traffic_class: 0,
                broadcast: false,
            },
            // RFC 6864 §4.1: anything will do for packets that may not be fragmented.
            identification: handle.index as u16,
            parked: false,
            unresolved: false,
            notify: None,
        }
    }

    /// It is in the table from now on.
    pub(super) fn bind(&mut self, local: SocketAddr) {
        self.bound = local;
        self.name = Name {
            local,
            remote: None,
        };
        self.dropped = false;
    }

    /// It has one peer from now on. What others have sent is no longer for it: a program that receives without asking from whom
    /// would take it for the peer's.
    pub(super) fn connect(&mut self, name: Name) {
        self.name = name;
        self.route = None;
        self.failure = None;
        if let Some(peer) = name.remote {
            self.inbox.retain(peer);
        }
    }

    /// It is in no table any more.
    pub(super) fn end(&mut self, why: Option<Failure>) {
        self.dropped = true;
        self.failure = why;
        self.inbox.clear();
    }

    /// Remembers whom it speaks to.
    pub(super) fn note_sent(&mut self, remote: SocketAddr) {
        if !self.has_sent_to(remote) {
            let at = usize::from(self.next_recent) % RECENT;
            self.recent[at] = Some(remote);
            self.next_recent = self.next_recent.wrapping_add(1);
        }
    }

    /// Whether it has spoken to `remote` of late.
    pub(super) fn has_sent_to(&self, remote: SocketAddr) -> bool {
        self.recent.contains(&Some(remote))
    }

    /// Takes the next datagram, or what else there is to tell.
    pub(super) fn receive(&mut self, buf: &mut [u8], take: bool) -> Attempt<Incoming> {
        if let Some(failure) = self.failure.take() {
            return Attempt::Done(Err(failure.into()));
        }
        if let Some((len, from)) = self.inbox.get(buf, take) {
            return Attempt::Done(Ok(Incoming { len, from }));
        }
        if self.dropped || self.read_shut {
            // The end of the file.
            let from = self.name.remote.unwrap_or(nobody(self.bound.ip()));
            return Attempt::Done(Ok(Incoming { len: 0, from }));
        }
        Attempt::Wait
    }

    /// Why nothing can be sent, if so.
    pub(super) fn refusal(&mut self) -> Option<io::Error> {
        if let Some(failure) = self.failure.take() {
            return Some(failure.into());
        }
        (self.dropped || self.write_shut).then(|| io::ErrorKind::BrokenPipe.into())
    }

    pub(super) fn readiness(&self) -> Readiness {
        let failed = self.failure.is_some() || self.dropped;
        Readiness {
            readable: failed || self.read_shut || !self.inbox.is_empty(),
            writable: failed || self.write_shut || !self.parked,
            closed: self.dropped,
        }
    }
}
