//! Verdicts on checksums, by docs/RX-PARSING.md.

use super::parser::{Parsed, be16};
use crate::checksum::sum;
use nic_abi::completion::{L4Kind, Verdict};
use nic_abi::tx::ETHERNET_HEADER;

/// What the NIC says of a frame's checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdicts {
    /// IPv4 header.
    pub l3: Verdict,
    /// TCP or UDP.
    pub l4: Verdict,
    /// Ones' complement sum behind the Ethernet header.
    pub raw_sum: u16,
}

/// The verdicts on a frame of at least 14 bytes.
pub fn verdicts(frame: &[u8], parsed: &Parsed) -> Verdicts {
    let l3 = parsed
        .ipv4_header
        .clone()
        .map_or(Verdict::NotChecked, |header| {
            good(sum(0, &frame[header]) == 0xffff)
        });
    Verdicts {
        l3,
        l4: layer4(frame, parsed),
        raw_sum: sum(0, &frame[ETHERNET_HEADER as usize..]),
    }
}

fn layer4(frame: &[u8], parsed: &Parsed) -> Verdict {
    let Some(l4) = &parsed.l4 else {
        return Verdict::NotChecked;
    };
    let segment = &frame[l4.range.clone()];
    if parsed.l4_kind == L4Kind::Udp && be16(segment, 6) == Some(0) {
        // RFC 768: none was made; RFC 8200 section 8.1: over IPv6 there must be one.
        return if parsed.ipv6 {
            Verdict::Bad
        } else {
            Verdict::NotChecked
        };
    }
    let pseudo = [
        &[0, l4.protocol][..],
        &(segment.len() as u16).to_be_bytes(),
        &frame[l4.addresses.clone()],
    ]
    .concat();
    good(sum(sum(0, &pseudo), segment) == 0xffff)
}

fn good(yes: bool) -> Verdict {
    if yes { Verdict::Ok } else { Verdict::Bad }
}
