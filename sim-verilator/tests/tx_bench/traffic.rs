//! Random and adversarial transmit requests.

use super::host::{Host, QUEUES, Request};
use nic_abi::{
    FlowHandle,
    tx::{self, L4Checksum, Tso, TxContext},
};
use rand::{Rng, RngExt as _};

/// A header of random shape, and its context without payload.
pub(crate) fn header(rng: &mut impl Rng, tcp: bool, ipv6: bool) -> (TxContext, Vec<u8>) {
    let l3 = [14, 18, 22][rng.random_range(0..3)];
    let l3_len = if ipv6 {
        40 + 8 * rng.random_range(0..3_usize)
    } else {
        20 + 4 * rng.random_range(0..=10_usize)
    };
    let l4 = l3 + l3_len;
    let l4_len = if tcp {
        20 + 4 * rng.random_range(0..=10_usize)
    } else {
        8
    };
    let len = l4 + l4_len;
    let mut bytes: Vec<u8> = (0..len).map(|_| rng.random()).collect();
    bytes[l3 - 2..l3].copy_from_slice(&if ipv6 { [0x86, 0xdd] } else { [8, 0] });
    if ipv6 {
        bytes[l3] = 0x60 | (bytes[l3] & 0xf);
        bytes[l3 + 6] = if tcp { 6 } else { 17 };
    } else {
        bytes[l3] = 0x40 | (l3_len / 4) as u8;
        bytes[l3 + 9] = if tcp { 6 } else { 17 };
    }
    if tcp {
        bytes[l4 + 12] = ((l4_len / 4) << 4) as u8 | (bytes[l4 + 12] & 1);
    }
    let context = TxContext {
        handle: FlowHandle::from_raw(rng.random()),
        payload_len: 0,
        buffers: 1,
        l3_offset: l3 as u8,
        l4_offset: l4 as u8,
        header_len: len as u8,
        ipv6,
        l3_checksum: false,
        l4_checksum: L4Checksum::Keep,
        tso: None,
        vlan: None,
        complete: true,
    };
    (context, bytes)
}

/// Random bytes; sometimes all zeros or all ones, for the corners of the sums.
pub(crate) fn bytes(rng: &mut impl Rng, len: usize) -> Vec<u8> {
    match rng.random_range(0..8) {
        0 => vec![0; len],
        1 => vec![0xff; len],
        _ => (0..len).map(|_| rng.random()).collect(),
    }
}

/// Cuts `len` bytes into at most 31 buffers of any alignment.
pub(crate) fn cuts(rng: &mut impl Rng, mut len: usize) -> Vec<(usize, u64)> {
    let mut list = Vec::new();
    let most = [1, 2, 3, 31][rng.random_range(0..4)];
    while len > 0 {
        let piece = if list.len() + 1 == most {
            len
        } else {
            let top = [8, 64, 4096, len][rng.random_range(0..4)];
            rng.random_range(1..=top.min(len))
        };
        list.push((piece, rng.random_range(0..16)));
        len -= piece;
    }
    list
}

/// A good request.
pub(crate) fn good(rng: &mut impl Rng, host: &mut Host, payload_max: usize, limit: usize) {
    let queue = rng.random_range(0..QUEUES);
    let (tcp, ipv6) = (rng.random_bool(0.7), rng.random());
    let (mut context, mut data) = header(rng, tcp, ipv6);
    let room = limit - data.len();
    let payload;
    if tcp && rng.random_bool(0.6) {
        payload = match rng.random_range(0..6) {
            0 => 1,
            1 => payload_max,
            _ => rng.random_range(1..=payload_max),
        };
        // Not more than a hundred segments: the rest is for the tests of corners.
        let least = (payload / 100).max(1).min(room);
        let mss = match rng.random_range(0..4) {
            0 => least,
            1 => room,
            _ => rng.random_range(least..=room),
        };
        context.tso = Some(Tso {
            mss: mss as u16,
            ip_id_fixed: rng.random(),
            cwr_all: rng.random(),
        });
        context.l4_checksum = L4Checksum::Tcp;
        context.l3_checksum = !ipv6;
    } else {
        payload = match rng.random_range(0..4) {
            0 => rng.random_range(0..12),
            1 => room,
            _ => rng.random_range(0..=room),
        };
        context.l3_checksum = !ipv6 && rng.random();
        context.l4_checksum = match (rng.random_range(0..4), tcp) {
            (0, _) => L4Checksum::Keep,
            (1, _) => {
                let start = rng.random_range(7..=usize::from(context.header_len) / 2 - 1) * 2;
                let end = usize::from(context.header_len) / 2;
                L4Checksum::Partial {
                    start: start as u8,
                    offset: (rng.random_range(start / 2..end) * 2) as u8,
                }
            }
            (_, true) => L4Checksum::Tcp,
            (_, false) => L4Checksum::Udp,
        };
        if rng.random_bool(0.1) {
            // Raw: a short frame without any header that the NIC knows.
            data = bytes(rng, 0);
            context = TxContext {
                l3_offset: rng.random(),
                l4_offset: rng.random(),
                header_len: 0,
                ipv6: rng.random(),
                l3_checksum: false,
                l4_checksum: L4Checksum::Keep,
                ..context
            };
        }
    }
    let payload = if data.is_empty() {
        payload.max(14)
    } else {
        payload
    };
    data.extend(bytes(rng, payload));
    context.payload_len = payload as u32;
    context.complete = rng.random_bool(0.7);
    let cuts = cuts(rng, data.len());
    context.buffers = cuts.len() as u8;
    host.post(queue, context, data, &cuts, None);
}

/// A request bent so that the checks or the descriptors' types refuse it, mostly.
pub(crate) fn bent(rng: &mut impl Rng, host: &mut Host, faults: bool) {
    good(rng, host, 3000, 1518);
    let mut request: Request = host.unpost();
    let d = &mut request.descriptors[0];
    match rng.random_range(0..if faults { 10 } else { 8 }) {
        0 => *d = tx::MSS.set(*d, 0),
        1 => *d = tx::PAYLOAD_LEN.set(*d, rng.random_range(0..3000)),
        2 => *d = tx::L3_OFFSET.set(*d, rng.random()),
        3 => *d = tx::L4_OFFSET.set(*d, rng.random()),
        4 => *d = tx::HEADER_LEN.set(*d, rng.random()),
        5 => *d ^= 1 << rng.random_range(tx::TSO.lsb..=tx::VLAN_INSERT.lsb),
        6 => *d = tx::MSS.set(*d, rng.random()),
        7 => *d = tx::PAYLOAD_LEN.set(*d, tx::PAYLOAD_LEN.max()),
        8 => {
            let i = rng.random_range(0..request.descriptors.len());
            request.descriptors[i] ^= 7 << tx::TYPE.lsb;
        }
        _ => {
            let i = rng.random_range(1..request.descriptors.len());
            let len = [0, 65_792, 131_071][rng.random_range(0..3)];
            request.descriptors[i] = tx::BUFFER_LEN.set(request.descriptors[i], len);
        }
    }
    host.push(request);
}
