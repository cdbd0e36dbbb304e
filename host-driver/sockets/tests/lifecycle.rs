//! How connections begin and end, in good order and in bad.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{A4, B4, B6, Plan, Program, World, at, data};
use longshore_sockets::{Notify, TcpListener, TcpStream};
use sim_wire::fault::{Action, FaultConfig, Script};

const MINUTE: Duration = Duration::from_secs(60);

fn kind<T: std::fmt::Debug>(result: std::io::Result<T>) -> ErrorKind {
    result.expect_err("an error was due").kind()
}

/// Reads what is there until the connection says something else.
fn read_all(stream: &TcpStream) -> (Vec<u8>, std::io::Result<usize>) {
    let mut all = Vec::new();
    let mut buf = [0; 4096];
    loop {
        match (&mut &*stream).read(&mut buf) {
            Ok(n) if n > 0 => all.extend_from_slice(&buf[..n]),
            other => return (all, other),
        }
    }
}

/// Loses every TCP frame once the count of frames has passed `after`.
fn black_hole(after: u64) -> Script {
    Script::new().when(move |number, frame| {
        let tcp = frame.get(23) == Some(&6) || frame.get(20) == Some(&6);
        (number >= after && tcp).then_some(Action::Drop)
    })
}

#[test]
fn nobody_listens_is_told_once_then_end_of_file_and_broken_pipe() {
    for ip in [B4, B6] {
        let mut world = Plan::default().build();
        let stream = TcpStream::start_connect(&world.a.stack, at(ip, 9)).unwrap();
        stream.set_nonblocking(true).unwrap();
        assert!(world.run(MINUTE, || stream.readiness().closed));
        assert_eq!(
            kind((&stream).read(&mut [0; 9])),
            ErrorKind::ConnectionRefused
        );
        assert!(stream.take_error().unwrap().is_none());
        assert_eq!((&stream).read(&mut [0; 9]).unwrap(), 0);
        assert_eq!(kind((&stream).write(&[0; 9])), ErrorKind::BrokenPipe);
        drop(stream);
        world.assert_nothing_left();
    }
}

#[test]
fn a_peer_that_never_answers_times_out() {
    let plan = Plan {
        script_to_b: black_hole(0),
        ..Plan::default()
    };
    let mut world = plan.build();
    let stream = TcpStream::start_connect(&world.a.stack, at(B4, 80)).unwrap();
    assert!(world.run(10 * MINUTE, || stream.readiness().closed));
    let error = stream.take_error().unwrap().unwrap();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    drop(stream);
    world.assert_nothing_left();
}

#[test]
fn a_neighbour_that_is_not_there_is_unreachable_and_a_network_without_route_at_once() {
    for ip in ["192.0.2.77", "2001:db8::77"] {
        let mut world = Plan::default().build();
        let stream = TcpStream::start_connect(&world.a.stack, at(ip, 80)).unwrap();
        assert!(world.run(MINUTE, || stream.readiness().closed));
        let error = stream.take_error().unwrap().unwrap();
        assert_eq!(error.kind(), ErrorKind::HostUnreachable);
        drop(stream);
        world.assert_nothing_left();
    }
    let world = Plan::default().build();
    let connect = |ip| kind(TcpStream::start_connect(&world.a.stack, at(ip, 80)));
    assert_eq!(connect("198.51.100.1"), ErrorKind::NetworkUnreachable);
    assert_eq!(connect("2001:db8:9::1"), ErrorKind::NetworkUnreachable);
    assert_eq!(connect("0.0.0.0"), ErrorKind::InvalidInput);
    assert_eq!(connect("224.0.0.1"), ErrorKind::InvalidInput);
    assert_eq!(connect("192.0.2.255"), ErrorKind::InvalidInput);
}

