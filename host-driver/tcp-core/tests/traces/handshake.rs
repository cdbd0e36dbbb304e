//! Active and simultaneous open.

use tcp_core::{Config, ConnectionError, Events, State};

use crate::script::{Script, ms, plain, segment};

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
//= type=test
//# MAY send it always (MAY-3).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
//= type=test
//# TCP implementations SHOULD send an MSS Option in every SYN segment when its receive MSS differs from the default
//# 536 for IPv4 or 1220 for IPv6 (SHLD-5)
#[test]
fn a_syn_has_linux_options_in_linux_order() {
    let mut tcp = Script::connecting(&Config::default());
    let syn = tcp.poll();
    crate::script::compare(
        &syn,
        &["S 0:0(0) win 64240 <mss 1460,sackOK,TS val 10000 ecr 0,wscale 3>"],
    );
    let mut header = [0; 60];
    let len = syn[0].emit(Default::default(), &mut header).unwrap();
    assert_eq!(
        header[20..len],
        [
            2, 4, 5, 180, // mss
            4, 2, 8, 10, 0, 0, 39, 16, 0, 0, 0, 0, // sackOK, TS
            1, 3, 3, 3, // nop, wscale
        ]
    );
}

//= https://www.rfc-editor.org/rfc/rfc7323#section-2.2
//= type=test
//# The window field in a segment where the SYN bit is set (i.e., a <SYN> or <SYN,ACK>) MUST NOT be scaled.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.7.1
//= type=test
//# TCP endpoints MUST implement both sending and receiving the MSS Option (MUST-14).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
//= type=test
//# It is RECOMMENDED that implementations will reserve 32-bit fields for the send and receive window sizes in the
//# connection record and do all window computations with 32 bits (REC-1).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.1
//= type=test
//# The window size MUST be treated as an unsigned number, or else large window sizes will appear like negative
//# windows and TCP will not work (MUST-1).
#[test]
fn a_handshake_settles_mss_scale_and_timestamps() {
    let mut tcp = Script::connecting(&Config::default());
    tcp.poll();
    tcp.pass(ms(30));
    let received =
        tcp.recv("S. 0:0(0) ack 1 win 5000 <mss 1200,sackOK,TS val 777 ecr 10000,wscale 7>");
    assert_eq!(received.events, Events::ESTABLISHED | Events::WRITABLE);
    // The window is scaled from now on: 262,144 >> 3, less what rounding takes.
    tcp.expect(&[". 1:1(0) ack 1 win 32768 <TS val 10030 ecr 777>"]);
    let info = tcp.tcp.info();
    assert_eq!(info.mss, 1200 - 12);
    assert_eq!(info.window_shifts, (7, 3));
    assert_eq!(info.send_window, 5000, "a SYN's window is not scaled");
    assert_eq!(info.srtt, Some(ms(30)));
    tcp.recv(". 1:1(0) ack 1 win 5000 <TS val 778 ecr 10030>");
    assert_eq!(tcp.tcp.info().send_window, 5000 << 7);
}

#[test]
fn what_the_peer_does_not_offer_is_not_used() {
    let tcp = Script::established_with(&Config::default(), "win 5000");
    let info = tcp.tcp.info();
    assert_eq!(info.mss, 536);
    assert!(!info.timestamps);
    assert_eq!(info.window_shifts, (0, 0));
}

//= https://www.rfc-editor.org/rfc/rfc6298#section-2
//= type=test
//# Until a round-trip time (RTT) measurement has been made for a segment sent between the sender and receiver, the
//# sender SHOULD set RTO <- 1 second, though the "backing off" on repeated retransmission discussed in (5.5) still
//# applies.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//= type=test
//# In particular, R2 for a SYN segment MUST be set large enough to provide retransmission of the segment for at
//# least 3 minutes (MUST-23).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.8.3
//= type=test
//# SYN retransmissions MUST be handled in the general way just described for data retransmissions, including
//# notification of the application layer.
#[test]
fn a_syn_is_sent_again_at_doubling_intervals_and_connect_times_out() {
    let mut tcp = Script::connecting(&plain());
    tcp.expect(&["S 0:0(0) win 50000 <mss 1000>"]);
    for seconds in [1, 2, 4, 8, 16, 32] {
        // R1 counts for a SYN too.
        let events = if seconds == 8 {
            Events::DELIVERY_PROBLEM
        } else {
            Events::empty()
        };
        assert_eq!(tcp.fire(), (ms(1000 * seconds), events));
        tcp.expect(&["S 0:0(0) win 50000 <mss 1000>"]);
    }
    let (waited, events) = tcp.fire();
    assert_eq!(waited, ms(64_000));
    assert_eq!(events, Events::ERROR | Events::CLOSED);
    assert_eq!(tcp.tcp.take_error(), Some(ConnectionError::TimedOut));
    assert_eq!(tcp.tcp.take_error(), None, "it is told once");
    assert_eq!(tcp.tcp.next_timeout(), None);
    tcp.expect(&[]);
}

