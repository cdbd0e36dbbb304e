//! What the model says of received frames, against etherparse and against docs/RX-PARSING.md.

use etherparse::{
    IpHeaders, Ipv4Extensions, Ipv4Header, Ipv4Options, Ipv6Extensions, Ipv6FlowLabel, Ipv6Header,
    NetSlice, PacketBuilder, SlicedPacket, TransportSlice, VlanId,
};
use nic_abi::completion::{L4Kind, Verdict};
use nic_model::checksum::sum;
use nic_model::rx::checksum::{Verdicts, verdicts};
use nic_model::rx::parser::{Parsed, parse};
use proptest::prelude::*;

fn examine(frame: &[u8]) -> (Parsed, Verdicts) {
    let parsed = parse(frame);
    let verdicts = verdicts(frame, &parsed);
    (parsed, verdicts)
}

#[derive(Debug, Clone)]
struct Packet {
    tag: Option<u16>,
    ipv6: bool,
    udp: bool,
    options: Vec<u8>,
    tcp_options: usize,
    payload: Vec<u8>,
    padding: usize,
}

fn packets() -> impl Strategy<Value = Packet> {
    (
        proptest::option::of(0u16..4_096),
        any::<bool>(),
        any::<bool>(),
        (0usize..=10).prop_map(|words| vec![1; 4 * words]),
        0usize..=10,
        proptest::collection::vec(prop_oneof![Just(0u8), Just(0xff), any::<u8>()], 0..200),
        0usize..30,
    )
        .prop_map(
            |(tag, ipv6, udp, options, tcp_options, payload, padding)| Packet {
                tag,
                ipv6,
                udp,
                options,
                tcp_options,
                payload,
                padding,
            },
        )
}

impl Packet {
    /// The frame as etherparse builds it, all checksums good.
    fn build(&self) -> Vec<u8> {
        let protocol = if self.udp { 17 } else { 6 };
        let ip = if self.ipv6 {
            let header = Ipv6Header {
                flow_label: Ipv6FlowLabel::try_new(77).unwrap(),
                hop_limit: 9,
                source: [0xfd; 16],
                destination: [0x20; 16],
                next_header: protocol.into(),
                ..Ipv6Header::default()
            };
            IpHeaders::Ipv6(header, Ipv6Extensions::default())
        } else {
            let mut header =
                Ipv4Header::new(0, 64, protocol.into(), [192, 0, 2, 1], [198, 51, 100, 9]).unwrap();
            header.options = Ipv4Options::try_from(&self.options[..]).unwrap();
            IpHeaders::Ipv4(header, Ipv4Extensions::default())
        };
        let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]);
        let step = match self.tag {
            Some(id) => ethernet.single_vlan(VlanId::try_new(id).unwrap()).ip(ip),
            None => ethernet.ip(ip),
        };
        let mut frame = Vec::new();
        if self.udp {
            step.udp(53, 5_353).write(&mut frame, &self.payload)
        } else {
            let options = vec![1; 4 * self.tcp_options];
            let tcp = step.tcp(80, 40_000, 1, 2).ack(3);
            tcp.options_raw(&options)
                .unwrap()
                .write(&mut frame, &self.payload)
        }
        .unwrap();
        frame.resize(frame.len() + self.padding, 0xee);
        frame
    }

    fn header_len(&self) -> usize {
        let tag = if self.tag.is_some() { 4 } else { 0 };
        let ip = if self.ipv6 {
            40
        } else {
            20 + self.options.len()
        };
        14 + tag
            + ip
            + if self.udp {
                8
            } else {
                20 + 4 * self.tcp_options
            }
    }
}

