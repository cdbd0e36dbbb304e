use proptest::prelude::*;

use etherparse::Icmpv6Type;

use super::*;
use crate::icmp::IcmpErrorKind;
use crate::parse::{IpPacket, Verdicts, parse};
use crate::template::Path;

const A: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xa]);
const B: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xb]);

fn interface(mac: MacAddr, v4: &str, v6: &str) -> Interface {
    let config = Config::new(mac)
        .with_address(v4.parse().unwrap())
        .with_address(v6.parse().unwrap());
    Interface::new(Arc::new(config)).unwrap()
}

fn pair() -> (Interface, Interface) {
    (
        interface(A, "192.0.2.1/24", "2001:db8::1/64"),
        interface(B, "192.0.2.2/24", "2001:db8::2/64"),
    )
}

fn give(now: Duration, to: &mut Interface, frame: &[u8]) -> Result<(), Discard> {
    to.on_packet(now, &parse(frame, Verdicts::default())?)
}

/// Carries frames both ways until nobody has any; what neither takes is an error.
fn carry(now: Duration, a: &mut Interface, b: &mut Interface) {
    loop {
        let mut idle = true;
        while let Some(frame) = a.poll_transmit() {
            give(now, b, &frame).unwrap();
            idle = false;
        }
        while let Some(frame) = b.poll_transmit() {
            give(now, a, &frame).unwrap();
            idle = false;
        }
        if idle {
            return;
        }
    }
}

fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn both_families_resolve_and_whoever_was_asked_knows_the_asker() {
    let now = Duration::from_secs(1);
    for (near, far) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
        let (mut a, mut b) = pair();
        assert_eq!(a.resolve(now, addr(far), false), Resolution::Pending);
        carry(now, &mut a, &mut b);
        assert_eq!(a.poll_notice(), Some(Notice::Resolved(addr(far))));
        assert!(matches!(
            a.resolve(now, addr(far), false),
            Resolution::Ready { mac: B, .. }
        ));
        assert!(matches!(
            b.resolve(now, addr(near), false),
            Resolution::Ready { mac: A, .. }
        ));
        assert_eq!(b.poll_transmit(), None);
    }
}

#[test]
fn a_frame_waits_for_its_neighbour_and_goes_out_with_the_right_destination() {
    let now = Duration::ZERO;
    let (mut a, mut b) = pair();
    a.send(now, addr("192.0.2.2"), vec![0; 60]);
    let question = a.poll_transmit().unwrap();
    assert_eq!(a.poll_transmit(), None);
    give(now, &mut b, &question).unwrap();
    give(now, &mut a, &b.poll_transmit().unwrap()).unwrap();
    assert_eq!(a.poll_transmit().unwrap()[..6], B.0);
}

#[test]
fn nobody_there_is_told_after_three_questions_and_no_route_at_once() {
    let (mut a, _) = pair();
    assert_eq!(
        a.resolve(Duration::ZERO, addr("192.0.2.77"), false),
        Resolution::Pending
    );
    let mut questions = 0;
    while let Some(at) = a.next_timeout() {
        a.on_timeout(at);
        while a.poll_transmit().is_some() {
            questions += 1;
        }
    }
    assert_eq!(questions, 3);
    assert_eq!(a.poll_notice(), Some(Notice::Lost(addr("192.0.2.77"))));
    assert_eq!(
        a.resolve(Duration::ZERO, addr("8.8.8.8"), false),
        Resolution::NoRoute
    );
}

