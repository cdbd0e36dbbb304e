//! How the congestion window grows and is used, in super-segments as Linux's.

mod common;

use common::{Drill, data, ms};

/// Offset of `tcpi_snd_cwnd` in `struct tcp_info`.
const SND_CWND: usize = 80;

/// A connection whose super-segments are seen whole, 100 ms away; they are of 10 segments if the window allows.
fn accepted() -> (Drill, i32) {
    accepted_with(Some("10"))
}

/// The same with this `tcp_min_tso_segs`.
fn accepted_with(least: Option<&str>) -> (Drill, i32) {
    let directory = tempfile::tempdir().unwrap();
    if let Some(least) = least {
        std::fs::create_dir(directory.path().join("ipv4")).unwrap();
        let file = directory.path().join("ipv4/tcp_min_tso_segs");
        std::fs::write(file, least).unwrap();
    }
    let flags = format!("sysctl={}", directory.path().display());
    let mut drill = Drill::with(&std::ffi::CString::new(flags).unwrap());
    let listener = drill.listener();
    drill.inject("S 0:0(0) win 65535 <mss 1000,sackOK,nop,nop,nop,wscale 7>");
    drill.next();
    drill.pass(ms(100));
    drill.inject(". 1:1(0) ack 1 win 511");
    let (fd, _) = drill.table.accept(listener).unwrap();
    drill.nonblocking(fd, true);
    (drill, fd)
}

fn window(drill: &Drill, fd: i32) -> u32 {
    let info = drill
        .table
        .getsockopt(fd, libc::SOL_TCP, libc::TCP_INFO)
        .unwrap();
    u32::from_ne_bytes(info[SND_CWND..SND_CWND + 4].try_into().unwrap())
}

#[test]
fn super_segments_are_half_of_the_window_and_pushed() {
    let (mut drill, fd) = accepted();
    drill.table.write(fd, &data(26_000)).unwrap();
    drill.expect("P. 1:5001(5000) ack 1");
    drill.expect("P. 5001:10001(5000) ack 1");
    assert_eq!(window(&drill, fd), 10);
    drill.pass(ms(100));
    drill.inject(". 1:1(0) ack 10001 win 511");
    assert_eq!(window(&drill, fd), 20);
    drill.expect("P. 10001:20001(10000) ack 1");
    drill.expect("P. 20001:26001(6000) ack 1");
    drill.pass(ms(100));
    drill.inject(". 1:1(0) ack 26001 win 511");
    assert_eq!(window(&drill, fd), 36);
    // Silent for longer than the RTO, it begins anew (RFC 5681 §4.1).
    drill.pass(ms(2000));
    drill.table.write(fd, &data(20_000)).unwrap();
    drill.expect("P. 26001:31001(5000) ack 1");
    assert_eq!(window(&drill, fd), 10);
}

#[test]
fn at_a_low_rate_super_segments_are_of_two_segments() {
    let (mut drill, fd) = accepted_with(None);
    drill.table.write(fd, &data(5000)).unwrap();
    drill.expect("P. 1:2001(2000) ack 1");
    drill.expect("P. 2001:4001(2000) ack 1");
    drill.expect("P. 4001:5001(1000) ack 1");
}

#[test]
fn a_window_that_is_half_used_stays() {
    let (drill, fd) = accepted();
    drill.table.write(fd, &data(5000)).unwrap();
    for ack in [2001, 4001, 5001] {
        drill.inject(&format!(". 1:1(0) ack {ack} win 511"));
        assert_eq!(window(&drill, fd), 10, "{ack}");
    }
}

#[test]
fn slow_start_grows_to_twice_what_was_in_flight() {
    let (drill, fd) = accepted();
    drill.table.write(fd, &data(6000)).unwrap();
    for ack in [2001, 4001, 6001] {
        drill.inject(&format!(". 1:1(0) ack {ack} win 511"));
        assert_eq!(window(&drill, fd), 12, "{ack}");
    }
    let (drill, fd) = accepted();
    drill.table.write(fd, &data(9000)).unwrap();
    for (ack, expected) in [(2001, 12), (4001, 14), (6001, 16), (8001, 18), (9001, 18)] {
        drill.inject(&format!(". 1:1(0) ack {ack} win 511"));
        assert_eq!(window(&drill, fd), expected, "{ack}");
    }
}

#[test]
fn every_segment_acknowledged_lets_two_out() {
    let (mut drill, fd) = accepted();
    drill.table.write(fd, &data(30_000)).unwrap();
    drill.expect("P. 1:5001(5000) ack 1");
    drill.expect("P. 5001:10001(5000) ack 1");
    drill.pass(ms(100));
    for n in 0..10 {
        let (ack, start) = (1001 + n * 1000, 10_001 + n * 2000);
        drill.inject(&format!(". 1:1(0) ack {ack} win 511"));
        drill.expect(&format!("P. {start}:{}(2000) ack 1", start + 2000));
    }
    assert_eq!(window(&drill, fd), 20);
}

#[test]
fn what_is_sent_again_is_shown_as_it_is_sent() {
    let (mut drill, fd) = accepted();
    drill.table.write(fd, &data(4000)).unwrap();
    drill.expect("P. 1:4001(4000) ack 1");
    drill.inject(". 1:1(0) ack 1 win 511 <nop,nop,sack 1001:4001>");
    drill.expect(". 1:1001(1000) ack 1");
}

#[test]
fn what_follows_a_record_shares_no_segment_with_it() {
    let (mut drill, fd) = accepted();
    let send = |drill: &Drill, len, flags| drill.table.send(fd, &data(len), flags).unwrap();
    send(&drill, 10_400, 0);
    send(&drill, 400, libc::MSG_EOR);
    send(&drill, 300, libc::MSG_EOR);
    send(&drill, 2000, 0);
    drill.expect("P. 1:5001(5000) ack 1");
    drill.expect("P. 5001:10001(5000) ack 1");
    drill.inject(". 1:1(0) ack 10001 win 511");
    drill.expect("P. 10001:10801(800) ack 1");
    drill.expect("P. 10801:11101(300) ack 1");
    drill.expect("P. 11101:13101(2000) ack 1");
    // Nor when it is sent again.
    drill.inject(". 1:1(0) ack 10001 win 511 <nop,nop,sack 11101:13101>");
    drill.expect("P. 10001:10801(800) ack 1");
    drill.expect("P. 10801:11101(300) ack 1");
}
