//! Frames: ARP and ICMP echo, by `etherparse`.

use anyhow::{Context, Result};
use etherparse::{
    ArpHardwareId, ArpOperation, ArpPacket, EtherType, Icmpv4Type, NetSlice, PacketBuilder,
    SlicedPacket, TransportSlice,
};
use std::net::Ipv4Addr;

/// Who asks whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    pub(crate) mac: [u8; 6],
    pub(crate) ip: Ipv4Addr,
    pub(crate) peer_ip: Ipv4Addr,
    /// Broadcast until ARP has told.
    pub(crate) peer_mac: [u8; 6],
}

/// What came in and is ours.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The peer's station address.
    Mac([u8; 6]),
    /// An echo: identifier, sequence number, payload.
    Echo(u16, u16, Vec<u8>),
}

impl Path {
    /// Asks for the peer's station address (RFC 826).
    pub(crate) fn who_has(&self) -> Result<Vec<u8>> {
        let packet = ArpPacket::new(
            ArpHardwareId::ETHERNET,
            EtherType::IPV4,
            ArpOperation::REQUEST,
            &self.mac,
            &self.ip.octets(),
            &[0; 6],
            &self.peer_ip.octets(),
        )?;
        let builder = PacketBuilder::ethernet2(self.mac, [0xff; 6]).arp(packet);
        let mut frame = Vec::with_capacity(builder.size());
        builder.write(&mut frame)?;
        Ok(frame)
    }

    /// An echo request with `payload` (RFC 792).
    pub(crate) fn request(&self, id: u16, seq: u16, payload: &[u8]) -> Result<Vec<u8>> {
        let builder = PacketBuilder::ethernet2(self.mac, self.peer_mac)
            .ipv4(self.ip.octets(), self.peer_ip.octets(), 64)
            .icmpv4_echo_request(id, seq);
        let mut frame = Vec::with_capacity(builder.size(payload.len()));
        builder.write(&mut frame, payload)?;
        Ok(frame)
    }

    /// What `frame` answers, if it answers us.
    pub(crate) fn answer(&self, frame: &[u8]) -> Option<Answer> {
        let packet = SlicedPacket::from_ethernet(frame).ok()?;
        match (packet.net?, packet.transport) {
            (NetSlice::Arp(arp), _) => {
                let arp = arp.to_packet();
                let told = arp.operation == ArpOperation::REPLY
                    && arp.sender_protocol_addr() == self.peer_ip.octets();
                told.then(|| arp.sender_hw_addr().try_into().ok().map(Answer::Mac))?
            }
            (NetSlice::Ipv4(_), Some(TransportSlice::Icmpv4(icmp))) => match icmp.icmp_type() {
                Icmpv4Type::EchoReply(head) => {
                    Some(Answer::Echo(head.id, head.seq, icmp.payload().to_vec()))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// The payload of echo request `seq`: tells every place in every request apart.
pub(crate) fn pattern(seq: u16, len: usize) -> Vec<u8> {
    (0..len as u32)
        .map(|i| {
            (i.wrapping_mul(31) ^ u32::from(seq).wrapping_mul(0x9e37)).to_le_bytes()[1] ^ i as u8
        })
        .collect()
}

/// The station address and network of NIC `number`: each has a network and a Linux of its own outside.
pub(crate) fn path(number: u8) -> Result<Path> {
    let parse = |text: &str| text.parse().context("an address");
    Ok(Path {
        mac: [2, 0x4c, 0x53, 0, 0, 1 + number],
        // Known to the Linux outside, which need not ask: stations answer no ARP.
        ip: parse("192.0.2.9")?,
        peer_ip: parse("192.0.2.2")?,
        peer_mac: [0xff; 6],
    })
}
