//! Random transmit requests: all kinds, scattered in memory, some of them malformed.

use super::frames::{self, Headers};
use super::request::{PLAIN, TxRequest};
use nic_abi::FlowHandle;
use nic_abi::field::Field;
use nic_abi::tx::{self, BUFFERS_MAX, L4Checksum, Tso, TxContext};
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Longest frame that a request is made for on purpose; FRAME_LIMIT of the reference configuration.
pub const FRAME_LIMIT: usize = 1_518;

/// A random request of queue pair `q`, with at most `descriptors` descriptors and about `bytes` bytes. Its frames have `q`
/// as the last byte of their source address. It may be malformed, but does not quarantine the queue pair.
pub fn random(rng: &mut ChaCha8Rng, q: u8, descriptors: usize, bytes: usize) -> TxRequest {
    let mut request = match rng.random_range(0..10) {
        0 => raw(rng, q),
        1 => partial(rng, q),
        2..5 => checksummed(rng, q),
        _ => segmented(rng, q, bytes),
    };
    if rng.random_range(0..8) == 0 {
        spoil(rng, &mut request);
    }
    scatter(rng, request, descriptors - 1)
}

fn context(rng: &mut ChaCha8Rng, q: u8) -> TxContext {
    TxContext {
        handle: FlowHandle::from_raw(rng.random::<u32>() << 8 | u32::from(q)),
        complete: rng.random_range(0..4) != 0,
        ..PLAIN
    }
}

/// Any bytes behind the addresses.
fn raw(rng: &mut ChaCha8Rng, q: u8) -> TxRequest {
    let len = match rng.random_range(0..4) {
        0 => rng.random_range(14..70),
        1 => FRAME_LIMIT,
        _ => rng.random_range(14..=FRAME_LIMIT),
    };
    let mut frame = frames::payload(rng, len);
    frame[..12].copy_from_slice(&frames::headers(rng, q, false, false).bytes[..12]);
    let header_len = rng.random_range(0..=len.min(255)) as u8;
    let context = context(rng, q);
    TxRequest::new(
        TxContext {
            header_len,
            l3_offset: rng.random(),
            l4_offset: rng.random(),
            ..context
        },
        frame,
    )
}

/// A sum from anywhere to anywhere.
fn partial(rng: &mut ChaCha8Rng, q: u8) -> TxRequest {
    let mut request = raw(rng, q);
    while request.bytes().len() < 16 {
        request = raw(rng, q);
    }
    let frame = request.bytes();
    let header_len = rng.random_range(16..=frame.len().min(255));
    let offset = rng.random_range(7..=(header_len - 2) / 2) * 2;
    let start = rng.random_range(7..=offset / 2) * 2;
    let context = context(rng, q);
    TxRequest::new(
        TxContext {
            header_len: header_len as u8,
            l4_checksum: L4Checksum::Partial {
                start: start as u8,
                offset: offset as u8,
            },
            ..context
        },
        frame,
    )
}

fn offsets(context: TxContext, headers: &Headers) -> TxContext {
    TxContext {
        header_len: headers.bytes.len() as u8,
        l3_offset: headers.l3 as u8,
        l4_offset: headers.l4 as u8,
        ipv6: headers.ipv6,
        ..context
    }
}

/// TCP or UDP with some of its checksums to be inserted.
fn checksummed(rng: &mut ChaCha8Rng, q: u8) -> TxRequest {
    let (ipv6, udp) = (rng.random(), rng.random());
    let headers = frames::headers(rng, q, ipv6, udp);
    let room = FRAME_LIMIT - headers.bytes.len();
    let len = match rng.random_range(0..3) {
        0 => rng.random_range(0..32),
        _ => rng.random_range(0..=room),
    };
    let payload = frames::payload(rng, len);
    let mut frame = frames::whole(&headers, &payload);
    if rng.random() {
        // What stands in the places of the checksums does not matter.
        frame[headers.l4 + if udp { 6 } else { 16 }] = rng.random();
    }
    let context = offsets(context(rng, q), &headers);
    let l4_checksum = match (rng.random_range(0..4), udp) {
        (0, _) => L4Checksum::Keep,
        (_, true) => L4Checksum::Udp,
        (_, false) => L4Checksum::Tcp,
    };
    TxRequest::new(
        TxContext {
            l3_checksum: !ipv6 && rng.random_range(0..4) != 0,
            l4_checksum,
            ..context
        },
        frame,
    )
}

