//! What a coalescing NIC makes of packets that arrive together.

use super::link::Packet;
use crate::{Flags, Segment};

/// Payload of a coalesced segment at most.
const LIMIT: usize = 65_536;

/// Joins runs of data segments that follow each other and differ in nothing but their numbers and
/// PSH. Packets that do not parse are left out.
#[must_use]
pub fn coalesce(packets: &[Packet]) -> Vec<(Segment, Vec<u8>)> {
    let mut joined: Vec<(Segment, Vec<u8>)> = Vec::new();
    for packet in packets {
        let Ok((mut segment, header_len)) = Segment::parse_whole(&packet.bytes) else {
            continue;
        };
        segment.ce = packet.ce;
        let payload = &packet.bytes[header_len..];
        match joined.last_mut() {
            Some((last, data))
                if follows(last, &segment) && data.len() + payload.len() <= LIMIT =>
            {
                last.flags |= segment.flags;
                last.payload_len += segment.payload_len;
                last.segments += 1;
                data.extend_from_slice(payload);
            }
            _ => joined.push((segment, payload.to_vec())),
        }
    }
    joined
}

/// Whether `next` can be joined to `last`: PSH and FIN end a run.
fn follows(last: &Segment, next: &Segment) -> bool {
    last.flags == Flags::ACK
        && next.flags - (Flags::PSH | Flags::FIN) == Flags::ACK
        && last.payload_len > 0
        && next.payload_len > 0
        && next.seq == last.seq + last.payload_len
        && next.ce == last.ce
        && (next.ack, next.window, next.options) == (last.ack, last.window, last.options)
}
