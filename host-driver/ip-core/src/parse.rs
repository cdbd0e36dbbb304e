//! From a received frame to a packet for the layer above.

use core::net::IpAddr;

use etherparse::err::{ipv4, ipv6};
use etherparse::{
    ArpPacketSlice, EtherType, Ethernet2Slice, IpNumber, Ipv4Slice, Ipv6HeaderSlice, ip_number,
};
use nic_abi::completion::Verdict;

use crate::checksum;
use crate::discard::Discard;
use crate::mac::MacAddr;

/// What the NIC said of a frame's checksums; the default is that it said nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// IPv4 header.
    pub l3: Verdict,
    /// TCP or UDP.
    pub l4: Verdict,
}

/// A frame that was understood.
#[derive(Clone, Debug)]
pub struct Packet<'f> {
    /// Who sent the frame.
    pub source_mac: MacAddr,
    /// To whom.
    pub destination_mac: MacAddr,
    /// What it holds.
    pub content: Content<'f>,
}

/// What a frame holds.
#[derive(Clone, Debug)]
pub enum Content<'f> {
    /// ARP for IPv4 over Ethernet.
    Arp(crate::neighbour::arp::Message),
    /// A whole IP packet, neither fragment nor option to be acted upon.
    Ip(IpPacket<'f>),
}

/// A whole IP packet with right checksums: TCP, UDP and ICMP were verified by the NIC or here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpPacket<'f> {
    /// Who sent it; a host's address.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// TTL or hop limit as it arrived.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// What `payload` is.
    pub protocol: IpNumber,
    /// Transport header and data, Ethernet padding cut off.
    pub payload: &'f [u8],
}

/// Takes a frame apart, without FCS, and verifies the checksums that the NIC did not.
///
/// Whether it is for us is not asked here: [`crate::Config::accepts`].
///
/// # Errors
/// The reason to drop the frame, for [`crate::DiscardCounters`].
pub fn parse(frame: &[u8], verdicts: Verdicts) -> Result<Packet<'_>, Discard> {
    let ethernet = Ethernet2Slice::from_slice_without_fcs(frame).map_err(|_| Discard::Truncated)?;
    let source_mac = MacAddr(ethernet.source());
    if source_mac.is_multicast() {
        return Err(Discard::Source);
    }
    let payload = ethernet.payload_slice();
    let content = match ethernet.ether_type() {
        EtherType::IPV4 => Content::Ip(parse_ipv4(payload, verdicts)?),
        EtherType::IPV6 => Content::Ip(parse_ipv6(payload, verdicts)?),
        EtherType::ARP => {
            let arp = ArpPacketSlice::from_slice(payload).map_err(|_| Discard::Truncated)?;
            Content::Arp(crate::neighbour::arp::Message::from_slice(&arp)?)
        }
        EtherType::VLAN_TAGGED_FRAME
        | EtherType::PROVIDER_BRIDGING
        | EtherType::VLAN_DOUBLE_TAGGED_FRAME => return Err(Discard::Vlan),
        _ => return Err(Discard::EtherType),
    };
    Ok(Packet {
        source_mac,
        destination_mac: MacAddr(ethernet.destination()),
        content,
    })
}

fn parse_ipv4(bytes: &[u8], verdicts: Verdicts) -> Result<IpPacket<'_>, Discard> {
    let slice = Ipv4Slice::from_slice(bytes).map_err(|error| match error {
        ipv4::SliceError::Len(_) => Discard::Truncated,
        ipv4::SliceError::Header(_) | ipv4::SliceError::Exts(_) => Discard::Malformed,
    })?;
    let header = slice.header();
    match verdicts.l3 {
        Verdict::Bad => return Err(Discard::Ipv4Checksum),
        Verdict::NotChecked if checksum::plain(header.slice()) != 0 => {
            return Err(Discard::Ipv4Checksum);
        }
        Verdict::NotChecked | Verdict::Ok => {}
    }
    if slice.is_payload_fragmented() {
        return Err(Discard::Fragment);
    }
    // Authenticated by nobody here: not to be taken for what it carries.
    if header.protocol() == IpNumber::AUTHENTICATION_HEADER {
        return Err(Discard::Protocol);
    }
    let source = header.source_addr();
    // RFC 1122 §3.2.1.3: neither broadcast nor multicast nor loopback is a source; 0.0.0.0 only before an
    // address is known, which concerns nobody here.
    if source.is_unspecified()
        || source.is_broadcast()
        || source.is_multicast()
        || source.is_loopback()
    {
        return Err(Discard::Source);
    }
    let packet = IpPacket {
        source: source.into(),
        destination: header.destination_addr().into(),
        hop_limit: header.ttl(),
        traffic_class: header.slice()[1],
        protocol: header.protocol(),
        payload: slice.payload().payload,
    };
    verify(packet, verdicts.l4)
}