#[test]
fn an_echo_request_is_answered_with_its_own_data() {
    let (mut a, _) = pair();
    let mut frame = Vec::new();
    let builder = etherparse::PacketBuilder::ethernet2(B.0, A.0);
    let request = builder
        .ipv4([192, 0, 2, 2], [192, 0, 2, 1], 64)
        .icmpv4_echo_request(7, 9);
    request.write(&mut frame, b"data").unwrap();
    give(Duration::ZERO, &mut a, &frame).unwrap();
    let reply = a.poll_transmit().unwrap();
    let packet = parse(&reply, Verdicts::default()).unwrap();
    assert_eq!((packet.source_mac, packet.destination_mac), (A, B));
    let Content::Ip(ip) = packet.content else {
        panic!("IP");
    };
    assert_eq!(ip.payload[0], 0);
    assert_eq!(&ip.payload[4..], b"\0\x07\0\x09data");

    let mut frame = Vec::new();
    let builder = etherparse::PacketBuilder::ethernet2(B.0, A.0);
    let (b6, a6) = ("2001:db8::2", "2001:db8::1");
    let octets = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
    let request = builder
        .ipv6(octets(b6), octets(a6), 64)
        .icmpv6_echo_request(7, 9);
    request.write(&mut frame, b"data").unwrap();
    give(Duration::ZERO, &mut a, &frame).unwrap();
    let reply = a.poll_transmit().unwrap();
    let Content::Ip(ip) = parse(&reply, Verdicts::default()).unwrap().content else {
        panic!("IP");
    };
    assert_eq!((ip.payload[0], &ip.payload[8..]), (129, &b"data"[..]));
}

#[test]
fn icmp_errors_come_up_with_the_quoted_tuple() {
    let (mut a, _) = pair();
    let path = Path {
        local: addr("192.0.2.1"),
        remote: addr("198.51.100.9"),
        source_mac: A,
        destination_mac: B,
        hop_limit: 64,
        traffic_class: 0,
    };
    let tcp = etherparse::TcpHeader::new(1111, 80, 0xdead_beef, 0).to_bytes();
    let sent = path
        .header(IpNumber::TCP, 0, &tcp, 1000)
        .into_frame(&[0; 8]);
    let kinds = [
        (3, IcmpErrorKind::PortUnreachable),
        (1, IcmpErrorKind::HostUnreachable),
        (4, IcmpErrorKind::PacketTooBig { mtu: 1300 }),
    ];
    for (code, kind) in kinds {
        let icmp = etherparse::Icmpv4Type::Unknown {
            type_u8: 3,
            code_u8: code,
            bytes5to8: [0, 0, 0x05, 0x14],
        };
        let router = [192, 0, 2, 254];
        let frame = frame::icmpv4(
            (B, A),
            router.into(),
            [192, 0, 2, 1].into(),
            icmp,
            &sent[14..42],
        );
        give(Duration::ZERO, &mut a, &frame.unwrap()).unwrap();
        let Some(Notice::Icmp(error)) = a.poll_notice() else {
            panic!("an error was sent");
        };
        assert_eq!(error.kind, kind);
        assert_eq!(error.quoted.local, "192.0.2.1:1111".parse().unwrap());
        assert_eq!(error.quoted.remote, "198.51.100.9:80".parse().unwrap());
        assert_eq!(error.quoted.sequence, Some(0xdead_beef));
        assert_eq!(error.reporter, IpAddr::from(router));
    }
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.1
//= type=test
//# A node MUST silently discard any received Neighbor Solicitation messages that do not satisfy all of the
//# following validity checks: - The IP Hop Limit field has a value of 255, i.e., the packet could not possibly have
//# been forwarded by a router.
#[test]
fn forged_neighbour_discovery_is_refused() {
    let (mut a, _) = pair();
    let (own, asker) = (
        "2001:db8::1".parse().unwrap(),
        "2001:db8::2".parse().unwrap(),
    );
    let body = {
        let frame = ndp::solicitation(B, asker, own, None).unwrap();
        frame[14 + 40 + 8..].to_vec()
    };
    let kind = Icmpv6Type::NeighborSolicitation;
    let routed = frame::icmpv6((B, A), asker, own, 64, kind, &body).unwrap();
    assert_eq!(
        give(Duration::ZERO, &mut a, &routed),
        Err(Discard::Neighbour)
    );
    let good = frame::icmpv6((B, A), asker, own, 255, kind, &body).unwrap();
    assert_eq!(give(Duration::ZERO, &mut a, &good), Ok(()));
}

#[test]
fn whoever_claims_our_address_is_not_believed() {
    let now = Duration::ZERO;
    let own: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let (mut a, _) = pair();
    let solicits = ndp::solicitation(B, own, own, Some(A)).unwrap();
    assert_eq!(give(now, &mut a, &solicits), Err(Discard::Neighbour));
    // An answer to a solicitation of ours, perhaps.
    a.resolve(now, own.into(), false);
    let claims = ndp::advertisement(B, own, own, A).unwrap();
    assert_eq!(give(now, &mut a, &claims), Err(Discard::Neighbour));
    assert_eq!(a.resolve(now, own.into(), false), Resolution::Pending);
    let request = arp::request(B, [192, 0, 2, 1].into(), [192, 0, 2, 1].into(), None);
    assert_eq!(give(now, &mut a, &request), Err(Discard::Neighbour));
}

//= https://www.rfc-editor.org/rfc/rfc4861#section-7.1.1
//= type=test
//# If the IP source address is the unspecified address, the IP destination address is a solicited-node multicast
//# address.
#[test]
fn a_probe_for_our_address_is_answered_only_if_it_went_to_our_group() {
    let own: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let (mut a, _) = pair();
    let nobody = Ipv6Addr::UNSPECIFIED;
    let kind = Icmpv6Type::NeighborSolicitation;
    let group = crate::mac::solicited_node(own);
    let probe = |to| frame::icmpv6((B, A), nobody, to, 255, kind, &own.octets()).unwrap();
    let refused = give(Duration::ZERO, &mut a, &probe(own));
    assert_eq!(refused, Err(Discard::Neighbour));
    assert_eq!(give(Duration::ZERO, &mut a, &probe(group)), Ok(()));
}

#[test]
fn answers_are_bounded() {
    let (mut a, _) = pair();
    let question = arp::request(B, [192, 0, 2, 2].into(), [192, 0, 2, 1].into(), None);
    let refused = (0..1000)
        .filter(|_| give(Duration::ZERO, &mut a, &question) == Err(Discard::AnswersFull))
        .count();
    assert_eq!(refused, 1000 - OUTBOUND_MAX);
}

proptest! {
    #[test]
    fn no_frame_panics_the_interface(
        mut frame in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..150),
            Just(ndp::solicitation(B, "2001:db8::2".parse().unwrap(), "2001:db8::1".parse().unwrap(), None).unwrap()),
            Just(arp::request(B, [192, 0, 2, 2].into(), [192, 0, 2, 1].into(), None)),
        ],
        cut in 0usize..150, at in 0usize..100, value: u8,
    ) {
        let (mut a, _) = pair();
        frame.truncate(cut);
        if let Some(byte) = frame.get_mut(at) {
            *byte = value;
        }
        let _ = give(Duration::ZERO, &mut a, &frame);
        // Past the checksum too.
        if let Ok(ethernet) = etherparse::Ethernet2Slice::from_slice_without_fcs(&frame) {
            let ip = IpPacket {
                source: addr("2001:db8::2"),
                destination: addr("2001:db8::1"),
                hop_limit: 255,
                traffic_class: 0,
                protocol: IpNumber::IPV6_ICMP,
                payload: ethernet.payload_slice().get(40..).unwrap_or_default(),
            };
            let packet = Packet { source_mac: B, destination_mac: A, content: Content::Ip(ip) };
            let _ = a.on_packet(Duration::ZERO, &packet);
        }
    }
}

