//! What public conformance scripts check of TCP itself, told in the same notation: closing, recovery, congestion, options.

mod common;

use common::{Drill, Errno, data, ms};

const TCP: i32 = libc::SOL_TCP;

/// A connection with ten segments of 1000 bytes in flight, 100 ms away.
fn ten_in_flight() -> (Drill, i32) {
    let mut drill = Drill::new();
    let listener = drill.listener();
    drill.inject("S 0:0(0) win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>");
    drill.next();
    drill.pass(ms(100));
    drill.inject(". 1:1(0) ack 1 win 2000");
    let (fd, _) = drill.table.accept(listener).unwrap();
    drill.nonblocking(fd, true);
    drill.table.write(fd, &data(60_000)).unwrap();
    for n in 0..10 {
        let (start, end) = (1 + n * 1000, 1001 + n * 1000);
        // As on Linux, at so low a rate two segments each time, PSH on the second.
        let flags = if n % 2 == 1 { "P." } else { "." };
        drill.expect(&format!("{flags} {start}:{end}(1000) ack 1"));
    }
    drill.pass(ms(100));
    (drill, fd)
}

#[test]
fn close_by_the_peer_and_then_by_us() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.inject("F. 1:1(0) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 2");
    drill.table.close(fd).unwrap();
    drill.expect("F. 1:1(0) ack 2");
    drill.inject(". 2:2(0) ack 2 win 2000");
}

#[test]
fn close_by_us_and_then_by_the_peer() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.table.close(fd).unwrap();
    drill.expect("F. 1:1(0) ack 1");
    drill.inject(". 1:1(0) ack 2 win 2000");
    drill.inject("F. 1:1(0) ack 2 win 2000");
    drill.expect(". 2:2(0) ack 2");
    // The last ACK was lost: TIME-WAIT sends it again.
    drill.inject("F. 1:1(0) ack 2 win 2000");
    drill.expect(". 2:2(0) ack 2");
}

#[test]
fn close_with_unread_data_is_a_reset() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.inject("P. 1:101(100) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 101");
    drill.table.close(fd).unwrap();
    drill.expect("R. 1:1(0) ack 101");
}

#[test]
fn close_with_linger_0_is_a_reset() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill
        .table
        .setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            &[1, 0, 0, 0, 0, 0, 0, 0],
        )
        .unwrap();
    drill.table.close(fd).unwrap();
    drill.expect("R. 1:1(0) ack 1");
}

#[test]
fn data_after_close_is_answered_by_a_reset() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.table.close(fd).unwrap();
    drill.expect("F. 1:1(0) ack 1");
    drill.inject("P. 1:101(100) ack 2 win 2000");
    let reset = drill.next();
    assert!(reset.line.starts_with('R'), "{}", reset.line);
}

#[test]
fn shutdown_of_writing_leaves_reading() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.table.shutdown(fd, libc::SHUT_WR).unwrap();
    drill.expect("F. 1:1(0) ack 1");
    assert_eq!(drill.table.write(fd, b"x"), Err(Errno(libc::EPIPE)));
    drill.inject(". 1:1(0) ack 2 win 2000");
    drill.inject("P. 1:11(10) ack 2 win 2000");
    drill.expect(". 2:2(0) ack 11");
    assert_eq!(drill.table.read(fd, 100).unwrap(), data(10));
    drill.inject("F. 11:11(0) ack 2 win 2000");
    drill.expect(". 2:2(0) ack 12");
    assert_eq!(drill.table.read(fd, 100).unwrap(), []);
}

#[test]
fn shutdown_of_reading_gives_end_of_file() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.table.shutdown(fd, libc::SHUT_RD).unwrap();
    assert_eq!(drill.table.read(fd, 100).unwrap(), []);
    assert_eq!(drill.table.write(fd, b"x"), Ok(1));
    drill.expect("P. 1:2(1) ack 1");
}

#[test]
fn a_reset_after_the_end_is_a_broken_pipe() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.inject("F. 1:1(0) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 2");
    drill.inject("R. 2:2(0) ack 1");
    assert_eq!(drill.get(fd, libc::SOL_SOCKET, libc::SO_ERROR), libc::EPIPE);
}

#[test]
fn a_reset_outside_the_expected_number_is_challenged() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.inject("R. 100:100(0) ack 1");
    drill.expect(". 1:1(0) ack 1");
    drill.table.write(fd, b"x").unwrap();
    drill.expect("P. 1:2(1) ack 1");
    // So is a SYN.
    drill.inject("S 1:1(0) win 65535");
    drill.expect(". 2:2(0) ack 1");
}

