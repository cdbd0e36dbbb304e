//! What a frame contains, by docs/RX-PARSING.md.

use nic_abi::completion::L4Kind;
use std::ops::Range;

const ETHERNET: usize = 14;
const TAGS: [u16; 2] = [0x8100, 0x88a8];
const TYPE_IPV4: u16 = 0x0800;
const TYPE_IPV6: u16 = 0x86dd;
const IPV6_HEADER: usize = 40;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const DESTINATION_OPTIONS: u8 = 60;
const EXTENSIONS_MAX: usize = 128;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Layer 4 of a frame that was parsed that far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer4 {
    /// The bytes from the layer-4 header to the end of the IP packet.
    pub range: Range<usize>,
    /// TCP or UDP.
    pub protocol: u8,
    /// Source and destination address, as they stand in the IP header.
    pub addresses: Range<usize>,
}

/// What the parser says of a frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Outermost VLAN tag.
    pub vlan: Option<u16>,
    /// The IPv4 header with its options, if there is a whole one.
    pub ipv4_header: Option<Range<usize>>,
    /// There is an IPv6 header.
    pub ipv6: bool,
    /// TCP or UDP.
    pub l4_kind: L4Kind,
    /// Bytes up to the layer-4 payload, 0 if not parsed that far.
    pub header_len: u8,
    /// Layer 4, if parsed that far.
    pub l4: Option<Layer4>,
}

/// Parses a frame of at least 14 bytes.
pub fn parse(frame: &[u8]) -> Parsed {
    let mut parsed = Parsed::default();
    let mut l3 = ETHERNET;
    for tag in 0..2 {
        let Some(kind) = be16(frame, l3 - 2) else {
            return parsed;
        };
        if !TAGS.contains(&kind) {
            break;
        }
        if tag == 0 {
            parsed.vlan = be16(frame, l3);
        }
        l3 += 4;
    }
    match be16(frame, l3 - 2) {
        Some(TYPE_IPV4) => ipv4(frame, l3, &mut parsed),
        Some(TYPE_IPV6) => ipv6(frame, l3, &mut parsed),
        _ => {}
    }
    parsed
}

fn ipv4(frame: &[u8], l3: usize, parsed: &mut Parsed) {
    let packet = &frame[l3..];
    if packet.len() < 20 || packet[0] >> 4 != 4 {
        return;
    }
    let header = 4 * usize::from(packet[0] & 0xf);
    if header < 20 || packet.len() < header {
        return;
    }
    parsed.ipv4_header = Some(l3..l3 + header);
    let (Some(total), Some(fragment)) = (be16(packet, 2), be16(packet, 6)) else {
        return;
    };
    let total = usize::from(total);
    if total < header || total > packet.len() || fragment & 0x3fff != 0 {
        return;
    }
    let l4 = Layer4 {
        range: l3 + header..l3 + total,
        protocol: packet[9],
        addresses: l3 + 12..l3 + 20,
    };
    layer4(frame, l4, parsed);
}

fn ipv6(frame: &[u8], l3: usize, parsed: &mut Parsed) {
    let packet = &frame[l3..];
    if packet.len() < IPV6_HEADER || packet[0] >> 4 != 6 {
        return;
    }
    parsed.ipv6 = true;
    let Some(payload) = be16(packet, 4).map(usize::from) else {
        return;
    };
    if IPV6_HEADER + payload > packet.len() {
        return;
    }
    let (mut next, mut skipped) = (packet[6], 0);
    while [HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS].contains(&next) {
        // An extension header reaches at least to its eighth byte; what lies behind the packet is no header.
        let Some(header) = packet.get(IPV6_HEADER + skipped..IPV6_HEADER + skipped + 8) else {
            return;
        };
        skipped += 8 * (usize::from(header[1]) + 1);
        if skipped > EXTENSIONS_MAX || (next == ROUTING && header[3] != 0) {
            return;
        }
        next = header[0];
    }
    if skipped > payload {
        return;
    }
    let l4 = Layer4 {
        range: l3 + IPV6_HEADER + skipped..l3 + IPV6_HEADER + payload,
        protocol: next,
        addresses: l3 + 8..l3 + 40,
    };
    layer4(frame, l4, parsed);
}

fn layer4(frame: &[u8], l4: Layer4, parsed: &mut Parsed) {
    let segment = &frame[l4.range.clone()];
    let (kind, header) = match l4.protocol {
        TCP if segment.len() >= 20 => {
            let header = 4 * usize::from(segment[12] >> 4);
            if header < 20 || header > segment.len() {
                return;
            }
            (L4Kind::Tcp, header)
        }
        UDP if segment.len() >= 8 && be16(segment, 4).map(usize::from) == Some(segment.len()) => {
            (L4Kind::Udp, 8)
        }
        _ => return,
    };
    parsed.l4_kind = kind;
    parsed.header_len = (l4.range.start + header) as u8;
    parsed.l4 = Some(l4);
}

/// The big-endian word at `at`, if the frame reaches that far.
pub(super) fn be16(frame: &[u8], at: usize) -> Option<u16> {
    let word = frame.get(at..at + 2)?;
    Some(u16::from_be_bytes([word[0], word[1]]))
}
