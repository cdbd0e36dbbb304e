//! What the transmit datapath must send: request in, frames out, straight from the RFCs and nic-abi's text.

use nic_abi::tx::{L4Checksum, TxContext};

/// RFC 1071 §4.1, the plain way.
fn sum(bytes: &[u8]) -> u32 {
    bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)])))
        .sum()
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn put(frame: &mut [u8], at: usize, value: u16) {
    frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

fn get(frame: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([frame[at], frame[at + 1]])
}

fn insert_l3(context: &TxContext, frame: &mut [u8]) {
    let (l3, l4) = (context.l3_offset as usize, context.l4_offset as usize);
    put(frame, l3 + 10, 0);
    let sum = !fold(sum(&frame[l3..l4]));
    put(frame, l3 + 10, sum);
}

fn insert_l4(context: &TxContext, frame: &mut [u8], protocol: u8, field: usize) {
    let (l3, l4) = (context.l3_offset as usize, context.l4_offset as usize);
    let addresses = if context.ipv6 {
        l3 + 8..l3 + 40
    } else {
        l3 + 12..l3 + 20
    };
    put(frame, l4 + field, 0);
    let length = (frame.len() - l4) as u32;
    let mut value =
        !fold(sum(&frame[addresses]) + u32::from(protocol) + length + sum(&frame[l4..]));
    if protocol == 17 && value == 0 {
        value = 0xffff;
    }
    put(frame, l4 + field, value);
}

fn finish(context: &TxContext, mut frame: Vec<u8>) -> Vec<u8> {
    // A partial sum sees the frame as it came, so it is taken first.
    let partial = match context.l4_checksum {
        L4Checksum::Partial { start, offset } if context.tso.is_none() => {
            Some((offset, !fold(sum(&frame[start as usize..]))))
        }
        _ => None,
    };
    if context.l3_checksum || (context.tso.is_some() && !context.ipv6) {
        insert_l3(context, &mut frame);
    }
    match (context.tso.is_some(), context.l4_checksum) {
        (true, _) | (_, L4Checksum::Tcp) => insert_l4(context, &mut frame, 6, 16),
        (_, L4Checksum::Udp) => insert_l4(context, &mut frame, 17, 6),
        (_, L4Checksum::Partial { .. } | L4Checksum::Keep) => {}
    }
    if let Some((offset, value)) = partial {
        put(&mut frame, offset.into(), value);
    }
    if frame.len() < nic_abi::tx::FRAME_MIN as usize {
        frame.resize(nic_abi::tx::FRAME_MIN as usize, 0);
    }
    frame
}

/// The frames of a good request whose buffers hold `bytes`.
pub(crate) fn frames(context: &TxContext, bytes: &[u8]) -> Vec<Vec<u8>> {
    let Some(tso) = context.tso else {
        return vec![finish(context, bytes.to_vec())];
    };
    let (template, payload) = bytes.split_at(context.header_len.into());
    let (l3, l4) = (context.l3_offset as usize, context.l4_offset as usize);
    let pieces: Vec<&[u8]> = payload.chunks(tso.mss.into()).collect();
    pieces
        .iter()
        .enumerate()
        .map(|(k, piece)| {
            let mut frame = [template, piece].concat();
            let length = frame.len() - l3;
            if context.ipv6 {
                put(&mut frame, l3 + 4, (length - 40) as u16);
            } else {
                put(&mut frame, l3 + 2, length as u16);
                if !tso.ip_id_fixed {
                    let id = get(template, l3 + 4).wrapping_add(k as u16);
                    put(&mut frame, l3 + 4, id);
                }
            }
            let seq: [u8; 4] = template[l4 + 4..l4 + 8].try_into().unwrap();
            let seq = u32::from_be_bytes(seq).wrapping_add(k as u32 * u32::from(tso.mss));
            frame[l4 + 4..l4 + 8].copy_from_slice(&seq.to_be_bytes());
            if k + 1 < pieces.len() {
                frame[l4 + 13] &= !0x09; // FIN, PSH
            }
            if k > 0 && !tso.cwr_all {
                frame[l4 + 13] &= !0x80; // CWR
            }
            finish(context, frame)
        })
        .collect()
}