/// What etherparse computes for the checksums of a frame that it can parse: IPv4 header, layer 4.
fn witness(frame: &[u8]) -> (Option<bool>, bool) {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let l3 = match packet.net.as_ref().unwrap() {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            Some(header.header_checksum() == header.to_header().calc_header_checksum())
        }
        _ => None,
    };
    let calculated = match (
        packet.net.as_ref().unwrap(),
        packet.transport.as_ref().unwrap(),
    ) {
        (NetSlice::Ipv4(ip), TransportSlice::Tcp(tcp)) => tcp
            .calc_checksum_ipv4(ip.header().source(), ip.header().destination())
            .map(|c| (c, tcp.checksum())),
        (NetSlice::Ipv6(ip), TransportSlice::Tcp(tcp)) => tcp
            .calc_checksum_ipv6(ip.header().source(), ip.header().destination())
            .map(|c| (c, tcp.checksum())),
        (NetSlice::Ipv4(ip), TransportSlice::Udp(udp)) => udp
            .to_header()
            .calc_checksum_ipv4_raw(
                ip.header().source(),
                ip.header().destination(),
                udp.payload(),
            )
            .map(|c| (c, udp.checksum())),
        (NetSlice::Ipv6(ip), TransportSlice::Udp(udp)) => udp
            .to_header()
            .calc_checksum_ipv6_raw(
                ip.header().source(),
                ip.header().destination(),
                udp.payload(),
            )
            .map(|c| (c, udp.checksum())),
        other => panic!("{other:?}"),
    };
    let (expected, found) = calculated.unwrap();
    (l3, expected == found)
}

fn verdict(good: bool) -> Verdict {
    if good { Verdict::Ok } else { Verdict::Bad }
}

