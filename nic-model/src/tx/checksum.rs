//! Checksum insertion.

use crate::checksum::sum;
use nic_abi::tx;

/// Bytes of the IPv4 header checksum's place in its header.
const IPV4_CHECKSUM: usize = 10;
const TCP_CHECKSUM: usize = 16;
const UDP_CHECKSUM: usize = 6;
const PROTOCOL_TCP: u16 = 6;
const PROTOCOL_UDP: u16 = 17;

/// Puts the checksums that `context` asks for into `frame`.
pub fn insert(context: u128, frame: &mut [u8]) {
    // A partial sum takes the bytes as they came.
    let partial = tx::PARTIAL_CSUM.is_set(context).then(|| {
        let start = tx::CSUM_START.get(context) as usize;
        !sum(0, &frame[start..])
    });
    let l3 = tx::L3_OFFSET.get(context) as usize;
    let l4 = tx::L4_OFFSET.get(context) as usize;
    if wants_l3(context) {
        put(frame, l3 + IPV4_CHECKSUM, 0);
        let value = !sum(0, &frame[l3..l4]);
        put(frame, l3 + IPV4_CHECKSUM, value);
    }
    if wants_l4(context) {
        let udp = tx::UDP.is_set(context);
        let at = l4 + if udp { UDP_CHECKSUM } else { TCP_CHECKSUM };
        put(frame, at, 0);
        let mut value = !sum(
            pseudo(context, &frame[l3..], frame.len() - l4),
            &frame[l4..],
        );
        if udp && value == 0 {
            // RFC 768: 0 says that there is no checksum.
            value = 0xffff;
        }
        put(frame, at, value);
    }
    if let Some(value) = partial {
        put(frame, tx::CSUM_OFFSET.get(context) as usize, value);
    }
}

/// True if the IPv4 header checksum is to be inserted: asked for, or implied by segmentation.
pub fn wants_l3(context: u128) -> bool {
    tx::L3_CSUM.is_set(context) || (tx::TSO.is_set(context) && !tx::IPV6.is_set(context))
}

/// True if the TCP or UDP checksum is to be inserted: asked for, or implied by segmentation.
pub fn wants_l4(context: u128) -> bool {
    tx::L4_CSUM.is_set(context) || tx::TSO.is_set(context)
}

/// Sum of the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1).
fn pseudo(context: u128, ip: &[u8], l4_len: usize) -> u16 {
    let addresses = if tx::IPV6.is_set(context) {
        &ip[8..40]
    } else {
        &ip[12..20]
    };
    let protocol = if tx::UDP.is_set(context) {
        PROTOCOL_UDP
    } else {
        PROTOCOL_TCP
    };
    let length = sum(0, &(l4_len as u32).to_be_bytes());
    sum(sum(protocol, &length.to_be_bytes()), addresses)
}

fn put(frame: &mut [u8], at: usize, value: u16) {
    frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
}
