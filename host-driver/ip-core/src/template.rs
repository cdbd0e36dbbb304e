//! Header bytes of outgoing segments, ready for the NIC's offloads.

use core::net::IpAddr;

use arrayvec::ArrayVec;
use etherparse::{EtherType, Ethernet2Header, IpNumber, Ipv4Header, Ipv6Header};

use crate::mac::MacAddr;

/// Longest header that a template holds: Ethernet, IPv6, the longest TCP header. An even multiple of a
/// cache line.
pub const MAX_HEADER_LEN: usize = 128;

/// From us to one remote host: what the Ethernet and IP headers of its packets are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Own address.
    pub local: IpAddr,
    /// The remote host's address, of the same family.
    pub remote: IpAddr,
    /// Own station address.
    pub source_mac: MacAddr,
    /// Station address of the next hop.
    pub destination_mac: MacAddr,
    /// TTL or hop limit.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
}

/// Header bytes with the offsets that a transmit request wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderTemplate {
    bytes: ArrayVec<u8, MAX_HEADER_LEN>,
    l3: u8,
    l4: u8,
    ipv6: bool,
}

impl Path {
    /// Ethernet and IP header in front of `layer4`, the whole TCP or UDP header, with `payload_len` bytes to
    /// follow. All checksums zero. The IP length is right for a single packet; for a super-segment longer
    /// than 64 KiB it is cut, as the NIC ignores it. `identification` is for IPv4; packets may not be
    /// fragmented.
    ///
    /// # Panics
    /// If the addresses are of different families or `layer4` is longer than a TCP header can be: a
    /// mistake of the caller's, not of the peer's.
    #[must_use]
    pub fn header(
        &self,
        protocol: IpNumber,
        identification: u16,
        layer4: &[u8],
        payload_len: usize,
    ) -> HeaderTemplate {
        let l4_len = u16::try_from(layer4.len() + payload_len).unwrap_or(u16::MAX);
        let mut bytes = ArrayVec::new();
        let mut push = |part: &[u8]| {
            bytes
                .try_extend_from_slice(part)
                .expect("60 bytes of TCP header at most");
        };
        let ether_type = if self.local.is_ipv4() {
            EtherType::IPV4
        } else {
            EtherType::IPV6
        };
        let ethernet = Ethernet2Header {
            source: self.source_mac.0,
            destination: self.destination_mac.0,
            ether_type,
        };
        push(&ethernet.to_bytes());
        let l4 = match (self.local, self.remote) {
            (IpAddr::V4(local), IpAddr::V4(remote)) => {
                let header = Ipv4Header {
                    total_len: l4_len.saturating_add(20),
                    identification,
                    dont_fragment: true,
                    time_to_live: self.hop_limit,
                    protocol,
                    source: local.octets(),
                    destination: remote.octets(),
                    ..Ipv4Header::default()
                };
                let mut ip = header.to_bytes();
                ip[1] = self.traffic_class;
                push(&ip);
                34
            }
            (IpAddr::V6(local), IpAddr::V6(remote)) => {
                let header = Ipv6Header {
                    traffic_class: self.traffic_class,
                    payload_length: l4_len,
                    next_header: protocol,
                    hop_limit: self.hop_limit,
                    source: local.octets(),
                    destination: remote.octets(),
                    ..Ipv6Header::default()
                };
                push(&header.to_bytes());
                54
            }
            _ => panic!("a path from {} to {}", self.local, self.remote),
        };
        push(layer4);
        HeaderTemplate {
            bytes,
            l3: 14,
            l4,
            ipv6: self.local.is_ipv6(),
        }
    }
}

impl HeaderTemplate {
    /// The header's bytes, Ethernet first.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Length in bytes.
    #[must_use]
    pub fn len_u8(&self) -> u8 {
        // At most MAX_HEADER_LEN.
        #[expect(clippy::cast_possible_truncation)]
        let len = self.bytes.len() as u8;
        len
    }

    /// Offset of the IP header.
    #[must_use]
    pub const fn l3_offset(&self) -> u8 {
        self.l3
    }

    /// Offset of the TCP or UDP header.
    #[must_use]
    pub const fn l4_offset(&self) -> u8 {
        self.l4
    }

    /// Whether the IP header is IPv6.
    #[must_use]
    pub const fn is_ipv6(&self) -> bool {
        self.ipv6
    }

    /// A whole frame with its checksums, for a NIC that computes none.
    #[must_use]
    pub fn into_frame(self, payload: &[u8]) -> Vec<u8> {
        let mut frame = self.bytes.to_vec();
        frame.extend_from_slice(payload);
        crate::checksum::fill(&mut frame, self.l3.into(), self.l4.into());
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{Content, Verdicts, parse};

    fn path(local: &str, remote: &str) -> Path {
        Path {
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            source_mac: MacAddr([2, 0, 0, 0, 0, 1]),
            destination_mac: MacAddr([2, 0, 0, 0, 0, 2]),
            hop_limit: 64,
            traffic_class: 0b1010_1001,
        }
    }

    #[test]
    fn a_finished_frame_parses_to_what_went_in() {
        for (local, remote) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
            let path = path(local, remote);
            let tcp = etherparse::TcpHeader::new(1, 2, 3, 4).to_bytes();
            let header = path.header(IpNumber::TCP, 77, &tcp, 5);
            assert_eq!(usize::from(header.len_u8()), header.bytes().len());
            assert_eq!(
                usize::from(header.l4_offset()) + 20,
                usize::from(header.len_u8())
            );
            let frame = header.into_frame(b"hello");
            let packet = parse(&frame, Verdicts::default()).unwrap();
            assert_eq!(packet.source_mac, path.source_mac);
            let Content::Ip(ip) = packet.content else {
                panic!("IP went in");
            };
            assert_eq!((ip.source, ip.destination), (path.local, path.remote));
            assert_eq!(ip.traffic_class, path.traffic_class);
            assert_eq!(&ip.payload[20..], b"hello");
        }
    }

    #[test]
    fn a_super_segment_has_room_for_the_longest_header() {
        let header = path("2001:db8::1", "2001:db8::2").header(IpNumber::TCP, 0, &[0; 60], 65_536);
        assert_eq!(header.len_u8(), 114);
    }
}