proptest! {
    #[test]
    fn well_formed_frames_are_parsed_and_found_good(packet in packets()) {
        let frame = packet.build();
        let (parsed, verdicts) = examine(&frame);
        prop_assert_eq!(parsed.vlan, packet.tag);
        prop_assert_eq!(parsed.ipv6, packet.ipv6);
        prop_assert_eq!(parsed.l4_kind, if packet.udp { L4Kind::Udp } else { L4Kind::Tcp });
        prop_assert_eq!(usize::from(parsed.header_len), packet.header_len());
        prop_assert_eq!(verdicts.l3, if packet.ipv6 { Verdict::NotChecked } else { Verdict::Ok });
        prop_assert_eq!(verdicts.l4, Verdict::Ok);
        prop_assert_eq!(verdicts.raw_sum, sum(0, &frame[14..]));
    }

    /// A flipped bit of addresses, checksums, sequence numbers or payload: etherparse says whether the sums still hold.
    #[test]
    fn a_flipped_bit_is_judged_as_etherparse_judges_it(packet in packets(), at: proptest::sample::Index, bit in 0u8..8) {
        let mut frame = packet.build();
        let l3 = if packet.tag.is_some() { 18 } else { 14 };
        let l4 = l3 + if packet.ipv6 { 40 } else { 20 + packet.options.len() };
        let end = frame.len() - packet.padding;
        // Not what says where things lie.
        let addresses = if packet.ipv6 { l3 + 8..l3 + 40 } else { l3 + 10..l3 + 20 };
        let rest = if packet.udp { (l4..l4 + 4).chain(l4 + 6..end) } else { (l4..l4 + 12).chain(l4 + 14..end) };
        let places: Vec<usize> = addresses.chain(rest).collect();
        frame[places[at.index(places.len())]] ^= 1 << bit;
        let udp_checksum = packet.udp && frame[l4 + 6..l4 + 8] == [0, 0];
        prop_assume!(!udp_checksum);
        let (l3_good, l4_good) = witness(&frame);
        let (_, verdicts) = examine(&frame);
        prop_assert_eq!(verdicts.l3, l3_good.map_or(Verdict::NotChecked, verdict));
        prop_assert_eq!(verdicts.l4, verdict(l4_good));
    }

    #[test]
    fn no_frame_makes_it_panic_and_verdicts_are_consistent(packet in packets(), cut: proptest::sample::Index, pokes in proptest::collection::vec((0usize..100, any::<u8>()), 0..6)) {
        let mut frame = packet.build();
        for (at, value) in pokes {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        frame.truncate(14 + cut.index(frame.len() - 13));
        let (parsed, verdicts) = examine(&frame);
        let known = parsed.l4_kind != L4Kind::Other;
        prop_assert_eq!(known, parsed.header_len > 0);
        prop_assert!(known || verdicts.l4 == Verdict::NotChecked);
        prop_assert!(usize::from(parsed.header_len) <= frame.len());
    }
}

/// A frame of `packet`, changed, and what is said of it: l3, l4, header length.
fn said(packet: &Packet, change: impl FnOnce(&mut Vec<u8>)) -> (Verdict, Verdict, u8) {
    let mut frame = packet.build();
    change(&mut frame);
    let (parsed, verdicts) = examine(&frame);
    (verdicts.l3, verdicts.l4, parsed.header_len)
}

fn plain(ipv6: bool, udp: bool) -> Packet {
    Packet {
        tag: None,
        ipv6,
        udp,
        options: Vec::new(),
        tcp_options: 0,
        payload: vec![1, 2, 3, 4, 5],
        padding: 0,
    }
}

/// Makes the IPv4 header's checksum good again.
fn mend(frame: &mut [u8]) {
    frame[24..26].fill(0);
    let check = !sum(0, &frame[14..34]);
    frame[24..26].copy_from_slice(&check.to_be_bytes());
}

#[test]
fn udp_without_checksum_is_fine_over_ipv4_and_bad_over_ipv6() {
    let zero = |at: usize| move |f: &mut Vec<u8>| f[at..at + 2].fill(0);
    let v4 = said(&plain(false, true), zero(40));
    assert_eq!(v4, (Verdict::Ok, Verdict::NotChecked, 42));
    let v6 = said(&plain(true, true), zero(60));
    assert_eq!(v6, (Verdict::NotChecked, Verdict::Bad, 62));
}

#[test]
fn fragments_are_not_parsed_beyond_layer_3_and_the_reserved_bit_does_not_matter() {
    for (field, parsed) in [
        (0x2000u16, false),
        (0x0001, false),
        (0x4000, true),
        (0x8000, true),
    ] {
        let (l3, l4, header) = said(&plain(false, false), |f| {
            f[20..22].copy_from_slice(&field.to_be_bytes());
            mend(f);
        });
        let expected = if parsed {
            (Verdict::Ok, 54)
        } else {
            (Verdict::NotChecked, 0)
        };
        assert_eq!(
            (l3, l4, header),
            (Verdict::Ok, expected.0, expected.1),
            "{field:#x}"
        );
    }
}

#[test]
fn lengths_that_lie_end_the_parsing_where_they_lie() {
    let tcp = plain(false, false);
    // Total length beyond the frame, and shorter than the header: the header's checksum is still judged.
    for total in [200u16, 19, 0] {
        let said = said(&tcp, |f| {
            f[16..18].copy_from_slice(&total.to_be_bytes());
            mend(f);
        });
        assert_eq!(said, (Verdict::Ok, Verdict::NotChecked, 0), "{total}");
    }
    // IHL below 5 or beyond the frame: nothing is said.
    for ihl in [0x44, 0x40] {
        assert_eq!(
            said(&tcp, |f| f[14] = ihl),
            (Verdict::NotChecked, Verdict::NotChecked, 0)
        );
    }
    let short = said(&tcp, |f| {
        f[14] = 0x4f;
        f.truncate(73);
    });
    assert_eq!(short, (Verdict::NotChecked, Verdict::NotChecked, 0));
    // TCP data offset below 5 or beyond the segment.
    for offset in [0x40, 0xf0] {
        assert_eq!(
            said(&tcp, |f| f[46] = offset),
            (Verdict::Ok, Verdict::NotChecked, 0)
        );
    }
    // UDP length that is not that of the packet.
    for delta in [1, -1] {
        let said = said(&plain(false, true), |f| {
            f[39] = f[39].wrapping_add_signed(delta)
        });
        assert_eq!(said, (Verdict::Ok, Verdict::NotChecked, 0));
    }
    // IPv6 payload length beyond the frame.
    let v6 = said(&plain(true, false), |f| f[19] += 1);
    assert_eq!(v6, (Verdict::NotChecked, Verdict::NotChecked, 0));
}

/// An IPv6 UDP frame whose UDP header lies behind `chain`: types and contents, each a multiple of 8 bytes.
fn chained(chain: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut frame = plain(true, true).build();
    let udp = frame.split_off(54);
    let mut next = Vec::from_iter(chain.iter().map(|(kind, _)| *kind));
    next.push(17);
    frame[20] = next[0];
    for ((_, body), next) in chain.iter().zip(&next[1..]) {
        frame.push(*next);
        frame.push((body.len() / 8) as u8 - 1);
        frame.extend_from_slice(&body[2..]);
    }
    frame.extend_from_slice(&udp);
    let payload = (frame.len() - 54) as u16;
    frame[18..20].copy_from_slice(&payload.to_be_bytes());
    frame
}

#[test]
fn extension_headers_are_skipped_up_to_128_bytes() {
    let header = |kind: u8, len: usize| (kind, vec![0; len]);
    for (chain, skipped) in [
        (vec![header(0, 8)], Some(8)),
        (vec![header(60, 16), header(43, 8), header(0, 8)], Some(32)),
        (vec![header(60, 128)], Some(128)),
        (vec![header(60, 64), header(60, 64)], Some(128)),
        (vec![header(60, 136)], None),
        (vec![header(60, 128), header(60, 8)], None),
        (vec![header(44, 8)], None),
        (vec![header(51, 8)], None),
    ] {
        let (parsed, verdicts) = examine(&chained(&chain));
        assert!(parsed.ipv6);
        let expected = skipped.map_or((0, Verdict::NotChecked), |x| (62 + x, Verdict::Ok));
        assert_eq!((parsed.header_len, verdicts.l4), expected, "{chain:?}");
    }
}

#[test]
fn a_routing_header_with_segments_left_ends_the_parsing() {
    let routing = |left: u8| chained(&[(43, vec![0, 0, 0, left, 0, 0, 0, 0])]);
    assert_eq!(examine(&routing(0)).0.l4_kind, L4Kind::Udp);
    assert_eq!(examine(&routing(1)).0.l4_kind, L4Kind::Other);
}

#[test]
fn a_chain_beyond_the_payload_is_not_followed() {
    let mut frame = chained(&[(0, vec![0; 8])]);
    // The payload ends inside of the extension header.
    frame[18..20].copy_from_slice(&4u16.to_be_bytes());
    assert_eq!(examine(&frame).0.l4_kind, L4Kind::Other);
}

#[test]
fn two_tags_are_skipped_and_a_third_is_an_unknown_type() {
    for tags in 0..4usize {
        let mut frame = plain(false, false).build();
        let inner = frame.split_off(12);
        for i in 0..tags {
            let kind: [u8; 2] = if i == 0 { [0x88, 0xa8] } else { [0x81, 0] };
            frame.extend_from_slice(&kind);
            frame.extend_from_slice(&[0x10, i as u8]);
        }
        frame.extend_from_slice(&inner);
        let (parsed, verdicts) = examine(&frame);
        assert_eq!(parsed.vlan, (tags > 0).then_some(0x1000));
        let good = if tags < 3 {
            Verdict::Ok
        } else {
            Verdict::NotChecked
        };
        assert_eq!((verdicts.l3, verdicts.l4), (good, good));
    }
}

#[test]
fn a_tag_needs_all_its_bytes() {
    for (len, vlan, header) in [
        (14, None, 0),
        (15, None, 0),
        (16, Some(5), 0),
        (17, Some(5), 0),
    ] {
        let mut frame = vec![0; 12];
        frame.extend_from_slice(&[0x81, 0, 0, 5, 0x08, 0x00]);
        frame.truncate(len);
        let parsed = parse(&frame);
        assert_eq!((parsed.vlan, parsed.header_len), (vlan, header), "{len}");
    }
}

#[test]
fn the_raw_sum_tells_ones_from_nothing() {
    let raw = |tail: &[u8]| {
        let frame = [&[0; 14][..], tail].concat();
        examine(&frame).1.raw_sum
    };
    assert_eq!(raw(&[]), 0);
    assert_eq!(raw(&[0, 0]), 0);
    assert_eq!(raw(&[0xff, 0xff]), 0xffff);
    assert_eq!(raw(&[0xff, 0xfe, 0, 1]), 0xffff);
    assert_eq!(raw(&[0x12]), 0x1200);
}
