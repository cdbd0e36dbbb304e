//! Fast retransmit, fast recovery, limited transmit (RFC 5681, 6582, 3042).

use tcp_core::Config;

use crate::script::{Script, ms, plain};

/// Ten segments are in flight, and more is queued.
fn ten_in_flight() -> Script {
    let mut tcp = Script::established(&plain());
    tcp.write(40_000);
    tcp.expect(&[". 1:10001(10000) ack 1"]);
    tcp
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.2
//= type=test
//# A TCP endpoint MUST implement the basic congestion control algorithms slow start, congestion avoidance, and
//# exponential backoff of RTO to avoid creating congestion collapse conditions (MUST-19).
#[test]
fn the_initial_window_is_ten_segments_and_slow_start_doubles_it() {
    let mut tcp = ten_in_flight();
    tcp.recv(". 1:1(0) ack 5001");
    tcp.expect(&[". 10001:20001(10000) ack 1"]);
    assert_eq!(tcp.tcp.info().cwnd, 15_000);
    tcp.recv(". 1:1(0) ack 10001");
    tcp.expect(&[". 20001:30001(10000) ack 1"]);
}

//= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
//= type=test
//# On the first and second duplicate ACKs received at a sender, a TCP SHOULD send a segment of previously unsent
//# data per [RFC3042] provided that the receiver's advertised window allows, the total FlightSize would remain less
//# than or equal to cwnd plus 2*SMSS, and that new data is available for transmission.
//= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
//= type=test
//# The initial value of ssthresh SHOULD be set arbitrarily high (e.g., to the size of the largest possible
//# advertised window), but ssthresh MUST be reduced in response to congestion.
#[test]
fn the_first_two_duplicate_acks_let_a_new_segment_out_each_and_the_third_retransmits() {
    let mut tcp = ten_in_flight();
    tcp.recv(". 1:1(0) ack 1");
    tcp.expect(&[". 10001:11001(1000) ack 1"]);
    tcp.recv(". 1:1(0) ack 1");
    tcp.expect(&[". 11001:12001(1000) ack 1"]);
    tcp.recv(". 1:1(0) ack 1");
    tcp.expect(&[". 1:1001(1000) ack 1"]);
    let info = tcp.tcp.info();
    assert!(info.recovering);
    assert_eq!((info.ssthresh, info.cwnd), (6000, 6000));
    assert_eq!(tcp.tcp.counters().fast_retransmits, 1);
}

//= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
//= type=test
//# When the next ACK arrives that acknowledges previously unacknowledged data, a TCP MUST set cwnd to ssthresh (the
//# value set in step 2).
//= https://www.rfc-editor.org/rfc/rfc5681#section-3.2
//= type=test
//# For each additional duplicate ACK received (after the third), cwnd MUST be incremented by SMSS.
#[test]
fn more_duplicates_inflate_the_window_and_the_full_ack_deflates_it() {
    let mut tcp = ten_in_flight();
    for _ in 0..3 {
        tcp.recv(". 1:1(0) ack 1");
        tcp.poll();
    }
    // In flight: 12, of which 3 have left; ssthresh 6. Three more before a new segment fits.
    for _ in 0..3 {
        tcp.recv(". 1:1(0) ack 1");
        tcp.expect(&[]);
    }
    tcp.recv(". 1:1(0) ack 1");
    tcp.expect(&[". 12001:13001(1000) ack 1"]);
    // All that was out when the loss was seen.
    tcp.recv(". 1:1(0) ack 12001");
    let info = tcp.tcp.info();
    assert!(!info.recovering);
    // RFC 6937 §3.1: cwnd is ssthresh again; one segment is in flight.
    assert_eq!(info.cwnd, 6000);
    tcp.expect(&[". 13001:18001(5000) ack 1"]);
}

#[test]
fn a_partial_ack_retransmits_the_next_hole_without_three_duplicates() {
    let mut tcp = ten_in_flight();
    for _ in 0..3 {
        tcp.recv(". 1:1(0) ack 1");
        tcp.poll();
    }
    tcp.recv(". 1:1(0) ack 4001");
    let sent = tcp.poll();
    crate::script::compare(&sent[..1], &[". 4001:5001(1000) ack 1"]);
    assert!(tcp.tcp.info().recovering);
    tcp.recv(". 1:1(0) ack 12001");
    assert!(!tcp.tcp.info().recovering);
    assert_eq!(tcp.tcp.counters().fast_retransmits, 1);
}

#[test]
fn duplicates_after_a_timeout_do_not_retransmit_what_was_not_lost() {
    let mut tcp = ten_in_flight();
    tcp.fire();
    tcp.expect(&[". 1:1001(1000) ack 1"]);
    for _ in 0..5 {
        tcp.recv(". 1:1(0) ack 1");
    }
    tcp.expect(&[]);
    assert_eq!(tcp.tcp.counters().fast_retransmits, 0);
}

#[test]
fn a_loss_right_after_a_recovery_is_recovered_too() {
    let mut tcp = ten_in_flight();
    for _ in 0..3 {
        tcp.recv(". 1:1(0) ack 1");
    }
    tcp.poll();
    tcp.recv(". 1:1(0) ack 10001");
    tcp.poll();
    for _ in 0..3 {
        tcp.recv(". 1:1(0) ack 10001");
    }
    let sent = tcp.poll();
    crate::script::compare(&sent[..1], &[". 10001:11001(1000) ack 1"]);
    assert_eq!(tcp.tcp.counters().fast_retransmits, 2);
}

#[test]
fn acks_with_data_or_another_window_are_no_duplicates() {
    let mut tcp = ten_in_flight();
    for i in 0..4 {
        tcp.recv(&format!(". {}:{}(100) ack 1", 100 * i + 1, 100 * i + 101));
        tcp.recv(&format!(". 401:401(0) ack 1 win {}", 50_000 + i));
    }
    assert_eq!(tcp.tcp.counters().duplicate_acks, 0);
    assert!(!tcp.tcp.info().recovering);
}

#[test]
fn a_window_that_is_not_filled_does_not_grow() {
    let mut tcp = Script::established(&plain());
    for i in 0..20 {
        tcp.write(1000);
        tcp.poll();
        tcp.recv(&format!(". 1:1(0) ack {}", 1000 * (i + 1) + 1));
    }
    assert_eq!(tcp.tcp.info().cwnd, 10_000);
}

//= https://www.rfc-editor.org/rfc/rfc5681#section-4.1
//= type=test
//# Therefore, a TCP SHOULD set cwnd to no more than RW before beginning transmission if the TCP has not sent data
//# in an interval exceeding the retransmission timeout.
#[test]
fn after_an_idle_time_the_window_starts_from_the_initial_one_again() {
    let mut tcp = ten_in_flight();
    for ack in (1001..=40_001).step_by(1000) {
        tcp.recv(&format!(". 1:1(0) ack {ack}"));
        tcp.poll();
    }
    assert!(tcp.tcp.info().cwnd > 20_000);
    tcp.pass(ms(2000));
    tcp.write(40_000);
    tcp.expect(&[". 40001:50001(10000) ack 1"]);
}

#[test]
fn the_smallest_fraction_of_a_segment_does_not_fill_a_congestion_window() {
    let config = Config {
        initial_window: 2,
        ..plain()
    };
    let mut tcp = Script::established(&config);
    tcp.write(900);
    tcp.expect(&["P. 1:901(900) ack 1"]);
    tcp.write(5000);
    // 1100 bytes of the window are left: one whole segment, and not a splinter after it.
    tcp.expect(&[". 901:1901(1000) ack 1"]);
}

#[test]
fn a_window_of_which_more_than_half_was_used_grows_in_slow_start() {
    let mut tcp = Script::established(&plain());
    // Less than the initial window of ten, and nothing more is queued.
    tcp.write(9000);
    tcp.expect(&["P. 1:9001(9000) ack 1"]);
    for (ack, cwnd) in [
        (2001, 12_000),
        (4001, 14_000),
        (6001, 16_000),
        (8001, 18_000),
        (9001, 18_000),
    ] {
        tcp.recv(&format!(". 1:1(0) ack {ack}"));
        assert_eq!(tcp.tcp.info().cwnd, cwnd, "after {ack}");
    }
}

#[test]
fn a_window_of_which_half_was_used_does_not_grow() {
    let mut tcp = Script::established(&plain());
    tcp.write(5000);
    tcp.expect(&["P. 1:5001(5000) ack 1"]);
    tcp.recv(". 1:1(0) ack 2001");
    tcp.recv(". 1:1(0) ack 5001");
    assert_eq!(tcp.tcp.info().cwnd, 10_000);
}
