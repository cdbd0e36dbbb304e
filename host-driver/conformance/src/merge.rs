//! Segments that one super-segment was cut into, as one packet again: what a script for Linux sees, whose packets are sniffed
//! before a NIC cuts them.

use std::net::IpAddr;

use etherparse::{IpSlice, TcpHeader, TcpSlice};

use crate::split::assemble;

/// Longest IP packet.
const LONGEST: usize = 65_535;

/// A packet that may grow.
#[derive(Clone, Debug)]
pub(crate) struct Growing {
    flow: (IpAddr, IpAddr, u16, u16),
    header: TcpHeader,
    /// Payload of the first segment: all but the last of a super-segment are as long.
    piece: usize,
    payload: usize,
}

impl Growing {
    /// A packet that left just now, if it is a segment that more of the same super-segment may follow: with payload, and
    /// without the flags that only the last one has.
    pub(crate) fn new(packet: &[u8]) -> Option<Self> {
        let (ip, tcp) = segment(packet)?;
        let header = tcp.to_header();
        let payload = tcp.payload().len();
        let first = !(header.psh || header.fin || header.syn || header.rst || header.urg);
        (first && payload > 0).then(|| Self {
            flow: (
                ip.source_addr(),
                ip.destination_addr(),
                header.source_port,
                header.destination_port,
            ),
            header,
            piece: payload,
            payload,
        })
    }

    /// `packet`, which this is about, with the payload of `next` behind it, if `next` is the next segment of it.
    pub(crate) fn append(&mut self, packet: &[u8], next: &[u8]) -> Option<Vec<u8>> {
        let (ip, tcp) = segment(next)?;
        let header = tcp.to_header();
        let len = tcp.payload().len();
        let flow = (
            ip.source_addr(),
            ip.destination_addr(),
            header.source_port,
            header.destination_port,
        );
        let seq = self
            .header
            .sequence_number
            .wrapping_add(u32::try_from(self.payload).ok()?);
        // All but what differs within a super-segment must be equal.
        let expected = TcpHeader {
            sequence_number: seq,
            psh: header.psh,
            fin: header.fin,
            cwr: header.cwr,
            checksum: header.checksum,
            ..self.header.clone()
        };
        let follows = flow == self.flow
            && header == expected
            && len > 0
            && len <= self.piece
            && self.payload.is_multiple_of(self.piece)
            && packet.len() + len <= LONGEST;
        if !follows {
            return None;
        }
        let (before, whole) = segment(packet)?;
        let mut payload = whole.payload().to_vec();
        payload.extend_from_slice(tcp.payload());
        let first = TcpHeader {
            psh: header.psh,
            fin: header.fin,
            ..self.header.clone()
        };
        let merged = assemble(&before, first, &payload)?;
        self.payload = payload.len();
        Some(merged)
    }

    /// Whether nothing can follow any more, for the packet says so or is full.
    pub(crate) fn is_over(&self, packet: &[u8]) -> bool {
        !self.payload.is_multiple_of(self.piece)
            || segment(packet).is_none_or(|(_, tcp)| tcp.psh() || tcp.fin())
    }
}

fn segment(packet: &[u8]) -> Option<(IpSlice<'_>, TcpSlice<'_>)> {
    let ip = IpSlice::from_slice(packet).ok()?;
    let payload = ip.payload();
    if payload.fragmented || payload.ip_number != etherparse::IpNumber::TCP {
        return None;
    }
    let bytes = payload.payload;
    let tcp = TcpSlice::from_slice(bytes).ok()?;
    Some((ip, tcp))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::split;
    use etherparse::PacketBuilder;

    fn packet(seq: u32, len: usize, push: bool) -> Vec<u8> {
        let mut builder = PacketBuilder::ipv4([192, 168, 0, 1], [192, 0, 2, 1], 64)
            .tcp(1, 2, seq, 1000)
            .ack(7);
        if push {
            builder = builder.psh();
        }
        let payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
        let mut bytes = Vec::new();
        builder.write(&mut bytes, &payload).unwrap();
        bytes
    }

    #[test]
    fn what_was_cut_becomes_the_packet_that_it_was() {
        let whole = packet(u32::MAX - 2000, 5000, true);
        let pieces = split(&whole, 1500, None);
        assert_eq!(pieces.len(), 4);
        let mut merged = pieces[0].clone();
        let mut growing = Growing::new(&merged).unwrap();
        for piece in &pieces[1..] {
            assert!(!growing.is_over(&merged));
            merged = growing.append(&merged, piece).unwrap();
        }
        assert!(growing.is_over(&merged));
        assert_eq!(merged, whole);
    }

    #[test]
    fn what_is_something_else_is_not_appended() {
        let first = packet(1, 1000, false);
        let mut growing = Growing::new(&first).unwrap();
        for other in [
            packet(1002, 1000, false),
            packet(1, 1000, false),
            packet(1001, 0, false),
            packet(1001, 1001, false),
        ] {
            assert_eq!(growing.append(&first, &other), None);
        }
        assert!(Growing::new(&packet(1, 1000, true)).is_none());
        assert!(Growing::new(&packet(1, 0, false)).is_none());
        let merged = growing.append(&first, &packet(1001, 10, false)).unwrap();
        assert!(growing.is_over(&merged), "a short one is the last");
    }
}