#[test]
fn nagle_holds_small_segments_until_they_are_wanted() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.table.write(fd, &data(100)).unwrap();
    drill.expect("P. 1:101(100) ack 1");
    drill.table.write(fd, &data(100)).unwrap();
    assert_eq!(drill.table.ioctl(fd, 0x894b), Ok(100), "held back");
    drill.inject(". 1:1(0) ack 101 win 2000");
    drill.expect("P. 101:201(100) ack 1");
    drill.set(fd, TCP, libc::TCP_NODELAY, 1);
    drill.table.write(fd, &data(100)).unwrap();
    drill.expect("P. 201:301(100) ack 1");
}

#[test]
fn first_segments_are_acknowledged_at_once_unless_told_otherwise() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    for start in [1, 101, 201] {
        drill.inject(&format!("P. {start}:{}(100) ack 1 win 2000", start + 100));
        drill.expect(&format!(". 1:1(0) ack {}", start + 100));
    }
    drill.set(fd, TCP, libc::TCP_QUICKACK, 0);
    let before = drill.now();
    drill.inject("P. 301:401(100) ack 1 win 2000");
    let late = drill.expect(". 1:1(0) ack 401").at - before;
    assert!((ms(39)..ms(42)).contains(&late), "{late:?}");
}

#[test]
fn slow_start_doubles_the_window() {
    let (mut drill, fd) = ten_in_flight();
    drill.inject(". 1:1(0) ack 10001 win 2000");
    let mut sent = 0;
    while drill.table.ioctl(fd, 0x894b).unwrap() + sent < 50_000 {
        sent += i32::try_from(drill.next().payload.len()).unwrap();
    }
    assert_eq!(sent, 20_000);
}

#[test]
fn a_hole_in_selective_acknowledgements_is_filled_fast() {
    let (mut drill, _) = ten_in_flight();
    drill.inject(". 1:1(0) ack 1 win 2000 <nop,nop,sack 1001:2001>");
    drill.inject(". 1:1(0) ack 1 win 2000 <nop,nop,sack 1001:3001>");
    drill.inject(". 1:1(0) ack 1 win 2000 <nop,nop,sack 1001:4001>");
    let before = drill.now();
    loop {
        let packet = drill.next();
        if packet.line == ". 1:1001(1000) ack 1" {
            assert!(packet.at - before.min(packet.at) < ms(1));
            return;
        }
        // Limited transmit (RFC 3042) may come first.
        assert!(packet.line.starts_with(". 1"), "{}", packet.line);
    }
}

#[test]
fn what_arrives_out_of_order_is_told_by_blocks() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.inject(". 1001:2001(1000) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 1 <nop,nop,sack 1001:2001>");
    drill.inject(". 3001:4001(1000) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 1 <nop,nop,sack 3001:4001 1001:2001>");
    drill.inject(". 1:1001(1000) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 2001 <nop,nop,sack 3001:4001>");
    drill.inject(". 2001:3001(1000) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 4001");
    // What came twice is told too (RFC 2883).
    drill.inject(". 1:1001(1000) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 4001 <nop,nop,sack 1:1001>");
    assert_eq!(drill.table.read(fd, 5000).unwrap(), data(4000));
}

#[test]
fn a_time_out_sends_again_and_backs_off() {
    let mut drill = Drill::new();
    let fd = drill.accept_with("mss 1000", "20000");
    drill.pass(ms(10));
    drill.table.write(fd, &data(500)).unwrap();
    let first = drill.expect("P. 1:501(500) ack 1").at;
    let mut last = first;
    let mut waits = Vec::new();
    for _ in 0..3 {
        let again = drill.expect("P. 1:501(500) ack 1").at;
        waits.push((again - last).as_millis());
        last = again;
    }
    assert!((200..=210).contains(&waits[0]), "{waits:?}");
    assert_eq!((waits[1], waits[2]), (2 * waits[0], 4 * waits[0]));
}

#[test]
fn a_lost_tail_is_probed() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.pass(ms(1));
    drill.table.write(fd, &data(3000)).unwrap();
    for _ in 0..3 {
        drill.next();
    }
    let probe = drill.next();
    assert_eq!(probe.line, "P. 2001:3001(1000) ack 1");
    assert!(probe.at < ms(100), "{:?}", probe.at);
}

#[test]
fn a_closed_window_is_probed() {
    let mut drill = Drill::new();
    let fd = drill.accept_with("mss 1000", "0");
    drill.table.write(fd, &data(500)).unwrap();
    let probe = drill.expect(". 0:0(0) ack 1");
    assert!(probe.at >= ms(200));
    drill.inject(". 1:1(0) ack 1 win 1000");
    drill.expect("P. 1:501(500) ack 1");
}

#[test]
fn a_user_time_out_ends_a_connection() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.set(fd, TCP, libc::TCP_USER_TIMEOUT, 3000);
    drill.table.write(fd, &data(500)).unwrap();
    drill.pass(ms(2900));
    assert_eq!(drill.get(fd, libc::SOL_SOCKET, libc::SO_ERROR), 0);
    drill.pass(ms(400));
    assert_eq!(drill.table.write(fd, b"x"), Err(Errno(libc::ETIMEDOUT)));
    assert_eq!(drill.table.write(fd, b"x"), Err(Errno(libc::EPIPE)));
}