//= https://www.rfc-editor.org/rfc/rfc6298#section-5
//= type=test
//# If the timer expires awaiting the ACK of a SYN segment and the TCP implementation is using an RTO less than 3
//# seconds, the RTO MUST be re-initialized to 3 seconds when data transmission begins (i.e., after the three-way
//# handshake completes).
#[test]
fn after_a_lost_syn_data_starts_with_an_rto_of_three_seconds() {
    let mut tcp = Script::connecting(&plain());
    tcp.poll();
    tcp.fire();
    tcp.poll();
    tcp.recv("S. 0:0(0) ack 1 win 5000 <mss 1000>");
    tcp.poll();
    assert_eq!(tcp.tcp.info().srtt, None, "Karn: which SYN was it?");
    assert_eq!(tcp.tcp.info().rto, ms(3000));
}

#[test]
fn a_reset_that_acknowledges_the_syn_refuses_the_connection() {
    let mut tcp = Script::connecting(&plain());
    tcp.poll();
    let events = tcp.recv("R. 0:0(0) ack 1").events;
    assert_eq!(events, Events::ERROR | Events::CLOSED);
    assert_eq!(tcp.tcp.take_error(), Some(ConnectionError::Refused));
    assert_eq!(tcp.tcp.state(), State::Closed);
    tcp.expect(&[]);
}

#[test]
fn a_reset_that_acknowledges_something_else_is_ignored() {
    let mut tcp = Script::connecting(&plain());
    tcp.poll();
    for line in ["R. 0:0(0) ack 0", "R. 0:0(0) ack 2", "R 0:0(0)"] {
        tcp.recv(line);
        tcp.expect(&[]);
        assert_eq!(tcp.tcp.state(), State::SynSent, "{line}");
    }
}

#[test]
fn an_ack_of_something_never_sent_is_answered_with_a_reset_and_the_syn_stays() {
    let mut tcp = Script::connecting(&plain());
    tcp.poll();
    tcp.recv("S. 0:0(0) ack 77 win 5000");
    tcp.expect(&["R 77:77(0)"]);
    assert_eq!(tcp.tcp.state(), State::SynSent);
    tcp.recv(". 5:5(0) ack 0 win 5000");
    tcp.expect(&["R 0:0(0)"]);
    assert_eq!(tcp.tcp.state(), State::SynSent);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.5
//= type=test
//# A TCP implementation MUST support simultaneous open attempts (MUST-10).
#[test]
fn syns_that_cross_open_one_connection() {
    let mut tcp = Script::connecting(&plain());
    tcp.expect(&["S 0:0(0)"]);
    tcp.recv("S 0:0(0) win 5000 <mss 1000>");
    assert_eq!(tcp.tcp.state(), State::SynReceived);
    tcp.expect(&["S. 0:0(0) ack 1 win 50000 <mss 1000>"]);
    let events = tcp.recv("S. 0:0(0) ack 1 win 5000 <mss 1000>").events;
    assert!(events.contains(Events::ESTABLISHED));
    assert_eq!(tcp.tcp.state(), State::Established);
    tcp.write(10);
    tcp.expect(&["P. 1:11(10) ack 1"]);
}

#[test]
fn a_crossing_syn_ack_may_be_lost_if_an_ack_follows() {
    let mut tcp = Script::connecting(&plain());
    tcp.poll();
    tcp.recv("S 0:0(0) win 5000 <mss 1000>");
    tcp.poll();
    tcp.recv(". 1:1(0) ack 1 win 5000");
    assert_eq!(tcp.tcp.state(), State::Established);
}

#[test]
fn a_crossed_syn_ack_is_sent_again() {
    let mut tcp = Script::connecting(&plain());
    tcp.poll();
    tcp.recv("S 0:0(0) win 5000 <mss 1000>");
    tcp.poll();
    tcp.fire();
    tcp.expect(&["S. 0:0(0) ack 1"]);
}

#[test]
fn what_is_written_before_the_handshake_follows_it_with_the_fin() {
    let mut tcp = Script::connecting(&plain());
    tcp.write(100);
    tcp.tcp.shutdown_write();
    tcp.expect(&["S 0:0(0)"]);
    tcp.recv("S. 0:0(0) ack 1 win 5000 <mss 1000>");
    tcp.expect(&["FP. 1:101(100) ack 1"]);
    assert_eq!(tcp.tcp.state(), State::FinWait1);
}

#[test]
fn data_in_a_syn_ack_is_taken() {
    let mut tcp = Script::connecting(&plain());
    tcp.poll();
    let mut syn_ack = segment("S. 0:0(0) ack 1 win 5000 <mss 1000>");
    syn_ack.payload_len = 20;
    let received = tcp.tcp.on_segment(tcp.now, &syn_ack);
    let place = received.placement.unwrap();
    assert_eq!((place.skip, place.len, place.offset), (0, 20, 0));
    tcp.expect(&[". 1:1(0) ack 21"]);
}

#[test]
fn closing_before_the_handshake_leaves_nothing() {
    let mut tcp = Script::connecting(&plain());
    tcp.poll();
    tcp.tcp.close(tcp.now);
    assert_eq!(tcp.tcp.state(), State::Closed);
    tcp.expect(&[]);
    assert_eq!(tcp.tcp.next_timeout(), None);
}
