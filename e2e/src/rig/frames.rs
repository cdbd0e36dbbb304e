//! Random frames: TCP and UDP over IPv4 and IPv6 with tags, options and extension headers, whole or damaged.

use super::bench::STATION;
use nic_model::checksum::sum;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// The headers of a frame and where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// The bytes, lengths and checksums not set.
    pub bytes: Vec<u8>,
    /// Offset of the IP header.
    pub l3: usize,
    /// Offset of the TCP or UDP header.
    pub l4: usize,
    /// IPv6, not IPv4.
    pub ipv6: bool,
    /// UDP, not TCP.
    pub udp: bool,
}

/// Random headers from a station whose address ends in `from`.
pub fn headers(rng: &mut ChaCha8Rng, from: u8, ipv6: bool, udp: bool) -> Headers {
    let mut bytes = STATION.to_vec();
    bytes.extend_from_slice(&[0x02, 0x4c, 0x53, 0xee, 0xee, from]);
    for _ in 0..*[0, 0, 0, 1, 2].choose(rng).unwrap_or(&0) {
        let kind: &[u8] = if rng.random() {
            &[0x81, 0]
        } else {
            &[0x88, 0xa8]
        };
        bytes.extend_from_slice(kind);
        bytes.extend_from_slice(&rng.random::<[u8; 2]>());
    }
    bytes.extend_from_slice(if ipv6 { &[0x86, 0xdd] } else { &[0x08, 0x00] });
    let l3 = bytes.len();
    let protocol = if udp { 17 } else { 6 };
    if ipv6 {
        put_ipv6(rng, &mut bytes, protocol);
    } else {
        put_ipv4(rng, &mut bytes, protocol);
    }
    let l4 = bytes.len();
    let words = if udp { 2 } else { 5 + options(rng) };
    bytes.extend((0..4 * words).map(|_| rng.random::<u8>()));
    if !udp {
        bytes[l4 + 12] = (words as u8) << 4 | rng.random_range(0..16);
    }
    Headers {
        bytes,
        l3,
        l4,
        ipv6,
        udp,
    }
}

/// Words of options: mostly none or few.
fn options(rng: &mut ChaCha8Rng) -> usize {
    match rng.random_range(0..8) {
        0..4 => 0,
        4..7 => 3,
        _ => rng.random_range(0..=10),
    }
}

fn put_ipv4(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, protocol: u8) {
    let words = 5 + options(rng);
    let dont_fragment = if rng.random() { 0x40 } else { 0 };
    bytes.extend_from_slice(&[0x40 | words as u8, rng.random(), 0, 0]);
    bytes.extend_from_slice(&[rng.random(), rng.random(), dont_fragment, 0]);
    bytes.extend_from_slice(&[rng.random_range(1..=255), protocol, 0, 0]);
    bytes.extend((12..4 * words).map(|_| rng.random::<u8>()));
}

fn put_ipv6(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, protocol: u8) {
    let chain: Vec<u8> = match rng.random_range(0..6) {
        0 => vec![*[0, 43, 60].choose(rng).unwrap_or(&0)],
        1 => vec![0, 43, 60],
        _ => Vec::new(),
    };
    let first = chain.first().copied().unwrap_or(protocol);
    bytes.extend_from_slice(&[
        0x60 | rng.random_range(0..16),
        rng.random(),
        rng.random(),
        0,
    ]);
    bytes.extend_from_slice(&[0, 0, first, rng.random_range(1..=255)]);
    bytes.extend((0..32).map(|_| rng.random::<u8>()));
    for (i, _) in chain.iter().enumerate() {
        let next = chain.get(i + 1).copied().unwrap_or(protocol);
        let eighths = *[0, 0, 0, 1, 2].choose(rng).unwrap_or(&0);
        // Segments left 0, and options that nobody looks at.
        bytes.extend_from_slice(&[next, eighths, 0, 0]);
        bytes.extend((4..8 * (usize::from(eighths) + 1)).map(|_| rng.random::<u8>()));
    }
}

/// The frame of `headers` and `payload` with all lengths and checksums right.
#[must_use]
pub fn whole(headers: &Headers, payload: &[u8]) -> Vec<u8> {
    let mut frame = [&headers.bytes[..], payload].concat();
    let (l3, l4) = (headers.l3, headers.l4);
    let packet = (frame.len() - l3) as u16;
    let segment = (frame.len() - l4) as u16;
    if headers.ipv6 {
        put16(&mut frame, l3 + 4, packet - 40);
    } else {
        put16(&mut frame, l3 + 2, packet);
        put16(&mut frame, l3 + 10, 0);
        let check = !sum(0, &frame[l3..l4]);
        put16(&mut frame, l3 + 10, check);
    }
    let at = l4 + if headers.udp { 6 } else { 16 };
    if headers.udp {
        put16(&mut frame, l4 + 4, segment);
    }
    put16(&mut frame, at, 0);
    let addresses = if headers.ipv6 { 8..40 } else { 12..20 };
    let protocol = if headers.udp { 17 } else { 6 };
    let start = sum(
        sum(protocol, &segment.to_be_bytes()),
        &frame[l3..][addresses],
    );
    let check = match !sum(start, &frame[l4..]) {
        0 if headers.udp => 0xffff,
        check => check,
    };
    put16(&mut frame, at, check);
    frame
}

