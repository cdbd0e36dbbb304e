//! What routers, hosts and the link say of our datagrams.

use std::net::IpAddr;
use std::time::Duration;

use ip_core::{IcmpError, IcmpErrorKind};

use crate::failure::Failure;
use crate::lock::{Outermost, Token};
use crate::shared::Shared;

impl Shared {
    /// An ICMP error about a datagram of ours. RFC 1122 §4.1.3.3 has all of them told to the program: here to that of a
    /// connected socket, once, as the next call's error. A socket that speaks to many could not know whom it is about.
    ///
    /// Anybody can forge one: it must name a socket and a peer that this has sent to.
    pub(crate) fn on_udp_error(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        error: &IcmpError,
    ) {
        let (local, remote) = (error.quoted.local, error.quoted.remote);
        let found = self.udp.ports.find(held, local, remote);
        let Some(pcb) = found.and_then(|handle| self.udp.pcbs.get(handle)) else {
            return;
        };
        self.update_udp(held, &pcb, |block, under| {
            let ours = !block.dropped && block.name.takes(local, remote);
            if !ours || !block.has_sent_to(remote) {
                return ((), false);
            }
            if let IcmpErrorKind::PacketTooBig { mtu } = error.kind {
                let own = self.config.ip.mtu;
                let news = self.udp.mtus.note(under, now, remote.ip(), mtu, own);
                if !news {
                    return ((), false);
                }
            }
            if block.name.remote.is_none() {
                return ((), false);
            }
            block.failure = Some(failure(error.kind));
            ((), true)
        });
    }

    /// A next hop is known, or (`lost`) does not answer: then what was to go there is lost.
    pub(crate) fn on_udp_neighbour(
        &self,
        held: &mut Token<'_, impl Outermost>,
        lost: Option<IpAddr>,
    ) {
        let waiting = held.with(&self.udp.unresolved, std::mem::take);
        for handle in waiting {
            let Some(pcb) = self.udp.pcbs.get(handle) else {
                continue;
            };
            self.update_udp(held, &pcb, |block, _| {
                block.unresolved = false;
                let peer = block.name.remote.filter(|_| !block.dropped);
                let hop = peer.and_then(|peer| self.neighbours.config().next_hop(peer.ip()));
                let failed = lost.is_some() && hop == lost;
                if failed {
                    block.failure = Some(Failure::HostUnreachable);
                }
                ((), failed)
            });
        }
    }
}

/// What an ICMP error means to a program.
fn failure(kind: IcmpErrorKind) -> Failure {
    match kind {
        IcmpErrorKind::NetworkUnreachable => Failure::NetworkUnreachable,
        IcmpErrorKind::HostUnreachable
        | IcmpErrorKind::Prohibited
        | IcmpErrorKind::TimeExceeded => Failure::HostUnreachable,
        IcmpErrorKind::PortUnreachable => Failure::PortUnreachable,
        IcmpErrorKind::ProtocolUnreachable => Failure::ProtocolUnreachable,
        IcmpErrorKind::PacketTooBig { .. } => Failure::MessageTooLong,
        IcmpErrorKind::ParameterProblem => Failure::ParameterProblem,
    }
}
