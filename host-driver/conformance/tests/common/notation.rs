//! Segments as text: `P. 1:1001(1000) ack 1 win 500 <nop,nop,TS val 100 ecr 0>`, with sequence numbers relative to the
//! initial ones.

use std::net::SocketAddr;
use std::time::Duration;

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TcpOptionElement, TransportSlice};

/// Addresses of the connection that is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

/// Initial sequence numbers: the peer's is ours to choose, the stack's is learnt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    irs: u32,
    iss: Option<u32>,
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            irs: 0xffff_f000,
            iss: None,
        }
    }
}

/// A packet that has left.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// Without its window.
    pub(crate) line: String,
    pub(crate) at: Duration,
    pub(crate) window: u16,
    pub(crate) payload: Vec<u8>,
    /// TSval and TSecr.
    pub(crate) timestamps: Option<(u32, u32)>,
    /// Traffic class: DSCP and ECN.
    pub(crate) class: u8,
    pub(crate) hops: u8,
    pub(crate) urgent: Option<u16>,
    pub(crate) bytes: Vec<u8>,
}

const FLAGS: &str = "flags, seq:seq(len), ack n, win n, urg n, <options>";

impl Peer {
    /// The IP packet of a line. Payload differs from place to place, as `data` does; `[ce]` in front marks it.
    pub(crate) fn build(&self, ends: &Ends, line: &str) -> Vec<u8> {
        let (ce, line) = match line.strip_prefix("[ce] ") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let (main, options) = line.split_once(" <").unwrap_or((line, ""));
        let mut words = main.split_whitespace();
        let flags = words.next().expect(FLAGS);
        let range = words.next().expect(FLAGS);
        let (seq, rest) = range.split_once(':').expect(FLAGS);
        let len = rest.split_once('(').expect(FLAGS).1.trim_end_matches(')');
        let seq: u32 = seq.parse().expect(FLAGS);
        let len: usize = len.parse().expect(FLAGS);
        let (mut ack, mut window, mut urgent) = (None, 65_535, None);
        while let Some(word) = words.next() {
            let value: u32 = words.next().expect(FLAGS).parse().expect(FLAGS);
            match word {
                "ack" => ack = Some(value),
                "win" => window = u16::try_from(value).unwrap(),
                "urg" => urgent = Some(u16::try_from(value).unwrap()),
                _ => panic!("{word}: {FLAGS}"),
            }
        }
        let options = self.options(options.trim_end_matches('>'));
        let payload: Vec<u8> = (0..len)
            .map(|n| ((seq as usize + n).wrapping_sub(1) % 251) as u8)
            .collect();
        let builder = match (ends.remote, ends.local) {
            (SocketAddr::V4(from), SocketAddr::V4(to)) => {
                let mut header = etherparse::Ipv4Header::new(
                    0,
                    64,
                    etherparse::IpNumber::TCP,
                    from.ip().octets(),
                    to.ip().octets(),
                )
                .unwrap();
                if ce {
                    header.ecn = etherparse::IpEcn::try_new(3).unwrap();
                }
                PacketBuilder::ip(etherparse::IpHeaders::Ipv4(header, Default::default()))
            }
            (SocketAddr::V6(from), SocketAddr::V6(to)) => {
                PacketBuilder::ipv6(from.ip().octets(), to.ip().octets(), 64)
            }
            _ => panic!("both of one family"),
        };
        let mut tcp = builder.tcp(
            ends.remote.port(),
            ends.local.port(),
            self.irs.wrapping_add(seq),
            window,
        );
        for flag in flags.chars() {
            tcp = match flag {
                'S' => tcp.syn(),
                'F' => tcp.fin(),
                'R' => tcp.rst(),
                'P' => tcp.psh(),
                'U' => tcp.urg(urgent.expect("urg n")),
                'E' => tcp.ece(),
                'W' => tcp.cwr(),
                '.' => {
                    let ack = ack.expect("ack n");
                    tcp.ack(self.iss.expect("a SYN has left").wrapping_add(ack))
                }
                _ => panic!("{flag}: {FLAGS}"),
            };
        }
        let tcp = tcp.options_raw(&options).unwrap();
        let mut bytes = Vec::new();
        tcp.write(&mut bytes, &payload).unwrap();
        bytes
    }

    fn options(&self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for option in text.split(',').filter(|o| !o.is_empty()) {
            let words: Vec<&str> = option.split_whitespace().collect();
            let number = |at: usize| words[at].parse::<u32>().expect("a number");
            match words[0] {
                "nop" => bytes.push(1),
                "mss" => {
                    bytes.extend([2, 4]);
                    bytes.extend((number(1) as u16).to_be_bytes());
                }
                "wscale" => bytes.extend([3, 3, number(1) as u8]),
                "sackOK" => bytes.extend([4, 2]),
                "sack" => {
                    bytes.extend([5, 2 + 8 * (words.len() as u8 - 1)]);
                    for block in &words[1..] {
                        let (left, right) = block.split_once(':').expect("left:right");
                        for edge in [left, right] {
                            let edge = edge.parse::<u32>().expect("a number");
                            let iss = self.iss.expect("a SYN has left");
                            bytes.extend(iss.wrapping_add(edge).to_be_bytes());
                        }
                    }
                }
                "TS" => {
                    bytes.extend([8, 10]);
                    bytes.extend(number(2).to_be_bytes());
                    bytes.extend(number(4).to_be_bytes());
                }
                other => panic!("option {other}"),
            }
        }
        bytes
    }

