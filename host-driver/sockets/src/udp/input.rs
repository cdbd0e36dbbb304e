//! From a received packet to a socket.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ip_core::{Datagram, Discard, IpPacket, Packet};
use longshore_refs::Handle;

use crate::broken::{Rule, keeps};
use crate::counters::count;
use crate::lock::{Outermost, Token};
use crate::protocol::Afterwards as _;
use crate::shared::Shared;

use super::Told;
use super::block::Block;

/// How often a socket is looked for that changed its name, or ended, just when it was found.
const TRIES: u32 = 4;

/// What became of a datagram for a socket that a look-up found.
enum Handed {
    /// It is in the queue, or was dropped because that is full.
    Over,
    /// The socket is another's, or has another peer by now.
    NotIts,
}

impl Shared {
    /// A UDP packet with right checksums has come in `frame`.
    pub(crate) fn on_udp_packet(
        &self,
        held: &mut Token<'_, impl Outermost>,
        now: Duration,
        packet: &Packet<'_>,
        ip: &IpPacket<'_>,
        frame: &[u8],
    ) -> Result<(), Discard> {
        let config = self.neighbours.config();
        let from_group = matches!(ip.source, IpAddr::V4(v4) if config.is_broadcast(v4));
        // RFC 1122 §3.2.1.3: a source is one host; and nobody is his own peer here.
        if from_group || config.is_own(ip.source) {
            return Err(Discard::Source);
        }
        let own = config.is_own(ip.destination);
        if !own && !config.accepts(ip.destination) {
            return Err(Discard::NotForUs);
        }
        // RFC 1122 §3.3.6: what is for a host does not come in a frame to a group.
        if own && packet.destination_mac.is_multicast() {
            return Err(Discard::Broadcast);
        }
        let datagram = Datagram::parse(ip.payload)?;
        let local = SocketAddr::from((ip.destination, datagram.destination));
        let remote = SocketAddr::from((ip.source, datagram.source));
        let known = if own {
            self.deliver_udp(held, local, remote, datagram.data)
        } else {
            self.deliver_udp_to_all(held, local, remote, datagram.data)
        };
        if !known {
            count(&self.counters.datagrams_no_port);
            // RFC 1122 §4.1.3.1: "UDP SHOULD send an ICMP Port Unreachable message".
            let told = self
                .neighbours
                .with(held, |ip| ip.port_unreachable(now, packet, frame));
            if told {
                count(&self.counters.port_unreachables_out);
            }
        }
        Ok(())
    }

    /// Gives a datagram to the socket it is for. False if there is none.
    fn deliver_udp(
        &self,
        held: &mut Token<'_, impl Outermost>,
        local: SocketAddr,
        remote: SocketAddr,
        data: &[u8],
    ) -> bool {
        for _ in 0..TRIES {
            let Some(handle) = self.udp.ports.find(held, local, remote) else {
                return false;
            };
            match self.hand_over_udp(held, handle, local, remote, data) {
                Handed::Over => return true,
                // It closed, or was connected, since it was found: perhaps another takes it.
                Handed::NotIts => {}
            }
        }
        // Lost, as it may be on the wire.
        true
    }

    /// Gives a datagram for a group to every socket that takes it.
    fn deliver_udp_to_all(
        &self,
        held: &mut Token<'_, impl Outermost>,
        local: SocketAddr,
        remote: SocketAddr,
        data: &[u8],
    ) -> bool {
        let handles = self.udp.ports.find_all(held, local.ip(), local.port());
        for handle in &handles {
            let _ = self.hand_over_udp(held, *handle, local, remote, data);
        }
        !handles.is_empty()
    }

    fn hand_over_udp(
        &self,
        held: &mut Token<'_, impl Outermost>,
        handle: Handle,
        local: SocketAddr,
        remote: SocketAddr,
        data: &[u8],
    ) -> Handed {
        let Some(pcb) = self.udp.pcbs.peek(handle) else {
            return Handed::NotIts;
        };
        let wanted = |block: &Block| {
            let peer = block.name.takes(local, remote) || !keeps(Rule::RecheckPeer);
            block.handle == handle && !block.dropped && peer
        };
        let Some((mut block, under)) = pcb.lock_if(held, wanted) else {
            return Handed::NotIts;
        };
        if block.read_shut {
            return Handed::Over;
        }
        if !block.inbox.push(remote, data) {
            count(&self.counters.datagrams_dropped);
            return Handed::Over;
        }
        count(&self.counters.datagrams_in);
        pcb.wake();
        let told = Told(block.notify.clone());
        drop((block, under));
        told.run(held);
        Handed::Over
    }
}
