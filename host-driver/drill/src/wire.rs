//! Packets as bytes: built of what the script says, and read for the comparison with it.

use std::net::{IpAddr, SocketAddr};

use etherparse::{
    IpEcn, IpHeaders, IpNumber, Ipv4Header, Ipv6Header, NetSlice, PacketBuilder, SlicedPacket,
    TransportSlice,
};

use crate::script::{Icmp, IpInfo, TcpOption};

/// A TCP segment's header and payload, with live numbers.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    /// TOS or traffic class.
    pub(crate) tos: u8,
    pub(crate) ttl: u8,
    /// The letters of the flags that are set, in the order `FSRPEWUA.`
    pub(crate) flags: String,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) window: u16,
    pub(crate) urgent: u16,
    pub(crate) options: Vec<TcpOption>,
    pub(crate) payload: Vec<u8>,
    pub(crate) is_tcp: bool,
    /// Microseconds.
    pub(crate) at: i64,
}

/// Letters of the flags, in the order in which they are written.
pub(crate) const LETTERS: &str = "FSRPEWUA.";

impl Seen {
    /// Reads an IP packet. The error is what is wrong with it.
    pub(crate) fn read(bytes: &[u8], at: i64) -> Result<Self, String> {
        let sliced = SlicedPacket::from_ip(bytes).map_err(|e| e.to_string())?;
        let (from, to, tos, ttl): (IpAddr, IpAddr, u8, u8) = match &sliced.net {
            Some(NetSlice::Ipv4(v4)) => {
                let header = v4.header();
                if header.to_header().calc_header_checksum() != header.header_checksum() {
                    return Err("bad IP checksum".to_owned());
                }
                (
                    header.source_addr().into(),
                    header.destination_addr().into(),
                    header.dcp().value() << 2 | header.ecn().value(),
                    header.ttl(),
                )
            }
            Some(NetSlice::Ipv6(v6)) => {
                let header = v6.header();
                (
                    header.source_addr().into(),
                    header.destination_addr().into(),
                    header.traffic_class(),
                    header.hop_limit(),
                )
            }
            _ => return Err("no IP packet".to_owned()),
        };
        let mut seen = Self {
            from: SocketAddr::new(from, 0),
            to: SocketAddr::new(to, 0),
            tos,
            ttl,
            flags: String::new(),
            seq: 0,
            ack: 0,
            window: 0,
            urgent: 0,
            options: Vec::new(),
            payload: Vec::new(),
            is_tcp: false,
            at,
        };
        match &sliced.transport {
            Some(TransportSlice::Tcp(tcp)) => {
                let header = tcp.to_header();
                let checksum = match (from, to) {
                    (IpAddr::V4(from), IpAddr::V4(to)) => {
                        header.calc_checksum_ipv4_raw(from.octets(), to.octets(), tcp.payload())
                    }
                    (IpAddr::V6(from), IpAddr::V6(to)) => {
                        header.calc_checksum_ipv6_raw(from.octets(), to.octets(), tcp.payload())
                    }
                    _ => return Err("two IP versions".to_owned()),
                };
                if checksum != Ok(header.checksum) {
                    return Err("bad TCP checksum".to_owned());
                }
                seen.from.set_port(header.source_port);
                seen.to.set_port(header.destination_port);
                let set = [
                    header.fin, header.syn, header.rst, header.psh, header.ece, header.cwr,
                    header.urg, header.ns, header.ack,
                ];
                seen.flags = LETTERS
                    .chars()
                    .zip(set)
                    .filter_map(|(letter, set)| set.then_some(letter))
                    .collect();
                seen.seq = header.sequence_number;
                seen.ack = header.acknowledgment_number;
                seen.window = header.window_size;
                seen.urgent = header.urgent_pointer;
                seen.options = options(header.options.as_slice())?;
                seen.payload = tcp.payload().to_vec();
                seen.is_tcp = true;
            }
            Some(TransportSlice::Udp(udp)) => {
                seen.from.set_port(udp.source_port());
                seen.to.set_port(udp.destination_port());
                seen.payload = udp.payload().to_vec();
            }
            _ => {}
        }
        Ok(seen)
    }

    pub(crate) fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }
}

