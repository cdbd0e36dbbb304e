//! Segmentation (TSO) by the rules of `nic_abi::tx`, which are those of Linux's GSO.

use super::checksum;
use nic_abi::tx;

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// The frames of a request whose bytes are `bytes`, checksums in place, padded to 60 B.
///
/// The request has passed `nic_abi::tx::check`.
pub fn frames(context: u128, bytes: &[u8]) -> Vec<Vec<u8>> {
    let (header, payload) = bytes.split_at(tx::HEADER_LEN.get(context) as usize);
    let mut frames = Vec::new();
    if tx::TSO.is_set(context) {
        let mss = tx::MSS.get(context) as usize;
        let count = payload.len().div_ceil(mss);
        for (i, part) in payload.chunks(mss).enumerate() {
            let mut frame = [header, part].concat();
            patch(context, &mut frame, i, i + 1 == count);
            frames.push(frame);
        }
    } else {
        frames.push(bytes.to_vec());
    }
    for frame in &mut frames {
        checksum::insert(context, frame);
        if frame.len() < tx::FRAME_MIN as usize {
            frame.resize(tx::FRAME_MIN as usize, 0);
        }
    }
    frames
}

/// How many of a request's frames need nothing but its first `read` bytes.
pub fn readable(context: u128, read: usize) -> usize {
    let header = tx::HEADER_LEN.get(context) as usize;
    let payload = tx::PAYLOAD_LEN.get(context) as usize;
    if read == header + payload {
        usize::MAX
    } else if tx::TSO.is_set(context) {
        read.saturating_sub(header) / tx::MSS.get(context) as usize
    } else {
        0
    }
}

/// Sets what differs from the template in segment number `index`.
fn patch(context: u128, frame: &mut [u8], index: usize, last: bool) {
    let l3 = tx::L3_OFFSET.get(context) as usize;
    let l4 = tx::L4_OFFSET.get(context) as usize;
    let mss = tx::MSS.get(context) as u32;
    let ip_len = (frame.len() - l3) as u16;
    if tx::IPV6.is_set(context) {
        // RFC 8200 section 3: the payload length does not count the fixed header.
        put16(frame, l3 + 4, ip_len - 40);
    } else {
        put16(frame, l3 + 2, ip_len);
        if !tx::IP_ID_FIXED.is_set(context) {
            let id = u16::from_be_bytes([frame[l3 + 4], frame[l3 + 5]]);
            put16(frame, l3 + 4, id.wrapping_add(index as u16));
        }
    }
    let seq = u32::from_be_bytes([frame[l4 + 4], frame[l4 + 5], frame[l4 + 6], frame[l4 + 7]]);
    let seq = seq.wrapping_add(mss.wrapping_mul(index as u32));
    frame[l4 + 4..l4 + 8].copy_from_slice(&seq.to_be_bytes());
    if !last {
        frame[l4 + 13] &= !(FIN | PSH);
    }
    if index > 0 && !tx::CWR_ALL.is_set(context) {
        frame[l4 + 13] &= !CWR;
    }
}

fn put16(frame: &mut [u8], at: usize, value: u16) {
    frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
    use nic_abi::FlowHandle;
    use nic_abi::tx::{L4Checksum, Tso, TxContext};
    use proptest::prelude::*;

    fn context(header: usize, payload: usize, ipv6: bool, mss: u16) -> u128 {
        TxContext {
            handle: FlowHandle::NONE,
            payload_len: payload as u32,
            buffers: 1,
            l3_offset: 14,
            l4_offset: if ipv6 { 54 } else { 34 },
            header_len: header as u8,
            ipv6,
            l3_checksum: !ipv6,
            l4_checksum: L4Checksum::Tcp,
            tso: Some(Tso {
                mss,
                ip_id_fixed: false,
                cwr_all: false,
            }),
            vlan: None,
            complete: false,
        }
        .encode()
    }

    fn template(ipv6: bool) -> Vec<u8> {
        let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let mut bytes = Vec::new();
        let tcp = |b: etherparse::PacketBuilderStep<etherparse::IpHeaders>| {
            b.tcp(4_000, 80, u32::MAX - 1_000, 512)
                .ack(77)
                .psh()
                .fin()
                .cwr()
        };
        let built = if ipv6 {
            tcp(ethernet.ipv6([1; 16], [2; 16], 64)).write(&mut bytes, &[])
        } else {
            tcp(ethernet.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)).write(&mut bytes, &[])
        };
        built.expect("writing to memory does not fail");
        bytes
    }

    proptest! {
        /// `etherparse` is the independent witness of lengths and checksums.
        #[test]
        fn every_segment_is_a_valid_packet_and_all_bytes_come_once(payload in proptest::collection::vec(any::<u8>(), 1..9_000), mss in 1u16..3_000, ipv6: bool) {
            let header = template(ipv6);
            let first_seq = u32::MAX - 1_000;
            let all = frames(context(header.len(), payload.len(), ipv6, mss), &[&header[..], &payload].concat());
            prop_assert_eq!(all.len(), payload.len().div_ceil(mss.into()));
            let mut seen = Vec::new();
            for (i, frame) in all.iter().enumerate() {
                let packet = SlicedPacket::from_ethernet(frame).unwrap();
                let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("no TCP") };
                let expected = match packet.net.as_ref().unwrap() {
                    etherparse::NetSlice::Ipv4(ip) => {
                        let h = ip.header();
                        prop_assert_eq!(h.header_checksum(), h.to_header().calc_header_checksum());
                        tcp.to_header().calc_checksum_ipv4(&h.to_header(), tcp.payload()).unwrap()
                    }
                    etherparse::NetSlice::Ipv6(ip) => tcp.to_header().calc_checksum_ipv6(&ip.header().to_header(), tcp.payload()).unwrap(),
                    _ => panic!("no IP"),
                };
                prop_assert_eq!(tcp.checksum(), expected);
                prop_assert_eq!(tcp.sequence_number(), first_seq.wrapping_add(seen.len() as u32));
                let last = i + 1 == all.len();
                prop_assert_eq!((tcp.psh(), tcp.fin(), tcp.cwr()), (last, last, i == 0));
                seen.extend_from_slice(tcp.payload());
            }
            prop_assert_eq!(seen, payload);
        }
    }
}
