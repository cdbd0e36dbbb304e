//! What TCP's packets bear besides the stream, and what ICMP says of them that does not end a connection.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{B4, B6, Plan, World, at, data};
use etherparse::{Icmpv4Type, PacketBuilder, icmpv4};
use longshore_sockets::{SocketConfig, TcpListener, TcpStream};
use parking_lot::Mutex;
use sim_wire::Wire;
use sim_wire::fault::{Action, Script};

const MINUTE: Duration = Duration::from_secs(60);

/// A world in which B gets no segments with data while `cut` says so, and the last one that A sent.
struct Cut {
    world: World,
    cut: Arc<AtomicBool>,
    last: Arc<Mutex<Vec<u8>>>,
}

fn cut() -> Cut {
    let cut = Arc::new(AtomicBool::new(false));
    let last = Arc::new(Mutex::new(Vec::new()));
    let (cutting, seen) = (Arc::clone(&cut), Arc::clone(&last));
    let plan = Plan {
        script_to_b: Script::new().when(move |_, frame: &[u8]| {
            let is_tcp = frame.get(12..14) == Some(&[8, 0]) && frame.get(23) == Some(&6);
            if !is_tcp || !cutting.load(Ordering::Relaxed) {
                return None;
            }
            *seen.lock() = frame.to_vec();
            Some(Action::Drop)
        }),
        ..Plan::default()
    };
    Cut {
        world: plan.build(),
        cut,
        last,
    }
}

/// A router says that a host cannot be reached, quoting a packet of A's.
fn host_unreachable(world: &mut World, quoted: &[u8]) {
    let mut frame = Vec::new();
    let why = Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Host);
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1])
        .ipv4([192, 0, 2, 254], [192, 0, 2, 1], 64)
        .icmpv4(why)
        .write(&mut frame, quoted)
        .unwrap();
    let now = world.now;
    {
        let mut model = world.b.model.lock();
        let frame = model.wire_mut().pool().copy_of(&frame);
        model.wire_mut().transmit(now, frame);
    }
    world.pass(Duration::from_millis(1));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
//= type=test
//# it SHOULD make the information available to the application (SHLD-25).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2.2
//= type=test
//# Since these Unreachable messages indicate soft error conditions, a TCP implementation MUST NOT abort the
//# connection (MUST-56)
#[test]
fn a_soft_error_is_told_and_passes_when_something_is_acknowledged() {
    let Cut {
        mut world,
        cut,
        last,
    } = cut();
    let (a, b) = world.connect(B4);
    world.pass(Duration::from_secs(1));
    cut.store(true, Ordering::Relaxed);
    (&a).write_all(b"lost at first").unwrap();
    assert!(world.run(MINUTE, || !last.lock().is_empty()));
    let quoted = last.lock()[14..42].to_vec();
    // Of something that was never sent.
    let mut forged = quoted.clone();
    forged[24] ^= 0x40;
    host_unreachable(&mut world, &forged);
    assert!(a.soft_error().unwrap().is_none());
    host_unreachable(&mut world, &quoted);
    let soft = a.soft_error().unwrap().unwrap();
    assert_eq!(soft.kind(), ErrorKind::HostUnreachable);
    // It ends nothing, and is no error of a call.
    assert!(!a.readiness().closed && a.take_error().unwrap().is_none());
    cut.store(false, Ordering::Relaxed);
    let mut buf = [0; 13];
    assert!(world.run(MINUTE, || (&b).read(&mut buf).is_ok()));
    world.pass(Duration::from_secs(1));
    assert!(a.soft_error().unwrap().is_none());
    drop((a, b));
    world.assert_nothing_left();
}

#[test]
fn a_connection_that_is_given_up_tells_the_soft_error_instead_of_a_time_out() {
    for told in [false, true] {
        let Cut {
            mut world,
            cut,
            last,
        } = cut();
        let (a, b) = world.connect(B4);
        world.pass(Duration::from_secs(1));
        cut.store(true, Ordering::Relaxed);
        (&a).write_all(b"never acknowledged").unwrap();
        assert!(world.run(MINUTE, || !last.lock().is_empty()));
        if told {
            let quoted = last.lock()[14..42].to_vec();
            host_unreachable(&mut world, &quoted);
        }
        assert!(world.run(60 * MINUTE, || a.readiness().closed));
        let error = (&a).read(&mut [0; 1]).unwrap_err().kind();
        let expected = if told {
            ErrorKind::HostUnreachable
        } else {
            ErrorKind::TimedOut
        };
        assert_eq!(error, expected);
        // Once.
        assert_eq!((&a).read(&mut [0; 1]).unwrap(), 0);
        b.abort();
        drop(a);
        world.assert_nothing_left();
    }
}