/// TCP's options, one after the other; what follows the end of the list is padding.
fn options(mut bytes: &[u8]) -> Result<Vec<TcpOption>, String> {
    let bad = || "bad TCP options".to_owned();
    let mut list = Vec::new();
    while let Some((&kind, rest)) = bytes.split_first() {
        match kind {
            0 => {
                list.push(TcpOption::Eol);
                return Ok(list);
            }
            1 => {
                list.push(TcpOption::Nop);
                bytes = rest;
                continue;
            }
            _ => {}
        }
        let len = usize::from(*rest.first().ok_or_else(bad)?);
        let data = bytes.get(2..len).ok_or_else(bad)?;
        let word = |at: usize| {
            let bytes = data.get(at..at + 4)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        list.push(match (kind, data) {
            (2, [high, low]) => TcpOption::Mss(u16::from_be_bytes([*high, *low])),
            (3, [shift]) => TcpOption::WindowScale(*shift),
            (4, []) => TcpOption::SackOk,
            (5, _) if data.len().is_multiple_of(8) => TcpOption::Sack(
                (0..data.len() / 8)
                    .filter_map(|n| Some((word(8 * n)?, word(8 * n + 4)?)))
                    .collect(),
            ),
            (8, _) if data.len() == 8 => {
                TcpOption::Timestamp(word(0).ok_or_else(bad)?, word(4).ok_or_else(bad)?)
            }
            _ => TcpOption::Other(kind, data.to_vec()),
        });
        bytes = &bytes[len..];
    }
    Ok(list)
}

/// The octets of options, filled up to whole words.
pub(crate) fn encode(options: &[TcpOption]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut put = |kind: u8, data: &[u8]| {
        bytes.push(kind);
        if kind > 1 {
            bytes.push(u8::try_from(2 + data.len()).unwrap_or(u8::MAX));
            bytes.extend(data);
        }
    };
    for option in options {
        match option {
            TcpOption::Eol => put(0, &[]),
            TcpOption::Nop => put(1, &[]),
            TcpOption::Mss(mss) => put(2, &mss.to_be_bytes()),
            TcpOption::WindowScale(shift) => put(3, &[*shift]),
            TcpOption::SackOk => put(4, &[]),
            TcpOption::Sack(blocks) => {
                let edges: Vec<u8> = blocks
                    .iter()
                    .flat_map(|(left, right)| [left.to_be_bytes(), right.to_be_bytes()].concat())
                    .collect();
                put(5, &edges);
            }
            TcpOption::Timestamp(value, echo) => {
                put(8, &[value.to_be_bytes(), echo.to_be_bytes()].concat());
            }
            TcpOption::FastOpen(..) => {}
            TcpOption::Other(kind, data) => put(*kind, data),
        }
    }
    while !bytes.len().is_multiple_of(4) {
        bytes.push(0);
    }
    bytes
}

/// The IP header of a packet from one address to another.
fn ip_header(from: IpAddr, to: IpAddr, info: IpInfo, protocol: IpNumber) -> Option<IpHeaders> {
    let tos = info.tos.or(info.ecn.map(|ecn| ecn.bits())).unwrap_or(0);
    let ttl = info.ttl.unwrap_or(255);
    Some(match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = Ipv4Header::new(0, ttl, protocol, from.octets(), to.octets()).ok()?;
            header.dscp = etherparse::IpDscp::try_new(tos >> 2).ok()?;
            header.ecn = IpEcn::try_new(tos & 3).ok()?;
            IpHeaders::Ipv4(header, Default::default())
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => IpHeaders::Ipv6(
            Ipv6Header {
                traffic_class: tos,
                hop_limit: ttl,
                next_header: protocol,
                source: from.octets(),
                destination: to.octets(),
                ..Ipv6Header::default()
            },
            Default::default(),
        ),
        _ => return None,
    })
}

/// The bytes of a segment; `None` if it cannot be.
pub(crate) fn segment(segment: &Seen, info: IpInfo) -> Option<Vec<u8>> {
    let ip = ip_header(segment.from.ip(), segment.to.ip(), info, IpNumber::TCP)?;
    let mut tcp = PacketBuilder::ip(ip).tcp(
        segment.from.port(),
        segment.to.port(),
        segment.seq,
        segment.window,
    );
    for flag in segment.flags.chars() {
        tcp = match flag {
            'F' => tcp.fin(),
            'S' => tcp.syn(),
            'R' => tcp.rst(),
            'P' => tcp.psh(),
            'E' => tcp.ece(),
            'W' => tcp.cwr(),
            'U' => tcp.urg(segment.urgent),
            'A' => tcp.ns(),
            '.' => tcp.ack(segment.ack),
            _ => return None,
        };
    }
    let tcp = tcp.options_raw(&encode(&segment.options)).ok()?;
    let mut bytes = Vec::new();
    tcp.write(&mut bytes, &segment.payload).ok()?;
    Some(bytes)
}