#[test]
fn an_echo_comes_back_to_whoever_asked_for_it_and_to_nobody_else() {
    let now = Duration::ZERO;
    for (own, far) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
        let (mut a, mut b) = pair();
        assert!(a.open_echo(7));
        assert!(!a.open_echo(7), "the identifier is taken");
        a.send_echo(now, addr(far), 7, 1, b"tide").unwrap();
        carry(now, &mut a, &mut b);
        assert_eq!(a.poll_notice(), Some(Notice::Resolved(addr(far))));
        let reply = EchoReply {
            from: addr(far),
            identifier: 7,
            sequence: 1,
            hop_limit: 64,
            data: b"tide".to_vec(),
        };
        assert_eq!(a.poll_notice(), Some(Notice::Echo(reply)));
        assert_eq!(a.poll_notice(), None);
        a.close_echo(7);
        a.send_echo(now, addr(far), 7, 2, b"tide").unwrap();
        give(now, &mut b, &a.poll_transmit().unwrap()).unwrap();
        let answer = b.poll_transmit().unwrap();
        assert_eq!(give(now, &mut a, &answer), Err(Discard::IcmpIgnored));
        assert!(a.open_echo(7), "{own}");
    }
}

#[test]
fn an_echo_that_cannot_go_out_is_refused_with_the_reason() {
    let (mut a, _) = pair();
    let far = addr("192.0.2.2");
    let most = 1500 - 20 - 8;
    assert_eq!(
        a.send_echo(Duration::ZERO, far, 1, 1, &[0; 1473]),
        Err(EchoError::TooLong { len: 1473, most })
    );
    assert_eq!(a.send_echo(Duration::ZERO, far, 1, 1, &[0; 1472]), Ok(()));
    assert_eq!(
        a.send_echo(Duration::ZERO, addr("8.8.8.8"), 1, 1, &[]),
        Err(EchoError::NoRoute(addr("8.8.8.8")))
    );
}

