//! Segments longer than the link's MTU or the sender's MSS, which scripts have and wires do not: cut as a sender's NIC
//! would have done.

use etherparse::{IpSlice, TcpHeader, TcpSlice};

/// The packets that carry what `packet` does, none longer than `mtu` and none with more payload than `mss`; the packet
/// itself if it is no TCP segment, or fits.
pub(crate) fn split(packet: &[u8], mtu: usize, mss: Option<usize>) -> Vec<Vec<u8>> {
    let mss = mss.unwrap_or(usize::MAX);
    if packet.len() <= mtu.min(mss) {
        return vec![packet.to_vec()];
    }
    cut(packet, mtu, mss).unwrap_or_else(|| vec![packet.to_vec()])
}

fn cut(packet: &[u8], mtu: usize, mss: usize) -> Option<Vec<Vec<u8>>> {
    let ip = IpSlice::from_slice(packet).ok()?;
    let segment = ip.payload();
    if segment.fragmented || segment.ip_number != etherparse::IpNumber::TCP {
        return None;
    }
    let tcp = TcpSlice::from_slice(segment.payload).ok()?;
    let header = tcp.to_header();
    let network = packet.len().checked_sub(segment.payload.len())?;
    let room = mtu
        .checked_sub(network + header.header_len())
        .filter(|&n| n > 0)?
        .min(mss);
    let parts: Vec<&[u8]> = tcp.payload().chunks(room).collect();
    let last = parts.len().checked_sub(1)?;
    let mut seq = header.sequence_number;
    let mut packets = Vec::new();
    for (i, part) in parts.into_iter().enumerate() {
        let mut header = header.clone();
        header.sequence_number = seq;
        header.psh &= i == last;
        header.fin &= i == last;
        seq = seq.wrapping_add(u32::try_from(part.len()).ok()?);
        packets.push(assemble(&ip, header, part)?);
    }
    Some(packets)
}

/// A packet with the network header of `ip`, this TCP header and this payload, its checksums right.
pub(crate) fn assemble(ip: &IpSlice<'_>, mut tcp: TcpHeader, payload: &[u8]) -> Option<Vec<u8>> {
    let len = u16::try_from(tcp.header_len() + payload.len()).ok()?;
    let mut bytes = Vec::new();
    match ip {
        IpSlice::Ipv4(v4) => {
            let mut header = v4.header().to_header();
            header.set_payload_len(len.into()).ok()?;
            header.header_checksum = header.calc_header_checksum();
            tcp.checksum = tcp.calc_checksum_ipv4(&header, payload).ok()?;
            header.write(&mut bytes).ok()?;
        }
        IpSlice::Ipv6(v6) => {
            let mut header = v6.header().to_header();
            if header.next_header != etherparse::IpNumber::TCP {
                return None;
            }
            header.payload_length = len;
            tcp.checksum = tcp.calc_checksum_ipv6(&header, payload).ok()?;
            header.write(&mut bytes).ok()?;
        }
    }
    tcp.write(&mut bytes).ok()?;
    bytes.extend_from_slice(payload);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    #[test]
    fn what_is_too_long_is_cut_and_carries_the_same() {
        let payload: Vec<u8> = (0..4000u32).map(|n| n as u8).collect();
        for (builder, most) in [
            (
                PacketBuilder::ipv4([192, 0, 2, 1], [192, 168, 0, 1], 64),
                1460,
            ),
            (PacketBuilder::ipv6([1; 16], [2; 16], 64), 1440),
        ] {
            let mut bytes = Vec::new();
            let builder = builder.tcp(1, 2, u32::MAX - 100, 4).psh().fin();
            builder.write(&mut bytes, &payload).unwrap();
            let packets = split(&bytes, 1500, None);
            assert_eq!(packets.len(), 3);
            let mut all = Vec::new();
            for (i, packet) in packets.iter().enumerate() {
                assert!(packet.len() <= 1500);
                let ip = IpSlice::from_slice(packet).unwrap();
                let tcp = TcpSlice::from_slice(ip.payload().payload).unwrap();
                assert_eq!(
                    tcp.sequence_number(),
                    (u32::MAX - 100).wrapping_add(all.len() as u32)
                );
                assert_eq!((tcp.psh(), tcp.fin()), (i == 2, i == 2));
                assert!(tcp.payload().len() <= most);
                all.extend_from_slice(tcp.payload());
            }
            assert_eq!(all, payload);
            assert_eq!(split(&packets[0], 1500, None), [packets[0].clone()]);
            assert_eq!(split(&bytes, 1500, Some(1000)).len(), 4);
            assert_eq!(split(&packets[0], 1500, Some(1000)).len(), 2);
        }
    }
}