    /// A packet that has left, as text. Checks its addresses and checksums.
    pub(crate) fn read(&mut self, ends: &mut Ends, bytes: &[u8], at: Duration) -> Packet {
        let sliced = SlicedPacket::from_ip(bytes).expect("an IP packet");
        let (from, to, class, hops) = match sliced.net.as_ref().expect("IP") {
            NetSlice::Ipv4(v4) => {
                let header = v4.header();
                assert_eq!(
                    header.to_header().calc_header_checksum(),
                    header.header_checksum()
                );
                (
                    header.source_addr().into(),
                    header.destination_addr().into(),
                    header.dcp().value() << 2 | header.ecn().value(),
                    header.ttl(),
                )
            }
            NetSlice::Ipv6(v6) => {
                let header = v6.header();
                (
                    std::net::IpAddr::V6(header.source_addr()),
                    std::net::IpAddr::V6(header.destination_addr()),
                    header.traffic_class(),
                    header.hop_limit(),
                )
            }
            NetSlice::Arp(_) => panic!("ARP is not for packetdrill"),
        };
        let mut packet = Packet {
            line: String::new(),
            at,
            window: 0,
            payload: Vec::new(),
            timestamps: None,
            class,
            hops,
            urgent: None,
            bytes: bytes.to_vec(),
        };
        let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else {
            packet.line = "not TCP".to_owned();
            return packet;
        };
        let header = tcp.to_header();
        let checksum = match (from, to) {
            (std::net::IpAddr::V4(from), std::net::IpAddr::V4(to)) => {
                header.calc_checksum_ipv4_raw(from.octets(), to.octets(), tcp.payload())
            }
            (std::net::IpAddr::V6(from), std::net::IpAddr::V6(to)) => {
                header.calc_checksum_ipv6_raw(from.octets(), to.octets(), tcp.payload())
            }
            _ => panic!("both of one family"),
        };
        assert_eq!(checksum, Ok(header.checksum), "checksum of a segment");
        assert_eq!(to, ends.remote.ip());
        if header.syn {
            self.iss = Some(header.sequence_number);
            if !header.ack {
                // The stack connects: these are the ends from now on.
                ends.local = (from, header.source_port).into();
                ends.remote.set_port(header.destination_port);
            }
        }
        assert_eq!(from, ends.local.ip());
        let seq = header
            .sequence_number
            .wrapping_sub(self.iss.unwrap_or(header.sequence_number));
        packet.line = self.text(&header, seq, tcp.payload().len(), &mut packet.timestamps);
        packet.window = header.window_size;
        packet.payload = tcp.payload().to_vec();
        packet.urgent = header.urg.then_some(header.urgent_pointer);
        packet
    }

    fn text(
        &self,
        header: &etherparse::TcpHeader,
        seq: u32,
        len: usize,
        timestamps: &mut Option<(u32, u32)>,
    ) -> String {
        let mut line = String::new();
        for (set, letter) in [
            (header.syn, 'S'),
            (header.fin, 'F'),
            (header.rst, 'R'),
            (header.psh, 'P'),
            (header.urg, 'U'),
            (header.ece, 'E'),
            (header.cwr, 'W'),
            (header.ack, '.'),
        ] {
            if set {
                line.push(letter);
            }
        }
        line += &format!(" {seq}:{}({len})", seq.wrapping_add(len as u32));
        if header.ack {
            let ack = header.acknowledgment_number.wrapping_sub(self.irs);
            line += &format!(" ack {ack}");
        }
        let mut options = Vec::new();
        for option in header.options.elements_iter() {
            options.push(match option.expect("a good option") {
                TcpOptionElement::Noop => "nop".to_owned(),
                TcpOptionElement::MaximumSegmentSize(mss) => format!("mss {mss}"),
                TcpOptionElement::WindowScale(shift) => format!("wscale {shift}"),
                TcpOptionElement::SelectiveAcknowledgementPermitted => "sackOK".to_owned(),
                TcpOptionElement::SelectiveAcknowledgement(first, rest) => {
                    let blocks = std::iter::once(first).chain(rest.into_iter().flatten());
                    let text: Vec<String> = blocks
                        .map(|(left, right)| {
                            let relative = |n: u32| n.wrapping_sub(self.irs);
                            format!("{}:{}", relative(left), relative(right))
                        })
                        .collect();
                    format!("sack {}", text.join(" "))
                }
                TcpOptionElement::Timestamp(value, echo) => {
                    *timestamps = Some((value, echo));
                    "TS".to_owned()
                }
            });
        }
        if !options.is_empty() {
            line += &format!(" <{}>", options.join(","));
        }
        line
    }
}