/// The bytes of a datagram.
pub(crate) fn datagram(
    from: SocketAddr,
    to: SocketAddr,
    info: IpInfo,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let ip = ip_header(from.ip(), to.ip(), info, IpNumber::UDP)?;
    let mut bytes = Vec::new();
    let udp = PacketBuilder::ip(ip).udp(from.port(), to.port());
    udp.write(&mut bytes, payload).ok()?;
    Some(bytes)
}

/// Type and code of an ICMP error by packetdrill's names, in IPv4 or IPv6.
fn icmp_type(icmp: &Icmp, v6: bool) -> Option<(u8, u8)> {
    let code = icmp.code.as_deref();
    Some(if v6 {
        match (icmp.kind.as_str(), code) {
            ("unreachable", None | Some("no_route")) => (1, 0),
            ("unreachable", Some("admin_prohibited")) => (1, 1),
            ("unreachable", Some("address_unreachable")) => (1, 3),
            ("unreachable", Some("port_unreachable")) => (1, 4),
            ("packet_too_big", None) => (2, 0),
            ("time_exceeded", None | Some("exceed_hopcount" | "hop_limit")) => (3, 0),
            ("parameter_problem", None) => (4, 0),
            _ => return None,
        }
    } else {
        let names = [
            "net_unreachable",
            "host_unreachable",
            "protocol_unreachable",
            "port_unreachable",
            "frag_needed",
            "source_route_failed",
            "net_unknown",
            "host_unknown",
            "source_host_isolated",
            "net_prohibited",
            "host_prohibited",
            "net_unreachable_tos",
            "host_unreachable_tos",
            "admin_prohibited",
        ];
        match (icmp.kind.as_str(), code) {
            ("unreachable", None) => (3, 0),
            ("unreachable", Some(name)) => {
                let code = names.iter().position(|known| *known == name)?;
                (3, u8::try_from(code).ok()?)
            }
            ("source_quench", None) => (4, 0),
            ("time_exceeded", None | Some("exceed_ttl")) => (11, 0),
            ("parameter_problem", None) => (12, 0),
            _ => return None,
        }
    })
}

/// The bytes of an ICMP error about a packet that went from `to` to `from`. `about` is the first of what followed its IP
/// header, and how long the packet was behind that header.
pub(crate) fn icmp(
    icmp: &Icmp,
    (from, to): (IpAddr, IpAddr),
    info: IpInfo,
    protocol: IpNumber,
    (head, len): (&[u8], usize),
) -> Option<Vec<u8>> {
    let v6 = to.is_ipv6();
    let (kind, code) = icmp_type(icmp, v6)?;
    let mut about = Vec::new();
    let mut header = ip_header(to, from, IpInfo::default(), protocol)?;
    header.set_payload_len(len).ok()?;
    header.write(&mut about).ok()?;
    about.extend(head);
    let number = if v6 {
        IpNumber::IPV6_ICMP
    } else {
        IpNumber::ICMP
    };
    let builder = PacketBuilder::ip(ip_header(from, to, info, number)?);
    let mtu = icmp.mtu.to_be_bytes();
    let mut bytes = Vec::new();
    if v6 {
        let step = builder.icmpv6_raw(kind, code, mtu);
        step.write(&mut bytes, &about).ok()?;
    } else {
        let step = builder.icmpv4_raw(kind, code, mtu);
        step.write(&mut bytes, &about).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_read_again() {
        for (from, to) in [
            ("192.0.2.1:1", "192.168.0.1:2"),
            ("[2001:db8::1]:1", "[fd3d::1]:2"),
        ] {
            let sent = Seen {
                from: from.parse().unwrap(),
                to: to.parse().unwrap(),
                tos: 3,
                ttl: 255,
                flags: "SPEWUA.".to_owned(),
                seq: 1,
                ack: 2,
                window: 3,
                urgent: 4,
                options: vec![
                    TcpOption::Mss(1460),
                    TcpOption::SackOk,
                    TcpOption::Timestamp(5, 6),
                    TcpOption::Nop,
                    TcpOption::WindowScale(7),
                    TcpOption::Sack(vec![(8, 9)]),
                    TcpOption::Other(34, vec![1, 2]),
                ],
                payload: vec![7; 10],
                is_tcp: true,
                at: 0,
            };
            let info = IpInfo {
                ecn: Some(crate::script::Ecn::Ce),
                ..IpInfo::default()
            };
            let bytes = segment(&sent, info).unwrap();
            let seen = Seen::read(&bytes, 0).unwrap();
            let mut padded = sent.clone();
            padded.options.push(TcpOption::Eol);
            assert_eq!(format!("{seen:?}"), format!("{padded:?}"));
        }
    }
}
