//! RSTs and SYNs to a connection that is up (RFC 5961).

use tcp_core::{ConnectionError, Events, State};

use crate::script::{Script, ms, plain};

//= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
//= type=test
//# If the RST bit is set and the sequence number exactly matches the next expected sequence number (RCV.NXT), then
//# TCP MUST reset the connection.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.9.1.8
//= type=test
//# There MUST be a mechanism for reporting soft TCP error conditions to the application (MUST-47).
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.6
//= type=test
//# If the local TCP connection is closed by the remote side due to a FIN or RST received from the remote side, then
//# the local application MUST be informed whether it closed normally or was aborted (MUST-12).
#[test]
fn an_exact_reset_ends_the_connection_and_is_told_once() {
    let mut tcp = Script::established(&plain());
    tcp.recv(". 1:101(100) ack 1");
    let events = tcp.recv("R 101:101(0)").events;
    assert_eq!(events, Events::ERROR | Events::CLOSED);
    assert_eq!(tcp.tcp.state(), State::Closed);
    assert_eq!(tcp.tcp.take_error(), Some(ConnectionError::Reset));
    assert_eq!(tcp.tcp.take_error(), None);
    assert_eq!(tcp.tcp.next_timeout(), None);
    tcp.expect(&[]);
}

//= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
//= type=test
//# If the RST bit is set and the sequence number does not exactly match the next expected sequence value, yet is
//# within the current receive window (RCV.NXT < SEG.SEQ < RCV.NXT+RCV.WND), TCP MUST send an acknowledgment
//# (challenge ACK):
#[test]
fn a_reset_elsewhere_in_the_window_is_challenged() {
    let mut tcp = Script::established(&plain());
    tcp.recv("R 2:2(0)");
    tcp.expect(&[". 1:1(0) ack 1"]);
    assert_eq!(tcp.tcp.state(), State::Established);
    assert_eq!(tcp.tcp.counters().challenge_acks, 1);
}

//= https://www.rfc-editor.org/rfc/rfc5961#section-3.2
//= type=test
//# In all other cases, where the SEQ-field does not match and is outside the window, the receiver MUST silently
//# discard the segment.
#[test]
fn a_reset_outside_the_window_is_dropped() {
    let mut tcp = Script::established(&plain());
    for line in ["R 0:0(0)", "R 50001:50001(0)", "R. 99999:99999(0) ack 1"] {
        tcp.recv(line);
        tcp.expect(&[]);
        assert_eq!(tcp.tcp.state(), State::Established, "{line}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc5961#section-4.2
//= type=test
//# If the SYN bit is set, irrespective of the sequence number, TCP MUST send an ACK (also referred to as challenge
//# ACK) to the remote peer:
#[test]
fn a_syn_is_challenged_wherever_it_is() {
    let mut tcp = Script::established(&plain());
    for line in [
        "S 1:1(0)",
        "S 5:5(0)",
        "S 0:0(0)",
        "S 123456:123456(0)",
        "S. 1:1(0) ack 1",
    ] {
        tcp.recv(line);
        tcp.expect(&[". 1:1(0) ack 1"]);
        assert_eq!(tcp.tcp.state(), State::Established, "{line}");
    }
}

//= https://www.rfc-editor.org/rfc/rfc5961#section-7
//= type=test
//# An implementation SHOULD include an ACK throttling mechanism to be conservative.
#[test]
fn challenges_are_limited_to_ten_in_five_seconds() {
    let mut tcp = Script::established(&plain());
    let mut challenges = 0;
    for _ in 0..50 {
        tcp.recv("S 1:1(0)");
        challenges += tcp.poll().len();
    }
    assert_eq!(challenges, 10);
    tcp.pass(ms(5000));
    tcp.recv("S 1:1(0)");
    tcp.expect(&[". 1:1(0) ack 1"]);
}

//= https://www.rfc-editor.org/rfc/rfc5961#section-5.2
//= type=test
//# All incoming segments whose ACK value doesn't satisfy the above condition MUST be discarded and an ACK sent
//# back.
//= https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4
//= type=test
//# RFC 5961 [9], Section 5 describes a potential blind data injection attack, and mitigation that implementations
//# MAY choose to include (MAY-12).
#[test]
fn an_ack_of_data_never_sent_or_long_gone_is_challenged_and_its_data_dropped() {
    let mut tcp = Script::established(&plain());
    let received = tcp.recv(". 1:101(100) ack 2");
    assert_eq!(received.placement, None);
    tcp.expect(&[". 1:1(0) ack 1"]);
    // Older than the largest window that the peer ever offered: 60,000.
    for _ in 0..2 {
        tcp.write(50_000);
        tcp.poll();
        let ack = tcp.tcp.written_offset() + 1;
        for ack in (0..=ack).step_by(1000).skip(1) {
            if ack > tcp.tcp.acked_offset() + 1 {
                tcp.recv(&format!(". 1:1(0) ack {ack}"));
                tcp.poll();
            }
        }
        tcp.recv(&format!(". 1:1(0) ack {ack}"));
    }
    assert_eq!(tcp.tcp.acked_offset(), 100_000);
    assert_eq!(tcp.recv(". 1:101(100) ack 40000").placement, None);
    tcp.expect(&[". 100001:100001(0) ack 1"]);
    let old_but_plausible = tcp.recv(". 1:101(100) ack 90001");
    assert!(old_but_plausible.placement.is_some());
}

#[test]
fn a_reset_in_last_ack_is_a_quiet_end() {
    let mut tcp = Script::established(&plain());
    tcp.recv("F. 1:1(0) ack 1");
    tcp.tcp.shutdown_write();
    tcp.poll();
    assert_eq!(tcp.recv("R. 2:2(0) ack 1").events, Events::CLOSED);
    assert_eq!(tcp.tcp.take_error(), None);
}

#[test]
fn a_segment_without_ack_is_dropped() {
    let mut tcp = Script::established(&plain());
    assert_eq!(tcp.recv("P 1:101(100)").placement, None);
    tcp.expect(&[]);
}

//= https://www.rfc-editor.org/rfc/rfc9293#section-3.5.3
//= type=test
//# TCP implementations SHOULD allow a received RST segment to include data (SHLD-2).
#[test]
fn a_reset_may_say_why_and_its_data_are_not_taken() {
    let mut tcp = Script::established(&plain());
    let received = tcp.recv("R. 1:11(10) ack 1");
    assert_eq!(received.events, Events::ERROR | Events::CLOSED);
    assert_eq!(received.placement, None);
    assert_eq!(tcp.tcp.take_error(), Some(ConnectionError::Reset));
}