#[test]
fn a_neighbour_that_went_away_is_why_a_connection_is_given_up() {
    let off = Arc::new(AtomicBool::new(false));
    let (there, back) = (Arc::clone(&off), Arc::clone(&off));
    let lose = |off: Arc<AtomicBool>| {
        Script::new().when(move |_, _: &[u8]| off.load(Ordering::Relaxed).then_some(Action::Drop))
    };
    let plan = Plan {
        script_to_b: lose(there),
        script_to_a: lose(back),
        ..Plan::default()
    };
    let mut world = plan.build();
    let (a, b) = world.connect(B4);
    world.pass(Duration::from_secs(1));
    off.store(true, Ordering::Relaxed);
    (&a).write_all(b"to nobody").unwrap();
    assert!(world.run(60 * MINUTE, || a.readiness().closed));
    let error = a.take_error().unwrap().unwrap();
    assert_eq!(error.kind(), ErrorKind::HostUnreachable);
    b.abort();
    drop(a);
    world.assert_nothing_left();
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.2
//= type=test
//# Time to Live (TTL): The TTL value used to send TCP segments MUST be configurable (MUST-49).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
//= type=test
//# The application layer MUST be able to specify the Differentiated Services field for segments that are sent on a
//# connection (MUST-48).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
//= type=test
//# It is not required, but the application SHOULD be able to change the Differentiated Services field during the
//# connection lifetime (SHLD-21).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
//= type=test
//# TCP implementations SHOULD pass the current Differentiated Services field value without change to the IP layer,
//# when it sends segments on the connection (SHLD-22).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.9
//= type=test
//# TCP implementations MAY pass the most recently received Differentiated Services field up to the application
//# (MAY-9).
#[test]
fn ttl_and_diffserv_are_the_programs_and_ecn_is_tcps() {
    let frames = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&frames);
    let plan = Plan {
        tune: |config| config.ip.hop_limit = 99,
        script_to_b: Script::new().when(move |_, frame: &[u8]| {
            let packet = etherparse::SlicedPacket::from_ethernet(frame).ok()?;
            let marks = match packet.net? {
                etherparse::NetSlice::Ipv4(ip) => (ip.header().ttl(), ip.header().slice()[1]),
                etherparse::NetSlice::Ipv6(ip) => {
                    let header = ip.header().slice();
                    (header[7], header[0] << 4 | header[1] >> 4)
                }
                etherparse::NetSlice::Arp(_) => return None,
            };
            if let Some(etherparse::TransportSlice::Tcp(_)) = packet.transport {
                seen.lock().push(marks);
            }
            None
        }),
        ..Plan::default()
    };
    let mut world = plan.build();
    for ip in [B4, B6] {
        let (a, b) = world.connect(ip);
        let sent = data(5000, 1);
        let mut talk = |expected: (u8, u8)| {
            world.pass(Duration::from_secs(1));
            frames.lock().clear();
            (&a).write_all(&sent).unwrap();
            let mut read = Vec::new();
            let mut buf = [0; 5000];
            assert!(world.run(MINUTE, || {
                if let Ok(n) = (&b).read(&mut buf) {
                    read.extend_from_slice(&buf[..n]);
                }
                read.len() == sent.len()
            }));
            let frames = frames.lock();
            assert!(!frames.is_empty() && frames.iter().all(|marks| *marks == expected));
            assert_eq!(b.received_tos(), expected.1);
        };
        assert_eq!((a.ttl().unwrap(), a.tos().unwrap()), (99, 0));
        talk((99, 0));
        a.set_ttl(7).unwrap();
        // The ECN bits are not the program's.
        a.set_tos(0xbb).unwrap();
        assert_eq!((a.ttl().unwrap(), a.tos().unwrap()), (7, 0xb8));
        talk((7, 0xb8));
        a.set_tos(0x20).unwrap();
        talk((7, 0x20));
        assert_eq!(a.set_ttl(0).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(a.set_ttl(256).unwrap_err().kind(), ErrorKind::InvalidInput);
        drop((a, b));
        frames.lock().clear();
    }
    world.assert_nothing_left();
}

#[test]
fn a_handshake_bears_the_marks_of_its_socket_from_the_first_packet_on() {
    let sent = [
        Arc::new(Mutex::new(Vec::new())),
        Arc::new(Mutex::new(Vec::new())),
    ];
    let script = |to: &Arc<Mutex<Vec<(u8, u8)>>>| {
        let seen = Arc::clone(to);
        Script::new().when(move |_, frame: &[u8]| {
            let packet = etherparse::SlicedPacket::from_ethernet(frame).ok()?;
            if let (
                Some(etherparse::NetSlice::Ipv4(ip)),
                Some(etherparse::TransportSlice::Tcp(_)),
            ) = (packet.net, packet.transport)
            {
                let header = ip.header();
                seen.lock().push((header.ttl(), header.slice()[1]));
            }
            None
        })
    };
    let plan = Plan {
        script_to_b: script(&sent[0]),
        script_to_a: script(&sent[1]),
        ..Plan::default()
    };
    let mut world = plan.build();
    let config = |world: &World, hop_limit, traffic_class| {
        Arc::new(SocketConfig {
            hop_limit: Some(hop_limit),
            traffic_class,
            ..world.a.stack.socket_config()
        })
    };
    let (near, far) = (config(&world, 5, 0x20), config(&world, 6, 0x43));
    let listener = TcpListener::bind_with(&world.b.stack, at(B4, 80), Some(far)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let stack = &world.a.stack;
    let stream = TcpStream::start_connect_with(stack, None, at(B4, 80), Some(&near)).unwrap();
    let mut accepted = None;
    assert!(world.run(MINUTE, || {
        accepted = listener.accept().ok();
        accepted.is_some()
    }));
    world.pass(Duration::from_secs(1));
    let (child, _) = accepted.unwrap();
    assert_eq!((child.ttl().unwrap(), child.tos().unwrap()), (6, 0x40));
    for (sent, expected) in sent.iter().zip([(5, 0x20), (6, 0x40)]) {
        let sent = sent.lock();
        assert!(
            !sent.is_empty() && sent.iter().all(|marks| *marks == expected),
            "{sent:?}"
        );
    }
    drop((stream, child, listener));
    world.assert_nothing_left();
}