#[test]
fn an_idle_peer_is_probed_and_given_up() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.set(fd, TCP, libc::TCP_KEEPIDLE, 10);
    drill.set(fd, TCP, libc::TCP_KEEPINTVL, 5);
    drill.set(fd, TCP, libc::TCP_KEEPCNT, 2);
    drill.set(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1);
    let first = drill.expect(". 0:0(0) ack 1").at;
    assert!(first >= ms(10_000) && first < ms(10_010), "{first:?}");
    assert_eq!(drill.expect(". 0:0(0) ack 1").at - first, ms(5000));
    let last = drill.next();
    assert!(last.line.starts_with("R."), "{}", last.line);
    assert_eq!(last.at - first, ms(10_000));
    assert_eq!(drill.table.read(fd, 1), Err(Errno(libc::ETIMEDOUT)));
}

#[test]
fn congestion_marks_are_echoed_until_they_are_answered() {
    let mut drill = Drill::new();
    let listener = drill.listener();
    drill.inject("SEW 0:0(0) win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>");
    drill.expect("SE. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    drill.inject(". 1:1(0) ack 1 win 2000");
    let (fd, _) = drill.table.accept(listener).unwrap();
    drill.inject("[ce] P. 1:1001(1000) ack 1 win 2000");
    drill.expect("E. 1:1(0) ack 1001");
    drill.inject("PW. 1001:2001(1000) ack 1 win 2000");
    drill.expect(". 1:1(0) ack 2001");
    drill.table.write(fd, &data(1000)).unwrap();
    assert_eq!(drill.expect("P. 1:1001(1000) ack 2001").class, 2, "ECT(0)");
}

#[test]
fn timestamps_are_echoed_and_old_ones_refused() {
    let mut drill = Drill::new();
    let fd = drill.accept_with("mss 1000,sackOK,TS val 100 ecr 0", "20000");
    // Without its timestamp a segment is none of the connection's (RFC 7323 §3.2).
    drill.inject("P. 1:11(10) ack 1 win 20000 <nop,nop,TS val 200 ecr 0>");
    let packet = drill.expect(". 1:1(0) ack 11 <nop,nop,TS>");
    assert_eq!(packet.timestamps.unwrap().1, 200);
    drill.inject("P. 11:21(10) ack 1 win 20000 <nop,nop,TS val 150 ecr 0>");
    drill.expect(". 1:1(0) ack 11 <nop,nop,TS>");
    assert_eq!(drill.table.read(fd, 100).unwrap().len(), 10);
}

#[test]
fn segments_are_as_small_as_the_listener_was_told() {
    let mut drill = Drill::new();
    let table = drill.table.clone();
    let fd = drill.client();
    drill.set(fd, TCP, libc::TCP_MAXSEG, 700);
    table.bind(fd, drill.local()).unwrap();
    table.listen(fd, 1).unwrap();
    drill.inject("S 0:0(0) win 65535 <mss 1000>");
    drill.expect("S. 0:0(0) ack 1 <mss 700>");
    drill.inject(". 1:1(0) ack 1 win 20000");
    let (child, _) = table.accept(fd).unwrap();
    table.write(child, &data(1000)).unwrap();
    drill.expect(". 1:701(700) ack 1");
}

#[test]
fn a_small_receive_buffer_is_a_small_window() {
    let mut drill = Drill::new();
    let fd = drill.client();
    drill.set(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, 10_000);
    drill.nonblocking(fd, true);
    let _ = drill.table.connect(fd, common::at(common::REMOTE, 8080));
    let syn = drill.expect("S 0:0(0) <mss 1460,sackOK,TS,nop,wscale 0>");
    assert!((8760..=10_000).contains(&syn.window), "{}", syn.window);
}

#[test]
fn a_simultaneous_open_connects() {
    let mut drill = Drill::new();
    let fd = drill.client();
    drill.nonblocking(fd, true);
    let _ = drill.table.connect(fd, common::at(common::REMOTE, 8080));
    drill.next();
    drill.inject("S 0:0(0) win 65535 <mss 1000>");
    let answer = drill.next();
    assert!(
        answer.line.starts_with("S. 0:0(0) ack 1"),
        "{}",
        answer.line
    );
    drill.inject("S. 0:0(0) ack 1 win 65535 <mss 1000>");
    drill.inject(". 1:1(0) ack 1");
    assert_eq!(
        drill.table.connect(fd, common::at(common::REMOTE, 8080)),
        Ok(0)
    );
}

#[test]
fn a_segment_for_nobody_is_answered_by_a_reset() {
    let mut drill = Drill::new();
    drill.inject("S 0:0(0) win 65535");
    drill.expect("R. 0:0(0) ack 1");
}