fn datagram(local: &str, remote: &str, destination_mac: MacAddr, data: &[u8]) -> Vec<u8> {
    let path = Path {
        local: addr(local),
        remote: addr(remote),
        source_mac: A,
        destination_mac,
        hop_limit: 64,
        traffic_class: 0,
    };
    path.header(
        IpNumber::UDP,
        1,
        &crate::udp::udp_header(7, 9, data.len()),
        data.len(),
    )
    .into_frame(data)
}

fn refuse(now: Duration, to: &mut Interface, frame: &[u8]) -> bool {
    let packet = parse(frame, Verdicts::default()).unwrap();
    to.port_unreachable(now, &packet, frame)
}

#[test]
fn a_datagram_for_nobody_is_answered_and_its_sender_learns_which() {
    let now = Duration::from_secs(1);
    for (near, far, longest) in [
        ("192.0.2.1", "192.0.2.2", 576),
        ("2001:db8::1", "2001:db8::2", 1280),
    ] {
        for len in [0, 3, 1400] {
            let (mut a, mut b) = pair();
            let mut frame = datagram(near, far, B, &vec![1; len]);
            // Padding is not quoted.
            frame.resize(frame.len().max(60), 0);
            assert!(refuse(now, &mut b, &frame));
            let answer = b.poll_transmit().unwrap();
            assert!(answer.len() <= 14 + longest, "{}", answer.len());
            give(now, &mut a, &answer).unwrap();
            let Some(Notice::Icmp(error)) = a.poll_notice() else {
                panic!("an ICMP error was sent");
            };
            assert_eq!(error.kind, IcmpErrorKind::PortUnreachable);
            assert_eq!(error.reporter, addr(far));
            assert_eq!(error.quoted.local, (addr(near), 7).into());
            assert_eq!(error.quoted.remote, (addr(far), 9).into());
            assert_eq!(error.quoted.protocol, IpNumber::UDP);
        }
    }
}

#[test]
fn nothing_to_a_group_gets_an_error_and_errors_are_limited() {
    let (_, mut b) = pair();
    let now = Duration::ZERO;
    let broadcast = datagram("192.0.2.1", "192.0.2.255", MacAddr::BROADCAST, b"x");
    assert!(!refuse(now, &mut b, &broadcast));
    let by_frame = datagram("192.0.2.1", "192.0.2.2", MacAddr::BROADCAST, b"x");
    assert!(!refuse(now, &mut b, &by_frame));
    let all_nodes = datagram(
        "2001:db8::1",
        "ff02::1",
        MacAddr([0x33, 0x33, 0, 0, 0, 1]),
        b"x",
    );
    assert!(!refuse(now, &mut b, &all_nodes));
    let from_group = datagram("192.0.2.255", "192.0.2.2", B, b"x");
    assert!(!refuse(now, &mut b, &from_group));
    let good = datagram("192.0.2.1", "192.0.2.2", B, b"x");
    let answered = (0..1000).filter(|_| refuse(now, &mut b, &good)).count();
    assert_eq!(answered, 50);
    assert!(refuse(Duration::from_millis(1), &mut b, &good));
    assert!(!refuse(Duration::from_millis(1), &mut b, &good));
}

#[test]
fn the_broadcast_of_an_own_network_asks_nobody_for_its_station() {
    let (mut a, _) = pair();
    for group in ["192.0.2.255", "255.255.255.255", "239.1.2.3", "ff02::1"] {
        let way = a.resolve(Duration::ZERO, addr(group), false);
        assert!(
            matches!(way, Resolution::Ready { mac, .. } if mac.is_multicast()),
            "{group}"
        );
    }
    assert_eq!(a.poll_transmit(), None);
}
