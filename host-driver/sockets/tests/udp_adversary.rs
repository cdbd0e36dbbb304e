//! Datagrams and ICMP errors from somebody who does not keep the rules, or who guesses.

mod common;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use common::{A4, A6, B4, B6, Host, Plan, World, at};
use etherparse::{Icmpv4Type, Icmpv6Type, PacketBuilder, icmpv4, icmpv6};
use ip_core::{Discard, IpNumber, MacAddr, Path, udp_header};
use longshore_sockets::UdpSocket;
use proptest::prelude::*;
use sim_wire::{LineConfig, Wire};

const A_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const B_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const MS: Duration = Duration::from_millis(1);

/// Puts a frame on a host's wire, as if it had sent it.
fn inject_from(world: &World, host: &Host, frame: &[u8]) {
    let mut model = host.model.lock();
    let frame = model.wire_mut().pool().copy_of(frame);
    model.wire_mut().transmit(world.now, frame);
}

fn bind(host: &Host, ip: &str, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind(&host.stack, at(ip, port)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// A datagram from A to port 9 of B, before somebody spoils it.
fn datagram(near: &str, far: &str, data: &[u8]) -> Vec<u8> {
    let path = Path {
        local: near.parse().unwrap(),
        remote: far.parse().unwrap(),
        source_mac: MacAddr(A_MAC),
        destination_mac: MacAddr(B_MAC),
        hop_limit: 64,
        traffic_class: 0,
    };
    let header = udp_header(7, 9, data.len());
    path.header(IpNumber::UDP, 1, &header, data.len())
        .into_frame(data)
}

fn layer4(ip: &str) -> usize {
    if ip.contains(':') { 54 } else { 34 }
}

#[test]
fn a_checksum_of_zero_is_none_over_ipv4_and_wrong_over_ipv6() {
    for plain in [false, true] {
        let plan = Plan {
            plain,
            ..Plan::default()
        };
        let mut world = plan.build();
        let (four, six) = (bind(&world.b, "0.0.0.0", 9), bind(&world.b, "::", 9));
        for (near, far) in [(A4, B4), (A6, B6)] {
            let mut frame = datagram(near, far, b"unsummed");
            let l4 = layer4(far);
            frame[l4 + 6..l4 + 8].fill(0);
            inject_from(&world, &world.a, &frame);
        }
        world.pass(MS);
        let mut buf = [0; 64];
        assert_eq!(four.recv_from(&mut buf).unwrap(), (8, at(A4, 7)));
        let six_error = six.recv(&mut buf).unwrap_err();
        assert_eq!(six_error.kind(), ErrorKind::WouldBlock);
        assert_eq!(world.b.stack.discards(), [(Discard::L4Checksum, 1)]);
        drop((four, six));
        world.assert_nothing_left();
    }
}

#[test]
fn wrong_checksums_are_dropped_and_not_answered() {
    for plain in [false, true] {
        let plan = Plan {
            plain,
            ..Plan::default()
        };
        let mut world = plan.build();
        let b = bind(&world.b, "0.0.0.0", 9);
        for (near, far) in [(A4, B4), (A6, B6)] {
            for at in [0, 2, 7, 9] {
                let mut frame = datagram(near, far, b"spoilt");
                frame[layer4(far) + at] ^= 0x10;
                inject_from(&world, &world.a, &frame);
            }
        }
        world.pass(MS);
        assert_eq!(
            b.recv(&mut [0; 9]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        assert_eq!(world.b.stack.discards(), [(Discard::L4Checksum, 8)]);
        assert_eq!(world.b.stack.counters().datagrams_no_port, 0);
        drop(b);
        world.assert_nothing_left();
    }
}

#[test]
fn lengths_that_lie_are_found_out() {
    let line = LineConfig {
        pad: false,
        ..LineConfig::default()
    };
    let plan = Plan {
        line,
        ..Plan::default()
    };
    let mut world = plan.build();
    let (four, six) = (bind(&world.b, "0.0.0.0", 9), bind(&world.b, "::", 9));
    for (near, far) in [(A4, B4), (A6, B6)] {
        let l4 = layer4(far);
        // More than there is; less than a header; nothing.
        for len in [15u16, 1000, u16::MAX, 7, 1, 0] {
            let mut frame = datagram(near, far, b"123456");
            frame[l4 + 4..l4 + 6].copy_from_slice(&len.to_be_bytes());
            inject_from(&world, &world.a, &frame);
        }
        // Cut short anywhere.
        let frame = datagram(near, far, b"123456");
        for len in 1..frame.len() {
            inject_from(&world, &world.a, &frame[..len]);
        }
    }
    world.pass(MS);
    let mut buf = [0; 64];
    for socket in [&four, &six] {
        let error = socket.recv(&mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    let discards = world.b.stack.discards();
    let of = |reason| {
        let found = discards.iter().find(|(other, _)| *other == reason);
        found.map_or(0, |(_, n)| *n)
    };
    assert_eq!(of(Discard::Malformed), 6, "{discards:?}");
    // A datagram that is shorter than its packet is whole; what follows is nobody's.
    for (near, far) in [(A4, B4), (A6, B6)] {
        let l4 = layer4(far);
        let mut frame = datagram(near, far, b"123456");
        frame[l4 + 4..l4 + 6].copy_from_slice(&11u16.to_be_bytes());
        frame[l4 + 6..l4 + 8].fill(0);
        let sum = ip_core::checksum::layer4(
            near.parse().unwrap(),
            far.parse().unwrap(),
            IpNumber::UDP,
            &frame[l4..l4 + 11],
        );
        frame[l4 + 6..l4 + 8].copy_from_slice(&sum.to_be_bytes());
        inject_from(&world, &world.a, &frame);
    }
    world.pass(MS);
    for socket in [&four, &six] {
        assert_eq!(socket.recv(&mut buf).unwrap(), 3);
        assert_eq!(&buf[..3], b"123");
    }
    drop((four, six));
    world.assert_nothing_left();
}

#[test]
fn a_source_that_is_no_single_host_is_neither_heard_nor_answered() {
    let mut world = Plan::default().build();
    let b = bind(&world.b, "0.0.0.0", 9);
    for source in [
        "192.0.2.255",
        "255.255.255.255",
        "224.0.0.1",
        "127.0.0.1",
        B4,
    ] {
        inject_from(&world, &world.a, &datagram(source, B4, b"from nobody"));
    }
    // For a host, in a frame for all.
    let mut frame = datagram(A4, B4, b"to nobody");
    frame[..6].fill(0xff);
    inject_from(&world, &world.a, &frame);
    world.pass(MS);
    assert_eq!(
        b.recv(&mut [0; 9]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    let discards = world.b.stack.discards();
    assert_eq!(discards, [(Discard::Source, 5), (Discard::Broadcast, 1)]);
    assert_eq!(world.b.stack.counters().port_unreachables_out, 0);
    drop(b);
    world.assert_nothing_left();
}

#[test]
fn a_port_that_nobody_has_refuses_a_connected_socket_once() {
    for (near, far) in [(A4, B4), (A6, B6)] {
        let mut world = Plan::default().build();
        let (connected, other) = (bind(&world.a, near, 5), bind(&world.a, near, 6));
        connected.connect(at(far, 9)).unwrap();
        connected.send(b"anybody?").unwrap();
        other.send_to(b"anybody?", at(far, 9)).unwrap();
        world.pass(MS);
        let counters = world.b.stack.counters();
        assert_eq!(
            (counters.datagrams_no_port, counters.port_unreachables_out),
            (2, 2)
        );
        assert!(connected.readiness().readable);
        let error = connected.recv(&mut [0; 9]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = connected.recv(&mut [0; 9]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        // Who speaks to many is not told of one.
        assert!(other.take_error().unwrap().is_none());
        // The next call may be a send, or nobody but take_error.
        connected.send(b"anybody?").unwrap();
        world.pass(MS);
        let error = connected.send(b"anybody?").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        connected.send(b"anybody?").unwrap();
        world.pass(MS);
        let error = connected.take_error().unwrap().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(connected.take_error().unwrap().is_none());
        drop((connected, other));
        world.assert_nothing_left();
    }
}

#[test]
fn answers_for_closed_ports_are_limited() {
    let mut world = Plan::default().build();
    for _ in 0..10 {
        for _ in 0..100 {
            inject_from(&world, &world.a, &datagram(A4, B4, b"scan"));
        }
        world.pass(MS);
    }
    let counters = world.b.stack.counters();
    assert_eq!(counters.datagrams_no_port, 1000);
    // A burst of 50, then one a millisecond.
    assert!(
        (50..=65).contains(&counters.port_unreachables_out),
        "{counters:?}"
    );
    world.assert_nothing_left();
}

/// An ICMP error to A that quotes a datagram.
fn error(
    kind4: Icmpv4Type,
    kind6: Icmpv6Type,
    local: SocketAddr,
    remote: SocketAddr,
    protocol: IpNumber,
) -> Vec<u8> {
    let path = Path {
        local: local.ip(),
        remote: remote.ip(),
        source_mac: MacAddr(A_MAC),
        destination_mac: MacAddr(B_MAC),
        hop_limit: 60,
        traffic_class: 0,
    };
    let header = udp_header(local.port(), remote.port(), 8);
    let quoted = path.header(protocol, 1, &header, 8).into_frame(&[0; 8]);
    let quoted = &quoted[14..];
    let mut frame = Vec::new();
    let ethernet = PacketBuilder::ethernet2(B_MAC, A_MAC);
    match (remote.ip(), local.ip()) {
        (IpAddr::V4(_), IpAddr::V4(to)) => ethernet
            .ipv4([192, 0, 2, 254], to.octets(), 64)
            .icmpv4(kind4)
            .write(&mut frame, quoted)
            .unwrap(),
        (IpAddr::V6(_), IpAddr::V6(to)) => {
            let router: std::net::Ipv6Addr = "2001:db8::ff".parse().unwrap();
            ethernet
                .ipv6(router.octets(), to.octets(), 64)
                .icmpv6(kind6)
                .write(&mut frame, quoted)
                .unwrap();
        }
        _ => panic!("one family"),
    }
    frame
}

fn unreachable() -> (Icmpv4Type, Icmpv6Type) {
    (
        Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Port),
        Icmpv6Type::DestinationUnreachable(icmpv6::DestUnreachableCode::Port),
    )
}

#[test]
fn a_forged_error_must_guess_the_ports_the_peer_and_what_was_sent() {
    for (near, far, third) in [(A4, B4, "192.0.2.3"), (A6, B6, "2001:db8::3")] {
        let mut world = Plan::default().build();
        let b = bind(&world.b, far, 9);
        let (connected, silent) = (bind(&world.a, near, 5), bind(&world.a, near, 6));
        connected.connect(at(far, 9)).unwrap();
        silent.connect(at(far, 9)).unwrap();
        connected.send(b"something").unwrap();
        world.pass(MS);
        let (kind4, kind6) = unreachable();
        let forge = |world: &mut World, local, remote, protocol| {
            let frame = error(kind4.clone(), kind6, local, remote, protocol);
            inject_from(world, &world.b, &frame);
            world.pass(MS);
            [&connected, &silent].map(|socket| socket.take_error().unwrap().is_some())
        };
        let udp = IpNumber::UDP;
        let (here, peer) = (at(near, 5), at(far, 9));
        for (local, remote) in [
            (at(near, 4), peer),
            (here, at(far, 10)),
            (here, at(third, 9)),
            (at(near, 40_000), at(far, 40_000)),
            // It has sent nothing yet.
            (at(near, 6), peer),
        ] {
            let told = forge(&mut world, local, remote, udp);
            assert_eq!(told, [false; 2], "{local} {remote}");
        }
        assert_eq!(
            forge(&mut world, here, peer, IpNumber::TCP),
            [false; 2],
            "TCP"
        );
        assert_eq!(forge(&mut world, here, peer, udp), [true, false]);
        drop((b, connected, silent));
        world.assert_nothing_left();
    }
}

#[test]
fn each_error_has_its_own_meaning() {
    use icmpv4::DestUnreachableHeader as V4;
    use icmpv6::DestUnreachableCode as V6;
    let v4 = Icmpv4Type::DestinationUnreachable;
    let v6 = Icmpv6Type::DestinationUnreachable;
    let exceeded4 = Icmpv4Type::TimeExceeded(icmpv4::TimeExceededCode::TtlExceededInTransit);
    let exceeded6 = Icmpv6Type::TimeExceeded(icmpv6::TimeExceededCode::HopLimitExceeded);
    // As Linux converts them; of administrative prohibition (EACCES over IPv6 there) one.
    for (kind4, kind6, meaning) in [
        (v4(V4::Port), v6(V6::Port), ErrorKind::ConnectionRefused),
        (v4(V4::Host), v6(V6::Address), ErrorKind::HostUnreachable),
        (
            v4(V4::Network),
            v6(V6::NoRoute),
            ErrorKind::NetworkUnreachable,
        ),
        (
            v4(V4::FilterProhibited),
            v6(V6::Prohibited),
            ErrorKind::HostUnreachable,
        ),
        (exceeded4, exceeded6, ErrorKind::HostUnreachable),
    ] {
        for (near, far) in [(A4, B4), (A6, B6)] {
            let mut world = Plan::default().build();
            let b = bind(&world.b, far, 9);
            let a = bind(&world.a, near, 5);
            a.connect(at(far, 9)).unwrap();
            a.send(b"something").unwrap();
            world.pass(MS);
            let (here, peer) = (at(near, 5), at(far, 9));
            let frame = error(kind4.clone(), kind6, here, peer, IpNumber::UDP);
            inject_from(&world, &world.b, &frame);
            world.pass(MS);
            assert_eq!(a.send(b"x").unwrap_err().kind(), meaning);
            assert!(a.take_error().unwrap().is_none());
            drop((a, b));
            world.assert_nothing_left();
        }
    }
}

#[test]
fn a_narrow_path_is_told_and_remembered_and_longer_datagrams_are_refused() {
    for (near, far, mtu, longest) in [(A4, B4, 1000u16, 972), (A6, B6, 1300, 1252)] {
        let mut world = Plan::default().build();
        let b = bind(&world.b, far, 9);
        let (connected, other) = (bind(&world.a, near, 5), bind(&world.a, near, 6));
        connected.connect(at(far, 9)).unwrap();
        connected.send(&[0; 1400]).unwrap();
        world.pass(MS);
        let too_big = |local, mtu: u16| {
            error(
                Icmpv4Type::DestinationUnreachable(
                    icmpv4::DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: mtu },
                ),
                Icmpv6Type::PacketTooBig { mtu: mtu.into() },
                local,
                at(far, 9),
                IpNumber::UDP,
            )
        };
        // Of one that has sent nothing to there.
        inject_from(&world, &world.b, &too_big(at(near, 6), mtu));
        world.pass(MS);
        connected.send(&[0; 1400]).unwrap();
        inject_from(&world, &world.b, &too_big(at(near, 5), mtu));
        world.pass(MS);
        let told = connected.take_error().unwrap().unwrap();
        assert_eq!(told.raw_os_error(), Some(90));
        for socket in [&connected, &other] {
            let error = socket.send_to(&vec![0; longest + 1], at(far, 9));
            assert_eq!(error.unwrap_err().raw_os_error(), Some(90));
            assert_eq!(
                socket.send_to(&vec![0; longest], at(far, 9)).unwrap(),
                longest
            );
        }
        // The same again is no news; and it may have widened since.
        inject_from(&world, &world.b, &too_big(at(near, 5), mtu));
        world.pass(Duration::from_secs(601));
        world.a.stack.poll(world.now.into());
        assert!(connected.take_error().unwrap().is_none());
        connected.send(&[0; 1400]).unwrap();
        drop((b, connected, other));
        world.assert_nothing_left();
    }
}

#[test]
fn a_neighbour_that_is_not_there_is_told_to_a_connected_socket() {
    for (near, nobody) in [(A4, "192.0.2.77"), (A6, "2001:db8::77")] {
        let mut world = Plan::default().build();
        let (connected, other) = (bind(&world.a, near, 5), bind(&world.a, near, 6));
        connected.connect(at(nobody, 9)).unwrap();
        for _ in 0..3 {
            connected.send(b"anybody?").unwrap();
            other.send_to(b"anybody?", at(nobody, 9)).unwrap();
        }
        assert!(world.run(Duration::from_secs(60), || connected.readiness().readable));
        let error = connected.recv(&mut [0; 9]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HostUnreachable);
        let error = connected.recv(&mut [0; 9]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(other.take_error().unwrap().is_none());
        // It is asked again, and told again.
        connected.send(b"anybody now?").unwrap();
        assert!(world.run(Duration::from_secs(60), || connected.readiness().readable));
        drop((connected, other));
        world.assert_nothing_left();
    }
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let data = proptest::collection::vec(any::<u8>(), 0..200);
    let good = (any::<bool>(), 0u16..4, 7u16..11, data).prop_map(|(v6, kind, port, data)| {
        let (near, far) = if v6 { (A6, B6) } else { (A4, B4) };
        if kind == 0 {
            let (kind4, kind6) = unreachable();
            // For B, about what it may have sent.
            let mut frame = error(kind4, kind6, at(far, port), at(near, 7), IpNumber::UDP);
            frame[..6].copy_from_slice(&B_MAC);
            frame
        } else {
            let mut frame = datagram(near, far, &data);
            let l4 = layer4(far);
            frame[l4 + 2..l4 + 4].copy_from_slice(&port.to_be_bytes());
            ip_core::checksum::fill(&mut frame, 14, l4);
            frame
        }
    });
    let spoil = (any::<bool>(), any::<usize>(), any::<u8>(), any::<usize>());
    (good, spoil).prop_map(|(mut frame, (lie, at, value, cut))| {
        if lie {
            let at = at % frame.len();
            frame[at] = value;
            frame.truncate(1 + cut % frame.len());
        }
        frame
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_datagram_hangs_or_leaks_anything(frames in proptest::collection::vec(soup(), 1..80), plain: bool) {
        let plan = Plan {
            line: LineConfig { pad: false, ..LineConfig::default() },
            plain,
            ..Plan::default()
        };
        let mut world = plan.build();
        let sockets = [bind(&world.b, "0.0.0.0", 9), bind(&world.b, "::", 9), bind(&world.b, B4, 10)];
        sockets[2].connect(at(A4, 7)).unwrap();
        sockets[2].send(b"so that errors about it are believed").unwrap();
        for frame in &frames {
            inject_from(&world, &world.a, frame);
        }
        world.pass(Duration::from_secs(2));
        let mut buf = [0; 2000];
        for socket in &sockets {
            while let Ok((len, from)) = socket.recv_from(&mut buf) {
                prop_assert!(len <= 200, "{} from {}", len, from);
            }
        }
        // It still works.
        let a = bind(&world.a, A4, 7);
        a.send_to(b"sound", at(B4, 9)).unwrap();
        world.pass(MS);
        prop_assert_eq!(sockets[0].recv(&mut buf).unwrap(), 5);
        drop((a, sockets));
        world.assert_nothing_left();
    }
}
