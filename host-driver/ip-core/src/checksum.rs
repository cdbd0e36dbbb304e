//! The Internet checksum (RFC 1071) in software.

use core::net::IpAddr;

use etherparse::IpNumber;
use etherparse::checksum::Sum16BitWords;

/// The checksum field's value for a TCP, UDP or ICMPv6 message `l4` whose own checksum field is zero; over a
/// message with its checksum in place, 0 if it is right.
///
/// `l4` is cut or padded by nobody: its length goes into the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1).
#[must_use]
pub fn layer4(source: IpAddr, destination: IpAddr, protocol: IpNumber, l4: &[u8]) -> u16 {
    // At most 65,535 bytes in an IP packet; the cast cannot lose for what `parse` hands out.
    #[expect(clippy::cast_possible_truncation)]
    let len = (l4.len() as u32).to_be_bytes();
    let sum = address(address(Sum16BitWords::new(), source), destination)
        .add_2bytes([0, protocol.0])
        .add_4bytes(len);
    sum.add_slice(l4).ones_complement().to_be()
}

/// The Internet checksum of `bytes` alone (ICMPv4, IPv4 header); 0 if it is in place and right.
#[must_use]
pub fn plain(bytes: &[u8]) -> u16 {
    Sum16BitWords::new()
        .add_slice(bytes)
        .ones_complement()
        .to_be()
}

fn address(mut sum: Sum16BitWords, address: IpAddr) -> Sum16BitWords {
    match address {
        IpAddr::V4(v4) => sum.add_4bytes(v4.octets()),
        IpAddr::V6(v6) => sum.add_16bytes(v6.octets()),
    }
}

/// Fills in the checksums of a whole frame, as the NIC would: IPv4 header, and TCP or UDP.
///
/// `l3` and `l4` are offsets as in a [`HeaderTemplate`](crate::HeaderTemplate). Does nothing to a frame too
/// short for its offsets.
pub fn fill(frame: &mut [u8], l3: usize, l4: usize) {
    let Some((source, destination, protocol)) = addresses(frame, l3) else {
        return;
    };
    let field = match protocol {
        IpNumber::TCP => 16,
        IpNumber::UDP => 6,
        _ => return,
    };
    if let Some(header) = frame.get_mut(l3..l4)
        && source.is_ipv4()
        && header.len() >= 20
    {
        header[10..12].fill(0);
        let sum = plain(header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    if let Some(message) = frame.get_mut(l4..)
        && message.len() >= field + 2
    {
        message[field..field + 2].fill(0);
        let mut sum = layer4(source, destination, protocol, message);
        // RFC 768: "If the computed checksum is zero, it is transmitted as all ones".
        if protocol == IpNumber::UDP && sum == 0 {
            sum = u16::MAX;
        }
        message[field..field + 2].copy_from_slice(&sum.to_be_bytes());
    }
}

fn addresses(frame: &[u8], l3: usize) -> Option<(IpAddr, IpAddr, IpNumber)> {
    let packet = frame.get(l3..)?;
    match packet.first()? >> 4 {
        4 => {
            let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
            let destination: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
            Some((source.into(), destination.into(), IpNumber(packet[9])))
        }
        6 => {
            let source: [u8; 16] = packet.get(8..24)?.try_into().ok()?;
            let destination: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
            Some((source.into(), destination.into(), IpNumber(packet[6])))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_rfc_1071() {
        let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(plain(&data), !0xddf2);
    }

    proptest! {
        #[test]
        fn what_is_filled_in_verifies_and_etherparse_agrees(
            payload in proptest::collection::vec(any::<u8>(), 0..200), v6: bool,
        ) {
            let builder = etherparse::PacketBuilder::ethernet2([1; 6], [2; 6]);
            let mut frame = Vec::new();
            let l4 = if v6 {
                let b = builder.ipv6([3; 16], [4; 16], 9).tcp(1, 2, 3, 4);
                b.write(&mut frame, &payload).unwrap();
                54
            } else {
                let b = builder.ipv4([3; 4], [4; 4], 9).tcp(1, 2, 3, 4);
                b.write(&mut frame, &payload).unwrap();
                34
            };
            let good = frame.clone();
            frame[l4 + 16] ^= 0x5a;
            if !v6 {
                frame[24] ^= 0xff;
            }
            fill(&mut frame, 14, l4);
            prop_assert_eq!(frame, good);
        }

        #[test]
        fn no_frame_and_no_offset_panics(
            mut frame in proptest::collection::vec(any::<u8>(), 0..100), l3 in 0usize..120, l4 in 0usize..120,
        ) {
            fill(&mut frame, l3, l4);
        }
    }
}
