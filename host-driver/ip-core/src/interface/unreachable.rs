//! Telling a sender that nobody has the port (RFC 1122 §4.1.3.1; RFC 4443 §3.1).

use core::net::IpAddr;
use core::time::Duration;

use etherparse::{Icmpv4Type, Icmpv6Type, icmpv4, icmpv6};

use super::Interface;
use crate::frame;
use crate::limit::Bucket;
use crate::parse::{Content, Packet};

/// Errors at once, and errors a second (Linux: icmp_msgs_burst, icmp_msgs_per_sec).
pub(super) const LIMIT: Bucket = Bucket::new(50, 1000);

/// Longest ICMPv4 error, IP header included (RFC 1812 §4.3.2.3).
const LONGEST_V4: usize = 576;
/// Longest ICMPv6 error: what every path takes (RFC 4443 §2.4 c).
const LONGEST_V6: usize = 1280;
/// ICMP header of these errors.
const ICMP_HEADER: usize = 8;
/// Ethernet header.
const ETHERNET: usize = 14;

impl Interface {
    /// Answers a datagram for a port that nobody has, `frame` and what it was parsed to. False if it gets no answer: it was
    /// for a group, its sender is no single host (RFC 1122 §3.2.2, RFC 4443 §2.4 e), or there were too many (RFC 4443 §2.4 f).
    pub fn port_unreachable(&mut self, now: Duration, packet: &Packet<'_>, frame: &[u8]) -> bool {
        let Content::Ip(ip) = &packet.content else {
            return false;
        };
        let config = &self.config;
        let group_source = matches!(ip.source, IpAddr::V4(v4) if config.is_broadcast(v4));
        if packet.destination_mac.is_multicast()
            || !config.is_own(ip.destination)
            || config.is_own(ip.source)
            || group_source
        {
            return false;
        }
        let Some(quoted) = ip_packet(frame, ip.source.is_ipv4()) else {
            return false;
        };
        if !self.errors.take(now) {
            return false;
        }
        let macs = (self.config.mac, packet.source_mac);
        let built = match (ip.destination, ip.source) {
            (IpAddr::V4(own), IpAddr::V4(to)) => {
                let quoted = &quoted[..quoted.len().min(LONGEST_V4 - 20 - ICMP_HEADER)];
                let why = icmpv4::DestUnreachableHeader::Port;
                let kind = Icmpv4Type::DestinationUnreachable(why);
                frame::icmpv4(macs, own, to, kind, quoted)
            }
            (IpAddr::V6(own), IpAddr::V6(to)) => {
                let quoted = &quoted[..quoted.len().min(LONGEST_V6 - 40 - ICMP_HEADER)];
                let why = icmpv6::DestUnreachableCode::Port;
                let kind = Icmpv6Type::DestinationUnreachable(why);
                frame::icmpv6(macs, own, to, frame::HOP_LIMIT, kind, quoted)
            }
            _ => None,
        };
        built.is_some_and(|answer| self.push(answer).is_ok())
    }
}

/// The IP packet in a frame, without the padding.
fn ip_packet(frame: &[u8], ipv4: bool) -> Option<&[u8]> {
    let packet = frame.get(ETHERNET..)?;
    let at = if ipv4 { 2 } else { 4 };
    let &[high, low] = packet.get(at..)?.first_chunk::<2>()?;
    let len = usize::from(u16::from_be_bytes([high, low])) + if ipv4 { 0 } else { 40 };
    packet.get(..len)
}
