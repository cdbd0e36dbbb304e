//! What `TCP_INFO` tells of times and of what was sent again.

mod common;

use common::{Drill, Errno, REMOTE, at, data, ms};

/// Offsets in `struct tcp_info`.
const ATO: usize = 12;
const LOST: usize = 32;
const RETRANS: usize = 36;
const LAST_DATA_SENT: usize = 44;
const LAST_DATA_RECV: usize = 52;
const LAST_ACK_RECV: usize = 56;
const REORDERING: usize = 88;
const DATA_SEGS_IN: usize = 152;
const DATA_SEGS_OUT: usize = 156;
const BUSY_TIME: usize = 168;
const RWND_LIMITED: usize = 176;
const BYTES_RETRANS: usize = 208;

fn info(drill: &Drill, fd: i32) -> Vec<u8> {
    drill
        .table
        .getsockopt(fd, libc::SOL_TCP, libc::TCP_INFO)
        .unwrap()
}

fn word(drill: &Drill, fd: i32, at: usize) -> u32 {
    u32::from_ne_bytes(info(drill, fd)[at..at + 4].try_into().unwrap())
}

fn long(drill: &Drill, fd: i32, at: usize) -> u64 {
    u64::from_ne_bytes(info(drill, fd)[at..at + 8].try_into().unwrap())
}

#[test]
fn times_since_something_happened_are_told_in_milliseconds() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.pass(ms(1000));
    assert_eq!(word(&drill, fd, LAST_DATA_RECV), 1000, "since it was there");
    drill.inject("P. 1:101(100) ack 1 win 2000");
    drill.pass(ms(30));
    assert_eq!(word(&drill, fd, LAST_DATA_RECV), 30);
    drill.table.write(fd, &data(10)).unwrap();
    drill.pass(ms(20));
    drill.inject(". 101:101(0) ack 11 win 2000");
    drill.pass(ms(5));
    assert_eq!(word(&drill, fd, LAST_DATA_SENT), 25);
    assert_eq!(word(&drill, fd, LAST_DATA_RECV), 55);
    assert_eq!(word(&drill, fd, LAST_ACK_RECV), 5);
}

#[test]
fn time_behind_a_closed_window_is_told_apart() {
    let mut drill = Drill::new();
    let fd = drill.accept_with("mss 1000,sackOK", "0");
    assert_eq!(long(&drill, fd, BUSY_TIME), 0);
    drill.table.write(fd, &data(1000)).unwrap();
    drill.pass(ms(100));
    let near = |value: u64, millis: u64| value.abs_diff(millis * 1000) < 100;
    assert!(near(long(&drill, fd, RWND_LIMITED), 100));
    drill.inject(". 1:1(0) ack 1 win 2000");
    drill.pass(ms(30));
    drill.inject(". 1:1(0) ack 1001 win 2000");
    drill.pass(ms(500));
    assert!(near(long(&drill, fd, RWND_LIMITED), 100));
    assert!(near(long(&drill, fd, BUSY_TIME), 130));
}

#[test]
fn what_is_in_flight_again_is_still_counted_as_lost() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.table.write(fd, &data(4000)).unwrap();
    drill.inject(". 1:1(0) ack 1 win 2000 <nop,nop,sack 1001:4001>");
    assert_eq!(word(&drill, fd, LOST), 1);
    assert_eq!(word(&drill, fd, RETRANS), 1);
    assert_eq!(long(&drill, fd, BYTES_RETRANS), 1000);
    drill.inject(". 1:1(0) ack 4001 win 2000");
    assert_eq!(word(&drill, fd, LOST), 0);
    assert_eq!(word(&drill, fd, RETRANS), 0);
}

#[test]
fn what_never_came_counts_from_the_end_of_the_handshake_on() {
    let mut drill = Drill::new();
    let fd = drill.client();
    drill.nonblocking(fd, true);
    let connected = drill.table.connect(fd, at(REMOTE, 8080));
    assert_eq!(connected, Err(Errno(libc::EINPROGRESS)));
    drill.next();
    drill.pass(ms(30));
    drill.inject("S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>");
    drill.pass(ms(1000));
    assert_eq!(word(&drill, fd, LAST_DATA_RECV), 1000);
}

#[test]
fn reordering_is_told_by_how_many_segments_one_was_overtaken() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    drill.table.write(fd, &data(8000)).unwrap();
    assert_eq!(word(&drill, fd, REORDERING), 3);
    drill.inject(". 1:1(0) ack 1 win 2000 <nop,nop,sack 6001:7001>");
    assert_eq!(word(&drill, fd, REORDERING), 3);
    drill.inject(". 1:1(0) ack 1 win 2000 <nop,nop,sack 1001:2001 6001:7001>");
    assert_eq!(word(&drill, fd, REORDERING), 6);
}

#[test]
fn segments_with_data_are_counted_by_themselves() {
    let mut drill = Drill::new();
    let fd = drill.accepted();
    for field in [ATO, DATA_SEGS_IN, DATA_SEGS_OUT] {
        assert_eq!(word(&drill, fd, field), 0);
    }
    drill.inject("P. 1:101(100) ack 1 win 2000");
    assert_eq!(word(&drill, fd, DATA_SEGS_IN), 1);
    assert_eq!(word(&drill, fd, ATO), 40_000);
    drill.table.write(fd, &data(4000)).unwrap();
    assert_eq!(word(&drill, fd, DATA_SEGS_OUT), 4, "one super-segment");
    // Neither an ACK counts nor does what it tells; what is sent again does.
    drill.inject(". 101:101(0) ack 1 win 2000 <nop,nop,sack 1001:4001>");
    assert_eq!(word(&drill, fd, DATA_SEGS_IN), 1);
    assert_eq!(word(&drill, fd, DATA_SEGS_OUT), 5);
}