#[test]
fn after_a_half_close_data_still_flow_the_other_way() {
    let mut world = Plan::faults(FaultConfig::loss(0.02)).build();
    let (a, b) = world.connect(B4);
    (&a).write_all(b"question").unwrap();
    a.shutdown(Shutdown::Write).unwrap();
    assert_eq!(kind((&a).write(b"more")), ErrorKind::BrokenPipe);
    let mut question = Vec::new();
    let at_end = world.run(MINUTE, || {
        let (bytes, end) = read_all(&b);
        question.extend(bytes);
        end.is_ok()
    });
    assert!(at_end && question == b"question");
    let answer = data(300_000, 5);
    let mut b = Program::new(b, answer.clone());
    let mut read = Vec::new();
    let done = world.run(10 * MINUTE, || {
        b.step();
        let (bytes, end) = read_all(&a);
        read.extend(bytes);
        end.is_ok()
    });
    assert!(done && read == answer);
    drop((a, b));
    world.assert_nothing_left();
}

#[test]
fn what_was_written_before_close_still_arrives() {
    let mut world = Plan::faults(FaultConfig::loss(0.02)).build();
    let (a, b) = world.connect(B4);
    let out = data(100_000, 3);
    (&a).write_all(&out).unwrap();
    drop(a);
    if cfg!(debug_assertions) {
        let holders = world.a.stack.living().sockets.to_string();
        assert_eq!(holders, "S 1", "the closed socket lives on for its data");
    }
    let mut read = Vec::new();
    let done = world.run(10 * MINUTE, || {
        let (bytes, end) = read_all(&b);
        read.extend(bytes);
        end.is_ok()
    });
    assert!(done && read == out);
    drop(b);
    world.assert_nothing_left();
}

#[test]
fn closing_with_unread_data_resets_the_peer() {
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    (&a).write_all(b"never read").unwrap();
    world.pass(MINUTE);
    assert!(b.readiness().readable);
    drop(b);
    assert!(world.run(MINUTE, || a.readiness().closed));
    let (none, error) = read_all(&a);
    assert!(none.is_empty());
    assert_eq!(kind(error), ErrorKind::ConnectionReset);
    assert_eq!((&a).read(&mut [0; 1]).unwrap(), 0);
    drop(a);
    world.assert_nothing_left();
}

#[test]
fn bytes_that_came_before_a_reset_can_be_read_then_the_error_then_the_end() {
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    (&b).write_all(b"last words").unwrap();
    world.pass(Duration::from_secs(1));
    b.abort();
    assert!(world.run(MINUTE, || a.readiness().closed));
    let (words, error) = read_all(&a);
    assert_eq!(words, b"last words");
    assert_eq!(kind(error), ErrorKind::ConnectionReset);
    assert_eq!((&a).read(&mut [0; 1]).unwrap(), 0);
    drop(a);
    world.assert_nothing_left();
}

#[test]
fn abort_with_descriptors_in_flight_gives_all_memory_back() {
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    world.pass(Duration::from_secs(1));
    let (mut sent, mut tries) = (0, 0);
    // Until the NIC has requests that it has not completed.
    while world.a.stack.living().requests == 0 && tries < 100 {
        sent += (&a).write(&data(200_000, 4)).unwrap_or(0);
        tries += 1;
    }
    assert!(sent > 0 && world.a.stack.living().requests > 0);
    a.abort();
    let living = world.a.stack.living();
    assert_eq!((living.connections, living.pcbs), (0, 0));
    assert!(living.send_chunks > 0, "the NIC still reads them");
    assert!(world.run(MINUTE, || b.readiness().closed));
    let (_, error) = read_all(&b);
    assert_eq!(kind(error), ErrorKind::ConnectionReset);
    drop(b);
    world.assert_nothing_left();
}

