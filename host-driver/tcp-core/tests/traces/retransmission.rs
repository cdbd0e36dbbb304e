//! The retransmission timer.

use tcp_core::{Config, ConnectionError, Events};

use crate::script::{Script, ms, plain};

/// A connection with a measured round trip of 100 ms.
fn established(config: &Config) -> Script {
    let mut tcp = Script::connecting(config);
    tcp.poll();
    tcp.pass(ms(100));
    tcp.recv("S. 0:0(0) ack 1 win 60000 <mss 1000>");
    tcp.poll();
    tcp
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//= type=test
//# TCP implementations SHOULD inform the application of the delivery problem (unless such information has been
//# disabled by the application; see the "Asynchronous Reports" section (Section 3.9.1.8)), when R1 is reached and
//# before R2 (SHLD-9).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//= type=test
//# The value of R1 SHOULD correspond to at least 3 retransmissions, at the current RTO (SHLD-10).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//= type=test
//# The following procedure MUST be used to handle excessive retransmissions of data segments (MUST-20):
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.2
//= type=test
//# A TCP endpoint MUST implement the basic congestion control algorithms slow start, congestion avoidance, and
//# exponential backoff of RTO to avoid creating congestion collapse conditions (MUST-19).
#[test]
fn the_timer_backs_off_and_the_connection_fails_after_the_last_retry() {
    let config = Config {
        retries: 4,
        ..plain()
    };
    let mut tcp = established(&config);
    tcp.write(100);
    tcp.expect(&["P. 1:101(100) ack 1"]);
    // SRTT 100 ms, RTTVAR 50 ms: RTO = 100 + max(200, 4 * 50).
    let none = Events::empty();
    let problem = Events::DELIVERY_PROBLEM;
    for (wait, events) in [(300, none), (600, none), (1200, none), (2400, problem)] {
        assert_eq!(tcp.fire(), (ms(wait), events));
        tcp.expect(&["P. 1:101(100) ack 1"]);
    }
    let (waited, events) = tcp.fire();
    assert_eq!(waited, ms(4800));
    assert_eq!(events, Events::ERROR | Events::CLOSED);
    assert_eq!(tcp.tcp.take_error(), Some(ConnectionError::TimedOut));
    tcp.expect(&[]);
}

#[test]
fn the_backed_off_timer_stops_at_its_maximum() {
    let mut tcp = established(&plain());
    tcp.write(100);
    tcp.poll();
    let mut last = ms(0);
    for _ in 0..15 {
        last = tcp.fire().0;
        tcp.poll();
    }
    assert_eq!(last, ms(120_000));
}

//= https://www.rfc-editor.org/rfc/rfc6928#section-8
//= type=test
//# To minimize spurious retransmissions, implementations MUST follow RFC 6298 [RFC6298] to restart the
//# retransmission timer with the current value of RTO for each ACK received that acknowledges new data.
#[test]
fn an_ack_of_new_data_ends_the_back_off_and_starts_the_timer_again() {
    let mut tcp = established(&plain());
    tcp.write(2000);
    tcp.expect(&["P. 1:2001(2000) ack 1"]);
    tcp.fire();
    tcp.expect(&[". 1:1001(1000) ack 1"]);
    tcp.fire();
    tcp.expect(&[". 1:1001(1000) ack 1"]);
    tcp.recv(". 1:1(0) ack 1001");
    tcp.expect(&["P. 1001:2001(1000) ack 1"]);
    assert_eq!(tcp.fire().0, ms(300));
}

#[test]
fn when_everything_is_acknowledged_the_timer_is_off() {
    let mut tcp = established(&plain());
    tcp.write(100);
    tcp.poll();
    tcp.recv(". 1:1(0) ack 101");
    tcp.expect(&[]);
    assert_eq!(tcp.tcp.next_timeout(), None);
}

//= https://www.rfc-editor.org/rfc/rfc5681#section-3.1
//= type=test
//# Furthermore, upon a timeout (as specified in [RFC2988]) cwnd MUST be set to no more than the loss window, LW,
//# which equals 1 full-sized segment (regardless of the value of IW).
#[test]
fn after_a_timeout_everything_is_sent_again_in_slow_start_from_one_segment() {
    let mut tcp = established(&plain());
    tcp.write(8000);
    tcp.expect(&["P. 1:8001(8000) ack 1"]);
    tcp.fire();
    tcp.expect(&[". 1:1001(1000) ack 1"]);
    assert_eq!(tcp.tcp.info().cwnd, 1000);
    assert_eq!(tcp.tcp.info().ssthresh, 4000);
    tcp.recv(". 1:1(0) ack 1001");
    tcp.expect(&[". 1001:3001(2000) ack 1"]);
    tcp.recv(". 1:1(0) ack 2001");
    tcp.expect(&[". 3001:5001(2000) ack 1"]);
    // What had arrived before shows now: it is not sent again.
    tcp.recv(". 1:1(0) ack 7001");
    tcp.expect(&["P. 7001:8001(1000) ack 1"]);
    assert_eq!(tcp.tcp.counters().timeouts, 1);
    assert_eq!(tcp.tcp.counters().retransmitted, 6);
}

#[test]
fn part_of_a_super_segment_is_sent_again() {
    let mut tcp = established(&plain());
    tcp.write(10_000);
    tcp.expect(&["P. 1:10001(10000) ack 1"]);
    tcp.recv(". 1:1(0) ack 4501");
    tcp.fire();
    // From the first unacknowledged byte, wherever the segments' borders were.
    tcp.expect(&[". 4501:5501(1000) ack 1"]);
}

//= https://www.rfc-editor.org/rfc/rfc6298#section-3
//= type=test
//# That is, RTT samples MUST NOT be made using segments that were retransmitted (and thus for which it is ambiguous
//# whether the reply was for the first instance of the packet or a later instance).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.1
//= type=test
//# The RTO MUST be computed according to the algorithm in [10], including Karn's algorithm for taking RTT samples
//# (MUST-18).
#[test]
fn a_retransmitted_segment_is_not_measured() {
    let mut tcp = established(&plain());
    tcp.write(100);
    tcp.poll();
    tcp.fire();
    tcp.poll();
    tcp.pass(ms(50));
    let before = tcp.tcp.info().srtt;
    tcp.recv(". 1:1(0) ack 101");
    assert_eq!(tcp.tcp.info().srtt, before);
}

#[test]
fn what_waited_behind_a_hole_is_not_measured() {
    let mut tcp = established(&plain());
    let srtt = tcp.tcp.info().srtt;
    tcp.write(10_000);
    tcp.expect(&["P. 1:10001(10000) ack 1"]);
    // The first is lost, the others arrive: without SACK nobody can tell, and the ACK for them comes late.
    for _ in 0..3 {
        tcp.recv(". 1:1(0) ack 1");
    }
    tcp.expect(&[". 1:1001(1000) ack 1"]);
    tcp.pass(ms(250));
    tcp.recv(". 1:1(0) ack 10001");
    assert_eq!(tcp.tcp.info().srtt, srtt);
}
