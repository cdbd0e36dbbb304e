//! What a program changes of a stream under way.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use common::{B4, Plan, at, data};
use longshore_sockets::{TcpListener, TcpStream};
use tcp_core::State;
use tcp_core::congestion::Algorithm;

#[test]
fn a_cork_is_pulled_or_gives_way_in_time() {
    let mut world = Plan::default().build();
    let (mut a, b) = world.connect(B4);
    a.set_cork(true).unwrap();
    a.write_all(&[1; 100]).unwrap();
    world.pass(Duration::from_millis(50));
    assert_eq!(b.status().available, 0);
    assert_eq!(a.status().unsent, 100);
    a.set_cork(false).unwrap();
    world.pass(Duration::from_millis(50));
    assert_eq!(b.status().available, 100);
    assert_eq!((a.status().unsent, a.status().unacknowledged), (0, 0));
    a.set_cork(true).unwrap();
    a.write_all(&[2; 100]).unwrap();
    world.pass(Duration::from_secs(2));
    assert_eq!(b.status().available, 200);
    drop((a, b));
    world.assert_nothing_left();
}

#[test]
fn no_more_is_taken_than_may_be_unsent() {
    let mut world = Plan::default().build();
    let (mut a, b) = world.connect(B4);
    a.set_unsent_low_water(1000).unwrap();
    a.set_cork(true).unwrap();
    assert_eq!(a.write(&[0; 600]).unwrap(), 600);
    assert!(!a.status().has_room, "more than half of it");
    assert_eq!(a.write(&[0; 600]).unwrap(), 400);
    assert_eq!(a.write(&[0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    a.set_unsent_low_water(u32::MAX).unwrap();
    assert_eq!(a.write(&[0; 600]).unwrap(), 600);
    drop((a, b));
    world.assert_nothing_left();
}

#[test]
fn buffers_change_their_size_and_keep_what_is_in_them() {
    let mut world = Plan::default().build();
    let (mut a, mut b) = world.connect(B4);
    let bytes = data(100_000, 1);
    let mut written = 0;
    let mut read = Vec::new();
    let mut sizes = [10_000, 300_000, 2000, 60_000].into_iter().cycle();
    let done = world.run(Duration::from_secs(100), || {
        let size = sizes.next().unwrap();
        a.set_send_buffer(size).unwrap();
        b.set_receive_buffer(size).unwrap();
        if let Ok(n) = a.write(&bytes[written..]) {
            written += n;
        }
        let mut part = [0; 1500];
        while let Ok(n @ 1..) = b.read(&mut part) {
            read.extend_from_slice(&part[..n]);
        }
        read.len() == bytes.len()
    });
    assert!(done, "{} written, {} read", written, read.len());
    assert_eq!(read, bytes);
    drop((a, b));
    world.assert_nothing_left();
}

#[test]
fn acknowledgements_wait_for_answers_or_do_not() {
    let mut world = Plan::default().build();
    let (mut a, b) = world.connect(B4);
    assert!(b.quick_ack().unwrap());
    b.set_quick_ack(false).unwrap();
    a.write_all(&[0; 10]).unwrap();
    world.pass(Duration::from_millis(20));
    assert_eq!(a.status().unacknowledged, 10);
    b.set_quick_ack(true).unwrap();
    world.pass(Duration::from_millis(1));
    assert_eq!(a.status().unacknowledged, 0);
    a.set_congestion(Algorithm::NewReno).unwrap();
    assert_eq!(a.congestion().unwrap(), Algorithm::NewReno);
    drop((a, b));
    world.assert_nothing_left();
}

#[test]
fn a_closing_stream_tells_when_all_of_it_has_arrived() {
    let mut world = Plan::default().build();
    let (mut a, b) = world.connect(B4);
    a.write_all(&[0; 5000]).unwrap();
    let clone = a.try_clone().unwrap();
    assert!(clone.start_close().is_none(), "not the last handle");
    let closing = a.start_close().expect("the last handle");
    assert!(!closing.is_flushed());
    assert!(world.run(Duration::from_secs(10), || closing.is_flushed()));
    assert_eq!(b.status().state, State::CloseWait);
    assert!(b.status().read_closed);
    drop((closing, b));
    world.assert_nothing_left();
}

#[test]
fn a_socket_has_settings_and_a_local_address_of_its_own() {
    let mut world = Plan::default().build();
    let mut config = world.b.stack.socket_config();
    config.max_segment = Some(500);
    config.tcp.timestamps = false;
    let config = std::sync::Arc::new(config);
    let listener =
        TcpListener::bind_with(&world.b.stack, at(B4, 80), Some(config.clone())).unwrap();
    listener.set_nonblocking(true).unwrap();
    let local = at("0.0.0.0", 7777);
    let a = TcpStream::start_connect_with(&world.a.stack, Some(local), at(B4, 80), None).unwrap();
    a.set_nonblocking(true).unwrap();
    assert_eq!(a.local_addr().unwrap(), at(common::A4, 7777));
    let mut accepted = None;
    assert!(world.run(Duration::from_secs(10), || {
        accepted = accepted.take().or_else(|| listener.accept().ok());
        accepted.is_some()
    }));
    assert_eq!(a.info().mss, 500);
    assert!(!a.info().timestamps);
    let again = TcpStream::start_connect_with(&world.a.stack, Some(local), at(B4, 80), None);
    assert_eq!(again.unwrap_err().kind(), ErrorKind::AddrInUse);
    let foreign = TcpStream::start_connect_with(&world.a.stack, Some(at(B4, 0)), at(B4, 80), None);
    assert_eq!(foreign.unwrap_err().kind(), ErrorKind::AddrNotAvailable);
    drop((a, accepted, listener));
    world.assert_nothing_left();
}

#[test]
fn an_urgent_byte_overtakes_and_a_read_stops_before_it() {
    for inline in [false, true] {
        let mut world = Plan::default().build();
        let (mut a, mut b) = world.connect(B4);
        b.set_oob_inline(inline).unwrap();
        assert_eq!(
            b.recv_oob(false).unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
        a.write_all(b"before").unwrap();
        assert_eq!(a.send_oob(b"!").unwrap(), 1);
        a.write_all(b"after").unwrap();
        world.pass(Duration::from_millis(500));
        assert!(b.status().urgent);
        if inline {
            assert_eq!(
                b.recv_oob(false).unwrap_err().kind(),
                ErrorKind::InvalidInput
            );
        } else {
            assert_eq!(b.status().available, 6);
            assert_eq!(b.recv_oob(true).unwrap(), b'!');
            assert_eq!(b.recv_oob(false).unwrap(), b'!');
            assert_eq!(
                b.recv_oob(false).unwrap_err().kind(),
                ErrorKind::InvalidInput
            );
            assert!(!b.status().urgent);
        }
        let mut part = [0; 20];
        assert_eq!(b.read(&mut part).unwrap(), 6);
        assert!(b.status().at_mark);
        let n = b.peek(&mut part).unwrap();
        assert_eq!(&part[..n], if inline { &b"!after"[..] } else { b"after" });
        assert_eq!(b.read(&mut part).unwrap(), n);
        assert!(!b.status().at_mark);
        drop((a, b));
        world.assert_nothing_left();
    }
}
