//! Flow control: closed windows, probes, silly windows.

use tcp_core::{Config, ConnectionError, Events};

use crate::script::{Script, plain};

fn one_segment_buffer() -> Config {
    Config {
        receive_buffer: 5000,
        ..plain()
    }
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
//= type=test
//# SHOULD increase exponentially the interval between successive probes (SHLD-30).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
//= type=test
//# The transmitting host SHOULD send the first zero-window probe when a zero window has existed for the
//# retransmission timeout period (SHLD-29)
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
//= type=test
//# Probing of zero (offered) windows MUST be supported (MUST-36).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
//= type=test
//# If the window shrinks to zero, the TCP implementation MUST probe it in the standard way (described below)
//# (MUST-35).
#[test]
fn a_closed_window_is_probed_at_growing_intervals_until_it_opens() {
    let mut tcp = Script::established(&plain());
    tcp.write(1000);
    tcp.expect(&["P. 1:1001(1000) ack 1"]);
    tcp.recv(". 1:1(0) ack 1001 win 0");
    tcp.write(3000);
    tcp.expect(&[]);
    let rto = tcp.tcp.info().rto;
    for n in 0..6 {
        assert_eq!(tcp.fire(), (rto * (1 << n), Events::empty()));
        // An old number without data: it must be acknowledged.
        tcp.expect(&[". 1000:1000(0) ack 1"]);
        tcp.recv(". 1:1(0) ack 1001 win 0");
        tcp.expect(&[]);
    }
    assert_eq!(tcp.tcp.counters().probes, 6);
    tcp.recv(". 1:1(0) ack 1001 win 2000");
    tcp.expect(&[". 1001:3001(2000) ack 1"]);
    assert_eq!(tcp.fire().0, rto, "the back-off of the probes is over");
    assert_eq!(tcp.tcp.counters().retransmitted, 0);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.1
//= type=test
//# As long as the receiving TCP peer continues to send acknowledgments in response to the probe segments, the
//# sending TCP peer MUST allow the connection to stay open (MUST-37).
#[test]
fn probes_that_nobody_answers_end_the_connection_and_answered_ones_never() {
    let config = Config {
        retries: 3,
        ..plain()
    };
    let mut tcp = Script::established(&config);
    tcp.write(1000);
    tcp.poll();
    tcp.recv(". 1:1(0) ack 1001 win 0");
    tcp.write(1000);
    tcp.expect(&[]);
    for _ in 0..20 {
        tcp.fire();
        tcp.poll();
        tcp.recv(". 1:1(0) ack 1001 win 0");
    }
    for _ in 0..3 {
        assert_eq!(tcp.fire().1, Events::empty());
        tcp.poll();
    }
    assert_eq!(tcp.fire().1, Events::ERROR | Events::CLOSED);
    assert_eq!(tcp.tcp.take_error(), Some(ConnectionError::TimedOut));
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6.2.1
//= type=test
//# A TCP implementation MUST include a SWS avoidance algorithm in the sender (MUST-38).
#[test]
fn a_silly_window_is_not_used_until_the_override_timer_says_so() {
    let mut tcp = Script::established(&plain());
    tcp.write(1000);
    tcp.poll();
    tcp.recv(". 1:1(0) ack 1001 win 300");
    tcp.write(1000);
    tcp.expect(&[]);
    tcp.fire();
    tcp.expect(&[". 1001:1301(300) ack 1"]);
}

#[test]
fn half_of_the_largest_window_is_not_silly() {
    let mut tcp = Script::established_with(&plain(), "win 800 <mss 1000>");
    tcp.write(3000);
    tcp.expect(&[". 1:801(800) ack 1"]);
    tcp.recv(". 1:1(0) ack 801 win 399");
    tcp.expect(&[]);
    tcp.recv(". 1:1(0) ack 801 win 400");
    tcp.expect(&[". 801:1201(400) ack 1"]);
}

#[test]
fn a_fin_waits_for_room_in_the_window() {
    let mut tcp = Script::established_with(&plain(), "win 2000 <mss 1000>");
    tcp.write(2000);
    tcp.tcp.shutdown_write();
    tcp.expect(&["P. 1:2001(2000) ack 1"]);
    tcp.recv(". 1:1(0) ack 2001 win 0");
    tcp.expect(&[]);
    tcp.fire();
    tcp.expect(&[". 2000:2000(0) ack 1"]);
    tcp.recv(". 1:1(0) ack 2001 win 1");
    tcp.expect(&["F. 2001:2001(0) ack 1"]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
//= type=test
//# The sender MAY also retransmit old data beyond SND.UNA+SND.WND (MAY-7)
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
//= type=test
//# However, a sending TCP peer MUST be robust against window shrinking, which may cause the "usable window" (see
//# Section 3.8.6.2.1) to become negative (MUST-34).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
//= type=test
//# SHOULD NOT time out the connection if data beyond the right window edge is not acknowledged (SHLD-17).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
//= type=test
//# SHOULD retransmit normally the old unacknowledged data between SND.UNA and SND.UNA+SND.WND (SHLD-16).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.6
//= type=test
//# If this happens, the sender SHOULD NOT send new data (SHLD-15)
#[test]
fn a_window_that_shrinks_below_what_is_in_flight_is_probed_with_its_first_segment() {
    let mut tcp = Script::established(&plain());
    tcp.write(5000);
    tcp.poll();
    tcp.recv(". 1:1(0) ack 1001 win 0");
    tcp.expect(&[]);
    // The retransmission timer runs into the closed window: its first segment is the probe.
    for _ in 0..20 {
        assert_eq!(tcp.fire().1, Events::empty());
        tcp.expect(&[". 1001:2001(1000) ack 1"]);
        // While the peer answers, the connection stays open.
        tcp.recv(". 1:1(0) ack 1001 win 0");
        tcp.expect(&[]);
    }
    tcp.recv(". 1:1(0) ack 1001 win 9000");
    tcp.expect(&[". 1001:2001(1000) ack 1"]);
}

#[test]
fn an_old_segment_does_not_change_the_window() {
    let mut tcp = Script::established(&plain());
    tcp.recv(". 1:101(100) ack 1 win 5000");
    assert_eq!(tcp.tcp.info().send_window, 5000);
    tcp.recv(". 1:101(100) ack 1 win 9");
    assert_eq!(tcp.tcp.info().send_window, 5000);
}

#[test]
fn an_old_acknowledgement_does_not_change_the_window() {
    let mut tcp = Script::established(&plain());
    tcp.write(2000);
    tcp.poll();
    tcp.recv(". 1:1(0) ack 2001 win 5000");
    // New data, overtaken by an ACK that was sent after it.
    let received = tcp.recv(". 1:101(100) ack 1001 win 9");
    assert!(received.placement.is_some());
    tcp.recv(". 101:201(100) ack 1001 win 9");
    assert_eq!(tcp.tcp.info().send_window, 5000);
}

#[test]
fn the_offered_window_closes_as_the_buffer_fills_and_opens_by_a_segment_at_least() {
    let mut tcp = Script::established(&one_segment_buffer());
    for i in 0..5 {
        tcp.recv(&format!(
            ". {}:{}(1000) ack 1",
            1000 * i + 1,
            1000 * i + 1001
        ));
    }
    tcp.expect(&[". 1:1(0) ack 5001 win 0"]);
    // Into the closed window nothing is taken, but its ACK counts.
    assert_eq!(tcp.recv(". 5001:5002(1) ack 1").placement, None);
    tcp.expect(&[". 1:1(0) ack 5001 win 0"]);
    tcp.tcp.consume(999);
    tcp.expect(&[]);
    tcp.tcp.consume(1);
    tcp.expect(&[". 1:1(0) ack 5001 win 1000"]);
    tcp.tcp.consume(4000);
    tcp.expect(&[". 1:1(0) ack 5001 win 5000"]);
}

#[test]
fn a_probe_of_our_closed_window_is_answered() {
    let mut tcp = Script::established(&one_segment_buffer());
    for i in 0..5 {
        tcp.recv(&format!(
            ". {}:{}(1000) ack 1",
            1000 * i + 1,
            1000 * i + 1001
        ));
    }
    tcp.poll();
    tcp.recv(". 5000:5000(0) ack 1");
    tcp.expect(&[". 1:1(0) ack 5001 win 0"]);
}

#[test]
fn data_beyond_the_window_is_cut_off() {
    let mut tcp = Script::established(&one_segment_buffer());
    let place = tcp.recv(". 4501:5501(1000) ack 1").placement.unwrap();
    assert_eq!((place.skip, place.len, place.offset), (0, 500, 4500));
    assert_eq!(tcp.recv(". 5001:6001(1000) ack 1").placement, None);
}
