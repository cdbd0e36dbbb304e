use etherparse::{PacketBuilder, PacketBuilderStep};
use proptest::prelude::*;

use super::*;

const OK: Verdicts = Verdicts {
    l3: Verdict::Ok,
    l4: Verdict::Ok,
};
const UNCHECKED: Verdicts = Verdicts {
    l3: Verdict::NotChecked,
    l4: Verdict::NotChecked,
};

fn ethernet() -> PacketBuilderStep<etherparse::Ethernet2Header> {
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
}

fn tcp4(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = ethernet().ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64);
    builder
        .tcp(1000, 80, 7, 1024)
        .write(&mut frame, payload)
        .unwrap();
    frame
}

fn tcp6(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = ethernet().ipv6([0x20; 16], [0x21; 16], 64);
    builder
        .tcp(1000, 80, 7, 1024)
        .write(&mut frame, payload)
        .unwrap();
    frame
}

fn ip(frame: &[u8], verdicts: Verdicts) -> Result<IpPacket<'_>, Discard> {
    match parse(frame, verdicts)?.content {
        Content::Ip(packet) => Ok(packet),
        Content::Arp(_) => panic!("not ARP"),
    }
}

#[test]
fn padding_is_cut_off_and_both_families_are_read() {
    let mut short = tcp4(b"xy");
    short.resize(60, 0xee);
    let packet = ip(&short, UNCHECKED).unwrap();
    assert_eq!(packet.payload.len(), 22);
    assert_eq!(packet.source, IpAddr::from([192, 0, 2, 1]));
    let mut frame = tcp6(b"xyz");
    frame.resize(90, 0xee);
    let packet = ip(&frame, UNCHECKED).unwrap();
    assert_eq!(&packet.payload[20..], b"xyz");
    assert_eq!(packet.protocol, IpNumber::TCP);
}

#[test]
fn what_the_nic_did_not_check_is_checked_and_what_it_condemned_is_dropped() {
    for frame in [tcp4(b"data"), tcp6(b"data")] {
        let mut bad = frame.clone();
        *bad.last_mut().unwrap() ^= 1;
        assert_eq!(ip(&bad, UNCHECKED), Err(Discard::L4Checksum));
        assert!(ip(&bad, OK).is_ok(), "the NIC is believed");
        let condemned = Verdicts {
            l4: Verdict::Bad,
            ..OK
        };
        assert_eq!(ip(&frame, condemned), Err(Discard::L4Checksum));
    }
    let mut bad = tcp4(b"");
    bad[22] ^= 1;
    assert_eq!(ip(&bad, UNCHECKED), Err(Discard::Ipv4Checksum));
}

#[test]
fn fragments_tags_strangers_and_impossible_sources_are_dropped() {
    let mut fragment = tcp4(b"");
    fragment[20] = 0x20;
    assert_eq!(ip(&fragment, OK), Err(Discard::Fragment));
    let mut tagged = tcp4(b"");
    tagged[12..14].copy_from_slice(&[0x81, 0x00]);
    assert_eq!(ip(&tagged, OK), Err(Discard::Vlan));
    let mut other = tcp4(b"");
    other[12..14].copy_from_slice(&[0x88, 0xcc]);
    assert_eq!(ip(&other, OK), Err(Discard::EtherType));
    let mut loopback = tcp4(b"");
    loopback[26] = 127;
    assert_eq!(ip(&loopback, OK), Err(Discard::Source));
    let mut unknown = tcp4(b"");
    unknown[23] = 99;
    assert_eq!(ip(&unknown, OK), Err(Discard::Protocol));
}

/// A TCP packet behind the extension headers `chain`, each with its number.
fn with_extensions(chain: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let plain = tcp6(b"pay");
    let mut body = plain[54..].to_vec();
    let mut next = 6;
    for (number, bytes) in chain.iter().rev() {
        let mut bytes = bytes.clone();
        bytes[0] = next;
        next = *number;
        body.splice(0..0, bytes);
    }
    let mut frame = plain[..54].to_vec();
    frame[20] = next;
    frame[18..20].copy_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    frame.extend(body);
    frame
}

#[test]
fn extension_headers_are_walked_and_their_traps_avoided() {
    let options = vec![0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let atomic = vec![0; 8];
    let frame = with_extensions(&[(0, options.clone()), (44, atomic), (60, options.clone())]);
    assert_eq!(&ip(&frame, UNCHECKED).unwrap().payload[20..], b"pay");
    let fragment = with_extensions(&[(44, vec![0, 0, 0, 1, 0, 0, 0, 0])]);
    assert_eq!(ip(&fragment, UNCHECKED), Err(Discard::Fragment));
    let routed = with_extensions(&[(43, vec![0, 0, 0, 1, 0, 0, 0, 0])]);
    assert_eq!(ip(&routed, UNCHECKED), Err(Discard::Protocol));
    let late = with_extensions(&[(60, options.clone()), (0, options)]);
    assert_eq!(ip(&late, UNCHECKED), Err(Discard::Malformed));
    let lying = with_extensions(&[(60, vec![0, 200, 0, 0, 0, 0, 0, 0])]);
    assert_eq!(ip(&lying, UNCHECKED), Err(Discard::Truncated));
    let authenticated = with_extensions(&[(51, vec![0; 8])]);
    assert_eq!(ip(&authenticated, UNCHECKED), Err(Discard::Protocol));
}

#[test]
fn udp_without_checksum_is_for_ipv4_only() {
    let mut frame = Vec::new();
    let builder = ethernet()
        .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
        .udp(1, 2);
    builder.write(&mut frame, b"abc").unwrap();
    frame[40..42].fill(0);
    assert!(ip(&frame, UNCHECKED).is_ok());
    let mut frame = Vec::new();
    let builder = ethernet().ipv6([0x20; 16], [0x21; 16], 64).udp(1, 2);
    builder.write(&mut frame, b"abc").unwrap();
    assert!(ip(&frame, UNCHECKED).is_ok());
    frame[60..62].fill(0);
    assert_eq!(ip(&frame, UNCHECKED), Err(Discard::L4Checksum));
}

proptest! {
    #[test]
    fn no_bytes_panic(frame in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&frame, UNCHECKED);
        let _ = parse(&frame, OK);
    }

    /// Truncation and lies in any byte of a good frame: an answer, never a panic, and nothing beyond the frame.
    #[test]
    fn truncated_and_lying_frames_never_panic(
        v6: bool, cut in 0usize..120, at in 0usize..80, value: u8, ok: bool,
    ) {
        let mut frame = if v6 { tcp6(&[7; 40]) } else { tcp4(&[7; 40]) };
        frame.truncate(cut);
        if let Some(byte) = frame.get_mut(at) {
            *byte = value;
        }
        if let Ok(packet) = ip(&frame, if ok { OK } else { UNCHECKED }) {
            prop_assert!(packet.payload.len() <= frame.len() - 34);
        }
    }

    /// One flipped bit is never taken for good data when the NIC checked nothing: what is handed up is the
    /// same segment from the same host.
    #[test]
    fn a_flipped_bit_behind_ethernet_is_noticed(v6: bool, bit in 112usize..8 * 70) {
        let good = if v6 { tcp6(&[7; 40]) } else { tcp4(&[7; 40]) };
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        if let Ok(packet) = ip(&bad, UNCHECKED) {
            let before = ip(&good, UNCHECKED).unwrap();
            prop_assert_eq!(packet.payload, before.payload);
            prop_assert_eq!(packet.source, before.source);
            prop_assert_eq!(packet.destination, before.destination);
        }
    }
}
