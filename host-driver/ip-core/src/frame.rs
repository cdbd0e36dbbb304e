//! Whole frames of our own: ARP, neighbour discovery, ICMP. All checksums in software: they are rare.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{
    EtherType, Ethernet2Header, Icmpv4Header, Icmpv4Type, Icmpv6Type, IpNumber, Ipv4Header,
    Ipv6Header,
};

use crate::mac::MacAddr;

/// An Ethernet frame around `payload`.
pub(crate) fn ethernet(
    source: MacAddr,
    destination: MacAddr,
    ether_type: EtherType,
    payload: &[u8],
) -> Vec<u8> {
    let header = Ethernet2Header {
        source: source.0,
        destination: destination.0,
        ether_type,
    };
    let mut frame = header.to_bytes().to_vec();
    frame.extend_from_slice(payload);
    frame
}

/// An ICMPv4 message in a frame; `None` if it is too long for a packet.
pub(crate) fn icmpv4(
    macs: (MacAddr, MacAddr),
    source: Ipv4Addr,
    destination: Ipv4Addr,
    kind: Icmpv4Type,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let icmp = Icmpv4Header::with_checksum(kind, payload);
    let len = u16::try_from(icmp.header_len() + payload.len()).ok()?;
    let (source, destination) = (source.octets(), destination.octets());
    let mut ip = Ipv4Header::new(len, HOP_LIMIT, IpNumber::ICMP, source, destination).ok()?;
    ip.header_checksum = ip.calc_header_checksum();
    let mut frame = ethernet(macs.0, macs.1, EtherType::IPV4, &ip.to_bytes());
    frame.extend_from_slice(&icmp.to_bytes());
    frame.extend_from_slice(payload);
    Some(frame)
}

/// An ICMPv6 message in a frame; `None` if it is too long for a packet.
pub(crate) fn icmpv6(
    macs: (MacAddr, MacAddr),
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    kind: Icmpv6Type,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let (source, destination) = (source.octets(), destination.octets());
    let icmp = kind.to_header(source, destination, payload).ok()?;
    let ip = Ipv6Header {
        payload_length: u16::try_from(icmp.header_len() + payload.len()).ok()?,
        next_header: IpNumber::IPV6_ICMP,
        hop_limit,
        source,
        destination,
        ..Ipv6Header::default()
    };
    let mut frame = ethernet(macs.0, macs.1, EtherType::IPV6, &ip.to_bytes());
    frame.extend_from_slice(&icmp.to_bytes());
    frame.extend_from_slice(payload);
    Some(frame)
}

/// Writes `mac` as the destination of a frame that waited for it.
pub(crate) fn set_destination(frame: &mut [u8], mac: MacAddr) {
    if let Some(field) = frame.get_mut(..6) {
        field.copy_from_slice(&mac.0);
    }
}

/// Default TTL and hop limit (RFC 1700; Linux's).
pub(crate) const HOP_LIMIT: u8 = 64;

/// Groups of an address family that a station address stands for.
pub(crate) fn group_mac(destination: IpAddr) -> Option<MacAddr> {
    match destination {
        IpAddr::V6(v6) if v6.is_multicast() => Some(MacAddr::ipv6_multicast(v6)),
        IpAddr::V4(v4) if v4.is_broadcast() => Some(MacAddr::BROADCAST),
        // RFC 1112 §6.4: 01-00-5E and the low 23 bits.
        IpAddr::V4(v4) if v4.is_multicast() => {
            let [_, b, c, d] = v4.octets();
            Some(MacAddr([1, 0, 0x5e, b & 0x7f, c, d]))
        }
        _ => None,
    }
}