fn segmented(rng: &mut ChaCha8Rng, q: u8, bytes: usize) -> TxRequest {
    let ipv6 = rng.random();
    let headers = frames::headers(rng, q, ipv6, false);
    let room = FRAME_LIMIT - headers.bytes.len();
    let bytes = bytes.min(tx::PAYLOAD_MAX as usize);
    let len = match rng.random_range(0..6) {
        0 => rng.random_range(1..=64),
        1 => bytes,
        _ => rng.random_range(1..=bytes),
    };
    let mss = match rng.random_range(0..8) {
        // One segment, with a MSS that no frame could hold.
        0 if len <= room => rng.random_range(len..=0xffff),
        1 => room,
        2 | 3 => 1_460.min(room),
        4 => len.clamp(1, room),
        _ => rng.random_range(1..=room),
    };
    // Not more segments than a short simulation sends.
    let mss = mss.max(len.div_ceil(48)).max(1);
    let payload = frames::payload(rng, len);
    let context = offsets(context(rng, q), &headers);
    let implied = rng.random();
    TxRequest::new(
        TxContext {
            l3_checksum: implied && !ipv6,
            l4_checksum: if implied {
                L4Checksum::Tcp
            } else {
                L4Checksum::Keep
            },
            tso: Some(Tso {
                mss: mss as u16,
                ip_id_fixed: rng.random_range(0..4) == 0,
                cwr_all: rng.random_range(0..4) == 0,
            }),
            ..context
        },
        [&headers.bytes[..], &payload].concat(),
    )
}

/// Changes fields of the context so that the request is likely to be refused; never its type or its number of buffers.
fn spoil(rng: &mut ChaCha8Rng, request: &mut TxRequest) {
    let fields: &[Field] = &[
        tx::PAYLOAD_LEN,
        tx::L3_OFFSET,
        tx::MSS,
        tx::VLAN,
        tx::L4_OFFSET,
        tx::HEADER_LEN,
        tx::TSO,
        tx::IPV6,
        tx::L3_CSUM,
        tx::L4_CSUM,
        tx::UDP,
        tx::PARTIAL_CSUM,
        tx::IP_ID_FIXED,
        tx::CWR_ALL,
        tx::VLAN_INSERT,
    ];
    let d = request.context;
    let header = tx::HEADER_LEN.get(d);
    let (field, value) = match rng.random_range(0..6) {
        0 => (tx::MSS, 0),
        1 => (tx::PAYLOAD_LEN, tx::PAYLOAD_LEN.get(d).wrapping_sub(1)),
        2 => {
            // Lengths still add up: the header is only shorter or longer than it should be.
            let len = rng.random_range(0..=request.bytes().len().min(255)) as u64;
            request.context = tx::PAYLOAD_LEN.set(d, header + tx::PAYLOAD_LEN.get(d) - len);
            (tx::HEADER_LEN, len)
        }
        _ => {
            let field = *fields.choose(rng).unwrap_or(&tx::MSS);
            (field, rng.random())
        }
    };
    request.context = field.set(request.context, value);
}

/// Cuts the request into up to `most` buffers at random places.
fn scatter(rng: &mut ChaCha8Rng, request: TxRequest, most: usize) -> TxRequest {
    let len = request.bytes().len();
    let most = most.min(BUFFERS_MAX as usize).min(len).max(1);
    let pieces = match rng.random_range(0..3) {
        0 => 1,
        1 => 2.min(most),
        _ => rng.random_range(1..=most),
    };
    let header = tx::HEADER_LEN.get(request.context) as usize;
    let mut cuts: Vec<usize> = (1..pieces)
        .map(|_| match rng.random_range(0..4) {
            // Where the header ends, near the start, anywhere.
            0 if (1..len).contains(&header) => header,
            1 => rng.random_range(1..len.min(80)),
            _ => rng.random_range(1..len),
        })
        .collect();
    cuts.sort_unstable();
    cuts.dedup();
    let skews: Vec<usize> = (0..=cuts.len())
        .map(|_| match rng.random_range(0..4) {
            0 => 0,
            1 => rng.random_range(4_000..4_096),
            _ => rng.random_range(0..4_096),
        })
        .collect();
    request.scattered(&cuts, &skews)
}