fn parse_ipv6(bytes: &[u8], verdicts: Verdicts) -> Result<IpPacket<'_>, Discard> {
    let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|error| match error {
        ipv6::HeaderSliceError::Len(_) => Discard::Truncated,
        ipv6::HeaderSliceError::Content(_) => Discard::Malformed,
    })?;
    // Length 0 would be a jumbogram (RFC 2675) or a packet without content: neither is for us.
    let end = 40 + usize::from(header.payload_length());
    let body = bytes.get(40..end).ok_or(Discard::Truncated)?;
    let (protocol, payload) = skip_extensions(header.next_header(), body)?;
    let source = header.source_addr();
    if source.is_multicast() || source.is_loopback() {
        return Err(Discard::Source);
    }
    // RFC 4862 §5.4.2: only duplicate address detection speaks without an address.
    if source.is_unspecified() && protocol != IpNumber::IPV6_ICMP {
        return Err(Discard::Source);
    }
    let bits = header.slice();
    let packet = IpPacket {
        source: source.into(),
        destination: header.destination_addr().into(),
        hop_limit: header.hop_limit(),
        traffic_class: bits[0] << 4 | bits[1] >> 4,
        protocol,
        payload,
    };
    verify(packet, verdicts.l4)
}

/// Walks over the extension headers (RFC 8200 §4) to the transport header.
fn skip_extensions(first: IpNumber, body: &[u8]) -> Result<(IpNumber, &[u8]), Discard> {
    // What etherparse makes of routing headers is too lenient, so they are looked at here.
    let mut next = first;
    let mut rest = body;
    let mut at_start = true;
    loop {
        match next {
            ip_number::IPV6_HOP_BY_HOP if !at_start => return Err(Discard::Malformed),
            ip_number::IPV6_HOP_BY_HOP | ip_number::IPV6_DEST_OPTIONS | ip_number::IPV6_ROUTE => {
                let &[following, len, _, segments_left, ..] = rest else {
                    return Err(Discard::Truncated);
                };
                // RFC 8200 §4.4: with segments left it is for a router, which we are not (RFC 5095 §3).
                if next == ip_number::IPV6_ROUTE && segments_left != 0 {
                    return Err(Discard::Protocol);
                }
                let len = 8 * (1 + usize::from(len));
                rest = rest.get(len..).ok_or(Discard::Truncated)?;
                next = IpNumber(following);
            }
            ip_number::IPV6_FRAG => {
                let &[following, _, offset_high, offset_low, ..] = rest else {
                    return Err(Discard::Truncated);
                };
                // RFC 6946: an atomic fragment is no fragment. Bits 1 and 2 are reserved.
                if u16::from_be_bytes([offset_high, offset_low]) & !0b110 != 0 {
                    return Err(Discard::Fragment);
                }
                rest = rest.get(8..).ok_or(Discard::Truncated)?;
                next = IpNumber(following);
            }
            _ => return Ok((next, rest)),
        }
        at_start = false;
    }
}

fn verify(packet: IpPacket<'_>, verdict: Verdict) -> Result<IpPacket<'_>, Discard> {
    let right = match packet.protocol {
        IpNumber::TCP => match verdict {
            Verdict::NotChecked => layer4_right(&packet),
            Verdict::Ok => true,
            Verdict::Bad => false,
        },
        IpNumber::UDP => match verdict {
            Verdict::NotChecked => udp_right(&packet)?,
            Verdict::Ok => true,
            Verdict::Bad => false,
        },
        // The NIC says nothing of these.
        IpNumber::ICMP if packet.source.is_ipv4() => checksum::plain(packet.payload) == 0,
        IpNumber::IPV6_ICMP if packet.source.is_ipv6() => layer4_right(&packet),
        _ => return Err(Discard::Protocol),
    };
    if right {
        Ok(packet)
    } else {
        Err(Discard::L4Checksum)
    }
}

fn layer4_right(packet: &IpPacket<'_>) -> bool {
    checksum::layer4(
        packet.source,
        packet.destination,
        packet.protocol,
        packet.payload,
    ) == 0
}

fn udp_right(packet: &IpPacket<'_>) -> Result<bool, Discard> {
    let header = packet.payload.get(..8).ok_or(Discard::Truncated)?;
    let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let datagram = packet.payload.get(..len).ok_or(Discard::Truncated)?;
    if len < 8 {
        return Err(Discard::Malformed);
    }
    // RFC 768: no checksum. RFC 8200 §8.1: never so over IPv6.
    if header[6..8] == [0, 0] {
        return Ok(packet.source.is_ipv4());
    }
    Ok(layer4_right(&IpPacket {
        payload: datagram,
        ..*packet
    }))
}

#[cfg(test)]
mod tests;
