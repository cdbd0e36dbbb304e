//! UDP sockets of two stacks: what is sent arrives, at the right socket, and nothing is left behind.

mod common;

use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{A4, A6, B4, B6, Host, Plan, World, at, data};
use longshore_sockets::{Notify, UdpSocket};
use parking_lot::Mutex;
use sim_wire::fault::Script;

const SECOND: Duration = Duration::from_secs(1);

fn bind(host: &Host, ip: &str, port: u16) -> UdpSocket {
    let socket = UdpSocket::bind(&host.stack, at(ip, port)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn kind<T: std::fmt::Debug>(result: std::io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// The next datagram that comes to a socket.
fn receive(world: &mut World, socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buf = vec![0; 70_000];
    let mut got = None;
    world.run(SECOND, || {
        got = socket.recv_from(&mut buf).ok();
        got.is_some()
    });
    let (len, from) = got.expect("a datagram within a second");
    buf.truncate(len);
    (buf, from)
}

/// Nothing comes.
fn assert_silent(world: &mut World, socket: &UdpSocket) {
    world.pass(Duration::from_millis(10));
    assert_eq!(kind(socket.recv_from(&mut [0; 9])), ErrorKind::WouldBlock);
}

#[test]
fn datagrams_of_every_length_arrive_whole_over_both_families_with_and_without_offloads() {
    for plain in [false, true] {
        for (near, far, longest) in [(A4, B4, 1472), (A6, B6, 1452)] {
            let plan = Plan {
                plain,
                ..Plan::default()
            };
            let mut world = plan.build();
            let (a, b) = (bind(&world.a, near, 1000), bind(&world.b, far, 2000));
            for len in [1, 0, 2, 3, 17, 18, 19, 64, 1000, longest - 1, longest] {
                let sent = data(len, len as u32);
                assert_eq!(a.send_to(&sent, at(far, 2000)).unwrap(), len);
                assert_eq!(receive(&mut world, &b), (sent.clone(), at(near, 1000)));
                assert_eq!(b.send_to(&sent, at(near, 1000)).unwrap(), len);
                assert_eq!(receive(&mut world, &a), (sent, at(far, 2000)));
            }
            // EMSGSIZE: nothing is fragmented.
            let error = a.send_to(&vec![0; longest + 1], at(far, 2000)).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(90));
            drop((a, b));
            let counters = world.b.stack.counters();
            assert_eq!((counters.datagrams_in, counters.datagrams_out), (11, 11));
            world.assert_nothing_left();
        }
    }
}

#[test]
fn the_nic_computes_the_checksums_and_tells_that_they_are_right() {
    use nic_abi::stats::Stat;
    let mut world = Plan::default().build();
    let (a, b) = (bind(&world.a, A4, 0), bind(&world.b, B4, 9));
    for _ in 0..10 {
        a.send_to(b"summed", at(B4, 9)).unwrap();
        receive(&mut world, &b);
    }
    let stat = |host: &Host, stat| host.stack.nic().statistic(stat).unwrap();
    // The first one waited for the neighbour, whole and summed.
    assert_eq!(stat(&world.a, Stat::TxL4Checksums), 9);
    assert_eq!(stat(&world.b, Stat::RxL4Ok), 10);
    drop((a, b));
    world.assert_nothing_left();
}

#[test]
fn a_wildcard_has_every_address_of_its_family_and_its_answers_come_from_the_right_one() {
    let mut world = Plan::default().build();
    let (four, six) = (bind(&world.b, "0.0.0.0", 53), bind(&world.b, "::", 53));
    let (a4, a6) = (bind(&world.a, "0.0.0.0", 0), bind(&world.a, "::", 0));
    a4.send_to(b"four", at(B4, 53)).unwrap();
    a6.send_to(b"six", at(B6, 53)).unwrap();
    let (question, from) = receive(&mut world, &four);
    assert_eq!((&question[..], from.ip()), (&b"four"[..], at(A4, 0).ip()));
    let (question, to) = receive(&mut world, &six);
    assert_eq!((&question[..], to.ip()), (&b"six"[..], at(A6, 0).ip()));
    assert_eq!(from.port(), a4.local_addr().unwrap().port());
    four.send_to(b"answer", from).unwrap();
    six.send_to(b"answer", to).unwrap();
    assert_eq!(receive(&mut world, &a4).1, at(B4, 53));
    assert_eq!(receive(&mut world, &a6).1, at(B6, 53));
    drop((four, six, a4, a6));
    world.assert_nothing_left();
}

#[test]
fn an_address_has_one_socket_unless_all_share_it() {
    let world = Plan::default().build();
    let stack = &world.a.stack;
    let first = bind(&world.a, A4, 7);
    for taken in [A4, "0.0.0.0"] {
        assert_eq!(
            kind(UdpSocket::bind(stack, at(taken, 7))),
            ErrorKind::AddrInUse
        );
        let shared = UdpSocket::bind_reusable(stack, at(taken, 7));
        assert_eq!(kind(shared), ErrorKind::AddrInUse);
    }
    let other_family = bind(&world.a, "::", 7);
    let foreign = UdpSocket::bind(stack, at(B4, 7));
    assert_eq!(kind(foreign), ErrorKind::AddrNotAvailable);
    drop(first);
    let again = UdpSocket::bind_reusable(stack, at(A4, 7)).unwrap();
    let shared = UdpSocket::bind_reusable(stack, at("0.0.0.0", 7)).unwrap();
    assert_eq!(stack.living().datagram_sockets, 3);
    // Free ports differ.
    let free: Vec<_> = (0..20).map(|_| bind(&world.a, A4, 0)).collect();
    let mut ports: Vec<_> = free
        .iter()
        .map(|s| s.local_addr().unwrap().port())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 20);
    assert!(ports.iter().all(|port| *port >= 49_152));
    drop((other_family, again, shared, free));
    assert!(stack.living().is_none());
}

#[test]
fn when_all_ports_are_taken_there_is_none_to_be_had() {
    let world = Plan {
        tune: |config| config.datagram_sockets = 20_000,
        ..Plan::default()
    }
    .build();
    let all: Vec<_> = (0..16_384).map(|_| bind(&world.a, A4, 0)).collect();
    let more = UdpSocket::bind(&world.a.stack, at(A4, 0));
    assert_eq!(kind(more), ErrorKind::AddrInUse);
    drop(all);
    assert!(world.a.stack.living().is_none());
}

#[test]
fn as_many_sockets_as_configured_and_no_more() {
    let world = Plan {
        tune: |config| config.datagram_sockets = 2,
        ..Plan::default()
    }
    .build();
    let two = [bind(&world.a, A4, 0), bind(&world.a, A4, 0)];
    let third = UdpSocket::bind(&world.a.stack, at(A4, 0));
    assert_eq!(kind(third), ErrorKind::OutOfMemory);
    drop(two);
    drop(bind(&world.a, A4, 0));
    assert!(world.a.stack.living().is_none());
}

#[test]
fn a_connected_socket_hears_its_peer_and_nobody_else() {
    let mut world = Plan::default().build();
    let server = bind(&world.b, "0.0.0.0", 53);
    let (friend, stranger) = (bind(&world.a, A4, 1), bind(&world.a, A4, 2));
    friend.send_to(b"before", at(B4, 53)).unwrap();
    stranger.send_to(b"before", at(B4, 53)).unwrap();
    world.pass(Duration::from_millis(1));
    assert_eq!(kind(server.peer_addr()), ErrorKind::NotConnected);
    assert_eq!(
        server.send(b"to whom?").unwrap_err().raw_os_error(),
        Some(89)
    );
    server.connect(at(A4, 1)).unwrap();
    assert_eq!(server.peer_addr().unwrap(), at(A4, 1));
    assert_eq!(server.local_addr().unwrap(), at(B4, 53));
    // What the stranger had sent is gone.
    assert_eq!(
        receive(&mut world, &server),
        (b"before".to_vec(), at(A4, 1))
    );
    assert_silent(&mut world, &server);
    stranger.send_to(b"after", at(B4, 53)).unwrap();
    friend.send_to(b"after", at(B4, 53)).unwrap();
    assert_eq!(receive(&mut world, &server), (b"after".to_vec(), at(A4, 1)));
    assert_silent(&mut world, &server);
    assert_eq!(world.b.stack.counters().datagrams_no_port, 1);
    server.send(b"to the peer").unwrap();
    let mut buf = [0; 64];
    assert!(world.run(SECOND, || friend.peek(&mut buf).is_ok()));
    assert_eq!(friend.next_len(), Some(11));
    assert_eq!(friend.peek_from(&mut buf).unwrap(), (11, at(B4, 53)));
    // What does not fit is lost.
    assert_eq!(friend.recv(&mut buf[..6]).unwrap(), 6);
    assert_eq!((&buf[..6], friend.next_len()), (&b"to the"[..], None));
    // Another peer.
    server.connect(at(A4, 2)).unwrap();
    server.send(b"to the other").unwrap();
    assert_eq!(receive(&mut world, &stranger).1, at(B4, 53));
    assert_silent(&mut world, &friend);
    // Nobody in particular again, at all addresses again.
    server.disconnect().unwrap();
    assert_eq!(kind(server.disconnect()), ErrorKind::NotConnected);
    assert_eq!(server.local_addr().unwrap(), at("0.0.0.0", 53));
    for peer in [&friend, &stranger] {
        peer.send_to(b"to all", at(B4, 53)).unwrap();
        assert_eq!(receive(&mut world, &server).0, b"to all");
    }
    drop((server, friend, stranger));
    world.assert_nothing_left();
}

#[test]
fn sockets_that_share_an_address_are_told_apart_by_their_peers() {
    let mut world = Plan::default().build();
    let shared = |ip| {
        let socket = UdpSocket::bind_reusable(&world.b.stack, at(ip, 53)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    };
    let (any, first, second) = (shared("0.0.0.0"), shared(B4), shared(B4));
    first.connect(at(A4, 1)).unwrap();
    let taken = second.connect(at(A4, 1));
    assert_eq!(kind(taken), ErrorKind::AddrInUse);
    second.connect(at(A4, 2)).unwrap();
    let peers: Vec<_> = (1..4).map(|port| bind(&world.a, A4, port)).collect();
    for peer in &peers {
        peer.send_to(b"whose?", at(B4, 53)).unwrap();
    }
    for (socket, peer) in [(&first, 1), (&second, 2), (&any, 3)] {
        assert_eq!(receive(&mut world, socket).1, at(A4, peer));
        assert_silent(&mut world, socket);
    }
    drop((any, first, second, peers));
    world.assert_nothing_left();
}

#[test]
fn a_full_queue_drops_and_counts_and_goes_on_when_it_is_read() {
    let mut world = Plan::default().build();
    let (a, b) = (bind(&world.a, A4, 0), bind(&world.b, B4, 9));
    b.set_receive_buffer(10 * (100 + 64));
    assert_eq!(b.receive_buffer(), 2048);
    b.set_receive_buffer(20 * (100 + 64));
    a.send_to(&[0; 100], at(B4, 9)).unwrap();
    receive(&mut world, &b);
    for n in 0..50 {
        a.send_to(&[n; 100], at(B4, 9)).unwrap();
        world.pass(Duration::from_micros(10));
    }
    world.pass(Duration::from_millis(1));
    assert_eq!(b.dropped(), 30);
    assert_eq!(world.b.stack.counters().datagrams_dropped, 30);
    assert_eq!(world.b.stack.nstat()["UdpRcvbufErrors"], 30);
    for n in 0..20 {
        assert_eq!(receive(&mut world, &b).0, [n; 100]);
    }
    a.send_to(b"room again", at(B4, 9)).unwrap();
    assert_eq!(receive(&mut world, &b).0, b"room again");
    drop((a, b));
    world.assert_nothing_left();
}

#[derive(Debug, Default)]
struct Bell(AtomicUsize);

impl Notify for Bell {
    fn notify(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn readiness_follows_the_queue_and_is_told() {
    let mut world = Plan::default().build();
    let (a, b) = (bind(&world.a, A4, 0), bind(&world.b, B4, 9));
    let bell = Arc::new(Bell::default());
    b.set_notify(Some(bell.clone()));
    let idle = b.readiness();
    assert!(!idle.readable && idle.writable && !idle.closed);
    a.send_to(b"ring", at(B4, 9)).unwrap();
    world.pass(Duration::from_millis(1));
    assert!(b.readiness().readable);
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    receive(&mut world, &b);
    assert!(!b.readiness().readable);
    // The last file's drop lets go of the bell.
    drop(b.try_clone().unwrap());
    assert_eq!(Arc::strong_count(&bell), 2);
    drop(b);
    assert_eq!(Arc::strong_count(&bell), 1);
    drop(a);
    world.assert_nothing_left();
}

#[test]
fn a_ring_without_room_is_waited_for_and_the_writer_is_told() {
    let mut world = Plan::default().build();
    let (a, b) = (bind(&world.a, A4, 0), bind(&world.b, B4, 9));
    a.send_to(b"hello", at(B4, 9)).unwrap();
    receive(&mut world, &b);
    let bell = Arc::new(Bell::default());
    a.set_notify(Some(bell.clone()));
    let mut sent = 0u32;
    let error = loop {
        match a.send_to(&sent.to_be_bytes(), at(B4, 9)) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(!a.readiness().writable);
    assert_eq!(bell.0.load(Ordering::Relaxed), 0);
    assert!(world.run(SECOND, || a.readiness().writable));
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    assert!(world.a.stack.counters().ring_full > 0);
    // Every one of them arrives.
    for n in 0..sent {
        assert_eq!(receive(&mut world, &b).0, n.to_be_bytes());
    }
    drop((a, b));
    world.assert_nothing_left();
}

#[test]
fn shutdown_ends_receiving_and_sending_of_a_connected_socket() {
    let mut world = Plan::default().build();
    let (a, b) = (bind(&world.a, A4, 5), bind(&world.b, B4, 9));
    assert_eq!(kind(a.shutdown(Shutdown::Both)), ErrorKind::NotConnected);
    a.connect(at(B4, 9)).unwrap();
    a.shutdown(Shutdown::Read).unwrap();
    assert_eq!(a.recv_from(&mut [0; 9]).unwrap(), (0, at(B4, 9)));
    a.send(b"still sent").unwrap();
    assert_eq!(receive(&mut world, &b).0, b"still sent");
    b.send_to(b"not received", at(A4, 5)).unwrap();
    world.pass(Duration::from_millis(1));
    assert_eq!(a.recv(&mut [0; 9]).unwrap(), 0);
    a.shutdown(Shutdown::Write).unwrap();
    assert_eq!(kind(a.send(b"x")), ErrorKind::BrokenPipe);
    assert!(a.readiness().readable && a.readiness().writable);
    drop((a, b));
    world.assert_nothing_left();
}

#[test]
fn aborting_ends_all_clones_and_frees_the_port_at_once() {
    let world = Plan::default().build();
    let socket = bind(&world.a, A4, 5);
    let clone = socket.try_clone().unwrap();
    socket.abort();
    drop(bind(&world.a, A4, 5));
    assert_eq!(kind(clone.recv(&mut [0; 9])), ErrorKind::ConnectionAborted);
    assert_eq!(clone.recv(&mut [0; 9]).unwrap(), 0);
    assert_eq!(kind(clone.send_to(b"x", at(B4, 9))), ErrorKind::BrokenPipe);
    assert!(clone.readiness().closed);
    assert_eq!(kind(clone.connect(at(B4, 9))), ErrorKind::NotConnected);
    drop(clone);
    assert!(world.a.stack.living().is_none());
}

#[test]
fn when_the_stack_goes_down_every_socket_is_told_once() {
    let world = Plan::default().build();
    let socket = bind(&world.a, A4, 5);
    world.a.stack.shutdown();
    let error = socket.recv(&mut [0; 9]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(19));
    assert_eq!(socket.recv(&mut [0; 9]).unwrap(), 0);
    let late = UdpSocket::bind(&world.a.stack, at(A4, 6)).unwrap_err();
    assert_eq!(late.raw_os_error(), Some(19));
}

#[test]
fn destinations_that_cannot_be_are_refused() {
    let world = Plan::default().build();
    let a = bind(&world.a, A4, 0);
    for wrong in ["192.0.2.2:0", "0.0.0.0:9", "[2001:db8::2]:9"] {
        let wrong = wrong.parse().unwrap();
        assert_eq!(kind(a.send_to(b"x", wrong)), ErrorKind::InvalidInput);
        assert_eq!(kind(a.connect(wrong)), ErrorKind::InvalidInput);
    }
    let far = at("198.51.100.1", 9);
    assert_eq!(kind(a.send_to(b"x", far)), ErrorKind::NetworkUnreachable);
    let any = bind(&world.a, "0.0.0.0", 0);
    assert_eq!(kind(any.connect(far)), ErrorKind::NetworkUnreachable);
    assert_eq!(kind(a.send_to(b"x", at(A4, 9))), ErrorKind::Unsupported);
    let broadcast = at("192.0.2.255", 9);
    assert_eq!(
        kind(a.send_to(b"x", broadcast)),
        ErrorKind::PermissionDenied
    );
    assert_eq!(kind(a.set_ttl(0)), ErrorKind::InvalidInput);
    assert_eq!(kind(a.set_ttl(256)), ErrorKind::InvalidInput);
    assert_eq!(
        kind(a.set_read_timeout(Some(Duration::ZERO))),
        ErrorKind::InvalidInput
    );
}

#[test]
fn a_broadcast_goes_to_every_socket_at_any_address() {
    let mut world = Plan::default().build();
    let a = bind(&world.a, A4, 5);
    a.set_broadcast(true).unwrap();
    assert!(a.broadcast().unwrap());
    let share = || {
        let socket = UdpSocket::bind_reusable(&world.b.stack, at("0.0.0.0", 9)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    };
    let (first, second) = (share(), share());
    for group in ["192.0.2.255", "255.255.255.255"] {
        a.send_to(b"all", at(group, 9)).unwrap();
        for socket in [&first, &second] {
            assert_eq!(receive(&mut world, socket), (b"all".to_vec(), at(A4, 5)));
        }
        // Nobody there: no ICMP error for a broadcast.
        a.send_to(b"all", at(group, 10)).unwrap();
    }
    world.pass(Duration::from_millis(1));
    let counters = world.b.stack.counters();
    assert_eq!(
        (counters.datagrams_no_port, counters.port_unreachables_out),
        (2, 0)
    );
    // The group of all nodes is one that everybody is in.
    let (a6, b6) = (bind(&world.a, A6, 5), bind(&world.b, "::", 9));
    a6.send_to(b"nodes", at("ff02::1", 9)).unwrap();
    assert_eq!(receive(&mut world, &b6).0, b"nodes");
    drop((a, first, second, a6, b6));
    world.assert_nothing_left();
}

#[test]
fn packets_bear_the_ttl_and_the_tos_that_the_socket_was_given() {
    let frames = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&frames);
    let plan = Plan {
        script_to_b: Script::new().when(move |_, frame: &[u8]| {
            let packet = etherparse::SlicedPacket::from_ethernet(frame).ok()?;
            let net = packet.net?;
            if let Some(etherparse::TransportSlice::Udp(_)) = packet.transport {
                seen.lock().push(match net {
                    etherparse::NetSlice::Ipv4(ip) => (ip.header().ttl(), ip.header().slice()[1]),
                    etherparse::NetSlice::Ipv6(ip) => {
                        let header = ip.header().slice();
                        (header[7], header[0] << 4 | header[1] >> 4)
                    }
                    etherparse::NetSlice::Arp(_) => return None,
                });
            }
            None
        }),
        ..Plan::default()
    };
    let mut world = plan.build();
    for (near, far, group) in [(A4, B4, "239.1.2.3"), (A6, B6, "ff02::1234")] {
        let a = bind(&world.a, near, 5);
        let expect = |world: &mut World, to: &str, expected| {
            a.send_to(b"marked", at(to, 9)).unwrap();
            world.pass(Duration::from_millis(1));
            assert_eq!(frames.lock().drain(..).collect::<Vec<_>>(), [expected]);
        };
        expect(&mut world, far, (64, 0));
        a.set_ttl(3).unwrap();
        a.set_tos(0xb9).unwrap();
        assert_eq!((a.ttl().unwrap(), a.tos().unwrap()), (3, 0xb9));
        expect(&mut world, far, (3, 0xb9));
        expect(&mut world, group, (1, 0xb9));
        a.set_multicast_ttl(7).unwrap();
        assert_eq!(a.multicast_ttl().unwrap(), 7);
        expect(&mut world, group, (7, 0xb9));
    }
}

#[test]
fn each_socket_waits_for_the_ring_of_its_own_queue_pair() {
    let plan = Plan {
        tune: |config| config.queue_pairs = 2,
        ..Plan::default()
    };
    let mut world = plan.build();
    let b = bind(&world.b, B4, 9);
    b.set_receive_buffer(1 << 20);
    // Slots are taken in turn, and so are queue pairs.
    let sockets = [bind(&world.a, A4, 1), bind(&world.a, A4, 2)];
    sockets[0].send_to(b"hello", at(B4, 9)).unwrap();
    receive(&mut world, &b);
    let mut sent = 0;
    for socket in &sockets {
        let before = sent;
        while socket.send_to(&[0; 9], at(B4, 9)).is_ok() {
            sent += 1;
        }
        // The other one's being full has not kept it.
        assert!(sent - before > 30);
        assert!(!socket.readiness().writable);
    }
    assert!(world.run(SECOND, || sockets.iter().all(|s| s.readiness().writable)));
    world.pass(SECOND);
    let counters = world.b.stack.counters();
    assert_eq!(counters.datagrams_in, 1 + sent);
    drop((b, sockets));
    world.assert_nothing_left();
}