/// A random well-formed TCP or UDP frame of at most `most` bytes.
pub fn well_formed(rng: &mut ChaCha8Rng, most: usize) -> Vec<u8> {
    let (ipv6, udp) = (rng.random(), rng.random());
    let headers = headers(rng, 0xff, ipv6, udp);
    let room = most.saturating_sub(headers.bytes.len());
    let len = match rng.random_range(0..4) {
        0 => rng.random_range(0..=room.min(32)),
        1 => room,
        _ => rng.random_range(0..=room),
    };
    whole(&headers, &payload(rng, len))
}

/// `len` random bytes.
pub fn payload(rng: &mut ChaCha8Rng, len: usize) -> Vec<u8> {
    // Long runs of ones and zeros are where ones' complement sums go wrong.
    match rng.random_range(0..8) {
        0 => vec![0xff; len],
        1 => vec![0; len],
        _ => (0..len).map(|_| rng.random()).collect(),
    }
}

/// Any frame of 1 to `most` bytes: well formed, damaged, or noise.
pub fn any(rng: &mut ChaCha8Rng, most: usize) -> Vec<u8> {
    match rng.random_range(0..16) {
        0 => {
            let len = rng.random_range(1..=most);
            payload(rng, len)
        }
        1 => {
            let len = rng.random_range(1..80);
            payload(rng, len)
        }
        2..8 => well_formed(rng, most),
        _ => {
            let mut frame = well_formed(rng, most);
            for _ in 0..rng.random_range(1..4) {
                damage(rng, &mut frame);
            }
            frame.truncate(most);
            frame
        }
    }
}

/// Damages a frame of at least one byte.
pub fn damage(rng: &mut ChaCha8Rng, frame: &mut Vec<u8>) {
    let len = frame.len();
    let poke = |frame: &mut Vec<u8>, at: usize, value: u8| {
        if let Some(byte) = frame.get_mut(at) {
            *byte = value;
        }
    };
    match rng.random_range(0..12) {
        // A byte of the headers, or of anything.
        0 => poke(frame, rng.random_range(0..len.min(90)), rng.random()),
        1 => poke(frame, rng.random_range(0..len), rng.random()),
        // Cut off.
        2 => frame.truncate(rng.random_range(1..=len)),
        3 => frame.truncate(rng.random_range(1..=len.min(100))),
        // Padding.
        4 => frame.extend((0..rng.random_range(1..40)).map(|_| rng.random::<u8>())),
        // Version and header length; total length; fragments; protocol, if there is no tag.
        5 => poke(
            frame,
            14,
            *[0x45, 0x46, 0x44, 0x4f, 0x60, 0x55]
                .choose(rng)
                .unwrap_or(&0),
        ),
        6 => poke(frame, rng.random_range(16..20), rng.random_range(0..8)),
        7 => poke(
            frame,
            20,
            *[0x20, 0x80, 0x40, 0x01].choose(rng).unwrap_or(&0),
        ),
        8 => poke(
            frame,
            rng.random_range(20..24),
            *[0, 6, 17, 43, 44, 59, 60].choose(rng).unwrap_or(&0),
        ),
        // First extension header: its length, its segments left.
        9 => poke(frame, 55, rng.random_range(0..18)),
        10 => poke(frame, 57, rng.random_range(0..2)),
        // A third tag, a wrong type.
        _ => poke(
            frame,
            rng.random_range(12..22),
            *[0x81, 0x88, 0xa8, 0x00, 0x08].choose(rng).unwrap_or(&0),
        ),
    }
    if frame.is_empty() {
        frame.push(0);
    }
}

fn put16(frame: &mut [u8], at: usize, value: u16) {
    frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::SlicedPacket;
    use rand::SeedableRng;

    #[test]
    fn well_formed_frames_are_what_etherparse_calls_so() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..2_000 {
            let frame = well_formed(&mut rng, 1_500);
            assert!(frame.len() <= 1_500);
            let packet = SlicedPacket::from_ethernet(&frame).unwrap();
            assert!(packet.transport.is_some(), "{frame:02x?}");
        }
    }
}
