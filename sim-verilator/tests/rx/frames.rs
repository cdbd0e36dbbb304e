//! Frames of all kinds: well formed, with lengths that lie, cut short, with bits turned over.

use super::golden::sum;
use rand::{Rng, RngExt as _};

/// A number that is often at an edge.
fn edge(rng: &mut impl Rng, right: u16) -> u16 {
    match rng.random_range(0..12) {
        0 => rng.random(),
        1 => 0,
        2 => right.wrapping_sub(1),
        3 => right.wrapping_add(1),
        4 => rng.random_range(0..64),
        _ => right,
    }
}

fn random(rng: &mut impl Rng, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|_| rng.random()).collect()
}

fn payload(rng: &mut impl Rng, most: usize) -> Vec<u8> {
    let bytes = rng.random_range(0..=most);
    // Zeros and ones make sums that look alike.
    match rng.random_range(0..8) {
        0 => vec![0; bytes],
        1 => vec![0xff; bytes],
        _ => random(rng, bytes),
    }
}

/// TCP, UDP, or something else; its protocol and bytes, checksum still 0.
fn layer4(rng: &mut impl Rng, most: usize, lie: bool) -> (u8, Vec<u8>) {
    let mut data = payload(rng, most);
    match rng.random_range(0..10) {
        0..=4 => {
            let options = 4 * rng.random_range(0..=10_usize);
            let mut l4 = random(rng, 20 + options);
            let mut offset = (5 + options / 4) as u8;
            if lie && rng.random_ratio(1, 4) {
                offset = rng.random_range(0..16);
            }
            l4[12] = offset << 4 | l4[12] & 15;
            l4[16..18].fill(0);
            l4.append(&mut data);
            if lie && rng.random_ratio(1, 6) {
                l4.truncate(rng.random_range(0..24));
            }
            (6, l4)
        }
        5..=8 => {
            let mut l4 = random(rng, 8);
            let right = (8 + data.len()) as u16;
            let length = if lie { edge(rng, right) } else { right };
            l4[4..6].copy_from_slice(&length.to_be_bytes());
            l4[6..8].fill(0);
            l4.append(&mut data);
            if lie && rng.random_ratio(1, 6) {
                l4.truncate(rng.random_range(0..10));
            }
            (17, l4)
        }
        _ => (
            *[1, 2, 50, 51, 58, 59, 132]
                .get(rng.random_range(0..7_usize))
                .unwrap_or(&1),
            data,
        ),
    }
}

