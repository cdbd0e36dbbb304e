//! docs/RX-PARSING.md as a plain function: what the NIC must say of a frame.

use nic_abi::completion::Verdict;

/// The fields of a receive completion that depend on the frame alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub hdr_len: u8,
    pub vlan: Option<u16>,
    pub raw_sum: u16,
    pub l3: Verdict,
    pub l4: Verdict,
    pub ipv6: bool,
    pub tcp: bool,
    pub udp: bool,
}

/// Ones' complement sum of big-endian words, an odd last byte padded with zero.
pub fn sum(bytes: &[u8]) -> u16 {
    let mut total: u64 = 0;
    for word in bytes.chunks(2) {
        total += u64::from(word[0]) << 8 | u64::from(*word.get(1).unwrap_or(&0));
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn verdict(good: bool) -> Verdict {
    if good { Verdict::Ok } else { Verdict::Bad }
}

/// What the NIC says of a frame of at least 14 bytes.
pub fn say(frame: &[u8]) -> Said {
    let mut said = Said {
        raw_sum: sum(&frame[14..]),
        ..Said::default()
    };
    let is_tag = |at: usize| matches!(be16(frame, at), 0x8100 | 0x88a8);
    if frame.len() >= 16 && is_tag(12) {
        said.vlan = Some(be16(frame, 14));
    }
    let mut o3 = 14;
    for _ in 0..2 {
        if frame.len() >= o3 && is_tag(o3 - 2) {
            o3 += 4;
        }
    }
    if frame.len() < o3 {
        return said;
    }
    match be16(frame, o3 - 2) {
        0x0800 => ipv4(frame, o3, &mut said),
        0x86dd => ipv6(frame, o3, &mut said),
        _ => {}
    }
    said
}

fn ipv4(frame: &[u8], o3: usize, said: &mut Said) {
    let p = &frame[o3..];
    if p.len() < 20 || p[0] >> 4 != 4 || p[0] & 15 < 5 || p.len() < 4 * usize::from(p[0] & 15) {
        return;
    }
    let header = 4 * usize::from(p[0] & 15);
    said.l3 = verdict(sum(&p[..header]) == 0xffff);
    let total = usize::from(be16(p, 2));
    if (header..=p.len()).contains(&total) && be16(p, 6) & 0x3fff == 0 {
        layer4(o3 + header, p[9], &p[12..20], &p[header..total], said);
    }
}

fn ipv6(frame: &[u8], o3: usize, said: &mut Said) {
    let p = &frame[o3..];
    if p.len() < 40 || p[0] >> 4 != 6 {
        return;
    }
    said.ipv6 = true;
    let payload = usize::from(be16(p, 4));
    if 40 + payload > p.len() {
        return;
    }
    let (mut next, mut x) = (p[6], 0);
    while let 0 | 43 | 60 = next {
        // A header whose first 8 bytes are not in the packet cannot be followed by layer 4 within it.
        if x + 8 > payload {
            return;
        }
        let h = &p[40 + x..];
        if next == 43 && h[3] != 0 {
            return;
        }
        x += 8 * (usize::from(h[1]) + 1);
        if x > 128 {
            return;
        }
        next = h[0];
    }
    if x <= payload {
        layer4(o3 + 40 + x, next, &p[8..40], &p[40 + x..40 + payload], said);
    }
}

fn layer4(o4: usize, protocol: u8, addresses: &[u8], l4: &[u8], said: &mut Said) {
    let header = match protocol {
        6 if l4.len() >= 20 => 4 * usize::from(l4[12] >> 4),
        17 if l4.len() >= 8 && usize::from(be16(l4, 4)) == l4.len() => 8,
        _ => return,
    };
    if protocol == 6 && !(20..=l4.len()).contains(&header) {
        return;
    }
    (said.tcp, said.udp) = (protocol == 6, protocol == 17);
    said.hdr_len = u8::try_from(o4 + header).expect("headers end within 255 bytes");
    let mut bytes = addresses.to_vec();
    bytes.extend([0, protocol]);
    bytes.extend((l4.len() as u16).to_be_bytes());
    bytes.extend(l4);
    said.l4 = if said.udp && be16(l4, 6) == 0 {
        if said.ipv6 {
            Verdict::Bad
        } else {
            Verdict::NotChecked
        }
    } else {
        verdict(sum(&bytes) == 0xffff)
    };
}