#[test]
fn closing_a_listener_resets_the_children_that_nobody_accepted() {
    let mut world = Plan::default().build();
    let listener = TcpListener::bind(&world.b.stack, at("0.0.0.0", 80)).unwrap();
    let clients: Vec<_> = (0..10)
        .map(|_| TcpStream::start_connect(&world.a.stack, at(B4, 80)).unwrap())
        .collect();
    assert!(world.run(MINUTE, || listener.queued() == 10));
    if cfg!(debug_assertions) {
        assert_eq!(world.b.stack.living().sockets.to_string(), "Q 10");
    }
    drop(listener);
    let living = world.b.stack.living();
    assert_eq!(
        (living.connections, living.pcbs, living.listeners),
        (0, 0, 0)
    );
    assert!(world.run(MINUTE, || clients.iter().all(|c| c.readiness().closed)));
    for client in &clients {
        let error = client.take_error().unwrap().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    drop(clients);
    world.assert_nothing_left();
}

#[test]
fn a_listener_made_anew_does_not_take_the_old_ones_handshakes() {
    // The first ACK of the handshake is lost; by the time data come, the listener is another.
    let mut acks = 0;
    let script = Script::new().when(move |_, frame| {
        let tcp_ack = frame.get(23) == Some(&6) && frame.get(47) == Some(&0x10);
        acks += u32::from(tcp_ack);
        (tcp_ack && acks == 1).then_some(Action::Drop)
    });
    let plan = Plan {
        script_to_b: script,
        ..Plan::default()
    };
    let mut world = plan.build();
    let old = TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
    let client = TcpStream::start_connect(&world.a.stack, at(B4, 80)).unwrap();
    client.set_nonblocking(true).unwrap();
    assert!(world.run(MINUTE, || client.readiness().writable));
    assert_eq!((old.half_open(), old.queued()), (1, 0));
    drop(old);
    let new = TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
    (&client).write_all(b"late").unwrap();
    assert!(world.run(MINUTE, || client.readiness().closed));
    assert_eq!((new.half_open(), new.queued()), (0, 0));
    let error = client.take_error().unwrap().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    drop((client, new));
    world.assert_nothing_left();
}

#[test]
fn a_full_accept_queue_holds_handshakes_back_until_there_is_room() {
    let mut world = Plan::default().build();
    let listener = TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener.set_backlog(2);
    let clients: Vec<_> = (0..5)
        .map(|_| {
            let client = TcpStream::start_connect(&world.a.stack, at(B4, 80)).unwrap();
            client.set_nonblocking(true).unwrap();
            client
        })
        .collect();
    world.run(Duration::from_secs(2), || {
        for client in &clients {
            if client.readiness().writable && client.counters().bytes_out == 0 {
                let _ = (&mut &*client).write(b"hello");
            }
        }
        false
    });
    assert_eq!(listener.queued(), 2);
    assert!(world.b.stack.counters().accept_queue_full > 0);
    let mut children = Vec::new();
    let all = world.run(10 * MINUTE, || {
        children.extend(listener.accept().ok());
        children.len() == 5
    });
    assert!(all, "{} accepted", children.len());
    drop((clients, children, listener));
    world.assert_nothing_left();
}

#[test]
fn a_reader_that_pauses_closes_the_window_and_loses_nothing() {
    let mut world = Plan::faults(FaultConfig::loss(0.05)).build();
    let (a, b) = world.connect(B4);
    let out = data(1_000_000, 6);
    let mut written = 0;
    world.run(10 * MINUTE, || {
        written += (&a).write(&out[written..]).unwrap_or(0);
        false
    });
    assert!(written < out.len(), "the window never closed");
    let mut read = Vec::new();
    let done = world.run(60 * MINUTE, || {
        if written < out.len() {
            written += (&a).write(&out[written..]).unwrap_or(0);
        } else {
            let _ = a.shutdown(Shutdown::Write);
        }
        let (bytes, end) = read_all(&b);
        read.extend(bytes);
        end.is_ok()
    });
    assert!(done && read == out);
    drop((a, b));
    world.assert_nothing_left();
}

#[test]
fn both_close_at_once() {
    for loss in [0.0, 0.1] {
        let mut world = Plan::faults(FaultConfig::loss(loss)).build();
        let (a, b) = world.connect(B4);
        drop((a, b));
        world.assert_nothing_left();
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//= type=test
//# The value of R2 SHOULD correspond to at least 100 seconds (SHLD-11).
#[test]
fn a_peer_that_vanishes_is_told_as_time_out_once() {
    let plan = Plan {
        script_to_b: black_hole(20),
        ..Plan::default()
    };
    let mut world = plan.build();
    let (a, b) = world.connect(B4);
    let mut error = None;
    let out = vec![7; 100_000];
    let failed = world.run(60 * MINUTE, || {
        error = (&a)
            .write(&out)
            .err()
            .filter(|e| e.kind() != ErrorKind::WouldBlock);
        error.is_some()
    });
    assert!(failed);
    assert_eq!(error.unwrap().kind(), ErrorKind::TimedOut);
    assert_eq!(kind((&a).write(&out)), ErrorKind::BrokenPipe);
    assert_eq!((&a).read(&mut [0; 1]).unwrap(), 0);
    // B never learns; its program gives up.
    b.abort();
    drop(a);
    world.assert_nothing_left();
}

#[test]
fn a_cable_that_is_cut_ends_in_a_time_out_although_the_neighbour_is_lost_first() {
    let cut = || Script::new().when(|number, _| (number >= 20).then_some(Action::Drop));
    let plan = Plan {
        script_to_b: cut(),
        script_to_a: cut(),
        ..Plan::default()
    };
    let mut world = plan.build();
    let (a, b) = world.connect(B4);
    let mut written = 0;
    let out = data(400_000, 8);
    let failed = world.run(120 * MINUTE, || {
        written += (&a).write(&out).unwrap_or(0);
        a.readiness().closed
    });
    assert!(failed, "after {written} bytes: {:?}", a.info());
    world.run(120 * MINUTE, || b.readiness().closed);
    drop((a, b));
    world.assert_nothing_left();
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
//= type=test
//# At all other times, a previous segment has either been sent or received on this connection, and TCP
//# implementations MUST use the same local address that was used in those previous segments (MUST-45).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
//= type=test
//# If an application on a multihomed host does not specify the local IP address when actively opening a TCP
//# connection, then the TCP implementation MUST ask the IP layer to select a local IP address before sending the
//# (first) SYN (MUST-44).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
//= type=test
//# A TCP implementation that supports multiple concurrent connections MUST provide an OPEN call that will
//# functionally allow an application to LISTEN on a port while a connection block with the same local port is in
//# SYN-SENT or SYN-RECEIVED state (MUST-42).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
//= type=test
//# Every passive OPEN call either creates a new connection record in LISTEN state, or it returns an error; it MUST
//# NOT affect any previously created connection record (MUST-41).
#[test]
fn hundreds_of_connections_live_side_by_side() {
    let mut world = Plan::faults(FaultConfig::loss(0.01)).build();
    let listener = TcpListener::bind(&world.b.stack, at("0.0.0.0", 80)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut clients: Vec<_> = (0..400u32)
        .map(|n| {
            let stream = TcpStream::start_connect(&world.a.stack, at(B4, 80)).unwrap();
            stream.set_nonblocking(true).unwrap();
            Program::new(stream, data(500, n + 1))
        })
        .collect();
    let mut servers: Vec<TcpStream> = Vec::new();
    let done = world.run(60 * MINUTE, || {
        while let Ok((child, _)) = listener.accept() {
            child.set_nonblocking(true).unwrap();
            servers.push(child);
        }
        // An echo server.
        servers.retain(|child| {
            let mut buf = [0; 4096];
            loop {
                match (&mut &*child).read(&mut buf) {
                    Ok(0) => return false,
                    Ok(n) => (&mut &*child).write_all(&buf[..n]).unwrap(),
                    Err(_) => return true,
                }
            }
        });
        let idle: Vec<bool> = clients.iter_mut().map(Program::step).collect();
        idle.iter().all(|&idle| idle)
    });
    assert!(done);
    for (n, client) in (0u32..).zip(&clients) {
        assert!(client.read == data(500, n + 1), "client {n}");
    }
    drop((clients, servers, listener));
    world.assert_nothing_left();
}

#[test]
fn shutting_the_stack_down_tells_everybody_enodev_once() {
    const ENODEV: Option<i32> = Some(19);
    let mut world = Plan::default().build();
    let (a, b) = world.connect(B4);
    let listener = TcpListener::bind(&world.b.stack, at(B4, 81)).unwrap();
    let waiting = TcpStream::start_connect(&world.a.stack, at(B4, 81)).unwrap();
    assert!(world.run(MINUTE, || listener.queued() == 1));
    (&b).write_all(&data(50_000, 1)).unwrap();
    world.b.stack.shutdown();
    world.b.stack.shutdown();
    assert_eq!((&b).write(b"x").unwrap_err().raw_os_error(), ENODEV);
    assert_eq!(kind((&b).write(b"x")), ErrorKind::BrokenPipe);
    assert_eq!((&b).read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(listener.accept().unwrap_err().raw_os_error(), ENODEV);
    let connect = TcpStream::start_connect(&world.b.stack, at(A4, 1));
    assert_eq!(connect.unwrap_err().raw_os_error(), ENODEV);
    drop((b, listener));
    let living = world.b.stack.living();
    assert!(living.is_none(), "{living:#?}");
    drop((a, waiting));
}

#[test]
fn whoever_asked_is_told_when_something_can_be_done() {
    #[derive(Debug, Default)]
    struct Count(AtomicU32);
    impl Notify for Count {
        fn notify(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let mut world = Plan::default().build();
    let listener = TcpListener::bind(&world.b.stack, at(B4, 80)).unwrap();
    let (at_listener, at_stream) = (Arc::new(Count::default()), Arc::new(Count::default()));
    listener.set_nonblocking(true).unwrap();
    listener.set_notify(Some(at_listener.clone()));
    let (a, b) = world.connect_to(&listener, B4);
    assert_eq!(at_listener.0.load(Ordering::Relaxed), 1);
    world.pass(Duration::from_secs(1));
    b.set_notify(Some(at_stream.clone()));
    world.pass(Duration::from_secs(1));
    assert_eq!(at_stream.0.load(Ordering::Relaxed), 0);
    (&a).write_all(b"x").unwrap();
    world.pass(Duration::from_secs(1));
    assert!(at_stream.0.load(Ordering::Relaxed) > 0);
    drop((a, b, listener));
    world.assert_nothing_left();
}

#[test]
fn a_clone_keeps_the_connection_and_shutdown_reaches_it() {
    let mut world: World = Plan::default().build();
    let (a, b) = world.connect(B4);
    let again = a.try_clone().unwrap();
    drop(a);
    world.pass(Duration::from_secs(5));
    (&again).write_all(b"still here").unwrap();
    let (mut heard, mut ended) = (Vec::new(), false);
    world.run(MINUTE, || {
        heard.extend(read_all(&b).0);
        heard == b"still here"
    });
    let last = again.try_clone().unwrap();
    again.shutdown(Shutdown::Both).unwrap();
    assert_eq!((&last).read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(kind((&last).write(b"x")), ErrorKind::BrokenPipe);
    world.run(MINUTE, || {
        ended = read_all(&b).1.is_ok();
        ended
    });
    assert!(ended && heard == b"still here");
    drop((again, last, b));
    world.assert_nothing_left();
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
//= type=test
//# The optional "local IP address" parameter MUST be supported to allow the specification of the local IP address
//# (MUST-43).
#[test]
fn addresses_to_listen_at_are_checked() {
    let world = Plan::default().build();
    let bind = |ip, port| TcpListener::bind(&world.a.stack, at(ip, port));
    assert_eq!(kind(bind("198.51.100.1", 80)), ErrorKind::AddrNotAvailable);
    let first = bind("0.0.0.0", 80).unwrap();
    assert_eq!(kind(bind(A4, 80)), ErrorKind::AddrInUse);
    drop(first);
    let any = bind(A4, 0).unwrap();
    let port = any.local_addr().unwrap().port();
    assert!(port >= 49_152);
    assert_eq!(kind(bind(A4, port)), ErrorKind::AddrInUse);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.1
//= type=test
//# A TCP implementation MUST reject as an error a local OPEN call for an invalid remote IP address (e.g., a
//# broadcast or multicast address) (MUST-46).
#[test]
fn addresses_to_connect_to_are_checked() {
    let mut world = Plan::default().build();
    let connect = |ip| kind(TcpStream::start_connect(&world.a.stack, at(ip, 80)));
    for nobody in ["0.0.0.0", "255.255.255.255", "192.0.2.255", "224.0.0.1"] {
        assert_eq!(connect(nobody), ErrorKind::InvalidInput, "{nobody}");
    }
    let nowhere = kind(TcpStream::start_connect(&world.a.stack, at(B4, 0)));
    assert_eq!(nowhere, ErrorKind::InvalidInput);
    assert_eq!(connect(A4), ErrorKind::Unsupported);
    world.assert_nothing_left();
}