/// Puts the checksum in: right, or now and then zero, or wrong.
fn fill_checksum(rng: &mut impl Rng, protocol: u8, addresses: &[u8], l4: &mut [u8]) {
    let at = if protocol == 6 { 16 } else { 6 };
    if l4.len() < at + 2 {
        return;
    }
    let mut bytes = addresses.to_vec();
    bytes.extend([0, protocol]);
    bytes.extend((l4.len() as u16).to_be_bytes());
    bytes.extend_from_slice(l4);
    let mut checksum = !sum(&bytes);
    if checksum == 0 && protocol == 17 {
        checksum = 0xffff;
    }
    match rng.random_range(0..12) {
        0 => checksum = 0,
        1 => checksum ^= 1 << rng.random_range(0..16),
        // A zero in its other form is as good.
        2 if checksum == 0 => checksum = 0xffff,
        _ => {}
    }
    l4[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}

fn ipv4(rng: &mut impl Rng, most: usize, lie: bool) -> Vec<u8> {
    let words = if rng.random_ratio(1, 2) {
        5
    } else {
        rng.random_range(5..=15_usize)
    };
    let (protocol, mut l4) = layer4(rng, most, lie);
    let mut p = random(rng, 4 * words);
    p[0] = 0x40 | words as u8;
    let right = (4 * words + l4.len()) as u16;
    let total = if lie { edge(rng, right) } else { right };
    p[2..4].copy_from_slice(&total.to_be_bytes());
    p[6] &= 0x40;
    p[7] = 0;
    if lie && rng.random_ratio(1, 6) {
        let fragment: u16 = 1 << rng.random_range(0..16);
        p[6..8].copy_from_slice(&fragment.to_be_bytes());
    }
    p[9] = protocol;
    if lie && rng.random_ratio(1, 12) {
        p[0] = rng.random();
    }
    p[10..12].fill(0);
    let checksum = !sum(&p);
    p[10..12].copy_from_slice(&checksum.to_be_bytes());
    if rng.random_ratio(1, 12) {
        p[10] ^= 1 << rng.random_range(0..8);
    }
    fill_checksum(rng, protocol, &p[12..20], &mut l4);
    p.append(&mut l4);
    p
}

fn ipv6(rng: &mut impl Rng, most: usize, lie: bool) -> Vec<u8> {
    let (protocol, mut l4) = layer4(rng, most, lie);
    let mut p = random(rng, 40);
    p[0] = 0x60 | p[0] & 15;
    if lie && rng.random_ratio(1, 12) {
        p[0] = rng.random();
    }
    let mut next_at = 6;
    let mut room = if lie && rng.random_ratio(1, 3) {
        30
    } else {
        16
    };
    while rng.random_ratio(1, 2) && room > 0 {
        let units = if rng.random_ratio(1, 3) {
            rng.random_range(1..=room)
        } else {
            rng.random_range(1..=room.min(3))
        };
        room -= units;
        let kind = *[0, 43, 60].get(rng.random_range(0..3_usize)).unwrap_or(&0);
        p[next_at] = kind;
        next_at = p.len();
        let mut header = random(rng, 8 * units);
        header[1] = units as u8 - 1;
        if lie && rng.random_ratio(1, 10) {
            header[1] = rng.random();
        }
        if !(lie && rng.random_ratio(1, 6)) {
            header[3] = 0;
        }
        p.append(&mut header);
    }
    p[next_at] = protocol;
    if lie && rng.random_ratio(1, 10) {
        p[next_at] = *[44, 50, 51, 59, 0, 43]
            .get(rng.random_range(0..6_usize))
            .unwrap_or(&0);
    }
    fill_checksum(rng, protocol, &p[8..40], &mut l4);
    p.append(&mut l4);
    let right = (p.len() - 40) as u16;
    let length = if lie { edge(rng, right) } else { right };
    p[4..6].copy_from_slice(&length.to_be_bytes());
    p
}

/// A frame from 1 byte up, with up to `most` bytes behind layer 4's header: well formed one time in two.
pub fn any(rng: &mut impl Rng, most: usize) -> Vec<u8> {
    let lie = rng.random_ratio(1, 2);
    let mut frame = random(rng, 12);
    let tags = *[0, 0, 0, 1, 1, 2, 2, 3]
        .get(rng.random_range(0..8_usize))
        .unwrap_or(&0);
    for _ in 0..tags {
        frame.extend(if rng.random() {
            [0x81, 0x00]
        } else {
            [0x88, 0xa8]
        });
        frame.extend(random(rng, 2));
    }
    let (kind, mut packet) = match rng.random_range(0..10) {
        0..=4 => (0x0800_u16, ipv4(rng, most, lie)),
        5..=8 => (0x86dd, ipv6(rng, most, lie)),
        _ => (rng.random(), payload(rng, most)),
    };
    frame.extend(kind.to_be_bytes());
    frame.append(&mut packet);
    if rng.random_ratio(1, 3) || frame.len() < 60 && rng.random_ratio(3, 4) {
        let padding = rng
            .random_range(0..20)
            .max(60_usize.saturating_sub(frame.len()));
        frame.extend(payload(rng, 0));
        frame.extend(if rng.random() {
            vec![0; padding]
        } else {
            random(rng, padding)
        });
    }
    if lie && rng.random_ratio(1, 4) {
        frame.truncate(rng.random_range(1..=frame.len()));
    }
    if lie && rng.random_ratio(1, 4) {
        let at = rng.random_range(0..frame.len());
        frame[at] ^= 1 << rng.random_range(0..8);
    }
    frame
}
